// What SDKs ask for (docs/spec/wire.md), and what operators need.
#include <openssl/rand.h>

#include "core/base/json.h"
#include "server/api/api.h"
#include "server/api/home.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

// Uniform in [0, n); for spreading clients, not for secrets.
std::uint64_t RandomBelow(std::uint64_t n) {
  std::uint64_t random = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&random), sizeof random);
  return random % n;
}

Error GoneScope(const Principal& who) {
  return {ErrorCode::kNotFound,
          "there is no environment '" + who.environment + "' of project '" + who.project + "' (any more)",
          {}};
}

bool IsLoopbackHost(std::string_view host) {
  if (host.starts_with("[::1]")) return true;
  host = host.substr(0, host.rfind(':'));
  return host == "localhost" || host == "127.0.0.1" || host.starts_with("127.");
}

std::string StateOf(const FlagDefinition& flag, std::string_view environment) {
  if (flag.archived) return "archived";
  const Targeting* targeting = flag.FindEnvironment(environment);
  if (targeting == nullptr || !targeting->enabled) return "not enabled";
  if (!targeting->rules.empty() || !targeting->targets.empty()) return "on, targeted";
  if (!targeting->default_serve) return "on";
  const auto* fixed = std::get_if<FixedServe>(&targeting->default_serve->serve);
  return fixed == nullptr ? "on, split" : "on: " + fixed->variation;
}

HomeProject HomeOf(const ProjectView& view, std::chrono::sys_days today) {
  HomeProject project;
  project.key = view.definitions.project.key;
  project.description = view.definitions.project.description;
  for (const EnvironmentDefinition& environment : view.definitions.project.environments) {
    project.environments.push_back(environment.key);
  }
  for (const FlagRecord& record : view.definitions.entities.flags) {
    const FlagDefinition& flag = record.definition;
    HomeFlag& row = project.flags.emplace_back();
    row.key = flag.key;
    row.type = ToString(flag.type);
    row.kind = ToString(flag.kind);
    row.owner = flag.owner;
    row.description = flag.description;
    row.expired = flag.expires && *flag.expires < today;
    for (const std::string& environment : project.environments) row.states.push_back(StateOf(flag, environment));
  }
  for (const ExperimentRecord& record : view.definitions.entities.experiments) {
    const Experiment& experiment = record.definition;
    project.experiments.push_back({experiment.key, experiment.flag, experiment.environment,
                                   std::string(ToString(record.state.status)), experiment.owner});
  }
  return project;
}

}  // namespace

Api::Api(Parts parts, ApiOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      gate_(options_.init_slots, options_.init_queue, parts_.wake_streams) {}

// Between a half and one and a half seconds: a fleet that is sent away does not come back at once.
std::uint64_t Api::JitteredRetryMs() {
  return 500 + RandomBelow(1000);
}

http::Response Api::Stream(const Call& call) {
  if (parts_.is_stopping()) {
    return ProblemResponse({ErrorCode::kUnavailable, "the server is stopping", {}}, call.request.id);
  }
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return ProblemResponse(GoneScope(call.who), call.request.id);
  const Cursor cursor = channel->Resume(call.request.Header("Last-Event-ID"));
  std::unique_ptr<InitGate::Ticket> ticket;
  if (cursor.needs_snapshot) {
    ticket = gate_.Enter();
    if (!ticket) {
      http::Response busy = ProblemResponse(
          {ErrorCode::kOverloaded, "too many clients wait for their first ruleset; try again shortly", {}},
          call.request.id);
      std::erase_if(busy.headers, [](const auto& header) { return header.first == "Retry-After"; });
      busy.Header("Retry-After", std::to_string(1 + RandomBelow(10)));
      return busy;
    }
  }
  const std::string id = call.who.id.substr(call.who.id.find(':') + 1);
  SdkStreamOptions options;
  options.is_valid = [&authenticator = parts_.authenticator, id] { return authenticator.IsValid(id); };
  options.retry_ms = [this] { return JitteredRetryMs(); };
  options.ticks_per_heartbeat = options_.ticks_per_heartbeat;
  http::Response response;
  response.Header("Content-Type", "text/event-stream");
  response.Header("Cache-Control", "no-store");
  response.Header("X-Accel-Buffering", "no");
  response.stream = std::make_shared<SdkStream>(channel, cursor, std::move(ticket), std::move(options));
  return response;
}

http::Response Api::GetRuleset(const Call& call) {
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return ProblemResponse(GoneScope(call.who), call.request.id);
  const bool gzip = http::AcceptsGzip(call.request.Header("Accept-Encoding"));
  const std::string_view held = call.request.Header("If-None-Match");
  Channel::Document document = channel->Current(false);
  const std::string etag = document.etag + (gzip ? "+gzip" : "");
  http::Response response;
  response.Header("ETag", "\"" + etag + "\"");
  response.Header("Vary", "Accept-Encoding");
  response.Header("Cache-Control", "no-cache");
  if (http::MatchesEtag(held, etag)) {
    response.status = 304;
    return response;
  }
  response.Header("Content-Type", "application/json");
  if (gzip) {
    document = channel->Current(true);
    response.Header("Content-Encoding", "gzip");
  }
  response.shared_body = gzip ? document.gzip : document.plain;
  return response;
}

http::Response Api::Livez(const Call&) {
  http::Response response;
  response.Header("Content-Type", "text/plain; charset=utf-8");
  response.body = "ok\n";
  return response;
}

http::Response Api::Readyz(const Call&) {
  const Status health = parts_.store_health();
  const bool stopping = parts_.is_stopping();
  Object body{{"ready", Value(!stopping)}, {"revision", Value(parts_.feed.head())}, {"writable", Value(bool(health))}};
  if (!health) body.Append("detail", Value(health.error().message));
  if (stopping) body.Append("detail", "the server is stopping");
  return JsonResponse(stopping ? 503 : 200, Value(std::move(body)));
}

http::Response Api::Metrics(const Call&) {
  http::Response response;
  response.Header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = parts_.render_metrics();
  return response;
}

http::Response Api::Home(const Call& call) {
  // A page of another site could have its name point here (DNS rebinding) and read what a browser on this machine may.
  if (!options_.allow_any_host && !IsLoopbackHost(call.request.Header("Host"))) {
    return ProblemResponse({ErrorCode::kPermissionDenied,
                            "this page is for browsers on the same machine: open it as http://localhost",
                            {}},
                           call.request.id);
  }
  HomeView home;
  home.version = options_.version;
  home.epoch = parts_.feed.epoch();
  const auto view = parts_.catalog.View();
  home.revision = view->revision;
  const std::chrono::sys_time<std::chrono::milliseconds> now{std::chrono::milliseconds(parts_.now_ms())};
  for (const auto& [key, project] : view->projects) {
    home.projects.push_back(HomeOf(*project, std::chrono::floor<std::chrono::days>(now)));
  }
  http::Response response;
  response.Header("Content-Type", "text/html; charset=utf-8");
  response.Header("Content-Security-Policy", kHomeContentSecurityPolicy);
  response.Header("X-Content-Type-Options", "nosniff");
  response.Header("Referrer-Policy", "no-referrer");
  response.Header("Cache-Control", "no-store");
  response.body = RenderHome(home);
  return response;
}

}  // namespace guidon
