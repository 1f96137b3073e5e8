#include "server/auth/roles.h"

#include <utility>

#include "core/base/json.h"

namespace guidon {
namespace {

// A verb that is added is the owner's, and nobody else's until it is named here.
constexpr VerbSet EverythingOfRoles() {
  VerbSet verbs;
  for (const Verb verb : kVerbs) {
    if (IsOfRoles(verb)) verbs.Add(verb);
  }
  return verbs;
}

}  // namespace

const std::vector<Role>& BuiltInRoles() {
  static const std::vector<Role> kRoles = {
      {"viewer", {Verb::kRead}, "Reads definitions and what became of them", true},
      {"editor",
       {Verb::kRead, Verb::kWrite, Verb::kRecordGate},
       "Changes flags, segments, layers, holdouts, experiments, metrics",
       true},
      {"operator", {Verb::kRead, Verb::kReadAudit, Verb::kOperate}, "Keeps the server running and backed up", true},
      {"approver", {Verb::kRead, Verb::kReadAudit, Verb::kApprove}, "Approves what others want to change", true},
      {"admin",
       {Verb::kRead, Verb::kWrite, Verb::kManage, Verb::kManageKeys, Verb::kManageWebhooks, Verb::kReadEvents,
        Verb::kReadAudit, Verb::kApprove, Verb::kOverride, Verb::kManagePrivacy, Verb::kImportEvents,
        Verb::kRecordGate},
       "Runs projects: their environments, keys and events, too",
       true},
      {std::string(kOwner), EverythingOfRoles(), "Everything, people and their roles among it", true},
  };
  return kRoles;
}

const Role* FindBuiltInRole(std::string_view name) {
  for (const Role& role : BuiltInRoles()) {
    if (role.name == name) return &role;
  }
  return nullptr;
}

std::string RoleOf(const KeyRecord& record) {
  return record.role.empty() ? std::string(kOwner) : record.role;
}

std::string EncodeRole(const Role& role) {
  return ToJson(Value(Object{{"verbs", DescribeVerbs(role.verbs)}, {"description", Value(role.description)}}));
}

Result<Role> DecodeRole(std::string_view name, std::string_view text) {
  const Result<Value> value = ParseJson(text);
  const Value* verbs = value ? value->Find("verbs") : nullptr;
  if (verbs == nullptr || !verbs->is_array()) {
    return Fail(ErrorCode::kCorrupt, "the record of role '" + std::string(name) + "' cannot be read");
  }
  Role role;
  role.name = name;
  for (const Value& word : verbs->AsArray()) {
    if (const auto verb = VerbFromString(word.AsString()); verb && IsOfRoles(*verb)) role.verbs.Add(*verb);
  }
  if (const Value* description = value->Find("description")) role.description = description->AsString();
  return role;
}

Value DescribeVerbs(VerbSet verbs) {
  Array words;
  for (const Verb verb : kVerbs) {
    if (verbs.Has(verb)) words.emplace_back(ToString(verb));
  }
  return Value(std::move(words));
}

Value DescribeRole(const Role& role) {
  Object object{{"role", Value(role.name)}, {"built_in", Value(role.is_built_in)}};
  if (!role.description.empty()) object.Append("description", Value(role.description));
  object.Append("verbs", DescribeVerbs(role.verbs));
  return Value(std::move(object));
}

}  // namespace guidon
