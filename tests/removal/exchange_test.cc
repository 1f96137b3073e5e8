#include "removal/exchange.h"

#include <gtest/gtest.h>

namespace guidon::removal {
namespace {

TEST(ExchangeTest, ARequestComesThroughAsItWas) {
  const Request request{"a.b", "single", Value("single \"page\""), "a_b", "/build", {"/src/a.cc", "/src/b.h"}};
  const Result<Request> read = ReadRequest(ToJson(request));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, request);
}

TEST(ExchangeTest, AnAnswerComesThroughAsItWas) {
  const Answer answer{{{"/a.cc", "before\n", "after\n"}}, 3, 2, 1, {{"/a.cc", 4, 5, "why", true}}};
  const Result<Answer> read = ReadAnswer(ToJson(answer));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, answer);
}

TEST(ExchangeTest, WhatIsNoneIsRefused) {
  EXPECT_FALSE(ReadRequest("[]"));
  EXPECT_FALSE(ReadRequest("{"));
  EXPECT_FALSE(ReadRequest(R"({"key": "a"})"));
  EXPECT_FALSE(ReadAnswer("1"));
}

}  // namespace
}  // namespace guidon::removal
