// What a table of units came to, without a server: the arms, whether the split is as planned, and by how much each
// variant differs from the control, for people and for programs.
//
//   ShowReadout(facts);                           // on standard output, in some 80 columns
//   AppendReadout(facts, object);                 // "sample_ratio" and "effects"
//
// Intervals and p-values are those of one look at an end that was planned (stats/inference/readout.h), each by itself.
//
// Thread safety: functions without state.
#pragma once

#include <guidon/value.h>
#include "stats/statistic/experiment_facts.h"

namespace guidon::cli {

inline constexpr double kReadoutAlpha = 0.05;

void ShowReadout(const stats::ExperimentFacts& facts);

// sample_ratio: {chi_squared, p_value}; missing where there are too few units to tell. effects: for each metric and
// variant but the control {metric, variant, alpha, small_counts}, and either `error` or
//   absolute            {effect, standard_error, interval, p_value}; with small counts Newcombe's interval and
//                       Fisher's p
//   relative            the same of the lift, or null where there is none
//   fieller             where the control is too near to 0 for that: the lift's interval, if it has two ends
//   unadjusted          with a covariate: the absolute effect without it, and
//   variance_left       which share of its variance is left with it
void AppendReadout(const stats::ExperimentFacts& facts, Object& object);

}  // namespace guidon::cli
