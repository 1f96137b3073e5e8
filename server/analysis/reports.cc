#include "server/analysis/reports.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/analysis/design_of.h"

namespace guidon {
namespace {

stats::Time TimeOf(std::int64_t ms) {
  return stats::Time(stats::Milliseconds(ms));
}

// When the iteration began and ended. Of one that is not known, as from an older server, the day of its first units.
void SetTimes(const ExperimentState& state, const stats::Totals& totals, stats::ExperimentPlan& plan) {
  for (const ExperimentIteration& iteration : state.iterations) {
    if (iteration.number != plan.iteration) continue;
    plan.started = TimeOf(iteration.started_ms);
    if (iteration.ended_ms) plan.ended = TimeOf(*iteration.ended_ms);
    return;
  }
  if (plan.started != stats::Time{}) return;
  const auto days = totals.UnitsByDay();
  if (!days.empty()) plan.started = std::chrono::sys_days(std::chrono::days(days.begin()->first));
}

}  // namespace

Reports::Reports(const Catalog& catalog, const Analysis& analysis, Store& store, ReportsOptions options)
    : catalog_(catalog), analysis_(analysis), looks_(store), options_(std::move(options)) {}

Result<Reports::Ground> Reports::GroundOf(std::string_view project, std::string_view environment, std::string_view key,
                                          std::uint32_t iteration) {
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ProjectView* found = view->FindProject(project);
  const ExperimentRecord* record = found == nullptr ? nullptr : found->definitions.entities.FindExperiment(key);
  if (record == nullptr || record->definition.environment != environment) {
    return Fail(ErrorCode::kNotFound, "project '" + std::string(project) + "' has no experiment '" + std::string(key) +
                                          "' in environment '" + std::string(environment) + "'");
  }
  Result<std::shared_ptr<const stats::ExperimentFacts>> facts = analysis_.Facts(project, environment, key, iteration);
  if (!facts) return Fail(facts.error());
  Ground ground;
  ground.facts = *std::move(facts);
  ground.now = TimeOf(options_.now_ms ? options_.now_ms()
                                      : std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::system_clock::now().time_since_epoch())
                                            .count());
  ground.revision = view->revision;
  ground.quality.rejected = ground.facts->rejected;
  ground.quality.folded_to = ground.facts->watermark;
  ground.quality.rebuilding = ground.facts->rebuilding;
  stats::ExperimentPlan plan = ground.facts->plan;
  SetTimes(record->state, *ground.facts->totals, plan);
  const IterationOf of{std::string(project), std::string(environment), std::string(key), plan.iteration};
  const Result<Experiment> held = looks_.Hold(of, record->definition);
  if (!held) return Fail(held.error());
  Result<Published> published = looks_.TakeDue(of, DesignOf(of.project, *held, std::move(plan)),
                                               {ground.facts->totals.get(), ground.quality}, ground.now);
  if (!published) return Fail(published.error());
  ground.published = *std::move(published);
  return ground;
}

Result<stats::Report> Reports::Of(std::string_view project, std::string_view environment, std::string_view key,
                                  std::uint32_t iteration) {
  Result<Ground> ground = GroundOf(project, environment, key, iteration);
  if (!ground) return Fail(ground.error());
  return stats::Judge(ground->published.design, {ground->facts->totals.get(), ground->quality}, ground->published.looks,
                      ground->now, ground->revision);
}

Result<std::vector<stats::Alarm>> Reports::AlarmsOf(std::string_view project, std::string_view environment,
                                                    std::string_view key, std::uint32_t iteration) {
  Result<Ground> ground = GroundOf(project, environment, key, iteration);
  if (!ground) return Fail(ground.error());
  return stats::AlarmsOf(ground->published.design, {ground->facts->totals.get(), ground->quality}, ground->now);
}

Status Reports::TakeDueLooks(const std::function<bool()>& stop) {
  Status all;
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  for (const auto& [project, project_view] : view->projects) {
    for (const ExperimentRecord& record : project_view->definitions.entities.experiments) {
      if (stop()) return all;
      const ExperimentStatus status = record.state.status;
      const bool is_over = status == ExperimentStatus::kDraft || status == ExperimentStatus::kScheduled ||
                           status == ExperimentStatus::kConcluded;
      if (is_over || record.definition.archived || record.state.iteration == 0) continue;
      const Result<Ground> ground =
          GroundOf(project, record.definition.environment, record.definition.key, record.state.iteration);
      // What was started a moment ago is not in the facts yet.
      const bool is_known = ground || ground.error().code == ErrorCode::kNotFound;
      if (!is_known && all) all = Fail(ground.error());
    }
  }
  return all;
}

}  // namespace guidon
