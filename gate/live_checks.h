// What an environment's state says against a release.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include <guidon/value.h>
#include "core/model/experiment.h"
#include "gate/finding.h"
#include "gate/policy.h"

namespace guidon::gate {

// From the report of an experiment (docs/api/report.schema.json): red gates and harmed guardrails fail it; what is not
// known yet holds it up, and so do facts that are stale: what they do not show may have come since. What the goal says
// is no matter of a gate: a release is not held up because an experiment has found nothing. `wants_evidence`: whether
// what is not known yet matters, with the least days and units of the policy and the least days of the plan.
std::vector<Finding> CheckReport(const std::string& experiment, const Value& report, const Policy& policy,
                                 bool wants_evidence);

// There is no report yet, as it was never started.
Finding NotStarted(const std::string& experiment, const std::string& owner);

// Of an experiment that the server has paused or rolled back by itself, and nobody has looked after since: what for.
std::vector<Finding> CheckStopped(const ExperimentRecord& record);

// live.ramp, from the answer about where an experiment stands (docs/api/openapi.yaml, ExperimentStatus).
std::vector<Finding> CheckExperimentRamp(const Value& status, const std::string& owner, const Policy& policy);

// live.change-request: of a list of those that are not closed, each that would alter the environment.
std::vector<Finding> CheckRequests(const std::string& environment, const Array& requests);

// Whether it is a time for releases.
std::vector<Finding> CheckFreeze(const Policy& policy, std::int64_t now_ms);

}  // namespace guidon::gate
