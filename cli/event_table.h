// An experiment that was run elsewhere: a table of units, or of what happened to them, into the facts that a report is
// made of.
//
//   Result<TableColumns> columns = ReadColumns("unit=userid,variant=version", {"retention_1:conversion"});
//   Result<TableFacts> table = FactsOfTable("cookie_cats.csv", *columns, {.experiment = "cookie-cats"});
//
// A row says which unit, which variant and, by metric, what came of it. Several rows of a unit add up; one that is in
// two variants is set aside and counted, as in experiments of a server.
//
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "stats/inference/interaction.h"
#include "stats/metric/plan.h"
#include "stats/statistic/experiment_facts.h"

namespace guidon::cli {

inline constexpr std::size_t kMostTableUnits = 20'000'000;  // held in memory, some 350 bytes each

struct MetricColumn {
  stats::MetricPlan metric;          // its key is the column's; `sources` as in the list of columns below
  std::vector<std::string> columns;  // one; of a ratio the numerator's and the denominator's
  std::string before;                // the same number from before the exposure, for CUPED; empty: none
  std::string server_metric;         // whose events they become on a server; empty: that of the column's name
};

struct TableColumns {
  std::string unit, variant;
  std::string time;                     // of the exposure; empty: none, and results have no days
  std::vector<std::string> dimensions;  // by which results are split
  std::string cluster;                  // what was assigned as a whole, such as a shop; empty: each unit by itself
  std::vector<MetricColumn> metrics;
};

// `exposure`: "unit=userid,variant=version", perhaps with "time=COLUMN", "cluster=COLUMN" and any number of
// "dimension=COLUMN".
// `metrics`: "COLUMN:KIND", or of a ratio "COLUMN/COLUMN:ratio", and any of ":down" (less is better),
// ":cap=99.9%" or ":cap=500", ":before=COLUMN", ":metric=KEY" and of a quantile ":at=95%". Kinds: conversion, count,
// sum, mean, ratio, quantile. kInvalid names what cannot be read; it is also a quantile, or ":before=", with a cluster.
Result<TableColumns> ReadColumns(const std::string& exposure, const std::vector<std::string>& metrics);

struct TableOptions {
  std::string experiment;
  std::string control;                    // a variant; empty: the first in byte order
  std::map<std::string, double> weights;  // shares of 1 by variant; empty: all the same
};

// The units that count for a metric, one by one, for methods that sums are not enough for. By variant, as in the plan;
// within it in the order of the units' names.
struct MetricValues {
  // After the exposure, capped as the metric is, and before it. Kept where a method takes them: `y` of count, sum,
  // mean, and of a conversion with a column from before; `x` of these with such a column. With clusters neither.
  std::vector<std::vector<double>> y, x;
  // With clusters: of each, in the order of their names, the sum of y, and how many units or the sum of the ratio's
  // denominators.
  std::vector<std::vector<stats::ClusterTotal>> clusters;
};

struct TableFacts {
  stats::ExperimentFacts facts;
  std::vector<MetricValues> values;         // as facts.plan.metrics
  std::string cluster;                      // the column; empty: none
  std::vector<std::size_t> cluster_counts;  // by variant
};

// FILE.csv (RFC 4180, the first row has the names), or FILE.jsonl (an object on each line). A conversion is true or
// false, yes or no, or a number (true unless 0); other values are numbers; an empty field is no event. Times are RFC
// 3339, days or milliseconds. kInvalid, with the row: a column that is missing, a value that cannot be read, a row
// without unit, variant or cluster, one variant only, a cluster in two variants, a unit in two clusters; kTooLarge:
// beyond the bounds; kIo. Cost: reads the file once; 16 bytes at most for each unit and metric stay.
Result<TableFacts> FactsOfTable(const std::string& path, const TableColumns& columns, const TableOptions& options);

// Below that: the rows themselves. A cell by the place of its name in `names`; "" where there is nothing.
using TableCell = std::function<std::string_view(std::size_t)>;
// The rows with their numbers, the first of which is 2 in CSV: the names are row 1. An error of `see` ends the reading.
Status ReadTable(const std::string& path, const std::vector<std::string>& names,
                 const std::function<Status(std::size_t row, const TableCell& cell)>& see);

std::optional<stats::Time> ReadTableTime(std::string_view text);
// A whole number of a count, 1 or 0 of a conversion.
std::optional<double> ReadTableValue(std::string_view text, stats::MetricKind kind);
std::string_view WordForValueOf(stats::MetricKind kind);  // "yes or no"

}  // namespace guidon::cli
