// Whether the SDKs in use know what a change begins to use, before it is released.
//
// Thread safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <guidon/value.h>
#include "core/model/definitions.h"
#include "core/model/features.h"
#include "gate/finding.h"
#include "workspace/workspace.h"

namespace guidon::gate {

// What a definition uses after a change, and did not before: an SDK that does not know it cannot evaluate the flags
// that need that definition.
struct NewUse {
  EntityRef entity;
  Feature feature;
  friend bool operator==(const NewUse& a, const NewUse& b) {
    return a.entity == b.entity && a.feature.name == b.feature.name;
  }
};

// In the order of entities and of `table`, of one environment's part before and after. Cost: one pass over both.
std::vector<NewUse> NewlyUsed(const EntitySet& before, const EntitySet& after, std::span<const Feature> table);

// delivery.old-sdk: live processes whose SDK is older than what `uses` needs; where it was not told of all which SDK it
// is, and some of them may be too old, it holds. SDKs of other names than the table's are not judged by it.
struct NewUseInput {
  const Workspace& workspace;  // for the places
  std::string environment;
  const Value& far;  // an answer about a propagation (docs/api/openapi.yaml, Propagation)
  const std::vector<NewUse>& uses;
  std::span<const Feature> table;
};
std::vector<Finding> CheckNewUses(const NewUseInput& input);

}  // namespace guidon::gate
