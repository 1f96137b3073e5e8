#include "cli/ruleset_source.h"

#include <iostream>

#include "cli/file.h"
#include "cli/output.h"
#include "cli/workspace.h"
#include "core/allocate/allocate.h"
#include "core/base/json.h"

namespace guidon::cli {

Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment) {
  Result<Workspace> workspace = ReadWorkspace(folder);
  if (!workspace) return Fail(workspace.error());
  if (workspace->HasErrors()) {
    for (const PlacedIssue& placed : workspace->issues) std::cerr << Describe(placed, Err()) << "\n";
    return Fail(ErrorCode::kInvalid, "the workspace is not valid");
  }
  Definitions& definitions = workspace->definitions;
  if (definitions.project.FindEnvironment(environment) == nullptr) {
    return Fail(NoSuchEnvironment(definitions.project, environment));
  }
  std::cerr << "From the workspace alone: splits get their first allocation; a server may have kept other buckets.\n";
  std::vector<Issue> issues = AllocateStates(nullptr, definitions);
  if (HasErrors(issues)) return Fail(InvalidError("the workspace cannot be allocated", std::move(issues)));
  return SnapshotOf(definitions, environment, 0);
}

Result<SnapshotDocument> ReadRulesetFile(const std::string& path) {
  Result<std::string> text = ReadFile(path, JsonLimits().max_bytes);
  if (!text) return Fail(text.error());
  Result<SnapshotDocument> document = DecodeSnapshot(*text);
  if (!document) return Fail(ErrorCode::kIo, path + ": " + document.error().message);
  return document;
}

}  // namespace guidon::cli
