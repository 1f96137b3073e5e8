// Bringing a project to what a workspace says, without undoing what was changed elsewhere: a three-way merge between
// what was last applied (base), what the server holds (theirs) and the workspace (ours).
//
// Thread safety: pure functions, but for the read of the store.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/catalog/catalog.h"
#include "server/store/store.h"

namespace guidon {

// The definitions as they were last applied; empty if never.
struct AppliedWorkspace {
  std::optional<Value> project;
  std::map<EntityRef, Value> entities;
};
Result<AppliedWorkspace> ReadApplied(const Store& store, std::string_view project);
// What makes a store forget it.
Result<std::vector<TxnOp>> ForgetApplied(const Store& store, std::string_view project);

struct MergedWorkspace {
  Definitions definitions;              // the server's, with the workspace's changes; states kept; order: new ones last
  std::vector<PlanConflict> conflicts;  // there the server's version stands
  std::vector<TxnOp> applied;           // records what is applied now; only what differs from before
  std::vector<Issue> warnings;          // what was removed on the server and stays removed
};

// `theirs` is null while the project does not exist. Environments are added, never removed. kInvalid when a merged
// definition cannot be read.
Result<MergedWorkspace> MergeWorkspace(const AppliedWorkspace& base, const Definitions* theirs, const Definitions& ours,
                                       bool prune);

std::vector<PlannedChange> DescribePlan(const Definitions* before, const Definitions& after);

// A validation error that a removal caused is a conflict with what still refers to the removed thing; nullopt when no
// removal is to blame.
std::optional<Error> ReferrersOfRemoved(const Definitions* before, const Definitions& after,
                                        const std::vector<Issue>& issues);

}  // namespace guidon
