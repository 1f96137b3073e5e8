// A store whose files were damaged while it was closed: it opens with everything that was acknowledged, or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "server/store/chain.h"
#include "server/store/head_record.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;

// Thirty revisions in a table file and thirty in the log.
class DamageTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int round = 0; round < 2; ++round) {
      std::unique_ptr<Store> store = *OpenRocksStore(Options());  // opening writes the log out into a table
      for (int i = 0; i < 30; ++i) {
        MustCommit(*store, Put("flag/" + std::to_string(i), "value " + std::to_string(100 * round + i)));
      }
      head_ = store->Head();
      content_ = ShowAll(*store);
    }
    fs::copy(data(), intact(), fs::copy_options::recursive);
  }

  RocksStoreOptions Options() const {
    RocksStoreOptions options = RocksOptions(folder_);
    options.file_system = FastFileSystem();
    return options;
  }
  fs::path data() const { return folder_.path() / "data"; }
  fs::path intact() const { return folder_.path() / "intact"; }

  void Restore() {
    fs::remove_all(data());
    fs::copy(intact(), data(), fs::copy_options::recursive);
  }

  // The files of the database whose name begins or ends in `part`.
  std::vector<fs::path> Files(std::string_view part) const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(data() / "db")) {
      const std::string name = entry.path().filename();
      if (entry.file_size() > 0 && (name.starts_with(part) || name.ends_with(part))) files.push_back(entry.path());
    }
    return files;
  }

  // Opens it: whole, or refused with advice. Returns whether it was refused.
  bool WholeOrRefused(const std::string& what) {
    Result<std::unique_ptr<Store>> store = OpenRocksStore(Options());
    if (!store) {
      EXPECT_THAT(store.error().message, HasSubstr("restore")) << what;
      EXPECT_THAT(store.error().code, AnyOf(ErrorCode::kCorrupt, ErrorCode::kInvalid)) << store.error().message;
      return true;
    }
    EXPECT_EQ((*store)->Head(), head_) << what;
    EXPECT_EQ(ShowAll(**store), content_) << what;
    const Result<ChainReport> chain = VerifyChain(**store);
    EXPECT_TRUE(chain && chain->ok()) << what;
    return false;
  }

  // Flips one bit in each of `count` places spread over the file, one after the other.
  int FlipAndOpen(const fs::path& file, std::size_t begin, std::size_t end, std::size_t count) {
    int refused = 0;
    const fs::path name = fs::relative(file, data());
    for (std::size_t i = 0; i < count; ++i) {
      Restore();
      std::string content = ReadAll(data() / name);
      const std::size_t at = begin + (end - begin) * i / count;
      content[at] = static_cast<char>(content[at] ^ (1 << i % 8));
      WriteAll(data() / name, content);
      refused += WholeOrRefused(name.string() + " with a flipped bit at " + std::to_string(at)) ? 1 : 0;
    }
    return refused;
  }

  TempFolder folder_;
  StoreHead head_;
  std::string content_;
};

TEST_F(DamageTest, AnUntouchedStoreOpens) {
  EXPECT_EQ(Files(".log").size(), 1u);
  EXPECT_GE(Files(".sst").size(), 1u);
  EXPECT_FALSE(WholeOrRefused("untouched"));
}

// Promise R7.
TEST_F(DamageTest, AFlippedBitAnywhereInTheLogIsRefused) {
  const fs::path log = Files(".log").front();
  const std::size_t size = ReadAll(log).size();
  EXPECT_EQ(FlipAndOpen(log, 0, size - 64, 40), 40);
}

TEST_F(DamageTest, AFlippedBitInTheLastRecordOfTheLogIsRefused) {
  const fs::path log = Files(".log").front();
  const std::size_t size = ReadAll(log).size();
  EXPECT_EQ(FlipAndOpen(log, size - 64, size, 16), 16);
}

TEST_F(DamageTest, ATruncatedLogIsRefused) {
  const fs::path log = fs::relative(Files(".log").front(), data());
  const std::string content = ReadAll(data() / log);
  for (std::size_t i = 0; i < 20; ++i) {
    Restore();
    WriteAll(data() / log, std::string_view(content).substr(0, content.size() * i / 20));
    EXPECT_TRUE(WholeOrRefused("a log cut at " + std::to_string(i) + "/20"));
  }
  Restore();
  WriteAll(data() / log, std::string_view(content).substr(0, content.size() - 1));
  EXPECT_TRUE(WholeOrRefused("a log that lost its last byte"));
}

TEST_F(DamageTest, ALogThatIsBehindTheHeadSaysWhatWasAcknowledged) {
  fs::remove(Files(".log").front());
  const Result<std::unique_ptr<Store>> store = OpenRocksStore(Options());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(store.error().message, HasSubstr("revision 60"));
  EXPECT_THAT(store.error().message, HasSubstr("restore the newest backup"));
}

TEST_F(DamageTest, ALogThatLostOnlyJournalsIsRefused) {
  const TempFolder other;
  RocksStoreOptions options = RocksOptions(other);
  options.file_system = FastFileSystem();
  std::unique_ptr<Store> store = *OpenRocksStore(options);
  MustCommit(*store, Put("flag", "1"));
  store = nullptr;
  store = *OpenRocksStore(options);  // the revision is in a table now, and only the journal is in the log
  for (int i = 0; i < 5; ++i) MustCommit(*store, JournalTxn("event/" + std::to_string(i), "x"));
  store = nullptr;
  for (const auto& entry : fs::directory_iterator(other.path() / "data" / "db")) {
    if (entry.path().extension() == ".log") fs::remove(entry.path());
  }
  const Result<std::unique_ptr<Store>> reopened = OpenRocksStore(options);
  ASSERT_FALSE(reopened);
  EXPECT_THAT(reopened.error().message, HasSubstr("position 6"));
}

TEST_F(DamageTest, AFlippedBitInATableIsRefusedOrHarmless) {
  for (const fs::path& table : Files(".sst")) {
    EXPECT_GT(FlipAndOpen(table, 0, ReadAll(table).size(), 40), 20) << table;
  }
}

TEST_F(DamageTest, AFlippedBitInTheManifestIsRefusedOrHarmless) {
  for (const fs::path& manifest : Files("MANIFEST")) FlipAndOpen(manifest, 0, ReadAll(manifest).size(), 40);
}

TEST_F(DamageTest, AFlippedBitInCurrentIsRefused) {
  const fs::path current = Files("CURRENT").front();
  EXPECT_EQ(FlipAndOpen(current, 0, ReadAll(current).size(), 17), 17);
}

TEST_F(DamageTest, AFlippedBitInTheHeadIsHarmlessAsTheLogIsWhole) {
  EXPECT_EQ(FlipAndOpen(data() / "HEAD", 0, 120, 30), 0);
  EXPECT_EQ(FlipAndOpen(data() / "HEAD", 4096, 4096 + 120, 30), 0);
}

TEST_F(DamageTest, AHeadWithoutAValidRecordIsRefused) {
  std::string head = ReadAll(data() / "HEAD");
  head[20] = static_cast<char>(head[20] ^ 1);
  head[4096 + 20] = static_cast<char>(head[4096 + 20] ^ 1);
  WriteAll(data() / "HEAD", head);
  EXPECT_TRUE(WholeOrRefused("a head with two bad records"));
  WriteAll(data() / "HEAD", "");
  EXPECT_TRUE(WholeOrRefused("an empty head"));
}

TEST_F(DamageTest, AHeadOfAnotherFormatIsRefused) {
  std::string slot = EncodeSlot({head_, "k3v9x0q2m7p1c8d4", 99});
  std::string body = slot.substr(0, 8 + 4 + 8 + 56 + 16);
  body[11] = 2;  // format 2, with a check of its own
  const Hash256 check = Sha256(body);
  body.append(reinterpret_cast<const char*>(check.data()), 8);
  body.resize(4096, '\0');
  WriteAll(data() / "HEAD", body + std::string(4096, '\0'));
  const Result<std::unique_ptr<Store>> store = OpenRocksStore(Options());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(store.error().message, HasSubstr("format 2"));
}

TEST_F(DamageTest, AMissingHeadIsRefused) {
  fs::remove(data() / "HEAD");
  EXPECT_TRUE(WholeOrRefused("no head"));
  EXPECT_FALSE(fs::exists(data() / "HEAD"));
}

TEST_F(DamageTest, TheHeadOfAnotherStoreIsRefused) {
  const TempFolder other;
  RocksStoreOptions options = RocksOptions(other);
  options.file_system = FastFileSystem();
  std::unique_ptr<Store> store = *OpenRocksStore(options);
  for (int i = 0; i < 60; ++i) MustCommit(*store, Put("a", "1"));
  store.reset();
  fs::copy_file(other.path() / "data" / "HEAD", data() / "HEAD", fs::copy_options::overwrite_existing);
  EXPECT_TRUE(WholeOrRefused("the head of another store"));
}

TEST_F(DamageTest, AMissingFileOfTheDatabaseIsRefused) {
  for (const char* part : {".log", ".sst", "CURRENT", "MANIFEST"}) {
    Restore();
    for (const fs::path& file : Files(part)) fs::remove(file);
    EXPECT_TRUE(WholeOrRefused(std::string("no ") + part));
  }
  Restore();
  fs::remove_all(data() / "db");
  EXPECT_TRUE(WholeOrRefused("no database"));
  EXPECT_FALSE(fs::exists(data() / "db"));
}

TEST_F(DamageTest, AnOlderHeadIsBroughtUpToTheLog) {
  std::string head = ReadAll(data() / "HEAD");
  // The newest record is in one of the slots; without it the other, one commit older, counts.
  const Result<HeadRecord> first = DecodeSlot(head.substr(0, 4096)), second = DecodeSlot(head.substr(4096));
  const std::size_t newest = first->generation > second->generation ? 0 : 4096;
  WriteAll(data() / "HEAD", head.replace(newest, 4096, 4096, '\0'));
  EXPECT_FALSE(WholeOrRefused("an older head"));
  EXPECT_EQ(DecodeSlot(ReadAll(data() / "HEAD").substr(newest, 4096))->head, head_);
}

}  // namespace
}  // namespace guidon
