#include "cli/live_states.h"

#include <utility>

#include "cli/api_client.h"
#include "cli/credentials.h"
#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

using State = lsp::LiveAnswer::State;

net::HttpOptions OptionsOf(const Connection& connection) {
  net::HttpOptions options;
  options.connect = std::chrono::seconds(2);
  options.silence = options.total = std::chrono::seconds(5);
  options.max_body_bytes = 4u << 20;
  options.ca_file = connection.ca;
  options.client_certificate_file = connection.cert;
  options.client_key_file = connection.cert_key;
  return options;
}

lsp::LiveAnswer Failed(const std::string& message) {
  return {State::kFailed, "", message, {}};
}

std::string PathOf(const std::string& project, const EntityRef& ref) {
  const bool is_flag = ref.kind == EntityKind::kFlag;
  return ProjectPath(project) + (is_flag ? "/flags/" : "/experiments/") + Escape(ref.key) + (is_flag ? "" : "/status");
}

}  // namespace

LiveStates::LiveStates(Connection connection) : connection_(std::move(connection)) {}

LiveStates::~LiveStates() {
  End(std::chrono::milliseconds(0));
  if (thread_.joinable()) thread_.join();
}

bool LiveStates::End(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return true;
  MutexLock lock(mutex_);
  is_ending_ = true;
  if (client_ != nullptr) client_->Stop(std::chrono::milliseconds(0));
  changed_.NotifyAll();
  return changed_.WaitFor(lock, patience, [&]() GUIDON_REQUIRES(mutex_) { return has_ended_; });
}

void LiveStates::Configure(const std::string& server, const std::string& key) {
  MutexLock lock(mutex_);
  if (server == connection_.server && key.empty()) return;
  Connection next;
  next.server = server;
  next.key = key;
  next.ca = connection_.ca;
  connection_ = std::move(next);
  ++connections_;
  held_.clear();
  questions_.clear();
}

lsp::LiveAnswer LiveStates::Ask(const std::string& project, const EntityRef& ref) {
  if (ref.kind != EntityKind::kFlag && ref.kind != EntityKind::kExperiment) return {};
  const std::string path = PathOf(project, ref);
  MutexLock lock(mutex_);
  if (connection_.server.empty()) return {};
  if (held_.size() >= kMaxHeld && !held_.contains(path)) {
    held_.clear();
    questions_.clear();
  }
  const bool is_known = held_.contains(path);
  Held& held = held_[path];
  const auto is_old = [&] { return held.since + kFresh < std::chrono::steady_clock::now(); };
  if (!held.is_asked && (!is_known || is_old())) {
    held.is_asked = true;
    questions_.push_back(path);
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    changed_.NotifyAll();
  }
  lsp::LiveAnswer answer{State::kPending, "", "", {}};
  if (changed_.WaitFor(lock, kPatience, [&]() GUIDON_REQUIRES(mutex_) { return !held.is_asked; })) answer = held.answer;
  answer.server = connection_.server;
  return answer;
}

void LiveStates::Run() {
  for (;;) {
    Connection connection;
    std::string path;
    std::uint64_t number = 0;
    {
      MutexLock lock(mutex_);
      changed_.Wait(lock, [&]() GUIDON_REQUIRES(mutex_) { return is_ending_ || !questions_.empty(); });
      if (is_ending_) {
        has_ended_ = true;
        changed_.NotifyAll();
        return;
      }
      path = std::move(questions_.back());  // the newest: somebody waits for it
      questions_.pop_back();
      connection = connection_;
      number = connections_;
    }
    lsp::LiveAnswer answer = Fetch(connection, path);
    MutexLock lock(mutex_);
    if (number != connections_) continue;
    Held& held = held_[path];
    held.answer = std::move(answer);
    held.since = std::chrono::steady_clock::now();
    held.is_asked = false;
    changed_.NotifyAll();
  }
}

lsp::LiveAnswer LiveStates::Fetch(const Connection& connection, const std::string& path) {
  net::Url url;
  std::string fault;
  if (!net::ParseUrl(connection.server, &url, &fault)) return Failed(fault);
  std::string key = connection.key;
  if (key.empty()) {
    const Result<StoredSession> session = FindSession(connection.server);
    if (!session) return Failed("there is no key for it: GUIDON_KEY, or `guidon login`");
    key = session->token;
  }
  net::HttpClient* client = nullptr;
  {
    MutexLock lock(mutex_);
    if (is_ending_) return Failed("it ends");
    client_ = net::MakeHttpClient(url, OptionsOf(connection));
    client = client_.get();
  }
  net::HttpRequest request;
  request.path = path;
  request.headers = {{"Accept", "application/json"}, {"Authorization", "Bearer " + key}};
  const net::HttpResult result = client->Send(request);
  MutexLock lock(mutex_);
  client_.reset();
  if (!result.ok()) return Failed(result.message);
  if (result.response.status == 404) return {State::kMissing, "", "", {}};
  Result<Value> body = ParseJson(result.response.body);
  if (result.response.status != 200) {
    const std::string detail = body ? TextOf(*body, "detail") : "";
    return Failed(detail.empty() ? "it answered " + std::to_string(result.response.status) : detail);
  }
  if (!body || !body->is_object()) return Failed("the answer is not of a guidond");
  return {State::kAnswered, "", "", *std::move(body)};
}

}  // namespace guidon::cli
