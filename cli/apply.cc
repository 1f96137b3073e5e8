// guidon apply DIR: brings a project to what a workspace says, as one change set and one revision.
#include <iostream>

#include "cli/change_request.h"
#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"

namespace guidon::cli {

int Apply(const ApplyOptions& options) {
  int exit_code = kPass;
  const std::optional<Workspace> workspace = ReadValidWorkspace(options.folder, options.json, exit_code);
  if (!workspace) return exit_code;
  if (!options.write.request.empty()) {
    Object body{{"workspace", EncodeWorkspace(workspace->definitions)}, {"prune", Value(options.prune)}};
    return OpenRequest(options.connection, workspace->definitions.project.key, options.write, std::move(body),
                       options.json);
  }
  Result<ApiAnswer> answer =
      SendWorkspace(options.connection, *workspace,
                    {.prune = options.prune, .comment = options.comment, .emergency = EmergencyQuery(options.write)});
  if (!answer) return Explain(answer.error(), options.json);
  const bool conflicts = HasConflicts(answer->body);
  if (!answer->ok() && !conflicts) return Explain(*answer, options.json);
  if (options.json) {
    PrintJson(answer->body);
    return conflicts ? kProblem : kPass;
  }
  if (conflicts) {
    PrintConflicts(answer->body);
    return kProblem;
  }
  const Value* revision = answer->body.Find("revision");
  const std::string number = revision == nullptr ? "" : ToJson(*revision);
  PrintChanges(answer->body);
  PrintWarnings(answer->body, *workspace);
  const std::size_t count = CountOfChanges(answer->body);
  if (answer->body.Find("replayed") != nullptr) {
    std::cout << Out().Green("applied") << " as revision " << number << "\n";
  } else if (count == 0) {
    std::cout << "nothing to change: the project is as the workspace says (revision " << number << ")\n";
  } else {
    std::cout << Out().Green("applied") << " as revision " << number << ", " << Plural(count, "change") << "\n";
  }
  return kPass;
}

}  // namespace guidon::cli
