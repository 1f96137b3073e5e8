// Numbers and times as people read them; the same words in text, page and sentences.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stats/report/report.h"

namespace guidon::stats {

// "12 345"; narrow no-break spaces would be nicer and cannot be typed into a search box: a comma is what spreadsheets
// and terminals agree on. "12,345".
std::string CountText(std::uint64_t count);
std::string CountText(double count);  // rounded
// Three significant digits, more where the number has more before the point: "0.0123", "1.23", "12,345".
std::string NumberText(double number);
// "+2.31%", "−0.40%": a relative effect. Signed.
std::string LiftText(double share);
// A share without a sign: "44.8%".
std::string ShareText(double share);
// What was authored: no more digits than it has. "5%", "0.5%".
std::string PlainShareText(double share);
std::string PlainNumberText(double number);
// "95.2%", ">99.9%": never certain.
std::string ChanceText(double chance);
// An effect on its scale: a lift, or a difference, of a conversion in percentage points.
std::string EffectText(double effect, bool is_relative, bool is_share);
// The label of a tick: 0, or the effect without the zeros behind.
std::string TickText(double effect, bool is_relative, bool is_share);
// "+0.31% … +4.31%"
std::string IntervalText(const Interval& interval, bool is_relative, bool is_share);
// A metric's value in an arm: "44.8%" of a conversion, else a number.
std::string MeanText(double mean, bool is_share);
std::string ProbabilityText(double p);  // "0.012", "<0.0001"
std::string TimeText(Time time);        // "2027-03-31 08:00 UTC"
std::string StampText(Time time);       // "2027-03-31T08:00:00Z": for programs
std::string DayText(std::int32_t day);  // since 1970: "2027-03-31"
std::string DayText(Time time);
std::string DaysText(double days);                                  // "12 days", "1 day", "6 hours"
std::string PluralText(std::uint64_t count, std::string_view one);  // "1 unit", "2 units"
std::string MethodText(PlanMethod method);                          // "group sequential"
std::string DecisionText(Decision decision);                        // "Ship", "Stop: harm", …
std::string ListText(const std::vector<std::string>& names);        // "a", "a and b", "a, b and c"

// Whether a metric's values are shares of units: shown in percent, its differences in percentage points.
bool IsShare(const std::string& kind);

}  // namespace guidon::stats
