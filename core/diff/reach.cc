#include "core/diff/reach.h"

#include <algorithm>
#include <set>
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
    if (!experiment.archived && Uses(experiment, ref)) names.insert(experiment.environment);
  }
}

void AddOfTargeting(const FlagRecord* record, Names& names) {
  if (record == nullptr || record->definition.archived) return;
  for (const Targeting& targeting : record->definition.environments) names.insert(targeting.environment);
}

std::optional<EntityRecord> PartOf(const FlagRecord* record, const std::string& environment) {
  return record == nullptr ? std::nullopt : EnvironmentPart(EntityRecord(*record), environment);
}

void AddOfFlag(const EntityRef& ref, const EntitySet& before, const EntitySet& after, Names& names) {
  const FlagRecord *old = before.FindFlag(ref.key), *now = after.FindFlag(ref.key);
  Names candidates;
  AddOfTargeting(old, candidates);
  AddOfTargeting(now, candidates);
  for (const EntitySet* entities : {&before, &after}) AddOfExperiments(ref, *entities, candidates);
  for (const std::string& environment : candidates) {
    if (PartOf(old, environment) != PartOf(now, environment)) names.insert(environment);
  }
}

}  // namespace

std::vector<std::string> EnvironmentsAltered(const std::vector<EntityRef>& changed, const EntitySet& before,
                                             const EntitySet& after) {
  Names names;
  for (const EntityRef& ref : changed) {
    if (ref.kind == EntityKind::kFlag) {
      AddOfFlag(ref, before, after, names);
      continue;
    }
    for (const EntitySet* entities : {&before, &after}) {
      AddOfExperiments(ref, *entities, names);
      if (ref.kind != EntityKind::kSegment) continue;
      for (std::string& name : EnvironmentsUsing(ref.key, *entities)) names.insert(std::move(name));
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace guidon
