// Where tools take an environment's definitions from: a workspace, a ruleset file, or both: what the server would have
// once the workspace is applied.
//
// Thread safety: one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <guidon/context.h>
#include "core/base/result.h"
#include "core/codec/wire.h"
#include "core/model/definitions.h"
#include "workspace/workspace.h"

namespace guidon {
class Ruleset;
}

namespace guidon::cli {

// A workspace without an error. What is wrong with it is said on standard error, and kInvalid has it as issues.
Result<Workspace> ReadValidFiles(const std::string& folder, const WorkspaceOptions& options = {});

// A workspace's environment with first allocations, which is said on standard error. kInvalid when it is not valid, and
// its faults have been said; else the folder or the environment is not there.
Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment);

// A ruleset document (docs/spec/wire.md), checked against its digest.
Result<SnapshotDocument> ReadRulesetFile(const std::string& path);

// An environment as a ruleset file has it, and as a workspace makes it: by the rules of the server, on the states that
// the file holds. What the files do not name stays, with its states. What the file cannot tell: who changed what since
// it was last applied (so the files win), and the states of what was archived.
struct Applied {
  Snapshot before;
  EntitySet entities;  // after: of this environment, what the workspace archives included; no metrics
  Snapshot after;
  std::vector<Issue> warnings;  // audiences that move while their experiment runs
};
// `file` names the document to people. kNotFound: it is of another project, or the workspace has no such environment.
// kIo: it holds what this version cannot read. kInvalid: a server would refuse the workspace; with why.
Result<Applied> ApplyToRuleset(const Definitions& workspace, const SnapshotDocument& document, const std::string& file);

// The same from a folder, for an environment that has to be that of the file unless it is left empty.
Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment,
                                     const std::string& ruleset_file);

// What an environment serves before and after a change set.
struct PlannedRulesets {
  std::string environment;
  std::shared_ptr<const Ruleset> before, after;
};
// Those of the answer to a dry run that asked for them, which are taken out of it.
Result<std::vector<PlannedRulesets>> TakeRulesets(Value& plan);

// The same error, its issues said on standard error.
Error Said(Error error);

// A file of contexts, one a line (core/diff/count.h); one at least. Its name is in the message of an error. `text`:
// what was read.
Result<std::vector<Context>> ReadContexts(const std::string& path, std::string* text = nullptr);

// Says why one of these gave nothing, and gives the exit code for it.
int ExplainRefusal(const Error& error, bool json);

}  // namespace guidon::cli
