// How rows are written: the bands of the table, and runs one after another with a generator each.
//
// Internal to stats/simulation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stats/simulation/generator.h"
#include "stats/simulation/simulation.h"

namespace guidon::stats {

inline std::size_t ScaledRuns(std::size_t whole, const SimulationOptions& options) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(static_cast<double>(whole) * options.scale)));
}

// Four standard errors of a share of `runs`, more than those of a share of `whole`.
inline double MoreSlack(double share, std::size_t whole, std::size_t runs) {
  const double deviation = 4 * std::sqrt(std::max(share * (1 - share), 1e-4));
  return deviation / std::sqrt(static_cast<double>(runs)) - deviation / std::sqrt(static_cast<double>(whole));
}

// A share that has to lie in [lower, upper] when `whole` runs are made.
inline Check ShareCheck(std::string what, double count, double of, double lower, double upper, std::size_t whole,
                        std::size_t runs) {
  const double slack = MoreSlack((std::max(lower, 0.0) + std::min(upper, 1.0)) / 2, whole, runs);
  return {std::move(what), count / of, lower > 0 ? std::max(0.0, lower - slack) : 0,
          upper < 1 ? std::min(1.0, upper + slack) : 1, runs};
}

// A mean of something whose band is known at `whole` runs only by its width, which is taken for four standard errors.
inline Check MeanCheck(std::string what, double measured, double expected, double width, std::size_t whole,
                       std::size_t runs) {
  const double wider = width * std::sqrt(static_cast<double>(whole) / static_cast<double>(runs));
  return {std::move(what), measured, expected - wider, expected + wider, runs};
}

// `body(generator)` for each run.
template <typename Body>
void ForEachRun(std::size_t runs, const SimulationOptions& options, std::string_view row, Body body) {
  for (std::size_t run = 0; run < runs; ++run) {
    Generator generator(options.seed, row, run);
    body(generator);
  }
}

void AddFixedRows(std::vector<Row>& rows);       // S1, S2, S5, S9 to S11, S13
void AddSequentialRows(std::vector<Row>& rows);  // S3, S4, S6
void AddDecisionRows(std::vector<Row>& rows);    // S7, S8, S12
void AddFactsRows(std::vector<Row>& rows);       // S14 to S17
void AddVerdictRows(std::vector<Row>& rows);     // D1 to D4

}  // namespace guidon::stats
