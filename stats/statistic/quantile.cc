#include "stats/statistic/quantile.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace guidon::stats {
namespace {

constexpr double kZ975 = 1.959963984540054;  // normal quantile of .975

// Rank ceil(n q), within 1 … n.
std::uint64_t RankAt(double q, std::uint64_t n) {
  const double rank = std::ceil(q * static_cast<double>(n));
  return static_cast<std::uint64_t>(std::clamp(rank, 1.0, static_cast<double>(n)));
}

}  // namespace

QuantileClusteredStatistic QuantileOfGroups(std::span<const Sketch> groups, double nu) {
  Sketch all;
  for (const Sketch& group : groups) all.Merge(group);
  QuantileClusteredStatistic arm;
  arm.quantile.nu = nu;
  if (all.empty()) return arm;
  const auto n = static_cast<double>(all.count());
  const double reach = kZ975 * std::sqrt(nu * (1 - nu) / n);
  arm.quantile.n = arm.quantile.n_star = n;
  arm.quantile.lower = *all.AtRank(RankAt(nu - reach, all.count()));
  arm.quantile.estimate = *all.AtRank(RankAt(nu, all.count()));
  arm.quantile.upper = *all.AtRank(RankAt(nu + reach, all.count()));
  for (const Sketch& group : groups) {
    if (group.empty()) continue;
    arm.clusters.Add({static_cast<double>(group.CountUpTo(arm.quantile.estimate)), static_cast<double>(group.count())});
  }
  return arm;
}

}  // namespace guidon::stats
