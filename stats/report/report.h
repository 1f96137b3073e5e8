// The answer of an experiment: what was measured, whether it may be believed, and what to do.
//
//   Report report = Judge(design, facts, looks, now);
//   Value json = ToJson(report);                          // the document that console, API and gate read
//   std::string text = ToText(report, {.columns = 80});
//   std::string page = ToHtml(report);                    // one file, nothing outside of it
//
// A report is immutable: of one experiment, one iteration, as of a revision and a time, under a plan whose hash it
// carries. The same inputs give the same bytes. Reading one has no effect on what the next may say: looks are taken by
// the plan (server/analysis records them), never by who happens to look.
//
// Rules of decision, gates and the formulas behind them: docs/statistics.md.
//
// Cost: O(arms x metrics x (days + slices)); never of units or events.
//
// Thread safety: plain values; pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "stats/inference/effect.h"
#include "stats/inference/heterogeneity.h"
#include "stats/metric/plan.h"
#include "stats/statistic/overlap.h"
#include "stats/statistic/totals.h"

namespace guidon::stats {

enum class PlanMethod : std::uint8_t { kGroupSequential, kSequential, kFixed };
std::string_view ToString(PlanMethod method);  // "group_sequential", "sequential", "fixed"

struct Goal {
  std::size_t metric = 0;  // of ExperimentPlan::metrics
  bool expect_up = true;
  std::optional<double> detect;  // relative, 0.02 for 2 %
};

struct GuardrailGoal {
  std::size_t metric = 0;
  std::optional<double> margin;  // more than 0; absent: any significant harm is a breach
  bool margin_is_relative = true;
  std::string on_breach;  // "alert", "pause", "rollback"
};

// The plan that a report is held against; chosen before the start and frozen for the iteration.
struct Design {
  ExperimentPlan plan;
  std::string project, environment, flag, owner, hypothesis;
  PlanMethod method = PlanMethod::kGroupSequential;
  double alpha = 0.05, power = 0.80;
  Milliseconds look_every = std::chrono::days(7);  // at least a day counts
  std::optional<std::uint32_t> min_days, max_days;
  std::optional<double>
      planned_units;  // of all arms; from the power for `detect` and what was observed, frozen at start
  std::optional<Goal> primary;
  std::vector<Goal> secondary;
  std::vector<GuardrailGoal> guardrails;
  double srm_alpha = 0.001;
};
// Of everything in it but the time of the end, which is known later; changes exactly when the rest does. 16 hex digits.
std::string HashOf(const Design& design);

// Group sequential looks need to know how much information there will be: planned units, or an end by the calendar.
// Without either, the sequential method is what the plan can keep.
PlanMethod EffectiveMethod(const Design& design);

// How many units of all arms it takes to find `detect` with the plan's power, for every variant against the control
// (Bonferroni), by the delta variance of the relative effect and the inflation of the plan's method (statistics.md).
// These are units that count for the metric: of a mean, which has those with an event only, more have to be exposed.
// `baseline`: of the control, or of everybody before the start; adjusted where the metric is. kBaselineZero,
// kZeroVariance, kInsufficientN; kInvalid: no detect, weights that are none, or a quantile, whose plan goes by days.
Outcome<double> PlannedUnits(const Design& design, const ArmStatistic& baseline);
// The same the other way round, of an experiment that gets so many units of all arms: the power with which it finds
// `detect`, on the right side of 0, at least alpha of one comparison and at most 0.9999; and the smallest effect that
// it finds with the plan's power, whatever `detect` says. Errors as of PlannedUnits; kInsufficientN where no effect is
// large enough. Each costs some 15 of its calls.
Outcome<double> PlannedPower(const Design& design, const ArmStatistic& baseline, double units);
Outcome<double> PlannedEffect(const Design& design, const ArmStatistic& baseline, double units);

struct DataQuality {
  std::map<std::string, std::uint64_t> rejected;  // events by reason
  std::uint64_t accepted = 0;                     // events that were taken
  std::optional<Time> folded_to;                  // received up to here
  bool rebuilding = false;
  std::vector<std::string> changes;  // what was edited while it ran, one sentence each
};

// From `at` on so much of each variant took part.
struct RampStep {
  Time at{};
  double share = 1;  // 0 to 1
  friend bool operator==(const RampStep&, const RampStep&) = default;
};

struct Facts {
  const Totals* totals = nullptr;  // outlives the call
  DataQuality quality;
  Caps caps = {};                      // that the totals were cut at
  std::vector<RampStep> ramp = {};     // by time; empty: there was none
  const Overlaps* overlaps = nullptr;  // outlives the call; null: no other experiment shares a unit, or not known
};

// A published look, as it was recorded. Verdicts stand: a later look displays a reversal, it does not undo the first
// crossing (findings.h).
struct PublishedLook {
  std::uint32_t number = 1;  // from 1
  Time time{};
  double fraction = 0;     // of the information, 0 to 1
  double alpha_spent = 0;  // up to and with this look, two-sided
  double z_bound = 0;      // of one comparison; 0 where the method has none
  bool is_final = false;   // the plan's end: what was left of alpha was spent
  std::uint64_t units = 0;
  struct Of {
    std::size_t metric = 0;
    std::uint32_t variant = 0;
    bool is_relative = true;  // of point, standard error and both ends
    double point = 0, standard_error = 0, z = 0, lower = 0, upper = 0;
    double p = 1;  // under the plan's method: repeated, of the sequence, or of the only look
    friend bool operator==(const Of&, const Of&) = default;
  };
  std::vector<Of> effects;  // of the primary metric and the secondary ones
  // A guardrail that was shown to be within its margin, of a variant.
  struct Held {
    std::size_t metric = 0;
    std::uint32_t variant = 0;
    friend bool operator==(const Held&, const Held&) = default;
  };
  std::optional<std::vector<Held>> safe;  // nothing: not known, of a look that an older server took
  friend bool operator==(const PublishedLook&, const PublishedLook&) = default;
};

enum class Light : std::uint8_t { kGreen, kYellow, kRed };  // a red gate hides the verdict
std::string_view ToString(Light light);                     // "green", "yellow", "red"
enum class Decision : std::uint8_t { kShip, kStopForHarm, kStopForFutility, kKeepRunning, kInconclusive, kCannotSay };
std::string_view ToString(Decision decision);  // "ship", "stop_for_harm", "stop_for_futility", "keep_running", …

struct Gate {
  std::string id;  // "sample_ratio", "multiple_exposure", "pre_exposure_bias", "minimum_events", "minimum_runtime", …
  Light light = Light::kGreen;
  std::string sentence;  // for people, with its numbers
  Value numbers;         // for programs
};

// The effect on the units of each day of first exposure: whether it wears off, as what is new does, or grows as people
// learn. Exploratory; nothing is decided by it. Of days all of whose units have matured, so that none has had less time
// than another, with kFewestUnitsOfDay in each arm, and conversions enough of shares.
struct ByExposureDay {
  // Relative: of the control's mean of all these days, which is taken as known, not of each day's own. A day's own
  // would be a part of its effect and of its error both, and days with few units lean to one side.
  bool is_relative = true;
  std::uint32_t days_together = 1;  // that a point is of: of a long experiment several
  std::uint32_t left_out = 0;       // points that had too few units or conversions, or did not vary
  struct Point {
    std::int32_t first = 0, last = 0;  // days, both included
    std::uint64_t units_control = 0, units_treatment = 0;
    double point = 0, standard_error = 0;
    double lower = 0, upper = 0;  // kDayAlpha, by one look, of this point alone
  };
  std::vector<Point> points;  // by day; at least three, at most kMostPointsByDay
  Heterogeneity difference;   // by more than chance makes?
  Trend trend;                // `at` is the middle of a point, in days since 1970; its slope that of a day
};
inline constexpr double kDayAlpha = 0.05;
inline constexpr std::uint64_t kFewestUnitsOfDay = 100;
inline constexpr std::size_t kMostPointsByDay = 60;

struct ComparisonOfVariant {
  std::string variant;
  std::optional<StatsError> error;  // no numbers then
  // Of the present data. Its interval holds at whatever moment it is read: a confidence sequence, or, where the plan is
  // fixed, of its end.
  Estimate estimate;
  // Group sequential: of the newest look, which decides. Fixed: of the planned end.
  std::optional<PublishedLook::Of> at_look;
  std::optional<Estimate> absolute, unadjusted;
  double p_adjusted = 1;    // Holm over the variants of the goal, Benjamini-Hochberg over secondary ones
  bool is_relative = true;  // of `estimate`
  // "better", "worse", "": what the plan's method found, at the first look that found it. 0: the present numbers of a
  // sequential plan, which no look has kept yet; nothing is shipped by them.
  std::string found;
  std::uint32_t found_at_look = 0;
  std::string guardrail;                               // "safe", "harmed", "not_sure_yet"; "" where it is none
  std::vector<std::string> badges;                     // "CUPED −38 % variance", "0.1 % capped", "small counts"
  std::optional<double> chance_to_win, expected_loss;  // secondary view; never decides
  std::string prior;  // of these: "flat" over effects, or "uniform_shares", of small counts; "" without them
  std::optional<double> detectable;  // at this size, at the plan's power
  // Beside the effect (more.h); none of it decides.
  std::uint64_t capped = 0;          // units of both arms whose totals were cut
  std::optional<Estimate> uncapped;  // without the cap, and without CUPED
  std::optional<Interval> fieller;   // of the lift, where that is not shown for its baseline is near 0; not adjusted
  std::optional<Estimate> per_day;   // absolute, of all units that come in a day, if they all had the variant
  struct Stratified {
    std::string dimension;   // by whose values like is compared with like
    std::size_t strata = 0;  // that could stand alone
    Estimate estimate;       // on the scale of `estimate`
  };
  std::vector<Stratified> stratified;
  std::optional<ByExposureDay> by_exposure_day;  // of the primary metric
};

struct MetricReport {
  std::string metric;
  std::string role;  // "primary", "secondary", "guardrail"
  std::string kind;  // "conversion", "count", …
  bool lower_is_better = false;
  bool expect_up = true;  // which way is good
  struct ArmFigures {
    std::string variant;
    double units = 0, mean = 0, numerator = 0;
    std::optional<double> denominator;
    std::vector<std::uint64_t> steps;
    Value statistics;  // what every number here can be computed from again
  };
  std::vector<ArmFigures> arms;                  // no more than units where results are hidden
  std::vector<ComparisonOfVariant> comparisons;  // each variant but the control; empty where results are hidden
  std::optional<double> margin;                  // guardrails
  bool margin_is_relative = true;
  std::string on_breach;
  std::optional<double> cap;      // what units' totals are cut at
  std::string guardrail_verdict;  // of all variants: "safe", "harmed", "not_sure_yet"
  struct OverTime {
    std::int32_t day = 0;  // units first exposed up to it
    std::uint32_t variant = 0;
    double point = 0, lower = 0, upper = 0;  // the band that is valid for looking at every day
  };
  std::vector<OverTime> over_time;  // of the primary metric and the guardrails
  bool over_time_is_relative = true;
};

struct SliceReport {  // exploratory, and marked so
  std::string dimension, value, metric, variant;
  std::optional<StatsError> error;
  Estimate estimate;
  bool is_relative = true;
  std::uint64_t units = 0;  // of both arms
  double p_adjusted = 1;    // Benjamini-Hochberg over all slices shown
  double srm_p = 1;
};

// Whether the effect on the primary metric depends on what else units see (overlaps.h). Exploratory.
struct OverlapsReport {
  // Does a variant's effect differ where the other experiment's variant is on? Both against their control.
  struct Question {
    std::string variant, other_variant;
    std::optional<StatsError> error;            // no numbers then
    double with_control = 0, with_variant = 0;  // the effect beside the other's control, and beside its variant
    double point = 0;                           // the second less the first
    double standard_error = 0, degrees_of_freedom = 0;
    double p = 1, p_adjusted = 1;  // Benjamini-Hochberg over all questions of all experiments
    bool is_suspect = false;
  };
  struct Of {
    std::string experiment;
    std::uint32_t iteration = 1;
    std::uint64_t units = 0;          // that are in both
    std::vector<Question> questions;  // by variants; none where `unasked` says why
  };
  Time as_of{};                        // of the daily pass that found them
  std::string metric;                  // "" without a primary one
  bool is_share = false;               // effects are differences of shares
  std::vector<Of> experiments;         // the suspects first, then by the units that are shared
  std::string unasked;                 // one sentence; "" where questions are asked
  std::vector<std::string> sentences;  // one for each suspect
  std::vector<std::string> left_out;   // experiments that overlap, too, and were not looked at
};

struct Progress {
  std::uint64_t units = 0;   // of all arms, set aside ones not counted
  double days = 0;           // since the start
  double units_per_day = 0;  // over the last 7 whole days; 0: not known, less than a day has passed
  std::optional<double> days_left;
  std::optional<Time> until;  // when the plan's end is expected
  bool at_end = false;        // the plan's end has come
  // What a look sees that is taken now: of a group sequential plan, and of the end of every plan, the units whose
  // outcomes by the primary metric are in; else all.
  struct Matured {
    std::int32_t last_day = std::numeric_limits<std::int32_t>::max();  // of first exposures, UTC
    std::uint64_t units = 0;
    double days = 0;         // from the start to the end of that day, at most to now
    bool is_enough = false;  // to compare: 100 units of the control, and of another variant
  } matured;
  // Once it has: the last day of first exposures, UTC, that is of the plan, and when the outcomes of all units up to it
  // are in. The final look is taken then, and sees these units.
  std::int32_t last_day = 0;
  std::optional<Time> settled;
};

struct Report {
  std::string project, environment, experiment, flag;
  std::uint32_t iteration = 1;
  std::uint64_t revision = 0;
  Time as_of{};
  std::string plan_hash;
  Design design;

  Decision decision = Decision::kCannotSay;
  std::string verdict;             // one sentence
  std::string winner;              // a variant, for kShip
  std::string next;                // what to do; until when to keep running, and what would change that
  std::string would_change;        // what would turn the decision; of keep_running the same as `next`
  bool results_hidden = false;     // fixed horizon before its end, or a red gate
  std::vector<std::string> notes;  // what a reader must know with the verdict: early stops inflate, reversals, …

  std::vector<Gate> gates;
  std::vector<MetricReport> metrics;
  std::vector<SliceReport> slices;
  std::optional<OverlapsReport> overlaps;  // nothing: no other experiment shares a unit
  std::vector<PublishedLook> looks;
  std::optional<std::uint32_t> look;  // the newest; "look 5 of 14"
  std::uint32_t looks_planned = 0;
  double fraction = 0, alpha_spent = 0;
  Progress progress;
  std::map<std::int32_t, std::vector<std::uint64_t>> units_by_day;  // day -> by variant
  std::vector<RampStep> ramp;  // by time, the newest kMostRampSteps; empty: all took part from the start
  DataQuality quality;

  bool HasRedGate() const;
};

inline constexpr std::size_t kMostLooks = 30;
inline constexpr std::size_t kMostRampSteps = 50;

// The look that the plan has due at `now`, if it has one and there is enough for it (min_days, whole look intervals, at
// most one a day and kMostLooks in all; the first may wait for the size, the last is kept for the end and waits for the
// outcomes of its units). Looks of a group sequential plan see units whose outcomes are in: one between start and end
// waits, too, until there are enough of those, and more than the look before has seen. A sequence holds at every
// moment: of a sequential plan one is due, too, whenever it finds what no look has found before, at most twice for each
// variant. None while a gate is red, while totals are being rebuilt, after the final one. The caller records it, then
// judges with it: what was found is what the looks say that are given to Judge, and a variant is shipped by such only.
std::optional<PublishedLook> DueLook(const Design& design, const Facts& facts, const std::vector<PublishedLook>& taken,
                                     Time now);

Report Judge(const Design& design, const Facts& facts, const std::vector<PublishedLook>& looks, Time now,
             std::uint64_t revision = 0);

// Whether guardrails and data say stop, for the keeper that acts: always valid at every moment (confidence sequences,
// sequential SRM), whatever the plan's method for the goals is. A sample ratio mismatch comes first. It silences no
// guardrail: which units are missing is not known, so that harm may be a matter of who is left, and may be real all the
// same; to stop a sound variant costs less than to go on with a harmful one. The sentence says so.
struct Alarm {
  enum class Kind : std::uint8_t { kGuardrail, kSampleRatio, kNoTraffic } kind = Kind::kGuardrail;
  std::string metric, variant;
  std::string sentence;
  Value numbers;
};
std::string_view ToString(Alarm::Kind kind);  // "guardrail", "sample_ratio", "no_traffic"
std::vector<Alarm> AlarmsOf(const Design& design, const Facts& facts, Time now);

// docs/api/report.schema.json. Members in one order; what is not known is left out.
Value ToJson(const Report& report);
// Looks as they are kept, with metrics and variants by their keys: whatever order a plan has, they are read as what
// they were. kCorrupt: these are not such bytes, or they name what is not in `plan`; says what.
Value ToJson(const PublishedLook& look, const ExperimentPlan& plan);
Result<PublishedLook> ReadLook(const Value& value, const ExperimentPlan& plan);

struct TextOptions {
  std::size_t columns = 80;  // at least 40 are used
  bool color = false;
};
std::string ToText(const Report& report, const TextOptions& options = {});
// One HTML document with its styles and drawings within. Every text of the report is escaped. It runs no script and
// fetches nothing.
std::string ToHtml(const Report& report);

}  // namespace guidon::stats
