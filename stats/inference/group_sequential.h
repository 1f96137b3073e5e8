// Looking at an experiment while it runs, for one that has a planned end: group-sequential tests with alpha spending.
//
//   Outcome<GroupSequential> looks = GroupSequential::Begin({.alpha = 0.05});
//   looks->Next(InformationFraction(units_so_far, planned_units));    // once for each look, in order
//   Outcome<Estimate> now = looks->EstimateNow(effect);               // interval and p that hold at this look
//
// At each look, more of alpha may be spent, and the bound for |Z| is such that exactly this much is spent, given the
// looks that there were. Looks need no fixed times, but the plan's end and its spending function must not change once
// results were seen. Formulas: Lan & DeMets 1983; the recursion is in score_walk.h.
//
// Assumes: effects that are asymptotically normal with independent increments (means, proportions, ratios, CUPED, with
// 100 units and more in each arm), and standard errors that are known; bounds are for Z, not for t.
// Limits: at most kMaxLooks looks; bounds are at most kHighestBound (a p of 1e-15).
//
// Thread safety: plain values. Cost of a look: some 25 microseconds; of a p, that of all looks so far ten times: 4 ms
// for 14.
#pragma once

#include <span>
#include <vector>

#include "stats/inference/effect.h"
#include "stats/inference/score_walk.h"

namespace guidon::stats {

inline constexpr double kHighestBound = 8;
inline constexpr std::size_t kMaxLooks = 400;
// Looks that are nearer to each other are one look: the bound stays, nothing more is spent.
inline constexpr double kSmallestStep = 1e-4;

enum class SpendingKind {
  kObrienFleming,  // hardly anything early, nearly all of it at the end: the default
  kPocock,         // about the same bound at every look
  kPower,          // alpha * t^exponent
};
struct Spending {
  SpendingKind kind = SpendingKind::kObrienFleming;
  double exponent = 3;  // of kPower, > 0
};

// What one tail has spent at the information fraction t within [0, 1], of `alpha` for that tail; rises with t, from 0
// to alpha. O'Brien-Fleming 2 (1 - Phi(z_{1-alpha/2} / sqrt t)), Pocock alpha ln(1 + (e - 1) t), power alpha
// t^exponent.
double SpentInTail(const Spending& spending, double alpha, double fraction);

// What is known of what will be: units / planned, at most 1. Neither may be negative; without a plan (0) it is 1.
double InformationFraction(double units, double planned_units);

struct GroupSequentialPlan {
  double alpha = 0.05;  // of all looks together, and of both sides when there are two; within (0, 1)
  Spending spending;
  // kTwoSided: alpha / 2 in each tail. kGreater: all of it above, there is no lower bound. kLess: the same below.
  Alternative alternative = Alternative::kTwoSided;
};

struct Look {
  double fraction = 0;     // never less than at the look before
  double alpha_spent = 0;  // so far, by all sides
  double bound = 0;        // an effect is shown when Z is beyond it: |Z| > bound; Z > bound; -Z > bound for kLess
  bool is_final = false;   // all of alpha is spent
};

class GroupSequential {
 public:
  // kInvalid: alpha is not within (0, 1) (two-sided) or (0, 0.5) (one-sided), or an exponent is not above 0.
  static Outcome<GroupSequential> Begin(const GroupSequentialPlan& plan);

  // The next look, at this information fraction (> 0). At 1 and above it is the final one. A fraction that is not above
  // the last one by kSmallestStep, and whatever comes after the final look (an over-run), takes the bound of the look
  // before, and spends nothing. kInvalid: no fraction, or more than kMaxLooks.
  Outcome<Look> Next(double fraction);
  // The last one, whatever was planned: all that is left of alpha is spent at the fraction that was reached.
  Outcome<Look> Last(double fraction);

  // At the newest look: the repeated interval, effect ± bound * SE (open on one side for a one-sided plan), which holds
  // at all looks together with confidence 1 - alpha, and the repeated p. kInvalid: no look yet.
  // Of an experiment that was stopped early the effect is, on average, overstated.
  Outcome<Estimate> EstimateNow(const Effect& effect) const;
  // The smallest alpha with which the newest look would have shown an effect of this Z (Jennison & Turnbull 2000,
  // chapter 9); within [1e-15, 1]. Valid at every look; the smallest so far is what counts (RunningP).
  double RepeatedP(double z) const;

  // The bound of the final look if it is the next one.
  double FinalBound() const;

  const GroupSequentialPlan& plan() const { return plan_; }
  const std::vector<Look>& looks() const { return looks_; }

 private:
  explicit GroupSequential(const GroupSequentialPlan& plan) : plan_(plan) {}
  double Sides() const { return plan_.alternative == Alternative::kTwoSided ? 2 : 1; }
  Outcome<Look> Take(double fraction, bool is_last);
  double BoundNow(double spend) const;  // of the present look, one tail

  GroupSequentialPlan plan_;
  std::vector<Look> looks_;
  ScoreWalk walk_;
};

// All at once: the bound of each of these fractions, which rise.
Outcome<std::vector<Look>> Boundaries(std::span<const double> fractions, const GroupSequentialPlan& plan);

// What becomes of an experiment whose expected Z at the end is `drift`, when it stops at the first look whose bound is
// crossed. Serves any bounds, those of a confidence sequence as well.
struct Crossing {
  std::vector<double> above;     // at each look, for the first time
  std::vector<double> below;     // none for a one-sided test
  double probability = 0;        // of all of them: the power; without drift, the error rate
  double expected_fraction = 0;  // at which it stops, or ends; of the planned units
};
// kInvalid: fractions that do not rise within (0, 1], another number of bounds.
Outcome<Crossing> CrossingOf(std::span<const double> fractions, std::span<const double> bounds, double drift,
                             Alternative alternative = Alternative::kTwoSided);

// ---- Futility ----------------------------------------------------------------------------------------------------

// Does it pay to go on? The rule does not bind: bounds are computed as if there were none, so alpha holds whether the
// experiment is stopped by it or not. Stopping whenever the conditional power under the planned effect is below
// `threshold` raises the chance of missing that effect from b to at most b / (1 - threshold): from 20 % to 22 %
// (stochastic curtailment: Lan, Simon & Halperin 1982).
struct FutilityRule {
  double threshold = 0.10;
  double earliest = 0.30;  // information fraction; before, nothing is futile
};

struct Futility {
  double under_plan = 0;   // P(bound is crossed at the end | data, the planned effect is true)
  double under_trend = 0;  // … | data, the effect is what is seen now
  double predictive = 0;   // … | data, the effect is drawn from its posterior, flat prior
  bool is_futile = false;
};

// `z`: effect / SE now, such that above 0 is what is hoped for. `planned_drift`: the planned effect / the SE that is
// expected at the end, > 0; DriftOf() makes it. `final_bound`: FinalBound(). Once the fraction is 1 all three are 0
// or 1. kInvalid: a fraction outside (0, 1], a bound or drift that is not above 0, a threshold outside (0, 1).
Outcome<Futility> CheckFutility(double z, double fraction, double final_bound, double planned_drift,
                                const FutilityRule& rule = {});

// The expected Z at the end for a true effect, with the SE of now at this fraction: effect / (SE sqrt(fraction)).
double DriftOf(double true_effect, double standard_error_now, double fraction);

}  // namespace guidon::stats
