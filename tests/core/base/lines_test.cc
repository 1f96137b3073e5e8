// Which lines two texts share.
#include "core/base/lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace guidon {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LinesTest, LinesKeepTheirNewlines) {
  EXPECT_THAT(SplitLines("a\n\nb"), ElementsAre("a\n", "\n", "b"));
  EXPECT_THAT(SplitLines("a\n"), ElementsAre("a\n"));
  EXPECT_THAT(SplitLines(""), IsEmpty());
}

TEST(LinesTest, WhatIsCommonIsMatchedInItsOrder) {
  const auto matches = [](std::string_view before, std::string_view after) {
    return MatchLines(SplitLines(before), SplitLines(after)).in_after;
  };
  EXPECT_THAT(matches("a\nb\nc\n", "a\nb\nc\n"), ElementsAre(0, 1, 2));
  EXPECT_THAT(matches("a\nb\nc\n", "a\nx\ny\nc\n"), ElementsAre(0, kNoLine, 3));
  EXPECT_THAT(matches("a\nb\nc\nd\n", "x\nb\nd\ny\n"), ElementsAre(kNoLine, 1, kNoLine, 2));
  EXPECT_THAT(matches("a\n", "a"), ElementsAre(kNoLine)) << "a newline is a part of its line";
  EXPECT_THAT(matches("a\na\n", "a\n"), ElementsAre(0, kNoLine));
  EXPECT_THAT(matches("", "a\n"), IsEmpty());
}

TEST(LinesTest, BeyondTheBoundOnlyTheEndsAreMatched) {
  std::string before = "first\n", after = "first\n";
  for (int i = 0; i < 2'001; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  after.replace(after.find("b7\n"), 3, "a7\n");
  before += "last\n", after += "last\n";
  const auto own = SplitLines(before);
  MatchedLines matched = MatchLines(own, SplitLines(after));
  EXPECT_FALSE(matched.is_whole);
  EXPECT_EQ(matched.in_after.front(), 0u);
  EXPECT_EQ(matched.in_after.back(), own.size() - 1);
  matched.in_after.erase(matched.in_after.begin());
  matched.in_after.pop_back();
  EXPECT_THAT(matched.in_after, Each(kNoLine));
}

}  // namespace
}  // namespace guidon
