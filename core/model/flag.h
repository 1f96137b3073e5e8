// Flag, as authored, and the state that the server keeps for it.
//
// Thread safety: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <guidon/value.h>
#include "core/model/condition.h"
#include "core/model/units.h"

namespace guidon {

enum class FlagType : std::uint8_t { kBoolean, kString, kNumber, kJson };
std::string_view ToString(FlagType type);

// What a flag is for; tools judge its age by it. Evaluation does not look at it.
enum class FlagKind : std::uint8_t { kRelease, kExperiment, kKillSwitch, kPermission };
std::string_view ToString(FlagKind kind);  // "release", "experiment", "kill_switch", "permission"

struct Variation {
  std::string name;
  Value value;
  friend bool operator==(const Variation&, const Variation&) = default;
};

struct Weight {
  std::string variation;    // in an experiment: the variant
  std::uint32_t parts = 0;  // of kWhole
  friend bool operator==(const Weight&, const Weight&) = default;
};

struct FixedServe {
  std::string variation;
  friend bool operator==(const FixedServe&, const FixedServe&) = default;
};
struct SplitServe {
  std::vector<Weight> weights;  // authored order; sums to kWhole
  friend bool operator==(const SplitServe&, const SplitServe&) = default;
};
struct ExperimentServe {  // rules only
  std::string experiment;
  friend bool operator==(const ExperimentServe&, const ExperimentServe&) = default;
};
using Serve = std::variant<FixedServe, SplitServe, ExperimentServe>;

// A step of a ramp, of a rule or of an experiment.
struct RampStep {
  std::uint32_t at = kWhole;                      // parts of kWhole
  std::optional<std::chrono::milliseconds> hold;  // how long before the next
  std::optional<std::uint64_t> min_units;         // experiments only
  friend bool operator==(const RampStep&, const RampStep&) = default;
};

// A rollout that grows by itself: the server takes the steps, one after the other.
struct Ramp {
  std::vector<RampStep> steps;           // at least one, `at` ascending; every one but the last has a `hold`
  std::optional<std::int64_t> start_ms;  // since the epoch; absent: at once
  friend bool operator==(const Ramp&, const Ramp&) = default;
};

struct Rule {
  std::string id;                 // required where buckets decide (split, rollout or ramp); never "default"
  std::optional<Condition> when;  // absent: applies to everyone
  Serve serve;
  std::optional<std::uint32_t> rollout;  // parts of kWhole; the rest goes on with the next rule
  std::string by;                        // attribute to bucket by; empty: the context key
  std::optional<Ramp> ramp = {};         // in place of `rollout`
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct DefaultServe {
  Serve serve;  // FixedServe or SplitServe
  std::string by;
  friend bool operator==(const DefaultServe&, const DefaultServe&) = default;
};

struct Requirement {
  std::string flag;
  std::vector<std::string> is;  // any of these variations
  friend bool operator==(const Requirement&, const Requirement&) = default;
};

struct Targets {
  std::string variation;
  std::vector<std::string> keys;
  friend bool operator==(const Targets&, const Targets&) = default;
};

// How a flag behaves in one environment.
struct Targeting {
  std::string environment;
  bool enabled = false;
  std::string off;  // variation; empty: null, which is the caller's fallback. Boolean flags: "off" unless authored.
  std::vector<Requirement> requirements;  // authored as `requires`
  std::vector<Targets> targets;
  std::vector<Rule> rules;
  std::optional<DefaultServe> default_serve;  // authored as `default`; required while enabled
  friend bool operator==(const Targeting&, const Targeting&) = default;
};

struct FlagDefinition {
  std::string key;
  FlagType type = FlagType::kBoolean;
  FlagKind kind = FlagKind::kRelease;
  std::string description;
  std::string owner;
  std::vector<std::string> tags;
  std::optional<std::chrono::sys_days> expires;
  bool client = false;
  bool archived = false;
  std::vector<Variation> variations;    // boolean flags: on = true, off = false, in this order, unless authored
  std::vector<Targeting> environments;  // authored order; one that is not here: not enabled
  friend bool operator==(const FlagDefinition&, const FlagDefinition&) = default;

  const Targeting* FindEnvironment(std::string_view name) const;
  const Variation* FindVariation(std::string_view name) const;
};

// --- state: written by the server (or derived by tools), never authored -------------------------------------------

// Buckets [begin, end), 0 … 99 999.
struct BucketRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t size() const { return end - begin; }
  friend bool operator==(const BucketRange&, const BucketRange&) = default;
};

// The buckets of one arm. The order of the list matters: a rollout takes its first buckets, a shrinking arm gives up
// its last.
struct ArmRanges {
  std::string arm;  // variation, or variant of an experiment
  std::vector<BucketRange> ranges;
  friend bool operator==(const ArmRanges&, const ArmRanges&) = default;
};

struct SplitState {
  std::string split;  // rule id, or "default"
  std::string salt;
  std::vector<ArmRanges> arms;
  friend bool operator==(const SplitState&, const SplitState&) = default;
};

struct TargetingState {
  std::string environment;
  std::vector<SplitState> splits;
  friend bool operator==(const TargetingState&, const TargetingState&) = default;
};

// Where the ramp of a rule stands. The hold counts while the flag is enabled there and nobody has paused it.
struct RampState {
  std::string environment;
  std::string rule;
  std::uint32_t at = 0;  // the share that has it, parts of kWhole; 0: no step was taken
  bool paused = false;
  std::optional<std::int64_t> since_ms = {};  // the hold counts from here, since the epoch; absent: it does not count
  std::chrono::milliseconds held{0};          // while it does not count: how much of it has passed
  friend bool operator==(const RampState&, const RampState&) = default;
};

struct FlagState {
  std::vector<TargetingState> environments;
  std::vector<RampState> ramps;  // by environment, then by rule, both in authored order
  friend bool operator==(const FlagState&, const FlagState&) = default;

  const TargetingState* FindEnvironment(std::string_view name) const;
  const RampState* FindRamp(std::string_view environment, std::string_view rule) const;
};

// The share of units that a rule takes now: its rollout, or where its ramp stands (nowhere yet: nobody); absent: all.
std::optional<std::uint32_t> RolloutOf(const Rule& rule, const FlagState& state, std::string_view environment);

}  // namespace guidon
