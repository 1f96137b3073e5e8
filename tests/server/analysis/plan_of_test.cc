// What the fold is told of the catalog.
#include "server/analysis/plan_of.h"

#include <gmock/gmock.h>

#include "core/allocate/experiment_life.h"
#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(PlansOfTest, NameEveryEnvironmentThatThereIs) {
  auto shop = std::make_shared<ProjectView>(), empty = std::make_shared<ProjectView>();
  shop->definitions.project.key = "shop";
  shop->definitions.project.environments = {{.key = "production"}, {.key = "staging"}};
  CatalogView view;
  view.projects = {{"shop", shop}, {"empty", empty}};
  const auto plans = PlansOf(view, stats::Time());
  ASSERT_TRUE(plans->environments);
  EXPECT_THAT(*plans->environments, ElementsAre(Pair("shop", "production"), Pair("shop", "staging")));
}

TEST(PlansOfTest, AHoldoutIsMeasuredWhileTheNextIterationOfItsExperimentIsScheduled) {
  Definitions definitions;
  definitions.project.key = "shop";
  ExperimentRecord& experiment = definitions.entities.experiments.emplace_back();
  experiment.definition.key = "checkout";
  experiment.definition.environment = "production";
  experiment.definition.holdout = "global";
  experiment.state.status = ExperimentStatus::kScheduled;
  HoldoutRecord holdout;
  holdout.definition.key = "global";
  holdout.definition.unit = "key";
  EXPECT_FALSE(PlanOf(definitions, holdout, "production", {})) << "it has never run";
  experiment.state.iteration = 1;
  EXPECT_TRUE(PlanOf(definitions, holdout, "production", {}));
}

TEST(PlansOfTest, AnIterationThatKeptItsAssignmentsIsNotAdjustedByWhatTheOneBeforeDid) {
  Definitions definitions;
  definitions.project.key = "shop";
  definitions.entities.metrics.emplace_back().definition =
      *DecodeMetric(*ParseJson(R"({"metric":"spent","type":"sum","event":"e","value":"v"})"));
  ExperimentRecord experiment;
  experiment.definition.key = "checkout";
  experiment.definition.environment = "production";
  experiment.definition.unit = "key";
  experiment.definition.primary = PrimaryMetric{.use = "spent"};
  experiment.state.status = ExperimentStatus::kRunning;
  for (const auto& [number, salt] : {std::pair(1u, "checkout#1"), std::pair(2u, "checkout#1"), std::pair(3u, "new")}) {
    ExperimentIteration& iteration = experiment.state.iterations.emplace_back();
    iteration.number = number;
    iteration.salt = salt;
    iteration.measured = HeldPlan(MeasuredPlanOf(experiment.definition, definitions.entities));
    experiment.state.iteration = number;
  }
  const std::vector<FoldPlan> plans = PlansOf(definitions, experiment, stats::Time());
  ASSERT_EQ(plans.size(), 3u);
  for (const std::size_t fresh : {0, 2}) {
    EXPECT_EQ(plans[fresh].plan.lookback, std::chrono::days(14));
    EXPECT_TRUE(plans[fresh].plan.metrics.at(0).adjust);
  }
  EXPECT_EQ(plans[1].plan.lookback, std::chrono::days(0)) << "its arms are those of the first";
  EXPECT_FALSE(plans[1].plan.metrics.at(0).adjust);
}

TEST(PlansOfTest, WhatADefinitionDoesNotSayIsTheDefaultOfTheMethods) {
  const auto plan_of = [](const char* metric, const char* plan) {
    Definitions definitions;
    definitions.project.key = "shop";
    definitions.entities.metrics.emplace_back().definition = *DecodeMetric(*ParseJson(metric));
    ExperimentRecord experiment;
    experiment.definition = *DecodeExperiment(*ParseJson(
        R"({"experiment":"checkout","flag":"f","environment":"production","unit":"key",
            "variants":{"control":{"serves":"a","weight":"50%"},"new":{"serves":"b","weight":"50%"}},
            "metrics":{"primary":"spent"}, )" +
        std::string(plan) + "}"));
    experiment.state.iteration = 1;
    experiment.state.iterations.emplace_back().number = 1;
    return PlansOf(definitions, experiment, stats::Time()).at(0).plan;
  };
  for (const char* plan : {R"("plan":{})", R"("archived":false)"}) {
    const stats::ExperimentPlan unsaid = plan_of(R"({"metric":"spent","type":"sum","event":"e","value":"v"})", plan);
    EXPECT_EQ(unsaid.lookback, std::chrono::days(14)) << plan;
    EXPECT_TRUE(unsaid.metrics.at(0).adjust) << plan;
    EXPECT_EQ(unsaid.metrics.at(0).window, std::chrono::hours(72)) << plan;
    EXPECT_EQ(unsaid.metrics.at(0).cap_share, 0.999) << plan;
  }
  const stats::ExperimentPlan none =
      plan_of(R"({"metric":"spent","type":"sum","event":"e","value":"v","window":"none","cap":"none"})",
              R"("plan":{"adjust":"none"})");
  EXPECT_FALSE(none.metrics.at(0).adjust);
  EXPECT_EQ(none.metrics.at(0).window, std::nullopt);
  EXPECT_EQ(none.metrics.at(0).cap_share, std::nullopt);
  EXPECT_EQ(plan_of(R"({"metric":"spent","type":"conversion","event":"e"})", R"("plan":{})").metrics.at(0).cap_share,
            std::nullopt)
      << "shares have none";
}

}  // namespace
}  // namespace guidon
