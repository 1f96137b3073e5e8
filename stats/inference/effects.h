// Two arms' statistics -> their effect: point, standard error, degrees of freedom. What every method of inference
// starts from, fixed, sequential or Bayesian.
//
//   Outcome<Effect> effect = EffectOf(control, treatment, Scale::kRelative);
//
// Absolute: treatment - control, variance vC/nC + vT/nT. Relative: that over |control|, variance by the delta method,
// vT/(nT mC²) + vC mT²/(nC mC⁴). Degrees of freedom are Welch & Satterthwaite's, of the absolute scale on either.
// Standard errors hold for large samples; those of lift are poor where the baseline is uncertain (see
// HasSteadyBaseline). docs/statistics.md has every formula with its source and limit.
//
// Errors of all of them: kInvalid for what no data can give (negative counts, a number that is not finite, more
// successes than units, arms of different kinds), kInsufficientN for an arm without units or, for a quantile, too few
// to bound it, kZeroVariance where an arm does not vary (one unit never does), kBaselineZero for lift over 0 and for a
// ratio whose denominator is 0.
//
// Thread safety: pure functions. Cost: constant.
#pragma once

#include "stats/inference/effect.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {

// What an arm says by itself.
struct ArmValue {
  double n = 0;         // what the variance is divided by: units, or values of a quantile
  double value = 0;     // mean, share, ratio or quantile; not adjusted
  double variance = 0;  // >= 0; of the value it is variance / n
  double units = 0;     // units of randomisation: n, but for a clustered quantile, where they are the clusters
};

// Of a number per unit: the mean, and the variance of divisor n - 1. Of a yes or no: the share, and m(1-m).
Outcome<ArmValue> ValueOf(const MeanStatistic& arm);
Outcome<ArmValue> ValueOf(const ProportionStatistic& arm);
// [vM - 2 R c + R² vD] / mD²: units, not events, are independent of each other (Deng, Knoblich & Lu 2018).
Outcome<ArmValue> ValueOf(const RatioStatistic& arm);
// Without the covariate, and so of the ratio.
Outcome<ArmValue> ValueOf(const CupedStatistic& arm);
Outcome<ArmValue> ValueOf(const CupedRatioStatistic& arm);
// (n*/n)(n-1)((U-L)/(2 z(.975)))²; clustered: times the variance of the share below, per cluster over independent.
Outcome<ArmValue> ValueOf(const QuantileStatistic& arm);
Outcome<ArmValue> ValueOf(const QuantileClusteredStatistic& arm);
Outcome<ArmValue> ValueOf(const ArmStatistic& arm);

Outcome<Effect> MeanEffect(const MeanStatistic& control, const MeanStatistic& treatment, Scale scale);
Outcome<Effect> ProportionEffect(const ProportionStatistic& control, const ProportionStatistic& treatment, Scale scale);
Outcome<Effect> RatioEffect(const RatioStatistic& control, const RatioStatistic& treatment, Scale scale);
Outcome<Effect> QuantileEffect(const QuantileStatistic& control, const QuantileStatistic& treatment, Scale scale);
Outcome<Effect> QuantileEffect(const QuantileClusteredStatistic& control, const QuantileClusteredStatistic& treatment,
                               Scale scale);

// Adjusted by theta times what the arms differed in before (Deng, Xu, Kohavi & Walker 2013). control_mean and
// treatment_mean of the effect stay unadjusted. Where theta is 0 these are the plain tests.
Outcome<Effect> CupedEffect(const CupedStatistic& control, const CupedStatistic& treatment, Scale scale);
Outcome<Effect> CupedRatioEffect(const CupedRatioStatistic& control, const CupedRatioStatistic& treatment, Scale scale);

// Whichever of these fits; kInvalid when the arms are of different kinds.
Outcome<Effect> EffectOf(const ArmStatistic& control, const ArmStatistic& treatment, Scale scale);

// Of the two arms pooled, so that it says nothing of their difference. 0 where there is nothing to adjust by: a value
// or covariate that does not vary, or a ratio before whose denominator is 0 in an arm.
double Theta(const CupedStatistic& control, const CupedStatistic& treatment);
double Theta(const CupedRatioStatistic& control, const CupedRatioStatistic& treatment);
// Per-unit variance of the adjusted value: over ValueOf(arm)'s it is what CUPED has left of the variance.
double AdjustedVariance(const CupedStatistic& arm, double theta);
double AdjustedVariance(const CupedRatioStatistic& arm, double theta);

// The effect on the total of a day if all traffic had the treatment: an absolute effect times
// units_in_the_experiment / (share_of_traffic * days). p-values stay as they are.
Effect ScaledImpact(const Effect& absolute, double factor);

// Whether the control is further from 0 than 4 of its standard errors. Where it is not, the delta method's interval of
// a lift misses the truth too often: show the absolute effect, or FiellerInterval.
bool HasSteadyBaseline(const ArmValue& control);

// The effect of two arms whose values and variances are known, by the formulas above: for statistics of your own.
Outcome<Effect> EffectOfValues(const ArmValue& control, const ArmValue& treatment, Scale scale);

}  // namespace guidon::stats
