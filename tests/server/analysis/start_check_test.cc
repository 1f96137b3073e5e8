// What somebody is told before an experiment starts.
#include "server/analysis/start_check.h"

#include <gtest/gtest.h>

#include "core/base/json.h"
#include "stats/inference/power.h"
#include "stats/report/report.h"
#include "stats/report/words.h"

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
  Metric& AddMetric(const std::string& key, MetricType type) {
    Metric& metric = definitions.entities.metrics.emplace_back().definition;
    metric.key = key;
    metric.type = type;
    return metric;
  }
  std::string SentenceOf(const StartCheckInputs& inputs) {
    return ChecksBeforeStart(definitions, record(), inputs).back().sentence;
  }
  double UnitsOf(const StartCheckInputs& inputs) {
    const std::vector<StartCheck> checks = ChecksBeforeStart(definitions, record(), inputs);
    const Value* units = checks.back().numbers.Find("units");
    EXPECT_NE(units, nullptr) << checks.back().sentence;
    return units == nullptr ? 0 : units->AsDouble();
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

TEST_F(StartCheckTest, WhatLeadsToItIsSaid) {
  FlagRecord& flag = definitions.entities.flags.emplace_back();
  flag.definition.key = "layout";
  Targeting& there = flag.definition.environments.emplace_back();
  there.environment = "production";
  EXPECT_EQ(Check("flag"),
            "attention: no rule of flag layout names it: it takes the traffic that reaches `default`; the "
            "flag is not enabled in production, so nobody is in it "
            R"({"enabled":false,"rules":0,"rules_naming_it":0})");
  there.enabled = true;
  there.rules = {{"beta", {}, FixedServe{"off"}, {}, ""}, {"main", {}, ExperimentServe{"e"}, {}, ""}};
  EXPECT_TRUE(Check("flag").starts_with("good: a rule of flag layout names it {"));
  there.rules[0].serve = ExperimentServe{"e"};
  EXPECT_TRUE(Check("flag").starts_with("good: 2 rules of flag layout name it {"));
  // As a rollback leaves it.
  there.rules[0].serve = there.rules[1].serve = FixedServe{"off"};
  EXPECT_TRUE(Check("flag").starts_with("good: no rule of flag layout names it: it takes the traffic that reaches "))
      << "it never ran";
  record().state.iteration = 1;
  EXPECT_TRUE(
      Check("flag").starts_with("attention: no rule of flag layout names it: it takes the traffic that reaches "
                                "`default`; if a rule named it before, that has to name it again {"))
      << Check("flag");
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
  EXPECT_EQ(
      Check("audience", {.units_per_day = 60'000}),
      R"(good: about 60,000 new units a day are in its audience, of which 40% take part; everybody who reaches )"
      R"(the flag is in it {"share":"40%","share_at_first":"40%","has_condition":false,"units_per_day":60000.0})");
  record().definition.holdout = "h";
  record().definition.ramp = {{1'000, {}, {}}, {50'000, {}, {}}};
  EXPECT_TRUE(Check("audience").starts_with("good: 18% of the units in its audience take part, and 0.36% at first;"));
  EXPECT_EQ(TakingPartOf(definitions, record().definition).at_first, 360u);
  EXPECT_EQ(TakingPartOf(definitions, record().definition).at_last, 18'000u);
  EXPECT_TRUE(Check("traffic").starts_with("unknown: how many new units a day"));
  EXPECT_EQ(Check("traffic", {.units_per_day = 20'000}),
            R"(good: about 3,600 units a day enter, as told )"
            R"({"units_per_day":20000.0,"entering_per_day":3600.0,"source":"told"})");
  const ObservedTraffic seen{10'000, "old", 3, "2027-03-01", 7};
  EXPECT_EQ(
      Check("traffic", {.observed = seen}),
      R"(good: about 1,800 units a day enter, by the exposures of experiment old on 7 days from 2027-03-01, whose )"
      R"(audience may be another {"units_per_day":10000.0,"entering_per_day":1800.0,"source":"exposures",)"
      R"("experiment":"old","iteration":3,"first_day":"2027-03-01","days":7})");
  EXPECT_TRUE(Check("traffic", {.observed = ObservedTraffic{10'000, "e", 3, "2027-03-01", 1}})
                  .starts_with("good: about 1,800 units a day enter, by the exposures of its iteration 3 on the day "));
  EXPECT_TRUE(Check("traffic", {.units_per_day = 20'000, .observed = seen}).starts_with("good: about 3,600"))
      << "what is told counts first";
  definitions.entities.holdouts[0].definition.archived = true;
  EXPECT_EQ(TakingPartOf(definitions, record().definition).at_last, 20'000u);
}

// Two arms of a rate of 10 % and +5 %: 59 408 units an arm by one look at 5 % and 80 %, by the delta method.
TEST_F(StartCheckTest, ThePowerSaysWhatItTakesAndWhatIsNotKnown) {
  AddMetric("orders", MetricType::kConversion);
  EXPECT_TRUE(Check("power").starts_with("unknown: without a primary metric"));
  record().definition.primary = PrimaryMetric{"orders", {}, {}};
  EXPECT_TRUE(Check("power").starts_with("unknown: which effect is worth finding"));
  record().definition.primary->detect = 5'000;
  record().definition.plan = Plan{.method = PlanMethod::kFixed, .max_days = 20};
  EXPECT_TRUE(Check("power").starts_with("unknown: what orders is without the experiment"));
  EXPECT_TRUE(Check("power", {.baseline = 1.5}).starts_with("unknown: orders is a share of units"));
  EXPECT_NEAR(UnitsOf({.baseline = 0.1}), 2 * 59'408, 3);
  EXPECT_NE(Check("power", {.baseline = 0.1}).find("how long that lasts is not known"), std::string::npos);
  // 40 % of 20 000 a day enter: some 15 days.
  EXPECT_TRUE(Check("power", {.units_per_day = 20'000, .baseline = 0.1}).starts_with("good: it takes 11"));
  EXPECT_TRUE(Check("power", {.observed = ObservedTraffic{20'000, "old", 1, "2027-03-01", 7}, .baseline = 0.1})
                  .starts_with("good: it takes 11"));
  const double one_look = UnitsOf({.baseline = 0.1});
  record().definition.plan->method = PlanMethod::kGroupSequential;
  record().definition.plan->looks = std::chrono::days(1);
  const double looking = UnitsOf({.baseline = 0.1});
  EXPECT_GT(looking, one_look) << "looking costs";
  EXPECT_LT(looking, 1.1 * one_look);
  record().definition.variants = {{"control", "off", 80'000}, {"one", "on", 20'000}};
  EXPECT_GT(UnitsOf({.baseline = 0.1}), looking) << "so do unequal weights";
  definitions.entities.metrics[0].definition.type = MetricType::kSum;
  EXPECT_TRUE(Check("power", {.baseline = 12}).starts_with("unknown: how far orders varies"));
  EXPECT_TRUE(Check("power", {.baseline = 12, .deviation = 30}).starts_with("unknown: it takes "));
}

// What is said before the start is what the plan says once it runs, from the same baseline.
TEST_F(StartCheckTest, TheUnitsAreThoseOfThePlan) {
  AddMetric("orders", MetricType::kConversion);
  AddMetric("steps", MetricType::kFunnel);
  AddMetric("revenue", MetricType::kSum);
  Experiment& experiment = record().definition;
  experiment.primary = PrimaryMetric{"orders", {}, 5'000};
  stats::Design design;
  design.plan.weights = {0.5, 0.5};
  design.plan.metrics.resize(1);
  design.primary = stats::Goal{0, true, 0.05};
  const stats::ProportionStatistic rate{1'000, 100};
  const StartCheckInputs told{.baseline = 0.1};
  EXPECT_EQ(UnitsOf(told), stats::PlannedUnits(design, rate)) << "without a plan of its own: group sequential, weekly";

  experiment.plan = Plan{.looks = std::chrono::days(1), .min_days = 7, .max_days = 28};
  design.look_every = std::chrono::days(1);
  design.min_days = 7;
  design.max_days = 28;
  const double of_two = UnitsOf(told);
  EXPECT_EQ(of_two, stats::PlannedUnits(design, rate));
  experiment.variants = {{"control", "off", 50'000}, {"one", "on", 25'000}, {"two", "on", 25'000}};
  design.plan.weights = {0.5, 0.25, 0.25};
  design.plan.variants = {"control", "one", "two"};
  EXPECT_EQ(UnitsOf(told), stats::PlannedUnits(design, rate)) << "each comparison has its share of alpha";
  EXPECT_GT(UnitsOf(told), 1.5 * of_two);

  experiment.plan->method = PlanMethod::kSequential;
  experiment.plan->power = 90'000;
  design.method = stats::PlanMethod::kSequential;
  design.power = 0.9;
  EXPECT_EQ(UnitsOf(told), stats::PlannedUnits(design, rate)) << "a sequence is tuned to another number of units";
  experiment.primary->expect = Direction::kDown;
  design.primary->expect_up = false;
  EXPECT_EQ(UnitsOf(told), stats::PlannedUnits(design, rate));
  EXPECT_NE(Check("power", told).find(" units in all to show −5% of orders with 90% power"), std::string::npos);

  experiment.primary->use = "steps";
  EXPECT_EQ(UnitsOf(told), stats::PlannedUnits(design, rate)) << "of a funnel who reaches its end: a share of units";
  experiment.primary->use = "revenue";
  stats::Moments moments;
  for (const double amount : {0.0, 12.0, 24.0}) moments.Add(amount);
  EXPECT_EQ(UnitsOf({.baseline = 12, .deviation = 12}), stats::PlannedUnits(design, stats::MeanStatistic{moments}));

  AddMetric("latency", MetricType::kQuantile);
  experiment.primary->use = "latency";
  EXPECT_FALSE(stats::PlannedUnits(design, stats::QuantileStatistic{1'000, 1'000, 0.95, 300, 290, 310}));
  const std::string unsaid =
      "how many units it takes cannot be said of a quantile, which latency is; its plan goes by days";
  EXPECT_EQ(Check("power", {.baseline = 300, .deviation = 90}),
            "good: " + unsaid + R"(, of which it has 28 {"days":28})");
  experiment.plan->max_days.reset();
  EXPECT_TRUE(Check("power").starts_with("attention: " + unsaid + ": write `max_days`"));
}

// With the traffic that there is.
TEST_F(StartCheckTest, ThePowerIsThatOfTheTimeThatItsPlanHas) {
  AddMetric("orders", MetricType::kConversion);
  record().definition.primary = PrimaryMetric{"orders", {}, 5'000};
  record().definition.plan = Plan{.method = PlanMethod::kFixed, .max_days = 20};
  // 800 a day enter: 16 000 in 20 days.
  const StartCheckInputs few{.units_per_day = 2'000, .baseline = 0.1};
  const double power = *stats::PowerForLift(stats::ShareBaseline(0.1), 0.05, 8'000);
  const double detectable = *stats::DetectableLift(stats::ShareBaseline(0.1), 8'000);
  EXPECT_EQ(SentenceOf(few),
            "it takes 118,817 units in all to show +5% of orders with 80% power, which is 149 days; the "
            "20 days of its plan give 17.6% power for that, and 80% for " +
                stats::LiftText(detectable) + " and more");
  EXPECT_TRUE(Check("power", few).starts_with("attention: "));
  const auto within = [&](const std::string& name, const StartCheckInputs& inputs) {
    const std::vector<StartCheck> checks = ChecksBeforeStart(definitions, record(), inputs);
    return checks.back().numbers.Find("within")->Find(name)->AsDouble();
  };
  EXPECT_EQ(within("days", few), 20);
  EXPECT_EQ(within("units", few), 16'000);
  EXPECT_NEAR(within("power", few), power, 2e-3) << "but for what is shown on the wrong side";
  EXPECT_NEAR(within("detectable", few), detectable, 1e-5);
  record().definition.primary->expect = Direction::kDown;
  EXPECT_NEAR(within("detectable", few), -detectable, 1e-5);
  const StartCheckInputs many{.units_per_day = 50'000, .baseline = 0.1};
  EXPECT_TRUE(SentenceOf(many).ends_with(", which is 6 days; it runs for 7 days all the same")) << SentenceOf(many);
  EXPECT_GT(within("power", many), 0.99);
  EXPECT_TRUE(SentenceOf({.units_per_day = 1, .baseline = 0.1})
                  .ends_with("which is more than 10 years; the 20 days of its plan give 5.00% power for that, and not "
                             "80% for any effect"))
      << SentenceOf({.units_per_day = 1, .baseline = 0.1});
  // Who has not said what is worth finding is told what could be.
  record().definition.primary->detect.reset();
  EXPECT_EQ(SentenceOf(few),
            "which effect is worth finding is not said; write `detect` into the metric; 20 days give 80% "
            "power for " +
                stats::LiftText(-detectable) + " and more");
  record().definition.plan->max_days.reset();
  EXPECT_EQ(within("days", few), 14);
}

TEST_F(StartCheckTest, WhatWasMeasuredBeforeStandsInForTheBaseline) {
  AddMetric("orders", MetricType::kConversion);
  record().definition.primary = PrimaryMetric{"orders", {}, 5'000};
  record().definition.plan = Plan{.method = PlanMethod::kFixed};
  StartCheckInputs inputs;
  inputs.observed_baseline = ObservedBaseline{{stats::ProportionStatistic{2'000, 200}}, "e", 3};
  EXPECT_EQ(
      Check("power", inputs),
      "unknown: it takes 118,817 units in all to show +5% of orders, from 10.0% in its iteration 3, with 80% power; "
      "how long that lasts is not known without --daily-units "
      R"({"baseline":0.1,"source":"totals","experiment":"e","iteration":3,"baseline_units":2000.0,"lift":0.05,)"
      R"("alpha":"5%","power":"80%","units":118817.0})");
  inputs.observed_baseline->experiment = "old";
  EXPECT_TRUE(SentenceOf(inputs).find(", from 10.0% in experiment old, with") != std::string::npos);
  inputs.baseline = 0.2;
  EXPECT_NEAR(UnitsOf(inputs), UnitsOf({.baseline = 0.2}), 0) << "what is told counts first";
  // Of a mean only who has an event counts: ten times as many have to be exposed, where it is known that one in ten
  // has.
  definitions.entities.metrics[0].definition.type = MetricType::kMean;
  stats::Moments moments;
  for (const double amount : {0.0, 12.0, 24.0}) moments.Add(amount);
  stats::Design design;
  design.plan.weights = {0.5, 0.5};
  design.primary = stats::Goal{0, true, 0.05};
  design.method = stats::PlanMethod::kFixed;
  const double counted = *stats::PlannedUnits(design, stats::MeanStatistic{moments});
  EXPECT_EQ(SentenceOf({.baseline = 12, .deviation = 12}),
            "it takes " + stats::CountText(counted) +
                " units with an event in all to show +5% of orders with 80% power; "
                "how many of those exposed have one is not known");
  inputs.observed_baseline = ObservedBaseline{{stats::MeanStatistic{moments}, 10}, "e", 3};
  EXPECT_EQ(UnitsOf({.baseline = 12, .deviation = 12, .observed_baseline = inputs.observed_baseline}), 10 * counted);
  EXPECT_EQ(UnitsOf({.observed_baseline = inputs.observed_baseline}), 10 * counted);
}

}  // namespace
}  // namespace guidon
