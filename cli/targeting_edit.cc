#include "cli/targeting_edit.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/edit.h"

namespace guidon::cli {
namespace {

using format::Clone;
using format::Entry;
using format::FindMember;
using format::Kind;
using format::Node;

using Entries = std::vector<std::unique_ptr<Entry>>;

// Tests name flags, too, and look the same: the place tells them apart.
Node* FlagIn(Node& node, const TargetingEdit& edit) {
  const Entry* name = FindMember(node, "flag");
  const bool is_it = name != nullptr && name->value != nullptr && format::IsScalarOf(*name->value, edit.flag) &&
                     static_cast<int>(name->key->line) + 1 == edit.line;
  return is_it ? &node : nullptr;
}

Node* FindFlag(format::Tree& tree, const TargetingEdit& edit) {
  for (const auto& document : tree.documents) {
    Node& root = *document->root.value;
    if (Node* flag = FlagIn(root, edit)) return flag;
    if (root.kind != Kind::kList) continue;
    for (const auto& element : root.entries) {
      if (Node* flag = FlagIn(*element->value, edit)) return flag;
    }
  }
  return nullptr;
}

std::optional<Value> MemberOf(const TargetingValue& targeting, std::string_view name) {
  const Value* member = targeting ? targeting->Find(name) : nullptr;
  if (member != nullptr) return *member;
  return name == "enabled" ? std::optional<Value>(false) : std::nullopt;
}

std::string IdOf(const Node& rule) {
  const Entry* id = FindMember(rule, "id");
  return id == nullptr ? std::string() : id->value->text;
}

Entry* FindRule(const Entries& rules, const std::string& id) {
  const auto found =
      std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return IdOf(*rule->value) == id; });
  return id.empty() || found == rules.end() ? nullptr : found->get();
}

// What is said behind the value goes with it; what stands above stays.
void Replace(Entry& held, const Entry& by) {
  held.value = Clone(*by.value);
  if (!by.head.empty()) held.head = by.head;
  if (!by.after.empty()) held.after = by.after;
}

void EditMembers(Node& to, const Node& from, const TargetingValue& to_says, const TargetingValue& from_says);

// The rules of `from` in their order; of those that `to` has, too, its own entries, with what is the same in them.
void EditRules(Node& to, const Node& from, const std::optional<Value>& to_says, const std::optional<Value>& from_says) {
  const auto rule_of = [](const std::optional<Value>& rules, const std::string& id) -> std::optional<Value> {
    if (!rules) return std::nullopt;
    for (const Value& rule : rules->AsArray()) {
      if (const Value* held = rule.Find("id"); held != nullptr && held->AsString() == id) return rule;
    }
    return std::nullopt;
  };
  Entries edited;
  for (const auto& rule : from.entries) {
    const std::string id = IdOf(*rule->value);
    Entry* held = FindRule(to.entries, id);
    if (held == nullptr) {
      edited.push_back(Clone(*rule));
      continue;
    }
    auto kept = std::make_unique<Entry>(std::move(*held));
    // What is moved from has no value any more, and is not found again.
    held->value = std::make_unique<Node>();
    const std::optional<Value> to_rule = rule_of(to_says, id), from_rule = rule_of(from_says, id);
    if (AreSameInOrder(to_rule, from_rule)) {
      // as it is
    } else if (kept->value->kind == Kind::kMap && rule->value->kind == Kind::kMap) {
      EditMembers(*kept->value, *rule->value, to_rule, from_rule);
    } else {
      Replace(*kept, *rule);
    }
    edited.push_back(std::move(kept));
  }
  to.entries = std::move(edited);
  if (!from.flow) to.flow = false;
}

// Where the member of `from` goes: behind what stands before it there.
Entries::iterator PlaceOf(Entries& entries, const Node& from, const Entry& member) {
  auto place = entries.begin();
  for (const auto& before : from.entries) {
    if (before.get() == &member) break;
    const auto held = std::find_if(entries.begin(), entries.end(), [&](const auto& entry) {
      return format::IsScalarOf(*entry->key, before->key->text);
    });
    if (held != entries.end()) place = held + 1;
  }
  return place;
}

// Of a targeting, or of a rule.
void EditMembers(Node& to, const Node& from, const TargetingValue& to_says, const TargetingValue& from_says) {
  const auto is_same = [&](const std::string& name) {
    return AreSameInOrder(MemberOf(to_says, name), MemberOf(from_says, name));
  };
  std::erase_if(to.entries, [&](const auto& entry) {
    return FindMember(from, entry->key->text) == nullptr && !is_same(entry->key->text);
  });
  for (const auto& member : from.entries) {
    const std::string& name = member->key->text;
    Entry* held = FindMember(to, name);
    if (held == nullptr) {
      if (!is_same(name)) to.entries.insert(PlaceOf(to.entries, from, *member), Clone(*member));
    } else if (is_same(name)) {
      continue;
    } else if (name == "rules" && held->value->kind == Kind::kList && member->value->kind == Kind::kList) {
      EditRules(*held->value, *member->value, MemberOf(to_says, name), MemberOf(from_says, name));
    } else {
      Replace(*held, *member);
    }
  }
  const auto is_block = [](const auto& entry) { return !entry->value->flow && !entry->value->entries.empty(); };
  if (std::any_of(to.entries.begin(), to.entries.end(), is_block)) to.flow = false;
}

}  // namespace

Status EditTargeting(format::Tree& tree, const TargetingEdit& edit) {
  const auto refuse = [&](const std::string& what) {
    return Fail(ErrorCode::kInvalid, "flag '" + edit.flag + "': " + what + ": edit it by hand");
  };
  Node* flag = FindFlag(tree, edit);
  if (flag == nullptr) return refuse("its map cannot be found on line " + std::to_string(edit.line));
  Entry* environments = FindMember(*flag, "environments");
  const Entry* from = environments == nullptr ? nullptr : FindMember(*environments->value, edit.from);
  if (from == nullptr || from->value->kind != Kind::kMap) return refuse(edit.from + " is not written out as a map");
  Entry* to = FindMember(*environments->value, edit.to);
  if (to != nullptr && to->value->kind == Kind::kMap) {
    EditMembers(*to->value, *from->value, edit.to_says, edit.from_says);
  } else if (to != nullptr) {
    to->value = Clone(*from->value);
  } else {
    auto added = Clone(*from);
    added->key = format::MakeScalar(edit.to);
    added->before.clear();
    added->head.clear();
    added->after.clear();
    if (!added->value->flow) environments->value->flow = false;
    environments->value->entries.push_back(std::move(added));
  }
  return {};
}

}  // namespace guidon::cli
