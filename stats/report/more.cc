#include "stats/report/more.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/effects.h"
#include "stats/inference/fixed.h"
#include "stats/inference/heterogeneity.h"
#include "stats/inference/readout.h"
#include "stats/inference/stratify.h"
#include "stats/report/measure.h"
#include "stats/report/planning.h"

namespace guidon::stats {
namespace {

// Per unit, so that as many units more give as much more; a mean of events, a ratio or a quantile is of no unit.
bool AddsUp(MetricKind kind) {
  return kind != MetricKind::kMean && kind != MetricKind::kRatio && kind != MetricKind::kQuantile;
}

Interval Scaled(const Interval& interval, double factor) {
  return {interval.lower * factor, interval.upper * factor};
}

class Adding {
 public:
  Adding(Report& report, const Facts& facts)
      : report_(report),
        design_(report.design),
        totals_(*facts.totals),
        caps_(facts.caps),
        known_to_(KnownTo(facts, report.as_of)),
        slices_(SlicesThatSplit(*facts.totals)),
        is_fixed_(EffectiveMethod(report.design) == PlanMethod::kFixed) {}

  void Run() {
    for (MetricReport& metric : report_.metrics) {
      const auto at = std::find_if(design_.plan.metrics.begin(), design_.plan.metrics.end(),
                                   [&](const MetricPlan& plan) { return plan.key == metric.metric; });
      if (at == design_.plan.metrics.end() || metric.comparisons.empty()) continue;
      const auto index = static_cast<std::size_t>(at - design_.plan.metrics.begin());
      metric.cap = CapOf(index);
      for (std::uint32_t v = 1; v <= metric.comparisons.size(); ++v) AddTo(metric, index, v);
    }
  }

 private:
  // What units' totals are cut at: what was authored, or what was found of a share at the last daily pass.
  std::optional<double> CapOf(std::size_t metric) const {
    std::optional<double> cap = design_.plan.metrics[metric].cap_value;
    if (metric < caps_.metrics.size() && caps_.metrics[metric].y) {
      cap = cap ? std::min(*cap, *caps_.metrics[metric].y) : *caps_.metrics[metric].y;
    }
    return cap;
  }

  void AddTo(MetricReport& metric, std::size_t index, std::uint32_t v) const {
    ComparisonOfVariant& comparison = metric.comparisons[v - 1];
    comparison.capped = totals_.CappedUnits(index, 0) + totals_.CappedUnits(index, v);
    if (comparison.capped > 0) AddUncapped(metric, index, v, comparison);
    if (metric.role == "guardrail" || comparison.error || HasBadge(comparison, kSmallCounts)) return;
    const ArmStatistic control = totals_.Arm(index, 0), treatment = totals_.Arm(index, v);
    AddFieller(control, treatment, comparison);
    AddPerDay(design_.plan.metrics[index].kind, comparison);
    AddStratified(index, v, control, treatment, comparison);
    if (metric.role == "primary") AddByExposureDay(index, v, comparison);
  }

  void AddUncapped(const MetricReport& metric, std::size_t index, std::uint32_t v,
                   ComparisonOfVariant& comparison) const {
    const ArmStatistic control = totals_.RawArm(index, 0), treatment = totals_.RawArm(index, v);
    if (metric.role == "guardrail") {
      const GuardrailGoal goal{index, metric.margin, metric.margin_is_relative, metric.on_breach};
      const Outcome<Guarded> guarded = Guard(goal, metric.expect_up, control, treatment, design_.alpha);
      if (guarded) comparison.uncapped = Estimate{guarded->effect, guarded->interval, guarded->p_harm};
      return;
    }
    if (const Outcome<Measured> measured = Measure(control, treatment)) {
      comparison.uncapped = Of(*measured, control, treatment);
    }
  }

  // The lift of an effect that is shown absolutely, for its baseline is near 0.
  void AddFieller(const ArmStatistic& control, const ArmStatistic& treatment, ComparisonOfVariant& comparison) const {
    if (comparison.is_relative) return;
    const Effect& effect = comparison.estimate.effect;
    Outcome<Interval> lift = FailStats(StatsErrorCode::kInsufficientN, "a sequence may not begin yet");
    if (is_fixed_) {
      lift = FiellerInterval(control, treatment, AlphaOfOne(design_));
    } else if (IsBurntInPair(control, treatment, effect)) {
      lift = FiellerSequence(control, treatment, effect);
    }
    if (lift) comparison.fieller = *lift;
  }

  // Of each lift, "treatment - (1 + lift) control is 0" is asked by a sequence: what none of them rejects, at whatever
  // moment, has its bound in place of Student's quantile.
  Outcome<Interval> FiellerSequence(const ArmStatistic& control, const ArmStatistic& treatment,
                                    const Effect& effect) const {
    const Outcome<ArmValue> c = ValueOf(control), t = ValueOf(treatment);
    if (!c) return FailStats(c.error());
    if (!t) return FailStats(t.error());
    return FiellerInterval(*c, *t,
                           SequenceBound(AlphaOfOne(design_), effect.n_control + effect.n_treatment, kSequenceTunedTo));
  }

  void AddPerDay(MetricKind kind, ComparisonOfVariant& comparison) const {
    const double units = report_.progress.units_per_day;
    if (!AddsUp(kind) || !(units > 0)) return;
    if (comparison.is_relative && !comparison.absolute) return;
    const Estimate& absolute = comparison.is_relative ? *comparison.absolute : comparison.estimate;
    comparison.per_day =
        Estimate{ScaledImpact(absolute.effect, units), Scaled(absolute.interval, units), absolute.p_value};
  }

  // By each dimension that splits the units. Units of a mean are those with an event: how many a stratum has of them is
  // the variant's doing.
  void AddStratified(std::size_t index, std::uint32_t v, const ArmStatistic& control, const ArmStatistic& treatment,
                     ComparisonOfVariant& comparison) const {
    const MetricKind kind = design_.plan.metrics[index].kind;
    if (kind == MetricKind::kQuantile || kind == MetricKind::kMean) return;
    const Scale scale = comparison.is_relative ? Scale::kRelative : Scale::kAbsolute;
    for (std::uint32_t dimension = 0; dimension < design_.plan.dimensions.size(); ++dimension) {
      std::vector<Stratum> strata;
      for (const Slice& slice : slices_) {
        if (slice.dimension != dimension) continue;
        strata.push_back({totals_.Arm(index, 0, slice), totals_.Arm(index, v, slice)});
      }
      if (strata.empty()) continue;
      const Outcome<StratifiedEffect> effect = PostStratifiedEffect(strata, scale);
      if (!effect || effect->strata < 2) continue;
      Measured measured;
      measured.effect = effect->effect;
      measured.burnt_in = IsBurntInPair(control, treatment, effect->effect);
      comparison.stratified.push_back({design_.plan.dimensions[dimension], effect->strata, Of(measured, {}, {})});
    }
  }

  // Of a metric without a window who came later had less time for it: its days are not to be compared. Nor are days
  // kept of a quantile.
  void AddByExposureDay(std::size_t index, std::uint32_t v, ComparisonOfVariant& comparison) const {
    const MetricPlan& plan = design_.plan.metrics[index];
    if (!plan.window || plan.kind == MetricKind::kQuantile || report_.units_by_day.empty()) return;
    const std::int32_t first = report_.units_by_day.begin()->first;
    const std::int64_t last = std::min(report_.units_by_day.rbegin()->first, LastMaturedDay(design_, index, known_to_));
    const std::int64_t days = last - first + 1;
    if (days < 3) return;
    const auto together = (days - 1) / static_cast<std::int64_t>(kMostPointsByDay) + 1;
    const std::int64_t blocks = days / together;  // whole ones
    ByExposureDay by;
    by.days_together = static_cast<std::uint32_t>(together);
    const auto end_of = [&](std::int64_t block) { return static_cast<std::int32_t>(first + block * together - 1); };
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::optional<ByExposureDay::Point> point = OfDays(index, v, end_of(block) + 1, end_of(block + 1));
      if (point) {
        by.points.push_back(*point);
      } else {
        ++by.left_out;
      }
    }
    if (by.points.size() < 3) return;
    by.is_relative = false;
    const Outcome<ArmValue> control = ValueOf(totals_.ArmOfDays(index, 0, first, end_of(blocks)));
    if (comparison.is_relative && control && HasSteadyBaseline(*control)) {
      by.is_relative = true;
      for (ByExposureDay::Point& point : by.points) {
        for (double* number : {&point.point, &point.standard_error, &point.lower, &point.upper}) {
          *number /= std::abs(control->value);
        }
      }
    }
    std::vector<PlacedEffect> placed;
    for (const ByExposureDay::Point& point : by.points) {
      placed.push_back({(static_cast<double>(point.first) + point.last) / 2, point.point, point.standard_error});
    }
    const Outcome<Heterogeneity> difference = HeterogeneityOf(placed);
    const Outcome<Trend> trend = TrendOf(placed);
    if (!difference || !trend) return;
    by.difference = *difference;
    by.trend = *trend;
    comparison.by_exposure_day = std::move(by);
  }

  // Absolute; nothing of days that say too little.
  std::optional<ByExposureDay::Point> OfDays(std::size_t index, std::uint32_t v, std::int32_t first,
                                             std::int32_t last) const {
    const ArmStatistic control = totals_.ArmOfDays(index, 0, first, last);
    const ArmStatistic treatment = totals_.ArmOfDays(index, v, first, last);
    const Outcome<Measured> measured = Measure(control, treatment);
    if (!measured || measured->small_counts) return std::nullopt;
    const Outcome<Effect> effect = EffectOf(control, treatment, Scale::kAbsolute);
    const auto fewest = static_cast<double>(kFewestUnitsOfDay);
    if (!effect || effect->n_control < fewest || effect->n_treatment < fewest) return std::nullopt;
    const Interval interval = FixedEstimate(*effect, {.alpha = kDayAlpha}).interval;
    return ByExposureDay::Point{first,
                                last,
                                static_cast<std::uint64_t>(effect->n_control),
                                static_cast<std::uint64_t>(effect->n_treatment),
                                effect->point,
                                effect->standard_error,
                                interval.lower,
                                interval.upper};
  }

  // As the report's own estimates.
  Estimate Of(const Measured& measured, const ArmStatistic& control, const ArmStatistic& treatment) const {
    if (is_fixed_ && !measured.small_counts) return FixedEstimate(measured.effect, {.alpha = AlphaOfOne(design_)});
    return AnytimeEstimate(measured, control, treatment, AlphaOfOne(design_));
  }

  Report& report_;
  const Design& design_;
  const Totals& totals_;
  const Caps& caps_;
  const Time known_to_;
  const std::vector<Slice> slices_;
  const bool is_fixed_;
};

}  // namespace

void AddMore(Report& report, const Facts& facts) {
  Adding(report, facts).Run();
}

}  // namespace guidon::stats
