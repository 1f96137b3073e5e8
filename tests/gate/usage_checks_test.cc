// code.settled-flag, broken and kept; what a server's counts say.
#include "gate/usage_checks.h"

#include <gmock/gmock.h>

#include "core/base/json.h"
#include "tests/gate/workspaces.h"

namespace guidon::gate {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const sys_days kToday{std::chrono::year(2026) / 11 / 30};

Usage UsageOf(const std::string& text) {
  Usage usage;
  const Status added = AddPage(*ParseJson(text), usage);
  EXPECT_TRUE(added) << added.error().message;
  return usage;
}

TEST(UsageAnswerTest, IsReadPageByPage) {
  Usage usage =
      UsageOf(R"({"since":"2026-08-03T09:12:44.000Z","flags":[{"flag":"a","evaluations":8123,"variations":{"on":8123},)"
              R"("last_evaluated":"2026-11-30T11:59:58.120Z","alone":{"variation":"on","since":"2026-09-02"}}]})");
  ASSERT_TRUE(AddPage(*ParseJson(R"({"flags":[{"flag":"b","evaluations":0,"variations":{}}]})"), usage));
  const FlagUse* a = usage.Find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->evaluations, 8'123U);
  EXPECT_EQ(a->last, kToday);
  EXPECT_EQ(a->alone, "on");
  EXPECT_EQ(a->alone_since, kToday - days(89));
  EXPECT_FALSE(usage.Find("b")->last);
  EXPECT_EQ(usage.Find("c"), nullptr);
  EXPECT_FALSE(AddPage(*ParseJson(R"({"revision":17})"), usage));
}

TEST(SettledTest, TakesAllOfTheDaysAndEnoughEvaluations) {
  const FlagUse use{1'000, kToday, "on", kToday - days(29)};
  EXPECT_TRUE(IsSettled(use, kToday, days(30), 1'000));
  EXPECT_FALSE(IsSettled(use, kToday, days(31), 1'000));
  EXPECT_FALSE(IsSettled(use, kToday, days(30), 1'001));
  EXPECT_FALSE(IsSettled({1'000, kToday, "", {}}, kToday, days(30), 1));
}

TEST(SettledTest, WhatDecidesDoesNotGrowWithTheCounts) {
  const auto decided = [](const std::string& evaluations) {
    const Workspace workspace;
    const std::vector<refs::Reference> references;
    const Usage usage = UsageOf(R"({"since":"2026-08-03T09:12:44.000Z","flags":[{"flag":"a","evaluations":)" +
                                evaluations + R"(,"alone":{"variation":"on","since":"2026-09-02"}}]})");
    return SettledIn({workspace, "production", references, usage, kToday}, Policy());
  };
  EXPECT_EQ(decided("500"), "a on\n");
  EXPECT_EQ(decided("501"), "a on\n");
  EXPECT_EQ(decided("5"), "");
}

class UsageChecksTest : public ::testing::Test {
 protected:
  std::vector<std::string> Found(const std::vector<std::string>& reads, const Policy& policy = {}) const {
    const Workspace workspace = files_.Read();
    EXPECT_FALSE(workspace.HasErrors()) << workspace.issues.front().issue.message;
    std::vector<refs::Reference> references;
    for (const std::string& key : reads) {
      refs::Reference& read = references.emplace_back();
      read.key = key;
      read.file = "src/a.cc";
      read.line = static_cast<int>(references.size());
      read.column = 9;
    }
    std::string flags;
    for (const char* flag : {"release", "switch", "tried", "gone"}) {
      flags += (flags.empty() ? "" : ",") + (R"({"flag":")" + std::string(flag)) +
               R"(","evaluations":500,"alone":{"variation":"on","since":"2026-10-01"}})";
    }
    const Usage usage =
        UsageOf(R"({"since":"2026-08-03T09:12:44.000Z","flags":[{"flag":"new","evaluations":500,"alone":)"
                R"({"variation":"on","since":"2026-11-20"}},{"flag":"both","evaluations":500},)" +
                flags + "]}");
    std::vector<std::string> found;
    for (const Finding& finding : CheckUsage({workspace, "production", references, usage, kToday}, policy)) {
      EXPECT_EQ(finding.rule, "code.settled-flag");
      found.push_back(LineOf(finding.place) + " " + SentenceOf(finding) + " " + finding.owner);
    }
    return found;
  }

  const Files files_{
      {{"flags/all.yaml",
        "- { flag: release, type: boolean, owner: payments }\n- { flag: switch, type: boolean, kind: kill_switch }\n"
        "- { flag: new, type: boolean }\n- { flag: both, type: boolean }\n- { flag: unknown, type: boolean }\n"
        "- { flag: gone, type: boolean, archived: true }\n"
        "- { flag: tried, type: boolean, environments: { production: { enabled: true, default: off } } }\n"},
       {"experiments/one.yaml",
        "experiment: one\nowner: a\nhypothesis: More.\nflag: tried\nenvironment: production\nunit: key\n"
        "variants: { control: { serves: off, weight: 50% }, other: { serves: on, weight: 50% } }\n"}}};
};

TEST_F(UsageChecksTest, AFlagThatHasServedOneVariationAloneAndIsReadIsTold) {
  EXPECT_THAT(Found({"release", "release"}),
              ElementsAre("src/a.cc:1 flag release: it has served 'on' alone in production for 30 days, and the code "
                          "reads it in 2 places (`guidon stale --issue-body release` says what to do) payments"));
  Policy week;
  week.settled_days = days(7);
  EXPECT_THAT(Found({"new"}, week), ElementsAre(HasSubstr("for 7 days, and the code reads it (")));
}

TEST_F(UsageChecksTest, OthersAreNot) {
  // Too young, both variations, nothing counted, there to stay, in an experiment, archived; and what no code reads.
  EXPECT_THAT(Found({"new", "both", "unknown", "switch", "tried", "gone"}), IsEmpty());
  EXPECT_THAT(Found({}), IsEmpty());
  Policy many;
  many.settled_least = 501;
  EXPECT_THAT(Found({"release"}, many), IsEmpty());
}

}  // namespace
}  // namespace guidon::gate
