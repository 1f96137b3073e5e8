#include "cli/policy_file.h"

#include <iostream>
#include <utility>

#include "cli/output.h"
#include "cli/verbs.h"
#include "workspace/file.h"

namespace guidon::cli {

std::optional<PolicyFile> ReadPolicyFile(const std::string& path, AsJson json, int& exit_code) {
  Result<std::string> text = ReadFile(path, YamlLimits().max_bytes);
  if (!text) {
    exit_code = Explain(text.error(), json);
    return std::nullopt;
  }
  gate::PolicyResult read = gate::ReadPolicy(*text, path);
  if (read.faults.empty()) return PolicyFile{std::move(read.policy), *std::move(text)};
  Error error{ErrorCode::kInvalid, "the policy " + path + " cannot be used", {}};
  for (gate::PlacedFault& fault : read.faults) {
    std::cerr << Describe(PlacedIssue{path, fault.at, fault.issue}, Err()) << "\n";
    error.issues.push_back(std::move(fault.issue));
  }
  Complain(error, json.wanted);
  exit_code = kUsage;
  return std::nullopt;
}

}  // namespace guidon::cli
