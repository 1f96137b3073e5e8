// The workspace of the shop: whole, valid, varied, and what its own tests say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/expect/expect.h"
#include "workspace/workspace.h"

namespace guidon {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

const Workspace& Shop() {
  static const Workspace kShop = ReadWorkspace(GUIDON_SOURCE_DIR "/experiments/shop").value();
  return kShop;
}

std::shared_ptr<const Ruleset> RulesetOf(const std::string& environment) {
  Definitions definitions = Shop().definitions;
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  return Compile(SnapshotOf(definitions, environment, 1));
}

TEST(ShopTest, ValidatesWithoutErrorsAndWarnsOfNothingButTheCalendar) {
  for (const PlacedIssue& placed : Shop().issues) {
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

std::string Said(const TestOutcome& outcome) {
  std::string text;
  for (const FailedCase& failure : outcome.failures) {
    for (const std::string& difference : failure.differences) text += ToJson(failure.given) + ": " + difference + "\n";
  }
  return text;
}

TEST(ShopTest, AnswersWhatItsTestsExpect) {
  EXPECT_GE(Shop().tests.size(), 15u);
  TestRunner runner(Shop().definitions, kNow);
  for (const FlagTest& test : Shop().tests) {
    const TestOutcome outcome = runner.Run(test);
    EXPECT_TRUE(outcome.passed()) << test.flag << test.experiment << " " << Said(outcome);
  }
}

TEST(ShopTest, ItsExperimentsTakeWhomTheirTestsExpect) {
  std::size_t tests = 0;
  TestRunner runner(Shop().definitions, kNow);
  for (const ExperimentRecord& record : Shop().definitions.entities.experiments) {
    for (const ExperimentTest& test : record.definition.tests) {
      const TestOutcome outcome = runner.Run(record.definition, test);
      EXPECT_TRUE(outcome.passed()) << record.definition.key << " " << Said(outcome);
      ++tests;
    }
  }
  EXPECT_GE(tests, 4u);
}

}  // namespace
}  // namespace guidon
