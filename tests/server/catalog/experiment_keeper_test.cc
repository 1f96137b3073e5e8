// What becomes of experiments by itself: scheduled starts, steps of ramps, and what is done about what speaks against
// them. On a clock that is moved by hand.
#include "server/catalog/experiment_keeper.h"

#include "core/base/json_record.h"
#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::string_view kFlag =
    R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"off"}}})";
constexpr std::string_view kExperiment =
    R"({"owner":"x","flag":"checkout","environment":"production","unit":"key","variants":)"
    R"({"control":{"serves":"off","weight":"50%"},"one":{"serves":"on","weight":"50%"}},)"
    R"("metrics":{"guardrails":[{"use":"errors","on_breach":"rollback"},{"use":"latency","on_breach":"pause"},)"
    R"({"use":"clicks","on_breach":"alert"}]},)"
    R"("stop":{"sample_ratio_mismatch":"pause","no_traffic_after":"6h"},)"
    R"("ramp":[{"at":"10%","hold":"1d"},{"at":"50%","hold":"1d","min_units":5000},{"at":"100%"}]})";

constexpr std::string_view kUnmeasured =
    R"({"owner":"x","flag":"checkout","environment":"production","unit":"key","state":"running","variants":)"
    R"({"control":{"serves":"off","weight":"50%"},"one":{"serves":"on","weight":"50%"}}})";

EntityRef Experiment_(std::string key = "one-page") {
  return {EntityKind::kExperiment, std::move(key)};
}

bool Never() {
  return false;
}

class ExperimentKeeperTest : public ::testing::Test {
 protected:
  ExperimentKeeperTest() {
    on_.MakeShop();
    std::vector<Edit> edits = {PutOf(Flag("checkout"), kFlag), PutOf(Experiment_(), kExperiment)};
    for (const char* metric : {"errors", "latency", "clicks"}) {
      edits.push_back(PutOf({EntityKind::kMetric, metric}, R"({"owner":"x","type":"conversion","event":"e"})"));
    }
    on_.MustCommit(std::move(edits));
    options_.clock = on_.clock().Function();
    options_.count_units = [this](const RunningExperiment& of) {
      EXPECT_EQ(of.experiment, "one-page");
      EXPECT_EQ(of.environment, "production");
      return units_;
    };
    options_.find = [this](const RunningExperiment& of) -> Result<std::vector<Evidence>> {
      EXPECT_EQ(of.iteration, State().iteration);
      if (unread_) return Fail(ErrorCode::kIo, "the totals cannot be read");
      return found_;
    };
    options_.report = [this](const ExperimentDeed& deed, const Result<Committed>& committed) {
      tried_ += (tried_.empty() ? "" : ", ") + deed.what +
                (committed ? "" : ": " + std::string(ToString(committed.error().code)));
    };
  }

  Result<Committed> Order(ExperimentOrder order, const Permit& permit = {}) {
    return on_.catalog().MoveExperiment({.project = "shop",
                                         .experiment = "one-page",
                                         .order = std::move(order),
                                         .author = on_.author,
                                         .permit = permit});
  }
  void Start() { on_.Must(Order({.move = ExperimentMove::kStart})); }
  // What was tried, and what came of it.
  std::string Step(bool good = true) {
    tried_.clear();
    EXPECT_EQ(TakeDueExperimentSteps(on_.catalog(), on_.clock().now(), options_, Never), good);
    return tried_;
  }
  std::string Act(std::vector<Evidence> found, bool good = true) {
    tried_.clear();
    found_ = std::move(found);
    EXPECT_EQ(ActOnEvidence(on_.catalog(), on_.clock().now(), options_, Never), good);
    return tried_;
  }
  const ExperimentState& State() { return on_.Project().definitions.entities.FindExperiment("one-page")->state; }
  std::uint32_t Percent() {
    const ExperimentRecord* record = on_.Project().definitions.entities.FindExperiment("one-page");
    return ShareOf(record->definition, record->state) / 1000;
  }
  AuditEntry LastAudit() {
    const Result<AuditEntry> entry = on_.catalog().audit().Find(on_.head());
    EXPECT_TRUE(entry);
    return entry ? *entry : AuditEntry();
  }
  static Evidence Breach(std::string metric) {
    return {Evidence::Kind::kGuardrailBreached, std::move(metric), "one", "", Json(R"({"p":0.25})"),
            "one is 2.1 pp worse than control"};
  }
  // Has it look a minute later, until `done`, which is asked under `mutex` whenever `changed`.
  template <typename Done>
  bool LookUntil(ExperimentKeeper& keeper, Mutex& mutex, CondVar& changed, const Done& done) {
    on_.clock().Move(minutes(1));
    keeper.Wake();
    MutexLock lock(mutex);
    return changed.WaitFor(lock, std::chrono::seconds(30), done);
  }

  CatalogHarness on_{"rocksdb"};
  ExperimentKeeperOptions options_;
  std::optional<std::uint64_t> units_;
  std::vector<Evidence> found_;
  bool unread_ = false;
  std::string tried_;
};

TEST_F(ExperimentKeeperTest, AScheduledStartIsOneRevisionWhenItsTimeHasCome) {
  const std::int64_t at_ms = on_.clock().now().time_since_epoch().count() + 3'600'000;
  on_.Must(Order({.move = ExperimentMove::kSchedule, .at_ms = at_ms}));
  EXPECT_EQ(LastAudit().action, "experiment.scheduled");
  EXPECT_EQ(on_.Served("checkout"), "off");
  EXPECT_EQ(on_.Evaluate("checkout").Find("experiment"), nullptr);
  EXPECT_EQ(Step(), "");
  on_.Restart();
  on_.clock().Move(hours(1));
  const Revision before = on_.head();
  EXPECT_EQ(Step(), "start");
  EXPECT_EQ(on_.head(), before + 1);
  EXPECT_EQ(State().status, ExperimentStatus::kRunning);
  EXPECT_EQ(State().iterations.at(0).started_by, "system:experiment");
  EXPECT_EQ(State().iterations.at(0).started_ms, at_ms);
  const AuditEntry entry = LastAudit();
  EXPECT_EQ(entry.principal, "system:experiment");
  EXPECT_EQ(entry.action, "experiment.started");
  EXPECT_EQ(entry.environments, std::vector<std::string>{"production"});
  EXPECT_EQ(entry.comment, "scheduled for 2027-01-01T01:00:00.000Z");
  EXPECT_EQ(Step(), "");
  const Result<EntityHistory> history = on_.catalog().HistoryOf("shop", Experiment_(), 0, 1);
  ASSERT_TRUE(history && history->changes.at(0).change);
  EXPECT_EQ(history->changes[0].change->summary, std::vector<std::string>{"state: scheduled → running"});
}

TEST_F(ExperimentKeeperTest, OneThatIsMadeAgainUnderItsKeyCountsOnSoThatItsSaltIsFresh) {
  const auto make_again = [&] {
    on_.MustCommit({DeleteOf(Experiment_())});
    on_.Restart();
    on_.MustCommit({PutOf(Experiment_(), kExperiment)});
  };
  Start();
  EXPECT_EQ(State().salt, "one-page#1");
  make_again();
  EXPECT_EQ(State().iteration, 0u) << "it has not run";
  make_again();  // also by way of one that never ran
  const Result<Committed> kept = Order({.move = ExperimentMove::kStart, .keeps_assignments = true});
  ASSERT_FALSE(kept) << "it has no assignments to keep";
  Start();
  EXPECT_EQ(State().iteration, 2u);
  EXPECT_EQ(State().salt, "one-page#2");
  on_.Must(Order({.move = ExperimentMove::kStop}));
  Start();
  EXPECT_EQ(State().salt, "one-page#3");

  // Also when the project went with it; a key that never ran begins at 1.
  std::vector<Edit> all;
  for (const auto& [ref, unused] : on_.Project().revisions) all.push_back(DeleteOf(ref));
  on_.MustCommit(std::move(all));
  on_.Must(on_.catalog().DeleteProject("shop", {}, on_.author, std::nullopt));
  on_.MakeShop();
  on_.MustCommit({PutOf(Flag("checkout"), kFlag), PutOf(Experiment_(), kUnmeasured)});
  EXPECT_EQ(State().salt, "one-page#4");
  on_.MustCommit({DeleteOf(Experiment_()), PutOf(Experiment_("other"), kUnmeasured)});
  EXPECT_EQ(on_.Project().definitions.entities.FindExperiment("other")->state.salt, "other#1");
}

TEST_F(ExperimentKeeperTest, AStartThatIsRefusedStaysScheduledAndIsTriedAgain) {
  on_.MustCommit({PutOf({EntityKind::kLayer, "l"}, R"({"unit":"key"})"),
                  PatchOf(Experiment_(), R"({"layer":{"name":"l","slice":"60%"}})")});
  Value other = Json(kExperiment);
  other.MutableObject().Set("layer", Json(R"({"name":"l","slice":"60%"})"));
  other.MutableObject().Set("state", Value("running"));
  const Edit edit{Experiment_("other"), Edit::Action::kPut, other, {}};
  on_.MustCommit({edit});
  options_.find = {};
  on_.Must(Order({.move = ExperimentMove::kSchedule, .at_ms = on_.clock().now().time_since_epoch().count() + 1}));
  on_.clock().Move(hours(1));
  const Revision head = on_.head();
  EXPECT_EQ(Step(false), "start: invalid");
  EXPECT_EQ(State().status, ExperimentStatus::kScheduled);
  EXPECT_EQ(on_.head(), head);
  on_.MustCommit({PatchOf(Experiment_("other"), R"({"state":"stopped"})")});
  EXPECT_EQ(Step(), "start");
  EXPECT_EQ(State().slots.at(0).begin, 0u);
}

TEST_F(ExperimentKeeperTest, ARampTakesOneStepAfterALongStopAndHoldsItForItsWholeTime) {
  Start();
  EXPECT_EQ(Percent(), 10u);
  EXPECT_EQ(Step(), "");
  on_.clock().Move(hours(24 * 30));
  on_.Restart();
  EXPECT_EQ(Step(), "step 10% to 50%");
  EXPECT_EQ(LastAudit().action, "experiment.ramp_step");
  EXPECT_EQ(LastAudit().comment, "ramp: 10% to 50%");
  on_.Restart();
  EXPECT_EQ(Percent(), 50u);
  EXPECT_EQ(Step(), "");
  on_.clock().Move(hours(24) - minutes(1));
  units_ = 1'000'000;
  EXPECT_EQ(Step(), "") << "enough units do not shorten the hold";
  on_.clock().Move(minutes(1));
  units_ = std::nullopt;
  EXPECT_EQ(Step(), "") << "how many there are is not known";
  units_ = 4'999;
  on_.clock().Move(hours(100));
  EXPECT_EQ(Step(), "");
  units_ = 5'000;
  EXPECT_EQ(Step(), "step 50% to 100%");
  EXPECT_TRUE(ExperimentStepsAhead(*on_.catalog().View()).empty());
  EXPECT_EQ(TextOf(on_.Evaluate("checkout"), "experiment"), "one-page");
}

TEST_F(ExperimentKeeperTest, WhoChangesTheExperimentInBetweenWinsAndAHandHoldsTheRamp) {
  Start();
  on_.clock().Move(hours(24));
  const ExperimentStepAhead seen = ExperimentStepsAhead(*on_.catalog().View()).at(0);
  on_.MustCommit({PatchOf(Experiment_(), R"({"description":"another"})")});
  const auto ramp = [&](RampMove move, Precondition condition = {}) {
    return on_.catalog().MoveExperiment(
        {.project = "shop", .experiment = "one-page", .ramp = move, .condition = condition, .author = on_.author});
  };
  EXPECT_EQ(CodeOf(ramp(RampMove::kStep, {.if_match = seen.of.revision})), ErrorCode::kStale);
  ASSERT_TRUE(ramp(RampMove::kPause));
  EXPECT_EQ(LastAudit().action, "experiment.ramp_paused");
  EXPECT_EQ(Step(), "");
  Follower production(on_, "production");
  const std::string sent = *on_.feed().Find({"shop", "production"})->Current(false).plain;
  EXPECT_EQ(sent.find("started_by"), std::string::npos) << "SDKs are not told who did what: " << sent;
  ASSERT_TRUE(ramp(RampMove::kResume));
  EXPECT_EQ(Step(), "step 10% to 50%");
  EXPECT_EQ(production.CatchUp(), "");
  on_.doubtful().next = DoubtfulStore::Doubt::kWritten;
  EXPECT_EQ(CodeOf(ramp(RampMove::kFinish)), ErrorCode::kIndeterminate);
  ASSERT_TRUE(ramp(RampMove::kFinish)) << "it is there already";
  EXPECT_EQ(Percent(), 100u);
  EXPECT_EQ(State().iterations.at(0).steps.size(), 3u) << "once";
}

TEST_F(ExperimentKeeperTest, AGuardrailRollsBackInOneRevisionWithItsEvidence) {
  Start();
  on_.MustCommit({PatchOf(Experiment_(), R"({"ramp":[{"at":"100%"}]})")});
  const auto count_treated = [&] {
    int count = 0;
    for (int i = 0; i < 50; ++i) count += on_.Served("checkout", R"({"key":"u)" + std::to_string(i) + "\"}") == "on";
    return count;
  };
  EXPECT_GT(count_treated(), 5);
  const Revision before = on_.head();
  EXPECT_EQ(Act({Breach("errors")}), "rollback for guardrail_breached of errors");
  EXPECT_EQ(on_.head(), before + 1);
  EXPECT_EQ(count_treated(), 0);
  EXPECT_EQ(State().status, ExperimentStatus::kStopped);
  const AuditEntry entry = LastAudit();
  EXPECT_EQ(entry.principal, "system:experiment");
  EXPECT_EQ(entry.action, "experiment.rolled_back");
  EXPECT_EQ(entry.comment, "one is 2.1 pp worse than control");
  EXPECT_EQ(ToJson(entry.finding),
            R"({"iteration":1,"kind":"guardrail_breached","metric":"errors","variant":"one","action":"rollback",)"
            R"("at":"2027-01-01T00:00:00.000Z","sentence":"one is 2.1 pp worse than control","numbers":{"p":0.25}})");
  EXPECT_EQ(State().findings.size(), 1u);
  EXPECT_EQ(Act({Breach("errors")}), "") << "it does not run any more";
  Start();
  EXPECT_EQ(Act({Breach("errors")}), "rollback for guardrail_breached of errors") << "another iteration";
}

TEST_F(ExperimentKeeperTest, NothingIsDoneTwiceForOneFindingAlsoAfterARestart) {
  Start();
  const Evidence mismatch{Evidence::Kind::kSampleRatioMismatch, "", "", "", Json(R"({"p":1e-9})"),
                          "units are not split as authored"};
  EXPECT_EQ(Act({Breach("clicks"), mismatch, Breach("latency")}),
            "alert for guardrail_breached of clicks, pause for sample_ratio_mismatch")
      << "what is paused is not looked at any further";
  EXPECT_EQ(State().status, ExperimentStatus::kPaused);
  EXPECT_EQ(LastAudit().action, "experiment.paused");
  EXPECT_EQ(TextOf(LastAudit().finding, "kind"), "sample_ratio_mismatch");
  on_.Must(Order({.move = ExperimentMove::kResume}));
  on_.Restart();
  const Revision head = on_.head();
  EXPECT_EQ(Act({Breach("clicks"), mismatch}), "") << "who resumes it knows";
  EXPECT_EQ(on_.head(), head);
  EXPECT_EQ(Act({Breach("unknown")}), "") << "nothing was authored about it";
  Evidence silence{Evidence::Kind::kNoTraffic, "", "", "since 10:00", {}, "no unit for 6h"};
  EXPECT_EQ(Act({silence}), "alert for no_traffic");
  EXPECT_EQ(LastAudit().action, "experiment.no_traffic");
  EXPECT_EQ(Act({silence}), "");
  silence.occasion = "since 20:00";
  EXPECT_EQ(Act({silence}), "alert for no_traffic");
  EXPECT_EQ(State().status, ExperimentStatus::kRunning);
}

TEST_F(ExperimentKeeperTest, ARollbackGivesTheControlWhereARuleServedTheExperimentAsWell) {
  on_.MustCommit({PatchOf(Flag("checkout"), R"({"environments":{"production":{"default":"on","rules":[)"
                                            R"({"when":{"country":"DE"},"experiment":"one-page"}]}}})"),
                  PatchOf(Experiment_(), R"({"ramp":[{"at":"100%"}]})")});
  Start();
  const auto count_treated = [&] {
    int count = 0;
    for (int i = 0; i < 50; ++i) {
      count += on_.Served("checkout", R"({"country":"DE","key":"u)" + std::to_string(i) + "\"}") == "on";
    }
    return count;
  };
  EXPECT_GT(count_treated(), 5);
  const Revision before = on_.head();
  EXPECT_EQ(Act({Breach("errors")}), "rollback for guardrail_breached of errors");
  EXPECT_EQ(on_.head(), before + 1);
  EXPECT_EQ(count_treated(), 0);
}

TEST_F(ExperimentKeeperTest, WhatIsAuthoredToBeDoneMoreThanWasDoneIsDone) {
  const auto on_breach = [&](const char* action) {
    on_.MustCommit({PatchOf(Experiment_(), R"({"metrics":{"guardrails":[{"use":"clicks","on_breach":")" +
                                               std::string(action) + R"("}]}})")});
  };
  Start();
  EXPECT_EQ(Act({Breach("clicks")}), "alert for guardrail_breached of clicks");
  EXPECT_EQ(Act({Breach("clicks")}), "");
  on_breach("pause");
  EXPECT_EQ(Act({Breach("clicks")}), "pause for guardrail_breached of clicks");
  EXPECT_EQ(LastAudit().action, "experiment.paused");
  on_.Must(Order({.move = ExperimentMove::kResume}));
  EXPECT_EQ(Act({Breach("clicks")}), "") << "who resumes it knows";
  on_breach("alert");
  EXPECT_EQ(Act({Breach("clicks")}), "");
  on_breach("rollback");
  EXPECT_EQ(Act({Breach("clicks")}), "rollback for guardrail_breached of clicks");
  ASSERT_EQ(State().findings.size(), 1u) << "with what was done last";
  EXPECT_EQ(State().findings[0].action, BreachAction::kRollback);
}

TEST_F(ExperimentKeeperTest, MoreThanCanBeKeptIsSaidOnceAndWhatActsStillActs) {
  Start();
  std::vector<Evidence> many;
  for (std::size_t i = 0; i < kMaxFindingsKept + 5; ++i) {
    many.push_back(Breach("clicks"));
    many.back().variant = std::to_string(i);
  }
  const Revision before = on_.head();
  EXPECT_TRUE(Act(many).ends_with("clicks, alert for more_found"));
  EXPECT_EQ(on_.head(), before + kMaxFindingsKept);
  EXPECT_EQ(LastAudit().action, "experiment.more_found");
  EXPECT_EQ(Act(many), "") << "nothing is forgotten that would be found again";
  many.push_back(Breach("latency"));
  EXPECT_EQ(Act(many), "pause for guardrail_breached of latency");
  on_.Must(Order({.move = ExperimentMove::kResume}));
  EXPECT_EQ(Act(many), "");
}

TEST_F(ExperimentKeeperTest, ARampDoesNotRiseWhileNobodyCanTellWhatSpeaksAgainstIt) {
  std::string held;
  options_.report_held = [&held](const RunningExperiment&, const std::optional<RampHold>& hold) {
    held = hold ? std::string(ToString(hold->reason)) + ": " + hold->sentence : "";
  };
  Start();
  on_.clock().Move(hours(24));
  unread_ = true;
  EXPECT_EQ(Act({}, false), "");
  EXPECT_EQ(Step(false), "");
  EXPECT_EQ(held, "evidence_unread: the totals cannot be read");
  EXPECT_EQ(Percent(), 10u);
  unread_ = false;
  // What is to be paused, and could not be: it does not rise either.
  found_ = {Breach("latency")};
  EXPECT_EQ(Step(false), "");
  EXPECT_EQ(held, "action_pending: one is 2.1 pp worse than control");
  found_ = {Breach("clicks")};
  EXPECT_EQ(Step(), "step 10% to 50%") << "an alert holds nothing";
  EXPECT_EQ(State().findings.size(), 0u);
}

TEST_F(ExperimentKeeperTest, ARampDoesNotRiseUnderABrokenSplitWhateverWasAuthoredAndGuardrailsActAllTheSame) {
  const Evidence split{Evidence::Kind::kSampleRatioMismatch, "", "", "", Value(Object()), "3 : 1"};
  std::string held;
  options_.report_held = [&held](const RunningExperiment&, const std::optional<RampHold>& hold) {
    held = hold ? std::string(ToString(hold->reason)) + ": " + hold->sentence : "";
  };
  Start();
  for (const char* authored : {"null", "\"alert\""}) {
    on_.MustCommit({PatchOf(Experiment_(), std::string(R"({"stop":{"sample_ratio_mismatch":)") + authored + "}}")});
    on_.clock().Move(hours(24));
    found_ = {split};
    EXPECT_EQ(Step(false), "") << authored;
    EXPECT_EQ(held, "sample_ratio_mismatch: 3 : 1");
  }
  EXPECT_EQ(Percent(), 10u);
  found_ = {};
  EXPECT_EQ(Step(), "step 10% to 50%");
  EXPECT_EQ(held, "");
  EXPECT_EQ(Act({split, Breach("errors")}),
            "alert for sample_ratio_mismatch, rollback for guardrail_breached of errors");
}

TEST_F(ExperimentKeeperTest, ARampDoesNotRiseWhileNotAllIsCountedAndGuardrailsActAllTheSame) {
  Status counted = Fail(ErrorCode::kUnavailable, "counted again");
  options_.is_counted = [&](const RunningExperiment&) { return counted; };
  Start();
  on_.clock().Move(hours(24));
  EXPECT_EQ(Step(false), "");
  EXPECT_EQ(Percent(), 10u);
  counted = {};
  EXPECT_EQ(Step(), "step 10% to 50%");
  counted = Fail(ErrorCode::kUnavailable, "counted again");
  EXPECT_EQ(Act({Breach("errors")}), "rollback for guardrail_breached of errors");
}

TEST_F(ExperimentKeeperTest, OneWhoseRecordIsTooLargeHoldsNoOther) {
  Value other = Json(kExperiment);
  other.MutableObject().Set("flag", Value("banner"));
  on_.MustCommit({PutOf(Flag("banner"), kFlag), Edit{Experiment_("two-page"), Edit::Action::kPut, other, {}}});
  options_.find = {};
  Start();
  on_.Must(on_.catalog().MoveExperiment({.project = "shop",
                                         .experiment = "two-page",
                                         .order = ExperimentOrder{.move = ExperimentMove::kStart},
                                         .author = on_.author}));
  on_.clock().Move(hours(24));
  on_.doubtful().next = DoubtfulStore::Doubt::kTooLarge;
  EXPECT_EQ(Step(false), "step 10% to 50%: too_large, step 10% to 50%");
  EXPECT_EQ(Percent(), 10u);
}

TEST_F(ExperimentKeeperTest, WhenTheCommitFailsNothingHasHappenedAndItIsDoneOnce) {
  Start();
  on_.doubtful().next = DoubtfulStore::Doubt::kLost;
  EXPECT_EQ(Act({Breach("latency")}, false), "pause for guardrail_breached of latency: indeterminate");
  EXPECT_EQ(State().status, ExperimentStatus::kRunning);
  EXPECT_TRUE(State().findings.empty());
  on_.doubtful().next = DoubtfulStore::Doubt::kWritten;
  EXPECT_EQ(Act({Breach("latency")}, false), "pause for guardrail_breached of latency: indeterminate");
  ASSERT_TRUE(on_.catalog().Settle());
  EXPECT_EQ(Act({Breach("latency")}), "");
  EXPECT_EQ(State().status, ExperimentStatus::kPaused);
  EXPECT_EQ(State().findings.size(), 1u);
}

TEST_F(ExperimentKeeperTest, AFindingOfAnotherIterationIsRefused) {
  Start();
  ExperimentRequest request{.project = "shop", .experiment = "one-page", .author = on_.author};
  request.finding = ExperimentFinding{.iteration = 2, .kind = "no_traffic"};
  EXPECT_EQ(CodeOf(on_.catalog().MoveExperiment(request)), ErrorCode::kConflict);
}

TEST_F(ExperimentKeeperTest, AHandOnAnExperimentIsAskedForItsEnvironment) {
  std::vector<std::string> asked, guarded;
  const Permit note = [&](const Alteration& alteration) -> Status {
    asked = alteration.environments;
    guarded.clear();
    for (const ProtectedEnvironment& environment : alteration.guarded) guarded.push_back(environment.name);
    return {};
  };
  on_.Must(on_.catalog().PutEnvironment("shop", {"production", true, ""}, {}, on_.author, std::nullopt));
  const std::vector<std::string> production{"production"}, none;
  on_.Must(Order({.move = ExperimentMove::kStart}, note));
  EXPECT_EQ(guarded, production);
  on_.Must(on_.catalog().MoveExperiment(
      {.project = "shop", .experiment = "one-page", .ramp = RampMove::kPause, .author = on_.author, .permit = note}));
  EXPECT_EQ(asked, production);
  EXPECT_EQ(guarded, none) << "nobody gets another answer by it";
  on_.Must(Order({.move = ExperimentMove::kStop}, note));
  EXPECT_EQ(guarded, production);
  on_.Must(Order({.move = ExperimentMove::kConclude, .winner = "control"}, note));
  EXPECT_EQ(asked, production);
  EXPECT_EQ(guarded, none) << "it is over, and `default` serves the winner already";
}

TEST_F(ExperimentKeeperTest, EvidenceThatCannotBeReadIsToldOnceAndAgainWhenItCanBe) {
  Mutex mutex;
  CondVar changed;
  int asked = 0;
  bool is_readable = false;
  std::string told;
  Start();
  options_.find = [&](const RunningExperiment&) -> Result<std::vector<Evidence>> {
    MutexLock lock(mutex);
    ++asked;
    changed.NotifyAll();
    if (!is_readable) return Fail(ErrorCode::kIo, "torn");
    return std::vector<Evidence>();
  };
  options_.report_evidence = [&](const RunningExperiment& of, const Status& read) {
    MutexLock lock(mutex);
    told += of.experiment + (read ? " read; " : ": " + read.error().message + "; ");
    changed.NotifyAll();
  };
  ExperimentKeeper keeper(on_.catalog(), options_);
  const auto look_until = [&](const auto& done) { return LookUntil(keeper, mutex, changed, done); };
  ASSERT_TRUE(look_until([&] { return asked >= 1; }));
  int before = 0;
  {
    MutexLock lock(mutex);
    before = asked;
  }
  ASSERT_TRUE(look_until([&] { return asked > before; }));
  {
    MutexLock lock(mutex);
    EXPECT_EQ(told, "one-page: torn; ");
    is_readable = true;
  }
  ASSERT_TRUE(look_until([&] { return told == "one-page: torn; one-page read; "; }));
  {
    MutexLock lock(mutex);
    is_readable = false;
    told.clear();
  }
  ASSERT_TRUE(look_until([&] { return told == "one-page: torn; "; }));
  on_.Must(Order({.move = ExperimentMove::kStop}));
  ASSERT_TRUE(look_until([&] { return told == "one-page: torn; one-page read; "; })) << "it runs no more";
}

TEST_F(ExperimentKeeperTest, ARampThatIsHeldBackIsToldOnceForEachReasonAndAgainWhenItIsNot) {
  Mutex mutex;
  CondVar changed;
  int asked = 0;
  std::string behind = "behind";
  bool is_sound = true;
  std::string told;
  HeldRamps held;
  Start();
  on_.clock().Move(hours(24));
  options_.find = [&](const RunningExperiment&) -> Result<std::vector<Evidence>> {
    MutexLock lock(mutex);
    ++asked;
    changed.NotifyAll();
    if (is_sound) return std::vector<Evidence>();
    return std::vector<Evidence>{{Evidence::Kind::kSampleRatioMismatch, "", "", "", Value(Object()), "3 : 1"}};
  };
  on_.MustCommit({PatchOf(Experiment_(), R"({"stop":{"sample_ratio_mismatch":null}})")});
  options_.report = {};
  options_.is_counted = [&](const RunningExperiment&) -> Status {
    MutexLock lock(mutex);
    return behind.empty() ? Status() : Fail(ErrorCode::kUnavailable, behind);
  };
  options_.report_held = [&](const RunningExperiment& of, const std::optional<RampHold>& hold) {
    MutexLock lock(mutex);
    told += of.experiment + ": " + (hold ? std::string(ToString(hold->reason)) : "rises") + "; ";
    changed.NotifyAll();
  };
  options_.held = &held;
  ExperimentKeeper keeper(on_.catalog(), options_);
  const auto look_until = [&](const auto& done) { return LookUntil(keeper, mutex, changed, done); };
  ASSERT_TRUE(look_until([&] { return !told.empty(); }));
  const Timestamp since = held.Find("shop", "one-page")->since;
  {
    MutexLock lock(mutex);
    behind = "further behind";
    asked = 0;
  }
  // A look asks twice, so that there is a whole one among them.
  for (int times = 1; times <= 4; ++times) ASSERT_TRUE(look_until([&] { return asked >= times; }));
  EXPECT_EQ(held.Find("shop", "one-page")->hold.sentence, "further behind");
  EXPECT_EQ(held.Count(RampHold::Reason::kNotCounted), 1u);
  EXPECT_EQ(held.Find("shop", "one-page")->environment, "production");
  {
    MutexLock lock(mutex);
    EXPECT_EQ(told, "one-page: not_counted; ");
    is_sound = false;
  }
  ASSERT_TRUE(look_until([&] { return told == "one-page: not_counted; one-page: sample_ratio_mismatch; "; }));
  EXPECT_EQ(held.Find("shop", "one-page")->since, since) << "it is held back since then";
  EXPECT_EQ(held.Count(RampHold::Reason::kNotCounted), 0u);
  {
    MutexLock lock(mutex);
    told.clear();
  }
  // By a hand, which is not for the keeper to judge.
  on_.Must(on_.catalog().MoveExperiment(
      {.project = "shop", .experiment = "one-page", .ramp = RampMove::kPause, .author = on_.author}));
  ASSERT_TRUE(look_until([&] { return told == "one-page: rises; "; })) << "no step of it is due any more";
  EXPECT_FALSE(held.Find("shop", "one-page"));
  EXPECT_TRUE(held.List().empty());
}

TEST_F(ExperimentKeeperTest, TheKeeperLooksWhenTheViewMovesOnAndWhenAStepIsDue) {
  Mutex mutex;
  CondVar changed;
  int deeds = 0;
  Start();
  on_.clock().Move(hours(24));
  options_.find = {};
  options_.report = [&](const ExperimentDeed&, const Result<Committed>& committed) {
    EXPECT_TRUE(committed);
    MutexLock lock(mutex);
    ++deeds;
    changed.NotifyAll();
  };
  options_.count_units = [](const RunningExperiment&) { return std::optional<std::uint64_t>(5'000); };
  ExperimentKeeper keeper(on_.catalog(), options_);
  const auto wait_for = [&](int count) {
    MutexLock lock(mutex);
    return changed.WaitFor(lock, std::chrono::seconds(30), [&] { return deeds >= count; });
  };
  ASSERT_TRUE(wait_for(1)) << "what was due at the start";
  on_.clock().Move(hours(24));
  keeper.Wake();
  ASSERT_TRUE(wait_for(2));
  EXPECT_EQ(Percent(), 100u);
}

}  // namespace
}  // namespace guidon
