#include "core/explain/explain.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/issue.h"
#include "core/base/json.h"
#include "core/base/text.h"
#include "core/explain/words.h"

namespace guidon {
namespace {

using explain::Quoted;
using explain::Shown;

// A step of the trace over those that it rests on.
struct Node {
  const Value* step = nullptr;
  std::vector<Node> below;

  std::string Text(std::string_view name) const {
    const Value* member = step->Find(name);
    return member == nullptr ? std::string() : member->AsString();
  }
  std::int64_t Number(std::string_view name) const {
    const Value* member = step->Find(name);
    return member == nullptr ? kNone : member->AsInt();
  }
  bool Holds() const {
    const Value* result = step->Find("result");
    return result != nullptr && result->AsBool();
  }
  Object Data() const {
    Object data = step->AsObject();
    data.Erase("depth");
    return data;
  }
};

std::vector<Node> TreeOf(const Array& steps) {
  std::vector<std::vector<Node>> levels(1);
  for (const Value& step : steps) {
    const Value* written = step.Find("depth");
    const auto depth = static_cast<std::size_t>(written == nullptr ? 0 : written->AsInt());
    if (levels.size() < depth + 2) levels.resize(depth + 2);
    Node node{&step, std::move(levels[depth + 1])};
    levels[depth + 1].clear();
    levels[depth].push_back(std::move(node));
  }
  return std::move(levels[0]);
}

// Of `all` of some results: known as soon as one is false. Of `any`: as soon as one is true.
std::optional<bool> Joined(std::optional<bool> a, std::optional<bool> b, bool any) {
  if (a == any || b == any) return any;
  return a && b ? std::optional<bool>(!any) : std::nullopt;
}

std::string NamesOf(const std::vector<std::string>& names) {
  return Listed(names, "or");
}

std::string ServesText(std::string_view variation) {
  return variation.empty() ? "nothing" : std::string(variation);
}

class Explainer {
 public:
  explicit Explainer(const ExplainedEvaluation& of)
      : entities_(of.snapshot.entities),
        ruleset_(of.ruleset),
        environment_(of.snapshot.environment),
        context_(of.context.ToValue()) {}

  Explanation Explain(std::string_view key, const Decision& decision, const TraceSink& trace) {
    Explanation explanation;
    const FlagRecord* record = entities_.FindFlag(key);
    explanation.answer = AnswerOf(key, decision);
    const std::vector<Node> nodes = TreeOf(trace.steps);
    explanation.steps = StepsOf(record, nodes);
    explanation.because = BecauseOf(key, record, decision, nodes);
    if (decision.error == EvaluationError::kNone) explanation.unasked = UnaskedOf(record, nodes);
    return explanation;
  }

 private:
  // Records of a snapshot carry one environment's targeting only.
  static const Targeting* TargetingOf(const FlagRecord* record) {
    const bool has = record != nullptr && !record->definition.environments.empty();
    return has ? &record->definition.environments[0] : nullptr;
  }

  // --- rules --------------------------------------------------------------------------------------------------------

  static bool HasTargets(const Targeting& targeting) {
    return std::any_of(targeting.targets.begin(), targeting.targets.end(),
                       [](const Targets& targets) { return !targets.keys.empty(); });
  }

  // The authored rule of a compiled one; nullptr: it is none of these.
  static std::size_t RulesBegin(const Targeting& targeting) {
    return targeting.requirements.size() + (HasTargets(targeting) ? 1 : 0);
  }
  static const Rule* RuleAt(const Targeting* targeting, std::int64_t index) {
    if (targeting == nullptr || index < 0) return nullptr;
    const std::size_t begin = RulesBegin(*targeting), at = static_cast<std::size_t>(index);
    return at >= begin && at - begin < targeting->rules.size() ? &targeting->rules[at - begin] : nullptr;
  }
  static std::string NameOf(const Targeting& targeting, const Rule& rule) {
    if (!rule.id.empty()) return "rule " + rule.id;
    return "rule " + std::to_string(&rule - targeting.rules.data() + 1);
  }
  static std::string NameOf(const Node& node, const Targeting* targeting) {
    const std::string kind = node.Text("step");
    if (kind != "rule") return kind == "default" ? "the default" : kind;
    const Rule* rule = RuleAt(targeting, node.Number("index"));
    return rule == nullptr ? "rule " + node.Text("rule") : NameOf(*targeting, *rule);
  }

  std::vector<ExplainedStep> StepsOf(const FlagRecord* record, const std::vector<Node>& nodes) const {
    const Targeting* targeting = TargetingOf(record);
    std::vector<ExplainedStep> steps;
    for (const Node& node : nodes) {
      const std::string kind = node.Text("step");
      if (kind == "enabled") {
        steps.push_back({"the flag is not enabled in " + environment_, false, node.Data(), {}});
      } else if (kind == "requires") {
        steps.push_back(RequirementStep(node, targeting));
      } else if (kind == "targets") {
        steps.push_back(TargetsStep(node, targeting));
      } else if (kind == "experiment") {
        steps.push_back(ExperimentStep(node));
      } else {
        steps.push_back(RuleStep(node, targeting));
      }
    }
    return steps;
  }

  ExplainedStep RequirementStep(const Node& node, const Targeting* targeting) const {
    const bool met = !node.Holds();  // the compiled rule serves `off` where it is not met
    ExplainedStep step{"", met, node.Data(), {}};
    step.data.Erase("what");
    step.data.Set("result", Value(met));
    const auto index = static_cast<std::size_t>(node.Number("index"));
    if (targeting == nullptr || index >= targeting->requirements.size()) {
      step.text = "it requires another flag";
    } else {
      const Requirement& requirement = targeting->requirements[index];
      step.text = "it requires that " + requirement.flag + " serves " + NamesOf(requirement.is);
      step.data.Append("flag", Value(requirement.flag));
    }
    const std::string key = step.data.Find("flag") == nullptr ? "" : step.data.Find("flag")->AsString();
    for (const Node& flag : node.below) step.steps.push_back(PrerequisiteStep(flag, key));
    return step;
  }

  ExplainedStep TargetsStep(const Node& node, const Targeting* targeting) const {
    ExplainedStep step{"", node.Holds(), node.Data(), {}};
    const std::string key = node.Text("key");
    if (!node.Holds()) {
      step.text = key.empty() ? "targets: the context has no key" : "targets: no list has the key " + Quoted(key);
      return step;
    }
    step.text = "targets: the list of " + ServesText(TargetOf(targeting, key)) + " has the key " + Quoted(key);
    return step;
  }
  static std::string TargetOf(const Targeting* targeting, const std::string& key) {
    if (targeting == nullptr) return "";
    for (const Targets& targets : targeting->targets) {
      if (std::find(targets.keys.begin(), targets.keys.end(), key) != targets.keys.end()) return targets.variation;
    }
    return "";
  }

  ExplainedStep RuleStep(const Node& node, const Targeting* targeting) const {
    ExplainedStep step{NameOf(node, targeting), node.Holds(), node.Data(), {}};
    const Rule* rule = RuleAt(targeting, node.Number("index"));
    if (rule != nullptr && rule->when) {
      step.steps = ConditionSteps(*rule->when, node);
    } else if (rule != nullptr) {
      step.steps.push_back({"it is for everybody", true, {}, {}});
    }
    for (const Node& below : node.below) {
      if (below.Text("step") == "experiment") step.steps.push_back(ExperimentStep(below));
    }
    const std::string what = node.Text("what");
    if (what == "condition") {
      step.text += " does not apply";
      return step;
    }
    if (node.step->Find("ranges") != nullptr) step.steps.push_back(PlaceStep(node, "variation", node.Holds()));
    if (node.Text("step") == "default") {
      step.text += node.Holds() ? " serves " + ServedBy(node, targeting) : " finds no bucket for it";
    } else if (node.Holds()) {
      step.text += what == "experiment" ? " applies, and its experiment decides"
                                        : " applies, and serves " + ServedBy(node, targeting);
    } else if (what == "experiment") {
      step.text += " applies, but " + NoAssignmentText(node, rule);
    } else {
      step.text += node.step->Find("bucket") == nullptr ? " applies, but there is nothing to tell a bucket by"
                                                        : " applies, but not to this bucket";
    }
    return step;
  }

  // An experiment that takes nobody leaves no step that says why.
  std::string NoAssignmentText(const Node& node, const Rule* rule) const {
    const auto is_experiment = [](const Node& below) { return below.Text("step") == "experiment"; };
    const auto* serve = rule == nullptr ? nullptr : std::get_if<ExperimentServe>(&rule->serve);
    if (serve == nullptr || std::any_of(node.below.begin(), node.below.end(), is_experiment)) {
      return "its experiment does not take the unit";
    }
    const ExperimentRecord* record = entities_.FindExperiment(serve->experiment);
    if (record == nullptr) return "there is no experiment " + serve->experiment;
    const std::string name = "its experiment " + serve->experiment;
    if (record->definition.archived) return name + " is archived";
    switch (record->state.status) {
      case ExperimentStatus::kDraft:
        return name + " is a draft";
      case ExperimentStatus::kScheduled:
      case ExperimentStatus::kPaused:
      case ExperimentStatus::kStopped:
      case ExperimentStatus::kConcluded:
        return name + " is " + std::string(ToString(record->state.status));
      case ExperimentStatus::kRunning:
        break;
    }
    return name + " does not take the unit";
  }

  std::string ServedBy(const Node& node, const Targeting* targeting) const {
    if (node.step->Find("ranges") != nullptr) return ArmAt(node, "variation");
    const Rule* rule = RuleAt(targeting, node.Number("index"));
    const Serve* serve = rule != nullptr ? &rule->serve : nullptr;
    if (serve == nullptr && targeting != nullptr && targeting->default_serve) serve = &targeting->default_serve->serve;
    const auto* fixed = serve == nullptr ? nullptr : std::get_if<FixedServe>(serve);
    return ServesText(fixed == nullptr ? std::string_view() : std::string_view(fixed->variation));
  }

  // --- buckets ------------------------------------------------------------------------------------------------------

  static std::string ArmAt(const Node& node, std::string_view kind) {
    const std::int64_t bucket = node.Number("bucket");
    for (const Value& range : node.step->Find("ranges")->AsArray()) {
      if (range.Find("begin")->AsInt() <= bucket && bucket < range.Find("end")->AsInt()) {
        return range.Find(kind)->AsString();
      }
    }
    return "";
  }

  // R"(account_id "a1" is in bucket 48213 of 100000)"
  std::string BucketText(const Node& node) const {
    const std::string unit = node.Text("unit"), attribute = node.Text("attribute");
    if (node.step->Find("bucket") == nullptr) return NoBucketText(attribute);
    return (unit.empty() ? attribute : attribute + " " + Quoted(unit)) + " is in bucket " +
           std::to_string(node.Number("bucket")) + " of " + std::to_string(kWhole);
  }

  std::string NoBucketText(const std::string& attribute) const {
    const Value* value = explain::FindAttribute(context_, attribute);
    const bool is_key = attribute == "key";  // without one it is empty
    if (value == nullptr || value->is_null() || is_key) return "there is no " + attribute + " to tell a bucket by";
    if (value->is_string()) return attribute + " is empty, so there is nothing to tell a bucket by";
    return "there is no " + attribute + " that is text or a whole number (it is " + Shown(*value) + ")";
  }

  ExplainedStep PlaceStep(const Node& node, std::string_view kind, bool result) const {
    ExplainedStep step{BucketText(node), result, {}, {}};
    if (node.step->Find("bucket") == nullptr) return step;
    const Array& ranges = node.step->Find("ranges")->AsArray();
    std::vector<std::string> shares;
    for (const std::string& arm : explain::ArmsOf(ranges, kind)) {
      shares.push_back(arm + (shares.empty() ? " has " : " ") + explain::BucketsOf(ranges, kind, arm));
    }
    const std::string arm = ArmAt(node, kind);
    step.text += ", which is " + (arm.empty() ? "nobody" : arm) + "'s";
    step.text += shares.empty() ? "; nobody has a share yet" : ": " + Listed(shares, "and");
    return step;
  }

  // --- conditions ---------------------------------------------------------------------------------------------------

  // Leaves by the number that they have in their condition.
  using Leaves = std::map<std::int64_t, const Node*>;

  std::vector<ExplainedStep> ConditionSteps(const Condition& condition, const Node& of) const {
    Leaves leaves;
    for (const Node& node : of.below) {
      if (node.step->Find("at") != nullptr) leaves.emplace(node.Number("at"), &node);
    }
    std::vector<ExplainedStep> steps;
    std::int64_t next = 0;
    AddCondition(condition, leaves, next, steps);
    return steps;
  }

  // What of a list was looked at, and what comes out of it all: `result` of so many results.
  struct Group {
    std::optional<bool> result;
    bool any;
    void Take(std::optional<bool> next) { result = Joined(result, next, any); }
  };

  std::optional<bool> AddCondition(const Condition& condition, const Leaves& leaves, std::int64_t& next,
                                   std::vector<ExplainedStep>& out) const {
    Group all{true, false};
    for (const Clause& clause : condition.clauses) all.Take(AddClause(clause, leaves, next, out));
    if (condition.clauses.empty()) ++next;  // compiled as a constant
    return all.result;
  }

  std::optional<bool> AddClause(const Clause& clause, const Leaves& leaves, std::int64_t& next,
                                std::vector<ExplainedStep>& out) const {
    switch (clause.kind) {
      case Clause::Kind::kAttribute:
      case Clause::Kind::kNow: {
        Group all{true, false};
        for (const Test& test : clause.tests) {
          all.Take(AddLeaf(leaves, next, out, [&](const Node& node) { return TestStep(node, clause, test); }));
        }
        if (clause.tests.empty()) ++next;
        return all.result;
      }
      case Clause::Kind::kFlag:
        return AddLeaf(leaves, next, out,
                       [&](const Node& node) { return FlagStep(node, clause.flag, clause.variations); });
      case Clause::Kind::kSegment: {
        std::vector<ExplainedStep> each;
        Group any{false, true};
        for (const std::string& segment : clause.segments) {
          any.Take(AddLeaf(leaves, next, each, [&](const Node& node) { return SegmentStep(node, segment); }));
        }
        if (clause.segments.empty()) ++next;
        AddGroup("it is in one of the segments " + NamesOf(clause.segments), any.result, std::move(each),
                 clause.segments.size() > 1, out);
        return any.result;
      }
      case Clause::Kind::kAll:
      case Clause::Kind::kAny:
      case Clause::Kind::kNot:
        return AddChildren(clause, leaves, next, out);
    }
    return std::nullopt;
  }

  std::optional<bool> AddChildren(const Clause& clause, const Leaves& leaves, std::int64_t& next,
                                  std::vector<ExplainedStep>& out) const {
    const bool is_any = clause.kind == Clause::Kind::kAny;
    std::vector<ExplainedStep> each;
    Group group{!is_any, is_any};
    for (const Condition& child : clause.children) {
      std::vector<ExplainedStep> steps;
      const std::optional<bool> result = AddCondition(child, leaves, next, steps);
      group.Take(result);
      AddGroup("all of these", result, std::move(steps), is_any && child.clauses.size() > 1, each);
    }
    if (clause.children.empty()) ++next;
    if (clause.kind != Clause::Kind::kNot) {
      AddGroup(is_any ? "at least one of these" : "all of these", group.result, std::move(each),
               clause.children.size() > 1, out);
      return group.result;
    }
    const std::optional<bool> negated = group.result ? std::optional<bool>(!*group.result) : std::nullopt;
    if (each.size() == 1 && each[0].steps.empty() && group.result == each[0].result) {
      ExplainedStep& only = each[0];  // its data stays that of the test: what it asked held or not, `negated` or not
      only.text = "not: " + only.text;
      only.result = negated;
      only.data.Append("negated", Value(true));
      out.push_back(std::move(only));
    } else {
      AddGroup(each.size() == 1 ? "not this" : "not all of these", negated, std::move(each), true, out);
    }
    return negated;
  }

  static void AddGroup(std::string text, std::optional<bool> result, std::vector<ExplainedStep> steps, bool is_group,
                       std::vector<ExplainedStep>& out) {
    if (steps.empty()) return;
    if (!is_group) {
      out.insert(out.end(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
      return;
    }
    Object data{{"step", "group"}, {"result", result ? Value(*result) : Value()}};
    out.push_back({std::move(text), result, std::move(data), std::move(steps)});
  }

  // nullopt: it was not looked at.
  template <typename Make>
  static std::optional<bool> AddLeaf(const Leaves& leaves, std::int64_t& next, std::vector<ExplainedStep>& out,
                                     const Make& make) {
    const auto found = leaves.find(next++);
    if (found == leaves.end()) return std::nullopt;
    out.push_back(make(*found->second));
    return found->second->Holds();
  }

  ExplainedStep TestStep(const Node& node, const Clause& clause, const Test& test) const {
    ExplainedStep step{"", node.Holds(), node.Data(), {}};
    step.data.Append("operands", Value(Array(test.operands.begin(), test.operands.end())));
    if (clause.kind == Clause::Kind::kNow) {
      step.text = explain::AskedOf("now", test, false);
      return step;
    }
    const Value* value = explain::FindAttribute(context_, clause.attribute);
    if (value != nullptr) step.data.Append("value", *value);
    step.text = explain::AskedOf(clause.attribute, test, clause.ignore_case);
    step.text += " (" + explain::FoundAt(test, value) + ")";
    return step;
  }

  ExplainedStep SegmentStep(const Node& node, const std::string& key) const {
    ExplainedStep step{"it is in the segment " + key, node.Holds(), node.Data(), {}};
    const SegmentRecord* segment = entities_.FindSegment(key);
    if (segment == nullptr) return step;
    const Value* unit = context_.Find("key");
    const auto lists = [&](const std::vector<std::string>& keys) {
      return unit != nullptr && std::find(keys.begin(), keys.end(), unit->AsString()) != keys.end();
    };
    if (lists(segment->definition.exclude)) {
      step.steps.push_back({"it excludes the key " + Quoted(unit->AsString()), false, {}, {}});
    } else if (lists(segment->definition.include)) {
      step.steps.push_back({"it includes the key " + Quoted(unit->AsString()), true, {}, {}});
    } else if (segment->definition.when) {
      step.steps = ConditionSteps(*segment->definition.when, node);
    }
    return step;
  }

  // Why what a flag serves never counts; "": it does.
  std::string NeverCountsText(const Node& flag) const {
    const std::string reason = flag.Text("reason");
    if (reason == ToString(Reason::kDisabled))
      return ", but it is not enabled in " + environment_ + ", which never counts";
    return reason == ToString(Reason::kError) ? ", which is an error" : "";
  }

  ExplainedStep FlagStep(const Node& node, const std::string& key, const std::vector<std::string>& wanted) const {
    ExplainedStep step{"", node.Holds(), node.Data(), {}};
    const std::string variation = node.Text("variation");
    step.text = key + " serves " + NamesOf(wanted);
    if (node.Text("flag").empty()) {
      step.text += " (there is no such flag)";
      step.data.Set("flag", Value(key));
      return step;
    }
    step.text += " (it serves " + ServesText(variation) + NeverCountsText(node) + ")";
    step.steps = StepsOf(entities_.FindFlag(key), node.below);
    return step;
  }

  // What it serves, and no mark: whether that is what is wanted is that of the requirement above.
  ExplainedStep PrerequisiteStep(const Node& node, const std::string& wanted) const {
    ExplainedStep step{"", std::nullopt, node.Data(), {}};
    const std::string key = node.Text("flag");
    if (key.empty()) {
      step.text = wanted.empty() ? "there is no such flag" : "there is no flag " + wanted;
      step.data.Set("flag", Value(wanted));
      return step;
    }
    step.text = key + " serves " + ServesText(node.Text("variation")) + NeverCountsText(node);
    step.steps = StepsOf(entities_.FindFlag(key), node.below);
    return step;
  }

  // R"(it requires that payments serves on, and it serves off)"
  std::string UnmetText(const Node& node, const Targeting* targeting) const {
    const ExplainedStep step = RequirementStep(node, targeting);
    if (node.below.empty()) return step.text + ", and it does not";
    const Node& flag = node.below.back();
    const std::string never = NeverCountsText(flag);
    if (flag.Text("flag").empty()) return step.text + ", and " + step.steps.back().text;
    if (flag.Text("reason") == ToString(Reason::kError)) return step.text + ", and it serves nothing" + never;
    return step.text + (never.empty() ? ", and it does not" : never);
  }

  // --- experiments --------------------------------------------------------------------------------------------------

  ExplainedStep ExperimentStep(const Node& node) const {
    const std::string key = node.Text("experiment"), result = node.Text("result"), variant = node.Text("variant");
    const ExperimentRecord* record = entities_.FindExperiment(key);
    ExplainedStep step{"experiment " + key, false, node.Data(), {}};
    if (record != nullptr && record->definition.audience) {
      step.steps = ConditionSteps(*record->definition.audience, node);
    }
    if (result == "forced") {
      step.text += " forces " + variant + " upon this context";
      step.result = true;
    } else if (result == "assigned") {
      step.text += " takes the unit: " + variant;
      step.result = true;
      if (record != nullptr && record->definition.layer) {
        step.steps.push_back({"it is in its slice of layer " + record->definition.layer->layer, true, {}, {}});
      }
      step.steps.push_back(PlaceStep(node, "variant", true));
    } else if (result == "held out") {
      step.text += ": the unit is held out, and sees what " + variant + " sees";
      step.result = true;
      const std::string holdout = record == nullptr ? "" : record->definition.holdout;
      step.steps.push_back({BucketText(node) + ", which holdout " + holdout + " keeps", true, {}, {}});
    } else if (result == "not in the slice") {
      step.text += " does not take the unit";
      const bool known = record != nullptr && record->definition.layer.has_value();
      step.steps.push_back(
          {BucketText(node) + ", not in its slice" + (known ? " of layer " + record->definition.layer->layer : ""),
           false,
           {},
           {}});
    } else if (result == "not in the ramp") {
      step.text += " does not take the unit yet";
      step.steps.push_back(PlaceStep(node, "variant", false));
    } else if (result == "no unit") {
      step.text += " does not take it";
      step.steps.push_back({BucketText(node), false, {}, {}});
    } else if (result == "concluded") {
      step.text += " is concluded";
    } else {
      step.text += " does not take the unit: " + result;
    }
    return step;
  }

  // --- the answer ---------------------------------------------------------------------------------------------------

  static std::string AnswerOf(std::string_view key, const Decision& decision) {
    std::string answer(key);
    if (decision.error != EvaluationError::kNone) return answer + " serves the caller's fallback";
    if (decision.variation == kNone) return answer + " serves nothing: the caller's fallback is used";
    answer += " serves " + std::string(decision.variation_name());
    const Value& value = *decision.value();
    return value.is_string() && value.AsString() == decision.variation_name() ? answer : answer + ", " + Shown(value);
  }

  std::string BecauseOf(std::string_view key, const FlagRecord* record, const Decision& decision,
                        const std::vector<Node>& nodes) const {
    const Targeting* targeting = TargetingOf(record);
    if (decision.error != EvaluationError::kNone) {
      const bool is_missing = decision.error == EvaluationError::kFlagNotFound;
      const std::string hint = is_missing ? DidYouMean(key, ruleset_.FlagKeys()) : "";
      return ErrorMessage(ruleset_, key, decision) + (hint.empty() ? "" : "; " + hint);
    }
    if (decision.experiment != nullptr) {
      const std::string experiment = "experiment " + std::string(decision.experiment->key);
      const std::string variant(decision.variant_name());
      if (decision.forced) return experiment + " forces " + variant + " upon this context";
      if (decision.reason == Reason::kDefault)
        return experiment + " holds the unit out: it sees what " + variant + " sees";
      return experiment + " gave the unit " + variant;
    }
    if (decision.reason == Reason::kDisabled || nodes.empty()) return "the flag is not enabled in " + environment_;
    const Node& last = nodes.back();
    switch (decision.reason) {
      case Reason::kStatic:
        return "it serves everybody the same";
      case Reason::kPrerequisiteFailed:
        return UnmetText(last, targeting);
      default:
        break;
    }
    if (last.Text("step") == "targets") return TargetsStep(last, targeting).text;
    if (last.Text("step") == "default") {
      const std::string split =
          last.step->Find("ranges") == nullptr ? "" : ": " + PlaceStep(last, "variation", true).text;
      return (nodes.size() == 1 ? "there is nothing but the default" : "no rule decided, so the default does") + split;
    }
    const std::string split =
        last.step->Find("ranges") == nullptr ? "" : ": " + PlaceStep(last, "variation", true).text;
    return NameOf(last, targeting) + " applies" + split;
  }

  // Rules after the last one that was asked.
  std::vector<std::string> UnaskedOf(const FlagRecord* record, const std::vector<Node>& nodes) const {
    const Targeting* targeting = TargetingOf(record);
    std::vector<std::string> unasked;
    if (targeting == nullptr || nodes.empty() || !targeting->enabled) return unasked;
    const Node& last = nodes.back();
    const std::string kind = last.Text("step");
    if (kind == "default" || (kind == "experiment" && last.Text("result") != "forced")) return unasked;
    const std::size_t begin = RulesBegin(*targeting);
    std::size_t next = targeting->requirements.size();  // forced ones are asked right after these
    if (kind == "targets") ++next;
    if (kind == "rule" || kind == "requires") next = static_cast<std::size_t>(last.Number("index")) + 1;
    for (std::size_t i = next; i < targeting->requirements.size(); ++i) {
      unasked.push_back("requires " + targeting->requirements[i].flag);
    }
    if (HasTargets(*targeting) && next < begin) unasked.push_back("targets");
    for (std::size_t i = next > begin ? next - begin : 0; i < targeting->rules.size(); ++i) {
      unasked.push_back(NameOf(*targeting, targeting->rules[i]));
    }
    unasked.push_back("the default");
    return unasked;
  }

  const EntitySet& entities_;
  const Ruleset& ruleset_;
  const std::string environment_;
  const Value context_;
};

void Write(const std::vector<ExplainedStep>& steps, std::size_t indent, std::size_t room, std::string& out) {
  constexpr std::string_view kYes = "yes  ", kNo = "no   ", kNeither = "     ";
  for (const ExplainedStep& step : steps) {
    const std::string_view mark = !step.result ? kNeither : *step.result ? kYes : kNo;
    std::string lines = Wrapped(Printable(step.text), indent + mark.size(), room);
    lines.replace(indent, mark.size(), mark);
    out += lines;
    if (!out.ends_with('\n')) out += '\n';
    Write(step.steps, indent + mark.size(), room, out);
  }
}

Value ToValue(const ExplainedStep& step) {
  Object object = step.data;
  if (step.data.empty() && step.result) object.Append("result", Value(*step.result));
  object.Append("text", Value(step.text));
  if (!step.steps.empty()) {
    Array steps;
    for (const ExplainedStep& below : step.steps) steps.push_back(ToValue(below));
    object.Append("steps", Value(std::move(steps)));
  }
  return object;
}

}  // namespace

Explanation Explain(const ExplainedEvaluation& of, std::string_view flag, const Decision& decision,
                    const TraceSink& trace) {
  return Explainer(of).Explain(flag, decision, trace);
}

std::string WrittenSteps(const Explanation& explanation, std::size_t indent, std::size_t room) {
  std::string out;
  Write(explanation.steps, indent, room, out);
  if (!explanation.unasked.empty()) {
    constexpr std::size_t kMark = 5;
    out += Wrapped(Printable("not asked any more: " + Listed(explanation.unasked, "and")), indent + kMark, room) + "\n";
  }
  return out;
}

Value ToValue(const Explanation& explanation) {
  Array steps, unasked;
  for (const ExplainedStep& step : explanation.steps) steps.push_back(ToValue(step));
  for (const std::string& name : explanation.unasked) unasked.emplace_back(name);
  Object object{{"answer", Value(explanation.answer)},
                {"because", Value(explanation.because)},
                {"steps", Value(std::move(steps))}};
  if (!explanation.unasked.empty()) object.Append("unasked", Value(std::move(unasked)));
  return object;
}

}  // namespace guidon
