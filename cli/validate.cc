// guidon validate DIR: everything that is wrong with a workspace, at once.
#include <iostream>

#include "cli/output.h"
#include "cli/verbs.h"
#include "workspace/workspace.h"

namespace guidon::cli {
namespace {

std::string Contents(const Workspace& workspace) {
  const EntitySet& all = workspace.definitions.entities;
  return Plural(all.flags.size(), "flag") + ", " + Plural(all.segments.size(), "segment") + ", " +
         Plural(all.experiments.size(), "experiment") + ", " + Plural(all.metrics.size(), "metric");
}

Value CountsOf(const Workspace& workspace) {
  const EntitySet& all = workspace.definitions.entities;
  return Object{{"flags", Value(all.flags.size())},
                {"segments", Value(all.segments.size())},
                {"layers", Value(all.layers.size())},
                {"holdouts", Value(all.holdouts.size())},
                {"experiments", Value(all.experiments.size())},
                {"metrics", Value(all.metrics.size())},
                {"tests", Value(workspace.tests.size())}};
}

}  // namespace

int Validate(const ValidateOptions& options) {
  Result<Workspace> workspace = ReadWorkspace(options.folder);
  if (!workspace) {
    Complain(workspace.error(), options.json);
    return kUsage;
  }
  const std::size_t errors = workspace->Count(Severity::kError);
  const std::size_t warnings = workspace->Count(Severity::kWarning);
  if (options.json) {
    PrintJson(Object{{"valid", Value(errors == 0)},
                     {"errors", Value(errors)},
                     {"warnings", Value(warnings)},
                     {"issues", ToValue(workspace->issues)},
                     {"project", Value(workspace->definitions.project.key)},
                     {"contains", CountsOf(*workspace)}});
    return errors == 0 ? kPass : kProblem;
  }
  for (const PlacedIssue& placed : workspace->issues) std::cout << Describe(placed, Out()) << "\n";
  if (errors > 0) {
    std::cout << Out().Red("not valid") << "  " << options.folder << ": " << Plural(errors, "error") << ", "
              << Plural(warnings, "warning") << "\n";
    return kProblem;
  }
  std::cout << Out().Green("valid") << "  " << options.folder << ": " << Contents(*workspace);
  if (warnings > 0) std::cout << "; " << Plural(warnings, "warning");
  std::cout << "\n";
  return kPass;
}

}  // namespace guidon::cli
