#include "core/ruleset/compiler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/model/names.h"
#include "core/model/units.h"

namespace guidon {
namespace {

AttributeRef MakeAttribute(const std::string& name) {
  AttributeRef ref;
  ref.name = name;
  ref.hash = Attribute::HashOf(name);
  ref.is_key = name == "key" || name.empty();
  std::size_t start = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', start)) {
    ref.path.push_back(name.substr(start, dot - start));
    start = dot + 1;
  }
  if (!ref.path.empty()) ref.path.push_back(name.substr(start));
  return ref;
}

// --- expressions ---------------------------------------------------------------------------------------------------

class ExprCompiler {
 public:
  ExprCompiler(Expr& expr, Lineage& lineage, std::vector<std::uint32_t>& needs_flags,
               std::vector<std::uint32_t>& needs_segments)
      : expr_(expr), lineage_(lineage), needs_flags_(needs_flags), needs_segments_(needs_segments) {}

  // The node of a condition.
  Result<std::int32_t> Compile(const Condition& condition) {
    std::vector<std::uint32_t> children;
    for (const Clause& clause : condition.clauses) {
      Result<std::int32_t> child = CompileClause(clause);
      if (!child) return child;
      children.push_back(static_cast<std::uint32_t>(*child));
    }
    if (children.size() == 1) return static_cast<std::int32_t>(children[0]);
    return Group(Node::Kind::kAll, children);
  }

  // True when the flag serves one of these variations.
  std::int32_t Serves(const std::string& flag, const std::vector<std::string>& variations) {
    Node node;
    node.kind = Node::Kind::kFlag;
    node.slot = lineage_.flags.SlotOf(flag);
    node.begin = static_cast<std::uint32_t>(expr_.words.size());
    expr_.words.insert(expr_.words.end(), variations.begin(), variations.end());
    node.end = static_cast<std::uint32_t>(expr_.words.size());
    needs_flags_.push_back(node.slot);
    return Add(node);
  }

  std::int32_t Group(Node::Kind kind, const std::vector<std::uint32_t>& children) {
    Node node;
    node.kind = kind;
    node.begin = static_cast<std::uint32_t>(expr_.children.size());
    expr_.children.insert(expr_.children.end(), children.begin(), children.end());
    node.end = static_cast<std::uint32_t>(expr_.children.size());
    return Add(node);
  }

 private:
  std::int32_t Add(const Node& node) {
    expr_.nodes.push_back(node);
    return static_cast<std::int32_t>(expr_.nodes.size() - 1);
  }

  Result<std::int32_t> CompileClause(const Clause& clause) {
    switch (clause.kind) {
      case Clause::Kind::kAttribute:
        return CompileMatcher(clause);
      case Clause::Kind::kAll:
        return CompileChildren(Node::Kind::kAll, clause);
      case Clause::Kind::kAny:
        return CompileChildren(Node::Kind::kAny, clause);
      case Clause::Kind::kNot:
        return CompileChildren(Node::Kind::kNot, clause);
      case Clause::Kind::kSegment:
        return CompileSegments(clause);
      case Clause::Kind::kFlag:
        return Serves(clause.flag, clause.variations);
      case Clause::Kind::kNow:
        return CompileNow(clause);
    }
    return Fail(ErrorCode::kInvalid, "a condition of unknown kind");
  }

  Result<std::int32_t> CompileChildren(Node::Kind kind, const Clause& clause) {
    std::vector<std::uint32_t> children;
    for (const Condition& condition : clause.children) {
      Result<std::int32_t> child = Compile(condition);
      if (!child) return child;
      children.push_back(static_cast<std::uint32_t>(*child));
    }
    return Group(kind, children);
  }

  Result<std::int32_t> CompileSegments(const Clause& clause) {
    std::vector<std::uint32_t> children;
    for (const std::string& segment : clause.segments) {
      Node node;
      node.kind = Node::Kind::kSegment;
      node.slot = lineage_.segments.SlotOf(segment);
      needs_segments_.push_back(node.slot);
      children.push_back(static_cast<std::uint32_t>(Add(node)));
    }
    if (children.size() == 1) return static_cast<std::int32_t>(children[0]);
    return Group(Node::Kind::kAny, children);
  }

  Result<std::int32_t> CompileNow(const Clause& clause) {
    std::vector<std::uint32_t> children;
    for (const Test& test : clause.tests) {
      const auto time = test.operands.empty() ? std::nullopt : TimeOf(test.operands[0]);
      if (!time) return Fail(ErrorCode::kInvalid, "a time that is none");
      Node node;
      node.kind = test.op == Operator::kBefore ? Node::Kind::kBefore : Node::Kind::kAfter;
      node.time = *time;
      children.push_back(static_cast<std::uint32_t>(Add(node)));
    }
    return Group(Node::Kind::kAll, children);
  }

  Result<std::int32_t> CompileMatcher(const Clause& clause) {
    std::vector<std::uint32_t> children;
    for (const Test& test : clause.tests) {
      Result<CompiledTest> compiled = CompileTest(clause.attribute, test, clause.ignore_case);
      if (!compiled) return Fail(compiled.error());
      Node node;
      node.kind = Node::Kind::kTest;
      node.begin = static_cast<std::uint32_t>(expr_.tests.size());
      expr_.tests.push_back(*std::move(compiled));
      children.push_back(static_cast<std::uint32_t>(Add(node)));
    }
    if (children.size() == 1) return static_cast<std::int32_t>(children[0]);
    return Group(Node::Kind::kAll, children);
  }

  static std::optional<std::int64_t> TimeOf(const Value& value) {
    if (value.is_string()) return ParseTimestamp(value.AsString());
    if (value.IsIntegral()) return value.AsInt();
    return std::nullopt;
  }

 public:
  static Result<CompiledTest> CompileTest(const std::string& attribute, const Test& test, bool ignore_case) {
    CompiledTest compiled;
    compiled.op = test.op;
    compiled.ignore_case = ignore_case;
    compiled.attribute = MakeAttribute(attribute);
    std::vector<std::string> texts;
    for (const Value& operand : test.operands) {
      if (Status added = AddOperand(operand, ignore_case, compiled, texts); !added) {
        return Fail(ErrorCode::kInvalid,
                    "'" + attribute + "' " + std::string(ToString(test.op)) + ": " + added.error().message);
      }
    }
    compiled.texts = TextSet(std::move(texts), ignore_case);
    return compiled;
  }

 private:
  static Status AddOperand(const Value& operand, bool ignore_case, CompiledTest& test,
                           std::vector<std::string>& texts) {
    switch (test.op) {
      case Operator::kIn:
      case Operator::kNotIn:
        if (operand.is_bool()) (operand.AsBool() ? test.has_true : test.has_false) = true;
        if (operand.is_string()) texts.push_back(operand.AsString());
        if (operand.is_number() && operand.IsIntegral()) test.wholes.push_back(operand.AsInt());
        if (operand.is_number() && !operand.IsIntegral()) test.numbers.push_back(operand.AsDouble());
        return {};
      case Operator::kStartsWith:
      case Operator::kEndsWith:
      case Operator::kContains:
        texts.push_back(operand.AsString());
        return {};
      case Operator::kMatches:
        return AddPattern(operand.AsString(), ignore_case, test);
      case Operator::kLt:
      case Operator::kLte:
      case Operator::kGt:
      case Operator::kGte:
        test.numbers.push_back(operand.AsDouble());
        if (operand.IsIntegral()) test.wholes.push_back(operand.AsInt());
        return {};
      case Operator::kBefore:
      case Operator::kAfter: {
        const auto time = TimeOf(operand);
        if (!time) return Fail(ErrorCode::kInvalid, "not a time: " + operand.AsString());
        test.wholes.push_back(*time);
        return {};
      }
      case Operator::kSemverEq:
      case Operator::kSemverLt:
      case Operator::kSemverLte:
      case Operator::kSemverGt:
      case Operator::kSemverGte: {
        SemVer ignored;
        test.version_text = operand.AsString();
        if (!ParseSemVer(test.version_text, ignored)) {
          return Fail(ErrorCode::kInvalid, "not a version: '" + test.version_text + "'");
        }
        return {};
      }
      case Operator::kExists:
        test.exists = operand.AsBool();
        return {};
      case Operator::kInCidr: {
        Network network;
        if (!ParseNetwork(operand.AsString(), network)) {
          return Fail(ErrorCode::kInvalid, "not a network: '" + operand.AsString() + "'");
        }
        test.networks.push_back(network);
        return {};
      }
    }
    return Fail(ErrorCode::kInvalid, "an operator that this version does not know");
  }

  static Status AddPattern(const std::string& text, bool ignore_case, CompiledTest& test) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMaxExpressionMemory);
    options.set_case_sensitive(!ignore_case);
    auto pattern = std::make_unique<re2::RE2>(text, options);
    if (!pattern->ok()) return Fail(ErrorCode::kInvalid, "not a regular expression: " + pattern->error());
    if (pattern->ProgramSize() > kMaxExpressionProgram) {
      return Fail(ErrorCode::kInvalid, "a regular expression that compiles to more than " +
                                           std::to_string(kMaxExpressionProgram) + " instructions");
    }
    test.patterns.push_back(std::move(pattern));
    return {};
  }

  Expr& expr_;
  Lineage& lineage_;
  std::vector<std::uint32_t>& needs_flags_;
  std::vector<std::uint32_t>& needs_segments_;
};

// Views into texts that have found their final place.
void PointVersions(Expr& expr) {
  for (CompiledTest& test : expr.tests) ParseSemVer(test.version_text, test.version);
}

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

// --- flags ---------------------------------------------------------------------------------------------------------

class FlagCompiler {
 public:
  FlagCompiler(const FlagRecord& record, std::string_view environment, Lineage& lineage)
      : definition_(record.definition),
        lineage_(lineage),
        targeting_(definition_.FindEnvironment(environment)),
        state_(record.state.FindEnvironment(environment)),
        exprs_(flag_->expr, lineage, flag_->needs_flags, flag_->needs_segments) {}

  Result<std::shared_ptr<const CompiledFlag>> Compile() {
    flag_->key = definition_.key;
    flag_->type = definition_.type;
    for (const Variation& variation : definition_.variations) {
      flag_->variations.push_back({variation.name, variation.value, variation.value.AsBool()});
    }
    if (definition_.type == FlagType::kBoolean) flag_->off = IndexOf("off");
    if (targeting_ != nullptr) {
      if (Status lowered = Lower(*targeting_); !lowered) return Fail(lowered.error());
    }
    PointVersions(flag_->expr);
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
      const auto serves = static_cast<std::uint32_t>(exprs_.Serves(requirement.flag, requirement.is));
      CompiledRule rule;
      rule.when = exprs_.Group(Node::Kind::kNot, {serves});
      rule.reason = Reason::kPrerequisiteFailed;
      rule.variation = flag_->off;
      flag_->rules.push_back(rule);
    }
  }

  Status LowerTargets(const Targeting& targeting) {
    std::vector<std::string> keys;
    for (const Targets& targets : targeting.targets) {
      Result<std::int32_t> variation = Known(targets.variation);
      if (!variation) return Fail(variation.error());
      keys.insert(keys.end(), targets.keys.begin(), targets.keys.end());
      flag_->target_of.resize(keys.size(), *variation);
    }
    if (keys.empty()) return {};
    flag_->targets = TextSet(std::move(keys));
    CompiledRule rule;
    rule.serve = CompiledRule::Serve::kSelect;
    flag_->rules.push_back(rule);
    return {};
  }

  Status LowerRule(const Rule& rule) {
    CompiledRule compiled;
    if (rule.when) {
      Result<std::int32_t> when = exprs_.Compile(*rule.when);
      if (!when) return Fail(when.error());
      compiled.when = *when;
    }
    if (!rule.id.empty()) {
      compiled.id = static_cast<std::int32_t>(flag_->rule_ids.size());
      flag_->rule_ids.push_back(rule.id);
    }
    if (Status served = LowerServe(rule.serve, rule.rollout, rule.by, rule.id, compiled); !served) return served;
    flag_->rules.push_back(compiled);
    return {};
  }

  Status LowerServe(const Serve& serve, const std::optional<std::uint32_t>& rollout, const std::string& by,
                    const std::string& split_id, CompiledRule& compiled) {
    if (const auto* experiment = std::get_if<ExperimentServe>(&serve)) {
      compiled.serve = CompiledRule::Serve::kExperiment;
      compiled.reason = Reason::kSplit;
      compiled.index = static_cast<std::int32_t>(lineage_.experiments.SlotOf(experiment->experiment));
      flag_->needs_experiments.push_back(static_cast<std::uint32_t>(compiled.index));
      return {};
    }
    const auto* fixed = std::get_if<FixedServe>(&serve);
    if (fixed != nullptr) {
      Result<std::int32_t> variation = Known(fixed->variation);
      if (!variation) return Fail(variation.error());
      compiled.variation = *variation;
      if (!rollout) return {};
    }
    Split split;
    std::string salt = definition_.key;
    if (fixed != nullptr) {
      split.ranges = RangesOf({{fixed->variation, {{0, kWhole}}}}, *rollout, {compiled.variation});
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
      split.ranges = RangesOf(state->arms, rollout.value_or(kWhole), variations);
      if (compiled.is_default && !CoverAll(split.ranges)) {
        return Fail(ErrorCode::kInvalid, "the ranges of the split at `default` leave buckets to nobody");
      }
    }
    split.scheme = MakeScheme(salt, by);
    compiled.serve = CompiledRule::Serve::kSplit;
    compiled.reason = Reason::kSplit;
    compiled.index = static_cast<std::int32_t>(flag_->splits.size());
    flag_->splits.push_back(std::move(split));
    return {};
  }

  Status LowerDefault(const Targeting& targeting) {
    CompiledRule rule;
    rule.is_default = true;
    rule.variation = kNone;
    flag_->serves_one_thing = flag_->rules.empty();
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
    flag_->rules.push_back(rule);
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
  const TargetingState* state_;
  std::shared_ptr<CompiledFlag> flag_ = std::make_shared<CompiledFlag>();
  ExprCompiler exprs_;
};

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
    ExprCompiler exprs(segment->expr, lineage, segment->needs_flags, segment->needs_segments);
    Result<std::int32_t> when = exprs.Compile(*record.definition.when);
    if (!when) return Fail(when.error());
    segment->when = *when;
    PointVersions(segment->expr);
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
    ExprCompiler exprs(experiment->expr, lineage, experiment->needs_flags, experiment->needs_segments);
    Result<std::int32_t> audience = exprs.Compile(*definition.audience);
    if (!audience) return Fail(audience.error());
    experiment->audience = *audience;
    PointVersions(experiment->expr);
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
    for (const auto& [name, value] : forced.attributes) {
      Result<CompiledTest> test = ExprCompiler::CompileTest(name, {Operator::kIn, {value}}, false);
      if (!test) return Fail(test.error());
      compiled.tests.push_back(*std::move(test));
    }
    experiment->force.push_back(std::move(compiled));
  }
  return std::shared_ptr<const CompiledExperiment>(std::move(experiment));
}

}  // namespace guidon
