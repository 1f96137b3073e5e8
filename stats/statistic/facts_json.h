// Plans and facts as JSON: what the API gives, what files hold, what two processes compare.
//
// Thread safety: pure functions. Cost: that of reading every arm, day and slice once.
#pragma once

#include <optional>
#include <string_view>

#include <guidon/value.h>
#include "stats/metric/plan.h"
#include "stats/statistic/experiment_facts.h"

namespace guidon::stats {

std::string_view ToString(MetricKind kind);  // "conversion", "count", …: as in definitions
std::optional<MetricKind> MetricKindFromString(std::string_view word);

// Equal plans give equal texts. Times and durations are milliseconds.
Value EncodePlan(const ExperimentPlan& plan);

// Every count and moment of every arm, of all days and of each, and units by slice: all that a report is computed from.
// docs/api/openapi.yaml, `Totals`, has the members; those that say where it is from are the caller's.
Object EncodeFacts(const ExperimentFacts& facts);

}  // namespace guidon::stats
