// Ramps of rules over HTTP: where they stand, and the hand on them.
#include <algorithm>
#include <utility>

#include "core/allocate/ramp.h"
#include "core/model/units.h"
#include "server/api/api.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

struct Place {
  std::string project, environment, flag;
};

Place PlaceOf(const Call& call) {
  return {std::string(call.request.Param("project")), std::string(call.request.Param("environment")),
          std::string(call.request.Param("key"))};
}

// "waiting" for its start, "running", "paused", "off" while the flag is not enabled there, "finished".
std::string_view WordFor(const FlagDefinition& flag, const Targeting& targeting, const Ramp& ramp,
                         const RampState& state, std::int64_t now_ms) {
  if (NextStep(ramp, state) == nullptr) return "finished";
  if (state.paused) return "paused";
  if (!targeting.enabled || flag.archived) return "off";
  return ramp.start_ms.value_or(0) > now_ms ? "waiting" : "running";
}

Value DescribeRamp(const FlagRecord& flag, const Targeting& targeting, const Rule& rule, const RampState& state,
                   std::int64_t now_ms) {
  const Ramp& ramp = *rule.ramp;
  Object object{{"rule", Value(rule.id)},
                {"status", Value(WordFor(flag.definition, targeting, ramp, state, now_ms))},
                {"at", Value(FormatPercent(state.at))}};
  if (state.since_ms) object.Append("since", Value(FormatTimestamp(*state.since_ms)));
  if (state.held.count() > 0) object.Append("held", Value(FormatDuration(state.held)));
  if (const RampStep* next = NextStep(ramp, state)) {
    Object step{{"at", Value(FormatPercent(next->at))}};
    if (const auto due = NextStepDue(ramp, state)) step.Append("due", Value(FormatTimestamp(*due)));
    object.Append("next", Value(std::move(step)));
  }
  if (ramp.start_ms) object.Append("start", Value(FormatTimestamp(*ramp.start_ms)));
  Array steps;
  for (const RampStep& step : ramp.steps) {
    Object one{{"at", Value(FormatPercent(step.at))}};
    if (step.hold) one.Append("hold", Value(FormatDuration(*step.hold)));
    steps.emplace_back(std::move(one));
  }
  object.Append("steps", Value(std::move(steps)));
  return Value(std::move(object));
}

// The flag's ramps in one environment, or the one on a rule.
Result<Object> DescribeRamps(const ProjectView& project, const Place& place, std::string_view of_rule,
                             std::int64_t now_ms) {
  const FlagRecord* flag = project.definitions.entities.FindFlag(place.flag);
  if (flag == nullptr) {
    return Fail(ErrorCode::kNotFound, "project '" + place.project + "' has no flag " + place.flag);
  }
  if (project.definitions.project.FindEnvironment(place.environment) == nullptr) {
    return Fail(ErrorCode::kNotFound, "project '" + place.project + "' has no environment '" + place.environment + "'");
  }
  Array ramps;
  const Targeting* targeting = flag->definition.FindEnvironment(place.environment);
  for (std::size_t i = 0; targeting != nullptr && i < targeting->rules.size(); ++i) {
    const Rule& rule = targeting->rules[i];
    const RampState* state = flag->state.FindRamp(place.environment, rule.id);
    if (!rule.ramp || state == nullptr || (!of_rule.empty() && rule.id != of_rule)) continue;
    ramps.push_back(DescribeRamp(*flag, *targeting, rule, *state, now_ms));
  }
  return Object{{"flag", Value(place.flag)},
                {"environment", Value(place.environment)},
                {"revision", Value(project.revisions.at({EntityKind::kFlag, place.flag}))},
                {"ramps", Value(std::move(ramps))}};
}

http::Response RampsResponse(Object body) {
  const Value document(std::move(body));
  return Tagged(JsonResponse(200, document), static_cast<Revision>(document.Find("revision")->AsInt()));
}

}  // namespace

http::Response Api::ListRamps(const Call& call) {
  const Place place = PlaceOf(call);
  const auto view = parts_.catalog.View();
  const ProjectView* project = view->FindProject(place.project);
  if (project == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + place.project + "'", {}}, call.request.id);
  }
  Result<Object> ramps = DescribeRamps(*project, place, "", parts_.now_ms());
  if (!ramps) return ProblemResponse(ramps.error(), call.request.id);
  return RampsResponse(*std::move(ramps));
}

http::Response Api::MoveRamp(const Call& call) {
  const Place place = PlaceOf(call);
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  RampRequest request;
  request.project = place.project;
  request.flag = place.flag;
  request.environment = place.environment;
  request.rule = call.request.Param("rule");
  request.condition = conditions->condition;
  if (Status standing = ReadStanding(call, request); !standing) return BadRequest(call.request, standing.error());
  request.idempotency = conditions->idempotency;
  if (Status read = ReadRampMove(*body, request); !read) return ProblemResponse(read.error(), call.request.id);
  const Result<Committed> committed = parts_.catalog.MoveRamp(request);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  Result<Object> ramps = committed->project ? DescribeRamps(*committed->project, place, request.rule, parts_.now_ms())
                                            : Result<Object>(Object{{"revision", Value(committed->revision)}});
  if (!ramps) return ProblemResponse(ramps.error(), call.request.id);
  http::Response response = RampsResponse(*std::move(ramps));
  if (committed->replayed) response.Header("Idempotency-Replayed", "true");
  return response;
}

}  // namespace guidon
