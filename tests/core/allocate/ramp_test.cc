// Ramps of rules: where they stand after edits, commands and time; and that nobody who has the new variation loses it.
#include "core/allocate/ramp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "core/allocate/allocate.h"
#include "core/allocate/ranges.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kStart = 1'798'761'600'000;  // 2027-01-01T00:00:00Z
constexpr std::int64_t kHour = 3'600'000;

Ramp Steps(std::vector<RampStep> steps) {
  return {std::move(steps), std::nullopt};
}
// 1% for an hour, 10% for a day, then all.
Ramp Usual() {
  return Steps({{1'000, 1h, {}}, {10'000, 24h, {}}, {kWhole, {}, {}}});
}

// A project with one flag, whose rule `beta` serves `on`; time is a number.
class Shop {
 public:
  explicit Shop(std::optional<Ramp> ramp, std::optional<std::uint32_t> rollout = std::nullopt) {
    definitions_.project = {"shop", "", {{"production", false, ""}}};
    FlagDefinition& flag = definitions_.entities.flags.emplace_back().definition;
    flag.key = "checkout";
    flag.variations = {{"on", true}, {"off", false}};
    Targeting& targeting = flag.environments.emplace_back();
    targeting.environment = "production";
    targeting.enabled = true;
    targeting.rules.push_back({"beta", std::nullopt, FixedServe{"on"}, rollout, "", std::move(ramp)});
    targeting.default_serve = DefaultServe{FixedServe{"off"}, ""};
    EXPECT_TRUE(AllocateStates(nullptr, definitions_, now).empty());
  }

  std::int64_t now = kStart;

  FlagRecord& record() { return definitions_.entities.flags[0]; }
  Targeting& targeting() { return record().definition.environments[0]; }
  Rule& rule() { return targeting().rules[0]; }
  const RampState& state() { return *record().state.FindRamp("production", "beta"); }

  template <typename Change>
  void Edit(Change change) {
    const Definitions before = definitions_;
    change(*this);
    EXPECT_TRUE(AllocateStates(&before, definitions_, now).empty());
  }
  void Enable(bool on) {
    Edit([on](Shop& shop) { shop.targeting().enabled = on; });
  }
  Status Move(RampMove move) { return MoveRamp(record(), "production", "", move, now); }
  // In hours from now; "never" when it stands still.
  std::string Due() {
    const auto due = NextStepDue(*rule().ramp, state());
    return due ? std::to_string((*due - now) / kHour) + "h" : "never";
  }
  // What the environment sees of the rule.
  std::uint32_t Served() {
    const auto part = EnvironmentPart(EntityRecord(record()), "production");
    const FlagRecord& flag = std::get<FlagRecord>(*part);
    const Rule& seen = flag.definition.environments[0].rules[0];
    EXPECT_FALSE(seen.ramp) << "evaluators know rollouts only";
    EXPECT_TRUE(flag.state.ramps.empty());
    return seen.rollout.value_or(kWhole);
  }

 private:
  Definitions definitions_;
};

TEST(RampTest, ANewRampBeginsWithItsFirstStepAndEachStepIsHeldFromWhenItWasTaken) {
  Shop shop(Usual());
  EXPECT_EQ(shop.Served(), 1'000u);
  EXPECT_EQ(shop.Due(), "1h");
  EXPECT_FALSE(shop.Move(RampMove::kStep)) << "it is not due";
  shop.now += 72 * kHour;  // nothing ran for three days
  ASSERT_TRUE(shop.Move(RampMove::kStep));
  EXPECT_EQ(shop.Served(), 10'000u) << "one step, however late";
  EXPECT_EQ(shop.Due(), "24h");
  EXPECT_FALSE(shop.Move(RampMove::kStep));
  shop.now += 24 * kHour;
  ASSERT_TRUE(shop.Move(RampMove::kStep));
  EXPECT_EQ(shop.Served(), kWhole);
  EXPECT_EQ(shop.Due(), "never");
  EXPECT_EQ(shop.Move(RampMove::kStep).error().code, ErrorCode::kConflict);
}

TEST(RampTest, UntilItsStartNobodyIsServed) {
  Ramp ramp = Usual();
  ramp.start_ms = kStart + 5 * kHour;
  Shop shop(ramp);
  EXPECT_EQ(shop.Served(), 0u);
  EXPECT_EQ(shop.Due(), "5h");
  shop.now += 4 * kHour;
  EXPECT_FALSE(shop.Move(RampMove::kStep));
  shop.now += 2 * kHour;
  ASSERT_TRUE(shop.Move(RampMove::kStep));
  EXPECT_EQ(shop.Served(), 1'000u);
  EXPECT_EQ(shop.Due(), "1h");
}

TEST(RampTest, TheHoldDoesNotCountWhileItIsPausedOrTheFlagIsOff) {
  Shop shop(Usual());
  shop.now += kHour / 2;
  shop.Enable(false);
  EXPECT_EQ(shop.Due(), "never");
  EXPECT_EQ(shop.state().held, 30min);
  shop.now += 10 * kHour;
  ASSERT_TRUE(shop.Move(RampMove::kPause));
  shop.Enable(true);
  EXPECT_EQ(shop.Due(), "never");
  shop.now += 10 * kHour;
  ASSERT_TRUE(shop.Move(RampMove::kResume));
  EXPECT_EQ(*NextStepDue(*shop.rule().ramp, shop.state()) - shop.now, kHour / 2);
  EXPECT_EQ(shop.Served(), 1'000u);
  const RampState held = shop.state();
  ASSERT_TRUE(shop.Move(RampMove::kResume)) << "it goes on already";
  EXPECT_EQ(shop.state(), held);
}

TEST(RampTest, AbortGoesBackToNobodyAndFinishToTheEnd) {
  Shop shop(Usual());
  shop.now += kHour;
  ASSERT_TRUE(shop.Move(RampMove::kStep));
  ASSERT_TRUE(shop.Move(RampMove::kAbort));
  EXPECT_EQ(shop.Served(), 0u);
  shop.now += 100 * kHour;
  EXPECT_EQ(shop.Due(), "never");
  ASSERT_TRUE(shop.Move(RampMove::kResume));
  EXPECT_EQ(shop.Due(), "0h");
  ASSERT_TRUE(shop.Move(RampMove::kStep));
  EXPECT_EQ(shop.Served(), 1'000u) << "from the first step on";
  ASSERT_TRUE(shop.Move(RampMove::kFinish));
  EXPECT_EQ(shop.Served(), kWhole);
  EXPECT_EQ(shop.Move(RampMove::kPause).error().code, ErrorCode::kConflict);
  EXPECT_EQ(shop.Move(RampMove::kResume).error().code, ErrorCode::kConflict);
  ASSERT_TRUE(shop.Move(RampMove::kAbort)) << "what is finished can still be taken back";
  EXPECT_EQ(shop.Served(), 0u);
}

TEST(RampTest, AnEditOfTheStepsLeavesEverybodyWhereTheyAre) {
  Shop shop(Usual());
  shop.now += kHour;
  ASSERT_TRUE(shop.Move(RampMove::kStep));
  const RampState held = shop.state();
  shop.now += 12 * kHour;
  shop.Edit([](Shop& s) { s.record().definition.description = "another"; });
  EXPECT_EQ(shop.state(), held);
  shop.Edit([](Shop& s) { s.rule().ramp = Steps({{10'000, 48h, {}}, {50'000, {}, {}}}); });
  EXPECT_EQ(shop.state(), held);
  EXPECT_EQ(shop.Due(), "36h") << "the hold began when the step was taken";
  // Without a step of that share: the one below it is in force.
  shop.Edit([](Shop& s) { s.rule().ramp = Steps({{5'000, 12h, {}}, {50'000, {}, {}}}); });
  EXPECT_EQ(shop.state(), held);
  EXPECT_EQ(shop.Due(), "0h");
  shop.Edit([](Shop& s) { s.rule().when = Condition(); });
  EXPECT_EQ(shop.state(), held);
  // Who lowers the end means it.
  shop.Edit([](Shop& s) { s.rule().ramp = Steps({{1'000, 1h, {}}, {5'000, {}, {}}}); });
  EXPECT_EQ(shop.Served(), 5'000u);
  EXPECT_EQ(shop.Due(), "never");
}

TEST(RampTest, ARampGoesOnFromARolloutAndBeginsAnewWhereTheRuleServesSomethingElse) {
  Shop shop(std::nullopt, 20'000);
  shop.Edit([](Shop& s) {
    s.rule().rollout.reset();
    s.rule().ramp = Usual();
  });
  EXPECT_EQ(shop.Served(), 20'000u) << "nobody loses it";
  EXPECT_EQ(shop.Due(), "24h");
  shop.Edit([](Shop& s) { s.rule().serve = FixedServe{"off"}; });
  EXPECT_EQ(shop.Served(), 1'000u);
  ASSERT_TRUE(shop.Move(RampMove::kFinish));
  shop.Edit([](Shop& s) { s.rule().by = "account_id"; });
  EXPECT_EQ(shop.Served(), 1'000u);
  shop.Edit([](Shop& s) { s.rule().ramp.reset(); });
  EXPECT_TRUE(shop.record().state.ramps.empty());
}

TEST(RampTest, AnErrorNamesTheRampsThatThereAre) {
  Shop shop(Usual());
  const auto said = [&](std::string_view environment, std::string_view rule) {
    return MoveRamp(shop.record(), environment, rule, RampMove::kPause, kStart).error().message;
  };
  EXPECT_EQ(said("production", "gamma"),
            "flag 'checkout' has no ramp on a rule 'gamma' in 'production'; there is 'beta'");
  EXPECT_EQ(said("staging", "beta"), "flag 'checkout' has no rule with a ramp in 'staging'");
  shop.Edit([](Shop& s) {
    s.targeting().rules.push_back({"rest", std::nullopt, FixedServe{"on"}, std::nullopt, "", Usual()});
  });
  EXPECT_EQ(said("production", ""),
            "flag 'checkout' has more than one ramp in 'production'; name the rule: 'beta', 'rest'");
}

// Whatever happens on the way but for an abort, who was served the new variation goes on being served it; also where
// the rule splits.
TEST(RampTest, OverAWholeRampNobodyWhoHasTheNewVariationLosesIt) {
  const char* given = std::getenv("GUIDON_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261129;
  std::printf("GUIDON_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  for (int history = 0; history < 50; ++history) {
    const auto random_steps = [&](std::uint32_t least) {
      std::vector<RampStep> steps;
      for (std::uint32_t at = 1 + below(5'000); at < kWhole; at += 1 + below(40'000)) {
        steps.push_back({at, std::chrono::hours(1 + below(48)), {}});
      }
      std::erase_if(steps, [&](const RampStep&) { return below(4) == 0; });
      steps.push_back({std::max(least, kWhole - below(3) * 10'000), {}, {}});
      std::erase_if(steps, [&](const RampStep& step) { return &step != &steps.back() && step.at >= steps.back().at; });
      return Steps(std::move(steps));
    };
    Shop shop(random_steps(0));
    if (below(2) == 0) {
      const std::uint32_t on = below(kWhole);
      shop.Edit([on](Shop& s) { s.rule().serve = SplitServe{{{"on", on}, {"off", kWhole - on}}}; });
    }
    std::vector<std::vector<BucketRange>> had;  // of each arm
    for (int event = 0; event < 60; ++event) {
      shop.now += below(30) * kHour;
      switch (below(6)) {
        case 0:
          shop.Edit([&](Shop& s) { s.rule().ramp = random_steps(s.state().at); });
          break;
        case 1:
          shop.Enable(below(2) == 0);
          break;
        case 2:
          static_cast<void>(shop.Move(below(2) == 0 ? RampMove::kPause : RampMove::kResume));
          break;
        default: {
          const auto due = NextStepDue(*shop.rule().ramp, shop.state());
          const std::uint32_t before = shop.state().at;
          const Status moved = shop.Move(RampMove::kStep);
          ASSERT_EQ(moved.has_value(), due && *due <= shop.now);
          ASSERT_EQ(shop.state().at > before, moved.has_value());
        }
      }
      std::vector<ArmRanges> arms = {{"on", {{0, kWhole}}}};
      if (std::holds_alternative<SplitServe>(shop.rule().serve)) {
        arms = shop.record().state.FindEnvironment("production")->splits.at(0).arms;
      }
      had.resize(arms.size());
      for (std::size_t arm = 0; arm < arms.size(); ++arm) {
        std::vector<BucketRange> has = FirstBuckets(arms[arm].ranges, shop.Served());
        for (const BucketRange& old : had[arm]) {
          ASSERT_TRUE(
              std::any_of(has.begin(), has.end(),
                          [&](const BucketRange& range) { return range.begin <= old.begin && old.end <= range.end; }))
              << "history " << history << ", event " << event << ", bucket " << old.begin;
        }
        had[arm] = std::move(has);
      }
    }
  }
}

}  // namespace
}  // namespace guidon
