#include "core/diff/reach.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/diff/audience.h"

namespace guidon {
namespace {

using Names = std::set<std::string>;

bool Uses(const Experiment& experiment, const EntityRef& ref) {
  const auto uses = [&](const Guardrail& guardrail) { return guardrail.use == ref.key; };
  switch (ref.kind) {
    case EntityKind::kFlag:
      return experiment.flag == ref.key;
    case EntityKind::kLayer:
      return experiment.layer && experiment.layer->layer == ref.key;
    case EntityKind::kHoldout:
      return experiment.holdout == ref.key;
    case EntityKind::kExperiment:
      return experiment.key == ref.key;
    case EntityKind::kMetric:
      return (experiment.primary && experiment.primary->use == ref.key) ||
             std::find(experiment.secondary.begin(), experiment.secondary.end(), ref.key) !=
                 experiment.secondary.end() ||
             std::any_of(experiment.guardrails.begin(), experiment.guardrails.end(), uses);
    case EntityKind::kSegment:
      return false;
  }
  return false;
}

// Of experiments that name it.
void AddOfExperiments(const EntityRef& ref, const EntitySet& entities, Names& names) {
  for (const ExperimentRecord& record : entities.experiments) {
    const Experiment& experiment = record.definition;
    const bool counts = !experiment.archived || ref.kind == EntityKind::kExperiment;
    if (counts && Uses(experiment, ref)) names.insert(experiment.environment);
  }
}

void AddOfTargeting(const FlagRecord* record, Names& names) {
  if (record == nullptr) return;
  for (const Targeting& targeting : record->definition.environments) names.insert(targeting.environment);
}

// As if it were not archived: what an archived flag says comes back with it.
std::optional<EntityRecord> PartOf(const FlagRecord* record, const std::string& environment) {
  if (record == nullptr) return std::nullopt;
  FlagRecord copy = *record;
  copy.definition.archived = false;
  return EnvironmentPart(EntityRecord(std::move(copy)), environment);
}

// One side of a change, with what is looked up in it again and again.
struct Side {
  explicit Side(const EntitySet& set) : entities(set), by_segment(EnvironmentsBySegment(set)) {
    for (const FlagRecord& flag : set.flags) flags.emplace(flag.definition.key, &flag);
  }
  const FlagRecord* FindFlag(const std::string& key) const {
    const auto held = flags.find(key);
    return held == flags.end() ? nullptr : held->second;
  }
  const EntitySet& entities;
  const std::map<std::string, Names> by_segment;
  std::unordered_map<std::string_view, const FlagRecord*> flags;
};

// What changes nobody's answer now, and will: the steps of a ramp, and that one goes on which was held at nobody. To
// hold one, and to let go on what some have already, is no change of what was decided.
bool HasOtherRamps(const FlagRecord* old, const FlagRecord* now, const std::string& environment) {
  const auto ramps_of = [&](const FlagRecord* record) {
    std::vector<std::pair<std::string, Ramp>> ramps;
    const Targeting* targeting = record == nullptr ? nullptr : record->definition.FindEnvironment(environment);
    if (targeting == nullptr) return ramps;
    for (const Rule& rule : targeting->rules) {
      if (rule.ramp) ramps.emplace_back(rule.id, *rule.ramp);
    }
    return ramps;
  };
  const auto held_at_nobody = [&](const FlagRecord* record) {
    Names held;
    if (record == nullptr) return held;
    for (const RampState& ramp : record->state.ramps) {
      if (ramp.environment == environment && ramp.paused && ramp.at == 0) held.insert(ramp.rule);
    }
    return held;
  };
  const Names before = held_at_nobody(old), after = held_at_nobody(now);
  return ramps_of(old) != ramps_of(now) || !std::includes(after.begin(), after.end(), before.begin(), before.end());
}

void AddOfFlag(const EntityRef& ref, const Side& before, const Side& after, Names& names) {
  const FlagRecord *old = before.FindFlag(ref.key), *now = after.FindFlag(ref.key);
  Names candidates;
  AddOfTargeting(old, candidates);
  AddOfTargeting(now, candidates);
  for (const Side* side : {&before, &after}) AddOfExperiments(ref, side->entities, candidates);
  const bool is_archival = old != nullptr && now != nullptr && old->definition.archived != now->definition.archived;
  for (const std::string& environment : candidates) {
    if (is_archival || PartOf(old, environment) != PartOf(now, environment) || HasOtherRamps(old, now, environment)) {
      names.insert(environment);
    }
  }
}

// What an experiment is for those whom it answers; all else is kept for people, and for its analysis.
ExperimentRecord ActingPart(const ExperimentRecord& record) {
  ExperimentRecord acting{record.definition, {}};
  acting.definition.state.reset();  // its status says what became of that
  const ExperimentState& state = record.state;
  // Over is over, decided or not, but for a holdout, which goes on.
  const bool is_over = state.status == ExperimentStatus::kConcluded && record.definition.holdout.empty();
  acting.state.status = is_over ? ExperimentStatus::kStopped : state.status;
  acting.state.scheduled_ms = state.scheduled_ms;
  if (state.status == ExperimentStatus::kStopped || is_over) return acting;
  acting.state.iteration = state.iteration;
  acting.state.salt = state.salt;
  acting.state.arms = state.arms;
  acting.state.slots = state.slots;
  acting.state.ramp_step = state.ramp_step;
  acting.state.winner = state.winner;
  return acting;
}

bool ActsOtherwise(const ExperimentRecord* old, const ExperimentRecord* now) {
  return old == nullptr || now == nullptr || ActingPart(*old) != ActingPart(*now);
}

// By what others say: where a change of a definition alters something.
std::map<EntityRef, Names> UsesIn(const Side& side) {
  std::map<EntityRef, Names> uses;
  for (const auto& [segment, names] : side.by_segment) uses[{EntityKind::kSegment, segment}] = names;
  for (const ExperimentRecord& record : side.entities.experiments) {
    const Experiment& experiment = record.definition;
    if (experiment.archived) continue;
    const auto add = [&](EntityKind kind, const std::string& key) {
      if (!key.empty()) uses[{kind, key}].insert(experiment.environment);
    };
    add(EntityKind::kFlag, experiment.flag);
    if (experiment.layer) add(EntityKind::kLayer, experiment.layer->layer);
    add(EntityKind::kHoldout, experiment.holdout);
    for (const std::string& metric : MetricsOf(experiment)) add(EntityKind::kMetric, metric);
  }
  return uses;
}

}  // namespace

std::vector<EntityRef> NewlyLeanedOn(const std::vector<EntityRef>& changed, const EntitySet& before,
                                     const EntitySet& after) {
  const Side old(before);
  const std::map<EntityRef, Names> known = UsesIn(old);
  const std::set<EntityRef> own(changed.begin(), changed.end());
  std::vector<EntityRef> leaned_on;
  for (const auto& [ref, names] : UsesIn(Side(after))) {
    if (own.contains(ref)) continue;
    const auto held = known.find(ref);
    Names reached = held == known.end() ? Names() : held->second;
    if (ref.kind == EntityKind::kFlag) AddOfTargeting(old.FindFlag(ref.key), reached);
    if (!std::includes(reached.begin(), reached.end(), names.begin(), names.end())) leaned_on.push_back(ref);
  }
  return leaned_on;
}

std::vector<std::string> EnvironmentsAltered(const std::vector<EntityRef>& changed, const EntitySet& before,
                                             const EntitySet& after) {
  const Side sides[] = {Side(before), Side(after)};
  Names names;
  for (const EntityRef& ref : changed) {
    if (ref.kind == EntityKind::kFlag) {
      AddOfFlag(ref, sides[0], sides[1], names);
      continue;
    }
    if (ref.kind == EntityKind::kExperiment &&
        !ActsOtherwise(before.FindExperiment(ref.key), after.FindExperiment(ref.key))) {
      continue;
    }
    for (const Side& side : sides) {
      AddOfExperiments(ref, side.entities, names);
      const auto used = side.by_segment.find(ref.key);
      if (ref.kind == EntityKind::kSegment && used != side.by_segment.end()) {
        names.insert(used->second.begin(), used->second.end());
      }
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace guidon
