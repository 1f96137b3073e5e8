#include "stats/inference/bayesian.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "stats/inference/distributions.h"
#include "stats/inference/quadrature.h"

namespace guidon::stats {
namespace {

// E[max(X, 0)] of X normal: far below 0 the two terms are nearly equal, and what is left may come out below 0.
double ExpectedPositive(double mean, double stddev) {
  const double z = mean / stddev;
  return std::max(0.0, stddev * (z * NormalLowerTail(z) + NormalDensity(z)));
}

bool IsCount(const ProportionStatistic& arm) {
  return arm.n <= 1e15 && arm.successes >= 0 && arm.successes <= arm.n;
}

// A rate that is beta distributed, seen as the angle whose squared sine it is: there its density has no poles, and is
// nearly normal, with standard deviation 1 / (2 sqrt(alpha + beta)) in the middle and sqrt 2 of it at the ends.
struct Rate {
  double alpha, beta;

  double mean() const { return alpha / (alpha + beta); }
  double deviation() const { return 0.5 / std::sqrt(alpha + beta); }
  double lowest() const { return std::max(0.0, Middle() - 14 * deviation()); }
  double highest() const { return std::min(std::numbers::pi / 2, Middle() + 14 * deviation()); }

  double Middle() const { return std::asin(std::sqrt(mean())); }
  // But for a constant.
  double LogDensity(double angle) const {
    return (2 * alpha - 1) * std::log(std::sin(angle)) + (2 * beta - 1) * std::log(std::cos(angle));
  }
  double Below(double angle) const {
    const double sine = std::sin(angle);
    return BetaLowerTail(sine * sine, alpha, beta);
  }
  double Above(double angle) const {
    const double cosine = std::cos(angle);
    return BetaLowerTail(cosine * cosine, beta, alpha);
  }
};

// P(rate > other).
double ChanceAbove(const Rate& rate, const Rate& other) {
  const double width = 3 * std::min(rate.deviation(), other.deviation());
  // Where the other one is neither surely below nor surely above, a fine grid; else what it says is 1 or 0.
  const std::array<double, 4> edges = {rate.lowest(), std::clamp(other.lowest(), rate.lowest(), rate.highest()),
                                       std::clamp(other.highest(), rate.lowest(), rate.highest()), rate.highest()};
  const double top = rate.LogDensity(rate.Middle());
  double all = 0, above = 0;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    if (!(edges[i + 1] > edges[i])) continue;
    const double step = i == 1 ? width : 3 * rate.deviation();
    const Quadrature rule = GaussLegendre(edges[i], edges[i + 1], PanelsFor(edges[i], edges[i + 1], step));
    for (std::size_t j = 0; j < rule.at.size(); ++j) {
      const double mass = rule.weight[j] * std::exp(rate.LogDensity(rule.at[j]) - top);
      all += mass;
      if (i == 2) above += mass;
      if (i == 1) above += mass * other.Below(rule.at[j]);
    }
  }
  return std::clamp(above / all, 0.0, 1.0);
}

// E[max(higher - lower, 0)]: the integral, over the rate x, of P(lower <= x < higher).
double ExpectedExcess(const Rate& higher, const Rate& lower) {
  const double begin = lower.lowest(), end = higher.highest();
  std::array<double, 4> edges = {begin, lower.highest(), higher.lowest(), end};
  for (double& edge : edges) edge = std::clamp(edge, begin, std::max(begin, end));
  std::sort(edges.begin(), edges.end());
  double sum = 0;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    if (!(edges[i + 1] > edges[i])) continue;
    const double middle = (edges[i] + edges[i + 1]) / 2;
    // What is surely below, or surely above, does not change here.
    const bool lower_varies = middle<lower.highest(), higher_varies = middle> higher.lowest();
    double step = 1;
    if (lower_varies) step = std::min(step, 3 * lower.deviation());
    if (higher_varies) step = std::min(step, 3 * higher.deviation());
    const Quadrature rule = GaussLegendre(edges[i], edges[i + 1], PanelsFor(edges[i], edges[i + 1], step));
    for (std::size_t j = 0; j < rule.at.size(); ++j) {
      const double between =
          (lower_varies ? lower.Below(rule.at[j]) : 1) * (higher_varies ? higher.Above(rule.at[j]) : 1);
      sum += rule.weight[j] * between * std::sin(2 * rule.at[j]);
    }
  }
  return sum;
}

}  // namespace

Outcome<Posterior> NormalPosterior(const Effect& effect, const Prior& prior, const PosteriorOptions& options) {
  if (!(options.alpha > 0 && options.alpha < 1)) {
    return FailStats(StatsErrorCode::kInvalid, "alpha of a credible interval must be within 0 and 1");
  }
  if (!(effect.standard_error > 0)) return FailStats(StatsErrorCode::kZeroVariance, "the effect has no standard error");
  Posterior view;
  view.mean = effect.point;
  view.stddev = effect.standard_error;
  if (prior.is_proper) {
    if (!(prior.stddev > 0) || !std::isfinite(prior.mean)) {
      return FailStats(StatsErrorCode::kInvalid, "a prior needs a mean, and a standard deviation above 0");
    }
    const double unit = effect.scale == Scale::kRelative ? 1 : std::abs(effect.control_mean);
    if (unit == 0) {
      return FailStats(StatsErrorCode::kBaselineZero, "a prior of the lift says nothing where the control is 0");
    }
    const double data = 1 / (effect.standard_error * effect.standard_error);
    const double belief = 1 / (prior.stddev * unit * prior.stddev * unit);
    view.mean = (effect.point * data + prior.mean * unit * belief) / (data + belief);
    view.stddev = 1 / std::sqrt(data + belief);
  }
  const double z = view.mean / view.stddev;
  if (!std::isfinite(view.mean) || !std::isfinite(view.stddev) || !std::isfinite(z)) {
    return FailStats(StatsErrorCode::kInvalid, "the effect, its error or the prior are no numbers, or too large");
  }
  view.chance_to_win = options.good == Direction::kDecrease ? NormalUpperTail(z) : NormalLowerTail(z);
  const double reach = NormalUpperQuantile(options.alpha / 2) * view.stddev;
  view.credible = {view.mean - reach, view.mean + reach};
  const double towards =
      options.good == Direction::kDecrease ? -view.mean : view.mean;  // above 0: the treatment is better
  view.loss_of_control = ExpectedPositive(towards, view.stddev);
  view.loss_of_treatment = ExpectedPositive(-towards, view.stddev);
  return view;
}

Outcome<double> ChanceToWinOf(double point, const Interval& interval, double alpha, Direction good) {
  if (!(alpha > 0 && alpha < 1)) return FailStats(StatsErrorCode::kInvalid, "alpha must be within 0 and 1");
  const bool has_lower = std::isfinite(interval.lower), has_upper = std::isfinite(interval.upper);
  if ((!has_lower && !has_upper) || !std::isfinite(point) || !(interval.lower <= point && point <= interval.upper)) {
    return FailStats(StatsErrorCode::kInvalid, "the interval has no end, or does not hold the point");
  }
  const double half = has_lower && has_upper ? (interval.upper - interval.lower) / 2
                      : has_lower            ? point - interval.lower
                                             : interval.upper - point;
  if (!(half > 0)) return FailStats(StatsErrorCode::kZeroVariance, "the interval has no width");
  const double z = point / half * NormalUpperQuantile(has_lower && has_upper ? alpha / 2 : alpha);
  return good == Direction::kDecrease ? NormalUpperTail(z) : NormalLowerTail(z);
}

Outcome<BetaPosterior> BetaBinomialPosterior(const ProportionStatistic& control, const ProportionStatistic& treatment,
                                             const BetaPrior& prior) {
  if (!IsCount(control) || !IsCount(treatment)) {
    return FailStats(StatsErrorCode::kInvalid, "conversions are not between 0 and the number of units");
  }
  if (!(prior.alpha >= 0.5 && prior.beta >= 0.5 && prior.alpha + prior.beta <= 1e15)) {
    return FailStats(StatsErrorCode::kInvalid, "the parameters of a beta prior must be at least 0.5, and at most 1e15");
  }
  const auto rate_of = [&](const ProportionStatistic& arm) {
    return Rate{prior.alpha + arm.successes, prior.beta + arm.n - arm.successes};
  };
  const Rate c = rate_of(control), t = rate_of(treatment);
  BetaPosterior view;
  view.chance_to_win = ChanceAbove(t, c);
  view.loss_of_treatment = ExpectedExcess(c, t);
  view.loss_of_control = ExpectedExcess(t, c);
  view.mean_control = c.mean();
  view.mean_treatment = t.mean();
  return view;
}

}  // namespace guidon::stats
