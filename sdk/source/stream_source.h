// Keeps a client's ruleset up to date: a stream, with polling while streams fail. Runs on the source thread until the
// client closes; docs/spec/wire.md says how.
#pragma once

#include "sdk/client/client_core.h"

namespace guidon::internal {

void RunStreamSource(ClientCore& core);

}  // namespace guidon::internal
