#include "server/http/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace guidon::http {
namespace {

TEST(WorkerPoolTest, BeyondItsBoundJobsAreRefusedAndNothingHappens) {
  std::promise<void> started, release;
  std::atomic<int> done{0};
  {
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.TryRun([&] {
      started.set_value();
      release.get_future().wait();
      ++done;
    }));
    started.get_future().wait();  // it runs and waits no longer in the queue
    EXPECT_TRUE(pool.TryRun([&] { ++done; }));
    EXPECT_TRUE(pool.TryRun([&] { ++done; }));
    EXPECT_FALSE(pool.TryRun([&] { done += 100; }));
    release.set_value();
  }
  EXPECT_EQ(done, 3);
}

TEST(WorkerPoolTest, WhatIsQueuedIsFinishedBeforeThePoolGoes) {
  std::atomic<int> done{0};
  {
    WorkerPool pool(2, 1000);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool.TryRun([&] { ++done; }));
  }
  EXPECT_EQ(done, 1000);
}

TEST(WorkerPoolTest, WhatIsDroppedIsNotRunAndWhatRunsIsFinished) {
  std::atomic<int> done{0};
  auto held = std::make_shared<int>(0);
  std::promise<void> started, release;
  {
    WorkerPool pool(1, 100);
    ASSERT_TRUE(pool.TryRun([&] {
      started.set_value();
      release.get_future().wait();
      ++done;
    }));
    started.get_future().wait();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(pool.TryRun([&done, held] { done += 100; }));
    pool.Drop();
    EXPECT_EQ(held.use_count(), 1) << "what a dropped job holds is let go of";
    EXPECT_FALSE(pool.TryRun([&] { done += 100; }));
    release.set_value();
  }
  EXPECT_EQ(done, 1);
}

TEST(WorkerPoolTest, JobsOfOneWorkerRunInTheirOrder) {
  std::vector<int> order;
  {
    WorkerPool pool(1, 100);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.TryRun([&order, i] { order.push_back(i); }));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order.at(static_cast<std::size_t>(i)), i);
}

TEST(WorkerPoolTest, ManyThreadsMayAskAndEveryAcceptedJobRunsOnce) {
  std::atomic<int> accepted{0}, done{0};
  {
    WorkerPool pool(3, 50);
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t) {
      callers.emplace_back([&] {
        for (int i = 0; i < 500; ++i) accepted += pool.TryRun([&] { ++done; }) ? 1 : 0;
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
  EXPECT_EQ(done, accepted);
  EXPECT_GT(accepted, 0);
}

TEST(WorkerPoolTest, APoolOfNoThreadsHasOne) {
  std::atomic<bool> done{false};
  {
    EXPECT_TRUE(WorkerPool(0, 1).TryRun([&] { done = true; }));
  }
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace guidon::http
