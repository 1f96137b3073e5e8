// How far a revision has come: which share of the processes that use an environment hold it, and who does not.
#include <algorithm>
#include <utility>

#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

// Groups in an answer; the processes of the others are counted.
constexpr std::size_t kMostLaggards = 100, kMostSdks = 100;
constexpr std::size_t kMostVersionBytes = 256;  // as in a status

Value EncodeSpan(const Span& span) {
  return Object{{"least", Value(span.least.count())}, {"most", Value(span.most.count())}};
}

Value EncodeLaggards(const Laggards& group) {
  return Object{{"application", Value(group.application)},
                {"version", Value(group.version)},
                {"epoch", Value(group.epoch)},
                {"revision", Value(group.revision)},
                {"processes", Value(group.processes)},
                {"heard_ms_ago", EncodeSpan(group.heard_ago)},
                {"confirmed_ms_ago", EncodeSpan(group.confirmed_ago)}};
}

Value EncodeSdk(const SdkGroup& group) {
  Object object{{"application", Value(group.application)},
                {"version", Value(group.version)},
                {"sdk", Value(group.sdk)},
                {"sdk_version", Value(group.sdk_version)},
                {"processes", Value(group.processes)},
                {"with_broken", Value(group.with_broken)}};
  Array broken;
  for (const std::string& flag : group.broken) broken.emplace_back(flag);
  if (!broken.empty()) object.Append("broken", Value(std::move(broken)));
  return Value(std::move(object));
}

// `?version=4.2.0`, of the application; absent: all.
Result<std::optional<std::string>> ReadVersion(const http::Request& request) {
  const std::string_view version = request.Query("version");
  if (version.size() > kMostVersionBytes) {
    return Fail(ErrorCode::kInvalid, "a version is text of at most " + std::to_string(kMostVersionBytes) + " bytes");
  }
  return version.empty() ? std::nullopt : std::optional<std::string>(version);
}

// `?revision=N|head`; absent: head.
Result<Revision> ReadGoal(const http::Request& request, Revision head) {
  if (request.Query("revision") == "head") return head;
  Result<std::optional<Revision>> asked = ReadRevision(request);
  if (!asked) return Fail(ErrorCode::kInvalid, asked.error().message + ", or 'head'");
  return asked->value_or(head);
}

}  // namespace

http::Response Api::GetPropagation(const Call& call) {
  const Scope scope{std::string(call.request.Param("project")), std::string(call.request.Param("environment"))};
  const std::shared_ptr<Channel> channel = parts_.feed.Find(scope);
  if (!channel) return GetEnvironment(call);  // which says what is missing
  const Revision head = parts_.feed.head();
  const Result<Revision> revision = ReadGoal(call.request, head);
  if (!revision) return BadRequest(call.request, revision.error());
  if (*revision > head) {
    return ProblemResponse(
        {ErrorCode::kNotFound,
         "there is no revision " + std::to_string(*revision) + "; the newest is " + std::to_string(head),
         {}},
        call.request.id);
  }
  const Result<std::optional<std::string>> version = ReadVersion(call.request);
  if (!version) return BadRequest(call.request, version.error());
  const Revision altered = channel->AlteredBy(*revision);
  const Propagation far =
      parts_.processes.HowFar(scope.project, scope.environment, {parts_.feed.epoch(), altered}, *version);
  const std::size_t shown = std::min(far.laggards.size(), kMostLaggards);
  Array laggards;
  std::size_t named = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    laggards.push_back(EncodeLaggards(far.laggards[i]));
    named += far.laggards[i].processes;
  }
  Array sdks;
  std::size_t with_sdk = 0;
  for (std::size_t i = 0; i < std::min(far.sdks.size(), kMostSdks); ++i) {
    sdks.push_back(EncodeSdk(far.sdks[i]));
    with_sdk += far.sdks[i].processes;
  }
  const double share = static_cast<double>(far.holding) / static_cast<double>(std::max<std::size_t>(1, far.live));
  return JsonResponse(200, Value(Object{{"project", Value(scope.project)},
                                        {"environment", Value(scope.environment)},
                                        {"epoch", Value(parts_.feed.epoch())},
                                        {"revision", Value(*revision)},
                                        {"altered", Value(altered)},
                                        {"live", Value(far.live)},
                                        {"holding", Value(far.holding)},
                                        {"share", far.live == 0 ? Value() : Value(share)},
                                        {"observed_ms", Value(far.observed.count())},
                                        {"laggards", Value(std::move(laggards))},
                                        {"laggards_left_out", Value(far.live - far.holding - named)},
                                        {"sdks", Value(std::move(sdks))},
                                        {"sdks_left_out", Value(far.live - with_sdk)}}));
}

}  // namespace guidon
