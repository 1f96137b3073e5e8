// Segment, Layer, Holdout, Experiment and Metric, as authored, and the state that the server keeps for them.
//
// Thread safety: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/model/condition.h"
#include "core/model/flag.h"
#include "core/model/units.h"

namespace guidon {

struct Segment {
  std::string key;
  std::string description;
  std::string owner;
  std::vector<std::string> include;  // context keys
  std::vector<std::string> exclude;  // context keys; exclude beats include beats when
  std::optional<Condition> when;
  friend bool operator==(const Segment&, const Segment&) = default;
};

// Experiments of one layer never share a unit.
struct Layer {
  std::string key;
  std::string description;
  std::string unit;  // attribute
  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Holdout {
  std::string key;
  std::string description;
  std::string owner;
  std::string unit;        // attribute
  std::uint32_t size = 0;  // parts of kWhole, at most half: as many again are the comparison group
  bool archived = false;   // an archived holdout has ended: nobody is held out any more
  friend bool operator==(const Holdout&, const Holdout&) = default;
};

enum class MetricType : std::uint8_t { kConversion, kCount, kSum, kMean, kRatio, kQuantile, kRetention, kFunnel };
std::string_view ToString(MetricType type);
enum class Direction : std::uint8_t { kUp, kDown };
std::string_view ToString(Direction direction);

// A side of a ratio, or a step of a funnel.
struct MetricPart {
  std::string event;
  std::string value;               // event attribute; empty: counts events
  std::optional<Condition> where;  // on event attributes; kAttribute, kAll, kAny, kNot only
  friend bool operator==(const MetricPart&, const MetricPart&) = default;
};

// `cap: 99.9%` (a percentile of the pooled unit totals) or `cap: 500` (absolute).
struct PercentileCap {
  std::uint32_t parts = 0;
  friend bool operator==(const PercentileCap&, const PercentileCap&) = default;
};
struct AbsoluteCap {
  double value = 0;
  friend bool operator==(const AbsoluteCap&, const AbsoluteCap&) = default;
};
using Cap = std::variant<PercentileCap, AbsoluteCap>;

// What a definition gets that does not say: docs/statistics.md, "Defaults".
inline constexpr std::chrono::milliseconds kDefaultWindow = std::chrono::hours(72);
inline constexpr PercentileCap kDefaultCap{99'900};  // of types that have caps
inline constexpr std::chrono::milliseconds kDefaultCuped = std::chrono::days(14);

struct Metric {
  std::string key;
  std::string description;
  std::string owner;
  MetricType type = MetricType::kConversion;
  Direction direction = Direction::kUp;
  std::string event;  // all types but ratio and funnel
  std::string value;  // sum, mean, quantile: the event attribute
  std::optional<Condition> where;
  std::optional<std::chrono::milliseconds> window;   // after first exposure; absent: to the end (`none`)
  std::optional<Cap> cap;                            // absent: none (`none`)
  std::optional<MetricPart> numerator, denominator;  // ratio
  std::vector<MetricPart> steps;                     // funnel: two or more, in order
  std::optional<std::uint32_t> quantile;             // parts of kWhole: `quantile: 95%`
  std::optional<std::chrono::milliseconds> after;    // retention: seen again in [after, after + window)
  bool archived = false;
  friend bool operator==(const Metric&, const Metric&) = default;
};

enum class ExperimentStatus : std::uint8_t { kDraft, kScheduled, kRunning, kPaused, kStopped, kConcluded };
std::string_view ToString(ExperimentStatus status);

struct Variant {
  std::string name;
  std::string serves;       // variation of the flag
  std::uint32_t parts = 0;  // weight, of kWhole
  friend bool operator==(const Variant&, const Variant&) = default;
};

struct LayerSlice {
  std::string layer;
  std::uint32_t slice = 0;  // parts of kWhole
  friend bool operator==(const LayerSlice&, const LayerSlice&) = default;
};

struct PrimaryMetric {
  std::string use;
  std::optional<Direction> expect;      // absent: the metric's own direction
  std::optional<std::uint32_t> detect;  // relative effect, parts of kWhole
  friend bool operator==(const PrimaryMetric&, const PrimaryMetric&) = default;
};

enum class BreachAction : std::uint8_t { kAlert, kPause, kRollback };  // the weakest first
std::string_view ToString(BreachAction action);

struct Guardrail {
  std::string use;
  std::optional<Margin> never_worse_by;  // absent: no margin, any significant harm is a breach
  BreachAction on_breach = BreachAction::kAlert;
  friend bool operator==(const Guardrail&, const Guardrail&) = default;
};

enum class PlanMethod : std::uint8_t { kGroupSequential, kSequential, kFixed };
std::string_view ToString(PlanMethod method);

struct Plan {
  PlanMethod method = PlanMethod::kGroupSequential;
  std::optional<std::chrono::milliseconds> looks;  // `daily`, `weekly` or a duration
  std::uint32_t alpha = 5'000;
  std::uint32_t power = 80'000;
  std::optional<std::uint32_t> min_days, max_days;
  std::optional<std::chrono::milliseconds> cuped = kDefaultCuped;  // `adjust: cuped(14d)`; absent: `none`
  friend bool operator==(const Plan&, const Plan&) = default;
};

struct StopRules {
  std::optional<BreachAction> sample_ratio_mismatch;
  std::optional<std::chrono::milliseconds> no_traffic_after;
  friend bool operator==(const StopRules&, const StopRules&) = default;
};

// Contexts with all these attribute values see `variant`, whatever audience, slice, holdout and ramp say.
struct ForcedVariant {
  std::vector<std::pair<std::string, Value>> attributes;
  std::string variant;
  friend bool operator==(const ForcedVariant&, const ForcedVariant&) = default;
};

struct ExperimentTest {
  Value given;                           // a context
  std::optional<std::uint32_t> at = {};  // parts of kWhole: where the unit stands in it; absent: by its name
  std::string expect;                    // a variant, or `none` when the unit is not taken; no variant is called `none`
  friend bool operator==(const ExperimentTest&, const ExperimentTest&) = default;
};

struct Experiment {
  std::string key;
  std::string description;
  std::string owner;
  std::string hypothesis;
  std::string flag;
  std::string environment;
  std::optional<ExperimentStatus> state;  // authored: draft, running, paused or stopped
  std::string unit;                       // attribute; "key" is the context key
  std::optional<Condition> audience;
  std::optional<LayerSlice> layer;
  std::string holdout;
  std::vector<Variant> variants;  // the first is the control
  std::optional<PrimaryMetric> primary;
  std::vector<std::string> secondary;
  std::vector<Guardrail> guardrails;
  std::optional<Plan> plan;
  std::vector<RampStep> ramp;
  StopRules stop;
  std::vector<ForcedVariant> force;  // authored as `qa: { force: [...] }`
  std::vector<ExperimentTest> tests;
  bool archived = false;
  friend bool operator==(const Experiment&, const Experiment&) = default;
};

// --- state ---------------------------------------------------------------------------------------------------------

struct LayerState {
  std::string salt;  // "layer:NAME" at first
  friend bool operator==(const LayerState&, const LayerState&) = default;
};

struct HoldoutState {
  std::string salt;  // "holdout:NAME" at first
  friend bool operator==(const HoldoutState&, const HoldoutState&) = default;
};

// While it was paused: everyone had the flag's `default`, and nobody was exposed. Times: milliseconds since the epoch.
struct ExperimentPause {
  std::int64_t from_ms = 0;
  std::optional<std::int64_t> to_ms = {};  // absent: still
  std::string by;                          // who paused it: a principal, as the audit log has it
  friend bool operator==(const ExperimentPause&, const ExperimentPause&) = default;
};

// The share of each variant that took part from then on.
struct TakenRampStep {
  std::uint32_t at = kWhole;
  std::int64_t from_ms = 0;
  friend bool operator==(const TakenRampStep&, const TakenRampStep&) = default;
};

// What an iteration measures, as it stood at its start. Whatever is edited later, the iteration is measured by this.
struct MeasuredPlan {
  Experiment experiment;        // without `state`, audience, ramp, forced units and tests
  std::vector<Metric> metrics;  // that it names, each once, undescribed: the primary one, secondary ones, guardrails
  friend bool operator==(const MeasuredPlan&, const MeasuredPlan&) = default;
};

// Shared, since it never changes while records are copied with every commit; equal when what it holds is.
class HeldPlan {
 public:
  HeldPlan() = default;  // not known: the iteration is one of an older server, or older than kMaxPlansKept
  explicit HeldPlan(MeasuredPlan plan) : plan_(std::make_shared<const MeasuredPlan>(std::move(plan))) {}
  explicit operator bool() const { return plan_ != nullptr; }
  const MeasuredPlan& operator*() const { return *plan_; }
  const MeasuredPlan* operator->() const { return plan_.get(); }
  friend bool operator==(const HeldPlan& a, const HeldPlan& b) {
    return a.plan_ == b.plan_ || (a.plan_ != nullptr && b.plan_ != nullptr && *a.plan_ == *b.plan_);
  }

 private:
  std::shared_ptr<const MeasuredPlan> plan_;
};

// From a start to its end: what is analysed as one. Assignments, weights and what is measured never change within it.
struct ExperimentIteration {
  std::uint32_t number = 1;
  std::string salt;                // that gave its units their variants
  std::string unit;                // attribute
  std::vector<Weight> weights;     // of the variants, in their order
  std::string layer;               // empty: none
  std::vector<BucketRange> slots;  // of the layer; without one empty
  std::int64_t started_ms = 0;
  std::string started_by;
  std::optional<std::int64_t> ended_ms = {};  // absent: it runs, or is paused
  std::string ended_by;
  std::vector<ExperimentPause> pauses;  // oldest first; beyond kMaxPausesKept the oldest is forgotten
  std::vector<TakenRampStep> steps;     // likewise, by kMaxTakenStepsKept; empty: all of it from the start
  HeldPlan measured = {};
  friend bool operator==(const ExperimentIteration&, const ExperimentIteration&) = default;
};

// What spoke against an experiment while it ran, and what was done about it.
struct ExperimentFinding {
  std::uint32_t iteration = 0;
  std::string kind;      // "guardrail_breached", "sample_ratio_mismatch", "no_traffic", "more_found"
  std::string metric;    // of a guardrail
  std::string variant;   // empty: of all of them
  std::string occasion;  // tells one from the next of the same kind in one iteration; empty: there is one only
  BreachAction action = BreachAction::kAlert;
  std::int64_t at_ms = 0;  // since the epoch
  std::string sentence;    // for people
  Value numbers;           // an object, for programs; null: none
  friend bool operator==(const ExperimentFinding&, const ExperimentFinding&) = default;
};

inline constexpr std::size_t kMaxIterationsKept = 100;  // of an experiment; beyond it the oldest is forgotten here …
inline constexpr std::size_t kMaxPlansKept = 10;        // of the newest iterations; those before it forget theirs
inline constexpr std::size_t kMaxPausesKept = 100;
inline constexpr std::size_t kMaxTakenStepsKept = 200;
inline constexpr std::size_t kMaxFindingsKept = 200;  // … as are findings; the audit log has them all

struct ExperimentState {
  ExperimentStatus status = ExperimentStatus::kDraft;
  std::uint32_t iteration = 0;     // 0: never started; counts from 1
  std::string salt;                // "KEY#ITERATION"; of an iteration that kept its assignments, that of before
  std::vector<ArmRanges> arms;     // one per variant
  std::vector<BucketRange> slots;  // of the layer, while it holds them; without a layer empty
  std::size_t ramp_step = 0;       // index into Experiment::ramp
  std::string winner;              // concluded: the winning variant; empty: nobody has won

  // What evaluation need not know, and is not sent to it (EnvironmentPart). Times: milliseconds since the epoch.
  std::string decision = {};                      // concluded: why, in words
  std::optional<std::int64_t> concluded_ms = {};  // absent while it is not, and of records of older servers
  std::string concluded_by = {};
  std::optional<std::int64_t> scheduled_ms = {};  // scheduled: when it starts
  bool keeps_assignments = false;                 // scheduled: … and with the assignments of the iteration before
  bool ramp_paused = false;
  // The hold of the ramp's step counts from here; absent: it does not count.
  std::optional<std::int64_t> ramp_since_ms = {};
  std::chrono::milliseconds ramp_held{0};            // while it does not count: how much of it has passed
  std::vector<ExperimentIteration> iterations = {};  // oldest first; those of older servers are not known
  std::vector<ExperimentFinding> findings = {};      // likewise
  // Of experiments that had its key and were deleted. Its own are counted on from there, so that no unit is given the
  // variant that it had in one of them because the salt is the same again.
  std::uint32_t iterations_before = 0;
  friend bool operator==(const ExperimentState&, const ExperimentState&) = default;

  // The one that runs or ran last; nullptr when it has not run, or nothing is known of it.
  const ExperimentIteration* CurrentIteration() const;
  ExperimentIteration* CurrentIteration();
};

// Keys of the metrics that it names: the primary one, secondary ones, guardrails. One may be there more than once.
std::vector<std::string> MetricsOf(const Experiment& experiment);

}  // namespace guidon
