#include "gate/constant_flag.h"

#include <algorithm>
#include <set>
#include <variant>

namespace guidon::gate {
namespace {

// What an environment serves to everybody; nullopt: not one thing. "": the caller's fallback.
std::optional<std::string> ServedIn(const FlagDefinition& flag, const std::string& environment) {
  const Targeting* targeting = flag.FindEnvironment(environment);
  if (targeting == nullptr) return flag.type == FlagType::kBoolean ? "off" : "";
  if (!targeting->enabled) return targeting->off;
  const bool has_targets = std::any_of(targeting->targets.begin(), targeting->targets.end(),
                                       [](const Targets& targets) { return !targets.keys.empty(); });
  if (!targeting->requirements.empty() || has_targets || !targeting->rules.empty() || !targeting->default_serve) {
    return std::nullopt;
  }
  const auto* fixed = std::get_if<FixedServe>(&targeting->default_serve->serve);
  if (fixed == nullptr) return std::nullopt;
  return fixed->variation;
}

}  // namespace

std::optional<std::string> ConstantVariation(const Definitions& definitions, const FlagDefinition& flag) {
  std::set<std::string> served;
  for (const EnvironmentDefinition& environment : definitions.project.environments) {
    const std::optional<std::string> one = ServedIn(flag, environment.key);
    if (!one) return std::nullopt;
    served.insert(*one);
  }
  if (served.size() != 1 || served.begin()->empty() || HasExperiment(definitions, flag.key)) return std::nullopt;
  return *served.begin();
}

bool HasExperiment(const Definitions& definitions, const std::string& flag) {
  const auto& experiments = definitions.entities.experiments;
  return std::any_of(experiments.begin(), experiments.end(), [&](const ExperimentRecord& record) {
    return record.definition.flag == flag && !record.definition.archived;
  });
}

}  // namespace guidon::gate
