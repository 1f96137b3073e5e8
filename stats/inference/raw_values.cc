#include "stats/inference/raw_values.h"

#include <algorithm>
#include <cmath>

#include "stats/inference/distributions.h"

namespace guidon::stats {
namespace {

bool AllFinite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

double Percentile(const std::vector<double>& sorted, double q) {
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (sorted[below + 1] - sorted[below]) * (rank - static_cast<double>(below));
}

// x_(ceil(n q)), counted from 1, within the sample.
double OrderStatistic(const std::vector<double>& sorted, double q) {
  const auto n = static_cast<double>(sorted.size());
  return sorted[static_cast<std::size_t>(std::clamp(std::ceil(n * q), 1.0, n)) - 1];
}

}  // namespace

Outcome<WinsorCaps> PercentileCaps(std::span<const double> pooled_values, const WinsorRule& rule) {
  for (const std::optional<double>& q : {rule.upper, rule.lower}) {
    if (q && !(0 <= *q && *q <= 1))
      return FailStats(StatsErrorCode::kInvalid, "a percentile of a cap lies outside 0 … 1");
  }
  if (rule.upper && rule.lower && *rule.lower > *rule.upper) {
    return FailStats(StatsErrorCode::kInvalid, "the lower cap's percentile is above the upper one's");
  }
  if (!AllFinite(pooled_values)) return FailStats(StatsErrorCode::kInvalid, "a value is not finite");
  std::vector<double> sorted;
  sorted.reserve(pooled_values.size());
  for (double value : pooled_values) {
    if (!rule.ignore_zeros || value != 0) sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  WinsorCaps caps;
  if (sorted.empty()) return caps;
  if (rule.upper) caps.upper = Percentile(sorted, *rule.upper);
  if (rule.lower) caps.lower = Percentile(sorted, *rule.lower);
  return caps;
}

double Capped(double value, const WinsorCaps& caps) {
  if (caps.upper && value > *caps.upper) return *caps.upper;
  if (caps.lower && value < *caps.lower) return *caps.lower;
  return value;
}

MeanStatistic WinsorizedMean(std::span<const double> values, const WinsorCaps& caps) {
  MeanStatistic mean;
  for (double value : values) mean.y.Add(Capped(value, caps));
  return mean;
}

Outcome<QuantileStatistic> QuantileOf(std::span<const double> values, double nu) {
  if (!(0 < nu && nu < 1)) return FailStats(StatsErrorCode::kInvalid, "a quantile lies between 0 and 1");
  if (values.empty()) return FailStats(StatsErrorCode::kInsufficientN, "there are no values to take a quantile of");
  if (!AllFinite(values)) return FailStats(StatsErrorCode::kInvalid, "a value is not finite");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  QuantileStatistic quantile;
  quantile.n = quantile.n_star = static_cast<double>(sorted.size());
  quantile.nu = nu;
  const double half = NormalQuantile(0.975) * std::sqrt(nu * (1 - nu) / quantile.n);
  quantile.estimate = OrderStatistic(sorted, nu);
  quantile.lower = OrderStatistic(sorted, nu - half);
  quantile.upper = OrderStatistic(sorted, nu + half);
  return quantile;
}

Outcome<QuantileClusteredStatistic> ClusteredQuantile(const Clusters& clusters, double nu) {
  std::vector<double> values;
  for (const std::vector<double>& cluster : clusters) values.insert(values.end(), cluster.begin(), cluster.end());
  const Outcome<QuantileStatistic> quantile = QuantileOf(values, nu);
  if (!quantile) return FailStats(quantile.error());
  QuantileClusteredStatistic clustered{*quantile, {}};
  for (const std::vector<double>& cluster : clusters) {
    const auto below =
        std::count_if(cluster.begin(), cluster.end(), [&](double value) { return value <= quantile->estimate; });
    clustered.clusters.Add({static_cast<double>(below), static_cast<double>(cluster.size())});
  }
  return clustered;
}

RatioStatistic MeanPerEvent(const Clusters& clusters) {
  RatioStatistic ratio;
  for (const std::vector<double>& cluster : clusters) {
    double sum = 0;
    for (double value : cluster) sum += value;
    ratio.md.Add({sum, static_cast<double>(cluster.size())});
  }
  return ratio;
}

}  // namespace guidon::stats
