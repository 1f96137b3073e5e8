// Evaluating for people and tools, now or at a past revision, with an explanation on request; and whole snapshots.
#include "core/codec/wire.h"
#include "core/eval/evaluator.h"
#include "core/model/units.h"
#include "core/ruleset/ruleset.h"
#include "server/api/api.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

struct EvaluateRequest {
  std::string flag;  // empty: all
  Context context;
  bool explain = false;
  std::optional<Revision> revision;
  std::optional<Timestamp> at;
  std::int64_t now_ms = 0;
};

Error WrongMoment(std::string message) {
  return InvalidError("the request cannot be evaluated",
                      {{Severity::kError, "wrong_value", Path().Key("at"), std::move(message), "", ""}});
}

// The revision that was served at a moment.
Result<Revision> RevisionAt(const Catalog& catalog, Timestamp at, std::int64_t now_ms) {
  const std::string text = FormatTimestamp(at.time_since_epoch().count());
  if (at.time_since_epoch().count() > now_ms) {
    return Fail(WrongMoment(text + " is in the future; what today's rules will say then, `now` tells"));
  }
  const Result<Revision> revision = catalog.audit().RevisionAt(at);
  if (!revision) return Fail(revision.error());
  if (*revision > 0) return *revision;
  return Fail(ErrorCode::kNotFound, "at " + text + " there was nothing yet");
}

Result<EvaluateRequest> ReadEvaluate(const Value& body, std::int64_t now_ms) {
  EvaluateRequest request;
  std::optional<std::int64_t> now;
  std::vector<Issue> issues;
  const auto fault = [&](std::string_view name, std::string message, std::string hint = "") {
    issues.push_back({Severity::kError, "wrong_value", Path().Key(name), std::move(message), std::move(hint), ""});
  };
  if (!body.is_object()) return Fail(ErrorCode::kInvalid, "expected an object with 'context'");
  for (const Member& member : body.AsObject()) {
    const Value& value = member.value;
    if (member.name == "flag") {
      request.flag = value.AsString();
      if (request.flag.empty()) fault("flag", "expected a flag's key");
    } else if (member.name == "context") {
      if (!value.is_object()) fault("context", "expected an object");
      request.context = Context::FromValue(value);
    } else if (member.name == "explain") {
      if (!value.is_bool()) fault("explain", "expected true or false");
      request.explain = value.AsBool();
    } else if (member.name == "revision") {
      if (!value.is_int() || value.AsInt() < 1) fault("revision", "expected a whole number from 1");
      request.revision = static_cast<Revision>(value.AsInt());
    } else if (member.name == "now" || member.name == "at") {
      const auto time = ParseTimestamp(value.AsString());
      if (!time) fault(member.name, "expected a time such as 2027-03-31T08:00:00Z");
      if (member.name == "now") now = time;
      if (member.name == "at" && time) request.at = Timestamp(std::chrono::milliseconds(*time));
    } else {
      fault(member.name, "unknown key '" + member.name + "'",
            DidYouMean(member.name, {"flag", "context", "explain", "revision", "at", "now"}));
    }
  }
  if (body.Find("context") == nullptr) fault("context", "the context is missing");
  if (request.revision && request.at) fault("at", "a moment and a revision were given; which of the two?");
  // A moment is all of it: the rules of then, and what `now` was then.
  request.now_ms = now.value_or(request.at ? request.at->time_since_epoch().count() : now_ms);
  if (!issues.empty()) return Fail(InvalidError("the request cannot be evaluated", std::move(issues)));
  return request;
}

Value EvaluateOne(const Ruleset& ruleset, const std::string& key, const EvaluateRequest& request) {
  const std::uint32_t slot = ruleset.Find(key);
  if (!request.explain) {
    return DescribeDecision(ruleset, key, Evaluate(ruleset, slot, request.context, request.now_ms), nullptr);
  }
  TraceSink trace;
  const Decision decision = Evaluate(ruleset, slot, request.context, request.now_ms, trace);
  return DescribeDecision(ruleset, key, decision, &trace);
}

}  // namespace

http::Response Api::Evaluate(const Call& call) {
  Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  Result<EvaluateRequest> request = ReadEvaluate(*body, parts_.now_ms());
  if (!request) return ProblemResponse(request.error(), call.request.id);
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  if (request->at) {
    const Result<Revision> revision = RevisionAt(parts_.catalog, *request->at, parts_.now_ms());
    if (!revision) return ProblemResponse(revision.error(), call.request.id);
    request->revision = *revision;
  }
  Channel::Compiled compiled;
  if (request->revision) {
    Result<Snapshot> snapshot = parts_.catalog.SnapshotAt(project, environment, *request->revision);
    if (!snapshot) return ProblemResponse(snapshot.error(), call.request.id);
    compiled = {Compile(*snapshot), *request->revision};
  } else {
    const std::shared_ptr<Channel> channel = parts_.feed.Find({project, environment});
    if (!channel) return GetEnvironment(call);  // which says what is missing
    compiled = channel->CurrentRuleset();
  }
  Array evaluations;
  if (request->flag.empty()) {
    for (const std::string& key : compiled.ruleset->FlagKeys()) {
      evaluations.push_back(EvaluateOne(*compiled.ruleset, key, *request));
    }
  } else {
    evaluations.push_back(EvaluateOne(*compiled.ruleset, request->flag, *request));
  }
  return JsonResponse(200,
                      Object{{"revision", Value(compiled.revision)}, {"evaluations", Value(std::move(evaluations))}});
}

http::Response Api::GetSnapshot(const Call& call) {
  const std::string project(call.request.Param("project")), environment(call.request.Param("environment"));
  Result<std::optional<Revision>> at = ReadRevision(call.request);
  if (!at) return BadRequest(call.request, at.error());
  const Result<std::optional<Timestamp>> moment = ReadAt(call.request);
  if (!moment) return BadRequest(call.request, moment.error());
  if (*at && *moment) {
    return BadRequest(call.request, {ErrorCode::kInvalid, "a moment and a revision were given; which of the two?", {}});
  }
  if (*moment) {
    const Result<Revision> revision = RevisionAt(parts_.catalog, **moment, parts_.now_ms());
    if (!revision) return ProblemResponse(revision.error(), call.request.id);
    *at = *revision;
  }
  http::Response response;
  response.Header("Content-Type", "application/json");
  response.Header("Cache-Control", "no-store");
  if (*at) {
    Result<Snapshot> snapshot = parts_.catalog.SnapshotAt(project, environment, **at);
    if (!snapshot) return ProblemResponse(snapshot.error(), call.request.id);
    response.body = EncodeSnapshot(*snapshot);
    return response;
  }
  const std::shared_ptr<Channel> channel = parts_.feed.Find({project, environment});
  if (!channel) return GetEnvironment(call);
  response.shared_body = channel->Current(false).plain;
  return response;
}

}  // namespace guidon
