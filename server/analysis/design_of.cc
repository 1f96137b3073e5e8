#include "server/analysis/design_of.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/model/units.h"

namespace guidon {
namespace {

double ShareOf(std::uint32_t parts) {
  return static_cast<double>(parts) / static_cast<double>(kWhole);
}

std::optional<std::size_t> MetricIn(const stats::ExperimentPlan& plan, const std::string& key) {
  const auto at = std::find_if(plan.metrics.begin(), plan.metrics.end(),
                               [&](const stats::MetricPlan& metric) { return metric.key == key; });
  if (at == plan.metrics.end()) return std::nullopt;
  return static_cast<std::size_t>(at - plan.metrics.begin());
}

stats::PlanMethod MethodOf(PlanMethod method) {
  switch (method) {
    case PlanMethod::kGroupSequential:
      return stats::PlanMethod::kGroupSequential;
    case PlanMethod::kSequential:
      return stats::PlanMethod::kSequential;
    case PlanMethod::kFixed:
      break;
  }
  return stats::PlanMethod::kFixed;
}

}  // namespace

stats::Design DesignOf(const std::string& project, const Experiment& experiment, stats::ExperimentPlan plan) {
  stats::Design design;
  design.project = project;
  design.environment = experiment.environment;
  design.flag = experiment.flag;
  design.owner = experiment.owner;
  design.hypothesis = experiment.hypothesis;
  const Plan authored = experiment.plan.value_or(Plan{});
  design.method = MethodOf(authored.method);
  design.alpha = ShareOf(authored.alpha);
  design.power = ShareOf(authored.power);
  if (authored.looks) design.look_every = *authored.looks;
  design.min_days = authored.min_days;
  design.max_days = authored.max_days;
  if (experiment.primary) {
    if (const auto metric = MetricIn(plan, experiment.primary->use)) {
      const bool metric_goes_up = !plan.metrics[*metric].lower_is_better;
      stats::Goal goal{*metric, metric_goes_up, std::nullopt};
      if (experiment.primary->expect) goal.expect_up = *experiment.primary->expect == Direction::kUp;
      if (experiment.primary->detect) goal.detect = ShareOf(*experiment.primary->detect);
      design.primary = goal;
    }
  }
  for (const std::string& key : experiment.secondary) {
    if (const auto metric = MetricIn(plan, key)) {
      design.secondary.push_back({*metric, !plan.metrics[*metric].lower_is_better, std::nullopt});
    }
  }
  for (const Guardrail& guardrail : experiment.guardrails) {
    const auto metric = MetricIn(plan, guardrail.use);
    if (!metric) continue;
    stats::GuardrailGoal goal;
    goal.metric = *metric;
    if (guardrail.never_worse_by) {
      // Thousandths of a per cent, or of a percentage point.
      goal.margin = guardrail.never_worse_by->thousandths / 100'000.0;
      goal.margin_is_relative = guardrail.never_worse_by->unit == Margin::Unit::kPercent;
    }
    goal.on_breach = std::string(ToString(guardrail.on_breach));
    design.guardrails.push_back(std::move(goal));
  }
  design.plan = std::move(plan);
  return design;
}

stats::DataQuality QualityOf(const stats::ExperimentFacts& facts) {
  stats::DataQuality quality;
  quality.rejected = facts.rejected;
  quality.folded_to = facts.watermark;
  quality.rebuilding = facts.rebuilding;
  return quality;
}

stats::Design DesignOf(const std::string& project, const std::string& environment, const Holdout& holdout,
                       stats::ExperimentPlan plan) {
  stats::Design design;
  design.project = project;
  design.environment = environment;
  design.owner = holdout.owner;
  design.hypothesis = holdout.description;
  design.method = stats::PlanMethod::kSequential;
  for (std::size_t m = 0; m < plan.metrics.size(); ++m) {
    design.secondary.push_back({m, !plan.metrics[m].lower_is_better, std::nullopt});
  }
  design.plan = std::move(plan);
  return design;
}

}  // namespace guidon
