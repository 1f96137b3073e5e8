#include "stats/inference/multiplicity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stats/inference/distributions.h"

namespace guidon::stats {
namespace {

using Values = std::vector<double>;

// Each of these takes p-values that rise, and gives the adjusted ones in the same order.

// None is below what comes before it.
Values StepDown(Values adjusted) {
  for (std::size_t i = 1; i < adjusted.size(); ++i) adjusted[i] = std::max(adjusted[i], adjusted[i - 1]);
  return adjusted;
}

// None is above what comes after it.
Values StepUp(Values adjusted) {
  for (std::size_t i = adjusted.size(); i-- > 1;) adjusted[i - 1] = std::min(adjusted[i - 1], adjusted[i]);
  return adjusted;
}

template <typename Of>
Values Each(const Values& sorted, Of of) {  // of(p, how many are not smaller, its place from 1)
  Values adjusted(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    adjusted[i] = of(sorted[i], static_cast<double>(sorted.size() - i), static_cast<double>(i + 1));
  }
  return adjusted;
}

Values Hommel(const Values& sorted) {
  const std::size_t n = sorted.size();
  double least = 1;
  for (std::size_t i = 0; i < n; ++i) {
    least = std::min(least, static_cast<double>(n) * sorted[i] / static_cast<double>(i + 1));
  }
  Values adjusted(n, least), of_size(n);
  // Subsets of each size m: the largest m - 1 of the p-values by Simes, the others against the smallest of these.
  for (std::size_t m = n; m-- > 2;) {
    const double size = static_cast<double>(m);
    double smallest = 1;
    for (std::size_t k = 2; k <= m; ++k) {
      smallest = std::min(smallest, size * sorted[n - m + k - 1] / static_cast<double>(k));
    }
    for (std::size_t i = 0; i <= n - m; ++i) of_size[i] = std::min(size * sorted[i], smallest);
    for (std::size_t i = n - m + 1; i < n; ++i) of_size[i] = of_size[n - m];
    for (std::size_t i = 0; i < n; ++i) adjusted[i] = std::max(adjusted[i], of_size[i]);
  }
  for (std::size_t i = 0; i < n; ++i) adjusted[i] = std::max(adjusted[i], sorted[i]);
  return adjusted;
}

Values Adjust(const Values& sorted, Correction correction) {
  const double n = static_cast<double>(sorted.size());
  const auto by_remaining = [](double p, double remaining, double) { return p * remaining; };
  switch (correction) {
    case Correction::kBonferroni:
      return Each(sorted, [&](double p, double, double) { return p * n; });
    case Correction::kHolm:
      return StepDown(Each(sorted, by_remaining));
    case Correction::kHolmSidak:
      return StepDown(
          Each(sorted, [](double p, double remaining, double) { return -std::expm1(remaining * std::log1p(-p)); }));
    case Correction::kHochberg:
      return StepUp(Each(sorted, by_remaining));
    case Correction::kHommel:
      return Hommel(sorted);
    case Correction::kBenjaminiHochberg:
      return StepUp(Each(sorted, [&](double p, double, double place) { return p * n / place; }));
    case Correction::kBenjaminiYekutieli: {
      double harmonic = 0;
      for (double k = 1; k <= n; ++k) harmonic += 1 / k;
      return StepUp(Each(sorted, [&](double p, double, double place) { return p * n * harmonic / place; }));
    }
  }
  return sorted;
}

}  // namespace

Outcome<std::vector<double>> AdjustP(std::span<const double> p_values, Correction correction) {
  if (p_values.size() > kMaxQuestions) return FailStats(StatsErrorCode::kInvalid, "more than 10000 p-values at once");
  for (const double p : p_values) {
    if (!(p >= 0 && p <= 1)) return FailStats(StatsErrorCode::kInvalid, "a p-value is not within 0 and 1");
  }
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  Values sorted;
  for (const std::size_t i : order) sorted.push_back(p_values[i]);
  const Values adjusted = Adjust(sorted, correction);
  Values result(p_values.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[order[i]] = std::min(1.0, adjusted[i]);
  return result;
}

Interval WidenToAdjustedP(double point, const Interval& interval, double adjusted_p, double alpha) {
  if (adjusted_p > 0.999999) return {};
  if (!(adjusted_p > 0)) return interval;
  const double reach = std::abs(point) / NormalUpperQuantile(adjusted_p / 2) * NormalUpperQuantile(alpha / 2);
  const Interval wide{point - reach, point + reach};
  return wide.lower <= interval.lower && wide.upper >= interval.upper ? wide : interval;
}

}  // namespace guidon::stats
