// Bringing a project to what a workspace says, without undoing what was changed elsewhere: a three-way merge between
// what was last applied (base), what the server holds (theirs) and the workspace (ours).
//
// Thread safety: pure functions, but for the read of the store.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/catalog/catalog.h"
#include "server/store/store.h"

namespace guidon {

// The definitions as they were last applied; empty if never.
Result<std::map<EntityRef, Value>> ReadApplied(const Store& store, std::string_view project);

struct MergedWorkspace {
  Definitions definitions;              // the server's, with the workspace's changes; states kept; order: new ones last
  std::vector<PlanConflict> conflicts;  // there the server's version stands
  std::vector<TxnOp> applied;           // records what is applied now; only what differs from before
};

// The project is the workspace's (its environments are added to the server's, never removed). kInvalid when a merged
// definition cannot be read.
Result<MergedWorkspace> MergeWorkspace(const std::map<EntityRef, Value>& base, const Definitions& theirs,
                                       const Definitions& ours, bool prune);

std::vector<PlannedChange> DescribePlan(const Definitions* before, const Definitions& after);

// A validation error that a removal caused is a conflict with what still refers to the removed thing; nullopt when no
// removal is to blame.
std::optional<Error> ReferrersOfRemoved(const Definitions* before, const Definitions& after,
                                        const std::vector<Issue>& issues);

}  // namespace guidon
