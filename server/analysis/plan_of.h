// From what iterations keep of their start to what the fold of the journal measures (server/ingest/fold_plan.h).
//
// An iteration is measured by the plan that was kept when it began (ExperimentIteration::measured), whatever has become
// of the definitions since: docs/decisions/frozen-plans.md. Once it has ended, it gets facts for as long as one may
// still come that counts; then it is in no plan any more, and its totals stay as they are.
//
// Thread safety: pure functions.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/definitions.h"
#include "server/catalog/catalog.h"
#include "server/ingest/fold_plan.h"

namespace guidon {

// By which results are split, where a context or (`sdk`) a batch has them.
inline constexpr std::string_view kDimensions[] = {"platform", "country", "sdk"};

// How long an iteration stays open after its last window and the allowance, so that what arrived in time is folded
// though the server was down meanwhile. What arrives too late is refused all the same.
inline constexpr stats::Milliseconds kTimeToFold = std::chrono::days(7);

// Each iteration of an experiment that may still get facts at `now`, oldest first. Metrics are those of the plan, the
// primary one, the secondary ones and the guardrails, each once, in this order; one that does not exist is left out.
// The newest iteration of an older server, which kept no plan, is measured by the present definitions until the first
// edit of them; earlier ones of it are closed. Of one that kept no times either, so is the newest once it is over.
std::vector<FoldPlan> PlansOf(const Definitions& definitions, const ExperimentRecord& experiment, stats::Time now);

// What an iteration that began now would measure, of an experiment in whatever state: without a number and times.
stats::ExperimentPlan PlanBeforeStart(const Definitions& definitions, const Experiment& experiment);

// Whether what has this plan can be of the iteration, and not of one of an experiment that had its key and was deleted.
bool MayBeOf(const stats::ExperimentPlan& plan, const ExperimentIteration& iteration);

// When that is no longer so of a plan; nothing while it runs.
std::optional<stats::Time> OpenUntil(const stats::ExperimentPlan& plan);

// Of a holdout in one environment, "holdout:NAME": who is held out against the comparison group, over all metrics of
// its experiments there, as they are now. Without windows, but for retention: being held out has no moment at which it
// begins to work. `made`: when the holdout was (ProjectView::holdouts_made), which is its start, so that one that is
// deleted and made again under its key counts from 0. Nothing when none of its experiments there has been started.
std::optional<FoldPlan> PlanOf(const Definitions& definitions, const HoldoutRecord& holdout,
                               const std::string& environment, stats::Time made);

// Of everything that may still get facts at `now`.
std::shared_ptr<const FoldPlans> PlansOf(const CatalogView& view, stats::Time now);

// For FoldOptions::plans: makes them anew when the catalog has changed, and when an iteration is to be closed. The
// catalog outlives it. `clock`: empty for the system's.
PlanSource PlansOf(const Catalog& catalog, std::function<Timestamp()> clock = {});

}  // namespace guidon
