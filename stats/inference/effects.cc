#include "stats/inference/effects.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

namespace guidon::stats {

std::string_view ToString(StatsErrorCode code) {
  switch (code) {
    case StatsErrorCode::kZeroVariance:
      return "ZERO_VARIANCE";
    case StatsErrorCode::kBaselineZero:
      return "BASELINE_ZERO";
    case StatsErrorCode::kInsufficientN:
      return "INSUFFICIENT_N";
    case StatsErrorCode::kInvalid:
      return "INVALID";
  }
  return "INVALID";
}

namespace {

constexpr double kZ975 = 1.959963984540054235524594430521;  // NormalQuantile(.975)

tl::unexpected<StatsError> Invalid(std::string message) {
  return FailStats(StatsErrorCode::kInvalid, std::move(message));
}

// Of the moments of one arm: n without end or sign, means that are numbers, sums of squares that are.
template <typename Means, typename Squares>
std::optional<StatsError> FaultOf(double n, const Means& means, const Squares& squares) {
  if (!std::isfinite(n) || n < 0)
    return StatsError{StatsErrorCode::kInvalid, "an arm's number of units is negative or no number"};
  if (n < 1) return StatsError{StatsErrorCode::kInsufficientN, "an arm has no units"};
  for (double mean : means) {
    if (!std::isfinite(mean)) return StatsError{StatsErrorCode::kInvalid, "an arm's mean is not finite"};
  }
  for (double square : squares) {
    if (!std::isfinite(square))
      return StatsError{StatsErrorCode::kInvalid, "an arm's sum of squares or products is not finite"};
  }
  return std::nullopt;
}

template <std::size_t K>
std::optional<StatsError> FaultOf(const JointMoments<K>& moments) {
  std::optional<StatsError> fault = FaultOf(moments.n, moments.mean, moments.products);
  for (std::size_t i = 0; i < K && !fault; ++i) {
    if (moments.Deviations(i, i) < 0)
      fault = StatsError{StatsErrorCode::kInvalid, "an arm's sum of squared deviations is negative"};
  }
  return fault;
}

// Divisor n for a yes or no, else n - 1; together n only when both are.
double VarianceAs(const CoMoments& moments, std::size_t i, UnitValue value) {
  return value == UnitValue::kBinary ? moments.Deviations(i, i) / moments.n : moments.Variance(i);
}
double CovarianceAs(const CoMoments& moments, UnitValue a, UnitValue b) {
  const bool binary = a == UnitValue::kBinary && b == UnitValue::kBinary;
  return binary ? moments.Deviations(0, 1) / moments.n : moments.Covariance(0, 1);
}

// Var(sum M / sum D) n, from per-unit moments.
double RatioVariance(double mean_m, double mean_d, double var_m, double var_d, double covariance) {
  const double ratio = mean_m / mean_d;
  return std::max(0.0, (var_m - 2 * ratio * covariance + ratio * ratio * var_d) / (mean_d * mean_d));
}

// g' L g of the covariance of four numbers per unit.
using Gradient = std::array<double, 4>;
double Quadratic(const QuadMoments& moments, const Gradient& a, const Gradient& b) {
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j) sum += a[i] * moments.Covariance(i, j) * b[j];
  }
  return sum;
}

// d(R - theta RX)/d(means): the ratio after, and the one before.
Gradient GradientAfter(const QuadMoments& m) {
  return {1 / m.mean[1], -m.mean[0] / (m.mean[1] * m.mean[1]), 0, 0};
}
Gradient GradientBefore(const QuadMoments& m, double theta) {
  if (theta == 0) return {};  // also where the ratio before is not defined
  return {0, 0, -theta / m.mean[3], theta * m.mean[2] / (m.mean[3] * m.mean[3])};
}
Gradient GradientOf(const QuadMoments& m, double theta) {
  const Gradient after = GradientAfter(m);
  const Gradient before = GradientBefore(m, theta);
  return {after[0], after[1], before[2], before[3]};
}

// Satterthwaite's, of shares of the sum, so that nothing over- or underflows.
double WelchDegreesOfFreedom(const ArmValue& control, const ArmValue& treatment) {
  const double a = control.variance / control.n;
  const double b = treatment.variance / treatment.n;
  const double share = a / (a + b);
  return 1 / (share * share / (control.n - 1) + (1 - share) * (1 - share) / (treatment.n - 1));
}

std::optional<StatsError> FaultOfVariance(const ArmValue& arm, std::string_view name) {
  if (arm.n > 1 && arm.variance > 0) return std::nullopt;
  return StatsError{StatsErrorCode::kZeroVariance,
                    "the " + std::string(name) + " does not vary" + (arm.n > 1 ? "" : ": it has one unit")};
}

// What all effects come to. Where something is adjusted, the arms carry adjusted variances and `difference` is
// adjusted, too; `relative_variance` is that of difference / |control.value|.
Outcome<Effect> MakeEffect(const ArmValue& control, const ArmValue& treatment, double difference,
                           double relative_variance, Scale scale) {
  if (auto fault = FaultOfVariance(control, "control")) return FailStats(*std::move(fault));
  if (auto fault = FaultOfVariance(treatment, "treatment")) return FailStats(*std::move(fault));

  Effect effect;
  effect.scale = scale;
  effect.control_mean = control.value;
  effect.treatment_mean = treatment.value;
  effect.n_control = control.units;
  effect.n_treatment = treatment.units;
  effect.degrees_of_freedom = WelchDegreesOfFreedom(control, treatment);
  if (scale == Scale::kAbsolute) {
    effect.point = difference;
    effect.standard_error = std::sqrt(control.variance / control.n + treatment.variance / treatment.n);
  } else {
    if (control.value == 0) {
      return FailStats(StatsErrorCode::kBaselineZero,
                       "the control is 0: a lift over it is not defined; ask for the absolute effect");
    }
    effect.point = difference / std::abs(control.value);
    effect.standard_error = std::sqrt(relative_variance);
  }
  if (!std::isfinite(effect.point) || !std::isfinite(effect.standard_error) ||
      !std::isfinite(effect.degrees_of_freedom)) {
    return Invalid("the arms' numbers are too large or too small for a double to hold their effect");
  }
  if (!(effect.standard_error > 0)) return FailStats(StatsErrorCode::kZeroVariance, "the effect does not vary");
  return effect;
}

template <typename Statistic>
Outcome<Effect> PlainEffect(const Statistic& control, const Statistic& treatment, Scale scale) {
  const Outcome<ArmValue> c = ValueOf(control);
  if (!c) return FailStats(c.error());
  const Outcome<ArmValue> t = ValueOf(treatment);
  if (!t) return FailStats(t.error());
  return EffectOfValues(*c, *t, scale);
}

}  // namespace

Outcome<ArmValue> ValueOf(const MeanStatistic& arm) {
  const Moments& y = arm.y;
  if (auto fault = FaultOf(y.n, std::array{y.mean}, std::array{y.m2})) return FailStats(*std::move(fault));
  if (y.m2 < 0) return Invalid("an arm's sum of squared deviations is negative");
  return ArmValue{y.n, y.mean, y.Variance(), y.n};
}

Outcome<ArmValue> ValueOf(const ProportionStatistic& arm) {
  if (auto fault = FaultOf(arm.n, std::array{arm.successes}, std::array<double, 0>{}))
    return FailStats(*std::move(fault));
  if (arm.successes < 0 || arm.successes > arm.n)
    return Invalid("an arm has more successes than units, or fewer than none");
  const double share = arm.successes / arm.n;
  return ArmValue{arm.n, share, share * ((arm.n - arm.successes) / arm.n), arm.n};
}

Outcome<ArmValue> ValueOf(const RatioStatistic& arm) {
  const CoMoments& md = arm.md;
  if (auto fault = FaultOf(md)) return FailStats(*std::move(fault));
  if (md.mean[1] == 0) return FailStats(StatsErrorCode::kBaselineZero, "the denominators of an arm add up to 0");
  const double variance =
      RatioVariance(md.mean[0], md.mean[1], VarianceAs(md, 0, arm.numerator), VarianceAs(md, 1, arm.denominator),
                    CovarianceAs(md, arm.numerator, arm.denominator));
  return ArmValue{md.n, md.mean[0] / md.mean[1], variance, md.n};
}

Outcome<ArmValue> ValueOf(const CupedStatistic& arm) {
  if (auto fault = FaultOf(arm.yx)) return FailStats(*std::move(fault));
  return ArmValue{arm.yx.n, arm.yx.mean[0], VarianceAs(arm.yx, 0, arm.value), arm.yx.n};
}

Outcome<ArmValue> ValueOf(const CupedRatioStatistic& arm) {
  if (auto fault = FaultOf(arm.moments)) return FailStats(*std::move(fault));
  return ValueOf(WithoutCovariate(arm));
}

Outcome<ArmValue> ValueOf(const QuantileStatistic& arm) {
  if (auto fault = FaultOf(arm.n, std::array{arm.estimate, arm.lower, arm.upper}, std::array{arm.n_star})) {
    return FailStats(*std::move(fault));
  }
  if (!(0 < arm.nu && arm.nu < 1)) return Invalid("a quantile lies between 0 and 1");
  if (arm.n_star <= 0 || arm.upper < arm.lower)
    return Invalid("a quantile's bounds are in the wrong order, or of no values");
  constexpr double kFewest = 1.96 * 1.96;
  const double odds = arm.nu / (1 - arm.nu);
  if (arm.n <= kFewest * std::max(odds, 1 / odds)) {
    return FailStats(StatsErrorCode::kInsufficientN,
                     "an arm has " + std::to_string(std::llround(arm.n)) +
                         " values; to bound this quantile it needs more than " +
                         std::to_string(std::llround(std::floor(kFewest * std::max(odds, 1 / odds)))));
  }
  if (arm.upper == arm.lower) {
    return FailStats(StatsErrorCode::kZeroVariance,
                     "both bounds of a quantile are the same value: too many units share it");
  }
  const double half = (arm.upper - arm.lower) / (2 * kZ975);
  return ArmValue{arm.n, arm.estimate, arm.n_star / arm.n * (arm.n - 1) * half * half, arm.n};
}

Outcome<ArmValue> ValueOf(const QuantileClusteredStatistic& arm) {
  Outcome<ArmValue> value = ValueOf(arm.quantile);
  if (!value) return value;
  const CoMoments& clusters = arm.clusters;
  if (auto fault = FaultOf(clusters)) return FailStats(*std::move(fault));
  if (clusters.n < 2)
    return FailStats(StatsErrorCode::kInsufficientN, "an arm's values are of fewer than two clusters");
  if (clusters.mean[1] <= 0) return Invalid("an arm's clusters have no values");
  const double nu = arm.quantile.nu;
  const double of_share = RatioVariance(clusters.mean[0], clusters.mean[1], clusters.Variance(0), clusters.Variance(1),
                                        clusters.Covariance(0, 1)) /
                          clusters.n;
  value->variance *= of_share / (nu * (1 - nu) / arm.quantile.n);
  value->units = clusters.n;
  return value;
}

Outcome<ArmValue> ValueOf(const ArmStatistic& arm) {
  return std::visit([](const auto& statistic) { return ValueOf(statistic); }, arm);
}

Outcome<Effect> EffectOfValues(const ArmValue& control, const ArmValue& treatment, Scale scale) {
  const double square = control.value * control.value;
  const double lift = treatment.value / control.value;
  const double relative_variance =
      treatment.variance / (treatment.n * square) + control.variance * lift * lift / (control.n * square);
  return MakeEffect(control, treatment, treatment.value - control.value, relative_variance, scale);
}

Outcome<Effect> MeanEffect(const MeanStatistic& control, const MeanStatistic& treatment, Scale scale) {
  return PlainEffect(control, treatment, scale);
}

Outcome<Effect> ProportionEffect(const ProportionStatistic& control, const ProportionStatistic& treatment,
                                 Scale scale) {
  return PlainEffect(control, treatment, scale);
}

Outcome<Effect> RatioEffect(const RatioStatistic& control, const RatioStatistic& treatment, Scale scale) {
  return PlainEffect(control, treatment, scale);
}

Outcome<Effect> QuantileEffect(const QuantileStatistic& control, const QuantileStatistic& treatment, Scale scale) {
  return PlainEffect(control, treatment, scale);
}

Outcome<Effect> QuantileEffect(const QuantileClusteredStatistic& control, const QuantileClusteredStatistic& treatment,
                               Scale scale) {
  return PlainEffect(control, treatment, scale);
}

double Theta(const CupedStatistic& control, const CupedStatistic& treatment) {
  const CoMoments pooled = Merge(control.yx, treatment.yx);
  if (!(pooled.Deviations(0, 0) > 0) || !(pooled.Deviations(1, 1) > 0)) return 0;
  return pooled.Deviations(0, 1) / pooled.Deviations(1, 1);  // the divisors of both are the same
}

double Theta(const CupedRatioStatistic& control, const CupedRatioStatistic& treatment) {
  double together = 0;
  double before = 0;
  for (const QuadMoments* arm : {&control.moments, &treatment.moments}) {
    if (arm->mean[1] == 0 || arm->mean[3] == 0) return 0;
    const Gradient x = GradientBefore(*arm, 1);
    together -= Quadratic(*arm, x, GradientAfter(*arm));
    before += Quadratic(*arm, x, x);
  }
  return before > 0 ? together / before : 0;
}

double AdjustedVariance(const CupedStatistic& arm, double theta) {
  return std::max(0.0, VarianceAs(arm.yx, 0, arm.value) + theta * theta * VarianceAs(arm.yx, 1, arm.value) -
                           2 * theta * CovarianceAs(arm.yx, arm.value, arm.value));
}

double AdjustedVariance(const CupedRatioStatistic& arm, double theta) {
  const Gradient gradient = GradientOf(arm.moments, theta);
  return std::max(0.0, Quadratic(arm.moments, gradient, gradient));
}

Outcome<Effect> CupedEffect(const CupedStatistic& control, const CupedStatistic& treatment, Scale scale) {
  Outcome<ArmValue> c = ValueOf(control);
  if (!c) return FailStats(c.error());
  Outcome<ArmValue> t = ValueOf(treatment);
  if (!t) return FailStats(t.error());
  const double theta = Theta(control, treatment);
  const double difference = t->value - c->value - theta * (treatment.yx.mean[1] - control.yx.mean[1]);

  // The control's own share of the lift's variance: of mY_C in the denominator and of its adjusted mean in the
  // numerator.
  const double square = c->value * c->value;
  const double lift = t->value / c->value;
  const double of_control = c->variance * lift * lift -
                            2 * theta * lift * CovarianceAs(control.yx, control.value, control.value) +
                            theta * theta * VarianceAs(control.yx, 1, control.value);
  c->variance = AdjustedVariance(control, theta);
  t->variance = AdjustedVariance(treatment, theta);
  const double relative_variance = t->variance / (t->n * square) + of_control / (c->n * square);
  return MakeEffect(*c, *t, difference, relative_variance, scale);
}

Outcome<Effect> CupedRatioEffect(const CupedRatioStatistic& control, const CupedRatioStatistic& treatment,
                                 Scale scale) {
  Outcome<ArmValue> c = ValueOf(control);
  if (!c) return FailStats(c.error());
  Outcome<ArmValue> t = ValueOf(treatment);
  if (!t) return FailStats(t.error());
  const double theta = Theta(control, treatment);
  if (theta == 0) return EffectOfValues(*c, *t, scale);
  const auto before = [](const CupedRatioStatistic& arm) { return arm.moments.mean[2] / arm.moments.mean[3]; };
  const double difference = t->value - c->value - theta * (before(treatment) - before(control));

  const double base = std::abs(c->value);
  const double slope =
      -(base + difference * std::copysign(1.0, c->value)) / (base * base);  // d lift / d control's ratio
  const QuadMoments& m = control.moments;
  const Gradient adjusted = GradientOf(m, theta);
  const Gradient of_control = {slope / m.mean[1], -slope * m.mean[0] / (m.mean[1] * m.mean[1]), -adjusted[2] / base,
                               -adjusted[3] / base};
  c->variance = AdjustedVariance(control, theta);
  t->variance = AdjustedVariance(treatment, theta);
  const double relative_variance = Quadratic(m, of_control, of_control) / c->n + t->variance / (base * base) / t->n;
  return MakeEffect(*c, *t, difference, relative_variance, scale);
}

namespace {

struct EffectOfKind {
  Scale scale;

  Outcome<Effect> operator()(const CupedStatistic& c, const CupedStatistic& t) const {
    return CupedEffect(c, t, scale);
  }
  Outcome<Effect> operator()(const CupedRatioStatistic& c, const CupedRatioStatistic& t) const {
    return CupedRatioEffect(c, t, scale);
  }
  template <typename Statistic>
  Outcome<Effect> operator()(const Statistic& c, const Statistic& t) const {
    return PlainEffect(c, t, scale);
  }
};

}  // namespace

Outcome<Effect> EffectOf(const ArmStatistic& control, const ArmStatistic& treatment, Scale scale) {
  if (control.index() != treatment.index()) return Invalid("the arms have statistics of different kinds");
  return std::visit(
      [&](const auto& c) { return EffectOfKind{scale}(c, std::get<std::decay_t<decltype(c)>>(treatment)); }, control);
}

Effect ScaledImpact(const Effect& absolute, double factor) {
  Effect scaled = absolute;
  scaled.point *= factor;
  scaled.standard_error *= factor;
  return scaled;
}

bool HasSteadyBaseline(const ArmValue& control) {
  constexpr double kStandardErrors = 4;
  return std::abs(control.value) > kStandardErrors * std::sqrt(control.variance / control.n);
}

}  // namespace guidon::stats
