#include "core/diff/count.h"

#include <gtest/gtest.h>

#include "core/allocate/allocate.h"
#include "core/base/json.h"
#include "core/codec/codec.h"

namespace guidon {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

using Moves = std::vector<VariationMove>;

// Flags and segments as they are authored, in JSON, compiled for `production`.
std::shared_ptr<const Ruleset> RulesetOf(const std::vector<std::string>& texts) {
  Definitions definitions;
  definitions.project = {"shop", "", {{"production", true, ""}}};
  for (const std::string& text : texts) {
    const Result<Value> value = ParseJson(text);
    EXPECT_TRUE(value) << text;
    const Result<EntityRecord> record = DecodeDefinition(*value);
    EXPECT_TRUE(record) << record.error().message;
    definitions.entities.Append(*record);
  }
  EXPECT_TRUE(AllocateStates(nullptr, definitions).empty());
  return Compile(SnapshotOf(definitions, "production", 1));
}

std::string Search(const std::string& targeting) {
  return R"({"flag":"search","type":"string","variations":{"old":"o","new":"n"},"environments":{"production":{)"
         R"("enabled":true,"default":"old")" +
         targeting + "}}}";
}

std::vector<Context> Contexts(const std::string& text) {
  const auto contexts = ParseContexts(text);
  EXPECT_TRUE(contexts) << contexts.error().message;
  return contexts.value_or(std::vector<Context>());
}

const char* const kPeople =
    R"({"key":"u1","country":"DE"}
{"key":"u2","country":"FR"}
{"key":"u3","country":"DE"}
{"key":"u4"})";

TEST(CountTest, AChangedConditionIsCountedContextByContext) {
  const auto before = RulesetOf({Search(R"(,"rules":[{"when":{"country":"FR"},"serve":"new"}])")});
  const auto after = RulesetOf({Search(R"(,"rules":[{"when":{"country":"DE"},"serve":"new"}])")});
  const auto counts = CountMoves(*before, *after, Contexts(kPeople), kNow);
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0], (FlagMoves{"search", 4, 3, 0, {{"old", "new", 2}, {"new", "old", 1}}}));
}

TEST(CountTest, ASegmentThatMovesIsCountedInEveryFlagThatLeansOnIt) {
  const std::string segmented = Search(R"(,"rules":[{"when":{"segment":"eu"},"serve":"new"}])");
  const std::string leaning =
      R"({"flag":"ads","type":"boolean","environments":{"production":{"enabled":true,"requires":[{"flag":"search","is":"new"}],)"
      R"("default":"on"}}})";
  const auto before = RulesetOf({segmented, leaning, R"({"segment":"eu","when":{"country":"FR"}})"});
  const auto after = RulesetOf({segmented, leaning, R"({"segment":"eu","when":{"country":["DE","FR"]}})"});
  const auto counts = CountMoves(*before, *after, Contexts(kPeople), kNow);
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0], (FlagMoves{"ads", 4, 2, 0, {{"off", "on", 2}}}));
  EXPECT_EQ(counts[1], (FlagMoves{"search", 4, 2, 0, {{"old", "new", 2}}}));
}

TEST(CountTest, AFlagOfOneSideOnlyIsTheCallersDefaultOnTheOther) {
  const auto without = RulesetOf({});
  const auto with = RulesetOf({Search("")});
  EXPECT_EQ(CountMoves(*without, *with, Contexts(kPeople), kNow),
            (std::vector<FlagMoves>{{"search", 4, 4, 0, Moves{{"", "old", 4}}}}));
  EXPECT_EQ(CountMoves(*with, *without, Contexts(kPeople), kNow),
            (std::vector<FlagMoves>{{"search", 4, 4, 0, Moves{{"old", "", 4}}}}));
}

TEST(CountTest, AVariationWithAnotherValueIsNoMoveAndIsCountedApart) {
  std::string changed = Search("");
  changed.replace(changed.find(R"("old":"o")"), 9, R"("old":"x")");
  EXPECT_EQ(CountMoves(*RulesetOf({Search("")}), *RulesetOf({changed}), Contexts(kPeople), kNow),
            (std::vector<FlagMoves>{{"search", 4, 0, 4, Moves{}}}));
}

TEST(CountTest, WhatDoesNotChangeIsListedWithNobodyMoved) {
  EXPECT_EQ(CountMoves(*RulesetOf({Search("")}), *RulesetOf({Search("")}), Contexts(kPeople), kNow),
            (std::vector<FlagMoves>{{"search", 4, 0, 0, Moves{}}}));
  EXPECT_EQ(CountMoves(*RulesetOf({Search("")}), *RulesetOf({Search("")}), {}, kNow),
            (std::vector<FlagMoves>{{"search", 0, 0, 0, Moves{}}}));
}

TEST(CountTest, NowIsTheSameOnBothSides) {
  const auto before =
      RulesetOf({Search(R"(,"rules":[{"when":{"now":{"after":"2027-01-01T00:00:00Z"}},"serve":"new"}])")});
  const auto after =
      RulesetOf({Search(R"(,"rules":[{"when":{"now":{"after":"2027-02-01T00:00:00Z"}},"serve":"new"}])")});
  EXPECT_EQ(CountMoves(*before, *after, Contexts(kPeople), kNow)[0].moves, (Moves{{"new", "old", 4}}));
  EXPECT_EQ(CountMoves(*before, *after, Contexts(kPeople), kNow + 31ll * 86'400'000)[0].moved, 0u);
}

TEST(ParseContextsTest, OneContextALineAndBlankLinesDoNotCount) {
  const auto contexts = Contexts("{\"key\":\"a\"}\r\n\n  \n{\"targetingKey\":\"b\",\"age\":3}\n{}");
  ASSERT_EQ(contexts.size(), 3u);
  EXPECT_EQ(contexts[0].key(), "a");
  EXPECT_EQ(ToJson(contexts[1].ToValue()), R"({"key":"b","age":3})");
  EXPECT_EQ(contexts[2].key(), "");
  EXPECT_TRUE(Contexts("").empty());
}

TEST(ParseContextsTest, EveryLineThatIsNoObjectIsNamed) {
  const auto contexts = ParseContexts("{\"key\":\"a\"}\n[1]\n\n{\"key\":\n{\"a\":1,\"a\":2}\n");
  ASSERT_FALSE(contexts);
  const std::vector<Issue>& issues = contexts.error().issues;
  ASSERT_EQ(issues.size(), 3u);
  EXPECT_EQ(issues[0].message, "line 2: a context is an object");
  EXPECT_EQ(issues[1].message.substr(0, 7), "line 4:");
  EXPECT_EQ(issues[2].message.substr(0, 7), "line 5:");
  EXPECT_EQ(contexts.error().message,
            "contexts: line 2: a context is an object (write one context a line, as {\"key\": \"user-42\", "
            "\"country\": \"DE\"}); nor are lines 4, 5");
  const std::string two = ParseContexts("1\n2\n").error().message, one = ParseContexts("{}\n1\n").error().message;
  EXPECT_TRUE(two.ends_with("; nor is line 2")) << two;
  EXPECT_TRUE(one.ends_with("\"country\": \"DE\"})")) << one;
}

TEST(ParseContextsTest, AFileOfAnotherFormatIsNotComplainedAboutLineByLineForEver) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "x\n";
  const auto contexts = ParseContexts(text);
  ASSERT_FALSE(contexts);
  EXPECT_EQ(contexts.error().issues.size(), 100u);
  const std::string& message = contexts.error().message;
  EXPECT_TRUE(message.ends_with("; nor are lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and others")) << message;
}

TEST(ParseContextsTest, AByteOrderMarkIsPassedOver) {
  const auto contexts = ParseContexts("\xEF\xBB\xBF{\"key\":\"a\"}\n{\"key\":\"b\"}\n");
  ASSERT_TRUE(contexts) << contexts.error().message;
  ASSERT_EQ(contexts->size(), 2u);
  EXPECT_EQ((*contexts)[0].key(), "a");
}

}  // namespace
}  // namespace guidon
