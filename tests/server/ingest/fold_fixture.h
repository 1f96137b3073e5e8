// What the tests of the fold share: plans and events that are written down shortly, and a look at what is stored.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "server/ingest/fold.h"
#include "server/ingest/journal.h"
#include "server/store/store.h"

namespace guidon {

inline constexpr std::int64_t kStartMs = 1'798'761'600'000;  // 2027-01-01T00:00:00Z, as in FakeClock
inline constexpr std::int64_t kHourMs = 3'600'000;

inline stats::MetricPlan MetricOf(const std::string& key, stats::MetricKind kind, std::vector<stats::SourceId> sources,
                                  std::optional<std::chrono::hours> window = std::chrono::hours(72)) {
  stats::MetricPlan metric;
  metric.key = key;
  metric.kind = kind;
  metric.sources = std::move(sources);
  metric.window = window;
  metric.adjust = false;
  return metric;
}

// Two arms by `key`: whether somebody ordered, what they spent in euros, and the median of what took how long.
inline FoldPlan CheckoutPlan(const std::string& unit = "key") {
  FoldPlan plan;
  plan.project = "shop";
  plan.environment = "production";
  plan.unit = unit;
  plan.plan.experiment = "checkout";
  plan.plan.variants = {"control", "one_page"};
  plan.plan.weights = {0.5, 0.5};
  plan.plan.dimensions = {"country", "sdk"};
  plan.plan.started = stats::Time(stats::Milliseconds(kStartMs));
  plan.sources = {{"order", "", {}},
                  {"order", "amount", *DecodeCondition(*ParseJson(R"({"currency":"EUR"})"))},
                  {"page", "value", {}}};
  plan.plan.metrics = {MetricOf("ordered", stats::MetricKind::kConversion, {0}),
                       MetricOf("revenue", stats::MetricKind::kSum, {1}),
                       MetricOf("latency", stats::MetricKind::kQuantile, {2})};
  return plan;
}

inline std::string Exposure(const std::string& unit, const std::string& variant, std::int64_t ms,
                            const std::string& more = "") {
  return R"({"type":"exposure","time":)" + std::to_string(ms) +
         R"(,"flag":"f","experiment":"checkout","iteration":1,"variant":")" + variant +
         R"(","role":"assigned","unit_attribute":"key","unit":")" + unit + R"(","bucket":1,"revision":1)" + more +
         R"(,"context":{"key":")" + unit + R"(","country":"DE"}})";
}

inline std::string Track(const std::string& unit, const std::string& event, std::int64_t ms,
                         const std::string& attributes = R"({"amount":10,"currency":"EUR"})") {
  return R"({"type":"track","time":)" + std::to_string(ms) + R"(,"event":")" + event +
         R"(","value":7.5,"context":{"key":")" + unit + R"("},"attributes":)" + attributes + "}";
}

// One batch, received now.
inline void Append(Journal& journal, const std::vector<std::string>& events, const std::string& sender = "") {
  static int batches = 0;
  NewEntry entry{"shop", "production", "4fJ2kQz9wXbT", {}, "answer"};
  entry.batch.id = "batch-" + std::to_string(10'000'000 + ++batches);
  entry.batch.sender = sender;
  entry.batch.events = "[";
  for (const std::string& event : events) {
    entry.batch.events += (entry.batch.events.size() == 1 ? "" : ",") + event;
  }
  entry.batch.events += "]";
  std::promise<bool> answer;
  journal.Append(std::move(entry), [&](const Result<Appended>& done) { answer.set_value(done.has_value()); });
  EXPECT_TRUE(answer.get_future().get());
}

// All that the fold keeps of units and totals, but for how far it is.
inline std::map<std::string, std::string> StoredFacts(const Store& store) {
  std::map<std::string, std::string> facts;
  for (const std::string_view prefix : {kUnitPrefix, kTotalPrefix, kRejectedPrefix, kFoldedPrefix}) {
    const Result<RangeResult> range = store.Range(RangeQuery::Prefix(prefix));
    EXPECT_TRUE(range);
    if (!range) continue;
    for (const KeyValue& entry : range->entries) facts[entry.key] = entry.value;
  }
  return facts;
}

inline PlanSource Always(std::vector<FoldPlan> plans) {
  auto fixed = std::make_shared<FoldPlans>();
  fixed->plans = std::move(plans);
  return [fixed = std::shared_ptr<const FoldPlans>(fixed)] { return fixed; };
}

// A crowd that orders, pays and waits, some of it twice, late, out of order or in both arms: `batches` of 25 events.
inline void AppendCrowd(Journal& journal, int batches) {
  std::uint64_t state = 7;
  const auto next = [&state](std::uint64_t below) {
    state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    return (state >> 33) % below;
  };
  for (int batch = 0; batch < batches; ++batch) {
    std::vector<std::string> events;
    for (int i = 0; i < 25; ++i) {
      const std::string unit = "user-" + std::to_string(next(200));
      const std::int64_t ms = kStartMs + static_cast<std::int64_t>(next(48 * kHourMs));
      const std::string amount = std::to_string(next(10'000)) + "." + std::to_string(next(100));
      if (next(3) == 0) {
        const bool strays = next(40) == 0;
        events.push_back(Exposure(unit, (unit.back() % 2 == 0) != strays ? "control" : "one_page", ms));
      } else if (next(2) == 0) {
        events.push_back(Track(unit, "order", ms, R"({"currency":"EUR","amount":)" + amount + "}"));
      } else {
        events.push_back(Track(unit, "page", ms, R"({"value":)" + amount + "}"));
      }
    }
    Append(journal, events, R"("sdk":{"name":"guidon-cpp","version":"0.1.)" + std::to_string(batch % 30) + R"("},)");
  }
}

}  // namespace guidon
