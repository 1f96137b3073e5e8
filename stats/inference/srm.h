// Sample-ratio mismatch: do the arms have the units that their weights promise? When not, assignment or counting is
// broken, and nothing else that the experiment says may be believed.
//
//   Outcome<RatioTest> test = TestRatio(units, weights);
//   if (test && HasEnoughForRatio(units, weights) && test->p_value < kRatioAlarm) ...
//
// Thread safety: pure functions, but for SequentialRatio.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stats/inference/effect.h"

namespace guidon::stats {

inline constexpr double kRatioAlarm = 0.001;        // 0.6 % of sound experiments have it once in 14 daily looks
inline constexpr double kRatioEnough = 8;           // units expected in each arm
inline constexpr double kRatioConcentration = 1e4;  // of the sequential test

struct RatioTest {
  double chi_squared = 0;
  double degrees_of_freedom = 0;
  double p_value = 1;
  double strays = 0;  // units of arms whose weight is 0: not within the test, a fault by themselves
};

// Pearson's chi-square, sum (observed - expected)^2 / expected, with k - 1 degrees of freedom; the weights are in any
// unit (shares, percents, parts). Arms of weight 0 are no part of it. kInvalid: not as many weights as counts, a
// negative one or one above 1e15, a share above 0 and below 1e-12, fewer than two arms with a weight. kInsufficientN:
// no units.
Outcome<RatioTest> TestRatio(std::span<const double> observed, std::span<const double> weights);
// Every arm with a weight is expected to have kRatioEnough units: below, chi-square is no good approximation.
bool HasEnoughForRatio(std::span<const double> observed, std::span<const double> weights);
// Periods between which the weights were changed: each against its own weights, summed. No periods: p = 1.
RatioTest CombinePeriods(std::span<const RatioTest> periods);

// Valid at every moment, so that a machine may look at every unit: what the counts say for ratios drawn from a
// Dirichlet distribution around the promised ones, against the promised ones (Lindon & Malek 2022).
// ln BF = lnG(A) - lnG(A + n) + sum [lnG(a_i + S_i) - lnG(a_i) - S_i ln p_i], a_i = concentration * p_i, A their sum;
// p = min(p before, 1 / BF). Slower than chi-square at one look, and its alarms are rarer: 0.3 % for 5 %.
class SequentialRatio {
 public:
  // kInvalid: as for TestRatio, or a concentration that is not within 0.001 and 1e15.
  static Outcome<SequentialRatio> Begin(std::span<const double> weights, double concentration = kRatioConcentration);

  // Units since the last call, of every arm; those of arms of weight 0 are left out. kInvalid: a negative number, or
  // not as many as there are weights; then nothing is added.
  Outcome<double> Add(std::span<const double> units);  // the p-value

  double p_value() const { return p_; }
  double log_bayes_factor() const { return log_bayes_factor_; }  // of all units so far

 private:
  SequentialRatio() = default;
  std::vector<double> shares_, counts_, evidence_;  // of each arm; what it adds to the factor
  double n_ = 0;
  double concentration_ = kRatioConcentration;
  double log_bayes_factor_ = 0;
  double p_ = 1;
};

// Where is it? Each segment (platform, SDK version, country, …) by itself, p-values adjusted by Benjamini-Hochberg.
struct RatioSegment {
  std::string name;
  std::vector<double> observed;  // of every arm
};
struct RatioFinding {
  std::string name;
  RatioTest test;
  double adjusted_p = 1;
  bool is_suspect = false;  // adjusted_p below `alarm`
};
// The suspects first, then by p. Segments that do not have enough are left out. kInvalid: as for TestRatio.
Outcome<std::vector<RatioFinding>> LocateMismatch(std::span<const RatioSegment> segments,
                                                  std::span<const double> weights, double alarm = 0.01);

}  // namespace guidon::stats
