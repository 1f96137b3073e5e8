// What a report says of a comparison beside its effect: where the metric is cut and what comes without that, a lift
// where the baseline is uncertain, how much it would be a day, the effect when like is compared with like, and that on
// the units of each day. None of it decides anything.
//
// Thread safety: pure functions. Cost: O(metrics x arms x (days + slices)).
#pragma once

#include "stats/report/report.h"

namespace guidon::stats {

// Of every metric that has comparisons. Intervals are of the kind that the report shows: of a fixed plan those of its
// end, else such as hold at every moment, and none before a sequence may begin. Those of days are of one look.
void AddMore(Report& report, const Facts& facts);

}  // namespace guidon::stats
