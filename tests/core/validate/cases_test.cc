// Runs the case files: every issue, with its severity, place, words and hint, and no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/allocate/allocate.h"
#include "core/model/units.h"
#include "core/ruleset/ruleset.h"
#include "tests/core/validate/cases.h"

namespace guidon {
namespace {

std::vector<Issue> IssuesOf(const ValidationCase& one) {
  ValidateOptions options;
  if (const Value* today = one.content.Find("today")) options.today = ParseDay(today->AsString()).value();
  const Definitions definitions = DefinitionsOf(one);
  std::vector<Issue> issues = Validate(definitions, options);
  std::vector<FlagTest> tests;
  if (const Value* texts = one.content.Find("tests")) {
    for (const Value& text : texts->AsArray()) {
      const Result<FlagTest> test = DecodeFlagTest(text);
      EXPECT_TRUE(test) << one.name;
      if (test) tests.push_back(*test);
    }
  }
  const auto of_tests = ValidateTests(definitions, tests);
  EXPECT_EQ(of_tests.size(), tests.size());
  for (const std::vector<Issue>& more : of_tests) issues.insert(issues.end(), more.begin(), more.end());
  return issues;
}

TEST(ValidateCasesTest, EveryIssueIsSaidWithItsPlaceAndNoOther) {
  const std::vector<ValidationCase> cases = ValidationCases();
  EXPECT_GE(cases.size(), 50u);
  std::set<std::string> names;
  for (const ValidationCase& one : cases) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name << " is there twice";
    std::vector<std::string> expected, found;
    for (const Value& issue : one.content.Find("issues")->AsArray()) expected.push_back(ToJson(issue));
    for (const Issue& issue : IssuesOf(one)) found.push_back(ToJson(Value(ToObject(issue))));
    EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected)) << one.name;
  }
}

TEST(ValidateCasesTest, EveryIssueHasAHintThatSaysWhatToDo) {
  for (const ValidationCase& one : ValidationCases()) {
    for (const Issue& issue : IssuesOf(one)) {
      EXPECT_FALSE(issue.message.empty()) << one.name;
      EXPECT_FALSE(issue.hint.empty()) << one.name << ": " << issue.code;
    }
  }
}

// What passes validation compiles: the server commits nothing that an application could not evaluate.
TEST(ValidateCasesTest, DefinitionsWithoutErrorsCompileWithoutABrokenFlag) {
  int compiled = 0;
  for (const ValidationCase& one : ValidationCases()) {
    Definitions definitions = DefinitionsOf(one);
    if (HasErrors(Validate(definitions))) continue;
    ASSERT_FALSE(HasErrors(AllocateStates(nullptr, definitions))) << one.name;
    for (const char* environment : {"staging", "production"}) {
      const auto ruleset = Compile(SnapshotOf(definitions, environment, 1));
      for (const BrokenFlag& broken : ruleset->broken()) ADD_FAILURE() << one.name << ": " << broken.reason;
    }
    ++compiled;
  }
  EXPECT_GE(compiled, 10);
}

TEST(ValidateCasesTest, AnExperimentThatWasConcludedIsOverWhateverTheFileSays) {
  int cases = 0;
  for (const ValidationCase& one : ValidationCases()) {
    Definitions definitions = DefinitionsOf(one);
    const auto says_full = [&] {
      const std::vector<Issue> issues = Validate(definitions);
      return std::any_of(issues.begin(), issues.end(), [](const Issue& issue) { return issue.code == "layer_full"; });
    };
    if (!says_full()) continue;
    for (ExperimentRecord& record : definitions.entities.experiments) {
      record.state.status = ExperimentStatus::kConcluded;
    }
    EXPECT_FALSE(says_full()) << one.name;
    ++cases;
  }
  EXPECT_GE(cases, 1);
}

// And what it calls a bad operand does not compile: neither of the two is stricter than the other.
TEST(ValidateCasesTest, AFlagWithABadOperandIsBrokenWhereItIsEvaluated) {
  int broken_flags = 0;
  for (const ValidationCase& one : ValidationCases()) {
    Definitions definitions = DefinitionsOf(one);
    for (const Issue& issue : Validate(definitions)) {
      if (issue.code != "bad_operand" || !issue.entity.starts_with("flag ")) continue;
      AllocateStates(nullptr, definitions);
      const auto ruleset = Compile(SnapshotOf(definitions, "production", 1));
      EXPECT_NE(ruleset->BrokenReason(issue.entity.substr(5)), "") << one.name;
      ++broken_flags;
    }
  }
  EXPECT_GE(broken_flags, 5);
}

}  // namespace
}  // namespace guidon
