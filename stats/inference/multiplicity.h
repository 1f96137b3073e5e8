// Several questions at once: p-values that take account of how many were asked.
//
//   Outcome<std::vector<double>> adjusted = AdjustP(p_values, Correction::kHolm);
//
// Decisions (goals x variants) by Holm: the chance of any false one is at most alpha, whatever they have to do with
// each other. Secondary readouts by Benjamini-Hochberg: of what is shown, at most a share of alpha is false, on
// average. p-values that are valid at every moment (confidence_sequence.h, GroupSequential::RepeatedP) stay so through
// Holm, and only about so through Benjamini-Hochberg.
//
// Thread safety: pure functions. Cost: a sort; kHommel n^2 (at most kMaxQuestions).
#pragma once

#include <span>
#include <vector>

#include "stats/inference/effect.h"

namespace guidon::stats {

inline constexpr std::size_t kMaxQuestions = 10'000;

enum class Correction {
  // The chance of any false claim is at most alpha.
  kBonferroni,  // p n
  kHolm,        // steps down: the k-th smallest, p (n - k + 1). Holm 1979
  kHolmSidak,   // steps down: 1 - (1 - p)^(n - k + 1); independent, or positively dependent. Sidak 1967, Holm 1979
  kHochberg,    // steps up: p (n - k + 1); likewise. Hochberg 1988
  kHommel,      // closed testing of Simes; likewise, and never above Hochberg's. Hommel 1988, in Wright's 1992 form
  // The share of false claims among all that are made is, on average, at most alpha.
  kBenjaminiHochberg,   // steps up: p n / k; independent, or positively dependent. Benjamini & Hochberg 1995
  kBenjaminiYekutieli,  // … times 1 + 1/2 + … + 1/n; whatever they have to do with each other. 2001
};

// In the order of the input, each within [0, 1] and none below its p. kInvalid: a p that is not within [0, 1], or more
// than kMaxQuestions.
Outcome<std::vector<double>> AdjustP(std::span<const double> p_values, Correction correction);

// For display only: the interval that goes with an adjusted p, SE' = |point| / z_{1 - p / 2}, point ± z_{1 - alpha / 2}
// SE'. No simultaneous coverage is claimed for it; intervals that have it are those of alpha / n (Bonferroni). Taken
// only where it holds the interval that was there; p above 0.999999 gives the whole line. alpha within (0, 1).
Interval WidenToAdjustedP(double point, const Interval& interval, double adjusted_p, double alpha);

}  // namespace guidon::stats
