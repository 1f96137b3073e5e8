#include "server/analysis/evidence.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "core/base/json.h"
#include "core/model/units.h"

namespace guidon {
namespace {

Evidence::Kind KindOf(stats::Alarm::Kind kind) {
  switch (kind) {
    case stats::Alarm::Kind::kGuardrail:
      return Evidence::Kind::kGuardrailBreached;
    case stats::Alarm::Kind::kSampleRatio:
      return Evidence::Kind::kSampleRatioMismatch;
    case stats::Alarm::Kind::kNoTraffic:
      break;
  }
  return Evidence::Kind::kNoTraffic;
}

bool IsEnabled(const ProjectView& project, const Experiment& experiment) {
  const FlagRecord* flag = project.definitions.entities.FindFlag(experiment.flag);
  const Targeting* targeting =
      flag == nullptr || flag->definition.archived ? nullptr : flag->definition.FindEnvironment(experiment.environment);
  return targeting != nullptr && targeting->enabled;
}

std::int64_t BeginOf(const ExperimentState& state) {
  const ExperimentIteration* iteration = state.CurrentIteration();
  if (iteration == nullptr) return 0;
  const bool was_paused = !iteration->pauses.empty() && iteration->pauses.back().to_ms;
  return was_paused ? std::max(iteration->started_ms, *iteration->pauses.back().to_ms) : iteration->started_ms;
}

}  // namespace

Evidence EvidenceOf(const stats::Alarm& alarm) {
  Evidence one;
  one.kind = KindOf(alarm.kind);
  one.metric = alarm.metric;
  one.variant = alarm.variant;
  one.numbers = alarm.numbers;
  one.sentence = Shortened(alarm.sentence, 1'000);
  return one;
}

Result<std::vector<Evidence>> EvidenceFinder::Find(const RunningExperiment& of) {
  std::vector<Evidence> evidence;
  const Result<std::vector<stats::Alarm>> alarms =
      reports_.AlarmsOf(of.project, of.environment, of.experiment, of.iteration);
  if (!alarms && alarms.error().code != ErrorCode::kNotFound) return Fail(alarms.error());
  if (alarms) {
    for (const stats::Alarm& alarm : *alarms) evidence.push_back(EvidenceOf(alarm));
  }
  if (Status looked = FindSilence(of, evidence); !looked) return Fail(looked.error());
  return evidence;
}

Status EvidenceFinder::FindSilence(const RunningExperiment& of, std::vector<Evidence>& evidence) {
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ProjectView* project = view->FindProject(of.project);
  const ExperimentRecord* record =
      project == nullptr ? nullptr : project->definitions.entities.FindExperiment(of.experiment);
  if (record == nullptr || record->state.iteration != of.iteration) return {};
  const auto bound = record->definition.stop.no_traffic_after;
  if (!bound) return {};
  const auto facts = analysis_.Facts(of.project, of.environment, of.experiment, of.iteration);
  if (!facts && facts.error().code == ErrorCode::kNotFound) return {};
  if (!facts) return Fail(facts.error());

  TrafficSeen seen;
  seen.units = analysis_.ExposedUnits(of.project, of.environment, of.experiment, of.iteration);
  seen.begin_ms = BeginOf(record->state);
  seen.is_open = IsEnabled(*project, record->definition);
  seen.now_ms =
      now_ms_
          ? now_ms_()
          : std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
                .count();
  const std::optional<stats::Time> counted = (*facts)->rebuilding ? std::nullopt : (*facts)->watermark;
  seen.known_ms = counted ? std::min(seen.now_ms, std::int64_t{counted->time_since_epoch().count()}) : 0;
  const Result<Silence> silence =
      silences_.Look({of.project, of.environment, of.experiment, of.iteration}, seen, *bound);
  if (!silence) return Fail(silence.error());
  if (silence->lasts < *bound) return {};
  Evidence one;
  one.kind = Evidence::Kind::kNoTraffic;
  one.occasion = FormatTimestamp(silence->since_ms);
  one.numbers = Object{{"units", Value(seen.units)}, {"since", Value(one.occasion)}};
  one.sentence =
      "No new unit has entered it since " + one.occasion + ", which is more than " + FormatDuration(*bound) + ".";
  evidence.push_back(std::move(one));
  return {};
}

}  // namespace guidon
