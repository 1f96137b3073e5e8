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

TEST(MergeTest, AnotherOrderOfMembersIsAChange) {
  const auto merge = [](const char* base, const char* theirs, const char* ours) {
    const Merged merged = MergeValues(Json(base), Json(theirs), Json(ours));
    EXPECT_TRUE(merged.conflicts.empty());
    return ToJson(*merged.value);
  };
  constexpr const char* kBefore = R"({"variants":{"a":{"weight":1},"b":{"weight":1}}})";
  constexpr const char* kSwapped = R"({"variants":{"b":{"weight":1},"a":{"weight":1}}})";
  EXPECT_EQ(merge(kBefore, kBefore, kSwapped), kSwapped);
  EXPECT_EQ(merge(kBefore, kSwapped, kBefore), kSwapped) << "ours did not move anything";
  EXPECT_EQ(merge(kBefore, kSwapped, R"({"variants":{"a":{"weight":2},"b":{"weight":1}}})"),
            R"({"variants":{"b":{"weight":1},"a":{"weight":2}}})");
  EXPECT_EQ(merge(kBefore, R"({"variants":{"a":{"weight":1},"b":{"weight":3}}})", kSwapped),
            R"({"variants":{"b":{"weight":3},"a":{"weight":1}}})");
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
