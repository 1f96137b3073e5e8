// Projects, environments and definitions over HTTP.
#include <charconv>
#include <utility>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

Value EncodeEnvironmentView(const EnvironmentDefinition& environment, Revision revision) {
  Object object{{"environment", Value(environment.key)}};
  if (environment.is_protected) object.Append("protected", true);
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

http::Response Tagged(http::Response response, Revision revision) {
  response.Header("ETag", "\"" + std::to_string(revision) + "\"");
  return response;
}

http::Response CommittedResponse(const Committed& committed) {
  Object body{{"revision", Value(committed.revision)}};
  if (!committed.warnings.empty()) body.Append("warnings", EncodeIssues(committed.warnings));
  http::Response response = JsonResponse(200, Value(std::move(body)));
  if (committed.replayed) response.Header("Idempotency-Replayed", "true");
  return response;
}

Error NoSuchProject(std::string_view key) {
  return {ErrorCode::kNotFound, "there is no project '" + std::string(key) + "'", {}};
}

}  // namespace

http::Response Api::ListProjects(const Call& call) {
  Array projects;
  const auto view = parts_.catalog.View();
  for (const auto& [key, project] : view->projects) {
    // A key of one project sees that one.
    if (Authorize(call.who, Verb::kRead, {key, ""})) projects.push_back(EncodeProjectView(*project));
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
  Result<Committed> committed =
      parts_.catalog.PutProject(*project, std::nullopt, true, AuthorOf(call), conditions->idempotency);
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  const auto view = parts_.catalog.View();
  const ProjectView* created = view->FindProject(project->key);
  if (created == nullptr) return ProblemResponse(NoSuchProject(project->key), call.request.id);
  http::Response response = Tagged(JsonResponse(201, EncodeProjectView(*created)), created->revision);
  response.Header("Location", "/api/v1/projects/" + project->key);
  return response;
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
  if (parts_.catalog.View()->FindProject(key) == nullptr) return ProblemResponse(NoSuchProject(key), call.request.id);
  Result<Committed> committed =
      parts_.catalog.PutProject(*project, conditions->if_match, false, AuthorOf(call), conditions->idempotency);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  return GetProject(call);
}

http::Response Api::DeleteProject(const Call& call) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  const std::string key(call.request.Param("project"));
  for (const KeyRecord& record : parts_.authenticator.List(key)) {
    if (record.project == key && record.revoked_ms == 0) {
      return ProblemResponse(
          {ErrorCode::kConflict, "key " + record.id + " of project '" + key + "' is still valid; revoke it first", {}},
          call.request.id);
    }
  }
  Result<Committed> committed =
      parts_.catalog.DeleteProject(key, conditions->if_match, AuthorOf(call), conditions->idempotency);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
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
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(key);
  if (held == nullptr) return ProblemResponse(NoSuchProject(key), call.request.id);
  // Through the codec, so that settings are read in one place only.
  Value project = EncodeProject(held->definitions.project);
  Value& environments = project.MutableObject().Set(
      "environments", project.Find("environments") == nullptr ? Value(Object()) : *project.Find("environments"));
  const bool created = environments.Find(name) == nullptr;
  environments.MutableObject().Set(name, *std::move(body));
  Result<Project> next = DecodeProject(project);
  if (!next) return ProblemResponse(next.error(), call.request.id);
  Result<Committed> committed =
      parts_.catalog.PutProject(*next, conditions->if_match ? conditions->if_match : std::optional(held->revision),
                                false, AuthorOf(call), conditions->idempotency);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  http::Response response = GetEnvironment(call);
  if (created && response.status == 200) response.status = 201;
  return response;
}

http::Response Api::DeleteEnvironment(const Call& call) {
  const std::string key(call.request.Param("project")), name(call.request.Param("environment"));
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  if (http::Response found = GetEnvironment(call); found.status != 200) return found;
  for (const KeyRecord& record : parts_.authenticator.List(key)) {
    if (record.project == key && record.environment == name && record.revoked_ms == 0) {
      return ProblemResponse({ErrorCode::kConflict,
                              "key " + record.id + " of environment '" + name + "' is still valid; revoke it first",
                              {}},
                             call.request.id);
    }
  }
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(key);
  Project project = held->definitions.project;
  std::erase_if(project.environments, [&](const EnvironmentDefinition& e) { return e.key == name; });
  Result<Committed> committed =
      parts_.catalog.PutProject(project, conditions->if_match ? conditions->if_match : std::optional(held->revision),
                                false, AuthorOf(call), conditions->idempotency);
  if (!committed) {
    // What still names the environment is invalid without it: that is a conflict, not bad input.
    Error error = committed.error();
    if (error.code == ErrorCode::kInvalid) error.code = ErrorCode::kConflict;
    return ChangeProblem(call.request, *conditions, error);
  }
  return CommittedResponse(*committed);
}

http::Response Api::ListOf(EntityKind kind, const Call& call) {
  const auto view = parts_.catalog.View();
  const ProjectView* project = view->FindProject(call.request.Param("project"));
  if (project == nullptr) return ProblemResponse(NoSuchProject(call.request.Param("project")), call.request.id);
  Array entities;
  for (const auto& [ref, revision] : project->revisions) {
    if (ref.kind == kind) entities.push_back(EncodeEntityView(*project->definitions.entities.Find(ref), revision));
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
    Result<EntityRecord> record = parts_.catalog.EntityAt(project, ref, **at);
    if (!record) return ProblemResponse(record.error(), call.request.id);
    return JsonResponse(200, EncodeEntityView(*record, **at));
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
  edit.if_match = conditions->if_match;
  edit.must_be_new = conditions->must_be_new;
  if (action != Edit::Action::kDelete) {
    Result<Value> body = ReadJson(call.request);
    if (!body) return BadRequest(call.request, body.error());
    edit.definition = *std::move(body);
  }
  CommitRequest request;
  request.project = call.request.Param("project");
  request.edits.push_back(std::move(edit));
  request.author = AuthorOf(call);
  request.idempotency = conditions->idempotency;
  Result<Committed> committed = parts_.catalog.Commit(request);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  if (action == Edit::Action::kDelete) return CommittedResponse(*committed);
  http::Response response = GetOne(kind, call);
  if (committed->created && response.status == 200) response.status = 201;
  if (committed->replayed) response.Header("Idempotency-Replayed", "true");
  return response;
}

http::Response Api::CommitChanges(const Call& call) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  CommitRequest request;
  request.project = call.request.Param("project");
  request.author = AuthorOf(call);
  request.idempotency = conditions->idempotency;
  if (Status read = ReadChanges(*body, request); !read) return ProblemResponse(read.error(), call.request.id);
  Result<Committed> committed = parts_.catalog.Commit(request);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  return CommittedResponse(*committed);
}

http::Response Api::ApplyWorkspace(const Call& call) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<WorkspaceRequest> request = ReadWorkspace(*body, call.request.Param("project"));
  if (!request) return ProblemResponse(request.error(), call.request.id);
  request->author.principal = call.who.id;
  request->author.request_id = call.request.id;
  request->dry_run = call.request.Query("dry_run") == "true";
  request->idempotency = conditions->idempotency;
  Result<WorkspacePlan> plan = parts_.catalog.ApplyWorkspace(*request);
  if (!plan) return ChangeProblem(call.request, *conditions, plan.error());
  Object document = EncodePlan(*plan);
  if (!plan->conflicts.empty() && !request->dry_run) {
    const std::string first = plan->conflicts[0].ref.ToText() + " at " + plan->conflicts[0].path;
    return ProblemResponse(
        409,
        {ErrorCode::kConflict,
         "the workspace and the server both changed " + first +
             (plan->conflicts.size() > 1 ? " and " + std::to_string(plan->conflicts.size() - 1) + " more places" : "") +
             "; nothing was written",
         {}},
        call.request.id, std::move(document));
  }
  return JsonResponse(200, Value(std::move(document)));
}

}  // namespace guidon
