// A flag's targeting of one environment, brought to another: what changed in the first is taken, what changed in the
// second alone stays, what both changed differently is a conflict. A three-way merge (core/diff/merge.h) whose base is
// what both said when they last agreed; looked for in the past of the flag for each member and each rule of its own, as
// an environment may keep something of its own for ever.
//
//   TargetingMerge merge(from, to);                        // members of `environments` of a definition
//   while (merge.NeedsPast() && past) merge.Look(past->from, past->to);   // the newest first
//   const PromotedTargeting promoted = merge.Merge();
//
// Texts, lists and maps are those of the canonical form (docs/spec/definitions.md).
//
// Thread safety: a plain value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <guidon/value.h>
#include "core/diff/merge.h"

namespace guidon {

// Of one environment; absent: the flag does not name it.
using TargetingValue = std::optional<Value>;

// Not there, or not enabled and nothing else: there is nothing to lose.
bool SaysNothing(const TargetingValue& targeting);

struct PromotionConflict {
  MergeConflict what;      // `ours` is of the environment that it comes from, `theirs` of the one that it goes to
  bool was_agreed = true;  // false: they were never seen to agree on it, so nobody can tell who changed it
};

struct PromotedTargeting {
  TargetingValue targeting;                  // what there would be; of no use where there are conflicts
  std::vector<PromotionConflict> conflicts;  // none: it can be written
};

class TargetingMerge {
 public:
  TargetingMerge(const TargetingValue& from, const TargetingValue& to);

  bool IsSame() const { return differences_.empty(); }  // there is nothing to bring
  // Whether a base is still missing. Not where nothing could be lost.
  bool NeedsPast() const;
  // As both were once.
  void Look(const TargetingValue& from, const TargetingValue& to);

  PromotedTargeting Merge() const;

 private:
  // A member, or a rule, or the order of the rules that both have, which are not the same now.
  struct Difference {
    enum class Kind { kMember, kRule, kOrder };
    Kind kind = Kind::kMember;
    std::string name;  // of the member, or the rule's id
    bool was_agreed = false;
    std::optional<Value> base;  // what both said then; absent: neither said anything
  };

  void FindRuleDifferences();
  void MergeRules(Object& base, Object& theirs, Object& ours, std::vector<PromotionConflict>& conflicts) const;

  Object from_, to_;
  bool to_says_nothing_ = false;
  bool rules_by_id_ = false;         // all rules of both have ids
  std::vector<std::string> common_;  // ids that both have, in the order of `to`
  std::vector<Difference> differences_;
};

}  // namespace guidon
