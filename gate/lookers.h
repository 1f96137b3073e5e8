// What looks at which flags, besides code.
//
// Thread safety: a pure function.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/definitions.h"

namespace guidon::gate {

// By the key of a flag, each once: "flag b" that requires it or has a rule on it, "segment eu", "experiment one-page".
// Archived ones look at nothing. Cost: one pass over all conditions.
std::map<std::string, std::vector<std::string>, std::less<>> LookersAt(const EntitySet& entities);

}  // namespace guidon::gate
