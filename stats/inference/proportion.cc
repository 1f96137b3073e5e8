#include "stats/inference/proportion.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"

namespace guidon::stats {
namespace {

using Arm = ProportionStatistic;

std::optional<StatsError> FaultOf(const Arm& arm) {
  const Outcome<ArmValue> value = ValueOf(arm);
  return value ? std::nullopt : std::optional(value.error());
}

std::optional<StatsError> FaultOf(const Arm& control, const Arm& treatment) {
  std::optional<StatsError> fault = FaultOf(control);
  return fault ? fault : FaultOf(treatment);
}

Interval Wilson(const Arm& arm, double alpha) {
  assert(0 < alpha && alpha < 1);
  const double z = NormalUpperQuantile(alpha / 2);
  const double p = arm.successes / arm.n;
  const double center = p + z * z / (2 * arm.n);
  const double half = z * std::sqrt(p * (1 - p) / arm.n + z * z / (4 * arm.n * arm.n));
  const double width = 1 + z * z / arm.n;
  return {std::max(0.0, (center - half) / width), std::min(1.0, (center + half) / width)};
}

// The most likely share of the control when the treatment's is `delta` more: the root in the middle of a cubic, in
// Miettinen & Nurminen's closed form.
double RestrictedShare(const Arm& control, const Arm& treatment, double delta) {
  const double n = control.n + treatment.n;
  const double x = control.successes + treatment.successes;
  // l3 p³ + l2 p² + l1 p + l0 = 0
  const double l3 = n;
  const double l2 = (treatment.n + 2 * control.n) * delta - n - x;
  const double l1 = (control.n * delta - n - 2 * control.successes) * delta + x;
  const double l0 = control.successes * delta * (1 - delta);
  const double third = l2 / (3 * l3);
  const double q = third * third * third - l1 * l2 / (6 * l3 * l3) + l0 / (2 * l3);
  const double inside = third * third - l1 / (3 * l3);
  const double p = std::copysign(std::sqrt(std::max(0.0, inside)), q);
  constexpr double kPi = 3.14159265358979323846;
  const double ratio = p == 0 ? 0 : std::clamp(q / (p * p * p), -1.0, 1.0);
  const double angle = (kPi + std::acos(ratio)) / 3;
  const double low = std::max(0.0, -delta);
  const double high = std::min(1.0, 1 - delta);
  return std::clamp(2 * p * std::cos(angle) - third, low, high);
}

// The score statistic of "treatment - control is delta".
double Score(const Arm& control, const Arm& treatment, double delta) {
  const double difference = treatment.successes / treatment.n - control.successes / control.n - delta;
  const double c = RestrictedShare(control, treatment, delta);
  const double t = std::clamp(c + delta, 0.0, 1.0);
  const double n = control.n + treatment.n;
  const double variance = (c * (1 - c) / control.n + t * (1 - t) / treatment.n) * (n / (n - 1));
  if (variance > 0) return difference / std::sqrt(variance);
  return difference == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), difference);
}

// The delta between `inside` (|score| <= z) and `outside` where the score crosses z: by halving, to the last digits.
double Crossing(const Arm& control, const Arm& treatment, double z, double inside, double outside) {
  for (int i = 0; i < 200; ++i) {
    const double middle = inside + (outside - inside) / 2;
    if (middle == inside || middle == outside) break;
    (std::abs(Score(control, treatment, middle)) <= z ? inside : outside) = middle;
  }
  return inside;
}

Estimate SmallCountEstimate(const Arm& control, const Arm& treatment, double alpha) {
  Estimate estimate;
  estimate.interval = *NewcombeInterval(control, treatment, alpha);
  estimate.p_value = *FisherExact(control, treatment);
  Effect& effect = estimate.effect;
  effect.scale = Scale::kAbsolute;
  effect.control_mean = control.successes / control.n;
  effect.treatment_mean = treatment.successes / treatment.n;
  effect.point = effect.treatment_mean - effect.control_mean;
  effect.standard_error = (estimate.interval.upper - estimate.interval.lower) / (2 * NormalUpperQuantile(alpha / 2));
  effect.degrees_of_freedom = std::max(1.0, control.n + treatment.n - 2);
  effect.n_control = control.n;
  effect.n_treatment = treatment.n;
  return estimate;
}

}  // namespace

Outcome<Interval> WilsonInterval(const Arm& arm, double alpha) {
  if (auto fault = FaultOf(arm)) return FailStats(*std::move(fault));
  return Wilson(arm, alpha);
}

Outcome<Interval> ClopperPearsonInterval(const Arm& arm, double alpha) {
  assert(0 < alpha && alpha < 1);
  if (auto fault = FaultOf(arm)) return FailStats(*std::move(fault));
  const double failures = arm.n - arm.successes;
  Interval interval{0, 1};
  if (arm.successes > 0) interval.lower = BetaQuantile(alpha / 2, arm.successes, failures + 1);
  if (failures > 0) interval.upper = BetaUpperQuantile(alpha / 2, arm.successes + 1, failures);
  return interval;
}

Outcome<ZTest> PooledZTest(const Arm& control, const Arm& treatment, Alternative alternative) {
  if (auto fault = FaultOf(control, treatment)) return FailStats(*std::move(fault));
  const double n = control.n + treatment.n;
  const double pooled = (control.successes + treatment.successes) / n;
  const double variance = pooled * (1 - pooled) * (1 / control.n + 1 / treatment.n);
  if (!(variance > 0)) {
    return FailStats(StatsErrorCode::kZeroVariance, "all units of both arms convert, or none does");
  }
  ZTest test;
  test.z = (treatment.successes / treatment.n - control.successes / control.n) / std::sqrt(variance);
  switch (alternative) {
    case Alternative::kTwoSided:
      test.p_value = 2 * NormalUpperTail(std::abs(test.z));
      break;
    case Alternative::kGreater:
      test.p_value = NormalUpperTail(test.z);
      break;
    case Alternative::kLess:
      test.p_value = NormalLowerTail(test.z);
      break;
  }
  return test;
}

Outcome<Interval> NewcombeInterval(const Arm& control, const Arm& treatment, double alpha) {
  if (auto fault = FaultOf(control, treatment)) return FailStats(*std::move(fault));
  const double c = control.successes / control.n;
  const double t = treatment.successes / treatment.n;
  const Interval of_control = Wilson(control, alpha);
  const Interval of_treatment = Wilson(treatment, alpha);
  return Interval{t - c - std::hypot(t - of_treatment.lower, of_control.upper - c),
                  t - c + std::hypot(of_treatment.upper - t, c - of_control.lower)};
}

Outcome<ScoreInterval> MiettinenNurminen(const Arm& control, const Arm& treatment, double alpha) {
  assert(0 < alpha && alpha < 1);
  if (auto fault = FaultOf(control, treatment)) return FailStats(*std::move(fault));
  const double z = NormalUpperQuantile(alpha / 2);
  const double difference = treatment.successes / treatment.n - control.successes / control.n;
  return ScoreInterval{
      {Crossing(control, treatment, z, difference, -1), Crossing(control, treatment, z, difference, 1)},
      2 * NormalUpperTail(std::abs(Score(control, treatment, 0)))};
}

Outcome<double> FisherExact(const Arm& control, const Arm& treatment) {
  if (auto fault = FaultOf(control, treatment)) return FailStats(*std::move(fault));
  const double n_control = std::round(control.n);
  const double n_treatment = std::round(treatment.n);
  const double observed = std::round(control.successes);
  const double successes = observed + std::round(treatment.successes);
  const double low = std::max(0.0, successes - n_treatment);
  const double high = std::min(n_control, successes);

  // Probabilities of x conversions in the control, relative to the likeliest x: of neighbours the ratio is known, and
  // from the top down nothing grows. Tables too unlikely for a double count as 0, which they are.
  const double top =
      std::clamp(std::floor((successes + 1) * (n_control + 1) / (n_control + n_treatment + 2)), low, high);
  const auto up = [&](double x) {  // P(x + 1) / P(x)
    return (n_control - x) * (successes - x) / ((x + 1) * (n_treatment - successes + x + 1));
  };
  double weight = 1;
  const auto walk = [&](auto&& visit) {
    weight = 1;
    for (double x = top; x <= high && weight > 0; weight *= up(x), ++x) visit(x);
    weight = 1;
    for (double x = top; x > low && weight > 0;) {
      --x;
      weight /= up(x);
      visit(x);
    }
  };
  double of_observed = 0;
  walk([&](double x) {
    if (x == observed) of_observed = weight;
  });
  constexpr double kTie = 1 + 1e-7;  // equal but for rounding
  double all = 0;
  double as_unlikely = 0;
  walk([&](double) {
    all += weight;
    if (weight <= of_observed * kTie) as_unlikely += weight;
  });
  return std::min(1.0, as_unlikely / all);
}

bool HasSmallCounts(const Arm& control, const Arm& treatment) {
  return std::min({control.successes, control.n - control.successes, treatment.successes,
                   treatment.n - treatment.successes}) < kSmallCount;
}

Outcome<ProportionReadout> CompareProportions(const Arm& control, const Arm& treatment, Scale scale, double alpha) {
  if (auto fault = FaultOf(control, treatment)) return FailStats(*std::move(fault));
  if (HasSmallCounts(control, treatment)) return ProportionReadout{SmallCountEstimate(control, treatment, alpha), true};
  const Outcome<Effect> effect = ProportionEffect(control, treatment, scale);
  if (!effect) return FailStats(effect.error());
  return ProportionReadout{FixedEstimate(*effect, {.alpha = alpha}), false};
}

}  // namespace guidon::stats
