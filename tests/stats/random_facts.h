// A plan with metrics of all kinds, and random facts of units under it: exposures and events around them, at instants
// that often meet, so that the ends of windows are tried.
//
//   std::mt19937_64 random = Random("name of the test");     // seed printed; GUIDON_SEED sets it
//   std::vector<Fact> facts = RandomFacts(random, 40);
//
// Thread safety: none; one for each thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"
#include "stats/metric/unit_record.h"

namespace guidon::stats {

using namespace std::chrono_literals;

inline std::mt19937_64 Random(const char* of) {
  const char* given = std::getenv("GUIDON_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261130;
  std::printf("%s: GUIDON_SEED=%llu\n", of, static_cast<unsigned long long>(seed));
  return std::mt19937_64(seed);
}

// `usual` runs, and with GUIDON_TEST_ALL `whole` (where it is not given, ten times as many), GUIDON_PROPERTY_SCALE
// times.
inline int Runs(int usual, int whole = 0) {
  const char* scale = std::getenv("GUIDON_PROPERTY_SCALE");
  if (whole == 0) whole = 10 * usual;
  const double runs = std::getenv("GUIDON_TEST_ALL") != nullptr ? whole : usual;
  return std::max(1, static_cast<int>(runs * (scale != nullptr ? std::atof(scale) : 1.0)));
}

inline constexpr Time kStart{std::chrono::sys_days(std::chrono::year(2026) / 11 / 2)};
inline constexpr SourceId kOrders = 1, kSpend = 2, kVisits = 3, kLatency = 4, kCart = 5;

inline MetricPlan MetricOf(std::string key, MetricKind kind, std::vector<SourceId> sources,
                           std::optional<Milliseconds> window = 72h) {
  MetricPlan metric;
  metric.key = std::move(key);
  metric.kind = kind;
  metric.sources = std::move(sources);
  metric.window = window;
  return metric;
}

inline ExperimentPlan PlanOfAllKinds() {
  ExperimentPlan plan;
  plan.experiment = "checkout-one-page";
  plan.variants = {"control", "one_page", "two_pages"};
  plan.weights = {0.5, 0.25, 0.25};
  plan.metrics = {MetricOf("conversion", MetricKind::kConversion, {kOrders}),
                  MetricOf("count", MetricKind::kCount, {kVisits}, std::nullopt),
                  MetricOf("sum", MetricKind::kSum, {kSpend}),
                  MetricOf("mean", MetricKind::kMean, {kSpend}),
                  MetricOf("ratio", MetricKind::kRatio, {kSpend, kVisits}),
                  MetricOf("quantile", MetricKind::kQuantile, {kLatency}),
                  MetricOf("retention", MetricKind::kRetention, {kVisits}, 24h),
                  MetricOf("funnel", MetricKind::kFunnel, {kVisits, kCart, kOrders})};
  plan.metrics[2].cap_value = 80;
  plan.metrics[5].quantile = 0.9;
  plan.metrics[6].after = 24h;
  plan.started = kStart;
  plan.ended = kStart + 14 * 24h;
  plan.dimensions = {"platform", "country"};
  return plan;
}

struct Fact {
  std::string unit;
  bool is_exposure = false;
  FirstExposure exposure;
  SourceId source = 0;
  Observation event;
};

inline void Put(UnitRecord& record, const ExperimentPlan& plan, const Fact& fact) {
  if (fact.is_exposure) {
    record.AddExposure({plan.experiment, plan.iteration}, fact.exposure);
  } else {
    record.AddEvent(fact.source, fact.event);
  }
}

// Times are whole hours, most of them, from 20 days before the start to 20 days after it.
inline Time RandomTime(std::mt19937_64& random) {
  const auto hour = static_cast<std::int64_t>(random() % (40 * 24)) - 20 * 24;
  return kStart + std::chrono::hours(hour) + Milliseconds(random() % 4 == 0 ? random() % 3'600'000 : 0);
}

inline std::vector<Fact> RandomFacts(std::mt19937_64& random, int units) {
  std::vector<Fact> facts;
  std::lognormal_distribution<double> spend(3, 1);
  for (int i = 0; i < units; ++i) {
    const std::string unit = "acct-" + std::to_string(i);
    const auto exposures = random() % 10 == 0 ? 0 : 1 + random() % 3;
    auto variant = static_cast<std::uint32_t>(random() % 3);
    for (std::uint64_t e = 0; e < exposures; ++e) {
      if (random() % 12 == 0) variant = static_cast<std::uint32_t>(random() % 3);
      Fact fact{unit, true, {variant, kStart + std::chrono::hours(random() % 300), {}}, 0, {}};
      fact.exposure.dimensions = {random() % 2 == 0 ? "ios" : "web", "country-" + std::to_string(random() % 30)};
      facts.push_back(fact);
    }
    for (std::uint64_t e = random() % 20; e > 0; --e) {
      Fact fact{unit, false, {}, static_cast<SourceId>(kOrders + random() % 5), {RandomTime(random), 1, 1}};
      if (fact.source == kSpend) fact.event.value = std::round(100 * spend(random)) / 100;
      if (fact.source == kLatency) fact.event.value = spend(random);
      facts.push_back(fact);
    }
  }
  return facts;
}

inline std::map<std::string, UnitRecord> RecordsOf(const ExperimentPlan& plan, const std::vector<Fact>& facts) {
  std::map<std::string, UnitRecord> records;
  for (const Fact& fact : facts) Put(records[fact.unit], plan, fact);
  return records;
}

}  // namespace guidon::stats
