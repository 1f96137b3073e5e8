#include "core/diff/merge.h"

#include <gtest/gtest.h>

#include "core/base/json.h"

namespace guidon {
namespace {

std::optional<Value> Json(const char* text) {
  return *ParseJson(text);
}

TEST(MergeTest, TakesWhatOnlyOneSideChanged) {
  const Merged merged =
      MergeValues(Json(R"({"a":1,"b":2,"c":3})"), Json(R"({"a":9,"b":2,"c":3})"), Json(R"({"a":1,"b":8,"c":3,"d":4})"));
  EXPECT_TRUE(merged.conflicts.empty());
  EXPECT_EQ(*merged.value, *Json(R"({"a":9,"b":8,"c":3,"d":4})"));
}

TEST(MergeTest, WhatBothChangedDifferentlyIsAConflictWithItsPath) {
  const Merged merged = MergeValues(Json(R"({"env":{"production":{"enabled":false}}})"),
                                    Json(R"({"env":{"production":{"enabled":true}}})"),
                                    Json(R"({"env":{"production":{"enabled":"maybe"}}})"));
  ASSERT_EQ(merged.conflicts.size(), 1u);
  EXPECT_EQ(merged.conflicts[0].path.ToText(), "env.production.enabled");
  EXPECT_EQ(*merged.conflicts[0].theirs, Value(true));
}

TEST(MergeTest, TheSameChangeOnBothSidesIsNone) {
  const Merged merged = MergeValues(Json(R"({"a":1})"), Json(R"({"a":2})"), Json(R"({"a":2})"));
  EXPECT_TRUE(merged.conflicts.empty());
  EXPECT_EQ(*merged.value, *Json(R"({"a":2})"));
}

TEST(MergeTest, RulesMergeByIdAndKeepTheReorderedSidesOrder) {
  const Merged merged = MergeValues(Json(R"([{"id":"a","serve":"x"},{"id":"b","serve":"x"}])"),
                                    Json(R"([{"id":"a","serve":"x"},{"id":"new","serve":"z"},{"id":"b","serve":"x"}])"),
                                    Json(R"([{"id":"b","serve":"y"},{"id":"a","serve":"x"}])"));
  EXPECT_TRUE(merged.conflicts.empty());
  EXPECT_EQ(ToJson(*merged.value), R"([{"id":"b","serve":"y"},{"id":"a","serve":"x"},{"id":"new","serve":"z"}])");
}

TEST(MergeTest, OtherListsAreOneValue) {
  const Merged merged = MergeValues(Json("[1,2]"), Json("[1,2,3]"), Json("[0,1,2]"));
  EXPECT_EQ(merged.conflicts.size(), 1u);
}

TEST(MergeTest, RemovedOnOneSideAndChangedOnTheOtherIsAConflict) {
  const Merged merged = MergeValues(Json(R"({"a":1,"b":2})"), Json(R"({"b":2})"), Json(R"({"a":5,"b":2})"));
  ASSERT_EQ(merged.conflicts.size(), 1u);
  EXPECT_EQ(merged.conflicts[0].path.ToText(), "a");
  EXPECT_FALSE(merged.conflicts[0].theirs);
}

TEST(MergeTest, WithoutABaseOnlyEqualSidesAgree) {
  EXPECT_TRUE(MergeValues(std::nullopt, Json("1"), Json("1")).conflicts.empty());
  EXPECT_EQ(MergeValues(std::nullopt, Json("1"), Json("2")).conflicts.size(), 1u);
  EXPECT_EQ(*MergeValues(std::nullopt, std::nullopt, Json("2")).value, Value(2));
}

}  // namespace
}  // namespace guidon
