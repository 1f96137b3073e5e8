// What speaks against a running experiment, found with the real catalog, journal and fold, on a clock that is moved by
// hand.
#include "server/analysis/evidence.h"

#include <gmock/gmock.h>

#include "server/analysis/plan_of.h"
#include "tests/server/catalog/catalog_fixture.h"
#include "tests/server/ingest/fold_fixture.h"

namespace guidon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::HasSubstr;

TEST(EvidenceTest, EachKindOfAlarmIsThatKindOfEvidence) {
  const auto kind_of = [](stats::Alarm::Kind kind) {
    stats::Alarm alarm;
    alarm.kind = kind;
    return EvidenceOf(alarm).kind;
  };
  EXPECT_EQ(kind_of(stats::Alarm::Kind::kGuardrail), Evidence::Kind::kGuardrailBreached);
  EXPECT_EQ(kind_of(stats::Alarm::Kind::kSampleRatio), Evidence::Kind::kSampleRatioMismatch);
  EXPECT_EQ(kind_of(stats::Alarm::Kind::kNoTraffic), Evidence::Kind::kNoTraffic);
}

class SilenceTest : public ::testing::Test {
 protected:
  SilenceTest() {
    on_.MakeShop();
    on_.MustCommit(
        {PutOf({EntityKind::kFlag, "f"},
               R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"off"}}})")});
    Start();
    Open();
  }
  void Start() {
    on_.MustCommit(
        {PutOf(experiment_, R"({"owner":"x","flag":"f","environment":"production","unit":"key","variants":)"
                            R"({"control":{"serves":"off","weight":"50%"},"one_page":{"serves":"on","weight":"50%"}},)"
                            R"("stop":{"no_traffic_after":"6h"}})")});
    Order(ExperimentMove::kStart);
  }

  void Order(ExperimentMove move) {
    ExperimentOrder order;
    order.move = move;
    on_.Must(on_.catalog().MoveExperiment(
        {.project = "shop", .experiment = "checkout", .order = order, .author = on_.author}));
  }
  void Enable(bool enabled) {
    on_.MustCommit({PatchOf({EntityKind::kFlag, "f"}, std::string(R"({"environments":{"production":{"enabled":)") +
                                                          (enabled ? "true}}}" : "false}}}"))});
  }

  void Close() {
    finder_.reset();
    reports_.reset();
    analysis_.reset();
    fold_.reset();
    journal_.reset();
  }
  void Open() {
    const auto now_ms = [this] { return std::int64_t{on_.clock().now().time_since_epoch().count()}; };
    journal_ = *Journal::Open(on_.store(), {.clock = on_.clock().Function()});
    FoldOptions options;
    options.plans = [this, plans = PlansOf(on_.catalog()), given = plans_given_]() {
      const std::shared_ptr<const FoldPlans> now = plans();
      if (dimension_.empty()) return now;
      if (given->first != now) {
        auto changed = std::make_shared<FoldPlans>(*now);
        for (FoldPlan& plan : changed->plans) plan.plan.dimensions.push_back(dimension_);
        *given = {now, std::move(changed)};
      }
      return given->second;
    };
    options.clock = on_.clock().Function();
    fold_ = *Fold::Open(on_.store(), *journal_, std::move(options));
    analysis_.emplace(on_.catalog(), *fold_);
    reports_.emplace(on_.catalog(), *analysis_, on_.store(), ReportsOptions{now_ms});
    finder_.emplace(on_.catalog(), *analysis_, *reports_, on_.store(), now_ms,
                    [this](const std::string& what) { told_.push_back(what); });
  }
  // A stop, and a start so much later.
  void RestartAfter(milliseconds down) {
    Close();
    on_.clock().Move(down);
    on_.Restart();
    Open();
  }

  void Expose(const std::string& unit) {
    Append(*journal_, {Exposure(unit, "control", on_.clock().now().time_since_epoch().count())});
  }
  // After so much time: since when no unit has come, if that is too long; "" when nothing speaks against it.
  std::string LookAfter(milliseconds time, bool counts = true) {
    on_.clock().Move(time);
    if (counts) {
      EXPECT_TRUE(fold_->CatchUp([] { return false; }));
    }
    const std::uint32_t iteration = on_.catalog().View()->FindExperiment("shop", "checkout")->state.iteration;
    const RunningExperiment of{"shop", "production", "checkout", iteration, 0};
    const Result<std::vector<Evidence>> found = finder_->Find(of);
    if (!found) return std::string(ToString(found.error().code));
    if (found->empty()) return "";
    EXPECT_EQ(found->size(), 1u);
    EXPECT_EQ(found->at(0).kind, Evidence::Kind::kNoTraffic);
    return found->at(0).occasion;
  }
  // Whether its ramp may rise; else why not.
  std::string Counted() {
    const Status counted = finder_->IsCounted({"shop", "production", "checkout", 1, 0});
    if (counted) return "";
    EXPECT_EQ(counted.error().code, ErrorCode::kUnavailable);
    return counted.error().message;
  }
  std::string Now() { return FormatTimestamp(on_.clock().now().time_since_epoch().count()); }

  const EntityRef experiment_{EntityKind::kExperiment, "checkout"};
  CatalogHarness on_{"rocksdb"};
  std::string dimension_;  // of all plans, besides; empty: none
  using FoldPlansGiven = std::pair<std::shared_ptr<const FoldPlans>, std::shared_ptr<const FoldPlans>>;
  const std::shared_ptr<FoldPlansGiven> plans_given_ = std::make_shared<FoldPlansGiven>();
  std::vector<std::string> told_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Fold> fold_;
  std::optional<Analysis> analysis_;
  std::optional<Reports> reports_;
  std::optional<EvidenceFinder> finder_;
};

TEST_F(SilenceTest, IsFoundOnceNoUnitHasComeForSoLong) {
  const std::string begin = Now();
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(LookAfter(hours(6) - minutes(1)), "");
  EXPECT_EQ(LookAfter(minutes(1)), begin);
  EXPECT_EQ(LookAfter(hours(1)), begin) << "the same silence";
  Expose("u1");
  EXPECT_EQ(LookAfter(minutes(1)), "");
  const std::string came = Now();
  EXPECT_EQ(LookAfter(hours(5)), "");
  Expose("u1");
  EXPECT_EQ(LookAfter(hours(1)), came) << "that unit is not new";
  // Without the rule there is nothing to find.
  on_.MustCommit({PatchOf(experiment_, R"({"stop":{"no_traffic_after":null}})")});
  EXPECT_EQ(LookAfter(hours(9)), "");
}

TEST_F(SilenceTest, ARestartNeitherBringsItNorHidesIt) {
  Expose("u1");
  EXPECT_EQ(LookAfter({}), "");
  const std::string came = Now();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(LookAfter(hours(1)), "");
  RestartAfter(hours(10));
  EXPECT_EQ(LookAfter({}), "") << "while it was down nobody could have been seen";
  EXPECT_EQ(LookAfter(minutes(59)), "");
  EXPECT_EQ(LookAfter(minutes(1)), came);
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), came) << "no other occasion, or it would be told again";
  // What came before the stop and was not counted, is counted first.
  Expose("u2");
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), "");
  const std::string counted = Now();
  EXPECT_EQ(LookAfter(hours(6)), counted);
}

TEST_F(SilenceTest, OfAnExperimentThatWasDeletedIsNotOfTheNextOfItsName) {
  Expose("u1");
  EXPECT_EQ(LookAfter({}), "");
  const std::string came = Now();
  EXPECT_EQ(LookAfter(hours(6)), came);
  Order(ExperimentMove::kStop);
  on_.MustCommit({DeleteOf(experiment_)});
  on_.clock().Move(hours(1));
  Start();
  const std::string begin = Now();
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(LookAfter(hours(5)), "");
  EXPECT_EQ(LookAfter(hours(1)), begin);
}

TEST_F(SilenceTest, CountsOnlyTimeInWhichAUnitCouldHaveComeAndBeenCounted) {
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(LookAfter(hours(9), false), "") << "nobody has counted what came since";
  Expose("u1");
  EXPECT_EQ(LookAfter({}), "");
  Enable(false);
  EXPECT_EQ(LookAfter(hours(9)), "");
  Enable(true);
  const std::string enabled = Now();
  EXPECT_EQ(LookAfter(hours(5)), "");
  EXPECT_EQ(LookAfter(hours(1)), enabled);
  Order(ExperimentMove::kPause);
  on_.clock().Move(hours(9));
  Order(ExperimentMove::kResume);
  const std::string resumed = Now();
  EXPECT_EQ(LookAfter({}), "");
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(LookAfter(hours(5)), "") << "the silence of before does not come back with a restart";
  EXPECT_EQ(LookAfter(hours(1)), resumed);
}

TEST_F(SilenceTest, UnitsThatAreCountedAgainAreNotNewOnes) {
  Expose("u1");
  EXPECT_EQ(LookAfter({}), "");
  const std::string came = Now();
  EXPECT_EQ(LookAfter(hours(6)), came);
  dimension_ = "platform";
  int asked = 0;
  ASSERT_TRUE(fold_->CatchUp([&asked] { return ++asked > 1; }));
  ASSERT_TRUE((*analysis_->Facts("shop", "production", "checkout", 1))->rebuilding);
  EXPECT_EQ(LookAfter(minutes(1), false), "");
  EXPECT_THAT(Counted(), HasSubstr("counted again"));
  EXPECT_EQ(LookAfter(minutes(1)), came) << "no other occasion, or it would be told again";
  EXPECT_EQ(Counted(), "");
}

TEST_F(SilenceTest, ARampMayRiseOnlyWhileAllThatWasReceivedIsCounted) {
  // Not analysed, as nobody has counted anything.
  on_.clock().Move(minutes(10));
  EXPECT_EQ(Counted(), "") << "nothing was authored that numbers could act by";
  on_.MustCommit({PatchOf(experiment_, R"({"stop":{"sample_ratio_mismatch":"pause"}})")});
  EXPECT_THAT(Counted(), HasSubstr("is not analysed"));
  on_.clock().Move(-milliseconds(1));
  EXPECT_EQ(Counted(), "") << "a moment after its start";
  ASSERT_TRUE(fold_->CatchUp([] { return false; }));
  EXPECT_EQ(Counted(), "");
  on_.clock().Move(hours(1));
  EXPECT_EQ(Counted(), "");
  const std::string counted = FormatTimestamp((on_.clock().now() - hours(1)).time_since_epoch().count());
  on_.clock().Move(milliseconds(1));
  EXPECT_THAT(Counted(), HasSubstr("up to " + counted));
  // Where no events come, all of them are counted.
  ASSERT_TRUE(fold_->CatchUp([] { return false; }));
  EXPECT_EQ(Counted(), "");
  on_.clock().Move(hours(2));
  Expose("u1");
  EXPECT_NE(Counted(), "");
  ASSERT_TRUE(fold_->CatchUp([] { return false; }));
  EXPECT_EQ(Counted(), "");
}

TEST_F(SilenceTest, WhatCannotBeReadBeginsAnewAndIsToldOnce) {
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(LookAfter(hours(6)), FormatTimestamp(kStartMs));
  Txn torn;
  torn.ops = {TxnOp::Put("!silence/shop/production/checkout", "{}")};
  ASSERT_TRUE(on_.store().Commit(std::move(torn)));
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), "");
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_THAT(told_[0], HasSubstr("'!silence/shop/production/checkout' is no silence"));
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(told_.size(), 1u) << "what is kept can be read again";
  EXPECT_EQ(LookAfter(hours(6)), FormatTimestamp(kStartMs)) << "of no unit since it began";
  // What else was found is not lost by it: all 500 units are in one arm.
  std::vector<std::string> units;
  for (int i = 0; i < 500; ++i) {
    units.push_back(Exposure("u" + std::to_string(i), "control", on_.clock().now().time_since_epoch().count()));
  }
  Append(*journal_, units);
  ASSERT_TRUE(fold_->CatchUp([] { return false; }));
  Txn again;
  again.ops = {TxnOp::Put("!silence/shop/production/checkout", "{}")};
  ASSERT_TRUE(on_.store().Commit(std::move(again)));
  RestartAfter({});
  ASSERT_TRUE(fold_->CatchUp([] { return false; }));
  const auto found = finder_->Find({"shop", "production", "checkout", 1, 0});
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->at(0).kind, Evidence::Kind::kSampleRatioMismatch);
  EXPECT_EQ(told_.size(), 2u);
  const auto unknown = finder_->Find({"shop", "production", "elsewhere", 1, 0});
  EXPECT_TRUE(unknown && unknown->empty()) << "nothing is known of it yet, which is no error";
}

}  // namespace
}  // namespace guidon
