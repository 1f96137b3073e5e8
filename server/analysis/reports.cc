#include "server/analysis/reports.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "core/model/units.h"
#include "server/analysis/design_of.h"
#include "server/analysis/plan_of.h"
#include "server/ingest/fact_events.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

stats::Time TimeOf(std::int64_t ms) {
  return stats::Time(stats::Milliseconds(ms));
}

const ExperimentIteration* FindIteration(const ExperimentState& state, std::uint32_t number) {
  const auto at = std::find_if(state.iterations.begin(), state.iterations.end(),
                               [&](const ExperimentIteration& iteration) { return iteration.number == number; });
  return at == state.iterations.end() ? nullptr : &*at;
}

// A ramp of one step that takes everybody is none.
std::vector<stats::RampStep> RampOf(const ExperimentIteration& iteration) {
  std::vector<stats::RampStep> ramp;
  if (iteration.steps.size() == 1 && iteration.steps.front().at == kWhole) return ramp;
  for (const TakenRampStep& step : iteration.steps) {
    ramp.push_back({TimeOf(step.from_ms), static_cast<double>(step.at) / kWhole});
  }
  return ramp;
}

// When it began and ended: the record knows of an end before the fold does. Of one that is not known, as from an older
// server, the day of its first units: good enough to be shown, and no looks are taken by it.
void SetTimes(const ExperimentIteration* iteration, const stats::Totals& totals, stats::ExperimentPlan& plan) {
  if (iteration != nullptr) {
    plan.started = TimeOf(iteration->started_ms);
    if (iteration->ended_ms) plan.ended = TimeOf(*iteration->ended_ms);
    return;
  }
  if (plan.started != stats::Time{}) return;
  const auto days = totals.UnitsByDay();
  if (!days.empty()) plan.started = std::chrono::sys_days(std::chrono::days(days.begin()->first));
}

// How a plan is read that is to have a size, while that is not known.
void NoteMethod(const Published& published, std::vector<std::string>& notes) {
  const stats::Design& design = published.design;
  if (design.method != stats::PlanMethod::kGroupSequential || !design.primary || !design.primary->detect) return;
  if (stats::EffectiveMethod(design) == stats::PlanMethod::kGroupSequential) return;
  if (design.plan.metrics.at(design.primary->metric).kind == stats::MetricKind::kQuantile) return;  // it never has one
  notes.emplace_back(
      published.looks.empty()
          ? "How many units the plan needs is not known yet: that is found from the first 1,000 whose outcomes are in, "
            "before the first look. Until then it is read as a sequential plan, and to its end if it is not known by "
            "its first look."
          : "At the first look there were too few units, with their outcomes in, to plan a size from: it is read as a "
            "sequential plan to its end.");
}

// What is known of what was started while nothing of it is in the facts: its plan, and no units. Null where it is not
// to be measured: it was not started, or is long over. `iteration` 0: the newest.
std::shared_ptr<const stats::ExperimentFacts> NoFacts(const CatalogView& view, std::string_view project,
                                                      std::string_view environment, std::string_view key,
                                                      std::uint32_t iteration, stats::Time now) {
  std::shared_ptr<stats::ExperimentFacts> facts;
  const std::shared_ptr<const FoldPlans> all = PlansOf(view, now);
  for (const FoldPlan& plan : all->plans) {
    if (plan.project != project || plan.environment != environment || plan.plan.experiment != key) continue;
    if (iteration != 0 && plan.plan.iteration != iteration) continue;
    if (facts != nullptr && facts->plan.iteration > plan.plan.iteration) continue;
    facts = std::make_shared<stats::ExperimentFacts>();
    facts->plan = plan.plan;
    facts->totals = std::make_shared<const stats::Totals>(plan.plan);
  }
  return facts;
}

constexpr std::string_view kNotAnalysed =
    "Nothing of it is analysed yet: that begins some seconds after its start. If this stays, the metric "
    "guidon_facts_left_out and the server's log say why.";

// In place of a decision: in what those who took part and those who were held out were found to differ.
std::string FoundOf(const stats::Report& report) {
  std::string better, worse;
  for (const stats::MetricReport& metric : report.metrics) {
    for (const stats::ComparisonOfVariant& comparison : metric.comparisons) {
      if (comparison.found.empty()) continue;
      std::string& list = comparison.found == "better" ? better : worse;
      list += (list.empty() ? comparison.found + " in " : ", ") + metric.metric;
    }
  }
  if (better.empty() && worse.empty()) {
    return "No difference has been found between those who saw the experiments and those who were held out.";
  }
  return "Those who saw the experiments are " + better + (better.empty() || worse.empty() ? "" : " and ") + worse +
         " than those who were held out.";
}

std::string DayOf(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count()).substr(0, 10);
}

}  // namespace

Reports::Reports(const Catalog& catalog, const Analysis& analysis, Store& store, ReportsOptions options)
    : catalog_(catalog), analysis_(analysis), looks_(store), options_(std::move(options)) {}

stats::Time Reports::Now() const {
  return options_.now_ms ? TimeOf(options_.now_ms()) : SystemNow();
}

Result<Reports::Ground> Reports::GroundOf(std::string_view project, std::string_view environment, std::string_view key,
                                          std::uint32_t iteration) const {
  const auto not_found = [&] {
    return Fail(ErrorCode::kNotFound, "project '" + std::string(project) + "' has no experiment '" + std::string(key) +
                                          "' in environment '" + std::string(environment) + "'");
  };
  Ground ground;
  ground.view = catalog_.View();
  ground.project = ground.view->FindProject(project);
  const ExperimentRecord* record =
      ground.project == nullptr ? nullptr : ground.project->definitions.entities.FindExperiment(key);
  if (record == nullptr) return not_found();
  ground.now = Now();
  Result<std::shared_ptr<const stats::ExperimentFacts>> facts = analysis_.Facts(project, environment, key, iteration);
  if (!facts && facts.error().code != ErrorCode::kNotFound) return Fail(facts.error());
  const auto is_of_earlier = [&](const stats::ExperimentPlan& plan) {
    const ExperimentIteration* its = FindIteration(record->state, plan.iteration);
    return its != nullptr && !MayBeOf(plan, *its);
  };
  if (facts && !is_of_earlier((*facts)->plan)) {
    ground.facts = *std::move(facts);
  } else {
    ground.is_analysed = false;
    ground.facts = NoFacts(*ground.view, project, environment, key, iteration, ground.now);
    if (ground.facts == nullptr) return facts ? not_found() : Fail(facts.error());
    ground.notes.emplace_back(kNotAnalysed);
  }
  ground.quality = QualityOf(*ground.facts);
  stats::ExperimentPlan plan = ground.facts->plan;
  ground.iteration = FindIteration(record->state, plan.iteration);
  SetTimes(ground.iteration, *ground.facts->totals, plan);
  if (ground.iteration != nullptr) ground.ramp = RampOf(*ground.iteration);
  ground.of = {std::string(project), std::string(environment), std::string(key), plan.iteration,
               ground.iteration == nullptr ? 0 : ground.iteration->started_ms};
  ground.revision = ground.view->revision;
  if (plan.ended) {
    const Result<Revision> at_end = catalog_.audit().RevisionAt(*plan.ended);
    if (at_end && *at_end > 0) ground.revision = *at_end;
  }
  Experiment experiment = record->definition;
  if (ground.iteration != nullptr && ground.iteration->measured) {
    experiment = ground.iteration->measured->experiment;
  } else {
    Result<std::optional<Experiment>> kept = looks_.Kept(ground.of);
    if (!kept && kept.error().code != ErrorCode::kCorrupt) return Fail(kept.error());
    if (kept && *kept) {
      experiment = **std::move(kept);
    } else if (plan.iteration != record->state.iteration) {
      ground.notes.push_back("What iteration " + std::to_string(plan.iteration) +
                             " was planned with is not known any more: goals and owner are those of the present "
                             "definition.");
    }
  }
  if (experiment.environment != environment) return not_found();
  ground.design = DesignOf(ground.of.project, experiment, std::move(plan));
  return ground;
}

Result<stats::Report> Reports::Of(std::string_view project, std::string_view environment, std::string_view key,
                                  std::uint32_t iteration) const {
  if (key.starts_with(kHoldoutExperiment) && iteration <= 1) {
    return OfHoldout(std::string(project), std::string(environment), key.substr(kHoldoutExperiment.size()));
  }
  Result<Ground> ground = GroundOf(project, environment, key, iteration);
  if (!ground) return Fail(ground.error());
  const Result<Published> published = looks_.Read(ground->of, ground->design);
  if (!published) return Fail(published.error());
  ground->quality.changes = ChangesOf(*ground);
  stats::Report report =
      stats::Judge(published->design, ground->Facts(), published->looks, ground->now, ground->revision);
  const bool has_final = !published->looks.empty() && published->looks.back().is_final;
  if (!published->unread.empty() && report.progress.at_end && !has_final) {
    report.next = report.would_change =
        "No look is taken while one that is stored cannot be read: go by the numbers, or run a new iteration.";
  }
  NoteMethod(*published, ground->notes);
  ground->notes.insert(ground->notes.end(), published->unread.begin(), published->unread.end());
  report.notes.insert(report.notes.end(), ground->notes.begin(), ground->notes.end());
  return report;
}

Result<stats::Report> Reports::OfHoldout(const std::string& project, const std::string& environment,
                                         std::string_view name) const {
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ProjectView* found = view->FindProject(project);
  const HoldoutRecord* record = found == nullptr ? nullptr : found->definitions.entities.FindHoldout(name);
  if (record == nullptr) {
    return Fail(ErrorCode::kNotFound, "project '" + project + "' has no holdout '" + std::string(name) + "'");
  }
  const std::string key = std::string(kHoldoutExperiment) + std::string(name);
  const stats::Time now = Now();
  std::vector<std::string> notes;
  if (record->definition.archived) notes.emplace_back("The holdout has ended: nobody is held out any more.");
  const Result<std::shared_ptr<const stats::ExperimentFacts>> known = analysis_.Facts(project, environment, key, 1);
  if (!known && known.error().code != ErrorCode::kNotFound) return Fail(known.error());
  std::shared_ptr<const stats::ExperimentFacts> facts = known ? *known : nullptr;
  if (facts == nullptr) {
    facts = NoFacts(*view, project, environment, key, 1, now);
    if (facts == nullptr) {
      return Fail(ErrorCode::kNotFound, "no experiment with holdout '" + std::string(name) +
                                            "' has been started in environment '" + environment + "' of project '" +
                                            project + "'");
    }
    notes.emplace_back(kNotAnalysed);
  }
  stats::ExperimentPlan plan = facts->plan;
  SetTimes(nullptr, *facts->totals, plan);
  if (plan.started == stats::Time{}) plan.started = now;  // nobody was exposed
  stats::Report report = stats::Judge(DesignOf(project, environment, record->definition, std::move(plan)),
                                      {facts->totals.get(), QualityOf(*facts), facts->caps}, {}, now, view->revision);
  if (report.progress.units > 0 && !report.HasRedGate()) {
    report.verdict = FoundOf(report);
    report.next = "A holdout decides nothing. Archive it when its time is over: then everybody takes part.";
    report.would_change = "Nothing: a holdout decides nothing.";
  }
  report.notes.insert(report.notes.end(), notes.begin(), notes.end());
  return report;
}

Result<std::vector<stats::Alarm>> Reports::AlarmsOf(std::string_view project, std::string_view environment,
                                                    std::string_view key, std::uint32_t iteration) const {
  Result<Ground> ground = GroundOf(project, environment, key, iteration);
  if (!ground) return Fail(ground.error());
  if (!ground->is_analysed) return Fail(ErrorCode::kNotFound, "it is not in the facts yet");
  return stats::AlarmsOf(ground->design, ground->Facts(), ground->now);
}

std::vector<std::string> Reports::ChangesOf(const Ground& ground) const {
  std::vector<std::string> changes;
  if (ground.iteration == nullptr || !ground.iteration->measured) return changes;
  const MeasuredPlan& measured = *ground.iteration->measured;
  const bool is_over = ground.iteration->ended_ms.has_value();
  // As it stands, or stood at the end; nothing where that is no longer kept.
  const auto find = [&](const EntityRef& ref) -> std::optional<EntityVersion> {
    if (is_over) {
      Result<EntityVersion> then = catalog_.EntityAt(ground.of.project, ref, ground.revision);
      return then ? std::optional(*std::move(then)) : std::nullopt;
    }
    std::optional<EntityRecord> now = ground.project->definitions.entities.Find(ref);
    if (!now) return std::nullopt;
    return EntityVersion{*std::move(now), ground.project->revisions.at(ref)};
  };
  const std::string rest =
      std::string("; this iteration is ") + (is_over ? "" : "still ") + "measured as it was at its start.";
  for (const Metric& metric : measured.metrics) {
    const std::optional<EntityVersion> found = find({EntityKind::kMetric, metric.key});
    if (!found) continue;
    // How it is described is no matter, and not kept.
    Metric then = metric, now = std::get<MetricRecord>(found->record).definition;
    then.description.clear();
    now.description.clear();
    if (now == then) continue;
    const Result<AuditEntry> entry = catalog_.audit().Find(found->revision);
    changes.push_back("Metric '" + metric.key + "' was edited" + (entry ? " on " + DayOf(entry->time) : "") + rest);
  }
  if (const std::optional<EntityVersion> found = find({EntityKind::kExperiment, ground.of.experiment})) {
    const Experiment& then = std::get<ExperimentRecord>(found->record).definition;
    const Experiment& start = measured.experiment;
    // Its record changes with every step of its ramp: the revision says nothing of when that was.
    if (then.secondary != start.secondary) changes.push_back("The list of secondary metrics was edited" + rest);
    if (then.guardrails != start.guardrails) changes.push_back("The guardrails were edited" + rest);
  }
  return changes;
}

Status Reports::TakeDueLook(const std::string& project, const ExperimentRecord& record,
                            const ExperimentIteration& iteration) {
  const std::string environment =
      iteration.measured ? iteration.measured->experiment.environment : record.definition.environment;
  const std::string& key = record.definition.key;
  const std::string name = project + "/" + environment + "/" + key + "/" + std::to_string(iteration.number) + "/" +
                           std::to_string(iteration.started_ms);
  if (done_.contains(name)) return {};
  const Result<Ground> ground = GroundOf(project, environment, key, iteration.number);
  if (!ground) return ground.error().code == ErrorCode::kNotFound ? Status() : Fail(ground.error());
  if (!ground->is_analysed) return {};
  if (iteration.measured) {
    if (Status kept = looks_.Keep(ground->of, iteration.measured->experiment); !kept) return kept;
  }
  const Result<Published> published = looks_.TakeDue(ground->of, ground->design, ground->Facts(), ground->now);
  if (!published) return Fail(published.error());
  const std::optional<stats::Time> until = OpenUntil(ground->design.plan);
  const bool has_final = !published->looks.empty() && published->looks.back().is_final;
  // Of one that is closed, once it was looked at with everything that it will ever have.
  const bool is_closed = until && ground->now >= *until && ground->quality.folded_to >= until;
  if (has_final || (is_closed && !ground->quality.rebuilding)) done_.insert(name);
  return {};
}

Status Reports::TakeDueLooks(const std::function<bool()>& stop, LooksOf which) {
  Status all;
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  for (const auto& [project, project_view] : view->projects) {
    for (const ExperimentRecord& record : project_view->definitions.entities.experiments) {
      for (const ExperimentIteration& iteration : record.state.iterations) {
        if (stop()) return all;
        if (which == LooksOf::kOver && !iteration.ended_ms) continue;
        const Status taken = TakeDueLook(project, record, iteration);
        if (!taken && all) all = taken;
      }
    }
  }
  const stats::Time now = Now();
  if (removed_ && now >= *removed_ && now - *removed_ < std::chrono::days(1)) return all;
  const Status removed = looks_.RemoveGone([&](const std::string& project, const std::string& experiment) {
    return view->FindExperiment(project, experiment) != nullptr;
  });
  if (removed) removed_ = now;
  return !removed && all ? removed : all;
}

}  // namespace guidon
