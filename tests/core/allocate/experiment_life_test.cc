// The life of an experiment: what may follow what, what is kept of it, and where its ramp stands.
#include "core/allocate/experiment_life.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/allocate/allocate.h"
#include "core/allocate/ranges.h"

namespace guidon {
namespace {

using Move = ExperimentMove;
using State = ExperimentStatus;
using std::chrono::hours;

constexpr std::int64_t kHour = 3'600'000;
constexpr std::int64_t kBegin = 1'800'000'000'000;

// Flag `layout` is on in production and serves `off`; experiment `e` on it, in no authored state.
class ExperimentLifeTest : public ::testing::Test {
 protected:
  ExperimentLifeTest() {
    now.project = {"shop", "", {{"production", true, ""}}};
    now.entities.layers.push_back({{"checkout", "", "account_id"}, {}});
    FlagDefinition flag;
    flag.key = "layout";
    flag.variations = {{"on", Value(true)}, {"off", Value(false)}};
    Targeting targeting;
    targeting.environment = "production";
    targeting.enabled = true;
    targeting.default_serve = DefaultServe{FixedServe{"off"}, ""};
    flag.environments = {targeting};
    now.entities.flags.push_back({flag, {}});
    Experiment experiment;
    experiment.key = "e";
    experiment.flag = "layout";
    experiment.environment = "production";
    experiment.unit = "account_id";
    experiment.layer = LayerSlice{"checkout", 40'000};
    experiment.variants = {{"control", "off", 50'000}, {"one", "on", 50'000}};
    now.entities.experiments.push_back({experiment, {}});
    EXPECT_TRUE(AllocateStates(nullptr, now, kBegin, "key:ana").empty());
  }

  // Changes definitions as a commit would.
  std::string Commit(const std::function<void(Definitions&)>& edit, const std::string& by = "key:ben") {
    Definitions next = now;
    edit(next);
    const std::vector<Issue> issues = AllocateStates(&now, next, time, by);
    if (HasErrors(issues)) return issues[0].code + " " + issues[0].path.ToText();
    now = next;
    return "";
  }
  std::string Do(ExperimentOrder order, const std::string& by = "key:ben") {
    Definitions next = now;
    if (Status moved = MoveExperiment(next, "e", order, by, time); !moved) {
      return std::string(ToString(moved.error().code)) + ": " + moved.error().message;
    }
    const std::vector<Issue> issues = AllocateStates(&now, next, time, by);
    if (HasErrors(issues)) return issues[0].code + ": " + issues[0].message;
    ForgetOrder(now, next, "e");
    now = next;
    return "";
  }
  std::string Ramp(RampMove move) {
    const Status moved = MoveExperimentRamp(now, "e", move, time);
    return moved ? "" : std::string(ToString(moved.error().code)) + ": " + moved.error().message;
  }
  Experiment& definition() { return now.entities.experiments[0].definition; }
  const ExperimentState& state() { return now.entities.experiments[0].state; }
  Targeting& targeting() { return now.entities.flags[0].definition.environments[0]; }
  std::string Default() { return std::get<FixedServe>(targeting().default_serve->serve).variation; }
  std::optional<std::int64_t> HoursUntilStep() {
    const auto due = NextStepDue(definition(), state());
    return due ? std::optional((*due - time) / kHour) : std::nullopt;
  }
  void Ramped(std::vector<RampStep> steps) {
    ASSERT_EQ(Commit([&](Definitions& d) { d.entities.experiments[0].definition.ramp = std::move(steps); }), "");
  }

  Definitions now;
  std::int64_t time = kBegin;
};

TEST_F(ExperimentLifeTest, EveryMoveFromEveryStatusGoesByTheTable) {
  //                                       start      schedule   pause   resume   stop     conclude   rollback
  const std::vector<std::pair<State, std::vector<std::string>>> table = {
      {State::kDraft, {"running", "scheduled", "no", "no", "stopped", "no", "no"}},
      {State::kScheduled, {"running", "scheduled", "no", "no", "draft", "no", "no"}},
      {State::kRunning, {"running", "no", "paused", "running", "stopped", "concluded", "stopped"}},
      {State::kPaused, {"no", "no", "paused", "running", "stopped", "concluded", "stopped"}},
      {State::kStopped, {"running", "scheduled", "no", "no", "stopped", "concluded", "stopped"}},
      {State::kConcluded, {"no", "no", "no", "no", "no", "no", "no"}}};
  const auto order_of = [&](Move move) {
    ExperimentOrder order{.move = move};
    if (move == Move::kSchedule) order.at_ms = time + 1;
    return order;
  };
  const Definitions begin = now;
  for (const bool authored : {false, true}) {
    for (const auto& [from, row] : table) {
      for (std::size_t i = 0; i < std::size(kExperimentMoves); ++i) {
        const Move move = kExperimentMoves[i];
        SCOPED_TRACE(std::string(ToString(from)) + " " + std::string(ToString(move)) + (authored ? " authored" : ""));
        now = begin;
        if (authored) {
          Commit([](Definitions& d) { d.entities.experiments[0].definition.state = State::kDraft; });
        }
        if (from == State::kScheduled) Do(order_of(Move::kSchedule));
        if (from != State::kDraft && from != State::kScheduled) Do({.move = Move::kStart});
        if (from == State::kPaused) Do({.move = Move::kPause});
        if (from == State::kStopped) Do({.move = Move::kStop});
        if (from == State::kConcluded) Do({.move = Move::kConclude});
        ASSERT_EQ(state().status, from);
        const Definitions before = now;
        const std::string refused = Do(order_of(move));
        EXPECT_EQ(refused.empty() ? ToString(state().status) : "no", row[i]) << refused;
        if (!refused.empty()) {
          EXPECT_TRUE(refused.starts_with("conflict: experiment 'e' ") && refused.find("; ") != std::string::npos)
              << "says why, and the way out: " << refused;
        }
        // What the next commit of something else makes of it: nothing.
        const Definitions after = now;
        EXPECT_EQ(Commit([](Definitions& d) { d.entities.flags[0].definition.description = "x"; }), "");
        EXPECT_EQ(now.entities.experiments, after.entities.experiments);
        EXPECT_EQ(definition().state.has_value(), authored) << "commands say nothing where nothing was authored";
        if (row[i] == ToString(from) && move != Move::kSchedule) {
          EXPECT_EQ(now.entities.experiments, before.entities.experiments) << "it is there already";
        }
      }
    }
  }
  EXPECT_EQ(ExperimentMoveFromString("rollback"), Move::kRollback);
  EXPECT_EQ(ExperimentMoveFromString("abort"), std::nullopt);
}

TEST_F(ExperimentLifeTest, WhatIsAuthoredAndWhatIsCommandedComeTogether) {
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.state = State::kRunning; }), "");
  ASSERT_EQ(Do({.move = Move::kPause}), "");
  EXPECT_EQ(definition().state, State::kPaused) << "so that the definition does not say what is not so";
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.state = State::kRunning; }), "");
  EXPECT_EQ(state().status, State::kRunning);
  EXPECT_EQ(state().iteration, 1u);
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  ASSERT_EQ(Do({.move = Move::kSchedule, .at_ms = time + kHour}), "");
  EXPECT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.owner = "cy"; }), "");
  EXPECT_EQ(state().status, State::kScheduled) << "until something else is authored";
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.state = State::kRunning; }), "");
  EXPECT_EQ(state().status, State::kRunning);
  EXPECT_EQ(state().scheduled_ms, std::nullopt);
  EXPECT_EQ(state().iteration, 2u);
}

TEST_F(ExperimentLifeTest, AnIterationKeepsWhenItBeganPausedAndEndedAndWhoDidIt) {
  ASSERT_EQ(Do({.move = Move::kStart}, "key:ana"), "");
  time += kHour;
  ASSERT_EQ(Do({.move = Move::kPause}, "key:ben"), "");
  time += kHour;
  ASSERT_EQ(Do({.move = Move::kResume}, "key:cy"), "");
  time += kHour;
  ASSERT_EQ(Do({.move = Move::kStop}, "key:dee"), "");
  time += kHour;
  ASSERT_EQ(Do({.move = Move::kStart}, "key:eva"), "");
  ASSERT_EQ(state().iterations.size(), 2u);
  const ExperimentIteration& first = state().iterations[0];
  EXPECT_EQ(first.number, 1u);
  EXPECT_EQ(first.salt, "e#1");
  EXPECT_EQ(first.unit, "account_id");
  EXPECT_EQ(first.weights, (std::vector<Weight>{{"control", 50'000}, {"one", 50'000}}));
  EXPECT_EQ(first.layer, "checkout");
  EXPECT_EQ(first.slots, (std::vector<BucketRange>{{0, 40'000}}));
  EXPECT_EQ(first.started_ms, kBegin);
  EXPECT_EQ(first.started_by, "key:ana");
  EXPECT_EQ(first.pauses, (std::vector<ExperimentPause>{{kBegin + kHour, kBegin + 2 * kHour, "key:ben"}}));
  EXPECT_EQ(first.ended_ms, kBegin + 3 * kHour);
  EXPECT_EQ(first.ended_by, "key:dee");
  EXPECT_EQ(state().iterations[1].started_by, "key:eva");
  EXPECT_EQ(state().iterations[1].ended_ms, std::nullopt);
  EXPECT_EQ(state().CurrentIteration(), &state().iterations[1]);
  // One that is stopped while it is paused ends its pause with it; archiving ends one, too.
  ASSERT_EQ(Do({.move = Move::kPause}), "");
  time += kHour;
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.archived = true; }, "key:fay"), "");
  EXPECT_EQ(state().iterations[1].pauses[0].to_ms, time);
  EXPECT_EQ(state().iterations[1].ended_by, "key:fay");
}

TEST_F(ExperimentLifeTest, WhatWasStartedByAnEarlierVersionIsLeftAsItIs) {
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  ExperimentState& old = now.entities.experiments[0].state;
  old.iterations.clear();
  const ExperimentState held = old;
  EXPECT_EQ(Commit([](Definitions& d) { d.entities.flags[0].definition.owner = "x"; }), "");
  EXPECT_EQ(state(), held);
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  EXPECT_TRUE(state().iterations.empty()) << "nobody knows when it began";
  EXPECT_NE(Do({.move = Move::kStart, .keeps_assignments = true}).find("did not write down"), std::string::npos);
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(state().iterations.at(0).number, 2u);
}

TEST_F(ExperimentLifeTest, AnIterationKeepsWhatItMeasuresAsItStoodAtItsStart) {
  Metric ordered;
  ordered.key = "ordered";
  ordered.event = "order";
  ordered.window = hours(72);
  ASSERT_EQ(Commit([&](Definitions& d) {
              d.entities.metrics.push_back({ordered, {}});
              Experiment& experiment = d.entities.experiments[0].definition;
              experiment.primary = PrimaryMetric{"ordered", std::nullopt, 2'000};
              experiment.secondary = {"ordered", "of_nobody"};
              experiment.force = {{{{"account_id", Value("qa-17")}}, "one"}};
            }),
            "");
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  const auto measured = [&](std::size_t i) -> const HeldPlan& { return state().iterations.at(i).measured; };
  ASSERT_TRUE(measured(0));
  EXPECT_EQ(measured(0)->metrics, std::vector<Metric>{ordered});
  EXPECT_TRUE(measured(0)->experiment.force.empty()) << "no units are kept with it";
  const MeasuredPlan at_start = *measured(0);

  const auto edit = [](Definitions& d) {
    d.entities.metrics[0].definition.window = hours(24);
    d.entities.experiments[0].definition.secondary.clear();
  };
  ASSERT_EQ(Commit(edit), "");
  EXPECT_EQ(*measured(0), at_start);
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  ASSERT_EQ(Commit([](Definitions& d) {
              std::vector<Variant>& variants = d.entities.experiments[0].definition.variants;
              std::swap(variants[0], variants[1]);
            }),
            "");
  EXPECT_EQ(*measured(0), at_start);
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(*measured(0), at_start);
  EXPECT_EQ(measured(1)->metrics.at(0).window, hours(24));
  EXPECT_EQ(measured(1)->experiment.variants.at(0).name, "one");
  // What evaluates is not told of it.
  const auto part = EnvironmentPart(EntityRecord(now.entities.experiments[0]), "production");
  EXPECT_TRUE(std::get<ExperimentRecord>(*part).state.iterations.empty());

  for (std::size_t i = 0; i < kMaxPlansKept; ++i) {
    ASSERT_EQ(Do({.move = Move::kStop}), "");
    ASSERT_EQ(Do({.move = Move::kStart}), "");
  }
  EXPECT_FALSE(measured(1));
  EXPECT_TRUE(measured(2)) << "of the newest ten";
}

TEST_F(ExperimentLifeTest, WhatAnOlderServerBeganIsKeptBeforeItsFirstEdit) {
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  now.entities.experiments[0].state.iterations[0].measured = {};  // as an older server left it
  const MeasuredPlan before = MeasuredPlanOf(definition(), now.entities);
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.tests.clear(); }), "");
  EXPECT_FALSE(state().iterations[0].measured) << "what nobody touched stays as it is";
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.secondary = {"of_nobody"}; }), "");
  ASSERT_TRUE(state().iterations[0].measured);
  EXPECT_EQ(*state().iterations[0].measured, before);
}

TEST_F(ExperimentLifeTest, ANewIterationHasFreshAssignmentsOrThoseOfBefore) {
  EXPECT_EQ(Do({.move = Move::kStart, .keeps_assignments = true}),
            "invalid: experiment 'e' has not run: there are no assignments to keep");
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  const ExperimentState first = state();
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  // Weights and slice may be others: nobody moves without need.
  ASSERT_EQ(Commit([](Definitions& d) {
              Experiment& e = d.entities.experiments[0].definition;
              e.variants[0].parts = 40'000;
              e.variants[1].parts = 60'000;
              e.layer->slice = 30'000;
            }),
            "");
  ASSERT_EQ(Do({.move = Move::kStart, .keeps_assignments = true}), "");
  EXPECT_EQ(state().iteration, 2u);
  EXPECT_EQ(state().salt, "e#1");
  EXPECT_EQ(MovedBuckets(first.arms, state().arms), 10'000u);
  EXPECT_EQ(state().slots, (std::vector<BucketRange>{{0, 30'000}}));
  EXPECT_FALSE(state().keeps_assignments);
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(state().salt, "e#3");
  EXPECT_EQ(state().arms, AllocateFirst({{"control", 40'000}, {"one", 60'000}}));

  ASSERT_EQ(Do({.move = Move::kStop}), "");
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.unit = "key"; }), "");
  EXPECT_NE(Do({.move = Move::kStart, .keeps_assignments = true}).find("had 'account_id'"), std::string::npos);
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.unit = "account_id"; }), "");
  // Somebody else has taken its slots meanwhile.
  ASSERT_EQ(Commit([](Definitions& d) {
              ExperimentRecord other = d.entities.experiments[0];
              other.definition.key = "other";
              other.definition.state = State::kRunning;
              other.state = {};
              d.entities.experiments.push_back(other);
            }),
            "");
  const std::string taken = Do({.move = Move::kStart, .keeps_assignments = true});
  EXPECT_TRUE(
      taken.starts_with("slots_taken: the slots that it had in layer 'checkout' are not free any more; held by "
                        "other 30%"))
      << taken;
  EXPECT_EQ(state().status, State::kStopped);
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(state().slots, (std::vector<BucketRange>{{30'000, 60'000}}));
}

TEST_F(ExperimentLifeTest, KeptSlotsGrowByWhatIsFree) {
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  ASSERT_EQ(Commit([](Definitions& d) { d.entities.experiments[0].definition.layer->slice = 50'000; }), "");
  ASSERT_EQ(Do({.move = Move::kSchedule, .at_ms = time + 1, .keeps_assignments = true}), "");
  EXPECT_TRUE(state().keeps_assignments);
  time += 1;
  ASSERT_EQ(Do({.move = Move::kStart, .keeps_assignments = true}), "");
  EXPECT_EQ(state().slots, (std::vector<BucketRange>{{0, 40'000}, {40'000, 50'000}}));
}

TEST_F(ExperimentLifeTest, ConcludingWritesTheWinnerIntoDefaultAndKeepsTheDecision) {
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(Do({.move = Move::kConclude, .winner = "two"}),
            "invalid: experiment 'e' has no variant 'two' to ship; it has control, one");
  time += kHour;
  ASSERT_EQ(Do({.move = Move::kConclude, .winner = "one", .decision = "+3 % orders"}, "key:ana"), "");
  EXPECT_EQ(Default(), "on");
  EXPECT_EQ(state().winner, "one");
  EXPECT_EQ(state().decision, "+3 % orders");
  EXPECT_EQ(state().concluded_ms, time);
  EXPECT_EQ(state().concluded_by, "key:ana");
  EXPECT_TRUE(state().slots.empty());
  EXPECT_EQ(state().iterations.back().ended_ms, time);
}

TEST_F(ExperimentLifeTest, WithoutAWinnerTheFlagStaysAndARuleServesTheWinnerInItsPlace) {
  Rule rule;
  rule.id = "eu";
  rule.serve = ExperimentServe{"e"};
  ASSERT_EQ(Commit([&](Definitions& d) { d.entities.flags[0].definition.environments[0].rules = {rule}; }), "");
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  const Definitions running = now;
  ASSERT_EQ(Do({.move = Move::kConclude}), "");
  EXPECT_EQ(now.entities.flags, running.entities.flags);
  now = running;
  ASSERT_EQ(Do({.move = Move::kRollback}), "");
  EXPECT_EQ(state().status, State::kStopped);
  EXPECT_EQ(targeting().rules.at(0).serve, Serve(FixedServe{"off"})) << "and not whatever the next rule serves";
  EXPECT_EQ(Default(), "off");
  now = running;
  ASSERT_EQ(Do({.move = Move::kConclude, .winner = "one"}), "");
  EXPECT_EQ(targeting().rules.at(0).serve, Serve(FixedServe{"on"}));
  EXPECT_EQ(Default(), "off");
}

TEST_F(ExperimentLifeTest, ARollbackIsTheControlForAll) {
  ASSERT_EQ(Commit([](Definitions& d) {
              d.entities.flags[0].definition.environments[0].default_serve = DefaultServe{FixedServe{"on"}, ""};
            }),
            "");
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  ASSERT_EQ(Do({.move = Move::kRollback}), "");
  EXPECT_EQ(state().status, State::kStopped);
  EXPECT_EQ(Default(), "off");
}

TEST_F(ExperimentLifeTest, WhatWasPlannedStaysWhileItRuns) {
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  const auto edit = [&](const std::function<void(Experiment&)>& change) {
    return Commit([&](Definitions& d) { change(d.entities.experiments[0].definition); });
  };
  EXPECT_EQ(edit([](Experiment& e) { e.plan = Plan{.alpha = 10'000}; }), "running_experiment plan");
  EXPECT_EQ(edit([](Experiment& e) {
              e.primary = PrimaryMetric{"orders", {}, {}};
            }),
            "running_experiment metrics.primary");
  EXPECT_EQ(edit([](Experiment& e) { e.guardrails = {{"errors", {}, BreachAction::kPause}}; }), "");
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  EXPECT_EQ(edit([](Experiment& e) { e.plan = Plan{.alpha = 10'000}; }), "");
}

TEST_F(ExperimentLifeTest, AStepOfTheRampIsDueWhenItsHoldIsOver) {
  Ramped({{1'000, hours(24), {}}, {10'000, hours(48), 5'000}, {kWhole, {}, {}}});
  EXPECT_EQ(HoursUntilStep(), std::nullopt) << "a draft";
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(HoursUntilStep(), 24);
  EXPECT_EQ(UnitsForNextStep(definition(), state()), 0u);
  // What counts is the time during which units were in it.
  time += 4 * kHour;
  ASSERT_EQ(Do({.move = Move::kPause}), "");
  EXPECT_EQ(HoursUntilStep(), std::nullopt);
  time += 100 * kHour;
  ASSERT_EQ(Do({.move = Move::kResume}), "");
  EXPECT_EQ(HoursUntilStep(), 20);
  const auto enable = [&](bool enabled) {
    return Commit([&](Definitions& d) { d.entities.flags[0].definition.environments[0].enabled = enabled; });
  };
  ASSERT_EQ(enable(false), "");
  EXPECT_EQ(HoursUntilStep(), std::nullopt);
  time += 100 * kHour;
  ASSERT_EQ(enable(true), "");
  EXPECT_EQ(HoursUntilStep(), 20);
  EXPECT_EQ(Ramp(RampMove::kPause), "");
  time += 100 * kHour;
  EXPECT_EQ(HoursUntilStep(), std::nullopt);
  EXPECT_EQ(Ramp(RampMove::kResume), "");
  EXPECT_EQ(HoursUntilStep(), 20);
  time += 20 * kHour;
  EXPECT_EQ(Ramp(RampMove::kStep), "");
  EXPECT_EQ(ShareOf(definition(), state()), 10'000u);
  EXPECT_EQ(HoursUntilStep(), 48) << "from when it was taken";
  EXPECT_EQ(UnitsForNextStep(definition(), state()), 5'000u);
  EXPECT_EQ(Ramp(RampMove::kFinish), "");
  EXPECT_EQ(ShareOf(definition(), state()), kWhole);
  EXPECT_EQ(HoursUntilStep(), std::nullopt);
  EXPECT_TRUE(Ramp(RampMove::kStep).starts_with("conflict: the ramp of experiment 'e' stands at its last step"));
  EXPECT_TRUE(Ramp(RampMove::kAbort).starts_with("conflict"));
  EXPECT_EQ(state().iterations.back().steps,
            (std::vector<TakenRampStep>{{1'000, kBegin}, {10'000, time}, {kWhole, time}}));
}

TEST_F(ExperimentLifeTest, AStepWithNeitherHoldNorUnitsWaitsForAHand) {
  Ramped({{1'000, {}, {}}, {kWhole, {}, {}}});
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(HoursUntilStep(), std::nullopt);
  EXPECT_EQ(Ramp(RampMove::kStep), "");
  EXPECT_EQ(ShareOf(definition(), state()), kWhole);
  ASSERT_EQ(Do({.move = Move::kStop}), "");
  EXPECT_TRUE(Ramp(RampMove::kStep).starts_with("conflict")) << "it does not run";
  Ramped({});
  EXPECT_TRUE(Ramp(RampMove::kStep).starts_with("not_found"));
}

TEST_F(ExperimentLifeTest, AnEditOfTheStepsLeavesEverybodyWhereTheNewOnesAllowIt) {
  Ramped({{1'000, hours(1), {}}, {10'000, hours(1), {}}, {kWhole, {}, {}}});
  ASSERT_EQ(Do({.move = Move::kStart}), "");
  EXPECT_EQ(Ramp(RampMove::kStep), "");
  time += kHour / 2;
  Ramped({{10'000, hours(2), {}}, {50'000, hours(1), {}}});
  EXPECT_EQ(ShareOf(definition(), state()), 10'000u);
  EXPECT_EQ(state().ramp_step, 0u);
  EXPECT_EQ(NextStepDue(definition(), state()), kBegin + 2 * kHour) << "its hold goes on";
  Ramped({{20'000, hours(2), {}}, {50'000, {}, {}}});
  EXPECT_EQ(ShareOf(definition(), state()), 20'000u) << "there is no smaller step";
  EXPECT_EQ(NextStepDue(definition(), state()), time + 2 * kHour);
  EXPECT_EQ(state().iterations.back().steps.back(), (TakenRampStep{20'000, time}));
  Ramped({});
  EXPECT_EQ(ShareOf(definition(), state()), kWhole);
}

TEST_F(ExperimentLifeTest, AFindingIsKeptOnceForEachIterationAndOccasion) {
  ExperimentState state;
  ExperimentFinding finding{.iteration = 1, .kind = "no_traffic", .occasion = "a"};
  EXPECT_TRUE(AddFinding(state, finding));
  finding.sentence = "again";
  EXPECT_FALSE(AddFinding(state, finding));
  finding.occasion = "b";
  EXPECT_TRUE(AddFinding(state, finding));
  finding.action = BreachAction::kPause;
  EXPECT_EQ(NewsOf(state, finding), FindingNews::kNew) << "more is to be done about it now";
  EXPECT_TRUE(AddFinding(state, finding));
  EXPECT_EQ(state.findings.size(), 2u) << "in place of what was done before";
  finding.action = BreachAction::kAlert;
  EXPECT_FALSE(AddFinding(state, finding)) << "less is nothing new";
  finding.iteration = state.iteration = 2;
  EXPECT_TRUE(AddFinding(state, finding));
  for (std::size_t i = 0; i < 2 * kMaxFindingsKept; ++i) {
    finding.occasion = std::to_string(i);
    EXPECT_TRUE(AddFinding(state, finding));
    EXPECT_LE(state.findings.size(), kMaxFindingsKept);
  }
  EXPECT_FALSE(AddFinding(state, finding)) << "of many silences the newest is known";
}

TEST_F(ExperimentLifeTest, WhatCanBeFoundAgainIsNotForgotten) {
  ExperimentState state;
  state.iteration = 1;
  const auto about = [&](std::size_t i, BreachAction action = BreachAction::kAlert) {
    return ExperimentFinding{
        .iteration = state.iteration, .kind = "guardrail_breached", .metric = std::to_string(i), .action = action};
  };
  for (std::size_t i = 0; i < kMaxFindingsKept; ++i) AddFinding(state, about(i));
  const ExperimentState full = state;
  EXPECT_EQ(state.findings.size(), kMaxFindingsKept - 1);
  EXPECT_FALSE(AddFinding(state, about(0)));
  EXPECT_EQ(NewsOf(state, about(kMaxFindingsKept)), FindingNews::kNoRoom);
  EXPECT_FALSE(AddFinding(state, about(kMaxFindingsKept)));
  const ExperimentFinding more{.iteration = 1, .kind = std::string(kMoreFound)};
  EXPECT_TRUE(AddFinding(state, more));
  EXPECT_FALSE(AddFinding(state, more)) << "once";
  // What acts has room at any time, and an alert that gave way for it does not come back.
  EXPECT_TRUE(AddFinding(state, about(1'000, BreachAction::kPause)));
  EXPECT_FALSE(AddFinding(state, about(1'000, BreachAction::kPause)));
  EXPECT_EQ(NewsOf(state, about(0)), FindingNews::kNoRoom);
  EXPECT_EQ(state.findings.size(), kMaxFindingsKept);
  // A record of before, which was full.
  ExperimentState old = full;
  old.findings.push_back(about(2'000));
  EXPECT_EQ(NewsOf(old, about(0)), FindingNews::kKnown);
  EXPECT_EQ(NewsOf(old, about(3'000)), FindingNews::kNoRoom);
  EXPECT_TRUE(AddFinding(old, more));
  EXPECT_EQ(old.findings.size(), kMaxFindingsKept);
  // The next iteration has all the room.
  state.iteration = 2;
  EXPECT_TRUE(AddFinding(state, about(0)));
  EXPECT_LE(state.findings.size(), kMaxFindingsKept);
}

}  // namespace
}  // namespace guidon
