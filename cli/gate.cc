// guidon gate: may this be released? One verdict, for people and as an exit code.
#include <iostream>

#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/workspace.h"

namespace guidon::cli {
int Gate(const GateOptions& options) {
  Result<Workspace> workspace = ReadWorkspace(options.workspace);
  if (!workspace) {
    Complain(workspace.error(), options.json);
    return kUsage;
  }
  const Project& project = workspace->definitions.project;
  if (!project.key.empty() && project.FindEnvironment(options.environment) == nullptr) {
    Complain(NoSuchEnvironment(project, options.environment), options.json);
    return kUsage;
  }
  const std::size_t errors = workspace->Count(Severity::kError);
  const std::size_t warnings = workspace->Count(Severity::kWarning);
  if (options.json) {
    PrintJson(Object{{"verdict", Value(errors == 0 ? "pass" : "fail")},
                     {"environment", Value(options.environment)},
                     {"errors", Value(errors)},
                     {"warnings", Value(warnings)},
                     {"findings", ToValue(workspace->issues)}});
    return errors == 0 ? kPass : kProblem;
  }
  std::cout << (errors == 0 ? Out().Green("PASS") : Out().Red("FAIL")) << "  " << options.environment << ": "
            << Plural(errors, "error") << ", " << Plural(warnings, "warning") << "\n";
  for (const PlacedIssue& placed : workspace->issues) std::cout << "  " << Describe(placed, Out()) << "\n";
  return errors == 0 ? kPass : kProblem;
}

}  // namespace guidon::cli
