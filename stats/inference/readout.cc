#include "stats/inference/readout.h"

#include <cassert>
#include <cmath>

#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/proportion.h"

namespace guidon::stats {
namespace {

// The shares of an arm that counts yes and no.
std::optional<ProportionStatistic> SharesOf(const ArmStatistic& arm) {
  const ArmStatistic plain = WithoutCovariate(arm);
  const auto* shares = std::get_if<ProportionStatistic>(&plain);
  return shares == nullptr ? std::nullopt : std::optional(*shares);
}

bool HasCovariate(const ArmStatistic& arm) {
  return std::holds_alternative<CupedStatistic>(arm) || std::holds_alternative<CupedRatioStatistic>(arm);
}

Outcome<Readout> ReadOutLarge(const ArmStatistic& control, const ArmStatistic& treatment, double alpha) {
  const Outcome<Effect> absolute = EffectOf(control, treatment, Scale::kAbsolute);
  if (!absolute) return FailStats(absolute.error());
  Readout readout;
  readout.absolute = FixedEstimate(*absolute, {.alpha = alpha});
  if (HasCovariate(control)) {
    const Outcome<Effect> plain = EffectOf(WithoutCovariate(control), WithoutCovariate(treatment), Scale::kAbsolute);
    if (!plain) return FailStats(plain.error());
    readout.unadjusted = FixedEstimate(*plain, {.alpha = alpha});
    readout.variance_left = std::pow(absolute->standard_error / plain->standard_error, 2);
  }
  readout.unsteady_baseline = !HasSteadyBaseline(*ValueOf(control));
  if (readout.unsteady_baseline) {
    if (const Outcome<Interval> fieller = FiellerInterval(control, treatment, alpha)) readout.fieller = *fieller;
  } else if (const Outcome<Effect> lift = EffectOf(control, treatment, Scale::kRelative)) {
    readout.relative = FixedEstimate(*lift, {.alpha = alpha});
  }
  return readout;
}

}  // namespace

Outcome<Readout> ReadOut(const ArmStatistic& control, const ArmStatistic& treatment, double alpha) {
  const std::optional<ProportionStatistic> c = SharesOf(control);
  const std::optional<ProportionStatistic> t = SharesOf(treatment);
  if (!c || !t || control.index() != treatment.index()) return ReadOutLarge(control, treatment, alpha);
  const Outcome<ProportionReadout> shares = CompareProportions(*c, *t, Scale::kAbsolute, alpha);
  if (!shares) return FailStats(shares.error());
  if (!shares->small_counts) return ReadOutLarge(control, treatment, alpha);
  Readout readout;
  readout.absolute = shares->estimate;
  readout.small_counts = true;
  return readout;
}

Outcome<Interval> FiellerInterval(const ArmStatistic& control, const ArmStatistic& treatment, double alpha) {
  assert(0 < alpha && alpha < 1);
  const Outcome<ArmValue> c = ValueOf(control);
  if (!c) return FailStats(c.error());
  const Outcome<ArmValue> t = ValueOf(treatment);
  if (!t) return FailStats(t.error());
  const Outcome<Effect> effect = EffectOfValues(*c, *t, Scale::kAbsolute);
  if (!effect) return FailStats(effect.error());

  return FiellerInterval(*c, *t, StudentUpperQuantile(alpha / 2, effect->degrees_of_freedom));
}

Outcome<Interval> FiellerInterval(const ArmValue& control, const ArmValue& treatment, double standard_errors) {
  // (mT - r mC)² <= q² (vT/nT + r² vC/nC), a quadratic in the ratio r: it has two ends when mC² > q² vC/nC.
  const double q = standard_errors;
  const double of_control = q * q * control.variance / control.n;
  const double of_treatment = q * q * treatment.variance / treatment.n;
  const double leading = control.value * control.value - of_control;
  if (!(control.value > 0) || !(leading > 0)) {
    return FailStats(StatsErrorCode::kBaselineZero,
                     "as far as these data say the baseline may be 0: no lift over it has bounds");
  }
  const double middle = control.value * treatment.value;
  const double half = std::sqrt(of_treatment * leading + of_control * treatment.value * treatment.value);
  return Interval{(middle - half) / leading - 1, (middle + half) / leading - 1};
}

}  // namespace guidon::stats
