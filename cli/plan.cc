// guidon plan DIR: what `apply` would change, and for whom. Writes nothing.
#include <iostream>

#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace guidon::cli {

int Plan(const PlanOptions& options) {
  int exit_code = kPass;
  const std::optional<Workspace> workspace = ReadValidWorkspace(options.folder, options.json, exit_code);
  if (!workspace) return exit_code;
  Result<ApiAnswer> answer = SendWorkspace(options.connection, *workspace, {.dry_run = true, .prune = options.prune});
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok()) return Explain(*answer, options.json);
  const bool conflicts = HasConflicts(answer->body);
  if (options.json) {
    PrintJson(answer->body);
    return conflicts ? kProblem : kPass;
  }
  PrintChanges(answer->body);
  if (conflicts) {
    PrintConflicts(answer->body);
    return kProblem;
  }
  const std::string summary = SummaryOf(answer->body);
  if (summary.empty()) {
    std::cout << "nothing to change: the project is as the workspace says\n";
  } else {
    std::cout << summary << "; nothing was written. To do it: guidon apply " << options.folder
              << (options.prune ? " --prune" : "") << "\n";
  }
  return kPass;
}

}  // namespace guidon::cli
