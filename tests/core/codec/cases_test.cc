// Runs the case files of cases/: what the codec accepts and how it writes it again, what it refuses and where.
// check_schemas.py holds the JSON Schemas against the same files.
//
//   good   {"what":"flag","document":{…},"canonical":{…}}   canonical: as written again; absent: as the document
//   bad    {"what":"flag","document":{…},"faults":["variations.b wrong_type"]}   all faults, in any order
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string name;
  Value content;
  const std::string& what() const { return content.Find("what")->AsString(); }
  const Value& document() const { return *content.Find("document"); }
};

std::vector<Case> CasesIn(std::string_view folder) {
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(GUIDON_SOURCE_DIR "/tests/core/codec/cases") / folder)) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    Result<Value> content = ParseJson(text.str());
    EXPECT_TRUE(content) << entry.path() << ": " << content.error().message;
    if (content) cases.push_back({entry.path().stem().string(), *std::move(content)});
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

// Decoded and encoded again.
template <typename T>
Result<Value> Rewritten(const Result<T>& decoded, Value (*encode)(const T&)) {
  if (!decoded) return Fail(decoded.error());
  return encode(*decoded);
}

Result<Value> Rewrite(const std::string& what, const Value& document, Strictness strictness = Strictness::kAuthored) {
  if (what == "project") return Rewritten(DecodeProject(document, strictness), EncodeProject);
  if (what == "test") return Rewritten(DecodeFlagTest(document), EncodeFlagTest);
  return Rewritten(DecodeEntity(*EntityKindFromString(what), document, strictness), EncodeDefinition);
}

std::vector<std::string> FaultsOf(const Result<Value>& result) {
  std::vector<std::string> faults;
  if (result) return faults;
  for (const Issue& issue : result.error().issues) faults.push_back(issue.path.ToText() + " " + issue.code);
  return faults;
}

TEST(CasesTest, GoodDefinitionsAreReadAndWrittenInCanonicalForm) {
  const std::vector<Case> cases = CasesIn("good");
  EXPECT_GE(cases.size(), 25u);
  for (const Case& good : cases) {
    const Result<Value> written = Rewrite(good.what(), good.document());
    ASSERT_TRUE(written) << good.name << ": " << written.error().message;
    const Value* canonical = good.content.Find("canonical");
    EXPECT_EQ(ToJson(*written), ToJson(canonical != nullptr ? *canonical : good.document())) << good.name;
    const Result<Value> again = Rewrite(good.what(), *written, Strictness::kTolerant);
    ASSERT_TRUE(again) << good.name << ": " << again.error().message;
    EXPECT_EQ(ToJson(*again), ToJson(*written)) << good.name;
  }
}

TEST(CasesTest, BadDefinitionsAreRefusedWithEveryFaultInItsPlace) {
  const std::vector<Case> cases = CasesIn("bad");
  EXPECT_GE(cases.size(), 60u);
  for (const Case& bad : cases) {
    std::vector<std::string> expected;
    for (const Value& fault : bad.content.Find("faults")->AsArray()) expected.push_back(fault.AsString());
    const Result<Value> result = Rewrite(bad.what(), bad.document());
    EXPECT_THAT(FaultsOf(result), ::testing::UnorderedElementsAreArray(expected)) << bad.name;
    if (result) continue;
    for (const Issue& issue : result.error().issues) {
      EXPECT_FALSE(issue.message.empty()) << bad.name;
      EXPECT_EQ(issue.severity, Severity::kError) << bad.name;
    }
  }
}

// Tolerance is for unknown keys alone.
TEST(CasesTest, TolerantReadingSkipsUnknownKeysAndNothingElse) {
  for (const Case& bad : CasesIn("bad")) {
    if (bad.what() == "test") continue;
    std::vector<std::string> expected = FaultsOf(Rewrite(bad.what(), bad.document()));
    std::erase_if(expected, [](const std::string& fault) { return fault.ends_with(" unknown_key"); });
    EXPECT_THAT(FaultsOf(Rewrite(bad.what(), bad.document(), Strictness::kTolerant)),
                ::testing::UnorderedElementsAreArray(expected))
        << bad.name;
  }
}

}  // namespace
}  // namespace guidon
