// How old what is held may become, and who is told: Status, OnStatus, serve_defaults_after.
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using testing::FilesFolder;
using testing::kPatience;
using testing::WaitForState;

const Context kUser("user-1");

class StalenessTest : public testing::OverBoth {
 protected:
  void ExpectDefaults(const Client& client) {
    const EvaluationDetail<std::int64_t> detail = client.IntDetail("a", kUser, 7);
    EXPECT_EQ(detail.value, 7);
    EXPECT_EQ(detail.reason, Reason::kError);
    EXPECT_EQ(detail.error, EvaluationError::kProviderNotReady);
    EXPECT_TRUE(client.Status().serves_defaults);
  }
  // Its stream fails, and it polls what there is.
  void LetItPoll() {
    server_.Accept()->SendAnswer(500);
    server_.Accept()->SendAnswer(200, {{"Content-Type", "application/json"}, {"ETag", "\"x\""}}, world_.Document());
  }
};
INSTANTIATE_TEST_SUITE_P(Over, StalenessTest, testing::kBothModes, testing::NameOfMode);

TEST_P(StalenessTest, WhatIsHeldIsServedHoweverOldUnlessToldOtherwise) {
  ClientConfig config = ConfigFor(server_);
  EXPECT_EQ(config.serve_defaults_after, 0ms);
  Client client(config);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Status().stale_since, std::chrono::system_clock::time_point());
  const auto before = std::chrono::system_clock::now();
  server_.Stop();
  stream->Close();
  ASSERT_TRUE(WaitForState(client, ClientState::kStale));
  ASSERT_TRUE(Eventually([&] { return client.Status().age >= 150ms; }));
  EXPECT_EQ(client.Int("a", kUser, 7), 1);
  EXPECT_FALSE(client.Status().serves_defaults);
  EXPECT_LE(client.Status().stale_since, before + 1s);
  EXPECT_GE(client.Status().stale_since, before - kPatience);
}

TEST_P(StalenessTest, TooOldItGivesWayToDefaultsUntilTheServerConfirms) {
  ClientConfig config = ConfigFor(server_);
  config.serve_defaults_after = 100ms;
  Client client(config);
  const Flag<std::int64_t> handle(client, "a", 8);
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  // A stream on which nothing comes confirms nothing, live or not.
  ASSERT_TRUE(Eventually([&] { return client.Status().serves_defaults; }));
  EXPECT_GE(client.Status().age, 100ms);
  ExpectDefaults(client);
  EXPECT_EQ(handle(kUser), 8);
  EXPECT_EQ(client.Pin().Int("a", kUser, 9), 9);
  EXPECT_EQ(client.WaitReady(0ms).cause, "timeout: what is held is too old to be served");
  // What says nothing of what is held does not end it …
  const Revision held = world_.revision();
  world_.header().revision = 1;
  const std::string older = world_.HeartbeatEvent();
  world_.header().revision = held;
  stream->Send(older + world_.Event("change", "{"));
  ASSERT_TRUE(Eventually([&] { return client.Status().refused == 1; }));
  ExpectDefaults(client);
  // … and a heartbeat does.
  ASSERT_TRUE(Eventually([&] {
    stream->Send(world_.HeartbeatEvent());
    return client.Int("a", kUser, 7) == 1;
  }));
  ASSERT_TRUE(Eventually([&] { return client.Status().serves_defaults; })) << "and it gets old again";
  stream->Send(world_.Serve("a", 2));
  ASSERT_TRUE(Eventually([&] { return client.Int("a", kUser, 7) == 2 || client.Status().serves_defaults; }));
}

TEST_P(StalenessTest, APollThatFindsNothingNewConfirmsToo) {
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1;
  config.serve_defaults_after = 200ms;
  Client client(config);
  LetItPoll();
  ASSERT_TRUE(WaitForState(client, ClientState::kPolling));
  const auto held_back = server_.Accept();
  ASSERT_TRUE(held_back && Eventually([&] { return client.Status().serves_defaults; }));
  ExpectDefaults(client);
  held_back->SendAnswer(500);
  int answered = 0;
  ASSERT_TRUE(Eventually([&] {
    const auto asked = server_.Accept();
    if (asked == nullptr) return false;
    const bool is_poll = asked->request().target == "/sdk/v1/ruleset";
    if (is_poll) ++answered;
    asked->SendAnswer(is_poll ? 304 : 500);
    return answered > 1 && client.Int("a", kUser, 7) == 1;
  }));
}

TEST_P(StalenessTest, ACacheFileThatIsTooOldIsNotServedEvenAtFirst) {
  FilesFolder folder;
  ClientConfig config = ConfigFor(server_);
  config.cache_file = folder.File("flags.json");
  std::ofstream(config.cache_file) << world_.Document();
  std::filesystem::last_write_time(config.cache_file, std::filesystem::file_time_type::clock::now() - 2h);
  config.serve_defaults_after = 1h;
  const Client client(config);
  ExpectDefaults(client);
  EXPECT_GE(client.Status().age, 1h);
  EXPECT_GT(client.Status().stale_since, std::chrono::system_clock::time_point());
  EXPECT_FALSE(client.WaitReady(0ms)) << "it is there, and not served";
  auto ready = std::async(std::launch::async, [&] { return client.WaitReady(kPatience); });
  const auto stream = AcceptStream(server_, world_.HeartbeatEvent());
  ASSERT_TRUE(stream && ready.get());
  EXPECT_EQ(client.Int("a", kUser, 7), 1);
}

TEST_P(StalenessTest, APollThatConfirmsEndsTheWait) {
  ClientConfig config = ConfigFor(server_);
  config.failures_before_polling = 1;
  config.serve_defaults_after = 100ms;
  Client client(config);
  LetItPoll();
  const auto held_back = server_.Accept();
  ASSERT_TRUE(held_back && Eventually([&] { return client.Status().serves_defaults; }));
  auto ready = std::async(std::launch::async, [&] { return client.WaitReady(kPatience); });
  held_back->SendAnswer(500);
  while (ready.wait_for(0ms) != std::future_status::ready) {
    const auto asked = server_.Accept(100ms);
    if (asked != nullptr) asked->SendAnswer(asked->request().target == "/sdk/v1/ruleset" ? 304 : 500);
  }
  EXPECT_TRUE(ready.get());
}

TEST_P(StalenessTest, BootstrapIsAsOldAsTheClient) {
  ClientConfig config = ConfigFor(server_);
  config.bootstrap = world_.Document();
  config.serve_defaults_after = 1min;  // less than the machine has been up
  const Client client(config);
  EXPECT_EQ(client.Int("a", kUser, 7), 1);
  EXPECT_FALSE(client.Status().serves_defaults);
  EXPECT_EQ(client.Status().age, 0ms) << "nobody knows";
  config.serve_defaults_after = 50ms;
  const Client brief(config);
  EXPECT_TRUE(Eventually([&] { return brief.Status().serves_defaults; }));
  ExpectDefaults(brief);
}

TEST(StalenessWithoutServerTest, BootstrapIsServedForEver) {
  testing::World world;
  world.Serve("a", 1);
  ClientConfig config;
  config.bootstrap = world.Document();
  config.serve_defaults_after = 1ms;
  const Client client(config);
  EXPECT_EQ(client.Int("a", kUser, 7), 1);
  EXPECT_FALSE(client.Status().serves_defaults);
}

TEST_P(StalenessTest, OnStatusIsToldOfWhatChangesOnAThreadOfTheSdk) {
  ClientConfig config = ConfigFor(server_);
  config.serve_defaults_after = 150ms;
  Client client(config);
  std::mutex mutex;
  std::vector<ClientStatus> told;
  std::atomic<bool> elsewhere{true};
  const auto application = std::this_thread::get_id();
  const Subscription subscription = client.OnStatus([&](const ClientStatus& status) {
    if (std::this_thread::get_id() == application) elsewhere = false;
    client.Status(), client.Int("a", kUser, 0);  // outside of any lock
    const std::lock_guard<std::mutex> lock(mutex);
    told.push_back(status);
  });
  const auto was_told = [&](auto condition) {
    return Eventually([&] {
      const std::lock_guard<std::mutex> lock(mutex);
      return std::any_of(told.begin(), told.end(), condition);
    });
  };
  auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_TRUE(was_told([](const ClientStatus& s) { return s.state == ClientState::kLive && !s.serves_defaults; }));
  EXPECT_TRUE(was_told([](const ClientStatus& s) { return s.serves_defaults; }));
  server_.Stop();
  stream->Close();
  EXPECT_TRUE(was_told([](const ClientStatus& s) { return s.state == ClientState::kStale; }));
  EXPECT_TRUE(elsewhere);
}

TEST_P(StalenessTest, ACallbackOfOnStatusMayCloseItsClientAndThrow) {
  testing::Log log;
  ClientConfig config = ConfigFor(server_);
  config.log = log.Sink();
  Client client(config);
  std::atomic<bool> closed{false};
  const Subscription throws = client.OnStatus([](const ClientStatus&) { throw std::runtime_error("broken callback"); });
  const Subscription closes = client.OnStatus([&](const ClientStatus&) {
    client.Close(kPatience);
    closed = true;
  });
  const auto stream = AcceptStream(server_, world_.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_TRUE(Eventually([&] { return closed.load(); }));
  EXPECT_EQ(client.Status().state, ClientState::kClosed);
  EXPECT_GE(log.Count("a callback of OnStatus threw: broken callback", LogLevel::kError), 1) << log.Text();
}

}  // namespace
}  // namespace guidon
