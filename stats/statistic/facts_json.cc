#include "stats/statistic/facts_json.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace guidon::stats {
namespace {

constexpr std::array<std::string_view, 8> kKinds = {"conversion", "count",    "sum",       "mean",
                                                    "ratio",      "quantile", "retention", "funnel"};

std::int64_t Count(Milliseconds time) {
  return time.count();
}

void AppendNumber(Object& object, std::string_view name, const std::optional<double>& number) {
  if (number) object.Append(name, Value(*number));
}

Array Texts(const std::vector<std::string>& texts) {
  Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

Value EncodeMetric(const MetricPlan& metric) {
  Array sources;
  for (const SourceId source : metric.sources) sources.emplace_back(source);
  Object object{{"key", Value(metric.key)},
                {"kind", Value(ToString(metric.kind))},
                {"lower_is_better", Value(metric.lower_is_better)},
                {"sources", Value(std::move(sources))},
                {"after", Value(Count(metric.after))}};
  if (metric.window) object.Append("window", Value(Count(*metric.window)));
  AppendNumber(object, "cap_value", metric.cap_value);
  AppendNumber(object, "cap_share", metric.cap_share);
  if (metric.kind == MetricKind::kQuantile) object.Append("quantile", Value(metric.quantile));
  object.Append("adjust", Value(metric.adjust));
  return object;
}

std::string DayText(std::int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()));
  return text;
}

template <typename Numbers>
Array Numbered(const Numbers& numbers) {
  Array array;
  for (const auto number : numbers) array.emplace_back(number);
  return array;
}

template <std::size_t K>
void AppendMoments(Object& object, const JointMoments<K>& moments) {
  object.Append("n", Value(moments.n));
  object.Append("mean", Value(Numbered(moments.mean)));
  object.Append("products", Value(Numbered(moments.products)));
}

// The members of an arm's statistic; first of all its kind.
struct StatisticWriter {
  Object& object;

  void operator()(const MeanStatistic& arm) const {
    object.Append("statistic", Value("mean"));
    object.Append("n", Value(arm.y.n));
    object.Append("mean", Value(arm.y.mean));
    object.Append("m2", Value(arm.y.m2));
  }
  void operator()(const ProportionStatistic& arm) const {
    object.Append("statistic", Value("proportion"));
    object.Append("n", Value(arm.n));
    object.Append("successes", Value(arm.successes));
  }
  void operator()(const RatioStatistic& arm) const {
    object.Append("statistic", Value("ratio"));
    AppendMoments(object, arm.md);
  }
  void operator()(const CupedStatistic& arm) const {
    object.Append("statistic", Value("cuped"));
    AppendMoments(object, arm.yx);
  }
  void operator()(const CupedRatioStatistic& arm) const {
    object.Append("statistic", Value("cuped_ratio"));
    AppendMoments(object, arm.moments);
  }
  void operator()(const QuantileStatistic& arm) const {
    object.Append("statistic", Value("quantile"));
    object.Append("n", Value(arm.n));
    object.Append("nu", Value(arm.nu));
    object.Append("estimate", Value(arm.estimate));
    object.Append("lower", Value(arm.lower));
    object.Append("upper", Value(arm.upper));
  }
  void operator()(const QuantileClusteredStatistic& arm) const {
    (*this)(arm.quantile);
    Object clusters;
    AppendMoments(clusters, arm.clusters);
    object.Append("clusters", Value(std::move(clusters)));
  }
};

Object EncodeArm(const std::string& variant, const ArmStatistic& arm) {
  Object object{{"variant", Value(variant)}};
  std::visit(StatisticWriter{object}, arm);
  return object;
}

Array EncodeUnits(const ExperimentFacts& facts, const std::vector<UnitCounts>& counts) {
  Array arms;
  for (std::size_t v = 0; v < facts.plan.variants.size() && v < counts.size(); ++v) {
    arms.emplace_back(Object{{"variant", Value(facts.plan.variants[v])},
                             {"units", Value(counts[v].units)},
                             {"multiple", Value(counts[v].multiple)},
                             {"with_history", Value(counts[v].with_history)}});
  }
  return arms;
}

template <typename CountsOf>
Array EncodeUnitsBy(const ExperimentFacts& facts, const CountsOf& counts_of) {
  std::vector<UnitCounts> counts;
  for (std::uint32_t v = 0; v < facts.plan.variants.size(); ++v) counts.push_back(counts_of(v));
  return EncodeUnits(facts, counts);
}

Value EncodeMeasured(const ExperimentFacts& facts, std::size_t m) {
  const MetricPlan& metric = facts.plan.metrics[m];
  const auto variants = static_cast<std::uint32_t>(facts.plan.variants.size());
  Object object{{"metric", Value(metric.key)},
                {"kind", Value(ToString(metric.kind))},
                {"events", Value(facts.totals->Events(m))}};
  if (m < facts.caps.metrics.size() && facts.caps.metrics[m].y) {
    object.Append("capped_at", Value(*facts.caps.metrics[m].y));
  }
  Array arms, days;
  for (std::uint32_t v = 0; v < variants; ++v) {
    Object arm = EncodeArm(facts.plan.variants[v], facts.totals->Arm(m, v));
    if (metric.cap_value || metric.cap_share) arm.Append("capped_units", Value(facts.totals->CappedUnits(m, v)));
    if (metric.kind == MetricKind::kFunnel) {
      arm.Append("steps", Value(Numbered(facts.totals->StepCounts(m, v))));
    }
    arms.emplace_back(std::move(arm));
  }
  object.Append("arms", Value(std::move(arms)));
  if (metric.kind == MetricKind::kQuantile) return object;  // which has no days
  for (const auto& [day, counts] : facts.totals->UnitsByDay()) {
    Array of_day;
    for (std::uint32_t v = 0; v < variants; ++v) {
      of_day.emplace_back(EncodeArm(facts.plan.variants[v], facts.totals->ArmOfDays(m, v, day, day)));
    }
    days.emplace_back(Object{{"day", Value(DayText(day))}, {"arms", Value(std::move(of_day))}});
  }
  object.Append("days", Value(std::move(days)));
  return object;
}

void AppendUnits(Object& object, const ExperimentFacts& facts) {
  const Totals& totals = *facts.totals;
  object.Append("units", Value(EncodeUnitsBy(facts, [&](std::uint32_t v) { return totals.Units(v); })));
  Array days, slices;
  for (const auto& [day, counts] : totals.UnitsByDay()) {
    days.emplace_back(Object{{"day", Value(DayText(day))}, {"units", Value(EncodeUnits(facts, counts))}});
  }
  for (const Slice& slice : totals.Slices()) {
    if (slice.dimension >= facts.plan.dimensions.size()) continue;
    slices.emplace_back(
        Object{{"dimension", Value(facts.plan.dimensions[slice.dimension])},
               {"value", Value(slice.value)},
               {"units", Value(EncodeUnitsBy(facts, [&](std::uint32_t v) { return totals.Units(v, slice); }))}});
  }
  object.Append("days", Value(std::move(days)));
  object.Append("slices", Value(std::move(slices)));
}

}  // namespace

std::string_view ToString(MetricKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<MetricKind> MetricKindFromString(std::string_view word) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == word) return static_cast<MetricKind>(i);
  }
  return std::nullopt;
}

Value EncodePlan(const ExperimentPlan& plan) {
  Array weights, metrics;
  for (const double weight : plan.weights) weights.emplace_back(weight);
  for (const MetricPlan& metric : plan.metrics) metrics.push_back(EncodeMetric(metric));
  Object object{{"experiment", Value(plan.experiment)},    {"iteration", Value(plan.iteration)},
                {"variants", Value(Texts(plan.variants))}, {"weights", Value(std::move(weights))},
                {"metrics", Value(std::move(metrics))},    {"started", Value(plan.started.time_since_epoch().count())}};
  if (plan.ended) object.Append("ended", Value(plan.ended->time_since_epoch().count()));
  object.Append("lookback", Value(Count(plan.lookback)));
  object.Append("allowance", Value(Count(plan.allowance)));
  object.Append("dimensions", Value(Texts(plan.dimensions)));
  return object;
}

Object EncodeFacts(const ExperimentFacts& facts) {
  Object object{{"experiment", Value(facts.plan.experiment)},
                {"iteration", Value(facts.plan.iteration)},
                {"sequence", Value(facts.sequence)},
                {"rebuilding", Value(facts.rebuilding)},
                {"plan", EncodePlan(facts.plan)}};
  Object rejected;
  for (const auto& [reason, count] : facts.rejected) rejected.Append(reason, Value(count));
  object.Append("rejected", Value(std::move(rejected)));
  AppendUnits(object, facts);
  Array metrics;
  for (std::size_t m = 0; m < facts.plan.metrics.size(); ++m) metrics.push_back(EncodeMeasured(facts, m));
  object.Append("metrics", Value(std::move(metrics)));
  if (facts.overlaps != nullptr) object.Append("overlaps", EncodeOverlaps(*facts.overlaps));
  return object;
}

}  // namespace guidon::stats
