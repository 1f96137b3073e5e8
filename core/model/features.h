// Since which version an SDK can evaluate what definitions are made of. Whoever adds an operator, or anything else that
// an evaluation has to know, adds a line here: the gate holds what a change begins to use against the SDKs in use.
//
// Thread safety: constants.
#pragma once

#include <span>
#include <string_view>

namespace guidon {

struct Feature {
  std::string_view name;   // as people are told: "operator semver_gte", "condition now", "rollout"
  std::string_view since;  // "0.1.0"
};

// Whose versions these are, as it names itself to a server (docs/spec/events.md).
inline constexpr std::string_view kFeaturesOfSdk = "guidon-cpp";

std::span<const Feature> Features();

}  // namespace guidon
