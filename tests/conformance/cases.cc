#include "tests/conformance/cases.h"

#include <gtest/gtest.h>
#include <guidon/evaluation_detail.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>

#include "core/base/json.h"
#include "core/codec/wire.h"
#include "core/model/condition.h"
#include "core/model/definitions.h"
#include "core/model/units.h"

namespace guidon::conformance {
namespace {

namespace fs = std::filesystem;

// Members of `object` other than these, as the sentence of a fault; "" when there is none.
std::string Unknown(const Value& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return "an object is expected";
  for (const Member& member : object.AsObject()) {
    if (std::find(known.begin(), known.end(), member.name) == known.end())
      return "unknown member '" + member.name + "'";
  }
  return "";
}

std::string TextOf(const Value& object, std::string_view name) {
  const Value* text = object.Find(name);
  return text == nullptr ? "" : text->AsString();
}

bool IsTrue(const Value& object, std::string_view name) {
  const Value* value = object.Find(name);
  return value != nullptr && value->AsBool();
}

// --- reading -------------------------------------------------------------------------------------------------------

std::string ReadSet(const Value& value, DefinitionSet& set) {
  std::string fault =
      Unknown(value, {"about", "no_ruleset", "streamed_only", "earlier", "definitions", "state", "entities"});
  if (!fault.empty()) return fault;
  set.no_ruleset = IsTrue(value, "no_ruleset");
  set.streamed_only = TextOf(value, "streamed_only");
  if (const Value* earlier = value.Find("earlier")) {
    for (const Value& step : earlier->AsArray()) set.earlier.push_back(step.AsArray());
  }
  if (const Value* definitions = value.Find("definitions")) set.definitions = definitions->AsArray();
  if (const Value* state = value.Find("state")) set.state = state->AsObject();
  if (const Value* entities = value.Find("entities")) set.entities = entities->AsArray();
  if (!set.no_ruleset && set.definitions.empty() == set.entities.empty()) return "either definitions or entities";
  if (!set.entities.empty() && set.streamed_only.empty()) return "entities are for what is streamed only";
  return "";
}

std::string ReadExposure(const Value& value, OutcomeExposure& exposure) {
  exposure.experiment = TextOf(value, "experiment");
  exposure.variant = TextOf(value, "variant");
  exposure.role = TextOf(value, "role");
  exposure.forced = IsTrue(value, "forced");
  return Unknown(value, {"experiment", "variant", "role", "forced"});
}

std::string ReadExpect(const Value& value, ConformanceCase& read) {
  std::string fault = Unknown(value, {"value", "default", "variation", "reason", "error", "rule", "experiment",
                                      "variant", "forced", "exposures"});
  if (!fault.empty()) return fault;
  Outcome& expect = read.expect;
  if (const Value* served = value.Find("value")) expect.value = *served;
  if (IsTrue(value, "default") == expect.value.has_value()) return "either a value or the default";
  expect.variation = TextOf(value, "variation");
  expect.reason = TextOf(value, "reason");
  expect.error = TextOf(value, "error");
  expect.rule = TextOf(value, "rule");
  expect.experiment = TextOf(value, "experiment");
  expect.variant = TextOf(value, "variant");
  expect.forced = IsTrue(value, "forced");
  if (const Value* exposures = value.Find("exposures")) {
    read.says_exposures = true;
    for (const Value& exposure : exposures->AsArray()) {
      fault = ReadExposure(exposure, expect.exposures.emplace_back());
      if (!fault.empty()) return fault;
    }
  }
  return expect.reason.empty() ? "a reason is expected" : "";
}

std::string ReadCase(const Value& value, const std::map<std::string, const DefinitionSet*>& sets,
                     ConformanceCase& read) {
  std::string fault = Unknown(value, {"name", "set", "flag", "type", "context", "now", "buckets", "expect", "about"});
  if (!fault.empty()) return fault;
  const auto set = sets.find(TextOf(value, "set"));
  if (set == sets.end()) return "there is no set '" + TextOf(value, "set") + "'";
  read.set = set->second;
  read.name = TextOf(value, "name");
  read.flag = TextOf(value, "flag");
  read.type = TextOf(value, "type");
  const Value *context = value.Find("context"), *expect = value.Find("expect");
  if (read.name.empty() || read.flag.empty() || read.type.empty() || context == nullptr || expect == nullptr) {
    return "name, flag, type, context and expect are required";
  }
  read.context = *context;
  if (const Value* now = value.Find("now")) {
    read.now_ms = ParseTimestamp(now->AsString());
    if (!read.now_ms) return "now is no time";
  }
  if (const Value* buckets = value.Find("buckets")) {
    for (const Member& member : buckets->AsObject()) read.buckets.emplace_back(member.name, member.value.AsInt());
  }
  return ReadExpect(*expect, read);
}

std::string ReadFile(const std::string& file, const std::string& text,
                     std::vector<std::unique_ptr<DefinitionSet>>& sets, std::vector<ConformanceCase>& cases) {
  const Result<Value> document = ParseJson(text);
  if (!document) return document.error().message;
  if (std::string fault = Unknown(*document, {"about", "sets", "cases"}); !fault.empty()) return fault;
  const Value *all_sets = document->Find("sets"), *all_cases = document->Find("cases");
  if (all_sets == nullptr || all_cases == nullptr) return "sets and cases are required";
  std::map<std::string, const DefinitionSet*> by_name;
  for (const Member& member : all_sets->AsObject()) {
    DefinitionSet& set = *sets.emplace_back(std::make_unique<DefinitionSet>());
    set.file = file;
    set.name = member.name;
    by_name[member.name] = &set;
    if (std::string fault = ReadSet(member.value, set); !fault.empty()) return "set " + member.name + ": " + fault;
  }
  std::set<std::pair<const DefinitionSet*, std::string>> names;
  for (const Value& value : all_cases->AsArray()) {
    ConformanceCase& read = cases.emplace_back();
    read.file = file;
    if (std::string fault = ReadCase(value, by_name, read); !fault.empty()) {
      return "case '" + TextOf(value, "name") + "': " + fault;
    }
    if (!names.emplace(read.set, read.name).second) return "case '" + read.name + "' stands there twice";
  }
  return "";
}

// --- the document --------------------------------------------------------------------------------------------------

// What this environment sees of a definition; nothing of what is never sent.
std::optional<Value> EnvironmentPartOf(const Value& definition, EntityKind kind) {
  const bool is_archived = IsTrue(definition, "archived");
  if (kind == EntityKind::kMetric || (kind == EntityKind::kFlag && is_archived)) return std::nullopt;
  if (kind == EntityKind::kExperiment && (is_archived || TextOf(definition, "environment") != kEnvironment)) {
    return std::nullopt;
  }
  if (kind != EntityKind::kFlag) return definition;
  Value part = definition;
  Object environments;
  if (const Value* held = definition.Find("environments")) {
    if (const Value* own = held->Find(kEnvironment)) environments.Append(kEnvironment, *own);
  }
  part.MutableObject().Set("environments", std::move(environments));
  return part;
}

// An experiment names a flag, a layer and a holdout, too.
EntityKind KindOf(const Value& definition) {
  for (const EntityKind kind : {EntityKind::kExperiment, EntityKind::kMetric}) {
    if (definition.Find(ToString(kind)) != nullptr) return kind;
  }
  for (const EntityKind kind : kEntityKinds) {
    if (definition.Find(ToString(kind)) != nullptr) return kind;
  }
  return EntityKind::kMetric;
}

// --- coverage ------------------------------------------------------------------------------------------------------

// The operator of a condition of one attribute and one operator; nothing for any other condition.
std::optional<Operator> OnlyOperatorOf(const Value& when) {
  std::string_view word = "in";
  if (!when.is_object() || when.AsObject().size() != 1) return std::nullopt;
  const Member& entry = *when.AsObject().begin();
  for (const std::string_view reserved : {"all", "any", "not", "segment", "flag", "now", "attribute"}) {
    if (entry.name == reserved) return std::nullopt;
  }
  if (entry.value.is_object()) {
    if (entry.value.AsObject().size() != 1) return std::nullopt;
    word = entry.value.AsObject().begin()->name;
  }
  return OperatorFromString(word);
}

// The operator that alone decides whether the only rule of the flag applies.
std::optional<Operator> DecidingOperator(const ConformanceCase& c) {
  for (const Value& definition : c.set->definitions) {
    if (KindOf(definition) != EntityKind::kFlag || TextOf(definition, "flag") != c.flag) continue;
    const Value* environments = definition.Find("environments");
    const Value* targeting = environments == nullptr ? nullptr : environments->Find(kEnvironment);
    const Value* rules = targeting == nullptr ? nullptr : targeting->Find("rules");
    if (rules == nullptr || rules->AsArray().size() != 1) return std::nullopt;
    const Value* when = rules->AsArray()[0].Find("when");
    return when == nullptr ? std::nullopt : OnlyOperatorOf(*when);
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<ConformanceCase>> ReadCases(const std::map<std::string, std::string>& files,
                                               std::vector<std::unique_ptr<DefinitionSet>>& sets) {
  std::vector<ConformanceCase> cases;
  for (const auto& [file, text] : files) {
    const std::string fault = ReadFile(file, text, sets, cases);
    if (!fault.empty()) return Fail(ErrorCode::kInvalid, file + ".json: " + fault);
  }
  return cases;
}

const std::vector<ConformanceCase>& AllCases() {
  static std::vector<std::unique_ptr<DefinitionSet>> sets;
  static const std::vector<ConformanceCase> kCases = [] {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(GUIDON_SOURCE_DIR "/tests/conformance/evaluation")) {
      if (entry.path().extension() != ".json") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      files[entry.path().stem().string()] = text.str();
    }
    Result<std::vector<ConformanceCase>> cases = ReadCases(files, sets);
    EXPECT_TRUE(cases) << cases.error().message;
    return cases ? *std::move(cases) : std::vector<ConformanceCase>();
  }();
  return kCases;
}

std::string DocumentOf(const DefinitionSet& set) {
  std::vector<EncodedEntity> entities;
  for (const Value& entity : set.entities) {
    entities.push_back({TextOf(entity, "kind"), TextOf(entity, "key"), ToJson(*entity.Find("record"))});
  }
  for (const Value& definition : set.definitions) {
    const EntityKind kind = KindOf(definition);
    const std::string word(ToString(kind)), key = TextOf(definition, word);
    const std::optional<Value> part = EnvironmentPartOf(definition, kind);
    if (!part) continue;
    const Value* state = set.state.Find(word + " " + key);
    const Value record = Object{{"definition", *part}, {"state", state == nullptr ? Value(Object()) : *state}};
    entities.push_back({word, key, ToJson(record)});
  }
  return EncodeSnapshot({"conformance", kEnvironment, "k3v9x0q2m7p1c8d4", 1}, entities);
}

std::vector<std::string> Uncovered(const std::vector<ConformanceCase>& cases) {
  std::set<std::pair<Operator, bool>> operators;
  std::set<std::string> reasons, errors;
  for (const ConformanceCase& c : cases) {
    reasons.insert(c.expect.reason);
    errors.insert(c.expect.error);
    const std::optional<Operator> op = DecidingOperator(c);
    if (op && c.expect.reason == "TARGETING_MATCH") operators.emplace(*op, true);
    if (op && c.expect.reason == "DEFAULT") operators.emplace(*op, false);
  }
  std::vector<std::string> uncovered;
  for (int i = 0; i < kOperatorCount; ++i) {
    const auto op = static_cast<Operator>(i);
    for (const bool holds : {true, false}) {
      if (operators.contains({op, holds})) continue;
      uncovered.push_back("operator " + std::string(ToString(op)) + (holds ? " that holds" : " that does not hold"));
    }
  }
  for (int i = 0; i < kReasonCount; ++i) {
    const std::string word(ToString(static_cast<Reason>(i)));
    if (!reasons.contains(word)) uncovered.push_back("reason " + word);
  }
  for (int i = 0; i < kEvaluationErrorCount; ++i) {
    const std::string word(ToString(static_cast<EvaluationError>(i)));
    if (!errors.contains(word)) uncovered.push_back("error " + (word.empty() ? "(none)" : word));
  }
  return uncovered;
}

}  // namespace guidon::conformance
