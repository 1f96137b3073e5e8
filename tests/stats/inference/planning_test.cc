// What the reference vectors do not say of Bayesian readouts, several questions, sample ratios, plans, bandits,
// interactions and clusters.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "stats/inference/bandit.h"
#include "stats/inference/bayesian.h"
#include "stats/inference/interaction.h"
#include "stats/inference/multiplicity.h"
#include "stats/inference/power.h"
#include "stats/inference/srm.h"

namespace guidon::stats {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Numbers = std::vector<double>;

StatsErrorCode CodeOf(const auto& outcome) {
  EXPECT_FALSE(outcome);
  return outcome ? StatsErrorCode::kInvalid : outcome.error().code;
}

// ---- Bayesian ----------------------------------------------------------------------------------------------------

TEST(BetaBinomialTest, ChancesAndLossesAddUpForAllCounts) {
  const std::vector<ProportionStatistic> arms = {{0, 0}, {3, 3}, {10, 0}, {40, 7}, {1e6, 210'000}, {1e6, 1}};
  for (const ProportionStatistic& a : arms) {
    for (const ProportionStatistic& b : arms) {
      for (const double prior : {0.5, 30.0}) {
        const auto there = BetaBinomialPosterior(a, b, {prior, prior});
        const auto back = BetaBinomialPosterior(b, a, {prior, prior});
        ASSERT_TRUE(there && back);
        EXPECT_NEAR(there->chance_to_win + back->chance_to_win, 1, 1e-9) << a.n << " " << b.n;
        EXPECT_NEAR(there->loss_of_treatment, back->loss_of_control, 1e-12);
        EXPECT_NEAR(there->loss_of_control - there->loss_of_treatment, there->mean_treatment - there->mean_control,
                    1e-9);
      }
    }
  }
  EXPECT_EQ(CodeOf(BetaBinomialPosterior({10, 11}, {10, 1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(BetaBinomialPosterior({10, 1}, {10, 1}, {0.4, 1})), StatsErrorCode::kInvalid);
}

TEST(NormalPosteriorTest, WhereLessIsBetterTheSidesChange) {
  Effect effect;
  effect.point = -0.02;
  effect.standard_error = 0.01;
  effect.control_mean = 2;
  const auto up = NormalPosterior(effect, Prior::Flat());
  const auto down = NormalPosterior(effect, Prior::Flat(), {.good = Direction::kDecrease});
  EXPECT_NEAR(up->chance_to_win + down->chance_to_win, 1, 1e-15);
  EXPECT_EQ(up->loss_of_control, down->loss_of_treatment);
  // A prior of the lift is that of an absolute effect times the control.
  const auto drawn = NormalPosterior(effect, Prior::Lift(0, 0.005));
  EXPECT_NEAR(drawn->mean, -0.01, 1e-12);
  effect.control_mean = 0;
  EXPECT_EQ(CodeOf(NormalPosterior(effect, Prior::Lift(0, 0.3))), StatsErrorCode::kBaselineZero);
  EXPECT_TRUE(NormalPosterior(effect, Prior::Flat()));
  effect.standard_error = 0;
  EXPECT_EQ(CodeOf(NormalPosterior(effect, Prior::Flat())), StatsErrorCode::kZeroVariance);
}

TEST(NormalPosteriorTest, LossesStayAboveNothingFarAway) {
  Effect effect;
  effect.point = 1e4;
  effect.standard_error = 1;
  const auto view = NormalPosterior(effect, Prior::Flat());
  EXPECT_EQ(view->loss_of_treatment, 0);
  EXPECT_EQ(view->chance_to_win, 1);
}

TEST(ChanceToWinTest, NeedsAnIntervalThatHoldsThePoint) {
  EXPECT_NEAR(*ChanceToWinOf(0, {-1, 1}, 0.05), 0.5, 1e-15);
  EXPECT_GT(*ChanceToWinOf(0.5, {-1, std::numeric_limits<double>::infinity()}, 0.05), 0.5);
  EXPECT_EQ(CodeOf(ChanceToWinOf(0, {}, 0.05)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(ChanceToWinOf(2, {-1, 1}, 0.05)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(ChanceToWinOf(1, {1, 1}, 0.05)), StatsErrorCode::kZeroVariance);
}

// ---- Several questions -------------------------------------------------------------------------------------------

TEST(MultiplicityTest, NothingIsBelowItsOwnPAndOrderIsKept) {
  const Numbers p = {0.2, 0.001, 0.04, 1, 0, 0.04};
  for (const Correction correction :
       {Correction::kBonferroni, Correction::kHolm, Correction::kHolmSidak, Correction::kHochberg, Correction::kHommel,
        Correction::kBenjaminiHochberg, Correction::kBenjaminiYekutieli}) {
    const auto adjusted = AdjustP(p, correction);
    ASSERT_TRUE(adjusted);
    for (std::size_t i = 0; i < p.size(); ++i) {
      EXPECT_GE((*adjusted)[i], p[i]);
      EXPECT_LE((*adjusted)[i], 1);
      for (std::size_t j = 0; j < p.size(); ++j) {
        if (p[i] <= p[j]) {
          EXPECT_LE((*adjusted)[i], (*adjusted)[j]);
        }
      }
    }
    EXPECT_EQ((*AdjustP(Numbers{0.03}, correction))[0], 0.03);
    EXPECT_TRUE(AdjustP({}, correction)->empty());
    EXPECT_EQ(CodeOf(AdjustP(Numbers{0.5, kNan}, correction)), StatsErrorCode::kInvalid);
    EXPECT_EQ(CodeOf(AdjustP(Numbers{-0.1}, correction)), StatsErrorCode::kInvalid);
  }
}

TEST(MultiplicityTest, TheWiderIntervalIsTakenOnlyWhenItIsWider) {
  const Interval narrow = WidenToAdjustedP(0.1, {0.001, 0.199}, 0.0001, 0.05);
  EXPECT_EQ(narrow.lower, 0.001);
  EXPECT_EQ(WidenToAdjustedP(0.1, {0.001, 0.199}, 0, 0.05).upper, 0.199);
  EXPECT_EQ(WidenToAdjustedP(0, {-0.1, 0.1}, 0.9, 0.05).upper, 0.1);
}

// ---- Sample ratio ------------------------------------------------------------------------------------------------

TEST(RatioTest, TheMobileGameHasNoAlarm) {
  const Numbers units = {44'700, 45'489}, even = {0.5, 0.5};
  const auto test = TestRatio(units, even);
  ASSERT_TRUE(test);
  EXPECT_NEAR(test->chi_squared, 6.90, 0.005);
  EXPECT_NEAR(test->p_value, 0.0086, 0.00005);
  EXPECT_GT(test->p_value, kRatioAlarm);
}

TEST(RatioTest, AnArmOfWeightZeroIsNoPartOfItAndItsUnitsAreStrays) {
  const Numbers units = {500, 7, 510}, weights = {50, 0, 50};
  const auto test = TestRatio(units, weights);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->degrees_of_freedom, 1);
  EXPECT_EQ(test->strays, 7);
  EXPECT_DOUBLE_EQ(test->chi_squared, TestRatio(Numbers{500, 510}, Numbers{1, 1})->chi_squared);
}

TEST(RatioTest, EightUnitsMustBeExpectedInEachArm) {
  const Numbers weights = {90, 10};
  EXPECT_FALSE(HasEnoughForRatio(Numbers{60, 19}, weights));
  EXPECT_TRUE(HasEnoughForRatio(Numbers{60, 20}, weights));
  EXPECT_FALSE(HasEnoughForRatio(Numbers{60}, weights));
}

TEST(RatioTest, PeriodsAddUpInChiSquareAndDegreesOfFreedom) {
  const RatioTest a = *TestRatio(Numbers{520, 480}, Numbers{50, 50}),
                  b = *TestRatio(Numbers{130, 870}, Numbers{10, 90});
  const RatioTest both = CombinePeriods(std::vector<RatioTest>{a, b});
  EXPECT_DOUBLE_EQ(both.chi_squared, a.chi_squared + b.chi_squared);
  EXPECT_EQ(both.degrees_of_freedom, 2);
  EXPECT_LT(both.p_value, std::max(a.p_value, b.p_value));
  EXPECT_EQ(CombinePeriods({}).p_value, 1);
}

TEST(RatioTest, WhatHasNoAnswerIsATypedError) {
  EXPECT_EQ(CodeOf(TestRatio(Numbers{0, 0}, Numbers{1, 1})), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(TestRatio(Numbers{5, 5}, Numbers{1, 0})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(TestRatio(Numbers{5, 5}, Numbers{1, -1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(TestRatio(Numbers{5, -5}, Numbers{1, 1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(TestRatio(Numbers{5, kNan}, Numbers{1, 1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(TestRatio(Numbers{5}, Numbers{1, 1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(SequentialRatio::Begin(Numbers{1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(SequentialRatio::Begin(Numbers{1, 1}, 0)), StatsErrorCode::kInvalid);
}

TEST(SequentialRatioTest, HowUnitsWereCountedMakesNoDifferenceToTheEvidenceAndPNeverRises) {
  auto daily = *SequentialRatio::Begin(Numbers{1, 1}), whole = *SequentialRatio::Begin(Numbers{0.5, 0.5});
  double before = 1;
  for (int day = 0; day < 10; ++day) {
    const double p = *daily.Add(Numbers{1100, day < 5 ? 900.0 : 1300.0});  // gone wrong, then the other way
    EXPECT_LE(p, before);
    before = p;
  }
  EXPECT_LT(before, 0.001);
  ASSERT_TRUE(whole.Add(Numbers{11'000, 11'000}));
  EXPECT_NEAR(daily.log_bayes_factor(), whole.log_bayes_factor(), 1e-7);
  EXPECT_EQ(whole.p_value(), 1);
  EXPECT_EQ(CodeOf(whole.Add(Numbers{1, -1})), StatsErrorCode::kInvalid);
  EXPECT_NEAR(daily.log_bayes_factor(), whole.log_bayes_factor(), 1e-7) << "nothing was added";
}

TEST(RatioSegmentsTest, TheOneThatIsBrokenComesFirst) {
  const std::vector<RatioSegment> segments = {
      {"ios", {1010, 990}}, {"android 3.1", {700, 500}}, {"web", {4950, 5050}}, {"tv", {3, 2}}};
  const auto found = LocateMismatch(segments, Numbers{1, 1});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3u) << "tv has too few units to say anything";
  EXPECT_EQ(found->front().name, "android 3.1");
  EXPECT_TRUE(found->front().is_suspect);
  EXPECT_FALSE((*found)[1].is_suspect);
  EXPECT_EQ(CodeOf(LocateMismatch(segments, Numbers{1, 1, 1})), StatsErrorCode::kInvalid);
}

// ---- Plans -------------------------------------------------------------------------------------------------------

TEST(PlanTest, UnitsGiveThePowerThatTheyWereAskedFor) {
  const Baseline share = ShareBaseline(0.1), spend = MeanBaseline(12, 30);
  for (const Baseline& baseline : {share, spend, WithCuped(spend, 0.7)}) {
    for (const double lift : {0.05, -0.05, 0.5}) {
      const auto units = UnitsForLift(baseline, lift);
      ASSERT_TRUE(units);
      EXPECT_NEAR(*PowerForLift(baseline, lift, *units), 0.8, 1e-4);
    }
    const auto lift = DetectableLift(baseline, 20'000);
    EXPECT_NEAR(*UnitsForLift(baseline, *lift), 20'000, 1e-6);
  }
  EXPECT_NEAR(*UnitsForLift(WithCuped(spend, 0.7), 0.05), 0.51 * *UnitsForLift(spend, 0.05), 1e-6);
  EXPECT_NEAR(*UnitsForLift(share, 0.05, {}, 1e6) * 2.1025, *UnitsForLift(share, 0.05), 1e-2 * 60'000);
  const DesignOptions always{.sequence_tuned_to = 50'000};
  EXPECT_NEAR(*PowerForLift(share, 0.05, *UnitsForLift(share, 0.05, always), always), 0.8, 1e-4);
}

TEST(PlanTest, WhatLookingCosts) {
  EXPECT_NEAR(*Inflation({Method::kGroupSequential, 5}), 1.02, 0.01);
  EXPECT_NEAR(*Inflation({Method::kGroupSequential, 14}), 1.04, 0.01);
  EXPECT_NEAR(*Inflation({Method::kConfidenceSequence, 14}), 1.76, 0.02);
  EXPECT_EQ(*Inflation({Method::kFixed, 14}), 1);
  EXPECT_NEAR(*PowerWithLooks(2.8015852, {Method::kFixed, 1}), 0.8, 1e-6);
  EXPECT_EQ(CodeOf(Inflation({Method::kGroupSequential, 0})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(Inflation({Method::kGroupSequential, 5}, {.power = 0.01})), StatsErrorCode::kInvalid);
}

TEST(PlanTest, WhatHasNoAnswerIsATypedError) {
  const Baseline share = ShareBaseline(0.1);
  EXPECT_EQ(CodeOf(PowerForLift(MeanBaseline(0, 1), 0.05, 100)), StatsErrorCode::kBaselineZero);
  EXPECT_EQ(CodeOf(PowerForLift(MeanBaseline(1, 0), 0.05, 100)), StatsErrorCode::kZeroVariance);
  EXPECT_EQ(CodeOf(PowerForLift(share, 0.05, 0)), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(PowerForLift(share, kNan, 100)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(UnitsForLift(share, 0)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(UnitsForEffectZ(1e-8)), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(UnitsForEffectZ(1e-300)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(UnitsForLift(share, 0.05, {.alpha = 1.5})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(UnitsForShares(0.1, 0.1)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(UnitsForArms(0.1, 1, {.allocations = {0.5, 0.6}})), StatsErrorCode::kInvalid);
  Effect effect;
  effect.standard_error = 1e9;
  effect.n_control = effect.n_treatment = 100;
  EXPECT_EQ(CodeOf(MidwayPower(effect, {.lift = 1e-9})), StatsErrorCode::kInsufficientN);
}

TEST(DurationTest, AWeekOfTrafficGoesOnAndWeeksAreWhole) {
  const Numbers days = {90'000, 100, 100, 100, 100, 100, 40, 60};  // the newest seven count
  const auto duration = DaysFor(1000, days, 0.5);
  ASSERT_TRUE(duration);
  EXPECT_NEAR(duration->units_per_day, 600.0 / 7 / 2, 1e-9);
  EXPECT_EQ(duration->days, 24);
  EXPECT_EQ(duration->whole_weeks, 28);
  EXPECT_EQ(DaysFor(1, days)->whole_weeks, 7);
  EXPECT_EQ(CodeOf(DaysFor(1000, Numbers{0})), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(DaysFor(1000, Numbers{})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(DaysFor(1000, days, 1.1)), StatsErrorCode::kInvalid);
}

// ---- Bandits -----------------------------------------------------------------------------------------------------

TEST(BanditTest, ArmsOfVeryDifferentPrecisionAreIntegratedWhereItMatters) {
  // P(N(0, 1) > N(0.5, s^2)) has a closed form.
  for (const double stddev : {1e-8, 1e-3, 1.0, 1e4}) {
    const Numbers best = BestOf(Numbers{0, 0.5}, Numbers{1, stddev * stddev});
    const double truth = 0.5 * std::erfc(0.5 / std::sqrt(1 + stddev * stddev) / std::sqrt(2.0));
    EXPECT_NEAR(best[0], truth, 1e-9) << stddev;
    EXPECT_NEAR(best[0] + best[1], 1, 1e-12);
  }
}

TEST(BanditTest, FloorsHoldAndFewUnitsMakeAllEqual) {
  std::vector<BanditArm> arms = {{1000, 0.1, 0.09}, {1000, 0.2, 0.16}, {1000, 0.1, 0.09}};
  const auto next = Allocate(arms, {.floor = 0.05});
  ASSERT_TRUE(next);
  EXPECT_NEAR(next->weights[0], 0.05, 1e-6);
  EXPECT_NEAR(next->weights[1], 0.90, 1e-6);
  EXPECT_NEAR(std::accumulate(next->weights.begin(), next->weights.end(), 0.0), 1, 1e-12);
  const auto down = Allocate(arms, {.floor = 0, .good = Direction::kDecrease, .top_two = true});
  EXPECT_NEAR(down->weights[0], 0.5, 1e-4) << "the two that are lowest are first and second";
  EXPECT_TRUE(Allocate(arms, {.floor = 0.34})->is_uniform);
  arms[2].n = 99;
  EXPECT_TRUE(Allocate(arms)->is_uniform);
  EXPECT_DOUBLE_EQ(Allocate(arms)->weights[1], 1.0 / 3);
  arms[2].variance = 0;
  EXPECT_EQ(CodeOf(Allocate(arms)), StatsErrorCode::kZeroVariance);
  arms[2].n = 0;
  EXPECT_EQ(CodeOf(Allocate(arms)), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(Allocate(std::vector<BanditArm>{arms[0]})), StatsErrorCode::kInvalid);
}

// ---- Interaction and clusters ------------------------------------------------------------------------------------

TEST(InteractionTest, IsTheDifferenceOfTwoEffects) {
  const InteractionCells cells = {
      {{{{1000, 0.10, 0.09}, {1000, 0.12, 0.10}}}, {{{1000, 0.15, 0.12}, {1000, 0.11, 0.1}}}}};
  const auto interaction = InteractionOf(cells);
  ASSERT_TRUE(interaction);
  EXPECT_NEAR(interaction->point, -0.06, 1e-12);
  EXPECT_NEAR(interaction->standard_error, std::sqrt(0.41 / 1000), 1e-12);
  EXPECT_NEAR(interaction->p_value, std::erfc(0.06 / std::sqrt(0.41 / 1000) / std::sqrt(2.0)), 1e-4);
  InteractionCells empty = cells;
  empty[0][1].n = 1;
  EXPECT_EQ(CodeOf(InteractionOf(empty)), StatsErrorCode::kInsufficientN);
  InteractionCells still = cells;
  for (auto& row : still)
    for (auto& cell : row) cell.variance = 0;
  EXPECT_EQ(CodeOf(InteractionOf(still)), StatsErrorCode::kZeroVariance);

  InteractionCells harmless = cells;
  harmless[1][1].mean = 0.171;
  const auto found =
      ScanInteractions(std::vector<InteractionPair>{{"a x b", harmless}, {"a x c", empty}, {"b x c", cells}});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].name, "b x c");
  EXPECT_TRUE((*found)[0].is_suspect);
  EXPECT_FALSE((*found)[1].is_suspect);
}

TEST(ClustersTest, AllAssignmentsOfFewClustersAreGoneThrough) {
  const std::vector<ClusterTotal> control = {{10, 10}, {11, 10}, {12, 10}}, treatment = {{20, 10}, {21, 10}, {22, 10}};
  const auto test = CompareClusters(control, treatment);
  ASSERT_TRUE(test);
  EXPECT_TRUE(test->is_exact);
  EXPECT_DOUBLE_EQ(test->permutation_p, 0.1) << "this one and its mirror image, of 20";
  EXPECT_NEAR(test->estimate.effect.point, 1, 1e-12);
  EXPECT_NEAR(test->estimate.effect.standard_error, 0.1 * std::sqrt(2.0 / 3), 1e-12);
  EXPECT_EQ(test->estimate.effect.degrees_of_freedom, 4);
  EXPECT_LT(test->estimate.p_value, 0.001);
}

TEST(ClustersTest, ManyAssignmentsAreDrawnTheSameWithTheSameSeed) {
  std::vector<ClusterTotal> control, treatment;
  for (int i = 0; i < 20; ++i) {
    control.push_back({static_cast<double>(i % 7), 5.0 + i % 3});
    treatment.push_back({static_cast<double>(i % 7) + (i % 2), 5.0 + i % 3});
  }
  const ClusterOptions options{.seed = 42, .permutations = 2000};
  const auto test = CompareClusters(control, treatment, options);
  ASSERT_TRUE(test);
  EXPECT_FALSE(test->is_exact);
  EXPECT_EQ(test->permutation_p, CompareClusters(control, treatment, options)->permutation_p);
  EXPECT_NEAR(test->permutation_p, test->estimate.p_value, 0.05);
  EXPECT_GT(test->permutation_p, 0);
}

TEST(ClustersTest, WhatHasNoAnswerIsATypedError) {
  const std::vector<ClusterTotal> two = {{1, 1}, {2, 1}}, none = {{1, 0}, {2, 0}}, same = {{1, 1}, {1, 1}};
  EXPECT_EQ(CodeOf(CompareClusters(std::vector<ClusterTotal>{{1, 1}}, two)), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(CompareClusters(none, two)), StatsErrorCode::kBaselineZero);
  EXPECT_EQ(CodeOf(CompareClusters(same, same)), StatsErrorCode::kZeroVariance);
  EXPECT_EQ(CodeOf(CompareClusters(two, std::vector<ClusterTotal>{{1, -1}, {1, 1}})), StatsErrorCode::kInvalid);
}

}  // namespace
}  // namespace guidon::stats
