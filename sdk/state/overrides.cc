#include "sdk/state/overrides.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/codec/wire.h"
#include "core/ruleset/compiled.h"

namespace guidon {
namespace {

constexpr std::string_view kPrefix = "GUIDON_FLAG_";
constexpr std::size_t kShown = 64;  // bytes of a value, in what is said

// "GUIDON_FLAG_CHECKOUT_LAYOUT" of "checkout.layout".
std::string VariableOf(std::string_view flag) {
  std::string name(kPrefix);
  for (const char c : flag) {
    name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '.' || c == '-' ? '_' : c;
  }
  return name;
}

// The value that the text of a variable is for a flag of this type.
std::optional<Value> ValueFor(FlagType type, const std::string& text) {
  if (type == FlagType::kString) return IsValidUtf8(text) ? std::optional<Value>(text) : std::nullopt;
  const Result<Value> value = ParseJson(text);
  if (!value) return std::nullopt;
  if (type == FlagType::kBoolean && !value->is_bool()) return std::nullopt;
  if (type == FlagType::kNumber && !value->is_number()) return std::nullopt;
  return *value;
}

std::string_view WhatIsWanted(FlagType type) {
  switch (type) {
    case FlagType::kBoolean:
      return "true or false";
    case FlagType::kString:
      return "text of UTF-8";
    case FlagType::kNumber:
      return "a number";
    case FlagType::kJson:
      break;
  }
  return "JSON";
}

// The variation that has this value, or a new one.
std::string VariationWith(const Value& value, std::vector<Variation>* variations) {
  for (const Variation& variation : *variations) {
    if (variation.value == value) return variation.name;
  }
  std::string name = "override";
  const auto is_taken = [&](const Variation& variation) { return variation.name == name; };
  while (std::any_of(variations->begin(), variations->end(), is_taken)) name += "_";
  variations->push_back({name, value});
  return name;
}

// Everyone is served `value`, by a rule that is called as the variable.
void Override(const std::string& variable, const Value& value, FlagRecord* record) {
  FlagDefinition& flag = record->definition;
  const FixedServe serve{VariationWith(value, &flag.variations)};
  Targeting targeting;
  if (!flag.environments.empty()) targeting.environment = flag.environments[0].environment;
  targeting.enabled = true;
  targeting.rules.push_back({variable, std::nullopt, serve, std::nullopt, ""});
  targeting.default_serve = DefaultServe{serve, ""};
  flag.environments = {std::move(targeting)};
  record->state = {};
}

void RemoveExperimentsOn(std::string_view flag, const Ruleset& ruleset, ChangeSet* changes) {
  const Ruleset::Entry* entry = ruleset.At(ruleset.Find(flag));
  if (entry == nullptr || entry->attached == nullptr) return;
  for (const Ruleset::Attached& attached : *entry->attached) {
    changes->removals.push_back({EntityKind::kExperiment, attached.experiment->key});
  }
}

// Why the flag cannot be overridden, or "".
std::string Apply(const std::string& variable, const std::string& text, const std::string& flag,
                  const std::string* record_text, FlagRecord* record) {
  const Result<Value> json = record_text != nullptr ? ParseJson(*record_text) : Fail(ErrorCode::kNotFound, "");
  const Result<EntityRecord> decoded = json ? DecodeRecord(EntityKind::kFlag, *json) : Fail(json.error());
  if (!decoded) return "this version cannot read flag '" + flag + "'";
  *record = std::get<FlagRecord>(*decoded);
  const FlagType type = record->definition.type;
  const std::optional<Value> value = ValueFor(type, text);
  if (!value) {
    return "flag '" + flag + "' is of type " + std::string(ToString(type)) + " and takes " +
           std::string(WhatIsWanted(type)) + ", not '" + Shortened(text, kShown) + "'";
  }
  Override(variable, *value, record);
  return "";
}

}  // namespace

Overrides Overrides::FromProcess() {
  Variables variables;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view text = *each;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || !text.starts_with(kPrefix)) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return Overrides(std::move(variables));
}

Overrides::Effect Overrides::On(const Ruleset& ruleset,
                                const std::function<const std::string*(const std::string& flag)>& record_of) const {
  std::map<std::string, std::vector<std::string>> meant;  // flags, by variable
  for (std::string& flag : ruleset.FlagKeys()) {
    std::string variable = VariableOf(flag);
    if (variables_.contains(variable)) meant[std::move(variable)].push_back(std::move(flag));
  }
  Effect effect;
  for (const auto& [variable, text] : variables_) {
    const std::vector<std::string>& flags = meant[variable];
    std::string& said = effect.said[variable];
    if (flags.empty()) {
      said = variable + " overrides nothing: there is no flag that it could mean";
      continue;
    }
    if (flags.size() > 1) {
      said = variable + " overrides nothing: it may mean flag '" + flags[0] + "' or flag '" + flags[1] + "'";
      continue;
    }
    FlagRecord record;
    const std::string fault = Apply(variable, text, flags[0], record_of(flags[0]), &record);
    if (!fault.empty()) {
      said = variable + " overrides nothing: " + fault;
      continue;
    }
    said = variable + " overrides flag '" + flags[0] + "': everyone is served '" + Shortened(text, kShown) + "'";
    RemoveExperimentsOn(flags[0], ruleset, &effect.changes);
    effect.changes.upserts.emplace_back(std::move(record));
  }
  return effect;
}

}  // namespace guidon
