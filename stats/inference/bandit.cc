#include "stats/inference/bandit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stats/inference/distributions.h"
#include "stats/inference/quadrature.h"

namespace guidon::stats {
namespace {

constexpr double kReach = 9;  // standard deviations of an arm's posterior

struct Arms {
  std::vector<double> mean, stddev;
};

// Panels for the integral over arm i: none wider than 3, and fine where another arm, whose posterior may be much
// narrower, is passed.
Quadrature GridOf(const Arms& arms, std::size_t i) {
  std::vector<double> edges = {-kReach, kReach};
  for (std::size_t j = 0; j < arms.mean.size(); ++j) {
    if (j == i) continue;
    const double at = (arms.mean[j] - arms.mean[i]) / arms.stddev[i], width = arms.stddev[j] / arms.stddev[i];
    for (const double step : {-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0}) {
      const double edge = at + step * width;
      if (std::abs(edge) < kReach) edges.push_back(edge);
    }
  }
  std::sort(edges.begin(), edges.end());
  const double narrowest = *std::min_element(arms.stddev.begin(), arms.stddev.end()) / arms.stddev[i];
  Quadrature grid;
  double begin = -kReach;
  for (const double end : edges) {
    const bool is_near = end - begin < 1.5 * narrowest;  // arms alike have edges alike
    if (end <= begin || (is_near && end < kReach)) continue;
    const Quadrature part = GaussLegendre(begin, end, PanelsFor(begin, end, 3));
    begin = end;
    grid.at.insert(grid.at.end(), part.at.begin(), part.at.end());
    grid.weight.insert(grid.weight.end(), part.weight.begin(), part.weight.end());
  }
  return grid;
}

struct Ranks {
  std::vector<double> first, second;
};

Ranks RanksOf(const Arms& arms) {
  const std::size_t k = arms.mean.size();
  Ranks ranks{std::vector<double>(k), std::vector<double>(k)};
  for (std::size_t i = 0; i < k; ++i) {
    const Quadrature grid = GridOf(arms, i);
    for (std::size_t g = 0; g < grid.at.size(); ++g) {
      const double value = arms.mean[i] + grid.at[g] * arms.stddev[i];
      double all = 1, all_but_one = 0;  // below: all of the others so far; all but one of them
      for (std::size_t j = 0; j < k; ++j) {
        if (j == i) continue;
        const double z = (value - arms.mean[j]) / arms.stddev[j];
        const double below = NormalLowerTail(z);
        all_but_one = all_but_one * below + all * (1 - below);
        all *= below;
      }
      const double mass = grid.weight[g] * NormalDensity(grid.at[g]);
      ranks.first[i] += mass * all;
      ranks.second[i] += mass * all_but_one;
    }
  }
  for (std::vector<double>* chances : {&ranks.first, &ranks.second}) {
    const double sum = std::accumulate(chances->begin(), chances->end(), 0.0);
    for (double& chance : *chances) chance /= sum;
  }
  return ranks;
}

}  // namespace

std::vector<double> BestOf(std::span<const double> means, std::span<const double> variances) {
  Arms arms;
  for (std::size_t i = 0; i < means.size(); ++i) {
    arms.mean.push_back(means[i]);
    arms.stddev.push_back(std::sqrt(variances[i]));
  }
  return RanksOf(arms).first;
}

Outcome<BanditAllocation> Allocate(std::span<const BanditArm> arms, const BanditOptions& options) {
  const double k = static_cast<double>(arms.size());
  if (arms.size() < 2 || arms.size() > kMaxBanditArms) {
    return FailStats(StatsErrorCode::kInvalid, "a bandit has 2 to 100 arms");
  }
  if (!(options.floor >= 0 && options.floor <= 1)) {
    return FailStats(StatsErrorCode::kInvalid, "the least weight of an arm is not within 0 and 1");
  }
  if (options.prior && !(options.prior->stddev > 0 && std::isfinite(options.prior->mean))) {
    return FailStats(StatsErrorCode::kInvalid, "a prior needs a mean, and a standard deviation above 0");
  }
  BanditAllocation next;
  Arms posterior;
  for (const BanditArm& arm : arms) {
    if (!std::isfinite(arm.n) || !std::isfinite(arm.mean) || !std::isfinite(arm.variance) || arm.variance < 0) {
      return FailStats(StatsErrorCode::kInvalid, "an arm's units, mean or variance is no number");
    }
    if (!(arm.n > 0)) return FailStats(StatsErrorCode::kInsufficientN, "an arm has no units yet");
    if (arm.variance == 0) return FailStats(StatsErrorCode::kZeroVariance, "the units of an arm do not vary");
    double precision = arm.n / arm.variance, mean = arm.mean;
    if (options.prior) {
      const double belief = 1 / (options.prior->stddev * options.prior->stddev);
      mean = (mean * precision + options.prior->mean * belief) / (precision + belief);
      precision += belief;
    }
    next.mean.push_back(mean);
    next.variance.push_back(1 / precision);
    posterior.mean.push_back(options.good == Direction::kDecrease ? -mean : mean);
    posterior.stddev.push_back(1 / std::sqrt(precision));
    if (arm.n < options.min_units) next.is_uniform = true;
  }
  const Ranks ranks = RanksOf(posterior);
  next.best = ranks.first;
  const auto is_number = [](double chance) { return std::isfinite(chance); };
  if (!std::all_of(next.best.begin(), next.best.end(), is_number)) {
    return FailStats(StatsErrorCode::kInvalid, "the means of the arms are too far apart for their variances");
  }
  next.is_uniform = next.is_uniform || k * options.floor >= 1;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const double chance = options.top_two ? (ranks.first[i] + ranks.second[i]) / 2 : ranks.first[i];
    next.weights.push_back(next.is_uniform ? 1 / k : options.floor + (1 - k * options.floor) * chance);
  }
  return next;
}

}  // namespace guidon::stats
