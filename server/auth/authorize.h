// Who is asking, what they want, and the one place that says yes or no.
//
// A principal holds grants: verbs, in a project or all, in an environment or all. Whatever none of them covers is
// refused. Which role has which verbs: server/auth/roles.h and docs/access.md.
//
// Thread safety: plain values and a pure function.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/auth/key.h"

namespace guidon {

// What can be done to a resource. The route table names one for each route.
enum class Verb : std::uint8_t {
  kPublic,          // needs nobody: health, metrics, the read-only page
  kReadRules,       // the full ruleset of one environment, as an SDK holds it; and to say what a process holds of it
  kSendEvents,      // what happened in an application of one environment
  kRead,            // definitions and what became of them
  kWrite,           // change definitions, in the environments whose answers the change can alter
  kManage,          // create, change and delete projects and environments
  kManageKeys,      // create, list, rotate and revoke keys
  kReadEvents,      // the events of an environment, with the units and attributes in them
  kManageMembers,   // people and custom roles
  kReadAudit,       // who changed what, when
  kOperate,         // the server itself: its backups
  kManageWebhooks,  // who is told of changes
  kEvaluate,        // what the flags of one environment evaluate to, for a context
  kApprove,         // approve or reject change requests, for the environments that they alter
  kOverride,        // alter protected environments without approvals, in an emergency
  kManagePrivacy,   // all that is held of a unit, and its erasure
  kImportEvents,    // put events of long ago into the journal of an environment, as its experiments' own
  kRecordGate,      // say in the audit log what a gate found of an environment
};
inline constexpr Verb kVerbs[] = {Verb::kPublic,        Verb::kReadRules, Verb::kSendEvents, Verb::kRead,
                                  Verb::kWrite,         Verb::kManage,    Verb::kManageKeys, Verb::kReadEvents,
                                  Verb::kManageMembers, Verb::kReadAudit, Verb::kOperate,    Verb::kManageWebhooks,
                                  Verb::kEvaluate,      Verb::kApprove,   Verb::kOverride,   Verb::kManagePrivacy,
                                  Verb::kImportEvents,  Verb::kRecordGate};
std::string_view ToString(Verb verb);  // "public", "rules.read", "definitions.read", …
std::optional<Verb> VerbFromString(std::string_view word);

// What an SDK does: it is about the key's own environment, which no address names.
constexpr bool IsOfSdk(Verb verb) {
  return verb == Verb::kReadRules || verb == Verb::kSendEvents || verb == Verb::kEvaluate;
}
// What roles are made of. An admin key does not belong into an application.
constexpr bool IsOfRoles(Verb verb) {
  return verb != Verb::kPublic && !IsOfSdk(verb);
}
// What can be held in some environments of a project only, though the address names none: what of them is meant is
// known later, and asked for then.
constexpr bool IsByEnvironment(Verb verb) {
  return verb == Verb::kRead || verb == Verb::kWrite || verb == Verb::kManageKeys || verb == Verb::kApprove;
}

class VerbSet {
 public:
  constexpr VerbSet() = default;
  constexpr VerbSet(std::initializer_list<Verb> verbs) {
    for (const Verb verb : verbs) Add(verb);
  }
  constexpr void Add(Verb verb) { bits_ |= 1U << static_cast<unsigned>(verb); }
  constexpr bool Has(Verb verb) const { return (bits_ >> static_cast<unsigned>(verb) & 1U) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr VerbSet operator&(VerbSet a, VerbSet b) {
    a.bits_ &= b.bits_;
    return a;
  }
  friend constexpr bool operator==(VerbSet, VerbSet) = default;

 private:
  std::uint32_t bits_ = 0;
};

// The right to do some things in some place.
struct Grant {
  VerbSet verbs;
  std::string project;      // empty: all
  std::string environment;  // empty: all
  friend bool operator==(const Grant&, const Grant&) = default;
};

// Who a request comes from, once its key or session has been checked. Who is signed in counts as an admin key of all
// projects with the grants of that person.
struct Principal {
  // "key:SELECTOR", "member:ID" of who is signed in, or "break-glass"; what audit entries and idempotency records name
  std::string id = {};
  KeyKind kind = KeyKind::kServer;
  std::string project = {};        // of the key; empty: all
  std::string environment = {};    // of the key; empty: all
  std::vector<Grant> grants = {};  // admin keys only: what the others may is said by their kind
  std::string session = {};        // its id, where it came by one
};

// Empty fields mean "of all": creating a project asks for kManage on {}.
struct Resource {
  std::string_view project;
  std::string_view environment;
  bool any_part = false;  // a right in some part of it is enough: in one project, in one environment
};

// Deny by default. kPermissionDenied says what the principal is and what it would have needed.
Status Authorize(const Principal& principal, Verb verb, const Resource& resource);

// Nobody gives what they do not hold: each verb of each grant has to be theirs, where the grant holds.
Status AuthorizeGiving(const Principal& principal, const std::vector<Grant>& grants);

}  // namespace guidon
