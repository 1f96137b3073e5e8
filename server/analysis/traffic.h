// How many units a day reach a flag, as its experiments have counted them: for the check before the next one starts.
//
//   inputs.observed = ObservedOn(analysis, definitions, experiment, now);
//
// Of the experiments on the same flag, in the same environment and with the same unit, the one with the newest
// iteration that has counted units, an earlier iteration of the same experiment before all others; what an experiment
// has counted that was deleted and made again under its key is not of this one. Of its last 14 days
// whole ones, without the day of the start or of the ramp's last step where there are others; divided by the share that
// took part.
// Sites that are mostly visited by the same people have fewer new units every day: it is the most that can be expected.
//
// Thread safety: a pure function of snapshots; may wait for the disk.
#pragma once

#include <cstdint>
#include <optional>

#include "core/model/definitions.h"
#include "server/analysis/analysis.h"
#include "server/analysis/start_check.h"

namespace guidon {

std::optional<ObservedTraffic> ObservedOn(const Analysis& analysis, const Definitions& definitions,
                                          const Experiment& experiment, std::int64_t now_ms);

}  // namespace guidon
