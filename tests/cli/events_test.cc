// guidon events import: a table of units into what the experiment came to.
#include <gmock/gmock.h>

#include <filesystem>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kTable =
    "user,arm,bought,spent,before,platform\n"
    "u1,b,true,10.5,1,ios\n"
    "u2,b,false,,2,android\n"
    "\"u,3\",a,yes,\"20\",3,ios\n"
    "u4,a,no,0,4,ios\n"
    "u5,a,1,5,5,\n"
    "u5,b,1,5,5,\n";

Finished Import(const Workspace& files, std::vector<std::string> more = {"--json"}) {
  std::vector<std::string> words = {"events",
                                    "import",
                                    files / "table.csv",
                                    "--exposure-columns",
                                    "unit=user,variant=arm,dimension=platform",
                                    "--metric-columns",
                                    "bought:conversion,spent:sum:cap=15:before=before"};
  words.insert(words.end(), more.begin(), more.end());
  return Guidon(words);
}

const Value& At(const Value& list, std::size_t index) {
  return list.AsArray().at(index);
}

TEST(EventsTest, AnExportSaysWhatWasPassedOver) {
  const std::vector<std::string> words = {"events", "export", "--experiment", "one-page",
                                          "-p",     "shop",   "-e",           "production"};
  const std::string unit = R"({"unit":"u1","variant":"a","time":"2027-01-01T00:00:00.000Z"})";
  const Finished done = Asking(words, {{R"({"dimensions":[],"exposures":[],"unreadable":2,"next":"u0"})"},
                                       {R"({"dimensions":[],"exposures":[)" + unit + R"(],"unreadable":1})"}});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, unit + "\n");
  EXPECT_EQ(done.errors,
            "1 unit\nwhat the server keeps of 3 units of production is damaged and was passed over: whether they were "
            "exposed is not known\n");
}

TEST(EventsTest, ATableOfUnitsComesToItsCounts) {
  Workspace files;
  files.Write("table.csv", kTable);
  const Finished done = Import(files, {"--json", "--control", "b", "--weights", "a=50%,b=50%"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Value facts = JsonOf(done);
  EXPECT_EQ(facts.Find("experiment")->AsString(), "table");
  EXPECT_EQ(ToJson(*facts.Find("units")), R"([{"variant":"b","units":2,"multiple":1,"with_history":2},)"
                                          R"({"variant":"a","units":2,"multiple":0,"with_history":2}])")
      << "u5 was in both, and is set aside";
  const Value& metrics = *facts.Find("metrics");
  const Value& bought = At(*At(metrics, 0).Find("arms"), 0);
  EXPECT_EQ(bought.Find("statistic")->AsString(), "proportion");
  EXPECT_EQ(bought.Find("n")->AsDouble(), 2);
  EXPECT_EQ(bought.Find("successes")->AsDouble(), 1);
  const Value& spent = At(*At(metrics, 1).Find("arms"), 1);
  EXPECT_EQ(spent.Find("statistic")->AsString(), "cuped");
  EXPECT_EQ(At(*spent.Find("mean"), 0).AsDouble(), 7.5) << "15 of 20 after the cap, and nothing";
  EXPECT_EQ(At(*spent.Find("mean"), 1).AsDouble(), 3.5) << "3 and 4 before";
  EXPECT_THAT(done.output, HasSubstr(R"({"dimension":"platform","value":"ios","units":[{"variant":"b","units":1,)"));
  const Finished shown = Import(files, {});
  EXPECT_THAT(shown.output, AllOf(HasSubstr("50.00%"), HasSubstr("sample ratio: too few units to tell")));
  // Two conversions in four units; what is adjusted has a line without that.
  EXPECT_THAT(shown.output, AllOf(HasSubstr("small counts"), HasSubstr("  without CUPED  ")));
  EXPECT_EQ(facts.Find("sample_ratio"), nullptr);
  const Value& effect = At(*facts.Find("effects"), 1);
  EXPECT_EQ(effect.Find("metric")->AsString(), "spent");
  EXPECT_EQ(effect.Find("unadjusted")->Find("effect")->AsDouble(), 2.25) << "7.5 and 5.25";
}

TEST(EventsTest, LinesOfJsonComeToTheSame) {
  const Workspace files(
      {{"table.csv", "user,arm,n\nu1,a,2\nu2,b,3\n"},
       {"table.jsonl", "{\"user\":\"u1\",\"arm\":\"a\",\"n\":2}\n{\"user\":\"u2\",\"arm\":\"b\",\"n\":3}\n"}});
  const auto import = [&](const std::string& file) {
    return Guidon({"events", "import", files / file, "--exposure-columns", "unit=user,variant=arm", "--metric-columns",
                   "n:count", "--json"});
  };
  EXPECT_EQ(import("table.csv").exit_code, 0);
  EXPECT_EQ(import("table.csv").output, import("table.jsonl").output);
}

TEST(EventsTest, WhatCannotBeReadIsRefusedWithItsPlace) {
  const auto complaint = [](const std::string& table, const std::string& metrics = "bought:conversion") {
    Workspace files;
    files.Write("table.csv", table);
    const Finished done = Guidon({"events", "import", files / "table.csv", "--exposure-columns",
                                  "unit=user,variant=arm", "--metric-columns", metrics});
    EXPECT_EQ(done.exit_code, 2) << done.output;
    return done.errors;
  };
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,true\nu2,b,perhaps\n"),
              HasSubstr("row 3 'bought' is 'perhaps', which is no yes or no"));
  EXPECT_THAT(complaint("user,arm\nu1,a\n"), HasSubstr("has no column 'bought'; it has user, arm"));
  EXPECT_THAT(complaint("user,arm,bought\n,a,true\n"), HasSubstr("row 2 has no 'user'"));
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,true\n"), HasSubstr("fewer than two variants"));
  EXPECT_THAT(complaint("user,arm,bought\nu1,a,\"true\n"), HasSubstr("a quote that is not closed"));
  EXPECT_THAT(complaint("user,arm,bought\n", "bought:often"), HasSubstr("'bought:often' is no metric"));
  EXPECT_THAT(complaint("user,arm,bought\n", "bought:sum:cap=0%"), HasSubstr("'cap=0%' is no option"));
}

// 90 189 players of a mobile game, a gate at level 30 against one at 40.
TEST(EventsTest, CookieCats) {
  const std::string file = GUIDON_SHARED "/data/cookie_cats.csv";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "needs data that is no part of the project: data/cookie_cats.csv in the folder GUIDON_SHARED";
  }
  const Finished done =
      Guidon({"events", "import", file, "--exposure-columns", "unit=userid,variant=version", "--metric-columns",
              "retention_1:conversion,retention_7:conversion,sum_game_rounds:sum", "--control", "gate_30", "--json"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Value facts = JsonOf(done);
  const auto share = [&](std::size_t metric, std::size_t arm) {
    const Value& of = At(*At(*facts.Find("metrics"), metric).Find("arms"), arm);
    return of.Find("successes")->AsDouble() / of.Find("n")->AsDouble();
  };
  EXPECT_EQ(At(*facts.Find("units"), 0).Find("units")->AsInt(), 44'700);
  EXPECT_EQ(At(*facts.Find("units"), 1).Find("units")->AsInt(), 45'489);
  EXPECT_NEAR(share(0, 0), 0.4482, 5e-5);
  EXPECT_NEAR(share(0, 1), 0.4423, 5e-5);
  EXPECT_NEAR(share(1, 0), 0.1902, 5e-5);
  EXPECT_NEAR(share(1, 1), 0.1820, 5e-5);
  EXPECT_NEAR(facts.Find("sample_ratio")->Find("chi_squared")->AsDouble(), 6.90, 0.005);
  EXPECT_NEAR(facts.Find("sample_ratio")->Find("p_value")->AsDouble(), 0.0086, 5e-5) << "no alarm at 0.001";
  const auto effect = [&](std::size_t metric) {
    return At(*facts.Find("effects"), metric).Find("absolute")->Find("effect")->AsDouble();
  };
  EXPECT_NEAR(effect(0), -0.0059, 5e-5);
  EXPECT_NEAR(effect(1), -0.0082, 5e-5);
}

}  // namespace
}  // namespace guidon::testing
