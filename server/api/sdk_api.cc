// What SDKs ask for (docs/spec/wire.md), and what operators need.
#include <openssl/rand.h>

#include <algorithm>

#include "core/base/json.h"
#include "core/base/network.h"
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

constexpr std::string_view kLocalhost = "localhost";

// The Host header of a browser on this machine: localhost or a loopback address as digits, with or without a port. A
// name such as 127.0.0.1.example.com is anybody's.
bool IsLoopbackHost(std::string_view host) {
  std::string_view port;
  if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos && host.back() != ']') {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  const auto all_of = [](std::string_view text, std::string_view known) {
    return text.find_first_not_of(known) == std::string_view::npos;
  };
  if (!all_of(port, "0123456789")) return false;
  const bool is_localhost = std::equal(host.begin(), host.end(), kLocalhost.begin(), kLocalhost.end(),
                                       [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
  return is_localhost || host == "[::1]" || (host.starts_with("127.") && all_of(host, "0123456789."));
}

// As people say it. Not "on": that is the name of a variation.
std::string StateOf(const FlagDefinition& flag, std::string_view environment) {
  if (flag.archived) return "archived";
  const Targeting* targeting = flag.FindEnvironment(environment);
  if (targeting == nullptr || !targeting->enabled) return "not enabled";
  const bool is_targeted = !targeting->rules.empty() || !targeting->targets.empty();
  const std::string targeted = is_targeted ? "by rules, else " : "";
  if (!targeting->default_serve) return targeted + "nothing";
  const auto* fixed = std::get_if<FixedServe>(&targeting->default_serve->serve);
  if (fixed == nullptr) return targeted + "a split";
  return is_targeted ? targeted + fixed->variation : "serves " + fixed->variation;
}

// Each encoding has a tag of its own.
std::string RulesetEtag(std::string etag, bool gzip) {
  if (gzip) etag += "+gzip";
  return etag;
}

http::Response RulesetHead(int status, std::string_view etag) {
  http::Response response;
  response.status = status;
  std::string quoted;
  quoted.reserve(etag.size() + 2);
  quoted.append("\"").append(etag).append("\"");
  response.Header("ETag", quoted);
  response.Header("Vary", "Accept-Encoding");
  response.Header("Cache-Control", "no-cache");
  return response;
}

http::Response RulesetAnswer(const Channel::Document& document, bool gzip) {
  http::Response response = RulesetHead(200, RulesetEtag(document.etag, gzip));
  response.Header("Content-Type", "application/json");
  if (gzip) response.Header("Content-Encoding", "gzip");
  response.shared_body = gzip ? document.gzip : document.plain;
  return response;
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
    std::replace(row.kind.begin(), row.kind.end(), '_', ' ');
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
      gate_(options_.init_slots, options_.init_queue, parts_.wake_streams),
      by_address_(options_.address_budgets, options_.budget_clock),
      by_key_(options_.key_budgets, options_.budget_clock),
      tickets_(parts_.now_ms) {}

// Between a half and one and a half seconds: a fleet that is sent away does not come back at once.
std::uint64_t Api::JitteredRetryMs() {
  return 500 + RandomBelow(1000);
}

http::Response Api::Busy(const Error& error, std::string_view request_id) {
  http::Response response = ProblemResponse(error, request_id);
  std::erase_if(response.headers, [](const auto& header) { return header.first == "Retry-After"; });
  response.Header("Retry-After", std::to_string(RetrySeconds()));
  return response;
}

http::Response Api::Unauthenticated(const Error& error, std::string_view request_id) {
  if (error.code != ErrorCode::kOverloaded) return ProblemResponse(error, request_id);
  http::Response response = ProblemResponse(429, error, request_id);
  response.Header("Retry-After", std::to_string(5 + RandomBelow(20)));
  return response;
}

std::uint64_t Api::RetrySeconds() {
  return 1 + RandomBelow(10);
}

http::Response Api::Stream(const Call& call) {
  if (parts_.is_stopping()) {
    parts_.api_counters.Count(StreamRefusal::kStopping);
    return ProblemResponse({ErrorCode::kUnavailable, "the server is stopping", {}}, call.request.id);
  }
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return ProblemResponse(GoneScope(call.who), call.request.id);
  http::Response response;
  response.Header("Content-Type", "text/event-stream");
  response.Header("Cache-Control", "no-store");
  response.Header("X-Accel-Buffering", "no");
  if (call.request.method == "HEAD") return response;
  const std::string_view last_event_id = call.request.Header("Last-Event-ID");
  const Cursor cursor = channel->Resume(last_event_id);
  std::unique_ptr<InitGate::Ticket> ticket;
  if (cursor.needs_snapshot) {
    ticket = gate_.Enter();
    if (!ticket) {
      parts_.api_counters.Count(StreamRefusal::kInitQueue);
      return Busy({ErrorCode::kOverloaded, "too many clients wait for their first ruleset; try again shortly", {}},
                  call.request.id);
    }
  }
  const std::string id = call.who.id.substr(call.who.id.find(':') + 1);
  SdkStreamOptions options;
  options.is_valid = [&authenticator = parts_.authenticator, id] { return authenticator.IsValid(id); };
  options.revocations = &parts_.authenticator.revocations();
  options.retry_ms = [this] { return JitteredRetryMs(); };
  options.ticks_per_heartbeat = options_.ticks_per_heartbeat;
  options.ticks_per_slot = options_.ticks_per_slot;
  options.counters = &parts_.api_counters.sdk_streams();
  options.counters->Count(!cursor.needs_snapshot  ? StreamStart::kResumed
                          : last_event_id.empty() ? StreamStart::kFresh
                                                  : StreamStart::kReset);
  response.stream = std::make_shared<SdkStream>(channel, cursor, std::move(ticket), std::move(options));
  return response;
}

void Api::GetRuleset(const Call& call, const Answered& answered) {
  const std::shared_ptr<Channel> channel = parts_.feed.Find({call.who.project, call.who.environment});
  if (!channel) return answered(ProblemResponse(GoneScope(call.who), call.request.id));
  const bool gzip = http::AcceptsGzip(call.request.Header("Accept-Encoding"));
  if (const std::string_view held = call.request.Header("If-None-Match"); !held.empty()) {
    const std::string current = RulesetEtag(channel->CurrentEtag(), gzip);
    if (http::MatchesEtag(held, current)) return answered(RulesetHead(304, current));
  }
  // What is sent may be newer than what was asked about: the tag is that of the bytes.
  if (const std::optional<Channel::Document> ready = channel->CurrentIfEncoded(gzip)) {
    return answered(RulesetAnswer(*ready, gzip));
  }
  // The first after a change: encoding and packing a large one takes milliseconds.
  const auto encode = [channel, gzip, answered] { answered(RulesetAnswer(channel->Current(gzip), gzip)); };
  if (!parts_.run_later) return encode();
  if (parts_.run_later(encode)) return;
  answered(Busy({ErrorCode::kOverloaded, "too many requests wait; try again shortly", {}}, call.request.id));
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
  // Anybody can say Host: localhost, so the address counts; and a proxy on this machine has that of loopback. A page of
  // another site could have its name point here (DNS rebinding) and read what a browser on this machine may, so the
  // host counts, too; what it cannot have is the cookie of somebody who has signed in.
  const bool is_open = options_.open_page || (IsLoopbackHost(call.request.Header("Host")) &&
                                              IsLoopbackAddress(call.request.peer) && !IsPassedOn(call.request));
  const Result<Principal> who = is_open ? Principal{} : WhoIs(call.request);
  const Status may_read = who && !is_open ? Authorize(*who, Verb::kRead, {"", "", true}) : Status();
  if (!who || !may_read) {
    return ProblemResponse({ErrorCode::kPermissionDenied,
                            "this page is for browsers on the same machine: open it as http://localhost; or sign in at "
                            "/auth/login, as somebody who may read",
                            {}},
                           call.request.id);
  }
  const std::chrono::sys_time<std::chrono::milliseconds> now{std::chrono::milliseconds(parts_.now_ms())};
  const auto today = std::chrono::floor<std::chrono::days>(now);
  http::Response response;
  response.Header("Content-Type", "text/html; charset=utf-8");
  response.Header("Content-Security-Policy", kHomeContentSecurityPolicy);
  response.Header("X-Content-Type-Options", "nosniff");
  response.Header("Referrer-Policy", "no-referrer");
  response.Header("Cache-Control", "no-store");
  if (is_open) {
    response.shared_body = HomePageOf(parts_.catalog.View(), today);
  } else {
    response.body = HomePageFor(*who, *parts_.catalog.View(), today);
  }
  return response;
}

std::string Api::HomePageFor(const Principal& who, const CatalogView& view, std::chrono::sys_days today) const {
  HomeView home{options_.version, parts_.feed.epoch(), view.revision, {}};
  for (const auto& [key, project] : view.projects) {
    if (Authorize(who, Verb::kRead, {key, "", true})) home.projects.push_back(HomeOf(*project, today));
  }
  return RenderHome(home);
}

// Two that ask for a new page at once may both render it.
std::shared_ptr<const std::string> Api::HomePageOf(std::shared_ptr<const CatalogView> view,
                                                   std::chrono::sys_days today) {
  {
    MutexLock lock(home_mutex_);
    if (home_.of == view && home_.today == today) return home_.html;
  }
  HomeView home;
  home.version = options_.version;
  home.epoch = parts_.feed.epoch();
  home.revision = view->revision;
  for (const auto& [key, project] : view->projects) home.projects.push_back(HomeOf(*project, today));
  const auto html = std::make_shared<const std::string>(RenderHome(home));
  MutexLock lock(home_mutex_);
  home_ = {std::move(view), today, html};
  return html;
}

}  // namespace guidon
