// Many writers and readers at once.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

TEST(CatalogThreadsTest, RevisionsAreGapFreeAndReadersOnlySeeWholeCommits) {
  CatalogHarness on("memory");
  on.MakeShop();
  const auto pair_of = [](const std::string& owner) {
    const std::string definition = R"({"type":"boolean","owner":")" + owner + "\"}";
    return std::vector<Edit>{PutOf(Flag("left"), definition), PutOf(Flag("right"), definition)};
  };
  on.MustCommit(pair_of("nobody"));
  constexpr int kWriters = 4, kCommits = 25;
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::thread reader([&] {
    while (!done) {
      const auto view = on.catalog().View();
      const EntitySet& held = view->FindProject("shop")->definitions.entities;
      torn += held.FindFlag("left")->definition.owner == held.FindFlag("right")->definition.owner ? 0 : 1;
    }
  });
  std::thread follower([&] {
    Follower production(on, "production");
    while (!done) {
      const std::string fault = production.CatchUp();
      torn += fault.empty() || fault == "who is caught up gets no heartbeat" ? 0 : 1;
    }
  });
  Mutex mutex;
  std::set<Revision> revisions;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kCommits; ++i) {
        const Committed committed = on.MustCommit(pair_of("w" + std::to_string(w) + "-" + std::to_string(i)));
        EXPECT_GE(on.feed().head(), committed.revision);  // visible before it is answered
        MutexLock lock(mutex);
        EXPECT_TRUE(revisions.insert(committed.revision).second);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  reader.join();
  follower.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(revisions.size(), std::size_t{kWriters * kCommits});
  EXPECT_EQ(*revisions.begin(), 3u);
  EXPECT_EQ(*revisions.rbegin(), 2u + kWriters * kCommits);
}

TEST(CatalogThreadsTest, OneOfManyWhoCreateTheSameThingWins) {
  CatalogHarness on("memory");
  on.MakeShop();
  std::atomic<int> created{0}, refused{0};
  std::vector<std::thread> writers;
  for (int w = 0; w < 8; ++w) {
    writers.emplace_back([&] {
      const Result<Committed> result =
          on.Commit({PutOf(Flag("a"), R"({"type":"boolean","owner":"x"})", {std::nullopt, false, true})});
      ++(result ? created : refused);
      EXPECT_TRUE(result || result.error().code == ErrorCode::kAlreadyExists);
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(refused, 7);
}

}  // namespace
}  // namespace guidon
