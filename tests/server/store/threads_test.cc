// Many threads at one store.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/store/chain.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/sanitizer.h"

namespace guidon {
namespace {

using std::chrono::seconds;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kCommits = 40;  // of each writer
#else
constexpr int kCommits = 300;
#endif
constexpr int kWriters = 8;

class StoreThreads : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { Open({}); }

  void Open(StoreOptions options) {
    store_.reset();
    if (GetParam() == std::string_view("memory")) {
      store_ = OpenMemoryStore(std::move(options));
      return;
    }
    folder_ = std::make_unique<TempFolder>();
    Result<std::unique_ptr<Store>> opened = OpenRocksStore(RocksOptions(*folder_, std::move(options)));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Drivers, StoreThreads, testing::Values("memory", "rocksdb"),
                         [](const auto& param) { return std::string(param.param); });

// Opens once; whoever waits goes on then.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(60), [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

void RunWriters(const std::function<void(int)>& writer) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) threads.emplace_back(writer, i);
  for (std::thread& thread : threads) thread.join();
}

// Promise R2.
TEST_P(StoreThreads, RevisionsAreGapFreeAndInTheOrderOfTheirWriters) {
  std::vector<std::vector<Revision>> taken(kWriters);
  RunWriters([&](int writer) {
    for (int i = 0; i < kCommits; ++i) {
      taken[writer].push_back(MustCommit(*store_, Put("writer/" + std::to_string(writer), std::to_string(i))).revision);
    }
  });
  std::vector<Revision> all;
  for (const std::vector<Revision>& revisions : taken) {
    EXPECT_TRUE(std::is_sorted(revisions.begin(), revisions.end()));
    all.insert(all.end(), revisions.begin(), revisions.end());
  }
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kWriters * kCommits));
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
  const ChainReport chain = *VerifyChain(*store_);
  EXPECT_TRUE(chain.ok());
  EXPECT_EQ(chain.to, all.size());
}

TEST_P(StoreThreads, OnlyOneOfManyWritersWinsEachCompareAndSet) {
  MustCommit(*store_, Put("counter", "0"));
  std::atomic<int> won = 0;
  RunWriters([&](int) {
    for (int i = 0; i < kCommits; ++i) {
      const KeyValue current = **store_->Get("counter");
      Txn txn = Put("counter", std::to_string(std::stoi(current.value) + 1));
      txn.compares = {TxnCompare::ModifiedAt("counter", current.modified)};
      const Result<TxnResult> result = store_->Commit(std::move(txn));
      ASSERT_TRUE(result);
      if (result->outcome == TxnOutcome::kCommitted) ++won;
    }
  });
  EXPECT_EQ((*store_->Get("counter"))->value, std::to_string(won));
  EXPECT_GE(won, kCommits);
}

TEST_P(StoreThreads, OneOfManyRepetitionsWritesAndTheOthersGetItsAnswer) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> committed = 0, replayed = 0;
    std::atomic<Revision> sum = 0;
    RunWriters([&](int) {
      Txn txn = Put("a", std::to_string(round));
      txn.idempotency = Idempotency{"key:k1", std::to_string(round), "hash", "answer"};
      const Result<TxnResult> result = store_->Commit(std::move(txn));
      ASSERT_TRUE(result);
      ++(result->outcome == TxnOutcome::kCommitted ? committed : replayed);
      sum += result->revision;
    });
    EXPECT_EQ(committed, 1);
    EXPECT_EQ(replayed, kWriters - 1);
    EXPECT_EQ(sum, static_cast<Revision>(kWriters * (round + 1)));
  }
}

TEST_P(StoreThreads, ReadersNeverSeeHalfATransactionAndWatchesMissNone) {
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const Result<RangeResult> pair = store_->Range({.begin = "pair/", .end = "pair0"});
      ASSERT_TRUE(pair) << pair.error().message;
      if (pair->entries.empty()) continue;
      ASSERT_EQ(pair->entries.size(), 2u);
      ASSERT_EQ(pair->entries[0].value, pair->entries[1].value);
      ASSERT_EQ(pair->entries[0].modified, pair->entries[1].modified);
    }
  });
  std::thread watcher([&] {
    std::mutex mutex;
    std::condition_variable changed;
    bool woken = false;
    const auto cursor = store_->Watch(0, [&] {
      const std::lock_guard lock(mutex);
      woken = true;
      changed.notify_all();
    });
    for (Position seen = 0; seen < static_cast<Position>(kWriters * kCommits);) {
      const WatchEvent event = cursor->Next();
      if (const auto* txn = std::get_if<CommittedTxn>(&event)) {
        ASSERT_EQ(txn->position, ++seen);
        ASSERT_EQ(txn->ops.size(), 2u);
        continue;
      }
      ASSERT_TRUE(std::holds_alternative<WatchProgress>(event));
      std::unique_lock lock(mutex);
      ASSERT_TRUE(changed.wait_for(lock, seconds(60), [&] { return woken; }));
      woken = false;
    }
  });
  RunWriters([&](int writer) {
    for (int i = 0; i < kCommits; ++i) {
      const std::string value = std::to_string(writer) + "." + std::to_string(i);
      MustCommit(*store_, Change({TxnOp::Put("pair/a", value), TxnOp::Put("pair/b", value)}));
    }
  });
  done = true;
  reader.join();
  watcher.join();
}

TEST_P(StoreThreads, CompactionDisturbsNeitherReadersNorWriters) {
  std::atomic<bool> done = false;
  MustCommit(*store_, Put("flag", "first"));
  std::thread compactor([&] {
    while (!done) {
      const Position head = store_->Head().position;
      const Status status = store_->Compact(head);
      ASSERT_TRUE(status) << status.error().message;
    }
  });
  std::thread reader([&] {
    while (!done) {
      const Result<RangeResult> newest = store_->Range(RangeQuery::Key("flag"));
      ASSERT_TRUE(newest) << newest.error().message;
      const Result<RangeResult> past = store_->Range(RangeQuery::Key("flag", newest->at));
      if (past) {
        ASSERT_EQ(past->entries, newest->entries);
      } else {
        ASSERT_EQ(past.error().code, ErrorCode::kGone);
      }
    }
  });
  for (int i = 0; i < kCommits; ++i) {
    MustCommit(*store_, i % 5 == 4 ? Change({TxnOp::Delete("flag")}) : Put("flag", std::to_string(i)));
  }
  done = true;
  compactor.join();
  reader.join();
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

// ---- The committer's queue: only where there is one ------------------------------------------------------------

class StoreQueue : public StoreThreads {};
INSTANTIATE_TEST_SUITE_P(Drivers, StoreQueue, testing::Values("rocksdb"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(StoreQueue, WritersThatWaitShareOneGroup) {
  std::vector<std::size_t> groups;
  StoreOptions options;
  options.metrics.group = [&](std::size_t size) { groups.push_back(size); };
  Open(options);
  Gate busy, free;
  store_->Submit(Put("first", "1"), [&](const Result<TxnResult>&) {
    busy.Open();
    free.Wait();
  });
  ASSERT_TRUE(busy.Wait());
  std::atomic<int> answered = 0;
  for (int i = 0; i < 100; ++i) {
    store_->Submit(Put("a", std::to_string(i)), [&](const Result<TxnResult>& result) {
      EXPECT_TRUE(result);
      ++answered;
    });
  }
  EXPECT_EQ(answered, 0);
  free.Open();
  MustCommit(*store_, Put("last", "1"));
  EXPECT_EQ(answered, 100);
  store_.reset();
  ASSERT_GE(groups.size(), 2u);
  EXPECT_EQ(groups[0], 1u);
  EXPECT_GE(groups[1], 100u);
}

TEST_P(StoreQueue, AFullQueueRefusesAtOnce) {
  StoreOptions options;
  options.limits.queued_txns = 3;
  Open(options);
  Gate busy, free;
  store_->Submit(Put("first", "1"), [&](const Result<TxnResult>&) {
    busy.Open();
    free.Wait();
  });
  ASSERT_TRUE(busy.Wait());
  std::atomic<int> answered = 0;
  for (int i = 0; i < 3; ++i) store_->Submit(Put("a", "1"), [&](const Result<TxnResult>&) { ++answered; });
  EXPECT_EQ(ErrorOf(*store_, Put("a", "2")), ErrorCode::kOverloaded);
  free.Open();
  store_.reset();  // answers what is queued
  EXPECT_EQ(answered, 3);
}

TEST_P(StoreQueue, AQueueFullOfBytesRefusesAtOnce) {
  StoreOptions options;
  options.limits.queued_bytes = 1000;
  Open(options);
  Gate busy, free, written;
  store_->Submit(Put("first", "1"), [&](const Result<TxnResult>&) {
    busy.Open();
    free.Wait();
  });
  ASSERT_TRUE(busy.Wait());
  // One that is larger than the whole bound is taken when nothing else waits, or it could never be written.
  store_->Submit(Put("a", std::string(2000, 'x')), [&](const Result<TxnResult>& result) {
    EXPECT_TRUE(result);
    written.Open();
  });
  EXPECT_EQ(ErrorOf(*store_, Put("b", std::string(900, 'x'))), ErrorCode::kOverloaded);
  free.Open();
  EXPECT_TRUE(written.Wait());
  MustCommit(*store_, Put("last", "1"));
}

// Promise R5.
TEST_P(StoreQueue, ReadsAndWatchesGoOnWhileTheWriterIsStuck) {
  MustCommit(*store_, Put("a", "1"));
  const auto cursor = store_->Watch(0, [] {});
  Gate busy, free;
  store_->Submit(Put("a", "2"), [&](const Result<TxnResult>&) {
    busy.Open();
    free.Wait();
  });
  ASSERT_TRUE(busy.Wait());
  store_->Submit(Put("a", "3"), [](const Result<TxnResult>&) {});
  EXPECT_EQ(ShowAll(*store_), "a=2");
  EXPECT_EQ(ShowAll(*store_, 1), "a=1");
  EXPECT_EQ(store_->Head().revision, 2u);
  EXPECT_TRUE(std::holds_alternative<CommittedTxn>(cursor->Next()));
  EXPECT_TRUE(std::holds_alternative<CommittedTxn>(cursor->Next()));
  EXPECT_TRUE(std::holds_alternative<WatchProgress>(cursor->Next()));
  free.Open();
  MustCommit(*store_, Put("a", "4"));  // by then nobody is in a gate any more
}

TEST_P(StoreQueue, LaterTransactionsOfAGroupSeeEarlierOnes) {
  Gate busy, free;
  store_->Submit(Put("first", "1"), [&](const Result<TxnResult>&) {
    busy.Open();
    free.Wait();
  });
  ASSERT_TRUE(busy.Wait());
  std::vector<Result<TxnResult>> results(4);
  const auto keep = [&](std::size_t i) { return [&, i](Result<TxnResult> result) { results[i] = std::move(result); }; };
  Txn create = Put("a", "1");
  create.compares = {TxnCompare::Absent("a")};
  create.idempotency = Idempotency{"key:k1", "request", "hash", "created"};
  Txn remove = Change({TxnOp::Delete("a")});
  remove.compares = {TxnCompare::ValueIs("a", "1")};
  Txn redact = Change({});
  redact.redact = {2};
  store_->Submit(create, keep(0));
  store_->Submit(create, keep(1));
  store_->Submit(remove, keep(2));
  store_->Submit(redact, keep(3));
  free.Open();
  Txn last = Put("last", "1");
  last.compares = {TxnCompare::Absent("a")};
  MustCommit(*store_, last);
  for (const Result<TxnResult>& result : results) ASSERT_TRUE(result);
  EXPECT_EQ(results[0]->revision, 2u);
  EXPECT_EQ(results[1]->outcome, TxnOutcome::kReplayed);
  EXPECT_EQ(results[1]->revision, 2u);
  EXPECT_EQ(results[2]->revision, 3u);
  EXPECT_EQ(results[3]->revision, 4u);
  EXPECT_EQ(store_->Revisions(2, 2, 1)->front().audit.state, StoredPayload::State::kRedacted);
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

}  // namespace
}  // namespace guidon
