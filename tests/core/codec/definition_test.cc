#include <gtest/gtest.h>

#include <limits>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/model/names.h"

namespace guidon {
namespace {

Value Json(std::string_view text) {
  Result<Value> value = ParseJson(text);
  EXPECT_TRUE(value) << value.error().message << "\n" << text;
  return value ? *value : Value();
}

// The flag of the specification, as canonical JSON.
constexpr std::string_view kCheckoutLayout =
    R"({"flag":"checkout.layout","type":"string","description":"One-page checkout","owner":"payments",)"
    R"("tags":["checkout"],"expires":"2027-03-31","client":true,)"
    R"("variations":{"multi_step":"multi","single_page":"single"},"environments":{"production":{"enabled":true,)"
    R"("off":"multi_step","requires":[{"flag":"payments.v2","is":"on"}],)"
    R"("targets":{"single_page":["user-17","user-23"]},"rules":[)"
    R"({"id":"staff","when":{"email":{"ends_with":"@shop.example"}},"serve":"single_page"},)"
    R"({"id":"eu-ramp","when":{"segment":"eu-web","app.version":{"semver_gte":"4.2.0"},"not":{"plan":"trial"}},)"
    R"("serve":{"single_page":"20%","multi_step":"80%"},"by":"account_id"},)"
    R"({"id":"beta","when":{"beta":true},"serve":"single_page","rollout":"10%"}],"default":"multi_step"}}})";

TEST(DefinitionTest, TheFlagOfTheSpecificationIsReadAndWrittenAsItStands) {
  const Result<FlagDefinition> flag = DecodeFlag(Json(kCheckoutLayout));
  ASSERT_TRUE(flag) << flag.error().message;
  const Rule& ramp = flag->environments.at(0).rules.at(1);
  EXPECT_EQ(std::get<SplitServe>(ramp.serve), (SplitServe{{{"single_page", 20'000}, {"multi_step", 80'000}}}));
  EXPECT_EQ(ramp.by, "account_id");
  EXPECT_EQ(flag->environments.at(0).rules.at(2).rollout, 10'000);
  EXPECT_EQ(ToJson(EncodeFlag(*flag)), kCheckoutLayout);
}

// --- what a fault says -----------------------------------------------------------------------------------------------

// The one issue of a flag whose environment `production` is `targeting`.
Issue OnlyIssue(std::string_view targeting) {
  const Result<FlagDefinition> flag = DecodeFlag(
      Json(R"({"flag":"search","type":"boolean","environments":{"production":)" + std::string(targeting) + "}}"));
  EXPECT_FALSE(flag) << targeting;
  if (flag) return {};
  EXPECT_EQ(flag.error().issues.size(), 1u) << flag.error().message;
  return flag.error().issues[0];
}

Issue OnlyIssueOfCondition(std::string_view condition) {
  const Result<Condition> decoded = DecodeCondition(Json(condition));
  EXPECT_FALSE(decoded) << condition;
  if (decoded) return {};
  EXPECT_EQ(decoded.error().issues.size(), 1u) << decoded.error().message;
  return decoded.error().issues[0];
}

TEST(FaultTest, AWordThatIsAlmostAKeyIsSuggested) {
  const Issue issue = OnlyIssue(R"({"enabled":true,"defualt":"on"})");
  EXPECT_EQ(issue.path.ToText(), "environments.production.defualt");
  EXPECT_EQ(issue.message, "unknown key 'defualt' in a flag's environment");
  EXPECT_EQ(issue.hint, "did you mean 'default'?");
  EXPECT_EQ(issue.entity, "flag search");
}

TEST(FaultTest, AKeyThatResemblesNoneIsAnsweredWithAllThatAreKnown) {
  EXPECT_EQ(OnlyIssue(R"({"percentage":10})").hint, "known here are enabled, off, requires, targets, rules, default");
}

TEST(FaultTest, TrueInPlaceOfAVariationAsksForOn) {
  EXPECT_EQ(OnlyIssue(R"({"requires":[{"flag":"payments.v2","is":true}]})").hint, "did you mean 'on'?");
  EXPECT_EQ(OnlyIssue(R"({"default":false})").hint, "did you mean 'off'?");
  EXPECT_EQ(OnlyIssue(R"({"rules":[{"serve":true}]})").hint, "did you mean 'on'?");
}

TEST(FaultTest, OnInPlaceOfTrueSaysSo) {
  const Issue issue = OnlyIssue(R"({"enabled":"on"})");
  EXPECT_EQ(issue.message, "expected true or false, found text 'on'");
  EXPECT_EQ(issue.hint, "write true");
}

TEST(FaultTest, APercentageWithoutItsSignIsShownWithIt) {
  const Issue issue = OnlyIssue(R"({"rules":[{"id":"a","serve":"on","rollout":10}]})");
  EXPECT_EQ(issue.message, "expected a percentage such as 20%, found number 10");
  EXPECT_EQ(issue.hint, "write 10%");
}

TEST(FaultTest, AVersionWithoutQuotesIsToBeQuoted) {
  const Issue issue = OnlyIssueOfCondition(R"({"app.version":{"semver_gte":4.10}})");
  EXPECT_EQ(issue.path.ToText(), R"(["app.version"].semver_gte)");
  EXPECT_EQ(issue.hint, "without quotes 4.10 is the number 4.1; quote it and write three parts");
}

TEST(FaultTest, NullIsAnsweredWithExists) {
  EXPECT_EQ(OnlyIssueOfCondition(R"({"country":null})").hint,
            "to ask whether an attribute is there, write { exists: false }");
}

TEST(FaultTest, ADayInAConditionIsShownWithAZone) {
  EXPECT_EQ(OnlyIssueOfCondition(R"({"joined":{"after":"2027-03-31"}})").hint,
            "a day has no zone; write 2027-03-31T00:00:00Z");
}

TEST(FaultTest, OperatorsOfHabitAreTranslated) {
  EXPECT_EQ(OnlyIssueOfCondition(R"({"plan":{"eq":"pro"}})").hint, "write the value itself: { plan: pro }");
  EXPECT_EQ(OnlyIssueOfCondition(R"({"plan":{"startswith":"p"}})").hint, "did you mean 'starts_with'?");
}

TEST(FaultTest, AMetricSaysWhatItsTypeNeedsAndHasNot) {
  const Result<Metric> metric = DecodeMetric(Json(R"({"metric":"m","type":"sum","event":"order","steps":[]})"));
  ASSERT_FALSE(metric);
  ASSERT_EQ(metric.error().issues.size(), 2u);
  EXPECT_EQ(metric.error().issues[0].hint, "a sum metric needs one");
  EXPECT_EQ(metric.error().issues[1].message, "a sum metric has no 'steps'");
}

TEST(FaultTest, LongTextsAreCutBetweenCharacters) {
  std::string text(59, 'x');
  text += "\u00e4\u00e4\u00e4";
  const Result<FlagDefinition> flag = DecodeFlag(Object{{"flag", "a"}, {"type", text}});
  ASSERT_FALSE(flag);
  EXPECT_EQ(flag.error().issues[0].message, "unknown type of flag '" + std::string(59, 'x') + "…'");
}

// --- bounds ----------------------------------------------------------------------------------------------------------

Value FlagWithTargets(std::size_t count, const Value& key) {
  Object targets{{"on", Array(count, key)}};
  Object production{{"targets", std::move(targets)}};
  return Object{
      {"flag", "search"}, {"type", "boolean"}, {"environments", Object{{"production", std::move(production)}}}};
}

TEST(BoundsTest, AHundredThousandTargetsAreReadAndNotOneMore) {
  EXPECT_TRUE(DecodeFlag(FlagWithTargets(kMaxList, "user-1")));
  const Result<FlagDefinition> flag = DecodeFlag(FlagWithTargets(kMaxList + 1, "user-1"));
  ASSERT_FALSE(flag);
  EXPECT_EQ(flag.error().issues[0].message, "100001 context keys; at most 100000 are allowed");
}

TEST(BoundsTest, FaultsBeyondAThousandAreCounted) {
  const Result<FlagDefinition> flag = DecodeFlag(FlagWithTargets(5'000, 17));
  ASSERT_FALSE(flag);
  ASSERT_EQ(flag.error().issues.size(), 1'001u);
  EXPECT_EQ(flag.error().issues.back().message, "4000 more faults are not listed");
}

TEST(BoundsTest, VariationsAndRulesHaveTheirs) {
  Object variations;
  for (std::size_t i = 0; i <= kMaxVariations; ++i) variations.Append("v" + std::to_string(i), "x");
  const Value rules = Array(kMaxRules + 1, Object{{"serve", "v0"}});
  const Result<FlagDefinition> flag =
      DecodeFlag(Object{{"flag", "a"},
                        {"type", "string"},
                        {"variations", std::move(variations)},
                        {"environments", Object{{"production", Object{{"rules", rules}}}}}});
  ASSERT_FALSE(flag);
  ASSERT_EQ(flag.error().issues.size(), 2u);
  EXPECT_EQ(flag.error().issues[0].message, "257 variations; at most 256 are allowed");
  EXPECT_EQ(flag.error().issues[1].message, "1001 rules; at most 1000 are allowed");
}

TEST(BoundsTest, NumbersThatAreNotFiniteAreRefusedWhereverTheyCome) {
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(DecodeCondition(Object{{"age", infinite}}));
  EXPECT_FALSE(DecodeCondition(Object{{"age", Object{{"lt", infinite}}}}));
  EXPECT_FALSE(DecodeFlag(Object{{"flag", "a"}, {"type", "number"}, {"variations", Object{{"x", infinite}}}}));
  const Result<FlagDefinition> json =
      DecodeFlag(Object{{"flag", "a"}, {"type", "json"}, {"variations", Object{{"x", Array{1, infinite}}}}});
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().issues[0].path.ToText(), "variations.x[1]");
}

// --- kinds -----------------------------------------------------------------------------------------------------------

std::string KindOf(std::string_view json) {
  const auto ref = RefOfDefinition(Json(json));
  return ref ? ref->ToText() : "";
}

TEST(DefinitionTest, ItsKeyTellsTheKind) {
  EXPECT_EQ(KindOf(R"({"flag":"a","type":"boolean"})"), "flag a");
  EXPECT_EQ(KindOf(R"({"owner":"web","segment":"eu"})"), "segment eu");
  EXPECT_EQ(KindOf(R"({"layer":"a","unit":"key"})"), "layer a");
  EXPECT_EQ(KindOf(R"({"holdout":"a"})"), "holdout a");
  EXPECT_EQ(KindOf(R"({"metric":"a"})"), "metric a");
  EXPECT_EQ(KindOf(R"({"flag":"a","holdout":"b","experiment":"c","layer":{}})"), "experiment c");
  EXPECT_EQ(KindOf(R"({"name":"a"})"), "");
  EXPECT_EQ(KindOf(R"(["flag"])"), "");
}

TEST(DefinitionTest, WithoutAKindTheFaultSaysHowToBegin) {
  const Result<EntityRecord> nothing = DecodeDefinition(Json(R"({"name":"a"})"));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().issues[0].hint,
            "begin with one of flag, segment, layer, holdout, experiment, metric and its key");
  const Result<EntityRecord> project = DecodeDefinition(Json(R"({"project":"shop"})"));
  ASSERT_FALSE(project);
  EXPECT_EQ(project.error().issues[0].message, "a project is defined in guidon.yaml only");
}

// --- conditions that only programs make ------------------------------------------------------------------------------

Clause Matcher(std::string attribute, std::vector<Test> tests) {
  Clause clause;
  clause.attribute = std::move(attribute);
  clause.tests = std::move(tests);
  return clause;
}

TEST(ConditionTest, WhatOneMapCannotHoldGoesUnderAll) {
  Clause any;
  any.kind = Clause::Kind::kAny;
  any.children = {{{Matcher("plan", {{Operator::kIn, {"pro"}}})}}};
  const Condition condition{{any, any, Matcher("now", {{Operator::kExists, {true}}})}};
  const Value written = EncodeCondition(condition);
  EXPECT_EQ(ToJson(written),
            R"({"any":[{"plan":"pro"}],"all":[{"any":[{"plan":"pro"}]},{"attribute":"now","exists":true}]})");
  EXPECT_TRUE(DecodeCondition(written));
}

TEST(ConditionTest, AnOperatorTwiceGoesUnderAll) {
  const Condition condition{
      {Matcher("path", {{Operator::kContains, {"a"}}, {Operator::kContains, {"b"}}, {Operator::kExists, {true}}})}};
  const Value written = EncodeCondition(condition);
  EXPECT_EQ(ToJson(written), R"({"path":{"contains":"a","exists":true},"all":[{"path":{"contains":"b"}}]})");
  EXPECT_TRUE(DecodeCondition(written));
}

}  // namespace
}  // namespace guidon
