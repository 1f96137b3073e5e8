// The hash of a plan: XXH3-64 over its members, written down as JSON.
#include <array>
#include <cstdio>

#include "core/base/hash.h"
#include "core/base/json.h"
#include "stats/report/report.h"

namespace guidon::stats {
namespace {

Value Maybe(const std::optional<double>& number) {
  return number ? Value(*number) : Value();
}

Value Maybe(const std::optional<std::uint32_t>& number) {
  return number ? Value(*number) : Value();
}

Value OfMetric(const MetricPlan& metric) {
  Array sources;
  for (const SourceId source : metric.sources) sources.emplace_back(source);
  return Array{Value(metric.key),
               Value(static_cast<int>(metric.kind)),
               Value(metric.lower_is_better),
               Value(std::move(sources)),
               metric.window ? Value(metric.window->count()) : Value(),
               Value(metric.after.count()),
               Maybe(metric.cap_value),
               Maybe(metric.cap_share),
               Value(metric.quantile),
               Value(metric.adjust)};
}

Value OfGoal(const Goal& goal) {
  return Array{Value(goal.metric), Value(goal.expect_up), Maybe(goal.detect)};
}

}  // namespace

std::string HashOf(const Design& design) {
  const ExperimentPlan& plan = design.plan;
  Array variants, weights, metrics, dimensions, secondary, guardrails;
  for (const std::string& variant : plan.variants) variants.emplace_back(variant);
  for (const double weight : plan.weights) weights.emplace_back(weight);
  for (const MetricPlan& metric : plan.metrics) metrics.push_back(OfMetric(metric));
  for (const std::string& dimension : plan.dimensions) dimensions.emplace_back(dimension);
  for (const Goal& goal : design.secondary) secondary.push_back(OfGoal(goal));
  for (const GuardrailGoal& goal : design.guardrails) {
    guardrails.emplace_back(
        Array{Value(goal.metric), Maybe(goal.margin), Value(goal.margin_is_relative), Value(goal.on_breach)});
  }
  // Not the end: an experiment that is stopped is held against the plan that it was started with.
  const Value all = Array{Value(plan.experiment),
                          Value(plan.iteration),
                          Value(std::move(variants)),
                          Value(std::move(weights)),
                          Value(std::move(metrics)),
                          Value(plan.started.time_since_epoch().count()),
                          Value(plan.lookback.count()),
                          Value(plan.allowance.count()),
                          Value(std::move(dimensions)),
                          Value(design.project),
                          Value(design.environment),
                          Value(design.flag),
                          Value(design.owner),
                          Value(design.hypothesis),
                          Value(ToString(design.method)),
                          Value(design.alpha),
                          Value(design.power),
                          Value(design.look_every.count()),
                          Maybe(design.min_days),
                          Maybe(design.max_days),
                          Maybe(design.planned_units),
                          design.primary ? OfGoal(*design.primary) : Value(),
                          Value(std::move(secondary)),
                          Value(std::move(guardrails)),
                          Value(design.srm_alpha)};
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(Xxh3(guidon::ToJson(all))));
  return std::string(digits.data());
}

}  // namespace guidon::stats
