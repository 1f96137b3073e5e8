#include "server/analysis/traffic.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/model/units.h"
#include "server/analysis/design_of.h"
#include "server/analysis/plan_of.h"
#include "stats/report/planning.h"

namespace guidon {
namespace {

constexpr std::size_t kMostDays = 14;

std::int32_t DayOf(std::int64_t ms) {
  return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(std::chrono::milliseconds(ms)).count());
}

// The share of the audience that took part at the end, parts of kWhole.
double ShareOf(const Definitions& definitions, const ExperimentRecord& record) {
  Experiment without_ramp = record.definition;
  without_ramp.ramp.clear();
  const ExperimentIteration& iteration = record.state.iterations.back();
  const std::uint32_t step = iteration.steps.empty() ? kWhole : iteration.steps.back().at;
  return static_cast<double>(TakingPartOf(definitions, without_ramp).at_last) / kWhole * step / kWhole;
}

std::optional<ObservedTraffic> Observed(const Analysis& analysis, const Definitions& definitions,
                                        const ExperimentRecord& record, std::int64_t now_ms) {
  const Experiment& experiment = record.definition;
  const ExperimentIteration& iteration = record.state.iterations.back();
  const double share = ShareOf(definitions, record);
  const auto facts = analysis.Facts(definitions.project.key, experiment.environment, experiment.key, iteration.number);
  if (!facts || share <= 0) return std::nullopt;
  if (!MayBeOf((*facts)->plan, iteration)) return std::nullopt;  // a moment after its start
  const auto days = (*facts)->totals->UnitsByDay();
  if (days.empty()) return std::nullopt;
  // Days on which nobody came count, too.
  const std::int32_t begun = DayOf(iteration.steps.empty() ? iteration.started_ms : iteration.steps.back().from_ms);
  std::int32_t first = std::max(begun, days.begin()->first);
  std::int32_t last = DayOf(iteration.ended_ms.value_or(now_ms));
  if (last - first >= 2) ++first, --last;  // neither is whole
  first = std::max(first, last - static_cast<std::int32_t>(kMostDays) + 1);
  if (last < first) return std::nullopt;
  double units = 0;
  for (auto day = days.lower_bound(first); day != days.end() && day->first <= last; ++day) {
    for (const stats::UnitCounts& arm : day->second) units += static_cast<double>(arm.units + arm.multiple);
  }
  if (units == 0) return std::nullopt;
  ObservedTraffic traffic;
  traffic.days = static_cast<std::size_t>(last - first + 1);
  traffic.units_per_day = units / static_cast<double>(traffic.days) / share;
  traffic.experiment = experiment.key;
  traffic.iteration = iteration.number;
  const std::chrono::milliseconds begin = std::chrono::days(first);
  traffic.first_day = FormatTimestamp(begin.count()).substr(0, 10);
  return traffic;
}

// Experiments on the same flag that have begun: its own first, then the one that began last.
std::vector<const ExperimentRecord*> CandidatesFor(const Definitions& definitions, const Experiment& experiment) {
  std::vector<const ExperimentRecord*> candidates;
  for (const ExperimentRecord& record : definitions.entities.experiments) {
    const Experiment& its = record.definition;
    if (its.flag == experiment.flag && its.environment == experiment.environment && its.unit == experiment.unit &&
        !record.state.iterations.empty()) {
      candidates.push_back(&record);
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&](const ExperimentRecord* a, const ExperimentRecord* b) {
    const bool own_a = a->definition.key == experiment.key, own_b = b->definition.key == experiment.key;
    if (own_a != own_b) return own_a;
    return a->state.iterations.back().started_ms > b->state.iterations.back().started_ms;
  });
  return candidates;
}

// How it is described, and which way is good, is no matter here.
bool MeasuresTheSame(Metric a, const Metric& b) {
  a.description = b.description;
  a.owner = b.owner;
  a.direction = b.direction;
  a.archived = b.archived;
  return a == b;
}

std::optional<stats::KnownBaseline> BaselineOf(const Analysis& analysis, const std::string& project,
                                               const ExperimentIteration& iteration, const Experiment& experiment,
                                               const Metric& metric, std::int64_t now_ms) {
  if (!iteration.measured) return std::nullopt;
  const auto& [then, metrics] = *iteration.measured;
  const bool has_metric =
      std::any_of(metrics.begin(), metrics.end(), [&](const Metric& one) { return MeasuresTheSame(one, metric); });
  if (!has_metric || then.flag != experiment.flag || then.environment != experiment.environment ||
      then.unit != experiment.unit) {
    return std::nullopt;
  }
  const auto facts = analysis.Facts(project, then.environment, then.key, iteration.number);
  if (!facts) return std::nullopt;
  stats::Design design;
  design.plan = (*facts)->plan;
  // Of an experiment that was deleted and made again under its key, what is known may still be of the earlier one.
  const stats::Time started{stats::Milliseconds(iteration.started_ms)};
  if (design.plan.started != started) return std::nullopt;
  for (std::size_t i = 0; i < design.plan.metrics.size(); ++i) {
    if (design.plan.metrics[i].key == metric.key) design.primary = stats::Goal{i, true, std::nullopt};
  }
  std::optional<stats::KnownBaseline> baseline = stats::FindBaseline(
      design, {(*facts)->totals.get(), QualityOf(**facts)}, stats::Time(stats::Milliseconds(now_ms)));
  const bool is_adjusted = experiment.plan.value_or(Plan()).cuped.has_value();
  if (baseline && !is_adjusted) baseline->arm = stats::WithoutCovariate(baseline->arm);
  return baseline;
}

}  // namespace

std::optional<ObservedTraffic> ObservedOn(const Analysis& analysis, const Definitions& definitions,
                                          const Experiment& experiment, std::int64_t now_ms) {
  for (const ExperimentRecord* record : CandidatesFor(definitions, experiment)) {
    if (auto traffic = Observed(analysis, definitions, *record, now_ms)) return traffic;
  }
  return std::nullopt;
}

std::optional<ObservedBaseline> BaselineOn(const Analysis& analysis, const Definitions& definitions,
                                           const Experiment& experiment, std::int64_t now_ms) {
  const MetricRecord* metric = experiment.primary ? definitions.entities.FindMetric(experiment.primary->use) : nullptr;
  if (metric == nullptr) return std::nullopt;
  for (const ExperimentRecord* record : CandidatesFor(definitions, experiment)) {
    const std::vector<ExperimentIteration>& iterations = record->state.iterations;
    for (auto iteration = iterations.rbegin(); iteration != iterations.rend(); ++iteration) {
      auto known = BaselineOf(analysis, definitions.project.key, *iteration, experiment, metric->definition, now_ms);
      if (known) return ObservedBaseline{*std::move(known), record->definition.key, iteration->number};
    }
  }
  return std::nullopt;
}

}  // namespace guidon
