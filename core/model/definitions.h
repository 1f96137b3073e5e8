// A project's definitions as a whole, what one environment sees of them, and the changes between two of either.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/model/experiment.h"
#include "core/model/flag.h"

namespace guidon {

using Revision = std::uint64_t;  // one global, gap-free, monotonic number; 0: nothing committed

enum class EntityKind : std::uint8_t { kFlag, kSegment, kLayer, kHoldout, kExperiment, kMetric };
inline constexpr EntityKind kEntityKinds[] = {EntityKind::kFlag,    EntityKind::kSegment,    EntityKind::kLayer,
                                              EntityKind::kHoldout, EntityKind::kExperiment, EntityKind::kMetric};
std::string_view ToString(EntityKind kind);  // "flag", "segment", "layer", "holdout", "experiment", "metric"
std::optional<EntityKind> EntityKindFromString(std::string_view word);

struct EntityRef {
  EntityKind kind = EntityKind::kFlag;
  std::string key;
  std::string ToText() const;  // "flag checkout.layout"
  friend bool operator==(const EntityRef&, const EntityRef&) = default;
  friend auto operator<=>(const EntityRef&, const EntityRef&) = default;
};

// What is stored and streamed: the authored definition and the server's state beside it.
template <typename Definition, typename State>
struct Record {
  Definition definition;
  State state;
  friend bool operator==(const Record&, const Record&) = default;
};
struct NoState {
  friend bool operator==(const NoState&, const NoState&) = default;
};
using FlagRecord = Record<FlagDefinition, FlagState>;
using SegmentRecord = Record<Segment, NoState>;
using LayerRecord = Record<Layer, LayerState>;
using HoldoutRecord = Record<Holdout, HoldoutState>;
using ExperimentRecord = Record<Experiment, ExperimentState>;
using MetricRecord = Record<Metric, NoState>;
using EntityRecord =
    std::variant<FlagRecord, SegmentRecord, LayerRecord, HoldoutRecord, ExperimentRecord, MetricRecord>;
EntityRef RefOf(const EntityRecord& record);

// Records of each kind, each list in authored order (by file path, then place in the file).
struct EntitySet {
  std::vector<FlagRecord> flags;
  std::vector<SegmentRecord> segments;
  std::vector<LayerRecord> layers;
  std::vector<HoldoutRecord> holdouts;
  std::vector<ExperimentRecord> experiments;
  std::vector<MetricRecord> metrics;
  friend bool operator==(const EntitySet&, const EntitySet&) = default;

  // nullptr when absent. Linear.
  const FlagRecord* FindFlag(std::string_view key) const;
  const SegmentRecord* FindSegment(std::string_view key) const;
  const LayerRecord* FindLayer(std::string_view key) const;
  const HoldoutRecord* FindHoldout(std::string_view key) const;
  const ExperimentRecord* FindExperiment(std::string_view key) const;
  const MetricRecord* FindMetric(std::string_view key) const;
  std::optional<EntityRecord> Find(const EntityRef& ref) const;

  void Upsert(EntityRecord record);  // in place when the key is there, else at the end; linear
  void Append(EntityRecord record);  // at the end; the caller knows that the key is new
  bool Remove(const EntityRef& ref);
  std::vector<EntityRef> Refs() const;
};

inline constexpr std::uint32_t kMostApprovals = 5;

struct EnvironmentDefinition {
  std::string key;
  bool is_protected = false;  // it is altered by change requests that others have approved
  std::string description;
  std::uint32_t required_approvals = 1;  // of such a request, 1 … kMostApprovals; means nothing without protection
  friend bool operator==(const EnvironmentDefinition&, const EnvironmentDefinition&) = default;
};

struct Project {
  std::string key;
  std::string description;
  std::vector<EnvironmentDefinition> environments;  // authored order
  friend bool operator==(const Project&, const Project&) = default;

  const EnvironmentDefinition* FindEnvironment(std::string_view name) const;
};

// Everything of one project: what the catalog holds, and what a workspace folder says (there with empty states).
struct Definitions {
  Project project;
  EntitySet entities;
  friend bool operator==(const Definitions&, const Definitions&) = default;
};

// What one environment sees at one revision: all that evaluation needs and nothing of other environments.
struct Snapshot {
  std::string project;
  std::string environment;
  std::string epoch;  // empty outside a server
  Revision revision = 0;
  EntitySet entities;  // flags carry this environment's targeting and state only; no metrics; no archived flags
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// What an environment sees of an entity; nothing of archived flags, of metrics, and of experiments that are archived or
// belong to another environment. A ramp is seen as the rollout that it is now, and an experiment as it stands, without
// what it went through and who moved it: who evaluates needs to know no more.
std::optional<EntityRecord> EnvironmentPart(const EntityRecord& record, std::string_view environment);

// The environment's part of a project. Archived flags and experiments of other environments are left out; archived
// holdouts stay (they say that they have ended).
Snapshot SnapshotOf(const Definitions& definitions, std::string_view environment, Revision revision);

// An entity that arrived and that this version cannot read, such as one with an operator of a newer server. Flags that
// are it, or need it, answer PARSE_ERROR; it disturbs no other. An experiment is needed by the flag that it names: what
// it would have served is unknown, and the flag without it would be another experience.
struct Undecodable {
  EntityRef ref;
  std::string message;
  std::string flag;  // of an experiment: the flag that it names; empty when not even that can be read
  friend bool operator==(const Undecodable&, const Undecodable&) = default;
};

// Whole entities added or replaced, and entities gone.
struct ChangeSet {
  std::vector<EntityRecord> upserts;
  std::vector<EntityRef> removals;
  bool empty() const { return upserts.empty() && removals.empty(); }
  friend bool operator==(const ChangeSet&, const ChangeSet&) = default;
};

}  // namespace guidon
