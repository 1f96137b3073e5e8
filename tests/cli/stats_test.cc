// guidon stats: the calculators.
#include <cmath>

#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

double NumberIn(const Value& object, std::string_view name) {
  const Value* const member = object.Find(name);
  EXPECT_NE(member, nullptr) << name;
  return member == nullptr ? 0 : member->AsDouble();
}

TEST(StatsSrmTest, TheMobileGameHasTheUnitsThatItShould) {
  const Finished done = Guidon({"stats", "srm", "44700", "45489", "--weights", "50%,50%"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, "no mismatch  chi2 6.902, 1 degree of freedom, p 0.0086; alarm below 0.001\n");
  const Value json = JsonOf(Guidon({"stats", "srm", "--json", "--weights", "1,1", "44700", "45489"}));
  EXPECT_FALSE(json.Find("mismatch")->AsBool());
  EXPECT_NEAR(NumberIn(json, "p_value"), 0.0086, 0.00005);
}

TEST(StatsSrmTest, AMismatchIsAProblem) {
  const Finished done = Guidon({"stats", "srm", "100000", "98000"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_TRUE(done.output.starts_with("mismatch  chi2 20.2, ")) << done.output;
  EXPECT_EQ(Guidon({"stats", "srm", "500", "3", "500", "--weights", "50%,0%,50%"}).exit_code, 1) << "strays";
  const Finished few = Guidon({"stats", "srm", "7", "7", "--json"});
  EXPECT_EQ(few.exit_code, 3);
  EXPECT_EQ(JsonOf(few).Find("code")->AsString(), "insufficient_n");
  EXPECT_EQ(Guidon({"stats", "srm", "44700", "45489", "--weights", "1"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "srm", "44700", "45489", "--weights", "1,x"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "srm", "44700"}).exit_code, 2);
}

TEST(StatsPlanTest, UnitsAndDaysForALift) {
  const std::vector<std::string> words = {"stats", "sample-size", "--baseline", "10%", "--detect", "5%"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return more;
  };
  const Value fixed = JsonOf(Guidon(with({"--method", "fixed", "--json"})));
  // (1.95996 + 0.84162)^2 * 0.09 * (1 + 1.05^2) / (0.1 * 0.05)^2
  EXPECT_EQ(NumberIn(fixed, "units_per_variant"), 59'409);
  const Value looks = JsonOf(Guidon(with({"--daily", "5000", "--json"})));
  EXPECT_NEAR(NumberIn(looks, "units_per_variant") / 59'409, 1.04, 0.01);
  EXPECT_EQ(NumberIn(looks, "days"), 25);
  EXPECT_EQ(NumberIn(looks, "whole_weeks_days"), 28);
  const Value cuped = JsonOf(Guidon(with({"--method", "fixed", "--cuped", "0.7", "--json"})));
  EXPECT_NEAR(NumberIn(cuped, "units_per_variant") / 59'409, 0.51, 1e-4);
  const Finished text = Guidon(with({}));
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.output.find("in each of 2 variants"), std::string::npos) << text.output;
  EXPECT_NE(text.output.find("group_sequential, 14 looks"), std::string::npos) << text.output;
}

TEST(StatsPlanTest, PowerIsThatOfTheUnitsThatSampleSizeAsksFor) {
  const Value power = JsonOf(Guidon({"stats", "power", "--mean", "12", "--stddev", "30", "--effect", "5%", "--units",
                                     "82512", "--method", "fixed", "--json"}));
  const Value size = JsonOf(Guidon(
      {"stats", "sample-size", "--mean", "12", "--stddev", "30", "--detect", "5%", "--method", "fixed", "--json"}));
  EXPECT_NEAR(NumberIn(size, "units"), 82'512, 1);
  EXPECT_NEAR(NumberIn(power, "power"), 0.8, 0.002);
  EXPECT_NEAR(NumberIn(power, "detectable_lift"), 0.05, 0.0002);
}

TEST(StatsPlanTest, WhatCannotBePlannedIsSaid) {
  EXPECT_EQ(Guidon({"stats", "sample-size", "--detect", "5%"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "sample-size", "--baseline", "5%", "--detect", "much"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "sample-size", "--baseline", "120%", "--detect", "5%"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "sample-size", "--baseline", "5%", "--detect", "0%"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "power", "--mean", "0", "--stddev", "1", "--effect", "5%", "--units", "10"}).exit_code, 1);
  const Finished never = Guidon({"stats", "sample-size", "--baseline", "5%", "--detect", "1%", "--daily", "1"});
  EXPECT_EQ(never.exit_code, 3);
  EXPECT_EQ(never.errors, "guidon: with this traffic it takes more than 10 years\n");
}

TEST(StatsCompareTest, TwoSharesOfTheMobileGame) {
  const Finished done = Guidon({"stats", "compare", "20034/44700", "20119/45489"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_NE(done.output.find("control    44.82% of 44700 units\n"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("treatment  44.23% of 45489 units\n"), std::string::npos) << done.output;
  EXPECT_NE(done.output.find("absolute   -0.5905 points, 95% interval -1.239 … 0.05822 points, p 0.074\n"),
            std::string::npos)
      << done.output;
  const Value json = JsonOf(Guidon({"stats", "compare", "20034/44700", "20119/45489", "--json"}));
  EXPECT_NEAR(NumberIn(*json.Find("absolute"), "effect"), -0.0059, 0.00005);
  EXPECT_NEAR(NumberIn(*json.Find("absolute"), "p_value"), 0.0744, 0.0005);
  EXPECT_NEAR(NumberIn(*json.Find("relative"), "effect"), -0.0132, 0.00005);
  EXPECT_FALSE(json.Find("small_counts")->AsBool());
}

TEST(StatsCompareTest, SmallCountsAndMeansHaveMethodsOfTheirOwn) {
  const Finished small = Guidon({"stats", "compare", "3/60", "11/62"});
  EXPECT_EQ(small.exit_code, 0) << small.errors;
  EXPECT_NE(small.output.find("small counts: Newcombe's interval, Fisher's exact test"), std::string::npos);
  const Value means = JsonOf(Guidon({"stats", "compare", "1000:12:30", "1000:15:30", "--json"}));
  EXPECT_EQ(NumberIn(*means.Find("absolute"), "effect"), 3);
  EXPECT_NEAR(NumberIn(*means.Find("absolute"), "standard_error"), 30 * std::sqrt(0.002), 1e-9);
  EXPECT_EQ(NumberIn(*means.Find("relative"), "effect"), 0.25);
  const Value unsteady = JsonOf(Guidon({"stats", "compare", "1000:1:30", "1000:2:30", "--json"}));
  EXPECT_TRUE(unsteady.Find("relative")->is_null()) << "a lift over what may well be 0";
  EXPECT_EQ(Guidon({"stats", "compare", "1000:12:0", "1000:12:0"}).exit_code, 1);
  EXPECT_EQ(Guidon({"stats", "compare", "3/60", "1000:12:1"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "compare", "61/60", "3/60"}).exit_code, 2);
  EXPECT_EQ(Guidon({"stats", "compare", "3 of 60", "3/60"}).exit_code, 2);
}

// What is expected was computed apart from this project: sums over tables and over binomials, and bisection.
TEST(StatsCompareTest, SmallCountsAreSeenByEveryMethod) {
  const Value json = JsonOf(Guidon({"stats", "compare", "3/40", "9/41", "--exact", "--json"}));
  const Value& exact = *json.Find("exact");
  const auto expect = [](const Value& ends, double lower, double upper, double within) {
    EXPECT_NEAR(ends.AsArray().at(0).AsDouble(), lower, within);
    EXPECT_NEAR(ends.AsArray().at(1).AsDouble(), upper, within);
  };
  expect(*exact.Find("newcombe")->Find("interval"), -0.014181807497, 0.300025917666, 1e-9);
  expect(*exact.Find("miettinen_nurminen")->Find("interval"), -0.0123718, 0.3060730, 1e-6);
  EXPECT_NEAR(NumberIn(*exact.Find("miettinen_nurminen"), "p_value"), 0.0688964, 1e-6);
  EXPECT_NEAR(NumberIn(*exact.Find("fisher"), "p_value"), 0.115666575218, 1e-9);
  EXPECT_NEAR(NumberIn(*exact.Find("pooled_z"), "p_value"), 0.067185263402, 1e-9);
  expect(*exact.Find("control")->Find("clopper_pearson"), 0.015742179851, 0.203864748733, 1e-9);
  expect(*exact.Find("treatment")->Find("wilson"), 0.120031747782, 0.367050059882, 1e-9);
  const Finished none = Guidon({"stats", "compare", "0/40", "0/41", "--exact"});
  EXPECT_NE(none.output.find("pooled z-test          none: nothing varies\n"), std::string::npos) << none.output;
  EXPECT_EQ(Guidon({"stats", "compare", "100:2:3", "100:2:1", "--exact"}).exit_code, 2);
}

}  // namespace
}  // namespace guidon::testing
