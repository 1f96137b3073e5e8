// Experiments over HTTP: where they stand, and the hand on them.
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/allocate/experiment_life.h"
#include "core/codec/wire.h"
#include "core/model/units.h"
#include "server/analysis/start_check.h"
#include "server/analysis/traffic.h"
#include "server/api/api.h"
#include "server/api/permits.h"
#include "server/api/problem.h"
#include "server/api/requests.h"

namespace guidon {
namespace {

Result<const ExperimentRecord*> FindExperiment(const ProjectView& project, const std::string& key) {
  const ExperimentRecord* record = project.definitions.entities.FindExperiment(key);
  if (record != nullptr) return record;
  return Fail(ErrorCode::kNotFound,
              "project '" + project.definitions.project.key + "' has no experiment '" + key + "'");
}

// "finished": it stands at its last step; "idle": the experiment is not under way; "paused": by a hand; "off": its hold
// does not count, as the experiment is paused or its flag not enabled; "by_hand": it stays until somebody takes the
// next step; "waiting_for_units"; "held_back": the step is due, and what is known of the experiment does not allow it;
// "running".
std::string_view WordFor(const Experiment& experiment, const ExperimentState& state,
                         const std::optional<std::uint64_t>& units, bool is_held, std::int64_t now_ms) {
  const bool is_live = state.status == ExperimentStatus::kRunning || state.status == ExperimentStatus::kPaused;
  if (!is_live) return "idle";
  if (NextStep(experiment, state) == nullptr) return "finished";
  if (state.ramp_paused) return "paused";
  if (!state.ramp_since_ms) return "off";
  const std::optional<std::int64_t> due = NextStepDue(experiment, state);
  if (!due) return "by_hand";
  if (*due > now_ms) return "running";
  const std::uint64_t needed = UnitsForNextStep(experiment, state);
  if (needed > 0 && units.value_or(0) < needed) return "waiting_for_units";
  return is_held ? "held_back" : "running";
}

Value DescribeSteps(const std::vector<RampStep>& steps) {
  Array described;
  for (const RampStep& step : steps) {
    Object one{{"at", Value(FormatPercent(step.at))}};
    if (step.hold) one.Append("hold", Value(FormatDuration(*step.hold)));
    if (step.min_units) one.Append("min_units", Value(*step.min_units));
    described.emplace_back(std::move(one));
  }
  return Value(std::move(described));
}

Value DescribeHold(const HeldRamp& held) {
  return Object{{"reason", Value(ToString(held.hold.reason))},
                {"since", Value(FormatTimestamp(held.since.time_since_epoch().count()))},
                {"sentence", Value(held.hold.sentence)}};
}

Value DescribeRamp(const ExperimentRecord& record, const std::optional<std::uint64_t>& units,
                   const std::optional<HeldRamp>& held, std::int64_t now_ms) {
  const auto& [experiment, state] = record;
  const bool is_held = held && held->iteration == state.iteration;
  const std::string_view word = WordFor(experiment, state, units, is_held, now_ms);
  Object ramp{{"status", Value(word)},
              {"at", Value(FormatPercent(ShareOf(experiment, state)))},
              {"step", Value(state.ramp_step + 1)}};
  if (state.ramp_since_ms) ramp.Append("since", Value(FormatTimestamp(*state.ramp_since_ms)));
  if (state.ramp_held.count() > 0) ramp.Append("held", Value(FormatDuration(state.ramp_held)));
  if (word == "held_back") ramp.Append("held_back", DescribeHold(*held));
  if (const RampStep* next = NextStep(experiment, state)) {
    Object step{{"at", Value(FormatPercent(next->at))}};
    if (const auto due = NextStepDue(experiment, state)) step.Append("due", Value(FormatTimestamp(*due)));
    if (const std::uint64_t needed = UnitsForNextStep(experiment, state); needed > 0) {
      step.Append("min_units", Value(needed));
      step.Append("units", units ? Value(*units) : Value());
    }
    ramp.Append("next", Value(std::move(step)));
  }
  ramp.Append("steps", DescribeSteps(experiment.ramp));
  return Value(std::move(ramp));
}

// Of its state what people ask for: not the buckets.
void AppendLife(const ExperimentRecord& record, Object& object) {
  const Value encoded = EncodeRecord(record);
  const Value* state = encoded.Find("state");
  for (const std::string_view name : {"scheduled", "keeps_assignments", "winner", "decision", "concluded",
                                      "concluded_by", "iterations", "findings"}) {
    if (const Value* member = state->Find(name)) object.Append(name, *member);
  }
  if (Value* iterations = object.Find("iterations")) {
    for (Value& iteration : iterations->MutableArray()) iteration.MutableObject().Erase("measured");
  }
}

Object DescribeExperiment(const std::string& project, const ProjectView& view, const ExperimentRecord& record,
                          const UnitCounter& count_units, const HeldRamps* held, std::int64_t now_ms) {
  const auto& [experiment, state] = record;
  const Revision revision = view.revisions.at({EntityKind::kExperiment, experiment.key});
  Object object{{"experiment", Value(experiment.key)},          {"flag", Value(experiment.flag)},
                {"environment", Value(experiment.environment)}, {"revision", Value(revision)},
                {"status", Value(ToString(state.status))},      {"iteration", Value(state.iteration)}};
  if (experiment.archived) object.Append("archived", true);
  Array variants;
  for (const Variant& variant : experiment.variants) {
    variants.emplace_back(Object{{"variant", Value(variant.name)},
                                 {"serves", Value(variant.serves)},
                                 {"weight", Value(FormatPercent(variant.parts))}});
  }
  object.Append("variants", Value(std::move(variants)));
  if (!experiment.ramp.empty()) {
    std::optional<std::uint64_t> units;
    if (count_units && UnitsForNextStep(experiment, state) > 0 && state.iteration > 0) {
      units = count_units({project, experiment.environment, experiment.key, state.iteration, revision});
    }
    const auto hold = held == nullptr ? std::nullopt : held->Find(project, experiment.key);
    object.Append("ramp", DescribeRamp(record, units, hold, now_ms));
  }
  AppendLife(record, object);
  return object;
}

// `?name=12.5`, more than 0; absent: nothing.
Status ReadQuantity(const http::Request& request, std::string_view name, std::optional<double>& into) {
  const std::string_view text = request.Query(name);
  if (text.empty()) return {};
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() && std::isfinite(number) && number > 0) {
    into = number;
    return {};
  }
  return Fail(ErrorCode::kInvalid,
              std::string(name) + " is '" + std::string(text) + "'; expected a number that is more than 0");
}

Value DescribeCheck(const StartCheck& check) {
  Object object{
      {"check", Value(check.name)}, {"outcome", Value(ToString(check.outcome))}, {"sentence", Value(check.sentence)}};
  if (!check.numbers.is_null()) object.Append("numbers", check.numbers);
  return object;
}

// Of a dry run of the start: what refuses it, and what validation warns of.
std::vector<StartCheck> StartChecksOf(const ExperimentRecord& record, const Result<Committed>& planned) {
  std::vector<StartCheck> checks;
  const auto add = [&](CheckOutcome outcome, std::string sentence) {
    checks.push_back({"start", outcome, std::move(sentence), {}});
  };
  const std::vector<Issue>& issues = planned ? planned->warnings : planned.error().issues;
  for (const Issue& issue : issues) {
    const bool is_its_own = issue.entity == "experiment " + record.definition.key;
    if (issue.severity == Severity::kError) {
      add(CheckOutcome::kBlocks, (is_its_own ? "" : issue.entity + ": ") + issue.message);
    } else if (is_its_own && issue.code != "missing_primary") {  // which is a check of its own
      add(CheckOutcome::kAttention, issue.message);
    }
  }
  if (!planned && checks.empty()) add(CheckOutcome::kBlocks, planned.error().message);
  if (record.state.status == ExperimentStatus::kRunning) add(CheckOutcome::kAttention, "it runs already");
  if (checks.empty()) add(CheckOutcome::kGood, "it can start");
  return checks;
}

http::Response StatusResponse(Object object) {
  const Value document(std::move(object));
  return Tagged(JsonResponse(200, document), static_cast<Revision>(document.Find("revision")->AsInt()));
}

}  // namespace

http::Response Api::GetExperimentStatus(const Call& call) {
  const std::string project(call.request.Param("project"));
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(project);
  if (held == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + project + "'", {}}, call.request.id);
  }
  const auto record = FindExperiment(*held, std::string(call.request.Param("key")));
  if (!record) return ProblemResponse(record.error(), call.request.id);
  return StatusResponse(
      DescribeExperiment(project, *held, **record, parts_.count_units, parts_.held_ramps, parts_.now_ms()));
}

http::Response Api::CheckExperiment(const Call& call) {
  StartCheckInputs inputs;
  for (const auto& [name, into] :
       {std::pair("daily_units", &inputs.units_per_day), std::pair("baseline", &inputs.baseline),
        std::pair("deviation", &inputs.deviation)}) {
    if (Status read = ReadQuantity(call.request, name, *into); !read) return BadRequest(call.request, read.error());
  }
  ExperimentRequest request;
  request.project = call.request.Param("project");
  request.experiment = call.request.Param("key");
  request.order = ExperimentOrder{.move = ExperimentMove::kStart};
  request.author = AuthorOf(call);
  request.dry_run = true;
  const auto view = parts_.catalog.View();
  const ProjectView* held = view->FindProject(request.project);
  if (held == nullptr) {
    return ProblemResponse({ErrorCode::kNotFound, "there is no project '" + request.project + "'", {}},
                           call.request.id);
  }
  const auto record = FindExperiment(*held, request.experiment);
  if (!record) return ProblemResponse(record.error(), call.request.id);
  const Result<Committed> planned = parts_.catalog.MoveExperiment(request);
  const Experiment& experiment = (*record)->definition;
  // What was counted is read where it was counted.
  const bool may_read = Authorize(call.who, Verb::kRead, {request.project, experiment.environment}).has_value();
  if (parts_.analysis != nullptr && may_read) {
    if (!inputs.units_per_day) {
      inputs.observed = ObservedOn(*parts_.analysis, held->definitions, experiment, parts_.now_ms());
    }
    inputs.observed_baseline = BaselineOn(*parts_.analysis, held->definitions, experiment, parts_.now_ms());
  }
  std::vector<StartCheck> checks = StartChecksOf(**record, planned);
  std::vector<StartCheck> others = ChecksBeforeStart(held->definitions, **record, inputs);
  checks.insert(checks.end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
  Array described;
  bool can_start = true;
  for (const StartCheck& check : checks) {
    can_start &= check.outcome != CheckOutcome::kBlocks;
    described.push_back(DescribeCheck(check));
  }
  return StatusResponse(Object{{"experiment", Value(request.experiment)},
                               {"revision", Value(held->revisions.at({EntityKind::kExperiment, request.experiment}))},
                               {"can_start", Value(can_start)},
                               {"checks", Value(std::move(described))}});
}

http::Response Api::Move(const Call& call, ExperimentRequest request) {
  Result<Preconditions> conditions = ReadPreconditions(call.request);
  if (!conditions) return BadRequest(call.request, conditions.error());
  request.project = call.request.Param("project");
  request.experiment = call.request.Param("key");
  request.condition = conditions->condition;
  request.idempotency = conditions->idempotency;
  if (Status standing = ReadStanding(call, request); !standing) return BadRequest(call.request, standing.error());
  const Result<Committed> committed = parts_.catalog.MoveExperiment(request);
  if (!committed) return ChangeProblem(call.request, *conditions, committed.error());
  // Gone by now: the answer to a repetition whose revision is no longer kept.
  const ExperimentRecord* record =
      committed->project ? committed->project->definitions.entities.FindExperiment(request.experiment) : nullptr;
  Object body = record != nullptr
                    ? DescribeExperiment(request.project, *committed->project, *record, parts_.count_units,
                                         parts_.held_ramps, parts_.now_ms())
                    : Object{{"experiment", Value(request.experiment)}, {"revision", Value(committed->revision)}};
  if (!committed->warnings.empty()) body.Append("warnings", EncodeIssues(committed->warnings));
  http::Response response = StatusResponse(std::move(body));
  if (committed->replayed) response.Header("Idempotency-Replayed", "true");
  return response;
}

http::Response Api::MoveExperimentBy(ExperimentMove move, const Call& call) {
  const bool has_body = !call.request.body.empty() || move == ExperimentMove::kConclude;  // which alone needs one
  const Result<Value> body = has_body ? ReadJson(call.request) : Value(Object());
  if (!body) return BadRequest(call.request, body.error());
  ExperimentRequest request;
  if (Status read = ReadExperimentOrder(*body, move, request); !read) {
    return ProblemResponse(read.error(), call.request.id);
  }
  return Move(call, std::move(request));
}

http::Response Api::MoveExperimentRamp(const Call& call) {
  const Result<Value> body = ReadJson(call.request);
  if (!body) return BadRequest(call.request, body.error());
  ExperimentRequest request;
  if (Status read = ReadExperimentRampMove(*body, request); !read) {
    return ProblemResponse(read.error(), call.request.id);
  }
  return Move(call, std::move(request));
}

}  // namespace guidon
