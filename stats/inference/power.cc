#include "stats/inference/power.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/distributions.h"
#include "stats/inference/quadrature.h"

namespace guidon::stats {
namespace {

constexpr double kMostUnits = 1e15;
// Beyond these, arithmetic has no digits left: effects, ratios of arms, and the variance over the square of the mean.
constexpr double kSmallestEffect = 1e-9, kLargestEffect = 1e6, kLargestRatio = 1e6, kLargestSpread = 1e30;
constexpr double kLargestScale = 1e4;
constexpr double kDaysOfWeek = 7;

bool IsShare(double value) {
  return value > 0 && value < 1;
}

bool IsPositive(double value) {
  return value > 0 && std::isfinite(value);
}

bool IsPrior(const Prior& prior) {
  const bool has_width = prior.stddev >= kSmallestEffect && prior.stddev <= kLargestEffect;
  return !prior.is_proper || (has_width && std::abs(prior.mean) <= kLargestEffect);
}

using Fault = std::optional<StatsError>;

Fault FaultOf(const DesignOptions& options) {
  if (!IsShare(options.alpha) || !IsShare(options.power)) {
    return StatsError{StatsErrorCode::kInvalid, "alpha and power must be within 0 and 1"};
  }
  if (options.sequence_tuned_to && !(*options.sequence_tuned_to >= 1 && *options.sequence_tuned_to <= kMostUnits)) {
    return StatsError{StatsErrorCode::kInvalid, "a confidence sequence is tuned to 1 to 1e15 units"};
  }
  if (options.sequence_tuned_to && !options.is_two_sided && options.alpha >= 0.5) {
    return StatsError{StatsErrorCode::kInvalid, "alpha of a one-sided confidence sequence is below 0.5"};
  }
  return std::nullopt;
}

Fault FaultOf(const Baseline& baseline) {
  if (!std::isfinite(baseline.mean) || !std::isfinite(baseline.variance) || baseline.variance < 0) {
    return StatsError{StatsErrorCode::kInvalid, "the baseline's mean or variance is no number"};
  }
  if (baseline.mean == 0) return StatsError{StatsErrorCode::kBaselineZero, "there is no lift over a mean of 0"};
  if (baseline.variance == 0) return StatsError{StatsErrorCode::kZeroVariance, "the baseline does not vary"};
  const double spread = baseline.variance / baseline.mean / baseline.mean;
  if (!(spread > 1 / kLargestSpread && spread < kLargestSpread)) {
    return StatsError{StatsErrorCode::kInvalid, "the baseline's mean and variance are too far apart"};
  }
  return std::nullopt;
}

Fault FaultOfUnits(double n) {
  if (n >= 1 && n <= kMostUnits) return std::nullopt;
  return StatsError{n > kMostUnits ? StatsErrorCode::kInvalid : StatsErrorCode::kInsufficientN,
                    "an arm needs at least one unit, and has 1e15 at most"};
}

Fault First(std::initializer_list<Fault> faults) {
  for (const Fault& fault : faults) {
    if (fault) return fault;
  }
  return std::nullopt;
}

// The |Z| above which an effect is shown at one look.
double Critical(const DesignOptions& options) {
  return NormalUpperQuantile(options.is_two_sided ? options.alpha / 2 : options.alpha);
}

// So much wider than an interval of one look is the one that is used, with n units in both arms.
double Widening(const DesignOptions& options, double n) {
  if (!options.sequence_tuned_to) return 1;
  const Alternative side = options.is_two_sided ? Alternative::kTwoSided : Alternative::kGreater;
  return SequenceBound(options.alpha, n, *options.sequence_tuned_to, side) / Critical(options);
}

// Of Z that is normal with this mean and variance 1; with `far` also the tail on the other side.
double PowerOf(double critical, double mean, bool far) {
  return NormalUpperTail(critical - mean) + (far ? NormalUpperTail(critical + mean) : 0);
}

// The chance that a credible interval excludes 0: the posterior's mean is more than z of its deviations away from 0
// when the data are beyond these, in standard errors of theirs. With a flat prior, the power of a test.
double CredibleOutcome(double lift, double error, const Prior& prior, double alpha) {
  const double belief = prior.is_proper ? 1 / (prior.stddev * prior.stddev) : 0;
  const double reach = error * std::sqrt(1 / (error * error) + belief) * NormalUpperQuantile(alpha / 2);
  const double pull = prior.is_proper ? error * prior.mean * belief : 0;
  return NormalLowerTail(-reach - pull - lift / error) + NormalUpperTail(reach - pull - lift / error);
}

// The number of units at which a power that rises with them is that of the options.
Outcome<double> SolveUnits(const std::function<double(double)>& power_of, double wanted, double guess) {
  if (!(guess < kMostUnits)) {
    return FailStats(StatsErrorCode::kInsufficientN, "no number of units is enough for so small an effect");
  }
  double lower = std::max(guess, 1e-3), upper = lower;
  while (lower > 1e-3 && power_of(lower) > wanted) lower /= 2;
  while (upper < kMostUnits && power_of(upper) < wanted) upper *= 2;
  if (upper >= kMostUnits) {
    return FailStats(StatsErrorCode::kInsufficientN, "no number of units is enough for so small an effect");
  }
  return FindRoot([&](double n) { return power_of(n) - wanted; }, lower, upper, 1e-12);
}

Alternative SideOf(const DesignOptions& options) {
  return options.is_two_sided ? Alternative::kTwoSided : Alternative::kGreater;
}

// Of the looks that are planned.
struct Bounds {
  std::vector<double> fractions, z;
};
Outcome<Bounds> BoundsOf(const LookPlan& plan, const DesignOptions& options) {
  if (const Fault fault = FaultOf(options)) return tl::unexpected(*fault);
  if (!options.is_two_sided && options.alpha >= 0.5) {
    return FailStats(StatsErrorCode::kInvalid, "alpha of one side is below 0.5");
  }
  if (plan.method == Method::kFixed) return Bounds{{1}, {Critical(options)}};
  if (plan.looks < 1 || plan.looks > kMaxLooks)
    return FailStats(StatsErrorCode::kInvalid, "1 to 400 looks are possible");
  Bounds bounds;
  for (std::size_t i = 1; i <= plan.looks; ++i) {
    bounds.fractions.push_back(static_cast<double>(i) / static_cast<double>(plan.looks));
  }
  if (plan.method == Method::kConfidenceSequence) {
    for (const double fraction : bounds.fractions) {
      bounds.z.push_back(SequenceBound(options.alpha, fraction, 1, SideOf(options)));
    }
    return bounds;
  }
  const Outcome<std::vector<Look>> looks =
      Boundaries(bounds.fractions, {options.alpha, plan.spending, SideOf(options)});
  if (!looks) return tl::unexpected(looks.error());
  for (const Look& look : *looks) bounds.z.push_back(look.bound);
  return bounds;
}

Fault FaultOfEffect(double effect, double ratio, const DesignOptions& options) {
  if (!(std::abs(effect) >= kSmallestEffect && std::abs(effect) <= kLargestEffect)) {
    return StatsError{StatsErrorCode::kInvalid,
                      "an effect of 0, or one as good as 0 or infinite, cannot be planned for"};
  }
  if (!(ratio >= 1 / kLargestRatio && ratio <= kLargestRatio)) {
    return StatsError{StatsErrorCode::kInvalid, "the ratio of the arms must be above 0"};
  }
  if (options.power <= options.alpha) {
    return StatsError{StatsErrorCode::kInvalid, "a power that is not above alpha needs no units"};
  }
  return std::nullopt;
}

}  // namespace

Baseline ShareBaseline(double conversion_rate) {
  return {conversion_rate, conversion_rate * (1 - conversion_rate)};
}

Baseline MeanBaseline(double mean, double stddev) {
  return {mean, stddev * stddev};
}

Baseline WithCuped(const Baseline& baseline, double correlation) {
  return {baseline.mean, baseline.variance * (1 - correlation * correlation)};
}

// ---- Lift --------------------------------------------------------------------------------------------------------

double LiftStandardError(const Baseline& baseline, double lift, double n_per_arm) {
  return std::sqrt(baseline.variance * (1 + (1 + lift) * (1 + lift)) / n_per_arm) / std::abs(baseline.mean);
}

Outcome<double> PowerForLift(const Baseline& baseline, double lift, double n_per_arm, const DesignOptions& options) {
  if (const Fault fault = First({FaultOf(options), FaultOf(baseline), FaultOfUnits(n_per_arm)})) {
    return tl::unexpected(*fault);
  }
  if (!(std::abs(lift) <= kLargestEffect)) return FailStats(StatsErrorCode::kInvalid, "the lift is no number");
  const double error = LiftStandardError(baseline, lift, n_per_arm) * Widening(options, 2 * n_per_arm);
  return PowerOf(Critical(options), lift / error, options.is_two_sided);
}

Outcome<double> DetectableLift(const Baseline& baseline, double n_per_arm, const DesignOptions& options) {
  if (const Fault fault = First({FaultOf(options), FaultOf(baseline), FaultOfUnits(n_per_arm)})) {
    return tl::unexpected(*fault);
  }
  const double k = (Critical(options) + NormalQuantile(options.power)) * Widening(options, 2 * n_per_arm);
  const double q = k * k * baseline.variance / (n_per_arm * baseline.mean * baseline.mean);
  if (k <= 0) return FailStats(StatsErrorCode::kInvalid, "a power that is not above alpha needs no effect");
  if (q >= 1) return FailStats(StatsErrorCode::kInsufficientN, "with so few units no lift is large enough to be shown");
  // As in the header, with 1 - (1 - q)^2 = q (2 - q): no digits are lost where q is small.
  return (q + std::sqrt(q * (2 - q))) / (1 - q);
}

Outcome<double> UnitsForLift(const Baseline& baseline, double lift, const DesignOptions& options,
                             double treatment_per_control) {
  if (const Fault fault =
          First({FaultOf(options), FaultOf(baseline), FaultOfEffect(lift, treatment_per_control, options)})) {
    return tl::unexpected(*fault);
  }
  const double spread =
      baseline.variance * (1 + (1 + lift) * (1 + lift) / treatment_per_control) / (baseline.mean * baseline.mean);
  if (!options.sequence_tuned_to) {
    const double k = Critical(options) + NormalQuantile(options.power);
    return k * k * spread / (lift * lift);
  }
  const auto power_of = [&](double n) {
    const double error = std::sqrt(spread / n) * Widening(options, n * (1 + treatment_per_control));
    return PowerOf(Critical(options), std::abs(lift) / error, false);
  };
  return SolveUnits(power_of, options.power, spread / (lift * lift) * 10);
}

Outcome<double> BayesianPowerForLift(const Baseline& baseline, double lift, double n_per_arm, const Prior& prior,
                                     double alpha) {
  DesignOptions options;
  options.alpha = alpha;
  if (const Fault fault = First({FaultOf(options), FaultOf(baseline), FaultOfUnits(n_per_arm)})) {
    return tl::unexpected(*fault);
  }
  if (!(std::abs(lift) <= kLargestEffect) || !IsPrior(prior)) {
    return FailStats(StatsErrorCode::kInvalid, "the lift is no number, or the prior no distribution");
  }
  return CredibleOutcome(lift, LiftStandardError(baseline, lift, n_per_arm), prior, alpha);
}

// ---- Textbook ----------------------------------------------------------------------------------------------------

Outcome<double> UnitsForEffectZ(double standardized_effect, const DesignOptions& options,
                                double treatment_per_control) {
  if (const Fault fault =
          First({FaultOf(options), FaultOfEffect(standardized_effect, treatment_per_control, options)})) {
    return tl::unexpected(*fault);
  }
  const double critical = Critical(options), effect = std::abs(standardized_effect);
  const double share = treatment_per_control / (1 + treatment_per_control);
  const auto power_of = [&](double n) {
    return PowerOf(critical, effect * std::sqrt(n * share), options.is_two_sided);
  };
  const double k = std::max(0.1, critical + NormalQuantile(options.power));
  return SolveUnits(power_of, options.power, k * k / (effect * effect * share));
}

Outcome<double> UnitsForEffectT(double standardized_effect, const DesignOptions& options,
                                double treatment_per_control) {
  if (const Fault fault =
          First({FaultOf(options), FaultOfEffect(standardized_effect, treatment_per_control, options)})) {
    return tl::unexpected(*fault);
  }
  const double effect = std::abs(standardized_effect);
  const double share = treatment_per_control / (1 + treatment_per_control);
  const double fewest = 3 / (1 + treatment_per_control);  // one degree of freedom
  const auto power_of = [&](double n) {
    const double freedom = std::max(1.0, n * (1 + treatment_per_control) - 2);
    const double shift = effect * std::sqrt(n * share);
    const double critical = StudentUpperQuantile(options.is_two_sided ? options.alpha / 2 : options.alpha, freedom);
    const double far = options.is_two_sided ? NoncentralStudentLowerTail(-critical, freedom, shift) : 0;
    return NoncentralStudentUpperTail(critical, freedom, shift) + far;
  };
  if (power_of(fewest) >= options.power) return fewest;
  const double k = std::max(0.1, Critical(options) + NormalQuantile(options.power));
  return SolveUnits(power_of, options.power, std::max(fewest, k * k / (effect * effect * share)));
}

double CohenH(double control, double treatment) {
  return 2 * std::asin(std::sqrt(treatment)) - 2 * std::asin(std::sqrt(control));
}

Outcome<double> UnitsForShares(double control, double treatment, const DesignOptions& options) {
  if (const Fault fault = FaultOf(options)) return tl::unexpected(*fault);
  if (!IsShare(control) || !IsShare(treatment) || control == treatment) {
    return FailStats(StatsErrorCode::kInvalid, "two different shares within 0 and 1 are needed");
  }
  const double middle = (control + treatment) / 2;
  const double null = Critical(options) * std::sqrt(2 * middle * (1 - middle));
  const double apart = NormalQuantile(options.power) * std::sqrt(control * (1 - control) + treatment * (1 - treatment));
  return std::pow((null + apart) / (treatment - control), 2);
}

Outcome<TotalUnits> UnitsForArms(double absolute_effect, double variance, const ArmsPlan& plan,
                                 const DesignOptions& options) {
  if (const Fault fault = First({FaultOf(options), FaultOfEffect(absolute_effect, 1, options)})) {
    return tl::unexpected(*fault);
  }
  if (!IsPositive(variance)) return FailStats(StatsErrorCode::kZeroVariance, "the variance must be above 0");
  const std::vector<double>& shares = plan.allocations;
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (shares.size() < 2 || !std::all_of(shares.begin(), shares.end(), IsPositive) || std::abs(sum - 1) > 1e-6) {
    return FailStats(StatsErrorCode::kInvalid, "allocations are the shares of two arms or more, and sum to 1");
  }
  double comparisons = 0, widths = 0;
  const std::size_t first_arms = plan.comparisons == Comparisons::kControlToAll ? 1 : shares.size();
  for (std::size_t i = 0; i < first_arms; ++i) {
    for (std::size_t j = i + 1; j < shares.size(); ++j) {
      comparisons += 1;
      widths += std::sqrt(1 / shares[i] + 1 / shares[j]);
    }
  }
  DesignOptions each = options;
  if (plan.bonferroni) each.alpha /= comparisons;
  const double k = Critical(each) + NormalQuantile(options.power);
  TotalUnits units;
  units.total = std::ceil(std::pow(k / absolute_effect * widths / comparisons, 2) * variance);
  if (!(units.total <= kMostUnits)) {
    return FailStats(StatsErrorCode::kInsufficientN, "no number of units is enough for so small an effect");
  }
  for (const double share : shares) units.by_arm.push_back(std::ceil(units.total * share));
  return units;
}

// ---- What looking costs ------------------------------------------------------------------------------------------

Outcome<double> PowerWithLooks(double drift, const LookPlan& plan, const DesignOptions& options) {
  const Outcome<Bounds> bounds = BoundsOf(plan, options);
  if (!bounds) return tl::unexpected(bounds.error());
  const Outcome<Crossing> crossing = CrossingOf(bounds->fractions, bounds->z, drift, SideOf(options));
  if (!crossing) return tl::unexpected(crossing.error());
  return crossing->probability;
}

Outcome<double> Inflation(const LookPlan& plan, const DesignOptions& options) {
  const Outcome<Bounds> bounds = BoundsOf(plan, options);
  if (!bounds) return tl::unexpected(bounds.error());
  if (options.power <= options.alpha) {
    return FailStats(StatsErrorCode::kInvalid, "a power that is not above alpha needs no units");
  }
  if (plan.method == Method::kFixed) return 1.0;
  const auto excess = [&](double drift) {
    const Outcome<Crossing> crossing = CrossingOf(bounds->fractions, bounds->z, drift, SideOf(options));
    return (crossing ? crossing->probability : 0) - options.power;
  };
  const double fixed = Critical(options) + NormalQuantile(options.power);
  return std::pow(FindRoot(excess, 0, 10 * fixed + 10, 1e-9) / fixed, 2);
}

// ---- While it runs -----------------------------------------------------------------------------------------------

Outcome<Midway> MidwayPower(const Effect& relative, const MidwayPlan& plan) {
  const double n = relative.n_control + relative.n_treatment;
  if (!(relative.standard_error > 0))
    return FailStats(StatsErrorCode::kZeroVariance, "the effect has no standard error");
  if (!(n >= 2)) return FailStats(StatsErrorCode::kInsufficientN, "there are no units yet");
  if (!IsShare(plan.alpha) || !IsShare(plan.power) || !(plan.goals >= 1 && plan.goals <= kLargestRatio) ||
      !(plan.variations >= 2 && plan.variations <= kLargestRatio) ||
      !(std::abs(plan.lift) >= kSmallestEffect && std::abs(plan.lift) <= kLargestEffect) || !IsPrior(plan.prior) ||
      (plan.sequence_tuned_to && !(*plan.sequence_tuned_to >= 1 && *plan.sequence_tuned_to <= kMostUnits))) {
    return FailStats(StatsErrorCode::kInvalid,
                     "the plan's lift, alpha, power, goals, variations or prior is out of range");
  }
  const double wanted = std::pow(plan.power, 1 / plan.goals);
  const double alpha = plan.is_corrected ? plan.alpha / ((plan.variations - 1) * plan.goals) : plan.alpha;
  const auto power_after = [&](double scale) {
    const double error = relative.standard_error / std::sqrt(1 + scale);
    if (plan.sequence_tuned_to) {
      return PowerOf(SequenceBound(alpha, n * (1 + scale), *plan.sequence_tuned_to), plan.lift / error, true);
    }
    return CredibleOutcome(plan.lift, error, plan.prior, alpha);
  };
  Midway midway;
  midway.power = power_after(0);
  if (midway.power >= wanted) return midway;
  double upper = 1;
  while (upper < kLargestScale && power_after(upper) < wanted) upper *= 2;
  if (power_after(upper) < wanted) {
    return FailStats(StatsErrorCode::kInsufficientN, "10000 times the units of now would not suffice");
  }
  midway.scale = FindRoot([&](double scale) { return power_after(scale) - wanted; }, 0, upper, 1e-9);
  midway.additional_units = midway.scale * n;
  return midway;
}

// ---- Days --------------------------------------------------------------------------------------------------------

Outcome<Duration> DaysFor(double units, std::span<const double> new_units_by_day, double share) {
  if (!(units > 0) || !std::isfinite(units) || !(share > 0 && share <= 1) || new_units_by_day.empty()) {
    return FailStats(StatsErrorCode::kInvalid, "days need a number of units, a share of traffic, and a day of it");
  }
  if (!std::all_of(new_units_by_day.begin(), new_units_by_day.end(), [](double n) { return n >= 0; })) {
    return FailStats(StatsErrorCode::kInvalid, "a day's number of units is negative");
  }
  const auto last = new_units_by_day.last(std::min<std::size_t>(new_units_by_day.size(), 7));
  Duration duration;
  duration.units_per_day = share * std::accumulate(last.begin(), last.end(), 0.0) / static_cast<double>(last.size());
  if (!(units <= kMaxDays * duration.units_per_day)) {
    return FailStats(StatsErrorCode::kInsufficientN, "with this traffic it takes more than 10 years");
  }
  duration.days = std::ceil(units / duration.units_per_day);
  duration.whole_weeks = kDaysOfWeek * std::ceil(duration.days / kDaysOfWeek);
  return duration;
}

}  // namespace guidon::stats
