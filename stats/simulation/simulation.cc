#include "stats/simulation/simulation.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "stats/simulation/rows.h"

namespace guidon::stats {
namespace {

// S3 before S3b before S10, and D1 after them.
std::tuple<bool, int, std::string> Place(const Row& row) {
  std::size_t end = 1;
  while (end < row.id.size() && row.id[end] >= '0' && row.id[end] <= '9') ++end;
  return {row.id[0] != 'S', std::stoi(row.id.substr(1, end - 1)), row.id.substr(end)};
}

}  // namespace

const std::vector<Row>& Rows() {
  static const std::vector<Row> kRows = [] {
    std::vector<Row> rows;
    AddFixedRows(rows);
    AddSequentialRows(rows);
    AddDecisionRows(rows);
    AddFactsRows(rows);
    AddVerdictRows(rows);
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return Place(a) < Place(b); });
    return rows;
  }();
  return kRows;
}

std::string ToLine(const Row& row, const Check& check) {
  char line[200];
  std::snprintf(line, sizeof line, "%-4s %-4s %-46s %9.4g  in [%.4g, %.4g]  %zu runs", row.id.c_str(),
                check.Passes() ? "ok" : "MISS", check.what.c_str(), check.measured, check.lower, check.upper,
                check.runs);
  return line;
}

}  // namespace guidon::stats
