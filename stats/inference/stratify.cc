// A stratum comes down to a: control mean and effect, of a ratio those of the numerator and then of the denominator;
// and to the covariance V of a. With n units in a stratum, N in all and share s = n/N:
//   mean of a = sum of s a;   covariance = sum of s² V + (sum of s a a' - mean mean') / N
// The second term is there because the shares are random. The effect and its variance follow by the delta method.
#include "stats/inference/stratify.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <vector>

#include "stats/inference/effects.h"
#include "stats/inference/small_matrix.h"

namespace guidon::stats {
namespace {

template <typename Statistic>
struct Pair {
  Statistic control;
  Statistic treatment;
  double n() const;
};

double UnitsOf(const MeanStatistic& arm) {
  return arm.y.n;
}
double UnitsOf(const ProportionStatistic& arm) {
  return arm.n;
}
double UnitsOf(const RatioStatistic& arm) {
  return arm.md.n;
}
double UnitsOf(const CupedStatistic& arm) {
  return arm.yx.n;
}
double UnitsOf(const CupedRatioStatistic& arm) {
  return arm.moments.n;
}

template <typename Statistic>
double Pair<Statistic>::n() const {
  return UnitsOf(control) + UnitsOf(treatment);
}

template <std::size_t K>
struct Fit {
  Vector<K> a{};
  Matrix<K> covariance{};
};

// ---- Without a covariate: the arms are independent, and the effect is treatment - control.

template <typename Statistic>
Fit<2> FitOfValues(const Pair<Statistic>& pair) {
  const ArmValue control = *ValueOf(pair.control);
  const ArmValue treatment = *ValueOf(pair.treatment);
  const double c = control.variance / control.n;
  const double t = treatment.variance / treatment.n;
  return {{control.value, treatment.value - control.value}, {{{c, -c}, {-c, c + t}}}};
}
Fit<2> FitOf(const Pair<MeanStatistic>& pair) {
  return FitOfValues(pair);
}
Fit<2> FitOf(const Pair<ProportionStatistic>& pair) {
  return FitOfValues(pair);
}

// Per-unit covariance of numerator (0) and denominator (1), with the divisors of their kinds.
double UnitCovariance(const RatioStatistic& arm, std::size_t i, std::size_t j) {
  const auto binary = [&](std::size_t k) { return (k == 0 ? arm.numerator : arm.denominator) == UnitValue::kBinary; };
  return arm.md.Deviations(i, j) / (binary(i) && binary(j) ? arm.md.n : arm.md.n - 1);
}

Fit<4> FitOf(const Pair<RatioStatistic>& pair) {
  Fit<4> fit;
  for (std::size_t i = 0; i < 2; ++i) {
    fit.a[2 * i] = pair.control.md.mean[i];
    fit.a[2 * i + 1] = pair.treatment.md.mean[i] - pair.control.md.mean[i];
    for (std::size_t j = 0; j < 2; ++j) {
      const double c = UnitCovariance(pair.control, i, j) / pair.control.md.n;
      const double t = UnitCovariance(pair.treatment, i, j) / pair.treatment.md.n;
      fit.covariance[2 * i][2 * j] = c;
      fit.covariance[2 * i][2 * j + 1] = fit.covariance[2 * i + 1][2 * j] = -c;
      fit.covariance[2 * i + 1][2 * j + 1] = c + t;
    }
  }
  return fit;
}

// ---- With covariates: least squares of each of Q values on (1, treated, Q covariates), from the arms' moments alone.
// Empty when the covariates do not vary (nobody of this stratum was there before), hang together or tell the arms
// apart.

template <std::size_t Q>
std::optional<Fit<2 * Q>> Regress(const JointMoments<2 * Q>& control, const JointMoments<2 * Q>& treatment,
                                  double residual_divisor) {
  const JointMoments<2 * Q> all = Merge(control, treatment);
  const double n = all.n;
  const double share = treatment.n / n;
  const double between = control.n * share;  // sum of (treated - share)²
  const auto with_treated = [&](std::size_t i) { return between * (treatment.mean[i] - control.mean[i]); };

  // Centred columns: treated, then the covariates.
  Matrix<Q + 1> gram{};
  gram[0][0] = between;
  for (std::size_t i = 0; i < Q; ++i) {
    gram[0][i + 1] = gram[i + 1][0] = with_treated(Q + i);
    for (std::size_t j = 0; j < Q; ++j) gram[i + 1][j + 1] = all.Deviations(Q + i, Q + j);
  }
  const std::optional<Matrix<Q + 1>> inverse = Inverse(gram);
  if (!inverse) return std::nullopt;
  std::array<Vector<Q + 1>, Q> with_value{};
  std::array<Vector<Q + 1>, Q> slopes{};
  for (std::size_t q = 0; q < Q; ++q) {
    with_value[q][0] = with_treated(q);
    for (std::size_t i = 0; i < Q; ++i) with_value[q][i + 1] = all.Deviations(q, Q + i);
    slopes[q] = Times(*inverse, with_value[q]);
  }

  Fit<2 * Q> fit;
  for (std::size_t q = 0; q < Q; ++q) {
    fit.a[2 * q] = all.mean[q] - slopes[q][0] * share;  // at treated = 0 and the stratum's mean covariates
    fit.a[2 * q + 1] = slopes[q][0];
    for (std::size_t r = 0; r < Q; ++r) {
      const double residual = (all.Deviations(q, r) - Dot(slopes[q], with_value[r])) / residual_divisor;
      const double effect = residual * (*inverse)[0][0];
      // The stratum's mean covariates are estimates, too: slopes' times their variance, and the product of both errors.
      double of_covariates = 0;
      for (std::size_t i = 0; i < Q; ++i) {
        for (std::size_t j = 0; j < Q; ++j) {
          const double variance = all.Covariance(Q + i, Q + j) / n;
          of_covariates += (slopes[q][i + 1] * slopes[r][j + 1] + residual * (*inverse)[i + 1][j + 1]) * variance;
        }
      }
      fit.covariance[2 * q][2 * r] = residual / n + share * share * effect + of_covariates;
      fit.covariance[2 * q][2 * r + 1] = fit.covariance[2 * q + 1][2 * r] = -share * effect;
      fit.covariance[2 * q + 1][2 * r + 1] = effect;
    }
  }
  return fit;
}

Fit<2> FitOf(const Pair<CupedStatistic>& pair) {
  const std::optional<Fit<2>> fit = Regress<1>(pair.control.yx, pair.treatment.yx, pair.n() - 3);
  return fit ? *fit : FitOfValues(pair);
}
Fit<4> FitOf(const Pair<CupedRatioStatistic>& pair) {
  const std::optional<Fit<4>> fit = Regress<2>(pair.control.moments, pair.treatment.moments, pair.n() - 6);
  if (fit) return *fit;
  return FitOf(Pair<RatioStatistic>{WithoutCovariate(pair.control), WithoutCovariate(pair.treatment)});
}

// ---- Strata

// Units in all that a regression has to have more than.
template <typename Statistic>
constexpr double kFewest = std::is_same_v<Statistic, CupedStatistic>        ? 3
                           : std::is_same_v<Statistic, CupedRatioStatistic> ? 6
                                                                            : 0;

template <typename Statistic>
bool StandsAlone(const Pair<Statistic>& pair) {
  for (const Statistic* arm : {&pair.control, &pair.treatment}) {
    const Outcome<ArmValue> value = ValueOf(*arm);
    if (!value || value->n <= 1 || !(value->variance > 0)) return false;
  }
  return pair.n() > kFewest<Statistic>;
}

template <typename Statistic>
Pair<Statistic> Added(const Pair<Statistic>& a, const Pair<Statistic>& b) {
  return {Merge(a.control, b.control), Merge(a.treatment, b.treatment)};
}

// Largest first; those that cannot stand alone are part of the first.
template <typename Statistic>
std::vector<Pair<Statistic>> Analysable(std::vector<Pair<Statistic>> strata) {
  std::stable_sort(strata.begin(), strata.end(), [](const auto& a, const auto& b) { return a.n() > b.n(); });
  std::vector<Pair<Statistic>> kept = {strata.front()};
  for (std::size_t i = 1; i < strata.size(); ++i) {
    if (StandsAlone(strata[i])) {
      kept.push_back(strata[i]);
    } else {
      kept.front() = Added(kept.front(), strata[i]);
    }
  }
  return kept;
}

// The weighted mean of a over strata, and its covariance.
template <std::size_t K>
Fit<K> Weighted(const std::vector<Fit<K>>& fits, const std::vector<double>& units) {
  double all = 0;
  for (double n : units) all += n;
  Fit<K> mean;
  for (std::size_t s = 0; s < fits.size(); ++s) {
    for (std::size_t i = 0; i < K; ++i) mean.a[i] += units[s] / all * fits[s].a[i];
  }
  for (std::size_t s = 0; s < fits.size(); ++s) {
    const double share = units[s] / all;
    for (std::size_t i = 0; i < K; ++i) {
      for (std::size_t j = 0; j < K; ++j) {
        mean.covariance[i][j] += share * share * fits[s].covariance[i][j] +
                                 share * (fits[s].a[i] - mean.a[i]) * (fits[s].a[j] - mean.a[j]) / all;
      }
    }
  }
  return mean;
}

struct Point {
  double value;
  double variance;
};

// Of a mean or share: a = (control, effect).
Outcome<Point> PointOf(const Fit<2>& fit, Scale scale) {
  const auto& [control, effect] = fit.a;
  if (scale == Scale::kAbsolute) return Point{effect, fit.covariance[1][1]};
  if (control == 0) return FailStats(StatsErrorCode::kBaselineZero, "the control is 0: a lift over it is not defined");
  const Vector<2> gradient = {-effect / (control * std::abs(control)), 1 / std::abs(control)};
  return Point{effect / std::abs(control), Quadratic(gradient, fit.covariance, gradient)};
}

// Of a ratio: a = (control's numerator, its effect, control's denominator, its effect).
Outcome<Point> PointOf(const Fit<4>& fit, Scale scale) {
  const double denominator_c = fit.a[2];
  const double denominator_t = fit.a[2] + fit.a[3];
  if (denominator_c == 0 || denominator_t == 0) {
    return FailStats(StatsErrorCode::kBaselineZero, "the denominators of an arm add up to 0");
  }
  const double control = fit.a[0] / denominator_c;
  const double treatment = (fit.a[0] + fit.a[1]) / denominator_t;
  const Vector<4> of_treatment = {1 / denominator_t, 1 / denominator_t, -treatment / denominator_t,
                                  -treatment / denominator_t};
  const Vector<4> of_control = {1 / denominator_c, 0, -control / denominator_c, 0};
  double point = treatment - control;
  double by_treatment = 1;
  double by_control = -1;
  if (scale == Scale::kRelative) {
    if (control == 0)
      return FailStats(StatsErrorCode::kBaselineZero, "the control is 0: a lift over it is not defined");
    by_treatment = 1 / std::abs(control);
    by_control = -treatment / (control * std::abs(control));
    point = point / std::abs(control);
  }
  Vector<4> gradient{};
  for (std::size_t i = 0; i < 4; ++i) gradient[i] = by_treatment * of_treatment[i] + by_control * of_control[i];
  return Point{point, Quadratic(gradient, fit.covariance, gradient)};
}

// Shares of several strata, added up, are no longer one share: their sum counts as a number per unit, of divisor n - 1.
template <typename Statistic>
double DegreesOfFreedom(const Pair<Statistic>&, const Effect& effect) {
  return effect.degrees_of_freedom;
}
double DegreesOfFreedom(const Pair<ProportionStatistic>& all, const Effect& effect) {
  const auto as_mean = [](const ProportionStatistic& arm) {
    return MeanStatistic{{arm.n, arm.successes / arm.n, arm.successes * (arm.n - arm.successes) / arm.n}};
  };
  const Outcome<Effect> means = MeanEffect(as_mean(all.control), as_mean(all.treatment), Scale::kAbsolute);
  return means ? means->degrees_of_freedom : effect.degrees_of_freedom;
}

template <typename Statistic>
Outcome<StratifiedEffect> EffectOfStrata(const std::vector<Pair<Statistic>>& given, Scale scale) {
  Pair<Statistic> all = given.front();
  for (std::size_t i = 1; i < given.size(); ++i) all = Added(all, given[i]);
  Outcome<Effect> effect = EffectOf(all.control, all.treatment, scale);
  if (!effect) return FailStats(effect.error());

  const std::vector<Pair<Statistic>> strata = Analysable(given);
  if (strata.size() == 1 || !StandsAlone(strata.front())) return StratifiedEffect{*effect, 1};

  std::vector<decltype(FitOf(all))> fits;
  std::vector<double> units;
  for (const Pair<Statistic>& pair : strata) {
    fits.push_back(FitOf(pair));
    units.push_back(pair.n());
  }
  const Outcome<Point> point = PointOf(Weighted(fits, units), scale);
  if (!point) return FailStats(point.error());
  if (!(point->variance > 0)) return FailStats(StatsErrorCode::kZeroVariance, "within strata nothing varies");
  effect->point = point->value;
  effect->standard_error = std::sqrt(point->variance);
  effect->degrees_of_freedom = DegreesOfFreedom(all, *effect);
  return StratifiedEffect{*effect, strata.size()};
}

template <typename Statistic>
constexpr bool kAddsUp =
    !std::is_same_v<Statistic, QuantileStatistic> && !std::is_same_v<Statistic, QuantileClusteredStatistic>;

}  // namespace

Outcome<StratifiedEffect> PostStratifiedEffect(std::span<const Stratum> strata, Scale scale) {
  if (strata.empty()) return FailStats(StatsErrorCode::kInvalid, "there are no strata");
  return std::visit(
      [&](const auto& first) -> Outcome<StratifiedEffect> {
        using Statistic = std::decay_t<decltype(first)>;
        if constexpr (kAddsUp<Statistic>) {
          std::vector<Pair<Statistic>> pairs;
          for (const Stratum& stratum : strata) {
            const auto* control = std::get_if<Statistic>(&stratum.control);
            const auto* treatment = std::get_if<Statistic>(&stratum.treatment);
            if (control == nullptr || treatment == nullptr) {
              return FailStats(StatsErrorCode::kInvalid, "strata or arms have statistics of different kinds");
            }
            pairs.push_back({*control, *treatment});
          }
          return EffectOfStrata(pairs, scale);
        } else {
          return FailStats(StatsErrorCode::kInvalid, "quantiles of strata do not add up");
        }
      },
      strata.front().control);
}

}  // namespace guidon::stats
