// Looks at how far a revision has come among the processes that use an environment, until it has come far enough, the
// time is over, or something is wrong that waiting does not mend.
//
//   const Result<ApiAnswer> far = WaitForPropagation(connection, project, environment, goal, [](const Value&) {});
//   if (far && far->ok() && Missing(far->body, goal).empty()) …       // it has
//
// Thread safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <guidon/value.h>
#include "cli/api_client.h"
#include "cli/verbs.h"
#include "core/base/result.h"

namespace guidon::cli {

// The newest answer about it (docs/api/openapi.yaml, Propagation), whether or not the goal is reached; else what is
// wrong: a server that restarts or has too much to do is waited for. Of the revision "head" it is the newest one of the
// first look: others who commit meanwhile do not move the goal. `progress` is given each answer that is not enough.
Result<ApiAnswer> WaitForPropagation(const Connection& connection, const std::string& project,
                                     const std::string& environment, const PropagationGoal& goal,
                                     const std::function<void(const Value&)>& progress);

// What keeps the goal from being reached; "" when nothing does.
std::string Missing(const Value& far, const PropagationGoal& goal);

// "38 of 40 live processes (95%)"; of a release "38 of 40 live processes of 4.2.0 (95%)". A share is never rounded up.
std::string ShareOf(const Value& far, const PropagationGoal& goal);

}  // namespace guidon::cli
