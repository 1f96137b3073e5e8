// Whether a fact came in time to move what was counted.
//
//   if (IsLateExposure(plan, time, received)) …                                  // is not taken
//   if (TimelinessOf(plan, *unit.Exposures(iteration), source, time, received) == Timeliness::kLate) …
//
// An exposure is in time for the plan's allowance after it happened; an event, for the allowance after the end of the
// last window in which it would count. An event that would count in none is never late: it is of the covariate, or of
// nothing. An exposure that is in time moves a window only to where, by its end and the allowance, it has been
// received: so what is late does not depend on the order in which facts that are in time are looked at.
//
// Thread safety: pure functions. Cost: the metrics of the plan.
#pragma once

#include <cstdint>
#include <vector>

#include "stats/metric/plan.h"
#include "stats/metric/unit_record.h"

namespace guidon::stats {

// The first that is of this iteration; end() where there is none. Those before its start are of another experiment,
// which had the same name. `exposures` as UnitRecord::Exposures has them.
std::vector<FirstExposure>::const_iterator FirstOf(const ExperimentPlan& plan,
                                                   const std::vector<FirstExposure>& exposures);

bool IsLateExposure(const ExperimentPlan& plan, Time time, Time received);

enum class Timeliness : std::uint8_t {
  kOfNoWindow,  // it would count in none
  kInTime,      // in one that is still open, or closed no longer ago than the allowance
  kLate,        // each in which it would count was closed before
};
// Of an event, for the metrics of one plan that are of that source.
Timeliness TimelinessOf(const ExperimentPlan& plan, const std::vector<FirstExposure>& exposures, SourceId source,
                        Time time, Time received);

}  // namespace guidon::stats
