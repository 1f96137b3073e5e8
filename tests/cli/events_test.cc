// guidon events import: a table of units into what the experiment came to.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

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

// Sixteen units in six shops. What is expected of them was computed apart from this project, in plain arithmetic.
constexpr const char* kShops =
    "user,arm,shop,platform,spent,before\n"
    "u01,a,s1,ios,12,10\nu02,a,s1,android,7,6\nu03,a,s1,ios,15,14\nu04,a,s2,android,9,7\n"
    "u05,a,s2,ios,11,12\nu06,a,s2,android,5,3\nu07,a,s3,ios,18,15\nu08,a,s3,android,8,9\n"
    "u09,b,s4,ios,16,11\nu10,b,s4,android,12,8\nu11,b,s4,ios,21,16\nu12,b,s5,android,10,5\n"
    "u13,b,s5,ios,13,9\nu14,b,s5,android,14,9\nu15,b,s6,ios,19,13\nu16,b,s6,android,6,4\n";

Finished ImportShops(const std::string& exposure, const std::string& metrics, std::vector<std::string> more = {},
                     const std::string& table = kShops) {
  Workspace files;
  files.Write("shops.csv", table);
  std::vector<std::string> words = {
      "events",           "import", files / "shops.csv", "--exposure-columns", "unit=user,variant=arm" + exposure,
      "--metric-columns", metrics};
  words.insert(words.end(), more.begin(), more.end());
  return Guidon(words);
}

double NumberAt(const Value& object, const std::string& name) {
  return object.Find(name)->AsDouble();
}

TEST(EventsTest, WhatWasBeforeIsTakenOutByRegressionToo) {
  const Finished done = ImportShops("", "spent:sum:before=before", {"--json"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Value effect = At(*JsonOf(done).Find("effects"), 0);
  EXPECT_NEAR(NumberAt(*effect.Find("unadjusted"), "effect"), 3.25, 1e-12);
  EXPECT_NEAR(NumberAt(*effect.Find("unadjusted"), "p_value"), 0.17735387083196796, 1e-9);
  const Value& lin = *effect.Find("lin");
  EXPECT_NEAR(NumberAt(lin, "effect"), 3.386435315072984, 1e-10);
  EXPECT_NEAR(NumberAt(lin, "standard_error"), 0.6627265769624144, 1e-10);
  EXPECT_NEAR(NumberAt(lin, "p_value"), 0.0002575562568366552, 1e-10);
  EXPECT_NEAR(At(*lin.Find("interval"), 0).AsDouble(), 1.9424781466258414, 1e-9);
  EXPECT_NEAR(At(*lin.Find("interval"), 1).AsDouble(), 4.830392483520126, 1e-9);
  EXPECT_NEAR(NumberAt(lin, "width"), 0.29410186783714715, 1e-9);
  const double left =
      NumberAt(*effect.Find("absolute"), "standard_error") / NumberAt(*effect.Find("unadjusted"), "standard_error");
  EXPECT_NEAR(NumberAt(*effect.Find("cuped"), "width"), left, 0.02) << "but for the degrees of freedom";
  // A conversion, too: CUPED leaves it alone, and regression does not.
  const Finished shares = ImportShops(
      "", "bought:conversion:before=had", {"--json"}, "user,arm,bought,had\n" + [] {
        std::string rows;
        for (int i = 0; i < 80; ++i) {
          const bool had = i % 4 < 2, bought = had ? i % 8 != 1 : i % 16 == 3;
          rows +=
              "u" + std::to_string(i) + (i % 2 == 0 ? ",a," : ",b,") + (bought ? "1," : "0,") + (had ? "1\n" : "0\n");
        }
        return rows;
      }());
  ASSERT_EQ(shares.exit_code, 0) << shares.errors;
  const Value share = At(*JsonOf(shares).Find("effects"), 0);
  EXPECT_EQ(share.Find("unadjusted"), nullptr);
  EXPECT_LT(NumberAt(*share.Find("lin"), "width"), 0.8);
}

TEST(EventsTest, LikeIsComparedWithLikeAndUnitsByRank) {
  const Finished done = ImportShops(",dimension=platform", "spent:sum", {"--json"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Value effect = At(*JsonOf(done).Find("effects"), 0);
  EXPECT_EQ(effect.Find("lin"), nullptr) << "nothing was before";
  const Value& by = At(*effect.Find("stratified"), 0);
  EXPECT_EQ(by.Find("dimension")->AsString(), "platform");
  EXPECT_EQ(by.Find("strata")->AsInt(), 2);
  EXPECT_NEAR(NumberAt(by, "effect"), 3.25, 1e-12);
  EXPECT_NEAR(NumberAt(by, "standard_error"), 1.5172617880027603, 1e-10);
  EXPECT_NEAR(NumberAt(by, "p_value"), 0.05049682585860227, 1e-9);
  EXPECT_NEAR(NumberAt(by, "width"), 0.6635995486323519, 1e-10);
  EXPECT_EQ(NumberAt(*effect.Find("ranks"), "superiority"), 0.7109375) << "45.5 of 64 pairs";
  EXPECT_NEAR(NumberAt(*effect.Find("ranks"), "p_value"), 0.17185170221966956, 1e-10);
  // What does not split the units says so.
  const Value alone = At(*JsonOf(ImportShops(",dimension=user", "spent:sum", {"--json"})).Find("effects"), 0);
  EXPECT_THAT(At(*alone.Find("stratified"), 0).Find("error")->AsString(), HasSubstr("enough units of both"));
}

TEST(EventsTest, ShopsThatWereAssignedAreTheUnitsOfTheTest) {
  const Finished done = ImportShops(",cluster=shop", "spent:sum", {"--json"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Value facts = JsonOf(done);
  EXPECT_EQ(ToJson(*facts.Find("clusters")),
            R"({"column":"shop","counts":[{"variant":"a","clusters":3},{"variant":"b","clusters":3}],)"
            R"("permutations":10000,"seed":1})");
  EXPECT_EQ(facts.Find("sample_ratio"), nullptr) << "three shops and three are too few, whatever their units are";
  const Value& effect = At(*facts.Find("effects"), 0);
  const Value& absolute = *effect.Find("absolute");
  EXPECT_NEAR(NumberAt(absolute, "effect"), 3.25, 1e-12);
  EXPECT_NEAR(NumberAt(absolute, "standard_error"), 1.922446561350926, 1e-10);
  EXPECT_NEAR(NumberAt(absolute, "p_value"), 0.16618488045997915, 1e-9);
  EXPECT_NEAR(At(*absolute.Find("interval"), 0).AsDouble(), -2.087567345267127, 1e-9);
  EXPECT_NEAR(NumberAt(effect, "permutation_p"), 6.0 / 20, 1e-12) << "of all ways to choose three of six";
  EXPECT_TRUE(effect.Find("exact")->AsBool());
  EXPECT_EQ(effect.Find("ranks"), nullptr);
}

TEST(EventsTest, AnswersComeFirstAndFitAPage) {
  const Finished units = ImportShops(",dimension=platform,dimension=user",
                                     "spent:sum:before=before,before:mean:before=platform_age", {}, [] {
                                       std::string table = kShops;
                                       for (std::size_t end = table.find('\n'), row = 0; end != std::string::npos;
                                            end = table.find('\n', end + 1), ++row) {
                                         const std::string field = row == 0 ? ",platform_age" : ",3";
                                         table.insert(end, field);
                                         end += field.size();
                                       }
                                       return table;
                                     }());
  EXPECT_EQ(units.exit_code, 0) << units.errors;
  const Finished shops = ImportShops(",cluster=shop", "spent:sum");
  EXPECT_EQ(shops.exit_code, 0) << shops.errors;
  for (const std::string& text : {units.output, shops.output}) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const auto is_tail = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
      EXPECT_LE(line.size() - static_cast<std::size_t>(std::count_if(line.begin(), line.end(), is_tail)), 80) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
  EXPECT_LT(units.output.find("b against a"), units.output.find("Other ways to compute it"));
  EXPECT_THAT(units.output,
              AllOf(HasSubstr("  without CUPED                +3.25 (−1.66 … +8.16)  0.177\n"),
                    HasSubstr("  regression (Lin)             +3.39 (+1.94 … +4.83)  0.0003  71% narrower\n"),
                    HasSubstr("none: the covariate does not vary"), HasSubstr("chance of more 71.1%"),
                    HasSubstr("It does not ask whether means")));
  EXPECT_THAT(shops.output, AllOf(HasSubstr("b against a, by shop\n"), HasSubstr("0.166  0.300 (exact)\n"),
                                  HasSubstr("fewer than 40 clusters: go by the permutation p")));
  EXPECT_EQ(shops.output.find("Other ways"), std::string::npos) << "these take units as independent";
}

TEST(EventsTest, WhatNeedsAllValuesIsRefusedWhereTheyAreNotSo) {
  const auto complaint = [](const std::string& exposure, const std::string& metrics, const std::string& more = "") {
    const Finished done = ImportShops(exposure, metrics, {}, kShops + more);
    EXPECT_EQ(done.exit_code, 2) << done.output;
    return done.errors;
  };
  EXPECT_THAT(complaint(",cluster=shop", "spent:sum", "u17,b,s1,ios,1,1\n"),
              HasSubstr("row 18 has the shop 's1' in 'b', and row 2 in 'a': a cluster is in one variant"));
  EXPECT_THAT(complaint(",cluster=shop", "spent:sum", "u01,a,s2,ios,1,1\n"),
              HasSubstr("row 18 has the unit 'u01' in the shop 's2', and an earlier row in another"));
  EXPECT_THAT(complaint(",cluster=shop", "spent:sum", "u17,a,,ios,1,1\n"), HasSubstr("row 18 has no 'shop'"));
  EXPECT_THAT(complaint(",cluster=region", "spent:sum"), HasSubstr("has no column 'region'; it has user, arm, shop"));
  EXPECT_THAT(complaint(",cluster=shop", "spent:sum:before=before"), HasSubstr("does not go with 'cluster=shop'"));
  EXPECT_THAT(complaint(",cluster=shop", "spent:quantile"), HasSubstr("does not go with 'cluster=shop'"));
  EXPECT_THAT(complaint("", "spent:sum:before=earlier"), HasSubstr("has no column 'earlier'"));
  EXPECT_THAT(complaint("", "spent:sum:before=platform"), HasSubstr("row 2 'platform' is 'ios', which is no number"));
  const Finished sent = ImportShops(",cluster=shop", "spent:sum", {"--environment", "production"});
  EXPECT_EQ(sent.exit_code, 2);
  EXPECT_THAT(sent.errors, HasSubstr("'cluster=shop' is of a table that is computed here, without --environment"));
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
  // Computed apart from this project, in plain arithmetic.
  const Value& ranks = *At(*facts.Find("effects"), 2).Find("ranks");
  EXPECT_NEAR(NumberAt(ranks, "superiority"), 0.4962367180934123, 1e-12);
  EXPECT_NEAR(NumberAt(ranks, "p_value"), 0.05020880772044258, 1e-9);
}

}  // namespace
}  // namespace guidon::testing
