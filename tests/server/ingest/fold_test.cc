// From the journal to what experiments have come to: who counts, exactly once, whatever the order and the restarts.
#include "server/ingest/fold.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "server/store/backup.h"
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
    Plan({CheckoutPlan()});
    OpenStore({});
  }

  // One with nothing in it.
  void OpenStore(const StoreLimits& limits) {
    fold_.reset();
    journal_.reset();
    StoreOptions options;
    options.limits = limits;
    options.clock = clock_.Function();
    store_ = OpenMemoryStore(options);
    JournalOptions journal;
    journal.clock = clock_.Function();
    journal_ = *Journal::Open(*store_, std::move(journal));
    Open();
  }

  void Open() {
    fold_.reset();
    FoldOptions options = options_;
    options.plans = [this] {
      if (asked_) asked_();
      return plans_;
    };
    options.counters = &counters_;
    options.clock = clock_.Function();
    options.report = [this](const std::string& what) { reports_.push_back(what); };
    Result<std::unique_ptr<Fold>> fold = Fold::Open(*store_, *journal_, std::move(options));
    ASSERT_TRUE(fold) << fold.error().message;
    fold_ = *std::move(fold);
  }
  void Plan(std::vector<FoldPlan> plans,
            std::optional<std::set<std::pair<std::string, std::string>>> environments = {}) {
    auto next = std::make_shared<FoldPlans>();
    next->plans = std::move(plans);
    next->environments = std::move(environments);
    plans_ = std::move(next);
  }
  // So many hours after the start.
  void At(int at) { clock_.Move(clock_.now() < TimeAt(at) ? TimeAt(at) - clock_.now() : hours(0)); }
  static Timestamp TimeAt(int at) { return Timestamp(std::chrono::milliseconds(kStartMs + at * kHourMs)); }

  void CatchUp() {
    const Status done = fold_->CatchUp(Never);
    ASSERT_TRUE(done) << done.error().message;
  }
  // A page, some units of a walk, or both.
  void CatchUpABit() {
    int asked = 0;
    ASSERT_TRUE(fold_->CatchUp([&asked] { return ++asked > 1; }));
  }
  // All that the fold knows, so that it begins anew.
  void ForgetFacts() {
    fold_.reset();
    guidon::ForgetFacts(*store_);
  }
  // The unit that the walk over units passed last.
  std::string Passed() { return *DecodeSwept((*store_->Get(kSweptKey))->value); }
  StoredSweep Walk() { return *DecodeSweep((*store_->Get(kSweepKey))->value); }
  bool IsWalking() { return Walk().active; }
  std::vector<StoredSource> Sources() {
    return *DecodeSources((*store_->Get(SourceKey({"shop", "production", "key"})))->value);
  }
  std::shared_ptr<const stats::ExperimentFacts> Facts(const IterationName& name = kCheckout) {
    const auto facts = fold_->Facts(name);
    EXPECT_TRUE(facts) << facts.error().message;
    return facts ? *facts : nullptr;
  }
  // "3/40+1 …": who ordered, of how many units, and how many were set aside, by arm.
  std::string Orders(const IterationName& name = kCheckout) {
    std::string text;
    const auto facts = Facts(name);
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
  std::function<void()> asked_;  // whenever the fold asks for them
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

// Half a year later: the time of the events is theirs, and their receipt says nothing.
TEST_F(FoldTest, WhatWasImportedIsNotLate) {
  constexpr std::int64_t then = kStartMs + 10 * kHourMs;
  const auto events_of = [](const std::string& unit) {
    return std::vector<std::string>{Exposure(unit, "control", then), Track(unit, "order", then + kHourMs),
                                    Track(unit, "order", then + 72 * kHourMs)};
  };
  At(180 * 24);
  Append(*journal_, events_of("u1"));
  CatchUp();
  EXPECT_EQ(Orders(), "0/0 0/0");
  EXPECT_THAT(Facts()->rejected, ElementsAre(Pair("late", 1))) << "the exposure";
  // Whatever clock the sender had.
  Append(*journal_, events_of("u2"),
         "\"sent\":" + std::to_string(then) + ",\"import\":\"0123456789abcdef0123456789abcdef\",");
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/0");
  EXPECT_EQ(RevenueOf(0), 10) << "the window is that of any other unit";
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Orders(), "1/1 0/0") << "the daily pass keeps what it was made of";
  EXPECT_THAT(Facts()->rejected, ElementsAre(Pair("late", 1)));
}

TEST_F(FoldTest, WhatAUnitDoesWithinTheToleranceBeforeTheStartIsAfterItsExposure) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs - 30'000), Track("u1", "order", kStartMs - 20'000),
                     Exposure("u2", "one_page", kStartMs - 100), Track("u2", "order", kStartMs - 60'001)});
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/1");
  EXPECT_EQ(RevenueOf(0), 10);
  // Nor is it taken in after its window, as if it were history.
  At(72 + 73);
  Append(*journal_, {Track("u2", "order", kStartMs - 50)});
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/1");
  EXPECT_THAT(Facts()->rejected, ElementsAre(Pair("late", 1)));
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
  ForgetFacts();
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

class FoldKillTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Store> OpenAt(const std::filesystem::path& path) {
    RocksStoreOptions options;
    options.folder = path;
    options.file_system = FastFileSystem();
    return *OpenRocksStore(std::move(options));
  }
  void FillJournal(const std::filesystem::path& path, int batches) {
    const std::unique_ptr<Store> store = OpenAt(path);
    JournalOptions options;
    options.clock = [] { return Timestamp(std::chrono::milliseconds(kStartMs + 49 * kHourMs)); };
    const std::unique_ptr<Journal> journal = *Journal::Open(*store, std::move(options));
    AppendCrowd(*journal, batches);
    // Counts of evaluations behind more units than one transaction takes, so that a kill comes before them, too.
    for (int batch = 0; batch < 3; ++batch) {
      std::vector<std::string> events = {Evaluations(Counted("a", "on", 3) + "," + Counted("b", "off", 5), kStartMs)};
      for (int i = 0; i < 40; ++i) {
        events.push_back(Exposure("more-" + std::to_string(batch * 40 + i), "control", kStartMs + kHourMs));
      }
      Append(*journal, events);
    }
  }
  static void Copy(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  }
  // What a fold that nobody kills comes to.
  static std::map<std::string, std::string> Folded(Store& store, std::size_t store_ops) {
    const auto journal = *Journal::Open(store, {});
    const auto fold = *Fold::Open(store, *journal, OptionsOfKilled(store_ops));
    const Status done = fold->CatchUp(Never);
    EXPECT_TRUE(done) << done.error().message;
    return StoredFacts(store);
  }

  const TempFolder folder;
};

// What is more than a transaction takes is written in several: killed after each of them, it comes to the same.
TEST_F(FoldKillTest, AFoldThatIsKilledBetweenTheStepsOfACommitComesToTheSame) {
  constexpr std::size_t kStoreOps = 10;
  const std::filesystem::path begun = folder.path() / "begun", whole = folder.path() / "whole";
  FillJournal(begun, 3);
  Copy(begun, whole);
  const std::map<std::string, std::string> facts = Folded(*OpenAt(whole), 0);
  EXPECT_GT(facts.size(), 4 * kStoreOps);
  int in_totals = 0, in_a_walk = 0, kills = 0;
  for (bool is_killed = true; is_killed; ++kills) {
    ASSERT_LT(kills, 60);
    const std::filesystem::path path = folder.path() / std::to_string(kills);
    Copy(begun, path);
    const testing::Finished run = testing::Run(
        {GUIDON_BIN_DIR "/fold_crash", path, "after_head:" + std::to_string(kills + 1), std::to_string(kStoreOps)});
    is_killed = run.exit_code != 0;
    const std::unique_ptr<Store> store = OpenAt(path);
    if (is_killed) {
      const auto folded = *store->Get(FoldedKey(kCheckout));
      const auto sweep = *store->Get(kSweepKey);
      in_totals += folded && DecodeIteration(folded->value)->rebuilding ? 1 : 0;
      in_a_walk += sweep && !DecodeSweep(sweep->value)->active && !*store->Get(kDailyKey) ? 1 : 0;
    }
    EXPECT_EQ(Folded(*store, kStoreOps) == facts, true) << "killed after transaction " << kills + 1;
  }
  std::printf("%d kills, %d of them within totals, %d within a walk\n", kills - 1, in_totals, in_a_walk);
  EXPECT_GE(in_totals, 3) << "between the mark, the parts, and the last step";
  EXPECT_GE(in_a_walk, 2) << "likewise of a walk";
}

// kill -9 in every place of a commit: neither lost nor twice.
// Promise R9.
TEST_F(FoldKillTest, AKilledFoldGoesOnAsIfNothingHadBeen) {
  const std::filesystem::path killed = folder.path() / "killed", whole = folder.path() / "whole";
  FillJournal(killed, 14);
  Copy(killed, whole);
  const std::string program = GUIDON_BIN_DIR "/fold_crash";
  const testing::Finished at_once = testing::Run({program, whole, ""});
  ASSERT_EQ(at_once.exit_code, 0) << at_once.errors;
  int kills = 0;
  bool done = false;
  while (!done && kills < 60) {
    static constexpr const char* kPoints[] = {"before_wal:2", "after_wal:2", "after_head:2", "before_answer:2"};
    const testing::Finished run = testing::Run({program, killed, kPoints[kills % 4]});
    done = run.exit_code == 0;
    kills += done ? 0 : 1;
  }
  EXPECT_GE(kills, 8) << "it was to die at every point, twice";
  EXPECT_TRUE(done) << "each start goes on where the last one was, in the daily pass too";
  const auto facts = StoredFacts(*OpenAt(whole));
  EXPECT_EQ(StoredFacts(*OpenAt(killed)) == facts, true);
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
  Append(*journal_, {Exposure("u3", "control", kStartMs)});
  CatchUp();
  Plan({});
  CatchUp();
  EXPECT_EQ(Orders(), "1/2 0/0");
  EXPECT_EQ(*fold_->EraseUnit("", "key", "u2"), 1u);
  EXPECT_EQ(Orders(), "0/1 0/0");
  // Whatever has become of its totals.
  const RangeResult parts = *store_->Range(RangeQuery::Prefix(TotalKeyPrefix(kCheckout)));
  ASSERT_FALSE(parts.entries.empty());
  Txn damage;
  for (const KeyValue& part : parts.entries) damage.ops.push_back(TxnOp::Put(part.key, "?"));
  ASSERT_TRUE(store_->Commit(std::move(damage)));
  const Result<std::size_t> erased = fold_->EraseUnit("", "key", "u3");
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(*erased, 1u);
  EXPECT_FALSE(*store_->Get(UnitKeyPrefix({"shop", "production", "key"}) + "u3"));
}

// Pages of the journal between the parts of walks, and restarts in them: to make totals anew with caps that all units
// tell, and for the daily pass. Every number is what a fold without any of it comes to.
TEST_F(FoldTest, WalksBetweenPagesAndRestartsComeToWhatAFoldFromScratchDoes) {
  At(49);
  options_.sweep_units = 10;
  Open();
  AppendCrowd(*journal_, 12);
  CatchUp();
  FoldPlan plan = CheckoutPlan();
  plan.plan.metrics[0].window = hours(20);
  plan.plan.metrics[1].cap_share = 0.8;
  Plan({plan});
  int walking = 0;
  std::string passed;
  for (int i = 0; i < 45 || Facts()->rebuilding; ++i) {
    ASSERT_LT(i, 60) << "two walks over 200 units, 10 at a time";
    AppendCrowd(*journal_, 1, 1'000 + static_cast<std::uint64_t>(i), i % 15);
    if (i % 15 == 7) {
      passed = Passed();
      Open();
    }
    CatchUpABit();
    EXPECT_TRUE(i % 15 != 7 || Passed() > passed) << "after a restart it goes on where it was";
    walking += IsWalking() ? 1 : 0;
  }
  EXPECT_GT(walking, 35);
  EXPECT_GT(Facts()->totals->CappedUnits(1, 0), 5u);
  EXPECT_THAT(Orders(), HasSubstr("+"));

  ASSERT_FALSE(fold_->PassNow([calls = 0]() mutable { return ++calls > 2; })) << "it was stopped";
  for (int i = 0; IsWalking(); ++i) {
    ASSERT_LT(i, 60);
    AppendCrowd(*journal_, 1, 2'000 + static_cast<std::uint64_t>(i), i % 30);
    if (i == 9 || i == 30) Open();
    CatchUpABit();
  }
  CatchUp();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_THAT(reports_, ElementsAre()) << "no drift";
  EXPECT_EQ(counters_.drift, 0);
  const std::map<std::string, std::string> facts = StoredFacts(*store_);

  ForgetFacts();
  options_ = {};
  Open();
  CatchUp();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(StoredFacts(*store_) == facts, true);
}

// Parts of totals and of a walk's beside the units of a page: several times what the store takes.
TEST_F(FoldTest, WhatIsMoreThanATransactionTakesIsWrittenInSeveralAndTheWalkGoesOn) {
  StoreLimits limits;
  limits.txn_ops = 70;
  options_.store_ops = 60;
  options_.txn_ops = 40;
  options_.sweep_units = 10;
  OpenStore(limits);
  At(49);
  AppendCrowd(*journal_, 12);
  CatchUp();
  EXPECT_FALSE(Facts()->rebuilding);
  FoldPlan plan = CheckoutPlan();
  plan.plan.metrics[0].window = hours(20);
  Plan({plan});
  while (!IsWalking()) CatchUpABit();
  const std::uint64_t walk = Walk().number;
  for (int i = 0; IsWalking(); ++i) {
    ASSERT_LT(i, 30) << "200 units, 10 at a time";
    AppendCrowd(*journal_, 8, 1'000 + static_cast<std::uint64_t>(i));
    CatchUpABit();
  }
  EXPECT_EQ(Walk().number, walk) << "it was not begun again";
  EXPECT_FALSE(Facts()->rebuilding);
  CatchUp();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_THAT(reports_, ElementsAre()) << "no drift";
  EXPECT_EQ(counters_.drift, 0);
  EXPECT_THAT(metrics_.Render(), HasSubstr("guidon_facts_rebuilt_total 1\n")) << "for the other plan only";
}

// Likewise by bytes: units of a walk, what its end puts in the place of totals, and what it removes.
TEST_F(FoldTest, NoTransactionOfAWalkHasMoreBytesThanTheStoreTakes) {
  options_.daily = hours(10'000);  // not before it is called
  FoldPlan plan = CheckoutPlan();
  for (std::size_t m = 0; m < 3; ++m) {
    plan.plan.metrics.push_back(plan.plan.metrics[m]);
    plan.plan.metrics.back().key += "-too";
  }
  FoldPlan anew = plan;
  anew.plan.metrics[0].window = hours(20);
  At(49);
  const auto run = [&](const StoreLimits& limits) {
    Plan({plan});
    OpenStore(limits);
    AppendCrowd(*journal_, 40);
    CatchUp();
    Plan({anew});
    CatchUp();
    std::size_t parts = 0;
    EXPECT_TRUE(fold_->PassNow([&parts] { return ++parts > 1'000; }));
    return std::pair(StoredFacts(*store_), parts);
  };
  const auto [facts, few] = run({});
  EXPECT_LT(few, 5u);
  std::size_t bytes = 0, keys_bytes = 0;  // of units, and of the keys of totals
  for (const auto& [key, value] : facts) {
    bytes += key.starts_with(kUnitPrefix) ? key.size() + value.size() : 0;
    keys_bytes += key.starts_with(kTotalPrefix) ? key.size() : 0;
  }

  StoreLimits limits;
  limits.txn_bytes = 9'000;
  options_.store_bytes = 8'000;
  options_.txn_bytes = 1'000;
  EXPECT_GT(bytes, 2 * options_.store_bytes);
  EXPECT_GT(keys_bytes, limits.txn_bytes);
  const auto [same, many] = run(limits);
  EXPECT_EQ(same == facts, true);
  EXPECT_GT(many, bytes / options_.txn_bytes);
  EXPECT_THAT(reports_, ElementsAre()) << "no drift";
  // And of an environment that is gone.
  Plan({}, std::set<std::pair<std::string, std::string>>());
  EXPECT_TRUE(fold_->PassNow(Never));
  EXPECT_TRUE(StoredFacts(*store_).empty());
}

TEST_F(FoldTest, AUnitThatIsErasedDuringAWalkIsNotInWhatItComesTo) {
  At(1);
  options_.sweep_units = 1;
  Open();
  for (const std::string unit : {"u1", "u2", "u3"}) {
    Append(*journal_, {Exposure(unit, "control", kStartMs), Track(unit, "order", kStartMs + 1)});
  }
  CatchUp();
  FoldPlan plan = CheckoutPlan();
  plan.plan.metrics[0].window = hours(20);
  Plan({plan});
  while (!IsWalking() || Passed() != "u2") CatchUpABit();
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "u1"), 1u);
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "u3"), 1u);
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/0");
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_THAT(reports_, ElementsAre());
}

TEST_F(FoldTest, NobodyWaitsForAPassAndReadersForNoPage) {
  At(1);
  options_.sweep_units = 1;
  Open();
  for (const std::string unit : {"u1", "u2", "u3", "u4"}) Append(*journal_, {Exposure(unit, "control", kStartMs)});
  CatchUp();
  int between = 0;
  ASSERT_TRUE(fold_->PassNow([&] {
    EXPECT_EQ(Orders(), between < 3 ? "0/4 0/0" : "0/3 0/0");
    EXPECT_EQ(fold_->ListExposed(kCheckout, "", 10)->units.size(), between < 3 ? 4u : 3u);
    EXPECT_EQ(fold_->FindUnit("shop", "key", "u3")->size(), 1u);
    if (++between == 3) {
      EXPECT_EQ(*fold_->EraseUnit("shop", "key", "u1"), 1u);
    }
    return false;
  }));
  EXPECT_GE(between, 4);
  EXPECT_EQ(Orders(), "0/3 0/0");

  // In the middle of a page, from which the fold does not go on before somebody has read.
  Append(*journal_, {Exposure("u5", "control", kStartMs)});
  int read = 0;
  asked_ = [&] {
    std::thread([&] {
      EXPECT_EQ(Orders(), "0/3 0/0");
      EXPECT_EQ(fold_->ListExposed(kCheckout, "", 10)->units.size(), 3u);
      ++read;
    }).join();
    asked_ = nullptr;
  };
  CatchUp();
  EXPECT_EQ(read, 1);
  EXPECT_EQ(Orders(), "0/4 0/0");
}

TEST_F(FoldTest, FactsAreReadOnceAfterAChange) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs)});
  CatchUp();
  const auto first = Facts();
  EXPECT_EQ(Facts(), first);
  Append(*journal_, {Track("u1", "elsewhere", kStartMs)});
  CatchUp();
  EXPECT_EQ(Facts()->totals, first->totals) << "nothing has changed for it";
  EXPECT_EQ(Facts()->sequence, 2u);
  Append(*journal_, {Exposure("u2", "control", kStartMs)});
  CatchUp();
  EXPECT_NE(Facts()->totals, first->totals);
  EXPECT_EQ(Orders(), "0/2 0/0");
}

TEST_F(FoldTest, AnEntryThatCannotBeReadIsPassedOverAndCounted) {
  At(1);
  for (int i = 1; i <= 4; ++i) Append(*journal_, {Exposure("u" + std::to_string(i), "control", kStartMs)});
  const RangeResult entries = *store_->Range(RangeQuery::Prefix("!events/"));
  Txn damage;
  damage.ops = {TxnOp::Put(entries.entries[1].key, R"({"received":17,"ev)"),
                TxnOp::Put(entries.entries[2].key, R"({"form":2,"columns":[]})")};
  ASSERT_TRUE(store_->Commit(std::move(damage)));
  CatchUp();
  EXPECT_EQ(Orders(), "0/2 0/0");
  EXPECT_EQ(Facts()->sequence, 4u);
  EXPECT_THAT(reports_, ElementsAre(AllOf(HasSubstr("entry 2 of the journal"), HasSubstr("'shop/production'"))));
  EXPECT_THAT(metrics_.Render(), HasSubstr("guidon_facts_rejected_total{reason=\"unreadable\"} 2"));
  // Nor does it keep a new metric from being made up for.
  FoldPlan plan = CheckoutPlan();
  plan.sources[0].event = "pay";
  Plan({plan});
  CatchUp();
  EXPECT_FALSE(Facts()->rebuilding);
  EXPECT_EQ(Orders(), "0/2 0/0");
}

TEST_F(FoldTest, AWalkThatCannotGoOnKeepsNoEventFromBeingFolded) {
  At(1);
  options_.page_entries = 1;
  Append(*journal_, {Exposure("u1", "control", kStartMs)});
  CatchUp();
  // The store takes the keys of totals, and none of those that a walk writes, which are longer.
  StoreLimits limits;
  limits.key_bytes = 0;
  for (const auto& [key, value] : StoredFacts(*store_)) limits.key_bytes = std::max(limits.key_bytes, key.size());
  OpenStore(limits);
  Append(*journal_, {Exposure("u1", "control", kStartMs)});
  ASSERT_FALSE(fold_->CatchUp(Never)) << "the daily pass";
  for (const std::string unit : {"u2", "u3", "u4"}) Append(*journal_, {Exposure(unit, "control", kStartMs)});
  const Status done = fold_->CatchUp(Never);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(Orders(), "0/4 0/0");
}

TEST_F(FoldTest, AUnitThatCannotBeReadIsPassedOverAndCounted) {
  At(1);
  for (const std::string unit : {"u1", "u2"}) {
    Append(*journal_, {Exposure(unit, "control", kStartMs), Track(unit, "order", kStartMs + 1)});
  }
  CatchUp();
  const std::string key = UnitKeyPrefix({"shop", "production", "key"}) + "u1";
  Txn damage;
  damage.ops = {TxnOp::Put(key, "?")};
  ASSERT_TRUE(store_->Commit(std::move(damage)));
  Append(*journal_, {Exposure("u1", "one_page", kStartMs), Track("u1", "order", kStartMs + 2),
                     Exposure("u3", "control", kStartMs)});
  CatchUp();
  EXPECT_EQ(Orders(), "2/3 0/0");
  const ExposedUnits listed = *fold_->ListExposed(kCheckout, "", 10);
  EXPECT_EQ(listed.units.size(), 2u);
  EXPECT_EQ(listed.unreadable, 1u);
  const std::vector<UnitFacts> found = *fold_->FindUnit("shop", "key", "u1");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(ToJson(found[0].content), HasSubstr(R"({"fault":"what analysis keeps of it cannot be read: )"));
  EXPECT_THAT(reports_, ElementsAre(AllOf(HasSubstr("without a unit of 'key' in 'shop/production'"))));
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Orders(), "1/2 0/0");
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(reports_.size(), 2u) << "and once that totals were off";
  EXPECT_THAT(metrics_.Render(), HasSubstr("guidon_facts_rejected_total{reason=\"unreadable\"} 4")) << "events, passes";
  EXPECT_EQ((*store_->Get(key))->value, "?") << "it stays as it is";
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "u1"), 1u) << "until somebody erases it";
  EXPECT_FALSE(*store_->Get(key));
}

TEST_F(FoldTest, WhatIsKnownOfAUnitIsNotNothingWhileTheStoreCannotBeRead) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs)});
  CatchUp();
  const std::string cursor = (*store_->Get(kCursorKey))->value;
  Txn damage, mended;
  damage.ops = {TxnOp::Put(std::string(kCursorKey), "?"), TxnOp::Put(FoldedKey(kCheckout), "?")};
  mended.ops = {TxnOp::Put(std::string(kCursorKey), cursor)};
  ASSERT_TRUE(store_->Commit(std::move(damage)));
  FoldPlan plan = CheckoutPlan();
  plan.plan.metrics[0].window = hours(20);
  Plan({plan});
  EXPECT_FALSE(fold_->CatchUp(Never));
  EXPECT_FALSE(fold_->CatchUp(Never));
  EXPECT_FALSE(fold_->FindUnit("shop", "key", "u1"));
  ASSERT_TRUE(store_->Commit(std::move(mended)));
  EXPECT_EQ(fold_->FindUnit("shop", "key", "u1")->size(), 1u);
}

TEST_F(FoldTest, WhatAPassForgotWhileItWasNotPlannedIsNotInItsTotalsWhenItIsPlannedAgain) {
  FoldPlan other = CheckoutPlan();  // keeps the sources in use
  other.plan.experiment = "other";
  options_.sweep_units = 1;
  const std::vector<std::string> units = {"u1", "u2", "u3", "u4"};
  const auto expose = [&] {
    for (const std::string& unit : units) {
      Append(*journal_, {Exposure(unit, "control", kStartMs), Track(unit, "order", kStartMs + 1)});
    }
  };
  // Before the pass, and in the middle of it, with a restart.
  for (const int unplanned_after : {0, 2}) {
    Plan({CheckoutPlan(), other});
    OpenStore({});
    At(1);
    expose();
    CatchUp();
    EXPECT_EQ(Orders(), "4/4 0/0");
    EXPECT_FALSE(fold_->PassNow([&, calls = 0]() mutable { return calls++ == unplanned_after; }));
    Plan({other});
    if (unplanned_after > 0) Open();
    if (unplanned_after == 0) {
      ASSERT_TRUE(fold_->PassNow(Never));
    } else {
      CatchUpABit();
      CatchUpABit();
    }
    Plan({CheckoutPlan(), other});
    CatchUp();
    EXPECT_FALSE(Facts()->rebuilding);
    EXPECT_NE(Orders(), "4/4 0/0");
    expose();
    CatchUp();
    EXPECT_EQ(Orders(), "4/4 0/0") << "nobody twice";
    ASSERT_TRUE(fold_->PassNow(Never));
    EXPECT_EQ(Orders(), "4/4 0/0");
    EXPECT_THAT(reports_, ElementsAre()) << "no drift";
  }
}

TEST_F(FoldTest, AnIterationThatIsClosedWhileItIsMadeAnewIsClosedOnceItHasBeen) {
  options_.daily = hours(10'000);  // not before it is called
  options_.sweep_units = 10;
  At(49);
  FoldPlan plan = CheckoutPlan();
  plan.plan.metrics[0].window = hours(20);
  plan.plan.metrics[1].cap_share = 0.8;  // takes two walks
  // What it comes to when it is closed after that.
  Plan({CheckoutPlan()});
  OpenStore({});
  AppendCrowd(*journal_, 12);
  CatchUp();
  Plan({plan});
  CatchUp();
  const std::map<std::string, std::string> facts = StoredFacts(*store_);
  for (const bool restarts : {false, true}) {
    Plan({CheckoutPlan()});
    OpenStore({});
    AppendCrowd(*journal_, 12);
    CatchUp();
    Plan({plan});
    while (!IsWalking() || Passed().empty()) CatchUpABit();
    EXPECT_TRUE(Facts()->rebuilding);
    Plan({});
    CatchUpABit();
    if (restarts) Open();
    CatchUp();
    EXPECT_FALSE(Facts()->rebuilding);
    EXPECT_EQ(StoredFacts(*store_) == facts, true);
    // It is closed then.
    EXPECT_EQ(counters_.iterations, 0);
    const std::string orders = Orders();
    Append(*journal_, {Exposure("late", "control", kStartMs + 49 * kHourMs)});
    ASSERT_TRUE(fold_->PassNow(Never));
    EXPECT_EQ(Orders(), orders);
    EXPECT_FALSE(Facts()->rebuilding);
    for (const StoredSource& one : Sources()) EXPECT_TRUE(one.free);
    EXPECT_THAT(reports_, ElementsAre());
  }

  // Where a pass of an older version has forgotten what its units had, nobody can tell any more.
  Plan({CheckoutPlan()});
  OpenStore({});
  Append(*journal_, {Exposure("u1", "control", kStartMs)});
  CatchUp();
  StoredIteration stored = *DecodeIteration((*store_->Get(FoldedKey(kCheckout)))->value);
  stored.rebuilding = stored.forgotten = true;
  Txn txn;
  txn.ops = {TxnOp::Put(FoldedKey(kCheckout), Encode(stored))};
  ASSERT_TRUE(store_->Commit(std::move(txn)));
  Plan({});
  Open();
  CatchUp();
  const auto none = fold_->Facts(kCheckout);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("forgotten"));
}

// They knew no start, and kept exposures of the minute before it at their own time.
TEST_F(FoldTest, FactsOfAnOlderVersionCountFromTheStart) {
  FoldPlan before = CheckoutPlan();
  before.plan.started = {};
  Plan({before});
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs - 30'000), Track("u1", "order", kStartMs + 1),
                     Exposure("u2", "control", kStartMs - 60'001), Exposure("u3", "third", kStartMs)});
  CatchUp();
  EXPECT_EQ(Orders(), "1/2 0/0");
  Plan({CheckoutPlan()});
  Open();
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/0");
  EXPECT_THAT(Facts()->rejected, ElementsAre(Pair("unknown_variant", 1))) << "it is no other experiment";
  const std::vector<ExposedUnit> units = fold_->ListExposed(kCheckout, "", 10)->units;
  ASSERT_EQ(units.size(), 1u);
  EXPECT_EQ(units[0].time, TimeAt(0));
  Append(*journal_, {Exposure("u1", "control", kStartMs + 1), Track("u1", "order", kStartMs - 1)});
  CatchUp();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Orders(), "1/1 0/0");
  EXPECT_EQ(RevenueOf(0), 20);
  EXPECT_THAT(reports_, ElementsAre()) << "no drift";
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "u1"), 1u);
  EXPECT_EQ(Orders(), "0/0 0/0");
}

TEST_F(FoldTest, AnIterationThatHasEndedTakesWhatIsOfItsTimeAndTheNextOneItsOwn) {
  FoldPlan first = CheckoutPlan();
  first.plan.metrics[0].window.reset();  // to the end; revenue has 72 hours
  Plan({first});
  At(1);
  const auto at = [](int hour) { return kStartMs + hour * kHourMs; };
  Append(*journal_, {Exposure("u1", "control", kStartMs - 30'000), Exposure("u2", "control", kStartMs - 61'000)});
  At(99);
  Append(*journal_, {Exposure("u3", "control", at(90)), Exposure("u4", "one_page", at(99))});
  CatchUp();
  EXPECT_EQ(Orders(), "0/2 0/1") << "within the tolerance of clocks it counts as from the start";
  EXPECT_EQ(fold_->ListExposed(kCheckout, "", 1)->units.at(0).time, TimeAt(0));

  // It ends, and the next one begins; both are planned.
  first.plan.ended = TimeAt(100);
  FoldPlan second = first;
  second.plan.iteration = 2;
  second.plan.started = TimeAt(100);
  second.plan.ended.reset();
  Plan({first, second});
  const IterationName next{"shop", "production", "checkout", 2};
  std::string again = Exposure("u1", "one_page", at(110)), before = Exposure("u9", "control", at(98));
  At(171);
  Append(*journal_,
         {Track("u1", "order", at(99)), Track("u3", "order", at(100)), Track("u4", "order", at(150)),
          Exposure("u5", "control", at(101)), again.replace(again.find("\"iteration\":1"), 13, "\"iteration\":2"),
          before.replace(before.find("\"iteration\":1"), 13, "\"iteration\":2"), Track("u1", "order", at(120))});
  CatchUp();
  EXPECT_EQ(Orders(), "1/2 0/1") << "u1 before the end; u3 at it and u4 after it do not count without a window";
  EXPECT_EQ(RevenueOf(0), 10) << "of u3 within 72 hours; of u1 these were over";
  EXPECT_EQ(RevenueOf(1), 10) << "of u4";
  EXPECT_EQ(Orders(next), "0/0 1/1");
  EXPECT_THAT(Facts()->rejected, UnorderedElementsAre(Pair("before_start", 1), Pair("closed", 1)));
  EXPECT_THAT(Facts(next)->rejected, UnorderedElementsAre(Pair("before_start", 1)));

  // What comes later than the allowance after the end does not move what was counted.
  At(100 + 72);
  Append(*journal_, {Track("u4", "order", at(99))});
  clock_.Move(std::chrono::milliseconds(1));
  Append(*journal_, {Track("u3", "order", at(99), R"({"currency":"USD"})")});
  CatchUp();
  EXPECT_EQ(Orders(), "1/2 1/1");
  EXPECT_EQ(Facts()->rejected.at("late"), 1u);
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_THAT(reports_, ElementsAre());
}

TEST_F(FoldTest, IdsOfSourcesThatNoUnitHasFactsOfAreGivenOutAgain) {
  At(1);
  Append(*journal_,
         {Exposure("u1", "control", kStartMs),
          Track("u1", "order", kStartMs + 1, R"({"currency":"EUR","a0":1,"a1":2,"a2":3,"a3":4,"a4":5,"a5":6})")});
  for (int i = 0; i < 6; ++i) {
    FoldPlan plan = CheckoutPlan();
    plan.sources[1].value = "a" + std::to_string(i);
    Plan({plan});
    CatchUp();
    EXPECT_EQ(RevenueOf(0), i + 1);
    EXPECT_EQ(Sources().size(), i == 0 ? 3u : 4u) << "the former one is kept until a pass has forgotten its facts";
    ASSERT_TRUE(fold_->PassNow(Never));
    EXPECT_EQ(RevenueOf(0), i + 1);
  }
  Open();
  EXPECT_EQ(Sources().size(), 4u);

  // One that is retired while the walk is under way may still be in units that were passed.
  options_.sweep_units = 1;
  Append(*journal_, {Exposure("u2", "control", kStartMs)});
  Open();
  CatchUp();
  Plan({});
  ASSERT_FALSE(fold_->PassNow([this, calls = 0]() mutable {
    Plan({CheckoutPlan()});
    return ++calls > 2;
  }));
  Plan({});
  CatchUp();
  const std::vector<StoredSource> sources = Sources();
  EXPECT_TRUE(std::any_of(sources.begin(), sources.end(), [](const auto& one) { return one.retired && !one.free; }));
  ASSERT_TRUE(fold_->PassNow(Never));
  for (const StoredSource& one : Sources()) EXPECT_TRUE(one.free);
}

TEST_F(FoldTest, APlanThatIsLeftOutTakesNoIds) {
  options_.most_sources = 4;
  Open();
  FoldPlan wide = CheckoutPlan();
  wide.plan.experiment = "wide";
  wide.sources[0].event = "pay";
  wide.sources[1].value = "net";
  for (int i = 0; i < 3; ++i) {
    Plan({CheckoutPlan(), wide});
    CatchUp();
    EXPECT_EQ(counters_.left_out, 1);
    EXPECT_EQ(Sources().size(), 3u) << "after change " << i;
  }
  // Three that are there, and one that is new.
  wide.sources[0] = CheckoutPlan().sources[0];
  Plan({CheckoutPlan(), wide});
  CatchUp();
  EXPECT_EQ(counters_.left_out, 0);
  EXPECT_EQ(Sources().size(), 4u);
}

TEST_F(FoldTest, APlanThatWasLeftOutComesBackWhenThereIsRoomWithoutAnotherChange) {
  options_.most_sources = 4;
  Open();
  FoldPlan other = CheckoutPlan();
  other.plan.experiment = "other";
  other.sources[0].event = "pay";
  other.sources[1].value = "net";
  Plan({CheckoutPlan(), other});
  CatchUp();
  EXPECT_EQ(counters_.left_out, 1);
  Plan({other});  // the sources of the one that goes are in use until it is gone
  for (int i = 0; i < 2; ++i) CatchUp();
  EXPECT_EQ(counters_.left_out, 0);
  EXPECT_TRUE(fold_->Facts({"shop", "production", "other", 1}));
}

TEST_F(FoldTest, FactsOfAnEnvironmentThatIsGoneAreRemovedByTheDailyPass) {
  FoldPlan staging = CheckoutPlan();
  staging.environment = "staging";
  const std::pair<std::string, std::string> one{"shop", "production"}, other{"shop", "staging"};
  Plan({CheckoutPlan(), staging}, {{one, other}});
  At(1);
  options_.sweep_units = 2;
  Open();
  for (int i = 0; i < 5; ++i) Append(*journal_, {Exposure("u" + std::to_string(i), "control", kStartMs)});
  CatchUp();
  Plan({staging}, {{one, other}});
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Orders(), "0/5 0/0") << "it is only closed";
  Plan({staging}, {{other}});
  CatchUp();
  EXPECT_EQ(Orders(), "0/5 0/0") << "until the pass";
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_FALSE(fold_->Facts(kCheckout));
  for (const auto& [key, value] : StoredFacts(*store_)) EXPECT_THAT(key, HasSubstr("shop/staging"));
  EXPECT_EQ(store_->Range(RangeQuery::Prefix(kSourcePrefix))->entries.size(), 1u);
  EXPECT_TRUE(fold_->Facts({"shop", "staging", "checkout", 1}));

  // It comes again, under the same name.
  Plan({CheckoutPlan(), staging}, {{one, other}});
  Append(*journal_, {Exposure("u9", "control", kStartMs)});
  CatchUp();
  EXPECT_EQ(Orders(), "0/1 0/0");
}

TEST_F(FoldTest, AnExperimentThatIsMadeAgainUnderItsNameIsAnotherOne) {
  options_.daily = hours(10'000);  // not before it is called
  Open();
  At(1);
  const auto at = [](int hour) { return kStartMs + hour * kHourMs; };
  Append(*journal_,
         {Exposure("u1", "control", kStartMs), Track("u1", "order", at(1)), Exposure("u2", "one_page", at(1)),
          Exposure("u2", "third", at(1)), Exposure("u3", "one_page", at(1))});
  CatchUp();
  EXPECT_EQ(Orders(), "1/1 0/2");
  FoldPlan again = CheckoutPlan();
  again.plan.started = TimeAt(100);
  Plan({again});
  At(102);
  CatchUp();
  EXPECT_EQ(Orders(), "0/0 0/0") << "nobody was exposed to it yet";
  EXPECT_THAT(Facts()->rejected, ElementsAre());
  EXPECT_TRUE(fold_->ListExposed(kCheckout, "", 10)->units.empty());
  // An order that no window of the earlier one has any more is history of this one; the same unit, in the same arm,
  // enters it.
  Append(*journal_, {Track("u1", "order", at(20))});
  Append(*journal_,
         {Exposure("u1", "control", at(101)), Track("u1", "order", at(102)), Exposure("u2", "control", at(101))});
  CatchUp();
  EXPECT_EQ(Orders(), "1/2 0/0");
  EXPECT_THAT(Facts()->rejected, ElementsAre());
  const std::vector<ExposedUnit> units = fold_->ListExposed(kCheckout, "", 10)->units;
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0].time, TimeAt(101));
  EXPECT_FALSE(units[1].multiple);
  EXPECT_EQ(fold_->FindUnit("shop", "key", "u3")->size(), 1u);
  Open();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Orders(), "1/2 0/0");
  EXPECT_TRUE(fold_->FindUnit("shop", "key", "u3")->empty()) << "the pass forgets exposures to the earlier one";
  EXPECT_THAT(reports_, ElementsAre());
}

TEST_F(FoldTest, TotalsOfAnExperimentThatIsGoneAreRemovedByTheDailyPass) {
  At(1);
  Append(*journal_, {Exposure("u1", "control", kStartMs), Exposure("u1", "third", kStartMs)});
  CatchUp();
  const auto none_planned = [this](FoldPlans::Experiments experiments) {
    auto next = std::make_shared<FoldPlans>();
    next->experiments = std::move(experiments);
    plans_ = std::move(next);
  };
  none_planned({{{"shop", "checkout"}, 0}});
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Orders(), "0/1 0/0") << "it is only closed";
  // Another one has its name, and counts on; or none.
  for (const FoldPlans::Experiments& gone :
       {FoldPlans::Experiments{{{"shop", "checkout"}, 1}}, FoldPlans::Experiments{{{"bank", "checkout"}, 0}}}) {
    Plan({CheckoutPlan()});
    ForgetFacts();
    Open();
    CatchUp();
    ASSERT_EQ(Orders(), "0/1 0/0");
    none_planned(gone);
    ASSERT_TRUE(fold_->PassNow(Never));
    EXPECT_FALSE(fold_->Facts(kCheckout));
    for (const std::string_view prefix : {kFoldedPrefix, kTotalPrefix, kRejectedPrefix, kUnitPrefix}) {
      EXPECT_TRUE(store_->Range(RangeQuery::Prefix(std::string(prefix)))->entries.empty()) << prefix;
    }
  }
}

// ---- Experiments that overlap

std::string ExposureTo(std::string_view experiment, const std::string& unit, const std::string& variant,
                       std::int64_t ms = kStartMs) {
  std::string event = Exposure(unit, variant, ms);
  const std::string known = R"("experiment":"checkout")";
  return event.replace(event.find(known), known.size(), "\"experiment\":\"" + std::string(experiment) + "\"");
}

FoldPlan PlanOf(const std::string& experiment, std::vector<std::string> variants = {"paid", "free"}) {
  FoldPlan plan = CheckoutPlan();
  plan.plan.experiment = experiment;
  plan.plan.variants = std::move(variants);
  return plan;
}

IterationName NameOf(const std::string& experiment) {
  return {"shop", "production", experiment, 1};
}

// "2/2 0.5 0.25": n of units, mean and variance; cells of the first own variant, then of the next.
std::string CellsOf(const stats::Overlap& other) {
  std::string text;
  for (const auto& row : other.cells) {
    for (const stats::OverlapCell& cell : row) {
      char one[64];
      std::snprintf(one, sizeof one, "%s%g/%d %.6g %.6g", text.empty() ? "" : ", ", cell.n,
                    static_cast<int>(cell.units), cell.mean, cell.variance);
      text += one;
    }
  }
  return text;
}

class OverlapTest : public FoldTest {
 protected:
  OverlapTest() {
    FoldPlan shipping = PlanOf("shipping");
    std::swap(shipping.plan.metrics[0], shipping.plan.metrics[1]);  // revenue is the first
    Plan({CheckoutPlan(), shipping, PlanOf("banner"), PlanOf("holdout:new", {"held_out", "comparison"})});
    At(1);
    const auto take_part = [&](const std::string& unit, const std::string& arm, const std::string& others, int spent) {
      std::vector<std::string> events = {ExposureTo("checkout", unit, arm), ExposureTo("shipping", unit, others)};
      if (spent > 0) {
        events.push_back(
            Track(unit, "order", kStartMs + 1, R"({"currency":"EUR","amount":)" + std::to_string(spent) + "}"));
      }
      Append(*journal_, events);
    };
    take_part("a1", "control", "paid", 10);
    take_part("a2", "control", "paid", 0);
    take_part("b1", "control", "free", 20);
    take_part("b2", "control", "free", 0);
    take_part("b3", "control", "free", 0);
    take_part("c1", "one_page", "paid", 10);
    take_part("c2", "one_page", "paid", 30);
    take_part("d1", "one_page", "free", 5);
    // Two arms of one of them: set aside there, and so no unit of both.
    take_part("m1", "control", "paid", 70);
    take_part("m2", "control", "paid", 70);
    Append(*journal_, {ExposureTo("shipping", "m1", "free", kStartMs + 2), Exposure("m2", "one_page", kStartMs + 2),
                       Exposure("alone", "one_page", kStartMs), Track("alone", "order", kStartMs + 1),
                       ExposureTo("banner", "other", "free"), ExposureTo("holdout:new", "a1", "comparison")});
  }
  std::string Stored(const IterationName& name) {
    const auto stored = *store_->Get(OverlapKey(name));
    return stored ? stored->value : "";
  }

  const std::string cells_ = "2/2 0.5 0.25, 3/3 0.333333 0.222222, 2/2 1 0, 1/1 1 0";
};

TEST_F(OverlapTest, TheDailyPassFindsWhatUnitsOfTwoExperimentsComeToByTheirArms) {
  CatchUp();
  const auto of_checkout = Facts()->overlaps;
  ASSERT_NE(of_checkout, nullptr);
  EXPECT_EQ(of_checkout->metric, "ordered");
  EXPECT_EQ(of_checkout->time, stats::Time(stats::Milliseconds(kStartMs + kHourMs)));
  ASSERT_EQ(of_checkout->others.size(), 1u) << "one that shares no unit, and a holdout, are none";
  EXPECT_EQ(of_checkout->others[0].experiment, "shipping");
  EXPECT_THAT(of_checkout->others[0].variants, ElementsAre("paid", "free"));
  EXPECT_EQ(CellsOf(of_checkout->others[0]), cells_);
  EXPECT_THAT(of_checkout->left_out, ElementsAre());

  // The other one asks it of its own metric.
  const auto of_shipping = Facts(NameOf("shipping"))->overlaps;
  ASSERT_NE(of_shipping, nullptr);
  EXPECT_EQ(of_shipping->metric, "revenue");
  EXPECT_EQ(CellsOf(of_shipping->others.at(0)), "2/2 5 50, 2/2 20 200, 3/3 6.66667 133.333, 1/1 5 0");
  EXPECT_EQ(Facts(NameOf("banner"))->overlaps, nullptr);
  EXPECT_EQ(Facts(NameOf("holdout:new"))->overlaps, nullptr);

  // What comes after a pass is of the next.
  Append(*journal_, {Exposure("d2", "one_page", kStartMs), ExposureTo("shipping", "d2", "free")});
  CatchUp();
  EXPECT_EQ(CellsOf(Facts()->overlaps->others.at(0)), cells_);
  At(26);
  CatchUp();
  EXPECT_EQ(CellsOf(Facts()->overlaps->others.at(0)), cells_.substr(0, cells_.rfind("1/1")) + "2/2 0.5 0.25");
  EXPECT_EQ(Facts()->overlaps->time, stats::Time(stats::Milliseconds(kStartMs + 26 * kHourMs)));
}

TEST_F(OverlapTest, ValuesAreCutAtTheCapsThatTheSamePassSets) {
  FoldPlan shipping = PlanOf("shipping");
  std::swap(shipping.plan.metrics[0], shipping.plan.metrics[1]);
  shipping.plan.metrics[0].cap_share = 0.5;  // of 5, 10, 10, 20, 30, and 70 of m2
  Plan({CheckoutPlan(), shipping});
  CatchUp();
  ASSERT_EQ(Facts(NameOf("shipping"))->caps.metrics.at(0).y, 15);
  EXPECT_EQ(CellsOf(Facts(NameOf("shipping"))->overlaps->others.at(0)), "2/2 5 50, 2/2 12.5 12.5, 3/3 5 75, 1/1 5 0");
}

TEST_F(OverlapTest, RestartsDuringThePassDoNotChangeABit) {
  CatchUp();
  const std::string whole = Stored(kCheckout), others = Stored(NameOf("shipping"));
  ASSERT_NE(whole, "");
  ForgetFacts();
  EXPECT_EQ(Stored(kCheckout), "");
  options_.sweep_units = 1;
  options_.page_entries = 3;
  Open();
  int restarts = 0;
  for (bool begun = false; !begun || IsWalking(); ++restarts) {
    CatchUpABit();
    begun = begun || ((*store_->Get(kSweepKey)).has_value() && IsWalking());
    ASSERT_LT(restarts, 200);
    Open();
  }
  EXPECT_GT(restarts, 12) << "one for each unit at least";
  EXPECT_EQ(Stored(kCheckout), whole);
  EXPECT_EQ(Stored(NameOf("shipping")), others);
}

TEST_F(OverlapTest, AnErasedUnitIsGoneWithTheNextPassOrWithWhatNoneMakesAnew) {
  CatchUp();
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "d1"), 1u);
  EXPECT_EQ(CellsOf(Facts()->overlaps->others.at(0)), cells_);
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(CellsOf(Facts()->overlaps->others.at(0)), cells_.substr(0, cells_.rfind("1/1")) + "0/0 0 0");
  Plan({});
  CatchUp();
  ASSERT_NE(Facts()->overlaps, nullptr) << "a closed one keeps what the last pass found";
  EXPECT_EQ(*fold_->EraseUnit("shop", "key", "a1"), 1u);
  EXPECT_EQ(Facts()->overlaps, nullptr);
}

TEST_F(OverlapTest, WhenNoUnitIsSharedAnyMoreThereIsNothing) {
  CatchUp();
  ASSERT_NE(Facts()->overlaps, nullptr);
  Plan({CheckoutPlan()});
  CatchUp();
  ASSERT_TRUE(fold_->PassNow(Never));
  EXPECT_EQ(Facts()->overlaps, nullptr);
}

TEST_F(FoldTest, OfManyThatOverlapTheFirstHaveCellsAndTheOthersAreNamed) {
  At(49);
  std::vector<FoldPlan> plans;
  std::vector<std::string> events;
  for (int i = 10; i < 33; ++i) {
    plans.push_back(PlanOf("x" + std::to_string(i)));
    events.push_back(ExposureTo(plans.back().plan.experiment, "u", "free"));
  }
  // One that was over before another began.
  plans.push_back(PlanOf("later"));
  plans.back().plan.started = stats::Time(TimeAt(24));
  events.push_back(ExposureTo("later", "u", "free", kStartMs + 25 * kHourMs));
  plans.push_back(PlanOf("earlier"));
  plans.back().plan.ended = stats::Time(TimeAt(12));
  events.push_back(ExposureTo("earlier", "u", "free"));
  Plan(plans);
  Append(*journal_, events);
  CatchUp();
  const auto overlaps = Facts(NameOf("x11"))->overlaps;
  ASSERT_NE(overlaps, nullptr);
  ASSERT_EQ(overlaps->others.size(), stats::OverlapSums::kMostOthers);
  EXPECT_EQ(overlaps->others.front().experiment, "earlier");
  EXPECT_EQ(overlaps->others.back().experiment, "x28");
  EXPECT_THAT(overlaps->left_out, ElementsAre("x29", "x30", "x31", "x32"));
  const auto of_later = Facts(NameOf("later"))->overlaps;
  ASSERT_NE(of_later, nullptr);
  EXPECT_EQ(of_later->others.front().experiment, "x10") << "and not 'earlier'";
}

TEST(FoldBackupTest, ARestoredStoreFoldsOnToTheSameFacts) {
  const TempFolder folder;
  const Timestamp now(std::chrono::milliseconds(kStartMs + 49 * kHourMs));
  const auto open = [&](const std::string& name) {
    RocksStoreOptions options;
    options.folder = folder.path() / name;
    options.file_system = FastFileSystem();
    return *OpenRocksStore(std::move(options));
  };
  // Appends events, folds up to `pages` pages of them, and says what there is.
  const auto fold_on = [&](Store& store, std::uint64_t seed, int pages) {
    JournalOptions journal_options;
    journal_options.clock = [now] { return now; };
    const auto journal = *Journal::Open(store, std::move(journal_options));
    AppendCrowd(*journal, 8, seed);
    FoldOptions options;
    options.plans = Always({CheckoutPlan()});
    options.clock = [now] { return now; };
    options.page_entries = 3;
    const auto fold = *Fold::Open(store, *journal, std::move(options));
    EXPECT_TRUE(fold->CatchUp([&] { return --pages < 0; }));
    return StoredFacts(store);
  };
  const std::unique_ptr<Store> whole = open("whole");
  fold_on(*whole, 1, 2);
  ASSERT_TRUE(whole->Backup({.folder = folder.path() / "backup", .version = "1", .now = now}));
  ASSERT_TRUE(RestoreBackup(folder.path() / "backup", folder.path() / "restored", FastFileSystem()));
  const auto facts = fold_on(*whole, 2, 1'000);
  EXPECT_GT(facts.size(), 100u);
  EXPECT_EQ(fold_on(*open("restored"), 2, 1'000) == facts, true);
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
