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
// over, or, where the method has a planned size, with that size and min_days: with the first of them. Its last day is
// one of the plan as a whole, and what its units come to is known when OutcomeTime has passed for the last of them.
Progress ProgressOf(const Design& design, const Totals& totals, Time now);

// Of the information that was planned, 0 to 1: of the units, or, without a plan of those, of the days.
double FractionOf(const Design& design, const Progress& progress);

// What a whole experiment has, by the plan and the traffic that is seen; 0 where the method has no looks, or no end is
// in sight.
std::uint32_t LooksPlanned(const Design& design, const Progress& progress);

// Units of all arms, conversions of shares, and of a mean units with an event, that a size is found from at the least.
inline constexpr double kUnitsForSize = 1'000, kConversionsForSize = 100;

// What is known of the primary metric, of all arms together, so that it says nothing of their difference. Of units
// whose window of the metric is over, for others have not shown yet what they come to; of a metric without a window
// from the time of the first look on. Nothing before, with too few of such units, while totals are being rebuilt, and
// of a quantile. Cost: O(arms x days).
struct KnownBaseline {
  ArmStatistic arm;
  double exposed_for_each = 1;  // that counts for the metric; more, of a mean, for which units with an event count
};
std::optional<KnownBaseline> FindBaseline(const Design& design, const Facts& facts, Time now);
// Units to be exposed, in all arms: PlannedUnits by that, over the share of units that count for the metric. Nothing
// where that is not known, and of a design that has a size, looks for no effect or has none by PlannedUnits. The caller
// keeps it: it is found once.
std::optional<double> FindSize(const Design& design, const Facts& facts, Time now);
// Whether the first look of a group sequential plan waits for the size, by which its looks are measured: at the longest
// until the units of the time before that look have come to their outcomes.
bool AwaitsSize(const Design& design, Time now);

// Of all arms, first exposed up to a day, UTC.
double UnitsTo(const Totals& totals, std::int32_t last);

// From a unit's first exposure to the end of its outcome by the primary metric; of one without a window to its begin.
Milliseconds OutcomeTime(const Design& design);
// The last day of first exposures, UTC, whose units have all come to their outcomes by `as_of`; where that takes no
// time the last that there is.
std::int32_t LastMaturedDay(const Design& design, Time as_of);

// Between two looks by the calendar: as the plan has it, a day at the least. And how many of those are over, 0 before
// the start.
Milliseconds LookEvery(const Design& design);
std::int64_t LookIntervals(const Design& design, Time time);

// The bound that the looks that were taken leave; alpha is that of one comparison (Bonferroni over the variants).
Outcome<GroupSequential> Replay(const Design& design, const std::vector<PublishedLook>& looks);
double AlphaOfOne(const Design& design);

}  // namespace guidon::stats
