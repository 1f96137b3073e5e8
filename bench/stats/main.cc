// The statistics against truths that are known: prints each row's checks, and how many were missed.
//
//   ./dev bench stats                    all rows, whole
//   ./dev bench stats S3 S4b --scale 0.05 --seed 7
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "stats/simulation/simulation.h"

namespace {

bool IsWanted(const std::string& id, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  for (const std::string& name : wanted) {
    if (name == id) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using guidon::stats::Check;
  using guidon::stats::Row;

  guidon::stats::SimulationOptions options;
  std::vector<std::string> wanted;
  CLI::App app(
      "Rows of docs/statistics.md, S1 to S17 and D1 to D4: draws data of a known truth and counts how often we are "
      "right.");
  app.add_option("ROW", wanted, "Only these rows, such as S3b");
  app.add_option("--scale", options.scale, "Share of the runs; bands widen accordingly")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the generator")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  std::printf("seed %llu, scale %g\n\n", static_cast<unsigned long long>(options.seed), options.scale);
  int rows = 0, checks = 0, missed = 0;
  for (const Row& row : guidon::stats::Rows()) {
    if (!IsWanted(row.id, wanted)) continue;
    const auto start = std::chrono::steady_clock::now();
    const std::vector<Check> results = row.run(options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%s: %s (%.1f s)\n", row.id.c_str(), row.what.c_str(), took.count());
    for (const Check& check : results) {
      std::printf("%s\n", ToLine(row, check).c_str());
      ++checks;
      missed += check.Passes() ? 0 : 1;
    }
    std::fflush(stdout);
    ++rows;
  }
  if (rows == 0) {
    std::fprintf(stderr, "bench_stats: there is no such row\n");
    return 2;
  }
  std::printf("\n%d rows, %d checks, %d missed\n", rows, checks, missed);
  return missed == 0 ? 0 : 1;
}
