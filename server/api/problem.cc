#include "server/api/problem.h"

#include <utility>

#include "core/base/json.h"
#include "server/catalog/catalog.h"

namespace guidon {
namespace {

std::string_view TitleOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "The request is not valid";
    case ErrorCode::kNotFound:
      return "There is no such thing";
    case ErrorCode::kAlreadyExists:
      return "It exists";
    case ErrorCode::kConflict:
      return "It conflicts with what is there";
    case ErrorCode::kStale:
      return "It has changed";
    case ErrorCode::kMismatch:
      return "The idempotency key was used for something else";
    case ErrorCode::kUnauthenticated:
      return "A valid key is needed";
    case ErrorCode::kPermissionDenied:
      return "This key may not do that";
    case ErrorCode::kTooLarge:
      return "The request is too large";
    case ErrorCode::kOverloaded:
      return "The server is busy";
    case ErrorCode::kStorageFull:
      return "The disk is full";
    case ErrorCode::kUnavailable:
      return "The server takes no changes at the moment";
    case ErrorCode::kIndeterminate:
      return "It is not known whether this was written";
    case ErrorCode::kGone:
      return "It is older than what is kept";
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return "The server failed";
  }
  return "The server failed";
}

// That of the error, but for a conflict that has a name of its own.
std::string_view CodeOf(const Error& error) {
  const bool is_named = error.issues.size() == 1 && error.issues[0].code == kChangeRequestRequired;
  return is_named ? kChangeRequestRequired : ToString(error.code);
}

}  // namespace

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 422;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kStale:
      return 412;
    case ErrorCode::kMismatch:
      return 422;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kStorageFull:
      return 507;
    case ErrorCode::kGone:
      return 410;
    case ErrorCode::kIndeterminate:
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

Value EncodeIssue(const Issue& issue) {
  Object object{{"severity", Value(ToString(issue.severity))}, {"code", Value(issue.code)}};
  if (!issue.entity.empty()) object.Append("entity", Value(issue.entity));
  object.Append("path", Value(issue.path.ToText()));
  object.Append("pointer", Value(issue.path.ToPointer()));
  object.Append("message", Value(issue.message));
  if (!issue.hint.empty()) object.Append("hint", Value(issue.hint));
  return object;
}

Value EncodeIssues(const std::vector<Issue>& issues) {
  Array list;
  for (const Issue& issue : issues) list.push_back(EncodeIssue(issue));
  return list;
}

http::Response ProblemResponse(int status, const Error& error, std::string_view request_id, Object extra) {
  Object body{
      {"type", Value("about:blank")}, {"title", Value(status == 429 ? "Too many requests" : TitleOf(error.code))},
      {"status", Value(status)},      {"detail", Value(error.message)},
      {"code", Value(CodeOf(error))}, {"request_id", Value(request_id)}};
  if (!error.issues.empty()) body.Append("issues", EncodeIssues(error.issues));
  for (Member& member : extra) body.Append(member.name, std::move(member.value));
  http::Response response;
  response.status = status;
  response.Header("Content-Type", "application/problem+json");
  response.Header("Cache-Control", "no-store");
  if (status == 401) response.Header("WWW-Authenticate", "Bearer");
  if (status == 503) response.Header("Retry-After", "1");
  response.body = ToJson(Value(std::move(body)));
  return response;
}

http::Response ProblemResponse(const Error& error, std::string_view request_id) {
  return ProblemResponse(StatusOf(error.code), error, request_id);
}

}  // namespace guidon
