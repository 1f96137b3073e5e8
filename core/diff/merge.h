// Three-way merge of definitions as JSON values: what one side changed and the other did not is taken; what both
// changed differently is a conflict.
//
// Objects merge member by member. Lists whose elements all are objects with a text member `id`, `flag`, `layer`,
// `holdout`, `use` or `environment` of different values merge element by element under that name (rules by `id`);
// all other lists are one value. The order of members and elements is that of `ours` where ours moved or added, else
// theirs.
//
// Thread safety: a pure function.
#pragma once

#include <optional>
#include <vector>

#include <guidon/value.h>
#include "core/base/issue.h"

namespace guidon {

// Equal, and all members in the same order: the first variant of an experiment is its control, and the order of
// variations is the order of a split's ranges.
bool AreSameInOrder(const std::optional<Value>& a, const std::optional<Value>& b) noexcept;

struct MergeConflict {
  Path path;
  std::optional<Value> base, theirs, ours;  // absent: not there
};

struct Merged {
  std::optional<Value> value;  // absent: removed. Where there are conflicts, theirs.
  std::vector<MergeConflict> conflicts;
};

// Each of the three may be absent.
Merged MergeValues(const std::optional<Value>& base, const std::optional<Value>& theirs,
                   const std::optional<Value>& ours);

}  // namespace guidon
