#include "gate/sdk_checks.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "core/base/json_record.h"
#include "core/base/text.h"
#include "gate/change_checks.h"
#include "gate/delivery_checks.h"

namespace guidon::gate {
namespace {

constexpr std::size_t kMostUsesNamed = 5;  // in one finding

using Names = std::set<std::string, std::less<>>;

std::string_view WordOf(Clause::Kind kind) {
  constexpr std::array<std::string_view, 7> kWords = {"attribute", "all", "any", "not", "segment", "flag", "now"};
  return kWords.at(static_cast<std::size_t>(kind));
}

void AddOf(const Condition& condition, Names& names) {
  for (const Clause& clause : condition.clauses) {
    if (clause.kind != Clause::Kind::kAttribute) names.insert("condition " + std::string(WordOf(clause.kind)));
    if (clause.ignore_case) names.insert("ignore_case");
    for (const Test& test : clause.tests) names.insert("operator " + std::string(ToString(test.op)));
    for (const Condition& child : clause.children) AddOf(child, names);
  }
}

void AddOf(const Serve& serve, const std::string& by, Names& names) {
  if (std::holds_alternative<SplitServe>(serve)) names.insert("split");
  if (std::holds_alternative<ExperimentServe>(serve)) names.insert("experiment");
  if (!by.empty()) names.insert("by");
}

Names NamesOf(const FlagRecord& flag) {
  Names names;
  for (const Targeting& targeting : flag.definition.environments) {
    if (!targeting.requirements.empty()) names.insert("requires");
    if (!targeting.targets.empty()) names.insert("targets");
    for (const Rule& rule : targeting.rules) {
      if (rule.when) AddOf(*rule.when, names);
      if (rule.rollout || rule.ramp) names.insert("rollout");
      AddOf(rule.serve, rule.by, names);
    }
    if (targeting.default_serve) AddOf(targeting.default_serve->serve, targeting.default_serve->by, names);
  }
  return names;
}

Names NamesOf(const SegmentRecord& segment) {
  Names names;
  if (segment.definition.when) AddOf(*segment.definition.when, names);
  return names;
}

Names NamesOf(const ExperimentRecord& record) {
  const Experiment& experiment = record.definition;
  Names names = {"experiment"};
  if (experiment.layer) names.insert("layer");
  if (!experiment.holdout.empty()) names.insert("holdout");
  if (!experiment.force.empty()) names.insert("forced variants");
  if (experiment.audience) {
    names.insert("audience");
    AddOf(*experiment.audience, names);
  }
  return names;
}

std::map<EntityRef, Names> NamesIn(const EntitySet& entities) {
  std::map<EntityRef, Names> names;
  for (const FlagRecord& one : entities.flags) names[{EntityKind::kFlag, one.definition.key}] = NamesOf(one);
  for (const SegmentRecord& one : entities.segments) names[{EntityKind::kSegment, one.definition.key}] = NamesOf(one);
  for (const ExperimentRecord& one : entities.experiments) {
    names[{EntityKind::kExperiment, one.definition.key}] = NamesOf(one);
  }
  return names;
}

std::string Named(const std::vector<const NewUse*>& uses) {
  std::string text;
  for (std::size_t i = 0; i < std::min(uses.size(), kMostUsesNamed); ++i) {
    text += (text.empty() ? "" : ", ") + std::string(uses[i]->feature.name) + " of " + uses[i]->entity.ToText() +
            " (since " + std::string(uses[i]->feature.since) + ")";
  }
  if (uses.size() > kMostUsesNamed) text += ", and " + std::to_string(uses.size() - kMostUsesNamed) + " more";
  return text;
}

// Whether an SDK may not know it: what came with the first version is in all of them.
bool IsOfALaterVersion(const NewUse& use, std::span<const Feature> table) {
  return std::any_of(table.begin(), table.end(),
                     [&](const Feature& feature) { return IsOlder(feature.since, use.feature.since); });
}

}  // namespace

std::vector<NewUse> NewlyUsed(const EntitySet& before, const EntitySet& after, std::span<const Feature> table) {
  std::map<EntityRef, Names> held = NamesIn(before);
  std::vector<NewUse> uses;
  for (const auto& [entity, names] : NamesIn(after)) {
    const Names& known = held[entity];
    for (const Feature& feature : table) {
      if (names.contains(feature.name) && !known.contains(feature.name)) uses.push_back({entity, feature});
    }
  }
  return uses;
}

std::vector<Finding> CheckNewUses(const NewUseInput& input) {
  std::vector<Finding> findings;
  for (const Value& group : ListIn(input.far, "sdks")) {
    if (TextOf(group, "sdk") != kFeaturesOfSdk) continue;
    const std::string version = TextOf(group, "sdk_version");
    std::vector<const NewUse*> unknown;
    for (const NewUse& use : input.uses) {
      if (IsOlder(version, use.feature.since)) unknown.push_back(&use);
    }
    if (unknown.empty()) continue;
    findings.push_back({"delivery.old-sdk", Severity::kFail, ApplicationOf(group), "",
                        PlaceIn(input.workspace, unknown.front()->entity, {}),
                        Processes(CountOf(group, "processes"), "uses ", "use ") + SdkOf(group) +
                            ", which does not know what the change uses: " + Named(unknown),
                        "update the SDK there first"});
  }
  const std::uint64_t others = CountOf(input.far, "sdks_left_out");
  const bool matters = std::any_of(input.uses.begin(), input.uses.end(),
                                   [&](const NewUse& use) { return IsOfALaterVersion(use, input.table); });
  if (others > 0 && matters) {
    findings.push_back({"delivery.old-sdk",
                        Severity::kHold,
                        "environment " + input.environment,
                        "",
                        {},
                        "which SDK it is that " + Processes(others, "uses", "use") + " was not told",
                        ""});
  }
  return findings;
}

}  // namespace guidon::gate
