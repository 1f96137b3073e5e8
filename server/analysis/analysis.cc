#include "server/analysis/analysis.h"

#include <memory>
#include <string>

namespace guidon {
namespace {

std::uint32_t NewestIteration(const CatalogView& view, std::string_view project, std::string_view environment,
                              std::string_view key) {
  if (key.starts_with(kHoldoutExperiment)) return 1;
  const ExperimentRecord* experiment = view.FindExperiment(project, key);
  if (experiment == nullptr || experiment->definition.environment != environment) return 0;
  return experiment->state.iteration;
}

// Of an experiment that was deleted, and had that key.
bool IsOfEarlierOne(const CatalogView& view, std::string_view project, std::string_view key, std::uint32_t iteration) {
  const ExperimentRecord* experiment = view.FindExperiment(project, key);
  return experiment != nullptr && iteration <= experiment->state.iterations_before;
}

}  // namespace

std::function<std::function<bool(std::string_view)>(const std::string&)> FlagsOf(const Catalog& catalog) {
  return [&catalog](const std::string& project) -> std::function<bool(std::string_view)> {
    const std::shared_ptr<const CatalogView> view = catalog.View();
    const ProjectView* held = view->FindProject(project);
    if (held == nullptr) return [](std::string_view) { return false; };
    return [view, held](std::string_view flag) {
      return held->revisions.contains({EntityKind::kFlag, std::string(flag)});
    };
  };
}

Result<IterationName> Analysis::NameOf(std::string_view project, std::string_view environment, std::string_view key,
                                       std::uint32_t iteration) const {
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  if (iteration == 0) iteration = NewestIteration(*view, project, environment, key);
  if (iteration == 0) {
    return Fail(ErrorCode::kNotFound, "project '" + std::string(project) + "' has no experiment '" + std::string(key) +
                                          "' in environment '" + std::string(environment) + "' that has been started");
  }
  if (IsOfEarlierOne(*view, project, key, iteration)) {
    return Fail(ErrorCode::kNotFound, "iteration " + std::to_string(iteration) + " is of an experiment '" +
                                          std::string(key) + "' that was deleted; that of project '" +
                                          std::string(project) + "' counts on from there");
  }
  IterationName name{std::string(project), std::string(environment), std::string(key), iteration};
  if (Status found = IsOfPresentHoldout(name); !found) return Fail(found.error());
  return name;
}

// As long as no experiment needs it the fold has no plan of it, and leaves what there was of the earlier one.
Status Analysis::IsOfPresentHoldout(const IterationName& name) const {
  if (!name.experiment.starts_with(kHoldoutExperiment)) return {};
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ProjectView* project = view->FindProject(name.project);
  if (project == nullptr) return {};
  const auto made = project->holdouts_made.find(name.experiment.substr(kHoldoutExperiment.size()));
  if (made == project->holdouts_made.end()) return {};
  const auto facts = fold_.Facts(name);
  if (!facts) return {};  // whoever reads them is told
  const stats::Time started = (*facts)->plan.started;
  if (started == stats::Time{} || started == made->second) return {};  // older versions knew no start
  return Fail(ErrorCode::kNotFound, "'" + name.experiment + "' was made anew in project '" + name.project +
                                        "', and has not been analysed since in environment '" + name.environment + "'");
}

Result<std::shared_ptr<const stats::ExperimentFacts>> Analysis::Facts(std::string_view project,
                                                                      std::string_view environment,
                                                                      std::string_view key,
                                                                      std::uint32_t iteration) const {
  const Result<IterationName> name = NameOf(project, environment, key, iteration);
  return name ? fold_.Facts(*name) : Fail(name.error());
}

std::uint64_t Analysis::ExposedUnits(std::string_view project, std::string_view environment, std::string_view key,
                                     std::uint32_t iteration) const {
  const Result<IterationName> name = NameOf(project, environment, key, iteration);
  return name ? fold_.ExposedUnitsOf(*name) : 0;
}

Result<guidon::ExposedUnits> Analysis::ListExposed(std::string_view project, std::string_view environment,
                                                   std::string_view key, std::uint32_t iteration,
                                                   std::string_view after, std::size_t limit) const {
  const Result<IterationName> name = NameOf(project, environment, key, iteration);
  return name ? fold_.ListExposed(*name, after, limit) : Fail(name.error());
}

}  // namespace guidon
