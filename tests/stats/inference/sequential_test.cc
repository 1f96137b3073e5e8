// What the reference vectors do not say of the methods that look more than once: what holds for all inputs, what
// happens at the ends, and which inputs have no answer.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/distributions.h"
#include "stats/inference/group_sequential.h"
#include "stats/inference/msprt.h"

namespace guidon::stats {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

const std::vector<Spending> kSpendings = {{SpendingKind::kObrienFleming, 0},
                                          {SpendingKind::kPocock, 0},
                                          {SpendingKind::kPower, 1},
                                          {SpendingKind::kPower, 3}};

std::vector<double> Evenly(std::size_t looks) {
  std::vector<double> fractions;
  for (std::size_t i = 1; i <= looks; ++i) {
    fractions.push_back(static_cast<double>(i) / static_cast<double>(looks));
  }
  return fractions;
}

std::vector<double> BoundsOf(const std::vector<Look>& looks) {
  std::vector<double> bounds;
  for (const Look& look : looks) bounds.push_back(look.bound);
  return bounds;
}

Effect EffectOf(double point, double standard_error, double n = 10'000) {
  Effect effect;
  effect.point = point;
  effect.standard_error = standard_error;
  effect.control_mean = 1;
  effect.n_control = effect.n_treatment = n / 2;
  return effect;
}

StatsErrorCode CodeOf(const auto& outcome) {
  EXPECT_FALSE(outcome);
  return outcome ? StatsErrorCode::kInvalid : outcome.error().code;
}

// ---- Alpha spending ----------------------------------------------------------------------------------------------

TEST(SpendingTest, RisesFromNothingToAllOfAlpha) {
  for (const Spending& spending : kSpendings) {
    for (const double alpha : {1e-6, 0.025, 0.4}) {
      double before = 0;
      for (double fraction = -0.1; fraction <= 1.2; fraction += 0.01) {
        const double spent = SpentInTail(spending, alpha, fraction);
        EXPECT_GE(spent, before);
        EXPECT_LE(spent, alpha);
        before = spent;
      }
      EXPECT_EQ(SpentInTail(spending, alpha, 0), 0);
      EXPECT_EQ(SpentInTail(spending, alpha, 1), alpha);
    }
  }
}

TEST(SpendingTest, InformationIsNeverMoreThanWhatWasPlanned) {
  EXPECT_DOUBLE_EQ(InformationFraction(250, 1000), 0.25);
  EXPECT_EQ(InformationFraction(1001, 1000), 1);
  EXPECT_EQ(InformationFraction(10, 0), 1);
}

TEST(BoundariesTest, LooksAtAnyTimesCrossWithProbabilityAlphaWhenThereIsNoEffect) {
  for (const Spending& spending : kSpendings) {
    for (const std::vector<double>& fractions :
         {Evenly(1), Evenly(14), std::vector<double>{0.02, 0.03, 0.5, 0.5002, 0.9, 1}}) {
      const auto looks = Boundaries(fractions, {.alpha = 0.05, .spending = spending});
      ASSERT_TRUE(looks);
      const auto crossing = CrossingOf(fractions, BoundsOf(*looks), 0);
      ASSERT_TRUE(crossing);
      EXPECT_NEAR(crossing->probability, 0.05, 1e-8);
      for (std::size_t i = 0; i < fractions.size(); ++i) {
        EXPECT_NEAR(crossing->above[i], crossing->below[i], 1e-12);
        EXPECT_LE((*looks)[i].bound, kHighestBound);
      }
    }
  }
}

TEST(BoundariesTest, OneSidedBoundsSpendAllOfAlphaOnThatSide) {
  for (const Alternative side : {Alternative::kGreater, Alternative::kLess}) {
    const auto looks = Boundaries(Evenly(5), {.alpha = 0.025, .alternative = side});
    ASSERT_TRUE(looks);
    const auto crossing = CrossingOf(Evenly(5), BoundsOf(*looks), 0, side);
    ASSERT_TRUE(crossing);
    EXPECT_NEAR(crossing->probability, 0.025, 1e-8);
    const double drift = side == Alternative::kGreater ? 2.8 : -2.8;
    EXPECT_GT(CrossingOf(Evenly(5), BoundsOf(*looks), drift, side)->probability, 0.78);
    EXPECT_LT(CrossingOf(Evenly(5), BoundsOf(*looks), -drift, side)->probability, 1e-4);
  }
}

// The simulations of 100 000 and 200 000 experiments found .7888, .8084 and .782.
TEST(BoundariesTest, PowerAndShareOfTheUnitsAreThoseThatSimulationFinds) {
  const double drift = NormalUpperQuantile(0.025) + NormalUpperQuantile(0.2);
  const auto five = CrossingOf(Evenly(5), BoundsOf(*Boundaries(Evenly(5), {})), drift);
  EXPECT_NEAR(five->probability, 0.789, 0.002);
  EXPECT_NEAR(five->expected_fraction, 0.808, 0.002);
  const auto fourteen = CrossingOf(Evenly(14), BoundsOf(*Boundaries(Evenly(14), {})), drift);
  EXPECT_NEAR(fourteen->probability, 0.782, 0.002);
  EXPECT_NEAR(CrossingOf(Evenly(20), std::vector<double>(20, 1.959964), 0)->probability, 0.248,
              0.001);  // naive peeking
}

TEST(BoundariesTest, WhatComesAfterThePlannedEndTakesItsBound) {
  auto looks = *GroupSequential::Begin({});
  looks.Next(0.5);
  const Look final = *looks.Next(1);
  EXPECT_TRUE(final.is_final);
  for (const double fraction : {1.0, 1.4, 0.7}) {
    const Look after = *looks.Next(fraction);
    EXPECT_EQ(after.bound, final.bound);
    EXPECT_EQ(after.alpha_spent, final.alpha_spent);
    EXPECT_EQ(after.fraction, 1);
  }
  EXPECT_DOUBLE_EQ(final.alpha_spent, 0.05);
}

TEST(BoundariesTest, ALookWithoutNewUnitsSpendsNothingAndMovesNoBound) {
  auto looks = *GroupSequential::Begin({});
  const Look first = *looks.Next(0.5);
  for (const double fraction : {0.5, 0.3, 0.50005}) {
    const Look again = *looks.Next(fraction);
    EXPECT_EQ(again.bound, first.bound);
    EXPECT_EQ(again.alpha_spent, first.alpha_spent);
    EXPECT_GE(again.fraction, first.fraction);
  }
  EXPECT_NEAR(looks.Next(1)->bound, (*Boundaries(std::vector<double>{0.5, 1}, {}))[1].bound, 1e-9);
}

TEST(BoundariesTest, AnEarlierEndSpendsWhatIsLeft) {
  auto looks = *GroupSequential::Begin({});
  looks.Next(0.3);
  const Look last = *looks.Last(0.6);
  EXPECT_TRUE(last.is_final);
  EXPECT_DOUBLE_EQ(last.alpha_spent, 0.05);
  EXPECT_LT(last.bound, (*Boundaries(std::vector<double>{0.3, 0.6}, {}))[1].bound);
  const std::vector<double> fractions = {0.3, 0.6};
  EXPECT_NEAR(CrossingOf(fractions, BoundsOf(looks.looks()), 0)->probability, 0.05, 1e-8);
  EXPECT_EQ(looks.Next(0.9)->bound, last.bound);
}

TEST(BoundariesTest, TheRepeatedPIsAlphaAtTheBoundAndFallsBeyondIt) {
  auto looks = *GroupSequential::Begin({});
  for (const double fraction : {0.25, 0.5, 0.75}) {
    const double bound = looks.Next(fraction)->bound;
    EXPECT_NEAR(looks.RepeatedP(bound), 0.05, 1e-6);
    EXPECT_NEAR(looks.RepeatedP(-bound), 0.05, 1e-6);
    EXPECT_LT(looks.RepeatedP(bound + 0.5), 0.05);
    EXPECT_GT(looks.RepeatedP(bound - 0.5), 0.05);
  }
  EXPECT_EQ(looks.RepeatedP(0), 1);
  EXPECT_LE(looks.RepeatedP(30), 1e-12);
  EXPECT_GT(looks.RepeatedP(30), 0);
}

TEST(BoundariesTest, TheRepeatedIntervalExcludesNothingExactlyWhenTheBoundIsCrossed) {
  auto looks = *GroupSequential::Begin({});
  const double bound = looks.Next(0.5)->bound;
  const auto beyond = looks.EstimateNow(EffectOf((bound + 0.01) * 0.1, 0.1));
  ASSERT_TRUE(beyond);
  EXPECT_GT(beyond->interval.lower, 0);
  EXPECT_LT(beyond->p_value, 0.05);
  const auto within = looks.EstimateNow(EffectOf((bound - 0.01) * 0.1, 0.1));
  EXPECT_LT(within->interval.lower, 0);
  EXPECT_GT(within->p_value, 0.05);
}

TEST(BoundariesTest, WhatHasNoAnswerIsATypedError) {
  EXPECT_EQ(CodeOf(GroupSequential::Begin({.alpha = 0})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(GroupSequential::Begin({.alpha = kNan})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(GroupSequential::Begin({.alpha = 0.6, .alternative = Alternative::kGreater})),
            StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(GroupSequential::Begin({.spending = {SpendingKind::kPower, 0}})), StatsErrorCode::kInvalid);
  auto looks = *GroupSequential::Begin({});
  EXPECT_EQ(CodeOf(looks.EstimateNow(EffectOf(1, 1))), StatsErrorCode::kInvalid);
  for (const double fraction : {0.0, -0.5, kNan}) EXPECT_EQ(CodeOf(looks.Next(fraction)), StatsErrorCode::kInvalid);
  ASSERT_TRUE(looks.Next(0.5));
  EXPECT_EQ(CodeOf(looks.EstimateNow(EffectOf(1, 0))), StatsErrorCode::kZeroVariance);
  for (std::size_t i = 1; i < kMaxLooks; ++i) ASSERT_TRUE(looks.Next(0.5));
  EXPECT_EQ(CodeOf(looks.Next(0.6)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(CrossingOf(std::vector<double>{0.5, 0.4}, std::vector<double>{2, 2}, 0)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(CrossingOf(std::vector<double>{0.5}, std::vector<double>{2, 2}, 0)), StatsErrorCode::kInvalid);
}

TEST(BoundariesTest, BoundsAreNumbersForEveryAlphaAndEverySpacing) {
  for (const Spending& spending : kSpendings) {
    for (const double alpha : {1e-9, 0.05, 0.99}) {
      const auto looks = Boundaries(std::vector<double>{1e-9, 1e-4, 0.01, 0.9, 0.9001, 0.99999, 1},
                                    {.alpha = alpha, .spending = spending});
      ASSERT_TRUE(looks);
      for (const Look& look : *looks) EXPECT_TRUE(look.bound >= 0 && look.bound <= kHighestBound) << look.bound;
    }
  }
}

// ---- Futility ----------------------------------------------------------------------------------------------------

TEST(FutilityTest, IsTheChanceThatIsLeftOfCrossingTheFinalBound) {
  const auto half = CheckFutility(0, 0.5, 1.96, 2.8);
  ASSERT_TRUE(half);
  EXPECT_NEAR(half->under_plan, NormalUpperTail((1.96 - 1.4) / std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(half->under_trend, NormalUpperTail(1.96 / std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(half->predictive, NormalUpperTail(1.96), 1e-12);
  EXPECT_FALSE(half->is_futile);
  const auto bad = CheckFutility(-0.8, 0.5, 1.96, 2.8);
  EXPECT_LT(bad->under_plan, 0.10);
  EXPECT_TRUE(bad->is_futile);
  EXPECT_FALSE(CheckFutility(-3, 0.2, 1.96, 2.8)->is_futile) << "too early to say";
  EXPECT_EQ(CheckFutility(2, 1, 1.96, 2.8)->under_plan, 1);
  EXPECT_EQ(CheckFutility(1.9, 1, 1.96, 2.8)->predictive, 0);
}

// S(t) is drawn by its exact law: those who go on to the end, and those who are stopped at half and would have crossed.
TEST(FutilityTest, StoppingByItCostsNoMorePowerThanItSays) {
  const double drift = NormalUpperQuantile(0.025) + NormalUpperQuantile(0.2), bound = NormalUpperQuantile(0.025);
  // The score below which it is futile at half: where the conditional power is the threshold.
  const double threshold = 0.10, left = std::sqrt(0.5);
  const double score = bound - drift * 0.5 - NormalUpperQuantile(threshold) * left;
  EXPECT_FALSE(CheckFutility((score + 1e-6) / left, 0.5, bound, drift)->is_futile);
  EXPECT_TRUE(CheckFutility((score - 1e-6) / left, 0.5, bound, drift)->is_futile);
  ScoreWalk walk(drift);
  walk.StepTo(0.5);
  walk.Stay(score, score + 20);
  walk.StepTo(1);
  const double missed = 1 - walk.Above(bound);
  EXPECT_GT(missed, 0.2);
  EXPECT_LE(missed, 0.2 / (1 - threshold));
}

TEST(FutilityTest, WhatHasNoAnswerIsATypedError) {
  EXPECT_EQ(CodeOf(CheckFutility(kNan, 0.5, 2, 2.8)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(CheckFutility(0, 1.1, 2, 2.8)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(CheckFutility(0, 0.5, 2, 0)), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(CheckFutility(0, 0.5, 2, 2.8, {.threshold = 1})), StatsErrorCode::kInvalid);
  EXPECT_NEAR(DriftOf(0.02, 0.01, 0.25), 4, 1e-12);
}

// ---- Confidence sequences ----------------------------------------------------------------------------------------

TEST(ConfidenceSequenceTest, WhereItIsTunedToItIsSoMuchWiderThanOneLook) {
  EXPECT_NEAR(SequenceBound(0.05, 20'000, 20'000), 3.04, 0.005);
  // … and it is narrowest there, in what counts: bound / sqrt(n).
  const auto width = [](double n) { return SequenceBound(0.05, n, 20'000) / std::sqrt(n); };
  EXPECT_LT(width(20'000), width(10'000));
  EXPECT_DOUBLE_EQ(SequenceBound(0.05, 500, 1000), SequenceBound(0.05, 5, 10));
}

TEST(ConfidenceSequenceTest, IsTheMixtureTestOfTheSameWidth) {
  const Effect effect = EffectOf(0.03, 0.01);
  const SequencePlan plan{.alpha = 0.05, .tuned_to = 5000};
  const auto sequence = ConfidenceSequence(effect, plan);
  ASSERT_TRUE(sequence);
  const double tau = sequence->rho * std::sqrt(10'000.0) * 0.01;
  const auto test = MixtureSprt(0.03, 0.01 * 0.01, {.tau = tau, .alpha = 0.05});
  EXPECT_NEAR(test->p_value, sequence->estimate.p_value, 1e-12);
  EXPECT_NEAR(test->interval.lower, sequence->estimate.interval.lower, 1e-12);
}

TEST(ConfidenceSequenceTest, PIsBelowAlphaExactlyWhenTheIntervalExcludesTheNull) {
  for (const Alternative side : {Alternative::kTwoSided, Alternative::kGreater, Alternative::kLess}) {
    const SequencePlan plan{.alpha = 0.05, .tuned_to = 5000, .alternative = side, .null_value = -0.01};
    for (double point = -0.1; point < 0.1; point += 0.001) {
      const auto now = ConfidenceSequence(EffectOf(point, 0.01), plan);
      ASSERT_TRUE(now);
      const Interval interval = now->estimate.interval;
      const bool is_outside = interval.lower > plan.null_value || interval.upper < plan.null_value;
      EXPECT_EQ(now->estimate.p_value < 0.05, is_outside) << point;
    }
  }
}

TEST(ConfidenceSequenceTest, EndsOfItsRangeAreNumbers) {
  for (const double point : {0.0, 1e-300, -1e6, 1e6}) {
    for (const double n : {1.0, 1e12}) {
      for (const Alternative side : {Alternative::kTwoSided, Alternative::kGreater, Alternative::kLess}) {
        const auto now = ConfidenceSequence(EffectOf(point, 1, n), {.alpha = 1e-6, .alternative = side});
        ASSERT_TRUE(now);
        EXPECT_TRUE(now->estimate.p_value >= 0 && now->estimate.p_value <= 1) << now->estimate.p_value;
        EXPECT_TRUE(std::isfinite(now->half_width));
      }
    }
  }
}

TEST(ConfidenceSequenceTest, WhatHasNoAnswerIsATypedError) {
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, 0), {})), StatsErrorCode::kZeroVariance);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, kNan), {})), StatsErrorCode::kZeroVariance);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, 1, 0), {})), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(kNan, 1), {})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, 1), {.null_value = kInfinity})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, 1), {.alpha = 1})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, 1), {.tuned_to = 0})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(ConfidenceSequence(EffectOf(1, 1), {.alpha = 0.5, .alternative = Alternative::kLess})),
            StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(MixtureSprt(0, 1, {.tau = 0})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(MixtureSprt(0, 0, {.tau = 1})), StatsErrorCode::kZeroVariance);
  EXPECT_EQ(CodeOf(MixtureSprt(kInfinity, 1, {.tau = 1})), StatsErrorCode::kInvalid);
}

TEST(RunningPTest, NeverRises) {
  RunningP running;
  EXPECT_EQ(running.value(), 1);
  EXPECT_EQ(running.Add(0.3), 0.3);
  EXPECT_EQ(running.Add(0.9), 0.3);
  EXPECT_EQ(running.Add(kNan), 0.3);
  EXPECT_EQ(running.Add(-1), 0.3);
  EXPECT_EQ(RunningP(0.02).Add(0.5), 0.02);
}

TEST(BurnInTest, EveryArmNeedsItsUnitsAndItsEvents) {
  EXPECT_FALSE(IsBurntIn({}, 99, 5000));
  EXPECT_TRUE(IsBurntIn({}, 100, 100));
  EXPECT_FALSE(IsBurntIn({}, 500, 500, 5, 4));
  EXPECT_TRUE(IsBurntIn({}, 500, 500, 5, 5));
}

TEST(BernoulliSequenceTest, HoldsTheShareThatWasSeenAndReachesTheEndsOnlyWithoutEvidence) {
  for (const double n : {40.0, 1e6}) {
    for (const double share : {0.0, 0.001, 0.5, 1.0}) {
      const double successes = std::round(n * share);
      const auto interval = BernoulliConfidenceSequence(successes, n, {});
      ASSERT_TRUE(interval);
      EXPECT_LE(interval->lower, successes / n);
      EXPECT_GE(interval->upper, successes / n);
      EXPECT_EQ(interval->lower == 0, successes == 0) << n << " " << share;
      EXPECT_EQ(interval->upper == 1, successes == n) << n << " " << share;
    }
  }
  EXPECT_EQ(BernoulliConfidenceSequence(1, 1, {})->lower, 0) << "a single trial says nothing";
  EXPECT_EQ(CodeOf(BernoulliConfidenceSequence(2, 1, {})), StatsErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(BernoulliConfidenceSequence(0, 0, {})), StatsErrorCode::kInsufficientN);
  EXPECT_EQ(CodeOf(BernoulliConfidenceSequence(1, 2, {.t_opt = 0})), StatsErrorCode::kInvalid);
}

}  // namespace
}  // namespace guidon::stats
