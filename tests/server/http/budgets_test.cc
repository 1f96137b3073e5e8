#include "server/http/budgets.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/base/network.h"

namespace guidon::http {
namespace {

using namespace std::chrono_literals;

class BudgetsTest : public ::testing::Test {
 protected:
  Budgets Make(const BudgetRates& rates) {
    return Budgets(rates, [this] { return now_; });
  }
  // How many of `tries` are within.
  static int CountWithin(Budgets& budgets, Budget budget, std::string_view caller, int tries) {
    int within = 0;
    for (int i = 0; i < tries; ++i) within += budgets.Spend(budget, caller).is_within ? 1 : 0;
    return within;
  }

  std::chrono::steady_clock::time_point now_{1'000'000s};
};

TEST_F(BudgetsTest, TenSecondsWorthGoesAtOnceAndThenTheRate) {
  Budgets budgets = Make({.admin = 5});
  EXPECT_EQ(CountWithin(budgets, Budget::kAdmin, "a", 100), 50);
  now_ += 1s;
  EXPECT_EQ(CountWithin(budgets, Budget::kAdmin, "a", 100), 5);
  now_ += 1h;
  EXPECT_EQ(CountWithin(budgets, Budget::kAdmin, "a", 100), 50);  // no more than that is saved up
}

TEST_F(BudgetsTest, CallersAndClassesHaveBudgetsOfTheirOwn) {
  Budgets budgets = Make({.streams = 1, .events = 2});
  EXPECT_EQ(CountWithin(budgets, Budget::kStreams, "a", 100), 10);
  EXPECT_EQ(CountWithin(budgets, Budget::kStreams, "b", 100), 10);
  EXPECT_EQ(CountWithin(budgets, Budget::kEvents, "a", 100), 20);
  EXPECT_EQ(CountWithin(budgets, Budget::kEvaluation, "a", 1000), 1000);  // 0: no bound
  EXPECT_EQ(CountWithin(budgets, Budget::kNone, "a", 1000), 1000);
  EXPECT_FALSE(budgets.Spend(Budget::kStreams, "").is_limited);
}

TEST_F(BudgetsTest, WhatIsLeftAndHowLongToWaitIsSaid) {
  Budgets budgets = Make({.config = 2});
  Spent spent = budgets.Spend(Budget::kConfig, "a");
  EXPECT_EQ(PolicyOf("key", spent), "\"key\";q=20;w=10");
  EXPECT_EQ(LimitOf("key", spent), "\"key\";r=19");
  CountWithin(budgets, Budget::kConfig, "a", 18);
  spent = budgets.Spend(Budget::kConfig, "a");  // the last one
  EXPECT_TRUE(spent.is_within);
  EXPECT_EQ(spent.wait, 500ms);
  EXPECT_EQ(LimitOf("key", spent), "\"key\";r=0;t=1");
  spent = budgets.Spend(Budget::kConfig, "a");
  EXPECT_FALSE(spent.is_within);
  EXPECT_EQ(spent.wait, 500ms);
  now_ += 499ms;
  EXPECT_FALSE(budgets.Spend(Budget::kConfig, "a").is_within);
  now_ += 1ms;
  EXPECT_TRUE(budgets.Spend(Budget::kConfig, "a").is_within);
}

TEST_F(BudgetsTest, AHundredWhoSpendAllLeaveTenThousandOthersAlone) {
  Budgets budgets = Make({.streams = 1});
  for (int i = 0; i < 100; ++i) CountWithin(budgets, Budget::kStreams, "greedy-" + std::to_string(i), 20);
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) refused += budgets.Spend(Budget::kStreams, std::to_string(i)).is_within ? 0 : 1;
  EXPECT_LE(refused, 3);  // expected: 10 000 × (100 / 32 768)², a tenth
}

TEST(NetworkTest, AnIpv6AddressStandsForIts64AndLoopbackForEverybody) {
  EXPECT_EQ(NetworkOf("192.0.2.7"), "192.0.2.7");
  EXPECT_NE(NetworkOf("2001:db8:1:2::1"), "");
  EXPECT_EQ(NetworkOf("2001:db8:1:2::1"), NetworkOf("2001:db8:1:2:ffff::9"));
  EXPECT_NE(NetworkOf("2001:db8:1:2::1"), NetworkOf("2001:db8:1:3::1"));
  EXPECT_EQ(NetworkOf("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(NetworkOf("fe80::1%eth0"), NetworkOf("fe80::2%eth0"));
  for (const char* loopback : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(NetworkOf(loopback), "") << loopback;
  }
}

}  // namespace
}  // namespace guidon::http
