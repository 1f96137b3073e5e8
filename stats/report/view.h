// What text and page have in common: which of a comparison's intervals is shown, and on which scale.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "stats/report/report.h"

namespace guidon::stats {

// An effect as it is drawn: the newest look's where the plan decides by looks, else the present one.
struct Shown {
  double point = 0, lower = 0, upper = 0;  // ends may be infinite
  bool is_relative = true;
};
Shown ShownOf(const ComparisonOfVariant& comparison);

// An axis that holds all of these effects, 0 and the margins, with round ticks; at most seven.
struct Axis {
  double low = -1, high = 1;
  std::vector<double> ticks;  // rising, 0 among them
  // 0 at the left end, 1 at the right one; beyond: cut off there.
  double At(double value) const;
};
// Infinite ends count for nothing; without any finite number the axis is -1 … 1.
Axis AxisFor(const std::vector<double>& values);

// The metrics of a role, in order.
std::vector<const MetricReport*> OfRole(const Report& report, std::string_view role);
const MetricReport* PrimaryOf(const Report& report);  // nullptr: it has none

// Every finite number that a drawing of these metrics on one scale has to hold.
std::vector<double> ValuesOf(const std::vector<const MetricReport*>& metrics, bool is_relative);

// "primary", "guardrail (never worse by 5%, else pause)", …
std::string MarginText(const MetricReport& metric);

// The margin on the axis of effects: below 0 where up is good, above 0 where down is. Nothing without one.
std::optional<double> MarginAt(const MetricReport& metric);

// "totals above 75 count as 75"; of a metric with a cap.
std::string CapText(const MetricReport& metric);

// "14,400 units whose outcomes are in", which a look would see; "" where outcomes take no time, or looks see all units.
std::string MaturedText(const Report& report);
// "look 3 of 6, 52% of the information (14,400 units whose outcomes are in), alpha spent 0.0052 of 0.05"; "" where the
// method has no looks.
std::string LooksText(const Report& report);
// "21 days, 102,400 units, about 4,900 a day, about 12 days left"
std::string ProgressText(const Report& report);

// "5% of each variant from 2027-03-01 08:00 UTC, 25% from 2027-03-03 08:00 UTC and 100% from …"; "" without a ramp.
std::string RampText(const Report& report);

// What the days of first exposure say of an effect, in one sentence: "The effect on units that came later is lower by
// 0.80% of the control a week (p 0.012; that days differ at all p 0.031)."
std::string ByDayText(const ByExposureDay& by, bool is_share);
// Its points, and what was left out: "17 days, 3 with too few units or conversions left out".
std::string PointsText(const ByExposureDay& by);

std::string GateTitle(const std::string& id);  // "Sample ratio"

// What the section of experiments that overlap is, as of when, and how far its answers go.
std::string OverlapsLead(const OverlapsReport& overlaps);
// "Not looked at, for there are too many: a, b and c."; "" where all were.
std::string LeftOutText(const OverlapsReport& overlaps);

// One line of the plan each: what it is, and what was chosen.
std::vector<std::pair<std::string, std::string>> PlanLines(const Report& report);

// "better": the interval lies on the good side of 0; "worse"; "" while it holds 0.
std::string SideOf(const Shown& shown, bool expect_up);

}  // namespace guidon::stats
