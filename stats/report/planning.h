// How long an experiment has to run, and where it stands in that.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <vector>

#include "stats/inference/group_sequential.h"
#include "stats/report/report.h"

namespace guidon::stats {

// The last looks of a long experiment would come to nothing new: what is planned is at most this far ahead.
inline constexpr double kFarthestDays = 3'650;

// Units, days and when the plan's end is expected. The end has come when the experiment was ended, when max_days are
// over, or, where the method has a planned size, with that size and min_days.
Progress ProgressOf(const Design& design, const Totals& totals, Time now);

// Of the information that was planned, 0 to 1: of the units, or, without a plan of those, of the days.
double FractionOf(const Design& design, const Progress& progress);

// What a whole experiment has, by the plan and the traffic that is seen; 0 where the method has no looks, or no end is
// in sight.
std::uint32_t LooksPlanned(const Design& design, const Progress& progress);

// The bound that the looks that were taken leave; alpha is that of one comparison (Bonferroni over the variants).
Outcome<GroupSequential> Replay(const Design& design, const std::vector<PublishedLook>& looks);
double AlphaOfOne(const Design& design);

// All outcomes of the last units are in: the end of the experiment, and the longest window of what is decided by.
Time SettledAt(const Design& design);

}  // namespace guidon::stats
