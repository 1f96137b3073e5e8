// What tests and the benchmark of the fold share: plans and events that are written down shortly.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "server/ingest/fold.h"
#include "server/ingest/journal.h"

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

inline std::string Counted(const std::string& flag, const std::string& variation, std::uint64_t count) {
  return R"({"flag":")" + flag + R"(","variation":")" + variation + R"(","reason":"STATIC","count":)" +
         std::to_string(count) + "}";
}
// Of the minute before.
inline std::string Evaluations(const std::string& counts, std::int64_t to_ms) {
  return R"({"type":"evaluations","from":)" + std::to_string(to_ms - 60'000) + R"(,"to":)" + std::to_string(to_ms) +
         R"(,"counts":[)" + counts + "]}";
}

// One batch; each has an id of its own.
inline NewEntry BatchOf(const std::vector<std::string>& events, const std::string& sender = "") {
  static int batches = 0;
  NewEntry entry{"shop", "production", "4fJ2kQz9wXbT", {}, "answer"};
  entry.batch.id = "batch-" + std::to_string(10'000'000 + ++batches);
  entry.batch.sender = sender;
  entry.batch.events = "[";
  for (const std::string& event : events) {
    entry.batch.events += (entry.batch.events.size() == 1 ? "" : ",") + event;
  }
  entry.batch.events += "]";
  return entry;
}

inline PlanSource Always(std::vector<FoldPlan> plans) {
  auto fixed = std::make_shared<FoldPlans>();
  fixed->plans = std::move(plans);
  return [fixed = std::shared_ptr<const FoldPlans>(fixed)] { return fixed; };
}

}  // namespace guidon
