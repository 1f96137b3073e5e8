// What the client does when the system's clock jumps and when names are not found or looked up for ever.
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/application.h"
#include "tests/sdk/world.h"
#include "tests/support/fork.h"
#include "tests/support/system.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::ScriptedServer;
using testing::System;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;
using Clock = std::chrono::steady_clock;

const Context kUser("user-1");

// --- clocks --------------------------------------------------------------------------------------------------------

Value OnAfter(const char* time) {
  return ParseJson(std::string(R"({"flag":"timed","type":"boolean","environments":{"production":{"enabled":true,)") +
                   R"("rules":[{"id":"r","when":{"now":{"after":")" + time + R"("}},"serve":"on"}],"default":"off"}}})")
      .value();
}

class ClockTest : public testing::OverBoth {
 protected:
  ~ClockTest() override { System::JumpClock(-jumped_); }
  void Jump(std::chrono::nanoseconds by) {
    jumped_ += by;
    System::JumpClock(by);
  }

 private:
  std::chrono::nanoseconds jumped_{0};
};
INSTANTIATE_TEST_SUITE_P(Over, ClockTest, testing::kBothModes, testing::NameOfMode);

TEST_P(ClockTest, RulesFollowAJumpAndNothingElseDoes) {
  ClientConfig config = ConfigFor(server_);
  Client client(config);
  world_.Put("flag", "timed", OnAfter("2090-01-01T00:00:00Z"));
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_FALSE(client.Bool("timed", kUser, true));
  for (const auto by : {std::chrono::hours(24 * 365 * 80), std::chrono::hours(-24 * 365 * 80)}) {
    Jump(by);
    EXPECT_TRUE(Eventually([&] { return client.Bool("timed", kUser, false) == (by > 0h); })) << by.count();
    EXPECT_LT(client.Status().age, kPatience) << "measured by the clock that does not jump";
    stream->Send(world_.Serve("a", world_.revision()));
    ASSERT_TRUE(WaitForRevision(client, world_.revision()));
    EXPECT_EQ(client.Status().state, ClientState::kLive);
    EXPECT_EQ(client.Status().reconnects, 0u);
  }
}

TEST_P(ClockTest, RulesFollowTheClockAlsoWhenTheClientIsClosed) {
  Client client(ConfigFor(server_));
  world_.Put("flag", "timed", OnAfter("2090-01-01T00:00:00Z"));
  const Flag<bool> handle(client, "timed", true);
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  ASSERT_TRUE(client.Close(kPatience));
  EXPECT_FALSE(client.Bool("timed", kUser, true));
  Jump(std::chrono::hours(24 * 365 * 80));
  EXPECT_TRUE(client.Bool("timed", kUser, false));
  EXPECT_TRUE(handle(kUser));
  EXPECT_TRUE(client.Peek().Bool("timed", kUser, false));
}

TEST_P(ClockTest, WaitingIsNotShortenedOrProlongedByAJump) {
  ClientConfig config = ConfigFor(server_);
  config.unauthorised_recheck = 300ms;
  Client client(config);
  const auto begin = Clock::now();
  ASSERT_TRUE(server_.Serve([](auto& c) { c.SendAnswer(401); }).get());
  ASSERT_TRUE(WaitForState(client, ClientState::kUnauthorised));
  EXPECT_FALSE(client.WaitReady(0ms));
  Jump(std::chrono::hours(24));
  EXPECT_TRUE(AcceptStream(server_));
  EXPECT_GE(Clock::now() - begin, 300ms);
  Jump(std::chrono::hours(-48));
  EXPECT_TRUE(client.Close(kPatience)) << "and neither does a day back keep it";
}

class EventClockTest : public ClockTest {
 protected:
  static void ExpectOneReadNow(const testing::SentBatch& batch) {
    const Array counted = batch.EventsOf("evaluations");
    ASSERT_EQ(counted.size(), 1u) << batch.text;
    const std::int64_t from = counted[0].Find("from")->AsInt(), to = counted[0].Find("to")->AsInt();
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    constexpr std::chrono::milliseconds kLately = 10min;
    EXPECT_LE(from, to);
    EXPECT_GE(from, (now - kLately).count());
    EXPECT_LE(to, (now + 1s).count());
  }
};
INSTANTIATE_TEST_SUITE_P(Over, EventClockTest, ::testing::Values(ScriptedServer::Mode::kPlain), testing::NameOfMode);

TEST_P(EventClockTest, CountsSurviveAClockThatIsPutRight) {
  Jump(-24h * 365 * 50);  // as a device has it that has no battery
  testing::Application application;
  application.client->Bool("unknown", kUser, false);
  Jump(24h * 365 * 50);
  auto flushed = application.Flush();
  ExpectOneReadNow(application.TakeBatch());
  EXPECT_TRUE(flushed.get());
}

TEST_P(EventClockTest, CountsOfABatchThatDidNotArriveSurviveItToo) {
  Jump(-24h * 365 * 50);
  testing::Application application;
  application.client->Bool("unknown", kUser, false);
  auto flushed = application.Flush();
  const std::string first = application.TakeBatch(429, {{"Retry-After", "1"}}).id();
  Jump(24h * 365 * 50);
  const testing::SentBatch batch = application.TakeBatch();
  EXPECT_NE(batch.id(), first);
  ExpectOneReadNow(batch);
  EXPECT_TRUE(flushed.get());
}

// --- names ---------------------------------------------------------------------------------------------------------

class LaterNameTest : public testing::OverBoth {
 protected:
  ~LaterNameTest() override { System::Resolve("later.test", ""); }
};
INSTANTIATE_TEST_SUITE_P(Over, LaterNameTest, testing::kBothModes, testing::NameOfMode);

TEST_P(LaterNameTest, ANameThatIsNotKnownIsSaidAndTriedAgainUntilItIs) {
  ClientConfig config = ConfigFor(server_);
  config.server.replace(config.server.find("127.0.0.1"), 9, "later.test");
  Client client(config);
  ASSERT_TRUE(Eventually([&] { return client.Status().reconnects >= 3 && !client.Status().last_error.empty(); }));
  EXPECT_THAT(client.Status().last_error, HasSubstr("later.test"));
  EXPECT_THAT(client.Status().last_error, HasSubstr("name cannot be resolved"));
  EXPECT_FALSE(server_.IsAsked(0ms));
  System::Resolve("later.test", "127.0.0.1");
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
}

TEST(NameTest, ACertificateOfAnotherNameIsNotTrusted) {
  ScriptedServer server(ScriptedServer::Mode::kTls);
  System::Resolve("impostor.test", "127.0.0.1");
  ClientConfig config = ConfigFor(server);
  config.server = "https://impostor.test:" + std::to_string(server.port());
  Client client(config);
  while (client.Status().last_error.empty()) EXPECT_FALSE(server.Accept(10ms)) << "no request comes so far";
  EXPECT_THAT(client.Status().last_error, HasSubstr("impostor.test"));
  EXPECT_THAT(client.Status().last_error, HasSubstr("not trusted for that name"));
}

TEST(NameTest, CloseLeavesALookupThatDoesNotReturnWithinItsDeadline) {
  World world;
  world.Serve("a", 1);
  for (const char* scheme : {"http", "https"}) {
    System::HoldResolver();
    {
      ClientConfig config = ConfigFor(std::string(scheme) + "://never.test");
      config.bootstrap = world.Document();
      Client client(config);
      ASSERT_TRUE(Eventually([] { return System::Held() == 1; }));
      EXPECT_EQ(client.Int("a", kUser, 0), 1) << "nobody else waits";
      const auto begin = Clock::now();
      EXPECT_FALSE(client.Close(50ms));
      EXPECT_LT(Clock::now() - begin, kPatience);
      EXPECT_EQ(client.Status().state, ClientState::kClosed);
      EXPECT_EQ(client.Int("a", kUser, 0), 1);
    }
    EXPECT_EQ(System::Held(), 1) << "the client is gone, its thread is left";
    System::ReleaseResolver();
    EXPECT_TRUE(Eventually([] { return System::Held() == 0; }));
  }
}

#if !defined(__SANITIZE_THREAD__)  // which does not follow the child of a process with threads
TEST(NameTest, AChildOfAProcessThatLooksUpANameIsNotHeldUp) {
  World world;
  world.Serve("a", 1);
  for (const char* scheme : {"http", "https"}) {
    System::HoldResolver();
    ClientConfig config = ConfigFor(std::string(scheme) + "://never.test");
    config.bootstrap = world.Document();
    Client client(config);
    ASSERT_TRUE(Eventually([] { return System::Held() == 1; }));
    const pid_t child = testing::Fork();
    if (child == 0) {
      ::alarm(60);
      const bool good = client.Int("a", kUser, 0) == 1 && client.Status().forks == 1;
      ::_exit(good ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << scheme;
    System::ReleaseResolver();
    EXPECT_TRUE(client.Close(kPatience));
  }
}
#endif

}  // namespace
}  // namespace guidon
