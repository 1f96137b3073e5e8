#include "net/backoff.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace guidon::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BackoffTest, EveryDelayIsBelowACeilingThatDoublesUpToTheMost) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff({milliseconds(500), milliseconds(6'000)}, seed);
    for (const int ceiling : {500, 1'000, 2'000, 4'000, 6'000, 6'000, 6'000}) {
      const milliseconds delay = backoff.Next();
      EXPECT_GE(delay.count(), 0);
      EXPECT_LE(delay.count(), ceiling) << "seed " << seed;
    }
  }
}

TEST(BackoffTest, DelaysAreSpreadEvenlyBelowTheCeiling) {
  std::array<int, 10> tenths{};
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Backoff backoff({milliseconds(999), milliseconds(999)}, seed);  // 0 … 999
    ++tenths[static_cast<std::size_t>(backoff.Next().count()) / 100];
  }
  // Of 1 000 expected in each; six standard deviations.
  for (const int count : tenths) EXPECT_NEAR(count, 1'000, 180);
}

TEST(BackoffTest, EqualSeedsGiveEqualDelaysAndOthersDoNot) {
  const auto delays = [](std::uint64_t seed) {
    Backoff backoff({}, seed);
    std::vector<std::int64_t> all;
    for (int i = 0; i < 8; ++i) all.push_back(backoff.Next().count());
    return all;
  };
  EXPECT_EQ(delays(7), delays(7));
  EXPECT_NE(delays(7), delays(8));
  EXPECT_EQ(delays(42), (std::vector<std::int64_t>{73, 313, 168, 542, 7279, 15491, 16140, 6362}));  // on every platform
}

TEST(BackoffTest, ASuccessStartsAnew) {
  Backoff backoff({milliseconds(10), milliseconds(100'000)}, 1);
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next().count(), 10);
}

TEST(BackoffTest, WhatTheServerAskedForComesBeforeTheJitterAndHasABound) {
  Backoff backoff({milliseconds(10), milliseconds(10)}, 1);
  const milliseconds delay = backoff.Next(seconds(5));
  EXPECT_GE(delay.count(), 5'000);
  EXPECT_LE(delay.count(), 5'010);
  EXPECT_LE(backoff.Next(milliseconds::max()), hours(1) + milliseconds(10));
  EXPECT_LE(backoff.Next(milliseconds(-5)).count(), 10);
}

TEST(BackoffTest, AStreamsRetryIsTheLeastDelayAndTheFirstCeiling) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff({milliseconds(500), milliseconds(30'000)}, seed);
    backoff.SetRetry(seconds(60));  // beyond the most
    for (int i = 0; i < 3; ++i) {
      const milliseconds delay = backoff.Next();
      EXPECT_GE(delay, seconds(60)) << "seed " << seed;
      EXPECT_LE(delay, seconds(90)) << "seed " << seed;
    }
    EXPECT_GE(backoff.Next(seconds(70)), seconds(70)) << "the longer of the two";
    EXPECT_LE(backoff.Next(seconds(70)), seconds(100));
    EXPECT_GE(backoff.Next(seconds(1)), seconds(60));
    backoff.Reset();
    EXPECT_GE(backoff.Next(), seconds(60)) << "until it says something else";
    backoff.SetRetry(milliseconds(10));
    backoff.Reset();
    EXPECT_LE(backoff.Next(), milliseconds(20)) << "also less than without it";
    backoff.SetRetry(hours(24));
    EXPECT_LE(backoff.Next(), hours(1) + seconds(30));
  }
}

TEST(BackoffTest, NoLimitsMakeItSpin) {
  for (const BackoffLimits limits :
       {BackoffLimits{milliseconds(0), milliseconds(1'000)}, BackoffLimits{milliseconds(-1), milliseconds(1'000)}}) {
    Backoff backoff(limits, 1);
    backoff.SetRetry(milliseconds(0));  // `retry: 0`
    std::int64_t sum = 0;
    for (int i = 0; i < 30; ++i) sum += backoff.Next().count();
    EXPECT_GT(sum, 1'000);
  }
  Backoff backwards({milliseconds(500), milliseconds(-20)}, 1);
  for (int i = 0; i < 10; ++i) EXPECT_LE(backwards.Next().count(), 1);
}

// --- Retry-After ---------------------------------------------------------------------------------------------------

// 2026-10-21T07:28:00Z
constexpr std::chrono::system_clock::time_point kNow{seconds(1'792'567'680)};

std::int64_t Wait(std::string_view text) {
  const auto wait = ParseRetryAfter(text, kNow);
  return wait ? wait->count() : -1;
}

TEST(RetryAfterTest, IsSecondsOrADate) {
  EXPECT_EQ(Wait("0"), 0);
  EXPECT_EQ(Wait("120"), 120'000);
  EXPECT_EQ(Wait("Wed, 21 Oct 2026 07:28:00 GMT"), 0);
  EXPECT_EQ(Wait("Wed, 21 Oct 2026 07:28:30 GMT"), 30'000);
  EXPECT_EQ(Wait("Wed, 21 Oct 2026 08:00:00 GMT"), 32 * 60'000);
}

TEST(RetryAfterTest, WhatIsOverIsNow) {
  EXPECT_EQ(Wait("Tue, 20 Oct 2026 07:28:00 GMT"), 0);
  EXPECT_EQ(Wait("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(Wait("Sun, 01 Jan 0001 00:00:00 GMT"), 0);
}

TEST(RetryAfterTest, IsAtMostAnHour) {
  EXPECT_EQ(Wait("86400"), 3'600'000);
  EXPECT_EQ(Wait("99999999999999999999"), 3'600'000);
  EXPECT_EQ(Wait("Fri, 31 Dec 9999 23:59:59 GMT"), 3'600'000);  // beyond what nanoseconds can count
}

TEST(RetryAfterTest, AnythingElseIsNothing) {
  for (const char* text :
       {"", " ", "-1", "+1", "1.5", "soon", "1 0", "Wed, 21 Oct 2026 07:28:00", "Wed, 21 Oct 2026 07:28:00 CET",
        "Wed, 32 Oct 2026 07:28:00 GMT", "Wed, 30 Feb 2026 07:28:00 GMT", "Wed, 21 Okt 2026 07:28:00 GMT",
        "Wed, 21 Oct 2026 24:28:00 GMT", "Wed, 21 Oct 2026 07:60:00 GMT", "Wed, 21 Oct 2026 07:28:61 GMT",
        "Wed, 21 Oct 2026 07-28-00 GMT", "Wed, -1 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:0x GMT"}) {
    EXPECT_EQ(Wait(text), -1) << text;
  }
}

}  // namespace
}  // namespace guidon::net
