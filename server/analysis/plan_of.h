// From definitions to what the fold of the journal measures (server/ingest/fold_plan.h).
//
// Thread safety: pure functions.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/model/definitions.h"
#include "server/catalog/catalog.h"
#include "server/ingest/fold_plan.h"

namespace guidon {

// By which results are split, where a context or (`sdk`) a batch has them.
inline constexpr std::string_view kDimensions[] = {"platform", "country", "sdk"};

// Of an experiment that has been started and is not archived; nothing of another. Metrics are the primary one, the
// secondary ones and the guardrails, each once, in this order; one that does not exist is left out.
std::optional<FoldPlan> PlanOf(const Definitions& definitions, const ExperimentRecord& experiment);

// Of a holdout in one environment, "holdout:NAME": who is held out against the comparison group, over all metrics of
// its experiments there. Without windows, but for retention: being held out has no moment at which it begins to work.
// Nothing when none of its experiments there has been started.
std::optional<FoldPlan> PlanOf(const Definitions& definitions, const HoldoutRecord& holdout,
                               const std::string& environment);

// Of everything that may still get facts.
std::shared_ptr<const FoldPlans> PlansOf(const CatalogView& view);

// For FoldOptions::plans: makes them anew when the catalog has changed. The catalog outlives it.
PlanSource PlansOf(const Catalog& catalog);

}  // namespace guidon
