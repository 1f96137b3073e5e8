// What evaluation counts say against the code: it reads flags that decide nothing any more.
//
// Thread safety: a pure function.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "gate/finding.h"
#include "gate/policy.h"
#include "gate/usage.h"
#include "refs/reference.h"
#include "workspace/workspace.h"

namespace guidon::gate {

struct UsageInput {
  const Workspace& workspace;
  std::string environment;                         // whose counts they are
  const std::vector<refs::Reference>& references;  // of all code
  const Usage& usage;                              // of Policy::settled_days days
  std::chrono::sys_days today{};
};

// One finding for each flag, at its first read. Flags that are to stay (kill switches, permissions) and those with an
// experiment are none.
std::vector<Finding> CheckUsage(const UsageInput& input, const Policy& policy);

// What of the counts decides, of all flags: "checkout.layout multi\n", of each that is settled. They grow each minute,
// and this does not.
std::string SettledIn(const UsageInput& input, const Policy& policy);

// Whether it served one variation alone on all of those days, today among them, often enough.
bool IsSettled(const FlagUse& use, std::chrono::sys_days today, std::chrono::days days, std::uint64_t least);

}  // namespace guidon::gate
