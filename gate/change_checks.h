// What a change does to an environment: who moves, by how much rollouts grow, what it would break. Who has to approve
// it is in approval_checks.h.
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

// What it does, in words: Report::changes. Cost: that of DescribeChanges.
std::vector<Changed> ChangesOf(const ChangeInput& input);

// change.moves, change.attributes, change.jump and change.prerequisite. Cost: that of DescribeChanges, and two
// evaluations for each flag and context.
std::vector<Finding> CheckChange(const ChangeInput& input, const Policy& policy);

// Why a server would not take it: change.experiment for edits of experiments that run, change.refused for the rest.
std::vector<Finding> CheckRefusal(const Workspace& workspace, const std::vector<Issue>& issues);

// From a server's plan (docs/api/openapi.yaml): what was changed on both sides.
std::vector<Finding> CheckConflicts(const Workspace& workspace, const Value& plan);

// Where something of an entity stands in the files; nothing of what is on the server alone.
Place PlaceIn(const Workspace& workspace, const EntityRef& ref, const Path& path);
// Of a flag or an experiment; "" of all else, and of what is not there.
std::string OwnerIn(const EntitySet& entities, const EntityRef& ref);
// "flag checkout.layout", as EntityRef::ToText() says it.
std::optional<EntityRef> RefOfText(const std::string& entity);

}  // namespace guidon::gate
