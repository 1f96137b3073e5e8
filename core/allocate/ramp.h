// The ramp of a rule: a rollout that grows step by step, each held for a while.
//
//   if (const auto due = NextStepDue(*rule.ramp, *record.state.FindRamp(environment, rule.id)); due && *due <= now) {
//     MoveRamp(record, environment, rule.id, RampMove::kStep, now);
//   }
//
// What is kept is the share that has it now, not the number of a step: an edit of the steps leaves everybody where they
// are. The step in force is the last one that is not beyond that share, the next one the first that is. A hold begins
// when its step is taken, whenever that was due; it does not count while the flag is not enabled in the environment, or
// archived, or the ramp paused.
//
// Thread safety: pure functions; times are milliseconds since the epoch.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/result.h"
#include "core/model/definitions.h"

namespace guidon {

enum class RampMove : std::uint8_t {
  kStep,    // the next step, if it is due
  kPause,   // stays where it is until it is resumed
  kResume,  // goes on; the hold of its step goes on, too
  kAbort,   // back to nobody, and paused; resumed, it begins with its first step
  kFinish,  // the last step at once
};
std::string_view ToString(RampMove move);  // "step", "pause", …
std::optional<RampMove> RampMoveFromString(std::string_view word);

// When the next step may be taken; it may be long ago. Nothing when there is none, or the hold does not count.
std::optional<std::int64_t> NextStepDue(const Ramp& ramp, const RampState& state);
// The first step beyond where it stands; nullptr: it has come to its end.
const RampStep* NextStep(const Ramp& ramp, const RampState& state);

// The rule of that id; an empty one: the only rule with a ramp there. kNotFound, naming those that there are.
Result<const Rule*> FindRampedRule(const FlagDefinition& flag, std::string_view environment, std::string_view id);

// Moves where the ramp of a rule stands, and nothing else; a move to where it is already changes nothing. `record` has
// been through AllocateStates. kNotFound: there is no such ramp. kConflict: that step is not due, or there is nothing
// to pause or resume as the ramp has come to its end.
Status MoveRamp(FlagRecord& record, std::string_view environment, std::string_view rule, RampMove move,
                std::int64_t now_ms);

// The hold of a step counts from now on, or no longer does: then how much of it has passed is kept.
void SettleHold(std::optional<std::int64_t>& since_ms, std::chrono::milliseconds& held, bool counts,
                std::int64_t now_ms);

// --- for AllocateStates ---

// Where the ramps of a flag stand after a change of its definition. `before`: the flag before it, or nullptr. A ramp
// that was there stays where it is, but not beyond its last step. A new one, or one whose rule serves something else or
// buckets by something else now, begins with its first step, or at nobody while its start is in the future; in place of
// a `rollout` it never begins below that.
void AllocateRamps(const FlagRecord* before, FlagRecord& record, std::int64_t now_ms);

}  // namespace guidon
