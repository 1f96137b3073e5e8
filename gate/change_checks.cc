#include "gate/change_checks.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/base/json_record.h"
#include "core/base/text.h"
#include "core/diff/count.h"
#include "core/diff/diff.h"
#include "core/model/units.h"
#include "core/ruleset/ruleset.h"
#include "gate/static_checks.h"

namespace guidon::gate {
namespace {

Path TargetingPath(const std::string& environment) {
  return Path().Key("environments").Key(environment);
}

// How many parts of the whole each variation gets of those who come to a place; "" is whoever goes on from there.
using Shares = std::map<std::string, std::uint32_t>;

Shares SharesOf(const Serve& serve, std::optional<std::uint32_t> rollout) {
  Shares shares;
  const std::uint32_t whole = rollout.value_or(kWhole);
  if (const auto* fixed = std::get_if<FixedServe>(&serve)) shares[fixed->variation] = whole;
  if (const auto* split = std::get_if<SplitServe>(&serve)) {
    for (const Weight& weight : split->weights) {
      shares[weight.variation] = static_cast<std::uint32_t>(std::uint64_t{weight.parts} * whole / kWhole);
    }
  }
  return shares;
}

// What whoever has the one or the other gets at least.
Shares LeastOf(const Shares& a, const Shares& b) {
  Shares least;
  for (const auto& [variation, share] : a) {
    const auto other = b.find(variation);
    if (other != b.end()) least[variation] = std::min(share, other->second);
  }
  return least;
}

class Checker {
 public:
  Checker(const ChangeInput& input, const Policy& policy) : input_(input), policy_(policy) {}

  std::vector<Finding> Run() {
    for (const EntityChange& change : DescribeChanges(input_.before, input_.after)) CheckMoves(change);
    for (const FlagRecord& after : input_.after.flags) {
      const FlagRecord* before = input_.before.FindFlag(after.definition.key);
      CheckJumps(before, after);
      CheckPrerequisites(before, after);
    }
    if (input_.contexts != nullptr) CountContexts();
    return std::move(findings_);
  }

 private:
  void Add(std::string_view rule, const EntityRef& ref, const Path& path, std::string message, std::string fix) {
    std::string owner = OwnerIn(input_.after, ref);
    if (owner.empty()) owner = OwnerIn(input_.before, ref);
    findings_.push_back({std::string(rule), Severity::kFail, ref.ToText(), std::move(owner),
                         PlaceIn(input_.workspace, ref, path), std::move(message), std::move(fix)});
  }

  // "rule eu-ramp" -> environments.production.rules[1]
  Path PathOf(const EntityRef& ref, const std::string& split) const {
    const FlagRecord* flag = ref.kind == EntityKind::kFlag ? input_.after.FindFlag(ref.key) : nullptr;
    const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(input_.environment);
    if (targeting == nullptr) return {};
    const Path base = TargetingPath(input_.environment);
    for (std::size_t i = 0; i < targeting->rules.size(); ++i) {
      if (split == "rule " + targeting->rules[i].id || split == "rule #" + std::to_string(i + 1)) {
        return base.Key("rules").Index(i);
      }
    }
    return split == "default" || split == "enabled" || split == "off" ? base.Key(split) : base;
  }

  void CheckMoves(const EntityChange& change) {
    bool depends = false;
    for (const Move& move : change.moves) {
      if (move.environment != input_.environment) continue;
      if (!move.share_parts) {
        depends = true;
      } else if (*move.share_parts > policy_.moves_limit) {
        Add("change.moves", change.ref, PathOf(change.ref, move.split),
            move.split + ": " + FormatPercent(*move.share_parts) +
                " of the units that reach it change what they see; the policy allows " +
                FormatPercent(policy_.moves_limit),
            "change it in smaller steps");
      }
    }
    if (depends && input_.contexts == nullptr) {
      std::string list;
      for (const Move& move : change.moves) {
        if (!move.share_parts && move.environment == input_.environment)
          list += (list.empty() ? "" : "; ") + move.split;
      }
      Add("change.attributes", change.ref, {}, "who moves depends on attributes: " + list, "`--contexts` counts it");
    }
  }

  // Of those who come to the end of the rules. Where the flag is not enabled everybody has its `off`.
  static Shares LastOf(const Targeting& targeting) {
    if (!targeting.enabled) return {{targeting.off, kWhole}};
    return targeting.default_serve ? SharesOf(targeting.default_serve->serve, std::nullopt) : Shares();
  }

  // By id; a rule without one by its place.
  static const Rule* CounterpartOf(const Rule& rule, std::size_t index, const Targeting& in) {
    if (rule.id.empty()) {
      return index < in.rules.size() && in.rules[index].id.empty() ? &in.rules[index] : nullptr;
    }
    const auto found =
        std::find_if(in.rules.begin(), in.rules.end(), [&](const Rule& other) { return other.id == rule.id; });
    return found == in.rules.end() ? nullptr : &*found;
  }

  // A flag that is not there yet, or says nothing of the environment, serves what the other side serves while it is
  // off.
  void CheckJumps(const FlagRecord* before, const FlagRecord& after) {
    const std::string& environment = input_.environment;
    const auto in = [&](const FlagRecord* flag) {
      return flag == nullptr || flag->definition.archived ? nullptr : flag->definition.FindEnvironment(environment);
    };
    const Targeting *held = in(before), *wanted = in(&after);
    if (after.definition.archived || (held == nullptr && wanted == nullptr)) return;
    Targeting absent;
    absent.off = (held == nullptr ? wanted : held)->off;
    const Targeting &old = held == nullptr ? absent : *held, &now = wanted == nullptr ? absent : *wanted;
    if (!old.enabled && !now.enabled) return CheckOff(after, old, now);
    // A kill has to be possible at once. With another `off` it is a way to serve something new to everybody.
    if (!now.enabled && old.off == now.off) return;
    const Path base = TargetingPath(environment);
    for (std::size_t i = 0; now.enabled && i < now.rules.size(); ++i) {
      const Rule& rule = now.rules[i];
      const Rule* counterpart = old.enabled ? CounterpartOf(rule, i, old) : nullptr;
      if (counterpart == nullptr && rule.when) continue;  // whom it takes from what depends on attributes
      Shares had = counterpart == nullptr
                       ? LastOf(old)
                       : SharesOf(counterpart->serve, RolloutOf(*counterpart, before->state, environment));
      // It was for some and is for everybody: the others had what is served at the end of the rules.
      if (counterpart != nullptr && counterpart->when && !rule.when) had = LeastOf(had, LastOf(old));
      CheckJump(after, "rule " + (rule.id.empty() ? "#" + std::to_string(i + 1) : rule.id), base.Key("rules").Index(i),
                had, SharesOf(rule.serve, RolloutOf(rule, after.state, environment)));
    }
    CheckJump(after, "default", base.Key(now.enabled ? "default" : "enabled"), LastOf(old), LastOf(now));
  }

  void CheckOff(const FlagRecord& flag, const Targeting& old, const Targeting& now) {
    CheckJump(flag, "off", TargetingPath(input_.environment).Key("off"), LastOf(old), LastOf(now));
  }

  void CheckJump(const FlagRecord& flag, const std::string& name, const Path& path, const Shares& before,
                 const Shares& after) {
    for (const auto& [variation, share] : after) {
      const auto found = before.find(variation);
      const std::uint32_t old = found == before.end() ? 0 : found->second;
      if (share <= old || share - old <= policy_.jump_limit) continue;
      Add("change.jump", {EntityKind::kFlag, flag.definition.key}, path,
          name + ": " + (variation.empty() ? "the caller's fallback" : variation) + " grows from " +
              FormatPercent(old) + " to " + FormatPercent(share) + " in one step; the policy allows " +
              FormatPercent(policy_.jump_limit),
          "take a step between, or a `ramp`");
    }
  }

  // What is required and is not there, or not enabled.
  static std::set<std::string> UnmetOf(const FlagRecord* flag, const EntitySet& entities,
                                       const std::string& environment) {
    std::set<std::string> unmet;
    const Targeting* targeting = flag == nullptr ? nullptr : flag->definition.FindEnvironment(environment);
    if (targeting == nullptr || !targeting->enabled) return unmet;
    for (const Requirement& requirement : targeting->requirements) {
      const FlagRecord* other = entities.FindFlag(requirement.flag);
      const Targeting* its = other == nullptr ? nullptr : other->definition.FindEnvironment(environment);
      if (its == nullptr || !its->enabled) unmet.insert(requirement.flag);
    }
    return unmet;
  }

  // What was so before is none of this change's doing.
  void CheckPrerequisites(const FlagRecord* before, const FlagRecord& after) {
    const std::set<std::string> old = UnmetOf(before, input_.before, input_.environment);
    for (const std::string& flag : UnmetOf(&after, input_.after, input_.environment)) {
      if (old.contains(flag)) continue;
      Add("change.prerequisite", {EntityKind::kFlag, after.definition.key},
          TargetingPath(input_.environment).Key("requires"),
          "it requires " + flag + ", which is not enabled in " + input_.environment + ": everybody is served `off`",
          "enable " + flag + " there first");
    }
  }

  void CountContexts() {
    const auto compiled = [&](const EntitySet& entities) {
      return Compile({input_.workspace.definitions.project.key, input_.environment, "", 0, entities});
    };
    const auto before = compiled(input_.before), after = compiled(input_.after);
    for (const FlagMoves& flag : CountMoves(*before, *after, *input_.contexts, input_.now_ms)) {
      if (flag.moved == 0) continue;
      const auto share = static_cast<std::uint32_t>(flag.moved * kWhole / flag.contexts);
      const bool is_too_much = share > policy_.moves_limit;
      std::string message = std::to_string(flag.moved) + " of " + Plural(flag.contexts, "context") + " move:";
      for (const VariationMove& move : flag.moves) {
        message += " " + (move.from.empty() ? "the fallback" : move.from) + " → " +
                   (move.to.empty() ? "the fallback" : move.to) + " " + std::to_string(move.contexts) + ",";
      }
      message.pop_back();
      if (is_too_much) message += "; the policy allows " + FormatPercent(policy_.moves_limit);
      Add(is_too_much ? "change.moves" : "change.attributes", {EntityKind::kFlag, flag.flag},
          TargetingPath(input_.environment), std::move(message), is_too_much ? "change it in smaller steps" : "");
    }
  }

  const ChangeInput& input_;
  const Policy& policy_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Changed> ChangesOf(const ChangeInput& input) {
  std::vector<Changed> changes;
  for (EntityChange& change : DescribeChanges(input.before, input.after)) {
    std::string owner = OwnerIn(input.after, change.ref);
    if (owner.empty()) owner = OwnerIn(input.before, change.ref);
    const Place place = PlaceIn(input.workspace, change.ref, {});
    changes.push_back({std::move(change), std::move(owner), place});
  }
  return changes;
}

std::vector<Finding> CheckChange(const ChangeInput& input, const Policy& policy) {
  return Checker(input, policy).Run();
}

std::vector<Finding> CheckRefusal(const Workspace& workspace, const std::vector<Issue>& issues) {
  std::vector<Finding> findings;
  for (const Issue& issue : issues) {
    if (issue.severity != guidon::Severity::kError) continue;
    const std::optional<EntityRef> ref = RefOfText(issue.entity);
    findings.push_back({issue.code == "running_experiment" ? "change.experiment" : "change.refused", Severity::kFail,
                        issue.entity, ref ? OwnerIn(workspace.definitions.entities, *ref) : "",
                        ref ? PlaceIn(workspace, *ref, issue.path) : Place(), issue.message, issue.hint});
  }
  return findings;
}

std::vector<Finding> CheckConflicts(const Workspace& workspace, const Value& plan) {
  std::vector<Finding> findings;
  for (const Value& conflict : ListIn(plan, "conflicts")) {
    const std::string entity = TextOf(conflict, "kind") + " " + TextOf(conflict, "key"),
                      path = TextOf(conflict, "path");
    const std::optional<EntityRef> ref = RefOfText(entity);
    findings.push_back({"change.conflict", Severity::kFail, entity,
                        ref ? OwnerIn(workspace.definitions.entities, *ref) : "",
                        ref ? PlaceIn(workspace, *ref, {}) : Place(),
                        (path.empty() ? std::string("it") : path) + " was changed on the server, too",
                        "take the server's version into the files, or the files' to the server"});
  }
  return findings;
}

Place PlaceIn(const Workspace& workspace, const EntityRef& ref, const Path& path) {
  const auto origin = workspace.origins.find(ref);
  if (origin == workspace.origins.end()) return {};
  return {FileOf(workspace, origin->second.file), origin->second.Of(path)};
}

std::string OwnerIn(const EntitySet& entities, const EntityRef& ref) {
  if (ref.kind == EntityKind::kFlag) {
    const FlagRecord* flag = entities.FindFlag(ref.key);
    return flag == nullptr ? "" : flag->definition.owner;
  }
  if (ref.kind == EntityKind::kExperiment) {
    const ExperimentRecord* experiment = entities.FindExperiment(ref.key);
    return experiment == nullptr ? "" : experiment->definition.owner;
  }
  return "";
}

std::optional<EntityRef> RefOfText(const std::string& entity) {
  const std::size_t blank = entity.find(' ');
  const std::optional<EntityKind> kind = EntityKindFromString(entity.substr(0, blank));
  if (!kind || blank == std::string::npos) return std::nullopt;
  return EntityRef{*kind, entity.substr(blank + 1)};
}

}  // namespace guidon::gate
