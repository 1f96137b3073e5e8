#include "stats/metric/lateness.h"

#include <algorithm>

#include "stats/metric/contribution.h"

namespace guidon::stats {

std::vector<FirstExposure>::const_iterator FirstOf(const ExperimentPlan& plan,
                                                   const std::vector<FirstExposure>& exposures) {
  return std::find_if(exposures.begin(), exposures.end(),
                      [&](const FirstExposure& exposure) { return exposure.time >= plan.started; });
}

bool IsLateExposure(const ExperimentPlan& plan, Time time, Time received) {
  return received > time + plan.allowance;
}

Timeliness TimelinessOf(const ExperimentPlan& plan, const std::vector<FirstExposure>& exposures, SourceId source,
                        Time time, Time received) {
  const auto first = FirstOf(plan, exposures);
  if (first == exposures.end()) return Timeliness::kOfNoWindow;
  bool would_count = false;
  for (const MetricPlan& metric : plan.metrics) {
    if (std::find(metric.sources.begin(), metric.sources.end(), source) == metric.sources.end()) continue;
    const Time begin = first->time + metric.after;
    // As contributions have it: within the tolerance it counts as at the start.
    if (time < begin && (begin != plan.started || time < begin - kStartTolerance)) continue;
    if (!metric.window && !plan.ended) return Timeliness::kInTime;
    const Time end = metric.window ? begin + *metric.window : *plan.ended + metric.after;
    if (time >= end) continue;
    if (received <= end + plan.allowance) return Timeliness::kInTime;
    would_count = true;
  }
  return would_count ? Timeliness::kLate : Timeliness::kOfNoWindow;
}

}  // namespace guidon::stats
