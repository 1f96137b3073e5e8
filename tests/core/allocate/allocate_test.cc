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

TEST(AllocateTest, EveryEditThatWouldMoveUnitsIsRefusedByItsOwnName) {
  Definitions before = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, before).empty());
  const auto refused = [&](const char* field, auto edit) {
    for (const ExperimentStatus state : {ExperimentStatus::kRunning, ExperimentStatus::kPaused}) {
      Definitions after = before;
      Experiment& experiment = after.entities.experiments[0].definition;
      experiment.state = state;
      edit(experiment);
      const std::vector<Issue> issues = AllocateStates(&before, after);
      ASSERT_EQ(issues.size(), 1u) << field;
      EXPECT_EQ(issues[0].code, "running_experiment");
      EXPECT_EQ(issues[0].severity, Severity::kError);
      EXPECT_EQ(issues[0].entity, "experiment a");
      EXPECT_EQ(issues[0].path.ToText(), field);
      EXPECT_NE(issues[0].hint.find("new iteration"), std::string::npos);
    }
  };
  refused("flag", [](Experiment& e) { e.flag = "search"; });
  refused("environment", [](Experiment& e) { e.environment = "staging"; });
  refused("unit", [](Experiment& e) { e.unit = "key"; });
  refused("layer", [](Experiment& e) { e.layer->slice = 50'000; });
  refused("layer", [](Experiment& e) { e.layer.reset(); });
  refused("holdout", [](Experiment& e) { e.holdout = "h"; });
  refused("variants", [](Experiment& e) { e.variants.push_back({"third", "on", 0}); });
  // What moves nobody may change at any time.
  Definitions after = before;
  Experiment& experiment = after.entities.experiments[0].definition;
  experiment.owner = "ben";
  experiment.hypothesis = "Fewer steps, more orders";
  experiment.secondary = {"orders"};
  EXPECT_TRUE(AllocateStates(&before, after).empty());
}

TEST(AllocateTest, StatesThatCannotFollowAreRefusedWithWhatToDo) {
  Definitions draft = Project({MakeExperiment("a", 40'000, ExperimentStatus::kDraft)});
  ASSERT_TRUE(AllocateStates(nullptr, draft).empty());
  Definitions paused = draft;
  paused.entities.experiments[0].definition.state = ExperimentStatus::kPaused;
  std::vector<Issue> issues = AllocateStates(&draft, paused);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0].code, "wrong_transition");
  EXPECT_EQ(issues[0].hint, "leave it a draft");
  Definitions running = draft;
  running.entities.experiments[0].definition.state = ExperimentStatus::kRunning;
  ASSERT_TRUE(AllocateStates(&draft, running).empty());
  Definitions again = running;
  again.entities.experiments[0].definition.state = ExperimentStatus::kDraft;
  issues = AllocateStates(&running, again);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0].code, "wrong_transition");
  EXPECT_EQ(issues[0].hint, "stop it instead");
}

TEST(AllocateTest, WithoutAnythingBeforeWhatIsPausedBeginsAndIsPaused) {
  Definitions definitions = Project({MakeExperiment("a", 40'000, ExperimentStatus::kPaused)});
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  EXPECT_EQ(StateOf(definitions, "a").status, ExperimentStatus::kPaused);
  EXPECT_EQ(StateOf(definitions, "a").iteration, 1u);
  EXPECT_EQ(StateOf(definitions, "a").slots, (Ranges{{0, 40'000}}));
  EXPECT_FALSE(StateOf(definitions, "a").arms.empty());
}

TEST(AllocateTest, OnlyWhatRunsCanBePaused) {
  Definitions running = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, running).empty());
  Definitions stopped = running;
  stopped.entities.experiments[0].definition.state = ExperimentStatus::kStopped;
  ASSERT_TRUE(AllocateStates(&running, stopped).empty());
  Definitions paused = stopped;
  paused.entities.experiments[0].definition.state = ExperimentStatus::kPaused;
  const std::vector<Issue> issues = AllocateStates(&stopped, paused);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0].code, "wrong_transition");
  EXPECT_EQ(StateOf(paused, "a").iteration, 1u) << "no new iteration";
}

TEST(AllocateTest, ARunningExperimentMayBeEditedByTheCommitThatArchivesIt) {
  Definitions running = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, running).empty());
  Definitions archived = running;
  archived.entities.experiments[0].definition.archived = true;
  archived.entities.experiments[0].definition.unit = "account_id";
  EXPECT_TRUE(AllocateStates(&running, archived).empty());
  EXPECT_EQ(StateOf(archived, "a").status, ExperimentStatus::kStopped);
}

TEST(AllocateTest, ConcludedAndArchivedExperimentsGiveTheirSlotsBackAndStayOver) {
  Definitions running = Project({MakeExperiment("a", 40'000, ExperimentStatus::kRunning)});
  ASSERT_TRUE(AllocateStates(nullptr, running).empty());
  Definitions concluded = running;
  concluded.entities.experiments[0].state.status = ExperimentStatus::kConcluded;
  concluded.entities.experiments[0].state.winner = "treatment";
  ASSERT_TRUE(AllocateStates(&running, concluded).empty()) << "the file still says running";
  EXPECT_TRUE(StateOf(concluded, "a").slots.empty());
  EXPECT_EQ(StateOf(concluded, "a").status, ExperimentStatus::kConcluded);
  EXPECT_EQ(StateOf(concluded, "a").winner, "treatment");
  Definitions archived = running;
  archived.entities.experiments[0].definition.archived = true;
  ASSERT_TRUE(AllocateStates(&running, archived).empty());
  EXPECT_TRUE(StateOf(archived, "a").slots.empty());
  EXPECT_EQ(StateOf(archived, "a").status, ExperimentStatus::kStopped);
}

TEST(AllocateTest, LayersHoldEachEnvironmentApart) {
  Definitions definitions = Project({MakeExperiment("a", 70'000, ExperimentStatus::kRunning),
                                     MakeExperiment("b", 70'000, ExperimentStatus::kRunning)});
  definitions.entities.experiments[1].definition.environment = "staging";
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  EXPECT_EQ(StateOf(definitions, "a").slots, (Ranges{{0, 70'000}}));
  EXPECT_EQ(StateOf(definitions, "b").slots, (Ranges{{0, 70'000}}));
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
