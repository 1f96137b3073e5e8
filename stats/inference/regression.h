// Adjustment by regression, for units whose values are all at hand: what CUPED approximates from sums.
//
//   Outcome<AdjustedEffect> lin = Lin(y, x, treated);
//   lin->effect -+ NormalUpperQuantile(.025) * lin->se_robust
//
// Both are least squares whose coefficient of `treated` is the effect. ANCOVA (Fisher 1932) has one slope for both
// arms; Lin (2013) one for each, which never makes large samples worse. With half the units in each arm they hardly
// differ.
//
// Errors: kInvalid when the lists differ in length or hold what is not finite, kInsufficientN with fewer than 2 units
// in an arm or fewer than 5 in all, kZeroVariance when the covariate does not vary (in an arm, for Lin) or tells the
// arms apart.
//
// Thread safety: pure functions. Cost: O(units).
#pragma once

#include <span>
#include <vector>

#include "stats/inference/effect.h"

namespace guidon::stats {

struct AdjustedEffect {
  double effect = 0;      // treatment - control
  double se_classic = 0;  // residuals vary alike everywhere
  double se_robust = 0;   // HC2 (MacKinnon & White 1985): they need not; what an experiment should use
};

// y: the value of each unit; x: what was known of it before; treated: true for the treatment, false for the control.
Outcome<AdjustedEffect> Ancova(std::span<const double> y, std::span<const double> x, const std::vector<bool>& treated);
Outcome<AdjustedEffect> Lin(std::span<const double> y, std::span<const double> x, const std::vector<bool>& treated);

}  // namespace guidon::stats
