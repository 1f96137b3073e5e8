#include "server/auth/members.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/model/units.h"

namespace guidon {
namespace {

// What lies in both: nothing where they are apart.
std::optional<std::string> Narrower(const std::string& a, const std::string& b) {
  if (a.empty() || a == b) return b;
  if (b.empty()) return a;
  return std::nullopt;
}

std::optional<Grant> Within(const Grant& a, const Grant& b) {
  const VerbSet verbs = a.verbs & b.verbs;
  const auto project = Narrower(a.project, b.project), environment = Narrower(a.environment, b.environment);
  if (verbs.empty() || !project || !environment) return std::nullopt;
  return Grant{verbs, *project, *environment};
}

Value DescribeBinding(const Binding& binding) {
  Object object{{"role", Value(binding.role)}};
  if (!binding.project.empty()) object.Append("project", Value(binding.project));
  if (!binding.environment.empty()) object.Append("environment", Value(binding.environment));
  return Value(std::move(object));
}

Value DescribeBindings(const TeamMember& member) {
  Array bindings;
  for (const Binding& binding : member.bindings) bindings.push_back(DescribeBinding(binding));
  return Value(std::move(bindings));
}

}  // namespace

std::string EncodeMember(const TeamMember& member) {
  Object object{{"name", Value(member.name)},
                {"email", Value(member.email)},
                {"bindings", DescribeBindings(member)},
                {"created_ms", Value(member.created_ms)}};
  if (!member.groups.empty()) {
    Array groups;
    for (const std::string& group : member.groups) groups.emplace_back(group);
    object.Append("groups", Value(std::move(groups)));
  }
  return ToJson(Value(std::move(object)));
}

Result<TeamMember> DecodeMember(std::string_view id, std::string_view text) {
  const Result<Value> value = ParseJson(text);
  const Value* bindings = value ? value->Find("bindings") : nullptr;
  if (bindings == nullptr || !bindings->is_array()) {
    return Fail(ErrorCode::kCorrupt, "the record of member '" + std::string(id) + "' cannot be read");
  }
  TeamMember member;
  member.id = id;
  member.name = TextOf(*value, "name");
  member.email = TextOf(*value, "email");
  for (const Value& binding : bindings->AsArray()) {
    member.bindings.push_back({TextOf(binding, "role"), TextOf(binding, "project"), TextOf(binding, "environment")});
  }
  if (const Value* created = value->Find("created_ms")) member.created_ms = created->AsInt();
  if (const Value* groups = value->Find("groups"); groups != nullptr && groups->is_array()) {
    for (const Value& group : groups->AsArray()) member.groups.push_back(group.AsString());
  }
  return member;
}

Value DescribeMember(const TeamMember& member) {
  Object object{{"id", Value(member.id)}, {"name", Value(member.name)}};
  if (!member.email.empty()) object.Append("email", Value(member.email));
  object.Append("bindings", DescribeBindings(member));
  object.Append("created", Value(FormatTimestamp(member.created_ms)));
  return Value(std::move(object));
}

bool IsOwner(const TeamMember& member) {
  return std::find(member.bindings.begin(), member.bindings.end(), Binding{std::string(kOwner), "", ""}) !=
         member.bindings.end();
}

bool IsOwner(const KeyRecord& record, const TeamMember* member) {
  return record.kind == KeyKind::kAdmin && RoleOf(record) == kOwner && record.project.empty() &&
         record.environment.empty() && (record.member.empty() || (member != nullptr && IsOwner(*member)));
}

void Members::PutRole(Role role) {
  std::unique_lock lock(mutex_);
  roles_.insert_or_assign(role.name, std::move(role));
}

void Members::RemoveRole(std::string_view name) {
  std::unique_lock lock(mutex_);
  if (const auto held = roles_.find(name); held != roles_.end()) roles_.erase(held);
}

void Members::Put(TeamMember member) {
  std::unique_lock lock(mutex_);
  members_.insert_or_assign(member.id, std::move(member));
}

void Members::Remove(std::string_view id) {
  std::unique_lock lock(mutex_);
  if (const auto held = members_.find(id); held != members_.end()) members_.erase(held);
}

std::optional<Role> Members::FindRole(std::string_view name) const {
  if (const Role* built_in = FindBuiltInRole(name)) return *built_in;
  std::shared_lock lock(mutex_);
  const auto held = roles_.find(name);
  if (held == roles_.end()) return std::nullopt;
  return held->second;
}

std::vector<Role> Members::Roles() const {
  std::vector<Role> roles = BuiltInRoles();
  std::shared_lock lock(mutex_);
  for (const auto& [name, role] : roles_) {
    if (FindBuiltInRole(name) == nullptr) roles.push_back(role);
  }
  return roles;
}

std::optional<TeamMember> Members::Find(std::string_view id) const {
  std::shared_lock lock(mutex_);
  const auto held = members_.find(id);
  if (held == members_.end()) return std::nullopt;
  return held->second;
}

std::vector<TeamMember> Members::List() const {
  std::shared_lock lock(mutex_);
  std::vector<TeamMember> list;
  list.reserve(members_.size());
  for (const auto& [id, member] : members_) list.push_back(member);
  return list;
}

std::vector<Grant> Members::GrantsOf(const KeyRecord& record) const {
  if (record.kind != KeyKind::kAdmin) return {};
  std::shared_lock lock(mutex_);
  if (record.member.empty()) return GrantsLocked(record, nullptr);
  const auto held = members_.find(record.member);
  if (held == members_.end()) return {};
  return GrantsLocked(record, &held->second);
}

std::vector<Grant> Members::GrantsOf(const TeamMember& member) const {
  std::shared_lock lock(mutex_);
  return GrantsLocked(member);
}

std::vector<Grant> Members::GrantsOf(const Binding& binding) const {
  TeamMember one;
  one.bindings = {binding};
  return GrantsOf(one);
}

bool Members::IsOwnerKey(const KeyRecord& record) const {
  std::shared_lock lock(mutex_);
  const auto held = members_.find(record.member);
  return IsOwner(record, held == members_.end() ? nullptr : &held->second);
}

VerbSet Members::VerbsOf(std::string_view role) const {
  if (const Role* built_in = FindBuiltInRole(role)) return built_in->verbs;
  const auto held = roles_.find(role);
  return held == roles_.end() ? VerbSet() : held->second.verbs;
}

std::vector<Grant> Members::GrantsLocked(const TeamMember& member) const {
  std::vector<Grant> grants;
  for (const Binding& binding : member.bindings) {
    const VerbSet verbs = VerbsOf(binding.role);
    if (!verbs.empty()) grants.push_back({verbs, binding.project, binding.environment});
  }
  return grants;
}

std::vector<Grant> Members::GrantsLocked(const KeyRecord& record, const TeamMember* member) const {
  const Grant own{VerbsOf(RoleOf(record)), record.project, record.environment};
  if (own.verbs.empty()) return {};
  if (member == nullptr) return {own};
  std::vector<Grant> grants;
  for (const Grant& theirs : GrantsLocked(*member)) {
    if (auto both = Within(own, theirs)) grants.push_back(*std::move(both));
  }
  return grants;
}

}  // namespace guidon
