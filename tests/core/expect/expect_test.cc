// Tests of a workspace: what is compared, what a failure says, matrices, places, and what is covered.
#include "core/expect/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

constexpr const char* kLayout = R"({
  "flag": "layout", "type": "string", "variations": {"old": "o", "new": "n", "beta": "b"},
  "environments": {"production": {"enabled": true, "off": "old",
    "requires": [{"flag": "payments", "is": "on"}],
    "targets": {"beta": ["user-17"]},
    "rules": [{"id": "staff", "when": {"email": {"ends_with": "@shop.example"}}, "serve": "new"},
              {"when": {"country": "NO"}, "serve": "old"},
              {"id": "ramp", "when": {"country": ["DE", "FR"]}, "serve": {"new": "20%", "old": "80%"}, "by": "account"},
              {"id": "some", "when": {"country": "US"}, "serve": "beta", "rollout": "10%"},
              {"id": "night", "when": {"now": {"after": "2027-06-01T00:00:00Z"}}, "serve": "beta"}],
    "default": "old"}}})";
constexpr const char* kPayments = R"({"flag": "payments", "type": "boolean", "environments": {"production":
  {"enabled": true, "rules": [{"id": "no-payments", "when": {"poor": true}, "serve": "off"}], "default": "on"}}})";
constexpr const char* kDraft = R"({
  "experiment": "one-page", "flag": "layout", "environment": "production", "state": "draft", "unit": "account",
  "audience": {"country": "SE"}, "layer": {"name": "checkout", "slice": "40%"}, "holdout": "held",
  "ramp": [{"at": "1%", "hold": "24h"}, {"at": "100%"}],
  "variants": {"control": {"serves": "old", "weight": "50%"}, "treatment": {"serves": "new", "weight": "50%"}},
  "qa": {"force": [{"account": "qa-17", "variant": "treatment"}]}})";

Definitions Shop() {
  Definitions shop;
  shop.project = DecodeProject(*ParseJson(R"({"project": "shop", "environments": {"production": {}}})")).value();
  for (const char* text : {kPayments, kLayout, R"({"layer": "checkout", "unit": "account"})",
                           R"({"holdout": "held", "unit": "account", "size": "5%"})", kDraft}) {
    shop.entities.Append(DecodeDefinition(*ParseJson(text)).value());
  }
  return shop;
}

FlagTest Of(const std::string& rest) {
  return DecodeFlagTest(*ParseJson(R"({"flag": "layout", "environment": "production", )" + rest + "}")).value();
}
FlagTest OfExperiment(const std::string& rest) {
  return DecodeFlagTest(*ParseJson(R"({"experiment": "one-page", )" + rest + "}")).value();
}

// The differences of the first case that fails; empty: the test passes.
std::vector<std::string> DifferencesOf(const FlagTest& test) {
  TestRunner runner(Shop(), kNow);
  const TestOutcome outcome = runner.Run(test);
  EXPECT_EQ(outcome.cases, 1u);
  return outcome.passed() ? std::vector<std::string>() : outcome.failures.front().differences;
}

TEST(ExpectTest, EachThingThatIsExpectedIsComparedAndNamed) {
  const std::string staff = R"("given": {"email": "a@shop.example"}, )";
  EXPECT_THAT(DifferencesOf(Of(staff + R"("expect": {"variation": "new", "value": "n", "reason": "TARGETING_MATCH",
                                                     "rule": "staff"})")),
              ElementsAre());
  EXPECT_THAT(DifferencesOf(Of(staff + R"("expect": "old")")), ElementsAre("variation is 'new', not 'old'"));
  EXPECT_THAT(
      DifferencesOf(Of(staff + R"("expect": {"value": 4, "reason": "SPLIT", "rule": "ramp"})")),
      ElementsAre("value is \"n\", not 4", "reason is 'TARGETING_MATCH', not 'SPLIT'", "rule is 'staff', not 'ramp'"));
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"key": "user-4"}, "expect": {"rule": "staff"})")),
              ElementsAre("rule is nothing, not 'staff'"));
}

TEST(ExpectTest, AFailureSaysWhatLedThere) {
  TestRunner runner(Shop(), kNow);
  const TestOutcome outcome = runner.Run(Of(R"("given": {"country": "NO"}, "expect": "new")"));
  ASSERT_EQ(outcome.failed, 1u);
  const FailedCase& failure = outcome.failures.front();
  EXPECT_THAT(failure.because, Contains("email ends_with: no"));
  EXPECT_THAT(failure.because, Contains("rule staff, condition: no"));
  EXPECT_THAT(failure.because, Contains("rule, serves: yes"));
  EXPECT_EQ(failure.explained.Find("variation")->AsString(), "old");
}

TEST(ExpectTest, TimeIsThatOfTheTestOrOfTheRun) {
  EXPECT_THAT(DifferencesOf(Of(R"("given": {}, "expect": "old")")), ElementsAre());
  EXPECT_THAT(DifferencesOf(Of(R"("given": {}, "now": "2027-06-02T00:00:00Z", "expect": {"rule": "night"})")),
              ElementsAre());
  TestRunner later(Shop(), 1'900'000'000'000);
  EXPECT_TRUE(later.Run(Of(R"("given": {}, "expect": {"rule": "night"})")).passed());
}

TEST(ExpectTest, APlaceStandsForWhateverUnitIsThere) {
  // Of a first allocation the first 80 % are those of the variation that the flag names first.
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "DE"}, "at": "0%", "expect": "old")")), ElementsAre());
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "DE"}, "at": "79.999%", "expect": "old")")), ElementsAre());
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "DE"}, "at": "80%", "expect": "new")")), ElementsAre());
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "US"}, "at": "9.999%", "expect": {"rule": "some"})")),
              ElementsAre());
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "US"}, "at": "10%", "expect": {"reason": "DEFAULT"})")),
              ElementsAre());
  // Without one the unit's own bucket counts, and without a unit nobody is in.
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "DE"}, "expect": {"variation": "old", "reason": "DEFAULT"})")),
              ElementsAre());
}

TEST(ExpectTest, AMatrixIsEveryCombination) {
  TestRunner runner(Shop(), kNow);
  FlagTest test = Of(R"("given": {"key": "user-4"}, "matrix": {"country": ["NO", "SE", "DE"], "beta": [true, false]},
                        "at": "85%", "expect": "old")");
  const TestOutcome outcome = runner.Run(test);
  EXPECT_EQ(outcome.cases, 6u);
  EXPECT_EQ(outcome.failed, 2u);
  ASSERT_EQ(outcome.failures.size(), 2u);
  EXPECT_EQ(ToJson(outcome.failures[0].given), R"({"key":"user-4","country":"DE","beta":true})");
  EXPECT_EQ(ToJson(outcome.failures[1].given), R"({"key":"user-4","country":"DE","beta":false})");
}

TEST(ExpectTest, OfManyFailuresTheFirstAreKept) {
  TestRunner runner(Shop(), kNow);
  FlagTest test = Of(R"("given": {}, "expect": "new")");
  test.matrix.push_back({"n", {}});
  for (int i = 0; i < 100; ++i) test.matrix.front().values.emplace_back(i);
  const TestOutcome outcome = runner.Run(test);
  EXPECT_EQ(outcome.failed, 100u);
  EXPECT_EQ(outcome.failures.size(), kMaxFailuresKept);
}

TEST(ExpectTest, AnExperimentIsTestedAsItRunsWithItsRampBehindIt) {
  // It is a draft, whose ramp would begin at 1 %; the unit would have to be in the slice and in no holdout.
  EXPECT_THAT(DifferencesOf(OfExperiment(R"("given": {"country": "SE"}, "at": "49.999%", "expect": "control")")),
              ElementsAre());
  EXPECT_THAT(DifferencesOf(OfExperiment(R"("given": {"country": "SE"}, "at": "50%", "expect": "treatment")")),
              ElementsAre());
  EXPECT_THAT(DifferencesOf(OfExperiment(R"("given": {"country": "US"}, "at": "50%", "expect": "treatment")")),
              ElementsAre("variant is 'none', not 'treatment'"));
  EXPECT_THAT(DifferencesOf(OfExperiment(R"("given": {"account": "qa-17"}, "expect": "treatment")")), ElementsAre());
  // Who reads the flag now is not in it.
  EXPECT_THAT(DifferencesOf(Of(R"("given": {"country": "NO", "account": "a"}, "at": "50%", "expect": "old")")),
              ElementsAre());
}

TEST(ExpectTest, AnExperimentsOwnTestsAreTheSame) {
  Definitions shop = Shop();
  const Experiment& experiment = shop.entities.FindExperiment("one-page")->definition;
  TestRunner runner(shop, kNow);
  ExperimentTest test;
  test.given = *ParseJson(R"({"country": "SE"})");
  test.at = 75'000;
  test.expect = "treatment";
  EXPECT_TRUE(runner.Run(experiment, test).passed());
  test.expect = "control";
  EXPECT_THAT(runner.Run(experiment, test).failures.front().differences,
              ElementsAre("variant is 'treatment', not 'control'"));
}

TEST(ExpectTest, AnExperimentThatCouldNotStartFailsItsTests) {
  Definitions shop = Shop();
  Experiment other = shop.entities.FindExperiment("one-page")->definition;
  other.key = "other";
  other.state = ExperimentStatus::kRunning;
  other.layer->slice = 70'000;
  shop.entities.Append(ExperimentRecord{other, {}});
  TestRunner runner(shop, kNow);
  const TestOutcome outcome = runner.Run(OfExperiment(R"("given": {"country": "SE"}, "expect": "control")"));
  ASSERT_EQ(outcome.failed, 1u);
  EXPECT_THAT(outcome.failures.front().differences, ElementsAre(HasSubstr("could not be started: ")));
}

// "flag in environment: place", of what is not covered.
std::vector<std::string> NotCovered(const TestRunner& runner) {
  std::vector<std::string> names;
  for (const DecidingPlace& place : runner.Coverage()) {
    if (place.is_covered) continue;
    names.push_back(place.flag + ": " + place.name + " " + place.path.ToText() + (place.is_enabled ? "" : ", off"));
  }
  return names;
}

TEST(ExpectTest, WhatNoTestHasSeenDecideIsNotCovered) {
  TestRunner runner(Shop(), kNow);
  EXPECT_THAT(NotCovered(runner), ElementsAre("payments: rule no-payments environments.production.rules[0]",
                                              "payments: default environments.production.default",
                                              "layout: requires payments environments.production.requires[0]",
                                              "layout: targets environments.production.targets",
                                              "layout: rule staff environments.production.rules[0]",
                                              "layout: rule 2 environments.production.rules[1]",
                                              "layout: rule ramp environments.production.rules[2]",
                                              "layout: rule some environments.production.rules[3]",
                                              "layout: rule night environments.production.rules[4]",
                                              "layout: default environments.production.default"));
  // A prerequisite that was asked on the way has decided nothing of its own.
  runner.Run(Of(R"("given": {"email": "a@shop.example"}, "expect": "new")"));
  runner.Run(Of(R"("given": {"key": "user-17"}, "expect": "beta")"));
  runner.Run(Of(R"("given": {"poor": true}, "expect": {"reason": "PREREQUISITE_FAILED"})"));
  runner.Run(Of(R"("given": {"country": "DE"}, "at": "80%", "expect": "new")"));
  runner.Run(Of(R"("given": {"key": "user-4"}, "expect": "old")"));
  EXPECT_THAT(NotCovered(runner), ElementsAre("payments: rule no-payments environments.production.rules[0]",
                                              "payments: default environments.production.default",
                                              "layout: rule 2 environments.production.rules[1]",
                                              "layout: rule some environments.production.rules[3]",
                                              "layout: rule night environments.production.rules[4]"));
}

TEST(ExpectTest, PlacesWhereAFlagIsNotEnabledAreToldAsSuch) {
  Definitions shop = Shop();
  FlagRecord payments = *shop.entities.FindFlag("payments");
  payments.definition.environments.at(0).enabled = false;
  shop.entities.Upsert(payments);
  TestRunner runner(shop, kNow);
  EXPECT_THAT(NotCovered(runner), Contains("payments: rule no-payments environments.production.rules[0], off"));
  EXPECT_THAT(NotCovered(runner), Contains("payments: default environments.production.default, off"));
  EXPECT_THAT(NotCovered(runner), Contains("layout: default environments.production.default"));
}

TEST(ExpectTest, AnExperimentOnTheDefaultIsAPlaceOfItsOwn) {
  Definitions shop = Shop();
  ExperimentRecord experiment = *shop.entities.FindExperiment("one-page");
  experiment.definition.state = ExperimentStatus::kRunning;
  experiment.definition.ramp.clear();
  experiment.definition.audience.reset();
  shop.entities.Upsert(experiment);
  TestRunner runner(shop, kNow);
  EXPECT_THAT(NotCovered(runner), Contains("layout: experiment one-page environments.production.default"));
  runner.Run(Of(R"("given": {"account": "a"}, "at": "75%", "expect": "new")"));
  EXPECT_THAT(NotCovered(runner), ::testing::Not(Contains(HasSubstr("experiment one-page"))));
  EXPECT_THAT(NotCovered(runner), Contains("layout: default environments.production.default"));
}

}  // namespace
}  // namespace guidon
