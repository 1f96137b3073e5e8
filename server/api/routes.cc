// The route table, and the one way through it: who is it, may they, do it.
#include <array>

#include "core/base/network.h"
#include "server/api/api.h"
#include "server/api/ofrep.h"
#include "server/api/problem.h"
#include "server/api/rate_limits.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::string_view kProject = "/api/v1/projects/{project}";

// The six routes of one kind of definition.
template <EntityKind kind>
void AppendEntityRoutes(std::vector<Route>& routes, std::string_view list_path, std::string_view one_path,
                        std::string_view history_path, const std::array<std::string_view, 6>& names) {
  routes.push_back({"GET", list_path, names[0], Verb::kRead, Where::kPool, &Api::ListEntities<kind>});
  routes.push_back({"GET", one_path, names[1], Verb::kRead, Where::kPool, &Api::GetEntity<kind>});
  routes.push_back({"PUT", one_path, names[2], Verb::kWrite, Where::kPool, &Api::PutEntity<kind>});
  routes.push_back({"PATCH", one_path, names[3], Verb::kWrite, Where::kPool, &Api::PatchEntity<kind>});
  routes.push_back({"DELETE", one_path, names[4], Verb::kWrite, Where::kPool, &Api::DeleteEntity<kind>});
  routes.push_back({"GET", history_path, names[5], Verb::kRead, Where::kPool, &Api::GetHistory<kind>});
}

// What is said of all routes below an address; the first that fits counts.
struct Below {
  std::string_view prefix;
  http::Budget budget;
  Audience audience;
};
constexpr Below kBelow[] = {{"/sdk/v1/stream", http::Budget::kStreams, Audience::kApplications},
                            {"/sdk/v1/ruleset", http::Budget::kConfig, Audience::kApplications},
                            {"/sdk/", http::Budget::kEvents, Audience::kApplications},
                            {"/ofrep/v1/configuration", http::Budget::kConfig, Audience::kApplications},
                            {"/ofrep/v1/events", http::Budget::kStreams, Audience::kApplications},
                            {"/ofrep/", http::Budget::kEvaluation, Audience::kApplications},
                            {"/livez", http::Budget::kNone, Audience::kAll},
                            {"/readyz", http::Budget::kNone, Audience::kAll},
                            {"/", http::Budget::kAdmin, Audience::kPeople}};

void Classify(std::vector<Route>& routes) {
  for (Route& route : routes) {
    for (const Below& below : kBelow) {
      if (!route.path.starts_with(below.prefix)) continue;
      route.budget = below.budget;
      route.audience = below.audience;
      break;
    }
  }
}

std::vector<Route> MakeRoutes() {
  std::vector<Route> routes = {
      {"GET", "/api/v1/projects", "listProjects", Verb::kRead, Where::kInline, &Api::ListProjects},
      {"POST", "/api/v1/projects", "createProject", Verb::kManage, Where::kPool, &Api::CreateProject},
      {"GET", kProject, "getProject", Verb::kRead, Where::kInline, &Api::GetProject},
      {"PUT", kProject, "replaceProject", Verb::kManage, Where::kPool, &Api::ReplaceProject},
      {"DELETE", kProject, "deleteProject", Verb::kManage, Where::kPool, &Api::DeleteProject},
      {"GET", "/api/v1/projects/{project}/environments", "listEnvironments", Verb::kRead, Where::kInline,
       &Api::ListEnvironments},
      {"GET", "/api/v1/projects/{project}/environments/{environment}", "getEnvironment", Verb::kRead, Where::kInline,
       &Api::GetEnvironment},
      {"PUT", "/api/v1/projects/{project}/environments/{environment}", "putEnvironment", Verb::kManage, Where::kPool,
       &Api::PutEnvironment},
      {"DELETE", "/api/v1/projects/{project}/environments/{environment}", "deleteEnvironment", Verb::kManage,
       Where::kPool, &Api::DeleteEnvironment},
      {"POST", "/api/v1/projects/{project}/changes", "commitChanges", Verb::kWrite, Where::kPool, &Api::CommitChanges},
      {"POST", "/api/v1/projects/{project}/apply", "applyWorkspace", Verb::kWrite, Where::kPool, &Api::ApplyWorkspace},
      {"GET", "/api/v1/projects/{project}/change-requests", "listChangeRequests", Verb::kRead, Where::kPool,
       &Api::ListChangeRequests},
      {"POST", "/api/v1/projects/{project}/change-requests", "openChangeRequest", Verb::kWrite, Where::kPool,
       &Api::OpenChangeRequest},
      {"GET", "/api/v1/projects/{project}/change-requests/{id}", "getChangeRequest", Verb::kRead, Where::kPool,
       &Api::GetChangeRequest},
      {"PATCH", "/api/v1/projects/{project}/change-requests/{id}", "changeChangeRequest", Verb::kWrite, Where::kPool,
       &Api::ChangeChangeRequest},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/approve", "approveChangeRequest", Verb::kApprove,
       Where::kPool, &Api::ApproveChangeRequest},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/reject", "rejectChangeRequest", Verb::kApprove,
       Where::kPool, &Api::RejectChangeRequest},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/withdraw", "withdrawChangeRequest", Verb::kWrite,
       Where::kPool, &Api::WithdrawChangeRequest},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/rebase", "rebaseChangeRequest", Verb::kWrite,
       Where::kPool, &Api::RebaseChangeRequest},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/schedule", "scheduleChangeRequest", Verb::kWrite,
       Where::kPool, &Api::ScheduleChangeRequest},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/apply", "applyChangeRequest", Verb::kWrite,
       Where::kPool, &Api::ApplyChangeRequest},
      {"GET", "/api/v1/projects/{project}/change-requests/{id}/comments", "listRequestComments", Verb::kRead,
       Where::kPool, &Api::ListComments},
      {"POST", "/api/v1/projects/{project}/change-requests/{id}/comments", "addRequestComment", Verb::kRead,
       Where::kPool, &Api::AddComment},
      {"DELETE", "/api/v1/projects/{project}/change-requests/{id}/comments/{comment}", "removeRequestComment",
       Verb::kRead, Where::kPool, &Api::RemoveComment},
      {"GET", "/api/v1/projects/{project}/flags/{key}/comments", "listFlagComments", Verb::kRead, Where::kPool,
       &Api::ListComments},
      {"POST", "/api/v1/projects/{project}/flags/{key}/comments", "addFlagComment", Verb::kRead, Where::kPool,
       &Api::AddComment},
      {"DELETE", "/api/v1/projects/{project}/flags/{key}/comments/{comment}", "removeFlagComment", Verb::kRead,
       Where::kPool, &Api::RemoveComment},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/snapshot", "getSnapshot", Verb::kRead,
       Where::kPool, &Api::GetSnapshot},
      {"POST", "/api/v1/projects/{project}/environments/{environment}/evaluate", "evaluate", Verb::kRead, Where::kPool,
       &Api::Evaluate},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/events", "readEvents", Verb::kReadEvents,
       Where::kPool, &Api::ReadEvents},
      {"PUT", "/api/v1/projects/{project}/environments/{environment}/imports/{id}", "beginImport", Verb::kImportEvents,
       Where::kPool, &Api::BeginImport},
      {"POST", "/api/v1/projects/{project}/environments/{environment}/imports/{id}/events", "importEvents",
       Verb::kImportEvents, Where::kPool, nullptr, &Api::ImportEvents},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/processes", "listProcesses", Verb::kRead,
       Where::kPool, &Api::ListProcesses},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/propagation", "getPropagation", Verb::kRead,
       Where::kPool, &Api::GetPropagation},
      {"POST", "/api/v1/projects/{project}/environments/{environment}/gate-runs", "recordGateRun", Verb::kRecordGate,
       Where::kPool, &Api::RecordGateRun},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/usage", "getUsage", Verb::kRead, Where::kPool,
       &Api::GetUsage},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/experiments/{key}/report", "getReport",
       Verb::kRead, Where::kPool, &Api::GetReport},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/experiments/{key}/totals", "getTotals",
       Verb::kRead, Where::kPool, &Api::GetTotals},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/experiments/{key}/exposures", "listExposures",
       Verb::kReadEvents, Where::kPool, &Api::ListExposures},
      {"GET", "/api/v1/projects/{project}/environments/{environment}/flags/{key}/ramps", "listRamps", Verb::kRead,
       Where::kInline, &Api::ListRamps},
      {"POST", "/api/v1/projects/{project}/environments/{environment}/flags/{key}/ramps/{rule}", "moveRamp",
       Verb::kWrite, Where::kPool, &Api::MoveRamp},
      {"GET", "/api/v1/projects/{project}/experiments/{key}/status", "getExperimentStatus", Verb::kRead, Where::kPool,
       &Api::GetExperimentStatus},
      {"GET", "/api/v1/projects/{project}/experiments/{key}/check", "checkExperiment", Verb::kRead, Where::kPool,
       &Api::CheckExperiment},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/start", "startExperiment", Verb::kWrite, Where::kPool,
       &Api::MoveExperiment<ExperimentMove::kStart>},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/pause", "pauseExperiment", Verb::kWrite, Where::kPool,
       &Api::MoveExperiment<ExperimentMove::kPause>},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/resume", "resumeExperiment", Verb::kWrite, Where::kPool,
       &Api::MoveExperiment<ExperimentMove::kResume>},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/stop", "stopExperiment", Verb::kWrite, Where::kPool,
       &Api::MoveExperiment<ExperimentMove::kStop>},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/conclude", "concludeExperiment", Verb::kWrite,
       Where::kPool, &Api::MoveExperiment<ExperimentMove::kConclude>},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/rollback", "rollBackExperiment", Verb::kWrite,
       Where::kPool, &Api::MoveExperiment<ExperimentMove::kRollback>},
      {"POST", "/api/v1/projects/{project}/experiments/{key}/ramp", "moveExperimentRamp", Verb::kWrite, Where::kPool,
       &Api::MoveExperimentRamp},
      {"GET", "/api/v1/projects/{project}/keys", "listKeys", Verb::kManageKeys, Where::kInline, &Api::ListKeys},
      {"POST", "/api/v1/projects/{project}/keys", "createKey", Verb::kManageKeys, Where::kPool, &Api::CreateKey},
      {"DELETE", "/api/v1/projects/{project}/keys/{id}", "revokeKey", Verb::kManageKeys, Where::kPool, &Api::RevokeKey},
      {"POST", "/api/v1/projects/{project}/keys/{id}/rotate", "rotateKey", Verb::kManageKeys, Where::kPool,
       &Api::RotateKey},
      {"GET", "/api/v1/keys", "listGlobalKeys", Verb::kManageKeys, Where::kInline, &Api::ListKeys},
      {"POST", "/api/v1/keys", "createGlobalKey", Verb::kManageKeys, Where::kPool, &Api::CreateKey},
      {"DELETE", "/api/v1/keys/{id}", "revokeGlobalKey", Verb::kManageKeys, Where::kPool, &Api::RevokeKey},
      {"POST", "/api/v1/keys/{id}/rotate", "rotateGlobalKey", Verb::kManageKeys, Where::kPool, &Api::RotateKey},
      {"GET", "/api/v1/members", "listMembers", Verb::kManageMembers, Where::kPool, &Api::ListMembers},
      {"GET", "/api/v1/members/{id}", "getMember", Verb::kManageMembers, Where::kPool, &Api::GetMember},
      {"PUT", "/api/v1/members/{id}", "putMember", Verb::kManageMembers, Where::kPool, &Api::PutMember},
      {"DELETE", "/api/v1/members/{id}", "deleteMember", Verb::kManageMembers, Where::kPool, &Api::DeleteMember},
      {"GET", "/auth/login", "beginSignIn", Verb::kPublic, Where::kSignIn, &Api::BeginSignIn},
      {"GET", "/auth/callback", "finishSignIn", Verb::kPublic, Where::kSignIn, &Api::FinishSignIn},
      {"POST", "/auth/token", "exchangeCode", Verb::kPublic, Where::kPool, &Api::ExchangeCode},
      {"POST", "/auth/break-glass", "breakGlass", Verb::kPublic, Where::kPool, &Api::BreakGlass},
      {"POST", "/auth/logout", "signOut", Verb::kPublic, Where::kPool, &Api::SignOut},
      {"GET", "/auth/me", "whoAmI", Verb::kPublic, Where::kInline, &Api::WhoAmI},
      {"GET", "/api/v1/roles", "listRoles", Verb::kManageMembers, Where::kPool, &Api::ListRoles},
      {"PUT", "/api/v1/roles/{id}", "putRole", Verb::kManageMembers, Where::kPool, &Api::PutRole},
      {"DELETE", "/api/v1/roles/{id}", "deleteRole", Verb::kManageMembers, Where::kPool, &Api::DeleteRole},
      {"GET", "/api/v1/projects/{project}/webhooks", "listWebhooks", Verb::kManageWebhooks, Where::kInline,
       &Api::ListWebhooks},
      {"POST", "/api/v1/projects/{project}/webhooks", "createWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::CreateWebhook},
      {"GET", "/api/v1/projects/{project}/webhooks/{id}", "getWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::GetWebhook},
      {"PUT", "/api/v1/projects/{project}/webhooks/{id}", "replaceWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::ReplaceWebhook},
      {"DELETE", "/api/v1/projects/{project}/webhooks/{id}", "deleteWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::DeleteWebhook},
      {"POST", "/api/v1/projects/{project}/webhooks/{id}/ping", "pingWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::PingWebhook},
      {"GET", "/api/v1/webhooks", "listGlobalWebhooks", Verb::kManageWebhooks, Where::kInline, &Api::ListWebhooks},
      {"POST", "/api/v1/webhooks", "createGlobalWebhook", Verb::kManageWebhooks, Where::kPool, &Api::CreateWebhook},
      {"GET", "/api/v1/webhooks/{id}", "getGlobalWebhook", Verb::kManageWebhooks, Where::kPool, &Api::GetWebhook},
      {"PUT", "/api/v1/webhooks/{id}", "replaceGlobalWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::ReplaceWebhook},
      {"DELETE", "/api/v1/webhooks/{id}", "deleteGlobalWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::DeleteWebhook},
      {"POST", "/api/v1/webhooks/{id}/ping", "pingGlobalWebhook", Verb::kManageWebhooks, Where::kPool,
       &Api::PingWebhook},
      {"GET", "/api/v1/audit", "listAudit", Verb::kReadAudit, Where::kPool, &Api::ListAudit},
      {"GET", "/api/v1/projects/{project}/audit", "listProjectAudit", Verb::kReadAudit, Where::kPool, &Api::ListAudit},
      {"GET", "/api/v1/audit/links", "listAuditLinks", Verb::kReadAudit, Where::kPool, &Api::ListAuditLinks},
      {"GET", "/api/v1/audit/checkpoints", "listCheckpoints", Verb::kReadAudit, Where::kPool, &Api::ListCheckpoints},
      {"GET", "/api/v1/backups", "listBackups", Verb::kOperate, Where::kPool, &Api::ListBackups},
      {"POST", "/api/v1/backups", "createBackup", Verb::kOperate, Where::kPool, &Api::CreateBackup},
      {"GET", "/api/v1/backups/{name}", "getBackup", Verb::kOperate, Where::kPool, &Api::GetBackup},
      {"POST", "/api/v1/privacy/export", "exportUnit", Verb::kManagePrivacy, Where::kPool, &Api::ExportUnit},
      {"POST", "/api/v1/privacy/erase", "eraseUnit", Verb::kManagePrivacy, Where::kPool, &Api::EraseUnit},
      {"GET", "/api/v1/privacy/erasures/{id}", "getErasure", Verb::kManagePrivacy, Where::kPool, &Api::GetErasure},
      {"GET", "/sdk/v1/stream", "stream", Verb::kReadRules, Where::kInline, &Api::Stream},
      {"GET", "/sdk/v1/ruleset", "ruleset", Verb::kReadRules, Where::kInline, nullptr, &Api::GetRuleset},
      {"POST", "/sdk/v1/events", "sendEvents", Verb::kSendEvents, Where::kIngest, nullptr, &Api::SendEvents},
      {"POST", "/sdk/v1/status", "sendStatus", Verb::kReadRules, Where::kIngest, &Api::SendStatus},
      {"POST", "/ofrep/v1/evaluate/flags/{key}", "evaluateFlag", Verb::kEvaluate, Where::kInline, &Api::EvaluateFlag,
       nullptr, true},
      {"POST", "/ofrep/v1/evaluate/flags", "evaluateFlags", Verb::kEvaluate, Where::kIngest, &Api::EvaluateFlags},
      {"GET", "/ofrep/v1/events", "ofrepEvents", Verb::kEvaluate, Where::kInline, &Api::OfrepEvents},
      {"OPTIONS", "/ofrep/v1/evaluate/flags/{key}", "preflightFlag", Verb::kPublic, Where::kInline, &Api::Preflight,
       nullptr, true},
      {"OPTIONS", "/ofrep/v1/evaluate/flags", "preflightFlags", Verb::kPublic, Where::kInline, &Api::Preflight},
      {"OPTIONS", "/sdk/v1/events", "preflightEvents", Verb::kPublic, Where::kInline, &Api::Preflight},
      {"GET", "/livez", "livez", Verb::kPublic, Where::kInline, &Api::Livez},
      {"GET", "/readyz", "readyz", Verb::kPublic, Where::kInline, &Api::Readyz},
      {"GET", "/metrics", "metrics", Verb::kPublic, Where::kInline, &Api::Metrics},
      {"GET", "/", "home", Verb::kPublic, Where::kPool, &Api::Home},
  };
  AppendEntityRoutes<EntityKind::kFlag>(
      routes, "/api/v1/projects/{project}/flags", "/api/v1/projects/{project}/flags/{key}",
      "/api/v1/projects/{project}/flags/{key}/history",
      {"listFlags", "getFlag", "putFlag", "patchFlag", "deleteFlag", "getFlagHistory"});
  AppendEntityRoutes<EntityKind::kSegment>(
      routes, "/api/v1/projects/{project}/segments", "/api/v1/projects/{project}/segments/{key}",
      "/api/v1/projects/{project}/segments/{key}/history",
      {"listSegments", "getSegment", "putSegment", "patchSegment", "deleteSegment", "getSegmentHistory"});
  AppendEntityRoutes<EntityKind::kLayer>(
      routes, "/api/v1/projects/{project}/layers", "/api/v1/projects/{project}/layers/{key}",
      "/api/v1/projects/{project}/layers/{key}/history",
      {"listLayers", "getLayer", "putLayer", "patchLayer", "deleteLayer", "getLayerHistory"});
  AppendEntityRoutes<EntityKind::kHoldout>(
      routes, "/api/v1/projects/{project}/holdouts", "/api/v1/projects/{project}/holdouts/{key}",
      "/api/v1/projects/{project}/holdouts/{key}/history",
      {"listHoldouts", "getHoldout", "putHoldout", "patchHoldout", "deleteHoldout", "getHoldoutHistory"});
  AppendEntityRoutes<EntityKind::kExperiment>(routes, "/api/v1/projects/{project}/experiments",
                                              "/api/v1/projects/{project}/experiments/{key}",
                                              "/api/v1/projects/{project}/experiments/{key}/history",
                                              {"listExperiments", "getExperiment", "putExperiment", "patchExperiment",
                                               "deleteExperiment", "getExperimentHistory"});
  AppendEntityRoutes<EntityKind::kMetric>(
      routes, "/api/v1/projects/{project}/metrics", "/api/v1/projects/{project}/metrics/{key}",
      "/api/v1/projects/{project}/metrics/{key}/history",
      {"listMetrics", "getMetric", "putMetric", "patchMetric", "deleteMetric", "getMetricHistory"});
  Classify(routes);
  return routes;
}

// What a route is about stands in its address; the SDK's routes are about the key's own environment. An address that
// names a project alone lets in who has the right in one of its environments, if that can be; and the list of projects
// who has it in one of them.
Resource ResourceOf(const Route& route, const http::Request& request, const Principal& who) {
  if (IsOfSdk(route.verb)) return {who.project, who.environment};
  const std::string_view project = request.Param("project");
  const bool any_part = IsByEnvironment(route.verb) && (!project.empty() || route.name == "listProjects");
  return {project, request.Param("environment"), any_part};
}

// A dry run of a workspace writes nothing: who may read what is there may ask what would become of it. The handler
// reads the switch by the same function.
Verb VerbOf(const Route& route, const http::Request& request) {
  if (route.name != "applyWorkspace") return route.verb;
  const Result<bool> dry_run = ReadSwitch(request, "dry_run");
  if (dry_run && *dry_run) return Verb::kRead;
  return route.verb;
}

// What pages of other origins may call.
bool IsForPages(const Route& route) {
  return IsOfrep(route) || route.path == "/sdk/v1/events";
}

}  // namespace

const std::vector<Route>& Api::Routes() {
  static const std::vector<Route> kRoutes = MakeRoutes();
  return kRoutes;
}

std::optional<http::Response> Api::RefuseByAddress(const Route& route, const http::Request& request) {
  if (options_.address_budgets.Of(route.budget) == 0) return std::nullopt;
  const http::Spent spent = by_address_.Spend(route.budget, NetworkOf(request.peer));
  if (spent.is_within) return std::nullopt;
  http::Response response = OverBudget(route.budget, "address", spent, request.id);
  if (!options_.cors_origins.empty() && IsForPages(route)) AddCors(request, response);
  return response;
}

Result<Principal> Api::WhoAsks(const Route& route, const http::Request& request) {
  const std::string_view ticket = request.Query("ticket");
  if (route.handle != &Api::OfrepEvents || ticket.empty()) {
    if (route.audience != Audience::kApplications) return WhoIs(request);
    return parts_.authenticator.Authenticate(request.Header("Authorization"), request.Header("X-API-Key"),
                                             request.peer);
  }
  const Result<std::string> key = tickets_.KeyOf(ticket);
  if (!key) return Fail(key.error());
  if (std::optional<Principal> who = parts_.authenticator.PrincipalOf(*key)) return *std::move(who);
  return Fail(ErrorCode::kUnauthenticated, "the key of the stream's ticket was revoked or has expired");
}

void Api::Serve(const Route& route, const http::Request& request, const Answered& last) {
  Answered with_cors;
  if (!options_.cors_origins.empty() && IsForPages(route)) {
    with_cors = [this, &request, last](http::Response response) {
      AddCors(request, response);
      last(std::move(response));
    };
  }
  const Answered& answered = with_cors ? with_cors : last;
  const auto refuse = [&](const Error& error) {
    answered(IsOfrep(route) ? OfrepRefusal(error, RetrySeconds()) : ProblemResponse(error, request.id));
  };
  Call call{request, {}};
  if (route.verb != Verb::kPublic) {
    Result<Principal> who = WhoAsks(route, request);
    if (!who) {
      return IsOfrep(route) ? refuse(who.error()) : answered(Unauthenticated(who.error(), request.id));
    }
    call.who = *std::move(who);
    if (Status allowed = Authorize(call.who, VerbOf(route, request), ResourceOf(route, request, call.who)); !allowed) {
      parts_.api_counters.CountForbidden();
      return refuse(allowed.error());
    }
  }
  const http::Spent spent = by_key_.Spend(route.budget, call.who.id);
  if (!spent.is_within) return answered(OverBudget(route.budget, "key", spent, request.id));
  if (!spent.is_limited) return Handle(route, call, answered);
  Handle(route, call, [answered, spent](http::Response response) {
    AppendRateLimit(response, "key", spent);
    answered(std::move(response));
  });
}

void Api::Handle(const Route& route, const Call& call, const Answered& answered) {
  if (route.handle_later != nullptr) return (this->*route.handle_later)(call, answered);
  answered((this->*route.handle)(call));
}

http::Response Api::Refuse(const Route& route, const http::Request& request, const Error& error) {
  const bool is_busy = error.code == ErrorCode::kOverloaded;
  http::Response response = IsOfrep(route) ? OfrepRefusal(error, RetrySeconds())
                            : is_busy      ? Busy(error, request.id)
                                           : ProblemResponse(error, request.id);
  if (!options_.cors_origins.empty() && IsForPages(route)) AddCors(request, response);
  return response;
}

}  // namespace guidon
