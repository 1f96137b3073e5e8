// A client's life: configuration of any kind, and Close at any moment.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include <future>
#include <memory>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::DeafServer;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;

const Context kUser("user-1");

class CloseTest : public testing::OverBoth {};
INSTANTIATE_TEST_SUITE_P(Over, CloseTest, testing::kBothModes, testing::NameOfMode);

// --- configuration -------------------------------------------------------------------------------------------------

TEST(ConfigurationTest, NothingAtAllIsOffline) {
  Client client{ClientConfig()};
  const Readiness ready = client.WaitReady(kPatience);
  EXPECT_FALSE(ready);
  EXPECT_THAT(ready.cause, HasSubstr("offline: no server is configured, and no ruleset was given"));
  EXPECT_TRUE(client.Bool("any", kUser, true));
  EXPECT_EQ(client.BoolDetail("any", kUser, true).error, EvaluationError::kProviderNotReady);
  EXPECT_EQ(client.Status().state, ClientState::kOffline);
  EXPECT_EQ(client.Status().age, 0ms);
}

TEST(ConfigurationTest, GarbageIsSaidAndNeverThrown) {
  const auto cause_of = [](ClientConfig config) {
    Log log;
    config.log = log.Sink();
    Client client(std::move(config));
    const Readiness ready = client.WaitReady(kPatience);
    EXPECT_FALSE(ready);
    EXPECT_EQ(client.String("a", kUser, "x"), "x");
    EXPECT_EQ(client.Status().state, ClientState::kOffline);
    EXPECT_GE(log.Count(client.Status().last_error, LogLevel::kError), 1) << log.Text();
    return ready.cause;
  };
  ClientConfig config;
  config.server = "ftp://example.org";
  EXPECT_THAT(cause_of(config), HasSubstr("offline: 'ftp://example.org' is not the address of a server"));
  config.server = std::string("http://a\0b", 10);
  EXPECT_THAT(cause_of(config), HasSubstr("not the address of a server"));
  config.server = "http://127.0.0.1:1";
  config.key = "gdn_srv_\r\nX-Injected: 1";
  EXPECT_THAT(cause_of(config), HasSubstr("the header Authorization holds a line end"));
}

TEST(ConfigurationTest, WhatNoHeaderCanSayOfTheApplicationIsLeftOutAndSaid) {
  struct Case {
    std::string application, version, header, said;
  };
  for (const Case& each :
       {Case{"shop", "4.2.0\n", "shop/", "application_version holds a line end"},  // as files have it
        Case{"shop", std::string("4\0", 2), "shop/", "application_version holds a line end or another control"},
        Case{"sh\rop", "4.2.0", "", "application holds a line end"}, Case{"sh\top", "4.2.0", "", "application holds"},
        Case{std::string(257, 'x'), "4.2.0", "", "application has more than 256 bytes"},
        Case{"L\u00e4den", "4", "L\u00e4den/4", ""}}) {
    ScriptedServer server;
    World world;
    Log log;
    ClientConfig config = ConfigFor(server.url());
    config.log = log.Sink();
    config.application = each.application;
    config.application_version = each.version;
    Client client(config);
    const auto stream = AcceptStream(server, world.SnapshotEvent());
    ASSERT_TRUE(stream && client.WaitReady(kPatience)) << each.said;
    EXPECT_EQ(stream->request().Header("Guidon-Application"), each.header);
    EXPECT_EQ(log.Count(each.said, LogLevel::kWarning), each.said.empty() ? 0 : 1) << log.Text();
  }
}

TEST(ConfigurationTest, TimesThatMakeNoSenseAreCut) {
  for (const milliseconds time : {milliseconds::min(), milliseconds(-1), milliseconds(0)}) {
    ClientConfig config;
    config.server = "http://127.0.0.1:1";
    config.connect_timeout = config.silence_timeout = config.backoff_first = config.backoff_most = time;
    config.unauthorised_recheck = time;
    config.failures_before_polling = -5;
    Client client(config);
    EXPECT_TRUE(Eventually([&] { return client.Status().reconnects >= 2; }));
    EXPECT_TRUE(client.Close(kPatience));
  }
  ScriptedServer server;
  World world;
  world.Serve("a", 1);
  ClientConfig config = ConfigFor(server.url());
  config.connect_timeout = config.silence_timeout = config.backoff_first = config.backoff_most = milliseconds::max();
  config.unauthorised_recheck = milliseconds::max();
  Client client(config);
  auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_TRUE(client.WaitReady(milliseconds::max())) << "for as long as it takes";
  EXPECT_FALSE(stream->WaitUntilClosed(10ms));
}

TEST(ConfigurationTest, AnAuthorityFileThatIsNotThereIsNamed) {
  ScriptedServer server(ScriptedServer::Mode::kTls);
  ClientConfig config = ConfigFor(server.url());
  config.ca_file = "/nowhere/ca.pem";
  Client client(config);
  EXPECT_TRUE(Eventually([&] { return client.Status().last_error.find("/nowhere/ca.pem") != std::string::npos; }));
}

TEST(StatusTest, EveryStateAndSourceHasItsWord) {
  const std::pair<ClientState, const char*> states[] = {{ClientState::kInitialising, "initialising"},
                                                        {ClientState::kLive, "live"},
                                                        {ClientState::kPolling, "polling"},
                                                        {ClientState::kStale, "stale"},
                                                        {ClientState::kUnauthorised, "unauthorised"},
                                                        {ClientState::kOffline, "offline"},
                                                        {ClientState::kClosed, "closed"}};
  for (const auto& [state, word] : states) EXPECT_EQ(ToString(state), word);
  const std::pair<RulesetSource, const char*> sources[] = {
      {RulesetSource::kNone, "none"},     {RulesetSource::kBootstrap, "bootstrap"}, {RulesetSource::kCache, "cache"},
      {RulesetSource::kServer, "server"}, {RulesetSource::kTest, "test"},           {RulesetSource::kFile, "file"}};
  for (const auto& [source, word] : sources) EXPECT_EQ(ToString(source), word);
}

// --- closing -------------------------------------------------------------------------------------------------------

TEST_P(CloseTest, WhileItStreamsEndsTheConnectionAndLeavesWhatIsHeld) {
  Client client(ConfigFor(server_));
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_TRUE(stream->WaitUntilClosed());
  EXPECT_EQ(client.Status().state, ClientState::kClosed);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_TRUE(client.WaitReady(0ms));
  EXPECT_EQ(client.Pin().Int("a", kUser, 0), 1);
  EXPECT_TRUE(client.Close(0ms)) << "again";
  EXPECT_FALSE(server_.IsAsked(0ms));
}

TEST_P(CloseTest, BeforeAnythingArrivedTellsWhoWaits) {
  Client client(ConfigFor(server_));
  auto ready = std::async(std::launch::async, [&] { return client.WaitReady(milliseconds::max()); });
  const auto request = server_.Accept();
  ASSERT_TRUE(request);
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_EQ(ready.get().cause, "closed");
}

TEST(CloseOfDeafTest, WhileItConnects) {
  DeafServer server;
  ClientConfig config = ConfigFor(server.url());
  config.connect_timeout = 1h;
  Client client(config);
  EXPECT_TRUE(client.Close(kPatience));
}

TEST_P(CloseTest, WhileItWaitsForTheNextAttempt) {
  ClientConfig config = ConfigFor(server_);
  config.backoff_first = config.backoff_most = 24h;
  Client client(config);
  ASSERT_TRUE(server_.Serve([](auto& c) { c.SendAnswer(500); }).get());
  ASSERT_TRUE(Eventually([&] { return !client.Status().last_error.empty(); }));
  EXPECT_TRUE(client.Close(kPatience));
}

TEST_P(CloseTest, WhileTheKeyIsNotAccepted) {
  Client client(ConfigFor(server_));
  ASSERT_TRUE(server_.Serve([](auto& c) { c.SendAnswer(401); }).get());
  ASSERT_TRUE(WaitForState(client, ClientState::kUnauthorised));
  EXPECT_TRUE(client.Close(kPatience));
}

TEST_P(CloseTest, AtAnyMoment) {
  for (int i = 0; i < 60; ++i) {
    ScriptedServer server(GetParam());
    Client client(ConfigFor(server));
    std::unique_ptr<ScriptedServer::Connection> stream;
    if (i % 3 > 0) stream = server.Accept();
    if (i % 3 > 1) testing::SendStreamHead(*stream), stream->Send(world_.SnapshotEvent());
    ASSERT_TRUE(client.Close(kPatience)) << i;
  }
}

TEST_P(CloseTest, ByTwoThreadsAtOnce) {
  Client client(ConfigFor(server_));
  auto other = std::async(std::launch::async, [&] { return client.Close(kPatience); });
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_TRUE(other.get());
}

TEST_P(CloseTest, ACallbackThatHangsIsLeftAtTheDeadline) {
  std::promise<void> entered, leave;
  std::promise<void> left;
  auto gate = leave.get_future().share();
  {
    Client client(ConfigFor(server_));
    const Subscription subscription = client.OnChange([&](const RulesetChange&) {
      entered.set_value();
      gate.wait();
      left.set_value();
    });
    const auto stream = AcceptStream(server_, world_.SnapshotEvent());
    ASSERT_TRUE(stream);
    entered.get_future().wait();
    EXPECT_FALSE(client.Close(20ms));
    EXPECT_EQ(client.Int("a", kUser, 0), 1);
    leave.set_value();
  }
  EXPECT_EQ(left.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST_P(CloseTest, FromACallbackOfItsOwn) {
  Client client(ConfigFor(server_));
  std::promise<bool> closed;
  const Subscription subscription =
      client.OnChange([&](const RulesetChange&) { closed.set_value(client.Close(kPatience)); });
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_FALSE(closed.get_future().get()) << "its own thread is still running";
  EXPECT_TRUE(stream->WaitUntilClosed());
  EXPECT_EQ(client.Status().state, ClientState::kClosed);
  EXPECT_TRUE(client.Close(kPatience));
}

// --- the application's process -------------------------------------------------------------------------------------

// In a process of its own, where nobody has read a flag yet.
TEST(ProcessDeathTest, AProcessThatHasNoKeysLeftKeepsThoseThatItHas) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto use_up_the_keys_and_read = [] {
    static int given = 0;
    std::vector<pthread_key_t> keys;
    pthread_key_t key;
    while (pthread_key_create(&key, nullptr) == 0) keys.push_back(key);
    World world;
    world.Serve("a", 1);
    ClientConfig config;
    config.bootstrap = world.Document();
    bool is_good = false;
    // Whatever is made now, and not given a value, is one of those keys.
    const std::vector<pthread_key_t> pattern(256, keys.back());
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::size_t size = 16; size <= 1'024; size += 16) {
      for (int i = 0; i < 64; ++i) std::memcpy(blocks.emplace_back(new char[size]).get(), pattern.data(), size);
    }
    blocks.clear();
    {
      Client client(config);
      std::thread([&] {
        for (const pthread_key_t each : keys) pthread_setspecific(each, &given);
        is_good = client.Int("a", kUser, 0) == 1;
        for (const pthread_key_t each : keys) is_good = is_good && pthread_getspecific(each) == &given;
      }).join();
    }
    ::_exit(is_good ? 0 : 1);
  };
  EXPECT_EXIT(use_up_the_keys_and_read(), ::testing::ExitedWithCode(0), "");
}

TEST(ProcessTest, SignalsArriveOnTheApplicationsThreads) {
  static std::atomic<bool> elsewhere{false};
  static std::atomic<int> handled{0};
  static pthread_t application;
  application = pthread_self();
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {
    if (pthread_equal(pthread_self(), application) == 0) elsewhere = true;
    ++handled;
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  ScriptedServer server;
  ClientConfig config = ConfigFor(server.url());
  Client client(config);
  ASSERT_TRUE(server.Accept());
  for (int i = 0; i < 20; ++i) ::kill(::getpid(), SIGUSR1);
  // Blocked here, they would have to go to a thread of the SDK.
  sigset_t user;
  sigemptyset(&user);
  sigaddset(&user, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &user, nullptr);
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_FALSE(elsewhere);
  pthread_sigmask(SIG_UNBLOCK, &user, nullptr);
  EXPECT_GE(handled, 1);
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace guidon
