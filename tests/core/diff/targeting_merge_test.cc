#include "core/diff/targeting_merge.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"

namespace guidon {
namespace {

TargetingValue Of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return ParseJson(text).value();
}

// `past`: pairs of {from, to}, the newest first.
PromotedTargeting Merged(std::string_view from, std::string_view to,
                         const std::vector<std::pair<std::string_view, std::string_view>>& past = {}) {
  TargetingMerge merge(Of(from), Of(to));
  for (const auto& [one, other] : past) merge.Look(Of(one), Of(other));
  return merge.Merge();
}

std::string TextOf(const PromotedTargeting& promoted) {
  std::string text;
  for (const PromotionConflict& conflict : promoted.conflicts) {
    text += "conflict " + conflict.what.path.ToText() + (conflict.was_agreed ? "" : " (never agreed)") + "\n";
  }
  return text.empty() ? ToJson(*promoted.targeting) : text;
}

constexpr std::string_view kOn = R"({"enabled":true,"default":"on"})", kOff = R"({"enabled":true,"default":"off"})";

TEST(TargetingMergeTest, WhatIsTheSameNeedsNothing) {
  const TargetingMerge merge(Of(kOn), Of(kOn));
  EXPECT_TRUE(merge.IsSame());
  EXPECT_FALSE(merge.NeedsPast());
  EXPECT_TRUE(TargetingMerge(Of(R"({"enabled":false})"), std::nullopt).IsSame());
}

TEST(TargetingMergeTest, WhereNothingIsSaidAllIsTakenWithoutAPast) {
  for (const std::string_view to : {"", R"({"enabled":false})"}) {
    const TargetingMerge merge(Of(kOn), Of(to));
    EXPECT_FALSE(merge.NeedsPast());
    EXPECT_EQ(TextOf(merge.Merge()), kOn);
  }
}

TEST(TargetingMergeTest, WithoutAPastNobodyCanTellWhoChangedIt) {
  EXPECT_EQ(TextOf(Merged(kOn, kOff)), "conflict default (never agreed)\n");
}

TEST(TargetingMergeTest, WhatTheSourceChangedSinceTheyAgreedIsTaken) {
  EXPECT_EQ(TextOf(Merged(kOn, kOff, {{kOff, kOff}})), kOn);
}

TEST(TargetingMergeTest, WhatTheTargetChangedAloneStays) {
  EXPECT_EQ(TextOf(Merged(kOn, kOff, {{kOn, kOn}})), kOff);
}

TEST(TargetingMergeTest, WhatBothChangedDifferentlyIsAConflict) {
  EXPECT_EQ(TextOf(Merged(kOn, kOff, {{R"({"enabled":true,"default":"x"})", R"({"enabled":true,"default":"x"})"}})),
            "conflict default\n");
}

TEST(TargetingMergeTest, TheNewestAgreementCounts) {
  EXPECT_EQ(TextOf(Merged(kOn, kOff, {{kOff, kOff}, {kOn, kOn}})), kOn);
}

TEST(TargetingMergeTest, AnEnvironmentThatWasNotNamedWasNotEnabled) {
  EXPECT_EQ(TextOf(Merged(kOn, R"({"enabled":false,"default":"on"})", {{"", ""}})), kOn);
}

// A rule of the target's own must not make every later promotion a conflict.
TEST(TargetingMergeTest, EachRuleHasAPastOfItsOwn) {
  const std::string_view own_and_ten =
      R"({"enabled":true,"rules":[{"id":"own","serve":"on"},{"id":"a","serve":"on","rollout":"10%"}]})";
  const std::string_view ten = R"({"enabled":true,"rules":[{"id":"a","serve":"on","rollout":"10%"}]})";
  const std::string_view twenty = R"({"enabled":true,"rules":[{"id":"a","serve":"on","rollout":"20%"}]})";
  EXPECT_EQ(TextOf(Merged(twenty, own_and_ten,
                          {{ten, own_and_ten},
                           {ten, R"({"enabled":true,"rules":[{"id":"own","serve":"on"}]})"},
                           {R"({"enabled":true})", R"({"enabled":true})"}})),
            R"({"enabled":true,"rules":[{"id":"own","serve":"on"},{"id":"a","serve":"on","rollout":"20%"}]})");
}

TEST(TargetingMergeTest, ARuleIsMergedMemberByMember) {
  const auto rule = [](const std::string& rest) { return R"({"enabled":true,"rules":[{"id":"a",)" + rest + "}]}"; };
  const std::string base = rule(R"("serve":"on","rollout":"10%")"), more = rule(R"("serve":"on","rollout":"20%")"),
                    other = rule(R"("serve":"off","rollout":"10%")"), most = rule(R"("serve":"on","rollout":"50%")");
  EXPECT_EQ(TextOf(Merged(more, other, {{base, base}})), rule(R"("serve":"off","rollout":"20%")"));
  EXPECT_EQ(TextOf(Merged(more, most, {{base, base}})), "conflict rules.a.rollout\n");
  EXPECT_EQ(TextOf(Merged(more, most)), "conflict rules.a (never agreed)\n");
}

TEST(TargetingMergeTest, RulesThatWereTakenOutAreTakenOut) {
  const std::string_view both = R"({"enabled":true,"rules":[{"id":"a","serve":"on"},{"id":"b","serve":"on"}]})";
  const std::string_view one = R"({"enabled":true,"rules":[{"id":"b","serve":"on"}]})";
  EXPECT_EQ(TextOf(Merged(one, both, {{both, both}})), one);
  EXPECT_EQ(TextOf(Merged(R"({"enabled":true})", both, {{both, both}})), R"({"enabled":true})");
}

TEST(TargetingMergeTest, TheOrderOfRulesIsTheSourcesUnlessTheTargetChangedItToo) {
  const std::string_view ab = R"({"enabled":true,"rules":[{"id":"a","serve":"on"},{"id":"b","serve":"on"}]})";
  const std::string_view ba = R"({"enabled":true,"rules":[{"id":"b","serve":"on"},{"id":"a","serve":"on"}]})";
  EXPECT_EQ(TextOf(Merged(ba, ab, {{ab, ab}})), ba);
  EXPECT_EQ(TextOf(Merged(ab, ba, {{ab, ab}})), "conflict rules\n");
  EXPECT_EQ(TextOf(Merged(ab, ba)), "conflict rules (never agreed)\n");
}

TEST(TargetingMergeTest, RulesWithoutIdsAreOneValue) {
  const std::string_view one = R"({"enabled":true,"rules":[{"serve":"on"}]})";
  const std::string_view two = R"({"enabled":true,"rules":[{"serve":"off"}]})";
  EXPECT_EQ(TextOf(Merged(one, two, {{two, two}})), one);
  EXPECT_EQ(TextOf(Merged(one, two)), "conflict rules (never agreed)\n");
}

TEST(TargetingMergeTest, ThePastIsNeededUntilEveryDifferenceHasABase) {
  TargetingMerge merge(Of(R"({"enabled":true,"off":"x","default":"on"})"),
                       Of(R"({"enabled":true,"off":"y","default":"off"})"));
  merge.Look(Of(R"({"enabled":true,"off":"z","default":"off"})"), Of(R"({"enabled":true,"off":"y","default":"off"})"));
  EXPECT_TRUE(merge.NeedsPast());
  merge.Look(Of(R"({"enabled":true,"off":"y"})"), Of(R"({"enabled":true,"off":"y"})"));
  EXPECT_FALSE(merge.NeedsPast());
  EXPECT_EQ(TextOf(merge.Merge()), R"({"enabled":true,"off":"x","default":"on"})");
}

}  // namespace
}  // namespace guidon
