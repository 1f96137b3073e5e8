// The commands of docs/cookie-cats.md, on the 90 189 players that the page is about: from their file to the report.
#include <cmath>

#include "core/base/json.h"
#include "tests/docs/walkthrough.h"

namespace guidon::testing {
namespace {

TEST(CookieCatsTest, TheFileComesToTheReportThatThePageShows) {
  const std::string file = GUIDON_SHARED "/data/cookie_cats.csv";
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "needs data that is no part of the project: data/cookie_cats.csv in the folder GUIDON_SHARED";
  }
  Walkthrough walkthrough("docs/cookie-cats.md");
  walkthrough.Give("cookie_cats.csv", file);
  walkthrough.Run();

  const HttpAnswer answer = walkthrough.server().Call(
      "GET", "/api/v1/projects/cookie-cats/environments/production/experiments/gate-40/report");
  const Result<Value> report = ParseJson(answer.body);
  ASSERT_TRUE(report) << answer.body;
  const Value& split = *report->Find("gates")->AsArray().at(0).Find("numbers");
  EXPECT_EQ(ToJson(*split.Find("observed")), "[44700.0,45489.0]");
  EXPECT_NEAR(split.Find("chi_squared")->AsDouble(), 6.90, 0.005);
  EXPECT_NEAR(split.Find("p")->AsDouble(), 0.0086, 5e-5);
  EXPECT_EQ(report->Find("gates")->AsArray().at(0).Find("light")->AsString(), "green");
  // Against the counts that are known of these players: 8 502 and 8 279 came back on day 7, 20 034 and 20 119 on day 1.
  const auto expect = [&](std::size_t metric, double control, double other) {
    const Value& effect =
        *report->Find("metrics")->AsArray().at(metric).Find("comparisons")->AsArray().at(0).Find("absolute");
    const double c = control / 44'700, t = other / 45'489;
    const double error = std::sqrt(c * (1 - c) / 44'700 + t * (1 - t) / 45'489);
    EXPECT_NEAR(effect.Find("effect")->AsDouble(), t - c, 1e-12);
    EXPECT_NEAR(effect.Find("lower")->AsDouble(), t - c - 1.959964 * error, 1e-6);
    EXPECT_NEAR(effect.Find("upper")->AsDouble(), t - c + 1.959964 * error, 1e-6);
  };
  expect(0, 8'502, 8'279);
  expect(1, 20'034, 20'119);
}

}  // namespace
}  // namespace guidon::testing
