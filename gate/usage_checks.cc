#include "gate/usage_checks.h"

#include <map>
#include <string_view>

#include "core/base/text.h"
#include "gate/constant_flag.h"

namespace guidon::gate {

bool IsSettled(const FlagUse& use, std::chrono::sys_days today, std::chrono::days days, std::uint64_t least) {
  return !use.alone.empty() && use.alone_since && *use.alone_since <= today - days + std::chrono::days(1) &&
         use.evaluations >= least;
}

std::string SettledIn(const UsageInput& input, const Policy& policy) {
  std::string text;
  for (const auto& [flag, use] : input.usage.flags) {
    if (IsSettled(use, input.today, policy.settled_days, policy.settled_least)) text += flag + " " + use.alone + "\n";
  }
  return text;
}

std::vector<Finding> CheckUsage(const UsageInput& input, const Policy& policy) {
  struct Reads {
    const refs::Reference* first = nullptr;
    std::size_t count = 0;
  };
  std::map<std::string_view, Reads> reads;
  for (const refs::Reference& reference : input.references) {
    Reads& of_it = reads[reference.key];
    if (of_it.count++ == 0) of_it.first = &reference;
  }
  std::vector<Finding> findings;
  for (const FlagRecord& record : input.workspace.definitions.entities.flags) {
    const FlagDefinition& flag = record.definition;
    const auto read = reads.find(flag.key);
    const FlagUse* use = input.usage.Find(flag.key);
    if (flag.archived || read == reads.end() || use == nullptr) continue;
    if (flag.kind != FlagKind::kRelease && flag.kind != FlagKind::kExperiment) continue;
    if (!IsSettled(*use, input.today, policy.settled_days, policy.settled_least)) continue;
    if (HasExperiment(input.workspace.definitions, flag.key)) continue;
    const Reads& of_it = read->second;
    std::string message = "it has served '" + use->alone + "' alone in " + input.environment + " for " +
                          Plural(static_cast<std::size_t>(policy.settled_days.count()), "day") +
                          ", and the code reads it";
    if (of_it.count > 1) message += " in " + Plural(of_it.count, "place");
    findings.push_back({"code.settled-flag", Severity::kFail, "flag " + flag.key, flag.owner,
                        Place{of_it.first->file, {of_it.first->line, of_it.first->column}}, std::move(message),
                        "`guidon stale --issue-body " + flag.key + "` says what to do"});
  }
  return findings;
}

}  // namespace guidon::gate
