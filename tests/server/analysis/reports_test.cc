// Iterations are measured by what stood at their start, and reports of them change nothing: a catalog, a journal and
// its fold on a store in memory.
#include "server/analysis/reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "server/analysis/plan_of.h"
#include "server/analysis/traffic.h"
#include "server/feed/feed.h"
#include "tests/server/ingest/fold_fixture.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Move = ExperimentMove;

constexpr std::int64_t kDayMs = 24 * kHourMs;

// Flag `f`, of the metrics `ordered` (72 h) and `spent` (no window) the experiment `checkout` that runs since kStartMs.
class ReportsTest : public ::testing::Test {
 protected:
  ReportsTest() {
    EXPECT_TRUE(catalog_.Load());
    EXPECT_TRUE(catalog_.PutProject({"shop", "", {{"production", false, ""}}}, {}, {}, std::nullopt));
    Put(EntityKind::kFlag, "f",
        R"({"type":"string","owner":"x","variations":{"multi":"m","single":"s"},
            "environments":{"production":{"enabled":true,"default":"multi"}}})");
    Put(EntityKind::kMetric, "ordered", R"({"owner":"x","type":"conversion","event":"order","window":"72h"})");
    Put(EntityKind::kMetric, "spent", R"({"owner":"x","type":"sum","event":"order","value":"amount",
                                         "window":"none","cap":"none"})");
    PutExperiment();
  }

  void PutExperiment(const std::string& key = "checkout") {
    Put(EntityKind::kExperiment, key,
        R"({"flag":"f","environment":"production","owner":"ana","state":"running","unit":"key","hypothesis":"it sells",
            "variants":{"control":{"serves":"multi","weight":"50%"},"one_page":{"serves":"single","weight":"50%"}},
            "metrics":{"primary":"ordered","guardrails":["spent"]},
            "plan":{"looks":"daily","min_days":1,"max_days":14,"adjust":"none"}})");
  }

  void Change(EntityKind kind, const std::string& key, const std::string& definition, Edit::Action action) {
    CommitRequest request;
    request.project = "shop";
    request.edits = {{{kind, key}, action, *ParseJson(definition), {}}};
    const Result<Committed> done = catalog_.Commit(request);
    EXPECT_TRUE(done) << done.error().message;
  }
  void Put(EntityKind kind, const std::string& key, const std::string& definition) {
    Change(kind, key, definition, Edit::Action::kPut);
  }
  void Patch(EntityKind kind, const std::string& key, const std::string& patch) {
    Change(kind, key, patch, Edit::Action::kPatch);
  }
  void Do(Move move) {
    const Result<Committed> done =
        catalog_.MoveExperiment({.project = "shop", .experiment = "checkout", .order = ExperimentOrder{.move = move}});
    EXPECT_TRUE(done) << done.error().message;
  }
  static std::string Sees(const std::string& unit, const std::string& variant, std::int64_t ms, int iteration = 1) {
    std::string event = Exposure(unit, variant, ms);
    const std::string of = R"("iteration":1)";
    return event.replace(event.find(of), of.size(), R"("iteration":)" + std::to_string(iteration));
  }
  void Send(const std::vector<std::string>& events) { Append(*journal_, events); }
  // So many see each variant an hour after the start, and half of them order at once.
  void SendCrowd(int in_control, int in_one_page) {
    now_ms_ = kStartMs + 2 * kHourMs;
    std::vector<std::string> events;
    for (const auto& [variant, units] : {std::pair{"control", in_control}, std::pair{"one_page", in_one_page}}) {
      for (int i = 0; i < units; ++i) {
        const std::string unit = variant + std::to_string(i);
        events.push_back(Sees(unit, variant, kStartMs + kHourMs));
        if (i % 2 == 0) events.push_back(Track(unit, "order", kStartMs + kHourMs));
      }
    }
    Send(events);
  }
  void Fold() {
    EXPECT_TRUE(fold_->CatchUp([] { return false; }));
  }
  void TakeDueLooks() {
    const Status taken = reports_.TakeDueLooks([] { return false; });
    EXPECT_TRUE(taken) << taken.error().message;
  }

  std::shared_ptr<const stats::ExperimentFacts> FactsOf(std::uint32_t iteration) {
    return *analysis_.Facts("shop", "production", "checkout", iteration);
  }
  // How many of an arm ordered.
  double Ordered(std::uint32_t iteration, std::uint32_t variant) {
    return std::get<stats::ProportionStatistic>(FactsOf(iteration)->totals->Arm(0, variant)).successes;
  }
  stats::Report ReportOf(std::uint32_t iteration) {
    Result<stats::Report> report = reports_.Of("shop", "production", "checkout", iteration);
    EXPECT_TRUE(report) << report.error().message;
    return *std::move(report);
  }
  std::optional<ObservedTraffic> ObservedTrafficOf(const std::string& key) {
    const std::shared_ptr<const CatalogView> view = catalog_.View();
    const Definitions& definitions = view->FindProject("shop")->definitions;
    return ObservedOn(analysis_, definitions, definitions.entities.FindExperiment(key)->definition, now_ms_);
  }
  // The numbers, and who and why.
  static std::string Said(const stats::Report& report) {
    const Value document = stats::ToJson(report);
    std::string said;
    for (const std::string_view part : {"owner", "hypothesis", "plan_hash", "plan", "metrics", "units_by_day"}) {
      said += ToJson(*document.Find(part));
    }
    return said;
  }

  std::int64_t now_ms_ = kStartMs;
  std::function<Timestamp()> clock_ = [this] { return Timestamp(std::chrono::milliseconds(now_ms_)); };
  std::unique_ptr<Store> store_ = OpenMemoryStore({.clock = clock_});
  Feed feed_{store_->Epoch(), {}, [] {}};
  Catalog catalog_{*store_, feed_, {.now = clock_}};
  std::unique_ptr<Journal> journal_ = *Journal::Open(*store_, {.clock = clock_});
  std::unique_ptr<class Fold> fold_ =
      *Fold::Open(*store_, *journal_, {.plans = PlansOf(catalog_, clock_), .clock = clock_});
  Analysis analysis_{catalog_, *fold_};
  Reports reports_{catalog_, analysis_, *store_, {.now_ms = [this] { return now_ms_; }}};
};

TEST_F(ReportsTest, AnIterationThatIsOverStaysAsItWasWhateverIsEdited) {
  Send({Sees("a", "control", kStartMs), Sees("b", "one_page", kStartMs), Track("b", "order", kStartMs + 1)});
  now_ms_ += kHourMs;
  Do(Move::kStop);
  Fold();
  const stats::Report before = ReportOf(1);
  EXPECT_EQ(Ordered(1, 1), 1);

  now_ms_ += kHourMs;
  // In the other order, with other weights, another unit and other goals.
  Put(EntityKind::kExperiment, "checkout",
      R"({"flag":"f","environment":"production","owner":"ben","state":"stopped","unit":"device","hypothesis":"another",
          "variants":{"one_page":{"serves":"single","weight":"90%"},"control":{"serves":"multi","weight":"10%"}},
          "metrics":{"primary":"spent"}})");
  Fold();
  EXPECT_THAT(FactsOf(1)->plan.variants, ElementsAre("control", "one_page"));
  EXPECT_EQ(Ordered(1, 1), 1);
  const stats::Report after = ReportOf(1);
  EXPECT_EQ(Said(after), Said(before));
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_THAT(after.quality.changes, ElementsAre()) << "it was over when that was edited";
}

TEST_F(ReportsTest, ALongPastIterationIsHeldAgainstTheDefinitionThatWasKept) {
  Send({Sees("a", "control", kStartMs)});
  Fold();
  TakeDueLooks();
  for (std::size_t i = 0; i < kMaxPlansKept; ++i) {
    now_ms_ += kHourMs;
    Do(Move::kStop);
    if (i == 0) Patch(EntityKind::kExperiment, "checkout", R"({"owner":"ben","hypothesis":"another"})");
    Do(Move::kStart);
  }
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ExperimentRecord* record = view->FindProject("shop")->definitions.entities.FindExperiment("checkout");
  ASSERT_FALSE(record->state.iterations.at(0).measured);
  Fold();
  EXPECT_EQ(ReportOf(1).design.owner, "ana");
  EXPECT_EQ(ReportOf(1).design.hypothesis, "it sells");
  EXPECT_EQ(ReportOf(2).design.owner, "ben");
}

TEST_F(ReportsTest, TellTheStepsOfARampWhenTheyWereTakenOfEachIterationItsOwn) {
  EXPECT_TRUE(ReportOf(1).ramp.empty()) << "it has none";
  Do(Move::kStop);
  Patch(EntityKind::kExperiment, "checkout",
        R"({"ramp":[{"at":"5%","hold":"1d"},{"at":"25%","hold":"1d"},{"at":"100%"}]})");
  const auto step = [&] {
    EXPECT_TRUE(catalog_.MoveExperiment({.project = "shop", .experiment = "checkout", .ramp = RampMove::kStep}));
  };
  const auto at = [](std::int64_t hours) { return stats::Time(stats::Milliseconds(kStartMs + hours * kHourMs)); };
  now_ms_ = kStartMs + 10 * kHourMs;
  Do(Move::kStart);
  now_ms_ = kStartMs + 34 * kHourMs;
  step();
  now_ms_ = kStartMs + 60 * kHourMs;
  step();
  const std::vector<stats::RampStep> taken = {{at(10), 0.05}, {at(34), 0.25}, {at(60), 1}};
  EXPECT_EQ(ReportOf(2).ramp, taken);
  EXPECT_TRUE(ReportOf(1).ramp.empty());
  // Everybody from the start on is no ramp.
  Do(Move::kStop);
  Patch(EntityKind::kExperiment, "checkout", R"({"ramp":[{"at":"100%"}]})");
  Do(Move::kStart);
  EXPECT_TRUE(ReportOf(3).ramp.empty());
  EXPECT_EQ(ReportOf(2).ramp, taken);
}

TEST_F(ReportsTest, RightAfterAStartNobodyWasExposedAndWhatWasNeverStartedHasNoReport) {
  const stats::Report early = ReportOf(0);
  EXPECT_EQ(early.iteration, 1u);
  EXPECT_EQ(early.decision, stats::Decision::kCannotSay);
  EXPECT_EQ(early.verdict, "No unit has been exposed yet.");
  EXPECT_THAT(early.notes, ElementsAre(HasSubstr("Nothing of it is analysed yet")));
  EXPECT_FALSE(reports_.AlarmsOf("shop", "production", "checkout", 1)) << "and nothing acts by that";
  TakeDueLooks();
  EXPECT_TRUE(store_->Range(RangeQuery::Prefix("!look/"))->entries.empty());
  EXPECT_FALSE(reports_.Of("shop", "production", "checkout", 2));
  EXPECT_FALSE(reports_.Of("shop", "elsewhere", "checkout", 1));
  Fold();
  EXPECT_EQ(Said(ReportOf(1)), Said(early)) << "the same, once it is";
  EXPECT_TRUE(ReportOf(1).notes.empty());

  Put(EntityKind::kExperiment, "draft",
      R"({"flag":"f","environment":"production","owner":"ana","unit":"key","variants":
          {"control":{"serves":"multi","weight":"50%"},"one_page":{"serves":"single","weight":"50%"}},
          "metrics":{"primary":"ordered"}})");
  const Result<stats::Report> draft = reports_.Of("shop", "production", "draft", 0);
  ASSERT_FALSE(draft);
  EXPECT_THAT(draft.error().message, HasSubstr("that has been started"));
}

TEST_F(ReportsTest, WhatIsEditedWhileItRunsIsToldAndMovesNothing) {
  Send({Sees("b", "one_page", kStartMs), Track("b", "order", kStartMs + 2 * kHourMs)});
  Fold();
  const std::string before = Said(ReportOf(1));
  now_ms_ += 5 * kDayMs;
  Patch(EntityKind::kMetric, "ordered", R"({"description":"all that is paid"})");
  EXPECT_THAT(ReportOf(1).quality.changes, ElementsAre()) << "that measures nothing";
  Patch(EntityKind::kMetric, "ordered", R"({"window":"1h"})");
  Patch(EntityKind::kExperiment, "checkout", R"({"metrics":{"secondary":["spent"]}})");
  Fold();
  EXPECT_EQ(Said(ReportOf(1)), before);
  EXPECT_EQ(Ordered(1, 1), 1) << "within 72 hours";
  EXPECT_THAT(
      ReportOf(1).quality.changes,
      ElementsAre("Metric 'ordered' was edited on 2027-01-06; this iteration is still measured as it was at its start.",
                  HasSubstr("The list of secondary metrics was edited;")));
  // The next one goes by the edit, and what was edited while the first ran is still told of that.
  Do(Move::kStop);
  Do(Move::kStart);
  Send({Sees("b", "one_page", now_ms_, 2)});
  now_ms_ += 2 * kHourMs;
  Send({Track("b", "order", now_ms_)});
  Fold();
  EXPECT_EQ(Ordered(2, 1), 0);
  EXPECT_TRUE(ReportOf(2).quality.changes.empty());
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ExperimentRecord* record = view->FindProject("shop")->definitions.entities.FindExperiment("checkout");
  for (const Metric& metric : record->state.iterations.at(1).measured->metrics) EXPECT_EQ(metric.description, "");
  EXPECT_EQ(ReportOf(1).quality.changes.size(), 2u);
}

TEST_F(ReportsTest, OutcomesOfAnIterationAreCountedWhileTheNextOneRuns) {
  Send({Sees("a", "one_page", kStartMs + kHourMs)});
  now_ms_ += kDayMs;
  Do(Move::kStop);
  now_ms_ += kHourMs;
  Do(Move::kStart);
  now_ms_ += 5 * kHourMs;
  Send({Track("a", "order", now_ms_), Sees("c", "one_page", kStartMs + kDayMs + 1), Sees("d", "control", now_ms_, 2)});
  Fold();
  EXPECT_EQ(Ordered(1, 1), 1) << "within the window of its exposure";
  EXPECT_EQ(FactsOf(1)->rejected.at("closed"), 1u) << "c came after the end";
  EXPECT_EQ(FactsOf(1)->totals->Units(1).units, 1u);
  EXPECT_EQ(std::get<stats::MeanStatistic>(FactsOf(1)->totals->Arm(1, 1)).y.mean, 0) << "`spent` ended with it";
  EXPECT_EQ(FactsOf(2)->totals->Units(0).units, 1u);

  // Long after, nothing moves it any more.
  now_ms_ = kStartMs + 30 * kDayMs;
  Send({Track("a", "order", kStartMs + 2 * kDayMs)});
  Fold();
  EXPECT_EQ(PlansOf(*catalog_.View(), clock_())->plans.size(), 1u);
  EXPECT_EQ(Ordered(1, 1), 1);
  EXPECT_EQ(ReportOf(1).iteration, 1u);
}

TEST_F(ReportsTest, WhoeverWasExposedGoesOnBeingMeasuredDuringAPause) {
  Send({Sees("a", "control", kStartMs), Sees("b", "one_page", kStartMs)});
  now_ms_ += kHourMs;
  Do(Move::kPause);
  now_ms_ += kDayMs;
  Send({Track("b", "order", now_ms_)});
  Fold();
  EXPECT_EQ(Ordered(1, 1), 1) << "within the window";
  now_ms_ = kStartMs + 73 * kHourMs;
  Send({Track("a", "order", now_ms_)});
  Do(Move::kResume);
  Fold();
  EXPECT_EQ(Ordered(1, 0), 0) << "no window is longer for the pause";
}

TEST_F(ReportsTest, ReadingAReportWritesNothingAndTheKeeperTakesLooksOfWhatIsFolded) {
  SendCrowd(200, 200);
  Fold();
  now_ms_ = kStartMs + 5 * kDayMs;  // outcomes count for three
  TakeDueLooks();
  EXPECT_TRUE(ReportOf(1).looks.empty()) << "what has arrived since is not folded yet";
  Fold();
  const StoreHead head = store_->Head();
  EXPECT_EQ(stats::ToJson(ReportOf(1)), stats::ToJson(ReportOf(1)));
  EXPECT_TRUE(reports_.AlarmsOf("shop", "production", "checkout", 1));
  EXPECT_EQ(store_->Head(), head);
  EXPECT_TRUE(ReportOf(1).looks.empty());
  TakeDueLooks();
  EXPECT_EQ(ReportOf(1).looks.size(), 1u);

  // What is stored goes by keys, and is read whatever was added since.
  Patch(EntityKind::kExperiment, "checkout", R"({"metrics":{"secondary":["spent"]}})");
  Fold();
  EXPECT_EQ(ReportOf(1).looks.size(), 1u);
  EXPECT_TRUE(ReportOf(1).notes.empty()) << ReportOf(1).notes.front();
}

TEST_F(ReportsTest, AnExperimentThatIsMadeAgainUnderItsKeyInheritsNothing) {
  const std::string looks = "!look/shop/production/checkout/";
  SendCrowd(1'000, 1'000);
  now_ms_ = kStartMs + 5 * kDayMs;
  Fold();
  TakeDueLooks();
  const stats::Report before = ReportOf(1);
  ASSERT_EQ(before.looks.size(), 1u);

  Do(Move::kStop);
  Change(EntityKind::kExperiment, "checkout", "null", Edit::Action::kDelete);
  now_ms_ += kHourMs;
  PutExperiment();
  // Its iterations count on. Neither before the fold knows of it,
  EXPECT_EQ(ReportOf(2).progress.units, 0u);
  EXPECT_TRUE(ReportOf(2).looks.empty());
  EXPECT_FALSE(reports_.AlarmsOf("shop", "production", "checkout", 2));
  // nor afterwards, nor when its own first look is taken.
  Fold();
  EXPECT_TRUE(ReportOf(2).looks.empty());
  EXPECT_EQ(ReportOf(2).progress.units, 0u);
  const auto of_earlier = reports_.Of("shop", "production", "checkout", 1);
  ASSERT_FALSE(of_earlier);
  EXPECT_NE(of_earlier.error().message.find("was deleted"), std::string::npos) << of_earlier.error().message;
  std::vector<std::string> events;
  for (int i = 0; i < 400; ++i) {
    const std::string unit = "control" + std::to_string(i);  // the earlier one had them in the same arm
    events.push_back(i < 200 ? Sees(unit, "control", now_ms_, 2) : Sees("x" + unit, "one_page", now_ms_, 2));
    if (i % 2 == 0) events.push_back(Track(i < 200 ? unit : "x" + unit, "order", now_ms_));
  }
  Send(events);
  now_ms_ += 5 * kDayMs;
  Fold();
  TakeDueLooks();
  const stats::Report after = ReportOf(2);
  EXPECT_EQ(after.looks.size(), 1u);
  EXPECT_EQ(after.progress.units, 400u);

  // Gone for good, and another one whose key begins likewise is not.
  Do(Move::kStop);
  Change(EntityKind::kExperiment, "checkout", "null", Edit::Action::kDelete);
  Txn txn;
  for (const std::string_view key : {"!silence/shop/production/checkout", "!silence/shop/production/checkout-2",
                                     "!look/shop/production/checkout-2/1/size"}) {
    txn.ops.push_back(TxnOp::Put(std::string(key), "{}"));
  }
  ASSERT_TRUE(store_->Commit(std::move(txn)));
  PutExperiment("checkout-2");
  now_ms_ += kDayMs;
  TakeDueLooks();
  EXPECT_TRUE(store_->Range(RangeQuery::Prefix(looks))->entries.empty());
  EXPECT_FALSE(*store_->Get("!silence/shop/production/checkout"));
  EXPECT_TRUE(*store_->Get("!silence/shop/production/checkout-2"));
  EXPECT_TRUE(*store_->Get("!look/shop/production/checkout-2/1/size"));
}

TEST_F(ReportsTest, TrafficOfAnEarlierExperimentOfThatKeyIsNotObservedOnTheNewOne) {
  SendCrowd(10, 10);
  Fold();
  const std::optional<ObservedTraffic> before = ObservedTrafficOf("checkout");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->units_per_day, 20);
  Do(Move::kStop);
  Change(EntityKind::kExperiment, "checkout", "null", Edit::Action::kDelete);
  now_ms_ += kHourMs;
  PutExperiment();
  EXPECT_FALSE(ObservedTrafficOf("checkout")) << "the fold does not know of it yet";
  Fold();
  EXPECT_FALSE(ObservedTrafficOf("checkout")) << "nobody has come";
  Send({Sees("a", "control", now_ms_, 2)});
  Fold();
  ASSERT_TRUE(ObservedTrafficOf("checkout"));
  EXPECT_EQ(ObservedTrafficOf("checkout")->units_per_day, 1);
}

TEST_F(ReportsTest, AHoldoutThatIsMadeAgainUnderItsKeyBeginsAtNothing) {
  const auto make = [this] { Put(EntityKind::kHoldout, "global", R"({"owner":"x","unit":"key","size":"10%"})"); };
  Put(EntityKind::kFlag, "g",
      R"({"type":"string","owner":"x","variations":{"multi":"m","single":"s"},
          "environments":{"production":{"enabled":true,"default":"multi"}}})");
  const auto put_experiment = [this] {
    Put(EntityKind::kExperiment, "second",
        R"({"flag":"g","environment":"production","owner":"ana","state":"running","unit":"key","holdout":"global",
            "variants":{"control":{"serves":"multi","weight":"50%"},"one_page":{"serves":"single","weight":"50%"}},
            "metrics":{"primary":"ordered"}})");
  };
  const auto remove = [this] {
    const ExperimentOrder stop{.move = Move::kStop};
    EXPECT_TRUE(catalog_.MoveExperiment({.project = "shop", .experiment = "second", .order = stop}));
    Change(EntityKind::kExperiment, "second", "null", Edit::Action::kDelete);
    Change(EntityKind::kHoldout, "global", "null", Edit::Action::kDelete);
  };
  const auto held = [this](const std::string& unit, const std::string& role) {
    std::string event = Exposure(unit, "control", now_ms_);
    const std::string of = R"("experiment":"checkout","iteration":1,"variant":"control","role":"assigned")";
    return event.replace(event.find(of), of.size(), R"("holdout":"global","role":")" + role + '"');
  };
  const auto units = [this] { return analysis_.ExposedUnits("shop", "production", "holdout:global", 0); };
  make();
  put_experiment();
  now_ms_ += kHourMs;
  Send({held("u1", "held_out"), held("u2", "comparison"), held("u3", "comparison"), Track("u1", "order", now_ms_)});
  Fold();
  EXPECT_EQ(units(), 3u);
  Patch(EntityKind::kHoldout, "global", R"({"description":"everybody's"})");
  Fold();
  EXPECT_EQ(units(), 3u) << "it is the same one";

  remove();
  now_ms_ += kHourMs;
  make();
  Fold();
  EXPECT_FALSE(analysis_.Facts("shop", "production", "holdout:global", 0)) << "no experiment needs it yet";
  EXPECT_FALSE(analysis_.ListExposed("shop", "production", "holdout:global", 0, "", 10));
  put_experiment();
  Fold();
  const auto facts = analysis_.Facts("shop", "production", "holdout:global", 0);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ((*facts)->plan.started, clock_());
  EXPECT_EQ(units(), 0u);
  now_ms_ += kHourMs;
  Send({held("u1", "held_out"), Track("u1", "order", now_ms_)});
  Fold();
  EXPECT_EQ(units(), 1u);

  // The journal from its beginning comes to the same; of the earlier one's exposures it says that they are too early.
  const auto never = [] { return false; };
  const auto kept = [this] {
    std::map<std::string, std::string> stored = StoredFacts(*store_);
    std::erase_if(stored, [](const auto& one) { return one.first.starts_with(kRejectedPrefix); });
    return stored;
  };
  ASSERT_TRUE(fold_->PassNow(never));
  const std::map<std::string, std::string> whole = kept();
  fold_.reset();
  ForgetFacts(*store_);
  // After a start, whether the catalog reads its state or replays its revisions.
  for (const std::size_t replayed : {0u, 1'024u}) {
    Feed feed(store_->Epoch(), {}, [] {});
    Catalog again(*store_, feed, {.replayed_revisions = replayed, .now = clock_});
    ASSERT_TRUE(again.Load());
    EXPECT_EQ(again.View()->FindProject("shop")->holdouts_made, catalog_.View()->FindProject("shop")->holdouts_made);
  }
  const auto replayed = *Fold::Open(*store_, *journal_, {.plans = PlansOf(catalog_, clock_), .clock = clock_});
  ASSERT_TRUE(replayed->CatchUp(never));
  ASSERT_TRUE(replayed->PassNow(never));
  EXPECT_EQ(kept() == whole, true);
}

TEST_F(ReportsTest, AHoldoutShowsWhatItsExperimentsBroughtAndDecidesNothing) {
  const auto report_of = [this](const std::string& name) {
    return reports_.Of("shop", "production", "holdout:" + name, 0);
  };
  EXPECT_THAT(report_of("global").error().message, HasSubstr("has no holdout 'global'"));
  Put(EntityKind::kHoldout, "global", R"({"owner":"ben","description":"half a year","unit":"key","size":"10%"})");
  EXPECT_THAT(report_of("global").error().message, HasSubstr("no experiment with holdout 'global' has been started"));
  Put(EntityKind::kFlag, "g",
      R"({"type":"string","owner":"x","variations":{"multi":"m","single":"s"},
          "environments":{"production":{"enabled":true,"default":"multi"}}})");
  Put(EntityKind::kExperiment, "second",
      R"({"flag":"g","environment":"production","owner":"ana","state":"running","unit":"key","holdout":"global",
          "variants":{"control":{"serves":"multi","weight":"50%"},"one_page":{"serves":"single","weight":"50%"}},
          "metrics":{"primary":"ordered","guardrails":["spent"]}})");
  ASSERT_TRUE(report_of("global"));
  EXPECT_EQ(report_of("global")->verdict, "No unit has been exposed yet.");

  // Of 300 that took part half order, of 300 that were held out a tenth.
  std::vector<std::string> events;
  now_ms_ += kHourMs;
  for (int i = 0; i < 600; ++i) {
    const std::string unit = "u" + std::to_string(i), role = i < 300 ? "held_out" : "comparison";
    std::string event = Exposure(unit, "control", now_ms_);
    const std::string of = R"("experiment":"checkout","iteration":1,"variant":"control","role":"assigned")";
    events.push_back(event.replace(event.find(of), of.size(), R"("holdout":"global","role":")" + role + '"'));
    if (i % 10 == 0 || (i >= 300 && i % 2 == 0)) events.push_back(Track(unit, "order", now_ms_));
  }
  Send(events);
  Fold();
  const stats::Report report = *report_of("global");
  EXPECT_EQ(report.decision, stats::Decision::kCannotSay);
  EXPECT_EQ(report.verdict, "Those who saw the experiments are better in ordered, spent than those who were held out.");
  EXPECT_EQ(report.design.owner, "ben");
  EXPECT_THAT(report.design.plan.variants, ElementsAre("held_out", "comparison"));
  ASSERT_EQ(report.metrics.size(), 2u);
  EXPECT_EQ(report.metrics[0].role, "secondary");
  EXPECT_NEAR(report.metrics[0].comparisons.at(0).absolute->effect.point, 0.4, 1e-12);
  // What it has come to stays when it has ended.
  EXPECT_TRUE(catalog_.MoveExperiment(
      {.project = "shop", .experiment = "second", .order = ExperimentOrder{.move = Move::kStop}}));
  Patch(EntityKind::kHoldout, "global", R"({"archived":true})");
  Fold();
  EXPECT_EQ(report_of("global")->progress.units, 600u);
  EXPECT_THAT(report_of("global")->notes, ::testing::Contains(HasSubstr("has ended")));
}

TEST_F(ReportsTest, AnEffectThatDependsOnAnotherExperimentIsNotedInTheReportsOfBoth) {
  Put(EntityKind::kFlag, "g",
      R"({"type":"string","owner":"x","variations":{"multi":"m","single":"s"},
          "environments":{"production":{"enabled":true,"default":"multi"}}})");
  Put(EntityKind::kExperiment, "delivery",
      R"({"flag":"g","environment":"production","owner":"ben","state":"running","unit":"key","hypothesis":"it sells",
          "variants":{"paid":{"serves":"multi","weight":"50%"},"free":{"serves":"single","weight":"50%"}},
          "metrics":{"primary":"ordered"},"plan":{"looks":"daily","min_days":1,"max_days":14,"adjust":"none"}})");
  now_ms_ = kStartMs + 2 * kHourMs;
  // Of 100 of each pair: one page sells where delivery is paid, and keeps from buying where it is free.
  const std::tuple<const char*, const char*, int> cells[] = {
      {"control", "paid", 20}, {"one_page", "paid", 60}, {"control", "free", 60}, {"one_page", "free", 20}};
  for (const auto& [variant, delivery, orders] : cells) {
    std::vector<std::string> events;
    for (int i = 0; i < 100; ++i) {
      const std::string unit = std::string(variant) + delivery + std::to_string(i);
      std::string beside = Exposure(unit, delivery, kStartMs + kHourMs);
      const std::string of = R"("experiment":"checkout")";
      beside.replace(beside.find(of), of.size(), R"("experiment":"delivery")");
      events.insert(events.end(), {Sees(unit, variant, kStartMs + kHourMs), beside});
      if (i < orders) events.push_back(Track(unit, "order", kStartMs + kHourMs));
    }
    Send(events);
  }
  Fold();
  const stats::Report report = ReportOf(1);
  ASSERT_TRUE(report.overlaps);
  EXPECT_EQ(report.overlaps->as_of, stats::Time(stats::Milliseconds(now_ms_)));
  EXPECT_EQ(report.overlaps->experiments.at(0).units, 400u);
  EXPECT_NEAR(report.overlaps->experiments[0].questions.at(0).point, -0.8, 1e-12);
  EXPECT_THAT(report.overlaps->sentences, ElementsAre(HasSubstr("where free of experiment delivery is on")));
  EXPECT_TRUE(std::any_of(report.gates.begin(), report.gates.end(),
                          [](const stats::Gate& gate) { return gate.id == "interaction"; }));
  const Result<stats::Report> of_delivery = reports_.Of("shop", "production", "delivery", 1);
  ASSERT_TRUE(of_delivery && of_delivery->overlaps);
  EXPECT_THAT(of_delivery->overlaps->sentences, ElementsAre(HasSubstr("where one_page of experiment checkout is on")));
}

TEST_F(ReportsTest, ALookThatCannotBeReadIsToldAndSilencesNoAlarm) {
  SendCrowd(600, 20);
  now_ms_ = kStartMs + 2 * kDayMs;
  Fold();
  Txn txn;
  txn.ops = {TxnOp::Put("!look/shop/production/checkout/1/0000000001", "{}"),
             TxnOp::Put("!look/shop/production/checkout/1/size", "[]")};
  ASSERT_TRUE(store_->Commit(std::move(txn)));
  const auto alarms = reports_.AlarmsOf("shop", "production", "checkout", 1);
  ASSERT_TRUE(alarms) << alarms.error().message;
  ASSERT_EQ(alarms->size(), 1u);
  EXPECT_EQ(alarms->front().kind, stats::Alarm::Kind::kSampleRatio);
  const std::vector<std::string> notes = ReportOf(1).notes;
  EXPECT_THAT(notes, ::testing::Contains(HasSubstr("/1/0000000001' cannot be read")));
  EXPECT_THAT(notes, ::testing::Contains(HasSubstr("/1/size' cannot be read: it is no size")));
}

TEST_F(ReportsTest, APlanWhoseSizeIsNotKnownYetSaysHowItIsReadMeanwhile) {
  Do(Move::kStop);
  Patch(EntityKind::kExperiment, "checkout",
        R"({"metrics":{"primary":{"use":"ordered","detect":"2%"}},"plan":{"max_days":null}})");
  Do(Move::kStart);
  Send({Sees("a", "control", now_ms_, 2)});
  Fold();
  EXPECT_THAT(ReportOf(2).notes, ::testing::Contains(HasSubstr("is not known yet")));
}

}  // namespace
}  // namespace guidon
