#include "stats/report/planning.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <variant>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/distributions.h"
#include "stats/inference/effects.h"
#include "stats/inference/power.h"
#include "stats/report/gates.h"

namespace guidon::stats {
namespace {

constexpr std::int32_t kRecentDays = 7;

std::int32_t DayOf(Time time) {
  return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(time).time_since_epoch().count());
}

// Units of all arms for each of the last whole days, today left out; of today alone when there is nothing else.
// Of the last whole days; 0 before a day has passed: an hour of the night says nothing of a day.
double UnitsPerDay(const Design& design, const Totals& totals, Time now) {
  const double since_start = DaysSince(design.plan.started, now);
  if (since_start < 1) return 0;
  const std::int32_t today = DayOf(now);
  const std::int32_t first = std::max(DayOf(design.plan.started), today - kRecentDays);
  std::uint64_t units = 0, all = 0;
  for (const auto& [day, counts] : totals.UnitsByDay()) {
    for (const UnitCounts& count : counts) {
      if (day >= first && day < today) units += count.units;
      all += count.units;
    }
  }
  // The day of the start was not a whole one.
  double days = today - first;
  if (first == DayOf(design.plan.started)) {
    const auto midnight = std::chrono::floor<std::chrono::days>(design.plan.started);
    days -= static_cast<double>((design.plan.started - midnight).count()) / 86'400'000;
  }
  return days >= 1 ? static_cast<double>(units) / days : static_cast<double>(all) / since_start;
}

// Before anything is known of the traffic: those that fit into max_days, else 14.
std::size_t LooksForPlanning(const Design& design) {
  if (!design.max_days) return 14;
  const double every = std::max(1.0, static_cast<double>(design.look_every.count()) / 86'400'000);
  const double first = std::max(1.0, std::ceil(FewestDays(design) / every));
  const double last = std::ceil(*design.max_days / every);
  return static_cast<std::size_t>(std::clamp(last - first + 1, 1.0, static_cast<double>(kMostLooks)));
}

bool HasSize(const Design& design) {
  return design.planned_units && *design.planned_units > 0 && EffectiveMethod(design) != PlanMethod::kSequential;
}

// The day on which the planned size was reached; nothing where it has not been.
std::optional<std::int32_t> DayOfSize(const Design& design, const Totals& totals) {
  if (!HasSize(design)) return std::nullopt;
  double units = 0;
  for (const auto& [day, counts] : totals.UnitsByDay()) {
    for (const UnitCounts& count : counts) units += static_cast<double>(count.units);
    if (units >= *design.planned_units) return day;
  }
  return std::nullopt;
}

// Of a plan whose end has come.
void SetEnd(const Design& design, const Totals& totals, Time now, Progress& progress) {
  Time end = std::min(now, design.plan.ended.value_or(now));
  if (design.max_days) end = std::min<Time>(end, design.plan.started + std::chrono::days(*design.max_days));
  if (const std::optional<std::int32_t> day = DayOfSize(design, totals)) {
    const Time enough = design.plan.started + std::chrono::days(FewestDays(design));
    end = std::min(end, std::max<Time>(enough, Time(std::chrono::days(*day)) + Milliseconds(1)));
  }
  progress.last_day = DayOf(end - Milliseconds(1));
  // Who came later on that day is of it, too, and has as much time.
  const Time midnight{std::chrono::days(progress.last_day + 1)};
  const Milliseconds takes = OutcomeTime(design);
  progress.settled = takes == Milliseconds(0) ? end : std::min(midnight, design.plan.ended.value_or(midnight)) + takes;
}

// What a look sees now; once it is known whether the plan's end has come.
void SetMatured(const Design& design, const Facts& facts, Time now, Progress& progress) {
  Progress::Matured& matured = progress.matured;
  if (progress.at_end && now >= *progress.settled) {
    matured.last_day = progress.last_day;
  } else if (EffectiveMethod(design) == PlanMethod::kGroupSequential) {
    matured.last_day = LastMaturedDay(design, KnownTo(facts, now));
    if (progress.at_end) matured.last_day = std::min(matured.last_day, progress.last_day);
  }
  std::vector<double> units(design.plan.variants.size(), 0);
  for (const auto& [day, counts] : facts.totals->UnitsByDay()) {
    if (day > matured.last_day) break;
    for (std::size_t v = 0; v < counts.size() && v < units.size(); ++v)
      units[v] += static_cast<double>(counts[v].units);
  }
  matured.units = static_cast<std::uint64_t>(std::accumulate(units.begin(), units.end(), 0.0));
  const auto is_enough = [](double of_arm) { return of_arm >= BurnIn{}.units_per_arm; };
  matured.is_enough =
      !units.empty() && is_enough(units.front()) && std::any_of(units.begin() + 1, units.end(), is_enough);
  matured.days = progress.days;
  if (matured.last_day != kAllDays && !(progress.at_end && now >= *progress.settled)) {
    const Time midnight{std::chrono::days(matured.last_day + 1)};
    matured.days = std::clamp(DaysSince(design.plan.started, midnight), 0.0, progress.days);
  }
}

// `units` are planned for a sequence that is narrowest at the end. Ours is so at kSequenceTunedTo units of two arms,
// which are `share` of all, and somewhat wider before and after: 10 % at 20 times as many.
double WithTuning(double units, double share, double alpha, double power) {
  const double needed = NormalQuantile(power);
  const double narrowest = SequenceBound(alpha, kSequenceTunedTo, kSequenceTunedTo) + needed;
  double with = units;
  for (int round = 0; round < 8; ++round) {  // the bound moves with the logarithm only: it settles at once
    const double wider = (SequenceBound(alpha, with * share, kSequenceTunedTo) + needed) / narrowest;
    with = units * wider * wider;
  }
  return with;
}

}  // namespace

std::string_view ToString(PlanMethod method) {
  switch (method) {
    case PlanMethod::kGroupSequential:
      return "group_sequential";
    case PlanMethod::kSequential:
      return "sequential";
    case PlanMethod::kFixed:
      break;
  }
  return "fixed";
}

PlanMethod EffectiveMethod(const Design& design) {
  if (design.method != PlanMethod::kGroupSequential) return design.method;
  const bool has_size = design.planned_units && *design.planned_units > 0;
  return has_size || design.max_days ? PlanMethod::kGroupSequential : PlanMethod::kSequential;
}

double AlphaOfOne(const Design& design) {
  const std::size_t variants = design.plan.variants.size();
  return variants > 2 ? design.alpha / static_cast<double>(variants - 1) : design.alpha;
}

Outcome<double> PlannedUnits(const Design& design, const ArmStatistic& baseline) {
  if (!design.primary || !design.primary->detect || !(*design.primary->detect > 0)) {
    return FailStats(StatsErrorCode::kInvalid, "the plan says no effect to detect");
  }
  if (std::holds_alternative<QuantileStatistic>(baseline) ||
      std::holds_alternative<QuantileClusteredStatistic>(baseline)) {
    return FailStats(StatsErrorCode::kInvalid, "a quantile's variance says nothing of units: plan by days");
  }
  const Outcome<ArmValue> value = ValueOf(baseline);
  if (!value) return tl::unexpected<StatsError>(value.error());
  if (value->value == 0) return FailStats(StatsErrorCode::kBaselineZero, "the baseline is 0: there is no lift over it");
  double variance = value->variance;
  if (const auto* adjusted = std::get_if<CupedStatistic>(&baseline)) {
    variance = AdjustedVariance(*adjusted, Theta(*adjusted, *adjusted));
  } else if (const auto* ratio = std::get_if<CupedRatioStatistic>(&baseline)) {
    variance = AdjustedVariance(*ratio, Theta(*ratio, *ratio));
  }
  if (!(variance > 0)) return FailStats(StatsErrorCode::kZeroVariance, "nothing varies: no size can be planned");
  const std::vector<double>& weights = design.plan.weights;
  double whole = 0, fewest = 0;
  for (const double weight : weights) whole += weight;
  for (std::size_t v = 1; v < weights.size(); ++v) fewest = v == 1 ? weights[v] : std::min(fewest, weights[v]);
  if (weights.size() < 2 || !(weights[0] > 0) || !(fewest > 0)) {
    return FailStats(StatsErrorCode::kInvalid, "every variant needs a weight above 0 to plan for");
  }
  const Baseline per_unit{value->value, variance};
  const Outcome<double> of_control = UnitsForLift(
      per_unit, *design.primary->detect, {.alpha = AlphaOfOne(design), .power = design.power}, fewest / weights[0]);
  if (!of_control) return of_control;
  double units = *of_control * whole / weights[0];
  // What looking costs. Sequentially one may look at every moment, which is close to many looks.
  if (design.method != PlanMethod::kFixed) {
    LookPlan looks{.method = Method::kConfidenceSequence};
    if (design.method == PlanMethod::kGroupSequential) {
      looks = {.method = Method::kGroupSequential, .looks = LooksForPlanning(design)};
    }
    const Outcome<double> inflation = Inflation(looks, {.alpha = AlphaOfOne(design), .power = design.power});
    if (!inflation) return inflation;
    units *= *inflation;
    if (looks.method == Method::kConfidenceSequence) {
      units = WithTuning(units, (weights[0] + fewest) / whole, AlphaOfOne(design), design.power);
    }
  }
  return std::ceil(units);
}

Progress ProgressOf(const Design& design, const Facts& facts, Time now) {
  const Totals& totals = *facts.totals;
  Progress progress;
  for (const double units : UnitsByVariant(design, totals)) progress.units += static_cast<std::uint64_t>(units);
  const Time until = std::min(now, design.plan.ended.value_or(now));
  progress.days = DaysSince(design.plan.started, until);
  progress.units_per_day = UnitsPerDay(design, totals, until);
  const bool is_long_enough = progress.days >= FewestDays(design);
  const bool is_full = HasSize(design) && static_cast<double>(progress.units) >= *design.planned_units;
  progress.at_end = (design.plan.ended && now >= *design.plan.ended) ||
                    (design.max_days && progress.days >= *design.max_days) || (is_full && is_long_enough);
  if (progress.at_end) {
    SetEnd(design, totals, now, progress);
    SetMatured(design, facts, now, progress);
    return progress;
  }
  SetMatured(design, facts, now, progress);
  std::optional<double> left;
  if (HasSize(design) && progress.units_per_day > 0) {
    left = std::max(0.0, (*design.planned_units - static_cast<double>(progress.units)) / progress.units_per_day);
    left = std::max(*left, FewestDays(design) - progress.days);
  }
  if (design.max_days) {
    const double to_the_last = *design.max_days - progress.days;
    left = left ? std::min(*left, to_the_last) : to_the_last;
  }
  if (left && *left <= kFarthestDays) {
    progress.days_left = *left;
    progress.until = now + Milliseconds(std::llround(*left * 86'400'000));
  }
  return progress;
}

double FractionOf(const Design& design, const Progress& progress) {
  if (EffectiveMethod(design) == PlanMethod::kSequential) return 0;
  if (design.planned_units && *design.planned_units > 0) {
    return InformationFraction(static_cast<double>(progress.matured.units), *design.planned_units);
  }
  if (!design.max_days || *design.max_days == 0) return 0;
  return std::min(1.0, progress.matured.days / *design.max_days);
}

std::uint32_t LooksPlanned(const Design& design, const Progress& progress) {
  if (EffectiveMethod(design) == PlanMethod::kFixed) return 1;
  if (EffectiveMethod(design) == PlanMethod::kSequential) return 0;
  const double every = std::max(1.0, static_cast<double>(design.look_every.count()) / 86'400'000);
  double end = design.max_days ? *design.max_days : 0;
  if (progress.at_end) {
    end = progress.days;
  } else if (progress.days_left) {
    end = progress.days + *progress.days_left;
  }
  if (!(end > 0)) return 0;
  const double earliest = std::max<double>(FewestDays(design), DaysSince(design.plan.started, FirstMatured(design)));
  const double first = std::max(1.0, std::ceil(earliest / every - 1e-9));
  const double before_end = std::max(0.0, std::ceil(end / every - 1e-9) - first);
  return static_cast<std::uint32_t>(std::clamp(before_end + 1, 1.0, static_cast<double>(kMostLooks)));
}

Milliseconds LookEvery(const Design& design) {
  return std::max<Milliseconds>(design.look_every, std::chrono::days(1));
}

std::int64_t LookIntervals(const Design& design, Time time) {
  return time <= design.plan.started ? 0 : (time - design.plan.started) / LookEvery(design);
}

Outcome<GroupSequential> Replay(const Design& design, const std::vector<PublishedLook>& looks) {
  Outcome<GroupSequential> walk = GroupSequential::Begin({.alpha = AlphaOfOne(design)});
  if (!walk) return walk;
  for (const PublishedLook& look : looks) {
    const auto taken = look.is_final ? walk->Last(look.fraction) : walk->Next(look.fraction);
    if (!taken) return tl::unexpected<StatsError>(taken.error());
  }
  return walk;
}

}  // namespace guidon::stats
