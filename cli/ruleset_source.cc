#include "cli/ruleset_source.h"

#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/output.h"
#include "cli/workspace.h"
#include "core/allocate/allocate.h"

namespace guidon::cli {

Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kIo, "cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<Snapshot> SnapshotOfWorkspace(const std::string& folder, const std::string& environment) {
  Result<Workspace> workspace = ReadWorkspace(folder);
  if (!workspace) return Fail(workspace.error());
  if (workspace->HasErrors()) {
    for (const PlacedIssue& placed : workspace->issues) std::cerr << Describe(placed) << "\n";
    return Fail(ErrorCode::kInvalid, "the workspace is not valid");
  }
  Definitions& definitions = workspace->definitions;
  if (definitions.project.FindEnvironment(environment) == nullptr) {
    return Fail(ErrorCode::kIo, "the workspace has no environment '" + environment + "'; name one with --environment");
  }
  std::vector<Issue> issues = AllocateStates(nullptr, definitions);
  if (HasErrors(issues)) return Fail(InvalidError("the workspace cannot be allocated", std::move(issues)));
  return SnapshotOf(definitions, environment, 0);
}

Result<SnapshotDocument> ReadRulesetFile(const std::string& path) {
  Result<std::string> text = ReadFile(path);
  if (!text) return Fail(text.error());
  Result<SnapshotDocument> document = DecodeSnapshot(*text);
  if (!document) return Fail(ErrorCode::kIo, path + ": " + document.error().message);
  return document;
}

}  // namespace guidon::cli
