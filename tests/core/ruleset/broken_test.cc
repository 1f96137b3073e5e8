// Flags that cannot be evaluated: which they are, what is said about them, and that they disturb nobody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "core/validate/validate.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> BrokenKeys(const Ruleset& ruleset) {
  std::vector<std::string> keys;
  for (const BrokenFlag& flag : ruleset.broken()) keys.push_back(flag.key);
  return keys;
}

// "STATIC on", "ERROR PARSE_ERROR".
std::string Answer(const Ruleset& ruleset, const std::string& flag) {
  Context context("user-1");
  context.Set("country", "DE").Set("account_id", "a-1");
  const Decision decision = Evaluate(ruleset, ruleset.Find(flag), context, 0);
  const std::string what(decision.error == EvaluationError::kNone ? decision.variation_name()
                                                                  : ToString(decision.error));
  return std::string(ToString(decision.reason)) + " " + what;
}

std::string Requiring(const std::string& key, const std::string& other) {
  return BooleanFlag(key, R"("requires": [{"flag": ")" + other + R"(", "is": "on"}], "default": "on")");
}

const std::string kPlain = BooleanFlag("plain", R"("default": "on")");
const std::string kLayer = R"({"layer": "page", "unit": "account_id"})";
const std::string kHoldout = R"({"holdout": "half-year", "unit": "account_id", "size": "5%"})";

std::string ExperimentOn(const std::string& flag, const std::string& more) {
  return R"({"experiment": "trial", "flag": ")" + flag + R"(", "environment": "production", "unit": "account_id", )" +
         more + R"(, "variants": {"a": {"serves": "off", "weight": "50%"}, "b": {"serves": "on", "weight": "50%"}}})";
}

Undecodable Unreadable(EntityKind kind, const std::string& key, const std::string& flag = "") {
  return {{kind, key}, "unknown operator 'sounds_like'", flag};
}

TEST(BrokenFlagTest, AnExpressionThatIsNoneBreaksItsFlagAndNoOther) {
  const Snapshot snapshot =
      Workspace({kPlain, BooleanFlag("bad", R"("rules": [{"when": {"email": {"matches": "("}}, "serve": "on"}],
                                                "default": "off")")});
  const auto ruleset = Compile(snapshot);
  ASSERT_THAT(BrokenKeys(*ruleset), ElementsAre("bad"));
  EXPECT_THAT(std::string(ruleset->BrokenReason("bad")), HasSubstr("regular expression"));
  EXPECT_EQ(ruleset->BrokenReason("plain"), "");
  EXPECT_EQ(ruleset->BrokenReason("gone"), "");
  EXPECT_EQ(Answer(*ruleset, "bad"), "ERROR PARSE_ERROR");
  EXPECT_EQ(Answer(*ruleset, "plain"), "STATIC on");
  EXPECT_EQ(Answer(*ruleset, "gone"), "ERROR FLAG_NOT_FOUND");
  Decision decision = Evaluate(*ruleset, ruleset->Find("bad"), Context("u"), 0);
  CheckType(WantedType::kString, decision);
  EXPECT_EQ(decision.error, EvaluationError::kParseError) << "its type is not known to be wrong";
  EXPECT_THAT(ErrorMessage(*ruleset, "bad", decision), HasSubstr("regular expression"));
}

TEST(BrokenFlagTest, EveryOperandThatCannotBeCompiledIsAFault) {
  for (const char* when :
       {R"({"v": {"semver_gte": "4.2"}})", R"({"ip": {"in_cidr": "10.0.0.0/33"}})",
        R"({"ip": {"in_cidr": ["10.0.0.0/8", "shop"]}})", R"({"email": {"matches": ["a", "[z-a]"]}})"}) {
    const auto ruleset = Compile(Workspace(
        {BooleanFlag("f", R"("rules": [{"when": )" + std::string(when) + R"(, "serve": "on"}], "default": "off")")}));
    EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("f")) << when;
  }
}

TEST(BrokenFlagTest, AnExpressionBeyondItsBoundIsAFaultToValidationToo) {
  const auto flag = [](const std::string& pattern, bool ignore_case = false) {
    return BooleanFlag("f", R"("rules": [{"when": {"a": {"matches": ")" + pattern + R"(", "ignore_case": )" +
                                (ignore_case ? "true" : "false") + R"(}}, "serve": "on"}], "default": "off")");
  };
  const auto issues = [&](const std::string& pattern, bool ignore_case = false) {
    Definitions definitions;
    definitions.project = {"shop", "", {{"production", false, ""}}};
    definitions.entities.Append(*DecodeDefinition(Json(flag(pattern, ignore_case))));
    std::string text;
    for (const Issue& issue : Validate(definitions)) {
      if (issue.severity == Severity::kError) text += issue.message;
    }
    return text;
  };
  for (const char* fits : {".{1,100}", "[a-z]{1000}", R"(^(a|b|c)+@([a-z0-9-]+[.])+[a-z]{2,}$)"}) {
    EXPECT_THAT(BrokenKeys(*Compile(Workspace({flag(fits)}))), ElementsAre()) << fits;
    EXPECT_EQ(issues(fits), "") << fits;
  }
  for (const char* large : {"(.{1,30}x){30}", R"(\\pL{1,50})"}) {
    EXPECT_THAT(std::string(Compile(Workspace({flag(large)}))->BrokenReason("f")), HasSubstr("instructions")) << large;
    EXPECT_THAT(issues(large), HasSubstr("instructions")) << large;
  }
  // Folded, the class has letters of several bytes.
  EXPECT_THAT(std::string(Compile(Workspace({flag("[a-z]{1000}", true)}))->BrokenReason("f")),
              HasSubstr("instructions"));
  EXPECT_THAT(issues("[a-z]{1000}", true), HasSubstr("instructions"));
  EXPECT_THAT(std::string(Compile(Workspace({flag(R"((\\pL{1,30}x){20})")}))->BrokenReason("f")),
              HasSubstr("too large"));
}

TEST(BrokenFlagTest, AFaultReachesAllThatNeedsIt) {
  const auto ruleset = Compile(Workspace(
      {kPlain, R"({"segment": "s", "when": {"email": {"matches": "("}}})",
       R"({"segment": "t", "when": {"segment": "s"}})",
       BooleanFlag("by-segment", R"("rules": [{"when": {"segment": "t"}, "serve": "on"}], "default": "off")"),
       Requiring("by-requirement", "by-segment"),
       BooleanFlag("by-condition", R"("rules": [{"when": {"not": {"flag": {"by-requirement": "on"}}}, "serve": "on"}],
                                      "default": "off")")}));
  EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("by-condition", "by-requirement", "by-segment"));
  EXPECT_THAT(std::string(ruleset->BrokenReason("by-condition")), HasSubstr("segment 's'")) << "names what is at fault";
  EXPECT_EQ(Answer(*ruleset, "plain"), "STATIC on");
}

TEST(BrokenFlagTest, AMissingSegmentIsAFaultAndAMissingFlagIsNotMet) {
  const auto ruleset = Compile(Workspace(
      {BooleanFlag("needs-segment", R"("rules": [{"when": {"segment": "gone"}, "serve": "on"}], "default": "off")"),
       Requiring("needs-flag", "gone")}));
  EXPECT_EQ(Answer(*ruleset, "needs-segment"), "ERROR PARSE_ERROR");
  EXPECT_THAT(std::string(ruleset->BrokenReason("needs-segment")), HasSubstr("segment 'gone' is missing"));
  EXPECT_EQ(Answer(*ruleset, "needs-flag"), "PREREQUISITE_FAILED off");
}

TEST(BrokenFlagTest, CirclesAreBrokenWithAllThatLeansOnThem) {
  const auto ruleset = Compile(Workspace(
      {kPlain, Requiring("self", "self"), Requiring("a", "b"), Requiring("b", "a"), Requiring("outside", "a"),
       R"({"segment": "s", "when": {"flag": {"through-segment": "on"}}})",
       BooleanFlag("through-segment", R"("rules": [{"when": {"segment": "s"}, "serve": "on"}], "default": "off")")}));
  EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("a", "b", "outside", "self", "through-segment"));
  EXPECT_THAT(std::string(ruleset->BrokenReason("self")), HasSubstr("itself"));
  EXPECT_THAT(std::string(ruleset->BrokenReason("a")), HasSubstr("need each other"));
  EXPECT_EQ(Answer(*ruleset, "plain"), "STATIC on");
}

// f0 requires f1 requires f2 …
std::vector<std::string> Chain(int length) {
  std::vector<std::string> flags;
  for (int i = 0; i + 1 < length; ++i) flags.push_back(Requiring("f" + std::to_string(i), "f" + std::to_string(i + 1)));
  flags.push_back(BooleanFlag("f" + std::to_string(length - 1), R"("default": "on")"));
  return flags;
}

TEST(BrokenFlagTest, SixtyFourWithinEachOtherIsTheDeepest) {
  EXPECT_THAT(BrokenKeys(*Compile(Workspace(Chain(65)))), ElementsAre());
  EXPECT_EQ(Answer(*Compile(Workspace(Chain(65))), "f0"), "DEFAULT on");
  std::vector<std::string> flags = Chain(67);
  EXPECT_THAT(BrokenKeys(*Compile(Workspace(flags))), ElementsAre("f0", "f1"));
  std::reverse(flags.begin(), flags.end());
  EXPECT_THAT(BrokenKeys(*Compile(Workspace(flags))), ElementsAre("f0", "f1")) << "in whatever order they came";
}

TEST(BrokenFlagTest, AChainOfThousandsIsFoundWithoutASingleDeepCall) {
  const auto ruleset = Compile(Workspace(Chain(5'000)));
  EXPECT_EQ(ruleset->broken().size(), 5'000u - 65u);
  EXPECT_LT(ruleset->broken()[0].reason.size(), 300u);
  EXPECT_EQ(Answer(*ruleset, "f4990"), "DEFAULT on");
}

TEST(BrokenFlagTest, FlagsThatFanOutBeyondTheBoundAreBroken) {
  std::vector<std::string> flags;
  for (int i = 0; i < 40; ++i) {
    const std::string next = "f" + std::to_string(i + 1);
    flags.push_back(BooleanFlag("f" + std::to_string(i), R"("requires": [{"flag": ")" + next +
                                                             R"(", "is": "on"}, {"flag": ")" + next +
                                                             R"(", "is": ["on", "off"]}], "default": "on")"));
  }
  flags.push_back(BooleanFlag("f40", R"("default": "on")"));
  const auto ruleset = Compile(Workspace(flags));
  // f25 looks at 2^16 - 1 flags, f24 at 2^17 - 1.
  EXPECT_EQ(Answer(*ruleset, "f25"), "DEFAULT on");
  EXPECT_EQ(Answer(*ruleset, "f24"), "ERROR PARSE_ERROR");
  EXPECT_EQ(Answer(*ruleset, "f0"), "ERROR PARSE_ERROR");
}

TEST(BrokenFlagTest, AnAudienceCountsOnceForEveryRuleThatNamesItsExperiment) {
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    const std::string flag = "f" + std::to_string(i);
    const std::string experiment = "e" + std::to_string(i);
    texts.push_back(BooleanFlag(flag, R"("rules": [{"experiment": ")" + experiment + R"("}, {"experiment": ")" +
                                          experiment + R"("}], "default": "on")"));
    texts.push_back(R"({"experiment": ")" + experiment + R"(", "flag": ")" + flag +
                    R"(", "environment": "production", "unit": "account_id", "state": "running",
                        "audience": {"flag": {"f)" +
                    std::to_string(i + 1) + R"(": "off"}},
                        "variants": {"a": {"serves": "off", "weight": "50%"}, "b": {"serves": "on", "weight": "50%"}}})");
  }
  texts.push_back(BooleanFlag("f40", R"("default": "on")"));
  const auto ruleset = Compile(Workspace(texts));
  // As above: f25 looks at 2^16 - 1 flags, f24 at 2^17 - 1.
  ASSERT_THAT(std::string(ruleset->BrokenReason("f24")), HasSubstr("100000 flags"));
  ASSERT_EQ(ruleset->broken().size(), 25u);
  EXPECT_EQ(Answer(*ruleset, "f25"), "DEFAULT on");
}

TEST(BrokenFlagTest, AnUnreadableFlagIsListedAndBreaksWhatRequiresIt) {
  const auto ruleset =
      Compile(Workspace({kPlain, Requiring("a", "newer")}), {nullptr, {Unreadable(EntityKind::kFlag, "newer")}});
  EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("a", "newer"));
  EXPECT_EQ(Answer(*ruleset, "newer"), "ERROR PARSE_ERROR") << "there, and not FLAG_NOT_FOUND";
  EXPECT_EQ(ruleset->flag_count(), 3u);
}

TEST(BrokenFlagTest, AnUnreadableSegmentBreaksWhatNeedsIt) {
  const auto ruleset = Compile(
      Workspace(
          {kPlain, BooleanFlag("f", R"("rules": [{"when": {"segment": "newer"}, "serve": "on"}], "default": "off")")}),
      {nullptr, {Unreadable(EntityKind::kSegment, "newer")}});
  EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("f"));
  EXPECT_THAT(std::string(ruleset->BrokenReason("f")), HasSubstr("sounds_like"));
}

TEST(BrokenFlagTest, AnUnreadableExperimentBreaksTheFlagThatItNames) {
  const Snapshot snapshot = Workspace({kPlain, BooleanFlag("layout", R"("default": "on")")});
  const auto ruleset = Compile(snapshot, {nullptr, {Unreadable(EntityKind::kExperiment, "trial", "layout")}});
  EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("layout"));
  EXPECT_EQ(Answer(*ruleset, "layout"), "ERROR PARSE_ERROR") << "not its default, as if nothing ran";
  EXPECT_EQ(Answer(*ruleset, "plain"), "STATIC on");
  // A change that can be read, or takes it away, heals the flag; one that cannot breaks it again.
  const auto removed = ruleset->With({{}, {{EntityKind::kExperiment, "trial"}}}, {}, 2);
  EXPECT_EQ(Answer(*removed, "layout"), "STATIC on");
  const auto broken = removed->With({}, {Unreadable(EntityKind::kExperiment, "trial", "layout")}, 3);
  EXPECT_EQ(Answer(*broken, "layout"), "ERROR PARSE_ERROR");
  const EntityRecord readable =
      *Workspace({ExperimentOn("layout", R"("state": "running")")}).entities.Find({EntityKind::kExperiment, "trial"});
  EXPECT_THAT(Answer(*broken->With({{readable}, {}}, {}, 4), "layout"), HasSubstr("SPLIT"));
}

TEST(BrokenFlagTest, AnUnreadableExperimentBreaksTheFlagsWhoseRulesNameIt) {
  const Snapshot snapshot =
      Workspace({kPlain, BooleanFlag("f", R"("rules": [{"experiment": "trial"}], "default": "on")")});
  const auto ruleset = Compile(snapshot, {nullptr, {Unreadable(EntityKind::kExperiment, "trial")}});
  EXPECT_THAT(BrokenKeys(*ruleset), ElementsAre("f"));
}

TEST(BrokenFlagTest, AnUnreadableOrMissingLayerOrHoldoutBreaksTheFlagOfARunningExperiment) {
  const std::string flag = BooleanFlag("layout", R"("default": "on")");
  const std::string in_layer =
      ExperimentOn("layout", R"("state": "running", "layer": {"name": "page", "slice": "40%"})");
  const std::string held = ExperimentOn("layout", R"("state": "running", "holdout": "half-year")");
  Snapshot whole = Workspace({flag, kLayer, in_layer});
  EXPECT_THAT(BrokenKeys(*Compile(whole)), ElementsAre());
  whole.entities.layers.clear();
  EXPECT_THAT(std::string(Compile(whole)->BrokenReason("layout")), HasSubstr("layer 'page' is missing"));
  EXPECT_THAT(std::string(Compile(whole, {nullptr, {Unreadable(EntityKind::kLayer, "page")}})->BrokenReason("layout")),
              HasSubstr("sounds_like"));
  Snapshot with_holdout = Workspace({flag, kHoldout, held});
  EXPECT_THAT(BrokenKeys(*Compile(with_holdout)), ElementsAre());
  with_holdout.entities.holdouts.clear();
  EXPECT_THAT(std::string(Compile(with_holdout)->BrokenReason("layout")), HasSubstr("holdout 'half-year' is missing"));
  EXPECT_THAT(
      std::string(
          Compile(with_holdout, {nullptr, {Unreadable(EntityKind::kHoldout, "half-year")}})->BrokenReason("layout")),
      HasSubstr("sounds_like"));
}

TEST(BrokenFlagTest, AnExperimentThatDoesNotActDisturbsNobody) {
  const std::string flag = BooleanFlag("layout", R"("default": "on")");
  const std::string audience = R"("audience": {"email": {"matches": "("}})";
  for (const char* state : {"draft", "stopped"}) {
    const auto ruleset =
        Compile(Workspace({flag, ExperimentOn("layout", R"("state": ")" + std::string(state) + "\", " + audience)}));
    EXPECT_EQ(Answer(*ruleset, "layout"), "STATIC on") << state;
  }
  EXPECT_EQ(Answer(*Compile(Workspace({flag, ExperimentOn("layout", R"("state": "running", )" + audience)})), "layout"),
            "ERROR PARSE_ERROR");
}

TEST(BrokenFlagTest, AVariantThatTheFlagCannotServeIsHealedByAChangeOfTheFlag) {
  const auto flag_with = [](const std::string& variations) {
    return R"({"flag": "layout", "type": "string", "variations": )" + variations +
           R"(, "environments": {"production": {"enabled": true, "default": "on"}}})";
  };
  const std::string experiment = ExperimentOn("layout", R"("state": "running")");
  const auto ruleset = Compile(Workspace({flag_with(R"({"on": "1"})"), experiment}));
  EXPECT_THAT(std::string(ruleset->BrokenReason("layout")), HasSubstr("no variation 'off'"));
  const EntityRecord whole =
      *Workspace({flag_with(R"({"on": "1", "off": "0"})")}).entities.Find({EntityKind::kFlag, "layout"});
  EXPECT_THAT(Answer(*ruleset->With({{whole}, {}}, {}, 2), "layout"), HasSubstr("SPLIT"));
}

TEST(BrokenFlagTest, SplitsWithoutTheirRangesAreFaults) {
  const std::string split = BooleanFlag("f", R"("default": {"serve": {"on": "50%", "off": "50%"}})");
  Snapshot gap = Workspace({split});
  gap.entities.flags[0].state.environments[0].splits[0].arms[1].ranges[0].end -= 1;
  EXPECT_THAT(std::string(Compile(gap)->BrokenReason("f")), HasSubstr("leave buckets to nobody"));
  Snapshot none = Workspace({split});
  none.entities.flags[0].state = {};
  EXPECT_THAT(std::string(Compile(none)->BrokenReason("f")), HasSubstr("no ranges"));
  Snapshot running =
      Workspace({BooleanFlag("layout", R"("default": "on")"), ExperimentOn("layout", R"("state": "running")")});
  running.entities.experiments[0].state.arms.clear();
  EXPECT_THAT(std::string(Compile(running)->BrokenReason("layout")), HasSubstr("no ranges"));
}

}  // namespace
}  // namespace guidon
