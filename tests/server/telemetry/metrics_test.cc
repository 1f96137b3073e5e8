#include "server/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

namespace guidon {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, ANameIsExplainedOnceAboveAllItsSeries) {
  Metrics metrics;
  Counter& good = metrics.AddCounter("guidon_requests_total", "Requests", {{"route", "getFlag"}, {"status", "2xx"}});
  metrics.AddGauge("guidon_a", "Another", {}, [] { return 2.5; });
  metrics.AddCounter("guidon_requests_total", "Requests", {{"route", "getFlag"}, {"status", "5xx"}});
  good.Add();
  good.Add(2);
  EXPECT_EQ(metrics.Render(),
            "# HELP guidon_a Another\n"
            "# TYPE guidon_a gauge\n"
            "guidon_a 2.5\n"
            "# HELP guidon_requests_total Requests\n"
            "# TYPE guidon_requests_total counter\n"
            "guidon_requests_total{route=\"getFlag\",status=\"2xx\"} 3\n"
            "guidon_requests_total{route=\"getFlag\",status=\"5xx\"} 0\n");
}

TEST(MetricsTest, SeriesMayComeAndGo) {
  Metrics metrics;
  std::vector<std::pair<Labels, double>> live;
  metrics.AddGauges("guidon_live", "Live", [&] { return live; });
  EXPECT_EQ(metrics.Render(), "# HELP guidon_live Live\n# TYPE guidon_live gauge\n");
  live = {{{{"project", "shop"}}, 3.0}, {{{"project", "bank"}}, 1.0}};
  EXPECT_THAT(metrics.Render(), HasSubstr("gauge\nguidon_live{project=\"shop\"} 3\nguidon_live{project=\"bank\"} 1\n"));
}

TEST(MetricsTest, LabelsAndHelpAreEscaped) {
  Metrics metrics;
  metrics.AddGauge("guidon_a", "back\\slash\nline", {{"l", "q\"b\\n\n"}}, [] { return 1.0; });
  EXPECT_EQ(metrics.Render(),
            "# HELP guidon_a back\\\\slash\\nline\n"
            "# TYPE guidon_a gauge\n"
            "guidon_a{l=\"q\\\"b\\\\n\\n\"} 1\n");
}

TEST(MetricsTest, NumbersThatAreNoneHaveTheirWords) {
  Metrics metrics;
  metrics.AddGauge("guidon_a", "A", {}, [] { return std::nan(""); });
  metrics.AddGauge("guidon_b", "B", {}, [] { return HUGE_VAL; });
  metrics.AddGauge(
      "guidon_c", "C", {}, [] { return 1234567890123.0; }, true);
  EXPECT_THAT(metrics.Render(), HasSubstr("guidon_a NaN\n"));
  EXPECT_THAT(metrics.Render(), HasSubstr("guidon_b +Inf\n"));
  EXPECT_THAT(metrics.Render(), HasSubstr("# TYPE guidon_c counter\nguidon_c 1234567890123\n"));
}

TEST(MetricsTest, AHistogramCountsUpToEachBoundAndSumsUp) {
  Metrics metrics;
  Histogram& seconds = metrics.AddHistogram("guidon_s", "S");
  for (const double value : {0.0001, 0.0002, 0.5, 99.0, -1.0}) seconds.Observe(value);
  const std::string text = metrics.Render();
  EXPECT_THAT(text, HasSubstr("# TYPE guidon_s histogram\n"));
  EXPECT_THAT(text, HasSubstr("guidon_s_bucket{le=\"0.0001\"} 2\n"));  // a bound belongs to its bucket
  EXPECT_THAT(text, HasSubstr("guidon_s_bucket{le=\"0.00025\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("guidon_s_bucket{le=\"0.25\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("guidon_s_bucket{le=\"10\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("guidon_s_bucket{le=\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("guidon_s_sum 99.5003\n"));
  EXPECT_THAT(text, HasSubstr("guidon_s_count 5\n"));
}

TEST(MetricsTest, CountsOfManyThreadsAreExactAndRenderingSeesWholeHistograms) {
  Metrics metrics;
  Counter& counter = metrics.AddCounter("guidon_c_total", "C");
  Histogram& histogram = metrics.AddHistogram("guidon_s", "S");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        counter.Add();
        histogram.Observe(0.001);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    // Whatever the moment, the count is that of the last bucket.
    const std::string text = metrics.Render();
    const auto number = [&](const std::string& after) {
      return std::stoll(text.substr(text.find(after) + after.size()));
    };
    EXPECT_EQ(number("le=\"+Inf\"} "), number("guidon_s_count "));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 20'000u);
  EXPECT_THAT(metrics.Render(), HasSubstr("guidon_s_count 20000\n"));
}

}  // namespace
}  // namespace guidon
