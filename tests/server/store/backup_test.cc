// Backups of an open store: whole and verified or refused, and restored into a store of a new epoch.
#include "server/store/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "server/store/chain.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;

class BackupTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    store_.reset();
    store_ = *OpenRocksStore(Options("data"));
  }
  RocksStoreOptions Options(const std::string& name) const {
    RocksStoreOptions options;
    options.folder = At(name);
    options.file_system = FastFileSystem();
    return options;
  }
  std::string At(const std::string& name) const { return (folder_.path() / name).string(); }

  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      MustCommit(*store_, Put("flag/" + std::to_string(i), "value"));
      MustCommit(*store_, JournalTxn("!event/" + std::to_string(i), "x"));
    }
  }
  BackupRequest Request(const std::string& name) const { return {At(name), "1.2.3", Timestamp{}, {}}; }
  BackupManifest MustBackUp(const std::string& name) {
    Result<BackupManifest> made = store_->Backup(Request(name));
    if (made) return *std::move(made);
    ADD_FAILURE() << made.error().message;
    return {};
  }
  Error VerifyError(const std::string& name) {
    Result<BackupManifest> good = VerifyBackup(At(name), FastFileSystem());
    if (!good) return good.error();
    ADD_FAILURE() << "it passed for good";
    return {};
  }
  Error RestoreError(const std::string& name, const std::string& target) {
    Result<Restored> restored = RestoreBackup(At(name), At(target), FastFileSystem());
    if (!restored) return restored.error();
    ADD_FAILURE() << "it was restored";
    return {};
  }

  TempFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(BackupTest, IsVerifiedAndRestoredIntoAStoreOfANewEpoch) {
  Fill(20);
  Open();  // some of it is in a table now, the rest will be in the log
  Fill(5);
  const StoreHead head = store_->Head();
  const std::string content = ShowAll(*store_);
  const BackupManifest made = MustBackUp("monday");
  EXPECT_EQ(made.head, head);
  EXPECT_EQ(made.epoch, store_->Epoch());
  MustCommit(*store_, Put("flag/0", "later"));
  const std::string later = ShowAll(*store_);

  const Result<BackupManifest> verified = VerifyBackup(At("monday"));
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(*verified, made);
  const Result<Restored> restored = RestoreBackup(At("monday"), At("restored"));
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_NE(restored->epoch, made.epoch);
  EXPECT_FALSE(fs::exists(At("restored.restoring")));

  const std::unique_ptr<Store> store = *OpenRocksStore(Options("restored"));
  EXPECT_EQ(store->Epoch(), restored->epoch);
  EXPECT_EQ(store->Head(), head);
  EXPECT_EQ(ShowAll(*store), content);
  EXPECT_EQ(Show(store->Range(RangeQuery::Prefix("!event/1"))), Show(store_->Range(RangeQuery::Prefix("!event/1"))));
  EXPECT_EQ(MustCommit(*store, Put("flag/0", "other")).revision, head.revision + 1);
  EXPECT_TRUE(VerifyChain(*store)->ok());
  EXPECT_TRUE(VerifyBackup(At("monday"))) << "the restored store writes into files of its own";
  EXPECT_EQ(ShowAll(*store_), later) << "the store that was backed up is as it was";
}

TEST_F(BackupTest, OfAStoreThatNothingWasWrittenToIsOneToo) {
  MustBackUp("empty");
  ASSERT_TRUE(RestoreBackup(At("empty"), At("restored")));
  EXPECT_EQ(MustCommit(**OpenRocksStore(Options("restored")), Put("a", "1")).revision, 1u);
}

TEST_F(BackupTest, MadeWhileWritersWriteEndsInACommittedRevision) {
  std::atomic<bool> stopping = false;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; !stopping; ++i) {
        MustCommit(*store_, Put(std::to_string(writer) + "/" + std::to_string(i % 50), std::to_string(i)));
      }
    });
  }
  for (int i = 0; i < 4; ++i) {
    const Revision before = store_->Head().revision;
    const BackupManifest made = MustBackUp("backup-" + std::to_string(i));
    EXPECT_GE(made.head.revision, before);
    EXPECT_LE(made.head.revision, store_->Head().revision + 1) << "at most the group that was being written";
    const Result<BackupManifest> verified = VerifyBackup(At("backup-" + std::to_string(i)), FastFileSystem());
    EXPECT_TRUE(verified) << verified.error().message;
  }
  stopping = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_FALSE(fs::exists(At("data") + "/checkpoint"));
}

// Promise R7.
TEST_F(BackupTest, AFlippedBitInAnyFileIsRefused) {
  Fill(20);
  MustBackUp("monday");
  ASSERT_TRUE(VerifyBackup(At("monday"), FastFileSystem()));
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(At("monday"))) {
    if (!entry.is_regular_file() || entry.file_size() == 0) continue;
    ++files;
    const std::string content = ReadAll(entry.path());
    for (std::size_t i = 0; i < 7; ++i) {
      std::string damaged = content;
      const std::size_t at = (content.size() - 1) * i / 6;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << i));
      WriteAll(entry.path(), damaged);
      const Error error = VerifyError("monday");
      EXPECT_THAT(error.code, AnyOf(ErrorCode::kCorrupt, ErrorCode::kInvalid)) << entry.path() << " at " << at;
      EXPECT_THAT(error.message, HasSubstr("monday"));
    }
    RestoreError("monday", "restored");
    EXPECT_FALSE(fs::exists(At("restored")));
    WriteAll(entry.path(), content);
  }
  EXPECT_GE(files, 6) << "HEAD, the manifest, CURRENT, MANIFEST, OPTIONS, a table";
  EXPECT_TRUE(VerifyBackup(At("monday"), FastFileSystem()));
}

TEST_F(BackupTest, AFileTooManyOrTooFewIsNamed) {
  Fill(5);
  MustBackUp("monday");
  WriteAll(At("monday") + "/db/000099.log", "");
  EXPECT_THAT(VerifyError("monday").message, HasSubstr("db/000099.log does not belong to it. Use another backup"));
  fs::remove(At("monday") + "/db/000099.log");
  fs::remove(At("monday") + "/HEAD");
  EXPECT_THAT(VerifyError("monday").message, HasSubstr("HEAD is missing"));
  fs::remove(At("monday") + "/backup.json");
  EXPECT_EQ(VerifyError("monday").code, ErrorCode::kNotFound);
  EXPECT_THAT(VerifyError("nowhere").message, HasSubstr("is no backup, or one that was not finished"));
}

TEST_F(BackupTest, AManifestThatIsConsistentInItselfDoesNotMakeUpForTheStore) {
  Fill(5);
  BackupManifest manifest = MustBackUp("monday");
  ++manifest.head.revision;
  WriteAll(At("monday") + "/backup.json", EncodeManifest(manifest));
  EXPECT_THAT(VerifyError("monday").message, HasSubstr("its manifest says revision 6"));
}

TEST_F(BackupTest, IsNeverOpenedAsAStore) {
  Fill(2);
  MustBackUp("monday");
  const Result<std::unique_ptr<Store>> store = OpenRocksStore(Options("monday"));
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message, HasSubstr("guidon backup restore"));
  EXPECT_TRUE(VerifyBackup(At("monday"))) << "and nothing was written into it";
}

TEST_F(BackupTest, NeverReplacesAnything) {
  Fill(2);
  MustBackUp("monday");
  EXPECT_EQ(store_->Backup(Request("monday")).error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(RestoreError("monday", "data").message, HasSubstr("is not empty: a restore makes a new store"));
  fs::create_directory(At("empty"));
  EXPECT_TRUE(RestoreBackup(At("monday"), At("empty") + "/"));
}

TEST_F(BackupTest, WhatWasInterruptedIsInNobodysWay) {
  Fill(2);
  BackupRequest request = Request("monday");
  request.progress = [](std::uint64_t, std::uint64_t) { return false; };
  EXPECT_EQ(store_->Backup(request).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(fs::exists(At("monday.partial"))) << "an interruption tidies up";
  for (const char* folder : {"monday.partial", "data/checkpoint", "data/checkpoint.tmp", "restored.restoring/db"}) {
    fs::create_directories(At(folder));  // a kill does not
    WriteAll(At(folder) + "/000007.sst", "half");
  }
  MustBackUp("monday");
  EXPECT_TRUE(RestoreBackup(At("monday"), At("restored")));
  Open();
  EXPECT_FALSE(fs::exists(At("data/checkpoint.tmp"))) << "its links would keep the room of removed tables";
}

// The copy is looked at before it gets its name, which takes as long as it has bytes: a stop does not wait for it.
TEST_F(BackupTest, AStopWhileTheCopyIsLookedAtLeavesNoBackup) {
  Fill(2);
  Open();  // so that there is a table
  BackupRequest request = Request("monday");
  bool is_copied = false;
  int looks = 0;
  request.progress = [&](std::uint64_t copied, std::uint64_t bytes) {
    if (is_copied) return ++looks < 1;
    is_copied = copied == bytes;
    return true;
  };
  EXPECT_EQ(store_->Backup(request).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(looks, 1);
  EXPECT_FALSE(fs::exists(At("monday")));
  EXPECT_FALSE(fs::exists(At("monday.partial")));
  EXPECT_TRUE(store_->Health());
  MustBackUp("monday");
}

// ---- Crashes again and again -----------------------------------------------------------------------------------

class CrashLimitTest : public testing::Test {
 protected:
  RocksStoreOptions Options() const {
    RocksStoreOptions options = RocksOptions(folder_);
    options.file_system = FastFileSystem();
    options.clock = clock_.Function();
    options.crash_limit = 5;
    return options;
  }
  // What a crash leaves: the file is there, though nobody has the store open.
  void Crash() {
    std::unique_ptr<Store> store = *OpenRocksStore(Options());
    const std::string starts = ReadAll(folder_.path() / "data" / "STARTS");
    store.reset();
    WriteAll(folder_.path() / "data" / "STARTS", starts);
    clock_.Move(std::chrono::seconds(10));
  }

  const TempFolder folder_;
  FakeClock clock_;
};

TEST_F(CrashLimitTest, TheSixthStartIsReadOnlyAndAnEndInGoodOrderMakesItWriteAgain) {
  MustCommit(**OpenRocksStore(Options()), Put("a", "1"));
  for (int crash = 0; crash < 5; ++crash) Crash();
  std::unique_ptr<Store> store = *OpenRocksStore(Options());
  const Status health = store->Health();
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(health.error().message,
              HasSubstr("crashed 5 times within 10 minutes (it was started at 2027-01-01T00:00:00"));
  EXPECT_THAT(health.error().message, HasSubstr("stop it in good order and start it again"));
  EXPECT_EQ(ErrorOf(*store, Put("a", "2")), ErrorCode::kUnavailable);
  EXPECT_EQ(store->Compact(1).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(ShowAll(*store), "a=1");
  EXPECT_TRUE(VerifyChain(*store)->ok());
  EXPECT_TRUE(std::holds_alternative<CommittedTxn>(store->Watch(0, [] {})->Next()));

  store->ForgetCrashes();
  store.reset();
  store = *OpenRocksStore(Options());
  EXPECT_TRUE(store->Health());
  EXPECT_EQ(MustCommit(*store, Put("a", "2")).revision, 2u);
}

TEST_F(CrashLimitTest, CrashesThatAreLongAgoAreForgotten) {
  MustCommit(**OpenRocksStore(Options()), Put("a", "1"));
  for (int crash = 0; crash < 4; ++crash) Crash();
  EXPECT_TRUE((*OpenRocksStore(Options()))->Health()) << "four of them";
  for (int crash = 0; crash < 7; ++crash) {
    Crash();
    clock_.Move(std::chrono::minutes(2));
  }
  EXPECT_TRUE((*OpenRocksStore(Options()))->Health());
  WriteAll(folder_.path() / "data" / "STARTS", "not\na number\n");
  EXPECT_TRUE((*OpenRocksStore(Options()))->Health());
}

TEST_F(CrashLimitTest, AStartThatIsRefusedIsNoCrash) {
  MustCommit(**OpenRocksStore(Options()), Put("a", "1"));
  for (int crash = 0; crash < 4; ++crash) Crash();
  fs::rename(folder_.path() / "data" / "db", folder_.path() / "db");
  for (int refused = 0; refused < 3; ++refused) EXPECT_FALSE(OpenRocksStore(Options()));
  fs::rename(folder_.path() / "db", folder_.path() / "data" / "db");
  EXPECT_TRUE((*OpenRocksStore(Options()))->Health());
}

// The server's start goes on after the store was opened, and may fail then: a port that is taken, say.
TEST_F(CrashLimitTest, AStartThatWasGivenUpOnceTheStoreWasOpenIsNoCrashAndForgetsNone) {
  MustCommit(**OpenRocksStore(Options()), Put("a", "1"));
  for (int crash = 0; crash < 4; ++crash) Crash();
  for (int given_up = 0; given_up < 3; ++given_up) EXPECT_TRUE((*OpenRocksStore(Options()))->Health());
  Crash();
  for (int given_up = 0; given_up < 3; ++given_up) EXPECT_FALSE((*OpenRocksStore(Options()))->Health());
}

// A group that is in the log and not in HEAD was not acknowledged: it counts once the store may write again.
TEST_F(CrashLimitTest, WhatIsShownReadOnlyIsWhatWasAcknowledged) {
  std::unique_ptr<Store> store = *OpenRocksStore(Options());
  MustCommit(*store, Put("a", "1"));
  const StoreHead acknowledged = store->Head();
  const std::string head = ReadAll(folder_.path() / "data" / "HEAD");
  MustCommit(*store, Put("a", "2"));
  store.reset();
  for (int crash = 0; crash < 5; ++crash) Crash();
  WriteAll(folder_.path() / "data" / "HEAD", head);
  store = *OpenRocksStore(Options());
  ASSERT_FALSE(store->Health());
  EXPECT_EQ(store->Head(), acknowledged);
  EXPECT_EQ(ShowAll(*store), "a=1");
  EXPECT_TRUE(VerifyChain(*store)->ok());
  store->ForgetCrashes();
  store.reset();
  EXPECT_EQ(ShowAll(**OpenRocksStore(Options())), "a=2");
}

}  // namespace
}  // namespace guidon
