// Experiments: docs/spec/definitions.md, "Experiments".

#include <algorithm>
#include <array>

#include "core/base/json.h"
#include "core/codec/reader.h"
#include "core/codec/writer.h"
#include "core/model/names.h"

namespace guidon {
namespace codec {
namespace {

using std::chrono::milliseconds;

constexpr std::array kAuthoredStates = {ExperimentStatus::kDraft, ExperimentStatus::kRunning, ExperimentStatus::kPaused,
                                        ExperimentStatus::kStopped};
constexpr std::array kBreachActions = {BreachAction::kAlert, BreachAction::kPause, BreachAction::kRollback};
constexpr std::array kPlanMethods = {PlanMethod::kGroupSequential, PlanMethod::kSequential, PlanMethod::kFixed};
constexpr std::array kDirections = {Direction::kUp, Direction::kDown};
constexpr milliseconds kDaily = std::chrono::days(1), kWeekly = std::chrono::days(7);
constexpr std::uint64_t kMaxUnits = 1'000'000'000'000;

ExperimentStatus ReadState(const Node& node) {
  return ReadWord(node, "state", kAuthoredStates);
}

BreachAction ReadAction(const Node& node) {
  return ReadWord(node, "action", kBreachActions);
}

// --- variants, layer -----------------------------------------------------------------------------------------------

Variant ReadVariant(const Node& node) {
  Variant variant;
  variant.name = ReadMemberKey(node, "a variant");
  if (variant.name == kNone) node.Fault("bad_key", "no variant may be called 'none'", "tests expect it for no variant");
  Fields fields(node, "a variant");
  fields.Required("serves", variant.serves, ReadVariation);
  fields.Required("weight", variant.parts, ReadPercent);
  fields.Finish();
  return variant;
}

std::vector<Variant> ReadVariants(const Node& node) {
  const std::size_t faults = node.report().total();
  auto variants = ReadMap(node, "variants", kMaxVariations, ReadVariant);
  if (node.report().total() != faults) return variants;
  if (variants.size() < 2)
    node.Fault("too_few", "an experiment compares two variants or more; the first is the control");
  CheckWeights(node, variants);
  return variants;
}

LayerSlice ReadLayerSlice(const Node& node) {
  LayerSlice slice;
  Fields fields(node, "a layer");
  fields.Required("name", slice.layer, ReadKey);
  fields.Required("slice", slice.slice, ReadShare);
  fields.Finish();
  return slice;
}

// --- metrics -------------------------------------------------------------------------------------------------------

PrimaryMetric ReadPrimary(const Node& node) {
  PrimaryMetric primary;
  if (node.value().is_string()) {
    primary.use = ReadKey(node);
    return primary;
  }
  Fields fields(node, "a primary metric");
  fields.Required("use", primary.use, ReadKey);
  fields.Optional("expect", primary.expect, [](const Node& n) { return ReadWord(n, "direction", kDirections); });
  fields.Optional("detect", primary.detect, ReadShare);
  fields.Finish();
  return primary;
}

Guardrail ReadGuardrail(const Node& node) {
  Guardrail guardrail;
  if (node.value().is_string()) {
    guardrail.use = ReadKey(node);
    return guardrail;
  }
  Fields fields(node, "a guardrail");
  fields.Required("use", guardrail.use, ReadKey);
  fields.Optional("never_worse_by", guardrail.never_worse_by, ReadMargin);
  fields.Optional("on_breach", guardrail.on_breach, ReadAction);
  fields.Finish();
  return guardrail;
}

struct Metrics {
  std::optional<PrimaryMetric> primary;
  std::vector<std::string> secondary;
  std::vector<Guardrail> guardrails;
};

Metrics ReadMetrics(const Node& node) {
  Metrics metrics;
  Fields fields(node, "the metrics of an experiment");
  fields.Optional("primary", metrics.primary, ReadPrimary);
  fields.Optional("secondary", metrics.secondary,
                  [](const Node& n) { return ReadList(n, "metrics", kMaxItems, ReadKey); });
  fields.Optional("guardrails", metrics.guardrails,
                  [](const Node& n) { return ReadList(n, "guardrails", kMaxItems, ReadGuardrail); });
  fields.Finish();
  return metrics;
}

Value WriteMetrics(const Experiment& experiment) {
  Object object;
  if (const auto& primary = experiment.primary) {
    Object full{{"use", primary->use}};
    if (primary->expect) full.Append("expect", ToString(*primary->expect));
    PutPercent(full, "detect", primary->detect);
    object.Append("primary", full.size() == 1 ? Value(primary->use) : Value(std::move(full)));
  }
  PutTexts(object, "secondary", experiment.secondary);
  Array guardrails;
  for (const Guardrail& guardrail : experiment.guardrails) {
    Object full{{"use", guardrail.use}};
    if (guardrail.never_worse_by) full.Append("never_worse_by", FormatMargin(*guardrail.never_worse_by));
    if (guardrail.on_breach != BreachAction::kAlert) full.Append("on_breach", ToString(guardrail.on_breach));
    guardrails.push_back(full.size() == 1 ? Value(guardrail.use) : Value(std::move(full)));
  }
  if (!guardrails.empty()) object.Append("guardrails", std::move(guardrails));
  return object;
}

// --- plan, ramp, stop ----------------------------------------------------------------------------------------------

milliseconds ReadLooks(const Node& node) {
  if (node.value().AsString() == "daily") return kDaily;
  if (node.value().AsString() == "weekly") return kWeekly;
  if (node.value().is_string() && !ParseDuration(node.value().AsString())) {
    node.Fault("bad_duration",
               "'" + Shortened(node.value().AsString(), 64) + "' is neither daily, weekly nor a duration",
               "such as weekly, or 14d");
    return kWeekly;
  }
  return ReadDuration(node);
}

std::string WriteLooks(milliseconds looks) {
  if (looks == kDaily) return "daily";
  if (looks == kWeekly) return "weekly";
  return FormatDuration(looks);
}

// "none" or "cuped(14d)"
std::optional<milliseconds> ReadAdjust(const Node& node) {
  constexpr std::string_view kOpen = "cuped(";
  std::string_view text = node.value().AsString();
  if (text == kNone) return std::nullopt;
  if (!text.starts_with(kOpen) || !text.ends_with(")")) {
    node.WrongType("'none' or an adjustment such as cuped(14d)");
    return std::nullopt;
  }
  text = text.substr(kOpen.size(), text.size() - kOpen.size() - 1);
  const Value duration(text);
  return ReadDuration(node.Standin(duration));
}

std::uint32_t ReadDays(const Node& node) {
  return static_cast<std::uint32_t>(ReadCount(node, 1, kMaxDurationDays));
}

Plan ReadPlan(const Node& node) {
  Plan plan;
  Fields fields(node, "a plan");
  fields.Optional("method", plan.method, [](const Node& n) { return ReadWord(n, "method", kPlanMethods); });
  fields.Optional("looks", plan.looks, ReadLooks);
  fields.Optional("alpha", plan.alpha, ReadOpenShare);
  fields.Optional("power", plan.power, ReadOpenShare);
  fields.Optional("min_days", plan.min_days, ReadDays);
  fields.Optional("max_days", plan.max_days, ReadDays);
  fields.Optional("adjust", plan.cuped, ReadAdjust);
  fields.Finish();
  if (plan.min_days && plan.max_days && *plan.min_days > *plan.max_days) {
    node.Fault("bad_number", "'min_days' is more than 'max_days'");
  }
  return plan;
}

Value WritePlan(const Plan& plan) {
  const Plan defaults;
  Object object{{"method", ToString(plan.method)}};
  if (plan.looks) object.Append("looks", WriteLooks(*plan.looks));
  if (plan.alpha != defaults.alpha) object.Append("alpha", FormatPercent(plan.alpha));
  if (plan.power != defaults.power) object.Append("power", FormatPercent(plan.power));
  if (plan.min_days) object.Append("min_days", *plan.min_days);
  if (plan.max_days) object.Append("max_days", *plan.max_days);
  if (plan.cuped != defaults.cuped) {
    object.Append("adjust", plan.cuped ? Value("cuped(" + FormatDuration(*plan.cuped) + ")") : Value(kNone));
  }
  return object;
}

RampStep ReadRampStep(const Node& node) {
  RampStep step;
  Fields fields(node, "a step of a ramp");
  fields.Required("at", step.at, ReadShare);
  fields.Optional("hold", step.hold, ReadDuration);
  fields.Optional("min_units", step.min_units, [](const Node& n) { return ReadCount(n, 1, kMaxUnits); });
  fields.Finish();
  return step;
}

Array WriteRamp(const std::vector<RampStep>& ramp) {
  Array steps;
  for (const RampStep& step : ramp) {
    Object object{{"at", FormatPercent(step.at)}};
    PutDuration(object, "hold", step.hold);
    if (step.min_units) object.Append("min_units", *step.min_units);
    steps.emplace_back(std::move(object));
  }
  return steps;
}

StopRules ReadStop(const Node& node) {
  StopRules stop;
  Fields fields(node, "the stop rules");
  fields.Optional("sample_ratio_mismatch", stop.sample_ratio_mismatch, ReadAction);
  fields.Optional("no_traffic_after", stop.no_traffic_after, ReadDuration);
  fields.Finish();
  return stop;
}

Value WriteStop(const StopRules& stop) {
  Object object;
  if (stop.sample_ratio_mismatch) object.Append("sample_ratio_mismatch", ToString(*stop.sample_ratio_mismatch));
  PutDuration(object, "no_traffic_after", stop.no_traffic_after);
  return object;
}

// --- forced variants, tests ----------------------------------------------------------------------------------------

ForcedVariant ReadForced(const Node& node) {
  ForcedVariant forced;
  if (!node.value().is_object()) {
    node.WrongType("a map such as { account_id: qa-17, variant: one_page }");
    return forced;
  }
  if (!CheckSize(node, "attributes", kMaxItems)) return forced;
  bool names_variant = false;
  for (const auto& [name, value] : node.value().AsObject()) {
    const Node member = node.Member(name, value);
    if (name == "variant") {
      forced.variant = ReadVariation(member);
      names_variant = true;
      continue;
    }
    if (!IsAttributeName(name)) member.Fault("bad_attribute", "this cannot be the name of an attribute");
    forced.attributes.emplace_back(name, ReadScalar(member));
  }
  if (!names_variant) node.Fault("missing_key", "a forced variant needs 'variant'");
  if (forced.attributes.empty()) {
    node.Fault("empty_condition", "a forced variant names no attribute", "such as { key: qa-17, variant: one_page }");
  }
  return forced;
}

std::vector<ForcedVariant> ReadQa(const Node& node) {
  std::vector<ForcedVariant> force;
  Fields fields(node, "qa");
  fields.Optional("force", force, [](const Node& n) { return ReadList(n, "forced variants", kMaxItems, ReadForced); });
  fields.Finish();
  return force;
}

Array WriteForce(const std::vector<ForcedVariant>& force) {
  Array list;
  for (const ForcedVariant& forced : force) {
    Object object;
    for (const auto& [name, value] : forced.attributes) object.Append(name, value);
    object.Append("variant", forced.variant);
    list.emplace_back(std::move(object));
  }
  return list;
}

ExperimentTest ReadTestEntry(const Node& node) {
  ExperimentTest test;
  Fields fields(node, "a test of an experiment");
  ReadGiven(fields, test.at, test.given);
  fields.Required("expect", test.expect, ReadVariation);
  fields.Finish();
  return test;
}

Array WriteTests(const std::vector<ExperimentTest>& tests) {
  Array list;
  for (const ExperimentTest& test : tests) {
    Object object;
    PutGiven(object, test.given, test.at);
    PutPercent(object, "at", test.at);
    object.Append("expect", test.expect);
    list.push_back(std::move(object));
  }
  return list;
}

// --- the whole -----------------------------------------------------------------------------------------------------

void ReadHead(Fields& fields, Experiment& experiment) {
  fields.Required("experiment", experiment.key, ReadKey);
  fields.Optional("description", experiment.description, ReadText);
  fields.Optional("owner", experiment.owner, ReadName);
  fields.Optional("hypothesis", experiment.hypothesis, ReadText);
  fields.Required("flag", experiment.flag, ReadKey);
  fields.Required("environment", experiment.environment, ReadKey);
  fields.Optional("state", experiment.state, ReadState);
  fields.Optional("archived", experiment.archived, ReadBool);
}

void ReadWho(Fields& fields, Experiment& experiment) {
  fields.Required("unit", experiment.unit, ReadAttribute);
  fields.Optional("audience", experiment.audience, ReadCondition);
  fields.Optional("layer", experiment.layer, ReadLayerSlice);
  fields.Optional("holdout", experiment.holdout, ReadKey);
  fields.Required("variants", experiment.variants, ReadVariants);
}

void ReadHow(Fields& fields, Experiment& experiment) {
  Metrics metrics;
  fields.Optional("metrics", metrics, ReadMetrics);
  experiment.primary = std::move(metrics.primary);
  experiment.secondary = std::move(metrics.secondary);
  experiment.guardrails = std::move(metrics.guardrails);
  fields.Optional("plan", experiment.plan, ReadPlan);
  fields.Optional("ramp", experiment.ramp, [](const Node& n) { return ReadList(n, "steps", kMaxItems, ReadRampStep); });
  fields.Optional("stop", experiment.stop, ReadStop);
  fields.Optional("qa", experiment.force, ReadQa);
  fields.Optional("tests", experiment.tests,
                  [](const Node& n) { return ReadList(n, "tests", kMaxItems, ReadTestEntry); });
}

void PutUnlessEmpty(Object& object, std::string_view name, Object members) {
  if (!members.empty()) object.Append(name, std::move(members));
}

void PutUnlessEmpty(Object& object, std::string_view name, Array elements) {
  if (!elements.empty()) object.Append(name, std::move(elements));
}

Value WriteExperiment(const Experiment& experiment) {
  Object object{{"experiment", experiment.key}};
  PutText(object, "description", experiment.description);
  PutText(object, "owner", experiment.owner);
  PutText(object, "hypothesis", experiment.hypothesis);
  PutText(object, "flag", experiment.flag);
  PutText(object, "environment", experiment.environment);
  if (experiment.state) object.Append("state", ToString(*experiment.state));
  PutText(object, "unit", experiment.unit);
  PutCondition(object, "audience", experiment.audience);
  if (const auto& layer = experiment.layer) {
    object.Append("layer", Object{{"name", layer->layer}, {"slice", FormatPercent(layer->slice)}});
  }
  PutText(object, "holdout", experiment.holdout);
  Object variants;
  for (const Variant& variant : experiment.variants) {
    variants.Append(variant.name, Object{{"serves", variant.serves}, {"weight", FormatPercent(variant.parts)}});
  }
  PutUnlessEmpty(object, "variants", std::move(variants));
  PutUnlessEmpty(object, "metrics", WriteMetrics(experiment).MutableObject());
  if (experiment.plan) object.Append("plan", WritePlan(*experiment.plan));
  PutUnlessEmpty(object, "ramp", WriteRamp(experiment.ramp));
  PutUnlessEmpty(object, "stop", WriteStop(experiment.stop).MutableObject());
  Array force = WriteForce(experiment.force);
  if (!force.empty()) object.Append("qa", Object{{"force", std::move(force)}});
  PutUnlessEmpty(object, "tests", WriteTests(experiment.tests));
  PutTrue(object, "archived", experiment.archived);
  return object;
}

}  // namespace

Experiment ReadExperiment(const Node& node) {
  Experiment experiment;
  Fields fields(node, "an experiment");
  ReadHead(fields, experiment);
  ReadWho(fields, experiment);
  ReadHow(fields, experiment);
  fields.Finish();
  return experiment;
}

}  // namespace codec

Result<Experiment> DecodeExperiment(const Value& value, Strictness strictness) {
  return codec::Decode("experiment", value, strictness, codec::ReadExperiment);
}

Value EncodeExperiment(const Experiment& experiment) {
  return codec::WriteExperiment(experiment);
}

}  // namespace guidon
