// Who has to approve a change: what protected environments take, and the flags that the policy protects besides.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <guidon/value.h>
#include "core/model/definitions.h"
#include "gate/finding.h"
#include "gate/policy.h"
#include "workspace/workspace.h"

namespace guidon::gate {

// Of a protected environment: whether a change request that does the same is approved. `plan` is the server's for the
// workspace, or {"changes"} as that has them; `requests` are live ones, each with its plan. None for an environment
// that is not altered.
struct ApprovalInput {
  std::string environment;
  const Value& plan;
  const std::vector<Value>* requests;  // null: nobody was asked for them
};
std::vector<Finding> CheckApproval(const ApprovalInput& input);

// change.protected-flag: each flag that the policy protects and the change alters, unless a change request that does
// the same of it is approved, by somebody: where the environment is not protected, a request is approved from the
// start. A flag is altered by itself, by an experiment on it with its layer and holdout, by a segment that its rules or
// such an experiment lean on, and by all that alters a flag that it requires there.
struct ProtectedFlagInput {
  const Workspace& workspace;  // for the places
  std::string environment;
  const EntitySet& before;             // what the environment has, with its states
  const EntitySet& after;              // what it would have
  const Value& plan;                   // {"changes"}, as a server's plan has them
  const std::vector<Value>* requests;  // null: nobody was asked for them
};
std::vector<Finding> CheckProtectedFlags(const ProtectedFlagInput& input, const Policy& policy);

// Of live change requests, each with its plan and changes, the one that does what `plan` does in all environments, and
// nothing else; one that is approved before others. Where none does: the one that comes next to it.
struct MatchingRequest {
  std::int64_t number = 0;  // 0: none does anything of it
  std::string state;        // "approved"; "" without one
  std::string apply_at;     // of one that is scheduled
  // "flag checkout.layout": what the plan alters and the request does not, the other way round, and what both alter,
  // each in its way. All empty: it does the same.
  std::vector<std::string> left_out, added, different;

  bool does_the_same() const { return number > 0 && left_out.empty() && added.empty() && different.empty(); }
};
MatchingRequest FindRequestFor(const Value& plan, const std::vector<Value>& requests);

}  // namespace guidon::gate
