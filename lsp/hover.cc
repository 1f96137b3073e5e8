#include "lsp/hover.h"

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/base/text.h"
#include "core/codec/codec.h"
#include "core/model/units.h"

namespace guidon::lsp {
namespace {

constexpr std::size_t kMaxRulesShown = 10, kMaxValuesShown = 12;
constexpr std::size_t kMaxValueBytes = 120;  // of a variation's value, or a condition

std::string Code(std::string_view text) {
  std::string out = "`";
  for (const char c : text) out += c == '`' || c == '\n' ? ' ' : c;
  return out + "`";
}

void AddPart(std::string& line, const std::string& part) {
  if (!part.empty()) line += (line.empty() ? "" : " · ") + part;
}

std::string Heading(const char* kind, const std::string& key, const std::string& description) {
  std::string text = "**" + std::string(kind) + "** " + Code(key);
  return description.empty() ? text : text + "\n\n" + Escaped(description);
}

std::string OwnerOf(const std::string& owner) {
  return owner.empty() ? "" : "owner " + Escaped(owner);
}

std::string ServeText(const Serve& serve) {
  if (const auto* fixed = std::get_if<FixedServe>(&serve)) return Code(fixed->variation);
  if (const auto* tried = std::get_if<ExperimentServe>(&serve)) return "experiment " + Code(tried->experiment);
  std::string text;
  for (const Weight& weight : std::get<SplitServe>(serve).weights) {
    text += (text.empty() ? "" : ", ") + FormatPercent(weight.parts) + " " + Code(weight.variation);
  }
  return text;
}

std::string ConditionText(const std::optional<Condition>& condition) {
  return condition ? "when " + Code(Shortened(ToJson(EncodeCondition(*condition)), kMaxValueBytes)) : "for everybody";
}

std::string RuleText(const Rule& rule, std::size_t number) {
  std::string text = rule.id.empty() ? "rule " + std::to_string(number) : Code(rule.id);
  text += " serves " + ServeText(rule.serve);
  if (rule.rollout) text += " to " + FormatPercent(*rule.rollout);
  if (rule.ramp) text += " on a ramp to " + FormatPercent(rule.ramp->steps.back().at);
  return text;
}

// "on, serves `multi_step`"; with its rules as a list below.
std::string TargetingText(const Targeting& targeting) {
  const std::string off = targeting.off.empty() ? "the caller's fallback" : Code(targeting.off);
  if (!targeting.enabled) return "off, serves " + off;
  std::string text = "on";
  if (targeting.default_serve) {
    text += targeting.rules.empty() && targeting.targets.empty() ? ", serves " : ", by default ";
    text += ServeText(targeting.default_serve->serve);
  }
  for (const Requirement& requirement : targeting.requirements) text += "; requires " + Code(requirement.flag);
  for (const Targets& targets : targeting.targets) {
    text += "; " + Plural(targets.keys.size(), "target") + " of " + Code(targets.variation);
  }
  std::size_t number = 0;
  for (const Rule& rule : targeting.rules) {
    if (++number > kMaxRulesShown) {
      text += "\n  - and " + Plural(targeting.rules.size() - kMaxRulesShown, "rule") + " more";
      break;
    }
    text += "\n  - " + RuleText(rule, number);
  }
  return text;
}

std::string StatesText(const FlagDefinition& flag) {
  if (flag.archived) return "- archived: it answers as if it were not there";
  std::string text;
  for (const Targeting& targeting : flag.environments) {
    text += (text.empty() ? "- " : "\n- ") + Code(targeting.environment) + ": " + TargetingText(targeting);
  }
  return text.empty() ? "- enabled nowhere" : text;
}

std::string FlagText(const FlagDefinition& flag) {
  std::string text = Heading("flag", flag.key, flag.description), line;
  AddPart(line, std::string(ToString(flag.type)));
  AddPart(line, std::string(ToString(flag.kind)));
  AddPart(line, OwnerOf(flag.owner));
  if (flag.expires) AddPart(line, "expires " + FormatDay(*flag.expires));
  if (flag.client) AddPart(line, "for clients");
  text += "\n\n" + line;
  std::string variations;
  for (std::size_t i = 0; i < std::min(flag.variations.size(), kMaxValuesShown); ++i) {
    const Variation& variation = flag.variations[i];
    variations +=
        (i == 0 ? "" : ", ") + Code(variation.name) + " = " + Code(Shortened(ToJson(variation.value), kMaxValueBytes));
  }
  if (flag.variations.size() > kMaxValuesShown) variations += ", …";
  return text + "\n\nvariations: " + variations + "\n\nIn the files:\n" + StatesText(flag);
}

std::string ExperimentText(const Experiment& experiment) {
  std::string text = Heading("experiment", experiment.key, experiment.description), line, variants;
  AddPart(line, "of flag " + Code(experiment.flag) + " in " + Code(experiment.environment));
  AddPart(line, OwnerOf(experiment.owner));
  if (!experiment.hypothesis.empty()) text += "\n\n" + Escaped(experiment.hypothesis);
  for (const Variant& variant : experiment.variants) {
    variants += (variants.empty() ? "" : ", ") + FormatPercent(variant.parts) + " " + Code(variant.name) + " (serves " +
                Code(variant.serves) + ")";
  }
  text += "\n\n" + line + "\n\nvariants by " + Code(experiment.unit) + ": " + variants;
  if (experiment.primary) text += "\n\nprimary metric: " + Code(experiment.primary->use);
  text += "\n\nIn the files: ";
  if (experiment.archived) return text + "archived";
  return text + (experiment.state ? std::string(ToString(*experiment.state)) : std::string("no state is said"));
}

std::string SegmentText(const Segment& segment) {
  std::string text = Heading("segment", segment.key, segment.description), line;
  AddPart(line, OwnerOf(segment.owner));
  if (!segment.include.empty()) AddPart(line, std::to_string(segment.include.size()) + " included");
  if (!segment.exclude.empty()) AddPart(line, std::to_string(segment.exclude.size()) + " excluded");
  if (!line.empty()) text += "\n\n" + line;
  return segment.when ? text + "\n\n" + ConditionText(segment.when) : text;
}

std::string MetricText(const Metric& metric) {
  std::string text = Heading("metric", metric.key, metric.description), line;
  AddPart(line, std::string(ToString(metric.type)));
  AddPart(line, metric.direction == Direction::kUp ? "up is better" : "down is better");
  AddPart(line, OwnerOf(metric.owner));
  if (!metric.event.empty()) AddPart(line, "event " + Code(metric.event));
  if (!metric.value.empty()) AddPart(line, "value " + Code(metric.value));
  if (metric.window) AddPart(line, "within " + FormatDuration(*metric.window));
  if (metric.archived) AddPart(line, "archived");
  text += "\n\n" + line;
  return metric.where ? text + "\n\n" + ConditionText(metric.where) : text;
}

std::string LayerText(const Layer& layer) {
  return Heading("layer", layer.key, layer.description) + "\n\nunit " + Code(layer.unit);
}

std::string HoldoutText(const Holdout& holdout) {
  std::string line;
  AddPart(line, FormatPercent(holdout.size) + " of " + Code(holdout.unit));
  AddPart(line, OwnerOf(holdout.owner));
  if (holdout.archived) AddPart(line, "archived: it has ended");
  return Heading("holdout", holdout.key, holdout.description) + "\n\n" + line;
}

std::string EnvironmentText(const EnvironmentDefinition& environment) {
  std::string text = Heading("environment", environment.key, environment.description);
  if (environment.is_protected) {
    text += "\n\nprotected: " + Plural(environment.required_approvals, "approval") + " for each change";
  }
  return text;
}

std::string VariationText(const Folder& folder, const Name& name) {
  const FlagRecord* flag = folder.definitions().entities.FindFlag(name.of);
  const Variation* variation = flag == nullptr ? nullptr : flag->definition.FindVariation(name.text);
  if (variation == nullptr) return "";
  std::string json = Shortened(ToPrettyJson(variation->value), 10 * kMaxValueBytes);
  if (!json.ends_with('\n')) json += '\n';  // or what ends the block would be a part of it
  return Heading("variation", name.text, "") + " of flag " + Code(name.of) + "\n\n```json\n" + json + "```";
}

std::string VariantText(const Folder& folder, const Name& name) {
  const ExperimentRecord* experiment = folder.definitions().entities.FindExperiment(name.of);
  if (experiment == nullptr) return "";
  for (const Variant& variant : experiment->definition.variants) {
    if (variant.name != name.text) continue;
    return Heading("variant", name.text, "") + " of experiment " + Code(name.of) + "\n\n" +
           FormatPercent(variant.parts) + ", serves " + Code(variant.serves);
  }
  return "";
}

std::string RuleTextOf(const Folder& folder, const Name& name) {
  const std::size_t blank = std::min(name.of.find(' '), name.of.size());
  const std::string environment = name.of.substr(std::min(blank + 1, name.of.size()));
  const FlagRecord* flag = folder.definitions().entities.FindFlag(name.of.substr(0, blank));
  const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(environment);
  if (targeting == nullptr) return "";
  for (std::size_t i = 0; i < targeting->rules.size(); ++i) {
    const Rule& rule = targeting->rules[i];
    if (rule.id == name.text) return "**rule** " + RuleText(rule, i + 1) + "\n\n" + ConditionText(rule.when);
  }
  return "";
}

// Of what is defined nowhere: where it is met.
std::string SeenText(const Folder& folder, const Name& name) {
  std::size_t times = 0;
  std::set<std::string> files;
  std::map<std::string, std::size_t> values;
  for (const auto& [file, held] : folder.files()) {
    for (const Occurrence& occurrence : held->names) {
      if (IsSame(occurrence.name, name)) ++times, files.insert(file);
      if (occurrence.name.role == Role::kAttributeValue && occurrence.name.of == name.text) {
        ++values[occurrence.name.text];
      }
    }
  }
  if (times == 0) return "";
  std::string text = Heading(std::string(ToString(name.role)).c_str(), name.text, "") + "\n\nused " +
                     Plural(times, "time") + " in " + Plural(files.size(), "file");
  if (name.role == Role::kEvent || values.empty()) return text;
  text += "\n\nvalues: ";
  std::size_t shown = 0;
  for (const auto& [value, count] : values) {
    if (++shown > kMaxValuesShown) return text + ", …";
    text += (shown == 1 ? "" : ", ") + Code(Shortened(value, kMaxValueBytes));
  }
  return text;
}

// The record, said by its own function; "" when it is not there.
template <typename Record, typename Say>
std::string Told(const Record* record, Say say) {
  return record == nullptr ? "" : say(record->definition);
}

// {"ramps": {"production": {"beta": {"at": "10%"}}}}
std::string RampsText(const Value& state) {
  std::string text;
  const Value* ramps = state.Find("ramps");
  if (ramps == nullptr) return "";
  for (const Member& environment : ramps->AsObject()) {
    for (const Member& ramp : environment.value.AsObject()) {
      text += "\n- ramp of " + Code(ramp.name) + " in " + Code(environment.name) + ": at " +
              Escaped(TextOf(ramp.value, "at"));
      if (const Value* paused = ramp.value.Find("paused"); paused != nullptr && paused->AsBool()) text += ", paused";
    }
  }
  return text;
}

std::string LiveFlagText(const Folder& folder, const std::string& key, const Value& body) {
  const Value* definition = body.Find("definition");
  const Result<FlagDefinition> flag = DecodeFlag(definition == nullptr ? Value() : *definition, Strictness::kTolerant);
  if (!flag) return "its definition cannot be read: " + Escaped(flag.error().message);
  const FlagRecord* here = folder.definitions().entities.FindFlag(key);
  std::string text = here != nullptr && here->definition == *flag ? "as in the files" : "\n" + StatesText(*flag);
  if (const Value* state = body.Find("state")) text += RampsText(*state);
  return text;
}

std::string LiveExperimentText(const Value& body) {
  std::string text = Code(TextOf(body, "status"));
  if (const std::int64_t iteration = NumberOf(body, "iteration"); iteration > 0) {
    text += ", iteration " + std::to_string(iteration);
  }
  if (const std::string winner = TextOf(body, "winner"); !winner.empty()) text += ", " + Code(winner) + " has won";
  if (const Value* ramp = body.Find("ramp")) {
    text += "; ramp at " + Escaped(TextOf(*ramp, "at")) + ", " + Escaped(TextOf(*ramp, "status"));
  }
  for (const Value& finding : ListIn(body, "findings")) {
    text += "\n- " + Escaped(TextOf(finding, "sentence"));
  }
  return text;
}

}  // namespace

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\`*_[]<>#|!~&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string HoverText(const Folder& folder, const Name& name) {
  const EntitySet& all = folder.definitions().entities;
  switch (name.role) {
    case Role::kFlag:
      return Told(all.FindFlag(name.text), FlagText);
    case Role::kSegment:
      return Told(all.FindSegment(name.text), SegmentText);
    case Role::kMetric:
      return Told(all.FindMetric(name.text), MetricText);
    case Role::kLayer:
      return Told(all.FindLayer(name.text), LayerText);
    case Role::kHoldout:
      return Told(all.FindHoldout(name.text), HoldoutText);
    case Role::kExperiment:
      return Told(all.FindExperiment(name.text), ExperimentText);
    case Role::kEnvironment: {
      const EnvironmentDefinition* environment = folder.definitions().project.FindEnvironment(name.text);
      return environment == nullptr ? "" : EnvironmentText(*environment);
    }
    case Role::kVariation:
      return VariationText(folder, name);
    case Role::kVariant:
      return VariantText(folder, name);
    case Role::kRule:
      return RuleTextOf(folder, name);
    case Role::kAttribute:
    case Role::kEventAttribute:
    case Role::kEvent:
      return SeenText(folder, name);
    case Role::kAttributeValue:
    case Role::kNone:
      break;
  }
  return "";
}

std::string LiveText(const Folder& folder, const EntityRef& ref, const LiveAnswer& answer) {
  if (answer.state == LiveAnswer::State::kNone) return "";
  std::string text = "On " + Escaped(answer.server);
  switch (answer.state) {
    case LiveAnswer::State::kNone:
      break;
    case LiveAnswer::State::kPending:
      return text + ": it has not answered yet";
    case LiveAnswer::State::kMissing:
      return text + ": it is not there";
    case LiveAnswer::State::kFailed:
      return text + ": not known, " + Escaped(answer.message);
    case LiveAnswer::State::kAnswered:
      break;
  }
  if (const std::int64_t revision = NumberOf(answer.body, "revision"); revision > 0) {
    text += ", since revision " + std::to_string(revision);
  }
  return text + ": " +
         (ref.kind == EntityKind::kFlag ? LiveFlagText(folder, ref.key, answer.body) : LiveExperimentText(answer.body));
}

}  // namespace guidon::lsp
