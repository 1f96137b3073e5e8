#include "core/allocate/experiment_life.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

namespace guidon {
namespace {

using State = ExperimentStatus;
using std::chrono::milliseconds;

// By status, then by move, both in their order.
constexpr std::size_t kMoveCount = std::size(kExperimentMoves);
constexpr std::string_view kStartIt = "start it";
constexpr std::string_view kTakeBack = "`stop` takes its start back";
constexpr std::string_view kHasNotRun = "has not run";
constexpr std::string_view kIsScheduled = "has not begun: it is scheduled";
constexpr std::string_view kIsOver = "is over";
constexpr std::string_view kIsConcluded = "is concluded, and its decision is kept";
constexpr std::string_view kAnother = "write a new experiment, with another key";
constexpr Transition kConcludedForGood = {std::nullopt, kIsConcluded, kAnother};

constexpr std::array<std::array<Transition, kMoveCount>, 6> kTransitions = {{
    // draft
    {{{State::kRunning},
      {State::kScheduled},
      {std::nullopt, kHasNotRun, kStartIt},
      {std::nullopt, kHasNotRun, kStartIt},
      {State::kStopped},
      {std::nullopt, kHasNotRun, kStartIt},
      {std::nullopt, kHasNotRun, kStartIt}}},
    // scheduled; stopped, one that has not run is a draft again
    {{{State::kRunning},
      {State::kScheduled},
      {std::nullopt, kIsScheduled, kTakeBack},
      {std::nullopt, kIsScheduled, kStartIt},
      {State::kStopped},
      {std::nullopt, kIsScheduled, kTakeBack},
      {std::nullopt, kIsScheduled, kTakeBack}}},
    // running
    {{{State::kRunning},
      {std::nullopt, "runs", "stop it first; the start is a new iteration"},
      {State::kPaused},
      {State::kRunning},
      {State::kStopped},
      {State::kConcluded},
      {State::kStopped}}},
    // paused
    {{{std::nullopt, "is paused", "`resume` lets it go on; `stop` and then `start` is a new iteration"},
      {std::nullopt, "is paused", "`resume` lets it go on; stop it first for a new iteration"},
      {State::kPaused},
      {State::kRunning},
      {State::kStopped},
      {State::kConcluded},
      {State::kStopped}}},
    // stopped
    {{{State::kRunning},
      {State::kScheduled},
      {std::nullopt, kIsOver, "leave it stopped, or start it: that is a new iteration"},
      {std::nullopt, kIsOver, "start it: that is a new iteration"},
      {State::kStopped},
      {State::kConcluded},
      {State::kStopped}}},
    // concluded
    {{kConcludedForGood, kConcludedForGood, kConcludedForGood, kConcludedForGood, kConcludedForGood, kConcludedForGood,
      kConcludedForGood}},
}};

bool IsLive(State status) {
  return status == State::kRunning || status == State::kPaused;
}

template <typename RecordType>
RecordType* FindIn(std::vector<RecordType>& records, std::string_view key) {
  const auto held =
      std::find_if(records.begin(), records.end(), [&](const RecordType& r) { return r.definition.key == key; });
  return held == records.end() ? nullptr : &*held;
}

std::string NameOf(const Experiment& experiment) {
  return "experiment '" + experiment.key + "'";
}

Result<ExperimentRecord*> FindExperiment(Definitions& definitions, std::string_view key) {
  ExperimentRecord* record = FindIn(definitions.entities.experiments, key);
  if (record == nullptr) return Fail(ErrorCode::kNotFound, "there is no experiment '" + std::string(key) + "'");
  if (!record->definition.archived) return record;
  return Fail(ErrorCode::kConflict,
              NameOf(record->definition) + " is archived; take `archived` out of its definition first");
}

// --- what a move does beyond the status ---

// The flag serves `variation` where the experiment stood: in the rules that name it, else by `default`.
Status Ship(Definitions& definitions, const Experiment& experiment, const std::string& variation) {
  FlagRecord* flag = FindIn(definitions.entities.flags, experiment.flag);
  const std::string name = "flag '" + experiment.flag + "'";
  if (flag == nullptr) return Fail(ErrorCode::kNotFound, "there is no " + name);
  const auto targeting = std::find_if(flag->definition.environments.begin(), flag->definition.environments.end(),
                                      [&](const Targeting& t) { return t.environment == experiment.environment; });
  if (targeting == flag->definition.environments.end()) {
    return Fail(ErrorCode::kConflict, name + " has no targeting in '" + experiment.environment +
                                          "', so there is nothing that could serve '" + variation + "'");
  }
  bool is_named = false;
  for (Rule& rule : targeting->rules) {
    const auto* serve = std::get_if<ExperimentServe>(&rule.serve);
    if (serve == nullptr || serve->experiment != experiment.key) continue;
    is_named = true;
    rule.serve = FixedServe{variation};
  }
  if (!is_named) targeting->default_serve = DefaultServe{FixedServe{variation}, ""};
  return {};
}

Status Conclude(Definitions& definitions, ExperimentRecord& record, const ExperimentOrder& order, std::string_view by,
                std::int64_t now_ms) {
  const Experiment& experiment = record.definition;
  if (!order.winner.empty()) {
    const auto winner = std::find_if(experiment.variants.begin(), experiment.variants.end(),
                                     [&](const Variant& variant) { return variant.name == order.winner; });
    if (winner == experiment.variants.end()) {
      std::string known;
      for (const Variant& variant : experiment.variants) known += (known.empty() ? "" : ", ") + variant.name;
      return Fail(ErrorCode::kInvalid,
                  NameOf(experiment) + " has no variant '" + order.winner + "' to ship; it has " + known);
    }
    if (Status shipped = Ship(definitions, experiment, winner->serves); !shipped) return shipped;
  }
  ExperimentState& state = record.state;
  state.status = State::kConcluded;
  state.winner = order.winner;
  state.decision = order.decision;
  state.concluded_ms = now_ms;
  state.concluded_by = by;
  if (record.definition.state) record.definition.state = State::kStopped;
  return {};
}

// Of the next iteration: whether its units can have what they had.
Status CanKeepAssignments(const ExperimentRecord& record) {
  const std::string name = NameOf(record.definition);
  if (record.state.iteration == 0) {
    return Fail(ErrorCode::kInvalid, name + " has not run: there are no assignments to keep");
  }
  const ExperimentIteration* last = record.state.CurrentIteration();
  constexpr std::string_view kFresh = "; start it with fresh assignments";
  const auto fail = [&](const std::string& why) { return Fail(ErrorCode::kInvalid, name + why + std::string(kFresh)); };
  if (last == nullptr) return fail(" ran on an earlier version, which did not write down what its units had");
  if (last->unit != record.definition.unit) {
    return fail(" has another unit than its iteration " + std::to_string(last->number) + ", which had '" + last->unit +
                "'");
  }
  if (last->layer != (record.definition.layer ? record.definition.layer->layer : "")) {
    return fail(" is in another layer than its iteration " + std::to_string(last->number));
  }
  return {};
}

Status Schedule(ExperimentRecord& record, const ExperimentOrder& order, std::int64_t now_ms) {
  if (!order.at_ms || *order.at_ms <= now_ms) {
    return Fail(ErrorCode::kInvalid, NameOf(record.definition) + " cannot be scheduled for a time that has passed; " +
                                         "start it, or say a later one");
  }
  record.state.status = State::kScheduled;
  record.state.scheduled_ms = order.at_ms;
  record.state.keeps_assignments = order.keeps_assignments;
  return {};
}

void TakeBackStart(ExperimentState& state) {
  state.status = state.iteration > 0 ? State::kStopped : State::kDraft;
  state.scheduled_ms.reset();
  state.keeps_assignments = false;
}

// --- ramps ---

bool IsEnabled(const FlagRecord* flag, std::string_view environment) {
  const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(environment);
  return targeting != nullptr && targeting->enabled && !flag->definition.archived;
}

void SettleRamp(ExperimentRecord& record, bool is_enabled, std::int64_t now_ms) {
  ExperimentState& state = record.state;
  const bool counts =
      is_enabled && state.status == State::kRunning && !state.ramp_paused && !record.definition.ramp.empty();
  SettleHold(state.ramp_since_ms, state.ramp_held, counts, now_ms);
}

template <typename T>
void PushBounded(std::vector<T>& list, std::size_t most, T element) {
  if (list.size() >= most) list.erase(list.begin());
  list.push_back(std::move(element));
}

// Its hold begins anew.
void ComeTo(ExperimentRecord& record, std::size_t step, std::int64_t now_ms) {
  ExperimentState& state = record.state;
  state.ramp_step = step;
  state.ramp_since_ms.reset();
  state.ramp_held = milliseconds(0);
  if (ExperimentIteration* iteration = state.CurrentIteration()) {
    PushBounded(iteration->steps, kMaxTakenStepsKept, {ShareOf(record.definition, state), now_ms});
  }
}

// --- findings ---

bool IsSameMatter(const ExperimentFinding& a, const ExperimentFinding& b) {
  return a.iteration == b.iteration && a.kind == b.kind && a.metric == b.metric && a.variant == b.variant;
}

// Which one gives way to `finding`. One that may still be found again does so only to what is more than an alert, and
// then the oldest alert does first. end(): none.
std::vector<ExperimentFinding>::iterator GivesWay(std::vector<ExperimentFinding>& findings, std::uint32_t iteration,
                                                  const ExperimentFinding& finding) {
  const auto first = [&](const auto& is_it) { return std::find_if(findings.begin(), findings.end(), is_it); };
  const auto past = first([&](const ExperimentFinding& held) { return held.iteration != iteration; });
  if (past != findings.end()) return past;
  // Another occasion has come since.
  for (auto held = findings.begin(); held != findings.end(); ++held) {
    const bool is_over = IsSameMatter(*held, finding) || std::any_of(held + 1, findings.end(), [&](const auto& later) {
                           return IsSameMatter(*held, later);
                         });
    if (is_over) return held;
  }
  if (finding.action == BreachAction::kAlert && finding.kind != kMoreFound) return findings.end();
  const auto alert = first(
      [](const ExperimentFinding& held) { return held.action == BreachAction::kAlert && held.kind != kMoreFound; });
  return alert != findings.end() ? alert : findings.begin();
}

// One place is kept for kMoreFound.
FindingNews Keep(std::vector<ExperimentFinding>& findings, std::uint32_t iteration, const ExperimentFinding& finding) {
  const auto held = std::find_if(findings.begin(), findings.end(), [&](const ExperimentFinding& one) {
    return IsSameMatter(one, finding) && one.occasion == finding.occasion;
  });
  if (held != findings.end()) {
    if (held->action >= finding.action) return FindingNews::kKnown;
    findings.erase(held);
  }
  const std::size_t most = finding.kind == kMoreFound ? kMaxFindingsKept : kMaxFindingsKept - 1;
  const auto counted = [&] {
    return findings.size() -
           static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), [&](const auto& one) {
             return one.iteration == iteration && one.kind == kMoreFound;
           }));
  };
  while (counted() >= most) {
    const auto way = GivesWay(findings, iteration, finding);
    if (way == findings.end()) return FindingNews::kNoRoom;
    findings.erase(way);
  }
  findings.push_back(finding);
  return FindingNews::kNew;
}

// Everybody stays where the new steps allow it: at the last step that is not beyond the share, else at the first.
void FollowSteps(const ExperimentRecord& held, ExperimentRecord& record, std::int64_t now_ms) {
  const std::uint32_t share = ShareOf(held.definition, held.state);
  const std::vector<RampStep>& ramp = record.definition.ramp;
  std::size_t step = 0;
  for (std::size_t i = 0; i < ramp.size(); ++i) {
    if (ramp[i].at <= share) step = i;
  }
  record.state.ramp_step = step;
  if (ShareOf(record.definition, record.state) != share) ComeTo(record, step, now_ms);
}

}  // namespace

std::string_view ToString(ExperimentMove move) {
  constexpr std::string_view kWords[] = {"start", "schedule", "pause", "resume", "stop", "conclude", "rollback"};
  return kWords[static_cast<std::size_t>(move)];
}

std::optional<ExperimentMove> ExperimentMoveFromString(std::string_view word) {
  for (const ExperimentMove move : kExperimentMoves) {
    if (ToString(move) == word) return move;
  }
  return std::nullopt;
}

Transition TransitionOf(ExperimentStatus from, ExperimentMove move) {
  return kTransitions[static_cast<std::size_t>(from)][static_cast<std::size_t>(move)];
}

Status MoveExperiment(Definitions& definitions, std::string_view key, const ExperimentOrder& order, std::string_view by,
                      std::int64_t now_ms) {
  const Result<ExperimentRecord*> found = FindExperiment(definitions, key);
  if (!found) return Fail(found.error());
  ExperimentRecord& record = **found;
  ExperimentState& state = record.state;
  const Transition transition = TransitionOf(state.status, order.move);
  if (!transition.to) {
    return Fail(ErrorCode::kConflict,
                NameOf(record.definition) + " " + std::string(transition.why) + "; " + std::string(transition.instead));
  }
  if (*transition.to == state.status && order.move != ExperimentMove::kSchedule) return {};
  if (order.keeps_assignments) {
    if (Status kept = CanKeepAssignments(record); !kept) return kept;
  }
  switch (order.move) {
    case ExperimentMove::kSchedule:
      return Schedule(record, order, now_ms);
    case ExperimentMove::kConclude:
      return Conclude(definitions, record, order, by, now_ms);
    case ExperimentMove::kStart:
      state.keeps_assignments = order.keeps_assignments;
      break;
    case ExperimentMove::kStop:
      if (state.status == State::kScheduled) {
        TakeBackStart(state);
        return {};
      }
      break;
    case ExperimentMove::kRollback:
      // Where the flag has no targeting, nobody has got a variant from it.
      static_cast<void>(Ship(definitions, record.definition, record.definition.variants.at(0).serves));
      break;
    case ExperimentMove::kPause:
    case ExperimentMove::kResume:
      break;
  }
  record.definition.state = transition.to;
  return {};
}

void ForgetOrder(const Definitions& before, Definitions& after, std::string_view key) {
  const ExperimentRecord* held = before.entities.FindExperiment(key);
  ExperimentRecord* record = FindIn(after.entities.experiments, key);
  if (held != nullptr && record != nullptr && !held->definition.state) record->definition.state.reset();
}

FindingNews NewsOf(const ExperimentState& state, const ExperimentFinding& finding) {
  std::vector<ExperimentFinding> findings = state.findings;
  return Keep(findings, state.iteration, finding);
}

bool AddFinding(ExperimentState& state, const ExperimentFinding& finding) {
  std::vector<ExperimentFinding> findings = state.findings;
  if (Keep(findings, state.iteration, finding) != FindingNews::kNew) return false;
  state.findings = std::move(findings);
  return true;
}

std::uint32_t ShareOf(const Experiment& experiment, const ExperimentState& state) {
  const std::vector<RampStep>& ramp = experiment.ramp;
  return ramp.empty() ? kWhole : ramp[std::min(state.ramp_step, ramp.size() - 1)].at;
}

const RampStep* NextStep(const Experiment& experiment, const ExperimentState& state) {
  const std::size_t next = state.ramp_step + 1;
  return next < experiment.ramp.size() ? &experiment.ramp[next] : nullptr;
}

std::optional<std::int64_t> NextStepDue(const Experiment& experiment, const ExperimentState& state) {
  if (!state.ramp_since_ms || NextStep(experiment, state) == nullptr) return std::nullopt;
  const RampStep& step = experiment.ramp[state.ramp_step];
  if (!step.hold && !step.min_units) return std::nullopt;
  return *state.ramp_since_ms + step.hold.value_or(milliseconds(0)).count();
}

std::uint64_t UnitsForNextStep(const Experiment& experiment, const ExperimentState& state) {
  return NextStep(experiment, state) == nullptr ? 0 : experiment.ramp[state.ramp_step].min_units.value_or(0);
}

Status MoveExperimentRamp(Definitions& definitions, std::string_view key, RampMove move, std::int64_t now_ms) {
  const Result<ExperimentRecord*> found = FindExperiment(definitions, key);
  if (!found) return Fail(found.error());
  ExperimentRecord& record = **found;
  ExperimentState& state = record.state;
  const std::string name = "the ramp of " + NameOf(record.definition);
  if (record.definition.ramp.empty()) {
    return Fail(ErrorCode::kNotFound, NameOf(record.definition) + " has no ramp: all of it takes part from its start");
  }
  if (move == RampMove::kAbort) {
    return Fail(ErrorCode::kConflict, name + " cannot be taken back; stop the experiment, and everyone gets `default`");
  }
  if (!IsLive(state.status)) {
    return Fail(ErrorCode::kConflict, name + " moves while it runs, and it is " + std::string(ToString(state.status)));
  }
  const std::size_t last = record.definition.ramp.size() - 1;
  const bool is_at_end = NextStep(record.definition, state) == nullptr;
  if (is_at_end && move != RampMove::kFinish) {
    return Fail(ErrorCode::kConflict,
                name + " stands at its last step: there is nothing to " + std::string(ToString(move)));
  }
  switch (move) {
    case RampMove::kStep:
      ComeTo(record, state.ramp_step + 1, now_ms);
      break;
    case RampMove::kPause:
    case RampMove::kResume:
      state.ramp_paused = move == RampMove::kPause;
      break;
    case RampMove::kFinish:
      if (!is_at_end) ComeTo(record, last, now_ms);
      state.ramp_paused = false;
      break;
    case RampMove::kAbort:
      break;
  }
  const FlagRecord* flag = definitions.entities.FindFlag(record.definition.flag);
  SettleRamp(record, IsEnabled(flag, record.definition.environment), now_ms);
  return {};
}

void KeepLife(const ExperimentRecord* held, ExperimentRecord& record, const FlagRecord* flag_before,
              const FlagRecord* flag, std::string_view by, std::int64_t now_ms) {
  if (now_ms <= 0) return;
  ExperimentState& state = record.state;
  if (state.status != State::kScheduled) {
    state.scheduled_ms.reset();
    state.keeps_assignments = false;
  }
  if (ExperimentIteration* iteration = state.CurrentIteration()) {
    const bool is_paused = state.status == State::kPaused;
    const bool is_noted = !iteration->pauses.empty() && !iteration->pauses.back().to_ms;
    if (is_paused && !is_noted) {
      PushBounded(iteration->pauses, kMaxPausesKept, {now_ms, std::nullopt, std::string(by)});
    }
    if (!is_paused && is_noted) iteration->pauses.back().to_ms = now_ms;
    if (!IsLive(state.status) && !iteration->ended_ms) {
      iteration->ended_ms = now_ms;
      iteration->ended_by = by;
    }
  }
  const std::string& environment = record.definition.environment;
  const bool is_enabled = IsEnabled(flag, environment);
  // Only then: what nobody touched stays as it is, that of an older server, too.
  const bool is_touched = held == nullptr || held->definition != record.definition ||
                          held->state.status != state.status || IsEnabled(flag_before, environment) != is_enabled;
  if (!is_touched) return;
  const bool goes_on = held != nullptr && IsLive(held->state.status) && IsLive(state.status);
  if (goes_on && held->definition.ramp != record.definition.ramp) FollowSteps(*held, record, now_ms);
  SettleRamp(record, is_enabled, now_ms);
}

MeasuredPlan MeasuredPlanOf(const Experiment& experiment, const EntitySet& entities) {
  MeasuredPlan plan{experiment, {}};
  plan.experiment.state.reset();
  plan.experiment.audience.reset();
  plan.experiment.ramp.clear();
  plan.experiment.force.clear();
  plan.experiment.tests.clear();
  plan.experiment.archived = false;
  for (const std::string& key : MetricsOf(experiment)) {
    const bool is_there =
        std::any_of(plan.metrics.begin(), plan.metrics.end(), [&](const Metric& metric) { return metric.key == key; });
    const MetricRecord* metric = is_there ? nullptr : entities.FindMetric(key);
    if (metric == nullptr) continue;
    plan.metrics.push_back(metric->definition);
    plan.metrics.back().description.clear();
  }
  return plan;
}

void KeepPlanOfBefore(const EntitySet& before, const EntitySet& after, const ExperimentRecord& held,
                      ExperimentRecord& record) {
  ExperimentIteration* iteration = record.state.CurrentIteration();
  if (iteration == nullptr || iteration->measured) return;
  MeasuredPlan plan = MeasuredPlanOf(held.definition, before);
  if (plan == MeasuredPlanOf(record.definition, after)) return;
  iteration->measured = HeldPlan(std::move(plan));
}

void BeginIteration(ExperimentRecord& record, const EntitySet& entities, std::string_view by, std::int64_t now_ms) {
  const Experiment& experiment = record.definition;
  ExperimentState& state = record.state;
  state.ramp_step = 0;
  state.ramp_paused = false;
  state.ramp_since_ms.reset();
  state.ramp_held = milliseconds(0);
  state.winner.clear();
  state.scheduled_ms.reset();
  state.keeps_assignments = false;
  if (now_ms <= 0) return;
  ExperimentIteration iteration;
  iteration.number = state.iteration;
  iteration.salt = state.salt;
  iteration.unit = experiment.unit;
  for (const Variant& variant : experiment.variants) iteration.weights.push_back({variant.name, variant.parts});
  if (experiment.layer) iteration.layer = experiment.layer->layer;
  iteration.slots = state.slots;
  iteration.started_ms = now_ms;
  iteration.started_by = by;
  if (!experiment.ramp.empty()) iteration.steps.push_back({experiment.ramp.front().at, now_ms});
  iteration.measured = HeldPlan(MeasuredPlanOf(experiment, entities));
  PushBounded(state.iterations, kMaxIterationsKept, std::move(iteration));
  if (state.iterations.size() > kMaxPlansKept) {
    state.iterations[state.iterations.size() - 1 - kMaxPlansKept].measured = {};
  }
}

}  // namespace guidon
