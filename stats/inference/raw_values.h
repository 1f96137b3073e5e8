// From the values themselves: caps, quantiles and ratios of what a file or a pass over unit totals gives.
//
//   const WinsorCaps caps = PercentileCaps(all_values_of_both_arms, {.upper = 0.999, .ignore_zeros = true});
//   MeanStatistic control = WinsorizedMean(control_values, caps);
//
// Caps are those of both arms pooled, never of each: arms with caps of their own differ where nothing else does.
//
// Thread safety: pure functions. Cost: O(n log n) for percentiles and quantiles, O(n) otherwise.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "stats/inference/effect.h"
#include "stats/statistic/power_sums.h"

namespace guidon::stats {

struct WinsorRule {
  std::optional<double> upper;  // percentiles, 0 … 1
  std::optional<double> lower;
  bool ignore_zeros = false;  // percentiles of the values that are not 0
};
struct WinsorCaps {
  std::optional<double> upper;  // as values
  std::optional<double> lower;
};

// At rank q(N-1) of the sorted values, between two of them in proportion (type 7 of Hyndman & Fan 1996). No cap where
// no values are left. Errors: kInvalid for a percentile outside [0, 1], a lower one above the upper, a value that is
// not finite.
Outcome<WinsorCaps> PercentileCaps(std::span<const double> pooled_values, const WinsorRule& rule);
double Capped(double value, const WinsorCaps& caps);
MeanStatistic WinsorizedMean(std::span<const double> values, const WinsorCaps& caps);

// The values of one unit (or group of units) each.
using Clusters = std::vector<std::vector<double>>;

// The quantile nu of all values, its bounds the order statistics ceil(n q) at nu -+ z(.975) sqrt(nu(1-nu)/n), and per
// cluster how many values there are and how many at or below it. Errors: kInvalid for nu outside (0, 1) or a value that
// is not finite, kInsufficientN without values. Whether there are enough is for ValueOf to say.
Outcome<QuantileClusteredStatistic> ClusteredQuantile(const Clusters& clusters, double nu);
// The same of values that are independent of each other.
Outcome<QuantileStatistic> QuantileOf(std::span<const double> values, double nu);

// Sum of values over number of values, units the clusters: the mean of an event, whose variance is that between units.
RatioStatistic MeanPerEvent(const Clusters& clusters);

}  // namespace guidon::stats
