// guidon test: passes, failures with their place and reason, coverage, and running again when files change.
#include <gmock/gmock.h>

#include <csignal>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFlags = R"(flag: layout
type: string
owner: payments
variations: { old: o, new: n }
environments:
  production:
    enabled: true
    off: old
    rules:
      - id: staff
        when: { email: { ends_with: "@shop.example" } }
        serve: new
      - when: { country: NO }
        serve: old
    default: { serve: { old: 80%, new: 20% } }
---
flag: plain
type: boolean
owner: payments
environments: { production: { enabled: true, default: on } }
)";

constexpr const char* kTests = R"(- description: Staff see it first
  flag: layout
  environment: production
  given: { email: a@shop.example }
  expect: new
- flag: layout
  environment: production
  given: { country: NO }
  expect: old
- flag: layout
  environment: production
  at: 90%
  expect: new
)";

std::vector<std::pair<std::string, std::string>> Files(const std::string& tests = kTests) {
  return {{"guidon.yaml", "project: shop\nenvironments: { production: {} }\n"},
          {"flags/layout.yaml", kFlags},
          {"tests/layout.yaml", tests}};
}

TEST(TestVerbTest, TheTestsOfTheShopPass) {
  const Finished done = Guidon({"test", ShopFolder()});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  EXPECT_THAT(done.output, ::testing::MatchesRegex("passed  .*shop: [0-9]+ tests, [0-9]+ cases\n"));
}

TEST(TestVerbTest, AFailureHasItsPlaceItsDifferencesAndWhatLedThere) {
  const Workspace files(Files(R"(- description: Everybody sees it
  flag: layout
  environment: production
  matrix: { country: [NO, SE] }
  at: 10%
  expect: { variation: new, reason: SPLIT }
- flag: plain
  environment: production
  given: {}
  expect: on
)"));
  const Finished done = Guidon({"test", files.path(), "--now", "2027-01-15T08:00:00Z"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(done.errors, "");
  EXPECT_EQ(done.output,
            "tests/layout.yaml:1:3  failed  flag layout in production: 2 of 2 cases\n"
            "    Everybody sees it\n"
            "    given {\"country\":\"NO\"}\n"
            "      variation is 'old', not 'new'\n"
            "      reason is 'TARGETING_MATCH', not 'SPLIT'\n"
            "        email ends_with: no\n"
            "        rule staff, condition: no\n"
            "        country in: yes\n"
            "        rule, serves: yes\n"
            "    given {\"country\":\"SE\"}\n"
            "      variation is 'old', not 'new'\n"
            "        email ends_with: no\n"
            "        rule staff, condition: no\n"
            "        country in: no\n"
            "        rule, condition: no\n"
            "        default, serves: yes\n"
            "failed  " +
                files.path() + ": 1 of 2 tests, 2 of 3 cases\n");
}

TEST(TestVerbTest, ProgramsGetTheSameWithTheWholeExplanation) {
  const Workspace files(Files(R"([{ flag: layout, environment: production, given: { country: NO }, expect: new }])"));
  const Finished done = Guidon({"test", files.path(), "--json", "--coverage"});
  EXPECT_EQ(done.exit_code, 1);
  const Value answer = JsonOf(done);
  EXPECT_FALSE(answer.Find("passed")->AsBool());
  EXPECT_EQ(answer.Find("failed_tests")->AsInt(), 1);
  const Value& test = answer.Find("tests")->AsArray().front();
  EXPECT_EQ(test.Find("file")->AsString(), "tests/layout.yaml");
  EXPECT_EQ(test.Find("line")->AsInt(), 1);
  const Value& failure = test.Find("failures")->AsArray().front();
  EXPECT_EQ(ToJson(*failure.Find("given")), R"({"country":"NO"})");
  EXPECT_EQ(ToJson(*failure.Find("differences")), R"(["variation is 'old', not 'new'"])");
  EXPECT_EQ(failure.Find("explained")->Find("reason")->AsString(), "TARGETING_MATCH");
  EXPECT_EQ(answer.Find("coverage")->Find("covered")->AsInt(), 1);
  EXPECT_EQ(answer.Find("coverage")->Find("of")->AsInt(), 3);
}

TEST(TestVerbTest, WhatNoTestHasSeenDecideIsListedAndMayBeTooMuch) {
  const Workspace files(Files());
  const Finished all = Guidon({"test", files.path(), "--coverage", "--require-coverage", "100%"});
  EXPECT_EQ(all.exit_code, 0) << all.output;
  EXPECT_THAT(all.output, HasSubstr("covered 3 of 3 places where an answer is decided (100%); wanted 100%\n"));

  const Workspace fewer(Files("- { flag: layout, environment: production, at: 90%, expect: new }\n"));
  const Finished listed = Guidon({"test", fewer.path(), "--coverage"});
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_EQ(listed.output,
            "flags/layout.yaml:10:9  not covered  layout in production: rule staff\n"
            "flags/layout.yaml:13:9  not covered  layout in production: rule 2\n"
            "covered 1 of 3 places where an answer is decided (33.3%)\n"
            "passed  " +
                fewer.path() + ": 1 test, 1 case\n");
  const Finished short_of = Guidon({"test", fewer.path(), "--require-coverage", "34%"});
  EXPECT_EQ(short_of.exit_code, 1);
  EXPECT_THAT(short_of.output, HasSubstr("too little  covered 1 of 3"));
  EXPECT_EQ(Guidon({"test", fewer.path(), "--require-coverage", "33.3%"}).exit_code, 0);
  EXPECT_EQ(Guidon({"test", fewer.path(), "--require-coverage", "all"}).exit_code, 2);
}

TEST(TestVerbTest, PlacesWhereTheFlagIsNotEnabledAreListedApart) {
  Workspace files(Files());
  files.Write("flags/later.yaml",
              "flag: later\ntype: boolean\nowner: payments\nenvironments:\n  production:\n    enabled: false\n"
              "    rules:\n      - { id: a-rule-that-has-quite-a-long-name-indeed, when: { country: NO }, serve: on }\n"
              "    default: off\n");
  const Finished listed = Guidon({"test", files.path(), "--coverage", "--require-coverage", "100%"});
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_EQ(listed.output,
            "flags/later.yaml:8:9  not enabled  later in production: rule a-rule-that-has-quite-a-long-name-indeed\n"
            "flags/later.yaml:9:14  not enabled  later in production: default\n"
            "covered 3 of 3 places where an answer is decided (100%); wanted 100%\n"
            "not counted: 2 places where the flag is not enabled\n"
            "passed  " +
                files.path() + ": 3 tests, 3 cases\n");
  const Value coverage = *JsonOf(Guidon({"test", files.path(), "--coverage", "--json"})).Find("coverage");
  EXPECT_EQ(coverage.Find("of")->AsInt(), 3);
  ASSERT_EQ(coverage.Find("places")->AsArray().size(), 5u);
  EXPECT_TRUE(coverage.Find("places")->AsArray().front().Find("enabled")->AsBool());
  EXPECT_FALSE(coverage.Find("places")->AsArray().back().Find("enabled")->AsBool());
  EXPECT_THAT(OnTerminal({"test", files.path(), "--coverage"}, {"NO_COLOR=1"}),
              HasSubstr("flags/later.yaml:8:9  not enabled\r\n"
                        "    later in production: rule a-rule-that-has-quite-a-long-name-indeed\r\n"));
}

TEST(TestVerbTest, AFilterTakesWhatHasItsText) {
  const Workspace files(Files());
  EXPECT_THAT(Guidon({"test", files.path(), "--filter", "Staff see"}).output, HasSubstr(": 1 test, 1 case\n"));
  EXPECT_THAT(Guidon({"test", files.path(), "--filter", "flag layout"}).output, HasSubstr(": 3 tests, 3 cases\n"));
  const Finished none = Guidon({"test", files.path(), "--filter", "checkout"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr("has 'checkout' in it"));
}

TEST(TestVerbTest, WhatIsNotValidIsNotRun) {
  const Workspace files(Files("- { flag: layuot, environment: production, given: {}, expect: new }\n"));
  const Finished done = Guidon({"test", files.path()});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.output, HasSubstr("tests/layout.yaml:1:11  error  unknown flag 'layuot' (did you mean 'layout'?)"));
  EXPECT_THAT(done.output, HasSubstr("no test was run\n"));
  EXPECT_EQ(Guidon({"test", files / "nowhere"}).exit_code, 2);
  EXPECT_EQ(Guidon({"test", ShopFolder(), "--now", "yesterday"}).exit_code, 2);
}

TEST(TestVerbTest, WatchingRunsThemAgainWhenAFileChanges) {
  const Workspace files(Files());
  Process watching({GUIDON_BIN_DIR "/guidon", "test", files.path(), "--watch"});
  ASSERT_TRUE(watching.WaitForOutput(": 3 tests, 3 cases\n")) << watching.Output() << watching.Errors();
  files.Write("tests/layout.yaml", "- { flag: layout, environment: production, at: 90%, expect: old }\n");
  ASSERT_TRUE(watching.WaitForOutput(": 1 of 1 test, 1 of 1 case\n")) << watching.Output();
  // A file in a folder that was not there at the start.
  files.Write("tests/more/of-staff.yaml",
              "- { flag: layout, environment: production, given: { email: a@shop.example }, expect: new }\n");
  ASSERT_TRUE(watching.WaitForOutput(": 1 of 2 tests, 1 of 2 cases\n")) << watching.Output();
  watching.Signal(SIGINT);
  EXPECT_EQ(watching.WaitForExit(), 128 + SIGINT);
}

}  // namespace
}  // namespace guidon::testing
