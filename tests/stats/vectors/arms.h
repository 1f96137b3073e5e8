// Arms of a case: JSON -> statistics, and the effect that most families begin with.
#pragma once

#include <string_view>

#include "stats/inference/effects.h"
#include "stats/statistic/power_sums.h"
#include "tests/stats/vectors/registry.h"

namespace guidon::stats::vectors {

// {"n": …, "sum": …, …} of a statistic type: "mean", "proportion", "ratio", "cuped", "cuped_ratio", "quantile",
// "quantile_clustered".
ArmStatistic ReadArm(const Value& arm, std::string_view statistic_type);

struct Arms {
  ArmStatistic control;
  ArmStatistic treatment;
};
Arms ReadArms(const Case& c);  // inputs.control and inputs.treatment, of inputs.statistic_type

// params.difference_type: "absolute", "relative", or "scaled", which is absolute here.
Scale ScaleOf(const Case& c);
// 1, but for "scaled": what ScaledImpact multiplies by (total_users / (traffic_percentage * phase_length_days)).
double ImpactFactorOf(const Case& c);
// EffectOf(the arms, the scale), times the factor of "scaled".
Outcome<Effect> EffectOf(const Case& c);

}  // namespace guidon::stats::vectors
