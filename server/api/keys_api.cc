// API keys over HTTP.
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
  std::string description;
  std::int64_t valid_ms = 0;  // 0: for ever
};

Result<NewKeyRequest> ReadNewKey(const Value& body) {
  NewKeyRequest request;
  const auto fail = [](std::string_view name, std::string message) {
    return Fail(InvalidError("the key cannot be made",
                             {{Severity::kError, "wrong_value", Path().Key(name), std::move(message), "", ""}}));
  };
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'kind'");
  for (const Member& member : body.AsObject()) {
    if (member.name != "kind" && member.name != "environment" && member.name != "description" &&
        member.name != "expires_in") {
      return fail(member.name, "unknown key '" + member.name + "'");
    }
    if (!member.value.is_string()) return fail(member.name, "expected text");
  }
  const Value* kind = body.Find("kind");
  const auto known = kind == nullptr ? std::nullopt : KeyKindFromString(kind->AsString());
  if (!known || (*known != KeyKind::kServer && *known != KeyKind::kAdmin)) {
    return fail("kind", "expected 'server' or 'admin'");
  }
  request.kind = *known;
  if (const Value* environment = body.Find("environment")) request.environment = environment->AsString();
  if (const Value* description = body.Find("description")) request.description = description->AsString();
  if (request.kind == KeyKind::kServer && request.environment.empty()) {
    return fail("environment", "a server key belongs to one environment; name it");
  }
  if (request.kind == KeyKind::kAdmin && !request.environment.empty()) {
    return fail("environment", "an admin key is not limited to an environment");
  }
  if (const Value* expires_in = body.Find("expires_in")) {
    const auto valid = ParseDuration(expires_in->AsString());
    if (!valid || valid->count() <= 0 || *valid > std::chrono::days(kMaxDurationDays)) {
      return fail("expires_in",
                  "expected a duration of at most " + std::to_string(kMaxDurationDays) + " days, such as 90d");
    }
    request.valid_ms = valid->count();
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
    if (record.project == project) keys.push_back(DescribeKey(record));
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
        InvalidError("the key cannot be made",
                     {{Severity::kError, "wrong_value", Path().Key("kind"), "only an admin key can be of all projects",
                       "make a server key at /api/v1/projects/{project}/keys", ""}}),
        call.request.id);
  }
  MutexLock lock(keys_);
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr && !project.empty()) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + project + "'", {}}, call.request.id);
  }
  if (!wanted->environment.empty() && !held->definitions.project.FindEnvironment(wanted->environment)) {
    return ProblemResponse(
        {ErrorCode::kNotFound, "project '" + project + "' has no environment '" + wanted->environment + "'", {}},
        call.request.id);
  }
  Result<NewKey> key = GenerateKey(wanted->kind);
  if (!key) return ProblemResponse(key.error(), call.request.id);
  key->record.project = project;
  key->record.environment = wanted->environment;
  key->record.description = wanted->description;
  key->record.created_ms = parts_.now_ms();
  if (wanted->valid_ms > 0) key->record.expires_ms = key->record.created_ms + wanted->valid_ms;
  Result<Committed> committed = parts_.catalog.PutItem(
      {std::string(kKeySpace), key->record.id, EncodeKeyRecord(key->record)}, "key.create", AuthorOf(call));
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  parts_.authenticator.Put(key->record);
  Value document = DescribeKey(key->record);
  document.MutableObject().Set("key", Value(key->text));
  return JsonResponse(201, document);
}

http::Response Api::RevokeKey(const Call& call) {
  const std::string project(call.request.Param("project")), id(call.request.Param("id"));
  MutexLock lock(keys_);
  std::optional<KeyRecord> record = parts_.authenticator.Find(id);
  if (!record || record->project != project) {
    const std::string where = project.empty() ? "among the keys of all projects" : "of project '" + project + "'";
    return ProblemResponse({ErrorCode::kNotFound, "there is no key '" + id + "' " + where, {}}, call.request.id);
  }
  if (project.empty() && IsForEver(*record) && IsLastAdminKey(id)) {
    return ProblemResponse(
        {ErrorCode::kConflict, "key " + id + " is the last admin key of all projects; make another one first", {}},
        call.request.id);
  }
  if (record->revoked_ms != 0) return JsonResponse(200, Object{{"revision", Value(parts_.feed.head())}});
  record->revoked_ms = parts_.now_ms();
  Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kKeySpace), id, EncodeKeyRecord(*record)}, "key.revoke", AuthorOf(call));
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  parts_.authenticator.Put(*record);
  parts_.wake_streams();  // those of this key say goodbye now, not at their next tick
  return JsonResponse(200, Object{{"revision", Value(committed->revision)}});
}

bool Api::IsLastAdminKey(const std::string& id) const {
  for (const KeyRecord& other : parts_.authenticator.List("")) {
    if (other.kind == KeyKind::kAdmin && IsForEver(other) && other.id != id) return false;
  }
  return true;
}

}  // namespace guidon
