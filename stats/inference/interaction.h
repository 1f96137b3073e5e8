// Do two experiments that overlap disturb each other? And experiments whose units are few: whole regions, shops, teams.
//
// Thread safety: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stats/inference/effect.h"

namespace guidon::stats {

// ---- Interaction -------------------------------------------------------------------------------------------------

// The units that have one arm of experiment A and one arm of experiment B.
struct InteractionCell {
  double n = 0;
  double mean = 0;
  double variance = 0;  // of one unit
};
// [arm of A][arm of B], 0: control, 1: treatment.
using InteractionCells = std::array<std::array<InteractionCell, 2>, 2>;

struct Interaction {
  double point = 0;  // by how much A's effect differs where B's treatment is on: (m11 - m10) - (m01 - m00)
  double standard_error = 0;
  double degrees_of_freedom = 0;
  double p_value = 1;  // of none
};
// SE^2 = sum of the four v / n, degrees of freedom by Welch & Satterthwaite over the four, Student's t. Assumes that
// both experiments assign independently of each other. kInsufficientN: a cell with fewer than two units. kZeroVariance:
// no cell varies. kInvalid: numbers that are none.
Outcome<Interaction> InteractionOf(const InteractionCells& cells);

struct InteractionPair {
  std::string name;  // "checkout-one-page x free-shipping"
  InteractionCells cells;
};
struct InteractionFinding {
  std::string name;
  Interaction interaction;
  double adjusted_p = 1;    // by Benjamini-Hochberg over all pairs that could be tested
  bool is_suspect = false;  // adjusted_p <= alpha
  std::size_t pair = 0;     // its place among those that were given
};
// The suspects first, then by p. Pairs that cannot be tested are left out: a scan of what overlaps, to find what needs
// a look, not to prove that there is nothing (it takes four times the units of an experiment to see an interaction of
// the size of its effect). kInvalid: more pairs than kMaxQuestions.
Outcome<std::vector<InteractionFinding>> ScanInteractions(std::span<const InteractionPair> pairs, double alpha = 0.05);

// ---- Few units: clusters -----------------------------------------------------------------------------------------

inline constexpr double kFewClusters = 40;  // below, of both arms, large-sample methods are not to be trusted
inline constexpr std::uint64_t kExactPermutations = 20'000;
inline constexpr std::size_t kMaxClusters = 10'000;

// A cluster's totals; the arm's value is sum numerator / sum denominator.
struct ClusterTotal {
  double numerator = 0;
  double denominator = 0;  // >= 0; 1 for a mean over clusters
};

struct ClusterTest {
  Estimate estimate;         // absolute; Student's t with clusters - 2 degrees of freedom
  double permutation_p = 1;  // of no effect on any cluster: needs no normal distribution
  bool is_exact = false;     // all assignments were gone through, not a sample of them
};
// The variance of each arm's ratio is that of numerator - ratio * denominator over its clusters (delta method), divisor
// k - 1. The permutation test goes through all ways to choose the treated clusters when there are kExactPermutations of
// them at most, else through `permutations` random ones, drawn with `seed`: p = (1 + as extreme) / (1 + drawn). As
// extreme: by |t|. kInsufficientN: fewer than two clusters in an arm. kZeroVariance. kBaselineZero: an arm's
// denominators sum to 0. kInvalid: numbers that are none, alpha outside (0, 1), too many clusters (kMaxClusters).
// Cost: O(clusters x permutations).
struct ClusterOptions {
  double alpha = 0.05;
  std::uint64_t seed = 1;
  std::uint64_t permutations = 10'000;  // at most 1 000 000
};
Outcome<ClusterTest> CompareClusters(std::span<const ClusterTotal> control, std::span<const ClusterTotal> treatment,
                                     const ClusterOptions& options = {});

}  // namespace guidon::stats
