#include "server/analysis/plan_of.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "core/allocate/experiment_life.h"
#include "server/ingest/fact_events.h"
#include "server/store/system_clock.h"

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

// Also while the next iteration is scheduled: what the last one came to is not over.
bool IsMeasured(const ExperimentRecord& record) {
  return !record.definition.archived && record.state.iteration > 0;
}

void AddDimensions(FoldPlan& plan) {
  plan.plan.dimensions.assign(std::begin(kDimensions), std::end(kDimensions));
}

stats::Time TimeOf(std::int64_t ms) {
  return stats::Time(stats::Milliseconds(ms));
}

// But for the iteration and its times.
FoldPlan PlanOf(const std::string& project, const MeasuredPlan& measured) {
  const Experiment& experiment = measured.experiment;
  FoldPlan plan;
  plan.project = project;
  plan.environment = experiment.environment;
  plan.unit = experiment.unit;
  plan.plan.experiment = experiment.key;
  for (const Variant& variant : experiment.variants) {
    plan.plan.variants.push_back(variant.name);
    plan.plan.weights.push_back(ShareOf(variant.parts));
  }
  const std::optional<stats::Milliseconds> cuped = experiment.plan ? experiment.plan->cuped : Plan().cuped;
  plan.plan.lookback = cuped.value_or(kLookback);
  for (const Metric& metric : measured.metrics) AddMetric(metric, cuped.has_value(), plan);
  AddDimensions(plan);
  return plan;
}

// Whether it kept the assignments of an iteration before it: what its units did before they saw it, they may have done
// because of that one.
bool KeepsAssignments(const ExperimentState& state, const ExperimentIteration& iteration) {
  return std::any_of(state.iterations.begin(), state.iterations.end(), [&](const ExperimentIteration& other) {
    return other.number < iteration.number && other.salt == iteration.salt;
  });
}

}  // namespace

stats::ExperimentPlan PlanBeforeStart(const Definitions& definitions, const Experiment& experiment) {
  return PlanOf(definitions.project.key, MeasuredPlanOf(experiment, definitions.entities)).plan;
}

bool MayBeOf(const stats::ExperimentPlan& plan, const ExperimentIteration& iteration) {
  return plan.started == stats::Time{} || plan.started == TimeOf(iteration.started_ms);  // older versions knew no start
}

std::optional<stats::Time> OpenUntil(const stats::ExperimentPlan& plan) {
  if (!plan.ended) return std::nullopt;
  stats::Milliseconds longest(0);
  for (const stats::MetricPlan& metric : plan.metrics) {
    longest = std::max(longest, metric.after + metric.window.value_or(stats::Milliseconds(0)));
  }
  return *plan.ended + longest + plan.allowance + kTimeToFold;
}

std::vector<FoldPlan> PlansOf(const Definitions& definitions, const ExperimentRecord& record, stats::Time now) {
  const ExperimentState& state = record.state;
  std::vector<FoldPlan> plans;
  for (const ExperimentIteration& iteration : state.iterations) {
    const bool is_newest = iteration.number == state.iteration;
    if (!iteration.measured && !is_newest) continue;
    FoldPlan plan =
        PlanOf(definitions.project.key,
               iteration.measured ? *iteration.measured : MeasuredPlanOf(record.definition, definitions.entities));
    plan.plan.iteration = iteration.number;
    plan.plan.started = TimeOf(iteration.started_ms);
    if (KeepsAssignments(state, iteration)) {
      plan.plan.lookback = stats::Milliseconds(0);
      for (stats::MetricPlan& metric : plan.plan.metrics) metric.adjust = false;
    }
    if (iteration.ended_ms) plan.plan.ended = TimeOf(*iteration.ended_ms);
    const std::optional<stats::Time> until = OpenUntil(plan.plan);
    if (!until || now < *until) plans.push_back(std::move(plan));
  }
  const bool is_live = state.status == ExperimentStatus::kRunning || state.status == ExperimentStatus::kPaused;
  if (state.CurrentIteration() == nullptr && state.iteration > 0 && is_live) {
    plans.push_back(PlanOf(definitions.project.key, MeasuredPlanOf(record.definition, definitions.entities)));
    plans.back().plan.iteration = state.iteration;
  }
  return plans;
}

std::optional<FoldPlan> PlanOf(const Definitions& definitions, const HoldoutRecord& holdout,
                               const std::string& environment, stats::Time made) {
  FoldPlan plan;
  plan.project = definitions.project.key;
  plan.environment = environment;
  plan.unit = holdout.definition.unit;
  plan.plan.experiment = std::string(kHoldoutExperiment) + holdout.definition.key;
  plan.plan.variants = {"held_out", "comparison"};  // the control sees none of the experiments
  plan.plan.weights = {0.5, 0.5};
  plan.plan.started = made;
  plan.plan.lookback = kLookback;
  bool is_measured = false;
  for (const ExperimentRecord& experiment : definitions.entities.experiments) {
    if (experiment.definition.holdout != holdout.definition.key) continue;
    if (experiment.definition.environment != environment || !IsMeasured(experiment)) continue;
    is_measured = true;
    for (const Metric& metric : MeasuredPlanOf(experiment.definition, definitions.entities).metrics) {
      const auto& known = plan.plan.metrics;
      const bool is_known = std::any_of(known.begin(), known.end(), [&](const auto& m) { return m.key == metric.key; });
      if (!is_known) AddMetric(metric, false, plan);
    }
  }
  if (!is_measured || holdout.definition.archived) return std::nullopt;
  for (stats::MetricPlan& metric : plan.plan.metrics) {
    if (metric.kind != stats::MetricKind::kRetention) metric.window.reset();
  }
  AddDimensions(plan);
  return plan;
}

std::shared_ptr<const FoldPlans> PlansOf(const CatalogView& view, stats::Time now) {
  auto plans = std::make_shared<FoldPlans>();
  auto& environments = plans->environments.emplace();
  auto& experiments = plans->experiments.emplace();
  for (const auto& [key, project] : view.projects) {
    const Definitions& definitions = project->definitions;
    for (const EnvironmentDefinition& environment : definitions.project.environments) {
      environments.emplace(key, environment.key);
    }
    for (const ExperimentRecord& experiment : definitions.entities.experiments) {
      experiments.insert({{key, experiment.definition.key}, experiment.state.iterations_before});
      std::vector<FoldPlan> of_it = PlansOf(definitions, experiment, now);
      std::move(of_it.begin(), of_it.end(), std::back_inserter(plans->plans));
    }
    for (const HoldoutRecord& holdout : definitions.entities.holdouts) {
      experiments.insert({{key, std::string(kHoldoutExperiment) + holdout.definition.key}, 0});
      const auto made = project->holdouts_made.find(holdout.definition.key);
      const stats::Time start = made == project->holdouts_made.end() ? stats::Time() : made->second;
      for (const EnvironmentDefinition& environment : definitions.project.environments) {
        if (auto plan = PlanOf(definitions, holdout, environment.key, start)) plans->plans.push_back(*std::move(plan));
      }
    }
  }
  // Where there are too many, those that run are measured.
  std::stable_partition(plans->plans.begin(), plans->plans.end(),
                        [](const FoldPlan& plan) { return !plan.plan.ended; });
  return plans;
}

PlanSource PlansOf(const Catalog& catalog, std::function<Timestamp()> clock) {
  struct Made {
    std::shared_ptr<const CatalogView> view;
    std::shared_ptr<const FoldPlans> plans;
    stats::Time until{};  // the first of them is to be closed then
  };
  if (!clock) clock = SystemNow;
  return [&catalog, clock = std::move(clock), made = std::make_shared<Made>()] {
    std::shared_ptr<const CatalogView> view = catalog.View();
    const stats::Time now = clock();
    if (view != made->view || now >= made->until) {
      made->plans = PlansOf(*view, now);
      made->view = std::move(view);
      made->until = stats::Time::max();
      for (const FoldPlan& plan : made->plans->plans) {
        made->until = std::min(made->until, OpenUntil(plan.plan).value_or(stats::Time::max()));
      }
    }
    return made->plans;
  };
}

}  // namespace guidon
