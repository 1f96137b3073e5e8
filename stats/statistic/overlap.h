// What units come to that take part in two experiments at once: what the interaction of the two is found from
// (stats/inference/interaction.h).
//
//   OverlapSums sums(plan);                                        // of one iteration, for its first metric
//   sums.Add(takers, contribution);                                // unit after unit, in one order
//   Overlaps overlaps = sums.Finish(time);
//
// For each other experiment there is a cell for each pair of arms. Each of the two keeps cells of its own, by its own
// metric: the question "does the other one change my effect" is asked on both sides.
//
// Bounds: kMostOthers experiments and kMostCells cells of all of them together, in the order in which units meet them:
// what shares many units is met early. Others are left out, and named; of these kMostNamed, after which it is not known
// how many there are. A cell takes some 200 bytes, of a ratio 450.
//
// Thread safety: plain values. Cost of a unit: a search for each experiment that it takes part in, of kMostOthers +
// kMostNamed at most.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"
#include "stats/metric/unit_record.h"
#include "stats/statistic/exact_sum.h"

namespace guidon::stats {

struct OverlapCell {
  std::uint64_t units = 0;  // that have the two arms
  double n = 0;             // of these, those that count for the metric
  double mean = 0;          // of a ratio: the ratio of sums
  double variance = 0;      // of one unit: m(1-m) of yes and no, else of divisor n - 1; of a ratio by the delta method
  friend bool operator==(const OverlapCell&, const OverlapCell&) = default;
};

struct Overlap {
  std::string experiment;
  std::uint32_t iteration = 1;
  std::vector<std::string> variants;            // the first is the control
  std::vector<std::vector<OverlapCell>> cells;  // [own variant][the other's variant]; n is 0 in all of a quantile
  friend bool operator==(const Overlap&, const Overlap&) = default;
};

struct Overlaps {
  Time time{};         // units are as they were then, or later
  std::string metric;  // key
  std::vector<std::string> variants;
  std::vector<Overlap> others;        // that share a unit, by (experiment, iteration)
  std::vector<std::string> left_out;  // experiments that share one, too, and had no room; sorted
  friend bool operator==(const Overlaps&, const Overlaps&) = default;
};

// {"time":…,"metric":…,"variants":[…],"others":[{"experiment":…,"iteration":…,"variants":[…],
// "cells":[[[units,n,mean,variance],…],…]},…],"left_out":[…]}
Value EncodeOverlaps(const Overlaps& overlaps);
// kCorrupt: not what was written.
Result<Overlaps> DecodeOverlaps(const Value& value);

class OverlapSums {
 public:
  static constexpr std::size_t kMostOthers = 20, kMostCells = 256, kMostNamed = 100;

  // An iteration that a unit takes part in, by one arm. Everything outlives the call that it is given to.
  struct Taker {
    const ExperimentPlan* plan = nullptr;
    std::uint32_t variant = 0;
  };

  explicit OverlapSums(const ExperimentPlan& plan);  // outlives it
  // As TakeDirtyParts had it stored. kCorrupt: it was not.
  static Result<OverlapSums> Read(const ExperimentPlan& plan, const std::map<std::string, std::string>& parts);

  // `takers`: all that the unit takes part in, by (experiment, iteration), without those that it saw several arms of.
  // Of them count those of another experiment that ran at the same time for a while. Nothing where the unit does not
  // count or was set aside.
  void Add(std::span<const Taker> takers, const Contribution& gives);

  // What has changed since the last time, by the names of parts.
  std::map<std::string, std::string> TakeDirtyParts();
  Overlaps Finish(Time time) const;

 private:
  struct Cell {
    std::uint64_t units = 0, n = 0;
    ExactSum y, yy, d, dd, yd;  // of a ratio all, else the first two
  };
  struct Other {
    std::vector<std::string> variants;
    std::vector<Cell> cells;  // [own variant * variants + the other's]
    std::size_t part = 0;     // its place in the order in which they were met
    bool is_dirty = false;
  };
  using Key = std::pair<std::string, std::uint32_t>;

  bool IsBeside(const ExperimentPlan& other) const;
  void AddTo(Other& other, const Taker& taker, const Contribution& gives);
  Other* Find(const ExperimentPlan& other);
  OverlapCell Finished(const Cell& cell) const;

  const ExperimentPlan* plan_;
  std::map<Key, Other, IterationLess> others_;
  std::size_t cells_ = 0;
  std::set<std::string, std::less<>> left_out_;
  bool left_out_is_dirty_ = false;
};

}  // namespace guidon::stats
