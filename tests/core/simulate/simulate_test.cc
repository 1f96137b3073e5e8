// What a flag serves to many: counts of contexts that were given, shares of made-up units against the exact shares of
// buckets, and who moves.
#include "core/simulate/simulate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "tests/support/workspace.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;

std::vector<Context> Contexts(const std::vector<std::string>& texts) {
  std::vector<Context> contexts;
  for (const std::string& text : texts) contexts.push_back(Context::FromValue(Json(text)));
  return contexts;
}

Population Users(std::uint64_t units, std::uint64_t seed = 1) {
  return *DecodePopulation(Json(R"({"population": )" + std::to_string(units) + R"(, "seed": )" + std::to_string(seed) +
                                R"(, "key": "user-{n}", "attributes": {"country": {"weights": {"DE": 3, "US": 1}}}})"));
}

std::string Layout(const std::string& targeting) {
  return R"({"flag": "layout", "type": "string", "variations": {"multi": "m", "single": "s", "new": "n"},
             "environments": {"production": {"enabled": true, "off": "multi", )" +
         targeting + "}}}";
}

TEST(SimulateTest, SaysVariationsReasonsAndWhatDecided) {
  const auto ruleset = Compile(Workspace({BooleanFlag("pay", R"("rules": [{"when": {"country": "XX"}, "serve": "off"}],
                                                               "default": "on")"),
                                          Layout(R"("requires": [{"flag": "pay", "is": "on"}],
      "targets": {"single": ["a"], "new": ["b"]},
      "rules": [{"when": {"plan": "pro"}, "serve": "new"}, {"id": "staff", "when": {"staff": true}, "serve": "new"},
                {"when": {"plan": "team"}, "serve": "single"}],
      "default": "multi")")}));
  const Simulated simulated = Simulate({"layout", nullptr, *ruleset, 0},
                                       Contexts({R"({"key": "a"})", R"({"key": "b"})", R"({"key": "c", "plan": "pro"})",
                                                 R"({"key": "d", "staff": true})", R"({"key": "e", "plan": "team"})",
                                                 R"({"key": "f", "country": "XX"})", "{}", R"({"key": "g"})"}));
  EXPECT_EQ(simulated.units, 8u);
  EXPECT_THAT(simulated.after.variations,
              ElementsAre(CountedUnits{"multi", 3}, CountedUnits{"new", 3}, CountedUnits{"single", 2}));
  EXPECT_THAT(simulated.after.reasons, ElementsAre(CountedUnits{"TARGETING_MATCH", 5}, CountedUnits{"DEFAULT", 2},
                                                   CountedUnits{"PREREQUISITE_FAILED", 1}));
  EXPECT_THAT(simulated.after.decided,
              ElementsAre(DecidedUnits{"default", "multi", 2}, DecidedUnits{"requires", "multi", 1},
                          DecidedUnits{"rule 1", "new", 1}, DecidedUnits{"rule 3", "single", 1},
                          DecidedUnits{"rule staff", "new", 1}, DecidedUnits{"targets", "new", 1},
                          DecidedUnits{"targets", "single", 1}));
  EXPECT_FALSE(simulated.before);
  EXPECT_TRUE(simulated.moves.empty());
}

TEST(SimulateTest, WhatHasNoNameIsToldFromEachOther) {
  const auto decided = [](const std::string& targeting) {
    const auto ruleset = Compile(Workspace({BooleanFlag("pay", R"("default": "on")"), Layout(targeting)}));
    return Simulate({"layout", nullptr, *ruleset, 0},
                    Contexts({R"({"key": "a"})", R"({"key": "a", "plan": "pro"})", R"({"key": "c", "plan": "pro"})",
                              "{}", R"({"plan": "team"})", R"({"key": "d", "plan": "free"})"}))
        .after.decided;
  };
  const std::string head =
      R"("requires": [{"flag": "pay", "is": "on"}], "targets": {"single": ["a"]}, "default": "multi",)";
  EXPECT_THAT(decided(head + R"("rules": [{"id": "x", "when": {"plan": "free"}, "serve": "single"},
                                          {"when": {"plan": "pro"}, "serve": "single"}])"),
              ElementsAre(DecidedUnits{"default", "multi", 2}, DecidedUnits{"targets", "single", 2},
                          DecidedUnits{"rule 2", "single", 1}, DecidedUnits{"rule x", "single", 1}));
  EXPECT_THAT(decided(head + R"("rules": [{"when": {"plan": "free"}, "serve": "single"},
                                          {"id": "x", "when": {"plan": "team"}, "serve": "single"},
                                          {"when": {"plan": "pro"}, "serve": "single"}])"),
              ElementsAre(DecidedUnits{"targets", "single", 2}, DecidedUnits{"default", "multi", 1},
                          DecidedUnits{"rule 1", "single", 1}, DecidedUnits{"rule 3", "single", 1},
                          DecidedUnits{"rule x", "single", 1}));
}

TEST(SimulateTest, ErrorsDisabledFlagsAndExperimentsAreNamed) {
  const auto ruleset = Compile(Workspace(
      {BooleanFlag("half", R"("default": {"serve": {"on": "50%", "off": "50%"}})"),
       R"({"flag": "off", "type": "boolean", "environments": {"production": {"enabled": false}}})",
       BooleanFlag("page", R"("default": "off")"),
       R"({"experiment": "one", "flag": "page", "environment": "production", "unit": "key", "state": "running",
                     "qa": {"force": [{"key": "user-1", "variant": "new"}]},
                     "variants": {"old": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}})"}));
  const auto decided = [&](const char* flag, const std::vector<std::string>& texts) {
    return Simulate({flag, nullptr, *ruleset, 0}, Contexts(texts)).after.decided;
  };
  EXPECT_THAT(decided("half", {"{}"}), ElementsAre(DecidedUnits{"error TARGETING_KEY_MISSING", "", 1}));
  EXPECT_THAT(decided("off", {"{}"}), ElementsAre(DecidedUnits{"not enabled", "off", 1}));
  EXPECT_THAT(decided("gone", {"{}"}), ElementsAre(DecidedUnits{"error FLAG_NOT_FOUND", "", 1}));
  EXPECT_THAT(decided("page", {R"({"key": "user-1"})", "{}"}),
              ElementsAre(DecidedUnits{"default", "off", 1}, DecidedUnits{"experiment one: new, forced", "on", 1}));
  const Simulated many = Simulate({"page", nullptr, *ruleset, 0}, Users(1'000));
  EXPECT_EQ(many.after.decided.size(), 3u);
  EXPECT_TRUE(many.after.decided[0].by.starts_with("experiment one: ")) << many.after.decided[0].by;
}

// Frozen: what a seed has given once, it gives for ever.
TEST(SimulateTest, CountsOfASeedAreTheSameOnEveryMachine) {
  const auto ruleset = Compile(Workspace({Layout(R"("rules": [{"id": "de", "when": {"country": "DE"},
      "serve": {"single": "20%", "multi": "80%"}}], "default": "new")")}));
  const Simulated simulated = Simulate({"layout", nullptr, *ruleset, 0}, Users(10'000, 42));
  EXPECT_THAT(simulated.after.variations,
              ElementsAre(CountedUnits{"multi", 6037}, CountedUnits{"new", 2475}, CountedUnits{"single", 1488}));
}

TEST(SimulateTest, AChangeSaysWhoMovesFromWhatToWhat) {
  const auto before = Compile(Workspace({Layout(R"("rules": [{"id": "r", "when": {"country": "DE"}, "serve": "single"}],
                                                   "default": "multi")")}));
  const auto after =
      Compile(Workspace({Layout(R"("rules": [{"id": "r", "when": {"country": ["FR", "AT"]}, "serve": "new"}],
                                                  "default": "multi")")}));
  const Simulated simulated = Simulate(
      {"layout", before.get(), *after, 0},
      Contexts({R"({"country": "DE"})", R"({"country": "DE"})", R"({"country": "FR"})", R"({"country": "US"})"}));
  EXPECT_THAT(simulated.moves, ElementsAre(MovedUnits{"single", "multi", 2}, MovedUnits{"multi", "multi", 1},
                                           MovedUnits{"multi", "new", 1}));
  EXPECT_EQ(simulated.moved, 3u);
  EXPECT_EQ(simulated.revalued, 0u);
  ASSERT_TRUE(simulated.before);
  EXPECT_EQ(simulated.before->UnitsOf("single"), 2u);
  EXPECT_EQ(simulated.after.UnitsOf("single"), 0u);
}

TEST(SimulateTest, AVariationWithAnotherValueIsNoMoveButCounted) {
  const auto flag = [](const char* value) {
    return Compile(Workspace({std::string(R"({"flag": "n", "type": "number", "variations": {"v": )") + value +
                              R"(}, "environments": {"production": {"enabled": true, "default": "v"}}})"}));
  };
  const auto before = flag("1"), after = flag("2");
  const Simulated simulated = Simulate({"n", before.get(), *after, 0}, Users(10));
  EXPECT_EQ(simulated.moved, 0u);
  EXPECT_EQ(simulated.revalued, 10u);
}

TEST(SimulatePropertyTest, SharesOfAPopulationAreThoseOfTheBuckets) {
  constexpr std::uint64_t kSeed = 20270403, kUnits = 10'000;
  std::cout << "seeds from " << kSeed << "\n";
  for (std::uint64_t seed = kSeed; seed < kSeed + 12; ++seed) {
    // A split of three, and a rollout of it to a part: shares that follow from the seed.
    const std::uint64_t first = 1 + seed * 7 % 60, second = 1 + seed * 13 % 30, rollout = 1 + seed * 31 % 100;
    const std::string share = std::to_string(first), other = std::to_string(second);
    const std::string rest = std::to_string(100 - first - second);
    const auto ruleset =
        Compile(Workspace({R"({"flag": "f)" + std::to_string(seed) +
                           R"(", "type": "string", "variations": {"a": "a", "b": "b", "c": "c", "d": "d"},
             "environments": {"production": {"enabled": true, "rules": [{"id": "r", "when": {"country": "DE"},
               "serve": {"a": ")" +
                           share + R"(%", "b": ")" + other + R"(%", "c": ")" + rest + R"(%"},
               "rollout": ")" +
                           std::to_string(rollout) + R"(%"}], "default": "d"}}})"}));
    const Simulated simulated = Simulate({"f" + std::to_string(seed), nullptr, *ruleset, 0}, Users(kUnits, seed));
    const double taken = 0.75 * static_cast<double>(rollout) / 100;  // 3 of 4 are of DE
    const auto expect = [&](const char* variation, double p) {
      EXPECT_NEAR(static_cast<double>(simulated.after.UnitsOf(variation)), kUnits * p,
                  5 * std::sqrt(kUnits * p * (1 - p)) + 1)
          << variation << ", seed " << seed;
    };
    expect("a", taken * static_cast<double>(first) / 100);
    expect("b", taken * static_cast<double>(second) / 100);
    expect("d", 1 - taken);
    EXPECT_EQ(simulated.after.UnitsOf("a") + simulated.after.UnitsOf("b") + simulated.after.UnitsOf("c") +
                  simulated.after.UnitsOf("d"),
              kUnits);
  }
}

}  // namespace
}  // namespace guidon
