#include "gate/approval_checks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/base/text.h"
#include "core/codec/codec.h"
#include "core/codec/wire.h"
#include "core/diff/reach.h"
#include "gate/change_checks.h"
#include "gate/wildcard.h"

namespace guidon::gate {
namespace {

// What a plan does to entities: of "flag checkout.layout" "rule eu-ramp …" and the like.
using Deeds = std::map<std::string, std::set<std::string>>;

std::set<std::string>& AddDeeds(const Value& change, Deeds& deeds) {
  std::set<std::string>& lines = deeds[TextOf(change, "kind") + " " + TextOf(change, "key")];
  lines.insert(TextOf(change, "action"));
  for (std::string& line : TextsIn(change, "summary")) lines.insert(std::move(line));
  return lines;
}

// Of those that it alters in one environment.
Deeds DeedsOf(const Value& plan, const std::string& environment) {
  Deeds deeds;
  for (const Value& change : ListIn(plan, "changes")) {
    const std::vector<std::string> environments = TextsIn(change, "environments");
    if (std::find(environments.begin(), environments.end(), environment) == environments.end()) continue;
    AddDeeds(change, deeds);
  }
  return deeds;
}

// Of all, with where it alters them.
Deeds DeedsEverywhere(const Value& plan) {
  Deeds deeds;
  for (const Value& change : ListIn(plan, "changes")) {
    std::set<std::string>& lines = AddDeeds(change, deeds);
    for (const std::string& environment : TextsIn(change, "environments")) lines.insert("alters " + environment);
  }
  return deeds;
}

bool Holds(const Deeds& deeds, const Deeds& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& of_entity) {
    const auto done = deeds.find(of_entity.first);
    return done != deeds.end() &&
           std::includes(done->second.begin(), done->second.end(), of_entity.second.begin(), of_entity.second.end());
  });
}

std::int64_t RequestNumber(const Value& request) {
  const Value* number = request.Find("number");
  return number == nullptr ? 0 : number->AsInt();
}

bool IsApproved(const Value& request) {
  const std::string state = TextOf(request, "state");
  return state == "approved" || state == "scheduled";
}

// By somebody whose word counts now.
bool HasApprover(const Value& request) {
  const Array& approvals = ListIn(request, "approvals");
  return std::any_of(approvals.begin(), approvals.end(), [](const Value& approval) {
    const Value* counts = approval.Find("counts");
    return counts == nullptr || !counts->is_bool() || counts->AsBool();
  });
}

// --- definitions ----------------------------------------------------------------------------------------------------

// Of "KIND KEY" in a list of {"kind", "key", …}.
const Value* EntityIn(const Value& document, std::string_view list, const EntityRef& ref) {
  for (const Value& entity : ListIn(document, list)) {
    if (TextOf(entity, "key") == ref.key && TextOf(entity, "kind") == ToString(ref.kind)) return &entity;
  }
  return nullptr;
}

std::optional<EntityRecord> RecordWith(EntityKind kind, const Value* definition) {
  if (definition == nullptr) return std::nullopt;
  Result<EntityRecord> record = DecodeRecord(kind, Object{{"definition", *definition}});
  return record ? std::optional(*std::move(record)) : std::nullopt;
}

// How far a ramp has come stands in a ruleset, and in no definition.
void ForgetRamps(EntityRecord& record, const EntityRecord& authored, const std::string& environment) {
  auto* flag = std::get_if<FlagRecord>(&record);
  const auto* source = std::get_if<FlagRecord>(&authored);
  const Targeting* by = source == nullptr ? nullptr : source->definition.FindEnvironment(environment);
  if (flag == nullptr || by == nullptr) return;
  for (Targeting& targeting : flag->definition.environments) {
    for (std::size_t i = 0; i < std::min(targeting.rules.size(), by->rules.size()); ++i) {
      if (by->rules[i].ramp) targeting.rules[i].rollout.reset();
    }
  }
}

// In words one condition is as another, and so is a value: whether what a request puts in the place of an entity is not
// what the plan makes of it in an environment, as far as both say that.
bool PutsAnother(const Value& request, const EntityRef& ref, const Value& plan, const std::string& environment) {
  const Value* edit = EntityIn(request, "changes", ref);
  const Value* rulesets = plan.Find("rulesets");
  const Value* here = rulesets == nullptr ? nullptr : rulesets->Find(environment);
  const Value* ruleset = here == nullptr ? nullptr : here->Find("after");
  if (edit == nullptr || TextOf(*edit, "action") != "put" || ruleset == nullptr || !ruleset->is_object()) return false;
  const std::optional<EntityRecord> put = RecordWith(ref.kind, edit->Find("definition"));
  std::optional<EntityRecord> part = put ? EnvironmentPart(*put, environment) : std::nullopt;
  const Value* entity = EntityIn(*ruleset, "entities", ref);
  const Value* record = entity == nullptr ? nullptr : entity->Find("record");
  std::optional<EntityRecord> after =
      record == nullptr ? std::nullopt : RecordWith(ref.kind, record->Find("definition"));
  if (!put || !part || !after) return part.has_value() != after.has_value();
  ForgetRamps(*part, *put, environment);
  ForgetRamps(*after, *put, environment);
  return ToJson(EncodeDefinition(*part)) != ToJson(EncodeDefinition(*after));
}

bool PutsAnother(const Value& request, const std::string& entity, const Value& plan, const std::string& environment) {
  const std::optional<EntityRef> ref = RefOfText(entity);
  return ref && TextOf(request, "state") != "stale" && PutsAnother(request, *ref, plan, environment);
}

// --- approvals ------------------------------------------------------------------------------------------------------

// What came of looking for an approved request.
struct Approval {
  bool is_given = false;
  std::string nearly;  // "change request 7 does it and is open"; empty: none does it
};

// `wanted` is of `plan`.
Approval ApprovalOf(const Deeds& wanted, const Value& plan, const std::string& environment,
                    const std::vector<Value>& requests, bool by_somebody) {
  Approval approval;
  for (const Value& request : requests) {
    const Value* done = request.Find("plan");
    if (done == nullptr || !Holds(DeedsOf(*done, environment), wanted)) continue;
    const bool is_another = std::any_of(wanted.begin(), wanted.end(), [&](const auto& of_entity) {
      return PutsAnother(request, of_entity.first, plan, environment);
    });
    if (is_another) continue;
    if (IsApproved(request) && (!by_somebody || HasApprover(request))) return {true, ""};
    approval.nearly = "change request " + std::to_string(RequestNumber(request)) + " does it and is " +
                      (IsApproved(request) ? "approved by nobody" : TextOf(request, "state"));
  }
  return approval;
}

bool PutsAnotherSomewhere(const Value& request, const std::string& entity, const Value& plan) {
  const Value* rulesets = plan.Find("rulesets");
  if (rulesets == nullptr || !rulesets->is_object()) return false;
  const Object& all = rulesets->AsObject();
  return std::any_of(all.begin(), all.end(),
                     [&](const Member& environment) { return PutsAnother(request, entity, plan, environment.name); });
}

MatchingRequest Compared(const Value& request, const Deeds& done, const Deeds& wanted, const Value& plan) {
  MatchingRequest match{RequestNumber(request), TextOf(request, "state"), TextOf(request, "apply_at"), {}, {}, {}};
  for (const auto& [entity, lines] : wanted) {
    const auto same = done.find(entity);
    if (same == done.end()) {
      match.left_out.push_back(entity);
    } else if (same->second != lines || PutsAnotherSomewhere(request, entity, plan)) {
      match.different.push_back(entity);
    }
  }
  for (const auto& [entity, lines] : done) {
    if (!wanted.contains(entity)) match.added.push_back(entity);
  }
  return match;
}

// Smaller is nearer: faults, and then whether it may be applied now.
std::pair<std::size_t, bool> DistanceOf(const MatchingRequest& match) {
  return {match.left_out.size() + match.added.size() + match.different.size(), match.state != "approved"};
}

// --- protected flags ------------------------------------------------------------------------------------------------

std::set<std::string> ProtectedFlagsIn(const EntitySet& entities, const Policy& policy) {
  std::set<std::string> keys;
  for (const FlagRecord& flag : entities.flags) {
    const std::string& key = flag.definition.key;
    const bool is_protected = std::any_of(policy.protected_flags.begin(), policy.protected_flags.end(),
                                          [&](const std::string& pattern) { return MatchesWildcard(pattern, key); });
    if (is_protected) keys.insert(key);
  }
  return keys;
}

// As if there were no flags but this one and those that it requires there, and so on: what alters the rest of it alters
// this one.
EntitySet AroundFlag(const EntitySet& entities, const std::string& key, const std::string& environment) {
  EntitySet around;
  std::set<std::string> seen = {key};
  std::vector<std::string> open = {key};
  while (!open.empty()) {
    const FlagRecord* flag = entities.FindFlag(open.back());
    open.pop_back();
    if (flag == nullptr) continue;
    around.flags.push_back(*flag);
    const Targeting* targeting = flag->definition.FindEnvironment(environment);
    if (targeting == nullptr) continue;
    for (const Requirement& requirement : targeting->requirements) {
      if (seen.insert(requirement.flag).second) open.push_back(requirement.flag);
    }
  }
  for (const ExperimentRecord& one : entities.experiments) {
    if (seen.contains(one.definition.flag)) around.experiments.push_back(one);
  }
  around.segments = entities.segments;
  around.layers = entities.layers;
  around.holdouts = entities.holdouts;
  return around;
}

class ProtectedFlagChecker {
 public:
  explicit ProtectedFlagChecker(const ProtectedFlagInput& input) : input_(input) {}

  std::vector<Finding> Run(const Policy& policy) {
    const Deeds deeds = DeedsOf(input_.plan, input_.environment);
    if (deeds.empty()) return {};
    std::set<std::string> keys = ProtectedFlagsIn(input_.before, policy);
    keys.merge(ProtectedFlagsIn(input_.after, policy));
    for (const std::string& key : keys) CheckFlag(key, deeds);
    return std::move(findings_);
  }

 private:
  void CheckFlag(const std::string& key, const Deeds& deeds) {
    const EntitySet before = AroundFlag(input_.before, key, input_.environment);
    const EntitySet after = AroundFlag(input_.after, key, input_.environment);
    const EntityRef flag{EntityKind::kFlag, key};
    Deeds wanted;
    std::vector<std::string> others;  // that alter it
    for (const auto& [entity, lines] : deeds) {
      const std::optional<EntityRef> ref = RefOfText(entity);
      if (!ref || !Alters(*ref, flag, before, after)) continue;
      wanted.emplace(entity, lines);
      if (*ref != flag) others.push_back(entity);
    }
    if (wanted.empty()) return;
    std::string message = "it is protected by the policy";
    if (!others.empty()) message += ", and altered by " + Joined(others);
    std::string fix = "`guidon apply DIR --request TITLE` opens one";
    if (input_.requests == nullptr) {
      message += "; no server was asked whether somebody has approved that";
      fix = "run the gate with the server";
    } else {
      const Approval approval = ApprovalOf(wanted, input_.plan, input_.environment, *input_.requests, true);
      if (approval.is_given) return;
      if (!approval.nearly.empty()) fix = "have it approved";
      message +=
          ", and " + (approval.nearly.empty() ? "no change request does what the files change of it" : approval.nearly);
    }
    std::string owner = OwnerIn(input_.after, flag);
    if (owner.empty()) owner = OwnerIn(input_.before, flag);
    findings_.push_back({"change.protected-flag", Severity::kFail, flag.ToText(), std::move(owner),
                         PlaceIn(input_.workspace, flag, Path().Key("flag")), std::move(message), std::move(fix)});
  }

  // `before` and `after` are those around the flag. A metric judges what is served, and does not alter it.
  bool Alters(const EntityRef& ref, const EntityRef& flag, const EntitySet& before, const EntitySet& after) const {
    if (ref.kind == EntityKind::kMetric) return false;
    if (ref.kind == EntityKind::kFlag) {
      return ref == flag || before.FindFlag(ref.key) != nullptr || after.FindFlag(ref.key) != nullptr;
    }
    if (ref.kind == EntityKind::kExperiment) {
      return before.FindExperiment(ref.key) != nullptr || after.FindExperiment(ref.key) != nullptr;
    }
    const std::vector<std::string> altered = EnvironmentsAltered({ref}, before, after);
    return std::find(altered.begin(), altered.end(), input_.environment) != altered.end();
  }

  const ProtectedFlagInput& input_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> CheckApproval(const ApprovalInput& input) {
  const Deeds wanted = DeedsOf(input.plan, input.environment);
  if (wanted.empty()) return {};
  std::string why = "no server was asked whether it is approved", fix = "run the gate with the server";
  if (input.requests != nullptr) {
    Approval approval = ApprovalOf(wanted, input.plan, input.environment, *input.requests, false);
    if (approval.is_given) return {};
    const bool is_nearly = !approval.nearly.empty();
    why = is_nearly ? std::move(approval.nearly) : "no change request does what the files change there";
    fix = is_nearly ? "have it approved" : "`guidon apply DIR --request TITLE` opens one";
  }
  return {{"change.approval",
           Severity::kFail,
           "environment " + input.environment,
           "",
           {},
           "it is protected, and " + why,
           std::move(fix)}};
}

MatchingRequest FindRequestFor(const Value& plan, const std::vector<Value>& requests) {
  const Deeds wanted = DeedsEverywhere(plan);
  MatchingRequest nearest;
  for (const Value& request : requests) {
    const Value* planned = request.Find("plan");
    if (planned == nullptr) continue;
    MatchingRequest match = Compared(request, DeedsEverywhere(*planned), wanted, plan);
    if (match.left_out.size() == wanted.size()) continue;  // it is about other things
    if (nearest.number == 0 || DistanceOf(match) < DistanceOf(nearest)) nearest = std::move(match);
  }
  return nearest;
}

std::vector<Finding> CheckProtectedFlags(const ProtectedFlagInput& input, const Policy& policy) {
  const bool is_wanted = !policy.protected_flags.empty() && policy.SeverityOf("change.protected-flag");
  return is_wanted ? ProtectedFlagChecker(input).Run(policy) : std::vector<Finding>();
}

}  // namespace guidon::gate
