// The OpenFeature Remote Evaluation Protocol, version 0.3, as bytes: what a request says, and how an answer is written.
// https://github.com/open-feature/protocol has the specification; docs/ofrep.md says what of it is ours.
//
//   OfrepRequest request = ReadOfrep(body);
//   if (!request.fault.empty()) return OfrepFault(400, flag, request.fault, request.details);
//   AppendOfrepEvaluation(out, {…});
//
// OFREP has five reasons: DEFAULT and PREREQUISITE_FAILED are told as UNKNOWN, with the word that the SDKs use in the
// metadata. A flag that serves nothing (no variation, or null) has no `value`: the caller's fallback.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <guidon/context.h>
#include "core/base/result.h"
#include "core/eval/evaluator.h"
#include "server/http/message.h"

namespace guidon {

inline constexpr std::size_t kMostOfrepBytes = 64u << 10;  // of a request
inline constexpr std::size_t kMostOfrepAttributes = 1'000;

struct OfrepRequest {
  Context context;
  std::string_view fault;  // "PARSE_ERROR" or "INVALID_CONTEXT"; empty: none
  std::string details;     // what is wrong, and where
};
// `targetingKey` is the context's key; without it, `key` is. A context without either is one, until a split needs it.
OfrepRequest ReadOfrep(std::string_view body);

// How much of an answer is told.
struct OfrepDetail {
  bool is_for_clients = false;  // of a client key: no rule ids, and not why a flag is broken
  bool has_revision = false;    // of one flag; of all, it would change every answer with every change of anything
};

// The error code of OFREP that a decision is; "" when it is a success.
std::string_view OfrepErrorOf(const Decision& decision);
// {"key":…,"value":…,"reason":…,…}, or {"key":…,"errorCode":…,"errorDetails":…}.
void AppendOfrepEvaluation(std::string& out, const Ruleset& ruleset, std::string_view key, const Decision& decision,
                           const OfrepDetail& detail);
void AppendOfrepFailure(std::string& out, std::string_view key, std::string_view code, std::string_view details);

http::Response OfrepAnswer(int status, std::string body);
// {"key"?,"errorCode":…,"errorDetails":…}; `flag` may be empty.
http::Response OfrepFault(int status, std::string_view flag, std::string_view code, std::string_view details);
// What is no matter of flags: 401, 403, 429 with Retry-After, 503 of a server that stops, else 500; {"errorDetails":…}.
http::Response OfrepRefusal(const Error& error, std::uint64_t retry_seconds);

}  // namespace guidon
