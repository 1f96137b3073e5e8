// The quantile of all events of a large arm, with what a standard error needs that knows that the events of one unit
// hang together.
//
//   ArmStatistic arm = QuantileOfGroups(sketches, 0.95);
//
// The order statistic at nu, and those at nu -+ z(.975) sqrt(nu (1 - nu) / n), which say how dense values are there;
// and of each group of units how many of its values are up to the quantile, and how many it has (Deng, Knoblich & Lu
// 2018). Units are spread over kHashGroups groups by hash, so groups are independent of each other, and differ as much
// as the units in them make them. With fewer than kEnoughUnitsForGroups units in an arm take each unit by itself:
// ClusteredQuantile of stats/inference/raw_values.h.
//
// All three values have Sketch::kRelativeError: an effect smaller than that cannot be seen. Where the ends fall into
// one bucket inference answers kZeroVariance; where there are too few values to bound the quantile, kInsufficientN.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <span>

#include "stats/statistic/power_sums.h"
#include "stats/statistic/sketch.h"

namespace guidon::stats {

inline constexpr std::size_t kEnoughUnitsForGroups = 5'000;

// One sketch for each group; empty ones are no clusters. n = 0 where there are no values. O(buckets).
QuantileClusteredStatistic QuantileOfGroups(std::span<const Sketch> groups, double nu);

}  // namespace guidon::stats
