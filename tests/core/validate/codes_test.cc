// Reads the sources for the codes that they can say, and holds the cases and docs/spec/validation.md against them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tests/core/validate/cases.h"

namespace guidon {
namespace {

using Codes = std::set<std::string>;

Codes CodesIn(const std::string& folder, const std::vector<std::string>& patterns, const std::string& prefix = "") {
  Codes codes;
  for (const auto& entry : std::filesystem::directory_iterator(GUIDON_SOURCE_DIR "/" + folder)) {
    const std::string text = ReadText(entry.path());
    for (const std::string& pattern : patterns) {
      const std::regex regex(pattern);
      for (auto it = std::sregex_iterator(text.begin(), text.end(), regex); it != std::sregex_iterator(); ++it) {
        codes.insert(prefix + (*it)[1].str());
      }
    }
  }
  return codes;
}

Codes CodesOfValidate() {
  Codes codes = CodesIn("core/validate", {R"re((?:Error|Warn)\(\s*"(\w+)",)re"});
  codes.merge(CodesIn("core/validate", {R"re(CheckKnown\(\s*"(\w+)")re"}, "unknown_"));
  return codes;
}

Codes CodesOfReaders() {
  Codes codes = CodesIn("core/codec", {R"re(Fault\(\s*"(\w+)")re", R"re(\.code = "(\w+)")re"});
  codes.merge(CodesIn("yaml", {R"re("(yaml_\w+)")re"}));
  codes.merge(CodesIn("core/base", {R"re("(json_\w+)")re"}));
  return codes;
}

Codes CodesOfFolders() {
  return CodesIn("workspace", {R"re(issue\.code = "(\w+)")re", R"re(Severity::k\w+,\s*"(\w+)")re"});
}

Codes CodesOfAllocate() {
  return CodesIn("core/allocate", {R"re(ExperimentIssue\(\s*\w+,\s*"(\w+)")re"});
}

// The rows of the tables: | `code` | severity | when | what to do |
std::map<std::string, std::string> CodesInDocument() {
  std::map<std::string, std::string> codes;
  std::istringstream lines(ReadText(GUIDON_SOURCE_DIR "/docs/spec/validation.md"));
  const std::regex row(R"(^\| `(\w+)` \| (error|warning) \| .+ \| .+ \|$)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    EXPECT_TRUE(codes.emplace(match[1].str(), match[2].str()).second) << match[1] << " is there twice";
  }
  return codes;
}

TEST(ValidateCodesTest, EveryCodeOfTheSourceHasACase) {
  const Codes codes = CodesOfValidate();
  EXPECT_GE(codes.size(), 30u) << "the pattern no longer finds them";
  Codes cased;
  for (const ValidationCase& one : ValidationCases()) {
    for (const Value& issue : one.content.Find("issues")->AsArray()) cased.insert(issue.Find("code")->AsString());
  }
  EXPECT_THAT(cased, ::testing::ContainerEq(codes));
}

TEST(ValidateCodesTest, TheSpecificationListsEveryCodeAndNoOther) {
  Codes codes = CodesOfValidate();
  for (const Codes& more : {CodesOfReaders(), CodesOfFolders(), CodesOfAllocate()}) {
    EXPECT_GE(more.size(), 3u) << "the pattern no longer finds them";
    codes.insert(more.begin(), more.end());
  }
  Codes documented;
  for (const auto& [code, severity] : CodesInDocument()) documented.insert(code);
  EXPECT_THAT(documented, ::testing::ContainerEq(codes));
}

TEST(ValidateCodesTest, TheSpecificationGivesTheSeverityThatIsSaid) {
  const std::map<std::string, std::string> documented = CodesInDocument();
  for (const ValidationCase& one : ValidationCases()) {
    for (const Value& issue : one.content.Find("issues")->AsArray()) {
      const auto held = documented.find(issue.Find("code")->AsString());
      if (held == documented.end()) continue;
      EXPECT_EQ(held->second, issue.Find("severity")->AsString()) << one.name << ": " << held->first;
    }
  }
}

}  // namespace
}  // namespace guidon
