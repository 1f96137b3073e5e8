// What a report says of experiments that overlap with its own: how many units are in both, and whether an effect on the
// primary metric depends on which arm of the other one a unit has.
//
// It decides nothing and hides nothing: what is suspect is a yellow gate, with a sentence for people.
//
// Thread safety: pure functions. Cost: O(other experiments x their variants x variants).
#pragma once

#include "stats/report/report.h"

namespace guidon::stats {

// Of p, adjusted. Every daily pass asks again, so that it is below what one look would take: see docs/statistics.md.
inline constexpr double kInteractionAlpha = 0.01;

// In each pair of variants, and of shares no small counts either: below, large-sample methods are not to be trusted.
inline constexpr double kFewestOfPair = 100;

// Of what the daily pass found (Facts::overlaps); nothing where that is of another plan. Where results are hidden,
// units are shown only.
void AddOverlaps(Report& report, const Facts& facts);

}  // namespace guidon::stats
