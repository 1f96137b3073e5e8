// The policy of a gate, as a file has it.
//
// Thread safety: one thread.
#pragma once

#include <optional>
#include <string>

#include "cli/api_client.h"
#include "gate/policy.h"

namespace guidon::cli {

struct PolicyFile {
  gate::Policy policy;
  std::string text;
};
// nullopt: it cannot be read, or has faults; each is said with its place, and `exit_code` is set.
std::optional<PolicyFile> ReadPolicyFile(const std::string& path, AsJson json, int& exit_code);

}  // namespace guidon::cli
