// What speaks against a running experiment, found with the real catalog, journal and fold, on a clock that is moved by
// hand.
#include "server/analysis/evidence.h"

#include "server/analysis/plan_of.h"
#include "tests/server/catalog/catalog_fixture.h"
#include "tests/server/ingest/fold_fixture.h"

namespace guidon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

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
    options.plans = PlansOf(on_.catalog());
    options.clock = on_.clock().Function();
    fold_ = *Fold::Open(on_.store(), *journal_, std::move(options));
    analysis_.emplace(on_.catalog(), *fold_);
    reports_.emplace(on_.catalog(), *analysis_, on_.store(), ReportsOptions{now_ms});
    finder_.emplace(on_.catalog(), *analysis_, *reports_, on_.store(), now_ms);
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
    const RunningExperiment of{"shop", "production", "checkout", 1, 0};
    const Result<std::vector<Evidence>> found = finder_->Find(of);
    if (!found) return std::string(ToString(found.error().code));
    if (found->empty()) return "";
    EXPECT_EQ(found->size(), 1u);
    EXPECT_EQ(found->at(0).kind, Evidence::Kind::kNoTraffic);
    return found->at(0).occasion;
  }
  std::string Now() { return FormatTimestamp(on_.clock().now().time_since_epoch().count()); }

  const EntityRef experiment_{EntityKind::kExperiment, "checkout"};
  CatalogHarness on_{"rocksdb"};
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

TEST_F(SilenceTest, WhatCannotBeReadIsAnErrorAndNotSilence) {
  EXPECT_EQ(LookAfter({}), "");
  EXPECT_EQ(LookAfter(hours(6)), FormatTimestamp(kStartMs));
  Txn torn;
  torn.ops = {TxnOp::Put("!silence/shop/production/checkout", "{}")};
  ASSERT_TRUE(on_.store().Commit(std::move(torn)));
  RestartAfter({});
  EXPECT_EQ(LookAfter({}), "corrupt");
  const auto unknown = finder_->Find({"shop", "production", "elsewhere", 1, 0});
  EXPECT_TRUE(unknown && unknown->empty()) << "nothing is known of it yet, which is no error";
}

}  // namespace
}  // namespace guidon
