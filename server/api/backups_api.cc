// Backups over HTTP.
#include "core/base/json.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

constexpr std::size_t kHashDigits = 64;

std::string HexOf(const Hash256& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(kHashDigits);
  for (const std::uint8_t byte : hash) hex.append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  return hex;
}

std::string TimeOf(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

Value Describe(const BackupState& state) {
  Object object{{"name", Value(state.name)}, {"state", Value(ToString(state.phase))}, {"folder", Value(state.folder)}};
  if (state.phase == BackupState::Phase::kDone) {
    object.Append("made", Value(TimeOf(state.manifest.made)));
    object.Append("epoch", Value(state.manifest.epoch));
    object.Append("revision", Value(state.manifest.head.revision));
    object.Append("chain_hash", Value(HexOf(state.manifest.head.hash)));
    object.Append("bytes", Value(state.bytes));
    object.Append("files", Value(static_cast<std::uint64_t>(state.files)));
    object.Append("version", Value(state.manifest.version));
    return object;
  }
  object.Append("begun", Value(TimeOf(state.begun)));
  object.Append("copied_bytes", Value(state.copied));
  object.Append("bytes", Value(state.bytes));
  if (state.phase == BackupState::Phase::kFailed) {
    object.Append("code", Value(ToString(state.error.code)));
    object.Append("detail", Value(state.error.message));
  }
  return object;
}

// {"name": "monday"}, or {}: the time is taken.
Result<std::string> ReadName(const Value& body) {
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object, which may have a 'name'");
  std::string name;
  for (const Member& member : body.AsObject()) {
    std::string fault;
    if (member.name != "name") {
      fault = "unknown key '" + member.name + "'";
    } else if (!member.value.is_string() || member.value.AsString().empty()) {
      fault = "expected text";
    }
    if (!fault.empty()) {
      return Fail(InvalidError("the backup cannot be made",
                               {{Severity::kError, "wrong_value", Path().Key(member.name), std::move(fault), "", ""}}));
    }
    name = member.value.AsString();
  }
  return name;
}

}  // namespace

http::Response Api::CreateBackup(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<Preconditions> asked = ReadIdempotencyOnly(call.request);
  if (!asked) return BadRequest(call.request, asked.error());
  Result<std::string> name = ReadName(*body);
  if (!name) return ProblemResponse(name.error(), call.request.id);
  // The same request again, whose answer was lost: the hash is part of it, so that another body is another request.
  const std::string request =
      asked->idempotency ? call.who.id + " " + asked->idempotency->key + " " + asked->idempotency->body_hash : "";
  Result<BackupState> state = parts_.backups.Start(*std::move(name), request);
  if (!state) return ProblemResponse(state.error(), call.request.id);
  http::Response response = JsonResponse(202, Describe(*state));
  response.Header("Location", "/api/v1/backups/" + state->name);
  return response;
}

http::Response Api::ListBackups(const Call& call) {
  Result<std::vector<BackupState>> states = parts_.backups.List();
  if (!states) return ProblemResponse(states.error(), call.request.id);
  Array backups;
  for (const BackupState& state : *states) backups.push_back(Describe(state));
  return JsonResponse(200, Object{{"backups", Value(std::move(backups))}});
}

http::Response Api::GetBackup(const Call& call) {
  Result<BackupState> state = parts_.backups.Find(std::string(call.request.Param("name")));
  if (!state) return ProblemResponse(state.error(), call.request.id);
  return JsonResponse(200, Describe(*state));
}

}  // namespace guidon
