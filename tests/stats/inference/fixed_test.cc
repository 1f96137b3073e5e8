// What the reference vectors (tests/vectors/statistics) do not cover: errors, rules of what is shown, limits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/heterogeneity.h"
#include "stats/inference/proportion.h"
#include "stats/inference/ranks.h"
#include "stats/inference/raw_values.h"
#include "stats/inference/readout.h"
#include "stats/inference/regression.h"
#include "stats/inference/stratify.h"
#include "tests/stats/random_facts.h"

namespace guidon::stats {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T>
std::string CodeOf(const Outcome<T>& outcome) {
  return outcome ? "none" : std::string(ToString(outcome.error().code));
}

MeanStatistic Mean(double n, double mean, double variance) {
  return {{n, mean, variance * (n - 1)}};
}

RatioStatistic Ratio(double n, double m, double d) {
  return {{n, {m, d}, {n, n * 0.1, n}}};
}

// ---- Errors are typed, and no number is NaN

TEST(EffectsTest, WhatCannotBeAnsweredSaysWhy) {
  struct {
    ArmStatistic control, treatment;
    Scale scale;
    const char* code;
  } const cases[] = {
      {Mean(0, 0, 0), Mean(10, 1, 1), Scale::kAbsolute, "INSUFFICIENT_N"},
      {Mean(10, 1, 1), Mean(1, 1, 0), Scale::kAbsolute, "ZERO_VARIANCE"},
      {Mean(10, 0, 1), Mean(10, 1, 1), Scale::kRelative, "BASELINE_ZERO"},
      {Mean(10, 0, 1), Mean(10, 1, 1), Scale::kAbsolute, "none"},
      {Mean(-3, 0, 1), Mean(10, 1, 1), Scale::kAbsolute, "INVALID"},
      {Mean(kNan, 0, 1), Mean(10, 1, 1), Scale::kAbsolute, "INVALID"},
      {Mean(10, kNan, 1), Mean(10, 1, 1), Scale::kAbsolute, "INVALID"},
      {Mean(10, 1, -1), Mean(10, 1, 1), Scale::kAbsolute, "INVALID"},
      {Mean(10, 1, 1), Mean(10, 1, kInfinity), Scale::kAbsolute, "INVALID"},
      {Mean(10, 1e-300, 1), Mean(10, 1e300, 1), Scale::kRelative, "INVALID"},
      {ProportionStatistic{10, 11}, ProportionStatistic{10, 5}, Scale::kAbsolute, "INVALID"},
      {ProportionStatistic{10, -1}, ProportionStatistic{10, 5}, Scale::kAbsolute, "INVALID"},
      {ProportionStatistic{10, 10}, ProportionStatistic{10, 5}, Scale::kAbsolute, "ZERO_VARIANCE"},
      {Mean(10, 1, 1), ProportionStatistic{10, 5}, Scale::kAbsolute, "INVALID"},
      {Ratio(10, 1, 0), Ratio(10, 1, 2), Scale::kAbsolute, "BASELINE_ZERO"},
      {Ratio(10, 1, 2), Ratio(10, 1, 0), Scale::kAbsolute, "BASELINE_ZERO"},
      {QuantileStatistic{300, 300, 0.99, 5, 4, 6}, QuantileStatistic{900, 900, 0.99, 5, 4, 6}, Scale::kAbsolute,
       "INSUFFICIENT_N"},
      {QuantileStatistic{900, 900, 0.9, 5, 5, 5}, QuantileStatistic{900, 900, 0.9, 5, 4, 6}, Scale::kAbsolute,
       "ZERO_VARIANCE"},
      {QuantileStatistic{900, 900, 0.9, 5, 6, 4}, QuantileStatistic{900, 900, 0.9, 5, 4, 6}, Scale::kAbsolute,
       "INVALID"},
      {QuantileStatistic{900, 900, 1, 5, 4, 6}, QuantileStatistic{900, 900, 1, 5, 4, 6}, Scale::kAbsolute, "INVALID"},
      {QuantileClusteredStatistic{{900, 900, 0.9, 5, 4, 6}, {1, {810, 900}, {}}},
       QuantileClusteredStatistic{{900, 900, 0.9, 5, 4, 6}, {1, {810, 900}, {}}}, Scale::kAbsolute, "INSUFFICIENT_N"},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    const Outcome<Effect> effect = EffectOf(cases[i].control, cases[i].treatment, cases[i].scale);
    EXPECT_EQ(CodeOf(effect), cases[i].code) << "case " << i;
    const bool answered =
        effect ? std::isfinite(effect->point) && effect->standard_error > 0 : !effect.error().message.empty();
    EXPECT_TRUE(answered) << "case " << i;
  }
}

TEST(EffectsTest, WithoutHistoryCupedIsThePlainTest) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal(5, 2);
  CupedStatistic control, treatment;
  CupedRatioStatistic ratio_control, ratio_treatment;
  for (int i = 0; i < 50; ++i) {
    control.yx.Add({normal(random), 0});
    treatment.yx.Add({normal(random), 0});
    ratio_control.moments.Add({normal(random), normal(random), 0, 0});
    ratio_treatment.moments.Add({normal(random), normal(random), 0, 0});
  }
  for (const Scale scale : {Scale::kAbsolute, Scale::kRelative}) {
    const Effect cuped = *EffectOf(control, treatment, scale);
    const Effect plain = *EffectOf(WithoutCovariate(control), WithoutCovariate(treatment), scale);
    EXPECT_DOUBLE_EQ(cuped.point, plain.point);
    EXPECT_DOUBLE_EQ(cuped.standard_error, plain.standard_error);
    const Effect of_ratio = *EffectOf(ratio_control, ratio_treatment, scale);
    const Effect plain_ratio = *RatioEffect(WithoutCovariate(ratio_control), WithoutCovariate(ratio_treatment), scale);
    EXPECT_DOUBLE_EQ(of_ratio.point, plain_ratio.point);
    EXPECT_DOUBLE_EQ(of_ratio.standard_error, plain_ratio.standard_error);
  }
}

// A million standard deviations from 0, where sums of squares say nothing.
TEST(EffectsTest, AMeanFarFromZeroKeepsItsStandardError) {
  MeanStatistic control, treatment, near_control, near_treatment;
  for (int i = 0; i < 500; ++i) {
    const double c = i % 5, t = i % 7;
    near_control.y.Add(c);
    near_treatment.y.Add(t);
    control.y.Add(1e6 + c);
    treatment.y.Add(1e6 + t);
  }
  const Effect far = *MeanEffect(control, treatment, Scale::kAbsolute);
  const Effect near = *MeanEffect(near_control, near_treatment, Scale::kAbsolute);
  EXPECT_NEAR(far.point, near.point, 1e-8);
  EXPECT_NEAR(far.standard_error, near.standard_error, 1e-8);
}

TEST(EffectsTest, ANegativeBaselineKeepsTheSignOfTheDifference) {
  const Effect lift = *MeanEffect(Mean(100, -10, 4), Mean(100, -8, 4), Scale::kRelative);
  EXPECT_DOUBLE_EQ(lift.point, 0.2);
}

TEST(EffectsTest, UnitsOfAClusteredQuantileAreItsClusters) {
  const QuantileClusteredStatistic arm{{900, 900, 0.9, 5, 4, 6}, {100, {8.1, 9}, {300, 280, 320}}};
  EXPECT_EQ(EffectOf(arm, arm, Scale::kAbsolute)->n_control, 100);
}

// ---- The three questions

TEST(FixedEstimateTest, OneSidedEndsAreOpenAndNullsMove) {
  const Effect effect = *MeanEffect(Mean(50, 10, 4), Mean(50, 11, 4), Scale::kAbsolute);
  const Estimate greater = FixedEstimate(effect, {.alternative = Alternative::kGreater});
  const Estimate less = FixedEstimate(effect, {.alternative = Alternative::kLess});
  EXPECT_EQ(greater.interval.upper, kInfinity);
  EXPECT_EQ(less.interval.lower, -kInfinity);
  EXPECT_NEAR(greater.p_value + less.p_value, 1, 1e-12);
  EXPECT_DOUBLE_EQ(FixedEstimate(effect, {.null_value = 1}).p_value, 1);
}

TEST(NonInferiorityTest, IsShownWhenTheIntervalExcludesTheMargin) {
  const Effect flat = *MeanEffect(Mean(10'000, 10, 4), Mean(10'000, 10, 4), Scale::kRelative);
  for (const Direction good : {Direction::kIncrease, Direction::kDecrease}) {
    EXPECT_TRUE(NonInferiorityTest(flat, 0.02, good, 0.05).shown);
    EXPECT_LT(NonInferiorityTest(flat, 0.02, good, 0.05).estimate.p_value, 0.05);
    EXPECT_FALSE(NonInferiorityTest(flat, 0.001, good, 0.05).shown);
    EXPECT_GT(NonInferiorityTest(flat, 0.001, good, 0.05).estimate.p_value, 0.05);
  }
  EXPECT_EQ(NonInferiorityTest(flat, 0.02, Direction::kIncrease, 0.05).null_value, -0.02);
}

// ---- Shares

TEST(ProportionTest, FewConversionsAreReadByExactMethodsAndSaySo) {
  const ProportionStatistic none{400, 0}, few{410, 7}, many{400, 40};
  const ProportionReadout small = *CompareProportions(none, few, Scale::kRelative, 0.05);
  EXPECT_TRUE(small.small_counts);
  EXPECT_EQ(small.estimate.effect.scale, Scale::kAbsolute);
  EXPECT_DOUBLE_EQ(small.estimate.p_value, *FisherExact(none, few));
  EXPECT_DOUBLE_EQ(small.estimate.interval.upper, NewcombeInterval(none, few, 0.05)->upper);
  EXPECT_GT(small.estimate.effect.standard_error, 0);

  EXPECT_TRUE(CompareProportions(many, few, Scale::kRelative, 0.05)->small_counts);
  EXPECT_TRUE(CompareProportions({400, 391}, {400, 40}, Scale::kRelative, 0.05)->small_counts);  // 9 do not convert
  const ProportionReadout large = *CompareProportions(many, {400, 10}, Scale::kRelative, 0.05);
  EXPECT_FALSE(large.small_counts);
  EXPECT_EQ(large.estimate.effect.scale, Scale::kRelative);
}

TEST(ProportionTest, NoConversionsAtAllHaveIntervalsAndNoEvidence) {
  const ProportionStatistic none{50, 0};
  EXPECT_EQ(*FisherExact(none, none), 1);
  EXPECT_EQ(CodeOf(PooledZTest(none, none)), "ZERO_VARIANCE");
  const ScoreInterval score = *MiettinenNurminen(none, none, 0.05);
  EXPECT_EQ(score.p_value, 1);
  EXPECT_LT(score.interval.lower, 0);
  EXPECT_NEAR(score.interval.lower, -score.interval.upper, 1e-9);
  EXPECT_EQ(ClopperPearsonInterval(none, 0.05)->lower, 0);
  EXPECT_NEAR(ClopperPearsonInterval(none, 0.05)->upper, 1 - std::pow(0.025, 1.0 / 50), 1e-12);
  EXPECT_EQ(WilsonInterval(none, 0.05)->lower, 0);
  EXPECT_EQ(CodeOf(WilsonInterval({0, 0}, 0.05)), "INSUFFICIENT_N");
  EXPECT_EQ(CodeOf(FisherExact({5, 6}, none)), "INVALID");
}

// Every table with these margins, by products of whole numbers.
TEST(ProportionTest, FisherIsTheSumOverTables) {
  const auto choose = [](int n, int k) {
    double product = 1;
    for (int i = 1; i <= k; ++i) product = product * (n - k + i) / i;
    return product;
  };
  const auto table = [&](int x) { return choose(12, x) * choose(9, 8 - x); };
  for (int observed = 0; observed <= 8; ++observed) {
    double all = 0, as_unlikely = 0;
    for (int x = 0; x <= 8; ++x) {
      all += table(x);
      if (table(x) <= table(observed) * (1 + 1e-9)) as_unlikely += table(x);
    }
    const double treatment = 8 - observed;
    EXPECT_NEAR(*FisherExact({12, 1.0 * observed}, {9, treatment}), as_unlikely / all, 1e-12) << observed;
  }
}

TEST(ProportionTest, FisherOfAMillionUnitsIsNoNumberGame) {
  const double p = *FisherExact({1e6, 5000}, {1e6, 5200});
  const double z = PooledZTest({1e6, 5000}, {1e6, 5200})->p_value;
  EXPECT_NEAR(p, z, 0.05 * z);
  EXPECT_EQ(*FisherExact({1e6, 0}, {1e6, 1e6}), 0);  // below the smallest double
}

// The rejected differences are those outside of the interval, and only they.
TEST(ProportionTest, ScoreIntervalsEndWhereTheTestTurns) {
  const ProportionStatistic control{80, 12}, treatment{90, 30};
  const double p = MiettinenNurminen(control, treatment, 0.05)->p_value;
  EXPECT_NEAR(MiettinenNurminen(control, treatment, p)->interval.lower, 0, 1e-9);
}

// ---- What may be shown

TEST(ReadoutTest, LiftOverABaselineNearZeroIsFiellersOrNone) {
  const Readout steady = *ReadOut(Mean(100, 10, 25), Mean(100, 11, 25), 0.05);
  ASSERT_TRUE(steady.relative);
  EXPECT_FALSE(steady.unsteady_baseline);
  EXPECT_NEAR(steady.relative->effect.point, 0.1, 1e-12);

  const Readout unsteady = *ReadOut(Mean(100, 1.5, 25), Mean(100, 2.5, 25), 0.05);  // 3 standard errors from 0
  EXPECT_TRUE(unsteady.unsteady_baseline);
  EXPECT_FALSE(unsteady.relative);
  ASSERT_TRUE(unsteady.fieller);
  EXPECT_LT(unsteady.fieller->lower, 2.5 / 1.5 - 1);
  EXPECT_GT(unsteady.fieller->upper, 2.5 / 1.5 - 1);

  const Readout lost = *ReadOut(Mean(100, 0.5, 25), Mean(100, 2.5, 25), 0.05);
  EXPECT_TRUE(lost.unsteady_baseline);
  EXPECT_FALSE(lost.fieller);
  EXPECT_EQ(CodeOf(FiellerInterval(Mean(100, 0.5, 25), Mean(100, 2.5, 25), 0.05)), "BASELINE_ZERO");
}

// Its ends are the lifts at which treatment - (1 + lift) control is just significant.
TEST(ReadoutTest, FiellersEndsAreWhereTheTestTurns) {
  const MeanStatistic control = Mean(400, 2, 9), treatment = Mean(300, 2.4, 16);
  const Interval fieller = *FiellerInterval(control, treatment, 0.05);
  const double q = StudentUpperQuantile(0.025, MeanEffect(control, treatment, Scale::kAbsolute)->degrees_of_freedom);
  for (const double lift : {fieller.lower, fieller.upper}) {
    const double ratio = 1 + lift;
    EXPECT_NEAR(std::abs(2.4 - ratio * 2) / std::sqrt(16.0 / 300 + ratio * ratio * 9 / 400), q, 1e-9);
  }
}

TEST(ReadoutTest, SmallCountsAreSeenBehindACovariateToo) {
  CupedStatistic control{.value = UnitValue::kBinary}, treatment{.value = UnitValue::kBinary};
  for (int i = 0; i < 60; ++i) {
    control.yx.Add({i < 4 ? 1.0 : 0.0, i % 2 * 1.0});
    treatment.yx.Add({i < 9 ? 1.0 : 0.0, i % 2 * 1.0});
  }
  const Readout readout = *ReadOut(control, treatment, 0.05);
  EXPECT_TRUE(readout.small_counts);
  EXPECT_FALSE(readout.relative);
  EXPECT_NEAR(readout.absolute.p_value, *FisherExact({60, 4}, {60, 9}), 1e-12);
}

TEST(ReadoutTest, ACovariateLeavesTheShareOfVarianceThatItDoesNotExplain) {
  CupedStatistic control, treatment;
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 4000; ++i) {
    const double before = normal(random);
    (i % 2 ? control : treatment).yx.Add({10 + 3 * before + 4 * normal(random), before});  // correlated at 0.6
  }
  const Readout readout = *ReadOut(control, treatment, 0.05);
  EXPECT_NEAR(readout.variance_left, 1 - 0.36, 0.04);
  ASSERT_TRUE(readout.unadjusted);
  EXPECT_DOUBLE_EQ(readout.unadjusted->effect.point, treatment.yx.mean[0] - control.yx.mean[0]);
  EXPECT_NE(readout.absolute.effect.point, readout.unadjusted->effect.point);
  EXPECT_FALSE(ReadOut(WithoutCovariate(control), WithoutCovariate(treatment), 0.05)->unadjusted);
}

// ---- Values

TEST(RawValuesTest, FaultsOfInputAreErrors) {
  const std::vector<double> values = {1, 2, kNan};
  EXPECT_EQ(CodeOf(PercentileCaps(values, {.upper = 0.9})), "INVALID");
  EXPECT_EQ(CodeOf(PercentileCaps({}, {.upper = 1.5})), "INVALID");
  EXPECT_EQ(CodeOf(PercentileCaps({}, {.upper = 0.1, .lower = 0.2})), "INVALID");
  EXPECT_FALSE(PercentileCaps({}, {.upper = 0.9})->upper);  // nothing to cap
  EXPECT_EQ(CodeOf(QuantileOf(values, 0.5)), "INVALID");
  EXPECT_EQ(CodeOf(QuantileOf({}, 0.5)), "INSUFFICIENT_N");
  EXPECT_EQ(CodeOf(ClusteredQuantile({{1}}, 1)), "INVALID");
  EXPECT_EQ(CodeOf(MannWhitney(values, values)), "INVALID");
  EXPECT_EQ(CodeOf(MannWhitney({}, values)), "INSUFFICIENT_N");
  const std::vector<double> same = {3, 3, 3};
  EXPECT_EQ(CodeOf(MannWhitney(same, same)), "ZERO_VARIANCE");
}

TEST(RawValuesTest, ZerosLeftOutOfPercentilesAreCappedLikeTheRest) {
  const std::vector<double> values = {0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5};
  const WinsorCaps caps = *PercentileCaps(values, {.upper = 0.5, .lower = 0.25, .ignore_zeros = true});
  EXPECT_EQ(caps.upper, 3);
  EXPECT_EQ(caps.lower, 2);
  EXPECT_EQ(Capped(0, caps), 2);
  EXPECT_EQ(Capped(9, caps), 3);
  EXPECT_EQ(Capped(2.5, caps), 2.5);
}

TEST(RegressionTest, WhatCannotBeFittedIsAnError) {
  const std::vector<double> y = {1, 2, 3, 4, 5, 6};
  const std::vector<double> x = {2, 1, 4, 3, 6, 5};
  const std::vector<double> still = {1, 1, 1, 1, 1, 1};
  const std::vector<double> arm = {0, 0, 0, 1, 1, 1};
  const std::vector<bool> treated = {false, false, false, true, true, true};
  EXPECT_TRUE(Ancova(y, x, treated));
  EXPECT_EQ(CodeOf(Ancova(y, still, treated)), "ZERO_VARIANCE");
  EXPECT_EQ(CodeOf(Ancova(y, arm, treated)), "ZERO_VARIANCE");
  EXPECT_EQ(CodeOf(Lin(y, still, treated)), "ZERO_VARIANCE");
  EXPECT_EQ(CodeOf(Lin(y, {}, treated)), "INVALID");
  EXPECT_EQ(CodeOf(Lin(y, x, {true, true, true, true, true, true})), "INSUFFICIENT_N");
}

// Two strata of means far apart, in unequal shares of the arms: the plain difference is that of the shares.
TEST(StratifyTest, SharesThatDifferByChanceDoNotCount) {
  const std::vector<Stratum> strata = {{Mean(600, 10, 4), Mean(400, 10.5, 4)}, {Mean(400, 30, 4), Mean(600, 30.5, 4)}};
  const StratifiedEffect effect = *PostStratifiedEffect(strata, Scale::kAbsolute);
  EXPECT_EQ(effect.strata, 2u);
  EXPECT_NEAR(effect.effect.point, 0.5, 1e-9);
  EXPECT_LT(effect.effect.standard_error, 0.15);
  EXPECT_NEAR(effect.effect.treatment_mean - effect.effect.control_mean, 4.5, 1e-9);
}

TEST(StratifyTest, AStratumWithoutHistoryHasNoRegression) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal(10, 2);
  Stratum known{CupedStatistic{}, CupedStatistic{}}, fresh = known, fresh_plain{MeanStatistic{}, MeanStatistic{}};
  for (int i = 0; i < 300; ++i) {
    for (auto* arms : {&known.control, &known.treatment}) {
      const double before = normal(random);
      std::get<CupedStatistic>(*arms).yx.Add({before + normal(random), before});
    }
    for (bool treatment : {false, true}) {
      const double y = normal(random) + treatment;
      std::get<CupedStatistic>(treatment ? fresh.treatment : fresh.control).yx.Add({y, 0});
      std::get<MeanStatistic>(treatment ? fresh_plain.treatment : fresh_plain.control).y.Add(y);
    }
  }
  const StratifiedEffect both = *PostStratifiedEffect(std::vector{known, fresh}, Scale::kAbsolute);
  EXPECT_EQ(both.strata, 2u);
  const double of_known =
      CupedEffect(std::get<CupedStatistic>(known.control), std::get<CupedStatistic>(known.treatment), Scale::kAbsolute)
          ->point;
  const double of_fresh = EffectOf(fresh_plain.control, fresh_plain.treatment, Scale::kAbsolute)->point;
  EXPECT_NEAR(both.effect.point, (of_known + of_fresh) / 2, 0.01);  // half the units each
}

TEST(StratifyTest, FaultsOfInputAreErrors) {
  EXPECT_EQ(CodeOf(PostStratifiedEffect({}, Scale::kAbsolute)), "INVALID");
  const std::vector<Stratum> mixed = {{Mean(10, 1, 1), Mean(10, 1, 1)}, {Mean(10, 1, 1), ProportionStatistic{10, 5}}};
  EXPECT_EQ(CodeOf(PostStratifiedEffect(mixed, Scale::kAbsolute)), "INVALID");
  const QuantileStatistic quantile{900, 900, 0.9, 5, 4, 6};
  EXPECT_EQ(CodeOf(PostStratifiedEffect(std::vector{Stratum{quantile, quantile}}, Scale::kAbsolute)), "INVALID");
  const std::vector<Stratum> empty = {{Mean(0, 0, 0), Mean(0, 0, 0)}};
  EXPECT_EQ(CodeOf(PostStratifiedEffect(empty, Scale::kAbsolute)), "INSUFFICIENT_N");
}

// ---- Do groups differ, and along a line

// By hand, in fractions: weights 100, 25, 100, 25, their means 21/100 and 2, Q = 209/40, the slope 27/460 with the
// variance 1/1150; and of three alike, whose chi-square with two degrees of freedom is an exponential.
TEST(HeterogeneityTest, QAndTheTrendAreThoseComputedByHand) {
  const std::vector<PlacedEffect> four = {{0, 0.1, 0.1}, {1, 0.3, 0.2}, {3, 0.2, 0.1}, {7, 0.6, 0.2}};
  const Heterogeneity differ = HeterogeneityOf(four).value();
  EXPECT_EQ(differ.groups, 4u);
  EXPECT_NEAR(differ.mean, 0.21, 1e-14);
  EXPECT_NEAR(differ.standard_error, 1 / std::sqrt(250.0), 1e-14);
  EXPECT_NEAR(differ.q, 5.225, 1e-12);
  EXPECT_EQ(differ.degrees_of_freedom, 3);
  EXPECT_NEAR(differ.p_value, 0.15604373277490852, 1e-12);
  const Trend trend = TrendOf(four).value();
  EXPECT_NEAR(trend.slope, 27.0 / 460, 1e-14);
  EXPECT_NEAR(trend.standard_error, 1 / std::sqrt(1'150.0), 1e-14);
  EXPECT_NEAR(trend.z, 1.9904664080911114, 1e-12);
  EXPECT_NEAR(trend.p_value, 0.04653958084700564, 1e-12);
  EXPECT_NEAR(trend.center, 2, 1e-14);
  EXPECT_NEAR(trend.At(7), 0.21 + 5 * 27.0 / 460, 1e-14);

  const std::vector<PlacedEffect> three = {{0, 1, 1}, {1, 2, 1}, {2, 4, 1}};
  EXPECT_NEAR(HeterogeneityOf(three)->p_value, std::exp(-7.0 / 3), 1e-14);
  EXPECT_NEAR(TrendOf(three)->p_value, 0.033894853524689274, 1e-12);
  EXPECT_NEAR(TrendOf(three)->slope, 1.5, 1e-14);
  // Q is that of the line and what is left of it; two groups are compared as any two numbers.
  double rest = 0;
  for (const PlacedEffect& group : three) rest += std::pow(group.point - TrendOf(three)->At(group.at), 2);
  EXPECT_NEAR(HeterogeneityOf(three)->q, std::pow(TrendOf(three)->z, 2) + rest, 1e-12);
  EXPECT_NEAR(HeterogeneityOf(std::vector<PlacedEffect>{{0, 1, 3}, {0, 6, 4}})->q, 1, 1e-14);
}

TEST(HeterogeneityTest, FaultsOfInputAreErrorsAndUnitsOfMeasureNoMatter) {
  using Groups = std::vector<PlacedEffect>;
  EXPECT_EQ(CodeOf(HeterogeneityOf(Groups{})), "INSUFFICIENT_N");
  EXPECT_EQ(CodeOf(HeterogeneityOf(Groups{{0, 1, 1}})), "INSUFFICIENT_N");
  EXPECT_EQ(CodeOf(TrendOf(Groups{{0, 1, 1}, {1, 1, 1}})), "INSUFFICIENT_N");
  EXPECT_EQ(CodeOf(TrendOf(Groups{{3, 1, 1}, {3, 1, 1}, {3, 2, 1}})), "INSUFFICIENT_N");
  for (const PlacedEffect wrong : {PlacedEffect{0, 1, 0}, PlacedEffect{0, 1, -1}, PlacedEffect{0, kNan, 1},
                                   PlacedEffect{kInfinity, 1, 1}, PlacedEffect{0, 1, kInfinity}}) {
    const Groups groups = {{1, 1e6, 1}, {2, 1, 1}, wrong};
    EXPECT_EQ(CodeOf(HeterogeneityOf(groups)), "INVALID");
    EXPECT_EQ(CodeOf(TrendOf(groups)), "INVALID");
  }
  // Of a metric in billionths.
  const Groups large = {{0, 1, 1}, {1, 2, 2}, {2, 5, 1}};
  Groups small = large;
  for (PlacedEffect& group : small) group.point *= 1e-200, group.standard_error *= 1e-200;
  EXPECT_NEAR(HeterogeneityOf(small)->p_value, HeterogeneityOf(large)->p_value, 1e-12);
  EXPECT_NEAR(TrendOf(small)->p_value, TrendOf(large)->p_value, 1e-12);
  // One of which next to nothing is known has no part in the mean, and is itself still compared with it.
  EXPECT_NEAR(HeterogeneityOf(Groups{{0, 1, 1}, {1, 2e-200, 1e-200}, {2, 1e-200, 1e-200}})->q, 1.5, 1e-12);
  EXPECT_EQ(CodeOf(TrendOf(Groups{{1, 1e6, 1}, {2, 1, 1}, {0, 1, 1e-320}})), "INVALID") << "of one place only";
}

// How far their distribution is from the uniform one, times the root of how many there are: beyond 2.2 in one of 8,000.
double DistanceFromUniform(std::vector<double> p) {
  std::sort(p.begin(), p.end());
  const double n = static_cast<double>(p.size());
  double distance = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double below = static_cast<double>(i) / n;
    distance = std::max({distance, p[i] - below, below + 1 / n - p[i]});
  }
  return distance * std::sqrt(n);
}

// Days of any number, size and level; of numbers whose error is known, and of shares, of which it is not.
TEST(HeterogeneityTest, WithoutADifferenceEveryPIsAsLikelyAsAnyOther) {
  std::mt19937_64 random = Random("WithoutADifferenceEveryPIsAsLikelyAsAnyOther");
  std::normal_distribution<double> normal;
  const auto uniform = [&](double from, double to) { return std::uniform_real_distribution(from, to)(random); };
  const auto days = [&] { return std::uniform_int_distribution<int>(3, 30)(random); };
  const int runs = Runs(2'000, 40'000);
  std::vector<double> differ, trend, trend_of_shares;
  int found = 0, found_in_trend = 0;
  for (int run = 0; run < runs; ++run) {
    std::vector<PlacedEffect> known, shares;
    const double truth = uniform(-1, 1);
    for (int day = 0, last = days(); day < last; ++day) {
      const double error = std::exp(uniform(-3, 1));
      known.push_back({uniform(0, 40), truth + error * normal(random), error});
      // A level and a number of units for each day, the effect of none.
      const int units = std::uniform_int_distribution<int>(100, 600)(random);
      const double level = uniform(0.15, 0.3);
      const auto arm = [&](int n) {
        return ProportionStatistic{static_cast<double>(n),
                                   static_cast<double>(std::binomial_distribution<int>(n, level)(random))};
      };
      const ProportionStatistic control = arm(units), treatment = arm(units / 2 + 50);
      const Outcome<Effect> effect = ProportionEffect(control, treatment, Scale::kAbsolute);
      ASSERT_TRUE(effect);
      shares.push_back({static_cast<double>(day), effect->point, effect->standard_error});
    }
    differ.push_back(HeterogeneityOf(known)->p_value);
    trend.push_back(TrendOf(known)->p_value);
    trend_of_shares.push_back(TrendOf(shares)->p_value);
    found += HeterogeneityOf(shares)->p_value < 0.05 ? 1 : 0;
    // A tenth of the level a day is a trend.
    for (PlacedEffect& day : shares) day.point -= 0.02 * day.at;
    found_in_trend += TrendOf(shares)->p_value < 0.05 && TrendOf(shares)->slope < 0 ? 1 : 0;
  }
  EXPECT_LT(DistanceFromUniform(differ), 2.2);
  EXPECT_LT(DistanceFromUniform(trend), 2.2);
  EXPECT_LT(DistanceFromUniform(trend_of_shares), 2.2);
  EXPECT_GT(DistanceFromUniform(std::vector<double>(100, 0.5)), 2.2) << "or it would measure nothing";
  const double share = static_cast<double>(found) / runs, around = 4 * std::sqrt(0.05 * 0.95 / runs);
  EXPECT_NEAR(share, 0.05, around + 0.005) << "errors that are found from few units are somewhat off";
  EXPECT_GT(found_in_trend, runs * 6 / 10);
}

// ---- Distributions

TEST(DistributionsTest, EndsAreEndsAndTailsGoFar) {
  EXPECT_EQ(NormalQuantile(0), -kInfinity);
  EXPECT_EQ(NormalQuantile(1), kInfinity);
  EXPECT_EQ(StudentUpperQuantile(0, 3), kInfinity);
  EXPECT_EQ(StudentUpperTail(-kInfinity, 3), 1);
  EXPECT_EQ(NormalUpperTail(kInfinity), 0);
  EXPECT_EQ(ChiSquaredUpperTail(0, 2), 1);
  EXPECT_NEAR(ChiSquaredUpperTail(5, 2) / std::exp(-2.5), 1, 1e-12);
  EXPECT_NEAR(NormalUpperTail(37) / 5.7255712225245768e-300, 1, 1e-10);
  EXPECT_NEAR(StudentUpperTail(2, 1e18) / NormalUpperTail(2), 1, 1e-12);
  EXPECT_NEAR(StudentUpperQuantile(1e-300, kInfinity) / NormalUpperQuantile(1e-300), 1, 1e-12);
}

TEST(DistributionsTest, LogarithmsOfTailsMeetWhereTheyAreJoined) {
  for (const double z : {-29.9, -30.1, -35.0}) {
    EXPECT_NEAR(LogNormalLowerTail(z) / std::log(NormalLowerTail(z)), 1, 1e-13) << z;
  }
  EXPECT_TRUE(std::isfinite(LogNormalLowerTail(-1e6)));
  EXPECT_NEAR(LogBeta(2, 3), std::log(1.0 / 12), 1e-14);
  EXPECT_NEAR(BetaQuantile(BetaLowerTail(0.3, 4, 9), 4, 9), 0.3, 1e-12);
  EXPECT_NEAR(NoncentralStudentLowerTail(1, 10, 0), 1 - StudentUpperTail(1, 10), 1e-12);
}

}  // namespace
}  // namespace guidon::stats
