// Replays the transcripts of wire/v1/ (README.md is their format): through the parser and the state of the SDK, through
// the strict client that tests hold the server to, and, as a server, to a whole client of the SDK.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include <guidon/client.h>
#include "core/base/json.h"
#include "core/codec/wire.h"
#include "net/sse.h"
#include "sdk/state/ruleset_state.h"
#include "tests/support/scripted_server.h"
#include "tests/support/stream_client.h"

namespace guidon::conformance {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = GUIDON_SOURCE_DIR "/tests/conformance/wire/v1";

// What a client holds.
struct Held {
  std::string epoch;
  std::int64_t revision = 0;
  std::string digest;
  std::vector<std::string> keys;    // "flag checkout.layout", sorted
  std::vector<std::string> broken;  // flags that answer PARSE_ERROR, sorted
  friend bool operator==(const Held&, const Held&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Held& held) {
    out << held.epoch << "-" << held.revision << " " << held.digest;
    for (const std::string& key : held.keys) out << " [" << key << "]";
    for (const std::string& key : held.broken) out << " broken: " << key;
    return out;
  }
};

struct Event {
  std::string type;
  std::string happened;      // applied, confirmed, ignored, refused, needs_all, goodbye
  std::optional<Held> held;  // after it; nothing: no ruleset
  // Of a goodbye.
  std::string reason;
  std::optional<std::int64_t> retry_ms;
};

struct Connection {
  std::string file;
  std::string bytes;
  std::string last_event_id;
  std::vector<Event> events;
  std::optional<std::int64_t> retry_ms;
  std::string then;  // resume, anew, stop
};

struct Transcript {
  std::string name;
  std::vector<Connection> connections;
};

// --- reading -------------------------------------------------------------------------------------------------------

std::string ReadFile(const fs::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

std::string TextOf(const Value& value, std::string_view name) {
  const Value* text = value.Find(name);
  EXPECT_NE(text, nullptr) << name << " is missing in " << ToJson(value);
  return text == nullptr ? "" : text->AsString();
}

std::vector<std::string> TextsOf(const Value& value, std::string_view name) {
  std::vector<std::string> texts;
  const Value* list = value.Find(name);
  EXPECT_NE(list, nullptr) << name << " is missing in " << ToJson(value);
  if (list == nullptr) return texts;
  for (const Value& text : list->AsArray()) texts.push_back(text.AsString());
  return texts;
}

Event ReadEvent(const Value& value) {
  Event event{TextOf(value, "event"), TextOf(value, "happened"), std::nullopt, "", std::nullopt};
  if (event.happened == "goodbye") event.reason = TextOf(value, "reason");
  if (const Value* retry = value.Find("retry_ms")) event.retry_ms = retry->AsInt();
  const Value* held = value.Find("held");
  if (held == nullptr || held->is_null()) return event;
  const Value* revision = held->Find("revision");
  event.held = Held{TextOf(*held, "epoch"), revision == nullptr ? -1 : revision->AsInt(), TextOf(*held, "digest"),
                    TextsOf(*held, "keys"), TextsOf(*held, "broken")};
  return event;
}

Connection ReadConnection(const Value& value) {
  Connection connection;
  connection.file = TextOf(value, "stream");
  connection.bytes = ReadFile(kFolder / connection.file);
  connection.last_event_id = TextOf(value, "last_event_id");
  for (const Value& event : value.Find("events")->AsArray()) connection.events.push_back(ReadEvent(event));
  if (const Value* retry = value.Find("retry_ms")) connection.retry_ms = retry->AsInt();
  connection.then = TextOf(value, "then");
  return connection;
}

std::vector<Transcript> Transcripts() {
  std::vector<Transcript> transcripts;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".json") continue;
    const Result<Value> value = ParseJson(ReadFile(entry.path()));
    EXPECT_TRUE(value) << entry.path() << ": " << value.error().message;
    if (!value) continue;
    Transcript& transcript = transcripts.emplace_back();
    transcript.name = entry.path().stem().string();
    for (const Value& connection : value->Find("connections")->AsArray()) {
      transcript.connections.push_back(ReadConnection(connection));
    }
  }
  std::sort(transcripts.begin(), transcripts.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return transcripts;
}

// --- the state of the SDK ------------------------------------------------------------------------------------------

std::optional<Held> HeldBy(const RulesetState& state) {
  if (!state.has_ruleset()) return std::nullopt;
  Held held{state.header().epoch, static_cast<std::int64_t>(state.header().revision), "", {}, {}};
  // Its document is what it holds: one that says a digest and records that do not fit is refused.
  const Result<SnapshotDocument> document = DecodeSnapshot(state.Document());
  EXPECT_TRUE(document) << document.error().message;
  if (!document) return held;
  held.digest = document->digest.ToHex();
  for (const EncodedEntity& entity : document->entities) held.keys.push_back(entity.kind + " " + entity.key);
  std::sort(held.keys.begin(), held.keys.end());
  for (const BrokenFlag& flag : state.ruleset()->broken()) held.broken.push_back(flag.key);
  return held;
}

// Does with an event what the SDK does with it, and says in the words of the transcripts what happened.
std::string Take(RulesetState& state, const net::SseEvent& event) {
  if (event.type == "goodbye") return "goodbye";
  Applied applied;
  if (event.type == "snapshot") {
    applied = state.TakeSnapshot(event.data);
  } else if (event.type == "change") {
    applied = state.TakeChange(event.data, event.id);
  } else if (event.type == "heartbeat") {
    applied = state.TakeHeartbeat(event.data, event.id);
  } else {
    return "ignored";
  }
  switch (applied.outcome) {
    case ApplyOutcome::kApplied:
      return "applied";
    case ApplyOutcome::kNothing:
      return event.type == "change" ? "ignored" : "confirmed";
    case ApplyOutcome::kIgnored:
      return "ignored";
    case ApplyOutcome::kRefused:
      return "refused";
    case ApplyOutcome::kNeedsAll:
      break;
  }
  return "needs_all";
}

void ExpectGoodbye(std::string_view data, const Event& expected, const std::string& where) {
  const Result<Value> said = ParseJson(data);
  ASSERT_TRUE(said) << where;
  EXPECT_EQ(TextOf(*said, "reason"), expected.reason) << where;
  const Value* retry = said->Find("retry_ms");
  EXPECT_EQ(retry == nullptr ? std::nullopt : std::optional(retry->AsInt()), expected.retry_ms) << where;
}

class SdkReplay {
 public:
  explicit SdkReplay(std::size_t chunk) : chunk_(chunk) {}

  void Play(const Connection& connection) {
    parser_.Reset();
    std::size_t at = 0;
    const auto take = [&](const net::SseEvent& event) {
      const std::string where = connection.file + ", event " + std::to_string(at + 1) + " " + event.type;
      ASSERT_LT(at, connection.events.size()) << where << " is not expected";
      const Event& expected = connection.events[at++];
      EXPECT_EQ(event.type, expected.type) << where;
      EXPECT_EQ(Take(state_, event), expected.happened) << where;
      EXPECT_EQ(HeldBy(state_), expected.held) << where;
      if (event.type == "goodbye") ExpectGoodbye(event.data, expected, where);
    };
    for (std::size_t i = 0; i < connection.bytes.size(); i += chunk_) {
      EXPECT_TRUE(parser_.Feed(std::string_view(connection.bytes).substr(i, chunk_), take)) << connection.file;
    }
    EXPECT_EQ(at, connection.events.size()) << connection.file << ": events are missing";
    if (!connection.retry_ms) return;
    ASSERT_TRUE(parser_.retry()) << connection.file;
    EXPECT_EQ(parser_.retry()->count(), *connection.retry_ms) << connection.file;
  }

  std::string EventId() const { return state_.EventId(); }

 private:
  const std::size_t chunk_;
  net::SseParser parser_;
  RulesetState state_{std::make_shared<Lineage>()};
};

// Promise R10.
TEST(WireConformanceTest, TheSdkHoldsWhatTheTranscriptsSayHoweverTheBytesAreCut) {
  const std::vector<Transcript> transcripts = Transcripts();
  EXPECT_GE(transcripts.size(), 25u);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    SCOPED_TRACE("chunks of " + std::to_string(chunk));
    for (const Transcript& transcript : transcripts) {
      SdkReplay replay(chunk);
      std::string wanted;  // Last-Event-ID of the next connection
      for (const Connection& connection : transcript.connections) {
        EXPECT_EQ(connection.last_event_id, wanted) << connection.file;
        replay.Play(connection);
        wanted = connection.then == "resume" ? replay.EventId() : "";
      }
    }
  }
}

// --- a client of the SDK -------------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;
using testing::ScriptedServer;

template <typename Condition>
bool Eventually(Condition condition) {
  const auto deadline = Clock::now() + ScriptedServer::kPatience;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// `retry:` has to say when, where a connection has one: without it nobody would come back.
ClientConfig ConfigFor(const ScriptedServer& server, const Transcript& transcript) {
  ClientConfig config;
  config.server = server.url();
  config.key = "gdn_srv_test";
  config.backoff_first = std::chrono::milliseconds(1);
  config.backoff_most = std::chrono::milliseconds(4);
  config.failures_before_polling = 1'000'000;
  config.unauthorised_recheck = std::chrono::hours(1);
  config.send_events = config.send_status = false;  // every connection is the stream's
  for (const Connection& connection : transcript.connections) {
    if (connection.retry_ms) config.backoff_first = config.backoff_most = std::chrono::hours(24);
  }
  return config;
}

// What the client has to name on the next connection: what it holds, unless it has to have all anew.
std::string WantedNext(const Connection& connection, const std::optional<Held>& held) {
  if (connection.then == "anew" || !held) return "";
  return held->epoch + "-" + std::to_string(held->revision);
}

void ExpectStopped(const Client& client, ScriptedServer& server, const std::string& where) {
  EXPECT_TRUE(Eventually([&] { return client.Status().state == ClientState::kUnauthorised; }))
      << where << ": " << ToString(client.Status().state);
  EXPECT_FALSE(server.IsAsked(std::chrono::milliseconds(50))) << where << ": it asks again";
}

// Plays the server's side of a transcript and looks at each next request.
void PlayToClient(const Transcript& transcript) {
  ScriptedServer server;
  const Client client(ConfigFor(server, transcript));
  std::optional<Held> held;
  std::string wanted;
  Clock::time_point earliest = Clock::now();
  for (const Connection& connection : transcript.connections) {
    const std::string& where = connection.file;
    const auto stream = server.Accept();
    ASSERT_NE(stream, nullptr) << where << ": it does not connect";
    EXPECT_GE(Clock::now(), earliest) << where << ": sooner than it was asked to";
    EXPECT_EQ(stream->request().target, "/sdk/v1/stream") << where;
    EXPECT_EQ(stream->request().Header("Last-Event-ID"), wanted) << where;
    ASSERT_TRUE(stream->SendHead(200, {{"Content-Type", "text/event-stream"}})) << where;
    const auto sent = Clock::now();
    stream->Send(connection.bytes);  // false is no fault: the client need not read beyond what ends its stream
    for (const Event& event : connection.events) {
      held = event.held;
      if (event.happened != "goodbye") continue;
      EXPECT_TRUE(stream->WaitUntilClosed()) << where << ": it does not leave after a goodbye";
      EXPECT_TRUE(Eventually([&] { return client.Status().last_error.ends_with(": " + event.reason); }))
          << where << ": " << client.Status().last_error;
      if (event.retry_ms) earliest = sent + std::chrono::milliseconds(*event.retry_ms);
    }
    stream->Close();
    if (connection.then == "stop") return ExpectStopped(client, server, where);
    wanted = WantedNext(connection, held);
  }
  const auto next = server.Accept();
  ASSERT_NE(next, nullptr) << transcript.name << ": it does not come back";
  EXPECT_GE(Clock::now(), earliest) << transcript.name << ": sooner than it was asked to";
  EXPECT_EQ(next->request().target, "/sdk/v1/stream") << transcript.name;
  EXPECT_EQ(next->request().Header("Last-Event-ID"), wanted) << transcript.name;
}

// At once, for some of them wait as long as the server asked them to.
TEST(WireConformanceTest, AClientDoesNextWhatTheTranscriptsSay) {
  const std::vector<Transcript> transcripts = Transcripts();
  std::vector<std::future<void>> played;
  std::set<std::string> thens;
  for (const Transcript& transcript : transcripts) {
    for (const Connection& connection : transcript.connections) thens.insert(connection.then);
    played.push_back(std::async(std::launch::async, [&transcript] { PlayToClient(transcript); }));
  }
  for (std::future<void>& one : played) one.get();
  EXPECT_EQ(thens, (std::set<std::string>{"anew", "resume", "stop"}));
}

// --- the strict client ---------------------------------------------------------------------------------------------

// Whether the server kept its promises with this event.
bool IsKept(const Event& event) {
  const bool known = event.type == "snapshot" || event.type == "change" || event.type == "heartbeat";
  return event.happened == "applied" || event.happened == "confirmed" || event.happened == "goodbye" || !known;
}

void Compare(const testing::StreamClient& client, const Event& event, const std::string& where) {
  ASSERT_TRUE(event.held) << where;
  EXPECT_EQ(client.epoch(), event.held->epoch) << where;
  EXPECT_EQ(static_cast<std::int64_t>(client.revision()), event.held->revision) << where;
  EXPECT_EQ(client.DigestHex(), event.held->digest) << where;
  std::vector<std::string> keys;
  for (const auto& [name, record] : client.records()) keys.push_back(name.first + " " + name.second);
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys, event.held->keys) << where;
}

TEST(WireConformanceTest, TheStrictClientAgreesAndNamesEveryBrokenPromise) {
  for (const Transcript& transcript : Transcripts()) {
    testing::StreamClient client;
    client.AcceptUndecodable();
    for (const Connection& connection : transcript.connections) {
      client.Reconnect();
      net::SseParser counter;
      std::size_t at = 0;
      // A byte at a time: every event is judged by itself.
      for (const char byte : connection.bytes) {
        const std::string fault = client.Feed({&byte, 1});
        bool ends_event = false;
        counter.Feed({&byte, 1}, [&](const net::SseEvent&) { ends_event = true; });
        if (!ends_event) continue;
        ASSERT_LT(at, connection.events.size()) << connection.file;
        const Event& event = connection.events[at++];
        const std::string where = connection.file + ", event " + std::to_string(at) + " " + event.type;
        EXPECT_EQ(fault.empty(), IsKept(event)) << where << ": " << fault;
        if (IsKept(event)) Compare(client, event, where);
      }
      EXPECT_EQ(at, connection.events.size()) << connection.file;
    }
  }
}

TEST(WireConformanceTest, EveryStreamBelongsToATranscript) {
  std::set<std::string> named, there;
  for (const Transcript& transcript : Transcripts()) {
    for (const Connection& connection : transcript.connections) named.insert(connection.file);
  }
  for (const auto& entry : fs::recursive_directory_iterator(kFolder)) {
    if (entry.path().extension() == ".sse") there.insert(entry.path().lexically_relative(kFolder).generic_string());
  }
  EXPECT_EQ(there, named);
}

}  // namespace
}  // namespace guidon::conformance
