// What an operator takes. Internal to the validate room.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "core/model/condition.h"

namespace guidon {

// "" when the operand fits the operator, else what is wrong with it.
std::string OperandFault(Operator op, const Value& operand);

// Numeric bounds that exclude each other, as `lt: 3` with `gt: 5`.
bool NeverHolds(const std::vector<Test>& tests);

}  // namespace guidon
