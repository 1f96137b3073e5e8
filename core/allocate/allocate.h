// From what was authored to the state that evaluation needs: salts, kept ranges, experiment status, layer slots.
//
//   Definitions after = Edited(before);
//   std::vector<Issue> issues = AllocateStates(&before, after);      // fills and keeps the states in `after`
//   if (HasErrors(issues)) Refuse(issues);
//
// Tools without a server pass nullptr for `before`: everything gets its first allocation, what is authored as paused
// too.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/issue.h"
#include "core/model/definitions.h"

namespace guidon {

// Gives `next` the state of `current`; both are of the same kind.
void KeepState(const EntityRecord& current, EntityRecord& next);

// `after` holds the next definitions, with the states of `before` where an entity was there already (states of new
// entities are empty). On return:
//   flags        a SplitState for every split of every environment; ranges kept as far as the weights allow; the state
//                of a split that is gone is dropped
//                and where the ramp of each rule stands (core/allocate/ramp.h)
//   layers, holdouts   their salts
//   experiments  the status that was authored. `running` for the first time, or again after `stopped`, begins the next
//                iteration, counted on from those of deleted experiments that had its key: salt KEY#N, ranges from the
//                weights, and the lowest free slots of its layer (experiments that begin together: in list order); or,
//                if that was ordered, the salt, ranges and slots of before. Paused keeps everything, and only what is
//                live can be paused. Stopped and archived give the slots back. Concluded stays so, whatever was
//                authored, and scheduled until something else is. With a time, also what they went through
//                (core/allocate/experiment_life.h).
// Issues: `layer_full`, naming who holds the rest; `slots_taken` where assignments were to be kept;
// `running_experiment` for an edit of flag, environment, unit, layer, holdout, variants, weights, primary metric or
// plan of an experiment that runs or is paused and goes on to, with the way out; `wrong_transition`.
//
// `now_ms`: since the epoch. Without a server there is no time: ramps with a start have not begun. `by`: who changes
// it, a principal.
std::vector<Issue> AllocateStates(const Definitions* before, Definitions& after, std::int64_t now_ms = 0,
                                  std::string_view by = {});

}  // namespace guidon
