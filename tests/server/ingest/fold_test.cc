// From the journal to what experiments have come to: who counts, exactly once, whatever the order and the restarts.
#include "server/ingest/fold.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "tests/server/ingest/fold_fixture.h"
#include "tests/server/store/store_fixture.h"
#include "tests/support/process.h"

namespace guidon {
namespace {

using std::chrono::hours;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const IterationName kCheckout{"shop", "production", "checkout", 1};

bool Never() {
  return false;
}

class FoldTest : public ::testing::Test {
 protected:
  FoldTest() {
    StoreOptions options;
    options.clock = clock_.Function();
    store_ = OpenMemoryStore(options);
    JournalOptions journal;
    journal.clock = clock_.Function();
    journal_ = *Journal::Open(*store_, std::move(journal));
    Plan({CheckoutPlan()});
    Open();
  }

  void Open() {
    fold_.reset();
    FoldOptions options = options_;
    options.plans = [this] { return plans_; };
    options.counters = &counters_;
    options.clock = clock_.Function();
    options.report = [this](const std::string& what) { reports_.push_back(what); };
    Result<std::unique_ptr<Fold>> fold = Fold::Open(*store_, *journal_, std::move(options));
    ASSERT_TRUE(fold) << fold.error().message;
    fold_ = *std::move(fold);
  }
  void Plan(std::vector<FoldPlan> plans) {
    auto next = std::make_shared<FoldPlans>();
    next->plans = std::move(plans);
    plans_ = std::move(next);
  }
  // So many hours after the start.
  void At(int at) { clock_.Move(clock_.now() < TimeAt(at) ? TimeAt(at) - clock_.now() : hours(0)); }
  static Timestamp TimeAt(int at) { return Timestamp(std::chrono::milliseconds(kStartMs + at * kHourMs)); }

  void CatchUp() {
    const Status done = fold_->CatchUp(Never);
    ASSERT_TRUE(done) << done.error().message;
  }
  std::shared_ptr<const stats::ExperimentFacts> Facts() {
    const auto facts = fold_->Facts(kCheckout);
    EXPECT_TRUE(facts) << facts.error().message;
    return facts ? *facts : nullptr;
  }
  // "3/40+1 …": who ordered, of how many units, and how many were set aside, by arm.
  std::string Orders() {
    std::string text;
    const auto facts = Facts();
    for (std::uint32_t v = 0; facts && v < 2; ++v) {
      const auto arm = std::get<stats::ProportionStatistic>(facts->totals->Arm(0, v));
      const stats::UnitCounts units = facts->totals->Units(v);
      text += (v == 0 ? "" : " ") + std::to_string(static_cast<int>(arm.successes)) + "/" +
              std::to_string(units.units) + (units.multiple > 0 ? "+" + std::to_string(units.multiple) : "");
    }
    return text;
  }
  double RevenueOf(std::uint32_t variant) {
    const auto facts = Facts();
    const auto arm = std::get<stats::MeanStatistic>(facts->totals->Arm(1, variant));
    return arm.y.mean * arm.y.n;
  }

  FakeClock clock_;
  Metrics metrics_;
  FoldCounters counters_{metrics_};
  FoldOptions options_;
  std::vector<std::string> reports_;
  std::shared_ptr<const FoldPlans> plans_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Fold> fold_;
};

// The example of the semantics of exposures.
TEST_F(FoldTest, FirstExposureWindowAndArmDecideWhatCounts) {
  At(200);
  const std::int64_t ten = kStartMs + 130 * kHourMs, minute = 60'000;
  // Outcomes of the third before its exposure is there.
  Append(*journal_, {Track("u3", "order", ten + minute)});
  Append(*journal_, {Exposure("u1", "control", ten), Exposure("u1", "control", ten + 5 * minute),
                     Track("u1", "order", ten - minute), Track("u1", "order", ten),
                     Track("u1", "order", ten + 72 * kHourMs - 2 * minute)});
  Append(*journal_, {Exposure("u2", "control", ten), Exposure("u2", "one_page", ten + minute),
                     Track("u2", "order", ten + 2 * minute), Exposure("u3", "one_page", ten)});
  At(205);
  Append(*journal_, {Track("u1", "order", ten + 72 * kHourMs)});
  CatchUp();
  EXPECT_EQ(Orders(), "1/1+1 1/1");
  EXPECT_EQ(RevenueOf(0), 20) << "at the very exposure and within 72 hours of it";
  const auto facts = Facts();
  EXPECT_EQ(facts->sequence, 4u);
  EXPECT_EQ(facts->watermark, TimeAt(205)) << "caught up";
  EXPECT_FALSE(facts->rebuilding);
  EXPECT_EQ(fold_->ExposedUnitsOf(kCheckout), 3u);
  EXPECT_THAT(facts->totals->Slices(), ::testing::Contains(stats::Slice{0, "DE"}));
}

TEST_F(FoldTest, WhatDoesNotCountIsCountedByItsReason) {
  FoldPlan plan = CheckoutPlan();
  plan.plan.ended = TimeAt(100);
  Plan({plan});
  At(100);
  const std::int64_t now = kStartMs + 100 * kHourMs;
  std::string other = Exposure("a", "control", now - 1), wrong = Track("a", "order", now - 1);
  Append(
      *journal_,
      {Exposure("a", "third", now - 1), Exposure("a", "control", now - 1, R"(,"forced":true)"),
       Exposure("b", "control", now), Exposure("b", "control", kStartMs - 2 * kHourMs),
       Exposure("b", "control", now - 73 * kHourMs),
       other.replace(other.find("\"iteration\":1"), 13, "\"iteration\":2"),
       wrong.replace(wrong.find("\"key\":"), 6, "\"id\":"), Track("a", "page", now - 1, R"({"value":"fast"})"),
       Track("a", "order", now - 1, R"({"currency":"EUR"})"), Track("a", "order", now - 1, R"({"currency":"USD"})")});
  std::string unknown = Exposure("a", "control", now - 1);
  Append(*journal_, {unknown.replace(unknown.find("checkout"), 8, "elsewhere")});
  // 25 hours wrong, by its own clock.
  Append(*journal_, {Track("a", "order", now - 25 * kHourMs)}, "\"sent\":" + std::to_string(now - 25 * kHourMs) + ",");
  CatchUp();
  EXPECT_THAT(Facts()->rejected,
              UnorderedElementsAre(Pair("unknown_variant", 1), Pair("forced", 1), Pair("closed", 1),
                                   Pair("before_start", 1), Pair("late", 1), Pair("other_iteration", 1),
                                   Pair("no_unit", 1), Pair("not_a_number", 1), Pair("no_value", 1), Pair("clock", 1)));
  const std::string metrics = metrics_.Render();
  EXPECT_THAT(metrics, HasSubstr("guidon_facts_rejected_total{reason=\"unknown_experiment\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("guidon_facts_rejected_total{reason=\"clock\"} 1"));
  EXPECT_EQ(Orders(), "0/0 0/0");
  Open();
  CatchUp();
  EXPECT_EQ(Facts()->rejected.size(), 10u) << "after a restart";
}

TEST_F(FoldTest, LateIsMoreThanTheAllowanceAfterTheWindow) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs), Exposure("u2", "control", kStartMs)});
  At(72 + 72);
  Append(*journal_, {Track("u1", "order", kStartMs + kHourMs)});
  clock_.Move(std::chrono::milliseconds(1));
  Append(*journal_, {Track("u2", "order", kStartMs + kHourMs)});
  CatchUp();
  EXPECT_EQ(Orders(), "1/2 0/0");
  EXPECT_THAT(Facts()->rejected, ElementsAre(Pair("late", 1)));
}

TEST_F(FoldTest, AClockThatIsOffIsMovedAndNothingIsLaterThanItsReceipt) {
  const auto at = [](std::int64_t hour_ms) { return stats::Time(stats::Milliseconds(hour_ms)); };
  const stats::Time received = at(100 * kHourMs);
  EXPECT_EQ(CorrectedTime(at(99 * kHourMs), std::nullopt, received), at(99 * kHourMs));
  EXPECT_EQ(CorrectedTime(at(99 * kHourMs), at(100 * kHourMs - 60'000), received), at(99 * kHourMs)) << "tolerated";
  EXPECT_EQ(CorrectedTime(at(96 * kHourMs), at(97 * kHourMs), received), at(99 * kHourMs)) << "three hours behind";
  EXPECT_EQ(CorrectedTime(at(102 * kHourMs), at(103 * kHourMs), received), at(99 * kHourMs)) << "three hours ahead";
  EXPECT_EQ(CorrectedTime(at(101 * kHourMs), std::nullopt, received), received);
  EXPECT_EQ(CorrectedTime(at(75 * kHourMs), at(75 * kHourMs), received), std::nullopt) << "25 hours";
}

TEST_F(FoldTest, PagesRestartsAndOrderDoNotChangeABit) {
  At(49);
  AppendCrowd(*journal_, 40);
  CatchUp();
  const std::map<std::string, std::string> whole = StoredFacts(*store_);
  EXPECT_GT(whole.size(), 200u);
  EXPECT_THAT(Orders(), HasSubstr("+")) << "some of the crowd stray";

  // The same journal, folded anew, an entry or less at a time, by a fold that knows only what is stored.
  Txn clean;
  for (const auto& [key, value] : whole) clean.ops.push_back(TxnOp::Delete(key));
  for (const std::string_view prefix : {"!fold/", "!source/"}) {
    const RangeResult range = *store_->Range(RangeQuery::Prefix(prefix));
    for (const KeyValue& entry : range.entries) clean.ops.push_back(TxnOp::Delete(entry.key));
  }
  ASSERT_TRUE(store_->Commit(std::move(clean)));
  options_.page_entries = 1;
  options_.txn_ops = 7;
  for (int i = 0; i < 40; ++i) {
    Open();
    int asked = 0;
    ASSERT_TRUE(fold_->CatchUp([&asked] { return ++asked > 1; }));  // one page
  }
  EXPECT_EQ(StoredFacts(*store_) == whole, true) << "before the daily pass";
  CatchUp();
  EXPECT_EQ(StoredFacts(*store_) == whole, true) << "after it";
  EXPECT_THAT(reports_, ElementsAre()) << "no drift";
}

TEST_F(FoldTest, AnotherOrderComesToTheSame) {
  At(49);
  AppendCrowd(*journal_, 12);
  CatchUp();
  const std::string orders = Orders();
  const double revenue = RevenueOf(1);
  const JournalPage page = *journal_->Read({});
  fold_.reset();
  std::unique_ptr<Store> other = OpenMemoryStore();
  JournalOptions journal;
  journal.clock = clock_.Function();
  journal_ = *Journal::Open(*other, std::move(journal));
  for (auto entry = page.entries.rbegin(); entry != page.entries.rend(); ++entry) {
    std::vector<std::string> events;
    for (const std::string_view event : RawElements(RawMember(entry->text, "events"))) events.emplace_back(event);
    std::reverse(events.begin(), events.end());
    Append(*journal_, events);
  }
  store_ = std::move(other);
  Open();
  CatchUp();
  EXPECT_EQ(Orders(), orders);
  EXPECT_NEAR(RevenueOf(1), revenue, 1e-10 * revenue);
}

// kill -9 in every place of a commit: neither lost nor twice.
TEST(FoldKillTest, AKilledFoldGoesOnAsIfNothingHadBeen) {
  const TempFolder folder;
  const auto open = [](const std::filesystem::path& path) {
    RocksStoreOptions options;
    options.folder = path;
    options.file_system = FastFileSystem();
    return *OpenRocksStore(std::move(options));
  };
  const std::filesystem::path killed = folder.path() / "killed", whole = folder.path() / "whole";
  {
    const std::unique_ptr<Store> store = open(killed);
    JournalOptions options;
    options.clock = [] { return Timestamp(std::chrono::milliseconds(kStartMs + 49 * kHourMs)); };
    AppendCrowd(**Journal::Open(*store, std::move(options)), 14);
  }
  std::filesystem::copy(killed, whole, std::filesystem::copy_options::recursive);
  const std::string program = GUIDON_BIN_DIR "/fold_crash";
  const testing::Finished at_once = testing::Run({program, whole, ""});
  ASSERT_EQ(at_once.exit_code, 0) << at_once.errors;
  int kills = 0;
  for (bool done = false; !done && kills < 60;) {
    static constexpr const char* kPoints[] = {"before_wal:2", "after_wal:2", "after_head:2", "before_answer:2"};
    const testing::Finished run = testing::Run({program, killed, kPoints[kills % 4]});
    done = run.exit_code == 0;
    kills += done ? 0 : 1;
  }
  EXPECT_GE(kills, 8) << "it was to die at every point, twice";
  const auto facts = StoredFacts(*open(whole));
  EXPECT_EQ(StoredFacts(*open(killed)) == facts, true);
  EXPECT_GT(facts.size(), 100u);
}

TEST_F(FoldTest, ANewMetricIsMadeUpForFromTheJournal) {
  At(49);
  AppendCrowd(*journal_, 12);
  CatchUp();
  const std::map<std::string, std::string> whole = StoredFacts(*store_);
  // The same with a metric that comes later.
  FoldPlan later = CheckoutPlan();
  later.sources.pop_back();
  later.plan.metrics.pop_back();
  const auto other = OpenMemoryStore();
  JournalOptions journal;
  journal.clock = clock_.Function();
  const auto other_journal = *Journal::Open(*other, std::move(journal));
  const JournalPage page = *journal_->Read({});
  for (const JournalEntry& entry : page.entries) {
    std::vector<std::string> events;
    for (const std::string_view event : RawElements(RawMember(entry.text, "events"))) events.emplace_back(event);
    const std::string sdk(RawMember(entry.text, "sdk"));
    Append(*other_journal, events, "\"sdk\":" + sdk + ",");
  }
  FoldOptions options;
  std::shared_ptr<const FoldPlans> plans = Always({later})();
  options.plans = [&plans] { return plans; };
  options.clock = clock_.Function();
  options.page_entries = 4;
  const auto fold = *Fold::Open(*other, *other_journal, options);
  ASSERT_TRUE(fold->CatchUp(Never));
  EXPECT_EQ((*fold->Facts(kCheckout))->plan.metrics.size(), 2u);
  plans = Always({CheckoutPlan()})();
  int asked = 0;
  ASSERT_TRUE(fold->CatchUp([&asked] { return ++asked > 1; }));
  EXPECT_TRUE((*fold->Facts(kCheckout))->rebuilding);
  ASSERT_TRUE(fold->CatchUp(Never));
  EXPECT_FALSE((*fold->Facts(kCheckout))->rebuilding);
  EXPECT_EQ(StoredFacts(*other) == whole, true);
}

TEST_F(FoldTest, TheDailyPassSetsCapsFindsDriftAndForgets) {
  FoldPlan plan = CheckoutPlan();
  plan.plan.metrics[1].cap_share = 0.5;
  Plan({plan});
  At(1);
  std::vector<std::string> events;
  for (int i = 1; i <= 5; ++i) {
    const std::string unit = "u" + std::to_string(i);
    events.push_back(Exposure(unit, "control", kStartMs));
    events.push_back(
        Track(unit, "order", kStartMs + 1, R"({"currency":"EUR","amount":)" + std::to_string(10 * i) + "}"));
  }
  events.push_back(Track("stranger", "order", kStartMs + 1));
  Append(*journal_, events);
  CatchUp();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(RevenueOf(0), 10 + 20 + 30 + 30 + 30) << "cut at the median of 10 … 50";
  EXPECT_EQ(Facts()->totals->CappedUnits(1, 0), 2u);
  EXPECT_THAT(reports_, ElementsAre());

  // A unit that is gone behind the fold's back.
  Txn txn;
  txn.ops = {TxnOp::Delete(UnitKeyPrefix({"shop", "production", "key"}) + "u1")};
  ASSERT_TRUE(store_->Commit(std::move(txn)));
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("were made anew")));
  EXPECT_EQ(Orders(), "4/4 0/0");

  At(24 * 30);
  CatchUp();  // the pass is due
  EXPECT_EQ(fold_->FindUnit("shop", "key", "stranger")->size(), 0u) << "no lookback reaches it any more";
  EXPECT_EQ(fold_->FindUnit("shop", "key", "u2")->size(), 1u);
  EXPECT_EQ(Orders(), "4/4 0/0");
}

TEST_F(FoldTest, AnErasedUnitLeavesNoTraceInRecordsAndTotals) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs), Track("u1", "order", kStartMs + 1),
                     Exposure("u2", "control", kStartMs), Track("u2", "order", kStartMs + 1)});
  CatchUp();
  EXPECT_THAT(ToJson(fold_->FindUnit("", "key", "u1")->at(0).content),
              AllOf(HasSubstr(R"("variant":"control")"), HasSubstr(R"("event":"order")")));
  const ExposedUnits listed = *fold_->ListExposed(kCheckout, "", 1);
  ASSERT_EQ(listed.units.size(), 1u);
  EXPECT_EQ(listed.units[0].unit + " " + listed.units[0].variant, "u1 control");
  EXPECT_TRUE(listed.more);
  EXPECT_EQ(fold_->ListExposed(kCheckout, listed.next, 10)->units.at(0).unit, "u2");
  EXPECT_EQ(*fold_->EraseUnit("bank", "key", "u1"), 0u);
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "u1"), 1u);
  EXPECT_EQ(Orders(), "1/1 0/0");
  EXPECT_EQ(RevenueOf(0), 10);
  EXPECT_TRUE(fold_->FindUnit("", "key", "u1")->empty());

  // Of an iteration that is closed, too.
  Plan({});
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/0");
  EXPECT_EQ(*fold_->EraseUnit("", "key", "u2"), 1u);
  EXPECT_EQ(Orders(), "0/0 0/0");
}

TEST_F(FoldTest, AFoldThatTheJournalHasOvertakenSaysSoAndGoesOn) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs)});
  CatchUp();
  Append(*journal_, {Exposure("u2", "control", kStartMs)});
  At(50);
  Append(*journal_, {Exposure("u3", "control", kStartMs)});
  ASSERT_EQ(journal_->Trim(clock_.now(), hours(10), hours(10), Never)->entries, 2u);
  CatchUp();
  EXPECT_EQ(Orders(), "0/2 0/0");
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("goes on without events")));
}

}  // namespace
}  // namespace guidon
