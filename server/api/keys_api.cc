// API keys over HTTP.
#include "core/base/json.h"
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
};

Result<NewKeyRequest> ReadNewKey(const Value& body) {
  NewKeyRequest request;
  const auto fail = [](std::string_view name, std::string message) {
    return Fail(InvalidError("the key cannot be made",
                             {{Severity::kError, "wrong_value", Path().Key(name), std::move(message), "", ""}}));
  };
  for (const Member& member : body.AsObject()) {
    if (member.name != "kind" && member.name != "environment" && member.name != "description") {
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
  if (request.description.size() > kMaxDescriptionBytes) {
    return fail("description", "longer than " + std::to_string(kMaxDescriptionBytes) + " bytes");
  }
  return request;
}

}  // namespace

http::Response Api::ListKeys(const Call& call) {
  const std::string project(call.request.Param("project"));
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
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) {
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
  std::optional<KeyRecord> record = parts_.authenticator.Find(id);
  if (!record || record->project != project) {
    return ProblemResponse({ErrorCode::kNotFound, "project '" + project + "' has no key '" + id + "'", {}},
                           call.request.id);
  }
  if (record->revoked_ms != 0) return JsonResponse(200, Object{{"revision", Value(parts_.feed.head())}});
  record->revoked_ms = parts_.now_ms();
  Result<Committed> committed =
      parts_.catalog.PutItem({std::string(kKeySpace), id, EncodeKeyRecord(*record)}, "key.revoke", AuthorOf(call));
  if (!committed) return ProblemResponse(committed.error(), call.request.id);
  parts_.authenticator.Put(*record);
  return JsonResponse(200, Object{{"revision", Value(committed->revision)}});
}

}  // namespace guidon
