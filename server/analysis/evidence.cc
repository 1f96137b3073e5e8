#include "server/analysis/evidence.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "core/base/json.h"
#include "core/model/units.h"
#include "server/store/system_clock.h"

namespace guidon {
namespace {

constexpr stats::Milliseconds kMostBehind = std::chrono::hours(1);
// The fold takes a plan within seconds of its being made, while it does not stand still.
constexpr std::int64_t kKnownAfterMs = 600'000;

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

// And not of an earlier experiment of that name, which was deleted, as for a moment after a start.
bool IsOf(const stats::ExperimentPlan& plan, const ExperimentIteration& iteration) {
  return plan.started == stats::Time{} || plan.started == stats::Time(stats::Milliseconds(iteration.started_ms));
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
  // No guardrail waits for a silence, which is only ever told.
  if (Status looked = FindSilence(of, evidence); !looked && evidence.empty()) return Fail(looked.error());
  return evidence;
}

Status EvidenceFinder::IsCounted(const RunningExperiment& of) const {
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ExperimentRecord* record = view->FindExperiment(of.project, of.experiment);
  const ExperimentIteration* iteration = record == nullptr ? nullptr : record->state.CurrentIteration();
  if (iteration == nullptr || iteration->number != of.iteration) return {};
  const std::int64_t now_ms = NowMs();
  const auto facts = analysis_.Facts(of.project, of.environment, of.experiment, of.iteration);
  if (!facts && facts.error().code != ErrorCode::kNotFound) return Fail(facts.error());
  const bool is_known = facts && IsOf((*facts)->plan, *iteration);
  if (!is_known) {
    const Experiment& authored = record->definition;
    const bool acts = !authored.guardrails.empty() || authored.stop.sample_ratio_mismatch;
    if (!acts || now_ms - iteration->started_ms < kKnownAfterMs) return {};
    return Fail(ErrorCode::kUnavailable, "iteration " + std::to_string(of.iteration) + ", which was started " +
                                             FormatTimestamp(iteration->started_ms) +
                                             ", is not analysed; see guidon_facts_left_out");
  }
  if ((*facts)->rebuilding) {
    return Fail(ErrorCode::kUnavailable, "what is measured has changed, and its events are being counted again");
  }
  const std::optional<stats::Time>& counted = (*facts)->watermark;
  if (!counted) return Fail(ErrorCode::kUnavailable, "it is not known yet up to when events are counted");
  if (stats::Time(stats::Milliseconds(now_ms)) - *counted > kMostBehind) {
    return Fail(ErrorCode::kUnavailable, "events are counted up to " +
                                             FormatTimestamp(counted->time_since_epoch().count()) +
                                             " only, which is more than an hour ago");
  }
  return {};
}

std::int64_t EvidenceFinder::NowMs() const {
  return now_ms_ ? now_ms_() : SystemNow().time_since_epoch().count();
}

Status EvidenceFinder::FindSilence(const RunningExperiment& of, std::vector<Evidence>& evidence) {
  const std::shared_ptr<const CatalogView> view = catalog_.View();
  const ExperimentRecord* record = view->FindExperiment(of.project, of.experiment);
  if (record == nullptr || record->state.iteration != of.iteration) return {};
  const auto bound = record->definition.stop.no_traffic_after;
  if (!bound) return {};
  const auto facts = analysis_.Facts(of.project, of.environment, of.experiment, of.iteration);
  if (!facts && facts.error().code == ErrorCode::kNotFound) return {};
  if (!facts) return Fail(facts.error());
  // Counted again, the units that there were look like new ones.
  if ((*facts)->rebuilding) return {};

  TrafficSeen seen;
  seen.units = analysis_.ExposedUnits(of.project, of.environment, of.experiment, of.iteration);
  seen.begin_ms = BeginOf(record->state);
  seen.is_open = IsEnabled(*view->FindProject(of.project), record->definition);
  seen.now_ms = NowMs();
  const std::optional<stats::Time>& counted = (*facts)->watermark;
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
