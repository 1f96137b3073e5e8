#include "core/model/units.h"

#include <gtest/gtest.h>

namespace guidon {
namespace {

using std::chrono::milliseconds;

TEST(PercentTest, PartsAreThousandthsOfAPercent) {
  EXPECT_EQ(ParsePercent("0%"), 0u);
  EXPECT_EQ(ParsePercent("20%"), 20'000u);
  EXPECT_EQ(ParsePercent("0.5%"), 500u);
  EXPECT_EQ(ParsePercent("0.001%"), 1u);
  EXPECT_EQ(ParsePercent("99.999%"), 99'999u);
  EXPECT_EQ(ParsePercent("100%"), 100'000u);
  EXPECT_EQ(ParsePercent("100.000%"), 100'000u);
}

TEST(PercentTest, NothingElseIsAPercentage) {
  for (const char* text : {"",    "%",   "20",  "20 %", " 20%", "+20%", "-1%",         "100.001%", "101%", "0.0001%",
                           "05%", ".5%", "5.%", "1e1%", "20%%", "٢٠%",  "9999999999%", "1,5%",     "0x1%", "NaN%"}) {
    EXPECT_EQ(ParsePercent(text), std::nullopt) << text;
  }
}

TEST(PercentTest, EveryShareIsReadAsItWasWritten) {
  for (std::uint32_t parts = 0; parts <= kWhole; ++parts) ASSERT_EQ(ParsePercent(FormatPercent(parts)), parts);
  EXPECT_EQ(FormatPercent(500), "0.5%");
  EXPECT_EQ(FormatPercent(33'333), "33.333%");
  EXPECT_EQ(FormatPercent(10), "0.01%");
}

TEST(DurationTest, HasOneUnit) {
  EXPECT_EQ(ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(ParseDuration("10s"), std::chrono::seconds(10));
  EXPECT_EQ(ParseDuration("30m"), std::chrono::minutes(30));
  EXPECT_EQ(ParseDuration("48h"), std::chrono::hours(48));
  EXPECT_EQ(ParseDuration("14d"), std::chrono::days(14));
  EXPECT_EQ(ParseDuration("6w"), std::chrono::weeks(6));
  EXPECT_EQ(ParseDuration("0s"), milliseconds(0));
}

TEST(DurationTest, NothingElseIsADuration) {
  for (const char* text : {"", "h", "48", "48 h", "-1h", "+1h", "1.5h", "1h30m", "48H", "1y", "1M", " 1h", "1h ",
                           "9223372036854775807d", "99999999999999999999s", "9223372036854775808ms"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseDuration("9223372036854775807ms"), milliseconds(9223372036854775807));
}

TEST(DurationTest, IsWrittenInTheLargestUnitThatKeepsItWhole) {
  EXPECT_EQ(FormatDuration(milliseconds(0)), "0s");
  EXPECT_EQ(FormatDuration(milliseconds(1'500)), "1500ms");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(90)), "90m");
  EXPECT_EQ(FormatDuration(std::chrono::hours(48)), "2d");
  EXPECT_EQ(FormatDuration(std::chrono::weeks(2)), "14d");
  for (std::int64_t ms :
       std::initializer_list<std::int64_t>{1, 999, 1'000, 59'000, 61'000, 3'600'000, 86'399'999, 86'400'000}) {
    EXPECT_EQ(ParseDuration(FormatDuration(milliseconds(ms))), milliseconds(ms));
  }
}

TEST(DayTest, IsACalendarDay) {
  EXPECT_EQ(FormatDay(*ParseDay("2027-03-31")), "2027-03-31");
  EXPECT_EQ(FormatDay(*ParseDay("2028-02-29")), "2028-02-29");
  EXPECT_EQ(ParseDay("1970-01-01")->time_since_epoch().count(), 0);
  for (const char* text : {"", "2027-02-29", "2027-13-01", "2027-00-10", "2027-04-31", "2027-4-1", "27-04-01",
                           "2027/04/01", "2027-04-01T00:00:00Z", "2027-04-0x", "20270401"}) {
    EXPECT_EQ(ParseDay(text), std::nullopt) << text;
  }
}

TEST(TimestampTest, LiesWithinYearsOfFourDigitsInUtc) {
  EXPECT_EQ(FormatTimestamp(ParseTimestamp("0000-01-01T00:00:00Z").value()), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp(ParseTimestamp("9999-12-31T23:59:59.999Z").value()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(ParseTimestamp("0000-01-01T00:00:00+00:01"), std::nullopt);
  EXPECT_EQ(ParseTimestamp("9999-12-31T23:59:59-00:01"), std::nullopt);
}

TEST(TimestampTest, CountsMillisecondsSinceTheEpochInAnyZone) {
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTimestamp("1969-12-31T23:59:59.999Z"), -1);
  EXPECT_EQ(ParseTimestamp("2027-03-31T08:00:00Z"), 1'806'480'000'000);
  EXPECT_EQ(ParseTimestamp("2027-03-31T10:00:00+02:00"), 1'806'480'000'000);
  EXPECT_EQ(ParseTimestamp("2027-03-31T02:30:00-05:30"), 1'806'480'000'000);
  EXPECT_EQ(ParseTimestamp("2027-03-31t08:00:00z"), 1'806'480'000'000);
  EXPECT_EQ(ParseTimestamp("2027-03-31T08:00:00.25Z"), 1'806'480'000'250);
  EXPECT_EQ(ParseTimestamp("2027-03-31T08:00:00.1239999999999999999999Z"), 1'806'480'000'123);
  EXPECT_EQ(ParseTimestamp("2026-12-31T23:59:60Z"), ParseTimestamp("2027-01-01T00:00:00Z"));  // a leap second
}

TEST(TimestampTest, WithoutAZoneOrWithAnImpossibleTimeItIsNone) {
  for (const char* text :
       {"", "2027-03-31", "2027-03-31T08:00:00", "2027-03-31 08:00:00Z", "2027-03-31T08:00Z", "2027-03-31T24:00:00Z",
        "2027-03-31T08:60:00Z", "2027-03-31T08:00:61Z", "2027-02-30T08:00:00Z", "2027-03-31T08:00:00.Z",
        "2027-03-31T08:00:00,5Z", "2027-03-31T08:00:00+2", "2027-03-31T08:00:00+0200", "2027-03-31T08:00:00+24:00",
        "2027-03-31T08:00:00+02:60", "2027-03-31T08:00:00Zx", "2027-03-31T08:00:00.5", "1790000000000"}) {
    EXPECT_EQ(ParseTimestamp(text), std::nullopt) << text;
  }
}

TEST(TimestampTest, IsReadAsItWasWritten) {
  EXPECT_EQ(FormatTimestamp(1'806'480'000'250), "2027-03-31T08:00:00.250Z");
  EXPECT_EQ(FormatTimestamp(-1), "1969-12-31T23:59:59.999Z");
  for (std::int64_t ms :
       std::initializer_list<std::int64_t>{-62'167'219'200'000, -1'001, 0, 951'827'696'001, 253'402'300'799'999}) {
    EXPECT_EQ(ParseTimestamp(FormatTimestamp(ms)), ms) << ms;
  }
}

TEST(MarginTest, IsRelativeOrInPoints) {
  EXPECT_EQ(ParseMargin("5%"), (Margin{5'000, Margin::Unit::kPercent}));
  EXPECT_EQ(ParseMargin("0.2pp"), (Margin{200, Margin::Unit::kPoints}));
  EXPECT_EQ(FormatMargin({5'000, Margin::Unit::kPercent}), "5%");
  EXPECT_EQ(FormatMargin({200, Margin::Unit::kPoints}), "0.2pp");
  for (const char* text : {"", "pp", "%", "5", "0.2p", "-1%", "0.2 pp", "101%", "5ppp", "5%pp"}) {
    EXPECT_EQ(ParseMargin(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace guidon
