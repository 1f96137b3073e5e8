// What only a store on a disk promises: that it is there again, or says why not.
#include "server/store/rocks_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>

#include "server/store/chain.h"
#include "server/store/head_record.h"
#include "server/store/kill_points.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::unique_ptr<Store> MustOpen(const RocksStoreOptions& options) {
  Result<std::unique_ptr<Store>> store = OpenRocksStore(options);
  if (store) return *std::move(store);
  ADD_FAILURE() << store.error().message;
  return nullptr;
}

Error OpenError(const RocksStoreOptions& options) {
  Result<std::unique_ptr<Store>> store = OpenRocksStore(options);
  if (!store) return store.error();
  ADD_FAILURE() << "the store was opened";
  return {};
}

TEST(RocksStoreTest, EverythingIsThereAfterReopening) {
  const TempFolder folder;
  Txn once = Put("a", "1");
  once.idempotency = Idempotency{"key:k1", "request", "hash", "answer"};
  std::unique_ptr<Store> store = MustOpen(RocksOptions(folder));
  MustCommit(*store, once);
  MustCommit(*store, JournalTxn("event", "x"));
  MustCommit(*store, Change({TxnOp::Put("a", "2"), TxnOp::Put("b", "2")}));
  ASSERT_TRUE(store->Compact(2));
  const StoreHead head = store->Head();
  const std::string epoch = store->Epoch();
  store.reset();

  store = MustOpen(RocksOptions(folder));
  EXPECT_EQ(store->Head(), head);
  EXPECT_EQ(store->Epoch(), epoch);
  EXPECT_EQ(store->compacted(), 2u);
  EXPECT_EQ(ShowAll(*store), "a=2 b=2 event=x");
  EXPECT_EQ(ShowAll(*store, 2), "a=1 event=x");
  EXPECT_EQ(store->Commit(once)->response, "answer");
  EXPECT_EQ(MustCommit(*store, Put("c", "3")).revision, 3u);
  EXPECT_TRUE(VerifyChain(*store)->ok());
}

// Whether a text that does not compress is in any file of the store.
bool IsInFiles(const TempFolder& folder, const std::string& text) {
  for (const auto& file : fs::recursive_directory_iterator(folder.path())) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(RocksStoreTest, WhatIsPurgedIsInNoFile) {
  const TempFolder folder;
  const std::string now = "Zq7XvB31kPw0", past = "Lm9RtYcU5hJ2", event = "sDf8GgQe4Nn6", old = "Vb2MxT0oIiW1",
                    audit = "Kj5HyP9uCzA3", request = "Ee1RwF6dSsL8";
  const auto write = [&](Store& store) {
    MustCommit(store, Change({TxnOp::Put("a", past)}, audit));
    Txn txn = Put("a", now);
    txn.idempotency = Idempotency{"key:k1", request, "hash", "answer"};
    MustCommit(store, txn);
    MustCommit(store, JournalTxn("!j/1", old));
    MustCommit(store, JournalTxn("!j/2", event));
  };
  std::unique_ptr<Store> store = MustOpen(RocksOptions(folder));
  write(*store);
  store.reset();
  store = MustOpen(RocksOptions(folder));  // from the log into tables
  for (const std::string& text : {now, past, event, old, audit}) EXPECT_TRUE(IsInFiles(folder, text)) << text;
  EXPECT_FALSE(IsInFiles(folder, request)) << "a key can get where nothing reaches it";

  Txn trim;
  trim.ops = {TxnOp::Delete("!j/1")};
  MustCommit(*store, trim);
  EXPECT_TRUE(IsInFiles(folder, old)) << "deleted is not gone";
  ASSERT_TRUE(store->PurgeRange("!j/1", "!j/2", {}));
  EXPECT_FALSE(IsInFiles(folder, old));

  // A look waits for nobody, not even for an erasure.
  std::string seen;
  const auto look = [&](const KeyValue&, bool) {
    const auto note = [&](const KeyValue& stored, bool is_newest) { seen += stored.value + (is_newest ? " " : "; "); };
    EXPECT_TRUE(store->Scan(KeySpace::kVersioned, note, {}));
    EXPECT_TRUE(store->Scan(KeySpace::kPlain, note, {}));
    return std::optional<std::string>();
  };
  EXPECT_EQ(*store->Rewrite(KeySpace::kPlain, look, {}), 0u);
  EXPECT_EQ(seen, now + " " + past + "; " + event + " ");
  EXPECT_EQ(store->Scan(KeySpace::kPlain, {}, [] { return true; }).error().code, ErrorCode::kUnavailable);

  const auto erase = [](const KeyValue&, bool) { return std::optional<std::string>("-"); };
  EXPECT_EQ(*store->Rewrite(KeySpace::kVersioned, erase, {}), 2u);
  EXPECT_EQ(*store->Rewrite(KeySpace::kPlain, erase, {}), 1u);
  Txn redact = Put("b", "1");
  redact.redact = {1};
  MustCommit(*store, redact);
  EXPECT_TRUE(IsInFiles(folder, past)) << "replaced is not gone";
  ASSERT_TRUE(store->Purge({}));
  for (const std::string& text : {now, past, event, audit}) EXPECT_FALSE(IsInFiles(folder, text)) << text;
  EXPECT_TRUE(VerifyChain(*store)->ok());
  store.reset();
  EXPECT_FALSE(IsInFiles(folder, past));
  store = MustOpen(RocksOptions(folder));
  EXPECT_EQ(ShowAll(*store, 1), "a=-");
  EXPECT_EQ(VerifyChain(*store)->redacted, 1u);
}

// Versions that are on the disk, whether they can be read or not.
int StoredVersions(const TempFolder& folder) {
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly({}, (folder.path() / "data" / "db").string(), &opened);
  if (!status.ok()) ADD_FAILURE() << status.ToString();
  const std::unique_ptr<rocksdb::DB> db(opened);
  if (!db) return -1;
  int count = 0;
  const std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator({}));
  for (iterator->Seek("v"); iterator->Valid() && iterator->key().starts_with("v"); iterator->Next()) ++count;
  return count;
}

TEST(RocksStoreTest, WhatACompactionThatWasCutShortLeftIsRemovedByTheNextOne) {
  for (const bool restarts : {false, true}) {
    const TempFolder folder;
    std::unique_ptr<Store> store = MustOpen(RocksOptions(folder));
    for (const char* value : {"1", "2"}) {
      std::vector<TxnOp> ops;
      for (int i = 0; i < 3000; ++i) ops.push_back(TxnOp::Put("key-" + std::to_string(i), value));
      MustCommit(*store, Change(std::move(ops)));
    }
    int asked = 0;
    EXPECT_EQ(store->Compact(2, [&] { return ++asked > 2; }).error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(store->compacted(), 2u) << "it was announced";
    if (restarts) store.reset(), store = MustOpen(RocksOptions(folder));
    ASSERT_TRUE(store->Compact(2));
    store.reset();
    EXPECT_EQ(StoredVersions(folder), 3000) << restarts;
  }
}

TEST(RocksStoreTest, EveryStoreHasAnEpochOfItsOwn) {
  const TempFolder one, two;
  EXPECT_NE(MustOpen(RocksOptions(one))->Epoch(), MustOpen(RocksOptions(two))->Epoch());
}

TEST(RocksStoreTest, AFolderInUseIsRefused) {
  const TempFolder folder;
  const std::unique_ptr<Store> store = MustOpen(RocksOptions(folder));
  const Error error = OpenError(RocksOptions(folder));
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, AllOf(HasSubstr("in use by another process"), HasSubstr(folder.path().string())));
}

TEST(RocksStoreTest, AFolderThatCannotBeMadeIsNamed) {
  const TempFolder folder;
  RocksStoreOptions options = RocksOptions(folder);
  options.folder = folder.path() / "missing" / "data";
  const Error error = OpenError(options);
  EXPECT_EQ(error.code, ErrorCode::kIo);
  EXPECT_THAT(error.message, AllOf(HasSubstr("cannot make the data folder"), HasSubstr(options.folder)));
}

TEST(RocksStoreTest, AFileInPlaceOfTheFolderIsRefused) {
  const TempFolder folder;
  std::ofstream(folder.path() / "data") << "a file";
  EXPECT_EQ(OpenError(RocksOptions(folder)).code, ErrorCode::kIo);
}

TEST(RocksStoreTest, AFolderOfSomethingElseIsRefusedAndLeftAlone) {
  const TempFolder folder;
  const fs::path data = folder.path() / "data";
  fs::create_directory(data);
  std::ofstream(data / "letters.txt") << "dear";
  const Error error = OpenError(RocksOptions(folder));
  EXPECT_EQ(error.code, ErrorCode::kInvalid);
  EXPECT_THAT(error.message, AllOf(HasSubstr("letters.txt"), HasSubstr("not a store of ours")));
  EXPECT_FALSE(fs::exists(data / "HEAD"));
  EXPECT_FALSE(fs::exists(data / "db"));
}

TEST(RocksStoreTest, AForeignDatabaseIsRefused) {
  const TempFolder folder;
  MustOpen(RocksOptions(folder)).reset();
  const fs::path database = folder.path() / "data" / "db";
  fs::remove_all(database);
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* foreign = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, database, &foreign).ok());
  ASSERT_TRUE(foreign->Put({}, "somebody", "else").ok());
  delete foreign;
  const Error error = OpenError(RocksOptions(folder));
  EXPECT_EQ(error.code, ErrorCode::kInvalid);
  EXPECT_THAT(error.message, HasSubstr("not a store of ours"));
}

TEST(RocksStoreTest, ACreationThatWasInterruptedIsTakenUpAgain) {
  const TempFolder folder;
  const fs::path data = folder.path() / "data";
  fs::create_directory(data);
  std::ofstream(data / "LOCK");
  std::ofstream(data / "HEAD.new") << "half";
  MustOpen(RocksOptions(folder)).reset();
  fs::remove_all(data / "db");  // HEAD was there, the database not yet
  MustCommit(*MustOpen(RocksOptions(folder)), Put("a", "1"));
  EXPECT_EQ(ShowAll(*MustOpen(RocksOptions(folder))), "a=1");
}

TEST(RocksStoreTest, AnUnknownKillPointIsRefused) {
  const TempFolder folder;
  RocksStoreOptions options = RocksOptions(folder);
  for (const char* text : {"nowhere", "after_wal:", "after_wal:0", "after_wal:x", "after_wal:1x", ":1"}) {
    options.kill_at = text;
    EXPECT_EQ(OpenError(options).code, ErrorCode::kInvalid) << text;
  }
  for (const char* text : {"", "before_wal", "after_wal:12", "after_head:1", "before_answer:99"}) {
    EXPECT_TRUE(KillPoints::Parse(text)) << text;
  }
}

TEST(RocksStoreTest, MetricsCountCommitsFsyncsAndGroups) {
  const TempFolder folder;
  std::vector<double> commits, fsyncs;
  std::vector<std::size_t> groups;
  StoreOptions options;
  options.metrics.commit = [&](double seconds) { commits.push_back(seconds); };
  options.metrics.fsync = [&](double seconds) { fsyncs.push_back(seconds); };
  options.metrics.group = [&](std::size_t size) { groups.push_back(size); };
  std::unique_ptr<Store> store = MustOpen(RocksOptions(folder, options));
  MustCommit(*store, Put("a", "1"));
  MustCommit(*store, Put("a", "2"));
  store.reset();
  EXPECT_EQ(commits.size(), 2u);
  EXPECT_EQ(fsyncs.size(), 4u);  // the log and HEAD, each time
  EXPECT_THAT(groups, testing::ElementsAre(1, 1));
  for (const double seconds : fsyncs) EXPECT_GT(seconds, 0);
}

TEST(RocksStoreTest, ExpiredIdempotencyRecordsAreRemovedInPassing) {
  const TempFolder folder;
  const FakeClock clock;
  StoreOptions options;
  options.clock = clock.Function();
  std::unique_ptr<Store> store = MustOpen(RocksOptions(folder, options));
  for (int i = 0; i < 10; ++i) {
    Txn txn = JournalTxn("a", "1");
    txn.idempotency = Idempotency{"key:k1", std::to_string(i), "hash", ""};
    MustCommit(*store, txn);
  }
  FakeClock(clock).Move(std::chrono::hours(25));
  MustCommit(*store, JournalTxn("a", "2"));
  store.reset();
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::OpenForReadOnly({}, folder.path() / "data" / "db", &raw).ok());
  int left = 0;
  const std::unique_ptr<rocksdb::DB> db(raw);
  const std::unique_ptr<rocksdb::Iterator> records(db->NewIterator({}));
  for (records->SeekToFirst(); records->Valid(); records->Next()) {
    if (records->key()[0] == 'i' || records->key()[0] == 'x') ++left;
  }
  EXPECT_EQ(left, 0);
}

// ---- The head record -------------------------------------------------------------------------------------------

HeadRecord SomeRecord() {
  HeadRecord record;
  record.head.position = 7;
  record.head.revision = 5;
  record.head.time = Timestamp(std::chrono::milliseconds(1'798'761'600'000));
  record.head.hash = Sha256("x");
  record.epoch = "k3v9x0q2m7p1c8d4";
  record.generation = 9;
  return record;
}

TEST(HeadRecordTest, ASlotReadsBackAsItWasWritten) {
  EXPECT_EQ(*DecodeSlot(EncodeSlot(SomeRecord())), SomeRecord());
}

TEST(HeadRecordTest, AnyFlippedByteThatCountsIsFound) {
  const std::string slot = EncodeSlot(SomeRecord());
  const std::size_t used = slot.find_last_not_of('\0') + 1;
  for (std::size_t i = 0; i < used; ++i) {
    std::string flipped = slot;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    EXPECT_FALSE(DecodeSlot(flipped)) << i;
    EXPECT_FALSE(DecodeSlot(slot.substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace guidon
