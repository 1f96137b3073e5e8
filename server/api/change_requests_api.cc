// Change requests over HTTP (docs/change-requests.md).
#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::uint64_t kMostListed = 500;  // in one page

// The members of a body, each fault with its place.
class Fields {
 public:
  Fields(const Value& body, std::vector<std::string> names) : body_(body) {
    if (!body.is_object()) {
      issues_.push_back({Severity::kError, "wrong_type", Path(), "expected an object", "", ""});
      return;
    }
    for (const Member& member : body.AsObject()) {
      if (std::find(names.begin(), names.end(), member.name) != names.end()) continue;
      Fault(member.name, "unknown key '" + member.name + "'", DidYouMean(member.name, names));
    }
  }
  void Fault(std::string_view name, std::string message, std::string hint = "") {
    issues_.push_back({Severity::kError, "wrong_value", Path().Key(name), std::move(message), std::move(hint), ""});
  }
  std::optional<std::string> Text(std::string_view name, std::size_t most) {
    const Value* text = body_.Find(name);
    if (text == nullptr) return std::nullopt;
    if (text->is_string() && text->AsString().size() <= most) return text->AsString();
    Fault(name, "expected text of at most " + std::to_string(most) + " bytes");
    return std::nullopt;
  }
  std::string Required(std::string_view name, std::size_t most) {
    std::optional<std::string> text = Text(name, most);
    if (body_.Find(name) == nullptr || (text && text->empty())) Fault(name, "it is missing");
    return text.value_or("");
  }
  // Milliseconds since 1970; 0 for null.
  std::int64_t Time(std::string_view name) {
    const Value* text = body_.Find(name);
    if (text == nullptr || text->is_null()) return 0;
    const std::optional<std::int64_t> time = text->is_string() ? ParseTimestamp(text->AsString()) : std::nullopt;
    if (!time) Fault(name, "expected a time such as 2027-03-31T08:00:00Z");
    return time.value_or(0);
  }
  bool empty() const { return issues_.empty(); }
  Error ToError() { return InvalidError("the request cannot be read", std::move(issues_)); }

 private:
  const Value& body_;
  std::vector<Issue> issues_;
};

std::uint64_t NumberIn(const Call& call, std::string_view name) {
  const std::string_view text = call.request.Param(name);
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? number : 0;
}

Object EncodeRequestView(const ChangeRequests& requests, const ChangeRequest& request, const ProjectView* project) {
  Object object{{"number", Value(request.number)}, {"title", Value(request.title)}};
  const auto append = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) object.Append(name, Value(text));
  };
  append("description", request.description);
  object.Append("state", Value(ToString(requests.StateOf(request, project))));
  object.Append("authors", TextsOf(request.authors));
  object.Append("created", Value(FormatTimestamp(request.created_ms)));
  object.Append("version", Value(request.version));
  object.Append("base", Value(request.base));
  object.Append("environments", TextsOf(request.environments));
  object.Append("required_approvals", Value(RequiredApprovals(request, project)));
  Array approvals;
  for (const Approval& approval : request.approvals) {
    Object given{{"person", Value(approval.person)},
                 {"principal", Value(approval.principal)},
                 {"at", Value(FormatTimestamp(approval.at_ms))},
                 {"version", Value(approval.version)}};
    if (!IsClosed(request.closed)) given.Append("counts", requests.Counts(request, approval));
    approvals.emplace_back(std::move(given));
  }
  object.Append("approvals", Value(std::move(approvals)));
  if (request.apply_at_ms > 0) object.Append("apply_at", Value(FormatTimestamp(request.apply_at_ms)));
  append("scheduled_by", request.scheduled_by);
  if (IsClosed(request.closed)) {
    object.Append("closed", Value(FormatTimestamp(request.closed_ms)));
    append("closed_by", request.closed_by);
    append("reason", request.reason);
    object.Append("revision", Value(request.revision));
  } else if (const auto stale = StaleBy(request, project)) {
    Object by{{"kind", Value(ToString(stale->ref.kind))}, {"key", Value(stale->ref.key)}};
    if (stale->revision > 0) by.Append("revision", Value(stale->revision));
    object.Append("stale_by", Value(std::move(by)));
  }
  return object;
}

Value EncodeComment(const Comment& comment) {
  return Object{{"number", Value(comment.number)},
                {"person", Value(comment.person)},
                {"at", Value(FormatTimestamp(comment.at_ms))},
                {"text", Value(comment.text)}};
}

// Edits of "changes", as POST …/changes takes them.
Result<std::vector<Edit>> EditsOf(const Value& changes) {
  CommitRequest commit;
  if (Status read = ReadChanges(Object{{"changes", changes}}, commit); !read) return Fail(read.error());
  return std::move(commit.edits);
}

// It has no rights of its own when the time comes: its session is over within the hour.
void FaultTime(Fields& fields, std::int64_t apply_at_ms, const Principal& who) {
  if (apply_at_ms == 0 || who.id != kBreakGlass) return;
  fields.Fault("apply_at", "the break-glass admin cannot set a time: apply it now, or have a member or a key set it");
}

}  // namespace

http::Response Api::RequestResponse(const Call& call, int status, const Result<ChangeRequest>& request) const {
  if (!request) return ProblemResponse(request.error(), call.request.id);
  const auto view = parts_.catalog.View();
  Object body = EncodeRequestView(parts_.change_requests, *request, view->FindProject(request->project));
  body.Append("changes", EncodeEdits(request->edits));
  http::Response response = JsonResponse(status, Value(std::move(body)));
  if (status == 201) {
    response.Header("Location",
                    "/api/v1/projects/" + request->project + "/change-requests/" + std::to_string(request->number));
  }
  return response;
}

http::Response Api::ListChangeRequests(const Call& call) {
  const std::string project(call.request.Param("project"));
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + project + "'", {}}, call.request.id);
  }
  const std::string_view word = call.request.Query("state");
  const auto state = ChangeStateFromString(word);
  if (!word.empty() && !state && word != "live") {
    return BadRequest(call.request, {ErrorCode::kInvalid,
                                     "state is '" + std::string(word) +
                                         "'; expected live, open, approved, scheduled, stale, applied, rejected, "
                                         "withdrawn or failed",
                                     {}});
  }
  const Result<std::uint64_t> limit = ReadNumber(call.request, "limit", 100, 1, kMostListed);
  if (!limit) return BadRequest(call.request, limit.error());
  const Result<std::uint64_t> cursor = ReadNumber(call.request, "cursor", std::numeric_limits<std::int64_t>::max(), 1,
                                                  std::numeric_limits<std::int64_t>::max());
  if (!cursor) return BadRequest(call.request, cursor.error());
  Array requests;
  std::optional<std::uint64_t> next;
  for (const ChangeRequest& request : parts_.change_requests.List(project)) {
    if (request.number > *cursor) continue;
    const ChangeState now = parts_.change_requests.StateOf(request, held);
    if (state ? now != *state : word == "live" && IsClosed(now)) continue;
    if (requests.size() == *limit) {
      next = request.number;
      break;
    }
    requests.emplace_back(EncodeRequestView(parts_.change_requests, request, held));
  }
  Object body{{"change_requests", Value(std::move(requests))}};
  if (next) body.Append("next", Value(*next));
  return JsonResponse(200, Value(std::move(body)));
}

http::Response Api::OpenChangeRequest(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Fields fields(*body, {"title", "description", "changes", "workspace", "prune", "apply_at"});
  NewChangeRequest request;
  request.project = call.request.Param("project");
  request.title = fields.Required("title", kMaxTitleBytes);
  request.description = fields.Text("description", kMaxRequestTextBytes).value_or("");
  request.apply_at_ms = fields.Time("apply_at");
  request.rights = PermitTo(Verb::kWrite, call.who, request.project, Guard::kApproved);
  const Value *changes = body->Find("changes"), *workspace = body->Find("workspace");
  if ((changes == nullptr) == (workspace == nullptr)) {
    fields.Fault("changes", "expected either 'changes', or 'workspace' with all definitions");
  }
  FaultTime(fields, request.apply_at_ms, call.who);
  if (!fields.empty()) return ProblemResponse(fields.ToError(), call.request.id);
  if (parts_.catalog.View()->FindProject(request.project) == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + request.project + "'", {}},
                           call.request.id);
  }
  Result<std::vector<Edit>> edits = changes != nullptr ? EditsOf(*changes) : EditsOfWorkspace(*body, request.project);
  if (!edits) return ProblemResponse(edits.error(), call.request.id);
  request.edits = *std::move(edits);
  return RequestResponse(call, 201, parts_.change_requests.Open(request, AuthorOf(call)));
}

// What applying it would do, as edits of definitions.
Result<std::vector<Edit>> Api::EditsOfWorkspace(const Value& body, const std::string& project) {
  Object document{{"workspace", *body.Find("workspace")}};
  if (const Value* prune = body.Find("prune")) document.Append("prune", *prune);
  Result<WorkspaceRequest> request = ReadWorkspace(Value(std::move(document)), project);
  if (!request) return Fail(request.error());
  request->dry_run = true;
  Result<WorkspacePlan> plan = parts_.catalog.ApplyWorkspace(*request);
  if (!plan) return Fail(plan.error());
  if (!plan->conflicts.empty()) {
    const PlanConflict& first = plan->conflicts.front();
    return Fail(ErrorCode::kConflict, "the workspace and the server both changed " + first.kind + " " + first.key +
                                          " at " + first.path + "; `guidon plan` shows where");
  }
  if (plan->changes_project) {
    return Fail(ErrorCode::kInvalid,
                "the workspace changes the project itself (its description or environments), which a change request "
                "cannot; change that first");
  }
  if (plan->edits.empty()) return Fail(ErrorCode::kInvalid, "there is nothing to change: the project is as it says");
  return std::move(plan->edits);
}

http::Response Api::GetChangeRequest(const Call& call) {
  const Result<ChangeRequest> request =
      parts_.change_requests.Find(std::string(call.request.Param("project")), NumberIn(call, "id"));
  if (!request) return ProblemResponse(request.error(), call.request.id);
  const auto view = parts_.catalog.View();
  Object body = EncodeRequestView(parts_.change_requests, *request, view->FindProject(request->project));
  body.Append("changes", EncodeEdits(request->edits));
  if (!IsClosed(request->closed)) {
    const Result<Committed> planned = parts_.change_requests.Plan(*request);
    if (planned) {
      WorkspacePlan plan;
      plan.changes = planned->changes;
      plan.warnings = planned->warnings;
      body.Append("plan", Value(EncodePlan(plan)));
    } else {
      body.Append("fault", Value(planned.error().message));
    }
  }
  return JsonResponse(200, Value(std::move(body)));
}

http::Response Api::ChangeChangeRequest(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Fields fields(*body, {"title", "description", "changes"});
  ChangeRequestEdit edit;
  edit.title = fields.Text("title", kMaxTitleBytes);
  edit.description = fields.Text("description", kMaxRequestTextBytes);
  if (!fields.empty()) return ProblemResponse(fields.ToError(), call.request.id);
  if (const Value* changes = body->Find("changes")) {
    Result<std::vector<Edit>> edits = EditsOf(*changes);
    if (!edits) return ProblemResponse(edits.error(), call.request.id);
    edit.edits = *std::move(edits);
  }
  return RequestResponse(call, 200,
                         parts_.change_requests.Change(std::string(call.request.Param("project")), NumberIn(call, "id"),
                                                       edit, AuthorOf(call)));
}

http::Response Api::ApproveChangeRequest(const Call& call) {
  if (call.who.id == kBreakGlass) {
    return ProblemResponse({ErrorCode::kPermissionDenied,
                            "the break-glass admin cannot approve: an approval counts for as long as who gave it may "
                            "approve; in an emergency, apply the request with a reason (--emergency)",
                            {}},
                           call.request.id);
  }
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Fields fields(*body, {"version", "comment"});
  const Value* version = body->Find("version");
  if (version == nullptr || !version->is_int() || version->AsInt() < 1 ||
      version->AsInt() > std::numeric_limits<std::int32_t>::max()) {
    fields.Fault("version", "expected the version that you have seen, a whole number from 1");
  }
  Author author = AuthorOf(call);
  author.comment = fields.Text("comment", kMaxRequestTextBytes).value_or("");
  if (!fields.empty()) return ProblemResponse(fields.ToError(), call.request.id);
  const std::string project(call.request.Param("project"));
  return RequestResponse(
      call, 200,
      parts_.change_requests.Approve(project, NumberIn(call, "id"), static_cast<std::uint32_t>(version->AsInt()),
                                     author, PermitTo(Verb::kApprove, call.who, project, Guard::kApproved)));
}

http::Response Api::RejectChangeRequest(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Fields fields(*body, {"reason"});
  const std::string reason = fields.Required("reason", kMaxRequestTextBytes);
  if (!fields.empty()) return ProblemResponse(fields.ToError(), call.request.id);
  const std::string project(call.request.Param("project"));
  return RequestResponse(call, 200,
                         parts_.change_requests.Reject(project, NumberIn(call, "id"), reason, AuthorOf(call),
                                                       PermitTo(Verb::kApprove, call.who, project, Guard::kApproved)));
}

http::Response Api::WithdrawChangeRequest(const Call& call) {
  const std::string project(call.request.Param("project"));
  const bool manages = Authorize(call.who, Verb::kManage, {project, ""}).has_value();
  return RequestResponse(call, 200,
                         parts_.change_requests.Withdraw(project, NumberIn(call, "id"), AuthorOf(call), manages));
}

http::Response Api::RebaseChangeRequest(const Call& call) {
  const std::string project(call.request.Param("project"));
  return RequestResponse(call, 200,
                         parts_.change_requests.Rebase(project, NumberIn(call, "id"), AuthorOf(call),
                                                       PermitTo(Verb::kWrite, call.who, project, Guard::kApproved)));
}

http::Response Api::ScheduleChangeRequest(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Fields fields(*body, {"apply_at"});
  const std::int64_t apply_at_ms = fields.Time("apply_at");
  if (body->is_object() && body->Find("apply_at") == nullptr) fields.Fault("apply_at", "expected a time, or null");
  FaultTime(fields, apply_at_ms, call.who);
  if (!fields.empty()) return ProblemResponse(fields.ToError(), call.request.id);
  const std::string project(call.request.Param("project"));
  return RequestResponse(call, 200,
                         parts_.change_requests.Schedule(project, NumberIn(call, "id"), apply_at_ms, AuthorOf(call),
                                                         PermitTo(Verb::kWrite, call.who, project, Guard::kApproved)));
}

http::Response Api::ApplyChangeRequest(const Call& call) {
  const Result<std::string> emergency = ReadEmergency(call.request);
  if (!emergency) return BadRequest(call.request, emergency.error());
  const std::string project(call.request.Param("project"));
  Author author = AuthorOf(call);
  author.emergency = *emergency;
  return RequestResponse(
      call, 200,
      parts_.change_requests.Apply(
          project, NumberIn(call, "id"), author,
          [&, unapproved = PermitTo(Verb::kWrite, call.who, project, Guard::kApproved),
           in_emergency = PermitTo(Verb::kWrite, call.who, project, Guard::kOverride)](const Alteration& alteration) {
            return emergency->empty() ? unapproved(alteration) : in_emergency(alteration);
          }));
}

// ---- Comments ----------------------------------------------------------------------------------------------------

// That what is commented on is there.
Result<CommentSubject> Api::SubjectOf(const Call& call) const {
  const std::string project(call.request.Param("project"));
  if (call.request.Param("key").empty()) {
    const std::uint64_t number = NumberIn(call, "id");
    if (const Result<ChangeRequest> held = parts_.change_requests.Find(project, number); !held) {
      return Fail(held.error());
    }
    return CommentSubject{project, "change_request", std::to_string(number)};
  }
  const std::string key(call.request.Param("key"));
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr || !held->revisions.contains({EntityKind::kFlag, key})) {
    return Fail(ErrorCode::kNotFound, "there is no flag '" + key + "' in project '" + project + "'");
  }
  return CommentSubject{project, "flag", key};
}

http::Response Api::ListComments(const Call& call) {
  const Result<CommentSubject> subject = SubjectOf(call);
  if (!subject) return ProblemResponse(subject.error(), call.request.id);
  const Result<std::vector<Comment>> comments = parts_.comments.List(*subject);
  if (!comments) return ProblemResponse(comments.error(), call.request.id);
  Array list;
  for (const Comment& comment : *comments) list.push_back(EncodeComment(comment));
  return JsonResponse(200, Object{{"comments", Value(std::move(list))}});
}

http::Response Api::AddComment(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Fields fields(*body, {"text"});
  const std::string text = fields.Required("text", kMaxCommentTextBytes);
  if (!fields.empty()) return ProblemResponse(fields.ToError(), call.request.id);
  const Result<CommentSubject> subject = SubjectOf(call);
  if (!subject) return ProblemResponse(subject.error(), call.request.id);
  const Result<Comment> comment = parts_.comments.Add(*subject, text, AuthorOf(call));
  if (!comment) return ProblemResponse(comment.error(), call.request.id);
  return JsonResponse(201, EncodeComment(*comment));
}

http::Response Api::RemoveComment(const Call& call) {
  const Result<CommentSubject> subject = SubjectOf(call);
  if (!subject) return ProblemResponse(subject.error(), call.request.id);
  const std::uint64_t number = NumberIn(call, "comment");
  if (Status removed = parts_.comments.Remove(*subject, number, AuthorOf(call)); !removed) {
    return ProblemResponse(removed.error(), call.request.id);
  }
  return JsonResponse(200, Object{{"removed", Value(number)}});
}

}  // namespace guidon
