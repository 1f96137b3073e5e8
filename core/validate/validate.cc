#include "core/validate/validate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/model/names.h"
#include "core/model/units.h"
#include "core/validate/implies.h"
#include "core/validate/needs.h"
#include "core/validate/operands.h"

namespace guidon {
namespace {

using Names = std::vector<std::string>;

// A suggestion costs a look at every name; whoever has more unknown names than this has another problem.
constexpr int kMostSuggestions = 200;

// What tests of an experiment expect for a unit that it does not take.
constexpr std::string_view kNoVariant = "none";

// So many names are shown whole where none of them is similar.
constexpr std::size_t kMostNamesShown = 8;

template <typename List, typename NameOf>
Names NamesOf(const List& list, NameOf name_of) {
  Names names;
  names.reserve(list.size());
  for (const auto& item : list) names.push_back(name_of(item));
  return names;
}

Names VariationsOf(const FlagDefinition& flag) {
  return NamesOf(flag.variations, [](const Variation& v) { return v.name; });
}

bool Has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The definitions of one kind, by key.
template <typename Definition>
class Index {
 public:
  template <typename Records>
  explicit Index(const Records& records) {
    for (const auto& record : records) {
      keys_.push_back(record.definition.key);
      by_key_.emplace(record.definition.key, &record.definition);
    }
  }
  const Definition* Find(std::string_view key) const {
    const auto held = by_key_.find(key);
    return held == by_key_.end() ? nullptr : held->second;
  }
  const Names& keys() const { return keys_; }

 private:
  Names keys_;  // in authored order, duplicates too
  std::unordered_map<std::string_view, const Definition*> by_key_;
};

// Whether what it comes to lies between 0 and 1. A ratio may: of events to events, or of a sum to a sum; an amount of
// each event does not.
bool MayBeShare(const Metric& metric) {
  switch (metric.type) {
    case MetricType::kConversion:
    case MetricType::kRetention:
    case MetricType::kFunnel:
      return true;
    case MetricType::kRatio:
      return metric.numerator && metric.denominator &&
             metric.numerator->value.empty() == metric.denominator->value.empty();
    case MetricType::kCount:
    case MetricType::kSum:
    case MetricType::kMean:
    case MetricType::kQuantile:
      break;
  }
  return false;
}

// A lone element is written without its list.
Path ElementOf(const Path& path, std::size_t index, std::size_t size) {
  return size > 1 ? path.Index(index) : path;
}

class Validator {
 public:
  Validator(const Definitions& definitions, const ValidateOptions& options)
      : project_(definitions.project),
        all_(definitions.entities),
        options_(options),
        environments_(NamesOf(project_.environments, [](const EnvironmentDefinition& e) { return e.key; })),
        flags_(all_.flags),
        segments_(all_.segments),
        layers_(all_.layers),
        holdouts_(all_.holdouts),
        experiments_(all_.experiments),
        metrics_(all_.metrics) {}

  std::vector<Issue> Run() {
    CheckDuplicates();
    for (const FlagRecord& record : all_.flags) CheckFlag(record.definition);
    for (const SegmentRecord& record : all_.segments) CheckSegment(record.definition);
    for (const ExperimentRecord& record : all_.experiments) CheckExperiment(record);
    for (const MetricRecord& record : all_.metrics) CheckMetric(record.definition);
    CheckRunningTogether();
    CheckNeeds();
    CheckUnusedMetrics();
    return std::move(issues_);
  }

  std::vector<Issue> RunTest(const FlagTest& test) {
    issues_.clear();
    CheckTest(test);
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

  std::string Suggest(const std::string& name, const Names& known) {
    if (known.empty()) return "none is defined";
    const std::string similar = suggestions_left_-- > 0 ? DidYouMean(name, known) : "";
    if (!similar.empty() || known.size() > kMostNamesShown) return similar;
    std::string all = "known: ";
    for (std::size_t i = 0; i < known.size(); ++i) all += (i == 0 ? "" : ", ") + known[i];
    return all;
  }

  // "unknown variation 'sinlge'" unless it is one of a few.
  bool CheckKnown(std::string_view what, const std::string& name, const Names& known, const Path& path) {
    if (Has(known, name)) return true;
    SayUnknown(what, name, known, path);
    return false;
  }
  // "unknown segment 'eu-wbe'" and nullptr, or what is known under this name.
  template <typename Definition>
  const Definition* CheckKnown(std::string_view what, const std::string& name, const Index<Definition>& known,
                               const Path& path) {
    const Definition* definition = known.Find(name);
    if (definition == nullptr) SayUnknown(what, name, known.keys(), path);
    return definition;
  }
  void SayUnknown(std::string_view what, const std::string& name, const Names& known, const Path& path) {
    Error("unknown_" + std::string(what), path, "unknown " + std::string(what) + " '" + name + "'",
          Suggest(name, known));
  }

  // --- entities as such ---

  void CheckDuplicates() {
    for (EntityKind kind : kEntityKinds) {
      const Names& keys = KeysOfKind(kind);
      std::set<std::string> seen;
      for (const std::string& key : keys) {
        if (seen.insert(key).second) continue;
        entity_ = EntityRef{kind, key}.ToText();
        Error("duplicate_entity", {}, entity_ + " is defined twice", "remove one, or give it another key");
      }
    }
  }

  const Names& KeysOfKind(EntityKind kind) const {
    switch (kind) {
      case EntityKind::kFlag:
        return flags_.keys();
      case EntityKind::kSegment:
        return segments_.keys();
      case EntityKind::kLayer:
        return layers_.keys();
      case EntityKind::kHoldout:
        return holdouts_.keys();
      case EntityKind::kExperiment:
        return experiments_.keys();
      case EntityKind::kMetric:
        break;
    }
    return metrics_.keys();
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
    variations_ = VariationsOf(flag);
    for (const Targeting& targeting : flag.environments) {
      const Path path = Path().Key("environments").Key(targeting.environment);
      CheckKnown("environment", targeting.environment, environments_, path);
      CheckTargeting(flag, targeting, path);
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
      CheckFlagReference(&flag, requirement.flag, requirement.is, at.Key("flag"), at.Key("is"));
      if (targeting.enabled) CheckCanBeMet(targeting.environment, requirement.flag, at.Key("flag"));
    }
    CheckTargets(targeting, path.Key("targets"));
    CheckRules(flag, targeting, path.Key("rules"));
    if (targeting.default_serve) CheckDefault(*targeting.default_serve, path.Key("default"));
  }

  void CheckDefault(const DefaultServe& serve, const Path& path) {
    const auto* fixed = std::get_if<FixedServe>(&serve.serve);
    if (fixed != nullptr && serve.by.empty()) return CheckVariation(fixed->variation, path);  // `default: on`
    CheckServe(serve.serve, path);
  }

  // `from`: whose condition or requirement it is; nullptr where that is no flag.
  void CheckFlagReference(const FlagDefinition* from, const std::string& key, const Names& variations,
                          const Path& flag_path, const Path& variations_path) {
    const FlagDefinition* other = CheckKnown("flag", key, flags_, flag_path);
    if (other == nullptr) return;
    if (other->archived) {
      Error("archived_flag", flag_path, "flag '" + key + "' is archived, so this can never hold", "remove this first");
    }
    if (from != nullptr && key == from->key) {
      Error("cycle", flag_path, "flag '" + key + "' needs itself", "break the circle");
    }
    const Names known = VariationsOf(*other);
    for (std::size_t i = 0; i < variations.size(); ++i) {
      if (Has(known, variations[i])) continue;
      Error("unknown_variation", ElementOf(variations_path, i, variations.size()),
            "flag '" + key + "' has no variation '" + variations[i] + "'", Suggest(variations[i], known));
    }
  }

  void CheckCanBeMet(const std::string& environment, const std::string& key, const Path& path) {
    const FlagDefinition* other = flags_.Find(key);
    if (other == nullptr || other->archived) return;
    const Targeting* targeting = other->FindEnvironment(environment);
    if (targeting != nullptr && targeting->enabled) return;
    Warn("never_met", path,
         "flag '" + key + "' is not enabled in '" + environment + "', so everyone is served `off` here",
         "enable '" + key + "' there");
  }

  void CheckTargets(const Targeting& targeting, const Path& path) {
    std::map<std::string, std::string> seen;
    for (const Targets& targets : targeting.targets) {
      CheckVariation(targets.variation, path.Key(targets.variation));
      for (std::size_t i = 0; i < targets.keys.size(); ++i) {
        const auto [held, is_new] = seen.emplace(targets.keys[i], targets.variation);
        if (is_new) continue;
        Error("duplicate_target", path.Key(targets.variation).Index(i),
              "'" + targets.keys[i] + "' is a target of '" + held->second + "' already", "keep one of the two");
      }
    }
  }

  void CheckRules(const FlagDefinition& flag, const Targeting& targeting, const Path& path) {
    const Rule* catch_all = nullptr;
    for (std::size_t i = 0; i < targeting.rules.size(); ++i) {
      const Rule& rule = targeting.rules[i];
      const Path at = path.Index(i);
      if (catch_all != nullptr) {
        Warn("unreachable_rule", at, "it is never reached: " + NameOf(*catch_all) + " before it applies to everyone",
             "move it up, or remove it");
      } else {
        CheckShadowed(targeting, i, at);
      }
      if (rule.when) CheckCondition(*rule.when, at.Key("when"), &flag);
      CheckServe(rule.serve, at);
      if (const auto* serve = std::get_if<ExperimentServe>(&rule.serve)) {
        CheckExperimentServe(flag, targeting, serve->experiment, at.Key("experiment"));
      }
      if (IsCatchAll(rule)) catch_all = &rule;
    }
  }

  static std::string NameOf(const Rule& rule) { return rule.id.empty() ? "a rule" : "rule '" + rule.id + "'"; }

  // Whoever comes to it is served there. One that splits lets units without its attribute go on.
  static bool IsCatchAll(const Rule& rule) {
    return !rule.when && !rule.rollout && !rule.ramp && std::holds_alternative<FixedServe>(rule.serve);
  }

  void CheckExperimentServe(const FlagDefinition& flag, const Targeting& targeting, const std::string& key,
                            const Path& path) {
    const Experiment* experiment = CheckKnown("experiment", key, experiments_, path);
    if (experiment == nullptr) return;
    if (experiment->archived) {
      Error("archived_experiment", path, "experiment '" + key + "' is archived, so this rule takes nobody",
            "remove the rule first");
    }
    if (experiment->flag != flag.key || experiment->environment != targeting.environment) {
      Error("experiment_elsewhere", path,
            "experiment '" + key + "' is on flag '" + experiment->flag + "' in '" + experiment->environment +
                "', so this rule takes nobody",
            "name an experiment of this flag and environment");
    }
  }

  void CheckShadowed(const Targeting& targeting, std::size_t index, const Path& path) {
    const Rule& rule = targeting.rules[index];
    for (std::size_t i = 0; i < index && rule.when; ++i) {
      const Rule& earlier = targeting.rules[i];
      if (!earlier.when || earlier.rollout || earlier.ramp || !std::holds_alternative<FixedServe>(earlier.serve)) {
        continue;
      }
      if (!Implies(*rule.when, *earlier.when)) continue;
      Warn("shadowed_rule", path, "it is never reached: " + NameOf(earlier) + " before it holds wherever this one does",
           "move it up, or remove it");
      return;
    }
  }

  void CheckServe(const Serve& serve, const Path& path) {
    if (const auto* fixed = std::get_if<FixedServe>(&serve)) return CheckVariation(fixed->variation, path.Key("serve"));
    if (std::holds_alternative<ExperimentServe>(serve)) return;
    for (const Weight& weight : std::get<SplitServe>(serve).weights) {
      CheckVariation(weight.variation, path.Key("serve").Key(weight.variation));
    }
  }

  // --- conditions ---

  // `flag`: whose condition it is, or nullptr.
  void CheckCondition(const Condition& condition, const Path& path, const FlagDefinition* flag) {
    for (const Clause& clause : condition.clauses) {
      switch (clause.kind) {
        case Clause::Kind::kAttribute:
          // A reserved name has the long form: `{ attribute: flag, in: [a] }`.
          CheckMatcher(clause, IsReservedInConditions(clause.attribute) ? path : path.Key(clause.attribute));
          break;
        case Clause::Kind::kNow:
          CheckWindow(clause, path.Key("now"));
          break;
        case Clause::Kind::kAll:
        case Clause::Kind::kAny:
        case Clause::Kind::kNot:
          CheckChildren(clause, path, flag);
          break;
        case Clause::Kind::kSegment:
          for (std::size_t i = 0; i < clause.segments.size(); ++i) {
            CheckKnown("segment", clause.segments[i], segments_,
                       ElementOf(path.Key("segment"), i, clause.segments.size()));
          }
          break;
        case Clause::Kind::kFlag: {
          const Path at = path.Key("flag").Key(clause.flag);
          CheckFlagReference(flag, clause.flag, clause.variations, at, at);
          break;
        }
      }
    }
  }

  void CheckChildren(const Clause& clause, const Path& path, const FlagDefinition* flag) {
    if (clause.kind == Clause::Kind::kNot) {
      if (!clause.children.empty()) CheckCondition(clause.children[0], path.Key("not"), flag);
      return;
    }
    const Path at = path.Key(clause.kind == Clause::Kind::kAll ? "all" : "any");
    for (std::size_t i = 0; i < clause.children.size(); ++i) {
      CheckCondition(clause.children[i], at.Index(i), flag);
    }
  }

  void CheckMatcher(const Clause& clause, const Path& path) {
    CheckOperands(clause, path);
    if (NeverHolds(clause.tests)) {
      Warn("never_holds", path, "no single value can satisfy all of this", "change one of the bounds, or remove it");
    }
  }

  void CheckWindow(const Clause& clause, const Path& path) {
    CheckOperands(clause, path);
    if (NeverHolds(clause.tests)) {
      Warn("never_holds", path, "no time is after the one and before the other", "swap them, or remove one");
    }
  }

  void CheckOperands(const Clause& clause, const Path& path) {
    for (const Test& test : clause.tests) {
      for (std::size_t i = 0; i < test.operands.size(); ++i) {
        const Fault fault = FaultOf(test.op, test.operands[i], clause.ignore_case);
        if (fault.message.empty()) continue;
        Error("bad_operand", ElementOf(path.Key(ToString(test.op)), i, test.operands.size()), fault.message,
              fault.hint);
      }
    }
  }

  // --- segments, metrics ---

  void CheckSegment(const Segment& segment) {
    entity_ = "segment " + segment.key;
    if (segment.when) CheckCondition(*segment.when, Path().Key("when"), nullptr);
    const std::set<std::string_view> excluded(segment.exclude.begin(), segment.exclude.end());
    for (std::size_t i = 0; i < segment.include.size(); ++i) {
      if (!excluded.contains(segment.include[i])) continue;
      Warn("included_and_excluded", Path().Key("include").Index(i),
           "'" + segment.include[i] + "' is excluded too, which beats this", "remove it from one of the lists");
    }
    if (segment.include.empty() && !segment.when) {
      Warn("empty_segment", {}, "it includes nobody", "add `include:` or `when:`");
    }
  }

  void CheckMetric(const Metric& metric) {
    entity_ = "metric " + metric.key;
    if (metric.where) CheckCondition(*metric.where, Path().Key("where"), nullptr);
    const auto check_part = [&](const std::optional<MetricPart>& part, const Path& path) {
      if (part && part->where) CheckCondition(*part->where, path.Key("where"), nullptr);
    };
    check_part(metric.numerator, Path().Key("numerator"));
    check_part(metric.denominator, Path().Key("denominator"));
    for (std::size_t i = 0; i < metric.steps.size(); ++i) check_part(metric.steps[i], Path().Key("steps").Index(i));
  }

  // --- experiments ---

  static ExperimentStatus StatusOf(const ExperimentRecord& record) {
    const ExperimentStatus held = record.state.status;
    return held == ExperimentStatus::kConcluded ? held : record.definition.state.value_or(held);
  }

  void CheckExperiment(const ExperimentRecord& record) {
    const Experiment& experiment = record.definition;
    entity_ = "experiment " + experiment.key;
    if (experiment.archived) return;
    if (experiment.owner.empty()) {
      Warn("missing_owner", {}, "it has no owner", "add `owner:`, so that somebody can be asked");
    }
    CheckKnown("environment", experiment.environment, environments_, Path().Key("environment"));
    const FlagDefinition* flag = CheckKnown("flag", experiment.flag, flags_, Path().Key("flag"));
    if (flag != nullptr) CheckExperimentFlag(experiment, *flag, StatusOf(record));
    if (experiment.audience) CheckCondition(*experiment.audience, Path().Key("audience"), flag);
    CheckUnits(experiment);
    CheckVariants(experiment);
    CheckExperimentMetrics(experiment, StatusOf(record));
  }

  void CheckExperimentFlag(const Experiment& experiment, const FlagDefinition& flag, ExperimentStatus status) {
    if (flag.archived) {
      Error("archived_flag", Path().Key("flag"), "flag '" + flag.key + "' is archived", "archive the experiment first");
    }
    const Names known = VariationsOf(flag);
    for (const Variant& variant : experiment.variants) {
      if (Has(known, variant.serves)) continue;
      Error("unknown_variation", Path().Key("variants").Key(variant.name).Key("serves"),
            "flag '" + flag.key + "' has no variation '" + variant.serves + "'", Suggest(variant.serves, known));
    }
    if (status == ExperimentStatus::kRunning && !flag.archived) CheckHasTraffic(experiment, flag);
  }

  void CheckHasTraffic(const Experiment& experiment, const FlagDefinition& flag) {
    const Targeting* targeting = flag.FindEnvironment(experiment.environment);
    if (targeting == nullptr || !targeting->enabled) {
      Warn("flag_not_enabled", Path().Key("flag"),
           "flag '" + flag.key + "' is not enabled in '" + experiment.environment + "', so nobody is assigned",
           "enable the flag there");
      return;
    }
    if (IsNamedByRule(experiment)) return;
    const auto rule = std::find_if(targeting->rules.begin(), targeting->rules.end(), IsCatchAll);
    if (rule == targeting->rules.end()) return;
    Warn("unreachable_experiment", Path().Key("flag"),
         NameOf(*rule) + " of flag '" + flag.key + "' applies to everyone, so nobody reaches the experiment",
         "remove the rule, or name the experiment in a rule before it");
  }

  // One unit all the way: who is held out, who shares a layer and who is assigned are the same people.
  void CheckUnits(const Experiment& experiment) {
    if (experiment.layer) {
      const Layer* layer = CheckKnown("layer", experiment.layer->layer, layers_, Path().Key("layer").Key("name"));
      if (layer != nullptr && layer->unit != experiment.unit) {
        Error("layer_unit", Path().Key("unit"),
              "layer '" + layer->key + "' has unit '" + layer->unit + "', this experiment '" + experiment.unit +
                  "': it would not keep its experiments apart",
              "give both the same unit");
      }
    }
    if (experiment.holdout.empty()) return;
    const Holdout* holdout = CheckKnown("holdout", experiment.holdout, holdouts_, Path().Key("holdout"));
    if (holdout != nullptr && holdout->unit != experiment.unit) {
      Error("holdout_unit", Path().Key("unit"),
            "holdout '" + holdout->key + "' has unit '" + holdout->unit + "', this experiment '" + experiment.unit +
                "': who is held out could not be compared",
            "give both the same unit");
    }
  }

  void CheckVariants(const Experiment& experiment) {
    Names names = NamesOf(experiment.variants, [](const Variant& v) { return v.name; });
    for (std::size_t i = 0; i < experiment.force.size(); ++i) {
      CheckKnown("variant", experiment.force[i].variant, names, Path().Key("qa").Key("force").Index(i).Key("variant"));
    }
    names.emplace_back(kNoVariant);
    for (std::size_t i = 0; i < experiment.tests.size(); ++i) {
      CheckKnown("variant", experiment.tests[i].expect, names, Path().Key("tests").Index(i).Key("expect"));
    }
  }

  void CheckExperimentMetrics(const Experiment& experiment, ExperimentStatus status) {
    const bool is_over = status == ExperimentStatus::kStopped || status == ExperimentStatus::kConcluded;
    const auto check = [&](const std::string& key, const Path& path) {
      const Metric* metric = CheckKnown("metric", key, metrics_, path);
      if (metric != nullptr && metric->archived && !is_over) {
        Error("archived_metric", path, "metric '" + key + "' is archived", "use another, or archive the experiment");
      }
    };
    const Path path = Path().Key("metrics");
    if (experiment.primary) {
      check(experiment.primary->use, path.Key("primary").Key("use"));
    } else {
      Warn("missing_primary", path, "without a primary metric the experiment can never say which variant is better",
           "add `primary: { use: METRIC }`");
    }
    for (std::size_t i = 0; i < experiment.secondary.size(); ++i) {
      check(experiment.secondary[i], path.Key("secondary").Index(i));
    }
    for (std::size_t i = 0; i < experiment.guardrails.size(); ++i) {
      const Path at = path.Key("guardrails").Index(i);
      check(experiment.guardrails[i].use, at.Key("use"));
      if (!is_over) CheckMargin(experiment.guardrails[i], at.Key("never_worse_by"));
    }
  }

  // Percentage points are of shares: of milliseconds or euros they would be taken for hundredths of one.
  void CheckMargin(const Guardrail& guardrail, const Path& path) {
    const Metric* metric = metrics_.Find(guardrail.use);
    const bool is_in_points = guardrail.never_worse_by && guardrail.never_worse_by->unit == Margin::Unit::kPoints;
    if (!is_in_points || metric == nullptr || MayBeShare(*metric)) return;
    const std::string written = FormatMargin(*guardrail.never_worse_by);
    Error("bad_margin", path,
          "'" + written + "' is in percentage points, which are of shares, and metric '" + metric->key + "' (" +
              std::string(ToString(metric->type)) + ") is none",
          "write how much worse it may get as a share of what it is, such as 5%");
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
                "running experiments of layer '" + experiment.layer->layer + "' take more than 100%",
                "take a smaller slice, or stop one of them");
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
    const FlagDefinition* flag = flags_.Find(experiment.flag);
    const Targeting* targeting = flag == nullptr ? nullptr : flag->FindEnvironment(experiment.environment);
    if (targeting == nullptr) return false;
    return std::any_of(targeting->rules.begin(), targeting->rules.end(), [&](const Rule& rule) {
      const auto* serve = std::get_if<ExperimentServe>(&rule.serve);
      return serve != nullptr && serve->experiment == experiment.key;
    });
  }

  // --- what needs what ---

  void CheckNeeds() {
    Needs needs(all_);
    std::set<std::vector<EntityRef>> circles;
    std::set<EntityRef> too_deep;
    for (const std::string& environment : environments_) {
      Needs::Found found = needs.Search(environment);
      for (std::vector<EntityRef>& circle : found.circles) circles.insert(std::move(circle));
      too_deep.insert(found.too_deep.begin(), found.too_deep.end());
    }
    for (const std::vector<EntityRef>& circle : circles) {
      // A flag that names itself was said already, where it does.
      if (circle.size() == 1 && circle[0].kind == EntityKind::kFlag) continue;
      entity_ = circle[0].ToText();
      std::string names;
      for (const EntityRef& ref : circle) names += ref.ToText() + " → ";
      Error("cycle", {}, names + entity_ + ": none can be decided before the others", "break the circle");
    }
    for (const EntityRef& ref : too_deep) {
      entity_ = ref.ToText();
      Error("chain_too_long", {},
            "prerequisites and segments are nested deeper than " + std::to_string(kMaxNeedDepth) + " steps",
            "let it need the last of them directly");
    }
    for (std::size_t i = 0; i < all_.segments.size(); ++i) {
      entity_ = "segment " + all_.segments[i].definition.key;
      if (!needs.IsSegmentUsed(i)) Warn("unused_segment", {}, "nothing uses it", "use it, or remove it");
    }
  }

  void CheckUnusedMetrics() {
    std::set<std::string> used;
    for (const ExperimentRecord& record : all_.experiments) {
      for (std::string& key : MetricsOf(record.definition)) used.insert(std::move(key));
    }
    for (const MetricRecord& record : all_.metrics) {
      entity_ = "metric " + record.definition.key;
      if (record.definition.archived || used.contains(record.definition.key)) continue;
      Warn("unused_metric", {}, "no experiment uses it", "use it, or remove it");
    }
  }

  // --- tests ---

  void CheckTest(const FlagTest& test) {
    if (!test.experiment.empty()) {
      entity_ = "test of experiment " + test.experiment;
      const Experiment* experiment = CheckKnown("experiment", test.experiment, experiments_, Path().Key("experiment"));
      if (experiment == nullptr || test.expect.variant.empty()) return;
      Names names = NamesOf(experiment->variants, [](const Variant& v) { return v.name; });
      names.emplace_back(kNoVariant);
      CheckKnown("variant", test.expect.variant, names, Path().Key("expect").Key("variant"));
      return;
    }
    entity_ = "test of flag " + test.flag;
    CheckKnown("environment", test.environment, environments_, Path().Key("environment"));
    const FlagDefinition* flag = CheckKnown("flag", test.flag, flags_, Path().Key("flag"));
    if (flag == nullptr) return;
    if (flag->archived) {
      Error("archived_flag", Path().Key("flag"), "flag '" + flag->key + "' is archived", "remove the test");
    }
    variations_ = VariationsOf(*flag);
    CheckVariation(test.expect.variation, Path().Key("expect").Key("variation"));
    const Targeting* targeting = flag->FindEnvironment(test.environment);
    if (test.expect.rule.empty() || targeting == nullptr) return;
    const Names rules = NamesOf(targeting->rules, [](const Rule& rule) { return rule.id; });
    CheckKnown("rule", test.expect.rule, rules, Path().Key("expect").Key("rule"));
  }

  const Project& project_;
  const EntitySet& all_;
  const ValidateOptions options_;
  const Names environments_;
  const Index<FlagDefinition> flags_;
  const Index<Segment> segments_;
  const Index<Layer> layers_;
  const Index<Holdout> holdouts_;
  const Index<Experiment> experiments_;
  const Index<Metric> metrics_;
  int suggestions_left_ = kMostSuggestions;
  Names variations_;    // of the flag that is being checked
  std::string entity_;  // that is being checked
  std::vector<Issue> issues_;
};

}  // namespace

std::vector<Issue> Validate(const Definitions& definitions, const ValidateOptions& options) {
  return Validator(definitions, options).Run();
}

std::vector<std::vector<Issue>> ValidateTests(const Definitions& definitions, const std::vector<FlagTest>& tests) {
  Validator validator(definitions, {});
  std::vector<std::vector<Issue>> issues;
  issues.reserve(tests.size());
  for (const FlagTest& test : tests) issues.push_back(validator.RunTest(test));
  return issues;
}

}  // namespace guidon
