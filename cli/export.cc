// guidon export: an environment's ruleset document, for bootstrap files, offline gates and other tools.
#include <fstream>
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/ruleset_source.h"
#include "cli/verbs.h"

namespace guidon::cli {

int Export(const ExportOptions& options) {
  std::string text;
  if (!options.workspace.empty()) {
    Result<Snapshot> snapshot = SnapshotOfWorkspace(options.workspace, options.environment);
    if (!snapshot) {
      Complain(snapshot.error().message);
      return snapshot.error().code == ErrorCode::kInvalid ? kProblem : kUsage;
    }
    text = EncodeSnapshot(*snapshot);
  } else {
    std::string path =
        "/api/v1/projects/" + Escape(options.project) + "/environments/" + Escape(options.environment) + "/snapshot";
    if (options.revision) path += "?revision=" + std::to_string(*options.revision);
    Result<ApiAnswer> answer = Ask(options.connection, "GET", path);
    if (!answer) return Explain(answer.error());
    if (!answer->ok()) return Explain(*answer);
    text = answer->text;
  }
  if (options.output.empty()) {
    std::cout << text << "\n";
    return kPass;
  }
  std::ofstream file(options.output, std::ios::binary | std::ios::trunc);
  file << text << "\n";
  file.close();
  if (!file) {
    Complain("cannot write " + options.output);
    return kUsage;
  }
  return kPass;
}

}  // namespace guidon::cli
