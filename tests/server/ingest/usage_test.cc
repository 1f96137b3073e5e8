// How often flags were evaluated: sums by day and variation, each count once.
#include "server/ingest/usage.h"

#include <gmock/gmock.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/model/names.h"
#include "server/store/encoding.h"
#include "tests/server/ingest/fold_fixture.h"
#include "tests/server/store/store_fixture.h"

namespace guidon {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const sys_days kFirstDay = std::chrono::floor<days>(Timestamp(std::chrono::milliseconds(kStartMs)));

bool NoStop() {
  return false;
}

class UsageTest : public ::testing::Test {
 protected:
  UsageTest() { OpenStore({}); }
  void OpenStore(StoreOptions options) {
    fold_.reset();
    journal_.reset();
    options.clock = clock_.Function();
    store_ = OpenMemoryStore(options);
    journal_ = *Journal::Open(*store_, {.clock = clock_.Function()});
    Open();
  }
  void Open(FoldOptions options = {}) {
    fold_.reset();
    options.plans = Always({});
    options.clock = clock_.Function();
    options.flags_of = flags_of_;
    fold_ = *Fold::Open(*store_, *journal_, std::move(options));
  }
  void CatchUp() {
    const Status done = fold_->CatchUp(NoStop);
    ASSERT_TRUE(done) << done.error().message;
  }
  // Some hours after the start, to the end of which a count of one minute is.
  static std::string At(int hours, const std::string& counts) {
    return Evaluations(counts, kStartMs + hours * kHourMs);
  }
  void Receive(int hours, const std::vector<std::string>& events, const std::string& sender = "") {
    const Timestamp now{std::chrono::milliseconds(kStartMs + hours * kHourMs)};
    if (clock_.now() < now) clock_.Move(now - clock_.now());
    Append(*journal_, events, sender);
  }
  FlagUsage Of(const std::string& flag, int days_later = 0) {
    const auto usage = fold_->Usage({"shop", "production", {flag}, kFirstDay + days(days_later)});
    EXPECT_TRUE(usage) << usage.error().message;
    return usage ? usage->flags.at(0) : FlagUsage();
  }

  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Journal> journal_;
  std::function<std::function<bool(std::string_view)>(const std::string&)> flags_of_;
  std::unique_ptr<Fold> fold_;
};

TEST_F(UsageTest, CountsAreSumsByDayAndByWhatWasServed) {
  Receive(1, {At(1, Counted("a", "on", 8'123) + "," + Counted("a", "off", 2)), At(1, Counted("b", "on", 1))});
  CatchUp();
  Receive(2, {At(2, Counted("a", "on", 7))});
  Receive(25, {At(25, R"({"flag":"a","reason":"DISABLED","count":4})"),
               At(25, R"({"flag":"a","reason":"ERROR","error":"PROVIDER_NOT_READY","count":5})")});
  CatchUp();
  const FlagUsage a = Of("a", 1);
  ASSERT_EQ(a.days.size(), 2U);
  EXPECT_THAT(a.days.at(kFirstDay).variations, ElementsAre(Pair("off", 2), Pair("on", 8'130)));
  EXPECT_EQ(a.days.at(kFirstDay).total(), 8'132U);
  EXPECT_THAT(a.days.at(kFirstDay + days(1)).variations, IsEmpty());
  EXPECT_EQ(a.days.at(kFirstDay + days(1)).fallback, 4U);
  EXPECT_EQ(a.days.at(kFirstDay + days(1)).errors, 5U);
  EXPECT_EQ(a.last->time_since_epoch().count(), kStartMs + 25 * kHourMs);
  EXPECT_FALSE(Of("never").last);
  const auto usage = fold_->Usage({"shop", "production", {}, kFirstDay});
  EXPECT_EQ(usage->since->time_since_epoch().count(), kStartMs + kHourMs);
  EXPECT_FALSE(fold_->Usage({"shop", "staging", {}, kFirstDay})->since);
}

TEST_F(UsageTest, ABatchThatComesTwiceAndARestartCountOnce) {
  const NewEntry batch = BatchOf({At(0, Counted("a", "on", 3))});
  for (int i = 0; i < 2; ++i) {
    std::promise<bool> duplicate;
    journal_->Append(batch, [&](const Result<Appended>& done) { duplicate.set_value(done->duplicate); });
    EXPECT_EQ(duplicate.get_future().get(), i == 1);
    CatchUp();
    Open();
  }
  CatchUp();
  EXPECT_THAT(Of("a").days.at(kFirstDay).variations, ElementsAre(Pair("on", 3)));
}

TEST_F(UsageTest, TheDayIsThatOfTheEndByTheCorrectedClock) {
  // Sent by a clock that is two hours behind: what it calls 23:00 of the day before was at 01:00.
  Receive(1, {At(-1, Counted("a", "on", 1))}, "\"sent\":" + std::to_string(kStartMs - kHourMs) + ",");
  // A clock that is off by days is not believed: the receipt counts.
  Receive(2, {At(-72, Counted("a", "on", 1))}, "\"sent\":" + std::to_string(kStartMs - 72 * kHourMs) + ",");
  CatchUp();
  const FlagUsage a = Of("a");
  ASSERT_EQ(a.days.size(), 1U);
  EXPECT_THAT(a.days.at(kFirstDay).variations, ElementsAre(Pair("on", 2)));
}

TEST_F(UsageTest, OnlyFlagsThatAreThereAreKept) {
  flags_of_ = [](const std::string& project) {
    return [project](std::string_view flag) { return project == "shop" && flag == "a"; };
  };
  Open();
  Receive(0, {At(0, Counted("a", "on", 1) + "," + Counted("made.up", "on", 1))});
  CatchUp();
  EXPECT_EQ(store_->Range(RangeQuery::Prefix(kUsagePrefix))->entries.size(), 1U);
}

TEST_F(UsageTest, VariationsBeyondTheBoundAreCountedTogether) {
  std::string counts;
  for (std::size_t i = 0; i < kMostVariations + 3; ++i) {
    counts += (i == 0 ? "" : ",") + Counted("a", "v" + std::to_string(i), 1);
  }
  Receive(0, {At(0, counts)});
  CatchUp();
  const UsageCounts day = Of("a").days.at(kFirstDay);
  EXPECT_EQ(day.variations.size(), kMostVariations + 1);
  EXPECT_EQ(day.total(), kMostVariations + 3);
  EXPECT_EQ(day.variations.at("(other)"), 3U);
}

TEST_F(UsageTest, AVariationOfTheLongestNameCountsByIt) {
  const std::string longest(kMaxNameBytes, 'x'), another = std::string(kMaxNameBytes - 1, 'x') + "y";
  Receive(0, {At(0, Counted("a", longest, 1) + "," + Counted("a", another, 2) + "," + Counted("a", longest + "z", 4))});
  CatchUp();
  EXPECT_THAT(Of("a").days.at(kFirstDay).variations,
              ElementsAre(Pair("(other)", 4), Pair(longest, 1), Pair(another, 2)));
}

// Escaped, each of these is six times as long; that of a few thousand flags is more than a transaction takes.
TEST_F(UsageTest, WhatIsNoNameOfAVariationDoesNotMakeRecordsLarge) {
  constexpr int kFlags = 300, kNames = 16;
  StoreOptions options;
  options.limits.txn_bytes = kFlags * (2u << 10);
  OpenStore(options);
  for (int name = 0; name < kNames; ++name) {
    std::string odd;
    for (int i = 0; i < 60; ++i) odd += i % 2 == 0 ? "\\u0001" : "\\\"";
    odd += std::to_string(name);
    std::string counts;
    for (int flag = 0; flag < kFlags; ++flag) {
      counts += (counts.empty() ? "" : ",") + Counted("f" + std::to_string(flag), odd, 1);
    }
    Receive(0, {At(0, counts)});
    CatchUp();
  }
  EXPECT_THAT(Of("f7").days.at(kFirstDay).variations, ElementsAre(Pair("(other)", kNames + 0U)));
}

TEST_F(UsageTest, ADayIsAtMostSoLarge) {
  const std::string flag(kMaxNameBytes, 'f'), most = R"(,"count":9007199254740991})";
  std::string counts = R"({"flag":")" + flag + R"(","reason":"DISABLED")" + most + R"(,{"flag":")" + flag +
                       R"(","reason":"ERROR","error":"GENERAL")" + most;
  for (std::size_t i = 0; i < kMostVariations + 2; ++i) {
    counts += "," + Counted(flag, std::string(kMaxNameBytes - 1, 'v') + static_cast<char>('a' + i), 9007199254740991);
  }
  Receive(0, {At(0, counts)});
  CatchUp();
  const KeyValue day = store_->Range(RangeQuery::Prefix(kUsagePrefix))->entries.at(0);
  constexpr std::size_t kMoreOfNames = 2 * kMaxNameBytes, kMoreOfDigits = (kMostVariations + 3) * 4;
  EXPECT_LE(day.key.size() + day.value.size() + kMoreOfNames + kMoreOfDigits, kMostDayBytes);
}

TEST_F(UsageTest, EntriesThatDoNotFitIntoATransactionTogetherAreWrittenOneByOne) {
  StoreOptions options;
  options.limits.txn_bytes = 320'000;
  OpenStore(options);
  FoldOptions small;
  small.txn_bytes = 100 * kMostDayBytes;
  Open(small);
  // The names come one after the other, so that what is written is much more than what has come.
  for (std::size_t name = 0; name < kMostVariations; ++name) {
    const std::string variation = std::string(kMaxNameBytes - 1, 'v') + static_cast<char>('a' + name);
    for (const int flags : {40, 120}) {
      std::string counts;
      for (int flag = 0; flag < flags; ++flag) {
        counts +=
            (counts.empty() ? "" : ",") + Counted(std::to_string(flags) + "." + std::to_string(flag), variation, 1);
      }
      Receive(0, {At(0, counts)});
    }
    CatchUp();
  }
  EXPECT_EQ(Of("40.7").days.at(kFirstDay).total(), kMostVariations);
  EXPECT_EQ(Of("120.7").days.at(kFirstDay).total(), kMostVariations);
}

TEST_F(UsageTest, AnEntryOfMoreFlagsThanFitIsCutAndTheNextOnesCount) {
  std::vector<std::string> events;
  for (int part = 0; part < 2; ++part) {
    std::string counts;
    for (int i = 0; i < 5'000; ++i) {
      counts += (counts.empty() ? "" : ",") + Counted("f" + std::to_string(part * 5'000 + i), "on", 1);
    }
    events.push_back(At(0, counts));
  }
  Receive(0, events);
  Receive(0, {At(0, Counted("f9999", "on", 2))});
  CatchUp();
  EXPECT_EQ(store_->Range(RangeQuery::Prefix(kUsagePrefix))->entries.size(), kMostEntryFlags + 1);
  EXPECT_EQ(Of("f9999").days.at(kFirstDay).total(), 2U);
}

TEST_F(UsageTest, DaysThatAreTooOldGoWhenNewerOnesCome) {
  Receive(0, {At(0, Counted("a", "on", 1))});
  Receive(24, {At(24, Counted("a", "on", 2))});
  CatchUp();
  Receive(90 * 24, {At(90 * 24, Counted("a", "on", 3)), At(0, Counted("a", "on", 9))});
  CatchUp();
  const FlagUsage a = Of("a", 90);
  EXPECT_EQ(a.days.size(), 2U);
  EXPECT_EQ(a.days.begin()->first, kFirstDay + days(1));
  EXPECT_EQ(store_->Range(RangeQuery::Prefix(kUsagePrefix))->entries.size(), 2U);
}

TEST_F(UsageTest, ADamagedDayIsBegunAnewAndARecordThatCannotBeReadIsSaid) {
  Receive(0, {At(0, Counted("a", "on", 1))});
  CatchUp();
  const std::string key = store_->Range(RangeQuery::Prefix(kUsagePrefix))->entries.at(0).key;
  Txn damage;
  damage.ops = {TxnOp::Put(key, "{")};
  ASSERT_TRUE(store_->Commit(std::move(damage)));
  EXPECT_EQ(fold_->Usage({"shop", "production", {"a"}, kFirstDay}).error().code, ErrorCode::kCorrupt);
  Receive(1, {At(1, Counted("a", "on", 4))});
  CatchUp();
  EXPECT_EQ(Of("a").days.at(kFirstDay).total(), 4U);
}

TEST_F(UsageTest, SinceWhenItIsCountedIsToldByTheDaysWhereItsRecordIsDamaged) {
  const auto since = [&] { return fold_->Usage({"shop", "production", {}, kFirstDay + days(3)}); };
  Receive(30, {At(30, Counted("a", "on", 1))});
  CatchUp();
  const std::string key = store_->Range(RangeQuery::Prefix(kUsageSincePrefix))->entries.at(0).key;
  int hours = 72;
  for (const char* damaged : {"{", "[]", "{}", R"({"since":"x"})"}) {
    Txn damage;
    damage.ops = {TxnOp::Put(key, damaged)};
    ASSERT_TRUE(store_->Commit(std::move(damage)));
    EXPECT_EQ(since().error().code, ErrorCode::kCorrupt) << damaged;
    EXPECT_THAT(since().error().message, ::testing::HasSubstr("!usage/since/shop/production")) << damaged;
    ++hours;
    Receive(hours, {At(hours, Counted("a", "on", 1))});
    CatchUp();
    const auto mended = since();
    ASSERT_TRUE(mended) << damaged << ": " << mended.error().message;
    // Something of the second day is there, so it was counted from the third on.
    EXPECT_EQ(*mended->since, Timestamp(kFirstDay + days(2))) << damaged;
  }
}

// Tells how a page of usage is read, and what is written between its steps.
class SteppedStore final : public Store {
 public:
  void Submit(Txn txn, TxnDone done) override {
    inner_->Submit(std::move(txn), std::move(done));
    if (std::this_thread::get_id() == folding_) is_written_ = true;
  }
  Result<RangeResult> Range(const RangeQuery& query) const override { return inner_->Range(query); }
  Result<std::vector<std::optional<std::string>>> GetPlain(const std::vector<std::string>& keys) const override {
    if (std::this_thread::get_id() == reading_) {
      most_keys_ = std::max(most_keys_, keys.size());
      if (step_++ > 0 && is_written_) was_written_between_ = true;
      while (step_ == 1 && !is_about_to_write_) std::this_thread::yield();
    } else if (step_ > 0) {
      is_about_to_write_ = true;
    }
    return inner_->GetPlain(keys);
  }
  Result<std::vector<RevisionEntry>> Revisions(Revision, Revision, std::size_t) const override { return {}; }
  std::unique_ptr<WatchCursor> Watch(Position, std::function<void()>) override { return nullptr; }
  using Store::Compact;
  Status Compact(Position, const std::function<bool()>&) override { return {}; }
  Position compacted() const override { return 0; }
  StoreHead Head() const override { return inner_->Head(); }
  std::string Epoch() const override { return inner_->Epoch(); }
  Status Health() const override { return {}; }

  // While neither thread is at work.
  void Begin(std::thread::id reading) {
    reading_ = reading;
    step_ = 0;
    is_about_to_write_ = is_written_ = false;
  }
  void Fold(std::thread::id folding) { folding_ = folding; }
  bool has_begun() const { return step_ > 0; }
  bool was_written_between() const { return was_written_between_; }
  std::size_t most_keys() const { return most_keys_; }

 private:
  const std::unique_ptr<Store> inner_ = OpenMemoryStore({});
  std::atomic<std::thread::id> reading_, folding_;
  mutable std::atomic<int> step_ = 0;
  mutable std::atomic<bool> is_about_to_write_ = false, was_written_between_ = false;
  std::atomic<bool> is_written_ = false;
  mutable std::size_t most_keys_ = 0;  // of the reading thread
};

TEST(UsageThreadsTest, FoldingGoesOnWhileALargePageIsRead) {
  FakeClock clock;
  SteppedStore store;
  const std::unique_ptr<Journal> journal = *Journal::Open(store, {.clock = clock.Function()});
  FoldOptions options;
  options.plans = Always({});
  options.clock = clock.Function();
  const std::unique_ptr<Fold> fold = *Fold::Open(store, *journal, std::move(options));
  UsageQuery query{"shop", "production", {"a"}, kFirstDay};
  for (int i = 1; i < 500; ++i) query.flags.push_back("f" + std::to_string(i));
  std::uint64_t counted = 0;
  // A round may end before the thread that folds has come from its last read to its transaction.
  for (int round = 0; round < 10'000 && !store.was_written_between(); ++round) {
    store.Begin(std::this_thread::get_id());
    Append(*journal, {Evaluations(Counted("a", "on", 1), kStartMs)});
    std::thread folding([&] {
      store.Fold(std::this_thread::get_id());
      while (!store.has_begun()) std::this_thread::yield();
      EXPECT_TRUE(fold->CatchUp(NoStop));
    });
    EXPECT_TRUE(fold->Usage(query));
    folding.join();
    ++counted;
  }
  EXPECT_TRUE(store.was_written_between());
  EXPECT_LE(store.most_keys(), kUsageKeysAtOnce);
  EXPECT_EQ(fold->Usage(query)->flags.at(0).days.at(kFirstDay).total(), counted);
}

TEST(UsageOnDiskTest, ADayThatTheStoreCannotReadIsBegunAnew) {
  const TempFolder folder;
  FakeClock clock;
  std::unique_ptr<Store> store;
  const auto count = [&] {
    RocksStoreOptions rocks = RocksOptions(folder);
    rocks.clock = clock.Function();
    rocks.file_system = FastFileSystem();
    store = *OpenRocksStore(std::move(rocks));
    const std::unique_ptr<Journal> journal = *Journal::Open(*store, {.clock = clock.Function()});
    FoldOptions options;
    options.plans = Always({});
    options.clock = clock.Function();
    const std::unique_ptr<Fold> fold = *Fold::Open(*store, *journal, std::move(options));
    Append(*journal, {Evaluations(Counted("a", "on", 3) + "," + Counted("b", "on", 3), kStartMs)});
    const Status done = fold->CatchUp(NoStop);
    EXPECT_TRUE(done) << done.error().message;
  };
  count();
  const std::vector<KeyValue> records = store->Range(RangeQuery::Prefix(kUsagePrefix))->entries;
  ASSERT_EQ(records.size(), 2U);
  store.reset();
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, (folder.path() / "data" / "db").string(), &opened).ok());
  ASSERT_TRUE(opened->Put({}, PlainKey(records[0].key), "?").ok());
  delete opened;
  count();
  const auto read = [&store](const std::vector<std::string>& keys) { return store->GetPlain(keys); };
  const auto usage = ReadUsage(read, {"shop", "production", {"a", "b"}, kFirstDay});
  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_EQ(usage->flags[0].days.at(kFirstDay).total(), 3U);
  EXPECT_EQ(usage->flags[1].days.at(kFirstDay).total(), 6U);
  // Nor when it counts, of which the record is lost, too.
  const std::string since = store->Range(RangeQuery::Prefix(kUsageSincePrefix))->entries.at(0).key;
  store.reset();
  ASSERT_TRUE(rocksdb::DB::Open({}, (folder.path() / "data" / "db").string(), &opened).ok());
  ASSERT_TRUE(opened->Put({}, PlainKey(records[0].key), "?").ok());
  ASSERT_TRUE(opened->Put({}, PlainKey(since), "?").ok());
  delete opened;
  clock.Move(days(3));
  count();
  EXPECT_EQ(ReadUsage(read, {"shop", "production", {"b"}, kFirstDay})->since, Timestamp(kFirstDay + days(1)));
}

}  // namespace
}  // namespace guidon
