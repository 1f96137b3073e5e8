// Many threads read, track, flush and look, while the server does all that a server may do to a batch: in the end the
// journal, which takes each batch id once, has every event and every read once.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/sdk/application.h"
#include "tests/sdk/trial.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Account;
using testing::Application;
using testing::ScriptedServer;
using testing::SentBatch;
using testing::TrialWorkspace;

// A journal that takes each batch id once, behind a server that answers as it likes.
class Journal {
 public:
  explicit Journal(std::uint64_t seed) : random_(seed) {}

  void Serve(ScriptedServer::Connection& connection) {
    const SentBatch batch(connection.request());
    switch (is_good_ ? 0u : random_() % 8) {
      case 1:
        return void(connection.SendAnswer(503));
      case 2:
        return connection.Reset();
      case 3:  // durable, and the answer is lost
        Take(batch);
        return connection.Reset();
      case 4:
        Take(batch);
        return void(connection.SendAnswer(500));
      case 5:
        if (batch.events().size() > 50) return void(connection.SendAnswer(413));
        break;
      default:
        break;
    }
    Take(batch);
    connection.SendAnswer(202);
  }
  void BeGood() { is_good_ = true; }

  std::multiset<std::int64_t> tracked;
  std::set<std::string> units;
  std::int64_t reads = 0;

 private:
  void Take(const SentBatch& batch) {
    if (!ids_.insert(batch.id()).second) return;
    for (const Value& event : batch.EventsOf("track")) {
      tracked.insert(event.Find("attributes")->Find("n")->AsInt());
    }
    for (const Value& event : batch.EventsOf("exposure")) units.insert(event.Find("unit")->AsString());
    reads += batch.reads();
  }

  std::mt19937_64 random_;
  std::atomic<bool> is_good_{false};
  std::set<std::string> ids_;
};

TEST(EventsThreadsTest, WhateverTheServerDoesEveryEventAndEveryReadIsInTheJournalOnce) {
  constexpr int kThreads = 4, kEach = 500;
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Application application(TrialWorkspace(), [](ClientConfig& config) { config.flush_interval = 2ms; });
  const Client& client = *application.client;
  Journal journal(seed);
  std::atomic<bool> stop{false};
  std::thread server([&] {
    while (!stop) {
      if (!application.server.IsAsked(5ms)) continue;
      const auto connection = application.server.Accept();
      if (connection != nullptr) journal.Serve(*connection);
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&client, t] {
      for (int i = 0; i < kEach; ++i) {
        client.Bool("layout", Account(i), false);
        client.Bool("banner", Account(i), false);
        client.Track("step", Account(i), 1.5, {{"n", t * kEach + i}});
        if (i % 50 == 0) client.Status();
        if (i % 100 == 0) client.Flush(1ms);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  journal.BeGood();
  EXPECT_TRUE(client.Flush(testing::kPatience));
  EXPECT_TRUE(application.client->Close(testing::kPatience));
  stop = true;
  server.join();

  const DroppedEvents dropped = application.Dropped();
  EXPECT_EQ(journal.reads, 2 * kThreads * kEach);
  EXPECT_EQ(journal.tracked.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(std::set<std::int64_t>(journal.tracked.begin(), journal.tracked.end()).size(), journal.tracked.size());
  EXPECT_EQ(dropped, DroppedEvents());
  EXPECT_EQ(journal.units.size(), static_cast<std::size_t>(kEach));
}

TEST(EventsThreadsTest, TracksFlushesAndReadsWhileTheClientIsClosed) {
  for (int round = 0; round < 8; ++round) {
    Application application(TrialWorkspace(), [](ClientConfig& config) { config.flush_interval = 1ms; });
    const Client& client = *application.client;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&client, &stop, t] {
        for (int i = 0; !stop; ++i) {
          client.Track("step", Account(i), {{"n", i}});
          client.Bool("layout", Account(i), false);
          if (t == 0) client.Flush(1h);  // ends with the client
          client.Status();
        }
      });
    }
    std::thread server([&] {
      for (int i = 0; i < round / 2 && application.server.IsAsked(1s); ++i) application.TakeBatch();
    });
    server.join();
    application.client->Close(0ms);
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_FALSE(client.Flush(1h));
  }
}

}  // namespace
}  // namespace guidon
