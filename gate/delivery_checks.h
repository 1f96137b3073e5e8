// Whether a revision has come to the processes that use an environment, and whether these can evaluate what is there.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
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
// older than the policy allows. What a change begins to use is held against them in sdk_checks.h.
std::vector<Finding> CheckSdks(const DeliveryInput& input, const Policy& policy);

// Of processes of one kind, as an answer about a propagation lists them: "application shop 4.1.0", "guidon-cpp 0.1.0".
std::string ApplicationOf(const Value& group);
std::string SdkOf(const Value& group);
// "1 process uses", "3 processes use".
std::string Processes(std::uint64_t count, std::string_view one, std::string_view many);

// "0.9.2" is older than "0.10"; numbers between dots, what follows them ("-rc1") does not count. What is no version is
// older than any.
bool IsOlder(std::string_view version, std::string_view than);

}  // namespace guidon::gate
