// What the fold is told of the catalog.
#include "server/analysis/plan_of.h"

#include <gmock/gmock.h>

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
  EXPECT_FALSE(PlanOf(definitions, holdout, "production")) << "it has never run";
  experiment.state.iteration = 1;
  EXPECT_TRUE(PlanOf(definitions, holdout, "production"));
}

}  // namespace
}  // namespace guidon
