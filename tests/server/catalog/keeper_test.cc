// How long the past stays readable: the boundary to the millisecond, and the thread that looks.
#include <future>

#include "server/catalog/history.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;

std::string Said(const Result<std::optional<Revision>>& revision) {
  if (!revision) return revision.error().message;
  return *revision ? std::to_string(**revision) : "nothing";
}
std::string Said(const Result<HistoryLook>& look) {
  if (!look) return look.error().message;
  return Said(Result<std::optional<Revision>>(look->oldest)) + (look->stopped ? ", stopped" : "");
}

// "a" is 1, 2, 3, … in revisions 1, 2, 3, …, a day after another.
class HistoryKeeperTest : public ::testing::TestWithParam<const char*> {
 protected:
  HistoryKeeperTest() {
    StoreOptions options;
    options.clock = clock_.Function();
    if (GetParam() == std::string("memory")) {
      store_ = OpenMemoryStore(options);
    } else {
      RocksStoreOptions rocks = RocksOptions(folder_, options);
      rocks.file_system = FastFileSystem();
      auto opened = OpenRocksStore(rocks);
      if (!opened) throw std::runtime_error(opened.error().message);
      store_ = *std::move(opened);
    }
  }
  void Write(int count) {
    for (int i = 0; i < count; ++i) {
      MustCommit(*store_, Put("a", std::to_string(store_->Head().revision + 1)));
      last_ = clock_.now();
      clock_.Move(days(1));
    }
  }
  std::string At(Revision revision) const { return ShowAll(*store_, *store_->PositionOf(revision)); }
  std::string Trim(Timestamp now, milliseconds keep = milliseconds(0)) {
    return Said(TrimHistory(*store_, now, keep, [] { return false; }));
  }

  TempFolder folder_;
  FakeClock clock_;
  Timestamp last_;  // of the newest revision
  std::unique_ptr<Store> store_;
};

TEST_P(HistoryKeeperTest, ARevisionStaysReadableForAsLongAsItWasTheNewestWithinTheRetention) {
  Write(5);
  const Timestamp third = last_ - days(2);
  EXPECT_EQ(Said(OldestToKeep(*store_, third)), "3");
  EXPECT_EQ(Said(OldestToKeep(*store_, third - milliseconds(1))), "2");
  EXPECT_EQ(Said(OldestToKeep(*store_, third - days(3))), "nothing");
  EXPECT_EQ(Said(OldestToKeep(*store_, last_ + days(30))), "5");
}

TEST_P(HistoryKeeperTest, WhatIsOlderIsGivenUpAndTheRestReadsAsBefore) {
  Write(5);
  ASSERT_EQ(Trim(last_ - days(2)), "3");
  EXPECT_EQ(At(2), ToString(ErrorCode::kGone));
  EXPECT_EQ(At(3), "a=3");
  EXPECT_EQ(At(5), "a=5");
  EXPECT_EQ(store_->Revisions(1, 5, 10)->size(), 5u) << "the chain stays";
}

TEST_P(HistoryKeeperTest, WithNothingToGiveUpNothingIsDone) {
  EXPECT_EQ(Trim(clock_.now()), "nothing") << "an empty store";
  Write(2);
  EXPECT_EQ(Trim(last_ - days(90)), "nothing");
  ASSERT_EQ(Trim(last_), "2");
  EXPECT_EQ(Trim(last_), "nothing") << "it was given up already";
}

TEST_P(HistoryKeeperTest, TheNewestStateStaysHoweverOldItIs) {
  Write(3);
  ASSERT_EQ(Trim(last_ + days(1000)), "3");
  EXPECT_EQ(ShowAll(*store_), "a=3");
  Write(1);
  EXPECT_EQ(At(3), "a=3");
  EXPECT_EQ(At(4), "a=4");
}

TEST_P(HistoryKeeperTest, AClockThatIsFarAheadCostsNothingThatIsYoungerThanTheNewestRevisionByTheRetention) {
  Write(5);
  EXPECT_EQ(Trim(last_ + days(400), days(90)), "nothing");
  EXPECT_EQ(At(1), "a=1");
  EXPECT_EQ(Trim(last_ + days(400), days(2)), "3");
  EXPECT_EQ(Trim(last_ - days(400), days(2)), "nothing") << "a clock that is far behind costs nothing either";
  EXPECT_EQ(At(3), "a=3");
}

TEST_P(HistoryKeeperTest, TheFirstLookIsNotAtOnce) {
  Write(3);
  HistoryOptions options;
  options.keep = std::chrono::hours(0);
  options.clock = clock_.Function();
  options.report = [](const Result<HistoryLook>&) { ADD_FAILURE() << "it looked"; };
  { const HistoryKeeper keeper(*store_, options); }
  EXPECT_EQ(store_->compacted(), 0u);
  EXPECT_GE(options.first_look, std::chrono::minutes(1)) << "a machine that starts has to find out the time first";
}

TEST_P(HistoryKeeperTest, TheKeeperLooksFromTimeToTime) {
  Write(3);
  std::promise<Result<HistoryLook>> first, later;
  int looks = 0;
  HistoryOptions options;
  options.keep = std::chrono::hours(48);
  options.first_look = options.interval = milliseconds(1);
  options.clock = clock_.Function();
  options.report = [&](const Result<HistoryLook>& look) {
    if (looks++ == 0) first.set_value(look);
    if (looks > 1 && look && look->oldest) later.set_value(look);
  };
  const HistoryKeeper keeper(*store_, options);
  // Two days before revision 3, revision 1 was the newest.
  EXPECT_EQ(Said(first.get_future().get()), "1");
  Write(1);
  EXPECT_EQ(Said(later.get_future().get()), "2");
}

TEST(HistoryTest, ALookThatWasStoppedSaysSoAndTheNextOneFinishesIt) {
  const TempFolder folder;
  RocksStoreOptions options = RocksOptions(folder);
  options.file_system = FastFileSystem();
  const std::unique_ptr<Store> store = *OpenRocksStore(options);
  for (const char* value : {"1", "2"}) {
    std::vector<TxnOp> ops;
    for (int i = 0; i < 3000; ++i) ops.push_back(TxnOp::Put("key-" + std::to_string(i), value));
    MustCommit(*store, Change(std::move(ops)));
  }
  int asked = 0;
  const Timestamp now = store->Head().time;
  EXPECT_EQ(Said(TrimHistory(*store, now, milliseconds(0), [&] { return ++asked > 2; })), "2, stopped");
  asked = 0;
  const auto count = [&] { return ++asked < 0; };
  EXPECT_EQ(Said(TrimHistory(*store, now, milliseconds(0), count)), "nothing") << "it was announced already";
  EXPECT_GT(asked, 2) << "and what it had left was not removed";
  asked = 0;
  EXPECT_EQ(Said(TrimHistory(*store, now, milliseconds(0), count)), "nothing");
  EXPECT_EQ(asked, 0) << "there is nothing left to remove";
}

INSTANTIATE_TEST_SUITE_P(Drivers, HistoryKeeperTest, ::testing::Values("memory", "rocksdb"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace guidon
