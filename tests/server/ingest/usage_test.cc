// How often flags were evaluated: sums by day and variation, each count once.
#include "server/ingest/usage.h"

#include <gmock/gmock.h>

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
  UsageTest() {
    StoreOptions options;
    options.clock = clock_.Function();
    store_ = OpenMemoryStore(options);
    journal_ = *Journal::Open(*store_, {.clock = clock_.Function()});
    Open();
  }
  void Open() {
    fold_.reset();
    FoldOptions options;
    options.plans = Always({});
    options.clock = clock_.Function();
    options.flags_of = flags_of_;
    fold_ = *Fold::Open(*store_, *journal_, std::move(options));
  }
  void CatchUp() { ASSERT_TRUE(fold_->CatchUp(NoStop)); }
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
  std::string counts = Counted("a", std::string(kMostVariationBytes + 1, 'x'), 5);
  for (std::size_t i = 0; i < kMostVariations + 3; ++i) counts += "," + Counted("a", "v" + std::to_string(i), 1);
  Receive(0, {At(0, counts)});
  CatchUp();
  const UsageCounts day = Of("a").days.at(kFirstDay);
  EXPECT_EQ(day.variations.size(), kMostVariations + 0U);
  EXPECT_EQ(day.total(), 5 + kMostVariations + 3);
  EXPECT_GE(day.variations.at("(other)"), 5U);
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

}  // namespace
}  // namespace guidon
