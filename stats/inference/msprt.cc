#include "stats/inference/msprt.h"

#include <algorithm>
#include <cmath>

namespace guidon::stats {

Outcome<Msprt> MixtureSprt(double difference, double variance, const MsprtPlan& plan) {
  if (!(plan.tau > 0) || !std::isfinite(plan.tau) || !(plan.alpha > 0 && plan.alpha < 1)) {
    return FailStats(StatsErrorCode::kInvalid, "tau must be above 0 and alpha within 0 and 1");
  }
  if (!std::isfinite(difference) || !std::isfinite(plan.theta0)) {
    return FailStats(StatsErrorCode::kInvalid, "the difference is no number");
  }
  if (!(variance > 0) || !std::isfinite(variance)) {
    return FailStats(StatsErrorCode::kZeroVariance, "the difference has no variance");
  }
  const double mixing = plan.tau * plan.tau, total = variance + mixing;
  const double away = difference - plan.theta0;
  Msprt result;
  result.log_likelihood_ratio = mixing * away * away / (2 * variance * total) - std::log1p(mixing / variance) / 2;
  result.p_value = std::exp(std::min(0.0, -result.log_likelihood_ratio));
  const double reach =
      std::sqrt(variance * total / mixing * (std::log1p(mixing / variance) - 2 * std::log(plan.alpha)));
  if (!std::isfinite(result.log_likelihood_ratio) || !std::isfinite(reach)) {
    return FailStats(StatsErrorCode::kInvalid, "the difference, its variance or tau is too large");
  }
  result.interval = {difference - reach, difference + reach};
  return result;
}

}  // namespace guidon::stats
