// One comparison of an arm with the control, under the rules of what may be shown: lift where the baseline is steady,
// else the absolute effect; small counts by methods made for them; intervals that hold at every moment.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stats/inference/effect.h"
#include "stats/report/report.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {

// Of two arms: the lift, or, where lift over this control means nothing, the absolute effect.
struct Measured {
  Effect effect;
  bool is_relative = true;
  // Fewer than 10 conversions or non-conversions in an arm: no verdict is based on it.
  bool small_counts = false;
  // Enough units and conversions for a sequence to begin.
  bool burnt_in = false;
};
// Small counts come with the effect of Newcombe's interval.
Outcome<Measured> Measure(const ArmStatistic& control, const ArmStatistic& treatment);

// The yes or no per unit that an arm is, adjusted or not.
std::optional<ProportionStatistic> AsProportion(const ArmStatistic& arm);

// Without the covariate; nothing where there is none.
std::optional<ArmStatistic> Unadjusted(const ArmStatistic& arm);

// Tags that something is decided by.
inline constexpr std::string_view kSmallCounts = "small counts", kTooFewUnits = "too few units";
bool HasBadge(const ComparisonOfVariant& comparison, std::string_view badge);

// Units of control and variant together when the plan's are there; nothing where none are planned.
std::optional<double> PlannedUnitsOfPair(const Design& design, std::uint32_t variant);

// Whether a sequence may begin: enough units in both arms, and of shares conversions. Before, what it would say does
// not hold.
bool IsBurntInPair(const ArmStatistic& control, const ArmStatistic& treatment, const Effect& effect);

// The present interval: of small counts as Newcombe's, else the two-sided confidence sequence at `alpha`. Before the
// burn-in it has no ends and p is 1. Sequences are tuned to kSequenceTunedTo units in every experiment: the
// planned size is found while it runs, and what was seen before would not hold after a change.
Estimate AnytimeEstimate(const Measured& measured, const ArmStatistic& control, const ArmStatistic& treatment,
                         double alpha);

// A guardrail at any moment: both one-sided confidence sequences at `alpha`, against the margin.
struct Guarded {
  Effect effect;
  bool is_relative = true;
  Interval interval;    // both ends valid at every moment, each by itself at alpha; none before that can be said
  double p_harm = 1;    // of "no worse than the margin"
  std::string verdict;  // "safe", "harmed", "not_sure_yet"
};
Outcome<Guarded> Guard(const GuardrailGoal& goal, bool up_is_good, const ArmStatistic& control,
                       const ArmStatistic& treatment, double alpha);

// Of dimensions that split the units: of one that nobody sends, or that is the same for all, the only slice is
// everybody.
std::vector<Slice> SlicesThatSplit(const Totals& totals);

// "CUPED −38% variance": what adjusting took off. Nothing for arms that are not adjusted.
std::optional<double> VarianceTakenOff(const ArmStatistic& control, const ArmStatistic& treatment);

// Everything that an arm's numbers are computed from, for programs and for those who compute again.
Value StatisticsOf(const ArmStatistic& arm);

bool IsShare(MetricKind kind);               // a yes or no of each unit
std::string_view KindText(MetricKind kind);  // "conversion", "count", …

}  // namespace guidon::stats
