#include "server/analysis/plan_of.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "server/ingest/fact_events.h"

namespace guidon {
namespace {

constexpr stats::Milliseconds kLookback = std::chrono::days(14);

double ShareOf(std::uint32_t parts) {
  return static_cast<double>(parts) / static_cast<double>(kWhole);
}

stats::MetricKind KindOf(MetricType type) {
  switch (type) {
    case MetricType::kConversion:
      return stats::MetricKind::kConversion;
    case MetricType::kCount:
      return stats::MetricKind::kCount;
    case MetricType::kSum:
      return stats::MetricKind::kSum;
    case MetricType::kMean:
      return stats::MetricKind::kMean;
    case MetricType::kRatio:
      return stats::MetricKind::kRatio;
    case MetricType::kQuantile:
      return stats::MetricKind::kQuantile;
    case MetricType::kRetention:
      return stats::MetricKind::kRetention;
    case MetricType::kFunnel:
      return stats::MetricKind::kFunnel;
  }
  return stats::MetricKind::kConversion;
}

// In the order of MetricPlan::sources.
std::vector<FactSource> SourcesOf(const Metric& metric) {
  const auto of_part = [](const MetricPart& part) { return FactSource{part.event, part.value, part.where}; };
  if (metric.type == MetricType::kRatio) {
    std::vector<FactSource> sources;
    for (const auto* part : {&metric.numerator, &metric.denominator}) {
      if (*part) sources.push_back(of_part(**part));
    }
    return sources;
  }
  if (metric.type == MetricType::kFunnel) {
    std::vector<FactSource> sources;
    std::transform(metric.steps.begin(), metric.steps.end(), std::back_inserter(sources), of_part);
    return sources;
  }
  return {{metric.event, metric.value, metric.where}};
}

// Sources of several metrics, each once.
class SourceList {
 public:
  explicit SourceList(std::vector<FactSource>& sources) : sources_(sources) {}

  stats::SourceId Of(FactSource source) {
    const auto found = std::find(sources_.begin(), sources_.end(), source);
    if (found != sources_.end()) return static_cast<stats::SourceId>(found - sources_.begin());
    sources_.push_back(std::move(source));
    return static_cast<stats::SourceId>(sources_.size() - 1);
  }

 private:
  std::vector<FactSource>& sources_;
};

void AddMetric(const Metric& metric, bool adjust, FoldPlan& plan) {
  stats::MetricPlan& measured = plan.plan.metrics.emplace_back();
  measured.key = metric.key;
  measured.kind = KindOf(metric.type);
  measured.lower_is_better = metric.direction == Direction::kDown;
  SourceList sources(plan.sources);
  for (FactSource& source : SourcesOf(metric)) measured.sources.push_back(sources.Of(std::move(source)));
  measured.window = metric.window;
  measured.after = metric.after.value_or(stats::Milliseconds(0));
  if (metric.cap) {
    if (const auto* share = std::get_if<PercentileCap>(&*metric.cap)) measured.cap_share = ShareOf(share->parts);
    if (const auto* value = std::get_if<AbsoluteCap>(&*metric.cap)) measured.cap_value = value->value;
  }
  if (metric.quantile) measured.quantile = ShareOf(*metric.quantile);
  measured.adjust = adjust;
}

void AddMetricOnce(const Definitions& definitions, const std::string& key, bool adjust, FoldPlan& plan) {
  const auto& metrics = plan.plan.metrics;
  if (std::any_of(metrics.begin(), metrics.end(), [&](const auto& known) { return known.key == key; })) return;
  if (const MetricRecord* metric = definitions.entities.FindMetric(key)) AddMetric(metric->definition, adjust, plan);
}

void AddMetrics(const Definitions& definitions, const Experiment& experiment, bool adjust, FoldPlan& plan) {
  if (experiment.primary) AddMetricOnce(definitions, experiment.primary->use, adjust, plan);
  for (const std::string& key : experiment.secondary) AddMetricOnce(definitions, key, adjust, plan);
  for (const Guardrail& guardrail : experiment.guardrails) AddMetricOnce(definitions, guardrail.use, adjust, plan);
}

bool IsMeasured(const ExperimentRecord& record) {
  return !record.definition.archived && record.state.iteration > 0 && record.state.status != ExperimentStatus::kDraft &&
         record.state.status != ExperimentStatus::kScheduled;
}

void AddDimensions(FoldPlan& plan) {
  plan.plan.dimensions.assign(std::begin(kDimensions), std::end(kDimensions));
}

}  // namespace

std::optional<FoldPlan> PlanOf(const Definitions& definitions, const ExperimentRecord& record) {
  if (!IsMeasured(record)) return std::nullopt;
  const Experiment& experiment = record.definition;
  FoldPlan plan;
  plan.project = definitions.project.key;
  plan.environment = experiment.environment;
  plan.unit = experiment.unit;
  plan.plan.experiment = experiment.key;
  plan.plan.iteration = record.state.iteration;
  for (const Variant& variant : experiment.variants) {
    plan.plan.variants.push_back(variant.name);
    plan.plan.weights.push_back(ShareOf(variant.parts));
  }
  const std::optional<stats::Milliseconds> cuped = experiment.plan ? experiment.plan->cuped : std::nullopt;
  plan.plan.lookback = cuped.value_or(kLookback);
  AddMetrics(definitions, experiment, cuped.has_value(), plan);
  AddDimensions(plan);
  return plan;
}

std::optional<FoldPlan> PlanOf(const Definitions& definitions, const HoldoutRecord& holdout,
                               const std::string& environment) {
  FoldPlan plan;
  plan.project = definitions.project.key;
  plan.environment = environment;
  plan.unit = holdout.definition.unit;
  plan.plan.experiment = std::string(kHoldoutExperiment) + holdout.definition.key;
  plan.plan.variants = {"comparison", "held_out"};
  plan.plan.weights = {0.5, 0.5};
  plan.plan.lookback = kLookback;
  bool is_measured = false;
  for (const ExperimentRecord& experiment : definitions.entities.experiments) {
    if (experiment.definition.holdout != holdout.definition.key) continue;
    if (experiment.definition.environment != environment || !IsMeasured(experiment)) continue;
    is_measured = true;
    AddMetrics(definitions, experiment.definition, false, plan);
  }
  if (!is_measured || holdout.definition.archived) return std::nullopt;
  for (stats::MetricPlan& metric : plan.plan.metrics) {
    if (metric.kind != stats::MetricKind::kRetention) metric.window.reset();
  }
  AddDimensions(plan);
  return plan;
}

std::shared_ptr<const FoldPlans> PlansOf(const CatalogView& view) {
  auto plans = std::make_shared<FoldPlans>();
  for (const auto& [key, project] : view.projects) {
    const Definitions& definitions = project->definitions;
    for (const ExperimentRecord& experiment : definitions.entities.experiments) {
      if (auto plan = PlanOf(definitions, experiment)) plans->plans.push_back(*std::move(plan));
    }
    for (const HoldoutRecord& holdout : definitions.entities.holdouts) {
      for (const EnvironmentDefinition& environment : definitions.project.environments) {
        if (auto plan = PlanOf(definitions, holdout, environment.key)) plans->plans.push_back(*std::move(plan));
      }
    }
  }
  return plans;
}

PlanSource PlansOf(const Catalog& catalog) {
  struct Made {
    std::shared_ptr<const CatalogView> view;
    std::shared_ptr<const FoldPlans> plans;
  };
  return [&catalog, made = std::make_shared<Made>()] {
    std::shared_ptr<const CatalogView> view = catalog.View();
    if (view != made->view) {
      made->plans = PlansOf(*view);
      made->view = std::move(view);
    }
    return made->plans;
  };
}

}  // namespace guidon
