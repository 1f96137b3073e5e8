// Whether one arm's values tend to be larger than the other's, whatever their distribution.
#pragma once

#include <span>

#include "stats/inference/effect.h"

namespace guidon::stats {

struct RankTest {
  double u_treatment = 0;  // pairs in which the treatment's value is larger; equal ones count a half
  double p_value = 1;      // two-sided
  // u / (pairs): the chance that a unit of the treatment has more than one of the control (half of ties).
  double superiority = 0.5;
};

// Mann & Whitney (1947), by the normal approximation with ties corrected for and, unless told, half a pair of
// continuity. It asks another question than a difference of means: a treatment may raise the mean and lose this, or the
// reverse. Errors: kInsufficientN for an arm without values, kInvalid for a value that is not finite, kZeroVariance
// when all are the same. Good from about ten values an arm.
//
// Thread safety: pure function. Cost: O(n log n).
Outcome<RankTest> MannWhitney(std::span<const double> control, std::span<const double> treatment,
                              bool continuity = true);

}  // namespace guidon::stats
