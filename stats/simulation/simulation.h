// The engine against truths that are known: rows S1 to S17, each of one method, and D1 to D4, each of whole
// experiments, of the table in docs/statistics.md. Each row draws data of a known truth, lets the functions of stats/
// that production calls decide, and counts how often they were right.
//
//   for (const Row& row : Rows()) {
//     for (const Check& check : row.run({.seed = 1, .scale = 1.0})) std::puts(ToLine(row, check).c_str());
//   }
//
// A run of `scale` 1 is as large as the table says; a smaller one draws that share of the runs, and its bands are wider
// by the difference of four standard errors of a share at the two sizes, so that it fails as rarely.
//
// Cost: all rows at scale 1 take a minute or two on one core. Thread safety: pure functions of their options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace guidon::stats {

struct SimulationOptions {
  std::uint64_t seed = 20'270'101;
  double scale = 1;  // of the number of runs, (0, 1]
};

// One number, and where it has to lie.
struct Check {
  std::string what;  // "false positives at .05"
  double measured = 0;
  double lower = 0, upper = 0;  // both ends are accepted
  std::size_t runs = 0;
  bool Passes() const { return measured >= lower && measured <= upper; }
};

struct Row {
  std::string id;    // "S1", "S3b", "D1"
  std::string what;  // one line
  std::function<std::vector<Check>(const SimulationOptions&)> run;
};

const std::vector<Row>& Rows();

// "S1    ok    false positives at .05                   0.0488  in [0.0450, 0.0550]  40000 runs", without a newline.
std::string ToLine(const Row& row, const Check& check);

}  // namespace guidon::stats
