#include "stats/inference/group_sequential.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stats/inference/distributions.h"
#include "stats/inference/quadrature.h"

namespace guidon::stats {
namespace {

constexpr double kSmallestP = 1e-15;

bool IsWithin(double value, double above, double below) {
  return value > above && value < below;  // false for NaN
}

}  // namespace

double SpentInTail(const Spending& spending, double alpha, double fraction) {
  if (fraction <= 0) return 0;
  if (fraction >= 1) return alpha;
  switch (spending.kind) {
    case SpendingKind::kObrienFleming:
      return 2 * NormalUpperTail(NormalUpperQuantile(alpha / 2) / std::sqrt(fraction));
    case SpendingKind::kPocock:
      return alpha * std::log1p((std::numbers::e - 1) * fraction);
    case SpendingKind::kPower:
      return alpha * std::pow(fraction, spending.exponent);
  }
  return alpha;
}

double InformationFraction(double units, double planned_units) {
  return planned_units > units ? units / planned_units : 1;
}

Outcome<GroupSequential> GroupSequential::Begin(const GroupSequentialPlan& plan) {
  const double most = plan.alternative == Alternative::kTwoSided ? 1 : 0.5;
  if (!IsWithin(plan.alpha, 0, most)) return FailStats(StatsErrorCode::kInvalid, "alpha is not a share of that range");
  if (plan.spending.kind == SpendingKind::kPower && !IsWithin(plan.spending.exponent, 0, 1e3)) {
    return FailStats(StatsErrorCode::kInvalid, "the exponent of power spending is not within 0 and 1000");
  }
  return GroupSequential(plan);
}

Outcome<Look> GroupSequential::Next(double fraction) {
  return Take(fraction, false);
}

Outcome<Look> GroupSequential::Last(double fraction) {
  return Take(fraction, true);
}

Outcome<Look> GroupSequential::Take(double fraction, bool is_last) {
  if (!(fraction > 0)) return FailStats(StatsErrorCode::kInvalid, "a look's information fraction is not above 0");
  if (looks_.size() >= kMaxLooks) return FailStats(StatsErrorCode::kInvalid, "there were 400 looks already");
  Look look;
  look.fraction = std::min(fraction, 1.0);
  if (!looks_.empty()) {
    const Look& before = looks_.back();
    if (before.is_final || look.fraction < before.fraction + kSmallestStep) {
      Look again = before;
      again.fraction = std::max(before.fraction, look.fraction);
      again.is_final = before.is_final || is_last || again.fraction >= 1;
      looks_.push_back(again);
      return again;
    }
  }
  const double tail = plan_.alpha / Sides();
  const double spent_before = looks_.empty() ? 0 : looks_.back().alpha_spent / Sides();
  look.is_final = is_last || look.fraction >= 1;
  const double spent = look.is_final ? tail : SpentInTail(plan_.spending, tail, look.fraction);
  look.alpha_spent = spent * Sides();
  walk_.StepTo(look.fraction);
  look.bound = BoundNow(spent - spent_before);
  const double score = look.bound * std::sqrt(look.fraction);
  const bool has_lower = plan_.alternative == Alternative::kTwoSided;
  // A bound of 0 leaves nobody to go on; a hair's breadth keeps the integral defined.
  const double reach = std::max(score, 1e-9);
  walk_.Stay(has_lower ? -reach : -kHighestBound * std::sqrt(look.fraction), reach);
  looks_.push_back(look);
  return look;
}

// The walk is that of a score whose hoped-for side is above, also for kLess: it is symmetric.
double GroupSequential::BoundNow(double spend) const {
  const double root = std::sqrt(walk_.now());
  if (!(spend > walk_.Above(kHighestBound * root))) return kHighestBound;
  const double wanted = std::log(spend);
  // Far out nothing is left at all; FindRoot takes no infinities.
  const auto excess = [&](double z) { return std::log(std::max(walk_.Above(z * root), 1e-300)) - wanted; };
  const double lowest = plan_.alternative == Alternative::kTwoSided ? 0 : -kHighestBound;
  return FindRoot(excess, lowest, kHighestBound, 1e-10);
}

double GroupSequential::FinalBound() const {
  if (!looks_.empty() && looks_.back().is_final) return looks_.back().bound;
  GroupSequential ahead = *this;
  const Outcome<Look> last = ahead.Last(1);
  return last ? last->bound : kHighestBound;
}

double GroupSequential::RepeatedP(double z) const {
  if (looks_.empty()) return 1;
  const double beyond = plan_.alternative == Alternative::kTwoSided ? std::abs(z)
                        : plan_.alternative == Alternative::kLess   ? -z
                                                                    : z;
  // How far the bound of the newest look lies beyond this Z, had alpha been another.
  const auto room = [&](double log_alpha) {
    GroupSequentialPlan plan = plan_;
    plan.alpha = std::exp(log_alpha);
    GroupSequential other(plan);
    double bound = kHighestBound;
    for (const Look& look : looks_) {
      const bool is_last = look.is_final && look.fraction < 1;
      if (const Outcome<Look> taken = other.Take(look.fraction, is_last)) bound = taken->bound;
    }
    return bound - beyond;
  };
  const double most = plan_.alternative == Alternative::kTwoSided ? 1 : 0.5;
  const double lowest = std::log(kSmallestP), highest = std::log(most * (1 - 1e-9));
  if (room(highest) >= 0) return 1;
  if (room(lowest) <= 0) return kSmallestP;
  return std::exp(FindRoot(room, lowest, highest, 1e-8));
}

Outcome<Estimate> GroupSequential::EstimateNow(const Effect& effect) const {
  if (looks_.empty()) return FailStats(StatsErrorCode::kInvalid, "there was no look yet");
  if (!(effect.standard_error > 0)) return FailStats(StatsErrorCode::kZeroVariance, "the effect has no standard error");
  if (!std::isfinite(effect.point / effect.standard_error) || !std::isfinite(effect.standard_error)) {
    return FailStats(StatsErrorCode::kInvalid, "the effect or its error is no number");
  }
  const double reach = looks_.back().bound * effect.standard_error;
  Estimate estimate;
  estimate.effect = effect;
  if (plan_.alternative != Alternative::kLess) estimate.interval.lower = effect.point - reach;
  if (plan_.alternative != Alternative::kGreater) estimate.interval.upper = effect.point + reach;
  estimate.p_value = RepeatedP(effect.point / effect.standard_error);
  return estimate;
}

Outcome<std::vector<Look>> Boundaries(std::span<const double> fractions, const GroupSequentialPlan& plan) {
  Outcome<GroupSequential> looks = GroupSequential::Begin(plan);
  if (!looks) return tl::unexpected(looks.error());
  for (const double fraction : fractions) {
    if (const Outcome<Look> look = looks->Next(fraction); !look) return tl::unexpected(look.error());
  }
  return looks->looks();
}

Outcome<Crossing> CrossingOf(std::span<const double> fractions, std::span<const double> bounds, double drift,
                             Alternative alternative) {
  if (fractions.empty() || fractions.size() != bounds.size() || fractions.size() > kMaxLooks) {
    return FailStats(StatsErrorCode::kInvalid, "as many bounds as information fractions are needed, 400 at most");
  }
  if (!std::isfinite(drift)) return FailStats(StatsErrorCode::kInvalid, "the drift is no number");
  const bool is_two_sided = alternative == Alternative::kTwoSided;
  const double towards = alternative == Alternative::kLess ? -drift : drift;  // the side that the bound is on
  ScoreWalk walk(towards);
  Crossing crossing;
  double before = 0, still = 1;
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    const double fraction = fractions[i], root = std::sqrt(fraction);
    if (!(fraction > before) || fraction > 1) {
      return FailStats(StatsErrorCode::kInvalid, "information fractions do not rise within 0 and 1");
    }
    if (!std::isfinite(bounds[i]) || (is_two_sided && bounds[i] <= 0)) {
      return FailStats(StatsErrorCode::kInvalid, "a bound is no number above 0");
    }
    walk.StepTo(fraction);
    const double score = bounds[i] * root;
    const double above = walk.Above(score), below = is_two_sided ? walk.Below(-score) : 0;
    crossing.above.push_back(above);
    crossing.below.push_back(below);
    crossing.probability += above + below;
    crossing.expected_fraction += still * (fraction - before);  // those who were still going on spent this much more
    still = std::max(0.0, still - above - below);
    // Beyond 12 standard deviations nobody is; the integral need not go there.
    const double lowest = towards * fraction - 12 * root, highest = towards * fraction + 12 * root;
    const double upper = std::clamp(score, lowest + 1e-9, highest);
    walk.Stay(is_two_sided ? std::clamp(-score, lowest, upper - 1e-12) : lowest, upper);
    before = fraction;
  }
  return crossing;
}

Outcome<Futility> CheckFutility(double z, double fraction, double final_bound, double planned_drift,
                                const FutilityRule& rule) {
  if (!std::isfinite(z)) return FailStats(StatsErrorCode::kInvalid, "the test statistic is no number");
  if (!(fraction > 0) || fraction > 1) {
    return FailStats(StatsErrorCode::kInvalid, "the information fraction is not within 0 and 1");
  }
  if (!(final_bound > 0) || !(planned_drift > 0) || !std::isfinite(planned_drift)) {
    return FailStats(StatsErrorCode::kInvalid, "the final bound and the planned effect must be above 0");
  }
  if (!IsWithin(rule.threshold, 0, 1)) {
    return FailStats(StatsErrorCode::kInvalid, "the threshold of futility is not within 0 and 1");
  }
  Futility futility;
  const double left = 1 - fraction;
  if (left <= 0) {
    futility.under_plan = futility.under_trend = futility.predictive = z > final_bound ? 1 : 0;
  } else {
    const double score = z * std::sqrt(fraction);
    // S(1) given S(t) is normal with mean S(t) + drift (1 - t) and variance 1 - t; over a flat prior's posterior of the
    // drift, with mean S(t) / t and variance (1 - t) / t.
    const auto given = [&](double drift) {
      return NormalUpperTail((final_bound - score - drift * left) / std::sqrt(left));
    };
    futility.under_plan = given(planned_drift);
    futility.under_trend = given(score / fraction);
    futility.predictive = NormalUpperTail((final_bound - score / fraction) / std::sqrt(left / fraction));
  }
  futility.is_futile = fraction >= rule.earliest && futility.under_plan < rule.threshold;
  return futility;
}

double DriftOf(double true_effect, double standard_error_now, double fraction) {
  return true_effect / (standard_error_now * std::sqrt(fraction));
}

}  // namespace guidon::stats
