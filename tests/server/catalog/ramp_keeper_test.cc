// Who takes the steps of ramps: when, how, and what may come in between.
#include "server/catalog/ramp_keeper.h"

#include "tests/server/catalog/catalog_fixture.h"

namespace guidon {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::string_view kFlag =
    R"({"type":"boolean","owner":"x","environments":{)"
    R"("production":{"enabled":true,"rules":[{"id":"beta","serve":"on","ramp":)"
    R"([{"at":"10%","hold":"1h"},{"at":"50%","hold":"1d"},{"at":"100%"}]}],"default":"off"},)"
    R"("staging":{"enabled":true,"rules":[{"id":"all","serve":"on","ramp":)"
    R"([{"at":"1%","hold":"90m"},{"at":"100%"}]}],"default":"off"}}})";

bool Never() {
  return false;
}

class RampKeeperTest : public ::testing::Test {
 protected:
  RampKeeperTest() {
    on_.MakeShop();
    on_.MustCommit({PutOf(Flag("checkout"), kFlag)});
  }

  // What was tried: "production 10% to 50%", and what came of it.
  std::string Take(bool good = true) {
    std::string tried;
    const RampReport report = [&](const RampStepAhead& step, const Result<Committed>& committed) {
      tried += (tried.empty() ? "" : ", ") + step.environment + " " + std::to_string(step.from / 1000) + " to " +
               std::to_string(step.to / 1000) + (committed ? "" : " " + std::string(ToString(committed.error().code)));
    };
    EXPECT_EQ(TakeDueSteps(on_.catalog(), on_.clock().now(), report, Never), good);
    return tried;
  }
  std::uint32_t At(const std::string& environment = "production", const std::string& rule = "beta") {
    return on_.Project().definitions.entities.FindFlag("checkout")->state.FindRamp(environment, rule)->at / 1000;
  }
  Result<Committed> Move(RampMove move, Precondition condition = {}) {
    return on_.catalog().MoveRamp({.project = "shop",
                                   .flag = "checkout",
                                   .environment = "production",
                                   .rule = "",
                                   .move = move,
                                   .condition = condition,
                                   .author = on_.author});
  }
  int ServedOf100(const std::string& environment) {
    int served = 0;
    for (int i = 0; i < 100; ++i) {
      const std::string context = R"({"key":"user-)" + std::to_string(i) + R"("})";
      served += on_.Served("checkout", context, environment) == "on" ? 1 : 0;
    }
    return served;
  }

  CatalogHarness on_{"rocksdb"};
};

TEST_F(RampKeeperTest, AStepIsOneRevisionOfTheSystemInItsEnvironmentOnly) {
  EXPECT_EQ(Take(), "") << "nothing is due";
  Follower staging(on_, "staging"), production(on_, "production");
  const Revision before = on_.head();
  const int had = ServedOf100("production");
  on_.clock().Move(hours(1));
  EXPECT_EQ(Take(), "production 10 to 50");
  EXPECT_EQ(on_.head(), before + 1);
  EXPECT_GT(ServedOf100("production"), had);
  const Result<AuditEntry> entry = on_.catalog().audit().Find(on_.head());
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->principal, "system:ramp");
  EXPECT_EQ(entry->action, "ramp.step");
  EXPECT_EQ(entry->environments, std::vector<std::string>{"production"});
  EXPECT_EQ(entry->comment, "rule beta in production: 10% to 50%");
  const Result<EntityHistory> history = on_.catalog().HistoryOf("shop", Flag("checkout"), 0, 1);
  ASSERT_TRUE(history && history->changes.at(0).change);
  EXPECT_EQ(
      history->changes[0].change->summary,
      std::vector<std::string>{"rule beta (production): ramp 10% → 50%; moves 40.000% of the units that reach it, "
                               "nobody else"});
  EXPECT_EQ(production.CatchUp(), "");
  EXPECT_EQ(staging.CatchUp(), "");
  const std::string sent = *on_.feed().Find({"shop", "production"})->Current(false).plain;
  EXPECT_NE(sent.find(R"("rollout":"50%")"), std::string::npos) << "SDKs see a rollout";
  EXPECT_EQ(sent.find("ramp"), std::string::npos) << sent;
}

TEST_F(RampKeeperTest, AfterALongStopOneStepIsTakenAndHeldForItsWholeTime) {
  const std::string before = on_.Everything();
  on_.Restart();
  EXPECT_EQ(on_.Everything(), before);
  on_.clock().Move(hours(24 * 30));
  on_.Restart();
  EXPECT_EQ(Take(), "production 10 to 50, staging 1 to 100") << "in the order in which they were due";
  on_.Restart();
  EXPECT_EQ(At(), 50u);
  EXPECT_EQ(At("staging", "all"), 100u);
  EXPECT_EQ(Take(), "");
  on_.clock().Move(hours(24) - minutes(1));
  EXPECT_EQ(Take(), "");
  on_.clock().Move(minutes(1));
  EXPECT_EQ(Take(), "production 50 to 100");
  EXPECT_TRUE(StepsAhead(*on_.catalog().View()).empty());
}

TEST_F(RampKeeperTest, WhoChangesTheFlagInBetweenWins) {
  on_.clock().Move(hours(1));
  const RampStepAhead seen = StepsAhead(*on_.catalog().View()).at(0);
  on_.MustCommit({PatchOf(Flag("checkout"), R"({"description":"another"})")});
  EXPECT_EQ(CodeOf(Move(RampMove::kStep, {.if_match = seen.revision})), ErrorCode::kStale);
  EXPECT_EQ(At(), 10u);
  EXPECT_EQ(Take(), "production 10 to 50") << "it looks again";
  // An edit that keeps the share keeps the rest, and applying what is there changes nothing.
  const Revision head = on_.head();
  on_.MustCommit({PutOf(Flag("checkout"), on_.DefinitionOf(Flag("checkout")))});
  EXPECT_EQ(on_.head(), head);
}

TEST_F(RampKeeperTest, TheKillSwitchAndAHandOnTheRampHoldIt) {
  on_.MustCommit({PatchOf(Flag("checkout"), R"({"environments":{"staging":null}})")});
  on_.clock().Move(minutes(30));
  on_.MustCommit({PatchOf(Flag("checkout"), R"({"environments":{"production":{"enabled":false}}})")});
  EXPECT_EQ(ServedOf100("production"), 0);
  on_.clock().Move(hours(100));
  EXPECT_EQ(Take(), "");
  on_.MustCommit({PatchOf(Flag("checkout"), R"({"environments":{"production":{"enabled":true}}})")});
  ASSERT_TRUE(Move(RampMove::kPause));
  on_.clock().Move(hours(100));
  on_.Restart();
  EXPECT_EQ(Take(), "");
  ASSERT_TRUE(Move(RampMove::kResume));
  on_.clock().Move(minutes(29));
  EXPECT_EQ(Take(), "");
  on_.clock().Move(minutes(1));
  EXPECT_EQ(Take(), "production 10 to 50");
  const Revision head = on_.head();
  ASSERT_TRUE(Move(RampMove::kAbort));
  EXPECT_EQ(on_.head(), head + 1);
  EXPECT_EQ(ServedOf100("production"), 0);
  ASSERT_TRUE(Move(RampMove::kAbort));
  EXPECT_EQ(on_.head(), head + 1) << "it is there already";
  ASSERT_TRUE(Move(RampMove::kFinish));
  EXPECT_EQ(ServedOf100("production"), 100);
}

TEST_F(RampKeeperTest, AHandOnARampIsAskedForItsEnvironmentEvenIfNobodyGetsAnotherAnswer) {
  std::vector<std::string> asked;
  const Permit refuse = [&](const Alteration& alteration) -> Status {
    asked = alteration.environments;
    return Fail(ErrorCode::kPermissionDenied, "no");
  };
  const Result<Committed> paused = on_.catalog().MoveRamp({.project = "shop",
                                                           .flag = "checkout",
                                                           .environment = "production",
                                                           .rule = "beta",
                                                           .move = RampMove::kPause,
                                                           .author = on_.author,
                                                           .permit = refuse});
  EXPECT_EQ(CodeOf(paused), ErrorCode::kPermissionDenied);
  EXPECT_EQ(asked, std::vector<std::string>{"production"});
  // And the steps that it will take are a matter of its environment, too.
  const Result<Committed> steps = on_.catalog().Commit(
      {.project = "shop",
       .edits = {PatchOf(Flag("checkout"),
                         R"({"environments":{"production":{"rules":[{"id":"beta","serve":"on","ramp":)"
                         R"([{"at":"10%","hold":"1m"},{"at":"100%"}]}]}}})")},
       .author = on_.author,
       .permit = refuse});
  EXPECT_EQ(CodeOf(steps), ErrorCode::kPermissionDenied);
  EXPECT_EQ(asked, std::vector<std::string>{"production"});
}

TEST_F(RampKeeperTest, AStepThatTheDiskLeavesInDoubtIsTakenOnce) {
  on_.clock().Move(hours(1));
  on_.doubtful().next = DoubtfulStore::Doubt::kLost;
  EXPECT_EQ(Take(false), "production 10 to 50 indeterminate");
  EXPECT_EQ(At(), 10u);
  on_.doubtful().next = DoubtfulStore::Doubt::kWritten;
  EXPECT_EQ(Take(false), "production 10 to 50 indeterminate");
  EXPECT_EQ(Take(), "") << "it is found when it is tried again, and the next one is not due";
  EXPECT_EQ(At(), 50u);
}

TEST_F(RampKeeperTest, TheKeeperSleepsUntilTheViewMovesOnOrAStepIsDue) {
  Mutex mutex;
  CondVar changed;
  int steps = 0;
  on_.clock().Move(hours(1));
  RampKeeper keeper(on_.catalog(), {.clock = on_.clock().Function(),
                                    .report = [&](const RampStepAhead&, const Result<Committed>& committed) {
                                      EXPECT_TRUE(committed);
                                      MutexLock lock(mutex);
                                      ++steps;
                                      changed.NotifyAll();
                                    }});
  const auto wait_for = [&](int count) {
    MutexLock lock(mutex);
    return changed.WaitFor(lock, std::chrono::seconds(30), [&] { return steps >= count; });
  };
  ASSERT_TRUE(wait_for(1)) << "what was due at the start";
  on_.clock().Move(minutes(30));
  keeper.Wake();
  ASSERT_TRUE(wait_for(2));
  EXPECT_EQ(At("staging", "all"), 100u);
}

}  // namespace
}  // namespace guidon
