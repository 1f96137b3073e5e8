#include "gate/lookers.h"

#include <algorithm>
#include <set>

namespace guidon::gate {
namespace {

// The flags that a condition looks at.
void AddFlagsOf(const Condition& condition, std::set<std::string>& flags) {
  for (const Clause& clause : condition.clauses) {
    if (clause.kind == Clause::Kind::kFlag) flags.insert(clause.flag);
    for (const Condition& child : clause.children) AddFlagsOf(child, flags);
  }
}

bool LooksAtTime(const Condition& condition) {
  return std::any_of(condition.clauses.begin(), condition.clauses.end(), [](const Clause& clause) {
    return clause.kind == Clause::Kind::kNow || std::any_of(clause.children.begin(), clause.children.end(),
                                                            [](const Condition& child) { return LooksAtTime(child); });
  });
}

bool LooksAtTime(const std::optional<Condition>& condition) {
  return condition && LooksAtTime(*condition);
}

bool LooksAtTime(const FlagDefinition& flag) {
  return std::any_of(flag.environments.begin(), flag.environments.end(), [](const Targeting& targeting) {
    return std::any_of(targeting.rules.begin(), targeting.rules.end(),
                       [](const Rule& rule) { return LooksAtTime(rule.when); });
  });
}

}  // namespace

std::map<std::string, std::vector<std::string>, std::less<>> LookersAt(const EntitySet& entities) {
  std::map<std::string, std::vector<std::string>, std::less<>> lookers;
  const auto add = [&](const std::string& name, const std::set<std::string>& flags) {
    for (const std::string& flag : flags) lookers[flag].push_back(name);
  };
  for (const FlagRecord& record : entities.flags) {
    if (record.definition.archived) continue;
    std::set<std::string> flags;
    for (const Targeting& targeting : record.definition.environments) {
      for (const Requirement& requirement : targeting.requirements) flags.insert(requirement.flag);
      for (const Rule& rule : targeting.rules) {
        if (rule.when) AddFlagsOf(*rule.when, flags);
      }
    }
    add("flag " + record.definition.key, flags);
  }
  for (const SegmentRecord& record : entities.segments) {
    std::set<std::string> flags;
    if (record.definition.when) AddFlagsOf(*record.definition.when, flags);
    add("segment " + record.definition.key, flags);
  }
  for (const ExperimentRecord& record : entities.experiments) {
    if (record.definition.archived || !record.definition.audience) continue;
    std::set<std::string> flags;
    AddFlagsOf(*record.definition.audience, flags);
    add("experiment " + record.definition.key, flags);
  }
  return lookers;
}

bool LooksAtTime(const EntitySet& entities) {
  return std::any_of(entities.flags.begin(), entities.flags.end(),
                     [](const FlagRecord& record) { return LooksAtTime(record.definition); }) ||
         std::any_of(entities.segments.begin(), entities.segments.end(),
                     [](const SegmentRecord& record) { return LooksAtTime(record.definition.when); }) ||
         std::any_of(entities.experiments.begin(), entities.experiments.end(),
                     [](const ExperimentRecord& record) { return LooksAtTime(record.definition.audience); });
}

}  // namespace guidon::gate
