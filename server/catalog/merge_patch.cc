#include "server/catalog/merge_patch.h"

#include <utility>

namespace guidon {

Value MergePatch(Value target, const Value& patch) {
  if (!patch.is_object()) return patch;
  Object& members = target.MutableObject();
  for (const Member& member : patch.AsObject()) {
    if (member.value.is_null()) {
      members.Erase(member.name);
      continue;
    }
    Value* held = members.Find(member.name);
    members.Set(member.name, MergePatch(held == nullptr ? Value() : std::move(*held), member.value));
  }
  return target;
}

}  // namespace guidon
