#include "core/diff/diff.h"

#include <gtest/gtest.h>

#include "core/allocate/allocate.h"

namespace guidon {
namespace {

FlagRecord Layout(std::uint32_t single, std::optional<std::uint32_t> rollout = std::nullopt) {
  FlagRecord record;
  record.definition.key = "checkout.layout";
  record.definition.type = FlagType::kString;
  record.definition.variations = {{"multi", Value("m")}, {"single", Value("s")}};
  Targeting targeting;
  targeting.environment = "production";
  targeting.enabled = true;
  targeting.rules.push_back(
      {"eu-ramp", std::nullopt, SplitServe{{{"single", single}, {"multi", kWhole - single}}}, rollout, ""});
  targeting.default_serve = DefaultServe{FixedServe{"multi"}, ""};
  record.definition.environments.push_back(targeting);
  return record;
}

std::vector<EntityChange> Changes(FlagRecord before, FlagRecord after) {
  Definitions a, b;
  a.entities.flags.push_back(std::move(before));
  EXPECT_TRUE(AllocateStates(nullptr, a).empty());
  after.state = a.entities.flags[0].state;
  b.entities.flags.push_back(std::move(after));
  EXPECT_TRUE(AllocateStates(&a, b).empty());
  return DescribeChanges(a.entities, b.entities);
}

TEST(DiffTest, AChangeOfWeightsHasAnExactShare) {
  const auto changes = Changes(Layout(20'000), Layout(30'000));
  ASSERT_EQ(changes.size(), 1u);
  ASSERT_EQ(changes[0].moves.size(), 1u);
  EXPECT_EQ(changes[0].moves[0].share_parts, 10'000u);
  EXPECT_EQ(changes[0].summary.at(0),
            "rule eu-ramp (production): single 20%, multi 80% → single 30%, multi 70%; moves 10.000% of the units that "
            "reach it, nobody else");
}

TEST(DiffTest, ARolloutMovesOnlyTheUnitsItAdds) {
  EXPECT_EQ(Changes(Layout(20'000, 10'000), Layout(20'000, 25'000))[0].moves[0].share_parts, 15'000u);
}

TEST(DiffTest, AChangedConditionDependsOnAttributes) {
  FlagRecord after = Layout(20'000);
  Clause clause;
  clause.attribute = "country";
  clause.tests = {{Operator::kIn, {Value("DE")}}};
  after.definition.environments[0].rules[0].when = Condition{{clause}};
  const auto changes = Changes(Layout(20'000), after);
  ASSERT_EQ(changes[0].moves.size(), 1u);
  EXPECT_FALSE(changes[0].moves[0].share_parts);
  EXPECT_NE(changes[0].summary[0].find("depends on attributes"), std::string::npos);
}

TEST(DiffTest, AChangedDescriptionMovesNobody) {
  FlagRecord after = Layout(20'000);
  after.definition.description = "One page";
  const auto changes = Changes(Layout(20'000), after);
  EXPECT_TRUE(changes[0].moves.empty());
  EXPECT_TRUE(changes[0].environments.empty());
}

TEST(DiffTest, ApplyOfADiffGivesTheOtherSide) {
  EntitySet a, b;
  a.flags = {Layout(20'000)};
  a.segments.push_back({{"old", "", "", {"x"}, {}, std::nullopt}, {}});
  b.flags = {Layout(30'000)};
  b.segments.push_back({{"new", "", "", {"y"}, {}, std::nullopt}, {}});
  const ChangeSet changes = Diff(a, b);
  EXPECT_EQ(changes.upserts.size(), 2u);
  EXPECT_EQ(changes.removals, (std::vector<EntityRef>{{EntityKind::kSegment, "old"}}));
  Apply(a, changes);
  EXPECT_EQ(a, b);
  EXPECT_TRUE(Diff(a, b).empty());
}

}  // namespace
}  // namespace guidon
