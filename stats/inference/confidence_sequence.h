// Intervals that hold at every moment at once, for experiments without a planned end, for guardrails, ramps and alerts.
//
//   SequencePlan plan{.alpha = 0.05, .tuned_to = 20'000};
//   Outcome<SequenceEstimate> now = ConfidenceSequence(effect, plan);
//   if (IsBurntIn({}, n_control, n_treatment)) p = running.Add(now->estimate.p_value);
//
// However often one looks, the chance that the truth is ever outside is at most alpha. The price: where the sequence is
// tuned to, it is 1.55 times as wide as an interval of one look (alpha 0.05).
//
// Formulas: asymptotic confidence sequence, two-sided, Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2023, equation 9;
// one-sided the same with twice alpha and ln(1 + sqrt(w) / (2 alpha)). Assumes units that arrive in an order that has
// nothing to do with their outcomes; asymptotic, hence the burn-in. `tuned_to` must not change once results were seen.
//
// Thread safety: pure functions, but for RunningP. Cost: below a microsecond.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "stats/inference/effect.h"

namespace guidon::stats {

inline constexpr double kSequenceTunedTo = 5000;  // units, when nothing is planned

struct SequencePlan {
  double alpha = 0.05;                 // within (0, 1); for one side within (0, 0.5)
  double tuned_to = kSequenceTunedTo;  // units of both arms at which the interval is to be narrowest; > 0
  Alternative alternative = Alternative::kTwoSided;
  double null_value = 0;  // the effect that p is about: a guardrail's margin, on the effect's scale
};

struct SequenceEstimate {
  Estimate estimate;  // of one side: the other end is infinite, and p is clipped to [1e-5, 0.4999]
  double rho = 0;
  double half_width = 0;
};

// kInvalid: alpha or tuned_to out of range. kInsufficientN: no units. kZeroVariance: no standard error.
Outcome<SequenceEstimate> ConfidenceSequence(const Effect& effect, const SequencePlan& plan);

// sqrt((-2 ln a + ln(1 - 2 ln a)) / tuned_to), a = alpha, or 2 alpha for one side.
double SequenceRho(double alpha, double tuned_to, Alternative alternative);
// Half of the width, in standard errors, after n units: the |Z| above which an effect is shown. It depends on n and on
// what it is tuned to by n / tuned_to alone.
double SequenceBound(double alpha, double n, double tuned_to, Alternative alternative = Alternative::kTwoSided);

// ---- What goes with looking always -------------------------------------------------------------------------------

// No verdict before this: the central limit theorem needs something to work on.
struct BurnIn {
  double units_per_arm = 100;
  double events_per_arm = 5;  // conversions, of proportions only
};
bool IsBurntIn(const BurnIn& rule, double n_control, double n_treatment);
bool IsBurntIn(const BurnIn& rule, double n_control, double n_treatment, double conversions_control,
               double conversions_treatment);

// Of p-values that are valid at every moment, the smallest so far is valid, too: what was shown is not taken back.
class RunningP {
 public:
  RunningP() = default;
  explicit RunningP(double smallest) : smallest_(smallest) {}  // as it was stored
  // The smallest so far. What is no p (NaN, or outside [0, 1]) changes nothing.
  double Add(double p);
  double value() const { return smallest_; }

 private:
  double smallest_ = 1;
};

// ---- Bounds for sums (Howard, Ramdas, McAuliffe & Sekhon 2021) ---------------------------------------------------

// A sum of centred sub-Gaussian terms stays below Bound(v) at all intrinsic times v (the sum of their variances) with
// probability 1 - alpha. rho makes the bound narrowest at v_opt for alpha_opt.
// rho = v_opt / (2 ln(1/a) + ln(1 + 2 ln(1/a))), a = alpha_opt, or 2 alpha_opt for one side.
double NormalMixtureRho(double v_opt, double alpha_opt, Alternative alternative = Alternative::kTwoSided);
// sqrt((v + rho) (ln(1 + v / rho) + 2 ln(1 / alpha))), of both sides.
double NormalMixtureBound(double v, double alpha, double rho);
// Of one side: solves ln(4 rho / (v + rho)) / 2 + s^2 / (2 (v + rho)) + ln Phi(s / sqrt(v + rho)) = ln(1 / alpha).
double NormalMixtureBoundOneSided(double v, double alpha, double rho);

// A proportion after `n` trials, at every moment at once, exact (not asymptotic): what is left in it are the
// probabilities against which a beta-binomial mixture has not won by 1 / alpha. Narrowest after t_opt trials.
// kInvalid: counts that are none, alpha outside (0, 1), t_opt outside 1 … 1e15. kInsufficientN: no trial.
struct BernoulliSequence {
  double alpha = 0.05;
  double t_opt = 1000;
  double alpha_opt = 0.05;
};
Outcome<Interval> BernoulliConfidenceSequence(double successes, double n, const BernoulliSequence& plan);

}  // namespace guidon::stats
