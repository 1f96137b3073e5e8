// The case files of cases/: definitions as they are authored, and all that validation says about them.
//
//   [{"name": "a segment that is not there",
//     "today": "2027-01-15",          for `expired`; may be absent
//     "definitions": [{"flag": …}, {"segment": …}, …],
//     "tests": [{"flag": …, "given": …, "expect": …}],             of the workspace; may be absent
//     "issues": [{"code": …, "severity": …, "entity": …, "path": …, "message": …, "hint": …}]}]
//
// The project is `shop`, with the environments staging and production.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/validate/validate.h"

namespace guidon {

struct ValidationCase {
  std::string name;  // "references.json: a segment that is not there"
  Value content;
};

inline std::string ReadText(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

inline std::vector<ValidationCase> ValidationCases() {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(GUIDON_SOURCE_DIR "/tests/core/validate/cases")) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<ValidationCase> cases;
  for (const fs::path& file : files) {
    const Result<Value> content = ParseJson(ReadText(file));
    EXPECT_TRUE(content) << file << ": " << content.error().message;
    if (!content) continue;
    for (const Value& one : content->AsArray()) {
      cases.push_back({file.filename().string() + ": " + one.Find("name")->AsString(), one});
    }
  }
  return cases;
}

inline Definitions Shop() {
  Definitions definitions;
  definitions.project = {"shop", "", {{"staging", false, ""}, {"production", true, ""}}};
  return definitions;
}

inline Definitions DefinitionsOf(const ValidationCase& one) {
  Definitions definitions = Shop();
  for (const Value& definition : one.content.Find("definitions")->AsArray()) {
    Result<EntityRecord> record = DecodeDefinition(definition);
    EXPECT_TRUE(record) << one.name << ": " << (record ? "" : record.error().message);
    if (record) definitions.entities.Append(*std::move(record));
  }
  return definitions;
}

inline Object ToObject(const Issue& issue) {
  return Object{{"code", Value(issue.code)},       {"severity", Value(ToString(issue.severity))},
                {"entity", Value(issue.entity)},   {"path", Value(issue.path.ToText())},
                {"message", Value(issue.message)}, {"hint", Value(issue.hint)}};
}

}  // namespace guidon
