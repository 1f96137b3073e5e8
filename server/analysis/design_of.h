// From an experiment as it was authored to the design that its reports are held against.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "core/model/experiment.h"
#include "stats/metric/plan.h"
#include "stats/report/report.h"
#include "stats/statistic/experiment_facts.h"

namespace guidon {

// `plan` is what the iteration measures (server/analysis/plan_of.h); goals and guardrails of metrics that are not in it
// are left out. Without a plan of its own an experiment has the defaults of docs/spec/definitions.md. `planned_units`
// is left empty: it is found from what is observed (server/analysis/looks.h).
stats::Design DesignOf(const std::string& project, const Experiment& experiment, stats::ExperimentPlan plan);

// How the events of these facts came, as far as the fold knows.
stats::DataQuality QualityOf(const stats::ExperimentFacts& facts);

// Of a holdout: no primary metric, for there is nothing to decide, and all that it measures as secondary ones, each by
// a sequence, which holds whenever somebody looks. Without a flag.
stats::Design DesignOf(const std::string& project, const std::string& environment, const Holdout& holdout,
                       stats::ExperimentPlan plan);

}  // namespace guidon
