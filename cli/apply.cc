// guidon apply DIR: brings a project to what a workspace says, as one change set and one revision.
//
// With --approved, what would alter a protected environment is done by the change request that does exactly the same
// and is approved. The workspace is sent all the same: so the server knows what was applied, which the next merge is
// held against, and refuses what the request did not do.
#include <iostream>

#include "cli/change_request.h"
#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "gate/approval_checks.h"

namespace guidon::cli {
namespace {

// A change request that was applied.
struct AppliedRequest {
  std::int64_t number = 0;
  Value revision;
  Array changes;
};

// Why the request that comes next to a plan is not applied, and what to do.
std::string WhyNot(const gate::MatchingRequest& match) {
  const std::string number = std::to_string(match.number);
  if (match.number == 0) {
    return "No change request does what the files change; `guidon apply DIR --request TITLE` opens one";
  }
  if (match.does_the_same()) {
    const std::string why = "Change request " + number + " does it and is " + match.state;
    if (match.state == "stale") return why + ": `guidon change rebase " + number + "`, and have it approved again";
    if (match.state != "scheduled") return why + ": have it approved";
    return why + " for " + match.apply_at + ": wait for that, or `guidon change apply " + number + "`";
  }
  std::string faults;
  for (const auto& [what, entities] :
       {std::pair("leaves out ", &match.left_out), std::pair("also alters ", &match.added),
        std::pair("does something else to ", &match.different)}) {
    if (!entities->empty()) faults += (faults.empty() ? "" : "; ") + (what + guidon::Joined(*entities));
  }
  return "No change request does what the files change. Change request " + number + ", which is " + match.state +
         ", comes next to it, but " + faults + ". `guidon apply DIR --request TITLE` opens one that does all of it";
}

// Has the request applied that does what the files would, where that takes approval; nothing in `done`: it does not. An
// exit code, with what is wrong said, is the end of it.
std::optional<int> ApplyApproved(const ApplyOptions& options, const Workspace& workspace,
                                 std::optional<AppliedRequest>& done) {
  const Result<ApiAnswer> plan =
      SendWorkspace(options.connection, workspace, {.dry_run = true, .prune = options.prune, .rulesets = true});
  if (!plan) return Explain(plan.error(), options.json);
  if (!plan->ok()) return Explain(*plan, options.json);
  // Conflicts, and what no request can do, are told by the write, which is refused for them.
  if (!TakesRequest(plan->body) || HasConflicts(plan->body)) return std::nullopt;
  const std::vector<std::string> guarded = TextsIn(plan->body, "takes_approval");
  const std::string& project = workspace.definitions.project.key;
  int exit_code = kPass;
  const std::optional<std::vector<Value>> requests =
      ReadLiveRequests(options.connection, project, guarded, options.json, exit_code);
  if (!requests) return exit_code;
  const gate::MatchingRequest match = gate::FindRequestFor(plan->body, *requests);
  if (!match.does_the_same() || match.state != "approved") {
    Complain(Error{ErrorCode::kConflict,
                   "this change would alter protected environments: " + guidon::Joined(guarded) +
                       "; nothing was written. " + WhyNot(match),
                   {}},
             options.json);
    return kProblem;
  }
  const Result<ApiAnswer> applied = ApplyRequest(options.connection, project, match.number);
  if (!applied) return Explain(applied.error(), options.json);
  if (!applied->ok()) return Explain(*applied, options.json);
  const Value* revision = applied->body.Find("revision");
  done = {match.number, revision == nullptr ? Value() : *revision, ListIn(plan->body, "changes")};
  if (options.json) return std::nullopt;
  PrintChanges(plan->body);
  std::cout << Out().Green("applied") << " change request " << match.number << " as revision " << ToJson(done->revision)
            << ", " << Plural(done->changes.size(), "change") << "\n";
  return std::nullopt;
}

// Both in one document.
void PrintBoth(Value answer, const AppliedRequest& done) {
  Array changes = done.changes;
  for (const Value& change : ListIn(answer, "changes")) changes.push_back(change);
  answer.MutableObject().Set("changes", Value(std::move(changes)));
  answer.MutableObject().Set("change_request", Value(done.number));
  PrintJson(answer);
}

// `was_done`: a change request has left nothing, as a rule.
void PrintApplied(const Value& answer, const Workspace& workspace, bool was_done) {
  const Value* revision = answer.Find("revision");
  const std::string number = revision == nullptr ? "" : ToJson(*revision);
  PrintChanges(answer);
  PrintWarnings(answer, workspace);
  const std::size_t count = CountOfChanges(answer);
  if (answer.Find("replayed") != nullptr) {
    std::cout << Out().Green("applied") << " as revision " << number << "\n";
  } else if (count > 0) {
    std::cout << Out().Green("applied") << " as revision " << number << ", " << Plural(count, "change") << "\n";
  } else if (!was_done) {
    std::cout << "nothing to change: the project is as the workspace says (revision " << number << ")\n";
  }
}

}  // namespace

int Apply(const ApplyOptions& options) {
  int exit_code = kPass;
  const std::optional<Workspace> workspace = ReadValidWorkspace(options.folder, options.json, exit_code);
  if (!workspace) return exit_code;
  if (!options.write.request.empty()) {
    Object body{{"workspace", EncodeWorkspace(workspace->definitions)}, {"prune", Value(options.prune)}};
    return OpenRequest(options.connection, workspace->definitions.project.key, options.write, std::move(body),
                       options.json);
  }
  std::optional<AppliedRequest> done;
  if (options.approved) {
    if (const std::optional<int> stop = ApplyApproved(options, *workspace, done)) return *stop;
  }
  Result<ApiAnswer> answer =
      SendWorkspace(options.connection, *workspace,
                    {.prune = options.prune, .comment = options.comment, .emergency = EmergencyQuery(options.write)});
  const bool conflicts = answer && HasConflicts(answer->body);
  if (done && (!answer || conflicts || !answer->ok())) {
    Complain("change request " + std::to_string(done->number) + " was applied as revision " + ToJson(done->revision) +
             ", and is not all that the files say; of the rest:");
  }
  if (!answer) return Explain(answer.error(), options.json);
  if (!answer->ok() && !conflicts) return Explain(*answer, options.json);
  if (options.json) {
    if (done && !conflicts) {
      PrintBoth(std::move(answer->body), *done);
    } else {
      PrintJson(answer->body);
    }
    return conflicts ? kProblem : kPass;
  }
  if (conflicts) {
    PrintConflicts(answer->body);
    return kProblem;
  }
  PrintApplied(answer->body, *workspace, done.has_value());
  return kPass;
}

}  // namespace guidon::cli
