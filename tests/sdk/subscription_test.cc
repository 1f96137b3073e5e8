#include <guidon/test_source.h>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using testing::kPatience;
using testing::Log;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::World;

const Context kUser("user-1");

TEST(SubscriptionTest, AChangeIsToldAfterItCanBeRead) {
  ScriptedServer server;
  World world;
  world.Serve("a", 1);
  Client client(ConfigFor(server.url()));
  std::promise<void> done;
  std::vector<RulesetChange> changes;
  std::vector<std::int64_t> read;
  const Subscription subscription = client.OnChange([&](const RulesetChange& change) {
    changes.push_back(change);
    read.push_back(client.Int("a", kUser, 0));
    EXPECT_EQ(client.Status().revision, change.revision);
    EXPECT_EQ(client.Pin().revision(), change.revision);
    if (changes.size() == 4) done.set_value();
  });
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream);
  stream->Send(world.HeartbeatEvent());  // changes nothing: nothing to tell
  stream->Send(world.Serve("a", 2));
  stream->Send(world.Put("segment", "eu", Object{{"segment", "eu"}, {"when", Object{{"country", "DE"}}}}));
  stream->Send(world.Remove("flag", "a"));
  ASSERT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(read, (std::vector<std::int64_t>{1, 2, 2, 0}));
  EXPECT_TRUE(changes[0].anything) << "a whole ruleset";
  EXPECT_EQ(changes[1].flags, std::vector<std::string>{"a"});
  EXPECT_FALSE(changes[1].anything);
  EXPECT_TRUE(changes[2].anything) << "any flag may use the segment";
  EXPECT_TRUE(changes[2].flags.empty());
  EXPECT_EQ(changes[3].flags, std::vector<std::string>{"a"});
  EXPECT_EQ(changes[3].revision, world.revision());
}

TEST(SubscriptionTest, EndsWhenItIsDestroyedAssignedOrTold) {
  TestSource flags;
  Client client(flags);
  int told = 0;
  std::optional<Subscription> subscription = client.OnChange([&](const RulesetChange&) { ++told; });
  flags.Set("a", 1);
  EXPECT_EQ(told, 1);
  Subscription moved = std::move(*subscription);
  subscription.reset();
  flags.Set("a", 2);
  EXPECT_EQ(told, 2) << "what was moved goes on";
  moved = Subscription();
  flags.Set("a", 3);
  EXPECT_EQ(told, 2);
  moved = client.OnChange([&](const RulesetChange&) { ++told; });
  moved.End();
  moved.End();
  flags.Set("a", 4);
  EXPECT_EQ(told, 2);
  const Subscription none = client.OnChange(nullptr);
  flags.Set("a", 5);
}

TEST(SubscriptionTest, EndingWaitsForTheCallbackThatRuns) {
  ScriptedServer server;
  World world;
  world.Serve("a", 1);
  Client client(ConfigFor(server.url()));
  std::promise<void> entered, leave;
  std::atomic<bool> left{false};
  Subscription subscription = client.OnChange([&](const RulesetChange&) {
    entered.set_value();
    leave.get_future().wait();
    left = true;
  });
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream);
  entered.get_future().wait();
  auto ended = std::async(std::launch::async, [&] {
    subscription.End();
    return left.load();
  });
  EXPECT_EQ(ended.wait_for(20ms), std::future_status::timeout);
  EXPECT_EQ(client.Int("a", kUser, 0), 1) << "nobody else waits";
  leave.set_value();
  EXPECT_TRUE(ended.get());
  stream->Send(world.Serve("a", 2));
  EXPECT_TRUE(WaitForRevision(client, world.revision())) << "a second call would throw: the promises are used up";
}

TEST(SubscriptionTest, ACallbackMayEndItsOwnAndMakeOthers) {
  TestSource flags;
  Client client(flags);
  int first = 0, second = 0;
  Subscription other;
  Subscription subscription = client.OnChange([&](const RulesetChange&) {
    ++first;
    other = client.OnChange([&](const RulesetChange&) { ++second; });
    subscription.End();
  });
  flags.Set("a", 1);
  flags.Set("a", 2);
  flags.Set("a", 3);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
}

TEST(SubscriptionTest, WhatACallbackThrowsIsLoggedAndDisturbsNobody) {
  ScriptedServer server;
  Log log;
  ClientConfig config = ConfigFor(server.url());
  config.log = log.Sink();
  World world;
  world.Serve("a", 1);
  Client client(config);
  std::atomic<int> told{0};
  const Subscription first = client.OnChange([](const RulesetChange&) { throw std::runtime_error("broken callback"); });
  const Subscription second = client.OnChange([](const RulesetChange&) { throw 7; });
  const Subscription third = client.OnChange([&](const RulesetChange&) { ++told; });
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream);
  stream->Send(world.Serve("a", 2));
  EXPECT_TRUE(Eventually([&] { return told == 2; }));
  EXPECT_EQ(log.Count("broken callback", LogLevel::kError), 2) << log.Text();
  EXPECT_EQ(log.Count("callback of OnChange threw", LogLevel::kError), 4) << log.Text();
}

TEST(SubscriptionTest, WhatALogThrowsIsDropped) {
  ScriptedServer server;
  ClientConfig config = ConfigFor(server.url());
  config.bootstrap = "damaged";
  config.log = [](LogLevel, std::string_view) { throw std::runtime_error("broken log"); };
  World world;
  world.Serve("a", 1);
  Client client(config);
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  for (int i = 0; i < 10; ++i) client.Bool("unknown", kUser, false);
  EXPECT_TRUE(client.Close(kPatience));
}

TEST(SubscriptionTest, ASubscriptionMayOutliveItsClient) {
  TestSource flags;
  auto client = std::make_unique<Client>(flags);
  int told = 0;
  const Subscription subscription = client->OnChange([&](const RulesetChange&) { ++told; });
  client.reset();
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace guidon
