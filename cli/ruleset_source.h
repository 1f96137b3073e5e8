// Where tools take an environment's definitions from: a workspace, a ruleset file, or the server.
//
// Thread safety: one thread.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/codec/wire.h"
#include "core/model/definitions.h"

namespace guidon::cli {

// A workspace's environment with first allocations, which is said on standard error. kInvalid when it is not valid, and
// its faults have been said; else the folder or the environment is not there.
Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment);

// A ruleset document (docs/spec/wire.md), checked against its digest.
Result<SnapshotDocument> ReadRulesetFile(const std::string& path);

}  // namespace guidon::cli
