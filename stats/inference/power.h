// Before an experiment: how many units it takes, what it can find with those that there are, and how long that lasts.
// While it runs: how much longer.
//
//   const Baseline baseline = ShareBaseline(0.0448);
//   Outcome<double> per_arm = UnitsForLift(baseline, 0.03, {});                     // one look
//   Outcome<double> inflation = Inflation({.method = Method::kGroupSequential, .looks = 14}, {});
//   Outcome<Duration> days = DaysFor(2 * *per_arm * *inflation, traffic);
//
// Never ask for the power at the effect that was observed: it says what the p-value said.
//
// Thread safety: pure functions. Cost: microseconds, but for Inflation (milliseconds).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "stats/inference/bayesian.h"
#include "stats/inference/effect.h"
#include "stats/inference/group_sequential.h"

namespace guidon::stats {

// What a metric is without the experiment, per unit.
struct Baseline {
  double mean = 0;
  double variance = 0;
};
Baseline ShareBaseline(double conversion_rate);  // p, p (1 - p)
Baseline MeanBaseline(double mean, double stddev);
// What CUPED leaves of the variance when the covariate correlates by rho: 1 - rho^2.
Baseline WithCuped(const Baseline& baseline, double correlation);

struct DesignOptions {
  double alpha = 0.05;
  double power = 0.80;  // of what is solved for units or an effect
  bool is_two_sided = true;
  // Of a confidence sequence (N*): looks at any time are then allowed for. Its half-width takes the place of that of
  // one look; conservative, for an effect may also be shown at an earlier look (see Inflation).
  std::optional<double> sequence_tuned_to;
};

// ---- Lift, by the delta method: the default ----------------------------------------------------------------------

// SE of a lift, each arm with n units of the baseline's variance: var / (n m^2) + var (1 + lift)^2 / (n m^2).
double LiftStandardError(const Baseline& baseline, double lift, double n_per_arm);

// The chance to show a lift that is true: 1 - Phi(z - lift / SE) + Phi(-z - lift / SE).
// Of all of these: kBaselineZero for a mean of 0, kZeroVariance for no variance, kInvalid for shares outside (0, 1) and
// for numbers that are none, kInsufficientN where no number of units, or these units, suffice.
Outcome<double> PowerForLift(const Baseline& baseline, double lift, double n_per_arm,
                             const DesignOptions& options = {});
// The smallest lift (> 0) that is shown with that power: with q = (z_{1-alpha/2} + z_power)^2 var / (n m^2),
// (1 + sqrt(1 - (1 - q)^2)) / (1 - q) - 1. kInsufficientN when q >= 1: no lift is large enough.
Outcome<double> DetectableLift(const Baseline& baseline, double n_per_arm, const DesignOptions& options = {});
// Units in each arm, not rounded; for `treatment_per_control` units of treatment for each of control, of the control.
// n = (z_{1-alpha/2} + z_power)^2 var (1 + (1 + lift)^2 / ratio) / (m lift)^2.
Outcome<double> UnitsForLift(const Baseline& baseline, double lift, const DesignOptions& options = {},
                             double treatment_per_control = 1);
// The chance that a credible interval excludes 0 when the lift is true (prior of lift as in bayesian.h).
Outcome<double> BayesianPowerForLift(const Baseline& baseline, double lift, double n_per_arm, const Prior& prior,
                                     double alpha = 0.05);

// ---- Textbook sample sizes: units of control, not rounded; both tails unless it says otherwise --------------------

// Standardised effects: (mean - mean) / sd, by the normal distribution; by Student's t (noncentral), for few units.
Outcome<double> UnitsForEffectZ(double standardized_effect, const DesignOptions& options = {},
                                double treatment_per_control = 1);
Outcome<double> UnitsForEffectT(double standardized_effect, const DesignOptions& options = {},
                                double treatment_per_control = 1);
// Cohen's h = 2 asin sqrt(p_treatment) - 2 asin sqrt(p_control), which is a standardised effect.
double CohenH(double control, double treatment);
// Of two shares, for the test with the pooled variance; leaves out the far tail:
// ((z_{1-alpha/2} sqrt(2 pb (1 - pb)) + z_power sqrt(p1 q1 + p2 q2)) / (p1 - p2))^2, pb the mean of both.
Outcome<double> UnitsForShares(double control, double treatment, const DesignOptions& options = {});

enum class Comparisons { kControlToAll, kAllToAll };
struct ArmsPlan {
  std::vector<double> allocations;  // shares of the units, of every arm, control first; they sum to 1
  Comparisons comparisons = Comparisons::kControlToAll;
  bool bonferroni = false;  // alpha is shared by the comparisons
};
struct TotalUnits {
  double total = 0;  // whole units
  std::vector<double> by_arm;
};
// An absolute effect, any number of arms: N = ceil((z_{1-alpha/2} + z_power)^2 var / effect^2 (mean over the
// comparisons of sqrt(1 / w_i + 1 / w_j))^2). kInvalid: shares that are not above 0 or do not sum to 1, fewer than two
// arms.
Outcome<TotalUnits> UnitsForArms(double absolute_effect, double variance, const ArmsPlan& plan,
                                 const DesignOptions& options = {});

// ---- What looking costs ------------------------------------------------------------------------------------------

enum class Method { kFixed, kGroupSequential, kConfidenceSequence };
struct LookPlan {
  Method method = Method::kGroupSequential;
  std::size_t looks = 14;  // evenly spaced, 1 … kMaxLooks
  Spending spending;       // of kGroupSequential
};
// The chance that an effect is shown at one of these looks, when its expected Z at the end is `drift` (its size over
// the standard error at the end).
Outcome<double> PowerWithLooks(double drift, const LookPlan& plan, const DesignOptions& options = {});
// So many times the units of one look are to be planned for the same power: computed from the bounds of these looks,
// not simulated (14 looks, 80 %: 1.04 O'Brien-Fleming, 1.76 a confidence sequence that is tuned to its end).
Outcome<double> Inflation(const LookPlan& plan, const DesignOptions& options = {});

// ---- While it runs -----------------------------------------------------------------------------------------------

struct MidwayPlan {
  double lift = 0.05;   // that is to be found
  double power = 0.80;  // for all goals together: each needs power^(1 / goals)
  double alpha = 0.05;
  double goals = 1;                         // metrics that decide
  double variations = 2;                    // control among them
  bool is_corrected = false;                // p-values by Bonferroni over goals and variations
  std::optional<double> sequence_tuned_to;  // as above
  Prior prior;                              // proper: power of the Bayesian readout
};
struct Midway {
  double power = 0;             // with the units that there are
  double scale = 0;             // so many times these are needed in addition: SE^2 shrinks by 1 + scale; 0: none
  double additional_units = 0;  // of the two arms
};
// From the relative effect of two arms now, of which only the standard error and the units are used.
// kInsufficientN: 10 000 times the units do not suffice.
Outcome<Midway> MidwayPower(const Effect& relative, const MidwayPlan& plan);

// ---- Days --------------------------------------------------------------------------------------------------------

struct Duration {
  double days = 0;           // until so many units are in, whole days
  double whole_weeks = 0;    // days, rounded up to weeks, at least one: every weekday counts as often as the others
  double units_per_day = 0;  // that it was computed with
};
inline constexpr double kMaxDays = 3650;
// From units that were seen for the first time on each day, newest last: the mean of the last 7 days goes on. Sites
// that are mostly visited by the same people have fewer new ones every day, so that it is the earliest date, not the
// likely one. `share`: of the traffic that enters. kInvalid: no day, negative counts, a share outside (0, 1].
// kInsufficientN: it would take more than kMaxDays.
Outcome<Duration> DaysFor(double units, std::span<const double> new_units_by_day, double share = 1);

}  // namespace guidon::stats
