// The workspace of the shop: whole, valid, varied, and what its own tests say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/workspace.h"
#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/eval/evaluator.h"

namespace guidon {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

const cli::Workspace& Shop() {
  static const cli::Workspace kShop = cli::ReadWorkspace(GUIDON_SOURCE_DIR "/experiments/shop").value();
  return kShop;
}

std::shared_ptr<const Ruleset> RulesetOf(const std::string& environment) {
  Definitions definitions = Shop().definitions;
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  return Compile(SnapshotOf(definitions, environment, 1));
}

TEST(ShopTest, ValidatesWithoutErrorsAndWarnsOfNothingButTheCalendar) {
  for (const cli::PlacedIssue& placed : Shop().issues) {
    EXPECT_EQ(placed.issue.code, "expired") << placed.file << ":" << placed.at.line << ": " << placed.issue.message;
  }
}

TEST(ShopTest, HasEveryTypeAndKindOfFlag) {
  std::set<FlagType> types;
  std::set<FlagKind> kinds;
  const EntitySet& shop = Shop().definitions.entities;
  for (const FlagRecord& flag : shop.flags) {
    types.insert(flag.definition.type);
    kinds.insert(flag.definition.kind);
    EXPECT_FALSE(flag.definition.description.empty()) << flag.definition.key;
    EXPECT_NE(flag.definition.FindEnvironment("production"), nullptr) << flag.definition.key;
  }
  EXPECT_GE(shop.flags.size(), 12u);
  EXPECT_EQ(types.size(), 4u);
  EXPECT_EQ(kinds.size(), 4u);
  EXPECT_GE(shop.segments.size(), 3u);
  EXPECT_EQ(shop.layers.size(), 2u);
  EXPECT_EQ(shop.holdouts.size(), 1u);
  EXPECT_EQ(shop.experiments.size(), 4u);
}

TEST(ShopTest, HasEveryTypeOfMetric) {
  std::set<MetricType> types;
  for (const MetricRecord& metric : Shop().definitions.entities.metrics) types.insert(metric.definition.type);
  EXPECT_EQ(types.size(), 8u);
}

TEST(ShopTest, CompilesInEveryEnvironment) {
  for (const char* environment : {"staging", "production"}) {
    EXPECT_THAT(RulesetOf(environment)->broken(), ::testing::IsEmpty()) << environment;
  }
}

// "none" when the experiment does not take the unit.
std::string VariantOf(const Experiment& experiment, const Context& context, std::int64_t now) {
  const auto ruleset = RulesetOf(experiment.environment);
  const Decision decision = Evaluate(*ruleset, ruleset->Find(experiment.flag), context, now);
  const bool took = decision.experiment != nullptr && decision.experiment->key == experiment.key;
  return took ? std::string(decision.variant_name()) : "none";
}

TEST(ShopTest, AnswersWhatItsTestsExpect) {
  EXPECT_GE(Shop().tests.size(), 15u);
  for (const FlagTest& test : Shop().tests) {
    const Context context = Context::FromValue(test.given);
    const std::int64_t now = test.now.value_or(kNow);
    SCOPED_TRACE(test.flag + test.experiment + " given " + ToJson(test.given));
    if (!test.experiment.empty()) {
      const ExperimentRecord* record = Shop().definitions.entities.FindExperiment(test.experiment);
      ASSERT_NE(record, nullptr);
      EXPECT_EQ(VariantOf(record->definition, context, now), test.expect.variant);
      continue;
    }
    const auto ruleset = RulesetOf(test.environment);
    const Decision decision = Evaluate(*ruleset, ruleset->Find(test.flag), context, now);
    if (!test.expect.variation.empty()) {
      EXPECT_EQ(decision.variation_name(), test.expect.variation);
    }
    if (!test.expect.reason.empty()) {
      EXPECT_EQ(ToString(decision.reason), test.expect.reason);
    }
    if (!test.expect.rule.empty()) {
      EXPECT_EQ(decision.rule_id(), test.expect.rule);
    }
    if (test.expect.value) {
      ASSERT_NE(decision.value(), nullptr);
      EXPECT_EQ(*decision.value(), *test.expect.value);
    }
  }
}

TEST(ShopTest, ItsExperimentsTakeWhomTheirTestsExpect) {
  int tests = 0;
  for (const ExperimentRecord& record : Shop().definitions.entities.experiments) {
    for (const ExperimentTest& test : record.definition.tests) {
      SCOPED_TRACE(record.definition.key + " given " + ToJson(test.given));
      EXPECT_EQ(VariantOf(record.definition, Context::FromValue(test.given), kNow), test.expect);
      ++tests;
    }
  }
  EXPECT_GE(tests, 4);
}

}  // namespace
}  // namespace guidon
