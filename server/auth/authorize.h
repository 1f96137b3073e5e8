// Who is asking, what they want, and the one place that says yes or no.
//
// Thread safety: plain values and a pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "server/auth/key.h"

namespace guidon {

// Who a request comes from, once its key has been checked.
struct Principal {
  std::string id;  // "key:SELECTOR"; what audit entries and idempotency records name
  KeyKind kind = KeyKind::kServer;
  std::string project;      // empty: all
  std::string environment;  // empty: all
};

// What can be done to a resource. The route table names one for each route.
enum class Verb : std::uint8_t {
  kPublic,      // needs nobody: health, metrics, the read-only page
  kReadRules,   // the full ruleset of one environment, as an SDK holds it
  kSendEvents,  // what happened in an application of one environment, and what its processes hold
  kRead,        // definitions and what became of them
  kWrite,       // change definitions
  kManage,      // create and delete projects and environments
  kManageKeys,  // create, list and revoke keys
  kReadEvents,  // the events of an environment, with the units and attributes in them
};
std::string_view ToString(Verb verb);  // "public", "rules.read", "definitions.read", …

// What an SDK does: it is about the key's own environment, which no address names.
constexpr bool IsOfSdk(Verb verb) {
  return verb == Verb::kReadRules || verb == Verb::kSendEvents;
}

// Empty fields mean "of all": listing projects asks for kRead on {}.
struct Resource {
  std::string_view project;
  std::string_view environment;
};

// Deny by default. kPermissionDenied says what the principal is and what it would have needed.
Status Authorize(const Principal& principal, Verb verb, const Resource& resource);

}  // namespace guidon
