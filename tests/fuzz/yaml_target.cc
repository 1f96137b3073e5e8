#include "yaml/yaml.h"

#include <optional>

#include "core/codec/codec.h"
#include "core/validate/validate.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

// As cli/workspace.cc reads a file, with every definition in one: a fault in any of them finds its place.
class Workspace {
 public:
  void Take(const YamlDocument& document) {
    if (!document.value.is_array()) return TakeOne(document, document.value);
    for (const Value& element : document.value.AsArray()) TakeOne(document, element);
  }
  void Validate() const {
    for (const Issue& issue : guidon::Validate(definitions_)) {
      Require(!issue.code.empty() && !issue.message.empty(), "an issue has a code and a message");
    }
  }

 private:
  void TakeOne(const YamlDocument& document, const Value& value) {
    if (value.Find("project") != nullptr) {
      if (const Result<Project> project = DecodeProject(value)) {
        definitions_.project = *project;
      } else {
        Place(document, project.error());
      }
      return;
    }
    if (const Result<FlagTest> test = DecodeFlagTest(value); !test) Place(document, test.error());
    const Result<EntityRecord> record = DecodeDefinition(value);
    if (!record) return Place(document, record.error());
    if (!definitions_.entities.Find(RefOf(*record))) definitions_.entities.Append(*record);
  }
  static void Place(const YamlDocument& document, const Error& error) {
    Require(!error.issues.empty(), "a definition that is refused has an issue");
    for (const Issue& issue : error.issues) {
      const SourcePosition at = document.positions.Of(issue.path), of_key = document.positions.OfKey(issue.path);
      Require(at.line >= 1 && of_key.line >= 1, "a fault in a file has a line");
    }
  }

  Definitions definitions_;
};

}  // namespace

void Yaml(std::string_view input) {
  YamlLimits limits;
  limits.max_nodes = 2'000;  // an alias bomb is one soon enough, and many small inputs find more than a few large ones
  limits.max_alias_bytes = 20'000;
  const YamlResult yaml = ParseYaml(input, limits);
  Require(yaml.faults.empty() || yaml.documents.empty(), "a text with faults is refused whole");
  Workspace workspace;
  for (const YamlDocument& document : yaml.documents) workspace.Take(document);
  workspace.Validate();
}

}  // namespace guidon::fuzz
