// Errors as HTTP answers: RFC 9457 problem documents that name the path of what is wrong. The only place that knows
// which status an ErrorCode is.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/http/message.h"

namespace guidon {

// The status an error becomes when nothing about the request says otherwise.
int StatusOf(ErrorCode code);

// The document; `extra` members are appended.
http::Response ProblemResponse(int status, const Error& error, std::string_view request_id, Object extra = {});
http::Response ProblemResponse(const Error& error, std::string_view request_id);

Value EncodeIssue(const Issue& issue);
Value EncodeIssues(const std::vector<Issue>& issues);

}  // namespace guidon
