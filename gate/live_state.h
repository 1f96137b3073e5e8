// What a server has of flags, held against what a policy demands of them: which of them serve what, to how many, since
// when; how far their ramps have come; and which were switched off by hand.
//
//   const DemandStanding now = StandingOf(demand, *flag, entities, environment);
//   findings.push_back(…);                        // CheckDemand
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/definitions.h"
#include "gate/finding.h"
#include "gate/policy.h"
#include "workspace/workspace.h"

namespace guidon::gate {

// "2027-03-31 08:00 UTC"; of a moment to come the minute that is surely not before it.
std::string MomentText(std::int64_t epoch_ms, bool is_to_come = false);

// Whether the flag is looked at there at all: enabled, and not archived.
bool IsEnabled(const FlagDefinition& flag, std::string_view environment);

// The share of units, in parts of kWhole, that are served this variation there, whatever their attributes are: of all
// combinations of conditions that may hold, the one with the least of it. Weights of splits, rollouts, ramps as they
// stand, running experiments, holdouts and prerequisites count; targets, forced units, and units without the attribute
// that they are split by do not. Never more than what is served, so that "100%" is all of them. `entities` has the
// flags that it requires, the experiments and the holdouts.
std::uint32_t LeastShareOf(std::string_view variation, const FlagRecord& flag, const EntitySet& entities,
                           std::string_view environment);

// Whether a flag is as it is demanded to be, apart from how long it has been so.
bool IsMet(const Demand& demand, const FlagRecord& flag, const EntitySet& entities, std::string_view environment);

// Since when something is so, by the history of a flag.
struct Since {
  enum class Beginning : std::uint8_t {
    kChange,   // `at_ms` is of the change that made it so
    kCreated,  // it has been so since the flag was made
    kUnknown,  // what came before is not kept, or was not looked at: it may have been so for longer
  };
  Beginning beginning = Beginning::kUnknown;
  std::int64_t at_ms = 0;
  std::string by, comment, emergency;  // of the change at `at_ms`; empty: not known, or none
};

// Asks for it: for how long this has been so of a flag, of which it is so now. It need not look further back than
// `enough_ms`. nullopt: that cannot be told now.
using SinceOf = std::function<std::optional<Since>(
    const std::string& flag, const std::function<bool(const FlagRecord&)>& is_so, std::int64_t enough_ms)>;

// The state of a project on its server, as far as this version can read it.
struct LiveInput {
  std::string environment;                       // of the gate
  const EntitySet& entities;                     // of all environments, with their states
  const std::vector<std::string>& unreadable;    // flags that are there, and that this version cannot read
  const std::vector<std::string>& environments;  // of the project
  bool is_protected = false;                     // whether the environment is
  const Workspace* workspace = nullptr;          // the files that are to be released; null: none
  const EntitySet* after = nullptr;              // what these would make of the environment; null: not known
  SinceOf since;
  // Of a protected environment: whether one of the flag's last changes was made in an emergency; nullopt: that cannot
  // be told now.
  std::function<std::optional<bool>(const std::string& flag)> had_emergency;
  std::int64_t now_ms = 0;  // since the epoch
};

// live.state: each demand of the policy.
std::vector<Finding> CheckDemands(const LiveInput& input, const Policy& policy);

// live.ramp, of the rules of flags in the environment; those of experiments: CheckExperimentRamp.
std::vector<Finding> CheckRamps(const LiveInput& input, const Policy& policy);

// live.kill-switch: flags of kind `kill_switch` that were switched off, flags that were in an emergency, and flags that
// the files have enabled while the server has not, unless the release is what enables them. Holds where a history
// cannot be read that far.
std::vector<Finding> CheckSwitches(const LiveInput& input);

}  // namespace guidon::gate
