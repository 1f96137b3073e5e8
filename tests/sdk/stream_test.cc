// What a client does with the stream, and without one, by docs/spec/wire.md.
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

const Context kUser("user-1");

class StreamTest : public testing::OverBoth {};
class PollingTest : public testing::OverBoth {};
INSTANTIATE_TEST_SUITE_P(Over, StreamTest, testing::kBothModes, testing::NameOfMode);
INSTANTIATE_TEST_SUITE_P(Over, PollingTest, testing::kBothModes, testing::NameOfMode);

TEST_P(StreamTest, AClientSaysWhoItIsAndTakesTheSnapshot) {
  ClientConfig config = ConfigFor(server_);
  config.server += "/guidon";
  config.application = "checkout";
  config.application_version = "4.2.0";
  World world("epoch-1", 16);
  world.Serve("search.ranker", "v2");
  Client client(config);
  const auto stream = server_.Accept();
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().method, "GET");
  EXPECT_EQ(stream->request().target, "/guidon/sdk/v1/stream");
  EXPECT_EQ(stream->request().Header("Authorization"), "Bearer gdn_srv_test");
  EXPECT_EQ(stream->request().Header("Guidon-Schema"), "1");
  EXPECT_EQ(stream->request().Header("Guidon-Application"), "checkout/4.2.0");
  EXPECT_EQ(stream->request().Header("Accept"), "text/event-stream");
  EXPECT_EQ(stream->request().Header("User-Agent"), "guidon-cpp/" GUIDON_VERSION);
  EXPECT_EQ(stream->request().raw.find("Last-Event-ID"), std::string::npos);
  EXPECT_FALSE(client.WaitReady(0ms));
  EXPECT_EQ(client.Status().state, ClientState::kInitialising);
  EXPECT_EQ(client.String("search.ranker", kUser, "none"), "none");

  SendStreamHead(*stream);
  stream->Send(world.SnapshotEvent());
  const Readiness ready = client.WaitReady(kPatience);
  ASSERT_TRUE(ready) << ready.cause;
  EXPECT_EQ(ready.cause, "");
  EXPECT_EQ(client.String("search.ranker", kUser, "none"), "v2");
  ASSERT_TRUE(WaitForState(client, ClientState::kLive));
  const ClientStatus status = client.Status();
  EXPECT_EQ(status.source, RulesetSource::kServer);
  EXPECT_EQ(status.project, "shop");
  EXPECT_EQ(status.environment, "production");
  EXPECT_EQ(status.epoch, "epoch-1");
  EXPECT_EQ(status.revision, 17u);
  EXPECT_EQ(status.flags, 1u);
  EXPECT_EQ(status.snapshots, 1u);
  EXPECT_EQ(status.last_error, "");
}

TEST_P(StreamTest, ChangesArriveOneByOne) {
  Client client(ConfigFor(server_));
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  stream->Send(world_.Serve("a", 2));
  stream->Send(world_.Serve("b", "new"));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  EXPECT_EQ(client.String("b", kUser, ""), "new");
  stream->Send(world_.Remove("flag", "a"));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.IntDetail("a", kUser, 9).error, EvaluationError::kFlagNotFound);
  // What is no flag's own counts as a change, too, not as a snapshot.
  stream->Send(world_.Put("segment", "eu", Object{{"segment", "eu"}, {"when", Object{{"country", "DE"}}}}));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Status().snapshots, 1u);
  EXPECT_EQ(client.Status().changes, 4u);
}

TEST_P(StreamTest, AStreamThatEndsWithinAnEventIsResumedAtTheLastWholeOne) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  const std::string held = world_.Id();
  const std::string change = world_.Serve("a", 2);
  stream->Send(change.substr(0, change.size() / 2));
  stream->Close();
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), held);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  stream->Send(change);
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  EXPECT_EQ(client.Status().reconnects, 1u);
  EXPECT_EQ(client.Status().snapshots, 1u);
}

TEST_P(StreamTest, AHeartbeatMovesTheRevisionForReadsAndForResuming) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  world_.Pass(40);
  stream->Send(world_.HeartbeatEvent());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.IntDetail("a", kUser, 0).revision, world_.revision());
  EXPECT_EQ(client.Pin().revision(), world_.revision());
  EXPECT_EQ(client.Status().changes, 0u);
  stream->Close();
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), world_.Id());
}

TEST_P(StreamTest, AHeartbeatWithAnotherDigestIsRepairedAtOnceByASnapshot) {
  ClientConfig config = ConfigFor(server_);
  config.backoff_first = config.backoff_most = 24h;  // so only one that does not wait comes back
  Client client(config);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  stream->Send(world_.HeartbeatEvent(std::string(32, '0')));
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().raw.find("Last-Event-ID"), std::string::npos);
  EXPECT_EQ(client.Int("a", kUser, 0), 1) << "what is held is read until there is something better";
  EXPECT_EQ(client.Status().refused, 1u);
  world_.Serve("a", 2);
  stream->Send(world_.SnapshotEvent());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  // Once it fits again, so that the next fault is repaired at once, too.
  stream->Send(world_.HeartbeatEvent());
  stream->Send(world_.HeartbeatEvent(std::string(32, '1')));
  EXPECT_TRUE(AcceptStream(server_, world_.SnapshotEvent()));
}

TEST_P(StreamTest, ARepairThatDoesNotHelpWaitsBeforeTheNext) {
  ClientConfig config = ConfigFor(server_);
  config.backoff_first = config.backoff_most = 24h;
  Client client(config);
  for (int i = 0; i < 2; ++i) {
    const auto stream = AcceptStream(server_, world_.SnapshotEvent());
    ASSERT_TRUE(stream);
    stream->Send(world_.HeartbeatEvent(std::string(32, '0')));
  }
  ASSERT_TRUE(WaitForState(client, ClientState::kStale));
  EXPECT_FALSE(server_.IsAsked(0ms));
}

TEST_P(StreamTest, AChangeWhoseDigestDiffersIsNotAppliedAtAll) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  std::string change = world_.Serve("a", 2);
  change.replace(change.find(world_.Digest()), 4, "0000");
  stream->Send(change);
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().raw.find("Last-Event-ID"), std::string::npos);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
}

TEST_P(StreamTest, ChangesThatWereMissedAreMadeUpByASnapshot) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  world_.Serve("a", 2);                // never sent
  stream->Send(world_.Serve("b", 1));  // begins beyond what is held
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().raw.find("Last-Event-ID"), std::string::npos);
  EXPECT_EQ(client.Int("b", kUser, 0), 0);
  stream->Send(world_.SnapshotEvent());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  EXPECT_EQ(client.Int("b", kUser, 0), 1);
}

TEST_P(StreamTest, AChangeThatIsHeldAlreadyIsIgnored) {
  Client client(ConfigFor(server_));
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  const std::string change = world_.Serve("a", 2);
  stream->Send(change);
  stream->Send(change);
  stream->Send(world_.Serve("b", 1));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Status().changes, 2u);
  EXPECT_EQ(client.Status().reconnects, 0u);
}

TEST_P(StreamTest, AnOlderSnapshotOfTheEpochIsRefusedAndOneOfANewEpochTaken) {
  Log log;
  ClientConfig config = ConfigFor(server_);
  config.log = log.Sink();
  World world("epoch-1", 10);
  world.Serve("a", "new");
  World older("epoch-1", 5);
  older.Serve("a", "old");
  World restored("epoch-2", 1);
  restored.Serve("a", "restored");
  Client client(config);
  auto stream = AcceptStream(server_, world.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForRevision(client, 11));
  stream->Send(older.SnapshotEvent());
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(client.String("a", kUser, ""), "new");
  EXPECT_EQ(client.Status().refused, 1u);
  EXPECT_EQ(log.Count("older than revision 11"), 1) << log.Text();
  stream->Send(restored.SnapshotEvent());
  ASSERT_TRUE(Eventually([&] { return client.Status().epoch == "epoch-2"; }));
  EXPECT_EQ(client.Status().revision, 2u);
  EXPECT_EQ(client.String("a", kUser, ""), "restored");
}

TEST_P(StreamTest, AChangeOrHeartbeatOfAnotherEpochNeedsASnapshot) {
  for (const bool is_change : {true, false}) {
    ScriptedServer server(GetParam());
    World world("epoch-1", 1), restored("epoch-2", 1);
    world.Serve("a", 1);
    restored.Serve("a", 1);
    Client client(ConfigFor(server));
    auto stream = AcceptStream(server, world.SnapshotEvent());
    ASSERT_TRUE(stream);
    stream->Send(is_change ? restored.Serve("a", 2) : restored.HeartbeatEvent());  // fits in everything else
    stream = AcceptStream(server);
    ASSERT_TRUE(stream);
    EXPECT_EQ(stream->request().raw.find("Last-Event-ID"), std::string::npos);
    EXPECT_EQ(client.Int("a", kUser, 0), 1);
  }
}

TEST_P(StreamTest, AnOlderHeartbeatIsIgnored) {
  World world("epoch-1", 10);
  world.Serve("a", 1);
  Client client(ConfigFor(server_));
  const auto stream = AcceptStream(server_, world.SnapshotEvent());
  ASSERT_TRUE(stream);
  const Revision held = world.revision();
  world.header().revision = 3;
  const std::string older = world.HeartbeatEvent(std::string(32, '0'));
  world.header().revision = held;
  stream->Send(older + world.Serve("a", 2));
  ASSERT_TRUE(WaitForRevision(client, world.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  EXPECT_EQ(client.Status().refused, 0u);
  EXPECT_EQ(client.Status().state, ClientState::kLive);
}

TEST_P(StreamTest, DamagedDocumentsAreRefusedAndCounted) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForRevision(client, world_.revision()));
  // News that cannot be read are passed over: the next heartbeat tells whether anything is missing.
  stream->Send(world_.Event("change", "{\"from\":"));
  stream->Send(world_.Event("heartbeat", "[]"));
  stream->Send(world_.Event("heartbeat", R"({"revision":-1,"digest":""})"));
  ASSERT_TRUE(Eventually([&] { return client.Status().refused == 3; }));
  // A snapshot with another letter in a record, and one that is none.
  for (const std::uint64_t refused : {4u, 5u}) {
    std::string document = world_.Document();
    document.replace(document.find("served"), 1, "S");
    stream->Send(world_.Event("snapshot", refused == 4 ? document : "{}"));
    stream = AcceptStream(server_);
    ASSERT_TRUE(stream);
    EXPECT_EQ(client.Status().refused, refused);
    EXPECT_EQ(client.Int("a", kUser, 0), 1);
  }
}

TEST_P(StreamTest, WhatANewerServerSendsBesideIsIgnoredButCountsInTheDigest) {
  world_.Put("theme", "dark", Object{{"theme", "dark"}});
  Client client(ConfigFor(server_));
  const auto stream =
      AcceptStream(server_, ": welcome\n\n" + world_.Event("weather", "sunny") + world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  stream->Send(world_.Event("weather", "{"));
  stream->Send(world_.Put("theme", "light", Object{{"theme", "light"}}));
  stream->Send(world_.HeartbeatEvent());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_EQ(client.Status().flags, 1u);
  EXPECT_EQ(client.Status().refused, 0u);
}

TEST_P(StreamTest, AFlagWithANewerOperatorIsBrokenAloneAndTheStatusSaysSo) {
  Log log;
  ClientConfig config = ConfigFor(server_);
  config.log = log.Sink();
  world_.Put("segment", "near", Object{{"segment", "near"}, {"when", Object{{"place", Object{{"within_km", 5}}}}}});
  world_.Put("flag", "b",
             ParseJson(R"({"flag":"b","type":"boolean","environments":{"production":{"enabled":true,"rules":[)"
                       R"({"id":"r","when":{"segment":"near"},"serve":"on"}],"default":"off"}}})")
                 .value());
  Client client(config);
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  const EvaluationDetail<bool> detail = client.BoolDetail("b", kUser, true);
  EXPECT_TRUE(detail.value) << "never silently off";
  EXPECT_EQ(detail.reason, Reason::kError);
  EXPECT_EQ(detail.error, EvaluationError::kParseError);
  const auto broken = client.Status().broken;
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_EQ(broken[0].first, "b");
  EXPECT_NE(broken[0].second, "");
  world_.Serve("a", 2);
  stream->Send(world_.SnapshotEvent());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  stream->Send(world_.Put("segment", "near", Object{{"segment", "near"}, {"when", Object{{"place", "here"}}}}));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_FALSE(client.Bool("b", kUser, true));
  EXPECT_TRUE(client.Status().broken.empty());
  EXPECT_EQ(log.Count("'b' cannot be evaluated"), 1) << "said once:\n" << log.Text();
}

// --- when the stream ends ------------------------------------------------------------------------------------------

TEST_P(StreamTest, SilenceIsDeathAndTheStreamIsResumed) {
  ClientConfig config = ConfigFor(server_);
  config.silence_timeout = 60ms;
  Client client(config);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_TRUE(stream->WaitUntilClosed());
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), world_.Id());
}

TEST_P(StreamTest, GoodbyeShutdownAsksToWaitAndThenToResume) {
  Client client(ConfigFor(server_));
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  const auto begin = Clock::now();
  stream->Send(world_.Event("goodbye", R"({"reason":"shutdown","retry_ms":150})"));
  EXPECT_TRUE(stream->WaitUntilClosed()) << "the client does not wait for the server to hang up";
  stream = AcceptStream(server_);
  ASSERT_TRUE(stream);
  EXPECT_GE(Clock::now() - begin, 150ms);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), world_.Id());
}

TEST_P(StreamTest, AGoodbyeOfAnyShapeIsAGoodbye) {
  Client client(ConfigFor(server_));
  for (const char* data : {R"({"reason":"slow"})", R"({"reason":"moon phase"})", R"({"reason":7,"retry_ms":"soon"})",
                           R"({"retry_ms":-5})", "{", "[]"}) {
    const auto stream = AcceptStream(server_, world_.SnapshotEvent());
    ASSERT_TRUE(stream) << data;
    stream->Send(world_.Event("goodbye", data));
    EXPECT_TRUE(stream->WaitUntilClosed());
  }
  EXPECT_TRUE(AcceptStream(server_));
}

TEST_P(StreamTest, GoodbyeRevokedOrGoneIsLookedAtAgainSlowly) {
  for (const char* reason : {"revoked", "gone"}) {
    ScriptedServer server(GetParam());
    World world;
    world.Serve("a", 1);
    Client client(ConfigFor(server));
    const auto stream = AcceptStream(server, world.SnapshotEvent());
    ASSERT_TRUE(stream);
    stream->Send(world.Event("goodbye", std::string(R"({"reason":")") + reason + R"("})"));
    ASSERT_TRUE(WaitForState(client, ClientState::kUnauthorised));
    EXPECT_THAT(client.Status().last_error, HasSubstr(reason));
    EXPECT_EQ(client.Int("a", kUser, 0), 1) << "what is held stays";
    EXPECT_FALSE(server.IsAsked(30ms));
  }
}

TEST_P(StreamTest, RetrySetsTheNextDelay) {
  ClientConfig config = ConfigFor(server_);
  config.backoff_first = config.backoff_most = 24h;  // without it nobody would come back
  Client client(config);
  AcceptStream(server_, "retry: 5\n\n" + world_.SnapshotEvent())->Close();
  EXPECT_TRUE(AcceptStream(server_));
}

TEST_P(StreamTest, RetryIsWaitedForHoweverShortTheBackoffIs) {
  Client client(ConfigFor(server_));
  const auto begin = Clock::now();
  AcceptStream(server_, "retry: 500\n\n" + world_.SnapshotEvent())->Close();
  EXPECT_TRUE(AcceptStream(server_));
  EXPECT_GE(Clock::now() - begin, 500ms);
}

TEST_P(StreamTest, AServerThatIsGoneChangesNothingButTheStatus) {
  Log log;
  ClientConfig config = ConfigFor(server_);
  config.log = log.Sink();
  Client client(config);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  server_.Stop();
  stream->Close();
  ASSERT_TRUE(WaitForState(client, ClientState::kStale));
  ASSERT_TRUE(Eventually([&] { return client.Status().reconnects >= 10; }));
  ASSERT_TRUE(Eventually([&] { return client.Status().age >= 20ms; })) << "it grows";
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_THAT(client.Status().last_error, HasSubstr("127.0.0.1:" + std::to_string(server_.port())));
  EXPECT_EQ(log.Count("does not accept connections", LogLevel::kWarning), 1) << "said once:\n" << log.Text();
  server_.Start();
  stream = AcceptStream(server_, world_.Serve("a", 2));
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), "epoch-1-2");
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  EXPECT_EQ(client.Status().last_error, "");
}

// --- answers that are no stream ------------------------------------------------------------------------------------

TEST_P(StreamTest, AKeyThatIsNotAcceptedIsSaidAtOnceAndLookedAtAgainSlowly) {
  for (const int status : {401, 403, 404}) {
    ScriptedServer server(GetParam());
    World world;
    world.Serve("a", 1);
    ClientConfig config = ConfigFor(server);
    config.unauthorised_recheck = 100ms;
    Client client(config);
    auto answer = server.Accept();
    ASSERT_TRUE(answer);
    const auto begin = Clock::now();
    answer->SendAnswer(status);
    const Readiness ready = client.WaitReady(kPatience);
    EXPECT_FALSE(ready);
    EXPECT_THAT(ready.cause, HasSubstr("unauthorised: "));
    EXPECT_THAT(ready.cause, HasSubstr(std::to_string(status)));
    EXPECT_EQ(client.IntDetail("a", kUser, 7).error, EvaluationError::kProviderNotReady);
    const auto stream = AcceptStream(server, world.SnapshotEvent());
    ASSERT_TRUE(stream);
    EXPECT_GE(Clock::now() - begin, 100ms);
    EXPECT_TRUE(WaitForState(client, ClientState::kLive)) << "the key was put right";
    EXPECT_TRUE(client.WaitReady(0ms));
  }
}

TEST_P(StreamTest, RetryAfterIsWaitedFor) {
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1;  // and no ruleset is polled meanwhile either
  Client client(config);
  const auto begin = Clock::now();
  ASSERT_TRUE(server_.Serve([](auto& c) { c.SendAnswer(503, {{"Retry-After", "1"}}); }).get());
  EXPECT_TRUE(AcceptStream(server_));
  EXPECT_GE(Clock::now() - begin, 1s);
}

TEST_P(StreamTest, OtherAnswersAreTriedAgainAndSaid) {
  ScriptedServer elsewhere;
  Client client(ConfigFor(server_));
  const std::pair<int, const char*> answers[] = {
      {302, "302"}, {307, "307"}, {500, "500"}, {204, "204"}, {200, "text/html"}};
  for (const auto& [status, said] : answers) {
    const auto answer = server_.Accept();
    ASSERT_TRUE(answer) << status;
    answer->SendHead(status, {{"Location", elsewhere.url() + "/sdk/v1/stream"},
                              {"Content-Type", "text/html"},
                              {"Content-Length", status == 204 ? "0" : "1000000"}});
    if (status != 204) answer->Send("<html>event: snapshot\n\n");
    ASSERT_TRUE(answer->WaitUntilClosed()) << "the page is not read to its end";
    EXPECT_TRUE(Eventually([&] { return client.Status().last_error.find(said) != std::string::npos; }))
        << client.Status().last_error;
    EXPECT_EQ(client.Status().state, ClientState::kInitialising);
  }
  EXPECT_FALSE(elsewhere.IsAsked(0ms));
  EXPECT_FALSE(client.WaitReady(0ms));
}

TEST_P(StreamTest, WaitReadySaysWhatItWaitedFor) {
  server_.Stop();
  Client client(ConfigFor(server_));
  ASSERT_TRUE(Eventually([&] { return client.Status().reconnects > 0 && !client.Status().last_error.empty(); }));
  const Readiness ready = client.WaitReady(1ms);
  EXPECT_FALSE(ready);
  EXPECT_THAT(ready.cause, HasSubstr("timeout: still initialising: "));
  EXPECT_THAT(ready.cause, HasSubstr("does not accept connections"));
}

// --- polling -------------------------------------------------------------------------------------------------------

TEST_P(PollingTest, TheRulesetIsPolledWhileTheStreamFailsAndTheStreamIsTriedOn) {
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 2;
  Client client(config);
  const auto next = [&](const char* target) {
    auto asked = server_.Accept();
    EXPECT_TRUE(asked && asked->request().target == target);
    return asked;
  };
  next("/sdk/v1/stream")->SendAnswer(500);
  next("/sdk/v1/stream")->SendAnswer(500);
  auto poll = next("/sdk/v1/ruleset");
  EXPECT_EQ(poll->request().Header("Authorization"), "Bearer gdn_srv_test");
  EXPECT_EQ(poll->request().Header("If-None-Match"), "");
  poll->SendAnswer(200, {{"Content-Type", "application/json"}, {"ETag", "\"2-abc\""}}, world_.Document());
  EXPECT_TRUE(client.WaitReady(kPatience));
  ASSERT_TRUE(WaitForState(client, ClientState::kPolling));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_EQ(client.Status().source, RulesetSource::kServer);

  auto stream = next("/sdk/v1/stream");
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), world_.Id());
  stream->SendAnswer(500);
  poll = next("/sdk/v1/ruleset");
  EXPECT_EQ(poll->request().Header("If-None-Match"), "\"2-abc\"");
  poll->SendAnswer(304);
  next("/sdk/v1/stream")->SendAnswer(500);
  world_.Serve("a", 2);
  next("/sdk/v1/ruleset")
      ->SendAnswer(200, {{"Content-Type", "application/json"}, {"ETag", "\"3-abc\""}}, world_.Document());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);

  stream = AcceptStream(server_, world_.Serve("a", 3));
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Int("a", kUser, 0), 3);
  stream->Close();
  // A stream that worked is no failure to add to those before; what it brought is not of that ETag any more.
  next("/sdk/v1/stream")->SendAnswer(500);
  poll = next("/sdk/v1/ruleset");
  EXPECT_EQ(poll->request().Header("If-None-Match"), "");
}

TEST_P(PollingTest, APollThatFailsLeavesWhatIsHeld) {
  World world("epoch-1", 10), older("epoch-1", 3);
  world.Serve("a", 1);
  older.Serve("a", 0);
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1;
  config.bootstrap = world.Document();
  Client client(config);
  const std::pair<ScriptedServer::Headers, std::string> answers[] = {
      {{{"Content-Type", "text/html"}}, world.Document()},
      {{{"Content-Type", "application/json"}}, "{}"},
      {{{"Content-Type", "application/json"}}, older.Document()},
  };
  for (const auto& [headers, body] : answers) {
    server_.Accept()->SendAnswer(500);
    const auto poll = server_.Accept();
    ASSERT_TRUE(poll);
    poll->SendAnswer(200, headers, body);
    ASSERT_TRUE(server_.IsAsked(kPatience));
    EXPECT_EQ(client.Status().state, ClientState::kStale);
    EXPECT_EQ(client.Int("a", kUser, 0), 1);
  }
  EXPECT_EQ(client.Status().refused, 2u);
}

TEST_P(PollingTest, AKeyThatIsNotAcceptedEndsPollingToo) {
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1;
  Client client(config);
  ASSERT_TRUE(server_.Serve({[](auto& c) { c.SendAnswer(500); }, [](auto& c) { c.SendAnswer(401); }}).get());
  ASSERT_TRUE(WaitForState(client, ClientState::kUnauthorised));
  EXPECT_FALSE(server_.IsAsked(30ms));
}

}  // namespace
}  // namespace guidon
