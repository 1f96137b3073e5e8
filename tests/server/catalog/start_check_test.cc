// What somebody is told before an experiment starts.
#include "server/catalog/start_check.h"

#include <gtest/gtest.h>

#include "core/base/json.h"

namespace guidon {
namespace {

class StartCheckTest : public ::testing::Test {
 protected:
  StartCheckTest() {
    definitions.entities.layers.push_back({{"checkout", "", "key"}, {}});
    definitions.entities.holdouts.push_back({{"h", "", "", "key", 10'000}, {}});
    Add("e").layer = LayerSlice{"checkout", 40'000};
  }
  Experiment& Add(const std::string& key) {
    ExperimentRecord& record = definitions.entities.experiments.emplace_back();
    record.definition.key = key;
    record.definition.flag = "layout";
    record.definition.environment = "production";
    record.definition.unit = "key";
    record.definition.variants = {{"control", "off", 50'000}, {"one", "on", 50'000}};
    return record.definition;
  }
  ExperimentRecord& record(std::size_t i = 0) { return definitions.entities.experiments[i]; }
  std::string Check(const std::string& name, const StartCheckInputs& inputs = {}) {
    for (const StartCheck& check : ChecksBeforeStart(definitions, record(), inputs)) {
      if (check.name == name) {
        return std::string(ToString(check.outcome)) + ": " + check.sentence + " " + ToJson(check.numbers);
      }
    }
    return "";
  }

  Definitions definitions;
};

TEST_F(StartCheckTest, MetricsThatAreMissingAreMissed) {
  EXPECT_EQ(
      Check("metrics"),
      R"(attention: there is no primary metric, so there will be nothing to decide by {"secondary":0,"guardrails":0})");
  record().definition.primary = PrimaryMetric{"orders", {}, {}};
  EXPECT_TRUE(Check("metrics").starts_with("attention: primary metric orders, and no guardrail"));
  record().definition.guardrails = {{"errors", {}, BreachAction::kPause}};
  EXPECT_EQ(
      Check("metrics"),
      R"(good: primary metric orders, 0 secondary, 1 guardrail {"secondary":0,"guardrails":1,"primary":"orders"})");
}

TEST_F(StartCheckTest, NeighboursOnTheFlagAreExclusiveOrOverlap) {
  EXPECT_TRUE(Check("neighbours").starts_with("good: no other"));
  Add("other").layer = LayerSlice{"checkout", 70'000};
  EXPECT_TRUE(Check("neighbours").starts_with("good: no other")) << "a draft is in nobody's way";
  record(1).state.status = ExperimentStatus::kRunning;
  record(1).state.slots = {{0, 70'000}};
  EXPECT_EQ(Check("neighbours"), R"(good: on the same flag, and without a common unit: other )"
                                 R"({"experiments":[{"experiment":"other","status":"running","shares_units":false}]})");
  EXPECT_EQ(Check("layer"), R"(blocks: it takes 40% of layer checkout, of which 30% is free )"
                            R"({"slice":"40%","free":"30%"})");
  record(1).definition.layer.reset();
  EXPECT_TRUE(Check("neighbours").starts_with("attention: units may be in this one and in other"));
  EXPECT_EQ(Check("layer"), R"(good: 40% of layer checkout, of which 100% is free {"slice":"40%","free":"100%"})");
  record(1).definition.environment = "staging";
  EXPECT_TRUE(Check("neighbours").starts_with("good: no other"));
}

TEST_F(StartCheckTest, TheShareThatTakesPartIsOfSliceHoldoutAndRamp) {
  EXPECT_EQ(Check("audience"), R"(good: 40% of the units in its audience take part; everybody who reaches the flag is )"
                               R"(in it {"share":"40%","share_at_first":"40%","has_condition":false})");
  record().definition.holdout = "h";
  record().definition.ramp = {{1'000, {}, {}}, {50'000, {}, {}}};
  EXPECT_EQ(TakingPartOf(definitions, record().definition).at_first, 360u);
  EXPECT_EQ(TakingPartOf(definitions, record().definition).at_last, 18'000u);
  EXPECT_TRUE(Check("traffic").starts_with("unknown: how many new units a day"));
  EXPECT_EQ(Check("traffic", {.units_per_day = 20'000}),
            R"(good: about 3600 units a day enter, as told {"units_per_day":20000.0,"entering_per_day":3600.0})");
  definitions.entities.holdouts[0].definition.archived = true;
  EXPECT_EQ(TakingPartOf(definitions, record().definition).at_last, 20'000u);
}

}  // namespace
}  // namespace guidon
