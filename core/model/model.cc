#include <algorithm>
#include <array>
#include <utility>

#include "core/model/definitions.h"

namespace guidon {
namespace {

template <typename List, typename KeyOf>
auto* FindBy(List& list, std::string_view key, KeyOf key_of) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const auto& item) { return key_of(item) == key; });
  return it == list.end() ? nullptr : &*it;
}

constexpr auto kDefinitionKey = [](const auto& record) -> const std::string& { return record.definition.key; };

template <typename List>
auto* FindRecord(List& list, std::string_view key) {
  return FindBy(list, key, kDefinitionKey);
}

template <typename RecordType>
void UpsertInto(std::vector<RecordType>& list, RecordType record) {
  if (RecordType* held = FindRecord(list, record.definition.key)) {
    *held = std::move(record);
  } else {
    list.push_back(std::move(record));
  }
}

// Calls `use` with the list of that kind.
template <typename Set, typename Use>
auto WithList(Set& set, EntityKind kind, Use use) {
  switch (kind) {
    case EntityKind::kFlag:
      return use(set.flags);
    case EntityKind::kSegment:
      return use(set.segments);
    case EntityKind::kLayer:
      return use(set.layers);
    case EntityKind::kHoldout:
      return use(set.holdouts);
    case EntityKind::kExperiment:
      return use(set.experiments);
    case EntityKind::kMetric:
      break;
  }
  return use(set.metrics);
}

constexpr std::array<std::string_view, kOperatorCount> kOperatorWords = {
    "in",     "not_in", "starts_with", "ends_with", "contains",   "matches",   "lt",         "lte",    "gt",     "gte",
    "before", "after",  "semver_eq",   "semver_lt", "semver_lte", "semver_gt", "semver_gte", "exists", "in_cidr"};

}  // namespace

std::string_view ToString(Operator op) {
  return kOperatorWords[static_cast<std::size_t>(op)];
}

std::optional<Operator> OperatorFromString(std::string_view word) {
  const auto it = std::find(kOperatorWords.begin(), kOperatorWords.end(), word);
  if (it == kOperatorWords.end()) return std::nullopt;
  return static_cast<Operator>(it - kOperatorWords.begin());
}

std::string_view ToString(FlagType type) {
  constexpr std::string_view kWords[] = {"boolean", "string", "number", "json"};
  return kWords[static_cast<std::size_t>(type)];
}

std::string_view ToString(FlagKind kind) {
  constexpr std::string_view kWords[] = {"release", "experiment", "kill_switch", "permission"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string_view ToString(MetricType type) {
  constexpr std::string_view kWords[] = {"conversion", "count",    "sum",       "mean",
                                         "ratio",      "quantile", "retention", "funnel"};
  return kWords[static_cast<std::size_t>(type)];
}

std::string_view ToString(Direction direction) {
  return direction == Direction::kUp ? "up" : "down";
}

std::string_view ToString(ExperimentStatus status) {
  constexpr std::string_view kWords[] = {"draft", "scheduled", "running", "paused", "stopped", "concluded"};
  return kWords[static_cast<std::size_t>(status)];
}

std::string_view ToString(BreachAction action) {
  constexpr std::string_view kWords[] = {"alert", "pause", "rollback"};
  return kWords[static_cast<std::size_t>(action)];
}

std::string_view ToString(PlanMethod method) {
  constexpr std::string_view kWords[] = {"group_sequential", "sequential", "fixed"};
  return kWords[static_cast<std::size_t>(method)];
}

std::string_view ToString(EntityKind kind) {
  constexpr std::string_view kWords[] = {"flag", "segment", "layer", "holdout", "experiment", "metric"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::optional<EntityKind> EntityKindFromString(std::string_view word) {
  for (EntityKind kind : kEntityKinds) {
    if (ToString(kind) == word) return kind;
  }
  return std::nullopt;
}

const ExperimentIteration* ExperimentState::CurrentIteration() const {
  const bool is_known = !iterations.empty() && iterations.back().number == iteration;
  return is_known ? &iterations.back() : nullptr;
}

ExperimentIteration* ExperimentState::CurrentIteration() {
  return const_cast<ExperimentIteration*>(std::as_const(*this).CurrentIteration());
}

std::vector<std::string> MetricsOf(const Experiment& experiment) {
  std::vector<std::string> keys;
  if (experiment.primary) keys.push_back(experiment.primary->use);
  keys.insert(keys.end(), experiment.secondary.begin(), experiment.secondary.end());
  for (const Guardrail& guardrail : experiment.guardrails) keys.push_back(guardrail.use);
  return keys;
}

const Targeting* FlagDefinition::FindEnvironment(std::string_view name) const {
  return FindBy(environments, name, [](const Targeting& t) -> const std::string& { return t.environment; });
}

const Variation* FlagDefinition::FindVariation(std::string_view name) const {
  return FindBy(variations, name, [](const Variation& v) -> const std::string& { return v.name; });
}

const TargetingState* FlagState::FindEnvironment(std::string_view name) const {
  return FindBy(environments, name, [](const TargetingState& t) -> const std::string& { return t.environment; });
}

const RampState* FlagState::FindRamp(std::string_view environment, std::string_view rule) const {
  const auto it = std::find_if(ramps.begin(), ramps.end(), [&](const RampState& ramp) {
    return ramp.environment == environment && ramp.rule == rule;
  });
  return it == ramps.end() ? nullptr : &*it;
}

std::optional<std::uint32_t> RolloutOf(const Rule& rule, const FlagState& state, std::string_view environment) {
  if (!rule.ramp) return rule.rollout;
  const RampState* ramp = state.FindRamp(environment, rule.id);
  return ramp == nullptr ? 0 : ramp->at;
}

const EnvironmentDefinition* Project::FindEnvironment(std::string_view name) const {
  return FindBy(environments, name, [](const EnvironmentDefinition& e) -> const std::string& { return e.key; });
}

std::string EntityRef::ToText() const {
  return std::string(ToString(kind)) + " " + key;
}

EntityRef RefOf(const EntityRecord& record) {
  return std::visit(
      [&](const auto& r) {
        return EntityRef{static_cast<EntityKind>(record.index()), r.definition.key};
      },
      record);
}

const FlagRecord* EntitySet::FindFlag(std::string_view key) const {
  return FindRecord(flags, key);
}
const SegmentRecord* EntitySet::FindSegment(std::string_view key) const {
  return FindRecord(segments, key);
}
const LayerRecord* EntitySet::FindLayer(std::string_view key) const {
  return FindRecord(layers, key);
}
const HoldoutRecord* EntitySet::FindHoldout(std::string_view key) const {
  return FindRecord(holdouts, key);
}
const ExperimentRecord* EntitySet::FindExperiment(std::string_view key) const {
  return FindRecord(experiments, key);
}
const MetricRecord* EntitySet::FindMetric(std::string_view key) const {
  return FindRecord(metrics, key);
}

std::optional<EntityRecord> EntitySet::Find(const EntityRef& ref) const {
  return WithList(*this, ref.kind, [&](const auto& list) -> std::optional<EntityRecord> {
    const auto* record = FindRecord(list, ref.key);
    if (record == nullptr) return std::nullopt;
    return *record;
  });
}

void EntitySet::Upsert(EntityRecord record) {
  std::visit(
      [this](auto&& r) {
        using RecordType = std::decay_t<decltype(r)>;
        if constexpr (std::is_same_v<RecordType, FlagRecord>) UpsertInto(flags, std::move(r));
        if constexpr (std::is_same_v<RecordType, SegmentRecord>) UpsertInto(segments, std::move(r));
        if constexpr (std::is_same_v<RecordType, LayerRecord>) UpsertInto(layers, std::move(r));
        if constexpr (std::is_same_v<RecordType, HoldoutRecord>) UpsertInto(holdouts, std::move(r));
        if constexpr (std::is_same_v<RecordType, ExperimentRecord>) UpsertInto(experiments, std::move(r));
        if constexpr (std::is_same_v<RecordType, MetricRecord>) UpsertInto(metrics, std::move(r));
      },
      std::move(record));
}

void EntitySet::Append(EntityRecord record) {
  WithList(*this, static_cast<EntityKind>(record.index()), [&](auto& list) {
    using RecordType = typename std::decay_t<decltype(list)>::value_type;
    list.push_back(std::get<RecordType>(std::move(record)));
  });
}

bool EntitySet::Remove(const EntityRef& ref) {
  return WithList(*this, ref.kind, [&](auto& list) {
    return std::erase_if(list, [&](const auto& record) { return record.definition.key == ref.key; }) > 0;
  });
}

std::vector<EntityRef> EntitySet::Refs() const {
  std::vector<EntityRef> refs;
  for (EntityKind kind : kEntityKinds) {
    WithList(*this, kind, [&](const auto& list) {
      for (const auto& record : list) refs.push_back({kind, record.definition.key});
    });
  }
  return refs;
}

std::optional<EntityRecord> EnvironmentPart(const EntityRecord& record, std::string_view environment) {
  if (std::holds_alternative<MetricRecord>(record)) return std::nullopt;
  if (const auto* experiment = std::get_if<ExperimentRecord>(&record)) {
    const Experiment& definition = experiment->definition;
    if (definition.archived || definition.environment != environment) return std::nullopt;
    const ExperimentState& state = experiment->state;
    return ExperimentRecord{
        definition,
        {state.status, state.iteration, state.salt, state.arms, state.slots, state.ramp_step, state.winner}};
  }
  const auto* flag = std::get_if<FlagRecord>(&record);
  if (flag == nullptr) return record;
  if (flag->definition.archived) return std::nullopt;
  FlagRecord part = *flag;
  std::erase_if(part.definition.environments, [&](const Targeting& t) { return t.environment != environment; });
  std::erase_if(part.state.environments, [&](const TargetingState& t) { return t.environment != environment; });
  for (Targeting& targeting : part.definition.environments) {
    for (Rule& rule : targeting.rules) {
      rule.rollout = RolloutOf(rule, part.state, environment);
      rule.ramp.reset();
    }
  }
  part.state.ramps.clear();
  return part;
}

Snapshot SnapshotOf(const Definitions& definitions, std::string_view environment, Revision revision) {
  Snapshot snapshot;
  snapshot.project = definitions.project.key;
  snapshot.environment = environment;
  snapshot.revision = revision;
  for (EntityKind kind : kEntityKinds) {
    WithList(definitions.entities, kind, [&](const auto& list) {
      for (const auto& record : list) {
        if (auto part = EnvironmentPart(record, environment)) snapshot.entities.Append(*std::move(part));
      }
    });
  }
  return snapshot;
}

}  // namespace guidon
