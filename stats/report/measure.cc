#include "stats/report/measure.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <type_traits>
#include <variant>

#include "stats/inference/confidence_sequence.h"
#include "stats/inference/effects.h"
#include "stats/inference/proportion.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;  // clang 16 does not find it by itself

Value SumsOf(const Moments& moments) {
  return Object{{"n", Value(moments.n)}, {"mean", Value(moments.mean)}, {"m2", Value(moments.m2)}};
}

template <std::size_t K>
Value SumsOf(const JointMoments<K>& moments) {
  Array means, products;
  for (const double mean : moments.mean) means.emplace_back(mean);
  for (const double product : moments.products) products.emplace_back(product);
  return Object{{"n", Value(moments.n)}, {"means", Value(std::move(means))}, {"products", Value(std::move(products))}};
}

Value SumsOf(const QuantileStatistic& quantile) {
  return Object{{"n", Value(quantile.n)},         {"n_star", Value(quantile.n_star)},
                {"nu", Value(quantile.nu)},       {"estimate", Value(quantile.estimate)},
                {"lower", Value(quantile.lower)}, {"upper", Value(quantile.upper)}};
}

}  // namespace

std::optional<ProportionStatistic> AsProportion(const ArmStatistic& arm) {
  if (const auto* plain = std::get_if<ProportionStatistic>(&arm)) return *plain;
  if (const auto* adjusted = std::get_if<CupedStatistic>(&arm)) {
    if (adjusted->value != UnitValue::kBinary) return std::nullopt;
    return AsProportion(WithoutCovariate(*adjusted));
  }
  return std::nullopt;
}

std::optional<ArmStatistic> Unadjusted(const ArmStatistic& arm) {
  if (const auto* mean = std::get_if<CupedStatistic>(&arm)) return WithoutCovariate(*mean);
  if (const auto* ratio = std::get_if<CupedRatioStatistic>(&arm)) return ArmStatistic(WithoutCovariate(*ratio));
  return std::nullopt;
}

bool HasBadge(const ComparisonOfVariant& comparison, std::string_view badge) {
  return std::find(comparison.badges.begin(), comparison.badges.end(), badge) != comparison.badges.end();
}

bool IsBurntInPair(const ArmStatistic& control, const ArmStatistic& treatment, const Effect& effect) {
  const std::optional<ProportionStatistic> c = AsProportion(control), t = AsProportion(treatment);
  if (c && t) return IsBurntIn(BurnIn{}, c->n, t->n, c->successes, t->successes);
  return IsBurntIn(BurnIn{}, effect.n_control, effect.n_treatment);
}

Outcome<Measured> Measure(const ArmStatistic& control, const ArmStatistic& treatment) {
  Measured measured;
  const std::optional<ProportionStatistic> c = AsProportion(control), t = AsProportion(treatment);
  if (c && t && c->n > 0 && t->n > 0 && HasSmallCounts(*c, *t)) {
    Outcome<ProportionReadout> readout = CompareProportions(*c, *t, Scale::kAbsolute, 0.05);
    if (!readout) return tl::unexpected<StatsError>(readout.error());
    measured.effect = readout->estimate.effect;
    measured.is_relative = false;
    measured.small_counts = true;
    return measured;
  }
  const Outcome<ArmValue> baseline = ValueOf(control);
  const bool is_steady = baseline && HasSteadyBaseline(*baseline);
  if (is_steady) {
    if (const Outcome<Effect> effect = EffectOf(control, treatment, Scale::kRelative)) {
      measured.effect = *effect;
      measured.burnt_in = IsBurntInPair(control, treatment, *effect);
      return measured;
    }
  }
  const Outcome<Effect> effect = EffectOf(control, treatment, Scale::kAbsolute);
  if (!effect) return tl::unexpected<StatsError>(effect.error());
  measured.effect = *effect;
  measured.is_relative = false;
  measured.burnt_in = IsBurntInPair(control, treatment, *effect);
  return measured;
}

std::optional<double> PlannedUnitsOfPair(const Design& design, std::uint32_t variant) {
  if (!design.planned_units || !(*design.planned_units > 0)) return std::nullopt;
  const std::vector<double>& weights = design.plan.weights;
  double whole = 0;
  for (const double weight : weights) whole += weight;
  const double share = whole > 0 ? (weights.at(0) + weights.at(variant)) / whole : 1;
  return std::max(1.0, *design.planned_units * share);
}

Estimate AnytimeEstimate(const Measured& measured, const ArmStatistic& control, const ArmStatistic& treatment,
                         double alpha) {
  Estimate estimate;
  estimate.effect = measured.effect;
  if (measured.small_counts) {
    const Outcome<ProportionReadout> readout =
        CompareProportions(*AsProportion(control), *AsProportion(treatment), Scale::kAbsolute, alpha);
    if (readout) return readout->estimate;
    return estimate;
  }
  if (!measured.burnt_in) return estimate;  // an interval without ends
  const Outcome<SequenceEstimate> sequence = ConfidenceSequence(measured.effect, {.alpha = alpha});
  if (sequence) estimate = sequence->estimate;
  return estimate;
}

Outcome<Guarded> Guard(const GuardrailGoal& goal, bool up_is_good, const ArmStatistic& control,
                       const ArmStatistic& treatment, double alpha) {
  Guarded guarded;
  guarded.verdict = "not_sure_yet";
  bool may_say = false;
  if (goal.margin) {
    const Scale scale = goal.margin_is_relative ? Scale::kRelative : Scale::kAbsolute;
    const Outcome<Effect> effect = EffectOf(control, treatment, scale);
    if (!effect) return tl::unexpected<StatsError>(effect.error());
    const Outcome<ArmValue> baseline = ValueOf(control);
    guarded.effect = *effect;
    guarded.is_relative = goal.margin_is_relative;
    may_say = IsBurntInPair(control, treatment, *effect) &&
              (!goal.margin_is_relative || (baseline && HasSteadyBaseline(*baseline)));
  } else {
    const Outcome<Measured> measured = Measure(control, treatment);
    if (!measured) return tl::unexpected<StatsError>(measured.error());
    guarded.effect = measured->effect;
    guarded.is_relative = measured->is_relative;
    may_say = measured->burnt_in;
  }
  if (!may_say) return guarded;
  const double margin = goal.margin.value_or(0);
  const double null_value = up_is_good ? -margin : margin;
  const auto side = [&](Alternative alternative) {
    return ConfidenceSequence(guarded.effect, {.alpha = alpha, .alternative = alternative, .null_value = null_value});
  };
  const Outcome<SequenceEstimate> above = side(Alternative::kGreater), below = side(Alternative::kLess);
  if (!above) return tl::unexpected<StatsError>(above.error());
  if (!below) return tl::unexpected<StatsError>(below.error());
  guarded.interval = {above->estimate.interval.lower, below->estimate.interval.upper};
  guarded.p_harm = up_is_good ? below->estimate.p_value : above->estimate.p_value;
  const bool is_harmed = up_is_good ? guarded.interval.upper < null_value : guarded.interval.lower > null_value;
  const bool is_safe = up_is_good ? guarded.interval.lower > null_value : guarded.interval.upper < null_value;
  if (is_harmed) guarded.verdict = "harmed";
  if (is_safe) guarded.verdict = "safe";
  return guarded;
}

std::vector<Slice> SlicesThatSplit(const Totals& totals) {
  std::vector<Slice> slices = totals.Slices();
  std::map<std::size_t, std::size_t> values;  // by dimension
  for (const Slice& slice : slices) ++values[slice.dimension];
  std::erase_if(slices, [&](const Slice& slice) { return values[slice.dimension] < 2; });
  return slices;
}

std::optional<double> VarianceTakenOff(const ArmStatistic& control, const ArmStatistic& treatment) {
  const auto share = [](const auto& c, const auto& t) -> std::optional<double> {
    const double theta = Theta(c, t);
    const Outcome<ArmValue> plain = ValueOf(c);
    if (!plain || !(plain->variance > 0)) return std::nullopt;
    return 1 - AdjustedVariance(c, theta) / plain->variance;
  };
  if (const auto* c = std::get_if<CupedStatistic>(&control)) {
    if (const auto* t = std::get_if<CupedStatistic>(&treatment)) return share(*c, *t);
  }
  if (const auto* c = std::get_if<CupedRatioStatistic>(&control)) {
    if (const auto* t = std::get_if<CupedRatioStatistic>(&treatment)) return share(*c, *t);
  }
  return std::nullopt;
}

Value StatisticsOf(const ArmStatistic& arm) {
  const auto with_type = [](std::string_view type, Value sums) {
    Object object{{"type", Value(type)}};
    for (const Member& member : sums.AsObject()) object.Append(member.name, member.value);
    return Value(std::move(object));
  };
  return std::visit(
      Overloaded{[&](const MeanStatistic& one) { return with_type("mean", SumsOf(one.y)); },
                 [&](const ProportionStatistic& one) {
                   return with_type("proportion", Object{{"n", Value(one.n)}, {"successes", Value(one.successes)}});
                 },
                 [&](const RatioStatistic& one) { return with_type("ratio", SumsOf(one.md)); },
                 [&](const CupedStatistic& one) { return with_type("cuped", SumsOf(one.yx)); },
                 [&](const CupedRatioStatistic& one) { return with_type("cuped_ratio", SumsOf(one.moments)); },
                 [&](const QuantileStatistic& one) { return with_type("quantile", SumsOf(one)); },
                 [&](const QuantileClusteredStatistic& one) {
                   Value value = with_type("quantile_clustered", SumsOf(one.quantile));
                   value.MutableObject().Append("clusters", SumsOf(one.clusters));
                   return value;
                 }},
      arm);
}

bool IsShare(MetricKind kind) {
  return IsShare(std::string(KindText(kind)));
}

std::string_view KindText(MetricKind kind) {
  switch (kind) {
    case MetricKind::kConversion:
      return "conversion";
    case MetricKind::kCount:
      return "count";
    case MetricKind::kSum:
      return "sum";
    case MetricKind::kMean:
      return "mean";
    case MetricKind::kRatio:
      return "ratio";
    case MetricKind::kQuantile:
      return "quantile";
    case MetricKind::kRetention:
      return "retention";
    case MetricKind::kFunnel:
      break;
  }
  return "funnel";
}

}  // namespace guidon::stats
