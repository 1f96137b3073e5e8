#include "core/allocate/allocate.h"

#include <gtest/gtest.h>

#include "core/allocate/ranges.h"

namespace guidon {
namespace {

using Ranges = std::vector<BucketRange>;

ExperimentRecord MakeExperiment(const std::string& key, std::uint32_t slice, ExperimentStatus state) {
  Experiment experiment;
  experiment.key = key;
  experiment.flag = "checkout";
  experiment.environment = "production";
  experiment.unit = "account_id";
  experiment.state = state;
  experiment.layer = LayerSlice{"checkout", slice};
  experiment.variants = {{"control", "off", 50'000}, {"treatment", "on", 50'000}};
  return {experiment, {}};
}

Definitions Project(std::vector<ExperimentRecord> experiments) {
  Definitions definitions;
  definitions.project = {"shop", "", {{"production", true, ""}}};
  definitions.entities.layers.push_back({{"checkout", "", "account_id"}, {}});
  definitions.entities.experiments = std::move(experiments);
  return definitions;
}

const ExperimentState& StateOf(const Definitions& definitions, const std::string& key) {
  return definitions.entities.FindExperiment(key)->state;
}

TEST(AllocateTest, ExperimentsThatStartTogetherTakeSlotsInListOrder) {
  Definitions definitions = Project({MakeExperiment("b", 40'000, ExperimentStatus::kRunning),
                                     MakeExperiment("a", 30'000, ExperimentStatus::kRunning),
                                     MakeExperiment("draft", 90'000, ExperimentStatus::kDraft)});
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  EXPECT_EQ(StateOf(definitions, "b").slots, (Ranges{{0, 40'000}}));
  EXPECT_EQ(StateOf(definitions, "a").slots, (Ranges{{40'000, 70'000}}));
  EXPECT_EQ(StateOf(definitions, "a").salt, "a#1");
  EXPECT_EQ(StateOf(definitions, "draft").iteration, 0u);
  EXPECT_EQ(definitions.entities.layers[0].state.salt, "layer:checkout");
}

TEST(AllocateTest, StoppingANeighbourFreesItsSlotsAndMovesNobody) {
  Definitions before = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning),
                                MakeExperiment("b", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, before).empty());
  Definitions after = before;
  after.entities.experiments[0].definition.state = ExperimentStatus::kStopped;
  after.entities.experiments.push_back(MakeExperiment("c", 50'000, ExperimentStatus::kRunning));
  EXPECT_TRUE(AllocateStates(&before, after).empty());
  EXPECT_TRUE(StateOf(after, "a").slots.empty());
  EXPECT_EQ(StateOf(after, "b"), StateOf(before, "b"));
  EXPECT_EQ(StateOf(after, "c").slots, (Ranges{{0, 40'000}, {80'000, 90'000}}));
}

TEST(AllocateTest, APausedExperimentKeepsEverythingAndARestartIsANewIteration) {
  Definitions running = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, running).empty());
  Definitions paused = running;
  paused.entities.experiments[0].definition.state = ExperimentStatus::kPaused;
  EXPECT_TRUE(AllocateStates(&running, paused).empty());
  EXPECT_EQ(StateOf(paused, "a").slots, StateOf(running, "a").slots);
  EXPECT_EQ(StateOf(paused, "a").iteration, 1u);
  Definitions resumed = paused;
  resumed.entities.experiments[0].definition.state = ExperimentStatus::kRunning;
  EXPECT_TRUE(AllocateStates(&paused, resumed).empty());
  EXPECT_EQ(StateOf(resumed, "a"), StateOf(running, "a"));
  Definitions stopped = resumed;
  stopped.entities.experiments[0].definition.state = ExperimentStatus::kStopped;
  ASSERT_TRUE(AllocateStates(&resumed, stopped).empty());
  Definitions again = stopped;
  again.entities.experiments[0].definition.state = ExperimentStatus::kRunning;
  ASSERT_TRUE(AllocateStates(&stopped, again).empty());
  EXPECT_EQ(StateOf(again, "a").salt, "a#2");
}

TEST(AllocateTest, AFullLayerSaysWhoHoldsIt) {
  Definitions definitions = Project({MakeExperiment("a", 70'000, ExperimentStatus::kRunning),
                                     MakeExperiment("b", 40'000, ExperimentStatus::kRunning)});
  const std::vector<Issue> issues = AllocateStates(nullptr, definitions);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0].code, "layer_full");
  EXPECT_NE(issues[0].message.find("held by a 70%"), std::string::npos) << issues[0].message;
}

TEST(AllocateTest, ARunningExperimentRefusesEditsThatWouldMoveUnits) {
  Definitions before = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, before).empty());
  Definitions after = before;
  Experiment& experiment = after.entities.experiments[0].definition;
  experiment.unit = "key";
  experiment.variants[0].parts = 60'000;
  experiment.variants[1].parts = 40'000;
  const std::vector<Issue> issues = AllocateStates(&before, after);
  ASSERT_EQ(issues.size(), 2u);
  EXPECT_EQ(issues[0].code, "running_experiment");
  EXPECT_EQ(issues[0].path.ToText(), "unit");
  EXPECT_EQ(issues[1].path.ToText(), "variants");
  EXPECT_FALSE(issues[1].hint.empty());
  // The same edit with a stop is fine.
  experiment.state = ExperimentStatus::kStopped;
  EXPECT_TRUE(AllocateStates(&before, after).empty());
}

TEST(AllocateTest, SplitsKeepTheirRangesByRuleId) {
  FlagRecord record;
  record.definition.key = "checkout";
  record.definition.type = FlagType::kString;
  record.definition.variations = {{"a", Value("a")}, {"b", Value("b")}};
  Targeting targeting;
  targeting.environment = "production";
  targeting.rules.push_back({"ramp", std::nullopt, SplitServe{{{"a", 20'000}, {"b", 80'000}}}, std::nullopt, ""});
  targeting.rules.push_back({"gone", std::nullopt, SplitServe{{{"a", 50'000}, {"b", 50'000}}}, std::nullopt, ""});
  targeting.default_serve = DefaultServe{SplitServe{{{"a", 10'000}, {"b", 90'000}}}, ""};
  record.definition.environments.push_back(targeting);
  Definitions before;
  before.entities.flags.push_back(record);
  ASSERT_TRUE(AllocateStates(nullptr, before).empty());
  Definitions after = before;
  auto& rules = after.entities.flags[0].definition.environments[0].rules;
  rules.pop_back();
  rules[0].serve = SplitServe{{{"a", 30'000}, {"b", 70'000}}};
  ASSERT_TRUE(AllocateStates(&before, after).empty());
  const TargetingState& state = *after.entities.flags[0].state.FindEnvironment("production");
  ASSERT_EQ(state.splits.size(), 2u);
  EXPECT_EQ(state.splits[0].split, "ramp");
  EXPECT_EQ(state.splits[0].salt, "checkout");
  EXPECT_EQ(state.splits[0].arms[0].ranges, (Ranges{{0, 20'000}, {90'000, 100'000}}));
  EXPECT_EQ(state.splits[1].split, "default");
}

}  // namespace
}  // namespace guidon
