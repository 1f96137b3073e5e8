// May the data be believed? Computed before anything is decided; a red gate hides the verdict.
//
// Thread safety: pure functions.
#pragma once

#include <vector>

#include "stats/report/report.h"

namespace guidon::stats {

// Thresholds that a newcomer may ask about; docs/statistics.md says why.
inline constexpr double kMultipleYellow = 0.01, kMultipleRed = 0.05;  // share of all exposed units, …
inline constexpr std::uint64_t kMultipleEnough = 10;                  // … and no fewer than this many
inline constexpr double kBiasAlarm = 0.001;                           // over the number of tests
inline constexpr double kTooGood = 0.5;                               // a lift, either way
inline constexpr std::uint64_t kFewestEvents = 150;                   // of all metrics and arms
inline constexpr std::uint32_t kFewestDays = 7;                       // where the plan says nothing
inline constexpr double kWeeksUntil = 56;                             // days
inline constexpr double kRejectedYellow = 0.01;                       // share of events
inline constexpr std::chrono::hours kStale{1};                        // of what was folded, while it runs

// All of them but `too_good`, which needs estimates.
std::vector<Gate> GatesOf(const Design& design, const Facts& facts, Time now);
// `lifts`: of the primary metric, those whose interval holds no 0.
Gate TooGoodGate(const std::vector<std::pair<std::string, double>>& lifts);

bool HasRed(const std::vector<Gate>& gates);
const Gate* FindGate(const std::vector<Gate>& gates, std::string_view id);

// Days that must have passed before anything but harm is decided.
std::uint32_t FewestDays(const Design& design);
// Whether what is shipped has to have run for whole weeks: not where the plan itself asks for less than one.
bool AsksForWholeWeeks(const Design& design);
// Days from the start to the end of the week that `days` end in; `days`, where they are whole weeks. Less than a day
// over counts as whole, for looks come some hours late, and from kWeeksUntil on a part of one weighs nothing.
double WholeWeeks(double days);
double DaysSince(Time start, Time now);

// Units by variant, without those set aside.
std::vector<double> UnitsByVariant(const Design& design, const Totals& totals);

}  // namespace guidon::stats
