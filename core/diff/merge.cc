#include "core/diff/merge.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

namespace guidon {
namespace {

using Maybe = std::optional<Value>;

constexpr std::array<std::string_view, 6> kNamingMembers = {"id", "flag", "layer", "holdout", "use", "environment"};

// The member by which all elements of these lists can be told apart, or "".
std::string_view NamingMember(const std::vector<const Value*>& lists) {
  for (std::string_view member : kNamingMembers) {
    const bool names_all = std::all_of(lists.begin(), lists.end(), [&](const Value* list) {
      std::set<std::string> names;
      return std::all_of(list->AsArray().begin(), list->AsArray().end(), [&](const Value& element) {
        const Value* name = element.Find(member);
        return name != nullptr && name->is_string() && names.insert(name->AsString()).second;
      });
    });
    if (names_all) return member;
  }
  return {};
}

class Merger {
 public:
  Maybe Merge(const Maybe& base, const Maybe& theirs, const Maybe& ours, const Path& path) {
    if (AreSameInOrder(ours, theirs) || AreSameInOrder(ours, base)) return theirs;
    if (AreSameInOrder(theirs, base)) return ours;
    if (theirs && ours && theirs->is_object() && ours->is_object()) {
      return MergeObjects(base ? *base : Value(Object()), *theirs, *ours, path);
    }
    if (theirs && ours && theirs->is_array() && ours->is_array()) {
      const Value held = base && base->is_array() ? *base : Value(Array());
      const std::string_view naming = NamingMember({&held, &*theirs, &*ours});
      if (!naming.empty()) return MergeLists(held, *theirs, *ours, naming, path);
    }
    conflicts.push_back({path, base, theirs, ours});
    return theirs;
  }

  std::vector<MergeConflict> conflicts;

 private:
  static Maybe Member(const Value& object, std::string_view name) {
    const Value* member = object.Find(name);
    return member == nullptr ? std::nullopt : Maybe(*member);
  }

  Value MergeObjects(const Value& base, const Value& theirs, const Value& ours, const Path& path) {
    Object merged;
    for (const std::string& name : MergeOrder(MembersOf(base), MembersOf(theirs), MembersOf(ours))) {
      if (Maybe value = Merge(Member(base, name), Member(theirs, name), Member(ours, name), path.Key(name))) {
        merged.Append(name, *std::move(value));
      }
    }
    return merged;
  }

  static const Value* Element(const Value& list, std::string_view naming, const std::string& name) {
    for (const Value& element : list.AsArray()) {
      if (element.Find(naming)->AsString() == name) return &element;
    }
    return nullptr;
  }

  static std::vector<std::string> MembersOf(const Value& object) {
    std::vector<std::string> names;
    for (const guidon::Member& member : object.AsObject()) names.push_back(member.name);
    return names;
  }

  static std::vector<std::string> NamesOf(const Value& list, std::string_view naming) {
    std::vector<std::string> names;
    for (const Value& element : list.AsArray()) names.push_back(element.Find(naming)->AsString());
    return names;
  }

  // The order of the side that reordered, with what only the other side has after its predecessor there.
  static std::vector<std::string> MergeOrder(const std::vector<std::string>& base,
                                             const std::vector<std::string>& theirs,
                                             const std::vector<std::string>& ours) {
    const bool ours_leads = ours != base;
    std::vector<std::string> order = ours_leads ? ours : theirs;
    const std::vector<std::string>& rest = ours_leads ? theirs : ours;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (std::find(order.begin(), order.end(), rest[i]) != order.end()) continue;
      auto after = order.begin();
      for (std::size_t j = i; j-- > 0;) {
        const auto held = std::find(order.begin(), order.end(), rest[j]);
        if (held == order.end()) continue;
        after = held + 1;
        break;
      }
      order.insert(after, rest[i]);
    }
    return order;
  }

  Value MergeLists(const Value& base, const Value& theirs, const Value& ours, std::string_view naming,
                   const Path& path) {
    Array merged;
    const auto maybe = [](const Value* value) { return value == nullptr ? Maybe() : Maybe(*value); };
    for (const std::string& name : MergeOrder(NamesOf(base, naming), NamesOf(theirs, naming), NamesOf(ours, naming))) {
      Maybe element = Merge(maybe(Element(base, naming, name)), maybe(Element(theirs, naming, name)),
                            maybe(Element(ours, naming, name)), path.Key(name));
      if (element) merged.push_back(*std::move(element));
    }
    return merged;
  }
};

bool IsSameInOrder(const Value& a, const Value& b) noexcept {
  if (a.is_array() && b.is_array()) {
    const Array& in_a = a.AsArray();
    const Array& in_b = b.AsArray();
    return std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), IsSameInOrder);
  }
  if (a.is_object() && b.is_object()) {
    const Object& in_a = a.AsObject();
    const Object& in_b = b.AsObject();
    return std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), [](const Member& x, const Member& y) {
      return x.name == y.name && IsSameInOrder(x.value, y.value);
    });
  }
  return a == b;
}

}  // namespace

bool AreSameInOrder(const Maybe& a, const Maybe& b) noexcept {
  return a && b ? IsSameInOrder(*a, *b) : !a && !b;
}

Merged MergeValues(const Maybe& base, const Maybe& theirs, const Maybe& ours) {
  Merger merger;
  Merged merged;
  merged.value = merger.Merge(base, theirs, ours, Path());
  merged.conflicts = std::move(merger.conflicts);
  return merged;
}

}  // namespace guidon
