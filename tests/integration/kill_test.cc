// kill -9 of guidond, again and again, while people write and applications listen. After each: every acknowledged write
// is there, every stream goes on exactly where it was, and an SDK client never sees half a commit or an older one.
// GUIDON_SERVER_KILLS says how often (50), GUIDON_SERVER_KILL_SEED with which seed.
//
// Every write changes two flags to the same number in one commit, so that whoever sees them differ has seen half of it.
// Writers repeat what was not answered with the same Idempotency-Key until it is: each write takes exactly one
// revision, however often it was asked for.
#include <gtest/gtest.h>
#include <guidon/client.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "core/base/json.h"
#include "core/codec/wire.h"
#include "tests/support/forwarder.h"
#include "tests/support/guidond.h"
#include "tests/support/stream_client.h"

namespace guidon {
namespace {

using testing::Eventually;
using testing::Forwarder;
using testing::FromEnvironment;
using testing::Guidond;
using testing::HttpAnswer;
using testing::HttpCallOptions;
using testing::HttpConnection;
using testing::Pause;

constexpr int kWriters = 3;
constexpr int kStreams = 3;

std::string LeftOf(int writer) {
  return "left-" + std::to_string(writer);
}
std::string RightOf(int writer) {
  return "right-" + std::to_string(writer);
}

// {"flag": "left-1", "type": "number", "variations": {"it": 17}, …}
std::string FlagOf(const std::string& key, std::int64_t number) {
  return R"({"flag": ")" + key + R"(", "type": "number", "owner": "tests", "variations": {"it": )" +
         std::to_string(number) + R"(}, "environments": {"production": {"enabled": true, "default": "it"}}})";
}

std::string PairOf(int writer, std::int64_t number) {
  std::string changes;
  for (const std::string& key : {LeftOf(writer), RightOf(writer)}) {
    changes += (changes.empty() ? "" : ", ") + (R"({"kind": "flag", "key": ")" + key + R"(", "definition": )") +
               FlagOf(key, number) + "}";
  }
  return R"({"changes": [)" + changes + "]}";
}

// The number that a flag's definition or record serves, or -1.
std::int64_t NumberIn(const Value& holder) {
  const Value* definition = holder.Find("definition");
  const Value* variations = definition == nullptr ? nullptr : definition->Find("variations");
  const Value* it = variations == nullptr ? nullptr : variations->Find("it");
  return it == nullptr ? -1 : it->AsInt();
}

struct Write {
  int writer = 0;
  std::int64_t number = 0;
  Revision revision = 0;
};

// What everyone shares. `faults` are broken promises, in words.
struct Scene {
  Guidond server;
  Forwarder front;
  std::atomic<bool> stopping{false};  // the writers end, each with an answer to its last write

  std::mutex mutex;
  std::vector<Write> acknowledged;
  std::vector<std::string> faults;

  void Blame(const std::string& fault) {
    const std::lock_guard<std::mutex> lock(mutex);
    faults.push_back(fault);
  }
  bool IsFaulty() {
    const std::lock_guard<std::mutex> lock(mutex);
    return !faults.empty();
  }
  std::size_t CountOfAcknowledged() {
    const std::lock_guard<std::mutex> lock(mutex);
    return acknowledged.size();
  }
};

// 0: no answer, or one that asks to come again.
Revision TryToWrite(Scene& scene, int writer, std::int64_t number) {
  HttpCallOptions options;
  options.key = scene.server.admin_key();
  options.body = PairOf(writer, number);
  options.headers = {{"Idempotency-Key", "w" + std::to_string(writer) + "-" + std::to_string(number)}};
  const HttpAnswer answer = HttpCall(scene.front.port(), "POST", "/api/v1/projects/shop/changes", options);
  if (answer.status == 0 || !answer.fault.empty() || answer.status == 503) return 0;
  const Result<Value> body = ParseJson(answer.body);
  const Value* revision = body ? body->Find("revision") : nullptr;
  if (answer.status == 200 && revision != nullptr) return static_cast<Revision>(revision->AsInt());
  scene.Blame("a write was refused: " + std::to_string(answer.status) + " " + answer.body);
  return 0;
}

void WriteAway(Scene& scene, int writer) {
  for (std::int64_t number = 1; !scene.stopping; ++number) {
    Revision revision = 0;
    while ((revision = TryToWrite(scene, writer, number)) == 0 && !scene.IsFaulty()) Pause();
    if (revision == 0) return;
    const std::lock_guard<std::mutex> lock(scene.mutex);
    scene.acknowledged.push_back({writer, number, revision});
  }
}

// All of them; each has an answer to its last write when they are stopped.
class Writers {
 public:
  explicit Writers(Scene& scene) : scene_(scene) {
    for (int i = 0; i < kWriters; ++i) threads_.emplace_back([&scene, i] { WriteAway(scene, i); });
  }
  // Not stopped before: the test was left by an exception, and nobody may answer any more.
  ~Writers() {
    if (!scene_.stopping) scene_.Blame("the test ended early");
    Stop();
  }
  void Stop() {
    scene_.stopping = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  Scene& scene_;
  std::vector<std::thread> threads_;
};

// A stream that is opened again whenever it ends, as docs/spec/wire.md says.
class Listener {
 public:
  Listener(Scene& scene, std::string key) : scene_(scene), key_(std::move(key)), thread_([this] { Run(); }) {}
  ~Listener() { StopAndLook(); }

  Revision revision() const { return revision_; }
  const testing::StreamClient& StopAndLook() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return client_;
  }
  int connections() const { return connections_; }

 private:
  void Run() {
    while (!stopping_ && !scene_.IsFaulty()) {
      Follow();
      Pause();
    }
  }

  void Follow() {
    HttpConnection connection(scene_.front.port());
    std::string request = "GET /sdk/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key_ + "\r\n";
    if (!client_.LastEventId().empty()) request += "Last-Event-ID: " + client_.LastEventId() + "\r\n";
    connection.Send(request + "\r\n");
    const HttpAnswer head = connection.ReadHead();
    if (head.status == 0 || head.status == 503) return;
    if (head.status != 200) return scene_.Blame("a stream was refused: " + std::to_string(head.status));
    ++connections_;
    client_.Reconnect();
    while (!stopping_ && !scene_.IsFaulty()) {
      const std::string bytes = connection.ReadSome(std::chrono::milliseconds(50));
      if (bytes.empty() && connection.IsAtEnd(std::chrono::milliseconds(0))) return;
      if (const std::string fault = client_.Feed(bytes); !fault.empty()) scene_.Blame("stream: " + fault);
      LookForTears();
      revision_ = client_.revision();
    }
  }

  void LookForTears() {
    for (int writer = 0; writer < kWriters; ++writer) {
      const auto left = client_.records().find({"flag", LeftOf(writer)});
      const auto right = client_.records().find({"flag", RightOf(writer)});
      const bool has_left = left != client_.records().end(), has_right = right != client_.records().end();
      if (has_left != has_right ||
          (has_left && NumberIn(*ParseJson(left->second)) != NumberIn(*ParseJson(right->second)))) {
        scene_.Blame("a stream shows half a commit at revision " + std::to_string(client_.revision()));
      }
    }
  }

  Scene& scene_;
  const std::string key_;
  testing::StreamClient client_;  // of the thread, until it has ended
  std::atomic<int> connections_{0};
  std::atomic<Revision> revision_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// Applications read through the SDK all the time, pinned: one commit or another, never half of each, never backwards.
class Application {
 public:
  Application(Scene& scene, const std::string& key)
      : scene_(scene), client_(Config(scene, key)), thread_([this] { Run(); }) {}
  ~Application() {
    stopping_ = true;
    thread_.join();
  }

  const Client& client() const { return client_; }

 private:
  static ClientConfig Config(const Scene& scene, const std::string& key) {
    ClientConfig config;
    config.server = scene.front.url();
    config.key = key;
    config.backoff_first = std::chrono::milliseconds(10);
    config.backoff_most = std::chrono::milliseconds(50);
    config.failures_before_polling = 1'000'000;  // the stream alone must do
    return config;
  }

  void Run() {
    const Context user("user-42");
    std::uint64_t seen = 0;
    while (!stopping_) {
      const Pin pin = client_.Pin();
      if (pin.revision() < seen) scene_.Blame("the SDK went back to revision " + std::to_string(pin.revision()));
      seen = pin.revision();
      for (int writer = 0; writer < kWriters; ++writer) {
        const std::int64_t left = pin.Int(LeftOf(writer), user, -1), right = pin.Int(RightOf(writer), user, -1);
        if (left != right) scene_.Blame("the SDK shows half a commit at revision " + std::to_string(seen));
      }
      Pause();
    }
  }

  Scene& scene_;
  Client client_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class KillTest : public ::testing::Test {
 protected:
  // The project and one key; what was used up of revisions.
  void SetUp() override {
    ASSERT_EQ(
        scene_.server
            .Call("POST", "/api/v1/projects", {.body = R"({"project": "shop", "environments": {"production": {}}})"})
            .status,
        201);
    key_ = scene_.server.CreateSdkKey("shop", "production");
    scene_.front.Forward(scene_.server.port());
    first_revision_ = Head() + 1;
  }

  Revision Head() {
    const Result<Value> body = ParseJson(scene_.server.Call("GET", "/readyz").body);
    return body && body->Find("revision") != nullptr ? static_cast<Revision>(body->Find("revision")->AsInt()) : 0;
  }

  std::int64_t NumberNow(const std::string& key, const std::string& query = "") {
    const Result<Value> body = ParseJson(scene_.server.Call("GET", "/api/v1/projects/shop/flags/" + key + query).body);
    return body ? NumberIn(*body) : -1;
  }

  // What was acknowledged before the kill is the least that may be there after it.
  void ExpectNothingLost(const std::vector<Write>& before) {
    std::int64_t last[kWriters] = {};
    Revision revision = 0;
    for (const Write& write : before) {
      last[write.writer] = std::max(last[write.writer], write.number);
      revision = std::max(revision, write.revision);
    }
    for (int writer = 0; writer < kWriters; ++writer) {
      if (last[writer] == 0) continue;
      EXPECT_GE(NumberNow(LeftOf(writer)), last[writer]) << "an acknowledged write is gone";
    }
    EXPECT_GE(Head(), revision);
  }

  // Each of these, as it was at its own revision.
  void ExpectHistory(const std::vector<Write>& writes) {
    for (const Write& write : writes) {
      const std::string query = "?revision=" + std::to_string(write.revision);
      ASSERT_EQ(NumberNow(LeftOf(write.writer), query), write.number) << write.revision;
      ASSERT_EQ(NumberNow(RightOf(write.writer), query), write.number) << write.revision;
    }
  }

  Scene scene_;
  std::string key_;
  Revision first_revision_ = 0;
};

// Promise R1, R3.
TEST_F(KillTest, NothingAcknowledgedIsLostAndEveryStreamResumesExactly) {
  const int kills = FromEnvironment("GUIDON_SERVER_KILLS", 50);
  const int seed = FromEnvironment("GUIDON_SERVER_KILL_SEED", 20270312);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << ", " << kills << " kills\n";
  std::mt19937 random(static_cast<unsigned>(seed));

  std::vector<std::unique_ptr<Listener>> listeners;
  for (int i = 0; i < kStreams; ++i) listeners.push_back(std::make_unique<Listener>(scene_, key_));
  Application application(scene_, key_);
  Writers writers(scene_);

  for (int kill = 0; kill < kills && !HasFailure() && !scene_.IsFaulty(); ++kill) {
    // After some writes of this life, at any moment within the next.
    const std::size_t wanted = scene_.CountOfAcknowledged() + 1 + random() % 8;
    EXPECT_TRUE(Eventually([&] { return scene_.CountOfAcknowledged() >= wanted || scene_.IsFaulty(); }))
        << "no write is answered; " << scene_.server.Log();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    scene_.front.Forward(0);
    scene_.server.Kill();
    std::vector<Write> before;
    {
      const std::lock_guard<std::mutex> lock(scene_.mutex);
      before = scene_.acknowledged;
    }
    scene_.server.Start();
    ExpectNothingLost(before);
    ExpectHistory({before.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(before.size(), 3)), before.end()});
    scene_.front.Forward(scene_.server.port());
  }
  writers.Stop();

  // Everyone arrives at the head, and holds what the server holds.
  const Revision head = Head();
  for (const auto& listener : listeners) {
    EXPECT_TRUE(Eventually([&] { return listener->revision() >= head || scene_.IsFaulty(); }))
        << "a stream stays at " << listener->revision() << " of " << head;
  }
  EXPECT_TRUE(Eventually([&] { return application.client().Status().revision >= head || scene_.IsFaulty(); }))
      << "the SDK stays at " << application.client().Status().revision << " of " << head;
  for (const std::string& fault : scene_.faults) ADD_FAILURE() << fault;
  if (HasFailure()) return;

  const HttpAnswer snapshot = scene_.server.Call("GET", "/api/v1/projects/shop/environments/production/snapshot");
  const Result<SnapshotDocument> document = DecodeSnapshot(snapshot.body);
  ASSERT_TRUE(document) << snapshot.body;
  int connections = 0;
  for (auto& listener : listeners) {
    EXPECT_EQ(listener->revision(), head);
    const testing::StreamClient& client = listener->StopAndLook();
    EXPECT_EQ(client.DigestHex(), document->digest.ToHex());
    EXPECT_EQ(client.snapshots(), 1) << "a stream was not resumed but begun anew";
    connections += listener->connections();
  }
  const ClientStatus status = application.client().Status();
  EXPECT_EQ(status.snapshots, 1u) << "the SDK was not resumed but begun anew";
  EXPECT_EQ(status.refused, 0u);
  for (int writer = 0; writer < kWriters; ++writer) {
    EXPECT_EQ(application.client().Int(RightOf(writer), Context("user-42"), -1), NumberNow(RightOf(writer)));
  }

  // One revision for each write, and none besides.
  std::vector<Write> writes = scene_.acknowledged;
  std::set<Revision> revisions;
  for (const Write& write : writes) EXPECT_TRUE(revisions.insert(write.revision).second) << write.revision << " twice";
  ASSERT_FALSE(revisions.empty());
  EXPECT_EQ(*revisions.begin(), first_revision_);
  EXPECT_EQ(*revisions.rbegin(), head);
  EXPECT_EQ(revisions.size(), head - first_revision_ + 1) << "revisions are not gap-free";
  std::shuffle(writes.begin(), writes.end(), random);
  writes.resize(std::min<std::size_t>(writes.size(), 500));
  ExpectHistory(writes);
  EXPECT_GE(connections, kStreams * kills / 2) << "the streams were hardly ever cut";
  std::cout << scene_.acknowledged.size() << " writes acknowledged, " << connections << " streams opened, head " << head
            << "\n";
}

}  // namespace
}  // namespace guidon
