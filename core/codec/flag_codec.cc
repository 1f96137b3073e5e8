// Flags: docs/spec/definitions.md, "Flags".

#include <algorithm>
#include <array>
#include <unordered_set>

#include "core/base/json.h"
#include "core/codec/reader.h"
#include "core/codec/writer.h"
#include "core/model/names.h"

namespace guidon {
namespace codec {
namespace {

constexpr std::array kFlagTypes = {FlagType::kBoolean, FlagType::kString, FlagType::kNumber, FlagType::kJson};
constexpr std::array kFlagKinds = {FlagKind::kRelease, FlagKind::kExperiment, FlagKind::kKillSwitch,
                                   FlagKind::kPermission};
constexpr std::string_view kOn = "on", kOff = "off";

std::vector<Variation> ImplicitVariations() {
  return {{std::string(kOn), true}, {std::string(kOff), false}};
}

// --- serve ---------------------------------------------------------------------------------------------------------

SplitServe ReadSplit(const Node& node) {
  const std::size_t faults = node.report().total();
  SplitServe split;
  split.weights = ReadMap(node, "weights", kMaxVariations, [](const Node& weight) {
    return Weight{ReadMemberKey(weight, "a variation"), ReadPercent(weight)};
  });
  if (node.report().total() == faults) CheckWeights(node, split.weights);
  return split;
}

// A variation, or a map of weights.
Serve ReadServe(const Node& node) {
  if (node.value().is_object()) return ReadSplit(node);
  if (!node.value().is_string() && !node.value().is_bool()) {
    node.WrongType("a variation or a map of weights", "such as single_page, or { single_page: 20%, multi_step: 80% }");
    return FixedServe{};
  }
  return FixedServe{ReadVariation(node)};
}

DefaultServe ReadDefault(const Node& node) {
  DefaultServe decoded;
  if (!node.value().is_object()) {
    decoded.serve = FixedServe{ReadVariation(node)};
    return decoded;
  }
  Fields fields(node, "a default");
  if (!fields.Has("serve") && !fields.Has("by") && !fields.Has("experiment")) {
    fields.Missing("serve", "weights stand below it: { serve: { single_page: 20%, multi_step: 80% }, by: account_id }");
    return decoded;
  }
  if (!fields.Optional("serve", decoded.serve, ReadServe)) {
    fields.Missing("serve", "such as { serve: { single_page: 20%, multi_step: 80% }, by: account_id }");
  }
  fields.Optional("by", decoded.by, ReadAttribute);
  fields.Forbid("experiment", "a default has no 'experiment'",
                "an experiment runs on the default of its flag by itself; remove this line");
  fields.Finish();
  return decoded;
}

Value WriteServe(const Serve& serve) {
  if (const auto* fixed = std::get_if<FixedServe>(&serve)) return fixed->variation;
  Object weights;
  if (const auto* split = std::get_if<SplitServe>(&serve)) {
    for (const Weight& weight : split->weights) weights.Append(weight.variation, FormatPercent(weight.parts));
  }
  return weights;
}

Value WriteDefault(const DefaultServe& decoded) {
  if (std::holds_alternative<FixedServe>(decoded.serve) && decoded.by.empty()) return WriteServe(decoded.serve);
  Object object{{"serve", WriteServe(decoded.serve)}};
  PutText(object, "by", decoded.by);
  return object;
}

// --- rules ---------------------------------------------------------------------------------------------------------

std::string ReadRuleId(const Node& node) {
  std::string id = ReadKey(node);
  if (id == "default") {
    node.Fault("bad_key", "no rule may be called 'default'", "the buckets of the flag's default are kept by that name");
  }
  return id;
}

ExperimentServe ReadExperimentServe(const Node& node) {
  return ExperimentServe{ReadKey(node)};
}

// --- ramps ---------------------------------------------------------------------------------------------------------

RampStep ReadRampStep(const Node& node) {
  RampStep step;
  Fields fields(node, "a step of a ramp");
  fields.Required("at", step.at, ReadShare);
  fields.Optional("hold", step.hold, ReadDuration);
  fields.Forbid("min_units", "a step of a rule's ramp has no 'min_units'", "only experiments count their units");
  fields.Finish();
  return step;
}

// Shares grow, and each is held for a while but the last, which is held for good.
void CheckSteps(const Node& node, const std::vector<RampStep>& steps) {
  if (steps.empty()) {
    node.Fault("empty_list", "a ramp has at least one step", "such as [{ at: 10%, hold: 1d }, { at: 100% }]");
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Node step = node.Element(i, node.value().AsArray()[i]);
    const bool is_last = i + 1 == steps.size();
    if (i > 0 && steps[i].at <= steps[i - 1].at) {
      step.Fault("ramp_steps",
                 FormatPercent(steps[i].at) + " comes after " + FormatPercent(steps[i - 1].at) + ", and is not more",
                 "write the steps in ascending order; to take a share back, use `guidon flag ramp … abort`");
    }
    if (!is_last && !steps[i].hold) {
      step.Fault("ramp_steps", "a step before the last says how long it is held", "add `hold:`, such as 1d");
    }
    if (is_last && steps[i].hold) {
      step.Fault("ramp_steps", "the last step is held for good", "remove its `hold`, or add a step");
    }
  }
}

std::vector<RampStep> ReadSteps(const Node& node) {
  const std::size_t faults = node.report().total();
  std::vector<RampStep> steps = ReadList(node, "steps", kMaxRampSteps, ReadRampStep);
  if (node.report().total() == faults) CheckSteps(node, steps);
  return steps;
}

std::int64_t ReadStart(const Node& node) {
  const std::size_t faults = node.report().total();
  const Value value = ReadTimestamp(node);
  if (node.report().total() != faults) return 0;
  constexpr std::int64_t kLast = 253'402'300'799'999;  // of the year 9999
  const std::int64_t start = value.is_string() ? ParseTimestamp(value.AsString()).value_or(-1) : value.AsInt();
  if (start >= 0 && start <= kLast) return start;
  node.Fault("bad_date", ToJson(value) + " is not a time that a ramp can start at", "such as 2027-03-31T08:00:00Z");
  return 0;
}

// A list of steps, or { start, steps }.
Ramp ReadRamp(const Node& node) {
  Ramp ramp;
  if (node.value().is_array()) {
    ramp.steps = ReadSteps(node);
    return ramp;
  }
  if (!node.value().is_object()) {
    node.WrongType("a list of steps", "such as [{ at: 10%, hold: 1d }, { at: 100% }]");
    return ramp;
  }
  Fields fields(node, "a ramp");
  fields.Optional("start", ramp.start_ms, ReadStart);
  fields.Required("steps", ramp.steps, ReadSteps);
  fields.Finish();
  return ramp;
}

Value WriteRamp(const Ramp& ramp) {
  Array steps;
  for (const RampStep& step : ramp.steps) {
    Object object{{"at", FormatPercent(step.at)}};
    PutDuration(object, "hold", step.hold);
    steps.emplace_back(std::move(object));
  }
  if (!ramp.start_ms) return steps;
  return Object{{"start", FormatTimestamp(*ramp.start_ms)}, {"steps", std::move(steps)}};
}

void ReadRuleServe(Fields& fields, Rule& rule) {
  const bool serves = fields.Optional("serve", rule.serve, ReadServe);
  const bool experiments = fields.Optional("experiment", rule.serve, ReadExperimentServe);
  if (!serves && !experiments) fields.Missing("serve", "what it serves, or 'experiment' with the key of one");
  if (serves && experiments) {
    fields.Forbid("experiment", "a rule has either 'serve' or 'experiment'", "remove one of them");
  }
  if (!experiments) {
    const bool rolls_out = fields.Optional("rollout", rule.rollout, ReadPercent);
    const bool ramps = fields.Optional("ramp", rule.ramp, ReadRamp);
    if (rolls_out && ramps) {
      fields.Forbid("rollout", "a rule has either 'rollout' or 'ramp'",
                    "remove 'rollout': a ramp goes on from the share that the rule has");
    }
    fields.Optional("by", rule.by, ReadAttribute);
    return;
  }
  fields.Forbid("rollout", "a rule with an experiment has no 'rollout'", "use the experiment's 'ramp'");
  fields.Forbid("ramp", "a rule with an experiment has no 'ramp'", "write it into the experiment");
  fields.Forbid("by", "a rule with an experiment has no 'by'", "the experiment's 'unit' is what is bucketed");
}

Rule ReadRule(const Node& node) {
  Rule rule;
  Fields fields(node, "a rule");
  const bool has_id = fields.Optional("id", rule.id, ReadRuleId);
  fields.Optional("when", rule.when, ReadCondition);
  ReadRuleServe(fields, rule);
  fields.Finish();
  const bool buckets = rule.rollout || rule.ramp || std::holds_alternative<SplitServe>(rule.serve);
  if (buckets && !has_id) {
    fields.Missing("id", "a rule that splits or rolls out needs one, so that nobody moves when rules are reordered");
  }
  return rule;
}

Value WriteRule(const Rule& rule) {
  Object object;
  PutText(object, "id", rule.id);
  PutCondition(object, "when", rule.when);
  if (const auto* experiment = std::get_if<ExperimentServe>(&rule.serve)) {
    object.Append("experiment", experiment->experiment);
  } else {
    object.Append("serve", WriteServe(rule.serve));
  }
  PutPercent(object, "rollout", rule.rollout);
  if (rule.ramp) object.Append("ramp", WriteRamp(*rule.ramp));
  PutText(object, "by", rule.by);
  return object;
}

void CheckRuleIds(const Node& node, const std::vector<Rule>& rules) {
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string& id = rules[i].id;
    if (id.empty() || seen.insert(id).second) continue;
    node.Element(i, node.value().AsArray()[i])
        .Fault("duplicate_id", "two rules are called '" + id + "'", "ids are unique within an environment");
  }
}

std::vector<Rule> ReadRules(const Node& node) {
  std::vector<Rule> rules = ReadList(node, "rules", kMaxRules, ReadRule);
  CheckRuleIds(node, rules);
  return rules;
}

// --- targeting -----------------------------------------------------------------------------------------------------

std::vector<std::string> ReadVariations(const Node& node) {
  return ReadOneOrList(node, "variations", kMaxVariations, ReadVariation);
}

Requirement ReadRequirement(const Node& node) {
  Requirement requirement;
  Fields fields(node, "a requirement");
  fields.Required("flag", requirement.flag, ReadKey);
  fields.Required("is", requirement.is, ReadVariations);
  fields.Finish();
  return requirement;
}

std::vector<Requirement> ReadRequirements(const Node& node) {
  return ReadList(node, "requirements", kMaxItems, ReadRequirement);
}

std::vector<Targets> ReadTargets(const Node& node) {
  return ReadMap(node, "targets", kMaxVariations, [](const Node& member) {
    return Targets{ReadMemberKey(member, "a variation"), ReadList(member, "context keys", kMaxList, ReadContextKey)};
  });
}

// null: the caller's fallback.
std::string ReadOff(const Node& node) {
  return node.value().is_null() ? "" : ReadVariation(node);
}

Targeting ReadTargeting(const Node& node) {
  Targeting targeting;
  targeting.environment = ReadMemberKey(node, "an environment");
  Fields fields(node, "a flag's environment");
  fields.Optional("enabled", targeting.enabled, ReadBool);
  fields.Optional("off", targeting.off, ReadOff);
  fields.Optional("requires", targeting.requirements, ReadRequirements);
  fields.Optional("targets", targeting.targets, ReadTargets);
  fields.Optional("rules", targeting.rules, ReadRules);
  fields.Optional("default", targeting.default_serve, ReadDefault);
  fields.Finish();
  return targeting;
}

std::vector<Targeting> ReadEnvironments(const Node& node) {
  return ReadMap(node, "environments", kMaxItems, ReadTargeting);
}

Value WriteTargeting(const Targeting& targeting, FlagType type) {
  Object object{{"enabled", targeting.enabled}};
  if (targeting.off.empty() ? type == FlagType::kBoolean : type != FlagType::kBoolean || targeting.off != kOff) {
    object.Append("off", targeting.off.empty() ? Value() : Value(targeting.off));
  }
  Array requirements;
  for (const Requirement& requirement : targeting.requirements) {
    requirements.push_back(Object{{"flag", requirement.flag}, {"is", OneOrList(requirement.is)}});
  }
  if (!requirements.empty()) object.Append("requires", std::move(requirements));
  Object targets;
  for (const Targets& entry : targeting.targets) targets.Append(entry.variation, Texts(entry.keys));
  if (!targets.empty()) object.Append("targets", std::move(targets));
  Array rules;
  for (const Rule& rule : targeting.rules) rules.push_back(WriteRule(rule));
  if (!rules.empty()) object.Append("rules", std::move(rules));
  if (targeting.default_serve) object.Append("default", WriteDefault(*targeting.default_serve));
  return object;
}

// --- variations ----------------------------------------------------------------------------------------------------

Variation ReadVariationValue(const Node& node, FlagType type) {
  Variation variation{ReadMemberKey(node, "a variation"), {}};
  const Value& value = node.value();
  switch (type) {
    case FlagType::kBoolean:
      if (!value.is_bool()) node.WrongType("true or false");
      break;
    case FlagType::kString:
      if (!value.is_string()) {
        node.WrongType("text, because the flag's type is string",
                       value.is_bool() || value.is_number() ? "write it in quotes, or change the type" : "");
      }
      break;
    case FlagType::kNumber:
      ReadNumber(node);
      break;
    case FlagType::kJson:
      ReadJson(node);
      break;
  }
  variation.value = value;
  return variation;
}

void CheckBooleanVariations(const Node& node, const std::vector<Variation>& variations) {
  const auto is = [&](std::string_view name, bool value) {
    return std::any_of(variations.begin(), variations.end(),
                       [&](const Variation& v) { return v.name == name && v.value == Value(value); });
  };
  if (variations.size() == 2 && is(kOn, true) && is(kOff, false)) return;
  node.Fault("boolean_variations", "a boolean flag has the variations { on: true, off: false } and no others",
             "leave 'variations' out");
}

std::vector<Variation> ReadFlagVariations(const Node& node, FlagType type) {
  const std::size_t faults = node.report().total();
  auto variations =
      ReadMap(node, "variations", kMaxVariations, [&](const Node& member) { return ReadVariationValue(member, type); });
  if (node.report().total() != faults) return variations;
  if (type == FlagType::kBoolean) {
    CheckBooleanVariations(node, variations);
  } else if (variations.empty()) {
    node.Fault("empty_map", "a flag has at least one variation");
  }
  return variations;
}

std::vector<std::string> ReadTags(const Node& node) {
  return ReadList(node, "tags", kMaxTags, ReadName);
}

// What a boolean flag has without saying so.
void FillBoolean(const Node& node, FlagDefinition& flag) {
  if (flag.variations.empty()) flag.variations = ImplicitVariations();
  const Value* environments = node.value().Find("environments");
  for (Targeting& targeting : flag.environments) {
    const Value* authored = environments->Find(targeting.environment);
    if (authored->Find("off") == nullptr) targeting.off = kOff;
  }
}

Value WriteFlag(const FlagDefinition& flag) {
  Object object{{"flag", flag.key}, {"type", ToString(flag.type)}};
  if (flag.kind != FlagKind::kRelease) object.Append("kind", ToString(flag.kind));
  PutText(object, "description", flag.description);
  PutText(object, "owner", flag.owner);
  PutTexts(object, "tags", flag.tags);
  if (flag.expires) object.Append("expires", FormatDay(*flag.expires));
  PutTrue(object, "client", flag.client);
  PutTrue(object, "archived", flag.archived);
  if (flag.type != FlagType::kBoolean || flag.variations != ImplicitVariations()) {
    Object variations;
    for (const Variation& variation : flag.variations) variations.Append(variation.name, variation.value);
    object.Append("variations", std::move(variations));
  }
  Object environments;
  for (const Targeting& targeting : flag.environments) {
    environments.Append(targeting.environment, WriteTargeting(targeting, flag.type));
  }
  if (!environments.empty()) object.Append("environments", std::move(environments));
  return object;
}

}  // namespace

FlagDefinition ReadFlag(const Node& node) {
  FlagDefinition flag;
  Fields fields(node, "a flag");
  fields.Required("flag", flag.key, ReadKey);
  const std::size_t faults = node.report().total();
  fields.Required("type", flag.type, [](const Node& n) { return ReadWord(n, "type of flag", kFlagTypes); });
  const bool knows_type = node.report().total() == faults;
  fields.Optional("kind", flag.kind, [](const Node& n) { return ReadWord(n, "kind of flag", kFlagKinds); });
  fields.Optional("description", flag.description, ReadText);
  fields.Optional("owner", flag.owner, ReadName);
  fields.Optional("tags", flag.tags, ReadTags);
  fields.Optional("expires", flag.expires, ReadDay);
  fields.Optional("client", flag.client, ReadBool);
  fields.Optional("archived", flag.archived, ReadBool);
  const FlagType type = knows_type ? flag.type : FlagType::kJson;  // which takes any value
  const auto variations = [type](const Node& n) { return ReadFlagVariations(n, type); };
  if (!fields.Optional("variations", flag.variations, variations) && type != FlagType::kBoolean && knows_type) {
    fields.Missing("variations", "such as variations: { small: 10, large: 50 }");
  }
  fields.Optional("environments", flag.environments, ReadEnvironments);
  fields.Finish();
  if (type == FlagType::kBoolean) FillBoolean(node, flag);
  return flag;
}

}  // namespace codec

Result<FlagDefinition> DecodeFlag(const Value& value, Strictness strictness) {
  return codec::Decode("flag", value, strictness, codec::ReadFlag);
}

Value EncodeFlag(const FlagDefinition& flag) {
  return codec::WriteFlag(flag);
}

}  // namespace guidon
