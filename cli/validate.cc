// guidon validate DIR, and the first `guidon gate`: everything that is wrong with a workspace, at once.
#include <algorithm>
#include <iostream>

#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/workspace.h"

namespace guidon::cli {
namespace {

std::size_t CountOf(const Workspace& workspace, Severity severity) {
  return static_cast<std::size_t>(
      std::count_if(workspace.issues.begin(), workspace.issues.end(),
                    [&](const PlacedIssue& placed) { return placed.issue.severity == severity; }));
}

Value IssueList(const Workspace& workspace) {
  Array list;
  for (const PlacedIssue& placed : workspace.issues) list.push_back(ToValue(placed));
  return list;
}

std::string Contents(const Workspace& workspace) {
  const EntitySet& all = workspace.definitions.entities;
  return Plural(all.flags.size(), "flag") + ", " + Plural(all.segments.size(), "segment") + ", " +
         Plural(all.experiments.size(), "experiment") + ", " + Plural(all.metrics.size(), "metric");
}

}  // namespace

int Validate(const ValidateOptions& options) {
  Result<Workspace> workspace = ReadWorkspace(options.folder);
  if (!workspace) {
    Complain(workspace.error().message);
    return kUsage;
  }
  const std::size_t errors = CountOf(*workspace, Severity::kError);
  const std::size_t warnings = CountOf(*workspace, Severity::kWarning);
  if (options.json) {
    PrintJson(Object{{"valid", Value(errors == 0)},
                     {"errors", Value(errors)},
                     {"warnings", Value(warnings)},
                     {"issues", IssueList(*workspace)}});
    return errors == 0 ? kPass : kProblem;
  }
  for (const PlacedIssue& placed : workspace->issues) std::cout << Describe(placed) << "\n";
  if (errors == 0 && warnings == 0) {
    std::cout << Green("valid") << "  " << options.folder << ": " << Contents(*workspace) << "\n";
  } else {
    std::cout << (errors == 0 ? Green("valid") : Red("not valid")) << "  " << Count(errors, warnings) << "\n";
  }
  return errors == 0 ? kPass : kProblem;
}

int Gate(const GateOptions& options) {
  Result<Workspace> workspace = ReadWorkspace(options.workspace);
  if (!workspace) {
    Complain(workspace.error().message);
    return kUsage;
  }
  const Project& project = workspace->definitions.project;
  if (!workspace->HasErrors() && project.FindEnvironment(options.environment) == nullptr) {
    std::vector<std::string> names;
    for (const EnvironmentDefinition& environment : project.environments) names.push_back(environment.key);
    const std::string hint = DidYouMean(options.environment, names);
    Complain("the workspace has no environment '" + options.environment + "'" + (hint.empty() ? "" : "; " + hint));
    return kUsage;
  }
  const std::size_t errors = CountOf(*workspace, Severity::kError);
  const std::size_t warnings = CountOf(*workspace, Severity::kWarning);
  const std::string verdict = errors == 0 ? "pass" : "fail";
  if (options.json) {
    PrintJson(Object{
        {"verdict", Value(verdict)}, {"environment", Value(options.environment)}, {"findings", IssueList(*workspace)}});
    return errors == 0 ? kPass : kProblem;
  }
  for (const PlacedIssue& placed : workspace->issues) std::cout << Describe(placed) << "\n";
  std::cout << (errors == 0 ? Green("PASS") : Red("FAIL")) << "  " << options.environment << ": "
            << Count(errors, warnings) << "\n";
  return errors == 0 ? kPass : kProblem;
}

}  // namespace guidon::cli
