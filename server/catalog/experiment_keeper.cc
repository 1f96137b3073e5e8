#include "server/catalog/experiment_keeper.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/model/units.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

constexpr std::size_t kMaxSentenceBytes = 1'024;

using Name = std::pair<std::string, std::string>;  // project and experiment

Timestamp AtMs(std::int64_t ms) {
  return Timestamp(std::chrono::milliseconds(ms));
}

Name NameOf(const RunningExperiment& experiment) {
  return {experiment.project, experiment.experiment};
}

RunningExperiment PlaceOf(const std::string& project, const ProjectView& view, const ExperimentRecord& record) {
  const std::string& key = record.definition.key;
  return {project, record.definition.environment, key, record.state.iteration,
          view.revisions.at({EntityKind::kExperiment, key})};
}

ExperimentRequest RequestFor(const RunningExperiment& of) {
  ExperimentRequest request;
  request.project = of.project;
  request.experiment = of.experiment;
  request.condition.if_match = of.revision;
  request.author.principal = "system:experiment";
  return request;
}

// What comes of one thing that was tried, for the passes below.
enum class Outcome : std::uint8_t { kDone, kRefused, kFailed, kOvertaken };

Outcome Try(Catalog& catalog, const std::shared_ptr<const CatalogView>& seen, const ExperimentRequest& request,
            const ExperimentDeed& deed, const ExperimentReport& report) {
  const Result<Committed> committed = catalog.MoveExperiment(request);
  // Somebody was faster: it is looked at as it is now.
  if (!committed && committed.error().code == ErrorCode::kStale && catalog.View() != seen) return Outcome::kOvertaken;
  if (report) report(deed, committed);
  if (committed) return Outcome::kDone;
  return IsItsOwn(committed.error()) ? Outcome::kRefused : Outcome::kFailed;
}

bool HasItsUnits(const ExperimentStepAhead& step, const UnitCounter& count_units) {
  if (step.min_units == 0) return true;
  const std::optional<std::uint64_t> units = count_units ? count_units(step.of) : std::nullopt;
  return units && *units >= step.min_units;
}

ExperimentRequest RequestFor(const ExperimentStepAhead& step, const ExperimentRecord& record, ExperimentDeed& deed) {
  ExperimentRequest request = RequestFor(step.of);
  if (step.is_start) {
    request.order =
        ExperimentOrder{.move = ExperimentMove::kStart, .keeps_assignments = record.state.keeps_assignments};
    request.author.comment = "scheduled for " + FormatTimestamp(step.due.time_since_epoch().count());
    deed.what = "start";
  } else {
    request.ramp = RampMove::kStep;
    const std::string shares = FormatPercent(step.from) + " to " + FormatPercent(step.to);
    request.author.comment = "ramp: " + shares;
    deed.what = "step " + shares;
  }
  return request;
}

// At most kMaxSentenceBytes, and whole characters.
std::string Bounded(std::string text) {
  if (text.size() <= kMaxSentenceBytes) return text;
  std::size_t size = kMaxSentenceBytes - 3;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  text.resize(size);
  return text + "…";
}

ExperimentFinding FindingOf(const RunningExperiment& of, const Evidence& evidence, BreachAction action, Timestamp now) {
  return {.iteration = of.iteration,
          .kind = std::string(ToString(evidence.kind)),
          .metric = evidence.metric,
          .variant = evidence.variant,
          .occasion = evidence.occasion,
          .action = action,
          .at_ms = now.time_since_epoch().count(),
          .sentence = Bounded(evidence.sentence),
          .numbers = evidence.numbers};
}

// What is to be done about it, as a finding; nothing: nothing was authored, or it has been done.
std::optional<ExperimentFinding> NewFinding(const ExperimentRecord& record, const RunningExperiment& of,
                                            const Evidence& evidence, Timestamp now) {
  const std::optional<BreachAction> action = ActionFor(record.definition, evidence);
  if (!action) return std::nullopt;
  ExperimentFinding finding = FindingOf(of, evidence, *action, now);
  FindingNews news = NewsOf(record.state, finding);
  if (news == FindingNews::kNoRoom) {
    finding = {.iteration = of.iteration,
               .kind = std::string(kMoreFound),
               .at_ms = finding.at_ms,
               .sentence = "more speaks against it than is kept with an experiment, " +
                           std::to_string(kMaxFindingsKept) + " findings; further alerts are not told one by one"};
    news = NewsOf(record.state, finding);
  }
  return news == FindingNews::kNew ? std::optional(std::move(finding)) : std::nullopt;
}

ExperimentRequest RequestFor(const RunningExperiment& of, ExperimentFinding finding, ExperimentDeed& deed) {
  ExperimentRequest request = RequestFor(of);
  if (finding.action == BreachAction::kPause) request.order = ExperimentOrder{.move = ExperimentMove::kPause};
  if (finding.action == BreachAction::kRollback) request.order = ExperimentOrder{.move = ExperimentMove::kRollback};
  request.author.comment = finding.sentence;
  deed.what = std::string(ToString(finding.action)) + " for " + finding.kind +
              (finding.metric.empty() ? "" : " of " + finding.metric);
  request.finding = std::move(finding);
  return request;
}

// Something is wrong with what is counted, and nobody would know of harm; or it may have to be paused or rolled back,
// or nobody can tell.
std::optional<RampHold> HoldOf(const ExperimentRecord& record, const RunningExperiment& of,
                               const ExperimentKeeperOptions& options, Timestamp now) {
  using Reason = RampHold::Reason;
  const Result<std::vector<Evidence>> found = options.find ? options.find(of) : std::vector<Evidence>();
  if (!found) return RampHold{Reason::kEvidenceUnread, Bounded(found.error().message)};
  for (const Evidence& evidence : *found) {
    if (evidence.kind != Evidence::Kind::kSampleRatioMismatch) continue;
    return RampHold{Reason::kSampleRatioMismatch, Bounded(evidence.sentence)};
  }
  const Status counted = options.is_counted ? options.is_counted(of) : Status();
  if (!counted) return RampHold{Reason::kNotCounted, Bounded(counted.error().message)};
  for (const Evidence& evidence : *found) {
    const std::optional<ExperimentFinding> finding = NewFinding(record, of, evidence, now);
    if (finding && finding->action != BreachAction::kAlert) return RampHold{Reason::kActionPending, finding->sentence};
  }
  return std::nullopt;
}

}  // namespace

std::string_view ToString(Evidence::Kind kind) {
  constexpr std::string_view kWords[] = {"guardrail_breached", "sample_ratio_mismatch", "no_traffic"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::optional<BreachAction> ActionFor(const Experiment& experiment, const Evidence& evidence) {
  switch (evidence.kind) {
    case Evidence::Kind::kGuardrailBreached:
      for (const Guardrail& guardrail : experiment.guardrails) {
        if (guardrail.use == evidence.metric) return guardrail.on_breach;
      }
      return std::nullopt;
    case Evidence::Kind::kSampleRatioMismatch:
      return experiment.stop.sample_ratio_mismatch;
    case Evidence::Kind::kNoTraffic:  // to pause what nobody is in would help nobody
      return experiment.stop.no_traffic_after ? std::optional(BreachAction::kAlert) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<RunningExperiment> RunningExperiments(const CatalogView& view) {
  std::vector<RunningExperiment> running;
  for (const auto& [key, project] : view.projects) {
    for (const ExperimentRecord& record : project->definitions.entities.experiments) {
      if (record.state.status == ExperimentStatus::kRunning) running.push_back(PlaceOf(key, *project, record));
    }
  }
  return running;
}

std::vector<ExperimentStepAhead> ExperimentStepsAhead(const CatalogView& view) {
  std::vector<ExperimentStepAhead> ahead;
  for (const auto& [key, project] : view.projects) {
    for (const ExperimentRecord& record : project->definitions.entities.experiments) {
      const ExperimentState& state = record.state;
      if (record.definition.archived) continue;
      if (state.status == ExperimentStatus::kScheduled && state.scheduled_ms) {
        ahead.push_back({PlaceOf(key, *project, record), true, 0, 0, 0, AtMs(*state.scheduled_ms)});
      } else if (const auto due = NextStepDue(record.definition, state)) {
        ahead.push_back({PlaceOf(key, *project, record), false, ShareOf(record.definition, state),
                         NextStep(record.definition, state)->at, UnitsForNextStep(record.definition, state),
                         AtMs(*due)});
      }
    }
  }
  std::stable_sort(ahead.begin(), ahead.end(),
                   [](const ExperimentStepAhead& a, const ExperimentStepAhead& b) { return a.due < b.due; });
  return ahead;
}

bool TakeDueExperimentSteps(Catalog& catalog, Timestamp now, const ExperimentKeeperOptions& options,
                            const std::function<bool()>& stop) {
  std::set<Name> tried;
  bool is_good = true;
  while (!stop()) {
    const auto view = catalog.View();
    const std::vector<ExperimentStepAhead> ahead = ExperimentStepsAhead(*view);
    const auto step = std::find_if(ahead.begin(), ahead.end(), [&](const ExperimentStepAhead& one) {
      return one.due <= now && !tried.contains(NameOf(one.of));
    });
    if (step == ahead.end()) return is_good;
    const ExperimentRecord& record = *view->FindExperiment(step->of.project, step->of.experiment);
    const bool has_units = HasItsUnits(*step, options.count_units);
    const std::optional<RampHold> hold =
        step->is_start || !has_units ? std::nullopt : HoldOf(record, step->of, options, now);
    if (!step->is_start && options.report_held) options.report_held(step->of, hold);
    if (!has_units || hold) {
      tried.insert(NameOf(step->of));
      is_good = is_good && !hold;
      continue;
    }
    ExperimentDeed deed{step->of, ""};
    const ExperimentRequest request = RequestFor(*step, record, deed);
    const Outcome outcome = Try(catalog, view, request, deed, options.report);
    if (outcome == Outcome::kOvertaken) continue;
    tried.insert(NameOf(step->of));
    is_good &= outcome == Outcome::kDone;
    if (outcome == Outcome::kFailed) return false;
  }
  return is_good;
}

bool ActOnEvidence(Catalog& catalog, Timestamp now, const ExperimentKeeperOptions& options,
                   const std::function<bool()>& stop) {
  if (!options.find) return true;
  bool is_good = true;
  for (const RunningExperiment& listed : RunningExperiments(*catalog.View())) {
    if (stop()) break;
    const Result<std::vector<Evidence>> found = options.find(listed);
    if (!found) {
      is_good = false;
      continue;
    }
    for (auto evidence = found->begin(); evidence != found->end() && !stop();) {
      // As it is now: what was done for the one before may have ended it.
      const auto view = catalog.View();
      const ExperimentRecord* record = view->FindExperiment(listed.project, listed.experiment);
      if (record == nullptr || record->state.status != ExperimentStatus::kRunning ||
          record->state.iteration != listed.iteration) {
        break;
      }
      const RunningExperiment of = PlaceOf(listed.project, *view->FindProject(listed.project), *record);
      std::optional<ExperimentFinding> finding = NewFinding(*record, of, *evidence, now);
      if (!finding) {
        ++evidence;
        continue;
      }
      ExperimentDeed deed{of, ""};
      const ExperimentRequest request = RequestFor(of, *std::move(finding), deed);
      const Outcome outcome = Try(catalog, view, request, deed, options.report);
      if (outcome == Outcome::kOvertaken) continue;
      is_good &= outcome == Outcome::kDone;
      if (outcome == Outcome::kFailed) return false;
      ++evidence;
    }
  }
  return is_good;
}

namespace {

// When it has to look next: every `look`, and when something comes due. What was due at the last look, and waits for
// units or was refused, is looked at with the rest.
Timestamp NextLook(const CatalogView& view, Timestamp looked, std::chrono::milliseconds look) {
  Timestamp next = looked + look;
  for (const ExperimentStepAhead& step : ExperimentStepsAhead(view)) {
    if (step.due > looked) next = std::min(next, step.due);
  }
  return next;
}

}  // namespace

ExperimentKeeper::ExperimentKeeper(Catalog& catalog, ExperimentKeeperOptions options)
    : catalog_(catalog),
      options_(Noting(std::move(options))),
      thread_([this](const auto& stop) { return Pass(stop); }) {}

ExperimentKeeperOptions ExperimentKeeper::Noting(ExperimentKeeperOptions options) {
  if (options.find) {
    options.find = [this, find = std::move(options.find)](const RunningExperiment& of) {
      Result<std::vector<Evidence>> found = find(of);
      NoteRead(of, found ? Status() : Fail(found.error()));
      return found;
    };
  }
  if (options.held == nullptr) options.held = &own_held_;
  options.report_held = [this, report = std::move(options.report_held)](const RunningExperiment& of,
                                                                        const std::optional<RampHold>& hold) {
    if (options_.held->Note(of, hold, Now()) && report) report(of, hold);
  };
  return options;
}

Timestamp ExperimentKeeper::Now() const {
  return options_.clock ? options_.clock() : SystemNow();
}

void ExperimentKeeper::NoteRead(const RunningExperiment& of, const Status& read) {
  const auto known = std::find_if(unread_.begin(), unread_.end(),
                                  [&](const RunningExperiment& one) { return NameOf(one) == NameOf(of); });
  const bool was_read = known == unread_.end();
  if (read.has_value() == was_read) return;
  if (was_read) {
    unread_.push_back(of);
  } else {
    unread_.erase(known);
  }
  if (options_.report_evidence) options_.report_evidence(of, read);
}

void ExperimentKeeper::ForgetUnread() {
  const auto view = catalog_.View();
  for (const RunningExperiment& of : std::vector<RunningExperiment>(unread_)) {
    const ExperimentRecord* record = view->FindExperiment(of.project, of.experiment);
    if (record == nullptr || record->state.status != ExperimentStatus::kRunning) NoteRead(of, {});
  }
}

void ExperimentKeeper::ForgetHeld(Timestamp now) {
  const std::vector<ExperimentStepAhead> ahead = ExperimentStepsAhead(*catalog_.View());
  for (const HeldRamp& ramp : options_.held->List()) {
    const bool is_due = std::any_of(ahead.begin(), ahead.end(), [&](const ExperimentStepAhead& step) {
      return !step.is_start && step.due <= now && step.of.project == ramp.project &&
             step.of.experiment == ramp.experiment && step.of.iteration == ramp.iteration;
    });
    if (is_due) continue;
    options_.report_held({ramp.project, ramp.environment, ramp.experiment, ramp.iteration, 0}, std::nullopt);
  }
}

std::chrono::milliseconds ExperimentKeeper::Pass(const std::function<bool()>& stop) {
  const Timestamp now = Now();
  const auto next_look = [&] {
    return NextLook(*catalog_.View(), *looked_, was_good_ ? options_.look : options_.retry);
  };
  // Also after the clock was set back.
  if (!looked_ || now < *looked_ || now >= next_look()) {
    // Evidence first: what is to be paused must not take a step before.
    was_good_ = ActOnEvidence(catalog_, now, options_, stop);
    was_good_ &= TakeDueExperimentSteps(catalog_, now, options_, stop);
    ForgetUnread();
    ForgetHeld(now);
    looked_ = now;
  }
  return std::clamp<std::chrono::milliseconds>(next_look() - now, kBetweenPasses, kMostSleep);
}

}  // namespace guidon
