// What a project's definitions get wrong together, all of it at once. What one definition gets wrong on its own, the
// codec has found already. docs/spec/validation.md lists the codes.
//
// Thread safety: a pure function. Cost: linear in the definitions, but for the comparison of neighbouring rules.
#pragma once

#include <chrono>
#include <vector>

#include "core/base/issue.h"
#include "core/model/definitions.h"

namespace guidon {

struct ValidateOptions {
  std::chrono::sys_days today{};  // for `expired`; the epoch: not checked
};

// Errors make the definitions unusable; warnings do not. Each issue names its entity ("flag checkout.layout") and the
// path within it, as authored.
std::vector<Issue> Validate(const Definitions& definitions, const ValidateOptions& options = {});

}  // namespace guidon
