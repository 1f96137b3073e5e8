#include "stats/metric/contribution.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <span>

#include "core/base/hash.h"

namespace guidon::stats {
namespace {

using Observations = std::span<const Observation>;

// Half-open.
struct Window {
  Time begin{};
  Time end{};
};

// Never beyond what a Time can say, whatever a plan asks for.
Time Plus(Time time, Milliseconds more) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(time.time_since_epoch().count(), more.count(), &sum)) {
    return more.count() > 0 ? Time::max() : Time::min();
  }
  return Time(Milliseconds(sum));
}

// The earliest event that counts as at `time`.
Time EarliestAs(const ExperimentPlan& plan, Time time) {
  return time == plan.started && plan.started != Time{} ? Plus(time, -kStartTolerance) : time;
}

Window WindowOf(const ExperimentPlan& plan, const MetricPlan& metric, Time exposure) {
  const Time begin = Plus(exposure, metric.after), first = EarliestAs(plan, begin);
  if (metric.window) return {first, Plus(begin, *metric.window)};
  return {first, plan.ended ? Plus(*plan.ended, metric.after) : Time::max()};
}

Window LookbackOf(const ExperimentPlan& plan, Time exposure) {
  return {Plus(exposure, -plan.lookback), EarliestAs(plan, exposure)};
}

Observations Within(const UnitRecord& unit, SourceId source, Window window) {
  const std::vector<Observation>* all = unit.Events(source);
  if (all == nullptr || window.end <= window.begin) return {};
  const auto before = [](const Observation& observation, Time time) { return observation.time < time; };
  const auto begin = std::lower_bound(all->begin(), all->end(), window.begin, before);
  return {begin, std::lower_bound(begin, all->end(), window.end, before)};
}

// Within the bounds of MetricContribution.
double Held(double total) {
  if (!(std::abs(total) >= 1 / kGreatestValue)) return 0;
  return std::clamp(total, -kGreatestValue, kGreatestValue);
}

double SumOf(Observations observations) {
  double sum = 0;
  for (const Observation& observation : observations) sum += observation.value;
  return Held(sum);
}

std::uint64_t CountOf(Observations observations) {
  std::uint64_t count = 0;
  for (const Observation& observation : observations) count += observation.count;
  return count;
}

// Of an empty window 0.
double TotalOf(MetricKind kind, Observations observations) {
  switch (kind) {
    case MetricKind::kConversion:
    case MetricKind::kRetention:
      return observations.empty() ? 0 : 1;
    case MetricKind::kCount:
      return static_cast<double>(CountOf(observations));
    case MetricKind::kMean:
      return observations.empty() ? 0 : Held(SumOf(observations) / static_cast<double>(CountOf(observations)));
    case MetricKind::kSum:
    case MetricKind::kRatio:
      return SumOf(observations);
    case MetricKind::kQuantile:
    case MetricKind::kFunnel:
      return 0;  // no totals of values
  }
  return 0;
}

bool HasCaps(MetricKind kind) {
  return kind == MetricKind::kCount || kind == MetricKind::kSum || kind == MetricKind::kMean ||
         kind == MetricKind::kRatio;
}

double Cut(double total, const std::optional<double>& cap, const std::optional<double>& other) {
  if (cap) total = std::min(total, *cap);
  return other ? std::min(total, *other) : total;
}

std::uint32_t Clamped(std::uint64_t count) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

// How many steps were reached: each by the first event at or after that of the step before. Steps of the same source
// at the same instant take one event each, hence `run`: the first step that was reached at `reached`.
std::uint32_t StepsOf(const MetricPlan& metric, const UnitRecord& unit, Window window) {
  Time reached = window.begin;
  std::size_t run = 0;
  for (std::size_t step = 0; step < metric.sources.size(); ++step) {
    const Observations events = Within(unit, metric.sources[step], {reached, window.end});
    const auto steps = metric.sources.begin();
    const auto taken = static_cast<std::size_t>(std::count(
        steps + static_cast<std::ptrdiff_t>(run), steps + static_cast<std::ptrdiff_t>(step), metric.sources[step]));
    if (taken >= events.size()) return static_cast<std::uint32_t>(step);
    if (events[taken].time > reached) run = step;
    reached = events[taken].time;
  }
  return static_cast<std::uint32_t>(metric.sources.size());
}

void AddValues(Observations observations, std::vector<ValueCount>* values) {
  for (const Observation& observation : observations) {
    values->push_back({Held(observation.value / static_cast<double>(observation.count)), observation.count});
  }
}

void Contribute(const ExperimentPlan& plan, const MetricPlan& metric, const UnitRecord& unit, const Caps::Of& caps,
                Time exposure, MetricContribution* into) {
  into->values.clear();
  std::vector<ValueCount> values = std::move(into->values);
  *into = {};
  into->values = std::move(values);
  if (metric.sources.empty()) return;

  const Window window = WindowOf(plan, metric, exposure);
  if (metric.kind == MetricKind::kFunnel) {
    into->steps = StepsOf(metric, unit, window);
    into->events = into->steps == metric.sources.size() ? 1 : 0;
    into->y = into->y_uncapped = into->events;
    return;
  }
  const Observations after = Within(unit, metric.sources[0], window);
  into->events = Clamped(CountOf(after));
  if (metric.kind == MetricKind::kQuantile) return AddValues(after, &into->values);

  const Window lookback = LookbackOf(plan, exposure);
  const bool is_ratio = metric.kind == MetricKind::kRatio && metric.sources.size() > 1;
  const bool cut = HasCaps(metric.kind);
  into->counted = metric.kind != MetricKind::kMean || !after.empty();
  into->y_uncapped = TotalOf(metric.kind, after);
  into->y = cut ? Cut(into->y_uncapped, metric.cap_value, caps.y) : into->y_uncapped;
  into->capped = into->y < into->y_uncapped;
  into->x = TotalOf(metric.kind, Within(unit, metric.sources[0], lookback));
  if (cut) into->x = Cut(into->x, metric.cap_value, caps.x);
  if (is_ratio) into->d = SumOf(Within(unit, metric.sources[1], window));
  if (is_ratio) into->xd = SumOf(Within(unit, metric.sources[1], lookback));
}

bool HasHistory(const ExperimentPlan& plan, const UnitRecord& unit, Time exposure) {
  const Window lookback = LookbackOf(plan, exposure);
  return std::any_of(plan.metrics.begin(), plan.metrics.end(), [&](const MetricPlan& metric) {
    return std::any_of(metric.sources.begin(), metric.sources.end(),
                       [&](SourceId source) { return !Within(unit, source, lookback).empty(); });
  });
}

bool IsOf(const ExperimentPlan& plan, const FirstExposure& exposure) {
  return exposure.time >= plan.started && (!plan.ended || exposure.time < *plan.ended) &&
         exposure.variant < plan.variants.size();
}

// At `share` of the values that are not 0, by linear interpolation.
std::optional<double> CapAt(double share, std::vector<double> totals) {
  std::erase(totals, 0.0);
  if (totals.empty()) return std::nullopt;
  const double rank = std::clamp(share, 0.0, 1.0) * static_cast<double>(totals.size() - 1);
  const auto below = static_cast<std::ptrdiff_t>(rank);
  const auto at = totals.begin() + below;
  std::nth_element(totals.begin(), at, totals.end());
  if (at + 1 == totals.end()) return *at;
  const double next = *std::min_element(at + 1, totals.end());
  return *at + (next - *at) * (rank - static_cast<double>(below));
}

}  // namespace

std::uint8_t HashGroupOf(std::string_view unit) {
  return static_cast<std::uint8_t>(Xxh3(unit));
}

Contribution ContributionOf(const ExperimentPlan& plan, const UnitRecord& unit, std::uint8_t group, const Caps& caps) {
  Contribution contribution;
  ContributionOf(plan, unit, group, caps, &contribution);
  return contribution;
}

void ContributionOf(const ExperimentPlan& plan, const UnitRecord& unit, std::uint8_t group, const Caps& caps,
                    Contribution* into) {
  into->kind = Contribution::Kind::kNone;
  into->variant = 0;
  into->day = 0;
  into->group = group;
  into->has_history = false;
  const std::vector<FirstExposure>* exposures = unit.Exposures({plan.experiment, plan.iteration});
  const FirstExposure* first = nullptr;
  for (std::size_t i = 0; exposures != nullptr && i < exposures->size(); ++i) {
    if (!IsOf(plan, (*exposures)[i])) continue;
    into->kind = first == nullptr ? Contribution::Kind::kUnit : Contribution::Kind::kMultiple;
    if (first == nullptr) first = &(*exposures)[i];
  }
  if (first == nullptr) {
    into->kind = Contribution::Kind::kNone;
    into->dimensions.clear();
    return into->metrics.clear();
  }
  into->variant = first->variant;
  into->day = static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(first->time).time_since_epoch().count());
  into->dimensions = first->dimensions;
  if (into->kind == Contribution::Kind::kMultiple) return into->metrics.clear();
  into->has_history = HasHistory(plan, unit, first->time);
  into->metrics.resize(plan.metrics.size());
  for (std::size_t i = 0; i < plan.metrics.size(); ++i) {
    Contribute(plan, plan.metrics[i], unit, i < caps.metrics.size() ? caps.metrics[i] : Caps::Of{}, first->time,
               &into->metrics[i]);
  }
}

Caps CapsOf(const ExperimentPlan& plan, std::vector<UnitTotals> metrics) {
  Caps caps;
  caps.metrics.resize(plan.metrics.size());
  for (std::size_t i = 0; i < std::min(plan.metrics.size(), metrics.size()); ++i) {
    const MetricPlan& metric = plan.metrics[i];
    if (!metric.cap_share || !HasCaps(metric.kind)) continue;
    caps.metrics[i].y = CapAt(*metric.cap_share, std::move(metrics[i].y));
    caps.metrics[i].x = CapAt(*metric.cap_share, std::move(metrics[i].x));
  }
  return caps;
}

}  // namespace guidon::stats
