#include "stats/metric/unit_record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <tuple>

namespace guidon::stats {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// By how much time observations are put together, from "not at all" to "all of them". Of kEarliest … kLatest a step of
// a year still makes half a million; hence the last.
constexpr std::array<Milliseconds, 12> kGrains = {Milliseconds(0), seconds(1), seconds(10), minutes(1),
                                                  minutes(10),     hours(1),   hours(6),    days(1),
                                                  days(7),         days(28),   days(364),   Milliseconds::max()};

Time Within(Time time) {
  return std::clamp(time, kEarliest, kLatest);
}

// -0 becomes 0, so that equal values have equal bits.
double Within(double value) {
  if (!(std::abs(value) >= 1 / kGreatestValue)) return 0;
  return std::clamp(value, -kGreatestValue, kGreatestValue);
}

std::uint32_t Sum(std::uint32_t a, std::uint32_t b) {
  return a > std::numeric_limits<std::uint32_t>::max() - b ? std::numeric_limits<std::uint32_t>::max() : a + b;
}

// The step that `time` lies in, counted from 1970.
std::int64_t StepOf(Time time, std::uint8_t grain) {
  const std::int64_t step = kGrains[grain].count();
  const std::int64_t ms = time.time_since_epoch().count();
  return ms / step - (ms % step < 0 ? 1 : 0);
}

bool InOrder(const Observation& a, const Observation& b) {
  return std::tie(a.time, a.value, a.count) < std::tie(b.time, b.value, b.count);
}

bool ByTimeAndVariant(const FirstExposure& a, const FirstExposure& b) {
  return std::tie(a.time, a.variant) < std::tie(b.time, b.variant);
}

template <typename T>
bool Contains(const std::vector<T>& list, const T& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

// ---- Adding
// -----------------------------------------------------------------------------------------------------------

bool UnitRecord::AddExposure(const Iteration& iteration, FirstExposure exposure) {
  exposure.time = Within(exposure.time);
  std::vector<FirstExposure>& known = exposures_[iteration];
  const auto same = std::find_if(known.begin(), known.end(),
                                 [&](const FirstExposure& other) { return other.variant == exposure.variant; });
  if (same != known.end()) {
    if (std::tie(same->time, same->dimensions) <= std::tie(exposure.time, exposure.dimensions)) return false;
    known.erase(same);
  }
  known.insert(std::upper_bound(known.begin(), known.end(), exposure, ByTimeAndVariant), std::move(exposure));
  return true;
}

void UnitRecord::AddEvent(SourceId source, Observation observation) {
  observation = {Within(observation.time), Within(observation.value), std::max(observation.count, 1u)};
  Series& series = events_[source];
  if (series.grain == 0) {
    std::vector<Observation>& all = series.observations;
    all.insert(std::upper_bound(all.begin(), all.end(), observation, InOrder), observation);
  } else {
    PutTogether(series, observation);
  }
  while (series.observations.size() > kMostObservations) Coarsen(series);
}

// Into the step that it belongs to, which is begun by it where there was none.
void UnitRecord::PutTogether(Series& series, const Observation& observation) {
  const std::int64_t step = StepOf(observation.time, series.grain);
  const auto at = std::lower_bound(
      series.observations.begin(), series.observations.end(), step,
      [&](const Observation& other, std::int64_t wanted) { return StepOf(other.time, series.grain) < wanted; });
  if (at == series.observations.end() || StepOf(at->time, series.grain) != step) {
    series.observations.insert(at, observation);
    return;
  }
  at->time = std::min(at->time, observation.time);
  at->value = Within(at->value + observation.value);
  at->count = Sum(at->count, observation.count);
}

void UnitRecord::Coarsen(Series& series) {
  ++series.grain;
  std::vector<Observation> fewer;
  for (const Observation& observation : series.observations) {
    if (fewer.empty() || StepOf(fewer.back().time, series.grain) != StepOf(observation.time, series.grain)) {
      fewer.push_back(observation);
      continue;
    }
    fewer.back().value = Within(fewer.back().value + observation.value);
    fewer.back().count = Sum(fewer.back().count, observation.count);
  }
  series.observations = std::move(fewer);
}

void UnitRecord::ForgetExposures(const IterationLess::View& iteration, Time before) {
  const auto at = exposures_.find(iteration);
  if (at == exposures_.end()) return;
  std::erase_if(at->second, [&](const FirstExposure& exposure) { return exposure.time < before; });
  if (at->second.empty()) exposures_.erase(at);
}

bool UnitRecord::Forget(Time before, const std::vector<Iteration>& keep, const std::vector<SourceId>& keep_sources) {
  std::erase_if(exposures_, [&](const auto& known) { return !Contains(keep, known.first); });
  std::erase_if(events_, [&](const auto& known) { return !Contains(keep_sources, known.first); });
  for (auto& [source, series] : events_) {
    const std::uint8_t grain = series.grain;
    const auto is_over = [&](const Observation& observation) {
      // Of a step that `before` lies in, some events may be after it.
      return observation.time < before &&
             (grain == 0 || StepOf(observation.time, grain) != StepOf(Within(before), grain));
    };
    std::erase_if(series.observations, is_over);
  }
  std::erase_if(events_, [](const auto& known) { return known.second.observations.empty(); });
  return !empty();
}

// ---- Reading
// ----------------------------------------------------------------------------------------------------------

const std::vector<FirstExposure>* UnitRecord::Exposures(const IterationLess::View& iteration) const {
  const auto at = exposures_.find(iteration);
  return at == exposures_.end() ? nullptr : &at->second;
}

const std::vector<Observation>* UnitRecord::Events(SourceId source) const {
  const auto at = events_.find(source);
  return at == events_.end() ? nullptr : &at->second.observations;
}

bool UnitRecord::coarse() const {
  return std::any_of(events_.begin(), events_.end(), [](const auto& known) { return known.second.grain > 0; });
}

// What Decode has to know of a series it has read.
bool UnitRecord::IsInOrder(const Series& series) {
  const std::vector<Observation>& all = series.observations;
  if (all.empty() || all.size() > kMostObservations || series.grain >= kGrains.size()) return false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].count == 0 || Within(all[i].time) != all[i].time || Within(all[i].value) != all[i].value) return false;
    if (i == 0) continue;
    if (series.grain == 0 ? InOrder(all[i], all[i - 1])
                          : StepOf(all[i].time, series.grain) <= StepOf(all[i - 1].time, series.grain))
      return false;
  }
  return true;
}

}  // namespace guidon::stats
