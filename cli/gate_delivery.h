// What the gate waits for: that enough processes hold a revision.
//
// Thread safety: one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/verbs.h"
#include "gate/finding.h"
#include "gate/policy.h"

namespace guidon::cli {

// Waits as long as `goal` says at most. What the command line left open (`asks_share`, `asks_live`) is the policy's to
// say. nullopt: why is said, and `exit_code` is set.
struct DeliveryQuestion {
  const Connection& connection;
  std::string project;
  std::string environment;
  PropagationGoal goal;
  bool asks_share, asks_live;
  const gate::Policy& policy;
  AsJson json;
};
std::optional<std::vector<gate::Finding>> LookAtDelivery(const DeliveryQuestion& question, int& exit_code);

}  // namespace guidon::cli
