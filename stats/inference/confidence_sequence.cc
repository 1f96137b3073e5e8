#include "stats/inference/confidence_sequence.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stats/inference/distributions.h"
#include "stats/inference/quadrature.h"

namespace guidon::stats {
namespace {

// What the p of one side is clipped to: beyond, its closed form says more than the reference that it is held against.
constexpr double kSmallestOneSidedP = 1e-5, kLargestOneSidedP = 0.4999;

bool IsTwoSided(Alternative alternative) {
  return alternative == Alternative::kTwoSided;
}

// alpha as rho has it.
double AlphaOf(double alpha, Alternative alternative) {
  return IsTwoSided(alternative) ? alpha : 2 * alpha;
}

// ln(exp(x) - 1) for x > 0, also where exp(x) is infinite.
double LogExpMinusOne(double x) {
  return x + std::log1p(-std::exp(-x));
}

double TwoSidedP(double z, double n, double rho) {
  const double w = n * rho * rho + 1;
  return std::min(1.0, std::exp(std::log(w) / 2 - rho * rho * n * z * z / (2 * w)));
}

// `z` above 0 speaks for the alternative.
double OneSidedP(double z, double n, double rho) {
  if (z <= 0) return kLargestOneSidedP;
  const double w = n * rho * rho + 1;
  const double exponent = n * rho * rho * z * z / (2 * w);
  const double log_p = std::log(w) / 2 - std::numbers::ln2 - LogExpMinusOne(exponent);
  return std::clamp(std::exp(std::min(log_p, 0.0)), kSmallestOneSidedP, kLargestOneSidedP);
}

}  // namespace

double SequenceRho(double alpha, double tuned_to, Alternative alternative) {
  const double twice = -2 * std::log(AlphaOf(alpha, alternative));
  return std::sqrt((twice + std::log1p(twice)) / tuned_to);
}

double SequenceBound(double alpha, double n, double tuned_to, Alternative alternative) {
  const double rho = SequenceRho(alpha, tuned_to, alternative);
  const double information = n * rho * rho;
  const double w = information + 1;
  const double surprise =
      IsTwoSided(alternative) ? std::log(w) / 2 - std::log(alpha) : std::log1p(std::sqrt(w) / (2 * alpha));
  return std::sqrt(2 * w * surprise / information);
}

Outcome<SequenceEstimate> ConfidenceSequence(const Effect& effect, const SequencePlan& plan) {
  const double most = IsTwoSided(plan.alternative) ? 1 : 0.5;
  if (!(plan.alpha > 0 && plan.alpha < most)) {
    return FailStats(StatsErrorCode::kInvalid, "alpha of a confidence sequence is not a share of that range");
  }
  if (!(plan.tuned_to > 0) || !std::isfinite(plan.tuned_to)) {
    return FailStats(StatsErrorCode::kInvalid, "a confidence sequence is tuned to a number of units above 0");
  }
  const double n = effect.n_control + effect.n_treatment;
  if (!(n > 0)) return FailStats(StatsErrorCode::kInsufficientN, "there are no units yet");
  if (!(effect.standard_error > 0)) return FailStats(StatsErrorCode::kZeroVariance, "the effect has no standard error");
  const double z = (effect.point - plan.null_value) / effect.standard_error;

  SequenceEstimate result;
  result.rho = SequenceRho(plan.alpha, plan.tuned_to, plan.alternative);
  result.half_width = effect.standard_error * SequenceBound(plan.alpha, n, plan.tuned_to, plan.alternative);
  if (!std::isfinite(z) || !std::isfinite(result.half_width)) {
    return FailStats(StatsErrorCode::kInvalid, "the effect, its error or its units are no numbers, or too large");
  }
  Estimate& estimate = result.estimate;
  estimate.effect = effect;
  if (plan.alternative != Alternative::kLess) estimate.interval.lower = effect.point - result.half_width;
  if (plan.alternative != Alternative::kGreater) estimate.interval.upper = effect.point + result.half_width;
  estimate.p_value = IsTwoSided(plan.alternative)
                         ? TwoSidedP(z, n, result.rho)
                         : OneSidedP(plan.alternative == Alternative::kGreater ? z : -z, n, result.rho);
  return result;
}

bool IsBurntIn(const BurnIn& rule, double n_control, double n_treatment) {
  return std::min(n_control, n_treatment) >= rule.units_per_arm;
}

bool IsBurntIn(const BurnIn& rule, double n_control, double n_treatment, double conversions_control,
               double conversions_treatment) {
  return IsBurntIn(rule, n_control, n_treatment) &&
         std::min(conversions_control, conversions_treatment) >= rule.events_per_arm;
}

double RunningP::Add(double p) {
  if (p >= 0 && p < smallest_) smallest_ = p;
  return smallest_;
}

double NormalMixtureRho(double v_opt, double alpha_opt, Alternative alternative) {
  const double twice = -2 * std::log(AlphaOf(alpha_opt, alternative));
  return v_opt / (twice + std::log1p(twice));
}

double NormalMixtureBound(double v, double alpha, double rho) {
  return std::sqrt((v + rho) * (std::log1p(v / rho) - 2 * std::log(alpha)));
}

double NormalMixtureBoundOneSided(double v, double alpha, double rho) {
  const double spread = v + rho;
  const double constant = std::log(4 * rho / spread) / 2 + std::log(alpha);
  const auto excess = [&](double s) {
    return constant + s * s / (2 * spread) + LogNormalLowerTail(s / std::sqrt(spread));
  };
  // ln Phi is at least -ln 2 for s >= 0, so that the excess is not below 0 here.
  const double upper = std::sqrt(2 * spread * std::max(std::numbers::ln2 - constant, 0.0));
  return FindRoot(excess, 0, upper);
}

Outcome<Interval> BernoulliConfidenceSequence(double successes, double n, const BernoulliSequence& plan) {
  if (!(n > 0)) return FailStats(StatsErrorCode::kInsufficientN, "there were no trials yet");
  if (!(successes >= 0 && successes <= n) || n > 1e15) {
    return FailStats(StatsErrorCode::kInvalid, "successes are not between 0 and the number of trials");
  }
  if (!(plan.alpha > 0 && plan.alpha < 1) || !(plan.alpha_opt > 0 && plan.alpha_opt < 1) ||
      !(plan.t_opt >= 1 && plan.t_opt <= 1e15)) {
    return FailStats(StatsErrorCode::kInvalid, "alpha must be within 0 and 1, and t_opt within 1 and 1e15");
  }
  const double failures = n - successes;
  // By the logarithm of the odds: p may be very near to 0 or 1, where p and 1 - p must not lose their digits.
  const auto excess = [&](double log_odds) {
    const double p = 1 / (1 + std::exp(-log_odds)), q = 1 / (1 + std::exp(log_odds));
    const double variance = p * q;
    const double rho = NormalMixtureRho(variance * plan.t_opt, plan.alpha_opt);
    const double r = std::max(rho - variance, variance / 1000);
    const double won = LogBeta(r / p + failures, r / q + successes) - LogBeta(r / p, r / q) - successes * std::log(p) -
                       failures * std::log(q);
    return won + std::log(plan.alpha);
  };
  constexpr double kEdge = 36;  // odds of 4e15
  const double middle = std::clamp(std::log(successes / failures), -kEdge, kEdge);
  const auto share = [](double log_odds) { return 1 / (1 + std::exp(-log_odds)); };
  Interval interval{0, 1};
  if (successes > 0 && excess(-kEdge) > 0) interval.lower = share(FindRoot(excess, -kEdge, middle));
  if (failures > 0 && excess(kEdge) > 0) interval.upper = share(FindRoot(excess, middle, kEdge));
  return interval;
}

}  // namespace guidon::stats
