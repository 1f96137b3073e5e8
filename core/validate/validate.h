// What a project's definitions get wrong together, all of it at once. What one definition gets wrong on its own, the
// codec has found already. docs/spec/validation.md lists the codes.
//
// Thread safety: a pure function. Cost: linear in the definitions, but for comparing the rules of one flag pair by
// pair.
#pragma once

#include <chrono>
#include <vector>

#include "core/base/issue.h"
#include "core/model/definitions.h"
#include "core/model/expectation.h"

namespace guidon {

struct ValidateOptions {
  std::chrono::sys_days today{};  // for `expired`; the epoch: not checked
};

// Errors make the definitions unusable; warnings do not. Each issue names its entity ("flag checkout.layout") and the
// path within it, as authored.
std::vector<Issue> Validate(const Definitions& definitions, const ValidateOptions& options = {});

// What each test of a workspace's tests/ folder names and the definitions do not have: the flag or experiment, the
// environment, the variation, variant or rule that it expects. One list for each test, mostly empty; whether the test
// passes is another question.
std::vector<std::vector<Issue>> ValidateTests(const Definitions& definitions, const std::vector<FlagTest>& tests);

}  // namespace guidon
