// What stands between a client and its server, or goes wrong there: proxies that hold answers back, garbage, restores,
// and failures without end.
#include <cstdlib>
#include <ctime>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using testing::ScriptedServer;
using testing::SendStreamHead;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;
using Clock = std::chrono::steady_clock;
using Connection = ScriptedServer::Connection;

const Context kUser("user-1");

class AdversityTest : public testing::OverBoth {
 protected:
  std::unique_ptr<Connection> Next(std::string_view target) {
    std::unique_ptr<Connection> asked = server_.Accept();
    EXPECT_TRUE(asked && asked->request().target == target) << target;
    return asked;
  }
  void SendDocument(Connection& poll) {
    poll.SendAnswer(200, {{"Content-Type", "application/json"}, {"ETag", "\"x\""}}, world_.Document());
  }
};
INSTANTIATE_TEST_SUITE_P(Over, AdversityTest, testing::kBothModes, testing::NameOfMode);

TEST_P(AdversityTest, ARedirectIsNotFollowedAndTheStatusSaysWhereItLeads) {
  ScriptedServer elsewhere;
  Client client(ConfigFor(server_));
  Next("/sdk/v1/stream")->SendAnswer(302, {{"Location", elsewhere.url() + "/login"}});
  ASSERT_TRUE(Eventually([&] { return !client.Status().last_error.empty(); }));
  EXPECT_THAT(client.Status().last_error, HasSubstr("302"));
  EXPECT_THAT(client.Status().last_error, HasSubstr("redirects are not followed"));
  EXPECT_THAT(client.Status().last_error, HasSubstr(elsewhere.url() + "/login"));
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  EXPECT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_FALSE(elsewhere.IsAsked(0ms));
}

// A proxy that buffers passes the head on, and of the body only what fills its buffer. The snapshot's end and
// heartbeats stay in it.
TEST_P(AdversityTest, AProxyThatHoldsTheStreamBackIsSaidAndPolledAround) {
  Log log;
  ClientConfig config = ConfigFor(server_);
  config.log = log.Sink();
  config.silence_timeout = 100ms;
  config.failures_before_polling = 2;
  Client client(config);
  for (const std::size_t passed : {std::size_t{0}, world_.SnapshotEvent().size() / 2}) {
    const auto stream = Next("/sdk/v1/stream");
    SendStreamHead(*stream);
    stream->Send(world_.SnapshotEvent().substr(0, passed));
    EXPECT_TRUE(stream->WaitUntilClosed());
  }
  SendDocument(*Next("/sdk/v1/ruleset"));
  ASSERT_TRUE(WaitForState(client, ClientState::kPolling));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_EQ(client.Status().source, RulesetSource::kServer);
  EXPECT_THAT(client.Status().last_error, HasSubstr("hold the answer back"));
  EXPECT_GE(log.Count("hold the answer back", LogLevel::kWarning), 1) << log.Text();

  // It is tried on, and goes on as soon as the proxy lets it through.
  auto stream = Next("/sdk/v1/stream");
  SendStreamHead(*stream);
  EXPECT_TRUE(stream->WaitUntilClosed());
  world_.Serve("a", 2);
  SendDocument(*Next("/sdk/v1/ruleset"));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  stream = AcceptStream(server_, world_.HeartbeatEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
}

TEST_P(AdversityTest, WhatAProxyHeldBackUntilTheEndCountsAllTheSame) {
  Client client(ConfigFor(server_));
  auto stream = Next("/sdk/v1/stream");
  stream->Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + world_.SnapshotEvent() +
               world_.Serve("a", 2) + world_.HeartbeatEvent());
  stream->Close();
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), world_.Id());
}

TEST_P(AdversityTest, AStreamInChunksCutAnywhere) {
  Client client(ConfigFor(server_));
  const auto stream = Next("/sdk/v1/stream");
  stream->Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string events = world_.SnapshotEvent() + world_.Serve("a", 2);
  for (std::size_t at = 0; at < events.size(); at += 61) {
    const std::string part = events.substr(at, 61);
    std::ostringstream chunk;
    chunk << std::hex << part.size() << "\r\n" << part << "\r\n";
    const std::string text = chunk.str();
    ASSERT_TRUE(stream->Send(text.substr(0, text.size() / 3)) && stream->Send(text.substr(text.size() / 3)));
  }
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
}

TEST_P(AdversityTest, GarbageBetweenEventsIsPassedOver) {
  Client client(ConfigFor(server_));
  std::string garbage;
  for (int i = 0; i < 512; ++i) garbage += static_cast<char>(i * 37);
  const auto stream = AcceptStream(server_, garbage + "\n\n" + world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  stream->Send("id\n:\ndata\n\nevent: snapshot\n\n" + std::string(3, '\0') + "\r\r\n" + garbage + "\n\n");
  stream->Send(world_.Serve("a", 2));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  EXPECT_EQ(client.Status().reconnects, 0u);
}

// Whatever becomes of an event on its way: what is read is what some revision served, and the next stream that works
// puts it right.
// Promise R4, R7.
TEST_P(AdversityTest, DamagedEventsAreNeverReadAndAlwaysRepaired) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  const int rounds = 40 * (scale == nullptr ? 1 : std::max(1, std::atoi(scale)));
  const std::uint64_t seed = 20'261'125;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1'000'000'000;
  Client client(config);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  for (int round = 2; round < rounds; ++round) {
    std::string event = random() % 3 == 0 ? world_.Serve("a", round), world_.SnapshotEvent() : world_.Serve("a", round);
    for (std::uint64_t n = 1 + random() % 4; n > 0 && !event.empty(); --n) {
      const std::size_t at = random() % event.size();
      switch (random() % 4) {
        case 0:
          event[at] = static_cast<char>(random());
          break;
        case 1:
          event.erase(at, 1 + random() % 9);
          break;
        case 2:
          event.insert(at, event.substr(random() % event.size(), random() % 40));
          break;
        default:
          event.resize(at);
          break;
      }
    }
    stream->Send(event);
    stream->Close();
    stream = AcceptStream(server_);
    ASSERT_TRUE(stream) << round;
    const std::int64_t read = client.Int("a", kUser, -1);
    EXPECT_TRUE(read == round - 1 || read == round) << read << " in round " << round;
    const std::string id = stream->request().Header("Last-Event-ID");
    stream->Send(id == world_.Id() ? world_.HeartbeatEvent() : world_.SnapshotEvent());
    ASSERT_TRUE(WaitForRevision(client, world_.revision())) << round;
    ASSERT_TRUE(Eventually([&] { return client.Int("a", kUser, -1) == round; })) << round;
  }
}

// Promise R6.
TEST_P(AdversityTest, AHeadWithoutAnEndIsLeftAndTheStreamTriedAgain) {
  Client client(ConfigFor(server_));
  std::uint64_t floods = 0;
  for (const std::string_view begin : {"HTTP/1.1 200 ", "HTTP/1.1 200 OK\r\nX-Long: "}) {
    const auto flood = server_.Accept();
    ASSERT_TRUE(flood);
    flood->Send(begin);
    std::size_t sent = 0;
    for (const std::string piece(16'384, 'x'); sent < (64u << 20) && flood->Send(piece);) sent += piece.size();
    EXPECT_LT(sent, 16u << 20) << "what the system holds is among it";
    ++floods;
    ASSERT_TRUE(Eventually([&] {
      const ClientStatus status = client.Status();
      return status.reconnects >= floods && status.last_error.find("without end") != std::string::npos;
    })) << client.Status().last_error;
  }
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
}

// Promise R11.
TEST_P(AdversityTest, ARestoredServerIsNoticedThoughItsRevisionsAreLower) {
  World world("epoch-1", 40);
  world.Serve("a", "before");
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  std::atomic<int> told{0};
  const Subscription subscription = client.OnChange([&](const RulesetChange& change) {
    if (change.anything && change.revision == 3) ++told;
  });
  server_.Stop();
  stream->Close();
  ASSERT_TRUE(WaitForState(client, ClientState::kStale));
  server_.Start();
  World restored("epoch-2", 2);
  restored.Serve("a", "restored");
  stream = AcceptStream(server_, restored.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), "epoch-1-41");
  ASSERT_TRUE(Eventually([&] { return client.Status().epoch == "epoch-2" && told == 1; }));
  EXPECT_EQ(client.String("a", kUser, ""), "restored");
  EXPECT_EQ(client.Status().revision, 3u);
}

TEST_P(AdversityTest, ARestartWithoutARestoreIsResumed) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  for (int i = 2; i < 6; ++i) {
    const std::string held = world_.Id();
    server_.Stop();
    stream->Reset();
    ASSERT_TRUE(WaitForState(client, ClientState::kStale));
    server_.Start();
    stream = AcceptStream(server_, world_.Serve("a", i));
    ASSERT_TRUE(stream);
    EXPECT_EQ(stream->request().Header("Last-Event-ID"), held);
    ASSERT_TRUE(WaitForState(client, ClientState::kLive));
    EXPECT_EQ(client.Int("a", kUser, 0), i);
  }
  EXPECT_EQ(client.Status().snapshots, 1u);
}

TEST_P(AdversityTest, TheStreamIsTriedForEverWhileTheRulesetIsPolled) {
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1;
  Client client(config);
  for (int i = 0; i < 40; ++i) {
    auto stream = Next("/sdk/v1/stream");
    switch (i % 4) {
      case 0:
        stream->Reset();
        break;
      case 1:
        stream->SendAnswer(500);
        break;
      case 2:
        stream->SendAnswer(200, {{"Content-Type", "text/html"}}, "<html>");
        break;
      default:
        SendStreamHead(*stream), stream->Close();
        break;
    }
    const auto poll = Next("/sdk/v1/ruleset");
    if (i % 5 == 0) {
      world_.Serve("a", i);
      SendDocument(*poll);
    } else if (i % 2 == 0) {
      poll->SendAnswer(304);
    } else {
      poll->Reset();
    }
  }
  const auto stream = AcceptStream(server_, world_.HeartbeatEvent());
  EXPECT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Int("a", kUser, 0), 35);
}

TEST(AdversityDefaultsTest, AStreamIsDeadAfterThreeHeartbeats) {
  EXPECT_EQ(ClientConfig().silence_timeout, 45s);
}
TEST(AdversityDefaultsTest, AKeyThatIsNotAcceptedIsLookedAtAgainEveryFiveMinutes) {
  EXPECT_EQ(ClientConfig().unauthorised_recheck, 5min);
}

TEST_P(AdversityTest, RetryAfterMayBeADate) {
  Client client(ConfigFor(server_));
  const auto begin = Clock::now();
  const auto answer = server_.Accept();
  ASSERT_TRUE(answer);
  const std::time_t until = std::time(nullptr) + 2;
  char date[64];
  std::tm parts{};
  std::strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", ::gmtime_r(&until, &parts));
  answer->SendAnswer(503, {{"Retry-After", date}});
  EXPECT_TRUE(AcceptStream(server_));
  EXPECT_GE(Clock::now() - begin, 1s);
}

}  // namespace
}  // namespace guidon
