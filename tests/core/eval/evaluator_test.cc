// The order of an evaluation, experiments with what they expose, explanations, and contexts of every shape.
#include "core/eval/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/core_door.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Outcome AskFor(const Ruleset& ruleset, const std::string& flag, const std::string& context,
               const std::string& type = "") {
  ExperimentSink sink;
  const Question question{flag, type, Json(context), 0};
  return AskWith(ruleset, question, Context::FromValue(question.context), sink);
}

std::string Words(const Outcome& outcome) {
  std::string words = outcome.reason;
  for (const std::string& word :
       {outcome.error, outcome.variation, outcome.rule, outcome.experiment, outcome.variant}) {
    if (!word.empty()) words += " " + word;
  }
  return words + (outcome.forced ? " forced" : "");
}

std::string Exposed(const Outcome& outcome) {
  std::string text;
  for (const OutcomeExposure& exposure : outcome.exposures) {
    text += (text.empty() ? "" : ", ") + exposure.experiment + " " + exposure.role +
            (exposure.variant.empty() ? "" : " " + exposure.variant) + (exposure.forced ? " forced" : "");
  }
  return text;
}

const std::string kFlag =
    R"({"flag": "layout", "type": "string", "variations": {"multi": "m", "single": "s", "new": "n"},
  "environments": {"production": {"enabled": true, "off": "multi",
    "requires": [{"flag": "payments", "is": "on"}],
    "targets": {"single": ["user-17"]},
    "rules": [{"id": "staff", "when": {"email": {"ends_with": "@shop.example"}}, "serve": "new"},
              {"id": "beta", "when": {"beta": true}, "serve": "single", "rollout": "100%"},
              {"when": {"plan": "pro"}, "serve": {"single": "100%"}, "id": "split", "by": "account_id"}],
    "default": "multi"}}})";
const std::string kPayments =
    BooleanFlag("payments", R"("rules": [{"when": {"country": "XX"}, "serve": "off"}], "default": "on")");

TEST(EvaluatorTest, GoesThroughTheOrderOfTheDesign) {
  const auto ruleset = Compile(Workspace({kFlag, kPayments}));
  const auto answer = [&](const char* context, const char* type = "") {
    return Words(AskFor(*ruleset, "layout", context, type));
  };
  EXPECT_EQ(Words(AskFor(*ruleset, "gone", "{}", "bool")), "ERROR FLAG_NOT_FOUND");
  EXPECT_EQ(answer(R"({"key": "user-17"})", "bool"), "ERROR TYPE_MISMATCH");
  EXPECT_EQ(answer(R"({"key": "user-17", "country": "XX"})"), "PREREQUISITE_FAILED multi");
  EXPECT_EQ(answer(R"({"key": "user-17", "email": "a@shop.example"})"), "TARGETING_MATCH single");
  EXPECT_EQ(answer(R"({"key": "u", "email": "a@shop.example", "beta": true})"), "TARGETING_MATCH new staff");
  EXPECT_EQ(answer(R"({"key": "u", "beta": true})"), "SPLIT single beta");
  EXPECT_EQ(answer(R"({"beta": true})"), "DEFAULT multi") << "no unit: the next rule";
  EXPECT_EQ(answer(R"({"key": "u", "plan": "pro", "account_id": 7})"), "SPLIT single split");
  EXPECT_EQ(answer(R"({"key": "u", "plan": "pro"})"), "DEFAULT multi");
  EXPECT_EQ(answer("{}", "string"), "DEFAULT multi");
}

TEST(EvaluatorTest, ADisabledFlagServesOffAndIsNotMet) {
  const auto ruleset = Compile(Workspace(
      {R"({"flag": "s", "type": "string", "variations": {"a": "1"}, "environments": {"production": {"enabled": false}}})",
       R"({"flag": "b", "type": "boolean"})",
       R"({"flag": "t", "type": "string", "variations": {"a": "1", "z": "0"},
           "environments": {"production": {"enabled": false, "off": "z"}}})",
       BooleanFlag("needs", R"("requires": [{"flag": "b", "is": ["on", "off"]}], "default": "on")"),
       BooleanFlag("asks",
                   R"("rules": [{"when": {"flag": {"b": ["on", "off"]}}, "serve": "on"}], "default": "off")")}));
  EXPECT_EQ(Words(AskFor(*ruleset, "s", "{}", "string")), "DISABLED") << "null: the caller's fallback, and no error";
  EXPECT_FALSE(AskFor(*ruleset, "s", "{}").value.has_value());
  EXPECT_EQ(Words(AskFor(*ruleset, "s", "{}", "bool")), "ERROR TYPE_MISMATCH");
  EXPECT_EQ(Words(AskFor(*ruleset, "b", "{}")), "DISABLED off");
  EXPECT_EQ(Words(AskFor(*ruleset, "t", "{}")), "DISABLED z");
  EXPECT_EQ(Words(AskFor(*ruleset, "needs", "{}")), "PREREQUISITE_FAILED off");
  EXPECT_EQ(Words(AskFor(*ruleset, "asks", "{}")), "DEFAULT off");
}

TEST(EvaluatorTest, StaticIsAFlagThatServesOneThingToAll) {
  const auto reason = [](const std::string& targeting) {
    return AskFor(*Compile(Workspace({BooleanFlag("f", targeting)})), "f", R"({"key": "u"})").reason;
  };
  EXPECT_EQ(reason(R"("default": "on")"), "STATIC");
  EXPECT_EQ(reason(R"("targets": {"on": []}, "default": "on")"), "STATIC") << "nobody is targeted";
  EXPECT_EQ(reason(R"("targets": {"off": ["x"]}, "default": "on")"), "DEFAULT");
  EXPECT_EQ(reason(R"("rules": [{"when": {"a": 1}, "serve": "on"}], "default": "on")"), "DEFAULT");
  EXPECT_EQ(reason(R"("requires": [{"flag": "f2", "is": "on"}], "default": "on")"), "PREREQUISITE_FAILED");
  EXPECT_EQ(reason(R"("default": {"serve": {"on": "50%", "off": "50%"}})"), "SPLIT");
}

TEST(EvaluatorTest, ADefaultSplitWithoutAUnitSaysSo) {
  const auto ruleset = Compile(
      Workspace({BooleanFlag("f", R"("default": {"serve": {"on": "50%", "off": "50%"}, "by": "account_id"})")}));
  for (const char* none :
       {"{}", R"({"key": "u"})", R"({"account_id": ""})", R"({"account_id": 1.5})", R"({"account_id": true})",
        R"({"account_id": 9007199254740993})", R"({"account_id": -9007199254740993})", R"({"account_id": ["a"]})",
        R"({"account_id": {}})", R"({"account_id": 1e300})"}) {
    EXPECT_EQ(Words(AskFor(*ruleset, "f", none)), "ERROR TARGETING_KEY_MISSING") << none;
    EXPECT_EQ(Words(AskFor(*ruleset, "f", none, "string")), "ERROR TYPE_MISMATCH") << none;
  }
  EXPECT_EQ(AskFor(*ruleset, "f", R"({"account_id": 7})").variation,
            AskFor(*ruleset, "f", R"({"account_id": "7"})").variation);
  EXPECT_EQ(AskFor(*ruleset, "f", R"({"account_id": 7.0})").variation,
            AskFor(*ruleset, "f", R"({"account_id": "7"})").variation);
  EXPECT_EQ(AskFor(*ruleset, "f", R"({"account_id": 9007199254740992})").reason, "SPLIT");
}

TEST(EvaluatorTest, AnIntIsAWholeNumber) {
  const auto number = [](const char* value, const char* type) {
    const auto ruleset =
        Compile(Workspace({R"({"flag": "n", "type": "number", "variations": {"v": )" + std::string(value) +
                           R"(}, "environments": {"production": {"enabled": true, "default": "v"}}})"}));
    return Words(AskFor(*ruleset, "n", "{}", type));
  };
  EXPECT_EQ(number("3", "int"), "STATIC v");
  EXPECT_EQ(number("3.0", "int"), "STATIC v");
  EXPECT_EQ(number("3.5", "int"), "ERROR TYPE_MISMATCH");
  EXPECT_EQ(number("3.5", "double"), "STATIC v");
  EXPECT_EQ(number("1e300", "int"), "ERROR TYPE_MISMATCH");
  EXPECT_EQ(number("3", "json"), "ERROR TYPE_MISMATCH");
}

TEST(EvaluatorTest, ASegmentExcludesBeforeItIncludesBeforeItAsks) {
  const auto ruleset = Compile(Workspace(
      {R"({"segment": "s", "include": ["in", "both"], "exclude": ["out", "both"], "when": {"plan": "pro"}})",
       R"({"segment": "t", "include": ["other"]})",
       BooleanFlag("f", R"("rules": [{"when": {"segment": ["s", "t"]}, "serve": "on"}], "default": "off")")}));
  const auto serves = [&](const char* context) { return AskFor(*ruleset, "f", context).variation; };
  EXPECT_EQ(serves(R"({"key": "in"})"), "on");
  EXPECT_EQ(serves(R"({"key": "both"})"), "off");
  EXPECT_EQ(serves(R"({"key": "out", "plan": "pro"})"), "off");
  EXPECT_EQ(serves(R"({"key": "x", "plan": "pro"})"), "on");
  EXPECT_EQ(serves(R"({"plan": "pro"})"), "on") << "without a key nobody is excluded";
  EXPECT_EQ(serves(R"({"key": "other"})"), "on");
  EXPECT_EQ(serves("{}"), "off");
}

// --- experiments
// -------------------------------------------------------------------------------------------------------

std::string Trial(const std::string& more) {
  return R"({"experiment": "trial", "flag": "layout", "environment": "production", "unit": "account_id",
             "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}, )" +
         more + "}";
}
const std::string kLayout = BooleanFlag("layout", R"("targets": {"on": ["vip"]}, "default": "off")");
const std::string kHoldout = R"({"holdout": "half-year", "unit": "account_id", "size": "50%"})";

TEST(ExperimentTest, ARunningOneTakesTheTrafficOfTheDefaultAndExposesIt) {
  const auto ruleset = Compile(Workspace({kLayout, Trial(R"("state": "running", "audience": {"country": "DE"})")}));
  const Outcome taken = AskFor(*ruleset, "layout", R"({"account_id": "a-1", "country": "DE"})");
  EXPECT_EQ(taken.reason, "SPLIT");
  EXPECT_EQ(taken.experiment, "trial");
  EXPECT_EQ(Exposed(taken), "trial assigned " + taken.variant);
  EXPECT_EQ(Exposed(AskFor(*ruleset, "layout", R"({"account_id": "a-1", "country": "FR"})")), "");
  EXPECT_EQ(Words(AskFor(*ruleset, "layout", R"({"account_id": "a-1", "country": "FR"})")), "DEFAULT off");
  EXPECT_EQ(Words(AskFor(*ruleset, "layout", R"({"country": "DE"})")), "DEFAULT off") << "no unit";
  const Outcome target = AskFor(*ruleset, "layout", R"({"key": "vip", "account_id": "a-1", "country": "DE"})");
  EXPECT_EQ(Words(target) + Exposed(target), "TARGETING_MATCH on") << "a target goes before, and exposes nothing";
  const Outcome wrong = AskFor(*ruleset, "layout", R"({"account_id": "a-1", "country": "DE"})", "string");
  EXPECT_EQ(Words(wrong) + Exposed(wrong), "ERROR TYPE_MISMATCH");
}

TEST(ExperimentTest, ForcingWorksInDraftRunningAndPausedAndGoesBeforeEverything) {
  const std::string force =
      R"("qa": {"force": [{"account_id": "qa", "variant": "new"}]}, "audience": {"country": "DE"})";
  for (const char* state : {"draft", "running"}) {
    const auto ruleset =
        Compile(Workspace({kLayout, kHoldout, Trial(R"("state": ")" + std::string(state) + "\", " + force)}));
    const Outcome forced = AskFor(*ruleset, "layout", R"({"key": "vip", "account_id": "qa"})");
    EXPECT_EQ(Words(forced), "TARGETING_MATCH on trial new forced") << state;
    EXPECT_EQ(Exposed(forced), "trial assigned new forced") << state;
  }
  Snapshot snapshot = Workspace({kLayout, Trial(R"("state": "running", )" + force)});
  for (const auto& [status, words] : {std::pair{ExperimentStatus::kPaused, "TARGETING_MATCH on trial new forced"},
                                      {ExperimentStatus::kStopped, "DEFAULT off"},
                                      {ExperimentStatus::kConcluded, "DEFAULT off"},
                                      {ExperimentStatus::kScheduled, "DEFAULT off"}}) {
    snapshot.entities.experiments[0].state.status = status;
    EXPECT_EQ(Words(AskFor(*Compile(snapshot), "layout", R"({"account_id": "qa"})")), words) << ToString(status);
  }
}

TEST(ExperimentTest, HeldOutUnitsSeeTheControlUntilTheHoldoutEnds) {
  Snapshot snapshot = Workspace({kLayout, kHoldout, Trial(R"("state": "running", "holdout": "half-year")")});
  const std::string held = R"({"account_id": "a-3"})", compared = R"({"account_id": "a-1"})";
  int held_out = 0, comparison = 0;
  for (int i = 0; i < 100; ++i) {
    const Outcome outcome = AskFor(*Compile(snapshot), "layout", R"({"account_id": "a-)" + std::to_string(i) + "\"}");
    ASSERT_FALSE(outcome.exposures.empty()) << "half is held out, half compared";
    if (outcome.exposures[0].role == "held_out") {
      EXPECT_EQ(Words(outcome), "DEFAULT off trial control");
      EXPECT_EQ(Exposed(outcome), "trial held_out control");
      ++held_out;
    } else {
      EXPECT_EQ(outcome.reason, "SPLIT");
      EXPECT_EQ(Exposed(outcome), "trial comparison, trial assigned " + outcome.variant);
      ++comparison;
    }
  }
  EXPECT_GT(held_out, 30);
  EXPECT_GT(comparison, 30);
  snapshot.entities.experiments[0].state.status = ExperimentStatus::kConcluded;
  int still_held = 0;
  for (int i = 0; i < 100; ++i) {
    const Outcome outcome = AskFor(*Compile(snapshot), "layout", R"({"account_id": "a-)" + std::to_string(i) + "\"}");
    still_held += outcome.experiment == "trial" ? 1 : 0;
    if (outcome.experiment.empty()) {
      EXPECT_EQ(Exposed(outcome), "trial comparison");
    }
  }
  EXPECT_EQ(still_held, held_out) << "on until the holdout ends";
  snapshot.entities.holdouts[0].definition.archived = true;
  EXPECT_EQ(Words(AskFor(*Compile(snapshot), "layout", held)), "DEFAULT off");
  EXPECT_EQ(Exposed(AskFor(*Compile(snapshot), "layout", compared)), "");
}

TEST(ExperimentTest, ARuleMayNameItAndGoesOnWhereItDoesNotTakeTheUnit) {
  const std::string flag =
      BooleanFlag("layout", R"("rules": [{"id": "here", "when": {"country": "DE"}, "experiment": "trial"},
                             {"id": "next", "when": {"country": "DE"}, "serve": "on"}], "default": "off")");
  const auto ruleset = Compile(Workspace({flag, Trial(R"("state": "running", "audience": {"plan": "pro"})")}));
  const Outcome taken = AskFor(*ruleset, "layout", R"({"account_id": "a-1", "country": "DE", "plan": "pro"})");
  EXPECT_EQ(taken.reason + " " + taken.rule + " " + taken.experiment, "SPLIT here trial");
  EXPECT_EQ(Words(AskFor(*ruleset, "layout", R"({"account_id": "a-1", "country": "DE"})")), "TARGETING_MATCH on next");
  EXPECT_EQ(Words(AskFor(*ruleset, "layout", R"({"account_id": "a-1", "plan": "pro"})")), "DEFAULT off")
      << "it runs where the rule says, and nowhere else";
}

TEST(ExperimentTest, ExperimentsOfOneLayerNeverShareAUnit) {
  const auto experiment = [](const std::string& key, const std::string& slice) {
    return R"({"experiment": ")" + key + R"(", "flag": "layout", "environment": "production", "unit": "account_id",
               "state": "running", "layer": {"name": "page", "slice": ")" +
           slice + R"("},
               "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}})";
  };
  const auto ruleset =
      Compile(Workspace({BooleanFlag("layout", R"("default": "off")"), R"({"layer": "page", "unit": "account_id"})",
                         experiment("one", "40%"), experiment("two", "30%")}));
  int one = 0, two = 0, none = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Outcome outcome = AskFor(*ruleset, "layout", R"({"account_id": )" + std::to_string(i) + "}");
    ASSERT_LE(outcome.exposures.size(), 1u);
    ++(outcome.experiment == "one" ? one : outcome.experiment == "two" ? two : none);
  }
  EXPECT_NEAR(one, 800, 90);
  EXPECT_NEAR(two, 600, 90);
  EXPECT_NEAR(none, 600, 90);
}

TEST(ExperimentTest, APrerequisitesExperimentIsExposedToo) {
  const auto ruleset = Compile(Workspace({BooleanFlag("layout", R"("default": "off")"), Trial(R"("state": "running")"),
                                          BooleanFlag("f", R"("requires": [{"flag": "layout", "is": ["on", "off"]}],
                                                               "default": "on")")}));
  EXPECT_THAT(Exposed(AskFor(*ruleset, "f", R"({"account_id": "a-1"})")), HasSubstr("trial assigned"));
}

// --- explanations
// ------------------------------------------------------------------------------------------------------

TEST(ExplainTest, TheTraceNamesEveryStepOnTheWay) {
  const auto ruleset = Compile(Workspace({kFlag, kPayments}));
  TraceSink trace;
  const Context context = Context::FromValue(Json(R"({"key": "u", "email": "x", "beta": true})"));
  const Decision decision = Evaluate(*ruleset, ruleset->Find("layout"), context, 0, trace);
  const Value described = DescribeDecision(*ruleset, "layout", decision, &trace);
  EXPECT_EQ(described.Find("value")->AsString(), "s");
  EXPECT_EQ(described.Find("reason")->AsString(), "SPLIT");
  EXPECT_EQ(described.Find("rule")->AsString(), "beta");
  std::vector<std::string> steps;
  for (const Value& step : described.Find("trace")->AsArray()) {
    const Value* rule = step.Find("rule");
    steps.push_back(step.Find("step")->AsString() + (rule == nullptr ? "" : " " + rule->AsString()));
  }
  EXPECT_THAT(steps, ElementsAre("test", "rule", "default", "flag", "requires", "targets", "test", "rule staff", "test",
                                 "rule beta"));
  EXPECT_EQ(DescribeDecision(*ruleset, "layout", decision, nullptr).Find("trace"), nullptr);
}

TEST(ExplainTest, EveryErrorHasASentence) {
  const auto ruleset =
      Compile(Workspace({kPayments, BooleanFlag("split", R"("default": {"serve": {"on": "100%"}})"),
                         BooleanFlag("bad", R"("rules": [{"when": {"a": {"matches": "("}}, "serve": "on"}],
                                                                 "default": "on")")}));
  const auto message = [&](const char* flag, std::optional<WantedType> wanted) {
    Decision decision = Evaluate(*ruleset, ruleset->Find(flag), Context(), 0);
    if (wanted) CheckType(*wanted, decision);
    return ErrorMessage(*ruleset, flag, decision);
  };
  EXPECT_EQ(message("payments", {}), "");
  EXPECT_EQ(message("gone", {}), "there is no flag 'gone'");
  const Decision misspelt = Evaluate(*ruleset, ruleset->Find("paymants"), Context(), 0);
  EXPECT_EQ(DescribeDecision(*ruleset, "paymants", misspelt, nullptr).Find("message")->AsString(),
            "there is no flag 'paymants'; did you mean 'payments'?");
  EXPECT_THAT(message("payments", WantedType::kString), HasSubstr("of type boolean"));
  EXPECT_THAT(message("split", {}), HasSubstr("splits by an attribute"));
  EXPECT_THAT(message("bad", {}), HasSubstr("not a regular expression"));
}

// --- any context
// -------------------------------------------------------------------------------------------------------

// A flag with every operator on `a` and `a.b.c`, none of which may mind what is there.
std::shared_ptr<const Ruleset> EveryOperator() {
  std::string any;
  for (const char* name : {"a", "a.b.c", "key"}) {
    for (const char* test :
         {R"("in": ["x", 7, 0.5, true])", R"("starts_with": "x")", R"("ends_with": "x")", R"("contains": ["x", "yy"])",
          R"("matches": "x{3}y")", R"("lt": -1e308)", R"("gt": 9223372036854775807)", R"("before": -62135596800000)",
          R"("after": "9999-12-31T23:59:59Z")", R"("semver_eq": "1.2.3-x")",
          R"("in_cidr": ["10.0.0.0/31", "2001:db8::/127"])"}) {
      for (const char* fold : {"", R"(, "ignore_case": true)"}) {
        if (*fold != '\0' && std::string(test).find_first_of("xy") == std::string::npos) continue;
        if (*fold != '\0' && std::string(test).find("semver") != std::string::npos) continue;
        if (*fold != '\0' && std::string(test).find("cidr") != std::string::npos) continue;
        any += (any.empty() ? "" : ", ") + ("{\"" + std::string(name) + "\": {" + test + fold + "}}");
      }
    }
  }
  return Compile(Workspace({BooleanFlag("f", R"("rules": [{"when": {"any": [)" + any + R"(]}, "serve": "on"},
                                                          {"id": "r", "serve": {"on": "50%", "off": "50%"}, "by": "a",
                                                           "rollout": "0.001%"}],
                                                "default": "off")")}));
}

TEST(AnyContextTest, EveryEvaluationEndsWithAValueAndAReason) {
  const auto ruleset = EveryOperator();
  ASSERT_TRUE(ruleset->broken().empty()) << ruleset->broken()[0].reason;
  Value deep(7);
  for (int i = 0; i < 60; ++i) deep = i % 2 == 0 ? Value(Object{{"b", deep}}) : Value(Array{deep});
  const std::string invalid = "\xff\xfe\xc3\x28\xed\xa0\x80", nul("a\0b", 3), huge(1'000'000, 'X');
  const std::vector<Value> values = {Value(),
                                     Value(true),
                                     Value(std::numeric_limits<std::int64_t>::max()),
                                     Value(std::numeric_limits<std::int64_t>::min()),
                                     Value(std::numeric_limits<double>::quiet_NaN()),
                                     Value(std::numeric_limits<double>::infinity()),
                                     Value(-std::numeric_limits<double>::infinity()),
                                     Value(1e308),
                                     Value(-0.0),
                                     Value(5e-324),
                                     Value(""),
                                     Value(invalid),
                                     Value(nul),
                                     Value(huge),
                                     Value("9999-99-99T99:99:99Z"),
                                     Value("::::::::::::::::::::::::::::::::::::::::::::::::"),
                                     Value("1.2.3-" + huge),
                                     Value(Array{}),
                                     Value(Array{Value(), Value(invalid), deep, Value(1e308)}),
                                     Value(Object{}),
                                     Value(Object{{"b", Object{{"c", Value(invalid)}}}}),
                                     Value(Object{{"b", Object{{"c", Array{Value(), deep}}}}}),
                                     deep};
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const bool as_key : {false, true}) {
      Context context;
      context.Set("a", values[i]).Set("other", values[i]);
      if (as_key) context.SetKey(values[i].AsString());
      for (const std::int64_t now :
           {std::numeric_limits<std::int64_t>::min(), std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
        TraceSink trace;
        const Decision decision = Evaluate(*ruleset, ruleset->Find("f"), context, now, trace);
        ASSERT_EQ(decision.error, EvaluationError::kNone) << "value " << i;
        ASSERT_NE(decision.value(), nullptr) << "value " << i;
        ASSERT_FALSE(trace.steps.empty());
        ASSERT_EQ(Evaluate(*ruleset, ruleset->Find("f"), context, now).variation, decision.variation) << "value " << i;
      }
    }
  }
}

TEST(AnyContextTest, SlotsThatNobodyHasAreNotFound) {
  const auto ruleset = EveryOperator();
  for (const std::uint32_t slot : {1u, 2u, 1'000'000u, Ruleset::kNoSlot}) {
    EXPECT_EQ(Evaluate(*ruleset, slot, Context("u"), 0).error, EvaluationError::kFlagNotFound) << slot;
  }
}

}  // namespace
}  // namespace guidon
