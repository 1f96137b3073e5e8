// Whose experiments a change moves: an audience that changes while the experiment runs, by itself or through a segment.
//
// Thread safety: a pure function.
#pragma once

#include <vector>

#include "core/base/issue.h"
#include "core/model/definitions.h"

namespace guidon {

// A warning `audience_moves` for each experiment that runs or is paused, before and after, and whose audience is
// another one, or leans on a segment that is (through other segments, too). States have been allocated.
std::vector<Issue> AudienceWarnings(const EntitySet& before, const EntitySet& after);

}  // namespace guidon
