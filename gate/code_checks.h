// What the code says against a release: the flags that it reads, held against their definitions.
//
// Thread safety: a pure function.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gate/finding.h"
#include "refs/reference.h"
#include "workspace/workspace.h"

namespace guidon::gate {

struct CodeInput {
  const Workspace& workspace;
  std::string environment;                         // whose `off` fallbacks are held against
  const std::vector<refs::Reference>& references;  // of all code
  std::int64_t now_ms = 0;                         // since the epoch: for days
  bool has_files = true;  // else `workspace` holds what an environment has, and what nobody reads is no finding: other
                          // code may
};

// Each read that breaks a rule is a finding of its own, at its place; a flag that nobody reads is one at its
// definition. A flag that another flag requires or looks at is read, by that. What the workspace has and could not be
// read is let pass, whatever reads it or it may read.
std::vector<Finding> CheckCode(const CodeInput& input);

}  // namespace guidon::gate
