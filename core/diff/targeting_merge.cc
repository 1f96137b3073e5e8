#include "core/diff/targeting_merge.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace guidon {
namespace {

constexpr std::string_view kRules = "rules", kEnabled = "enabled", kId = "id";

// With `enabled`, which an environment that is not named has as false.
Object MembersOf(const TargetingValue& targeting) {
  Object members;
  if (targeting && targeting->is_object()) members = targeting->AsObject();
  if (members.Find(kEnabled) == nullptr) members.Set(kEnabled, false);
  return members;
}

std::optional<Value> MemberOf(const Object& members, std::string_view name) {
  const Value* member = members.Find(name);
  return member == nullptr ? std::nullopt : std::optional<Value>(*member);
}

const Array& RulesOf(const Object& members) {
  static const Array kNone;
  const Value* rules = members.Find(kRules);
  return rules == nullptr || !rules->is_array() ? kNone : rules->AsArray();
}

std::string IdOf(const Value& rule) {
  const Value* id = rule.Find(kId);
  return id == nullptr || !id->is_string() ? std::string() : id->AsString();
}

std::vector<std::string> IdsOf(const Array& rules) {
  std::vector<std::string> ids;
  for (const Value& rule : rules) ids.push_back(IdOf(rule));
  return ids;
}

bool AllHaveIds(const Array& rules) {
  return std::none_of(rules.begin(), rules.end(), [](const Value& rule) { return IdOf(rule).empty(); });
}

std::optional<Value> RuleOf(const Array& rules, const std::string& id) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const Value& rule) { return IdOf(rule) == id; });
  return found == rules.end() ? std::nullopt : std::optional<Value>(*found);
}

bool Has(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Of the rules those that are in `ids`, in the order of the rules.
std::vector<std::string> OrderOf(const Array& rules, const std::vector<std::string>& ids) {
  std::vector<std::string> order = IdsOf(rules);
  std::erase_if(order, [&](const std::string& id) { return !Has(ids, id); });
  return order;
}

Value ListOf(const std::vector<std::string>& ids) {
  Array list;
  for (const std::string& id : ids) list.emplace_back(id);
  return Value(std::move(list));
}

void SetOrErase(Object& object, std::string_view name, const std::optional<Value>& value) {
  if (value) {
    object.Set(name, *value);
  } else {
    object.Erase(name);
  }
}

void PutRule(Array& rules, const std::string& id, const std::optional<Value>& rule) {
  const auto held = std::find_if(rules.begin(), rules.end(), [&](const Value& other) { return IdOf(other) == id; });
  if (held == rules.end()) {
    if (rule) rules.push_back(*rule);
  } else if (rule) {
    *held = *rule;
  } else {
    rules.erase(held);
  }
}

}  // namespace

bool SaysNothing(const TargetingValue& targeting) {
  const Object members = MembersOf(targeting);
  return members.size() == 1 && !members.Find(kEnabled)->AsBool();
}

TargetingMerge::TargetingMerge(const TargetingValue& from, const TargetingValue& to)
    : from_(MembersOf(from)), to_(MembersOf(to)), to_says_nothing_(SaysNothing(to)) {
  rules_by_id_ = AllHaveIds(RulesOf(from_)) && AllHaveIds(RulesOf(to_));
  std::set<std::string> names;
  for (const Object* side : {&to_, &from_}) {
    for (const Member& member : *side) {
      if (!names.insert(member.name).second) continue;
      if (AreSameInOrder(MemberOf(from_, member.name), MemberOf(to_, member.name))) continue;
      if (member.name == kRules && rules_by_id_) {
        FindRuleDifferences();
      } else {
        differences_.push_back({Difference::Kind::kMember, member.name, false, std::nullopt});
      }
    }
  }
}

void TargetingMerge::FindRuleDifferences() {
  const Array &from = RulesOf(from_), &to = RulesOf(to_);
  common_ = OrderOf(to, IdsOf(from));
  std::vector<std::string> all = IdsOf(to);
  for (const std::string& id : IdsOf(from)) {
    if (!Has(all, id)) all.push_back(id);
  }
  for (const std::string& id : all) {
    if (AreSameInOrder(RuleOf(from, id), RuleOf(to, id))) continue;
    differences_.push_back({Difference::Kind::kRule, id, false, std::nullopt});
  }
  if (OrderOf(from, common_) != common_) {
    differences_.push_back({Difference::Kind::kOrder, std::string(kRules), false, std::nullopt});
  }
}

bool TargetingMerge::NeedsPast() const {
  return !to_says_nothing_ && std::any_of(differences_.begin(), differences_.end(),
                                          [](const Difference& difference) { return !difference.was_agreed; });
}

void TargetingMerge::Look(const TargetingValue& from, const TargetingValue& to) {
  const Object from_then = MembersOf(from), to_then = MembersOf(to);
  const Array &from_rules = RulesOf(from_then), &to_rules = RulesOf(to_then);
  for (Difference& difference : differences_) {
    if (difference.was_agreed) continue;
    std::optional<Value> one, other;
    if (difference.kind == Difference::Kind::kMember) {
      one = MemberOf(from_then, difference.name);
      other = MemberOf(to_then, difference.name);
    } else if (difference.kind == Difference::Kind::kRule) {
      one = RuleOf(from_rules, difference.name);
      other = RuleOf(to_rules, difference.name);
    } else {
      const std::vector<std::string> order = OrderOf(to_rules, common_);
      if (order.size() != common_.size()) continue;
      one = ListOf(OrderOf(from_rules, common_));
      other = ListOf(order);
    }
    if (!AreSameInOrder(one, other)) continue;
    difference.was_agreed = true;
    difference.base = std::move(one);
  }
}

// Rules are merged one by one. `base` has those of the past in the order that they have in `to` now, so that the order
// of `from` counts where it is another one.
void TargetingMerge::MergeRules(Object& base, Object& theirs, Object& ours,
                                std::vector<PromotionConflict>& conflicts) const {
  const Path path = Path().Key(kRules);
  Array base_rules = RulesOf(to_), our_rules = RulesOf(from_);
  for (const Difference& difference : differences_) {
    if (difference.kind == Difference::Kind::kRule) {
      const std::optional<Value> theirs_now = RuleOf(RulesOf(to_), difference.name);
      if (difference.was_agreed) {
        PutRule(base_rules, difference.name, difference.base);
      } else {
        conflicts.push_back(
            {{path.Key(difference.name), std::nullopt, theirs_now, RuleOf(RulesOf(from_), difference.name)}, false});
        PutRule(our_rules, difference.name, theirs_now);
      }
    } else if (difference.kind == Difference::Kind::kOrder) {
      const Value order = ListOf(common_);
      if (difference.was_agreed && AreSameInOrder(difference.base, order)) continue;
      conflicts.push_back(
          {{path, difference.base, order, ListOf(OrderOf(RulesOf(from_), common_))}, difference.was_agreed});
    }
  }
  base.Set(kRules, Value(std::move(base_rules)));
  theirs.Set(kRules, Value(RulesOf(to_)));
  ours.Set(kRules, Value(std::move(our_rules)));
}

PromotedTargeting TargetingMerge::Merge() const {
  if (to_says_nothing_) return {Value(from_), {}};
  PromotedTargeting promoted;
  Object base = to_, theirs = to_, ours = from_;
  for (const Difference& difference : differences_) {
    if (difference.kind != Difference::Kind::kMember) continue;
    const std::optional<Value> theirs_now = MemberOf(to_, difference.name);
    if (difference.was_agreed) {
      SetOrErase(base, difference.name, difference.base);
      continue;
    }
    promoted.conflicts.push_back(
        {{Path().Key(difference.name), std::nullopt, theirs_now, MemberOf(from_, difference.name)}, false});
    SetOrErase(ours, difference.name, theirs_now);
  }
  if (rules_by_id_) MergeRules(base, theirs, ours, promoted.conflicts);
  Merged merged = MergeValues(Value(std::move(base)), Value(std::move(theirs)), Value(std::move(ours)));
  for (MergeConflict& conflict : merged.conflicts) promoted.conflicts.push_back({std::move(conflict), true});
  if (merged.value && RulesOf(merged.value->AsObject()).empty()) merged.value->MutableObject().Erase(kRules);
  promoted.targeting = std::move(merged.value);
  return promoted;
}

}  // namespace guidon
