// Two arms -> what may be shown of them at a fixed horizon: the rules of which scale, which interval and which test.
//
//   Outcome<Readout> readout = ReadOut(control, treatment, 0.05);
//   if (readout->relative) ShowLift(*readout->relative);
//
// Thread safety: pure functions.
#pragma once

#include <optional>

#include "stats/inference/effect.h"
#include "stats/inference/effects.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {
struct Readout {
  Estimate absolute;  // adjusted, where there is a covariate
  // The lift. None with small counts; none when the baseline is within 4 standard errors of 0, where the delta method's
  // interval is wrong; none over 0.
  std::optional<Estimate> relative;
  // With a covariate: the absolute effect without it, and which share of its variance the adjustment leaves.
  std::optional<Estimate> unadjusted;
  double variance_left = 1;

  bool small_counts = false;       // `absolute` is Newcombe's interval and Fisher's p-value, without a covariate
  bool unsteady_baseline = false;  // too close to 0 for its uncertainty
  // Where the baseline is unsteady: Fieller's interval of the lift, when that has two ends; not adjusted.
  std::optional<Interval> fieller;
};

// Two-sided. Errors as EffectOf(control, treatment, Scale::kAbsolute); small counts have an answer where that has none.
Outcome<Readout> ReadOut(const ArmStatistic& control, const ArmStatistic& treatment, double alpha);

// Fieller (1954): the lifts l that "treatment - (1 + l) control is 0" does not reject. It holds however uncertain the
// baseline is. kBaselineZero when those lifts have no end, because the baseline itself may be 0. For arms that are not
// adjusted (`value` and `variance` as ValueOf gives them); the control above 0.
Outcome<Interval> FiellerInterval(const ArmStatistic& control, const ArmStatistic& treatment, double alpha);
// The same with so many standard errors in place of Student's quantile (> 0): of a sequence its bound, and the interval
// holds at every moment.
Outcome<Interval> FiellerInterval(const ArmValue& control, const ArmValue& treatment, double standard_errors);

}  // namespace guidon::stats
