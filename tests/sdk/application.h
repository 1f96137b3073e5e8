// An application with a client whose stream is open, and the server that it sends its events to. Nothing is sent but
// when a test flushes, or says otherwise in the configuration.
//
//   Application application;
//   application.client->Track("order", Context("user-1"));
//   auto flushed = application.Flush();                // in another thread
//   const Batch batch = application.TakeBatch();       // answered with 202
//   EXPECT_TRUE(flushed.get());
//
// Thread safety: one thread at a time.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "tests/sdk/world.h"
#include "tests/support/events.h"
#include "tests/support/gunzip.h"

namespace guidon::testing {

// `server`: a ScriptedServer, or the address of any.
template <typename Server>
ClientConfig ConfigForEvents(const Server& server) {
  ClientConfig config = ConfigFor(server);
  config.send_events = true;
  config.flush_interval = config.status_interval = config.status_delay = std::chrono::hours(24);
  return config;
}

// What a request to POST /sdk/v1/events holds.
struct SentBatch {
  Value body;
  std::string text;
  bool is_gzip = false;

  explicit SentBatch(const ScriptedServer::Request& request) {
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/sdk/v1/events");
    EXPECT_EQ(request.Header("Content-Type"), "application/json");
    is_gzip = request.Header("Content-Encoding") == "gzip";
    text = is_gzip ? Gunzip(request.body) : request.body;
    Result<Value> parsed = ParseJson(text);
    EXPECT_TRUE(parsed) << text;
    if (parsed) body = *std::move(parsed);
  }
  std::string id() const { return Get("batch").AsString(); }
  const Array& events() const { return Get("events").AsArray(); }
  const Value& Get(std::string_view name) const {
    static const Value none;
    const Value* found = body.Find(name);
    return found == nullptr ? none : *found;
  }
  // Those of one type.
  Array EventsOf(std::string_view type) const {
    Array found;
    for (const Value& event : events()) {
      const Value* its = event.Find("type");
      if (its != nullptr && its->AsString() == type) found.push_back(event);
    }
    return found;
  }
  // How many reads it counts.
  std::int64_t reads() const {
    std::int64_t reads = 0;
    for (const Value& event : events()) reads += ReadsCountedBy(event);
    return reads;
  }
};

inline std::string Accepted(std::size_t events) {
  return R"({"accepted":)" + std::to_string(events) + R"(,"rejected":[],"duplicate":false})";
}

class Application {
 public:
  using Tweak = std::function<void(ClientConfig&)>;

  explicit Application(const Tweak& tweak = {}, World its_world = World())
      : Application(ScriptedServer::Mode::kPlain, its_world.SnapshotEvent(), tweak, its_world) {}
  explicit Application(ScriptedServer::Mode mode, const Tweak& tweak = {}, World its_world = World())
      : Application(mode, its_world.SnapshotEvent(), tweak, its_world) {}
  // With the flags and experiments of a workspace.
  explicit Application(const Snapshot& snapshot, const Tweak& tweak = {})
      : Application(ScriptedServer::Mode::kPlain, EventOf(snapshot), tweak, World()) {}
  ~Application() {
    // Nobody answers any more: what is left need not be waited for.
    if (client != nullptr) client->Close(std::chrono::milliseconds(0));
  }

  std::future<bool> Flush(std::chrono::milliseconds deadline = kPatience) {
    return std::async(std::launch::async, [this, deadline] { return client->Flush(deadline); });
  }

  // The next batch, answered.
  SentBatch TakeBatch(int status = 202, const ScriptedServer::Headers& headers = {}) {
    const auto connection = server.Accept();
    if (connection == nullptr) {
      ADD_FAILURE() << "no batch came";
      return SentBatch({"POST", "/sdk/v1/events", {{"Content-Type", "application/json"}}, "{}", ""});
    }
    SentBatch batch(connection->request());
    connection->SendAnswer(status, headers, status == 202 ? Accepted(batch.events().size()) : "");
    return batch;
  }

  DroppedEvents Dropped() const { return client->Status().events.dropped; }

  World world;  // not of one that is of a workspace
  ScriptedServer server;
  Log log;
  std::unique_ptr<Client> client;
  std::unique_ptr<ScriptedServer::Connection> stream;

 private:
  Application(ScriptedServer::Mode mode, const std::string& first_event, const Tweak& tweak, World its_world)
      : world(std::move(its_world)), server(mode) {
    ClientConfig config = ConfigForEvents(server);
    config.log = log.Sink();
    if (tweak) tweak(config);
    client = std::make_unique<Client>(config);
    stream = AcceptStream(server, first_event);
    EXPECT_TRUE(stream);
    EXPECT_TRUE(client->WaitReady(kPatience));
  }
  static std::string EventOf(const Snapshot& snapshot) {
    std::string text;
    net::AppendSse(text, "snapshot", EncodeSnapshot(snapshot),
                   snapshot.epoch + "-" + std::to_string(snapshot.revision));
    return text;
  }
};

}  // namespace guidon::testing
