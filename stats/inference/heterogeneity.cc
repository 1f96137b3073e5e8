#include "stats/inference/heterogeneity.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "stats/inference/distributions.h"

namespace guidon::stats {
namespace {

std::optional<StatsError> FaultOfGroups(std::span<const PlacedEffect> groups, std::size_t fewest, const char* what) {
  for (const PlacedEffect& group : groups) {
    if (!std::isfinite(group.at) || !std::isfinite(group.point) || !std::isfinite(group.standard_error) ||
        !(group.standard_error > 0)) {
      return StatsError{StatsErrorCode::kInvalid,
                        "the effect of a group is not finite, or its standard error not above 0"};
    }
  }
  if (groups.size() < fewest) return StatsError{StatsErrorCode::kInsufficientN, what};
  return std::nullopt;
}

double SmallestError(std::span<const PlacedEffect> groups) {
  return std::min_element(
             groups.begin(), groups.end(),
             [](const PlacedEffect& a, const PlacedEffect& b) { return a.standard_error < b.standard_error; })
      ->standard_error;
}

// Weights are those of the surest group's: 1 / SE² of a tiny error has no double.
struct GroupMeans {
  double weight = 0;  // Σ (smallest SE / SE)²
  double at = 0;      // weighted means
  double point = 0;
  double smallest_error = 0;
};
double WeightOf(const PlacedEffect& group, double smallest_error) {
  const double share = smallest_error / group.standard_error;
  return share * share;
}
GroupMeans MeansOf(std::span<const PlacedEffect> groups) {
  GroupMeans means;
  means.smallest_error = SmallestError(groups);
  for (const PlacedEffect& group : groups) {
    const double weight = WeightOf(group, means.smallest_error);
    if (weight == 0) continue;  // nothing beside the surest
    means.weight += weight;
    means.at += weight / means.weight * (group.at - means.at);
    means.point += weight / means.weight * (group.point - means.point);
  }
  return means;
}

tl::unexpected<StatsError> TooLarge() {
  return FailStats(StatsErrorCode::kInvalid, "the effects of the groups are too far apart for their errors");
}

}  // namespace

Outcome<Heterogeneity> HeterogeneityOf(std::span<const PlacedEffect> groups) {
  if (auto fault = FaultOfGroups(groups, 2, "one group differs from no other")) return FailStats(*std::move(fault));
  const GroupMeans means = MeansOf(groups);
  Heterogeneity answer;
  answer.groups = groups.size();
  answer.mean = means.point;
  answer.standard_error = means.smallest_error / std::sqrt(means.weight);
  for (const PlacedEffect& group : groups) {
    const double z = (group.point - means.point) / group.standard_error;
    answer.q += z * z;
  }
  if (!std::isfinite(answer.q)) return TooLarge();
  answer.degrees_of_freedom = static_cast<double>(groups.size() - 1);
  answer.p_value = ChiSquaredUpperTail(answer.q, answer.degrees_of_freedom);
  return answer;
}

Outcome<Trend> TrendOf(std::span<const PlacedEffect> groups) {
  if (auto fault = FaultOfGroups(groups, 3, "a trend takes three groups")) return FailStats(*std::move(fault));
  const GroupMeans means = MeansOf(groups);
  double squares = 0, products = 0;  // weighted, from the means
  for (const PlacedEffect& group : groups) {
    const double weight = WeightOf(group, means.smallest_error), along = group.at - means.at;
    squares += weight * along * along;
    products += weight * along * (group.point - means.point);
  }
  const bool is_one_place = std::all_of(groups.begin(), groups.end(),
                                        [&](const PlacedEffect& group) { return group.at == groups.front().at; });
  if (is_one_place) return FailStats(StatsErrorCode::kInsufficientN, "all groups lie at one place");
  Trend trend;
  trend.slope = products / squares;
  trend.standard_error = means.smallest_error / std::sqrt(squares);
  trend.z = trend.slope / trend.standard_error;
  if (!std::isfinite(trend.z)) return TooLarge();
  trend.p_value = 2 * NormalUpperTail(std::fabs(trend.z));
  trend.center = means.at;
  trend.mean = means.point;
  return trend;
}

}  // namespace guidon::stats
