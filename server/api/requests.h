// What handlers read from requests and write into answers, apart from what the codec knows.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>
#include "core/base/result.h"
#include "server/api/api.h"
#include "server/catalog/catalog.h"
#include "server/http/message.h"

namespace guidon {

// The body as JSON; kInvalid or kTooLarge. An empty body is an error that says so.
Result<Value> ReadJson(const http::Request& request);

// The body without its Content-Encoding, which may be gzip. kTooLarge when more than `most` bytes were packed, of which
// no more than that are ever unpacked; kInvalid: it is no gzip, or of another encoding.
Result<std::string> ReadPacked(const http::Request& request, std::size_t most);
// What to answer then: 415 for another encoding, else as BadRequest.
http::Response PackedProblem(const http::Request& request, const Error& error);

// 400: the request itself cannot be read, as against 422: it can, but says something wrong.
http::Response BadRequest(const http::Request& request, const Error& error);

struct Preconditions {
  Precondition condition;
  std::optional<IdempotencyKey> idempotency;
};
// If-Match: "17", 17 or *; If-None-Match: *; Idempotency-Key with a hash of method, address and body.
Result<Preconditions> ReadPreconditions(const http::Request& request);
// Of a request about many things at once: a precondition, of which one would have to guess what it is about, is
// refused.
Result<Preconditions> ReadIdempotencyOnly(const http::Request& request);

// A refused change: 412 when it was a precondition of the request that did not hold.
http::Response ChangeProblem(const http::Request& request, const Preconditions& conditions, const Error& error);

// What a change or a deletion names is not there: 412 where the request took it for granted, else 404.
http::Response MissingProblem(const http::Request& request, const Preconditions& conditions, const Error& not_found);

// With the revision that last changed what the answer shows, as its ETag.
http::Response Tagged(http::Response response, Revision revision);

// An SDK's key may outlive its environment.
Error GoneScope(const Principal& who);

// `?name=N`, within bounds; absent: `otherwise`.
Result<std::uint64_t> ReadNumber(const http::Request& request, std::string_view name, std::uint64_t otherwise,
                                 std::uint64_t least, std::uint64_t most);
// `?revision=N`
Result<std::optional<Revision>> ReadRevision(const http::Request& request);
// `?at=2027-03-31T08:00:00Z`
Result<std::optional<Timestamp>> ReadAt(const http::Request& request);
// `?name=true`; absent: false.
Result<bool> ReadSwitch(const http::Request& request, std::string_view name);

// `?emergency=REASON`: protected environments may be altered without approvals; absent: "".
Result<std::string> ReadEmergency(const http::Request& request);

// Whether it says that a proxy has passed it on, which each has to say: X-Forwarded-For, Forwarded or X-Real-IP.
bool IsPassedOn(const http::Request& request);

Author AuthorOf(const Call& call);

// The body of POST …/changes into edits and comment.
Status ReadChanges(const Value& body, CommitRequest& request);
// The body of POST …/ramps/{rule}: {"action":"pause","comment":…}
Status ReadRampMove(const Value& body, RampRequest& request);
// The body of POST …/experiments/{key}/start and the like, which may be left out but for `conclude`:
//   start     {"at":"2027-03-31T08:00:00Z","assignments":"fresh"|"keep","comment":…}: at a time, it is scheduled
//   conclude  {"winner":"one_page"|null,"decision":…,"comment":…}
//   others    {"comment":…}
Status ReadExperimentOrder(const Value& body, ExperimentMove move, ExperimentRequest& into);
// The body of POST …/experiments/{key}/ramp: {"action":"pause"|"resume"|"step"|"finish","comment":…}
Status ReadExperimentRampMove(const Value& body, ExperimentRequest& into);
// The body of POST …/apply. All issues of all definitions at once.
Result<WorkspaceRequest> ReadWorkspace(const Value& body, std::string_view project);
Object EncodePlan(const WorkspacePlan& plan);
Value EncodePlannedChange(const PlannedChange& change);

http::Response JsonResponse(int status, const Value& body);

}  // namespace guidon
