// Keeps a client's ruleset up to date: a stream, with polling while streams fail. Runs on the source thread until the
// client closes; docs/spec/wire.md says how.
#pragma once

#include "sdk/client/client_core.h"
#include "sdk/state/ruleset_state.h"

namespace guidon::internal {

void RunStreamSource(ClientCore& core, RulesetState& state);

}  // namespace guidon::internal
