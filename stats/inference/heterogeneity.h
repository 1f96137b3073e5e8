// Is an effect the same in groups of units that were measured apart, such as those of each day? And does it move along
// with where the groups lie, such as from day to day: what wears off is a novelty, what grows is learned?
//
//   std::vector<PlacedEffect> days = {{0, 0.06, 0.02}, {1, 0.05, 0.02}, {2, 0.01, 0.02}};
//   Outcome<Heterogeneity> differ = HeterogeneityOf(days);   // by more than chance makes?
//   Outcome<Trend> trend = TrendOf(days);                    // lower or higher from day to day?
//
// Both weigh a group by 1 / SE². They assume that groups have no unit in common, and that each effect is normal with
// the standard error that is given: enough units in each, and effects on one scale, whose error does not hang on the
// effect. A lift over the group's own control is none such; over what all groups have in common it is.
//
// Thread safety: pure functions. Cost: O(groups).
#pragma once

#include <cstddef>
#include <span>

#include "stats/inference/effect.h"

namespace guidon::stats {

// Of one group.
struct PlacedEffect {
  double at = 0;  // where it lies: its day
  double point = 0;
  double standard_error = 0;  // > 0
};

// Cochran's Q (1954): Q = Σ (point - mean)² / SE², mean = Σ (point / SE²) / Σ (1 / SE²). Of groups with one effect it
// is chi-square with groups - 1 degrees of freedom.
struct Heterogeneity {
  std::size_t groups = 0;
  double mean = 0;            // weighted
  double standard_error = 0;  // of the mean: 1 / sqrt(Σ 1 / SE²)
  double q = 0;
  double degrees_of_freedom = 0;
  double p_value = 1;  // of one effect in all groups
};
// Where a group lies does not matter. kInsufficientN: fewer than two groups. kInvalid: a number that is not finite, or
// a standard error that is not above 0.
Outcome<Heterogeneity> HeterogeneityOf(std::span<const PlacedEffect> groups);

// The weighted least squares line through the groups; SE = 1 / sqrt(Σ (at - center)² / SE²), two-sided by the normal
// distribution, for the errors are known and not found from the line. Q is z² and what the groups differ from the line,
// so that a p far below that of Q is what a trend looks like.
struct Trend {
  double slope = 0;  // by how much the effect is higher one further
  double standard_error = 0;
  double z = 0;
  double p_value = 1;  // of a slope of 0
  double center = 0;   // weighted mean of `at`, where the line passes through …
  double mean = 0;     // … the weighted mean of the effects
  double At(double at) const { return mean + slope * (at - center); }
};
// kInsufficientN: fewer than three groups, or all at one place. kInvalid as of HeterogeneityOf.
Outcome<Trend> TrendOf(std::span<const PlacedEffect> groups);

}  // namespace guidon::stats
