#include "gate/lookers.h"

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

}  // namespace guidon::gate
