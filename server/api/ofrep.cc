#include "server/api/ofrep.h"

#include <utility>

#include "core/base/json.h"
#include "core/ruleset/ruleset.h"

namespace guidon {
namespace {

OfrepRequest Faulty(std::string_view code, std::string details) {
  OfrepRequest request;
  request.fault = code;
  request.details = std::move(details);
  return request;
}

// DEFAULT and PREREQUISITE_FAILED are not among OFREP's.
std::string_view OfrepReasonOf(Reason reason) {
  switch (reason) {
    case Reason::kStatic:
    case Reason::kTargetingMatch:
    case Reason::kSplit:
    case Reason::kDisabled:
      return ToString(reason);
    case Reason::kDefault:
    case Reason::kPrerequisiteFailed:
    case Reason::kError:
      break;
  }
  return "UNKNOWN";
}

// Members of the metadata; nothing at all when there are none.
class Metadata {
 public:
  explicit Metadata(std::string& out) : out_(out) {}
  ~Metadata() {
    if (!is_empty_) out_ += '}';
  }
  Metadata(const Metadata&) = delete;
  Metadata& operator=(const Metadata&) = delete;

  void Text(std::string_view name, std::string_view text) {
    if (text.empty()) return;
    Name(name);
    AppendJsonString(out_, text);
  }
  void Raw(std::string_view name, std::string_view json) {
    Name(name);
    out_ += json;
  }

 private:
  void Name(std::string_view name) {
    out_.append(is_empty_ ? ",\"metadata\":{\"" : ",\"").append(name).append("\":");
    is_empty_ = false;
  }

  std::string& out_;
  bool is_empty_ = true;
};

}  // namespace

OfrepRequest ReadOfrep(std::string_view body) {
  if (body.size() > kMostOfrepBytes) {
    return Faulty("INVALID_CONTEXT", "the request has " + std::to_string(body.size()) + " bytes; at most " +
                                         std::to_string(kMostOfrepBytes) + " are read");
  }
  if (body.empty()) return Faulty("PARSE_ERROR", "the request has no body; JSON with 'context' is expected");
  const Result<Value> json = ParseJson(body);
  if (!json) return Faulty("PARSE_ERROR", json.error().message);
  if (!json->is_object()) return Faulty("PARSE_ERROR", "expected an object with 'context'");
  const Value* context = json->Find("context");
  if (context == nullptr || !context->is_object()) {
    return Faulty("INVALID_CONTEXT", context == nullptr ? "'context' is missing" : "'context' is no object");
  }
  const Object& members = context->AsObject();
  if (members.size() > kMostOfrepAttributes) {
    return Faulty("INVALID_CONTEXT", "the context has " + std::to_string(members.size()) + " attributes; at most " +
                                         std::to_string(kMostOfrepAttributes) + " are read");
  }
  const Value* key = members.Find("targetingKey");
  if (key != nullptr && !key->is_null() && !key->is_string()) {
    return Faulty("INVALID_CONTEXT", "'context.targetingKey' is no text");
  }
  OfrepRequest request;
  const bool has_key = key != nullptr && key->is_string();
  if (has_key) request.context.SetKey(key->AsString());
  for (const Member& member : members) {
    if (member.name == "targetingKey" || (member.name == "key" && has_key)) continue;
    request.context.Set(Attribute(member.name), member.value);
  }
  return request;
}

std::string_view OfrepErrorOf(const Decision& decision) {
  switch (decision.error) {
    case EvaluationError::kNone:
      return "";
    case EvaluationError::kFlagNotFound:
      return "FLAG_NOT_FOUND";
    case EvaluationError::kParseError:
      return "PARSE_ERROR";
    case EvaluationError::kTargetingKeyMissing:
      return "TARGETING_KEY_MISSING";
    case EvaluationError::kTypeMismatch:
    case EvaluationError::kProviderNotReady:
      break;
  }
  return "GENERAL";
}

void AppendOfrepEvaluation(std::string& out, const Ruleset& ruleset, std::string_view key, const Decision& decision,
                           const OfrepDetail& detail) {
  if (const std::string_view error = OfrepErrorOf(decision); !error.empty()) {
    const bool is_hidden = detail.is_for_clients && decision.error == EvaluationError::kParseError;
    return AppendOfrepFailure(
        out, key, error, is_hidden ? "this version cannot evaluate the flag" : ErrorMessage(ruleset, key, decision));
  }
  out += "{\"key\":";
  AppendJsonString(out, key);
  if (const Value* value = decision.value(); value != nullptr && !value->is_null()) {
    out += ",\"value\":";
    AppendJson(out, *value);
  }
  const std::string_view native = ToString(decision.reason), reason = OfrepReasonOf(decision.reason);
  out.append(",\"reason\":\"").append(reason).append("\"");
  if (decision.variation != kNone) {
    out += ",\"variant\":";
    AppendJsonString(out, decision.variation_name());
  }
  {
    Metadata metadata(out);
    if (native != reason) metadata.Text("reason", native);
    if (!detail.is_for_clients) metadata.Text("rule", decision.rule_id());
    if (decision.experiment != nullptr) {
      metadata.Text("experiment", decision.experiment->key);
      metadata.Text("variant", decision.variant_name());
    }
    if (decision.forced) metadata.Raw("forced", "true");
    if (detail.has_revision) metadata.Raw("revision", std::to_string(ruleset.revision()));
  }
  out += '}';
}

void AppendOfrepFailure(std::string& out, std::string_view key, std::string_view code, std::string_view details) {
  out += '{';
  if (!key.empty()) {
    out += "\"key\":";
    AppendJsonString(out, key);
    out += ',';
  }
  out.append("\"errorCode\":\"").append(code).append("\",\"errorDetails\":");
  AppendJsonString(out, details);
  out += '}';
}

http::Response OfrepAnswer(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.Header("Content-Type", "application/json");
  response.Header("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

http::Response OfrepFault(int status, std::string_view flag, std::string_view code, std::string_view details) {
  std::string body;
  AppendOfrepFailure(body, flag, code, details);
  return OfrepAnswer(status, std::move(body));
}

http::Response OfrepRefusal(const Error& error, std::uint64_t retry_seconds) {
  int status = 500;
  switch (error.code) {
    case ErrorCode::kUnauthenticated:
      status = 401;
      break;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kNotFound:  // of a key whose environment is gone
      status = 403;
      break;
    case ErrorCode::kOverloaded:
      status = 429;
      break;
    case ErrorCode::kUnavailable:
      status = 503;
      break;
    default:
      break;
  }
  std::string body = "{\"errorDetails\":";
  AppendJsonString(body, error.message);
  body += '}';
  http::Response response = OfrepAnswer(status, std::move(body));
  if (status == 401) response.Header("WWW-Authenticate", "Bearer");
  if (status == 429 || status == 503) response.Header("Retry-After", std::to_string(retry_seconds));
  return response;
}

}  // namespace guidon
