// The events of a journal's entry as facts for analysis: exposures and what was tracked, with the time at which they
// happened.
//
//   Result<FactEntry> entry = ReadFacts(journal_entry.text);
//   for (const FactEvent& event : entry->events) …
//
// Time. An event has the client's time, its batch `sent` by the same clock and `received` by ours. When those two
// differ by more than kClockTolerance (network and queues take less) the client's clock is off by as much, and its
// events are moved by it, so that exposures and outcomes of different clients can be compared. A clock that is off by
// more than kMostClockOffset is not believed at all: its events are rejected. No event is later than its receipt.
// Without `sent` the client's time stands.
//
// Thread safety: pure functions and plain values.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"

namespace guidon {

inline constexpr std::chrono::milliseconds kClockTolerance = stats::kStartTolerance;
inline constexpr std::chrono::milliseconds kMostClockOffset = std::chrono::hours(24);

// Why an event that might have counted in an experiment did not.
enum class FactRejection : std::uint8_t {
  kNoUnit,             // the context lacks the experiment's unit, or it is no unit
  kUnknownExperiment,  // none that is analysed
  kOtherIteration,     // one that is over, or not known yet
  kUnknownVariant,
  kForced,       // `qa: { force: … }` decided: never analysed
  kBeforeStart,  // an exposure from before the iteration
  kClosed,       // one from after its end
  kLate,         // received more than the allowance after it could have counted
  kNoValue,      // without the attribute that the metric is of
  kNotANumber,   // which is not a number
  kClock,        // from a clock that is off by more than kMostClockOffset
  kUnreadable,   // a whole entry of the journal, which is damaged or of a form that is not known
};
inline constexpr std::size_t kFactRejections = 12;
std::string_view ToString(FactRejection reason);  // "no_unit", "unknown_experiment", …

struct FactEvent {
  bool is_exposure = false;
  std::optional<stats::Time> time;  // corrected; nothing: kClock

  // Exposures. One by a holdout is of the experiment "holdout:NAME", iteration 1, variant "held_out" or "comparison".
  std::string experiment, variant, unit_attribute, unit;
  std::uint32_t iteration = 1;
  bool forced = false;

  std::string name;                   // of what was tracked
  const Value* value = nullptr;       // its own
  const Value* attributes = nullptr;  // null: none
  const Value* context = nullptr;     // of both; null: none
};

// How often flags were evaluated, until about that time.
struct FactEvaluations {
  std::optional<stats::Time> time;  // corrected; nothing: kClock
  const Array* counts = nullptr;    // as docs/spec/events.md has them
};

struct FactEntry {
  stats::Time received{};
  bool imported = false;          // from a file (docs/decisions/importing.md): it tells the time of its events,
                                  // which are not late however long ago they were
  std::string sdk;                // "guidon-cpp 0.1.0"; empty: not said
  std::vector<FactEvent> events;  // in their order; of other types none
  std::vector<FactEvaluations> evaluations;
  std::unique_ptr<const Value> text;  // what they point into

  // Against which lateness of an event of that time counts.
  stats::Time ReceiptOf(stats::Time time) const { return imported ? time : received; }
};

// kCorrupt: not an entry of the journal. Events without what they must have are left out: the journal took none.
Result<FactEntry> ReadFacts(std::string_view text);

// When it happened; nothing when that clock is not to be believed.
std::optional<stats::Time> CorrectedTime(stats::Time time, std::optional<stats::Time> sent, stats::Time received);

// A unit as bucketing has it (docs/spec/bucketing.md): text, or the digits of a whole number; "" when it is none.
std::string UnitTextOf(const Value* value);

inline constexpr std::string_view kHoldoutExperiment = "holdout:";

}  // namespace guidon
