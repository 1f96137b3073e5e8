// What differs between two snapshots, or two projects: as a change set for machines, in words for people, and as the
// exact share of buckets that change variation.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/definitions.h"

namespace guidon {

// Apply(a, Diff(a, b)) holds the same entities as b.
ChangeSet Diff(const EntitySet& before, const EntitySet& after);
void Apply(EntitySet& entities, const ChangeSet& changes);

// How a split or an experiment moves the units that reach it.
struct Move {
  std::string environment;
  std::string split;                         // "rule eu-ramp", "default", "experiment checkout-one-page"
  std::optional<std::uint32_t> share_parts;  // buckets of 100 000 that change variation; absent: depends on attributes
  friend bool operator==(const Move&, const Move&) = default;
};

struct EntityChange {
  enum class Action : std::uint8_t { kCreate, kUpdate, kArchive, kRemove };
  EntityRef ref;
  Action action = Action::kUpdate;
  std::vector<std::string> environments;  // whose evaluation may change
  std::vector<std::string> summary;       // "rule eu-ramp (production): single_page 20% → 30%; moves 10.000% of …"
  std::vector<Move> moves;
  friend bool operator==(const EntityChange&, const EntityChange&) = default;
};
std::string_view ToString(EntityChange::Action action);  // "create", "update", "archive", "remove"

// In the order of kinds and keys. States count too: both sides have been through AllocateStates.
std::vector<EntityChange> DescribeChanges(const EntitySet& before, const EntitySet& after);

}  // namespace guidon
