// How long an experiment has to run, and where it stands in that.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <limits>
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
// Units have matured as far as events were counted (KnownTo).
Progress ProgressOf(const Design& design, const Facts& facts, Time now);

// What a look that is taken now has of the information that was planned, 0 to 1: of the units, or, without a plan of
// those, of the days.
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

// All that happened up to here has been counted, as far as that is known; `now` at the latest.
Time KnownTo(const Facts& facts, Time now);

// From a unit's first exposure to the end of its outcome by a metric, or by the primary one; of a metric without a
// window to its begin.
Milliseconds OutcomeTime(const MetricPlan& metric);
Milliseconds OutcomeTime(const Design& design);
// The last day of first exposures, UTC, whose units have all come to their outcomes by `as_of`. kAllDays where that
// takes no time, of a quantile, which is not kept by days, and once nobody's outcome is to come after the end.
inline constexpr std::int32_t kAllDays = std::numeric_limits<std::int32_t>::max();
std::int32_t LastMaturedDay(const Design& design, std::size_t metric, Time as_of);
// The same of the primary metric; kAllDays without one.
std::int32_t LastMaturedDay(const Design& design, Time as_of);

// Whether a look between start and end would have what to say: units enough to compare, and, where outcomes take time,
// more of them than the newest look has seen. Else it waits, although its time has come.
bool HasEnoughToSee(const Design& design, const Progress& progress, const std::vector<PublishedLook>& taken);
// When the first units come to their outcomes: where that takes no time, at the start.
Time FirstMatured(const Design& design);

// Between two looks by the calendar: as the plan has it, a day at the least. And how many of those are over, 0 before
// the start.
Milliseconds LookEvery(const Design& design);
std::int64_t LookIntervals(const Design& design, Time time);

// The bound that the looks that were taken leave; alpha is that of one comparison (Bonferroni over the variants).
Outcome<GroupSequential> Replay(const Design& design, const std::vector<PublishedLook>& looks);
double AlphaOfOne(const Design& design);

}  // namespace guidon::stats
