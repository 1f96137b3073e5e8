// Projects, environments and definitions over HTTP.
#include <charconv>
#include <utility>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "server/api/api.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

Value EncodeEnvironmentView(const EnvironmentDefinition& environment, Revision revision) {
  Object object{{"environment", Value(environment.key)}};
  if (environment.is_protected) {
    object.Append("protected", true);
    object.Append("required_approvals", environment.required_approvals);
  }
  if (!environment.description.empty()) object.Append("description", Value(environment.description));
  object.Append("revision", revision);
  return object;
}

Value EncodeProjectView(const ProjectView& view) {
  Value value = EncodeProject(view.definitions.project);
  value.MutableObject().Set("revision", view.revision);
  return value;
}

Value EncodeEntityView(const EntityRecord& record, Revision revision) {
  const EntityRef ref = RefOf(record);
  Value encoded = EncodeRecord(record);
  Object object{{"kind", Value(ToString(ref.kind))}, {"key", Value(ref.key)}, {"revision", Value(revision)}};
  if (const Value* definition = encoded.Find("definition")) object.Append("definition", *definition);
  if (const Value* state = encoded.Find("state"); state != nullptr && !state->AsObject().empty()) {
    object.Append("state", *state);
  }
  return object;
}

// Who changes a project or an environment, and what of that takes more than the address asks.
struct Manager {
  Author author;
  Permit permit;
};

// kInvalid: the emergency has no reason, or too long a one.
Result<Manager> ReadManager(const Call& call) {
  const Result<std::string> emergency = ReadEmergency(call.request);
  if (!emergency) return Fail(emergency.error());
  Manager manager{AuthorOf(call), PermitToManage(call.who, std::string(call.request.Param("project")),
                                                 emergency->empty() ? Guard::kRefused : Guard::kOverride)};
  manager.author.emergency = *emergency;
  return manager;
}

// What every answer to a change says beside its document.
http::Response Answer(http::Response response, const Committed& committed) {
  if (committed.replayed) response.Header("Idempotency-Replayed", "true");
  return response;
}

http::Response CommittedResponse(const Committed& committed) {
  Object body{{"revision", Value(committed.revision)}};
  if (!committed.warnings.empty()) body.Append("warnings", EncodeIssues(committed.warnings));
  return Answer(JsonResponse(200, Value(std::move(body))), committed);
}

// Answers describe what was committed, not what has become of it since: an ETag that somebody else's change gave must
// never be taken for one's own.
http::Response ProjectResponse(const Committed& committed) {
  if (!committed.project) return CommittedResponse(committed);
  http::Response response = Tagged(JsonResponse(committed.created ? 201 : 200, EncodeProjectView(*committed.project)),
                                   committed.project->revision);
  if (committed.created) response.Header("Location", "/api/v1/projects/" + committed.project->definitions.project.key);
  return Answer(std::move(response), committed);
}

http::Response EnvironmentResponse(const Committed& committed, std::string_view name) {
  const EnvironmentDefinition* held =
      committed.project ? committed.project->definitions.project.FindEnvironment(name) : nullptr;
  if (held == nullptr) return CommittedResponse(committed);
  const Revision revision = committed.project->revision;
  return Answer(Tagged(JsonResponse(committed.created ? 201 : 200, EncodeEnvironmentView(*held, revision)), revision),
                committed);
}

http::Response EntityResponse(const Committed& committed, const EntityRef& ref) {
  const auto record = committed.project ? committed.project->definitions.entities.Find(ref) : std::nullopt;
  if (!record) return CommittedResponse(committed);
  const Revision revision = committed.project->revisions.at(ref);
  Value body = EncodeEntityView(*record, revision);
  if (!committed.warnings.empty()) body.MutableObject().Append("warnings", EncodeIssues(committed.warnings));
  return Answer(Tagged(JsonResponse(committed.created ? 201 : 200, body), revision), committed);
}

Error NoSuchProject(std::string_view key) {
  return {ErrorCode::kNotFound, "there is no project '" + std::string(key) + "'", {}};
}

Error KeyInTheWay(const KeyRecord& record, const std::string& of) {
  return {ErrorCode::kConflict, "key " + record.id + " of " + of + " is still valid; revoke it first", {}};
}

}  // namespace

http::Response Api::ListProjects(const Call& call) {
  Array projects;
  const auto view = parts_.catalog.View();
  for (const auto& [key, project] : view->projects) {
    // A key of one project sees that one.
    if (Authorize(call.who, Verb::kRead, {key, "", true})) projects.push_back(EncodeProjectView(*project));
  }
  return JsonResponse(200, Object{{"projects", Value(std::move(projects))}, {"revision", Value(view->revision)}});
}

http::Response Api::CreateProject(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Project> project = DecodeProject(*body);
  if (!project) return ProblemResponse(project.error(), call.request.id);
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  conditions->condition.must_be_new = true;
  Result<Committed> committed =
      parts_.catalog.PutProject(*project, conditions->condition, AuthorOf(call), conditions->idempotency);
  // That it is new is what POST means, and nothing that the caller had to say: 409.
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  return ProjectResponse(*committed);
}

http::Response Api::GetProject(const Call& call) {
  const auto view = parts_.catalog.View();
  const ProjectView* project = view->FindProject(call.request.Param("project"));
  if (project == nullptr) return ProblemResponse(NoSuchProject(call.request.Param("project")), call.request.id);
  return Tagged(JsonResponse(200, EncodeProjectView(*project)), project->revision);
}

http::Response Api::ReplaceProject(const Call& call) {
  const std::string key(call.request.Param("project"));
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Project> project = DecodeProject(*body);
  if (!project) return ProblemResponse(project.error(), call.request.id);
  if (project->key != key) {
    return ProblemResponse(
        {ErrorCode::kInvalid,
         "the body is about project '" + project->key + "', the address about '" + key + "'; keys are immutable",
         {}},
        call.request.id);
  }
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  MutexLock lock(keys_);
  if (const auto blocked = KeyOfRemoved(*project)) return ProblemResponse(*blocked, call.request.id);
  const Result<Manager> by = ReadManager(call);
  if (!by) return BadRequest(call.request, by.error());
  Precondition condition = conditions->condition;
  condition.must_exist = true;
  Result<Committed> committed =
      parts_.catalog.PutProject(*project, condition, by->author, conditions->idempotency, by->permit);
  if (!committed) {
    const bool asked = conditions->condition.if_match || conditions->condition.must_exist;
    const bool is_there = parts_.catalog.View()->FindProject(key) != nullptr;
    if (committed.error().code == ErrorCode::kStale && !asked && !is_there) {
      return ProblemResponse(NoSuchProject(key), call.request.id);
    }
    return ChangeProblem(call.request, *conditions, committed.error());
  }
  return ProjectResponse(*committed);
}

// A valid key, or a member's role, of an environment that the project will not have any more.
std::optional<Error> Api::KeyOfRemoved(const Project& next) const {
  for (const KeyRecord& record : parts_.authenticator.List(next.key)) {
    if (record.project != next.key || record.environment.empty()) continue;
    if (!IsUsable(record, parts_.now_ms())) continue;
    if (next.FindEnvironment(record.environment) != nullptr) continue;
    return KeyInTheWay(record, "environment '" + record.environment + "'");
  }
  const auto view = parts_.catalog.View();
  const ProjectView* present = view->FindProject(next.key);
  if (present == nullptr) return std::nullopt;
  for (const EnvironmentDefinition& environment : present->definitions.project.environments) {
    if (next.FindEnvironment(environment.key) != nullptr) continue;
    if (auto binding = BindingOf(next.key, environment.key)) return binding;
  }
  return std::nullopt;
}

http::Response Api::DeleteProject(const Call& call) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  const std::string key(call.request.Param("project"));
  const Result<Manager> by = ReadManager(call);
  if (!by) return BadRequest(call.request, by.error());
  MutexLock lock(keys_);
  for (const KeyRecord& record : parts_.authenticator.List(key)) {
    if (record.project == key && IsUsable(record, parts_.now_ms())) {
      return ProblemResponse(KeyInTheWay(record, "project '" + key + "'"), call.request.id);
    }
  }
  if (const auto binding = BindingOf(key, "")) return ProblemResponse(*binding, call.request.id);
  MutexLock webhooks(parts_.deliverer.changes());
  for (const Webhook& webhook : parts_.deliverer.List()) {
    if (webhook.project != key) continue;  // else it would tell of the next project of that name
    return ProblemResponse(
        {ErrorCode::kConflict, "webhook " + webhook.id + " still tells of project '" + key + "'; remove it first", {}},
        call.request.id);
  }
  Result<Committed> committed =
      parts_.catalog.DeleteProject(key, conditions->condition, by->author, conditions->idempotency, by->permit);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  parts_.change_requests.Forget(key, committed->revision);
  return CommittedResponse(*committed);
}

http::Response Api::ListEnvironments(const Call& call) {
  const auto view = parts_.catalog.View();
  const ProjectView* project = view->FindProject(call.request.Param("project"));
  if (project == nullptr) return ProblemResponse(NoSuchProject(call.request.Param("project")), call.request.id);
  Array environments;
  for (const EnvironmentDefinition& environment : project->definitions.project.environments) {
    environments.push_back(EncodeEnvironmentView(environment, project->revision));
  }
  return JsonResponse(200, Object{{"environments", Value(std::move(environments))}});
}

http::Response Api::GetEnvironment(const Call& call) {
  const auto view = parts_.catalog.View();
  const ProjectView* project = view->FindProject(call.request.Param("project"));
  if (project == nullptr) return ProblemResponse(NoSuchProject(call.request.Param("project")), call.request.id);
  const EnvironmentDefinition* held = project->definitions.project.FindEnvironment(call.request.Param("environment"));
  if (held == nullptr) {
    std::vector<std::string> names;
    for (const EnvironmentDefinition& e : project->definitions.project.environments) names.push_back(e.key);
    const std::string wanted(call.request.Param("environment"));
    const std::string hint = DidYouMean(wanted, names);
    return ProblemResponse({ErrorCode::kNotFound,
                            "project '" + project->definitions.project.key + "' has no environment '" + wanted + "'" +
                                (hint.empty() ? "" : "; " + hint),
                            {}},
                           call.request.id);
  }
  return Tagged(JsonResponse(200, EncodeEnvironmentView(*held, project->revision)), project->revision);
}

http::Response Api::PutEnvironment(const Call& call) {
  const std::string key(call.request.Param("project")), name(call.request.Param("environment"));
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  const Result<Manager> by = ReadManager(call);
  if (!by) return BadRequest(call.request, by.error());
  // Through the codec, so that settings are read in one place only: as the one environment of a project.
  Result<Project> read =
      DecodeProject(Object{{"project", Value("p")}, {"environments", Value(Object{{name, *std::move(body)}})}});
  if (!read) {
    Error error = read.error();
    for (Issue& issue : error.issues) {
      Path within;
      for (std::size_t i = 2; i < issue.path.steps().size(); ++i) {
        within = within.Key(std::get<std::string>(issue.path.steps()[i]));
      }
      issue.path = within;
      issue.entity.clear();
    }
    return ProblemResponse(InvalidError("the environment cannot be read", std::move(error.issues)), call.request.id);
  }
  Result<Committed> committed = parts_.catalog.PutEnvironment(key, read->environments.at(0), conditions->condition,
                                                              by->author, conditions->idempotency, by->permit);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  return EnvironmentResponse(*committed, name);
}

http::Response Api::DeleteEnvironment(const Call& call) {
  const std::string key(call.request.Param("project")), name(call.request.Param("environment"));
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  const Result<Manager> by = ReadManager(call);
  if (!by) return BadRequest(call.request, by.error());
  MutexLock lock(keys_);
  for (const KeyRecord& record : parts_.authenticator.List(key)) {
    if (record.project == key && record.environment == name && IsUsable(record, parts_.now_ms())) {
      return ProblemResponse(KeyInTheWay(record, "environment '" + name + "'"), call.request.id);
    }
  }
  if (const auto binding = BindingOf(key, name)) return ProblemResponse(*binding, call.request.id);
  Result<Committed> committed = parts_.catalog.DeleteEnvironment(key, name, conditions->condition, by->author,
                                                                 conditions->idempotency, by->permit);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  return CommittedResponse(*committed);
}

namespace {

template <typename RecordType>
void AppendViews(const std::vector<RecordType>& records, const ProjectView& project, Array& entities) {
  for (const RecordType& record : records) {
    const EntityRecord entity = record;
    entities.push_back(EncodeEntityView(entity, project.revisions.at(RefOf(entity))));
  }
}

}  // namespace

http::Response Api::ListOf(EntityKind kind, const Call& call) {
  const auto view = parts_.catalog.View();
  const ProjectView* project = view->FindProject(call.request.Param("project"));
  if (project == nullptr) return ProblemResponse(NoSuchProject(call.request.Param("project")), call.request.id);
  Array entities;
  const EntitySet& held = project->definitions.entities;
  switch (kind) {
    case EntityKind::kFlag:
      AppendViews(held.flags, *project, entities);
      break;
    case EntityKind::kSegment:
      AppendViews(held.segments, *project, entities);
      break;
    case EntityKind::kLayer:
      AppendViews(held.layers, *project, entities);
      break;
    case EntityKind::kHoldout:
      AppendViews(held.holdouts, *project, entities);
      break;
    case EntityKind::kExperiment:
      AppendViews(held.experiments, *project, entities);
      break;
    case EntityKind::kMetric:
      AppendViews(held.metrics, *project, entities);
      break;
  }
  return JsonResponse(200, Object{{"revision", Value(view->revision)},
                                  {std::string(ToString(kind)) + "s", Value(std::move(entities))}});
}

http::Response Api::GetOne(EntityKind kind, const Call& call) {
  const std::string project(call.request.Param("project"));
  const EntityRef ref{kind, std::string(call.request.Param("key"))};
  Result<std::optional<Revision>> at = ReadRevision(call.request);
  if (!at) return BadRequest(call.request, at.error());
  const auto view = parts_.catalog.View();
  if (*at) {
    Result<EntityVersion> held = parts_.catalog.EntityAt(project, ref, **at);
    if (!held) return ProblemResponse(held.error(), call.request.id);
    return Tagged(JsonResponse(200, EncodeEntityView(held->record, held->revision)), held->revision);
  }
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) return ProblemResponse(NoSuchProject(project), call.request.id);
  const auto revision = held->revisions.find(ref);
  if (revision == held->revisions.end()) {
    std::vector<std::string> keys;
    for (const auto& [other, unused] : held->revisions) {
      if (other.kind == kind) keys.push_back(other.key);
    }
    const std::string hint = DidYouMean(ref.key, keys);
    return ProblemResponse({ErrorCode::kNotFound,
                            "project '" + project + "' has no " + ref.ToText() + (hint.empty() ? "" : "; " + hint),
                            {}},
                           call.request.id);
  }
  return Tagged(JsonResponse(200, EncodeEntityView(*held->definitions.entities.Find(ref), revision->second)),
                revision->second);
}

http::Response Api::Change(EntityKind kind, Edit::Action action, const Call& call) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Edit edit;
  edit.ref = {kind, std::string(call.request.Param("key"))};
  edit.action = action;
  edit.condition = conditions->condition;
  if (action != Edit::Action::kDelete) {
    Result<Value> body = ReadJson(call.request);
    if (!body) return BadRequest(call.request, body.error());
    edit.definition = *std::move(body);
  }
  const EntityRef ref = edit.ref;
  CommitRequest request;
  request.project = call.request.Param("project");
  request.edits.push_back(std::move(edit));
  request.idempotency = conditions->idempotency;
  if (Status standing = ReadStanding(call, request); !standing) return BadRequest(call.request, standing.error());
  Result<Committed> committed = parts_.catalog.Commit(request);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  return EntityResponse(*committed, ref);
}

http::Response Api::CommitChanges(const Call& call) {
  Result<Preconditions> conditions = ReadIdempotencyOnly(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  CommitRequest request;
  request.project = call.request.Param("project");
  request.idempotency = conditions->idempotency;
  if (Status read = ReadChanges(*body, request); !read) return ProblemResponse(read.error(), call.request.id);
  if (Status standing = ReadStanding(call, request); !standing) return BadRequest(call.request, standing.error());
  Result<bool> dry_run = ReadSwitch(call.request, "dry_run");
  if (!dry_run) return BadRequest(call.request, dry_run.error());
  request.dry_run = *dry_run;
  Result<Committed> committed = parts_.catalog.Commit(request);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  if (request.dry_run) {
    WorkspacePlan plan;
    plan.changes = std::move(committed->changes);
    plan.warnings = std::move(committed->warnings);
    for (const ProtectedEnvironment& environment : committed->alteration.guarded) {
      plan.guarded.push_back(environment.name);
    }
    return JsonResponse(200, Value(EncodePlan(plan)));
  }
  return CommittedResponse(*committed);
}

http::Response Api::ApplyWorkspace(const Call& call) {
  Result<Preconditions> conditions = ReadIdempotencyOnly(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<bool> dry_run = ReadSwitch(call.request, "dry_run");
  if (!dry_run) return BadRequest(call.request, dry_run.error());
  Result<WorkspaceRequest> request = ReadWorkspace(*body, call.request.Param("project"));
  if (!request) return ProblemResponse(request.error(), call.request.id);
  request->dry_run = *dry_run;
  request->idempotency = conditions->idempotency;
  if (Status standing = ReadStanding(call, *request); !standing) return BadRequest(call.request, standing.error());
  Result<WorkspacePlan> plan = parts_.catalog.ApplyWorkspace(*request);
  if (!plan) return ChangeProblem(call.request, *conditions, plan.error());
  Object document = EncodePlan(*plan);
  if (!plan->conflicts.empty() && !request->dry_run) {
    const std::string first = plan->conflicts[0].kind + " " + plan->conflicts[0].key + " at " + plan->conflicts[0].path;
    return ProblemResponse(
        409,
        {ErrorCode::kConflict,
         "the workspace and the server both changed " + first +
             (plan->conflicts.size() > 1 ? " and " + std::to_string(plan->conflicts.size() - 1) + " more places" : "") +
             "; nothing was written",
         {}},
        call.request.id, std::move(document));
  }
  http::Response response = JsonResponse(200, Value(std::move(document)));
  if (plan->replayed) response.Header("Idempotency-Replayed", "true");
  return response;
}

}  // namespace guidon
