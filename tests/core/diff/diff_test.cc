#include "core/diff/diff.h"

#include <gtest/gtest.h>

#include "core/allocate/allocate.h"
#include "core/allocate/ramp.h"

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

TEST(DiffTest, ArchivingTakesTheFlagFromEveryone) {
  FlagRecord archived = Layout(20'000);
  archived.definition.archived = true;
  const auto changes = Changes(Layout(20'000), archived);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].action, EntityChange::Action::kArchive);
  EXPECT_EQ(changes[0].environments, std::vector<std::string>{"production"});
  EXPECT_EQ(changes[0].summary, std::vector<std::string>{"archived: everyone gets the caller's fallback"});
  ASSERT_EQ(changes[0].moves.size(), 1u);
  EXPECT_EQ(changes[0].moves[0].share_parts, kWhole);
  const auto back = Changes(archived, Layout(20'000));
  EXPECT_EQ(back.at(0).summary, std::vector<std::string>{"no longer archived: its rules decide again"});
}

TEST(DiffTest, ArchivingNamesWhereItWasEnabledWhateverTheLastDefinitionSays) {
  FlagRecord archived = Layout(20'000);
  archived.definition.archived = true;
  archived.definition.environments.clear();
  EXPECT_EQ(Changes(Layout(20'000), archived).at(0).environments, std::vector<std::string>{"production"});
}

TEST(DiffTest, AnotherValueOrTypeNamesWhereTheFlagIsEnabled) {
  FlagRecord before = Layout(20'000);
  Targeting staging;
  staging.environment = "staging";
  before.definition.environments.push_back(staging);
  FlagRecord after = before;
  after.definition.variations[1].value = Value("other");
  const EntityChange value = Changes(before, after).at(0);
  EXPECT_EQ(value.summary, std::vector<std::string>{"another value: single; whoever is served it gets that"});
  EXPECT_EQ(value.environments, std::vector<std::string>{"production"});
  EXPECT_TRUE(value.moves.empty()) << "nobody changes variation";
  after = before;
  after.definition.type = FlagType::kJson;
  const EntityChange type = Changes(before, after).at(0);
  EXPECT_EQ(type.summary,
            std::vector<std::string>{"type: string → json; who asks for the other gets the caller's fallback"});
  EXPECT_EQ(type.environments, std::vector<std::string>{"production"});
}

TEST(DiffTest, WhatIsOfTheWholeFlagAndMovesNobodyIsSaidAndNamesNoEnvironment) {
  FlagRecord more = Layout(20'000), reordered = more, client = more;
  more.definition.variations.push_back({"third", Value("t")});
  std::swap(reordered.definition.variations[0], reordered.definition.variations[1]);
  client.definition.client = true;
  const auto only = [](const FlagRecord& after) {
    const EntityChange change = Changes(Layout(20'000), after).at(0);
    EXPECT_TRUE(change.environments.empty());
    EXPECT_EQ(change.summary.size(), 1u);
    return change.summary.at(0);
  };
  EXPECT_EQ(only(more), "new variation: third");
  EXPECT_EQ(only(reordered), "variations reordered; moves nobody");
  EXPECT_EQ(only(client), "client: true; may be served to client-side keys");
}

TEST(DiffTest, ABooleanFlagServesOffWhereItIsNotNamedYet) {
  FlagRecord before;
  before.definition.key = "ads";
  before.definition.variations = {{"on", Value(true)}, {"off", Value(false)}};
  FlagRecord after = before;
  Targeting targeting;
  targeting.environment = "production";
  targeting.off = "off";
  targeting.enabled = true;
  targeting.default_serve = DefaultServe{FixedServe{"on"}, ""};
  after.definition.environments = {targeting};
  const EntityChange change = Changes(before, after).at(0);
  for (const std::string& line : change.summary) {
    EXPECT_EQ(line.find("off:"), std::string::npos) << line;
  }
}

TEST(DiffTest, EnablingMovesWhoIsServedAnotherVariationThanOff) {
  FlagRecord off = Layout(20'000);
  off.definition.environments[0].enabled = false;
  off.definition.environments[0].off = "multi";
  FlagRecord on = off;
  on.definition.environments[0].enabled = true;
  for (const auto& [before, after] : {std::pair(off, on), std::pair(on, off)}) {
    const EntityChange change = Changes(before, after).at(0);
    ASSERT_EQ(change.moves.size(), 1u);
    EXPECT_EQ(change.moves[0].split, "enabled");
    EXPECT_EQ(change.moves[0].share_parts, 20'000u);
  }
  on.definition.environments[0].rules[0].when = Condition();
  off.definition.environments[0].rules[0].when = Condition();
  EXPECT_EQ(Changes(off, on).at(0).moves.at(0).share_parts, std::nullopt);
  FlagRecord other = off;
  other.definition.environments[0].off = "single";
  EXPECT_EQ(Changes(off, other).at(0).moves.at(0).share_parts, kWhole);
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

TEST(DiffTest, ARuleThatServesAnotherVariationMovesAllThatReachIt) {
  FlagRecord before = Layout(20'000), after = before;
  before.definition.environments[0].rules[0].serve = FixedServe{"multi"};
  after.definition.environments[0].rules[0].serve = FixedServe{"single"};
  EXPECT_EQ(Changes(before, after)[0].moves.at(0).share_parts, kWhole);
}

TEST(DiffTest, WhomAnExperimentInARuleTakesDependsOnAttributes) {
  FlagRecord before = Layout(20'000), after = before;
  before.definition.environments[0].rules[0].serve = ExperimentServe{"one"};
  after.definition.environments[0].rules[0].serve = ExperimentServe{"two"};
  const auto changes = Changes(before, after);
  ASSERT_EQ(changes[0].moves.size(), 1u);
  EXPECT_FALSE(changes[0].moves[0].share_parts);
}

ExperimentRecord Running() {
  Experiment experiment;
  experiment.key = "one-page";
  experiment.flag = "checkout.layout";
  experiment.environment = "production";
  experiment.unit = "account_id";
  experiment.state = ExperimentStatus::kRunning;
  experiment.variants = {{"control", "multi", 60'000}, {"one_page", "single", 40'000}};
  experiment.ramp = {{1'000, {}, {}}, {10'000, {}, {}}, {kWhole, {}, {}}};
  Definitions definitions;
  definitions.entities.experiments = {{experiment, {}}};
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  return definitions.entities.experiments[0];
}

EntityChange ChangeOf(const ExperimentRecord& before, const ExperimentRecord& after) {
  EntitySet a, b;
  a.experiments = {before};
  b.experiments = {after};
  const auto changes = DescribeChanges(a, b);
  EXPECT_EQ(changes.size(), 1u);
  return changes.at(0);
}

EntityChange NewOf(const ExperimentRecord& record) {
  EntitySet with;
  with.experiments = {record};
  return DescribeChanges(EntitySet(), with).at(0);
}

TEST(DiffTest, ANewDraftSaysThatItIsOneAndMovesNobody) {
  ExperimentRecord draft;
  draft.definition = Running().definition;
  draft.definition.state = std::nullopt;
  draft.definition.layer = LayerSlice{"checkout", 40'000};
  draft.definition.holdout = "payments-2027h1";
  const EntityChange change = NewOf(draft);
  EXPECT_EQ(change.action, EntityChange::Action::kCreate);
  EXPECT_EQ(change.environments, std::vector<std::string>{"production"});
  EXPECT_EQ(change.summary, std::vector<std::string>{"new experiment, draft"});
  EXPECT_TRUE(change.moves.empty());
  draft.definition.archived = true;
  EXPECT_EQ(NewOf(draft).summary, std::vector<std::string>{"new experiment, archived"});
}

TEST(DiffTest, ANewExperimentThatRunsSaysWhereAndThatItMovesUnits) {
  Definitions definitions;
  Experiment experiment = Running().definition;
  experiment.layer = LayerSlice{"checkout", 40'000};
  experiment.holdout = "payments-2027h1";
  definitions.entities.experiments = {{experiment, {}}};
  ASSERT_TRUE(AllocateStates(nullptr, definitions).empty());
  const EntityChange change = NewOf(definitions.entities.experiments[0]);
  EXPECT_EQ(change.summary,
            std::vector<std::string>{"new experiment, running: layer checkout 40% (buckets 0–39999), holdout "
                                     "payments-2027h1, ramp 1%"});
  ASSERT_EQ(change.moves.size(), 1u);
  EXPECT_EQ(change.moves[0].split, "experiment one-page");
  EXPECT_FALSE(change.moves[0].share_parts);
  EXPECT_EQ(NewOf(Running()).summary, std::vector<std::string>{"new experiment, running, ramp 1%"});
}

TEST(DiffTest, ADraftThatStartsSaysItsStateAndItsPlace) {
  Definitions before;
  ExperimentRecord draft;
  draft.definition = Running().definition;
  draft.definition.state = std::nullopt;
  draft.definition.layer = LayerSlice{"checkout", 40'000};
  before.entities.experiments = {draft};
  Definitions after = before;
  after.entities.experiments[0].definition.state = ExperimentStatus::kRunning;
  ASSERT_TRUE(AllocateStates(&before, after).empty());
  EXPECT_EQ(ChangeOf(draft, after.entities.experiments[0]).summary,
            (std::vector<std::string>{"state: draft → running", "layer checkout 40% (buckets 0–39999)"}));
}

TEST(DiffTest, TheNextStepOfARampMovesWhomItAdds) {
  ExperimentRecord next = Running();
  next.state.ramp_step = 1;
  const EntityChange change = ChangeOf(Running(), next);
  ASSERT_EQ(change.moves.size(), 1u);
  EXPECT_EQ(change.moves[0].share_parts, 9'000u);
  EXPECT_EQ(change.summary.at(0), "ramp 1% → 10%; moves 9.000% of the units that reach it, nobody else");
}

TEST(DiffTest, ARunningExperimentWithAnotherAudienceOrOtherForcedUnitsDependsOnAttributes) {
  ExperimentRecord audience = Running(), forced = Running(), described = Running();
  audience.definition.audience = Condition{{Clause{.kind = Clause::Kind::kSegment, .segments = {"eu"}}}};
  forced.definition.force = {{{{"account_id", Value("qa")}}, "one_page"}};
  described.definition.hypothesis = "More orders";
  EXPECT_FALSE(ChangeOf(Running(), audience).moves.at(0).share_parts);
  EXPECT_FALSE(ChangeOf(Running(), forced).moves.at(0).share_parts);
  EXPECT_TRUE(ChangeOf(Running(), described).moves.empty());
  EXPECT_EQ(ChangeOf(Running(), described).summary.at(0), "definition changed; assignments stay");
}

TEST(DiffTest, AHoldoutThatGrowsOrEndsSaysSo) {
  const auto summary = [](Holdout before, Holdout after) {
    EntitySet a, b;
    a.holdouts = {{before, {}}};
    b.holdouts = {{after, {}}};
    return DescribeChanges(a, b).at(0).summary.at(0);
  };
  const Holdout held{"h", "", "", "account_id", 5'000, false};
  Holdout larger = held, ended = held, described = held;
  larger.size = 10'000;
  ended.archived = true;
  described.description = "x";
  EXPECT_EQ(summary(held, larger), "size: 5% → 10%; moves units: depends on attributes");
  EXPECT_EQ(summary(held, ended), "ends: nobody is held out any more; moves units: depends on attributes");
  EXPECT_EQ(summary(held, described), "changed; moves nobody");
}

TEST(DiffTest, AHoldoutThatChangesNamesWhereExperimentsHoldUnitsOutByIt) {
  EntitySet a, b;
  ExperimentRecord running = Running(), stopped = Running();
  running.definition.holdout = stopped.definition.holdout = "h";
  stopped.definition.key = "stopped";
  stopped.definition.environment = "staging";
  stopped.state.status = ExperimentStatus::kStopped;
  a.experiments = b.experiments = {running, stopped};
  const Holdout held{"h", "", "", "account_id", 5'000, false};
  a.holdouts = b.holdouts = {{held, {}}};
  b.holdouts[0].definition.size = 10'000;
  const EntityChange change = DescribeChanges(a, b).at(0);
  EXPECT_EQ(change.environments, std::vector<std::string>{"production"});
  ASSERT_EQ(change.moves.size(), 1u);
  EXPECT_EQ(change.moves[0].split, "holdout h");
  b.holdouts[0].definition = held;
  b.holdouts[0].definition.description = "x";
  EXPECT_TRUE(DescribeChanges(a, b).at(0).environments.empty());
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

TEST(DiffTest, ARampIsDescribedByItsStepsAndByWhereItStands) {
  const auto with = [](std::optional<Ramp> ramp) {
    FlagRecord record = Layout(20'000);
    record.definition.environments[0].rules[0] = {"beta", std::nullopt, FixedServe{"single"}, std::nullopt, "", ramp};
    return record;
  };
  using Lines = std::vector<std::string>;
  const Ramp ramp{{{1'000, std::chrono::hours(1), {}}, {10'000, std::chrono::hours(24), {}}, {kWhole, {}, {}}}, {}};
  FlagRecord none = with(std::nullopt);
  none.definition.environments[0].rules.clear();
  EXPECT_EQ(
      Changes(none, with(ramp)).at(0).summary,
      Lines{"rule beta (production): new, serves single, ramp 1% (1% for 1h, 10% for 1d, 100%); moves units: depends "
            "on attributes"});
  EntitySet made;
  made.flags.push_back(with(ramp));
  EXPECT_EQ(DescribeChanges({}, made).at(0).summary,
            (Lines{"new string flag", "rule beta (production): ramp 1% for 1h, 10% for 1d, 100%"}));
  FlagRecord rollout = with(std::nullopt);
  rollout.definition.environments[0].rules[0].rollout = 5'000;
  EXPECT_EQ(Changes(rollout, with(ramp)).at(0).summary,
            Lines{"rule beta (production): single, rollout 5% → single, ramp 5% (1% for 1h, 10% for 1d, 100%); moves "
                  "nobody"});
  Ramp other = ramp;
  other.steps.pop_back();
  other.steps.back().hold.reset();
  other.start_ms = 1'806'480'000'000;
  const EntityChange steps = Changes(with(ramp), with(other)).at(0);
  EXPECT_EQ(steps.summary,
            Lines{"rule beta (production): ramp 1% for 1h, 10%, from 2027-03-31T08:00:00.000Z; moves nobody"});
  EXPECT_EQ(steps.environments, Lines{"production"});
  Definitions before, after;
  before.entities.flags.push_back(with(ramp));
  ASSERT_TRUE(AllocateStates(nullptr, before).empty());
  after = before;
  ASSERT_TRUE(MoveRamp(after.entities.flags[0], "production", "beta", RampMove::kAbort, 0));
  const EntityChange abort = DescribeChanges(before.entities, after.entities).at(0);
  EXPECT_EQ(abort.summary,
            (Lines{"rule beta (production): ramp 1% → 0%; moves 1.000% of the units that reach it, nobody else",
                   "rule beta: ramp paused at 0% (production)"}));
  ASSERT_EQ(abort.moves.size(), 1u);
  EXPECT_EQ(abort.moves[0].share_parts, 1'000u);
  EXPECT_EQ(abort.environments, Lines{"production"});
}

}  // namespace
}  // namespace guidon
