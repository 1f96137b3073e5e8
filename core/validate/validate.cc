#include "core/validate/validate.h"

#include <re2/re2.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "core/validate/operands.h"

namespace guidon {
namespace {

using Names = std::vector<std::string>;

template <typename List, typename NameOf>
Names NamesOf(const List& list, NameOf name_of) {
  Names names;
  for (const auto& item : list) names.push_back(name_of(item));
  return names;
}

template <typename Records>
Names KeysOf(const Records& records) {
  return NamesOf(records, [](const auto& record) { return record.definition.key; });
}

bool Has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Validator {
 public:
  Validator(const Definitions& definitions, const ValidateOptions& options)
      : project_(definitions.project), all_(definitions.entities), options_(options) {
    environments_ = NamesOf(project_.environments, [](const EnvironmentDefinition& e) { return e.key; });
    flags_ = KeysOf(all_.flags);
    segments_ = KeysOf(all_.segments);
    layers_ = KeysOf(all_.layers);
    holdouts_ = KeysOf(all_.holdouts);
    experiments_ = KeysOf(all_.experiments);
    metrics_ = KeysOf(all_.metrics);
  }

  std::vector<Issue> Run() {
    CheckDuplicates();
    for (const FlagRecord& record : all_.flags) CheckFlag(record.definition);
    for (const SegmentRecord& record : all_.segments) CheckSegment(record.definition);
    for (const HoldoutRecord& record : all_.holdouts) CheckHoldout(record.definition);
    for (const ExperimentRecord& record : all_.experiments) CheckExperiment(record);
    for (const MetricRecord& record : all_.metrics) CheckMetric(record.definition);
    CheckRunningTogether();
    CheckCycles();
    CheckUnused();
    return std::move(issues_);
  }

 private:
  // --- saying it ---

  void Say(Severity severity, std::string code, Path path, std::string message, std::string hint = "") {
    issues_.push_back({severity, std::move(code), std::move(path), std::move(message), std::move(hint), entity_});
  }
  void Error(std::string code, Path path, std::string message, std::string hint = "") {
    Say(Severity::kError, std::move(code), std::move(path), std::move(message), std::move(hint));
  }
  void Warn(std::string code, Path path, std::string message, std::string hint = "") {
    Say(Severity::kWarning, std::move(code), std::move(path), std::move(message), std::move(hint));
  }

  // "unknown segment 'eu-wbe'" unless it is known.
  bool CheckKnown(std::string_view what, const std::string& name, const Names& known, const Path& path) {
    if (Has(known, name)) return true;
    Error("unknown_" + std::string(what), path, "unknown " + std::string(what) + " '" + name + "'",
          DidYouMean(name, known));
    return false;
  }

  // --- entities as such ---

  void CheckDuplicates() {
    for (EntityKind kind : kEntityKinds) {
      const Names& keys = KeysOfKind(kind);
      std::set<std::string> seen;
      for (const std::string& key : keys) {
        if (seen.insert(key).second) continue;
        entity_ = EntityRef{kind, key}.ToText();
        Error("duplicate_entity", {}, entity_ + " is defined twice");
      }
    }
  }

  const Names& KeysOfKind(EntityKind kind) const {
    switch (kind) {
      case EntityKind::kFlag:
        return flags_;
      case EntityKind::kSegment:
        return segments_;
      case EntityKind::kLayer:
        return layers_;
      case EntityKind::kHoldout:
        return holdouts_;
      case EntityKind::kExperiment:
        return experiments_;
      case EntityKind::kMetric:
        break;
    }
    return metrics_;
  }

  // --- flags ---

  void CheckFlag(const FlagDefinition& flag) {
    entity_ = "flag " + flag.key;
    if (flag.archived) return;
    if (flag.owner.empty()) Warn("missing_owner", {}, "it has no owner", "add `owner:`, so that somebody can be asked");
    if (flag.expires && options_.today.time_since_epoch().count() > 0 && *flag.expires < options_.today) {
      Warn("expired", Path().Key("expires"), "it expired on " + FormatDay(*flag.expires),
           "remove the flag, or move the date");
    }
    variations_ = NamesOf(flag.variations, [](const Variation& v) { return v.name; });
    CheckVariationTypes(flag);
    for (const Targeting& targeting : flag.environments) {
      const Path path = Path().Key("environments").Key(targeting.environment);
      CheckKnown("environment", targeting.environment, environments_, path);
      CheckTargeting(flag, targeting, path);
    }
  }

  void CheckVariationTypes(const FlagDefinition& flag) {
    if (flag.type != FlagType::kBoolean && flag.variations.empty()) {
      Error("missing_variations", Path().Key("variations"), "a flag that is not boolean needs variations");
    }
    for (const Variation& variation : flag.variations) {
      const Value& value = variation.value;
      const bool fits = flag.type == FlagType::kJson || (flag.type == FlagType::kBoolean && value.is_bool()) ||
                        (flag.type == FlagType::kString && value.is_string()) ||
                        (flag.type == FlagType::kNumber && value.is_number());
      if (fits) continue;
      Error("variation_type", Path().Key("variations").Key(variation.name),
            "the value is not of the flag's type, " + std::string(ToString(flag.type)));
    }
  }

  void CheckVariation(const std::string& name, const Path& path) {
    if (!name.empty()) CheckKnown("variation", name, variations_, path);
  }

  void CheckTargeting(const FlagDefinition& flag, const Targeting& targeting, const Path& path) {
    CheckVariation(targeting.off, path.Key("off"));
    if (targeting.enabled && !targeting.default_serve) {
      Error("missing_default", path, "it is enabled but says nothing to serve by default",
            "add `default:` with a variation");
    }
    for (std::size_t i = 0; i < targeting.requirements.size(); ++i) {
      const Requirement& requirement = targeting.requirements[i];
      const Path at = path.Key("requires").Index(i);
      CheckFlagReference(flag, requirement.flag, requirement.is, at.Key("flag"), at.Key("is"));
    }
    CheckTargets(targeting, path.Key("targets"));
    CheckRules(flag, targeting, path.Key("rules"));
    if (targeting.default_serve) CheckServe(targeting.default_serve->serve, path.Key("default"));
  }

  void CheckFlagReference(const FlagDefinition& from, const std::string& key, const Names& variations,
                          const Path& flag_path, const Path& variations_path) {
    if (!CheckKnown("flag", key, flags_, flag_path)) return;
    const FlagDefinition& other = all_.FindFlag(key)->definition;
    if (other.archived) Error("archived_flag", flag_path, "flag '" + key + "' is archived, so this can never hold");
    if (key == from.key) Error("cycle", flag_path, "flag '" + key + "' requires itself");
    const Names known = NamesOf(other.variations, [](const Variation& v) { return v.name; });
    for (const std::string& name : variations) {
      if (Has(known, name)) continue;
      Error("unknown_variation", variations_path, "flag '" + key + "' has no variation '" + name + "'",
            DidYouMean(name, known));
    }
  }

  void CheckTargets(const Targeting& targeting, const Path& path) {
    std::map<std::string, std::string> seen;
    for (const Targets& targets : targeting.targets) {
      CheckVariation(targets.variation, path.Key(targets.variation));
      for (std::size_t i = 0; i < targets.keys.size(); ++i) {
        const auto [held, is_new] = seen.emplace(targets.keys[i], targets.variation);
        if (is_new) continue;
        Error("duplicate_target", path.Key(targets.variation).Index(i),
              "'" + targets.keys[i] + "' is a target of '" + held->second + "' already");
      }
    }
  }

  void CheckRules(const FlagDefinition& flag, const Targeting& targeting, const Path& path) {
    std::map<std::string, std::size_t> ids;
    const Rule* catch_all = nullptr;
    for (std::size_t i = 0; i < targeting.rules.size(); ++i) {
      const Rule& rule = targeting.rules[i];
      const Path at = path.Index(i);
      const bool uses_buckets = rule.rollout || std::holds_alternative<SplitServe>(rule.serve);
      if (rule.id.empty() && uses_buckets) {
        Error("missing_id", at, "a rule that splits or rolls out needs an id, under which its buckets are kept",
              "add `id:`");
      }
      if (rule.id == "default") Error("reserved_id", at.Key("id"), "no rule may be called 'default'");
      if (!rule.id.empty()) {
        const auto [held, is_new] = ids.emplace(rule.id, i);
        if (!is_new) {
          Error("duplicate_rule", at.Key("id"), "rule " + std::to_string(held->second + 1) + " has this id already");
        }
      }
      if (catch_all != nullptr) {
        Warn("unreachable_rule", at, "it is never reached: " + NameOf(*catch_all) + " before it applies to everyone");
      } else {
        CheckShadowed(targeting, i, at);
      }
      if (rule.when) CheckCondition(*rule.when, at.Key("when"), &flag);
      CheckServe(rule.serve, at);
      if (!rule.when && !rule.rollout && std::holds_alternative<FixedServe>(rule.serve)) catch_all = &rule;
    }
  }

  static std::string NameOf(const Rule& rule) { return rule.id.empty() ? "a rule" : "rule '" + rule.id + "'"; }

  void CheckShadowed(const Targeting& targeting, std::size_t index, const Path& path) {
    const Rule& rule = targeting.rules[index];
    for (std::size_t i = 0; i < index && rule.when; ++i) {
      const Rule& earlier = targeting.rules[i];
      if (earlier.when != rule.when || earlier.rollout || !std::holds_alternative<FixedServe>(earlier.serve)) continue;
      Warn("shadowed_rule", path, "it is never reached: " + NameOf(earlier) + " before it has the same condition");
      return;
    }
  }

  void CheckServe(const Serve& serve, const Path& path) {
    if (const auto* fixed = std::get_if<FixedServe>(&serve)) return CheckVariation(fixed->variation, path.Key("serve"));
    if (const auto* experiment = std::get_if<ExperimentServe>(&serve)) {
      CheckKnown("experiment", experiment->experiment, experiments_, path.Key("experiment"));
      return;
    }
    std::uint64_t sum = 0;
    for (const Weight& weight : std::get<SplitServe>(serve).weights) {
      CheckVariation(weight.variation, path.Key("serve").Key(weight.variation));
      sum += weight.parts;
    }
    CheckSum(sum, path.Key("serve"));
  }

  void CheckSum(std::uint64_t sum, const Path& path) {
    if (sum == kWhole) return;
    Error("weights_sum", path,
          "weights sum to " + (sum > kWhole ? "more than 100%" : FormatPercent(static_cast<std::uint32_t>(sum))) +
              ", not to 100%");
  }

  // --- conditions ---

  // `flag`: whose condition it is, or nullptr. Event conditions of metrics pass `is_event`.
  void CheckCondition(const Condition& condition, const Path& path, const FlagDefinition* flag, bool is_event = false) {
    for (const Clause& clause : condition.clauses) {
      switch (clause.kind) {
        case Clause::Kind::kAttribute:
          CheckMatcher(clause, path.Key(clause.attribute));
          break;
        case Clause::Kind::kNow:
          CheckWindow(clause, path.Key("now"));
          break;
        case Clause::Kind::kAll:
        case Clause::Kind::kAny:
        case Clause::Kind::kNot:
          CheckChildren(clause, path, flag, is_event);
          break;
        case Clause::Kind::kSegment:
          for (const std::string& segment : clause.segments) {
            CheckKnown("segment", segment, segments_, path.Key("segment"));
          }
          break;
        case Clause::Kind::kFlag: {
          static const FlagDefinition kNobody;
          const Path at = path.Key("flag").Key(clause.flag);
          CheckFlagReference(flag == nullptr ? kNobody : *flag, clause.flag, clause.variations, at, at);
          break;
        }
      }
      if (is_event && (clause.kind == Clause::Kind::kSegment || clause.kind == Clause::Kind::kFlag ||
                       clause.kind == Clause::Kind::kNow)) {
        Error("event_condition", path, "a metric's `where` looks at event attributes only");
      }
    }
  }

  void CheckChildren(const Clause& clause, const Path& path, const FlagDefinition* flag, bool is_event) {
    if (clause.kind == Clause::Kind::kNot) {
      if (!clause.children.empty()) CheckCondition(clause.children[0], path.Key("not"), flag, is_event);
      return;
    }
    const Path at = path.Key(clause.kind == Clause::Kind::kAll ? "all" : "any");
    for (std::size_t i = 0; i < clause.children.size(); ++i) {
      CheckCondition(clause.children[i], at.Index(i), flag, is_event);
    }
  }

  void CheckMatcher(const Clause& clause, const Path& path) {
    for (const Test& test : clause.tests) {
      for (const Value& operand : test.operands) {
        const std::string fault = OperandFault(test.op, operand);
        if (fault.empty()) continue;
        const bool shorthand = test.op == Operator::kIn;
        Error("bad_operand", shorthand ? path : path.Key(ToString(test.op)), fault);
      }
    }
    if (NeverHolds(clause.tests)) {
      Warn("never_holds", path, "no number can be within these bounds", "swap them, or remove one");
    }
  }

  void CheckWindow(const Clause& clause, const Path& path) {
    for (const Test& test : clause.tests) {
      for (const Value& operand : test.operands) {
        const std::string fault = OperandFault(test.op, operand);
        if (!fault.empty()) Error("bad_operand", path.Key(ToString(test.op)), fault);
      }
    }
  }

  // --- segments, holdouts, metrics ---

  void CheckSegment(const Segment& segment) {
    entity_ = "segment " + segment.key;
    if (segment.when) CheckCondition(*segment.when, Path().Key("when"), nullptr);
    for (std::size_t i = 0; i < segment.include.size(); ++i) {
      if (Has(segment.exclude, segment.include[i])) {
        Warn("included_and_excluded", Path().Key("include").Index(i),
             "'" + segment.include[i] + "' is excluded too, which beats this");
      }
    }
    if (segment.include.empty() && !segment.when) {
      Warn("empty_segment", {}, "it includes nobody", "add `include:` or `when:`");
    }
  }

  void CheckHoldout(const Holdout& holdout) {
    entity_ = "holdout " + holdout.key;
    if (holdout.size > kWhole / 2) {
      Error("holdout_size", Path().Key("size"),
            "more than 50% cannot be held out: as many again are the comparison group");
    }
  }

  void CheckMetric(const Metric& metric) {
    entity_ = "metric " + metric.key;
    if (metric.where) CheckCondition(*metric.where, Path().Key("where"), nullptr, true);
    const auto check_part = [&](const std::optional<MetricPart>& part, const Path& path) {
      if (part && part->where) CheckCondition(*part->where, path.Key("where"), nullptr, true);
    };
    check_part(metric.numerator, Path().Key("numerator"));
    check_part(metric.denominator, Path().Key("denominator"));
    for (std::size_t i = 0; i < metric.steps.size(); ++i) check_part(metric.steps[i], Path().Key("steps").Index(i));
  }

  // --- experiments ---

  static ExperimentStatus StatusOf(const ExperimentRecord& record) {
    return record.definition.state.value_or(record.state.status);
  }

  void CheckExperiment(const ExperimentRecord& record) {
    const Experiment& experiment = record.definition;
    entity_ = "experiment " + experiment.key;
    if (experiment.archived) return;
    if (experiment.owner.empty()) {
      Warn("missing_owner", {}, "it has no owner", "add `owner:`, so that somebody can be asked");
    }
    CheckKnown("environment", experiment.environment, environments_, Path().Key("environment"));
    if (CheckKnown("flag", experiment.flag, flags_, Path().Key("flag"))) CheckExperimentFlag(experiment);
    if (experiment.audience) CheckCondition(*experiment.audience, Path().Key("audience"), nullptr);
    if (experiment.layer && CheckKnown("layer", experiment.layer->layer, layers_, Path().Key("layer").Key("name"))) {
      const Layer& layer = all_.FindLayer(experiment.layer->layer)->definition;
      if (layer.unit != experiment.unit) {
        Error("layer_unit", Path().Key("unit"),
              "layer '" + layer.key + "' has unit '" + layer.unit + "', this experiment '" + experiment.unit +
                  "': they would not keep experiments apart");
      }
    }
    if (!experiment.holdout.empty()) {
      CheckKnown("holdout", experiment.holdout, holdouts_, Path().Key("holdout"));
    }
    CheckVariants(experiment);
    CheckExperimentMetrics(experiment);
  }

  void CheckExperimentFlag(const Experiment& experiment) {
    const FlagDefinition& flag = all_.FindFlag(experiment.flag)->definition;
    if (flag.archived) Error("archived_flag", Path().Key("flag"), "flag '" + flag.key + "' is archived");
    const Names known = NamesOf(flag.variations, [](const Variation& v) { return v.name; });
    for (const Variant& variant : experiment.variants) {
      if (Has(known, variant.serves)) continue;
      Error("unknown_variation", Path().Key("variants").Key(variant.name).Key("serves"),
            "flag '" + flag.key + "' has no variation '" + variant.serves + "'", DidYouMean(variant.serves, known));
    }
    const Targeting* targeting = flag.FindEnvironment(experiment.environment);
    if (experiment.state == ExperimentStatus::kRunning && (targeting == nullptr || !targeting->enabled)) {
      Warn("flag_not_enabled", Path().Key("flag"),
           "flag '" + flag.key + "' is not enabled in '" + experiment.environment + "', so nobody is assigned");
    }
  }

  void CheckVariants(const Experiment& experiment) {
    std::uint64_t sum = 0;
    for (const Variant& variant : experiment.variants) sum += variant.parts;
    CheckSum(sum, Path().Key("variants"));
    if (experiment.variants.size() < 2) {
      Error("too_few_variants", Path().Key("variants"), "an experiment compares at least two variants");
    }
    const Names names = NamesOf(experiment.variants, [](const Variant& v) { return v.name; });
    for (std::size_t i = 0; i < experiment.force.size(); ++i) {
      CheckKnown("variant", experiment.force[i].variant, names, Path().Key("qa").Key("force").Index(i).Key("variant"));
    }
  }

  void CheckExperimentMetrics(const Experiment& experiment) {
    const Path path = Path().Key("metrics");
    if (experiment.primary) {
      CheckKnown("metric", experiment.primary->use, metrics_, path.Key("primary").Key("use"));
    } else {
      Warn("missing_primary", path, "it has no primary metric, so it can never say which variant is better");
    }
    for (std::size_t i = 0; i < experiment.secondary.size(); ++i) {
      CheckKnown("metric", experiment.secondary[i], metrics_, path.Key("secondary").Index(i));
    }
    for (std::size_t i = 0; i < experiment.guardrails.size(); ++i) {
      CheckKnown("metric", experiment.guardrails[i].use, metrics_, path.Key("guardrails").Index(i).Key("use"));
    }
  }

  // Several experiments on one flag's default must share a layer, or a unit could be in two of them. And the running
  // ones of a layer must fit into it.
  void CheckRunningTogether() {
    std::map<std::pair<std::string, std::string>, const Experiment*> on_default;
    std::map<std::pair<std::string, std::string>, std::uint64_t> slices;
    for (const ExperimentRecord& record : all_.experiments) {
      const Experiment& experiment = record.definition;
      const ExperimentStatus status = StatusOf(record);
      const bool live = status == ExperimentStatus::kRunning || status == ExperimentStatus::kPaused;
      if (!live || experiment.archived) continue;
      entity_ = "experiment " + experiment.key;
      if (experiment.layer) {
        std::uint64_t& sum = slices[{experiment.environment, experiment.layer->layer}];
        sum += experiment.layer->slice;
        if (sum > kWhole && sum - experiment.layer->slice <= kWhole) {
          Error("layer_full", Path().Key("layer").Key("slice"),
                "running experiments of layer '" + experiment.layer->layer + "' take more than 100%");
        }
      }
      if (IsNamedByRule(experiment)) continue;
      const Experiment*& first = on_default[{experiment.environment, experiment.flag}];
      if (first == nullptr) {
        first = &experiment;
      } else if (!first->layer || !experiment.layer || first->layer->layer != experiment.layer->layer) {
        Error("overlapping_experiments", Path().Key("flag"),
              "experiment '" + first->key + "' runs on the default of flag '" + experiment.flag +
                  "' too, in another layer or in none: a unit could be in both",
              "put both into one layer");
      }
    }
  }

  bool IsNamedByRule(const Experiment& experiment) const {
    const FlagRecord* flag = all_.FindFlag(experiment.flag);
    const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(experiment.environment);
    if (targeting == nullptr) return false;
    return std::any_of(targeting->rules.begin(), targeting->rules.end(), [&](const Rule& rule) {
      const auto* serve = std::get_if<ExperimentServe>(&rule.serve);
      return serve != nullptr && serve->experiment == experiment.key;
    });
  }

  // --- cycles ---

  static void CollectReferences(const Condition& condition, std::set<EntityRef>& refs) {
    for (const Clause& clause : condition.clauses) {
      for (const std::string& segment : clause.segments) refs.insert({EntityKind::kSegment, segment});
      if (clause.kind == Clause::Kind::kFlag) refs.insert({EntityKind::kFlag, clause.flag});
      for (const Condition& child : clause.children) CollectReferences(child, refs);
    }
  }

  // What an entity's evaluation in one environment needs.
  std::set<EntityRef> NeedsOf(const EntityRef& ref, const std::string& environment) const {
    std::set<EntityRef> refs;
    if (ref.kind == EntityKind::kSegment) {
      const SegmentRecord* segment = all_.FindSegment(ref.key);
      if (segment != nullptr && segment->definition.when) CollectReferences(*segment->definition.when, refs);
      return refs;
    }
    const FlagRecord* flag = all_.FindFlag(ref.key);
    const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(environment);
    if (targeting != nullptr) {
      for (const Requirement& requirement : targeting->requirements) refs.insert({EntityKind::kFlag, requirement.flag});
      for (const Rule& rule : targeting->rules) {
        if (rule.when) CollectReferences(*rule.when, refs);
      }
    }
    for (const ExperimentRecord& record : all_.experiments) {
      const Experiment& experiment = record.definition;
      if (experiment.flag == ref.key && experiment.environment == environment && experiment.audience &&
          !experiment.archived) {
        CollectReferences(*experiment.audience, refs);
      }
    }
    return refs;
  }

  void CheckCycles() {
    for (const std::string& environment : environments_) {
      std::set<EntityRef> done;
      const auto visit_all = [&](EntityKind kind, const Names& keys) {
        for (const std::string& key : keys) {
          std::vector<EntityRef> trail;
          Visit({kind, key}, environment, trail, done);
        }
      };
      visit_all(EntityKind::kFlag, flags_);
      visit_all(EntityKind::kSegment, segments_);
    }
  }

  void Visit(const EntityRef& ref, const std::string& environment, std::vector<EntityRef>& trail,
             std::set<EntityRef>& done) {
    if (done.contains(ref)) return;
    const auto seen = std::find(trail.begin(), trail.end(), ref);
    if (seen != trail.end()) {
      // A flag that names itself was said already, where it does.
      if (trail.end() - seen == 1 && ref.kind == EntityKind::kFlag) return;
      std::string path;
      for (auto it = seen; it != trail.end(); ++it) path += it->ToText() + " → ";
      entity_ = ref.ToText();
      Issue issue{Severity::kError, "cycle", {}, path + ref.ToText() + " need each other", "break the circle", entity_};
      const bool said = std::any_of(issues_.begin(), issues_.end(), [&](const Issue& other) {
        return other.code == "cycle" && other.message == issue.message;
      });
      if (!said) issues_.push_back(std::move(issue));
      return;
    }
    trail.push_back(ref);
    for (const EntityRef& needed : NeedsOf(ref, environment)) Visit(needed, environment, trail, done);
    trail.pop_back();
    done.insert(ref);
  }

  // --- what nobody uses ---

  void CheckUnused() {
    std::set<EntityRef> used;
    for (const std::string& environment : environments_) {
      for (const std::string& flag : flags_) used.merge(NeedsOf({EntityKind::kFlag, flag}, environment));
      for (const std::string& segment : segments_) used.merge(NeedsOf({EntityKind::kSegment, segment}, environment));
    }
    for (const std::string& segment : segments_) {
      entity_ = "segment " + segment;
      if (!used.contains({EntityKind::kSegment, segment})) Warn("unused_segment", {}, "nothing uses it");
    }
    std::set<std::string> metrics;
    for (const ExperimentRecord& record : all_.experiments) {
      const Experiment& experiment = record.definition;
      if (experiment.primary) metrics.insert(experiment.primary->use);
      metrics.insert(experiment.secondary.begin(), experiment.secondary.end());
      for (const Guardrail& guardrail : experiment.guardrails) metrics.insert(guardrail.use);
    }
    for (const MetricRecord& record : all_.metrics) {
      entity_ = "metric " + record.definition.key;
      if (!record.definition.archived && !metrics.contains(record.definition.key)) {
        Warn("unused_metric", {}, "no experiment uses it");
      }
    }
  }

  const Project& project_;
  const EntitySet& all_;
  const ValidateOptions options_;
  Names environments_, flags_, segments_, layers_, holdouts_, experiments_, metrics_;
  Names variations_;    // of the flag that is being checked
  std::string entity_;  // that is being checked
  std::vector<Issue> issues_;
};

}  // namespace

std::vector<Issue> Validate(const Definitions& definitions, const ValidateOptions& options) {
  return Validator(definitions, options).Run();
}

}  // namespace guidon
