// The state beside a definition in a record: salts, kept ranges, where an experiment stands. Written by the server
// only, and read as strictly as definitions, because evaluation trusts it.
//
//   flag        {"environments":{"production":{"default":{"salt":"…","arms":{"a":[[0,50000]],"b":[[50000,100000]]}}}}}
//               and where ramps stand, beside it:
//               {"ramps":{"production":{"beta":{"at":"10%","since":"2027-03-31T08:00:00.000Z"}}}}, with "held":"90m" in
//               place of "since" while the hold does not count, and "paused":true
//   experiment  {"status":"running","iteration":1,"salt":"…","arms":{…},"slots":[[0,40000]],"ramp_step":1,"winner":"…"}
//               and what evaluation is not told (docs/spec/definitions.md): "decision", "concluded", "concluded_by",
//               "scheduled", "keeps_assignments", "ramp", "iterations_before", "iterations" and "findings"
//   layer, holdout  {"salt":"…"}

#include "core/codec/state_codec.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/codec/codec.h"
#include "core/codec/writer.h"
#include "core/model/names.h"

namespace guidon::codec {
namespace {

constexpr std::size_t kMaxSaltBytes = 512;  // a key of 128 bytes and what is put around it
constexpr std::array kStatuses = {ExperimentStatus::kDraft,   ExperimentStatus::kScheduled,
                                  ExperimentStatus::kRunning, ExperimentStatus::kPaused,
                                  ExperimentStatus::kStopped, ExperimentStatus::kConcluded};

constexpr std::array kActions = {BreachAction::kAlert, BreachAction::kPause, BreachAction::kRollback};

// RFC 3339, as milliseconds since the epoch.
std::int64_t ReadTime(const Node& node) {
  const auto time = ParseTimestamp(node.value().AsString());
  if (!time) node.WrongType("a time");
  return time.value_or(0);
}

std::uint32_t ReadIterationNumber(const Node& node) {
  return static_cast<std::uint32_t>(ReadCount(node, 0, 1'000'000'000));
}

std::string ReadSalt(const Node& node) {
  const std::string& salt = node.value().AsString();
  if (!node.value().is_string() || salt.size() > kMaxSaltBytes) node.WrongType("a salt");
  return salt;
}

// [begin, end]
BucketRange ReadRange(const Node& node) {
  const Array& ends = node.value().AsArray();
  const auto is_bucket = [](const Value& v) { return v.is_int() && v.AsInt() >= 0 && v.AsInt() <= kWhole; };
  if (ends.size() != 2 || !is_bucket(ends[0]) || !is_bucket(ends[1]) || ends[0].AsInt() >= ends[1].AsInt()) {
    node.Fault("bad_range", "a range is [begin, end] with 0 <= begin < end <= 100000");
    return {};
  }
  return {static_cast<std::uint32_t>(ends[0].AsInt()), static_cast<std::uint32_t>(ends[1].AsInt())};
}

std::vector<BucketRange> ReadRanges(const Node& node) {
  return ReadList(node, "ranges", kMaxList, ReadRange);
}

void CheckOverlap(const Node& node, std::vector<BucketRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].begin >= ranges[i - 1].end) continue;
    node.Fault("overlapping_ranges", "bucket " + std::to_string(ranges[i].begin) + " belongs to two ranges");
    return;
  }
}

std::vector<ArmRanges> ReadArms(const Node& node) {
  const std::size_t faults = node.report().total();
  auto arms = ReadMap(node, "arms", kMaxVariations, [](const Node& member) {
    return ArmRanges{ReadMemberKey(member, "an arm"), ReadRanges(member)};
  });
  if (node.report().total() != faults) return arms;
  std::vector<BucketRange> all;
  for (const ArmRanges& arm : arms) all.insert(all.end(), arm.ranges.begin(), arm.ranges.end());
  CheckOverlap(node, std::move(all));
  return arms;
}

std::vector<BucketRange> ReadSlots(const Node& node) {
  const std::size_t faults = node.report().total();
  auto slots = ReadRanges(node);
  if (node.report().total() == faults) CheckOverlap(node, slots);
  return slots;
}

SplitState ReadSplitState(const Node& node) {
  SplitState split;
  split.split = ReadMemberKey(node, "a split");
  Fields fields(node, "the state of a split");
  fields.Required("salt", split.salt, ReadSalt);
  fields.Required("arms", split.arms, ReadArms);
  fields.Finish();
  return split;
}

TargetingState ReadTargetingState(const Node& node) {
  return {ReadMemberKey(node, "an environment"), ReadMap(node, "splits", kMaxRules + 1, ReadSplitState)};
}

RampState ReadRampState(const Node& node, const std::string& environment) {
  RampState ramp;
  ramp.environment = environment;
  ramp.rule = ReadMemberKey(node, "a rule");
  Fields fields(node, "the state of a ramp");
  fields.Required("at", ramp.at, ReadPercent);
  fields.Optional("paused", ramp.paused, ReadBool);
  fields.Optional("since", ramp.since_ms, ReadTime);
  fields.Optional("held", ramp.held, ReadDuration);
  fields.Finish();
  return ramp;
}

std::vector<RampState> ReadRamps(const Node& node) {
  std::vector<RampState> ramps;
  ReadMap(node, "environments", kMaxItems, [&](const Node& member) {
    const std::string environment = ReadMemberKey(member, "an environment");
    std::vector<RampState> here =
        ReadMap(member, "ramps", kMaxRules, [&](const Node& ramp) { return ReadRampState(ramp, environment); });
    std::move(here.begin(), here.end(), std::back_inserter(ramps));
    return 0;
  });
  return ramps;
}

// --- what an experiment went through ---

ExperimentPause ReadPause(const Node& node) {
  ExperimentPause pause;
  Fields fields(node, "a pause");
  fields.Required("from", pause.from_ms, ReadTime);
  fields.Optional("to", pause.to_ms, ReadTime);
  fields.Optional("by", pause.by, ReadText);
  fields.Finish();
  return pause;
}

TakenRampStep ReadTakenStep(const Node& node) {
  TakenRampStep step;
  Fields fields(node, "a step that was taken");
  fields.Required("at", step.at, ReadPercent);
  fields.Required("from", step.from_ms, ReadTime);
  fields.Finish();
  return step;
}

MeasuredPlan ReadMeasured(const Node& node) {
  MeasuredPlan plan;
  Fields fields(node, "what an iteration measures");
  fields.Required("experiment", plan.experiment, ReadExperiment);
  fields.Optional("metrics", plan.metrics,
                  [](const Node& n) { return ReadList(n, "metrics", 2 * kMaxItems + 1, ReadMetric); });
  fields.Finish();
  return plan;
}

ExperimentIteration ReadIteration(const Node& node) {
  ExperimentIteration iteration;
  Fields fields(node, "an iteration");
  fields.Required("number", iteration.number, ReadIterationNumber);
  fields.Optional("salt", iteration.salt, ReadSalt);
  fields.Optional("unit", iteration.unit, ReadAttribute);
  fields.Optional("weights", iteration.weights, [](const Node& n) {
    return ReadMap(n, "weights", kMaxVariations, [](const Node& member) {
      return Weight{ReadMemberKey(member, "a variant"), ReadPercent(member)};
    });
  });
  fields.Optional("layer", iteration.layer, ReadKey);
  fields.Optional("slots", iteration.slots, ReadSlots);
  fields.Required("started", iteration.started_ms, ReadTime);
  fields.Optional("started_by", iteration.started_by, ReadText);
  fields.Optional("ended", iteration.ended_ms, ReadTime);
  fields.Optional("ended_by", iteration.ended_by, ReadText);
  fields.Optional("pauses", iteration.pauses,
                  [](const Node& n) { return ReadList(n, "pauses", kMaxPausesKept, ReadPause); });
  fields.Optional("steps", iteration.steps,
                  [](const Node& n) { return ReadList(n, "steps", kMaxTakenStepsKept, ReadTakenStep); });
  fields.Optional("measured", iteration.measured, [](const Node& n) { return HeldPlan(ReadMeasured(n)); });
  fields.Finish();
  return iteration;
}

ExperimentFinding ReadFinding(const Node& node) {
  ExperimentFinding finding;
  Fields fields(node, "a finding");
  fields.Optional("iteration", finding.iteration, ReadIterationNumber);
  fields.Required("kind", finding.kind, ReadText);
  fields.Optional("metric", finding.metric, ReadText);
  fields.Optional("variant", finding.variant, ReadText);
  fields.Optional("occasion", finding.occasion, ReadText);
  fields.Required("action", finding.action, [](const Node& n) { return ReadWord(n, "action", kActions); });
  fields.Required("at", finding.at_ms, ReadTime);
  fields.Optional("sentence", finding.sentence, ReadText);
  fields.Optional("numbers", finding.numbers, ReadJson);
  fields.Finish();
  return finding;
}

void ReadExperimentRamp(const Node& node, ExperimentState& state) {
  Fields fields(node, "the ramp of an experiment");
  fields.Optional("paused", state.ramp_paused, ReadBool);
  fields.Optional("since", state.ramp_since_ms, ReadTime);
  fields.Optional("held", state.ramp_held, ReadDuration);
  fields.Finish();
}

Object WriteExperimentRamp(const ExperimentState& state) {
  Object object;
  PutTrue(object, "paused", state.ramp_paused);
  if (state.ramp_since_ms) object.Append("since", FormatTimestamp(*state.ramp_since_ms));
  if (state.ramp_held.count() > 0) object.Append("held", FormatDuration(state.ramp_held));
  return object;
}

template <typename State>
State ReadSaltOnly(const Node& node, std::string_view what) {
  State state;
  Fields fields(node, what);
  fields.Optional("salt", state.salt, ReadSalt);
  fields.Finish();
  return state;
}

Array WriteRanges(const std::vector<BucketRange>& ranges) {
  Array list;
  list.reserve(ranges.size());
  for (const BucketRange& range : ranges) list.emplace_back(Array{range.begin, range.end});
  return list;
}

Object WriteArms(const std::vector<ArmRanges>& arms) {
  Object object;
  for (const ArmRanges& arm : arms) object.Append(arm.arm, WriteRanges(arm.ranges));
  return object;
}

Object WriteSplits(const TargetingState& targeting) {
  Object splits;
  for (const SplitState& split : targeting.splits) {
    splits.Append(split.split, Object{{"salt", split.salt}, {"arms", WriteArms(split.arms)}});
  }
  return splits;
}

Object WriteIteration(const ExperimentIteration& iteration) {
  Object object{{"number", iteration.number}};
  PutText(object, "salt", iteration.salt);
  PutText(object, "unit", iteration.unit);
  Object weights;
  for (const Weight& weight : iteration.weights) weights.Append(weight.variation, FormatPercent(weight.parts));
  if (!weights.empty()) object.Append("weights", std::move(weights));
  PutText(object, "layer", iteration.layer);
  if (!iteration.slots.empty()) object.Append("slots", WriteRanges(iteration.slots));
  object.Append("started", FormatTimestamp(iteration.started_ms));
  PutText(object, "started_by", iteration.started_by);
  if (iteration.ended_ms) object.Append("ended", FormatTimestamp(*iteration.ended_ms));
  PutText(object, "ended_by", iteration.ended_by);
  Array pauses, steps;
  for (const ExperimentPause& pause : iteration.pauses) {
    Object one{{"from", FormatTimestamp(pause.from_ms)}};
    if (pause.to_ms) one.Append("to", FormatTimestamp(*pause.to_ms));
    PutText(one, "by", pause.by);
    pauses.emplace_back(std::move(one));
  }
  for (const TakenRampStep& step : iteration.steps) {
    steps.emplace_back(Object{{"at", FormatPercent(step.at)}, {"from", FormatTimestamp(step.from_ms)}});
  }
  if (!pauses.empty()) object.Append("pauses", std::move(pauses));
  if (!steps.empty()) object.Append("steps", std::move(steps));
  if (iteration.measured) {
    Object measured{{"experiment", EncodeExperiment(iteration.measured->experiment)}};
    Array metrics;
    for (const Metric& metric : iteration.measured->metrics) metrics.push_back(EncodeMetric(metric));
    if (!metrics.empty()) measured.Append("metrics", std::move(metrics));
    object.Append("measured", std::move(measured));
  }
  return object;
}

// Of each environment together: they are in its order.
Object WriteRamps(const std::vector<RampState>& ramps) {
  Object environments;
  for (auto ramp = ramps.begin(); ramp != ramps.end();) {
    const std::string& environment = ramp->environment;
    Object rules;
    for (; ramp != ramps.end() && ramp->environment == environment; ++ramp) {
      Object object{{"at", FormatPercent(ramp->at)}};
      PutTrue(object, "paused", ramp->paused);
      if (ramp->since_ms) object.Append("since", FormatTimestamp(*ramp->since_ms));
      if (ramp->held.count() > 0) object.Append("held", FormatDuration(ramp->held));
      rules.Append(ramp->rule, std::move(object));
    }
    environments.Append(environment, std::move(rules));
  }
  return environments;
}

Object WriteFinding(const ExperimentFinding& finding) {
  Object object{{"iteration", finding.iteration}, {"kind", finding.kind}};
  PutText(object, "metric", finding.metric);
  PutText(object, "variant", finding.variant);
  PutText(object, "occasion", finding.occasion);
  object.Append("action", ToString(finding.action));
  object.Append("at", FormatTimestamp(finding.at_ms));
  PutText(object, "sentence", finding.sentence);
  if (!finding.numbers.is_null()) object.Append("numbers", finding.numbers);
  return object;
}

// What evaluation is not told of.
void WriteLife(const ExperimentState& state, Object& object) {
  PutText(object, "decision", state.decision);
  if (state.concluded_ms) object.Append("concluded", FormatTimestamp(*state.concluded_ms));
  PutText(object, "concluded_by", state.concluded_by);
  if (state.scheduled_ms) object.Append("scheduled", FormatTimestamp(*state.scheduled_ms));
  PutTrue(object, "keeps_assignments", state.keeps_assignments);
  Object ramp = WriteExperimentRamp(state);
  if (!ramp.empty()) object.Append("ramp", std::move(ramp));
  if (state.iterations_before > 0) object.Append("iterations_before", state.iterations_before);
  Array iterations, findings;
  for (const ExperimentIteration& iteration : state.iterations) iterations.emplace_back(WriteIteration(iteration));
  for (const ExperimentFinding& finding : state.findings) findings.emplace_back(WriteFinding(finding));
  if (!iterations.empty()) object.Append("iterations", std::move(iterations));
  if (!findings.empty()) object.Append("findings", std::move(findings));
}

}  // namespace

FlagState ReadFlagState(const Node& node) {
  FlagState state;
  Fields fields(node, "the state of a flag");
  fields.Optional("environments", state.environments,
                  [](const Node& n) { return ReadMap(n, "environments", kMaxItems, ReadTargetingState); });
  fields.Optional("ramps", state.ramps, ReadRamps);
  fields.Finish();
  return state;
}

LayerState ReadLayerState(const Node& node) {
  return ReadSaltOnly<LayerState>(node, "the state of a layer");
}

HoldoutState ReadHoldoutState(const Node& node) {
  return ReadSaltOnly<HoldoutState>(node, "the state of a holdout");
}

ExperimentState ReadExperimentState(const Node& node) {
  ExperimentState state;
  Fields fields(node, "the state of an experiment");
  fields.Optional("status", state.status, [](const Node& n) { return ReadWord(n, "status", kStatuses); });
  fields.Optional("iteration", state.iteration, ReadIterationNumber);
  fields.Optional("salt", state.salt, ReadSalt);
  fields.Optional("arms", state.arms, ReadArms);
  fields.Optional("slots", state.slots, ReadSlots);
  fields.Optional("ramp_step", state.ramp_step,
                  [](const Node& n) { return static_cast<std::size_t>(ReadCount(n, 0, kMaxItems)); });
  fields.Optional("winner", state.winner, ReadKey);
  fields.Optional("decision", state.decision, ReadText);
  fields.Optional("concluded", state.concluded_ms, ReadTime);
  fields.Optional("concluded_by", state.concluded_by, ReadText);
  fields.Optional("scheduled", state.scheduled_ms, ReadTime);
  fields.Optional("keeps_assignments", state.keeps_assignments, ReadBool);
  int read = 0;
  fields.Optional("ramp", read, [&](const Node& n) {
    ReadExperimentRamp(n, state);
    return 1;
  });
  fields.Optional("iterations_before", state.iterations_before, ReadIterationNumber);
  fields.Optional("iterations", state.iterations,
                  [](const Node& n) { return ReadList(n, "iterations", kMaxIterationsKept, ReadIteration); });
  fields.Optional("findings", state.findings,
                  [](const Node& n) { return ReadList(n, "findings", kMaxFindingsKept, ReadFinding); });
  fields.Finish();
  return state;
}

NoState ReadNoState(const Node& node) {
  Fields fields(node, "a state");
  fields.Finish();
  return {};
}

Object WriteState(const FlagState& state) {
  Object environments;
  for (const TargetingState& targeting : state.environments) {
    environments.Append(targeting.environment, WriteSplits(targeting));
  }
  Object object;
  if (!environments.empty()) object.Append("environments", std::move(environments));
  if (!state.ramps.empty()) object.Append("ramps", WriteRamps(state.ramps));
  return object;
}

Object WriteState(const LayerState& state) {
  Object object;
  PutText(object, "salt", state.salt);
  return object;
}

Object WriteState(const HoldoutState& state) {
  Object object;
  PutText(object, "salt", state.salt);
  return object;
}

Object WriteState(const ExperimentState& state) {
  Object object{{"status", ToString(state.status)}};
  if (state.iteration != 0) object.Append("iteration", state.iteration);
  PutText(object, "salt", state.salt);
  if (!state.arms.empty()) object.Append("arms", WriteArms(state.arms));
  if (!state.slots.empty()) object.Append("slots", WriteRanges(state.slots));
  if (state.ramp_step != 0) object.Append("ramp_step", state.ramp_step);
  PutText(object, "winner", state.winner);
  WriteLife(state, object);
  return object;
}

Object WriteState(const NoState&) {
  return {};
}

}  // namespace guidon::codec

namespace guidon {

Value EncodeFinding(const ExperimentFinding& finding) {
  return codec::WriteFinding(finding);
}

}  // namespace guidon
