// Allocation that follows the evidence: Gaussian Thompson sampling, computed rather than drawn.
//
//   Outcome<BanditAllocation> next = Allocate(arms, {.floor = 0.01});
//
// An arm gets units in proportion to the chance that it is the best one. Weights are to be changed once an hour at
// most, with assignment that sticks. Effects must then be estimated for each period of constant weights and combined by
// the shares of the periods; p-values of a fixed sample do not hold for what a bandit gathered.
//
// Thread safety: pure functions. Cost: 4 ms for 10 arms.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "stats/inference/effect.h"
#include "stats/inference/fixed.h"

namespace guidon::stats {

inline constexpr std::size_t kMaxBanditArms = 100;

struct BanditArm {
  double n = 0;
  double mean = 0;
  double variance = 0;  // of one unit
};

struct BanditPrior {  // of each arm's mean
  double mean = 0;
  double stddev = 1;
};

struct BanditOptions {
  double floor = 0.01;     // the least weight of an arm
  double min_units = 100;  // of each arm, before which all get the same
  Direction good = Direction::kIncrease;
  bool top_two = false;  // in proportion to being first or second: explores more, and learns faster which is best
  std::optional<BanditPrior> prior;
};

struct BanditAllocation {
  std::vector<double> mean, variance;  // posterior of each arm's mean
  std::vector<double> best;            // the chance to be the best arm; they sum to 1
  std::vector<double> weights;         // sum to 1; floor + (1 - k floor) times what is in proportion
  bool is_uniform = false;             // all get the same: an arm lacks units, or the floors leave nothing
};

// best[i] = integral of phi(t) prod_{j != i} Phi((m_i + t s_i - m_j) / s_j) dt, good to 1e-7.
// kInvalid: fewer than two arms or more than kMaxBanditArms, a floor outside [0, 1], counts or variances that are none.
// kInsufficientN: an arm without a unit. kZeroVariance: an arm that does not vary.
Outcome<BanditAllocation> Allocate(std::span<const BanditArm> arms, const BanditOptions& options = {});

// The chance of each to be the highest of independent normal variables; as above.
std::vector<double> BestOf(std::span<const double> means, std::span<const double> variances);

}  // namespace guidon::stats
