#include "stats/statistic/overlap.h"

#include <gtest/gtest.h>

namespace guidon::stats {
namespace {

ExperimentPlan PlanWith(const std::string& experiment, MetricKind kind, std::size_t variants = 2) {
  ExperimentPlan plan;
  plan.experiment = experiment;
  for (std::size_t v = 0; v < variants; ++v) plan.variants.push_back("v" + std::to_string(v));
  plan.metrics = {{.key = "m", .kind = kind, .sources = {0}}};
  return plan;
}

Contribution UnitWith(std::uint32_t variant, double y, double d = 0, bool counted = true) {
  Contribution unit;
  unit.kind = Contribution::Kind::kUnit;
  unit.variant = variant;
  MetricContribution& metric = unit.metrics.emplace_back();
  metric.y = y;
  metric.d = d;
  metric.counted = counted;
  return unit;
}

// Of the units that are in `plan` by its control and in another experiment by its second variant.
OverlapCell CellOf(const ExperimentPlan& plan, const std::vector<Contribution>& units) {
  const ExperimentPlan other = PlanWith("other", MetricKind::kSum);
  const OverlapSums::Taker takers[] = {{&plan, 0}, {&other, 1}};
  OverlapSums sums(plan);
  for (const Contribution& unit : units) sums.Add(takers, unit);
  return sums.Finish(Time{}).others.at(0).cells.at(0).at(1);
}

TEST(OverlapSumsTest, ACellIsOfWhatTheKindOfTheMetricTakes) {
  const ExperimentPlan sum = PlanWith("own", MetricKind::kSum), share = PlanWith("own", MetricKind::kConversion),
                       mean = PlanWith("own", MetricKind::kMean), ratio = PlanWith("own", MetricKind::kRatio),
                       quantile = PlanWith("own", MetricKind::kQuantile);
  EXPECT_EQ(CellOf(sum, {UnitWith(0, 1e9 + 1), UnitWith(0, 1e9 + 3)}), (OverlapCell{2, 2, 1e9 + 2, 2}));
  EXPECT_EQ(CellOf(sum, {UnitWith(0, 0.1), UnitWith(0, 0.1), UnitWith(0, 0.1)}).variance, 0);
  EXPECT_EQ(CellOf(share, {UnitWith(0, 1), UnitWith(0, 0)}), (OverlapCell{2, 2, 0.5, 0.25}));
  EXPECT_EQ(CellOf(mean, {UnitWith(0, 4), UnitWith(0, 0, 0, false), UnitWith(0, 6)}), (OverlapCell{3, 2, 5, 2}));
  EXPECT_EQ(CellOf(quantile, {UnitWith(0, 0)}), (OverlapCell{1, 0, 0, 0}));
  EXPECT_EQ(CellOf(ratio, {UnitWith(0, 1, 0)}), (OverlapCell{1, 0, 0, 0})) << "there is no ratio";
  // (2 - 2 * 4/3 * 1 + 16/9 * 0.5) / 1.5^2
  const OverlapCell of_ratio = CellOf(ratio, {UnitWith(0, 1, 1), UnitWith(0, 3, 2)});
  EXPECT_NEAR(of_ratio.mean, 4.0 / 3, 1e-15);
  EXPECT_NEAR(of_ratio.variance, 2.0 / 9 / 2.25, 1e-15);
}

TEST(OverlapSumsTest, PairsOfVariantsAreBoundedAndWhatHasNoRoomIsNamedOnce) {
  const ExperimentPlan own = PlanWith("own", MetricKind::kSum, 16), wide = PlanWith("wide", MetricKind::kSum, 16),
                       narrow = PlanWith("narrow", MetricKind::kSum);
  OverlapSums sums(own);
  const OverlapSums::Taker first[] = {{&own, 3}, {&wide, 15}}, both[] = {{&narrow, 0}, {&own, 3}, {&wide, 15}};
  sums.Add(first, UnitWith(3, 1));
  sums.Add(both, UnitWith(3, 1));
  sums.Add(both, UnitWith(3, 1));
  const Overlaps overlaps = sums.Finish(Time{});
  ASSERT_EQ(overlaps.others.size(), 1u);
  EXPECT_EQ(overlaps.others[0].cells[3][15].units, 3u);
  EXPECT_EQ(overlaps.left_out, std::vector<std::string>{"narrow"});
}

TEST(OverlapSumsTest, InVeryManyTheFirstHaveEveryUnitAndTheNamesEnd) {
  const ExperimentPlan own = PlanWith("own", MetricKind::kSum);
  std::vector<ExperimentPlan> plans;
  for (int i = 1'000; i < 1'200; ++i) plans.push_back(PlanWith("a" + std::to_string(i), MetricKind::kSum));
  std::vector<OverlapSums::Taker> takers;
  for (const ExperimentPlan& plan : plans) takers.push_back({&plan, 1});
  takers.push_back({&own, 0});
  OverlapSums sums(own);
  for (int i = 0; i < 5; ++i) sums.Add(takers, UnitWith(0, 1));
  const Overlaps overlaps = sums.Finish(Time{});
  EXPECT_EQ(overlaps.left_out.size(), OverlapSums::kMostNamed);
  ASSERT_EQ(overlaps.others.size(), OverlapSums::kMostOthers);
  for (const Overlap& other : overlaps.others) EXPECT_EQ(other.cells[0][1].units, 5u) << other.experiment;
}

TEST(OverlapSumsTest, IsReadAsItWasWrittenAndNothingElse) {
  const ExperimentPlan own = PlanWith("own", MetricKind::kRatio), other = PlanWith("other", MetricKind::kSum, 3);
  const OverlapSums::Taker takers[] = {{&other, 2}, {&own, 1}};
  OverlapSums sums(own);
  sums.Add(takers, UnitWith(1, 2.5, 3));
  std::map<std::string, std::string> parts = sums.TakeDirtyParts();
  EXPECT_TRUE(sums.TakeDirtyParts().empty());
  Result<OverlapSums> read = OverlapSums::Read(own, parts);
  ASSERT_TRUE(read);
  read->Add(takers, UnitWith(1, 0.1, 1));
  sums.Add(takers, UnitWith(1, 0.1, 1));
  const Overlaps overlaps = read->Finish(Time(Milliseconds(7)));
  EXPECT_EQ(overlaps, sums.Finish(Time(Milliseconds(7))));
  EXPECT_EQ(*DecodeOverlaps(EncodeOverlaps(overlaps)), overlaps);
  EXPECT_FALSE(DecodeOverlaps(Object{{"variants", Value(Array{Value("a")})}, {"others", Value(Array{Value(7)})}}));
  parts.begin()->second.pop_back();
  EXPECT_FALSE(OverlapSums::Read(own, parts));
}

}  // namespace
}  // namespace guidon::stats
