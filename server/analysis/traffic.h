// What experiments on a flag have counted, for the check before the next one starts: how many units a day reach it, and
// what its primary metric is.
//
//   inputs.observed = ObservedOn(analysis, definitions, experiment, now);
//   inputs.observed_baseline = BaselineOn(analysis, definitions, experiment, now);
//
// Of the experiments on the same flag, in the same environment and with the same unit, the one with the newest
// iteration that has counted units, an earlier iteration of the same experiment before all others; what an experiment
// has counted that was deleted and made again under its key is not of this one. Of its last 14 days whole ones, without
// the day of the start or of the ramp's last step where there are others; divided by the share that took part. Sites
// that are mostly visited by the same people have fewer new units every day: it is the most that can be expected.
//
// Thread safety: pure functions of snapshots; may wait for the disk.
#pragma once

#include <cstdint>
#include <optional>

#include "core/model/definitions.h"
#include "server/analysis/analysis.h"
#include "server/analysis/start_check.h"

namespace guidon {

std::optional<ObservedTraffic> ObservedOn(const Analysis& analysis, const Definitions& definitions,
                                          const Experiment& experiment, std::int64_t now_ms);

// Of the primary metric of `experiment`, by the newest iteration that measured it as it is defined now and has enough
// of it (stats::FindBaseline); of these experiments in the same order. Adjusted by what was before exposure where both
// plans are. Nothing of one that an older server began, which does not say what it measured.
std::optional<ObservedBaseline> BaselineOn(const Analysis& analysis, const Definitions& definitions,
                                           const Experiment& experiment, std::int64_t now_ms);

}  // namespace guidon
