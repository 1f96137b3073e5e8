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

}  // namespace
}  // namespace guidon
