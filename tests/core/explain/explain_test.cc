// Explanations: their words, and that they are the whole trace and agree with it, whatever the definitions are.
#include "core/explain/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <iostream>

#include "core/base/json.h"
#include "core/base/text.h"
#include "tests/support/random_environment.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;

class Asked {
 public:
  explicit Asked(const std::vector<std::string>& definitions)
      : snapshot_(Workspace(definitions)), ruleset_(Compile(snapshot_)) {}

  Explanation Of(const std::string& flag, const std::string& context) const {
    const Context asked = Context::FromValue(Json(context));
    TraceSink trace;
    const Decision decision = Evaluate(*ruleset_, ruleset_->Find(flag), asked, kNow, trace);
    return Explain({snapshot_, *ruleset_, asked}, flag, decision, trace);
  }
  std::string Text(const std::string& flag, const std::string& context, std::size_t room = 100) const {
    const Explanation explanation = Of(flag, context);
    return explanation.answer + "\nbecause " + explanation.because + "\n" + WrittenSteps(explanation, 0, room);
  }

 private:
  static constexpr std::int64_t kNow = 1'806'480'000'000;  // 2027-03-31T08:00:00Z
  const Snapshot snapshot_;
  const std::shared_ptr<const Ruleset> ruleset_;
};

const std::string kLayout =
    R"({"flag": "layout", "type": "string", "variations": {"multi": "m", "single": "single", "new": "n"},
  "environments": {"production": {"enabled": true, "off": "multi",
    "requires": [{"flag": "payments", "is": "on"}],
    "targets": {"single": ["user-17"]},
    "rules": [{"id": "staff", "when": {"email": {"ends_with": "@shop.example"}}, "serve": "new"},
              {"when": {"platform": ["ios", "android"], "app.version": {"semver_lt": "4.2.0"}}, "serve": "multi"},
              {"id": "eu", "when": {"segment": "eu", "not": {"plan": "trial"}}, "by": "account_id",
               "serve": {"single": "20%", "multi": "80%"}, "rollout": "50%"},
              {"id": "beta", "when": {"any": [{"beta": true}, {"orders": {"gte": 10}, "plan": ["pro", "team"]}]},
               "serve": "single"}],
    "default": "multi"}}})";
const std::string kPayments =
    BooleanFlag("payments", R"("rules": [{"id": "away", "when": {"country": "XX"}, "serve": "off"}], "default": "on")");
const std::string kEu = R"({"segment": "eu", "when": {"country": ["DE", "FR"]}, "exclude": ["user-9"]})";

const Asked& Shop() {
  static const Asked* const kShop = new Asked({kLayout, kPayments, kEu});
  return *kShop;
}

TEST(ExplainTest, SaysOfEachRuleInOrderWhatHeldOnWhichValue) {
  EXPECT_EQ(Shop().Text("layout", R"({"key": "u", "platform": "ios", "app": {"version": "4.3.0"}, "country": "DE",
                                      "account_id": "a2", "orders": 3, "plan": "pro"})"),
            R"(layout serves multi, "m"
because no rule decided, so the default does
yes  it requires that payments serves on
          payments serves on
          no   rule away does not apply
               no   country is "XX" (it is "DE")
          yes  the default serves on
no   targets: no list has the key "u"
no   rule staff does not apply
     no   email ends with "@shop.example" (there is none)
no   rule 2 does not apply
     yes  platform is one of "ios", "android" (it is "ios")
     no   app.version is below version "4.2.0" (it is "4.3.0")
no   rule eu applies, but not to this bucket
     yes  it is in the segment eu
          yes  country is one of "DE", "FR" (it is "DE")
     yes  not: plan is "trial" (it is "pro")
     no   account_id "a2" is in bucket 67231 of 100000, which is nobody's: multi has 0–39999 (40%)
          and single 80000–89999 (10%)
no   rule beta does not apply
     no   at least one of these
          no   beta is true (there is none)
          no   all of these
               no   orders is at least 10 (it is 3)
yes  the default serves multi
)");
}

TEST(ExplainTest, ASplitSaysTheBucketAndWhoseItIs) {
  const Explanation explanation = Shop().Of("layout", R"({"key": "u", "country": "FR", "account_id": "a1"})");
  EXPECT_EQ(
      explanation.because,
      R"(rule eu applies: account_id "a1" is in bucket 38335 of 100000, which is multi's: multi has 0–39999 (40%) )"
      "and single 80000–89999 (10%)");
  EXPECT_EQ(explanation.unasked, (std::vector<std::string>{"rule beta", "the default"}));
}

TEST(ExplainTest, WhatEndsEarlySaysWhatWasNotAskedAnyMore) {
  EXPECT_EQ(Shop().Text("layout", R"({"key": "user-17", "country": "XX"})"),
            R"(layout serves multi, "m"
because it requires that payments serves on, and it does not
no   it requires that payments serves on
          payments serves off
          yes  rule away applies, and serves off
               yes  country is "XX" (it is "XX")
     not asked any more: targets, rule staff, rule 2, rule eu, rule beta and the default
)");
  EXPECT_EQ(Shop().Text("layout", R"({"key": "user-17"})"),
            R"(layout serves single
because targets: the list of single has the key "user-17"
yes  it requires that payments serves on
          payments serves on
          no   rule away does not apply
               no   country is "XX" (there is none)
          yes  the default serves on
yes  targets: the list of single has the key "user-17"
     not asked any more: rule staff, rule 2, rule eu, rule beta and the default
)");
}

TEST(ExplainTest, AValueThatTheOperatorCannotLookAtIsSaidToBeNone) {
  const std::string text =
      Shop().Text("layout", R"({"key": "user-9", "platform": "ios", "app.version": "4.x", "country": "DE",
                                 "email": 7, "orders": "12"})");
  EXPECT_THAT(text,
              HasSubstr(R"(app.version is below version "4.2.0" (it is "4.x", which is no version such as 1.2.3))"));
  EXPECT_THAT(text, HasSubstr(R"(email ends with "@shop.example" (it is 7, which is no text))"));
  EXPECT_THAT(text, HasSubstr(R"(orders is at least 10 (it is "12", which is no number))"));
  EXPECT_THAT(text, HasSubstr("no   it is in the segment eu\n          no   it excludes the key \"user-9\"\n"));
}

TEST(ExplainTest, ErrorsAndDisabledFlagsSaySo) {
  EXPECT_EQ(Shop().Text("gone", "{}"), "gone serves the caller's fallback\nbecause there is no flag 'gone'\n");
  EXPECT_EQ(Shop().Of("layuot", "{}").because, "there is no flag 'layuot'; did you mean 'layout'?");
  const Asked others({R"({"flag": "off", "type": "boolean", "environments": {"production": {"enabled": false}}})",
                      BooleanFlag("half", R"("default": {"serve": {"on": "50%", "off": "50%"}})"),
                      BooleanFlag("all", R"("default": "on")")});
  EXPECT_EQ(others.Text("off", "{}"),
            "off serves off, false\nbecause the flag is not enabled in production\n"
            "no   the flag is not enabled in production\n");
  EXPECT_EQ(others.Text("half", "{}"),
            "half serves the caller's fallback\nbecause flag 'half' splits by an attribute that this context does not "
            "have, or not as text or a whole number\n"
            "no   the default finds no bucket for it\n     no   there is no key to tell a bucket by\n");
  EXPECT_EQ(others.Text("all", "{}"),
            "all serves on, true\nbecause it serves everybody the same\nyes  the default serves on\n");
}

TEST(ExplainTest, WhatNeverCountsIsSaidOfFlagsThatOthersWant) {
  const Asked shop({R"({"flag": "old", "type": "boolean", "environments": {"production": {"enabled": false}}})",
                    BooleanFlag("split", R"("default": {"serve": {"on": "50%", "off": "50%"}, "by": "account_id"})"),
                    BooleanFlag("without-old", R"("requires": [{"flag": "old", "is": "off"}], "default": "on")"),
                    BooleanFlag("with-split", R"("requires": [{"flag": "split", "is": "off"}], "default": "on")"),
                    BooleanFlag("with-gone", R"("requires": [{"flag": "gone", "is": "off"}], "default": "on")"),
                    BooleanFlag("asks", R"("rules": [{"when": {"flag": {"old": "off"}}, "serve": "on"},
                                                     {"when": {"flag": {"split": "off"}}, "serve": "on"},
                                                     {"when": {"flag": {"gone": "off"}}, "serve": "on"}],
                                           "default": "off")")});
  EXPECT_EQ(shop.Text("without-old", "{}"),
            R"(without-old serves off, false
because it requires that old serves off, but it is not enabled in production, which never counts
no   it requires that old serves off
          old serves off, but it is not enabled in production, which never counts
          no   the flag is not enabled in production
     not asked any more: the default
)");
  EXPECT_EQ(shop.Text("with-split", "{}"),
            R"(with-split serves off, false
because it requires that split serves off, and it serves nothing, which is an error
no   it requires that split serves off
          split serves nothing, which is an error
          no   the default finds no bucket for it
               no   there is no account_id to tell a bucket by
     not asked any more: the default
)");
  EXPECT_EQ(shop.Text("with-gone", "{}"),
            R"(with-gone serves off, false
because it requires that gone serves off, and there is no flag gone
no   it requires that gone serves off
          there is no flag gone
     not asked any more: the default
)");
  EXPECT_EQ(shop.Of("with-gone", "{}").steps.at(0).steps.at(0).data.Find("flag")->AsString(), "gone");
  EXPECT_EQ(shop.Text("asks", "{}", 120),
            R"(asks serves off, false
because no rule decided, so the default does
no   rule 1 does not apply
     no   old serves off (it serves off, but it is not enabled in production, which never counts)
          no   the flag is not enabled in production
no   rule 2 does not apply
     no   split serves off (it serves nothing, which is an error)
          no   the default finds no bucket for it
               no   there is no account_id to tell a bucket by
no   rule 3 does not apply
     no   gone serves off (there is no such flag)
yes  the default serves off
)");
}

TEST(ExplainTest, ARuleWhoseExperimentTakesNobodySaysWhy) {
  for (const auto& [state, said] : std::initializer_list<std::pair<std::string, std::string>>{
           {"draft", "is a draft"}, {"paused", "is paused"}, {"stopped", "is stopped"}}) {
    const Asked shop({BooleanFlag("page", R"("rules": [{"id": "new", "when": {"country": "DE"},
                                                        "experiment": "one"}], "default": "off")"),
                      R"({"experiment": "one", "flag": "page", "environment": "production", "unit": "account_id",
                          "state": ")" +
                          state + R"(", "variants": {"control": {"serves": "off", "weight": "50%"},
                                       "treatment": {"serves": "on", "weight": "50%"}}})"});
    EXPECT_THAT(shop.Text("page", R"({"account_id": "a1", "country": "DE"})"),
                HasSubstr("no   rule new applies, but its experiment one " + said + "\n"));
  }
}

TEST(ExplainTest, AUnitThatTellsNoBucketIsSaidToBeThere) {
  const Asked shop({BooleanFlag("page", R"("rules": [{"id": "new", "when": {"country": "DE"}, "by": "account_id",
                                                      "serve": {"on": "50%", "off": "50%"}}], "default": "off")")});
  for (const auto& [unit, said] : std::initializer_list<std::pair<std::string, std::string>>{
           {"1.5", "there is no account_id that is text or a whole number (it is 1.5)"},
           {"true", "there is no account_id that is text or a whole number (it is true)"},
           {R"(["a"])", R"(there is no account_id that is text or a whole number (it is ["a"]))"},
           {R"("")", "account_id is empty, so there is nothing to tell a bucket by"},
           {"null", "there is no account_id to tell a bucket by"}}) {
    EXPECT_THAT(shop.Text("page", R"({"country": "DE", "account_id": )" + unit + "}"),
                HasSubstr("no   rule new applies, but there is nothing to tell a bucket by\n"
                          "     yes  country is \"DE\" (it is \"DE\")\n     no   " +
                          said + "\n"));
  }
}

TEST(ExplainTest, AnExperimentSaysAudienceLayerHoldoutAndVariant) {
  const Asked shop({R"({"layer": "pages", "unit": "account_id"})",
                    R"({"holdout": "spring", "unit": "account_id", "size": "5%"})",
                    BooleanFlag("page", R"("default": "off")"),
                    R"({"experiment": "one", "flag": "page", "environment": "production", "unit": "account_id",
                        "state": "running", "audience": {"country": "DE"}, "layer": {"name": "pages", "slice": "40%"},
                        "holdout": "spring", "qa": {"force": [{"account_id": "qa", "variant": "treatment"}]},
                        "variants": {"control": {"serves": "off", "weight": "50%"},
                                     "treatment": {"serves": "on", "weight": "50%"}}})"});
  std::string all;
  for (int i = 0; i < 60; ++i) {
    all += shop.Text("page", R"({"account_id": "a)" + std::to_string(i) + R"(", "country": "DE"})") + "\n";
  }
  EXPECT_THAT(all, HasSubstr("because experiment one gave the unit treatment\n"
                             "yes  experiment one takes the unit: treatment\n"
                             "     yes  country is \"DE\" (it is \"DE\")\n"
                             "     yes  it is in its slice of layer pages\n"));
  EXPECT_THAT(all, HasSubstr(", not in its slice of layer pages\nyes  the default serves off\n"));
  EXPECT_THAT(all, HasSubstr("because experiment one holds the unit out: it sees what control sees\n"));
  EXPECT_THAT(all, HasSubstr(" of 100000, which holdout spring keeps\n"));
  EXPECT_THAT(shop.Text("page", R"({"account_id": "a1", "country": "US"})"),
              HasSubstr("no   experiment one does not take the unit: not in the audience\n"
                        "     no   country is \"DE\" (it is \"US\")\n"));
  EXPECT_THAT(shop.Text("page", R"({"account_id": "qa"})"),
              HasSubstr("because experiment one forces treatment upon this context\n"));
  EXPECT_THAT(shop.Text("page", R"({"country": "DE"})"), HasSubstr("there is no account_id to tell a bucket by"));
}

TEST(ExplainTest, NoLineIsLongerThanTheRoom) {
  const std::string text = WrittenSteps(
      Shop().Of("layout", R"({"key": "u", "platform": "ios", "country": "DE", "account_id": "a1"})"), 2, 60);
  for (std::size_t from = 0, end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
    EXPECT_LE(Width(text.substr(from, end - from)), 60u) << text.substr(from, end - from);
  }
  EXPECT_THAT(text, HasSubstr("\n            which is multi's: multi has 0–39999 (40%) and\n")) << text;
}

TEST(ExplainTest, DataHasTheTraceWithTheValuesThatWereLookedAt) {
  const Value data = ToValue(Shop().Of("layout", R"({"key": "u", "email": "ana@shop.example"})"));
  EXPECT_EQ(data.Find("answer")->AsString(), "layout serves new, \"n\"");
  const Array& steps = data.Find("steps")->AsArray();
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0], Json(R"json({"step": "requires", "index": 0, "result": true, "flag": "payments",
      "text": "it requires that payments serves on", "steps": [{"step": "flag", "at": 0, "flag": "payments",
        "variation": "on", "reason": "DEFAULT", "result": true, "text": "payments serves on", "steps": [
          {"step": "rule", "index": 0, "rule": "away", "what": "condition", "result": false,
           "text": "rule away does not apply", "steps": [{"step": "test", "at": 0, "attribute": "country",
             "operator": "in", "result": false, "operands": ["XX"], "text": "country is \"XX\" (there is none)"}]},
          {"step": "default", "index": 1, "what": "serves", "result": true, "text": "the default serves on"}]}]})json"));
  EXPECT_EQ(steps[2].Find("steps")->AsArray().at(0).Find("value")->AsString(), "ana@shop.example");
  EXPECT_EQ(data.Find("unasked")->AsArray().size(), 4u);
}

// --- whatever the definitions are -----------------------------------------------------------------------------------

std::size_t CountOf(const std::vector<ExplainedStep>& steps, const std::function<bool(const ExplainedStep&)>& is) {
  std::size_t count = 0;
  for (const ExplainedStep& step : steps) count += (is(step) ? 1 : 0) + CountOf(step.steps, is);
  return count;
}

bool IsOfTheTrace(const ExplainedStep& step) {
  const Value* kind = step.data.Find("step");
  return kind != nullptr && kind->AsString() != "group";
}

// Of a rule whose condition held, all that it asked; else the last thing, and it did not.
void ExpectConsistent(const std::vector<ExplainedStep>& steps, const std::string& what) {
  for (const ExplainedStep& step : steps) {
    const Value* said = step.data.Find("what");
    if (said != nullptr && !step.steps.empty()) {
      const bool fails = said->AsString() == "condition";
      for (std::size_t i = 0; i < step.steps.size(); ++i) {
        const bool is_condition = IsOfTheTrace(step.steps[i]) || step.steps[i].data.Find("step") != nullptr;
        if (!is_condition || step.steps[i].data.Find("experiment") != nullptr) continue;
        const bool is_last = fails && i + 1 == step.steps.size();
        EXPECT_EQ(step.steps[i].result, std::optional<bool>(!is_last))
            << step.text << ": " << step.steps[i].text << what;
      }
    }
    ExpectConsistent(step.steps, what);
  }
}

TEST(ExplainPropertyTest, EachStepOfTheTraceIsSaidOnceAndConditionsComeOutAsTheyDid) {
  constexpr std::uint64_t kSeed = 20270401;
  constexpr int kEnvironments = 100, kQuestions = 40;
  std::cout << "seeds from " << kSeed << "\n";
  std::size_t said = 0;
  for (std::uint64_t seed = kSeed; seed < kSeed + kEnvironments; ++seed) {
    RandomEnvironment environment(seed);
    const Snapshot& snapshot = environment.snapshot();
    const auto ruleset = Compile(snapshot, {nullptr, environment.undecodable()});
    for (int i = 0; i < kQuestions; ++i) {
      const Question question = environment.Ask();
      const Context context = Context::FromValue(question.context);
      TraceSink trace;
      const Decision decision = Evaluate(*ruleset, ruleset->Find(question.flag), context, question.now_ms, trace);
      const Explanation explanation = Explain({snapshot, *ruleset, context}, question.flag, decision, trace);
      const std::string what = "\nseed " + std::to_string(seed) + ", flag " + question.flag + ", context " +
                               ToJson(question.context) + "\n" + WrittenSteps(explanation, 0, 120);
      ASSERT_EQ(CountOf(explanation.steps, IsOfTheTrace), trace.steps.size()) << ToJson(Value(trace.steps)) << what;
      ExpectConsistent(explanation.steps, what);
      ASSERT_FALSE(::testing::Test::HasFailure());
      EXPECT_FALSE(explanation.because.empty());
      said += trace.steps.size();
    }
  }
  EXPECT_GT(said, 5'000u);
}

}  // namespace
}  // namespace guidon
