// guidon export: an environment's ruleset document, for bootstrap files, offline gates and other tools.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"
#include "workspace/file.h"

namespace guidon::cli {

int Export(const ExportOptions& options) {
  Result<std::string> text;
  if (!options.workspace.empty()) {
    Result<Snapshot> snapshot = SnapshotOfWorkspace(options.workspace, options.environment);
    if (!snapshot) return ExplainRefusal(snapshot.error(), options.json);
    text = EncodeSnapshot(*snapshot);
  } else {
    const Result<std::string> project = ResolveProject(options.connection, options.project);
    if (!project) return Explain(project.error(), options.json);
    std::string path = EnvironmentPath(*project, options.environment) + "/snapshot";
    if (options.revision) path += "?revision=" + std::to_string(*options.revision);
    Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
    if (!answer) return Explain(answer.error(), options.json);
    if (!answer->ok()) return Explain(*answer, options.json);
    text = std::move(answer->text);
  }
  // What is kept to be relied on later is looked at now, against its digest.
  Result<SnapshotDocument> document = DecodeSnapshot(*text);
  if (!document) {
    Complain({document.error().code, "this is no ruleset: " + document.error().message, {}}, options.json);
    return kProblem;
  }
  if (options.output.empty() || options.output == "-") {
    std::cout << *text << "\n";
    return kPass;
  }
  if (Status written = WriteFile(options.output, *text + "\n"); !written) {
    Complain(written.error(), options.json);
    return kUsage;
  }
  const Snapshot& snapshot = document->snapshot;
  std::cerr << "wrote " << options.output << ": " << Plural(snapshot.entities.flags.size(), "flag") << " of "
            << snapshot.environment << ", revision " << snapshot.revision << "\n";
  if (options.json) {
    PrintJson(Object{{"output", Value(options.output)},
                     {"project", Value(snapshot.project)},
                     {"environment", Value(snapshot.environment)},
                     {"revision", Value(snapshot.revision)},
                     {"flags", Value(snapshot.entities.flags.size())}});
  }
  return kPass;
}

}  // namespace guidon::cli
