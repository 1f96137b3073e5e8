// Where a segment reaches: the environments that use it, and the experiments whose audience a change moves while they
// run.
//
// Thread safety: pure functions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/issue.h"
#include "core/model/definitions.h"

namespace guidon {

// A warning `audience_moves` for each experiment that runs or is paused, before and after, and whose audience is
// another one, or leans on a segment that is (through other segments, too). States have been allocated.
std::vector<Issue> AudienceWarnings(const EntitySet& before, const EntitySet& after);

// Sorted. A flag's rules or an experiment's audience lean on it there, through other segments, too; archived ones do
// not.
std::vector<std::string> EnvironmentsUsing(std::string_view segment, const EntitySet& entities);
// The same of every segment that is used anywhere, in one pass.
std::map<std::string, std::set<std::string>> EnvironmentsBySegment(const EntitySet& entities);

}  // namespace guidon
