// What a unit comes to: from its facts to the numbers that are added up.
//
//   Contribution gives = ContributionOf(plan, unit, HashGroupOf("acct-17"), caps);
//
// Who counts. The first exposure within [started, ended) fixes arm, time, day and dimensions of a unit. A unit that was
// exposed to two variants of one iteration is set aside (kMultiple) and counted against the first: to count it for its
// first arm would bias results where the change of arms has to do with what an arm does.
//
// When. A metric's window is [exposure + after, exposure + after + window): an event at the very instant of the
// exposure counts, one at the instant of the window's end does not. Without a window it goes on to ended + after, or
// for ever. Clocks differ: an event less than kStartTolerance before `started` counts as at it, like an exposure that
// whoever records it has moved there. So for a unit exposed at the very start it is one of the window that begins then,
// and not of the covariate. The covariate looks at [exposure - lookback, exposure): before the unit itself was exposed,
// never before the experiment began only.
//
// How much, `y` after and `x` before, by the same aggregation:
//   conversion   1 if there was an event, else 0
//   count        the number of events
//   sum          of their values
//   mean         of their values, per event; a unit without one after exposure does not count for the metric, and one
//                without one before has x = 0
//   ratio        y and d are the sums of the two sources, x and xd the same before
//   quantile     `values` are the events'; no x
//   retention    1 if there was an event in the window, which begins `after` the exposure
//   funnel       1 if all steps were reached, each by the first event at or after that of the step before; no event
//                serves two steps, and `steps` says how many were reached; no x
// Where there is no history, x is 0 and has_history false.
//
// Caps cut y and x of count, sum, mean and (its numerator) ratio from above: at cap_value of the plan, and at what Caps
// says.
//
// Thread safety: pure functions. Cost: two searches in each source and a walk through what lies in the windows.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stats/metric/plan.h"
#include "stats/metric/unit_record.h"

namespace guidon::stats {

// At what y and x of each metric are cut, each by its own distribution; nothing where they are not.
struct Caps {
  struct Of {
    std::optional<double> y, x;
    friend bool operator==(const Of&, const Of&) = default;
  };
  std::vector<Of> metrics;  // as in the plan; empty: no caps
  friend bool operator==(const Caps&, const Caps&) = default;
};

// A value that `count` events had; of a coarse record, the mean of that many.
struct ValueCount {
  double value = 0;
  std::uint32_t count = 1;
  friend bool operator==(const ValueCount&, const ValueCount&) = default;
};

// What a unit comes to for one metric. Numbers are 0, or of a size within 1 / kGreatestValue … kGreatestValue.
struct MetricContribution {
  bool counted = true;      // false: of kMean without any event
  double y = 0, d = 0;      // after exposure, y capped; d is the denominator of a ratio
  double x = 0, xd = 0;     // the same before it; x capped by a cap of its own
  bool capped = false;      // y was cut
  double y_uncapped = 0;    // as y would be
  std::uint32_t steps = 0;  // funnel: how many steps were reached, in order
  // That made y what it is: those of the window; of a ratio the numerator's; of a funnel 1 for all steps.
  std::uint32_t events = 0;
  std::vector<ValueCount> values;  // quantile: each event's, by (time, value)
  friend bool operator==(const MetricContribution&, const MetricContribution&) = default;
};

struct Contribution {
  enum class Kind : std::uint8_t {
    kNone,      // not exposed to this iteration: nothing
    kUnit,      // one more unit of its variant
    kMultiple,  // seen in two variants: set aside, counted against the first
  };
  Kind kind = Kind::kNone;
  std::uint32_t variant = 0;
  std::int32_t day = 0;      // of the first exposure, UTC, since 1970
  std::uint8_t group = 0;    // of kHashGroups: the clusters of quantiles
  bool has_history = false;  // any event of the plan's metrics within the lookback
  std::vector<std::string> dimensions;
  std::vector<MetricContribution> metrics;  // as in the plan; empty but for kUnit
  friend bool operator==(const Contribution&, const Contribution&) = default;
};

// By how much an event may be before the start of its iteration and still be of it, since clocks differ.
inline constexpr Milliseconds kStartTolerance = std::chrono::minutes(1);

inline constexpr std::size_t kHashGroups = 256;
std::uint8_t HashGroupOf(std::string_view unit);  // the low byte of XXH3-64, seed 0

Contribution ContributionOf(const ExperimentPlan& plan, const UnitRecord& unit, std::uint8_t group, const Caps& caps);
// The same into memory that was used before: no allocation once it has its size.
void ContributionOf(const ExperimentPlan& plan, const UnitRecord& unit, std::uint8_t group, const Caps& caps,
                    Contribution* into);

// What the caps of a metric are found from: y_uncapped (and x, of a plan without caps) of every unit that counts.
struct UnitTotals {
  std::vector<double> y, x;
};
// Caps of the metrics that have a share: the order statistic at that share of the totals of all arms together (never of
// each arm: that biases), zeros left out, by linear interpolation (rank share * (n - 1)). `metrics` is as in the plan;
// what it lacks has no caps. O(units).
Caps CapsOf(const ExperimentPlan& plan, std::vector<UnitTotals> metrics);

}  // namespace guidon::stats
