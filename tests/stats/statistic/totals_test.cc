#include "stats/statistic/totals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

using Kind = Contribution::Kind;

constexpr std::size_t kConversion = 0, kSum = 2, kMean = 3, kRatio = 4, kQuantile = 5, kFunnel = 7;

Contribution Unit(std::uint32_t variant, std::vector<MetricContribution> metrics,
                  std::vector<std::string> dimensions = {}, std::int32_t day = 20'000) {
  Contribution contribution;
  contribution.kind = Kind::kUnit;
  contribution.variant = variant;
  contribution.day = day;
  contribution.dimensions = std::move(dimensions);
  contribution.metrics = std::move(metrics);
  return contribution;
}

ExperimentPlan PlanOf(MetricPlan metric, std::vector<std::string> dimensions = {}) {
  ExperimentPlan plan;
  plan.experiment = "checkout-one-page";
  plan.variants = {"control", "one_page"};
  plan.metrics = {std::move(metric)};
  plan.dimensions = std::move(dimensions);
  return plan;
}

std::vector<Contribution> ContributionsOf(const ExperimentPlan& plan, const std::vector<Fact>& facts,
                                          const Caps& caps = {}) {
  std::vector<Contribution> contributions;
  for (const auto& [unit, record] : RecordsOf(plan, facts)) {
    contributions.push_back(ContributionOf(plan, record, HashGroupOf(unit), caps));
  }
  return contributions;
}

Totals TotalsOf(const ExperimentPlan& plan, const std::vector<Contribution>& contributions) {
  Totals totals(plan);
  for (const Contribution& contribution : contributions) totals.Add(contribution);
  return totals;
}

// As a keeper does it: each fact changes its unit, and what the unit came to before is taken out.
Totals Replay(const ExperimentPlan& plan, const std::vector<Fact>& facts) {
  Totals totals(plan);
  std::map<std::string, UnitRecord> records;
  for (const Fact& fact : facts) {
    UnitRecord& record = records[fact.unit];
    totals.Remove(ContributionOf(plan, record, HashGroupOf(fact.unit), {}));
    Put(record, plan, fact);
    totals.Add(ContributionOf(plan, record, HashGroupOf(fact.unit), {}));
  }
  return totals;
}

// ---- Order
// ------------------------------------------------------------------------------------------------------------

// Shuffled, and exposures made anew; batches that are sent again, and what is late, are row S17 of the simulations.
TEST(TotalsTest, AnyOrderOfArrivalGivesTheSameTotals) {
  std::mt19937_64 random = Random("AnyOrderOfArrivalGivesTheSameTotals");
  ExperimentPlan plan = PlanOfAllKinds();
  plan.dimensions = {"platform"};  // of few values
  for (int run = 0; run < Runs(10, 200); ++run) {
    std::vector<Fact> facts = RandomFacts(random, 40);
    const auto expected = TotalsOf(plan, ContributionsOf(plan, facts)).AllParts();
    ASSERT_GT(expected.size(), 10u);
    const std::vector<Fact> once = facts;
    std::copy_if(once.begin(), once.end(), std::back_inserter(facts),
                 [](const Fact& fact) { return fact.is_exposure; });
    std::shuffle(facts.begin(), facts.end(), random);
    EXPECT_EQ(Replay(plan, facts).AllParts(), expected) << "run " << run;
  }
}

// Row S14: in chunks that are merged, with units that are removed and come again.
TEST(TotalsTest, StreamingEqualsOnePass) {
  std::mt19937_64 random = Random("StreamingEqualsOnePass");
  ExperimentPlan plan = PlanOfAllKinds();
  plan.dimensions = {"platform"};
  for (int run = 0; run < Runs(50, 1'000); ++run) {
    std::vector<Contribution> units = ContributionsOf(plan, RandomFacts(random, 60));
    const Totals whole = TotalsOf(plan, units);
    std::shuffle(units.begin(), units.end(), random);
    std::vector<Totals> chunks(1 + random() % 5, Totals(plan));
    for (const Contribution& unit : units) {
      Totals& chunk = chunks[random() % chunks.size()];
      for (auto again = random() % 3; again > 0; --again) chunk.Add(unit), chunk.Remove(unit);
      chunk.Add(unit);
    }
    Totals merged(plan);
    for (const Totals& chunk : chunks) merged.Merge(chunk);
    ASSERT_EQ(merged.AllParts(), whole.AllParts()) << "run " << run;
    EXPECT_EQ(merged.DriftFrom(whole), 0);
    for (const Contribution& unit : units) merged.Remove(unit);
    EXPECT_TRUE(merged.AllParts().empty()) << "what was removed leaves nothing behind";
  }
}

// The same against arithmetic that has nothing to do with it: two passes over the values, in 64 bits.
TEST(TotalsTest, MomentsAreThoseOfTwoPasses) {
  std::mt19937_64 random = Random("MomentsAreThoseOfTwoPasses");
  for (const double offset : {0.0, 1e3, 1e6, 1e9}) {
    const ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kRatio, {kSpend, kVisits}));
    std::normal_distribution<double> normal(0, 1);
    Totals totals(plan);
    std::vector<std::array<double, 4>> rows;
    for (int i = 0; i < 2'000; ++i) {
      const double own = normal(random);
      const std::array<double, 4> row = {offset + own, offset + normal(random) - own, offset + 3 * normal(random) + own,
                                         2 * offset + normal(random)};
      MetricContribution metric;
      std::tie(metric.y, metric.d, metric.x, metric.xd) = std::tie(row[0], row[1], row[2], row[3]);
      const Contribution unit = Unit(0, {metric}, {}, 20'000 + i % 9);
      totals.Add(unit);
      if (i % 4 != 0) {
        rows.push_back(row);
      } else {
        totals.Remove(unit);
      }
    }
    const QuadMoments got = std::get<CupedRatioStatistic>(totals.Arm(0, 0)).moments;
    const auto n = static_cast<long double>(rows.size());
    ASSERT_EQ(got.n, static_cast<double>(n));
    std::array<long double, 4> mean{};
    for (const auto& row : rows) {
      for (std::size_t i = 0; i < 4; ++i) mean[i] += row[i] / n;
    }
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(got.mean[i], static_cast<double>(mean[i]), 1e-10 * std::abs(static_cast<double>(mean[i])));
      for (std::size_t j = i; j < 4; ++j) {
        long double products = 0, sizes = 0;
        for (const auto& row : rows) {
          products += (row[i] - mean[i]) * (row[j] - mean[j]);
          sizes += std::abs((row[i] - mean[i]) * (row[j] - mean[j]));
        }
        EXPECT_NEAR(got.Deviations(i, j), static_cast<double>(products), 1e-10 * static_cast<double>(sizes))
            << "offset " << offset << ", " << i << " and " << j;
      }
    }
  }
}

TEST(TotalsTest, ValuesThatAreAllTheSameHaveNoVariance) {
  const ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kMean, {kSpend}));
  Totals totals(plan);
  MetricContribution metric;
  metric.y = 1e9 + 0.1;
  for (int i = 0; i < 1'001; ++i) totals.Add(Unit(0, {metric}));
  EXPECT_EQ(std::get<MeanStatistic>(totals.Arm(0, 0)).y.m2, 0);
  EXPECT_EQ(std::get<MeanStatistic>(totals.Arm(0, 0)).y.mean, 1e9 + 0.1);
}

// ---- What reports read
// ------------------------------------------------------------------------------------------------

TEST(TotalsTest, EachKindGivesItsStatistic) {
  ExperimentPlan plan = PlanOfAllKinds();
  std::vector<Fact> facts;
  const auto exposed = [&](const char* unit, std::uint32_t variant, Milliseconds after) {
    facts.push_back({unit, true, {variant, kStart + after, {"ios", "DE"}}, 0, {}});
  };
  const auto does = [&](const char* unit, SourceId source, Milliseconds after, double value = 1) {
    facts.push_back({unit, false, {}, source, {kStart + after, value, 1}});
  };
  exposed("a", 0, 1h);
  exposed("b", 0, 30h);
  exposed("c", 0, 2h);
  exposed("d", 1, 2h);
  exposed("e", 0, 1h);
  exposed("e", 2, 3h);
  does("a", kVisits, -2h);
  does("a", kSpend, -1h, 10);
  does("a", kVisits, 2h), does("a", kVisits, 26h), does("a", kCart, 27h), does("a", kOrders, 27h);
  does("a", kSpend, 27h, 30), does("a", kSpend, 28h, 70), does("a", kLatency, 3h, 0.5);
  does("b", kVisits, 31h), does("b", kCart, 31h), does("b", kSpend, 32h, 20), does("b", kLatency, 31h, 0.25);
  does("e", kOrders, 4h);
  Totals totals = TotalsOf(plan, ContributionsOf(plan, facts));

  EXPECT_EQ(totals.Units(0), (UnitCounts{3, 1, 1}));
  EXPECT_EQ(totals.Units(1), (UnitCounts{1, 0, 0}));
  EXPECT_EQ(totals.Units(2), (UnitCounts{}));
  const auto day = static_cast<std::int32_t>(kStart.time_since_epoch() / 24h);
  EXPECT_EQ(totals.UnitsByDay(), (std::map<std::int32_t, std::vector<UnitCounts>>{{day, {{2, 1, 1}, {1, 0, 0}, {}}},
                                                                                  {day + 1, {{1, 0, 0}, {}, {}}}}));

  const auto conversion = std::get<ProportionStatistic>(totals.Arm(kConversion, 0));
  EXPECT_EQ(conversion.n, 3);
  EXPECT_EQ(conversion.successes, 1);
  const auto sum = std::get<CupedStatistic>(totals.Arm(kSum, 0)).yx;  // (80, 10), (20, 0), (0, 0): capped at 80
  EXPECT_EQ(sum.n, 3);
  EXPECT_DOUBLE_EQ(sum.mean[0], 100 / 3.0);
  EXPECT_DOUBLE_EQ(sum.mean[1], 10 / 3.0);
  EXPECT_DOUBLE_EQ(sum.Deviations(0, 0), 6'800 - 10'000 / 3.0);
  EXPECT_DOUBLE_EQ(sum.Deviations(0, 1), 800 - 1'000 / 3.0);
  const Moments raw = std::get<MeanStatistic>(totals.RawArm(kSum, 0)).y;
  EXPECT_EQ(raw.mean, 40);
  EXPECT_DOUBLE_EQ(raw.m2, 10'400 - 14'400 / 3.0);
  EXPECT_EQ(totals.CappedUnits(kSum, 0), 1u);
  EXPECT_DOUBLE_EQ(std::get<MeanStatistic>(totals.CovariateArm(kSum, 0)).y.mean, 10 / 3.0);
  const Moments mean = std::get<MeanStatistic>(totals.Arm(kMean, 0)).y;  // 50 of a, 20 of b; c has none
  EXPECT_EQ(mean.n, 2);
  EXPECT_EQ(mean.mean, 35);
  EXPECT_EQ(mean.m2, 450);
  const QuadMoments ratio = std::get<CupedRatioStatistic>(totals.Arm(kRatio, 0)).moments;
  EXPECT_DOUBLE_EQ(ratio.mean[0] / ratio.mean[1], 120 / 3.0);
  EXPECT_DOUBLE_EQ(ratio.mean[2] / ratio.mean[3], 10);
  EXPECT_DOUBLE_EQ(std::get<RatioStatistic>(totals.RawArm(kRatio, 0)).md.Deviations(0, 1), 220 - 120 * 3 / 3.0);
  EXPECT_EQ(std::get<ProportionStatistic>(totals.Arm(6, 0)).successes, 1) << "retention: a after 25 hours";
  EXPECT_EQ(std::get<ProportionStatistic>(totals.Arm(kFunnel, 0)).successes, 1);
  EXPECT_EQ(totals.StepCounts(kFunnel, 0), (std::vector<std::uint64_t>{2, 2, 1}));
  const auto quantile = std::get<QuantileClusteredStatistic>(totals.Arm(kQuantile, 0));
  EXPECT_EQ(quantile.quantile.n, 2);
  EXPECT_EQ(quantile.clusters.n, 2);
  EXPECT_NEAR(quantile.quantile.estimate, 0.5, 0.0025);
  EXPECT_NEAR(*totals.MergedSketch(kQuantile, 0).Quantile(0.5), 0.25, 0.00125);

  // Every metric counts its own: orders 1, visits 3, spend 3 three times, latency 2, visits on the second day 1,
  // funnel 1.
  EXPECT_EQ(totals.Events(), 1u + 3 + 3 + 3 + 3 + 2 + 1 + 1);
  EXPECT_EQ(totals.Events(kSum), 3u);

  EXPECT_EQ(std::get<ProportionStatistic>(totals.ArmOfDays(kConversion, 0, day + 1, day + 9)).n, 1);
  EXPECT_EQ(std::get<ProportionStatistic>(totals.ArmOfDays(kConversion, 0, day - 9, day)).n, 2);
  EXPECT_EQ(std::get<QuantileClusteredStatistic>(totals.ArmOfDays(kQuantile, 0, day, day)).quantile.n, 0);
  EXPECT_EQ(std::get<ProportionStatistic>(totals.CovariateArm(kFunnel, 0)).n, 0);
  EXPECT_EQ(std::get<CupedStatistic>(totals.Arm(kSum, 2)).yx.n, 0) << "nobody saw it";

  plan.metrics[kSum].adjust = plan.metrics[kRatio].adjust = false;
  totals = TotalsOf(plan, ContributionsOf(plan, facts));
  EXPECT_DOUBLE_EQ(std::get<MeanStatistic>(totals.Arm(kSum, 0)).y.mean, 100 / 3.0);
  EXPECT_EQ(std::get<RatioStatistic>(totals.Arm(kRatio, 0)).md.n, 3);
}

TEST(TotalsTest, SlicesAreOfTheUnitsThatHaveTheValue) {
  const ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kConversion, {kOrders}), {"platform", "country"});
  Totals totals(plan);
  MetricContribution yes, no;
  yes.y = 1;
  totals.Add(Unit(0, {yes}, {"ios", "DE"}));
  totals.Add(Unit(0, {no}, {"web", "DE"}));
  totals.Add(Unit(1, {yes}, {"ios"}));
  const std::vector<Slice> expected = {{0, "ios"}, {0, "web"}, {1, ""}, {1, "DE"}};
  EXPECT_EQ(totals.Slices(), expected);
  EXPECT_EQ(totals.Units(0, {1, "DE"}).units, 2u);
  EXPECT_EQ(totals.Units(1, {1, "DE"}).units, 0u);
  EXPECT_EQ(totals.Units(1, {1, "FR"}).units, 0u);
  EXPECT_EQ(std::get<ProportionStatistic>(totals.Arm(0, 0, {1, "DE"})).successes, 1);
  EXPECT_EQ(std::get<ProportionStatistic>(totals.Arm(0, 0, {0, "web"})).successes, 0);
  EXPECT_EQ(std::get<ProportionStatistic>(totals.Arm(0, 1, {0, "web"})).n, 0);
}

TEST(TotalsTest, ValuesBeyondTheBoundAreCountedTogether) {
  const ExperimentPlan plan = PlanOf(MetricOf("orders", MetricKind::kConversion, {kOrders}), {"country"});
  const auto of = [](int country) { return Unit(0, {{}}, {"country-" + std::to_string(country)}); };
  const Slice other{0, "(other)"};
  Totals totals(plan);
  for (int i = 0; i < 22; ++i) totals.Add(of(i));
  EXPECT_EQ(totals.Slices().size(), kMostSlices + 1);
  EXPECT_EQ(totals.Units(0, other).units, 2u);

  totals.Remove(of(3));
  totals.Add(of(21));
  totals.Add(of(22));
  EXPECT_EQ(totals.Units(0, other).units, 4u) << "an empty value keeps its cells while units of others are in (other)";
  totals.Add(of(3));
  EXPECT_EQ(totals.Units(0, {0, "country-3"}).units, 1u);

  totals.Remove(of(3));
  for (const int country : {20, 21, 21, 22}) totals.Remove(of(country));
  EXPECT_EQ(totals.Slices().size(), kMostSlices - 1);
  totals.Add(of(22));
  EXPECT_EQ(totals.Units(0, {0, "country-22"}).units, 1u) << "then there is room again";
}

TEST(TotalsTest, TotalsMadeAnewBesideOthersHaveTheirCellsInAnyOrderOfUnits) {
  std::mt19937_64 random = Random("TotalsMadeAnewBesideOthersHaveTheirCellsInAnyOrderOfUnits");
  const ExperimentPlan plan = PlanOfAllKinds();  // countries are more than kMostSlices, platforms are not
  std::vector<Contribution> units = ContributionsOf(plan, RandomFacts(random, 100));
  Totals totals = TotalsOf(plan, units);
  const std::string country = totals.Slices().back().value;
  std::erase_if(units, [&](const Contribution& unit) {  // a value loses all its units, and keeps its cells
    const bool goes = unit.dimensions.size() == 2 && unit.dimensions[1] == country;
    if (goes) totals.Remove(unit);
    return goes;
  });
  ASSERT_TRUE(totals.AllParts().contains("o/1"));
  std::reverse(units.begin(), units.end());
  EXPECT_EQ(TotalsOf(plan, units).DriftFrom(totals), std::numeric_limits<double>::infinity())
      << "other values came first";
  Totals again(plan);
  for (const Contribution& unit : units) again.Add(unit, totals);
  again.Remove(units.front(), totals);
  totals.Remove(units.front());
  totals.Add(units.front());
  again.Add(units.front(), totals);
  again.TakeSlotsOf(totals);
  EXPECT_EQ(again.DriftFrom(totals), 0);
  EXPECT_EQ(again.AllParts(), totals.AllParts());
}

TEST(TotalsTest, DriftIsFoundInSumsAndCounts) {
  const ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kSum, {kSpend}), {"country"});
  MetricContribution spend;
  spend.y = 100;
  const Totals totals = TotalsOf(plan, {Unit(0, {spend})});
  EXPECT_EQ(totals.DriftFrom(totals), 0);
  spend.y = 100.1;
  const Totals other = TotalsOf(plan, {Unit(0, {spend})});
  EXPECT_NEAR(totals.DriftFrom(other), (100.1 * 100.1 - 100 * 100) / (100.1 * 100.1), 1e-12) << "the squares'";
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(totals.DriftFrom(TotalsOf(plan, {Unit(0, {spend}), Unit(0, {spend})})), kInfinity);
  EXPECT_EQ(totals.DriftFrom(Totals(plan)), kInfinity);
  EXPECT_EQ(Totals(plan).DriftFrom(totals), kInfinity);
}

// ---- Parts
// ------------------------------------------------------------------------------------------------------------

TEST(TotalsTest, WhatIsDirtyIsAllThatHasToBeWritten) {
  std::mt19937_64 random = Random("WhatIsDirtyIsAllThatHasToBeWritten");
  const ExperimentPlan plan = PlanOfAllKinds();  // countries are more than kMostSlices
  for (int run = 0; run < Runs(1, 20); ++run) {
    const std::vector<Contribution> units = ContributionsOf(plan, RandomFacts(random, 120));
    std::map<std::string, std::string> stored;
    Totals totals(plan);
    std::vector<bool> in(units.size());
    bool emptied = false;
    for (int step = 0; step < 1'500; ++step) {
      const auto i = random() % units.size();
      const bool more = step % 500 < 250;  // now most come, now most go
      if (in[i] == more && random() % 8 != 0) continue;
      in[i] ? totals.Remove(units[i]) : totals.Add(units[i]);
      in[i] = !in[i];
      if (random() % 20 != 0) continue;
      for (const auto& [name, text] : totals.TakeDirtyParts()) {
        if (text.empty()) {
          stored.erase(name);
        } else {
          stored[name] = text;
        }
      }
      ASSERT_EQ(stored, totals.AllParts()) << "run " << run << ", step " << step;
      EXPECT_TRUE(totals.TakeDirtyParts().empty());
      emptied = emptied || stored.contains("o/1");
      // Who goes on from what is stored goes on alike.
      Result<Totals> read = Totals::FromParts(plan, stored);
      ASSERT_TRUE(read.has_value()) << read.error().message;
      ASSERT_EQ(read->AllParts(), stored);
      EXPECT_TRUE(read->TakeDirtyParts().empty());
      EXPECT_EQ(read->DriftFrom(totals), 0);
      totals = *std::move(read);
    }
    EXPECT_TRUE(emptied) << "no value lost its units while there were others";
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (in[i]) totals.Remove(units[i]);
    }
    EXPECT_TRUE(totals.AllParts().empty());
  }
}

TEST(TotalsTest, PartsOfAnotherPlanAreRefused) {
  const ExperimentPlan plan = PlanOf(MetricOf("spend", MetricKind::kSum, {kSpend}), {"country"});
  const auto parts = TotalsOf(plan, {Unit(1, {{}}, {"DE"})}).AllParts();
  ASSERT_TRUE(Totals::FromParts(plan, parts).has_value());
  ExperimentPlan other = plan;
  other.metrics.push_back(other.metrics[0]);
  EXPECT_EQ(Totals::FromParts(other, parts).error().code, ErrorCode::kCorrupt);
  other = plan;
  other.variants.pop_back();
  EXPECT_EQ(Totals::FromParts(other, parts).error().code, ErrorCode::kCorrupt);
  other = plan;
  other.dimensions.clear();
  EXPECT_EQ(Totals::FromParts(other, parts).error().code, ErrorCode::kCorrupt);
  for (const char* name :
       {"", "d", "d/", "d/0", "d/00/1", "d/0/1/2", "d/-1/1", "d/0/99999999999", "s/0/0", "q/0/0/0", "o/1", "x/0/0"}) {
    EXPECT_FALSE(Totals::FromParts(plan, {{name, parts.begin()->second}}).has_value()) << name;
  }
}

TEST(TotalsTest, DamagedPartsAreRefusedOrOtherTotals) {
  std::mt19937_64 random = Random("DamagedPartsAreRefusedOrOtherTotals");
  const ExperimentPlan plan = PlanOfAllKinds();
  std::map<std::string, std::string> parts = TotalsOf(plan, ContributionsOf(plan, RandomFacts(random, 100))).AllParts();
  int refused = 0;
  for (const auto& [name, text] : parts) {
    for (int i = 0; i < 20; ++i) {
      std::string damaged = text;
      damaged[random() % damaged.size()] ^= static_cast<char>(1 << (random() % 8));
      const Result<Totals> read = Totals::FromParts(plan, {{name, damaged}});
      if (!read) {
        ++refused;
        EXPECT_NE(read.error().message.find(name), std::string::npos);
        continue;
      }
      const Result<Totals> again = Totals::FromParts(plan, read->AllParts());
      ASSERT_TRUE(again.has_value());
      EXPECT_EQ(again->AllParts(), read->AllParts());
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace guidon::stats
