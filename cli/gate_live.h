// What the gate asks a server about an environment as it is: its flags and their history, ramps, experiments, and
// change requests that are under way.
//
//   int exit_code = kPass;
//   std::optional<LiveLook> look = LookAtLive({options.connection, …}, exit_code);
//   if (!look) return exit_code;                 // why is said already
//
// Thread safety: one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/verbs.h"
#include "core/model/definitions.h"
#include "gate/finding.h"
#include "gate/policy.h"
#include "workspace/workspace.h"

namespace guidon::cli {

// A project on its server, as far as this version can read it.
struct LiveProject {
  EntitySet entities;                   // flags, experiments and holdouts, with their states
  std::vector<std::string> unreadable;  // flags that are there, and that this version cannot read
  std::vector<std::string> environments;
  std::vector<std::string> protected_environments;
  std::vector<std::string> running;  // experiments of the environment that was asked about
};

// nullopt: why is said, and `exit_code` is set. A project that is not there: empty, if `may_be_new`.
std::optional<LiveProject> ReadLiveProject(const Connection& connection, const std::string& project,
                                           const std::string& environment, bool may_be_new, AsJson json,
                                           int& exit_code);

struct LiveQuestion {
  const Connection& connection;
  std::string project;
  std::string environment;
  std::string experiment;  // that one alone, and what the policy demands; empty: the whole environment
  const gate::Policy& policy;
  const Workspace* workspace;  // the files that are to be released; nullptr: none
  const EntitySet* after;      // what they would make of the environment; nullptr: not known
  std::int64_t now_ms;
  AsJson json;
};

struct LiveLook {
  std::vector<gate::Finding> findings;
  std::string reason;  // why it was not looked at; empty: it was
};

// nullopt: why is said, and `exit_code` is set.
std::optional<LiveLook> LookAtLive(const LiveQuestion& question, int& exit_code);

// live.state alone: what the policy demands. nullopt: likewise.
std::optional<std::vector<gate::Finding>> LookAtDemands(const LiveQuestion& question, int& exit_code);

// live.kill-switch alone, of the flags that the files have. nullopt: likewise.
std::optional<std::vector<gate::Finding>> LookAtSwitches(const LiveQuestion& question, int& exit_code);

}  // namespace guidon::cli
