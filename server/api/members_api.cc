// People and roles over HTTP.
#include <algorithm>
#include <map>
#include <utility>

#include "core/base/json.h"
#include "core/model/names.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"
#include "server/auth/key_records.h"

namespace guidon {
namespace {

constexpr std::size_t kMaxNameOfPerson = 256;
constexpr std::size_t kMaxEmailBytes = 320;
constexpr std::size_t kMaxDescriptionBytes = 256;

// What is wrong with a body, each fault with its place.
class Faults {
 public:
  void Add(Path path, std::string message, std::string hint = "") {
    issues_.push_back({Severity::kError, "wrong_value", std::move(path), std::move(message), std::move(hint), ""});
  }
  void AddUnknown(const Value& object, const Path& path, const std::vector<std::string>& names) {
    for (const Member& member : object.AsObject()) {
      if (std::find(names.begin(), names.end(), member.name) != names.end()) continue;
      Add(path.Key(member.name), "unknown key '" + member.name + "'", DidYouMean(member.name, names));
    }
  }
  // "" when it is absent, or no text of at most `most` bytes, which is a fault.
  std::string Text(const Value& object, const Path& path, std::string_view name, std::size_t most) {
    const Value* text = object.Find(name);
    if (text == nullptr) return "";
    if (text->is_string() && text->AsString().size() <= most) return text->AsString();
    Add(path.Key(name), "expected text of at most " + std::to_string(most) + " bytes");
    return "";
  }
  // A key of something, or "" when it is absent.
  std::string Key(const Value& object, const Path& path, std::string_view name) {
    std::string key = Text(object, path, name, kMaxNameBytes);
    if (object.Find(name) != nullptr && !IsKey(key)) Add(path.Key(name), "expected a name");
    return key;
  }
  bool empty() const { return issues_.empty(); }
  Error ToError(std::string_view what) { return InvalidError(what, std::move(issues_)); }

 private:
  std::vector<Issue> issues_;
};

Status IsName(std::string_view id) {
  if (IsKey(id)) return {};
  return Fail(ErrorCode::kInvalid, "'" + std::string(id) +
                                       "' cannot be a name: letters, digits, dots, dashes and underscores, the first a "
                                       "letter or digit, at most 128");
}

Result<TeamMember> ReadMember(const Value& body, std::string_view id) {
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'name' and 'bindings'");
  TeamMember member;
  member.id = id;
  Faults faults;
  faults.AddUnknown(body, Path(), {"name", "email", "bindings"});
  member.name = faults.Text(body, Path(), "name", kMaxNameOfPerson);
  if (member.name.empty()) faults.Add(Path().Key("name"), "the name is missing");
  member.email = faults.Text(body, Path(), "email", kMaxEmailBytes);
  if (!member.email.empty() && member.email.find('@') == std::string::npos) {
    faults.Add(Path().Key("email"), "expected an address such as ana@example.com");
  }
  const Value* bindings = body.Find("bindings");
  const Path list = Path().Key("bindings");
  if (bindings != nullptr && (!bindings->is_array() || bindings->AsArray().size() > kMostBindings)) {
    faults.Add(list, "expected a list of at most " + std::to_string(kMostBindings) + " roles with their places");
  } else if (bindings != nullptr) {
    for (std::size_t i = 0; i < bindings->AsArray().size(); ++i) {
      const Value& binding = bindings->AsArray()[i];
      const Path at = list.Index(i);
      if (!binding.is_object()) {
        faults.Add(at, "expected an object with 'role'");
        continue;
      }
      faults.AddUnknown(binding, at, {"role", "project", "environment"});
      if (binding.Find("role") == nullptr) faults.Add(at.Key("role"), "the role is missing");
      member.bindings.push_back({faults.Key(binding, at, "role"), faults.Key(binding, at, "project"),
                                 faults.Key(binding, at, "environment")});
    }
  }
  if (!faults.empty()) return Fail(faults.ToError("the member cannot be read"));
  return member;
}

Result<Role> ReadRole(const Value& body, std::string_view name) {
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'verbs'");
  Role role;
  role.name = name;
  Faults faults;
  faults.AddUnknown(body, Path(), {"verbs", "description"});
  role.description = faults.Text(body, Path(), "description", kMaxDescriptionBytes);
  std::vector<std::string> known;
  for (const Verb verb : kVerbs) {
    if (IsOfRoles(verb)) known.emplace_back(ToString(verb));
  }
  const Value* verbs = body.Find("verbs");
  const Path list = Path().Key("verbs");
  if (verbs == nullptr || !verbs->is_array() || verbs->AsArray().empty()) {
    faults.Add(list, "expected a list of verbs such as 'definitions.read'");
  } else {
    for (std::size_t i = 0; i < verbs->AsArray().size(); ++i) {
      const std::string& word = verbs->AsArray()[i].AsString();
      if (const auto verb = VerbFromString(word); verb && IsOfRoles(*verb)) {
        role.verbs.Add(*verb);
      } else {
        faults.Add(list.Index(i), "'" + word + "' is no verb of roles", DidYouMean(word, known));
      }
    }
  }
  if (!faults.empty()) return Fail(faults.ToError("the role cannot be read"));
  return role;
}

Error NoSuchMember(std::string_view id) {
  return {ErrorCode::kNotFound, "there is no member '" + std::string(id) + "'", {}};
}

Value WithRevision(Value document, Revision revision) {
  document.MutableObject().Set("revision", Value(revision));
  return document;
}

// Which revision put each item of a space; those that cannot be read are not there.
std::map<std::string, Revision> RevisionsOf(const Catalog& catalog, std::string_view space) {
  std::map<std::string, Revision> revisions;
  const Result<std::vector<Item>> items = catalog.Items(space);
  for (const Item& item : items ? *items : std::vector<Item>()) revisions[item.id] = item.revision;
  return revisions;
}

http::Response RevisionResponse(const Committed& committed) {
  return JsonResponse(200, Object{{"revision", Value(committed.revision)}});
}

}  // namespace

// ---- People ------------------------------------------------------------------------------------------------------

http::Response Api::ListMembers(const Call&) {
  MutexLock lock(keys_);  // what is shown and its revision belong together
  std::map<std::string, Revision> revisions = RevisionsOf(parts_.catalog, kMemberSpace);
  Array members;
  for (const TeamMember& member : parts_.authenticator.members().List()) {
    members.push_back(WithRevision(DescribeMember(member), revisions[member.id]));
  }
  return JsonResponse(200, Object{{"members", Value(std::move(members))}});
}

http::Response Api::GetMember(const Call& call) {
  const std::string_view id = call.request.Param("id");
  MutexLock lock(keys_);
  const auto member = parts_.authenticator.members().Find(id);
  if (!member) return ProblemResponse(NoSuchMember(id), call.request.id);
  const Result<std::optional<Item>> item = parts_.catalog.FindItem(kMemberSpace, id);
  if (!item) return ProblemResponse(item.error(), call.request.id);
  const Revision revision = *item ? (*item)->revision : 0;
  return Tagged(JsonResponse(200, WithRevision(DescribeMember(*member), revision)), revision);
}

http::Response Api::PutMember(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  const std::string id(call.request.Param("id"));
  if (Status named = IsName(id); !named) return ProblemResponse(named.error(), call.request.id);
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Result<TeamMember> next = ReadMember(*body, id);
  if (!next) return ProblemResponse(next.error(), call.request.id);
  MutexLock lock(keys_);
  Members& members = parts_.authenticator.members();
  Faults faults;
  for (std::size_t i = 0; i < next->bindings.size(); ++i) {
    const Binding& binding = next->bindings[i];
    const Path at = Path().Key("bindings").Index(i);
    if (Status known = IsRole(binding.role); !known) faults.Add(at.Key("role"), known.error().message);
    if (Status there = IsThere(binding.project, ""); !there) {
      faults.Add(at.Key("project"), there.error().message);
    } else if (Status inside = IsThere(binding.project, binding.environment); !inside) {
      faults.Add(at.Key("environment"), inside.error().message);
    }
  }
  if (!faults.empty()) return ProblemResponse(faults.ToError("the member cannot have these roles"), call.request.id);
  if (Status held = AuthorizeGiving(call.who, members.GrantsOf(*next)); !held) {
    return ProblemResponse(held.error(), call.request.id);
  }
  const auto present = members.Find(id);
  if (!present && members.List().size() >= kMostMembers) {
    return ProblemResponse(
        {ErrorCode::kConflict, "there are " + std::to_string(kMostMembers) + " members, and can be no more", {}},
        call.request.id);
  }
  if (present) {
    if (Status left = LeavesAnOwner(*present, &*next); !left) return ProblemResponse(left.error(), call.request.id);
  }
  next->created_ms = present ? present->created_ms : parts_.now_ms();
  if (present) next->groups = present->groups;
  Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kMemberSpace), id, EncodeMember(*next)},
                             present ? "member.change" : "member.create", AuthorOf(call), conditions->condition);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  members.Put(*next);
  return Tagged(JsonResponse(present ? 200 : 201, WithRevision(DescribeMember(*next), committed->revision)),
                committed->revision);
}

// The keys and sessions of a member go with them, in the same commit.
http::Response Api::DeleteMember(const Call& call) {
  const std::string id(call.request.Param("id"));
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  MutexLock lock(keys_);
  Members& members = parts_.authenticator.members();
  const auto present = members.Find(id);
  if (!present) return MissingProblem(call.request, *conditions, NoSuchMember(id));
  if (Status left = LeavesAnOwner(*present, nullptr); !left) return ProblemResponse(left.error(), call.request.id);
  std::vector<Item> items = {{std::string(kMemberSpace), id, ""}};
  std::vector<KeyRecord> revoked;
  for (KeyRecord& record : parts_.authenticator.ListOf(id)) {
    if (record.revoked_ms != 0) continue;
    record.revoked_ms = parts_.now_ms();
    items.push_back({std::string(kKeySpace), record.id, EncodeKeyRecord(record), record.project, record.environment});
    revoked.push_back(std::move(record));
  }
  const std::vector<std::string> sessions = parts_.authenticator.sessions().ListOf(id);
  for (const std::string& session : sessions) items.push_back({std::string(kSessionSpace), session, ""});
  Result<Committed> committed = parts_.catalog.PutItems(items, "member.delete", AuthorOf(call), conditions->condition);
  if (!committed && committed.error().code == ErrorCode::kStale) {
    return ChangeProblem(call.request, *conditions, committed.error());
  }
  if (!committed) {
    // As of a key that is revoked: they are refused, whatever the store says.
    for (const KeyRecord& record : revoked) parts_.authenticator.End(record.id);
    for (const std::string& session : sessions) parts_.authenticator.sessions().End(session);
    Error error = committed.error();
    error.message += "; the keys and sessions of '" + id +
                     "' are refused from now on, but if the server restarts before that is stored, they are valid "
                     "again: remove '" +
                     id + "' once more when the server takes changes";
    return ChangeProblem(call.request, *conditions, error);
  }
  members.Remove(id);
  for (KeyRecord& record : revoked) parts_.authenticator.Put(std::move(record));
  for (const std::string& session : sessions) parts_.authenticator.sessions().Remove(session);
  return RevisionResponse(*committed);
}

// Once somebody is an owner of everything, somebody stays it, and has a way in. `next` is null when they go.
Status Api::LeavesAnOwner(const TeamMember& present, const TeamMember* next) const {
  if (!IsOwner(present) || (next != nullptr && IsOwner(*next))) return {};
  const std::vector<TeamMember> others = parts_.authenticator.members().List();
  const bool another = std::any_of(others.begin(), others.end(),
                                   [&](const TeamMember& other) { return other.id != present.id && IsOwner(other); });
  if (!another) {
    return Fail(ErrorCode::kConflict, "'" + present.id + "' is the last owner of everything; make another one first");
  }
  if (!HasOwnerKeyBut(present.id)) {
    return Fail(ErrorCode::kConflict, "'" + present.id +
                                          "' has the last key of an owner of everything that does not expire; make "
                                          "another one first");
  }
  return {};
}

// ---- Roles -------------------------------------------------------------------------------------------------------

http::Response Api::ListRoles(const Call&) {
  MutexLock lock(keys_);
  const std::map<std::string, Revision> revisions = RevisionsOf(parts_.catalog, kRoleSpace);
  Array roles;
  for (const Role& role : parts_.authenticator.members().Roles()) {
    const auto made = revisions.find(role.name);  // built-in ones were not
    roles.push_back(made == revisions.end() ? DescribeRole(role) : WithRevision(DescribeRole(role), made->second));
  }
  return JsonResponse(200, Object{{"roles", Value(std::move(roles))}});
}

http::Response Api::PutRole(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  const std::string name(call.request.Param("id"));
  if (Status named = IsName(name); !named) return ProblemResponse(named.error(), call.request.id);
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  Result<Role> role = ReadRole(*body, name);
  if (!role) return ProblemResponse(role.error(), call.request.id);
  if (FindBuiltInRole(name) != nullptr) {
    return ProblemResponse({ErrorCode::kConflict, "role '" + name + "' is built in and stays as it is", {}},
                           call.request.id);
  }
  // Whoever has it somewhere gets what is added to it there: so it is given everywhere.
  if (Status held = AuthorizeGiving(call.who, {{role->verbs, "", ""}}); !held) {
    return ProblemResponse(held.error(), call.request.id);
  }
  MutexLock lock(keys_);
  Members& members = parts_.authenticator.members();
  const bool is_new = !members.FindRole(name);
  if (is_new && members.Roles().size() >= kMostRoles + BuiltInRoles().size()) {
    return ProblemResponse(
        {ErrorCode::kConflict, "there are " + std::to_string(kMostRoles) + " roles, and can be no more", {}},
        call.request.id);
  }
  Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kRoleSpace), name, EncodeRole(*role)}, is_new ? "role.create" : "role.change",
                             AuthorOf(call), conditions->condition);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  members.PutRole(*role);
  return Tagged(JsonResponse(is_new ? 201 : 200, WithRevision(DescribeRole(*role), committed->revision)),
                committed->revision);
}

http::Response Api::DeleteRole(const Call& call) {
  const std::string name(call.request.Param("id"));
  if (FindBuiltInRole(name) != nullptr) {
    return ProblemResponse({ErrorCode::kConflict, "role '" + name + "' is built in and stays", {}}, call.request.id);
  }
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  MutexLock lock(keys_);
  Members& members = parts_.authenticator.members();
  if (!members.FindRole(name)) {
    return MissingProblem(call.request, *conditions, {ErrorCode::kNotFound, "there is no role '" + name + "'", {}});
  }
  const auto in_use = [&](const std::string& by) {
    return ProblemResponse({ErrorCode::kConflict, by + " still has the role '" + name + "'", {}}, call.request.id);
  };
  for (const TeamMember& member : members.List()) {
    for (const Binding& binding : member.bindings) {
      if (binding.role == name) return in_use("member '" + member.id + "'");
    }
  }
  for (const KeyRecord& record : parts_.authenticator.ListOfRole(name)) {
    if (IsUsable(record, parts_.now_ms())) return in_use("key " + record.id);
  }
  Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kRoleSpace), name, ""}, "role.delete", AuthorOf(call), conditions->condition);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  members.RemoveRole(name);
  return RevisionResponse(*committed);
}

// What a member may do in a place that goes would come back with the next one of that name. An empty environment: in
// the whole project.
std::optional<Error> Api::BindingOf(const std::string& project, const std::string& environment) const {
  for (const TeamMember& member : parts_.authenticator.members().List()) {
    for (const Binding& binding : member.bindings) {
      if (binding.project != project || (!environment.empty() && binding.environment != environment)) continue;
      return Error{ErrorCode::kConflict,
                   "member '" + member.id + "' still has the role '" + binding.role + "' there; take it away first",
                   {}};
    }
  }
  return std::nullopt;
}

}  // namespace guidon
