// What a table of units came to, without a server: the arms, whether the split is as planned, and by how much each
// variant differs from the control, for people and for programs.
//
//   ShowReadout(table);                           // on standard output, in some 80 columns
//   AppendReadout(table, object);                 // "sample_ratio", "clusters" and "effects"
//
// Intervals and p-values are those of one look at an end that was planned (cli/event_ways.h), each by itself.
//
// Thread safety: functions without state.
#pragma once

#include <guidon/value.h>
#include "cli/event_table.h"

namespace guidon::cli {

inline constexpr double kReadoutAlpha = 0.05;

void ShowReadout(const TableFacts& table);

// sample_ratio: {chi_squared, p_value}, of clusters where there are such; missing where there are too few to tell.
// clusters: {column, counts by variant, permutations, seed}; missing where there are none. effects: for each metric and
// variant but the control {metric, variant, alpha, small_counts}, and either `error` or
//   absolute            {effect, standard_error, interval, p_value}; with small counts Newcombe's interval and
//                       Fisher's p
//   relative            the same of the lift, or null where there is none
//   fieller             where the control is too near to 0 for that: the lift's interval, if it has two ends
//   unadjusted          with CUPED: the absolute effect without it,
//   variance_left       which share of its variance is left with it, and
//   cuped               {width}, of its interval over that without
//   lin                 with a column from before: as `absolute`, by Lin's regression, and its `width`; or {error}
//   stratified          for each dimension {dimension, strata}, as `absolute`, and `width`; or {dimension, error}
//   ranks               of count, sum and mean: {superiority, p_value}, or {error}
// By clusters, `absolute` is of them, `relative` null, and there are {permutation_p, exact} and nothing more.
void AppendReadout(const TableFacts& table, Object& object);

}  // namespace guidon::cli
