// guidon change …: change requests, from opening one to its being applied. guidon comment: what people say of a flag.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/api_client.h"
#include "cli/change_request.h"
#include "cli/change_set.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/base/json.h"
#include "core/base/json_record.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kMostFileBytes = 1u << 20;
constexpr std::size_t kPage = 500;
constexpr std::size_t kTableWidth = 80;

std::string RequestsPath(const std::string& project) {
  return ProjectPath(project) + "/change-requests";
}

std::string PathOf(const ChangeOptions& options, const std::string& project) {
  return RequestsPath(project) + "/" + std::to_string(options.number);
}

// "2027-03-31T08:00:00.000Z" -> "2027-03-31 08:00"
std::string ShortTime(const std::string& time) {
  return time.size() < 16 ? time : time.substr(0, 10) + " " + time.substr(11, 5);
}

// Of one of a request that is not closed: whether who gave it may still approve.
bool Counts(const Value& approval) {
  const Value* counts = approval.Find("counts");
  return counts == nullptr || counts->AsBool();
}

// "1/2"
std::string ApprovalsOf(const Value& request) {
  const Array& approvals = ListIn(request, "approvals");
  return std::to_string(std::count_if(approvals.begin(), approvals.end(), Counts)) + "/" +
         Text(request, "required_approvals");
}

// "approved change request 12: applied as revision 20"; what can be done next.
void Say(const std::string& what, const Value& request) {
  const std::string number = Text(request, "number"), state = Text(request, "state");
  std::cout << Out().Green(what) << " change request " << number << " (" << state << ", " << ApprovalsOf(request)
            << (Text(request, "required_approvals") == "1" ? " approval)" : " approvals)") << "\n";
  if (state == "open") {
    std::cout << "Somebody else approves it: guidon change approve " << number << "\n";
  } else if (state == "approved") {
    std::cout << "To apply it: guidon change apply " << number << "\n";
  } else if (state == "scheduled") {
    std::cout << "The server applies it at " << Text(request, "apply_at") << "\n";
  }
}

int Report(const Result<ApiAnswer>& answer, const std::string& what, bool json) {
  if (!answer) return Explain(answer.error(), json);
  if (!answer->ok()) return Explain(*answer, json);
  if (json) {
    PrintJson(answer->body);
  } else {
    Say(what, answer->body);
  }
  return kPass;
}

int Open(const ChangeOptions& options, const std::string& project) {
  const Result<std::string> text = ReadFile(options.file, kMostFileBytes);
  if (!text) return Explain(text.error(), options.json);
  Result<Value> document = ParseJson(*text);
  if (document && !document->is_object()) document = Fail(ErrorCode::kInvalid, "expected an object with 'changes'");
  if (!document) {
    return Explain(Error{ErrorCode::kInvalid, options.file + ": " + document.error().message, {}}, options.json);
  }
  return OpenRequest(options.connection, project, options.write, document->MutableObject(), options.json);
}

int List(const ChangeOptions& options, const std::string& project) {
  Array requests;
  std::string cursor;
  while (true) {
    Result<ApiAnswer> answer = Ask(options.connection, "GET",
                                   RequestsPath(project) + "?limit=" + std::to_string(kPage) +
                                       (options.state == "all" ? "" : "&state=" + Escape(options.state)) + cursor);
    if (!answer) return Explain(answer.error(), options.json);
    if (!answer->ok()) return Explain(*answer, options.json);
    for (const Value& request : ListIn(answer->body, "change_requests")) requests.push_back(request);
    const Value* next = answer->body.Find("next");
    if (next == nullptr) break;
    cursor = "&cursor=" + ToJson(*next);
  }
  if (options.json) {
    PrintJson(Object{{"change_requests", Value(std::move(requests))}});
    return kPass;
  }
  if (requests.empty()) {
    std::cout << "no such change requests; open one with: guidon apply DIR --request TITLE\n";
    return kPass;
  }
  constexpr std::size_t kEnvironments = 20, kBeforeTitle = 6 + 2 + 9 + 2 + 9 + 2 + kEnvironments + 2;
  std::cout << Out().Bold("NUMBER  STATE      APPROVALS  " + Padded("ENVIRONMENTS", kEnvironments) + "  TITLE") << "\n";
  for (const Value& request : requests) {
    const std::string number = Text(request, "number");
    std::cout << std::string(6 - std::min<std::size_t>(6, number.size()), ' ') << number << "  "
              << Padded(Text(request, "state"), 9) << "  " << Padded(ApprovalsOf(request), 9) << "  "
              << Padded(Cut(Joined(request, "environments"), kEnvironments), kEnvironments) << "  "
              << Cut(Text(request, "title"), kTableWidth - kBeforeTitle) << "\n";
  }
  return kPass;
}

void PrintComments(const Value& answer) {
  for (const Value& comment : ListIn(answer, "comments")) {
    std::cout << "  " << Text(comment, "number") << "  " << ShortTime(Text(comment, "at")) << "  "
              << Out().Bold(Text(comment, "person")) << "\n"
              << Wrapped(Text(comment, "text"), 6) << "\n";
  }
}

void PrintRequest(const Value& request) {
  const std::string number = Text(request, "number");
  std::cout << "change request " << Out().Bold(number) << ": " << Text(request, "title") << "\n";
  std::cout << "  " << Text(request, "state") << ", " << ApprovalsOf(request) << " approvals, version "
            << Text(request, "version") << "\n";
  std::cout << "  by " << Joined(request, "authors") << ", " << ShortTime(Text(request, "created")) << "\n";
  if (!Joined(request, "environments").empty()) std::cout << "  alters " << Joined(request, "environments") << "\n";
  for (const Value& approval : ListIn(request, "approvals")) {
    std::cout << "  approved by " << Text(approval, "person") << ", " << ShortTime(Text(approval, "at"))
              << (Counts(approval) ? "" : ", who may not approve it any more: this does not count") << "\n";
  }
  if (const std::string at = Text(request, "apply_at"); !at.empty() && Text(request, "closed").empty())
    std::cout << "  applied by the server at " << at << "\n";
  if (const Value* by = request.Find("stale_by")) {
    const std::string revision = Text(*by, "revision");
    std::cout << "  " << Out().Red("stale") << ": " << Text(*by, "kind") << " " << Text(*by, "key")
              << (revision.empty() ? " was removed" : " changed in revision " + revision)
              << "; to look anew: guidon change rebase " << number << "\n";
  }
  if (const std::string closed = Text(request, "closed"); !closed.empty()) {
    std::cout << "  " << Text(request, "state") << " by " << Text(request, "closed_by") << ", " << ShortTime(closed)
              << ", in revision " << Text(request, "revision") << "\n";
  }
  if (const std::string reason = Text(request, "reason"); !reason.empty()) {
    std::cout << Wrapped("because: " + reason, 2) << "\n";
  }
  if (const std::string text = Text(request, "description"); !text.empty()) std::cout << Wrapped(text, 2) << "\n";
  if (const Value* plan = request.Find("plan")) {
    PrintChanges(*plan);
  } else if (const std::string fault = Text(request, "fault"); !fault.empty()) {
    std::cout << Wrapped("as things are, it cannot be applied: " + fault, 2) << "\n";
  }
}

int Show(const ChangeOptions& options, const std::string& project) {
  Result<ApiAnswer> request = Ask(options.connection, "GET", PathOf(options, project));
  if (!request) return Explain(request.error(), options.json);
  if (!request->ok()) return Explain(*request, options.json);
  Result<ApiAnswer> comments = Ask(options.connection, "GET", PathOf(options, project) + "/comments");
  if (!comments) return Explain(comments.error(), options.json);
  if (!comments->ok()) return Explain(*comments, options.json);
  if (options.json) {
    if (const Value* list = comments->body.Find("comments")) request->body.MutableObject().Append("comments", *list);
    PrintJson(request->body);
    return kPass;
  }
  PrintRequest(request->body);
  PrintComments(comments->body);
  return kPass;
}

bool IsConfirmed(const std::string& question) {
  std::cout << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// What is approved is what was looked at: the version that is named, or that somebody at a terminal is shown.
int Approve(const ChangeOptions& options, const std::string& project) {
  std::uint64_t version = options.version;
  if (version == 0) {
    const std::string number = std::to_string(options.number);
    if (options.json || isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
      return Explain(
          Error{ErrorCode::kInvalid,
                "nobody has said which version of change request " + number +
                    " they looked at; approve it with --version N, which 'guidon change show " + number + "' prints",
                {}},
          options.json);
    }
    Result<ApiAnswer> request = Ask(options.connection, "GET", PathOf(options, project));
    if (!request) return Explain(request.error(), options.json);
    if (!request->ok()) return Explain(*request, options.json);
    PrintRequest(request->body);
    const Value* held = request->body.Find("version");
    version = held == nullptr ? 1 : static_cast<std::uint64_t>(held->AsInt());
    if (!IsConfirmed("Approve version " + std::to_string(version) + "?")) {
      std::cout << "not approved\n";
      return kProblem;
    }
  }
  Object body{{"version", Value(version)}};
  if (!options.text.empty()) body.Append("comment", Value(options.text));
  return Report(Ask(options.connection, "POST", PathOf(options, project) + "/approve", Value(std::move(body))),
                "approved", options.json);
}

int AddOrListComments(const Connection& connection, const std::string& path, const std::string& text,
                      std::uint64_t remove, bool json) {
  Result<ApiAnswer> answer = remove > 0     ? Ask(connection, "DELETE", path + "/" + std::to_string(remove))
                             : text.empty() ? Ask(connection, "GET", path)
                                            : Ask(connection, "POST", path, Value(Object{{"text", Value(text)}}));
  if (!answer) return Explain(answer.error(), json);
  if (!answer->ok()) return Explain(*answer, json);
  if (json) {
    PrintJson(answer->body);
  } else if (remove > 0) {
    std::cout << "removed comment " << remove << "\n";
  } else if (!text.empty()) {
    std::cout << "comment " << Text(answer->body, "number") << "\n";
  } else if (ListIn(answer->body, "comments").empty()) {
    std::cout << "no comments\n";
  } else {
    PrintComments(answer->body);
  }
  return kPass;
}

}  // namespace

std::string EmergencyQuery(const WriteOptions& write) {
  return write.emergency ? "?emergency=" + Escape(write.reason) : std::string();
}

int OpenRequest(const Connection& connection, const std::string& project, const WriteOptions& write, Object body,
                bool json) {
  body.Set("title", Value(write.request));
  if (!write.description.empty()) body.Set("description", Value(write.description));
  if (!write.at.empty()) body.Set("apply_at", Value(write.at));
  return Report(Ask(connection, "POST", RequestsPath(project), Value(std::move(body))), "opened", json);
}

std::optional<std::vector<Value>> ReadLiveRequests(const Connection& connection, const std::string& project,
                                                   const std::vector<std::string>& environments, AsJson json,
                                                   int& exit_code) {
  // 200 of a project are live at most.
  const Result<ApiAnswer> list = Ask(connection, "GET", RequestsPath(project) + "?state=live&limit=200");
  if (!list || !list->ok()) {
    exit_code = list ? Explain(*list, json) : Explain(list.error(), json);
    return std::nullopt;
  }
  std::vector<Value> requests;
  for (const Value& request : ListIn(list->body, "change_requests")) {
    const std::vector<std::string> altered = TextsIn(request, "environments");
    const bool is_of_them =
        std::find_first_of(altered.begin(), altered.end(), environments.begin(), environments.end()) != altered.end();
    const Value* number = request.Find("number");
    if (!is_of_them || number == nullptr) continue;
    Result<ApiAnswer> whole = Ask(connection, "GET", RequestsPath(project) + "/" + std::to_string(number->AsInt()));
    if (whole && whole->status == 404) continue;  // it has gone meanwhile
    if (!whole || !whole->ok()) {
      exit_code = whole ? Explain(*whole, json) : Explain(whole.error(), json);
      return std::nullopt;
    }
    requests.push_back(std::move(whole->body));
  }
  return requests;
}

Result<ApiAnswer> ApplyRequest(const Connection& connection, const std::string& project, std::int64_t number) {
  return Ask(connection, "POST", RequestsPath(project) + "/" + std::to_string(number) + "/apply");
}

int Change(const ChangeOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  const auto post = [&](const std::string& step, const Value& body = {}) {
    return Ask(options.connection, "POST", PathOf(options, *project) + "/" + step, body);
  };
  if (options.action == "open") return Open(options, *project);
  if (options.action == "list") return List(options, *project);
  if (options.action == "show") return Show(options, *project);
  if (options.action == "approve") return Approve(options, *project);
  if (options.action == "reject") {
    return Report(post("reject", Value(Object{{"reason", Value(options.write.reason)}})), "rejected", options.json);
  }
  if (options.action == "withdraw") return Report(post("withdraw"), "withdrew", options.json);
  if (options.action == "rebase") return Report(post("rebase"), "rebased", options.json);
  if (options.action == "apply") {
    return Report(post("apply" + EmergencyQuery(options.write)), "applied", options.json);
  }
  if (options.action == "schedule") {
    const Value at = options.write.at.empty() ? Value() : Value(options.write.at);
    return Report(post("schedule", Value(Object{{"apply_at", at}})), "scheduled", options.json);
  }
  return AddOrListComments(options.connection, PathOf(options, *project) + "/comments", options.text, options.remove,
                           options.json);
}

int Comment(const CommentOptions& options) {
  const Result<std::string> project = ResolveProject(options.connection, options.project);
  if (!project) return Explain(project.error(), options.json);
  return AddOrListComments(options.connection, ProjectPath(*project) + "/flags/" + Escape(options.flag) + "/comments",
                           options.text, options.remove, options.json);
}

}  // namespace guidon::cli
