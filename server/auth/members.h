// The people who may do something here, the roles that were made for them, and what a key may do by both.
//
//   Members members;
//   for (const Item& item : items) members.Put(*DecodeMember(item.id, item.value));
//   std::vector<Grant> grants = members.GrantsOf(record);
//
// A member has bindings: a role, in a project or all, in an environment or all. They sign in with keys of their own
// (KeyRecord::member), which may never do more than they may; however else somebody shows who they are, their grants
// are those of GrantsOf(member).
//
// It keeps no durable state: what changes is committed through the catalog first and put here after that.
//
// Thread safety: every method may be called from any thread; GrantsOf takes a shared lock for some look-ups in memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/auth/authorize.h"
#include "server/auth/key.h"
#include "server/auth/roles.h"

namespace guidon {

inline constexpr std::string_view kMemberSpace = "member";  // of Catalog::PutItem and Items
inline constexpr std::size_t kMostMembers = 10'000;         // beyond it none can be added
inline constexpr std::size_t kMostBindings = 64;            // of one member

// A role × a project × an environment.
struct Binding {
  std::string role;
  std::string project;      // empty: all
  std::string environment;  // empty: all
  friend bool operator==(const Binding&, const Binding&) = default;
};

// Not the Member of a JSON object (guidon/value.h).
struct TeamMember {
  std::string id;
  std::string name;
  std::string email;  // may be empty
  std::vector<Binding> bindings;
  std::int64_t created_ms = 0;
  std::vector<std::string> groups = {};  // of the OpenID provider's those that had roles here at the last sign-in
};

std::string EncodeMember(const TeamMember& member);
Result<TeamMember> DecodeMember(std::string_view id, std::string_view text);
Value DescribeMember(const TeamMember& member);

// Whether they may do everything, everywhere: an owner of all projects.
bool IsOwner(const TeamMember& member);
// Of a key: and whether its member, if it has one, may. `member` is nullptr when it has none, or none that is there.
bool IsOwner(const KeyRecord& record, const TeamMember* member);

class Members {
 public:
  // Adds a role or replaces what is known of it. Built-in ones cannot be replaced: they are found first.
  void PutRole(Role role);
  void RemoveRole(std::string_view name);
  void Put(TeamMember member);
  void Remove(std::string_view id);

  std::optional<Role> FindRole(std::string_view name) const;  // built-in or made
  std::vector<Role> Roles() const;                            // built-in ones first, then by name
  std::optional<TeamMember> Find(std::string_view id) const;
  std::vector<TeamMember> List() const;  // by id

  // What an admin key may do: its role in its place, within what its member may. Nothing when it is of another kind,
  // or when there is no such role or member (any more).
  std::vector<Grant> GrantsOf(const KeyRecord& record) const;
  std::vector<Grant> GrantsOf(const TeamMember& member) const;
  std::vector<Grant> GrantsOf(const Binding& binding) const;
  bool IsOwnerKey(const KeyRecord& record) const;

 private:
  VerbSet VerbsOf(std::string_view role) const;  // mutex_ is held
  std::vector<Grant> GrantsLocked(const TeamMember& member) const;
  std::vector<Grant> GrantsLocked(const KeyRecord& record, const TeamMember* member) const;

  mutable std::shared_mutex mutex_;
  std::map<std::string, Role, std::less<>> roles_;          // guarded by mutex_
  std::map<std::string, TeamMember, std::less<>> members_;  // guarded by mutex_
};

}  // namespace guidon
