// The whole HTTP face of the server in this process, on a store in memory: what the tests of the API share.
//
//   TestServer server;
//   server.MakeShop();
//   HttpAnswer answer = server.Call("PUT", "/api/v1/projects/shop/flags/a", {.body = kFlag});
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/model/definitions.h"
#include "server/analysis/analysis.h"
#include "server/analysis/plan_of.h"
#include "server/analysis/reports.h"
#include "server/api/api.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/auth/key_records.h"
#include "server/backup/backups.h"
#include "server/http/router.h"
#include "server/http/server.h"
#include "server/http/worker_pool.h"
#include "server/signin/password.h"
#include "server/signin/sign_in.h"
#include "tests/support/http.h"
#include "tests/support/stream_client.h"

namespace guidon {

using testing::HttpAnswer;
using testing::HttpCallOptions;
using testing::HttpConnection;

struct TestServerOptions {
  FeedOptions feed = {};
  ApiOptions api = {.version = "0.1.0"};
  JournalOptions journal = {};
  std::chrono::milliseconds tick{1'000};
  AttemptBudget wrong_keys{1e6, 1e6};  // of one address; all tests come from one
  SignInOptions sign_in = {};          // without a file for it, the break-glass password is kBreakGlassPassword
  SessionPolicy sessions = {};
};

inline constexpr const char* kBreakGlassPassword = "correct horse battery";

class TestServer {
 public:
  explicit TestServer(const TestServerOptions& options = {})
      : store_(OpenMemoryStore({})),
        feed_(store_->Epoch(), Counted(options.feed), [this] { Wake(); }),
        catalog_(*store_, feed_, {.now = [this] { return Timestamp(std::chrono::milliseconds(now_ms_)); }}),
        journal_(OpenJournal(options.journal)),
        processes_({}),
        counters_(metrics_),
        fold_(*Fold::Open(*store_, *journal_,
                          {.plans = PlansOf(catalog_, [this] { return Timestamp(std::chrono::milliseconds(now_ms_)); }),
                           .counters = &fold_counters_,
                           .clock = [this] { return Timestamp(std::chrono::milliseconds(now_ms_)); }})),
        api_counters_(metrics_),
        exposures_(*journal_, counters_,
                   {.delay = std::chrono::milliseconds(1), .epoch = store_->Epoch(), .version = "0.1.0"}),
        deliverer_(*store_, {.allow_private = true, .version = "0.1.0"}),
        backups_(*store_, {.folder = folder_.path()}),
        authenticator_([this] { return now_ms_.load(); }, options.wrong_keys),
        change_requests_(catalog_, {.now_ms = [this] { return now_ms_.load(); },
                                    .person_of = [this](std::string_view id) { return authenticator_.PersonOf(id); },
                                    .since_of = [this](std::string_view who) { return authenticator_.SinceOf(who); },
                                    .approval_rights_of =
                                        [this](const std::string& person, const std::string& project) {
                                          return PermitOf(authenticator_, Verb::kApprove, person, project);
                                        }}),
        comments_(catalog_, {.now_ms = [this] { return now_ms_.load(); },
                             .person_of = [this](std::string_view id) { return authenticator_.PersonOf(id); }}),
        sign_in_(Completed(options.sign_in)),
        router_(Patterns()) {
    EXPECT_TRUE(catalog_.Load());
    authenticator_.sessions().SetPolicy(options.sessions);
    admin_ = MakeKey(KeyKind::kAdmin);
    api_.emplace(Api::Parts{catalog_,
                            feed_,
                            authenticator_,
                            *journal_,
                            processes_,
                            counters_,
                            deliverer_,
                            exposures_,
                            backups_,
                            change_requests_,
                            comments_,
                            privacy_,
                            [this] { return store_->Health(); },
                            [this] { Wake(); },
                            [this] { return metrics_.Render(); },
                            [this] { return stopping_.load(); },
                            [this] { return now_ms_.load(); },
                            api_counters_,
                            sign_in_,
                            [this](std::function<void()> job) { return ++put_off_, pool_->TryRun(std::move(job)); },
                            &analysis_,
                            &experiment_reports_,
                            {},
                            &held_ramps_},
                 options.api);
    pool_.emplace(2, 256);
    http::ServerOptions http;
    http.io_threads = 2;
    http.tick = options.tick;
    auto started = http::Server::Start(http, [this](std::shared_ptr<http::Request> request, http::Responder respond) {
      Handle(std::move(request), std::move(respond));
    });
    if (!started) throw std::runtime_error(started.error().message);
    server_ = *std::move(started);
    listening_ = true;
  }
  ~TestServer() {
    server_->Stop(std::chrono::milliseconds(0));
    listening_ = false;
    pool_.reset();
  }

  std::uint16_t port() const { return server_->port(); }
  const std::string& admin() const { return admin_; }
  Catalog& catalog() { return catalog_; }
  Store& store() { return *store_; }
  Journal& journal() { return *journal_; }
  HeldRamps& held_ramps() { return held_ramps_; }
  Fold& fold() { return *fold_; }
  ChangeRequests& change_requests() { return change_requests_; }
  Feed& feed() { return feed_; }
  http::Server& http() { return *server_; }
  // Past HTTP and authentication.
  http::Response Serve(const http::Request& request) {
    for (const Route& route : Api::Routes()) {
      if (route.path != request.path || route.method != request.method) continue;
      if (auto refused = api_->RefuseByAddress(route, request)) return *std::move(refused);
      http::Response answer;
      api_->Serve(route, request, [&answer](http::Response response) { answer = std::move(response); });
      return answer;
    }
    ADD_FAILURE() << "there is no route " << request.path;
    return {};
  }
  Authenticator& authenticator() { return authenticator_; }
  void SetNow(std::int64_t now_ms) { now_ms_ = now_ms; }
  void SetStopping() { stopping_ = true; }
  int written() const { return written_; }  // changes that have reached every stream
  Revision head() { return store_->Head().revision; }
  int put_off() const { return put_off_; }  // what handlers found to be too much for an I/O thread

  // A key that the server knows, past the API.
  std::string MakeKey(KeyKind kind, std::string project = "", std::string environment = "", std::string role = "") {
    NewKey key = *GenerateKey(kind);
    key.record.role = std::move(role);
    key.record.project = std::move(project);
    key.record.environment = std::move(environment);
    authenticator_.Put(key.record);
    return key.text;
  }

  // With the key of all projects, unless another is given; "-" sends none.
  HttpAnswer Call(std::string_view method, std::string_view path, HttpCallOptions options = {}) {
    if (options.key.empty()) options.key = admin_;
    if (options.key == "-") options.key.clear();
    return testing::HttpCall(port(), method, path, options);
  }
  // Of /metrics: what stands behind `name{label="value"}`, or "missing".
  std::string Metric(const std::string& series) {
    const std::string text = "\n" + metrics_.Render();
    const std::size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "missing";
    const std::size_t begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  Value Get(std::string_view path) { return Body(Call("GET", path)); }
  static Value Body(const HttpAnswer& answer) {
    Result<Value> value = ParseJson(answer.body);
    if (!value) ADD_FAILURE() << answer.status << " " << answer.fault << " " << answer.body;
    return value ? *std::move(value) : Value();
  }

  void MakeShop() {
    EXPECT_EQ(Call("POST", "/api/v1/projects",
                   {.body = R"({"project":"shop","environments":{"production":{},"staging":{}}})"})
                  .status,
              201);
  }
  void PutFlag(const std::string& key, const std::string& served = "on") {
    const HttpAnswer answer = Call("PUT", "/api/v1/projects/shop/flags/" + key,
                                   {.body = R"({"type":"boolean","owner":"x","environments":{"production":)"
                                            R"({"enabled":true,"default":")" +
                                            served + R"("}}})"});
    EXPECT_TRUE(answer.status == 200 || answer.status == 201) << answer.body;
  }

  // Each sign-in that was reported: "signed_in member:oidc-…".
  std::vector<std::string> Reports() {
    MutexLock lock(seen_mutex_);
    return reports_;
  }
  std::vector<std::string> Details() {
    MutexLock lock(seen_mutex_);
    return details_;
  }
  std::int64_t now_ms() const { return now_ms_; }

  // Which statuses each route has answered with, by operation.
  std::map<std::string, std::set<int>> Seen() {
    MutexLock lock(seen_mutex_);
    return seen_;
  }

 private:
  static std::vector<http::RoutePattern> Patterns() {
    std::vector<http::RoutePattern> patterns;
    for (const Route& route : Api::Routes()) patterns.push_back({route.method, route.path, route.takes_rest});
    return patterns;
  }
  std::unique_ptr<Journal> OpenJournal(JournalOptions options) {
    options.clock = [this] { return Timestamp(std::chrono::milliseconds(now_ms_.load())); };
    return *Journal::Open(*store_, std::move(options));
  }
  FeedOptions Counted(FeedOptions options) {
    options.on_written = [this](std::chrono::nanoseconds) { ++written_; };
    return options;
  }
  SignInOptions Completed(SignInOptions options) {
    options.now_ms = options.provider.now_ms = [this] { return now_ms_.load(); };
    options.report = [this](const SignInReport& report) {
      MutexLock lock(seen_mutex_);
      reports_.push_back(std::string(ToString(report.outcome)) + " " + report.principal);
      details_.push_back(report.detail);
    };
    if (options.break_glass_file.empty()) {
      static const std::string kHash = *HashPassword(kBreakGlassPassword);
      options.break_glass_file = folder_ / "break-glass";
      std::ofstream(options.break_glass_file) << kHash << "\n";
    }
    return options;
  }
  void Wake() {
    if (listening_) server_->WakeStreams();
  }
  void Handle(std::shared_ptr<http::Request> request, http::Responder respond) {
    const http::Match match = router_.Find(*request);
    if (!match.route) {
      return respond(ProblemResponse({ErrorCode::kNotFound, "there is nothing at " + request->path, {}}, request->id));
    }
    const Route& route = Api::Routes()[*match.route];
    const auto answer = [this, &route, request, respond] {
      api_->Serve(route, *request, [this, &route, request, respond](http::Response response) {
        {
          MutexLock lock(seen_mutex_);
          seen_[std::string(route.name)].insert(response.status);
        }
        respond(std::move(response));
      });
    };
    if (route.where == Where::kInline) return answer();
    if (!pool_->TryRun(answer)) respond(ProblemResponse({ErrorCode::kOverloaded, "busy", {}}, request->id));
  }

  std::atomic<bool> listening_{false}, stopping_{false};
  std::atomic<int> written_{0}, put_off_{0};
  std::atomic<std::int64_t> now_ms_{1'798'761'600'000};  // 2027-01-01T00:00:00Z
  std::unique_ptr<Store> store_;
  Feed feed_;
  Catalog catalog_;
  std::unique_ptr<Journal> journal_;
  Processes processes_;
  guidon::Metrics metrics_;
  IngestCounters counters_;
  FoldCounters fold_counters_{metrics_};
  std::unique_ptr<Fold> fold_;
  Analysis analysis_{catalog_, *fold_};
  HeldRamps held_ramps_;
  guidon::Reports experiment_reports_{catalog_, analysis_, *store_, {.now_ms = [this] { return now_ms_.load(); }}};
  ApiCounters api_counters_;
  Exposures exposures_;
  Deliverer deliverer_;
  const testing::TemporaryFolder folder_;
  Backups backups_;
  Privacy privacy_{{catalog_, *store_, feed_, *journal_, exposures_, processes_, backups_, {}, {}, fold_.get()}, {}};
  Authenticator authenticator_;
  ChangeRequests change_requests_;
  Comments comments_;
  SignIn sign_in_;
  std::string admin_;
  const http::Router router_;
  std::optional<Api> api_;
  Mutex seen_mutex_;
  std::map<std::string, std::set<int>> seen_ GUIDON_GUARDED_BY(seen_mutex_);
  std::vector<std::string> reports_ GUIDON_GUARDED_BY(seen_mutex_);
  std::vector<std::string> details_ GUIDON_GUARDED_BY(seen_mutex_);
  std::unique_ptr<http::Server> server_;
  std::optional<http::WorkerPool> pool_;
};

// The text of a member, or "".
inline std::string TextAt(const Value& value, std::string_view name) {
  const Value* member = value.Find(name);
  if (member == nullptr) return "";
  return member->is_string() ? member->AsString() : ToJson(*member);
}
// The pointers of a problem's issues, joined by blanks.
inline std::string PointersOf(const HttpAnswer& answer) {
  std::string pointers;
  const Value body = TestServer::Body(answer);
  const Value* issues = body.Find("issues");
  if (issues == nullptr) return "";
  for (const Value& issue : issues->AsArray()) {
    pointers += (pointers.empty() ? "" : " ") + TextAt(issue, "pointer");
  }
  return pointers;
}

// A stream over HTTP.
class OpenStream {
 public:
  OpenStream(TestServer& server, const std::string& key, const std::string& last_event_id = "", int receive_buffer = 0)
      : connection_(server.port()) {
    if (receive_buffer > 0) connection_.ShrinkReceiveBuffer(receive_buffer);
    std::string request = "GET /sdk/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\n";
    if (!last_event_id.empty()) request += "Last-Event-ID: " + last_event_id + "\r\n";
    connection_.Send(request + "Guidon-Schema: 1\r\n\r\n");
  }

  HttpAnswer Head() { return connection_.ReadHead(); }
  // Reads on until the condition holds. False when the stream ends before, or nothing comes.
  template <typename Condition>
  bool ReadUntil(testing::StreamClient& client, Condition condition,
                 std::chrono::milliseconds patience = testing::kPatience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      const std::string bytes = connection_.ReadSome(left);
      if (bytes.empty()) return condition();
      raw_ += bytes;
      if (std::string fault = client.Feed(bytes); !fault.empty()) {
        ADD_FAILURE() << fault;
        return false;
      }
    }
    return true;
  }
  bool IsAtEnd() { return connection_.IsAtEnd(); }
  HttpConnection& connection() { return connection_; }
  const std::string& raw() const { return raw_; }

 private:
  HttpConnection connection_;
  std::string raw_;
};

}  // namespace guidon
