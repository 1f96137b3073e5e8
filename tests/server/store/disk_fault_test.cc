// A disk that fails while the store is open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "server/store/chain.h"
#include "tests/server/store/faulty_file_system.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

using testing::HasSubstr;

class DiskFaultTest : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  void Reopen() {
    store_.reset();
    RocksStoreOptions options = RocksOptions(folder_);
    options.file_system = disk_;
    Result<std::unique_ptr<Store>> store = OpenRocksStore(options);
    if (!store) throw std::runtime_error(store.error().message);  // there is nothing to go on with
    store_ = *std::move(store);
  }

  Error CommitError(Txn txn) {
    const Result<TxnResult> result = store_->Commit(std::move(txn));
    if (!result) return result.error();
    ADD_FAILURE() << "was committed";
    return {};
  }

  TempFolder folder_;
  std::shared_ptr<FaultyFileSystem> disk_ = std::make_shared<FaultyFileSystem>();
  std::unique_ptr<Store> store_;
};

TEST_F(DiskFaultTest, AFailedFsyncOfTheLogMakesTheStoreReadOnly) {
  MustCommit(*store_, Put("a", "1"));
  disk_->log_sync_fails = true;
  const Error first = CommitError(Put("a", "2"));
  EXPECT_EQ(first.code, ErrorCode::kIndeterminate);
  EXPECT_THAT(first.message, HasSubstr("same idempotency key"));
  disk_->log_sync_fails = false;  // the disk claims to be well again, and is not believed
  const int syncs = disk_->log_syncs;
  const Error second = CommitError(Put("a", "3"));
  EXPECT_EQ(second.code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.message, HasSubstr("read-only"));
  EXPECT_EQ(disk_->log_syncs, syncs);
  EXPECT_EQ(store_->Health().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(store_->Compact(1).error().code, ErrorCode::kUnavailable);
}

TEST_F(DiskFaultTest, AReadOnlyStoreGoesOnServingWhatWasAcknowledged) {
  MustCommit(*store_, Put("a", "1"));
  disk_->log_sync_fails = true;
  CommitError(Put("a", "2"));
  EXPECT_EQ(ShowAll(*store_), "a=1");
  EXPECT_EQ(store_->Head().revision, 1u);
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

TEST_F(DiskFaultTest, AfterAFailedFsyncARestartHasEverythingThatWasAcknowledged) {
  MustCommit(*store_, Put("a", "1"));
  disk_->log_sync_fails = true;
  CommitError(Put("a", "2"));
  disk_->log_sync_fails = false;
  Reopen();
  const Revision revision = store_->Head().revision;
  EXPECT_TRUE(revision == 1 || revision == 2) << revision;
  EXPECT_EQ(ShowAll(*store_), "a=" + std::to_string(revision));
  EXPECT_EQ(MustCommit(*store_, Put("a", "3")).revision, revision + 1);
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

TEST_F(DiskFaultTest, AFailedFsyncOfTheHeadMakesTheStoreReadOnly) {
  MustCommit(*store_, Put("a", "1"));
  disk_->head_sync_fails = true;
  EXPECT_EQ(CommitError(Put("a", "2")).code, ErrorCode::kIndeterminate);
  disk_->head_sync_fails = false;
  EXPECT_EQ(CommitError(Put("a", "3")).code, ErrorCode::kUnavailable);
  EXPECT_EQ(ShowAll(*store_), "a=1");
  Reopen();
  EXPECT_EQ(ShowAll(*store_), "a=2");  // it was durable in the log
}

TEST_F(DiskFaultTest, TooLittleRoomIsSaidBeforeAnythingIsWritten) {
  MustCommit(*store_, Put("a", "1"));
  disk_->free_bytes = 1 << 20;
  const Error error = CommitError(Put("a", "2"));
  EXPECT_EQ(error.code, ErrorCode::kStorageFull);
  EXPECT_THAT(error.message, HasSubstr("nothing was written"));
  EXPECT_EQ(store_->Health().error().code, ErrorCode::kStorageFull);
  EXPECT_EQ(ShowAll(*store_), "a=1");
  disk_->free_bytes = FaultyFileSystem::kRealFreeBytes;
  EXPECT_EQ(MustCommit(*store_, Put("a", "3")).revision, 2u);
  EXPECT_TRUE(store_->Health());
}

TEST_F(DiskFaultTest, AMomentWithoutRoomIsWaitedOut) {
  for (int round = 1; round <= 5; ++round) {
    disk_->appends_without_room = 3;
    EXPECT_EQ(MustCommit(*store_, Put("a", std::to_string(round))).revision, static_cast<Revision>(round));
  }
  const StoreHead head = store_->Head();
  Reopen();
  EXPECT_EQ(store_->Head(), head);
  EXPECT_EQ(ShowAll(*store_), "a=5");
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

TEST_F(DiskFaultTest, AWriteInWhichTheDiskRunsFullIsUnknownAndLaterOnesAreRefused) {
  MustCommit(*store_, Put("a", "1"));
  disk_->appends_without_room = FaultyFileSystem::kAlways;
  EXPECT_EQ(CommitError(Put("a", "2")).code, ErrorCode::kIndeterminate);
  EXPECT_EQ(CommitError(Put("a", "3")).code, ErrorCode::kStorageFull);
  EXPECT_EQ(store_->Health().error().code, ErrorCode::kStorageFull);
  EXPECT_EQ(ShowAll(*store_), "a=1");  // reads go on

  disk_->appends_without_room = 0;
  Result<TxnResult> later = store_->Commit(Put("b", "4"));
  // The log tries again every 20 ms, and may refuse once more just before it finds the room.
  for (int i = 0; i < 100 && !later && later.error().code == ErrorCode::kStorageFull; ++i) {
    later = store_->Commit(Put("b", "4"));
  }
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ(later->revision, 3u);  // the one that waited was stored before it
  EXPECT_EQ(ShowAll(*store_), "a=2 b=4");
  EXPECT_TRUE(store_->Health());
  const StoreHead head = store_->Head();
  Reopen();
  EXPECT_EQ(store_->Head(), head);
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

TEST_F(DiskFaultTest, AStoreThatWaitsForRoomCanBeClosed) {
  MustCommit(*store_, Put("a", "1"));
  disk_->appends_without_room = FaultyFileSystem::kAlways;
  EXPECT_EQ(CommitError(Put("a", "2")).code, ErrorCode::kIndeterminate);
  store_.reset();
  disk_->appends_without_room = 0;
  Reopen();
  EXPECT_EQ(ShowAll(*store_), "a=1");
  EXPECT_EQ(MustCommit(*store_, Put("a", "3")).revision, 2u);
}

// What a thread of the owner's does within the store must end before the store can be destroyed.
TEST_F(DiskFaultTest, ACompactionThatWaitsForRoomEndsWhenTheStoreBeginsToClose) {
  for (int i = 0; i < 3; ++i) MustCommit(*store_, Put("a", std::to_string(i)));
  disk_->appends_without_room = FaultyFileSystem::kAlways;
  std::future<Status> compaction = std::async(std::launch::async, [&] { return store_->Compact(2); });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store_->Health() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_EQ(store_->Health().error().code, ErrorCode::kStorageFull) << "it waits for room";
  store_->BeginClose();
  const bool ended = compaction.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  disk_->appends_without_room = 0;  // or this test would never end
  ASSERT_TRUE(ended);
  EXPECT_FALSE(compaction.get());
  EXPECT_EQ(CommitError(Put("a", "4")).code, ErrorCode::kUnavailable);
  Reopen();
  EXPECT_EQ(ShowAll(*store_), "a=2");
}

TEST_F(DiskFaultTest, ACompactionStopsBeforeItUsesUpTheLastRoom) {
  Txn first, second;
  for (int i = 0; i < 3000; ++i) {
    first.ops.push_back(TxnOp::Put("key-" + std::to_string(i), "1"));
    second.ops.push_back(TxnOp::Put("key-" + std::to_string(i), "2"));
  }
  MustCommit(*store_, std::move(first));
  MustCommit(*store_, std::move(second));
  int asked = 0;
  const Status status = store_->Compact(2, [&] {
    if (++asked == 3) disk_->free_bytes = 1 << 20;
    return false;
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kStorageFull);
  EXPECT_THAT(status.error().message, HasSubstr("make room"));
  EXPECT_EQ(asked, 3) << "it went on";
  disk_->free_bytes = FaultyFileSystem::kRealFreeBytes;
}

TEST_F(DiskFaultTest, AStoreDoesNotOpenWithoutRoom) {
  MustCommit(*store_, Put("a", "1"));
  store_.reset();
  disk_->appends_without_room = FaultyFileSystem::kAlways;
  RocksStoreOptions options = RocksOptions(folder_);
  options.file_system = disk_;
  const Result<std::unique_ptr<Store>> store = OpenRocksStore(options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kStorageFull);
  EXPECT_THAT(store.error().message, HasSubstr("make room"));
}

// Promise R1.
TEST_F(DiskFaultTest, APowerCutLosesNothingThatWasAcknowledged) {
  for (int round = 1; round <= 5; ++round) {
    for (int i = 0; i < 10; ++i) MustCommit(*store_, Put("a", std::to_string(100 * round + i)));
    const StoreHead head = store_->Head();
    store_.reset();
    disk_->LoseUnsynced();
    Reopen();
    EXPECT_EQ(store_->Head(), head) << round;
    EXPECT_EQ(ShowAll(*store_), "a=" + std::to_string(100 * round + 9));
  }
  EXPECT_TRUE(VerifyChain(*store_)->ok());
}

// What a client keeps: everything that it wrote, and what it was told.
struct Journal {
  std::map<std::string, Position> acknowledged;
  std::set<std::string> in_doubt;
};

// Every transaction is one that was asked for, whole, at its place; everything that was acknowledged is there.
void CheckAgainst(Store& store, const Journal& journal) {
  std::map<std::string, Position> written;
  const auto cursor = store.Watch(0, [] {});
  const StoreHead head = store.Head();
  for (Position position = 1; position <= head.position; ++position) {
    const WatchEvent event = cursor->Next();
    ASSERT_TRUE(std::holds_alternative<CommittedTxn>(event)) << "at position " << position;
    const auto& txn = std::get<CommittedTxn>(event);
    ASSERT_EQ(txn.position, position);
    ASSERT_EQ(txn.revision, position) << "revisions are not gap-free";
    ASSERT_EQ(txn.ops.size(), 3u) << "half a transaction";
    const std::string id = txn.ops[0].value;
    for (const TxnOp& op : txn.ops) ASSERT_EQ(op.value, id);
    ASSERT_TRUE(journal.acknowledged.contains(id) || journal.in_doubt.contains(id)) << id << " was refused";
    ASSERT_TRUE(written.emplace(id, position).second) << id << " twice";
  }
  for (const auto& [id, position] : journal.acknowledged) {
    const auto found = written.find(id);
    ASSERT_NE(found, written.end()) << id << " was acknowledged and is gone";
    ASSERT_EQ(found->second, position) << id;
  }
  EXPECT_TRUE(VerifyChain(store)->ok());
}

// Promise R1.
TEST_F(DiskFaultTest, ErrorsAtRandomAndTornPagesLoseNothingThatWasAcknowledged) {
  constexpr std::uint32_t kSeed = 20270402;
  std::mt19937 random(kSeed);
  const auto next = [&] { return static_cast<std::uint32_t>(random()); };
  Journal journal;
  for (int round = 0; round < 20 && !HasFatalFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    disk_->FailAtRandom(10 + next() % 80, next());
    bool read_only = false;
    for (int i = 0; i < 25 && !read_only; ++i) {
      const std::string id = std::to_string(round) + "." + std::to_string(i);
      std::vector<TxnOp> ops;
      for (const char* part : {"0", "1", "2"}) ops.push_back(TxnOp::Put("k/" + id + "/" + part, id));
      const Result<TxnResult> result = store_->Commit(Change(std::move(ops)));
      if (result) {
        journal.acknowledged[id] = result->position;
      } else if (result.error().code == ErrorCode::kIndeterminate) {
        journal.in_doubt.insert(id);
      } else {
        EXPECT_EQ(result.error().code, ErrorCode::kUnavailable) << result.error().message;
        EXPECT_THAT(result.error().message, HasSubstr("read-only"));
        read_only = true;
      }
    }
    EXPECT_TRUE(!read_only || store_->Health().error().code == ErrorCode::kUnavailable);
    store_.reset();
    disk_->FailAtRandom(0, 0);
    disk_->TearUnsynced(next());
    Reopen();
    CheckAgainst(*store_, journal);
  }
  EXPECT_GT(disk_->failures(), 15);
  EXPECT_GT(journal.acknowledged.size(), 100u);
  EXPECT_GT(journal.in_doubt.size(), 3u);
}

}  // namespace
}  // namespace guidon
