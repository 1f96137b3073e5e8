// The life of an experiment: what may follow what, the hand on it, and what is kept of it.
//
//   if (Status moved = MoveExperiment(definitions, "checkout-one-page", {.move = ExperimentMove::kStart}, by, now);
//       !moved) Refuse(moved.error());
//   AllocateStates(&before, definitions, now, by);    // gives it ranges and slots, and writes its iteration down
//
// An experiment is moved by commands, or by the `state` that is authored; both take the same table. `scheduled` and
// `concluded` only commands set. Its ramp is steps that the server takes: each when the one before was held for its
// time, and has been seen by its `min_units`.
//
// Thread safety: pure functions; times are milliseconds since the epoch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/allocate/ramp.h"
#include "core/base/result.h"
#include "core/model/definitions.h"

namespace guidon {

enum class ExperimentMove : std::uint8_t {
  kStart,     // from a draft, or, as a new iteration, once it was stopped
  kSchedule,  // the same at a time
  kPause,     // everyone gets the flag's `default`; it keeps its place
  kResume,    // goes on, with everybody where they were
  kStop,      // gives its place back; of one that is scheduled: takes that back
  kConclude,  // keeps the decision, and ships the winner
  // Stops it, and gives everyone the control: the rules that name it serve that, and, without any, the flag's
  // `default`.
  kRollback,
};
inline constexpr ExperimentMove kExperimentMoves[] = {
    ExperimentMove::kStart, ExperimentMove::kSchedule, ExperimentMove::kPause,   ExperimentMove::kResume,
    ExperimentMove::kStop,  ExperimentMove::kConclude, ExperimentMove::kRollback};
std::string_view ToString(ExperimentMove move);  // "start", "schedule", …, "rollback"
std::optional<ExperimentMove> ExperimentMoveFromString(std::string_view word);

// What a move leads to, by the one table of them.
struct Transition {
  std::optional<ExperimentStatus> to;  // absent: it is refused. The status it has: there is nothing to do
  std::string_view why = {};           // refused: "has not run"
  std::string_view instead = {};       // … and the way out
};
Transition TransitionOf(ExperimentStatus from, ExperimentMove move);

struct ExperimentOrder {
  ExperimentMove move = ExperimentMove::kStart;
  std::optional<std::int64_t> at_ms = {};  // kSchedule: when; later than now
  // kStart and kSchedule of one that has run: every unit gets the variant that it had, and the slots in the layer that
  // it had. Else the iteration has a salt of its own, and nobody's variant says anything of the one before.
  bool keeps_assignments = false;
  // kConclude: the variant that is shipped: the rules that name the experiment serve what it serves, and, without any,
  // the flag's `default` does. Empty: nobody has won, and the flag stays as it is.
  std::string winner = {};
  std::string decision = {};  // kConclude: why, in words
};

// Moves it as far as that can be said of it alone; AllocateStates, which has to follow, does the rest and may refuse
// it. An authored `state` says afterwards what the experiment is; where none was authored, `state` says what has to
// become of it, and ForgetOrder takes it away after AllocateStates. A move to where it is already changes nothing.
// kNotFound; kConflict with the way out for what the table refuses; kInvalid for a time that has passed, a winner that
// is no variant, and assignments that cannot be kept.
Status MoveExperiment(Definitions& definitions, std::string_view key, const ExperimentOrder& order, std::string_view by,
                      std::int64_t now_ms);
void ForgetOrder(const Definitions& before, Definitions& after, std::string_view key);

// What a finding is to those that are kept.
enum class FindingNews : std::uint8_t {
  kNew,     // also of what is kept already, with a weaker action: that is kept no more
  kKnown,   // as much was done about it already, in this iteration and on this occasion
  kNoRoom,  // an alert, and kMaxFindingsKept of this iteration are kept already: kMoreFound says so, once
};
FindingNews NewsOf(const ExperimentState& state, const ExperimentFinding& finding);
inline constexpr std::string_view kMoreFound = "more_found";

// Keeps what was found with it, if it is kNew; false: nothing is to be done. Beyond the bound those of earlier
// iterations give way, then what another occasion has followed: they cannot be found again. What can be gives way only
// to a pause or a rollback, for which there is always room; of an alert that gave way, kMoreFound speaks from then on.
bool AddFinding(ExperimentState& state, const ExperimentFinding& finding);

// --- its ramp ---

// The share of each variant that takes part now, parts of kWhole.
std::uint32_t ShareOf(const Experiment& experiment, const ExperimentState& state);
// nullptr: it stands at its last step, or has no ramp.
const RampStep* NextStep(const Experiment& experiment, const ExperimentState& state);
// When the hold of its step is over; it may be long ago. Nothing while the hold does not count (the experiment does not
// run, its flag is not enabled, the ramp is paused), without a next step, and for a step with neither `hold` nor
// `min_units`, which a person takes it from.
std::optional<std::int64_t> NextStepDue(const Experiment& experiment, const ExperimentState& state);
// How many units have to have been exposed before the next step, besides; 0: any number.
std::uint64_t UnitsForNextStep(const Experiment& experiment, const ExperimentState& state);

// kStep: one step on, whether or not it is due (whoever counts the units decides); kPause and kResume: holds it where
// it is, and lets it go on; kFinish: the last step at once. kConflict: the experiment does not run, or has no further
// step, and for kAbort: to take everybody back is to stop it. kNotFound.
Status MoveExperimentRamp(Definitions& definitions, std::string_view key, RampMove move, std::int64_t now_ms);

// --- for AllocateStates ---

// Writes down what `record` went through, now that its status stands; `held`: what it was before the change, or nullptr
// when it is new. `flag_before`, `flag`: the flag that it is on, or nullptr. Does nothing without a time.
void KeepLife(const ExperimentRecord* held, ExperimentRecord& record, const FlagRecord* flag_before,
              const FlagRecord* flag, std::string_view by, std::int64_t now_ms);

// An iteration that has begun: state.iteration, salt, arms and slots are its own already. What it measures is kept with
// it as `entities` have it.
void BeginIteration(ExperimentRecord& record, const EntitySet& entities, std::string_view by, std::int64_t now_ms);

// What `experiment` measures by the metrics of `entities`; those that are not there are left out, and so is how metrics
// are described: that measures nothing, and may be the longest of it.
MeasuredPlan MeasuredPlanOf(const Experiment& experiment, const EntitySet& entities);

// Of an iteration that an older server began: before what it measures is edited for the first time, it is kept as it
// stood until then. `before`, `after`: of the change; `held` is of the first, `record` of the second.
void KeepPlanOfBefore(const EntitySet& before, const EntitySet& after, const ExperimentRecord& held,
                      ExperimentRecord& record);

}  // namespace guidon
