// What an environment's state says against a release.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include <guidon/value.h>
#include "gate/finding.h"
#include "gate/policy.h"

namespace guidon::gate {

// From the report of an experiment (docs/api/report.schema.json): red gates and harmed guardrails fail it; what is not
// known yet holds it up, and so do facts that are stale: what they do not show may have come since. What the goal says
// is no matter of a gate: a release is not held up because an experiment has found nothing.
std::vector<Finding> CheckReport(const std::string& experiment, const Value& report);

// There is no report yet, as it was never started.
Finding NotStarted(const std::string& experiment, const std::string& owner);

// Whether it is a time for releases.
std::vector<Finding> CheckFreeze(const Policy& policy, std::int64_t now_ms);

}  // namespace guidon::gate
