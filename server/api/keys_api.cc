// API keys over HTTP.
#include <algorithm>
#include <array>
#include <chrono>

#include "core/base/json.h"
#include "core/model/names.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"
#include "server/auth/key_records.h"

namespace guidon {
namespace {

constexpr std::size_t kMaxDescriptionBytes = 256;

struct NewKeyRequest {
  KeyKind kind = KeyKind::kServer;
  std::string environment;
  std::string role;
  std::string member;
  std::string description;
  std::int64_t valid_ms = 0;  // 0: for ever
};

constexpr std::array<std::string_view, 6> kNames = {"kind",   "environment", "role",
                                                    "member", "description", "expires_in"};

Error KeyFault(std::string_view name, std::string message, std::string hint = "") {
  return InvalidError("the key cannot be made",
                      {{Severity::kError, "wrong_value", Path().Key(name), std::move(message), std::move(hint), ""}});
}

// In milliseconds.
std::optional<std::int64_t> ReadPeriod(const Value& text) {
  const auto period = ParseDuration(text.AsString());
  if (!period || period->count() <= 0 || *period > std::chrono::days(kMaxDurationDays)) return std::nullopt;
  return period->count();
}
std::string ExpectedPeriod(const std::string& example) {
  return "expected a duration of at most " + std::to_string(kMaxDurationDays) + " days, such as " + example;
}

// How long a key stays valid beside the one that takes its place.
Result<std::int64_t> ReadOverlap(const Value& body) {
  constexpr std::int64_t kOneDay = 24 * 3'600'000;
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object, which may have 'overlap'");
  for (const Member& member : body.AsObject()) {
    if (member.name != "overlap") return Fail(KeyFault(member.name, "unknown key '" + member.name + "'"));
  }
  const Value* overlap = body.Find("overlap");
  if (overlap == nullptr) return kOneDay;
  if (const auto period = ReadPeriod(*overlap)) return *period;
  return Fail(KeyFault("overlap", ExpectedPeriod("24h"), "to end a key at once, revoke it"));
}

Result<NewKeyRequest> ReadNewKey(const Value& body) {
  NewKeyRequest request;
  const auto fail = [](std::string_view name, std::string message) { return Fail(KeyFault(name, std::move(message))); };
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'kind'");
  for (const Member& member : body.AsObject()) {
    if (std::find(kNames.begin(), kNames.end(), member.name) == kNames.end()) {
      return fail(member.name, "unknown key '" + member.name + "'");
    }
    if (!member.value.is_string()) return fail(member.name, "expected text");
  }
  const Value* kind = body.Find("kind");
  const auto known = kind == nullptr ? std::nullopt : KeyKindFromString(kind->AsString());
  if (!known) return fail("kind", "expected 'server', 'client', 'relay', 'events' or 'admin'");
  request.kind = *known;
  if (const Value* environment = body.Find("environment")) request.environment = environment->AsString();
  if (const Value* description = body.Find("description")) request.description = description->AsString();
  if (request.kind != KeyKind::kAdmin && request.environment.empty()) {
    return fail("environment",
                "a key of kind '" + std::string(ToString(request.kind)) + "' belongs to one environment; name it");
  }
  if (const Value* role = body.Find("role")) request.role = role->AsString();
  if (const Value* member = body.Find("member")) request.member = member->AsString();
  for (const char* name : {"role", "member"}) {
    if (request.kind == KeyKind::kAdmin || body.Find(name) == nullptr) continue;
    return fail(name, "only an admin key has a " + std::string(name) + "; what others may is said by their kind");
  }
  if (const Value* expires_in = body.Find("expires_in")) {
    const auto valid = ReadPeriod(*expires_in);
    if (!valid) return fail("expires_in", ExpectedPeriod("90d"));
    request.valid_ms = *valid;
  }
  if (request.description.size() > kMaxDescriptionBytes) {
    return fail("description", "longer than " + std::to_string(kMaxDescriptionBytes) + " bytes");
  }
  return request;
}

// One that expires could leave nobody behind who can make the next.
bool IsForEver(const KeyRecord& record) {
  return record.revoked_ms == 0 && record.expires_ms == 0;
}

}  // namespace

http::Response Api::ListKeys(const Call& call) {
  const std::string project(call.request.Param("project"));  // none: keys of all projects
  if (!project.empty() && parts_.catalog.View()->FindProject(project) == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + project + "'", {}}, call.request.id);
  }
  Array keys;
  for (const KeyRecord& record : parts_.authenticator.List(project)) {
    if (record.project != project) continue;
    // Who manages the keys of one environment sees those.
    if (Authorize(call.who, Verb::kManageKeys, {project, record.environment})) {
      keys.push_back(
          DescribeKey(record, parts_.authenticator.LastSeen(record.id), parts_.authenticator.EndedAt(record.id)));
    }
  }
  return JsonResponse(200, Object{{"keys", Value(std::move(keys))}});
}

http::Response Api::CreateKey(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<NewKeyRequest> wanted = ReadNewKey(*body);
  if (!wanted) return ProblemResponse(wanted.error(), call.request.id);
  const std::string project(call.request.Param("project"));
  if (project.empty() && wanted->kind != KeyKind::kAdmin) {
    return ProblemResponse(
        KeyFault("kind", "only an admin key can be of all projects", "make the key at /api/v1/projects/{project}/keys"),
        call.request.id);
  }
  if (project.empty() && !wanted->environment.empty()) {
    return ProblemResponse(KeyFault("environment", "a key of all projects is not limited to an environment",
                                    "make the key at /api/v1/projects/{project}/keys"),
                           call.request.id);
  }
  MutexLock lock(keys_);
  if (Status there = IsThere(project, wanted->environment); !there) {
    return ProblemResponse(there.error(), call.request.id);
  }
  if (Status known = IsRole(wanted->role); !known) {
    return ProblemResponse(KeyFault("role", known.error().message), call.request.id);
  }
  if (!wanted->member.empty() && !parts_.authenticator.members().Find(wanted->member)) {
    return ProblemResponse(KeyFault("member", "there is no member '" + wanted->member + "'"), call.request.id);
  }
  Result<NewKey> key = GenerateKey(wanted->kind);
  if (!key) return ProblemResponse(key.error(), call.request.id);
  key->record.project = project;
  key->record.environment = wanted->environment;
  key->record.role = wanted->role;
  key->record.member = wanted->member;
  key->record.description = wanted->description;
  key->record.created_ms = parts_.now_ms();
  if (wanted->valid_ms > 0) key->record.expires_ms = key->record.created_ms + wanted->valid_ms;
  if (Status may = AuthorizeKey(call.who, key->record); !may) return ProblemResponse(may.error(), call.request.id);
  Result<Committed> committed = parts_.catalog.PutItem(
      {std::string(kKeySpace), key->record.id, EncodeKeyRecord(key->record), project, wanted->environment},
      "key.create", AuthorOf(call));
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  parts_.authenticator.Put(key->record);
  Value document = DescribeKey(key->record);
  document.MutableObject().Set("key", Value(key->text));
  return JsonResponse(201, document);
}

http::Response Api::RevokeKey(const Call& call) {
  MutexLock lock(keys_);
  Result<KeyRecord> record = FindKey(call);
  if (!record) return ProblemResponse(record.error(), call.request.id);
  const std::string id = record->id;
  if (IsForEver(*record) && IsLastOwnerKey(id)) {
    return ProblemResponse(
        {ErrorCode::kConflict, "key " + id + " is the last one of an owner of everything; make another one first", {}},
        call.request.id);
  }
  if (record->revoked_ms != 0) return JsonResponse(200, Object{{"revision", Value(parts_.feed.head())}});
  record->revoked_ms = parts_.now_ms();
  Result<Committed> committed = parts_.catalog.PutItem(
      {std::string(kKeySpace), id, EncodeKeyRecord(*record), record->project, record->environment}, "key.revoke",
      AuthorOf(call));
  if (!committed) {
    // Somebody may have it who must not: it is refused, whatever the store says.
    parts_.authenticator.End(id);
    parts_.wake_streams();
    Error error = committed.error();
    error.message += "; key " + id +
                     " is refused from now on, but if the server restarts before that is stored, it is valid again: "
                     "revoke it once more when the server takes changes";
    return ProblemResponse(error, call.request.id);
  }
  parts_.authenticator.Put(*record);
  parts_.wake_streams();  // those of this key say goodbye now, not at their next tick
  return JsonResponse(200, Object{{"revision", Value(committed->revision)}});
}

// The new key and the end of the old one are one commit: there is no moment without a valid key, nor two that stay.
http::Response Api::RotateKey(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<std::int64_t> overlap_ms = ReadOverlap(*body);
  if (!overlap_ms) return ProblemResponse(overlap_ms.error(), call.request.id);
  MutexLock lock(keys_);
  Result<KeyRecord> old = FindKey(call);
  if (!old) return ProblemResponse(old.error(), call.request.id);
  const std::int64_t now_ms = parts_.now_ms();
  const auto refused = [&](const std::string& why) {
    return ProblemResponse({ErrorCode::kConflict, "key " + old->id + " " + why, {}}, call.request.id);
  };
  if (!IsUsable(*old, now_ms) || parts_.authenticator.HasEnded(old->id)) {
    return refused("is no longer valid; make a new one");
  }
  if (!old->replaced_by.empty()) return refused("was rotated already; rotate " + old->replaced_by + ", its successor");
  // Whoever gets the text of the new key holds what the old one may.
  if (Status may = AuthorizeKey(call.who, *old); !may) return ProblemResponse(may.error(), call.request.id);
  Result<NewKey> key = GenerateKey(old->kind);
  if (!key) return ProblemResponse(key.error(), call.request.id);
  KeyRecord next = *old;
  next.id = key->record.id;
  next.verifier = key->record.verifier;
  next.created_ms = now_ms;
  if (old->expires_ms != 0) next.expires_ms = now_ms + (old->expires_ms - old->created_ms);
  old->replaced_by = next.id;
  const std::int64_t end_ms = now_ms + *overlap_ms;
  old->expires_ms = old->expires_ms == 0 ? end_ms : std::min(old->expires_ms, end_ms);
  Result<Committed> committed =
      parts_.catalog.PutItems({{std::string(kKeySpace), next.id, EncodeKeyRecord(next), next.project, next.environment},
                               {std::string(kKeySpace), old->id, EncodeKeyRecord(*old)}},
                              "key.rotate", AuthorOf(call));
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  parts_.authenticator.Put(next);
  parts_.authenticator.Put(*old);
  Value document = DescribeKey(next);
  document.MutableObject().Set("key", Value(key->text));
  document.MutableObject().Set("replaces", DescribeKey(*old));
  return JsonResponse(201, document);
}

// The key that the address names, if the caller may manage it.
Result<KeyRecord> Api::FindKey(const Call& call) const {
  const std::string project(call.request.Param("project")), id(call.request.Param("id"));
  std::optional<KeyRecord> record = parts_.authenticator.Find(id);
  if (!record || record->project != project) {
    const std::string where = project.empty() ? "among the keys of all projects" : "of project '" + project + "'";
    return Fail(ErrorCode::kNotFound, "there is no key '" + id + "' " + where);
  }
  if (Status may = Authorize(call.who, Verb::kManageKeys, {project, record->environment}); !may) {
    return Fail(may.error());
  }
  return *std::move(record);
}

// Whether this caller may hand out such a key. What its member may has no say in it: that may grow.
Status Api::AuthorizeKey(const Principal& who, KeyRecord record) const {
  if (Status may = Authorize(who, Verb::kManageKeys, {record.project, record.environment}); !may) return may;
  record.member.clear();
  return AuthorizeGiving(who, parts_.authenticator.members().GrantsOf(record));
}

// Empty names are of everything, which is there.
Status Api::IsThere(const std::string& project, const std::string& environment) const {
  if (project.empty()) return {};
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) return Fail(ErrorCode::kNotFound, "there is no project '" + project + "'");
  if (!environment.empty() && held->definitions.project.FindEnvironment(environment) == nullptr) {
    return Fail(ErrorCode::kNotFound, "project '" + project + "' has no environment '" + environment + "'");
  }
  return {};
}

Status Api::IsRole(const std::string& name) const {
  const Members& members = parts_.authenticator.members();
  if (name.empty() || members.FindRole(name)) return {};
  std::vector<std::string> names;
  for (const Role& role : members.Roles()) names.push_back(role.name);
  const std::string hint = DidYouMean(name, names);
  return Fail(ErrorCode::kNotFound, "there is no role '" + name + "'" + (hint.empty() ? "" : "; " + hint));
}

bool Api::IsLastOwnerKey(const std::string& id) const {
  const Members& members = parts_.authenticator.members();
  bool is_one = false;
  for (const KeyRecord& record : parts_.authenticator.List("")) {
    if (!IsForEver(record) || parts_.authenticator.HasEnded(record.id) || !members.IsOwnerKey(record)) continue;
    if (record.id != id) return false;
    is_one = true;
  }
  return is_one;
}

bool Api::HasOwnerKeyBut(const std::string& member) const {
  const Members& members = parts_.authenticator.members();
  const std::vector<KeyRecord> keys = parts_.authenticator.List("");
  return std::any_of(keys.begin(), keys.end(), [&](const KeyRecord& record) {
    return record.member != member && IsForEver(record) && !parts_.authenticator.HasEnded(record.id) &&
           members.IsOwnerKey(record);
  });
}

}  // namespace guidon
