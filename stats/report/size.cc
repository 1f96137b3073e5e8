// The size of an experiment, found from what its units have come to.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <type_traits>
#include <variant>

#include "stats/inference/effects.h"
#include "stats/report/gates.h"
#include "stats/report/planning.h"

namespace guidon::stats {
namespace {

// Of all arms together, of units that were first exposed up to a day; without a covariate where that is merged by
// another formula. Of quantiles nothing: they have no days, and no size.
std::optional<ArmStatistic> PooledTo(const Design& design, const Totals& totals, std::int32_t last) {
  std::optional<ArmStatistic> pooled;
  for (std::uint32_t v = 0; v < design.plan.variants.size(); ++v) {
    const ArmStatistic arm =
        totals.ArmOfDays(design.primary->metric, v, std::numeric_limits<std::int32_t>::min(), last);
    if (!pooled) {
      pooled = arm;
      continue;
    }
    if (pooled->index() != arm.index()) return std::nullopt;
    pooled = std::visit(
        [&](const auto& held) -> std::optional<ArmStatistic> {
          using Arm = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Arm, QuantileStatistic> || std::is_same_v<Arm, QuantileClusteredStatistic>) {
            return std::nullopt;
          } else {
            return Merge(held, std::get<Arm>(arm));
          }
        },
        *pooled);
    if (!pooled) return std::nullopt;
  }
  return pooled;
}

bool CanHaveSize(const Design& design) {
  return design.primary && design.primary->detect && !design.planned_units &&
         design.plan.metrics.at(design.primary->metric).kind != MetricKind::kQuantile;
}

// When the plan may have its first look.
Time FirstLook(const Design& design) {
  return design.plan.started + std::max<Milliseconds>(LookEvery(design), std::chrono::days(FewestDays(design)));
}

}  // namespace

std::optional<KnownBaseline> FindBaseline(const Design& design, const Facts& facts, Time now) {
  if (!design.primary || facts.totals == nullptr || facts.quality.rebuilding) return std::nullopt;
  const Time known_to = KnownTo(facts, now);
  // Outcomes without a window are never all there; by the first look there is as much of them as it will see.
  if (!design.plan.metrics.at(design.primary->metric).window && known_to < FirstLook(design)) return std::nullopt;
  const std::int32_t last = LastMaturedDay(design, known_to);
  const std::optional<ArmStatistic> pooled = PooledTo(design, *facts.totals, last);
  const double units = UnitsTo(*facts.totals, last);
  if (!pooled || units < kUnitsForSize) return std::nullopt;
  const Outcome<ArmValue> value = ValueOf(*pooled);
  if (!value || value->units < kConversionsForSize) return std::nullopt;
  if (const auto* share = std::get_if<ProportionStatistic>(&*pooled)) {
    if (share->successes < kConversionsForSize) return std::nullopt;
  }
  return KnownBaseline{*pooled, units / value->units};
}

std::optional<double> FindSize(const Design& design, const Facts& facts, Time now) {
  if (!CanHaveSize(design)) return std::nullopt;
  const std::optional<KnownBaseline> baseline = FindBaseline(design, facts, now);
  if (!baseline) return std::nullopt;
  const Outcome<double> size = PlannedUnits(design, baseline->arm);
  if (!size) return std::nullopt;
  // That many have to count for the metric; of a mean those without an event do not, and are exposed all the same.
  return std::ceil(*size * baseline->exposed_for_each);
}

bool AwaitsSize(const Design& design, Time now) {
  return design.method == PlanMethod::kGroupSequential && CanHaveSize(design) &&
         now < FirstLook(design) + OutcomeTime(design);
}

double UnitsTo(const Totals& totals, std::int32_t last) {
  double units = 0;
  for (const auto& [day, counts] : totals.UnitsByDay()) {
    if (day > last) break;
    for (const UnitCounts& count : counts) units += static_cast<double>(count.units);
  }
  return units;
}

Time KnownTo(const Facts& facts, Time now) {
  return std::min(now, facts.quality.folded_to.value_or(now));
}

Milliseconds OutcomeTime(const MetricPlan& metric) {
  return metric.after + metric.window.value_or(Milliseconds(0));
}

Milliseconds OutcomeTime(const Design& design) {
  return design.primary ? OutcomeTime(design.plan.metrics.at(design.primary->metric)) : Milliseconds(0);
}

std::int32_t LastMaturedDay(const Design& design, std::size_t metric, Time as_of) {
  const MetricPlan& plan = design.plan.metrics.at(metric);
  const Milliseconds takes = OutcomeTime(plan);
  if (takes == Milliseconds(0) || plan.kind == MetricKind::kQuantile) return kAllDays;
  if (design.plan.ended && as_of >= *design.plan.ended + takes) return kAllDays;
  return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(as_of - takes).time_since_epoch().count()) - 1;
}

std::int32_t LastMaturedDay(const Design& design, Time as_of) {
  return design.primary ? LastMaturedDay(design, design.primary->metric, as_of) : kAllDays;
}

bool HasEnoughToSee(const Design& design, const Progress& progress, const std::vector<PublishedLook>& taken) {
  if (!progress.matured.is_enough) return false;
  return OutcomeTime(design) == Milliseconds(0) || taken.empty() || progress.matured.units > taken.back().units;
}

Time FirstMatured(const Design& design) {
  const Milliseconds takes = OutcomeTime(design);
  if (takes == Milliseconds(0)) return design.plan.started;
  return std::chrono::floor<std::chrono::days>(design.plan.started) + std::chrono::days(1) + takes;
}

}  // namespace guidon::stats
