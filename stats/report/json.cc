// The report as a document: docs/api/report.schema.json. Members in one order, numbers with every digit, what
// is not known left out; an end of an interval that is infinite is left out, too.
#include <cmath>
#include <utility>

#include "core/base/json.h"
#include "stats/report/report.h"
#include "stats/report/words.h"

namespace guidon::stats {
namespace {

std::string_view ErrorWord(StatsErrorCode code) {
  return ToString(code);
}

// Not of what is absent, and not of what no JSON number is.
void AppendIf(Object& object, std::string_view name, const std::optional<double>& number) {
  if (number && std::isfinite(*number)) object.Append(name, Value(*number));
}

template <typename T>
Array ListOf(const std::vector<T>& items) {
  Array list;
  list.reserve(items.size());
  for (const T& item : items) list.emplace_back(item);
  return list;
}

Array ListOfCounts(const std::vector<std::uint64_t>& counts) {
  Array list;
  list.reserve(counts.size());
  for (const std::uint64_t count : counts) list.emplace_back(count);
  return list;
}

Value ErrorValue(const StatsError& error) {
  return Object{{"code", Value(ErrorWord(error.code))}, {"message", Value(error.message)}};
}

Value EstimateValue(const Estimate& estimate) {
  const Effect& effect = estimate.effect;
  Object object{{"scale", Value(effect.scale == Scale::kRelative ? "relative" : "absolute")},
                {"effect", Value(effect.point)}};
  AppendIf(object, "standard_error", effect.standard_error);
  AppendIf(object, "degrees_of_freedom", effect.degrees_of_freedom);
  AppendIf(object, "lower", estimate.interval.lower);
  AppendIf(object, "upper", estimate.interval.upper);
  AppendIf(object, "p", estimate.p_value);
  object.Append("control", Value(effect.control_mean));
  object.Append("treatment", Value(effect.treatment_mean));
  return object;
}

Value EffectAtLook(const PublishedLook::Of& of, const Design& design) {
  Object object{{"metric", Value(design.plan.metrics.at(of.metric).key)},
                {"variant", Value(design.plan.variants.at(of.variant))},
                {"scale", Value(of.is_relative ? "relative" : "absolute")},
                {"effect", Value(of.point)},
                {"standard_error", Value(of.standard_error)},
                {"z", Value(of.z)}};
  AppendIf(object, "lower", of.lower);
  AppendIf(object, "upper", of.upper);
  object.Append("p", Value(of.p));
  return object;
}

Value SafeValue(const std::vector<PublishedLook::Held>& safe, const ExperimentPlan& plan) {
  Array list;
  for (const PublishedLook::Held& held : safe) {
    list.emplace_back(Object{{"metric", Value(plan.metrics.at(held.metric).key)},
                             {"variant", Value(plan.variants.at(held.variant))}});
  }
  return Value(std::move(list));
}

Object LookHead(const PublishedLook& look) {
  Object object{{"number", Value(look.number)},     {"time", Value(StampText(look.time))},
                {"fraction", Value(look.fraction)}, {"alpha_spent", Value(look.alpha_spent)},
                {"z_bound", Value(look.z_bound)},   {"final", Value(look.is_final)},
                {"units", Value(look.units)}};
  return object;
}

Value GateValue(const Gate& gate) {
  return Object{{"id", Value(gate.id)},
                {"light", Value(ToString(gate.light))},
                {"sentence", Value(gate.sentence)},
                {"numbers", gate.numbers}};
}

Value ByExposureDayValue(const ByExposureDay& by) {
  Array points;
  for (const ByExposureDay::Point& point : by.points) {
    points.emplace_back(Object{{"first_day", Value(DayText(point.first))},
                               {"last_day", Value(DayText(point.last))},
                               {"control_units", Value(point.units_control)},
                               {"variant_units", Value(point.units_treatment)},
                               {"effect", Value(point.point)},
                               {"standard_error", Value(point.standard_error)},
                               {"lower", Value(point.lower)},
                               {"upper", Value(point.upper)}});
  }
  const Heterogeneity& difference = by.difference;
  const Trend& trend = by.trend;
  return Object{{"scale", Value(by.is_relative ? "relative" : "absolute")},
                {"days_together", Value(by.days_together)},
                {"left_out", Value(by.left_out)},
                {"points", Value(std::move(points))},
                {"mean", Value(difference.mean)},
                {"difference", Object{{"q", Value(difference.q)},
                                      {"degrees_of_freedom", Value(difference.degrees_of_freedom)},
                                      {"p", Value(difference.p_value)}}},
                {"trend", Object{{"per_week", Value(7 * trend.slope)},
                                 {"standard_error", Value(7 * trend.standard_error)},
                                 {"z", Value(trend.z)},
                                 {"p", Value(trend.p_value)}}}};
}

Value ComparisonValue(const ComparisonOfVariant& comparison, const Design& design) {
  Object object{{"variant", Value(comparison.variant)}};
  if (comparison.error) {
    object.Append("error", ErrorValue(*comparison.error));
  } else {
    object.Append("estimate", EstimateValue(comparison.estimate));
    object.Append("p_adjusted", Value(comparison.p_adjusted));
  }
  if (comparison.at_look) object.Append("at_look", EffectAtLook(*comparison.at_look, design));
  if (comparison.absolute) object.Append("absolute", EstimateValue(*comparison.absolute));
  if (comparison.unadjusted) object.Append("unadjusted", EstimateValue(*comparison.unadjusted));
  if (!comparison.found.empty()) {
    object.Append("found", Value(comparison.found));
    object.Append("found_at_look", Value(comparison.found_at_look));
  }
  if (!comparison.guardrail.empty()) object.Append("guardrail", Value(comparison.guardrail));
  if (!comparison.badges.empty()) object.Append("badges", Value(ListOf(comparison.badges)));
  AppendIf(object, "chance_to_win", comparison.chance_to_win);
  AppendIf(object, "expected_loss", comparison.expected_loss);
  if (!comparison.prior.empty()) object.Append("prior", Value(comparison.prior));
  AppendIf(object, "detectable", comparison.detectable);
  if (comparison.capped > 0) object.Append("capped", Value(comparison.capped));
  if (comparison.uncapped) object.Append("uncapped", EstimateValue(*comparison.uncapped));
  if (comparison.fieller) {
    object.Append("fieller",
                  Object{{"lower", Value(comparison.fieller->lower)}, {"upper", Value(comparison.fieller->upper)}});
  }
  if (comparison.per_day) object.Append("per_day", EstimateValue(*comparison.per_day));
  if (!comparison.stratified.empty()) {
    Array stratified;
    for (const ComparisonOfVariant::Stratified& one : comparison.stratified) {
      stratified.emplace_back(Object{{"dimension", Value(one.dimension)},
                                     {"strata", Value(one.strata)},
                                     {"estimate", EstimateValue(one.estimate)}});
    }
    object.Append("stratified", Value(std::move(stratified)));
  }
  if (comparison.by_exposure_day) object.Append("by_exposure_day", ByExposureDayValue(*comparison.by_exposure_day));
  return object;
}

Value MetricValue(const MetricReport& metric, const Design& design) {
  Object object{{"metric", Value(metric.metric)},
                {"role", Value(metric.role)},
                {"type", Value(metric.kind)},
                {"good", Value(metric.expect_up ? "up" : "down")}};
  if (metric.role == "guardrail") {
    if (metric.margin) {
      object.Append("margin", Value(*metric.margin));
      object.Append("margin_scale", Value(metric.margin_is_relative ? "relative" : "absolute"));
    }
    object.Append("on_breach", Value(metric.on_breach));
    if (!metric.guardrail_verdict.empty()) object.Append("verdict", Value(metric.guardrail_verdict));
  }
  AppendIf(object, "cap", metric.cap);
  Array arms;
  for (const MetricReport::ArmFigures& arm : metric.arms) {
    Object one{{"variant", Value(arm.variant)}, {"units", Value(arm.units)}};
    if (!metric.comparisons.empty()) {
      AppendIf(one, "value", arm.mean);
      AppendIf(one, "numerator", arm.numerator);
      AppendIf(one, "denominator", arm.denominator);
      if (!arm.steps.empty()) one.Append("steps", Value(ListOfCounts(arm.steps)));
      if (!arm.statistics.is_null()) one.Append("statistics", arm.statistics);
    }
    arms.emplace_back(std::move(one));
  }
  object.Append("arms", Value(std::move(arms)));
  Array comparisons;
  for (const ComparisonOfVariant& one : metric.comparisons) comparisons.push_back(ComparisonValue(one, design));
  object.Append("comparisons", Value(std::move(comparisons)));
  if (!metric.over_time.empty()) {
    Array days;
    for (const MetricReport::OverTime& point : metric.over_time) {
      Object one{{"day", Value(DayText(point.day))},
                 {"variant", Value(design.plan.variants.at(point.variant))},
                 {"effect", Value(point.point)}};
      AppendIf(one, "lower", point.lower);
      AppendIf(one, "upper", point.upper);
      days.emplace_back(std::move(one));
    }
    object.Append("over_time", Object{{"scale", Value(metric.over_time_is_relative ? "relative" : "absolute")},
                                      {"days", Value(std::move(days))}});
  }
  return object;
}

Value PlanValue(const Design& design) {
  const ExperimentPlan& plan = design.plan;
  Object object{{"method", Value(ToString(design.method))},
                {"alpha", Value(design.alpha)},
                {"power", Value(design.power)},
                {"look_every_hours", Value(static_cast<double>(design.look_every.count()) / 3'600'000)}};
  if (design.min_days) object.Append("min_days", Value(*design.min_days));
  if (design.max_days) object.Append("max_days", Value(*design.max_days));
  AppendIf(object, "planned_units", design.planned_units);
  object.Append("srm_alpha", Value(design.srm_alpha));
  object.Append("started", Value(StampText(plan.started)));
  if (plan.ended) object.Append("ended", Value(StampText(*plan.ended)));
  object.Append("lookback_hours", Value(static_cast<double>(plan.lookback.count()) / 3'600'000));
  Array variants;
  for (std::size_t i = 0; i < plan.variants.size(); ++i) {
    variants.emplace_back(Object{{"name", Value(plan.variants[i])}, {"weight", Value(plan.weights.at(i))}});
  }
  object.Append("variants", Value(std::move(variants)));
  const auto goal_value = [&](const Goal& goal) {
    Object one{{"metric", Value(plan.metrics.at(goal.metric).key)}, {"expect", Value(goal.expect_up ? "up" : "down")}};
    AppendIf(one, "detect", goal.detect);
    return Value(std::move(one));
  };
  if (design.primary) object.Append("primary", goal_value(*design.primary));
  Array secondary;
  for (const Goal& goal : design.secondary) secondary.push_back(goal_value(goal));
  object.Append("secondary", Value(std::move(secondary)));
  Array guardrails;
  for (const GuardrailGoal& goal : design.guardrails) {
    Object one{{"metric", Value(plan.metrics.at(goal.metric).key)}};
    if (goal.margin) {
      one.Append("margin", Value(*goal.margin));
      one.Append("margin_scale", Value(goal.margin_is_relative ? "relative" : "absolute"));
    }
    one.Append("on_breach", Value(goal.on_breach));
    guardrails.emplace_back(std::move(one));
  }
  object.Append("guardrails", Value(std::move(guardrails)));
  return object;
}

Value QualityValue(const DataQuality& quality) {
  Object rejected;
  for (const auto& [reason, count] : quality.rejected) rejected.Append(reason, Value(count));
  Object object{{"accepted", Value(quality.accepted)}, {"rejected", Value(std::move(rejected))}};
  if (quality.folded_to) object.Append("folded_to", Value(StampText(*quality.folded_to)));
  object.Append("rebuilding", Value(quality.rebuilding));
  object.Append("changes", Value(ListOf(quality.changes)));
  return object;
}

Value ProgressValue(const Report& report) {
  const Progress& progress = report.progress;
  Object object{{"units", Value(progress.units)},
                {"days", Value(progress.days)},
                {"units_per_day", Value(progress.units_per_day)},
                {"matured_units", Value(progress.matured.units)},
                {"fraction", Value(report.fraction)},
                {"alpha_spent", Value(report.alpha_spent)},
                {"looks_planned", Value(report.looks_planned)}};
  if (report.look) object.Append("look", Value(*report.look));
  AppendIf(object, "days_left", progress.days_left);
  if (progress.until) object.Append("until", Value(StampText(*progress.until)));
  object.Append("at_end", Value(progress.at_end));
  return object;
}

Value SliceValue(const SliceReport& slice) {
  Object object{{"dimension", Value(slice.dimension)},
                {"value", Value(slice.value)},
                {"metric", Value(slice.metric)},
                {"variant", Value(slice.variant)},
                {"units", Value(slice.units)}};
  if (slice.error) {
    object.Append("error", ErrorValue(*slice.error));
  } else {
    object.Append("estimate", EstimateValue(slice.estimate));
    object.Append("p_adjusted", Value(slice.p_adjusted));
  }
  object.Append("srm_p", Value(slice.srm_p));
  return object;
}

Value QuestionValue(const OverlapsReport::Question& question) {
  Object object{{"variant", Value(question.variant)}, {"other_variant", Value(question.other_variant)}};
  if (question.error) {
    object.Append("error", ErrorValue(*question.error));
    return object;
  }
  object.Append("effect_with_control", Value(question.with_control));
  object.Append("effect_with_variant", Value(question.with_variant));
  object.Append("interaction", Value(question.point));
  object.Append("standard_error", Value(question.standard_error));
  AppendIf(object, "degrees_of_freedom", question.degrees_of_freedom);
  object.Append("p", Value(question.p));
  object.Append("p_adjusted", Value(question.p_adjusted));
  object.Append("suspect", Value(question.is_suspect));
  return object;
}

Value OverlapsValue(const OverlapsReport& overlaps) {
  Object object{{"as_of", Value(StampText(overlaps.as_of))}};
  if (!overlaps.metric.empty()) object.Append("metric", Value(overlaps.metric));
  if (!overlaps.unasked.empty()) object.Append("unasked", Value(overlaps.unasked));
  Array experiments;
  for (const OverlapsReport::Of& other : overlaps.experiments) {
    Array questions;
    for (const OverlapsReport::Question& question : other.questions) questions.push_back(QuestionValue(question));
    experiments.emplace_back(Object{{"experiment", Value(other.experiment)},
                                    {"iteration", Value(other.iteration)},
                                    {"units", Value(other.units)},
                                    {"questions", Value(std::move(questions))}});
  }
  object.Append("experiments", Value(std::move(experiments)));
  object.Append("sentences", Value(ListOf(overlaps.sentences)));
  object.Append("left_out", Value(ListOf(overlaps.left_out)));
  return object;
}

}  // namespace

Value ToJson(const Report& report) {
  Object object{{"format", Value("guidon.report/1")},
                {"project", Value(report.project)},
                {"environment", Value(report.environment)},
                {"experiment", Value(report.experiment)},
                {"flag", Value(report.flag)},
                {"iteration", Value(report.iteration)},
                {"owner", Value(report.design.owner)},
                {"hypothesis", Value(report.design.hypothesis)},
                {"revision", Value(report.revision)},
                {"as_of", Value(StampText(report.as_of))},
                {"plan_hash", Value(report.plan_hash)},
                {"decision", Value(ToString(report.decision))},
                {"verdict", Value(report.verdict)}};
  if (!report.winner.empty()) object.Append("winner", Value(report.winner));
  object.Append("next", Value(report.next));
  object.Append("would_change", Value(report.would_change));
  object.Append("notes", Value(ListOf(report.notes)));
  object.Append("results_hidden", Value(report.results_hidden));
  object.Append("progress", ProgressValue(report));
  Array gates;
  for (const Gate& gate : report.gates) gates.push_back(GateValue(gate));
  object.Append("gates", Value(std::move(gates)));
  Array metrics;
  for (const MetricReport& metric : report.metrics) metrics.push_back(MetricValue(metric, report.design));
  object.Append("metrics", Value(std::move(metrics)));
  Array slices;
  for (const SliceReport& slice : report.slices) slices.push_back(SliceValue(slice));
  object.Append("slices", Value(std::move(slices)));
  if (report.overlaps) object.Append("overlaps", OverlapsValue(*report.overlaps));
  Array looks;
  for (const PublishedLook& look : report.looks) {
    Object one = LookHead(look);
    Array effects;
    for (const PublishedLook::Of& of : look.effects) effects.push_back(EffectAtLook(of, report.design));
    one.Append("effects", Value(std::move(effects)));
    if (look.safe) one.Append("safe", SafeValue(*look.safe, report.design.plan));
    looks.emplace_back(std::move(one));
  }
  object.Append("looks", Value(std::move(looks)));
  Array days;
  for (const auto& [day, units] : report.units_by_day) {
    days.emplace_back(Object{{"day", Value(DayText(day))}, {"units", Value(ListOfCounts(units))}});
  }
  object.Append("units_by_day", Value(std::move(days)));
  if (!report.ramp.empty()) {
    Array ramp;
    for (const RampStep& step : report.ramp) {
      ramp.emplace_back(Object{{"at", Value(StampText(step.at))}, {"share", Value(step.share)}});
    }
    object.Append("ramp", Value(std::move(ramp)));
  }
  object.Append("quality", QualityValue(report.quality));
  object.Append("plan", PlanValue(report.design));
  return object;
}

// Kept with the time in milliseconds: read back to the bit.
Value ToJson(const PublishedLook& look, const ExperimentPlan& plan) {
  Array effects;
  for (const PublishedLook::Of& of : look.effects) {
    Object one{{"metric", Value(plan.metrics.at(of.metric).key)},
               {"variant", Value(plan.variants.at(of.variant))},
               {"relative", Value(of.is_relative)},
               {"point", Value(of.point)},
               {"se", Value(of.standard_error)},
               {"z", Value(of.z)},
               {"p", Value(of.p)}};
    AppendIf(one, "lower", of.lower);
    AppendIf(one, "upper", of.upper);
    effects.emplace_back(std::move(one));
  }
  Object object{{"number", Value(look.number)},     {"time_ms", Value(look.time.time_since_epoch().count())},
                {"fraction", Value(look.fraction)}, {"alpha_spent", Value(look.alpha_spent)},
                {"z_bound", Value(look.z_bound)},   {"final", Value(look.is_final)},
                {"units", Value(look.units)},       {"effects", Value(std::move(effects))}};
  if (look.safe) object.Append("safe", SafeValue(*look.safe, plan));
  return Value(std::move(object));
}

Result<PublishedLook> ReadLook(const Value& value, const ExperimentPlan& plan) {
  bool is_whole = value.is_object();
  std::string unknown;  // the first key that is not in the plan
  // Its place among `keys`. Early versions kept the place itself.
  const auto place = [&](const Value& of, std::string_view name, const std::vector<std::string>& keys) {
    const Value* member = of.Find(name);
    if (member != nullptr && member->IsIntegral() && member->AsInt() >= 0 &&
        static_cast<std::size_t>(member->AsInt()) < keys.size()) {
      return static_cast<std::size_t>(member->AsInt());
    }
    const bool is_key = member != nullptr && member->is_string();
    const auto at = is_key ? std::find(keys.begin(), keys.end(), member->AsString()) : keys.end();
    if (at != keys.end()) return static_cast<std::size_t>(at - keys.begin());
    if (is_key && unknown.empty()) unknown = std::string(name) + " '" + member->AsString() + "'";
    is_whole = is_whole && is_key;
    return std::size_t{0};
  };
  std::vector<std::string> metrics;
  for (const MetricPlan& metric : plan.metrics) metrics.push_back(metric.key);
  const auto number = [&](const Value& of, std::string_view name) {
    const Value* member = of.Find(name);
    if (member == nullptr || !member->is_number()) {
      is_whole = false;
      return 0.0;
    }
    return member->AsDouble();
  };
  const auto whole = [&](const Value& of, std::string_view name) {
    const Value* member = of.Find(name);
    if (member == nullptr || !member->IsIntegral() || member->AsInt() < 0) {
      is_whole = false;
      return std::int64_t{0};
    }
    return member->AsInt();
  };
  PublishedLook look;
  look.number = static_cast<std::uint32_t>(whole(value, "number"));
  look.time = Time(Milliseconds(whole(value, "time_ms")));
  look.fraction = number(value, "fraction");
  look.alpha_spent = number(value, "alpha_spent");
  look.z_bound = number(value, "z_bound");
  look.is_final = value.Find("final") != nullptr && value.Find("final")->AsBool();
  look.units = static_cast<std::uint64_t>(whole(value, "units"));
  const Value* effects = value.Find("effects");
  is_whole = is_whole && effects != nullptr && effects->is_array();
  for (const Value& one : is_whole ? effects->AsArray() : Array{}) {
    PublishedLook::Of of;
    of.metric = place(one, "metric", metrics);
    of.variant = static_cast<std::uint32_t>(place(one, "variant", plan.variants));
    of.is_relative = one.Find("relative") != nullptr && one.Find("relative")->AsBool();
    of.point = number(one, "point");
    of.standard_error = number(one, "se");
    of.z = number(one, "z");
    of.p = number(one, "p");
    const Value* lower = one.Find("lower");
    const Value* upper = one.Find("upper");
    of.lower = lower == nullptr ? -INFINITY : lower->AsDouble();
    of.upper = upper == nullptr ? INFINITY : upper->AsDouble();
    look.effects.push_back(of);
  }
  if (const Value* safe = value.Find("safe"); is_whole && safe != nullptr) {
    is_whole = safe->is_array();
    look.safe.emplace();
    for (const Value& one : is_whole ? safe->AsArray() : Array{}) {
      look.safe->push_back(
          {place(one, "metric", metrics), static_cast<std::uint32_t>(place(one, "variant", plan.variants))});
    }
  }
  if (!is_whole || look.number == 0) return Fail(ErrorCode::kCorrupt, "a stored look of an experiment cannot be read");
  if (!unknown.empty()) {
    return Fail(ErrorCode::kCorrupt, "look " + std::to_string(look.number) + " of the experiment names the " + unknown +
                                         ", which is not in its plan");
  }
  return look;
}

}  // namespace guidon::stats
