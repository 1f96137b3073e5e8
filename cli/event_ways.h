// The effect of a metric in a table of units: as reports compute it, and in the other ways that take every unit's value
// or its stratum. Where whole clusters were assigned, by their test alone.
//
//   MetricEffect effect = EffectOfTable(table, metric, variant, 0.05);
//   if (effect.lin && effect.lin->estimate) Show(*effect.lin->estimate);
//
// All of it is two-sided, for one look at an end that was planned. Which way counts is to be chosen before results are
// seen: the smallest p of several promises nothing.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/event_table.h"
#include "stats/inference/interaction.h"
#include "stats/inference/ranks.h"
#include "stats/inference/readout.h"

namespace guidon::cli {

// Of the permutations of clusters, where there are too many to go through: the same file gives the same p.
inline constexpr std::uint64_t kPermutations = 10'000;
inline constexpr std::uint64_t kPermutationSeed = 1;

// Absolute, as in the plain readout. `width` is its interval's, over that of the effect that nothing adjusts.
struct AdjustedWay {
  stats::Outcome<stats::Estimate> estimate;
  std::optional<double> width;
};
struct StratifiedWay {
  std::string dimension;
  std::size_t strata = 0;  // that were analysed
  AdjustedWay way;
};

struct MetricEffect {
  // By clusters: `clusters` alone, and everything else is empty.
  std::optional<stats::Outcome<stats::ClusterTest>> clusters;
  std::optional<stats::Outcome<stats::Readout>> plain;

  // What follows is of a plain effect that has an answer; the first three are of none with small counts.
  std::optional<double> cuped_width;  // of `absolute`, where CUPED adjusts it
  // Of a conversion, count, sum or mean with a column from before: Lin's regression, HC2 errors, Student's t with n - 4
  // degrees of freedom.
  std::optional<AdjustedWay> lin;
  // For each dimension of the table, of all kinds but mean and quantile: whether a unit has a value is what a variant
  // may have changed, and quantiles do not add up. With CUPED within the strata, where the metric has it.
  std::vector<StratifiedWay> stratified;
  std::optional<stats::Outcome<stats::RankTest>> ranks;  // of a count, sum or mean
};

// `variant` against the control, 1 … variants - 1. Cost: O(units log units) for ranks; clusters x kPermutations.
MetricEffect EffectOfTable(const TableFacts& table, std::size_t metric, std::uint32_t variant, double alpha);

}  // namespace guidon::cli
