// What a role is: a name for some verbs. Where it holds is said by who has it, a key or a member.
//
// Six roles are built in; others are made as lists of verbs, and kept as items of the catalog. docs/access.md has the
// table of the built-in ones for people; a test holds it against this one.
//
// Thread safety: pure functions and plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/auth/authorize.h"
#include "server/auth/key.h"

namespace guidon {

inline constexpr std::string_view kRoleSpace = "role";  // of Catalog::PutItem and Items
inline constexpr std::string_view kOwner = "owner";
inline constexpr std::size_t kMostRoles = 200;  // made by people; beyond it none can be made

struct Role {
  std::string name;
  VerbSet verbs;
  std::string description;
  bool is_built_in = false;
};

// viewer, editor, operator, approver, admin, owner.
const std::vector<Role>& BuiltInRoles();
const Role* FindBuiltInRole(std::string_view name);  // nullptr: there is none

// Of an admin key. One that was made before there were roles is an owner's.
std::string RoleOf(const KeyRecord& record);

std::string EncodeRole(const Role& role);
// Verbs of a newer version are left out: what is not known is not allowed.
Result<Role> DecodeRole(std::string_view name, std::string_view text);

Value DescribeVerbs(VerbSet verbs);  // ["definitions.read", …]
Value DescribeRole(const Role& role);

}  // namespace guidon
