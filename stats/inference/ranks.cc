#include "stats/inference/ranks.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "stats/inference/distributions.h"

namespace guidon::stats {

Outcome<RankTest> MannWhitney(std::span<const double> control, std::span<const double> treatment, bool continuity) {
  if (control.empty() || treatment.empty()) return FailStats(StatsErrorCode::kInsufficientN, "an arm has no values");
  std::vector<std::pair<double, bool>> values;  // value, of the treatment
  values.reserve(control.size() + treatment.size());
  for (double value : control) values.emplace_back(value, false);
  for (double value : treatment) values.emplace_back(value, true);
  if (!std::all_of(values.begin(), values.end(), [](const auto& value) { return std::isfinite(value.first); })) {
    return FailStats(StatsErrorCode::kInvalid, "a value is not finite");
  }
  std::sort(values.begin(), values.end());

  double ranks_of_treatment = 0;
  double ties = 0;  // sum of t³ - t
  for (std::size_t begin = 0, end = 0; begin < values.size(); begin = end) {
    double of_treatment = 0;
    for (; end < values.size() && values[end].first == values[begin].first; ++end) of_treatment += values[end].second;
    const auto tied = static_cast<double>(end - begin);
    const double rank = static_cast<double>(begin) + (tied + 1) / 2;
    ranks_of_treatment += rank * of_treatment;
    ties += tied * tied * tied - tied;
  }

  const auto c = static_cast<double>(control.size());
  const auto t = static_cast<double>(treatment.size());
  const double n = c + t;
  RankTest test;
  test.u_treatment = ranks_of_treatment - t * (t + 1) / 2;
  test.superiority = test.u_treatment / (c * t);
  const double variance = c * t / 12 * (n + 1 - ties / (n * (n - 1)));
  if (!(variance > 0)) return FailStats(StatsErrorCode::kZeroVariance, "all values are the same");
  const double away = std::abs(test.u_treatment - c * t / 2) - (continuity ? 0.5 : 0);
  test.p_value = std::min(1.0, 2 * NormalUpperTail(away / std::sqrt(variance)));
  return test;
}

}  // namespace guidon::stats
