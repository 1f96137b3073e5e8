// Whether one condition holds wherever another does, as far as that can be seen from their texts. Internal to the
// validate room.
//
// Thread safety: a pure function.
#pragma once

#include "core/model/condition.h"

namespace guidon {

// True only if `wide` holds for every context for which `narrow` does: `country: [DE, FR]` wherever
// `{ country: DE, plan: pro }`. False says nothing.
bool Implies(const Condition& narrow, const Condition& wide);

}  // namespace guidon
