#include "stats/metric/contribution.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/hash.h"
#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

using Kind = Contribution::Kind;

// One metric of the kind, with variants A and B.
ExperimentPlan PlanOf(MetricPlan metric) {
  ExperimentPlan plan;
  plan.experiment = "checkout-one-page";
  plan.variants = {"A", "B"};
  plan.weights = {0.5, 0.5};
  plan.metrics = {std::move(metric)};
  plan.started = kStart;
  return plan;
}

class Unit {
 public:
  Unit& Sees(std::uint32_t variant, Time time, std::vector<std::string> dimensions = {}) {
    record_.AddExposure({"checkout-one-page", 1}, {variant, time, std::move(dimensions)});
    return *this;
  }
  Unit& Does(SourceId source, Time time, double value = 1) {
    record_.AddEvent(source, {time, value, 1});
    return *this;
  }
  Contribution Under(const ExperimentPlan& plan, const Caps& caps = {}) const {
    return ContributionOf(plan, record_, 7, caps);
  }
  MetricContribution For(const ExperimentPlan& plan, const Caps& caps = {}) const {
    const Contribution contribution = Under(plan, caps);
    EXPECT_EQ(contribution.kind, Kind::kUnit);
    return contribution.metrics.empty() ? MetricContribution{} : contribution.metrics[0];
  }

 private:
  UnitRecord record_;
};

// ---- Who counts
// -------------------------------------------------------------------------------------------------------

TEST(ContributionTest, WithinTheToleranceOfClocksAnEventCountsAsAtTheStart) {
  ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kCount, {kOrders}, 72h));
  plan.metrics[0].adjust = true;
  Unit at_start, later;
  at_start.Sees(0, kStart).Does(kOrders, kStart - kStartTolerance - 1ms).Does(kOrders, kStart - kStartTolerance);
  at_start.Does(kOrders, kStart - 1ms).Does(kOrders, kStart + 72h - 1ms).Does(kOrders, kStart + 72h);
  EXPECT_EQ(at_start.For(plan).y, 3)
      << "two before the start, and one before the end of the window, which does not move";
  EXPECT_EQ(at_start.For(plan).x, 1);
  later.Sees(0, kStart + 1ms).Does(kOrders, kStart - 1ms);
  EXPECT_EQ(later.For(plan).y, 0) << "it was exposed after it, whatever the clocks";
  EXPECT_EQ(later.For(plan).x, 1);
  // Only the start has the tolerance: what is measured a day later begins then.
  plan.metrics[0] = MetricOf("back", MetricKind::kRetention, {kOrders}, 24h);
  plan.metrics[0].after = 24h;
  Unit back;
  back.Sees(0, kStart).Does(kOrders, kStart + 24h - 1ms);
  EXPECT_EQ(back.For(plan).y, 0);
}

// "u1 sees A 10:00, A 10:05 (dropped), buys 9:59 (no), 10:00 (yes), +71 h 59 m (yes), +72 h (no). u2 sees A then B:
// excluded, counts in 'multiple'. u3 sees B, buys before the exposure record arrives but after its event time: counts."
TEST(ContributionTest, TheExampleOfTheSpecification) {
  const ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kCount, {kOrders}, 72h));
  const Time ten = kStart + 10h;
  Unit u1;
  u1.Sees(0, ten).Sees(0, ten + 5min);
  u1.Does(kOrders, ten - 1min).Does(kOrders, ten).Does(kOrders, ten + 71h + 59min).Does(kOrders, ten + 72h);
  EXPECT_EQ(u1.Under(plan).variant, 0u);
  EXPECT_EQ(u1.For(plan).y, 2);
  EXPECT_EQ(u1.For(plan).x, 1) << "9:59 is of the time before";

  Unit u2;
  u2.Sees(0, ten).Sees(1, ten + 1h).Does(kOrders, ten + 2h);
  EXPECT_EQ(u2.Under(plan).kind, Kind::kMultiple);
  EXPECT_EQ(u2.Under(plan).variant, 0u) << "against the arm of the first exposure";
  EXPECT_TRUE(u2.Under(plan).metrics.empty());

  Unit u3;
  u3.Does(kOrders, ten + 1h);
  EXPECT_EQ(u3.Under(plan).kind, Kind::kNone);
  u3.Sees(1, ten);
  EXPECT_EQ(u3.Under(plan).variant, 1u);
  EXPECT_EQ(u3.For(plan).y, 1);
}

TEST(ContributionTest, AnExposureThatTurnsOutEarlierMovesTheWindow) {
  const ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kCount, {kOrders}, 24h));
  Unit unit;
  unit.Sees(0, kStart + 50h, {"web"}).Does(kOrders, kStart + 49h).Does(kOrders, kStart + 60h);
  EXPECT_EQ(unit.For(plan).y, 1);
  unit.Sees(0, kStart + 30h, {"ios"});
  EXPECT_EQ(unit.For(plan).y, 1) << "the other one is in the window now, and the later one is not";
  EXPECT_EQ(unit.For(plan).x, 0);
  EXPECT_EQ(unit.Under(plan).dimensions, std::vector<std::string>{"ios"});
  EXPECT_EQ(unit.Under(plan).day, (kStart + 30h).time_since_epoch() / 24h);
}

TEST(ContributionTest, ExposuresOutsideOfTheIterationAreIgnored) {
  ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kCount, {kOrders}));
  plan.ended = kStart + 100h;
  EXPECT_EQ(Unit().Sees(0, kStart - 1ms).Under(plan).kind, Kind::kNone);
  EXPECT_EQ(Unit().Sees(0, kStart).Under(plan).kind, Kind::kUnit);
  EXPECT_EQ(Unit().Sees(0, kStart + 100h - 1ms).Under(plan).kind, Kind::kUnit);
  EXPECT_EQ(Unit().Sees(0, kStart + 100h).Under(plan).kind, Kind::kNone);
  EXPECT_EQ(Unit().Sees(0, kStart).Sees(1, kStart + 100h).Under(plan).kind, Kind::kUnit) << "B was after the end";
  EXPECT_EQ(Unit().Sees(7, kStart).Under(plan).kind, Kind::kNone) << "there is no such variant";
  plan.iteration = 2;
  EXPECT_EQ(Unit().Sees(0, kStart).Under(plan).kind, Kind::kNone);
}

TEST(ContributionTest, GroupsAreTheLowByteOfTheHash) {
  EXPECT_EQ(HashGroupOf("acct-17"), Xxh3("acct-17") % 256);
  EXPECT_EQ(Unit().Sees(0, kStart).Under(PlanOf({})).group, 7);
}

// ---- When
// -------------------------------------------------------------------------------------------------------------

TEST(ContributionTest, WithoutAWindowEventsCountToTheEnd) {
  ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kCount, {kOrders}, std::nullopt));
  Unit unit;
  unit.Sees(0, kStart + 1h).Does(kOrders, kStart + 99h).Does(kOrders, kStart + 100h).Does(kOrders, kStart + 9'000h);
  EXPECT_EQ(unit.For(plan).y, 3) << "there is no end yet";
  plan.ended = kStart + 100h;
  EXPECT_EQ(unit.For(plan).y, 1);
  plan.metrics[0].after = 2h;
  EXPECT_EQ(unit.For(plan).y, 2) << "everybody's window is moved by `after`";
  plan.metrics[0].window = 99h;
  EXPECT_EQ(unit.For(plan).y, 2) << "outcomes accrue for the window after the end";
}

TEST(ContributionTest, TheCovariateLooksBackFromTheUnitsOwnExposure) {
  ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kSum, {kSpend}, 24h));
  plan.lookback = 48h;
  const Time seen = kStart + 100h;
  Unit unit;
  unit.Sees(0, seen).Does(kSpend, seen - 48h - 1ms, 1).Does(kSpend, seen - 48h, 10).Does(kSpend, seen - 1ms, 100);
  EXPECT_EQ(unit.For(plan).x, 110);
  EXPECT_TRUE(unit.Under(plan).has_history);
  const Unit stranger = Unit().Sees(0, seen).Does(kSpend, seen - 49h).Does(kSpend, seen, 5);
  EXPECT_FALSE(stranger.Under(plan).has_history);
  EXPECT_EQ(stranger.For(plan).x, 0);
  EXPECT_EQ(stranger.For(plan).y, 5);
}

TEST(ContributionTest, PlansWithEndlessDurationsAreTaken) {
  ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kCount, {kOrders}, Milliseconds::max()));
  plan.lookback = Milliseconds::max();
  plan.metrics[0].after = 1h;
  const Unit unit = Unit().Sees(0, kStart).Does(kOrders, kEarliest).Does(kOrders, kLatest);
  EXPECT_EQ(unit.For(plan).y, 1);
  EXPECT_EQ(unit.For(plan).x, 1);
}

// ---- How much
// ---------------------------------------------------------------------------------------------------------

TEST(ContributionTest, EachKindAggregatesTheSameBeforeAndAfter) {
  const Time seen = kStart + 24h;
  Unit unit;
  unit.Sees(0, seen);
  unit.Does(kSpend, seen - 2h, 4).Does(kSpend, seen - 1h, 8).Does(kSpend, seen + 1h, 10).Does(kSpend, seen + 2h, 20);
  unit.Does(kSpend, seen + 3h, 60).Does(kVisits, seen - 1h).Does(kVisits, seen).Does(kVisits, seen + 1h);
  const auto gives = [&](MetricKind kind, std::vector<SourceId> sources) {
    return unit.For(PlanOf(MetricOf("metric", kind, std::move(sources), 72h)));
  };
  const auto y_and_x = [](const MetricContribution& of) { return std::pair(of.y, of.x); };
  EXPECT_EQ(y_and_x(gives(MetricKind::kConversion, {kSpend})), std::pair(1.0, 1.0));
  EXPECT_EQ(y_and_x(gives(MetricKind::kConversion, {kOrders})), std::pair(0.0, 0.0));
  EXPECT_EQ(y_and_x(gives(MetricKind::kCount, {kSpend})), std::pair(3.0, 2.0));
  EXPECT_EQ(y_and_x(gives(MetricKind::kSum, {kSpend})), std::pair(90.0, 12.0));
  EXPECT_EQ(y_and_x(gives(MetricKind::kMean, {kSpend})), std::pair(30.0, 6.0));
  EXPECT_EQ(y_and_x(gives(MetricKind::kRetention, {kOrders})), std::pair(0.0, 0.0));

  const MetricContribution ratio = gives(MetricKind::kRatio, {kSpend, kVisits});
  EXPECT_EQ(y_and_x(ratio), std::pair(90.0, 12.0));
  EXPECT_EQ(std::pair(ratio.d, ratio.xd), std::pair(2.0, 1.0));
  EXPECT_EQ(ratio.events, 3u);

  const MetricContribution quantile = gives(MetricKind::kQuantile, {kSpend});
  EXPECT_EQ(quantile.values, (std::vector<ValueCount>{{10, 1}, {20, 1}, {60, 1}}));
  EXPECT_EQ(quantile.events, 3u);
  EXPECT_EQ(y_and_x(quantile), std::pair(0.0, 0.0));
}

TEST(ContributionTest, UnitsWithoutEventsDoNotCountForAMean) {
  const ExperimentPlan plan = PlanOf(MetricOf("basket", MetricKind::kMean, {kSpend}, 72h));
  EXPECT_FALSE(Unit().Sees(0, kStart).Does(kSpend, kStart - 1h, 5).For(plan).counted);
  EXPECT_TRUE(Unit().Sees(0, kStart).Does(kSpend, kStart, 0).For(plan).counted);
}

TEST(ContributionTest, RetentionAsksForAnEventInItsWindow) {
  MetricPlan metric = MetricOf("day-1", MetricKind::kRetention, {kVisits}, 24h);
  metric.after = 24h;
  const ExperimentPlan plan = PlanOf(metric);
  EXPECT_EQ(Unit().Sees(0, kStart).Does(kVisits, kStart + 24h - 1ms).For(plan).y, 0);
  EXPECT_EQ(Unit().Sees(0, kStart).Does(kVisits, kStart + 24h).For(plan).y, 1);
  EXPECT_EQ(Unit().Sees(0, kStart).Does(kVisits, kStart + 48h).For(plan).y, 0);
}

TEST(ContributionTest, FunnelsGoThroughTheirStepsInOrder) {
  const auto steps = [](std::vector<SourceId> sources, const Unit& unit) {
    return unit.For(PlanOf(MetricOf("checkout", MetricKind::kFunnel, std::move(sources), 72h))).steps;
  };
  const std::vector<SourceId> checkout = {kVisits, kCart, kOrders};
  const Unit seen = Unit().Sees(0, kStart);
  const auto with = [&](std::vector<std::pair<SourceId, Milliseconds>> events) {
    Unit unit = seen;
    for (const auto& [source, after] : events) unit.Does(source, kStart + after);
    return unit;
  };
  EXPECT_EQ(steps(checkout, seen), 0u);
  EXPECT_EQ(steps(checkout, with({{kVisits, 1h}, {kCart, 2h}, {kOrders, 3h}})), 3u);
  EXPECT_EQ(steps(checkout, with({{kVisits, 1h}, {kCart, 1h}, {kOrders, 1h}})), 3u) << "at the same instant";
  EXPECT_EQ(steps(checkout, with({{kVisits, 2h}, {kCart, 1h}, {kOrders, 3h}})), 1u) << "the cart was before";
  EXPECT_EQ(steps(checkout, with({{kVisits, 1h}, {kOrders, 3h}})), 1u);
  EXPECT_EQ(steps(checkout, with({{kVisits, -1h}, {kCart, 2h}, {kOrders, 3h}})), 0u) << "before the exposure";
  EXPECT_EQ(steps(checkout, with({{kVisits, 1h}, {kCart, 2h}, {kOrders, 72h}})), 2u) << "after the window";
  EXPECT_EQ(steps(checkout, with({{kVisits, 1h}, {kCart, 3h}, {kOrders, 2h}, {kOrders, 4h}})), 3u);

  const std::vector<SourceId> again = {kVisits, kVisits, kOrders, kVisits};
  EXPECT_EQ(steps(again, with({{kVisits, 1h}, {kOrders, 2h}})), 1u) << "no event serves two steps";
  EXPECT_EQ(steps(again, with({{kVisits, 1h}, {kVisits, 1h}, {kOrders, 1h}})), 3u);
  EXPECT_EQ(steps(again, with({{kVisits, 1h}, {kVisits, 1h}, {kVisits, 1h}, {kOrders, 1h}})), 4u);
  EXPECT_EQ(steps(again, with({{kVisits, 1h}, {kVisits, 1h}, {kOrders, 2h}, {kVisits, 2h}})), 4u);

  const ExperimentPlan plan = PlanOf(MetricOf("checkout", MetricKind::kFunnel, checkout, 72h));
  EXPECT_EQ(with({{kVisits, 1h}, {kCart, 2h}}).For(plan).y, 0);
  EXPECT_EQ(with({{kVisits, 1h}, {kCart, 2h}, {kOrders, 2h}}).For(plan).y, 1);
}

// ---- Caps
// -------------------------------------------------------------------------------------------------------------

TEST(ContributionTest, CapsCutATotalAndItsCovariate) {
  ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kSum, {kSpend}, 72h));
  const Unit unit = Unit().Sees(0, kStart).Does(kSpend, kStart - 1h, 90).Does(kSpend, kStart + 1h, 120);
  const Caps caps{{{100, 70}}};
  MetricContribution cut = unit.For(plan, caps);
  EXPECT_EQ(cut.y, 100);
  EXPECT_EQ(cut.x, 70);
  EXPECT_TRUE(cut.capped);
  EXPECT_EQ(cut.y_uncapped, 120);
  plan.metrics[0].cap_value = 80;
  cut = unit.For(plan, {});
  EXPECT_EQ(cut.y, 80);
  EXPECT_EQ(cut.x, 80);
  plan.metrics[0].cap_value = 120;
  EXPECT_FALSE(unit.For(plan, {}).capped) << "at the cap nothing is cut";

  plan.metrics[0].kind = MetricKind::kConversion;
  EXPECT_EQ(unit.For(plan, Caps{{{0.5, 0.5}}}).y, 1) << "a yes or no has none";
}

TEST(ContributionTest, CapsAreAtAShareOfAllTotalsThatAreNotZero) {
  ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kSum, {kSpend}, 72h));
  plan.metrics.push_back(MetricOf("orders", MetricKind::kConversion, {kOrders}, 72h));
  plan.metrics.push_back(MetricOf("visits", MetricKind::kCount, {kVisits}, 72h));
  for (MetricPlan& metric : plan.metrics) metric.cap_share = 0.95;
  plan.metrics[2].cap_share = std::nullopt;
  UnitTotals totals;
  for (int i = 20; i >= 0; --i) totals.y.push_back(i);  // without the 0: rank 0.95 * 19 = 18.05
  totals.y.insert(totals.y.end(), 100, 0.0);
  totals.x = {7};
  const Caps caps = CapsOf(plan, {totals, totals, totals});
  ASSERT_EQ(caps.metrics.size(), 3u);
  ASSERT_TRUE(caps.metrics[0].y.has_value());
  EXPECT_DOUBLE_EQ(*caps.metrics[0].y, 19.05);
  EXPECT_EQ(caps.metrics[0].x, 7);
  EXPECT_EQ(caps.metrics[1], Caps::Of{}) << "a yes or no has none";
  EXPECT_EQ(caps.metrics[2], Caps::Of{});
  EXPECT_EQ(CapsOf(plan, {{{0, 0}, {}}}).metrics[0], Caps::Of{}) << "nothing but zeros";
}

TEST(ContributionTest, CoarseRecordsKeepCountsAndSums) {
  Unit unit;
  unit.Sees(0, kStart);
  for (int i = 0; i < 5'000; ++i) unit.Does(kSpend, kStart + i * 1s, i % 7);
  EXPECT_EQ(unit.For(PlanOf(MetricOf("spend", MetricKind::kSum, {kSpend}, 72h))).y, 14'995);
  EXPECT_EQ(unit.For(PlanOf(MetricOf("count", MetricKind::kCount, {kSpend}, 72h))).y, 5'000);
  EXPECT_DOUBLE_EQ(unit.For(PlanOf(MetricOf("mean", MetricKind::kMean, {kSpend}, 72h))).y, 14'995 / 5'000.0);
  std::uint64_t values = 0;
  for (const ValueCount& value : unit.For(PlanOf(MetricOf("p", MetricKind::kQuantile, {kSpend}, 72h))).values) {
    values += value.count;
  }
  EXPECT_EQ(values, 5'000u);
}

TEST(ContributionTest, MemoryThatWasUsedBeforeGivesTheSame) {
  std::mt19937_64 random = Random("MemoryThatWasUsedBeforeGivesTheSame");
  const ExperimentPlan plan = PlanOfAllKinds();
  Contribution used;
  for (const auto& [unit, record] : RecordsOf(plan, RandomFacts(random, 100))) {
    ContributionOf(plan, record, HashGroupOf(unit), {}, &used);
    EXPECT_EQ(used, ContributionOf(plan, record, HashGroupOf(unit), {})) << unit;
  }
}

}  // namespace
}  // namespace guidon::stats
