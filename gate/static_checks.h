// What can be said of the files alone: whether they are valid, whether their tests pass, and what the policy wants of
// names, owners, days, attributes and expressions.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gate/finding.h"
#include "gate/policy.h"
#include "workspace/workspace.h"

namespace guidon::gate {

struct StaticInput {
  const Workspace& workspace;
  std::int64_t now_ms = 0;  // since the epoch: for tests that do not say when, and for days
};

// Of all environments: files go out together. Tests are run where the definitions have no error. Places are as the
// folder of the workspace was given.
std::vector<Finding> CheckStatic(const StaticInput& input, const Policy& policy);

// static.test alone. The workspace has no error.
std::vector<Finding> CheckTests(const Workspace& workspace, std::int64_t now_ms, const Policy& policy);

// static.personal-data alone, of what these flags do in one environment: their rules there, the experiments on them,
// and the segments that both lean on. `entities`: what the environment has. Where the workspace has no place for
// something, none is told.
std::vector<Finding> CheckPersonalData(const Workspace& workspace, const EntitySet& entities,
                                       const std::set<std::string>& flags, const Policy& policy);

// "shop/flags/layout.yaml" of a file of a workspace, as a person would open it.
std::string FileOf(const Workspace& workspace, const std::string& file);

}  // namespace guidon::gate
