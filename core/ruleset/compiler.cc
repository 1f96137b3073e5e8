#include "core/ruleset/compiler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/model/names.h"
#include "core/model/units.h"
#include "core/ruleset/code_builder.h"

namespace guidon {
namespace {

char FoldAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// Step::accepts.
std::uint8_t AcceptedBy(Operator op) {
  constexpr std::uint8_t kLess = 1, kEqual = 2, kGreater = 4;
  switch (op) {
    case Operator::kLt:
    case Operator::kSemverLt:
    case Operator::kBefore:
      return kLess;
    case Operator::kLte:
    case Operator::kSemverLte:
      return kLess | kEqual;
    case Operator::kGt:
    case Operator::kSemverGt:
    case Operator::kAfter:
      return kGreater;
    case Operator::kGte:
    case Operator::kSemverGte:
      return kGreater | kEqual;
    case Operator::kSemverEq:
      return kEqual;
    default:
      return 0;
  }
}

// --- conditions ----------------------------------------------------------------------------------------------------

// Short-circuit code: every test leads to the next one that matters.
class ConditionCompiler {
 public:
  using Label = CodeBuilder::Label;

  ConditionCompiler(CodeBuilder& code, Lineage& lineage, std::vector<std::uint32_t>& needs_flags,
                    std::vector<std::uint32_t>& needs_segments)
      : code_(code), lineage_(lineage), needs_flags_(needs_flags), needs_segments_(needs_segments) {}

  // Adds the steps of a condition. Recurses as deep as conditions are within each other, which the codec bounds.
  Status Add(const Condition& condition, Label if_true, Label if_false) {
    return AddAll(condition.clauses, if_true, if_false,
                  [this](const Clause& clause, Label t, Label f) { return AddClause(clause, t, f); });
  }

  // Holds when the flag serves one of these variations.
  void AddServes(const std::string& flag, const std::vector<std::string>& variations, Label if_true, Label if_false) {
    Step step;
    step.form = Step::Form::kFlag;
    step.at = lineage_.flags.SlotOf(flag);
    step.words = code_.Keep(variations);
    needs_flags_.push_back(step.at);
    code_.Add(step, if_true, if_false);
  }

  Status AddTest(const std::string& attribute, const Test& test, bool ignore_case, Label if_true, Label if_false) {
    Step step;
    step.attribute = lineage_.attributes.Of(attribute);
    step.op = test.op;
    step.is_negated = test.op == Operator::kNotIn;
    step.accepts = AcceptedBy(test.op);
    if (Status lowered = Lower(test, ignore_case, step); !lowered) {
      return Fail(ErrorCode::kInvalid,
                  "'" + attribute + "' " + std::string(ToString(test.op)) + ": " + lowered.error().message);
    }
    code_.Add(step, if_true, if_false);
    return {};
  }

 private:
  template <typename List, typename AddOne>
  Status AddAll(const List& list, Label if_true, Label if_false, AddOne add) {
    if (list.empty()) AddConstant(true, if_true, if_false);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const bool is_last = i + 1 == list.size();
      const Label next = is_last ? if_true : code_.NewLabel();
      if (Status added = add(list[i], next, if_false); !added) return added;
      if (!is_last) code_.Bind(next);
    }
    return {};
  }

  template <typename List, typename AddOne>
  Status AddAny(const List& list, Label if_true, Label if_false, AddOne add) {
    if (list.empty()) AddConstant(false, if_true, if_false);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const bool is_last = i + 1 == list.size();
      const Label next = is_last ? if_false : code_.NewLabel();
      if (Status added = add(list[i], if_true, next); !added) return added;
      if (!is_last) code_.Bind(next);
    }
    return {};
  }

  void AddConstant(bool holds, Label if_true, Label if_false) {
    Step step;
    step.form = Step::Form::kConstant;
    step.at = holds ? 1 : 0;
    code_.Add(step, if_true, if_false);
  }

  Status AddClause(const Clause& clause, Label if_true, Label if_false) {
    const auto add_child = [this](const Condition& condition, Label t, Label f) { return Add(condition, t, f); };
    switch (clause.kind) {
      case Clause::Kind::kAttribute:
        return AddAll(clause.tests, if_true, if_false, [&](const Test& test, Label t, Label f) {
          return AddTest(clause.attribute, test, clause.ignore_case, t, f);
        });
      case Clause::Kind::kAll:
        return AddAll(clause.children, if_true, if_false, add_child);
      case Clause::Kind::kAny:
        return AddAny(clause.children, if_true, if_false, add_child);
      case Clause::Kind::kNot:
        return AddAll(clause.children, if_false, if_true, add_child);
      case Clause::Kind::kSegment:
        return AddAny(clause.segments, if_true, if_false, [this](const std::string& segment, Label t, Label f) {
          AddSegment(segment, t, f);
          return Status();
        });
      case Clause::Kind::kFlag:
        AddServes(clause.flag, clause.variations, if_true, if_false);
        return {};
      case Clause::Kind::kNow:
        return AddAll(clause.tests, if_true, if_false,
                      [this](const Test& test, Label t, Label f) { return AddNow(test, t, f); });
    }
    return Fail(ErrorCode::kInvalid, "a condition of unknown kind");
  }

  void AddSegment(const std::string& segment, Label if_true, Label if_false) {
    Step step;
    step.form = Step::Form::kSegment;
    step.at = lineage_.segments.SlotOf(segment);
    needs_segments_.push_back(step.at);
    code_.Add(step, if_true, if_false);
  }

  Status AddNow(const Test& test, Label if_true, Label if_false) {
    const auto time = test.operands.empty() ? std::nullopt : TimeOf(test.operands[0]);
    if (!time) return Fail(ErrorCode::kInvalid, "a time that is none");
    Step step;
    step.form = test.op == Operator::kBefore ? Step::Form::kBeforeNow : Step::Form::kAfterNow;
    step.whole = *time;
    code_.Add(step, if_true, if_false);
    return {};
  }

  static std::optional<std::int64_t> TimeOf(const Value& value) {
    if (value.is_string()) return ParseTimestamp(value.AsString());
    if (value.IsIntegral()) return value.AsInt();
    return std::nullopt;
  }

  // The form of a test and its operand.
  Status Lower(const Test& test, bool ignore_case, Step& step) {
    if (test.op == Operator::kIn || test.op == Operator::kNotIn) {
      LowerIn(test, ignore_case, step);
      return {};
    }
    Operands operands;
    operands.ignore_case = ignore_case;
    for (const Value& operand : test.operands) {
      if (Status lowered = LowerOperand(operand, operands, step); !lowered) return lowered;
    }
    if (operands.parts.size() == 1 && !ignore_case) {
      step.form = Step::Form::kPart;
      step.at = code_.PlaceText(operands.parts[0]);
    }
    // kConstant is what a step begins as: its operand did not fit it.
    if (step.form != Step::Form::kConstant) return {};
    step.form = Step::Form::kOperands;
    step.operands = code_.Keep(std::move(operands));
    return {};
  }

  void LowerIn(const Test& test, bool ignore_case, Step& step) {
    Operands operands;
    operands.ignore_case = ignore_case;
    std::vector<std::string> texts;
    for (const Value& operand : test.operands) {
      if (operand.is_bool()) (operand.AsBool() ? operands.has_true : operands.has_false) = true;
      if (operand.is_string()) texts.push_back(operand.AsString());
      if (operand.is_number() && operand.IsIntegral()) operands.wholes.push_back(operand.AsInt());
      if (operand.is_number() && !operand.IsIntegral()) operands.numbers.push_back(operand.AsDouble());
    }
    const std::size_t kinds = (texts.empty() ? 0 : 1) + operands.wholes.size() + operands.numbers.size() +
                              (operands.has_true ? 1 : 0) + (operands.has_false ? 1 : 0);
    if (kinds == 1 && !texts.empty() && !ignore_case) {
      LowerTexts(texts, step);
    } else if (kinds == 1 && operands.wholes.size() == 1) {
      step.form = Step::Form::kInteger;
      step.whole = operands.wholes[0];
    } else if (kinds == 1 && (operands.has_true || operands.has_false)) {
      step.form = Step::Form::kTruth;
      step.whole = operands.has_true ? 1 : 0;
    } else {
      if (ignore_case) {
        for (std::string& text : texts) std::transform(text.begin(), text.end(), text.begin(), FoldAscii);
      }
      operands.texts = TextSet(texts);
      step.form = Step::Form::kOperands;
      step.operands = code_.Keep(std::move(operands));
    }
  }

  void LowerTexts(const std::vector<std::string>& texts, Step& step) {
    step.hash = 0;
    if (texts.size() == 1) {
      const bool is_short = texts[0].size() <= kShortText;
      step.form = is_short ? Step::Form::kShort : Step::Form::kText;
      step.hash = Hash64(texts[0]);
      step.at = is_short ? static_cast<std::uint32_t>(texts[0].size()) : code_.PlaceText(texts[0]);
      return;
    }
    step.form = Step::Form::kTexts;
    for (const std::string& text : texts) step.hash |= FilterBits(Hash64(text));
    step.at = code_.PlaceSet(TextSet(texts));
  }

  // Into the step, or beside others into `operands`.
  static Status LowerOperand(const Value& operand, Operands& operands, Step& step) {
    switch (step.op) {
      case Operator::kIn:
      case Operator::kNotIn:
        break;
      case Operator::kStartsWith:
      case Operator::kEndsWith:
      case Operator::kContains: {
        std::string& part = operands.parts.emplace_back(operand.AsString());
        if (operands.ignore_case) std::transform(part.begin(), part.end(), part.begin(), FoldAscii);
        return {};
      }
      case Operator::kMatches:
        return AddPattern(operand.AsString(), operands);
      case Operator::kLt:
      case Operator::kLte:
      case Operator::kGt:
      case Operator::kGte:
        step.form = Step::Form::kNumber;
        step.at = operand.IsIntegral() ? 1 : 0;
        if (step.at == 1) {
          step.whole = operand.AsInt();
        } else {
          step.number = operand.AsDouble();
        }
        return {};
      case Operator::kBefore:
      case Operator::kAfter: {
        const auto time = TimeOf(operand);
        if (!time) return Fail(ErrorCode::kInvalid, "not a time: " + operand.AsString());
        step.form = Step::Form::kTime;
        step.whole = *time;
        return {};
      }
      case Operator::kSemverEq:
      case Operator::kSemverLt:
      case Operator::kSemverLte:
      case Operator::kSemverGt:
      case Operator::kSemverGte:
        return LowerVersion(operand.AsString(), operands, step);
      case Operator::kExists:
        step.form = Step::Form::kExists;
        step.at = operand.AsBool() ? 1 : 0;
        return {};
      case Operator::kInCidr: {
        Network network;
        if (!ParseNetwork(operand.AsString(), network)) {
          return Fail(ErrorCode::kInvalid, "not a network: '" + operand.AsString() + "'");
        }
        operands.networks.push_back(network);
        return {};
      }
    }
    return Fail(ErrorCode::kInvalid, "an operator that this version does not know");
  }

  static Status LowerVersion(const std::string& text, Operands& operands, Step& step) {
    if (std::uint64_t packed; PackVersion(text, packed)) {
      step.form = Step::Form::kVersion;
      step.hash = packed;
      return {};
    }
    SemVer ignored;
    if (!ParseSemVer(text, ignored)) return Fail(ErrorCode::kInvalid, "not a version: '" + text + "'");
    operands.version = text;
    return {};
  }

  static Status AddPattern(const std::string& text, Operands& operands) {
    auto pattern = Pattern::Compile(text, operands.ignore_case);
    if (!pattern) return Fail(std::move(pattern.error()));
    operands.patterns.push_back(*std::move(pattern));
    return {};
  }

  CodeBuilder& code_;
  Lineage& lineage_;
  std::vector<std::uint32_t>& needs_flags_;
  std::vector<std::uint32_t>& needs_segments_;
};

Scheme MakeScheme(const std::string& salt, const std::string& unit) {
  return {MakeAttribute(unit), Murmur3Prefix(salt + ":")};
}

// The first floor(parts × size / kWhole) buckets of each arm, by begin.
std::vector<ArmRange> RangesOf(const std::vector<ArmRanges>& arms, std::uint32_t parts,
                               const std::vector<std::int32_t>& index_of_arm) {
  std::vector<ArmRange> ranges;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    std::uint64_t size = 0;
    for (const BucketRange& range : arms[i].ranges) size += range.size();
    auto left = static_cast<std::uint32_t>(size * parts / kWhole);
    for (const BucketRange& range : arms[i].ranges) {
      const std::uint32_t take = std::min(left, range.size());
      if (take == 0) break;
      ranges.push_back({range.begin, range.begin + take, index_of_arm[i]});
      left -= take;
    }
  }
  std::sort(ranges.begin(), ranges.end(), [](const ArmRange& a, const ArmRange& b) { return a.begin < b.begin; });
  return ranges;
}

bool CoverAll(const std::vector<ArmRange>& ranges) {
  std::uint32_t next = 0;
  for (const ArmRange& range : ranges) {
    if (range.begin > next) return false;
    next = std::max(next, range.end);
  }
  return next >= kWhole;
}

// Variations and rules are numbered in 16 bits; the codec stops far earlier.
constexpr std::size_t kMaxNumber = 32'000;

// --- flags ---------------------------------------------------------------------------------------------------------

std::vector<CompiledVariation> Compiled(const std::vector<Variation>& variations) {
  std::vector<CompiledVariation> compiled;
  compiled.reserve(variations.size());
  for (const Variation& variation : variations) compiled.push_back({variation.name, variation.value});
  return compiled;
}

// What a boolean flag has without saying so: there once, for all of them, as long as the process is.
struct SharedVariations {
  std::vector<Variation> authored;
  std::vector<CompiledVariation> compiled;
};
const SharedVariations& OnOff() {
  static const SharedVariations* const shared = [] {
    std::vector<Variation> authored = {{"on", true}, {"off", false}};
    return new SharedVariations{authored, Compiled(authored)};
  }();
  return *shared;
}

class FlagCompiler {
 public:
  FlagCompiler(const FlagRecord& record, std::string_view environment, Lineage& lineage)
      : definition_(record.definition),
        lineage_(lineage),
        targeting_(definition_.FindEnvironment(environment)),
        record_state_(record.state),
        state_(record.state.FindEnvironment(environment)),
        conditions_(code_, lineage, flag_->needs_flags, flag_->needs_segments) {}

  Result<std::shared_ptr<const CompiledFlag>> Compile() {
    flag_->key = lineage_.flags.KeyOf(lineage_.flags.SlotOf(definition_.key));
    flag_->type = definition_.type;
    flag_->client = definition_.client;
    if (const auto& on_off = OnOff();
        definition_.type == FlagType::kBoolean && definition_.variations == on_off.authored) {
      flag_->variations = on_off.compiled;
    } else {
      flag_->own_variations = Compiled(definition_.variations);
      flag_->variations = flag_->own_variations;
    }
    const std::size_t most = definition_.type == FlagType::kBoolean ? 2 : kMaxNumber;
    if (flag_->variations.size() > most) return Fail(ErrorCode::kInvalid, "it has too many variations");
    if (definition_.type == FlagType::kBoolean) flag_->off = IndexOf("off");
    if (targeting_ != nullptr) {
      if (Status lowered = Lower(*targeting_); !lowered) return Fail(lowered.error());
    }
    if (code_.rule_count() > kMaxNumber) return Fail(ErrorCode::kInvalid, "it has too many rules");
    flag_->code = std::move(code_).Finish();
    return std::shared_ptr<const CompiledFlag>(std::move(flag_));
  }

 private:
  std::int32_t IndexOf(const std::string& name) const {
    for (std::size_t i = 0; i < flag_->variations.size(); ++i) {
      if (flag_->variations[i].name == name) return static_cast<std::int32_t>(i);
    }
    return kNone;
  }

  Result<std::int32_t> Known(const std::string& name) const {
    const std::int32_t index = IndexOf(name);
    if (index == kNone) return Fail(ErrorCode::kInvalid, "it has no variation '" + name + "'");
    return index;
  }

  Status Lower(const Targeting& targeting) {
    flag_->enabled = targeting.enabled;
    flag_->off = kNone;  // also of a boolean flag: the codec filled in its "off" unless `off: null` was written
    if (!targeting.off.empty()) {
      Result<std::int32_t> off = Known(targeting.off);
      if (!off) return Fail(off.error());
      flag_->off = *off;
    }
    flag_->rule_ids.reserve(static_cast<std::size_t>(std::count_if(targeting.rules.begin(), targeting.rules.end(),
                                                                   [](const Rule& rule) { return !rule.id.empty(); })));
    LowerRequirements(targeting);
    if (Status lowered = LowerTargets(targeting); !lowered) return lowered;
    for (const Rule& rule : targeting.rules) {
      if (Status lowered = LowerRule(rule); !lowered) return lowered;
    }
    return LowerDefault(targeting);
  }

  // Any that is not met serves `off`.
  void LowerRequirements(const Targeting& targeting) {
    for (const Requirement& requirement : targeting.requirements) {
      CompiledRule rule;
      rule.when = code_.next();
      conditions_.AddServes(requirement.flag, requirement.is, CodeBuilder::kFails, CodeBuilder::kHolds);
      rule.reason = Reason::kPrerequisiteFailed;
      rule.variation = static_cast<std::int16_t>(flag_->off);
      code_.AddRule(rule);
    }
  }

  Status LowerTargets(const Targeting& targeting) {
    std::vector<std::string_view> keys;
    std::vector<std::int32_t> variations;
    for (const Targets& targets : targeting.targets) {
      Result<std::int32_t> variation = Known(targets.variation);
      if (!variation) return Fail(variation.error());
      keys.insert(keys.end(), targets.keys.begin(), targets.keys.end());
      variations.resize(keys.size(), *variation);
    }
    if (keys.empty()) return {};
    CompiledRule rule;
    rule.serve = CompiledRule::Serve::kSelect;
    rule.index = code_.PlaceSet(TextSet(keys, variations));
    code_.AddRule(rule);
    return {};
  }

  Status LowerRule(const Rule& rule) {
    CompiledRule compiled;
    if (rule.when) {
      compiled.when = code_.next();
      Status added = conditions_.Add(*rule.when, CodeBuilder::kHolds, CodeBuilder::kFails);
      if (!added) return added;
    }
    if (!rule.id.empty()) {
      compiled.id = static_cast<std::int16_t>(flag_->rule_ids.size());
      flag_->rule_ids.push_back(rule.id);
    }
    const std::optional<std::uint32_t> rollout = RolloutOf(rule, record_state_, targeting_->environment);
    if (Status served = LowerServe(rule.serve, rollout, rule.by, rule.id, compiled); !served) return served;
    code_.AddRule(compiled);
    return {};
  }

  Status LowerServe(const Serve& serve, const std::optional<std::uint32_t>& rollout, const std::string& by,
                    const std::string& split_id, CompiledRule& compiled) {
    if (const auto* experiment = std::get_if<ExperimentServe>(&serve)) {
      compiled.serve = CompiledRule::Serve::kExperiment;
      compiled.reason = Reason::kSplit;
      compiled.index = lineage_.experiments.SlotOf(experiment->experiment);
      flag_->needs_experiments.push_back(compiled.index);
      return {};
    }
    const auto* fixed = std::get_if<FixedServe>(&serve);
    if (fixed != nullptr) {
      Result<std::int32_t> variation = Known(fixed->variation);
      if (!variation) return Fail(variation.error());
      compiled.variation = static_cast<std::int16_t>(*variation);
      if (!rollout) return {};
    }
    std::vector<ArmRange> ranges;
    std::string salt = definition_.key;
    if (fixed != nullptr) {
      ranges = RangesOf({{fixed->variation, {{0, kWhole}}}}, *rollout, {compiled.variation});
    } else {
      const SplitState* state = FindSplit(split_id);
      if (state == nullptr) return Fail(ErrorCode::kInvalid, "the split '" + split_id + "' has no ranges");
      std::vector<std::int32_t> variations;
      for (const ArmRanges& arm : state->arms) {
        Result<std::int32_t> variation = Known(arm.arm);
        if (!variation) return Fail(variation.error());
        variations.push_back(*variation);
      }
      salt = state->salt;
      ranges = RangesOf(state->arms, rollout.value_or(kWhole), variations);
      if (compiled.is_default && !CoverAll(ranges)) {
        return Fail(ErrorCode::kInvalid, "the ranges of the split at `default` leave buckets to nobody");
      }
    }
    compiled.serve = CompiledRule::Serve::kSplit;
    compiled.reason = Reason::kSplit;
    compiled.index = code_.PlaceSplit(lineage_.attributes.Of(by), Murmur3Prefix(salt + ":"), ranges);
    return {};
  }

  Status LowerDefault(const Targeting& targeting) {
    CompiledRule rule;
    rule.is_default = true;
    rule.variation = kNone;
    flag_->serves_one_thing = code_.rule_count() == 0;
    rule.reason = Reason::kDefault;
    if (targeting.default_serve) {
      const DefaultServe& serve = *targeting.default_serve;
      if (Status served = LowerServe(serve.serve, std::nullopt, serve.by, "default", rule); !served) return served;
    }
    if (rule.serve == CompiledRule::Serve::kVariation) {
      rule.reason = Reason::kDefault;
    } else {
      flag_->serves_one_thing = false;
    }
    code_.AddRule(rule);
    return {};
  }

  const SplitState* FindSplit(const std::string& id) const {
    if (state_ == nullptr) return nullptr;
    for (const SplitState& split : state_->splits) {
      if (split.split == id) return &split;
    }
    return nullptr;
  }

  const FlagDefinition& definition_;
  Lineage& lineage_;
  const Targeting* targeting_;
  const FlagState& record_state_;
  const TargetingState* state_;
  std::shared_ptr<CompiledFlag> flag_ = std::make_shared<CompiledFlag>();
  CodeBuilder code_;
  ConditionCompiler conditions_;
};

Result<Code> CompileCondition(const Condition& condition, Lineage& lineage, std::vector<std::uint32_t>& needs_flags,
                              std::vector<std::uint32_t>& needs_segments) {
  CodeBuilder code;
  ConditionCompiler conditions(code, lineage, needs_flags, needs_segments);
  if (Status added = conditions.Add(condition, CodeBuilder::kHolds, CodeBuilder::kFails); !added) {
    return Fail(added.error());
  }
  return std::move(code).Finish();
}

// Equality of each attribute: the same as a condition that names them all.
Result<Code> CompileForce(const ForcedVariant& forced, Lineage& lineage) {
  Condition condition;
  for (const auto& [name, value] : forced.attributes) {
    Clause& clause = condition.clauses.emplace_back();
    clause.attribute = name;
    clause.tests.push_back({Operator::kIn, {value}});
  }
  std::vector<std::uint32_t> no_flags, no_segments;
  return CompileCondition(condition, lineage, no_flags, no_segments);
}

}  // namespace

Result<std::shared_ptr<const CompiledFlag>> CompileFlag(const FlagRecord& record, std::string_view environment,
                                                        Lineage& lineage) {
  return FlagCompiler(record, environment, lineage).Compile();
}

Result<std::shared_ptr<const CompiledSegment>> CompileSegment(const SegmentRecord& record, Lineage& lineage) {
  auto segment = std::make_shared<CompiledSegment>();
  segment->key = record.definition.key;
  segment->include = TextSet(record.definition.include);
  segment->exclude = TextSet(record.definition.exclude);
  if (record.definition.when) {
    Result<Code> when =
        CompileCondition(*record.definition.when, lineage, segment->needs_flags, segment->needs_segments);
    if (!when) return Fail(when.error());
    segment->when = *std::move(when);
  }
  return std::shared_ptr<const CompiledSegment>(std::move(segment));
}

Result<std::shared_ptr<const CompiledExperiment>> CompileExperiment(const ExperimentRecord& record,
                                                                    const LayerRecord* layer,
                                                                    const HoldoutRecord* holdout, Lineage& lineage) {
  const Experiment& definition = record.definition;
  const ExperimentState& state = record.state;
  auto experiment = std::make_shared<CompiledExperiment>();
  experiment->key = definition.key;
  experiment->flag = definition.flag;
  experiment->iteration = state.iteration;
  experiment->status = state.status;
  for (const Variant& variant : definition.variants) {
    experiment->variants.push_back(variant.name);
    experiment->serves.push_back(variant.serves);
  }
  if (definition.audience) {
    Result<Code> audience =
        CompileCondition(*definition.audience, lineage, experiment->needs_flags, experiment->needs_segments);
    if (!audience) return Fail(audience.error());
    experiment->audience = *std::move(audience);
  }
  const auto index_of = [&](const std::string& name) {
    const auto held = std::find(experiment->variants.begin(), experiment->variants.end(), name);
    return held == experiment->variants.end() ? kNone : static_cast<std::int32_t>(held - experiment->variants.begin());
  };
  if (state.status == ExperimentStatus::kRunning && state.arms.empty()) {
    return Fail(ErrorCode::kInvalid, "it is running and has no ranges");
  }
  std::vector<std::int32_t> variants;
  for (const ArmRanges& arm : state.arms) {
    variants.push_back(index_of(arm.arm));
    if (variants.back() == kNone) return Fail(ErrorCode::kInvalid, "it has no variant '" + arm.arm + "'");
  }
  const std::uint32_t ramp =
      definition.ramp.empty() ? kWhole : definition.ramp[std::min(state.ramp_step, definition.ramp.size() - 1)].at;
  experiment->split = {MakeScheme(state.salt, definition.unit), RangesOf(state.arms, ramp, variants)};
  if (layer != nullptr) {
    experiment->in_layer = true;
    experiment->layer = MakeScheme(layer->state.salt, layer->definition.unit);
    experiment->slots = state.slots;
    std::sort(experiment->slots.begin(), experiment->slots.end(),
              [](const BucketRange& a, const BucketRange& b) { return a.begin < b.begin; });
  }
  if (holdout != nullptr) {
    experiment->has_holdout = true;
    experiment->holdout = holdout->definition.key;
    experiment->holdout_scheme = MakeScheme(holdout->state.salt, holdout->definition.unit);
    experiment->holdout_size = holdout->definition.size;
  }
  for (const ForcedVariant& forced : definition.force) {
    CompiledForce compiled;
    compiled.variant = index_of(forced.variant);
    if (compiled.variant == kNone) return Fail(ErrorCode::kInvalid, "it has no variant '" + forced.variant + "'");
    Result<Code> tests = CompileForce(forced, lineage);
    if (!tests) return Fail(tests.error());
    compiled.tests = *std::move(tests);
    experiment->force.push_back(std::move(compiled));
  }
  return std::shared_ptr<const CompiledExperiment>(std::move(experiment));
}

}  // namespace guidon
