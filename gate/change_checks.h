// What a change does to an environment: who moves, by how much rollouts grow, what it would break, who has to approve
// it.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <guidon/context.h>
#include "core/base/issue.h"
#include "core/model/definitions.h"
#include "gate/finding.h"
#include "gate/policy.h"
#include "workspace/workspace.h"

namespace guidon::gate {

struct ChangeInput {
  const Workspace& workspace;  // for the places of what changes
  std::string environment;
  const EntitySet& before;  // what the environment has, with its states
  const EntitySet& after;   // what it would have
  // Whom to count where conditions change and no share of buckets can be told; null: nobody.
  const std::vector<Context>* contexts = nullptr;
  std::int64_t now_ms = 0;  // since the epoch; for counting
};

// change.moves, change.attributes, change.jump and change.prerequisite. Cost: that of DescribeChanges, and two
// evaluations for each flag and context.
std::vector<Finding> CheckChange(const ChangeInput& input, const Policy& policy);

// Why a server would not take it: change.experiment for edits of experiments that run, change.refused for the rest.
std::vector<Finding> CheckRefusal(const Workspace& workspace, const std::vector<Issue>& issues);

// From a server's plan (docs/api/openapi.yaml): what was changed on both sides.
std::vector<Finding> CheckConflicts(const Workspace& workspace, const Value& plan);

// Of a protected environment: whether a change request that does the same is approved. `plan` is the server's for the
// workspace; `requests` are live ones, each with its plan. None for an environment that is not altered.
struct ApprovalInput {
  std::string environment;
  const Value& plan;
  const std::vector<Value>& requests;
};
std::vector<Finding> CheckApproval(const ApprovalInput& input);

}  // namespace guidon::gate
