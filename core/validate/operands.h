// What an operator takes. Internal to the validate room.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "core/model/condition.h"

namespace guidon {

// What is wrong with an operand, and what to write instead; an empty message: nothing.
struct Fault {
  std::string message, hint;
};
Fault FaultOf(Operator op, const Value& operand, bool ignore_case);

// Tests of one matcher that no single value passes: `lt: 3` with `gt: 5`, `before` with a later `after`, `exists:
// false` with an operator that needs the attribute. A list attribute can still pass the first two, by two of its
// elements.
bool NeverHolds(const std::vector<Test>& tests);

}  // namespace guidon
