// guidon plan DIR and guidon apply DIR: bring a project to what a workspace says, as one change set.
#include <iostream>

#include "cli/api_client.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/workspace.h"
#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon::cli {
namespace {

template <typename Records, typename Encode>
Value ListOf(const Records& records, Encode encode) {
  Array list;
  for (const auto& record : records) list.push_back(encode(record.definition));
  return list;
}

Value EncodeWorkspace(const Definitions& definitions) {
  const EntitySet& all = definitions.entities;
  return Object{{"project", EncodeProject(definitions.project)},
                {"flags", ListOf(all.flags, EncodeFlag)},
                {"segments", ListOf(all.segments, EncodeSegment)},
                {"metrics", ListOf(all.metrics, EncodeMetric)},
                {"layers", ListOf(all.layers, EncodeLayer)},
                {"holdouts", ListOf(all.holdouts, EncodeHoldout)},
                {"experiments", ListOf(all.experiments, EncodeExperiment)}};
}

std::string TextOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  if (member == nullptr || member->is_null()) return "";
  return member->is_string() ? member->AsString() : ToJson(*member);
}

std::string Mark(const std::string& action) {
  if (action == "create") return Green("+");
  if (action == "archive" || action == "remove") return Red("-");
  return Yellow("~");
}

void PrintChange(const Value& change) {
  std::string environments;
  if (const Value* names = change.Find("environments")) {
    for (const Value& name : names->AsArray()) environments += (environments.empty() ? "" : ", ") + name.AsString();
  }
  std::cout << "  " << Mark(TextOf(change, "action")) << " " << TextOf(change, "kind") << " "
            << Bold(TextOf(change, "key"));
  if (!environments.empty()) std::cout << " (" << environments << ")";
  std::cout << "\n";
  if (const Value* lines = change.Find("summary")) {
    for (const Value& line : lines->AsArray()) std::cout << "      " << line.AsString() << "\n";
  }
}

void PrintConflicts(const Value& conflicts) {
  for (const Value& conflict : conflicts.AsArray()) {
    std::cout << "  " << Red("!") << " " << TextOf(conflict, "kind") << " " << TextOf(conflict, "key") << ": "
              << TextOf(conflict, "path") << "\n      last applied  " << TextOf(conflict, "base")
              << "\n      on the server " << TextOf(conflict, "theirs") << "\n      in the files  "
              << TextOf(conflict, "ours") << "\n";
  }
}

int PrintOutcome(const ApplyOptions& options, const ApiAnswer& answer) {
  const Value* conflicts = answer.body.Find("conflicts");
  const bool conflicting = conflicts != nullptr && !conflicts->AsArray().empty();
  if (options.json) {
    std::cout << answer.text << "\n";
    return conflicting || !answer.ok() ? kProblem : kPass;
  }
  if (conflicting) {
    std::cout << Red("conflict") << "  changed on the server since it was last applied, and here:\n";
    PrintConflicts(*conflicts);
    std::cout << "Nothing was written. Take the server's values into the files, or change them there.\n";
    return kProblem;
  }
  if (!answer.ok()) return Explain(answer);
  const Value* changes = answer.body.Find("changes");
  const std::size_t count = changes == nullptr ? 0 : changes->AsArray().size();
  if (count > 0) {
    for (const Value& change : changes->AsArray()) PrintChange(change);
  }
  if (options.dry_run) {
    std::cout << (count == 0 ? "nothing to change" : Plural(count, "change") + "; nothing was written") << "\n";
  } else if (count == 0) {
    std::cout << "nothing to change\n";
  } else {
    std::cout << Green("applied") << " as revision " << TextOf(answer.body, "revision") << ", "
              << Plural(count, "change") << "\n";
  }
  return kPass;
}

}  // namespace

int Apply(const ApplyOptions& options) {
  Result<Workspace> workspace = ReadWorkspace(options.folder);
  if (!workspace) {
    Complain(workspace.error().message);
    return kUsage;
  }
  if (workspace->HasErrors()) {
    for (const PlacedIssue& placed : workspace->issues) std::cerr << Describe(placed) << "\n";
    Complain("the workspace is not valid; nothing was sent");
    return kProblem;
  }
  Object body{{"workspace", EncodeWorkspace(workspace->definitions)}, {"prune", Value(options.prune)}};
  if (!options.comment.empty()) body.Append("comment", Value(options.comment));
  const std::string path = "/api/v1/projects/" + Escape(workspace->definitions.project.key) + "/apply" +
                           (options.dry_run ? "?dry_run=true" : "");
  Result<ApiAnswer> answer = Ask(options.connection, "POST", path, Value(std::move(body)));
  if (!answer) return Explain(answer.error());
  return PrintOutcome(options, *answer);
}

}  // namespace guidon::cli
