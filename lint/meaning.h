// What a definition means, so that two ways of writing it can be held against each other.
//
// Thread safety: pure functions. Cost: linear; of lists of operands and keys n log n at most.
#pragma once

#include <variant>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "core/model/definitions.h"
#include "core/model/expectation.h"

namespace guidon::lint {

// std::monostate: it is none of them, or cannot be decoded.
using Meaning = std::variant<std::monostate, EntityRecord, FlagTest, Project>;

Meaning MeaningOf(const Value& definition);

// Two definitions with the same plainest form answer every evaluation alike, with the same reason: `all` and `any` of
// one condition are that condition, not(not(x)) is x, what is in a list twice counts once, and an environment that a
// flag does not name is one in which it is not enabled.
Condition Plainest(Condition condition);
Meaning Plainest(Meaning meaning);

}  // namespace guidon::lint
