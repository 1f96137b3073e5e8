// What looks at which flags, besides code, and at the time.
//
// Thread safety: pure functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/definitions.h"

namespace guidon::gate {

// By the key of a flag, each once: "flag b" that requires it or has a rule on it, "segment eu", "experiment one-page".
// Archived ones look at nothing. Cost: one pass over all conditions.
std::map<std::string, std::vector<std::string>, std::less<>> LookersAt(const EntitySet& entities);

// Whether there is a `now` in any condition of flags, segments or audiences: then what is served depends on the moment.
bool LooksAtTime(const EntitySet& entities);

}  // namespace guidon::gate
