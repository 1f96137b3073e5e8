// Whether a revision has come to the processes that use an environment, and whether these can evaluate what is there.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "gate/finding.h"
#include "gate/policy.h"

namespace guidon::gate {

// From the answer about a propagation (docs/api/openapi.yaml, Propagation).
struct DeliveryInput {
  std::string environment;
  const Value& far;
  std::string standing;  // "38 of 40 live processes (95%)"
  std::string missing;   // what keeps it from being enough; empty: nothing
};

// delivery.share: what is missing, and then who lags behind, by application and version.
std::vector<Finding> CheckShare(const DeliveryInput& input);

// delivery.old-sdk: processes that say that their SDK cannot evaluate flags of the environment, and those whose SDK is
// older than the policy allows.
std::vector<Finding> CheckSdks(const DeliveryInput& input, const Policy& policy);

// "0.9.2" is older than "0.10"; numbers between dots, what follows them ("-rc1") does not count. What is no version is
// older than any.
bool IsOlder(std::string_view version, std::string_view than);

}  // namespace guidon::gate
