// Readers, callbacks, changes, and the end, all at once; ThreadSanitizer watches in CI.
#include <guidon/test_source.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

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
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::World;

constexpr int kChanges = 200;

TEST(ThreadsTest, ReadersPinsHandlesCallbacksAndChangesUntilTheEnd) {
  ScriptedServer server;
  FilesFolder folder;
  ClientConfig config = ConfigFor(server.url());
  config.cache_file = folder.File("flags.json");
  config.log = [](LogLevel, std::string_view) {};
  World world;
  world.Serve("left", 0);
  world.Serve("right", 0);
  auto client = std::make_unique<Client>(config);
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && client->WaitReady(kPatience));

  std::atomic<bool> stop{false};
  std::atomic<int> faults{0}, told{0};
  std::atomic<std::uint64_t> reads{0};
  const auto read = [&] {
    const Context user("user-1");
    const Flag<std::int64_t> left(*client, "left", -1), right(*client, "right", -1);
    std::int64_t last = 0;
    while (!stop) {
      const Pin pin = client->Pin();
      // `left` is changed first, so within one ruleset it is equal, or one ahead.
      const std::int64_t a = left(user, pin), b = pin.Int("right", user, -1);
      if (a != b && a != b + 1) ++faults;
      const std::int64_t now = left(user);
      if (now < last || now < a) ++faults;  // never back
      last = now;
      if (pin.IntDetail("left", user, -1).revision != pin.revision()) ++faults;
      client->Bool("unknown-" + std::to_string(reads % 7), user, false);
      if (right.Detail(user).error != EvaluationError::kNone) ++faults;
      ++reads;
    }
  };
  const auto subscribe = [&] {
    while (!stop) {
      std::atomic<bool> ended{false};
      Subscription subscription = client->OnChange([&](const RulesetChange& change) {
        if (ended) ++faults;
        if (client->Status().revision < change.revision) ++faults;
        ++told;
      });
      client->Status();
      std::this_thread::yield();
      subscription.End();
      ended = true;
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(read);
  threads.emplace_back(read);
  threads.emplace_back(subscribe);
  const Subscription subscription = client->OnChange([&](const RulesetChange&) { ++told; });
  for (int i = 1; i <= kChanges; ++i) {
    ASSERT_TRUE(stream->Send(world.Serve("left", i)));
    ASSERT_TRUE(stream->Send(world.Serve("right", i)));
  }
  EXPECT_TRUE(WaitForRevision(*client, world.revision()));
  EXPECT_TRUE(Eventually([&] { return told >= 2 * kChanges; }));
  std::thread closing([&] { EXPECT_TRUE(client->Close(kPatience)); });
  EXPECT_TRUE(client->Close(kPatience));
  closing.join();
  const std::uint64_t so_far = reads;
  EXPECT_TRUE(Eventually([&] { return reads > so_far + 10; })) << "reads go on after the end";
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults, 0);
  EXPECT_EQ(client->Int("right", Context("user-1"), -1), kChanges);
}

TEST(ThreadsTest, ManyClientsComeAndGoWhileOneSourceSets) {
  TestSource flags;
  flags.Set("a", 0);
  std::atomic<bool> stop{false};
  std::atomic<int> faults{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const Context user("user-1");
      while (!stop) {
        Client client(flags);
        std::int64_t last = client.Int("a", user, -1);
        const Subscription subscription = client.OnChange([&](const RulesetChange&) {
          if (client.Int("a", user, -1) < 0) ++faults;
        });
        for (int n = 0; n < 50; ++n) {
          const std::int64_t now = client.Int("a", user, -1);
          if (now < last) ++faults;
          last = now;
        }
      }
    });
  }
  for (int i = 1; i <= 300; ++i) flags.Set("a", i);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults, 0);
}

TEST(ThreadsTest, AFlagFileThatIsReplacedAgainAndAgainWhileOthersRead) {
  FilesFolder folder;
  ClientConfig config;
  config.flag_file = folder.File("flags.json");
  config.flag_file_interval = 1ms;
  config.flag_overrides = true;  // there are none
  const auto write = [&](const std::string& text) { testing::ReplaceFile(config.flag_file, text); };
  write(R"({"left": 0, "right": 0})");
  Client client(config);
  std::atomic<bool> stop{false};
  std::atomic<int> faults{0}, told{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      const Context user("user-1");
      const Flag<std::int64_t> left(client, "left", -1);
      std::uint64_t last = 0;
      while (!stop) {
        const Pin pin = client.Pin();
        if (left(user, pin) != pin.Int("right", user, -2)) ++faults;
        if (pin.revision() < last) ++faults;
        last = pin.revision();
        client.Status();
      }
    });
  }
  const Subscription subscription = client.OnChange([&](const RulesetChange&) { ++told; });
  for (int i = 1; i <= kChanges; ++i) {
    const std::string text = std::to_string(i);
    write(i % 10 == 0 ? "{\"left\": " : "{\"left\": " + text + ", \"right\": " + text + "}");
  }
  const std::string last = std::to_string(kChanges + 1);
  write("{\"left\": " + last + ", \"right\": " + last + "}");
  EXPECT_TRUE(Eventually([&] { return client.Int("left", Context("user-1"), -1) == kChanges + 1; }));
  EXPECT_TRUE(Eventually([&] { return told > 0; }));  // after it can be read
  std::thread closing([&] { EXPECT_TRUE(client.Close(kPatience)); });
  EXPECT_TRUE(client.Close(kPatience));
  closing.join();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults, 0);
}

TEST(ThreadsTest, AStreamThatBreaksAgainAndAgainWhileOthersRead) {
  ScriptedServer server;
  World world;
  world.Serve("a", 0);
  Client client(ConfigFor(server.url()));
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    const Context user("user-1");
    while (!stop) client.Int("a", user, -1), client.WaitReady(0ms), client.Status();
  });
  bool served = true;
  for (int i = 1; i <= 30 && served; ++i) {
    std::string events = world.SnapshotEvent();
    const std::string change = world.Serve("a", i);
    events += change.substr(0, i % 2 == 0 ? change.size() : change.size() / 2);
    const auto stream = AcceptStream(server, events);
    served = stream != nullptr;
    if (served && i % 3 == 0) stream->Reset();
  }
  EXPECT_TRUE(served);
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  EXPECT_TRUE(stream && WaitForRevision(client, world.revision()));
  stop = true;
  reader.join();
  EXPECT_EQ(client.Int("a", Context("user-1"), -1), 30);
}

}  // namespace
}  // namespace guidon
