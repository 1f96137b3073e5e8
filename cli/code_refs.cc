// guidon refs SRC...: where source code reads flags.
#include "cli/code_refs.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "workspace/file.h"
#include "yaml/yaml.h"

namespace guidon::cli {
namespace {

std::string At(const refs::Reference& reference) {
  return reference.file + ":" + std::to_string(reference.line) + ":" + std::to_string(reference.column);
}

// "Bool as boolean, default false"
std::string Read(const refs::Reference& reference) {
  std::string text = reference.by;
  if (reference.wanted != refs::Wanted::kUnknown) text += " as " + std::string(ToString(reference.wanted));
  if (reference.fallback) text += ", default " + ToJson(*reference.fallback);
  return text;
}

Value Describe(const refs::Reference& reference) {
  Object object{{"key", Value(reference.key)},
                {"file", Value(reference.file)},
                {"line", Value(reference.line)},
                {"column", Value(reference.column)},
                {"wanted", Value(ToString(reference.wanted))}};
  if (reference.fallback) object.Append("default", *reference.fallback);
  object.Append("language", Value(ToString(reference.language)));
  object.Append("how", Value(ToString(reference.how)));
  object.Append("by", Value(reference.by));
  return object;
}

void PrintAsJson(const refs::Scan& scan) {
  Array references, skipped;
  for (const refs::Reference& reference : scan.references) references.push_back(Describe(reference));
  for (const refs::SkippedFile& file : scan.skipped) {
    skipped.push_back(Object{{"file", Value(file.file)}, {"reason", Value(file.reason)}});
  }
  PrintJson(Object{{"references", Value(std::move(references))},
                   {"skipped", Value(std::move(skipped))},
                   {"files", Value(scan.files)},
                   {"bytes", Value(scan.bytes)}});
}

// A flag, and below it where it is read: in one line where that fits.
void PrintAsTable(const refs::Scan& scan) {
  constexpr std::size_t kIndent = 2, kGap = 2, kMostPlace = 40;
  std::map<std::string, std::vector<const refs::Reference*>> by_key;
  std::size_t place_width = 0;
  for (const refs::Reference& reference : scan.references) {
    by_key[reference.key].push_back(&reference);
    const std::size_t width = Width(Printable(At(reference)));
    if (width <= kMostPlace) place_width = std::max(place_width, width);
  }
  for (const auto& [key, references] : by_key) {
    std::cout << Out().Bold(Printable(key)) << "\n";
    for (const refs::Reference* reference : references) {
      const std::string place = Printable(At(*reference)), read = Printable(Read(*reference));
      const std::string line = std::string(kIndent, ' ') + Padded(place, place_width) + std::string(kGap, ' ') + read;
      if (Width(line) <= LineWidth()) {
        std::cout << line << "\n";
      } else {
        std::cout << std::string(kIndent, ' ') << place << "\n" << Wrapped(read, 2 * kIndent) << "\n";
      }
    }
  }
  std::cout << Plural(scan.references.size(), "read") << " of " << Plural(by_key.size(), "flag") << " in "
            << Plural(scan.files, "file") << "\n";
}

}  // namespace

Result<refs::Config> ReadRefsConfig(const std::string& path) {
  const Result<std::string> text = ReadFile(path, YamlLimits().max_bytes);
  if (!text) return Fail(text.error());
  const auto refuse = [&](SourcePosition at, const Issue& issue) {
    return path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + issue.message +
           (issue.hint.empty() ? "" : " (" + issue.hint + ")");
  };
  const YamlResult yaml = ParseYaml(*text);
  if (!yaml.faults.empty()) return Fail(ErrorCode::kInvalid, refuse(yaml.faults.front().at, yaml.faults.front().issue));
  if (yaml.documents.size() != 1) {
    return Fail(ErrorCode::kInvalid, path + " holds " + Plural(yaml.documents.size(), "document") + ", not one");
  }
  Result<refs::Config> config = refs::ReadConfig(yaml.documents.front().value);
  if (!config) {
    for (const Issue& issue : config.error().issues) {
      Complain(refuse(yaml.documents.front().positions.Of(issue.path), issue));
    }
    return Fail(Error{ErrorCode::kInvalid, path + " cannot be used", config.error().issues});
  }
  for (std::string& header : config->generated) {
    header = (std::filesystem::path(path).parent_path() / header).lexically_normal().generic_string();
  }
  return config;
}

Result<refs::Scan> ScanCode(const std::vector<std::string>& sources, const std::string& config) {
  refs::ScanOptions options;
  if (!config.empty()) {
    Result<refs::Config> read = ReadRefsConfig(config);
    if (!read) return Fail(read.error());
    options.config = *std::move(read);
  }
  Result<refs::Scan> scan = refs::FindReferences(sources, options);
  if (!scan) return scan;
  for (const refs::SkippedFile& skipped : scan->skipped) {
    Complain("not looked at: " + skipped.file + ": " + skipped.reason);
  }
  return scan;
}

std::string NoCodeIn(const std::vector<std::string>& sources, const refs::Scan& scan) {
  return scan.files > 0 ? "" : "there is none in " + guidon::Joined(sources);
}

int Refs(const RefsOptions& options) {
  Result<refs::Scan> scan = ScanCode(options.sources, options.config);
  if (!scan) {
    Complain(scan.error(), options.json);
    return kUsage;
  }
  if (!options.flag.empty()) {
    std::erase_if(scan->references, [&](const refs::Reference& reference) { return reference.key != options.flag; });
  }
  if (options.json) {
    PrintAsJson(*scan);
  } else {
    PrintAsTable(*scan);
  }
  return kPass;
}

}  // namespace guidon::cli
