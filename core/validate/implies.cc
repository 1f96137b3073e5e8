#include "core/validate/implies.h"

#include <algorithm>

namespace guidon {
namespace {

constexpr std::size_t kMostComparisons = 4'096;  // of two lists; longer ones are compared as they are

template <typename T>
bool IsSubset(const std::vector<T>& part, const std::vector<T>& whole) {
  if (part == whole) return true;
  if (part.size() * whole.size() > kMostComparisons) return false;
  return std::all_of(part.begin(), part.end(),
                     [&](const T& element) { return std::find(whole.begin(), whole.end(), element) != whole.end(); });
}

// Operators that hold if any operand fits: more operands, more contexts.
bool WidensWithOperands(Operator op) {
  return op == Operator::kIn || op == Operator::kStartsWith || op == Operator::kEndsWith || op == Operator::kContains ||
         op == Operator::kMatches || op == Operator::kInCidr;
}

bool Implies(const Test& narrow, const Test& wide) {
  if (narrow == wide) return true;
  return narrow.op == wide.op && WidensWithOperands(wide.op) && IsSubset(narrow.operands, wide.operands);
}

bool Implies(const Clause& narrow, const Clause& wide) {
  if (narrow == wide) return true;
  if (narrow.kind != wide.kind) return false;
  switch (wide.kind) {
    case Clause::Kind::kAttribute:
      return narrow.attribute == wide.attribute && narrow.ignore_case == wide.ignore_case &&
             std::all_of(wide.tests.begin(), wide.tests.end(), [&](const Test& test) {
               return std::any_of(narrow.tests.begin(), narrow.tests.end(),
                                  [&](const Test& other) { return Implies(other, test); });
             });
    case Clause::Kind::kSegment:
      return IsSubset(narrow.segments, wide.segments);
    case Clause::Kind::kFlag:
      return narrow.flag == wide.flag && IsSubset(narrow.variations, wide.variations);
    default:
      return false;
  }
}

}  // namespace

bool Implies(const Condition& narrow, const Condition& wide) {
  return std::all_of(wide.clauses.begin(), wide.clauses.end(), [&](const Clause& clause) {
    return std::any_of(narrow.clauses.begin(), narrow.clauses.end(),
                       [&](const Clause& other) { return Implies(other, clause); });
  });
}

}  // namespace guidon
