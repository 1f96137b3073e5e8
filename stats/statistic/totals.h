// What all units of an experiment come to: level 2. It is all that a report reads, and its size depends on arms,
// metrics, days and slices, never on the number of events or units.
//
//   Totals totals(plan);
//   totals.Add(contribution);                            // a unit that was new
//   totals.Remove(before); totals.Add(after);            // one that has changed
//   ArmStatistic arm = totals.Arm(metric, variant);      // for stats/inference
//
// Sums are kept shifted by a constant of their metric (the first value that was seen), and counts as integers. Removing
// is exact for counts and sketches; sums drift by rounding, which is why the keeper recomputes all of it from level 1
// once a day and compares (alarm above 1e-9 relative).
//
// Bounds: kMostSlices values of each dimension have cells of their own; those that come later are counted together
// under "(other)". Slices have no days.
//
// Thread safety: a plain value.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "stats/metric/plan.h"
#include "stats/metric/unit_record.h"
#include "stats/statistic/power_sums.h"
#include "stats/statistic/sketch.h"

namespace guidon::stats {

inline constexpr std::size_t kMostSlices = 20;

// A value of one of the plan's dimensions; `dimension` counts from 0.
struct Slice {
  std::uint32_t dimension = 0;
  std::string value;
  friend auto operator<=>(const Slice&, const Slice&) = default;
};

struct UnitCounts {
  std::uint64_t units = 0;
  std::uint64_t multiple = 0;      // set aside, by the arm of the first exposure
  std::uint64_t with_history = 0;  // had events within the lookback
  friend bool operator==(const UnitCounts&, const UnitCounts&) = default;
};

class Totals {
 public:
  explicit Totals(const ExperimentPlan& plan);

  void Add(const Contribution& contribution);
  void Remove(const Contribution& contribution);  // of what was added before
  void Merge(const Totals& other);                // of other units under the same plan

  // --- what reports read -------------------------------------------------------------------------------------------

  UnitCounts Units(std::uint32_t variant) const;
  UnitCounts Units(std::uint32_t variant, const Slice& slice) const;
  std::map<std::int32_t, std::vector<UnitCounts>> UnitsByDay() const;  // day of first exposure -> by variant
  std::vector<Slice> Slices() const;                                   // that have units, in order

  // Statistics of an arm, of all days; `through` and before. kInsufficientN where the arm has no units.
  ArmStatistic Arm(std::size_t metric, std::uint32_t variant) const;
  ArmStatistic Arm(std::size_t metric, std::uint32_t variant, const Slice& slice) const;
  ArmStatistic ArmOfDays(std::size_t metric, std::uint32_t variant, std::int32_t first, std::int32_t last) const;
  // The same without CUPED, and without caps.
  ArmStatistic RawArm(std::size_t metric, std::uint32_t variant) const;
  // The covariate alone: for the check of bias before exposure.
  ArmStatistic CovariateArm(std::size_t metric, std::uint32_t variant) const;
  // Funnel: units that reached each step. Quantile: of the merged sketch.
  std::vector<std::uint64_t> StepCounts(std::size_t metric, std::uint32_t variant) const;
  Sketch MergedSketch(std::size_t metric, std::uint32_t variant) const;
  std::uint64_t CappedUnits(std::size_t metric, std::uint32_t variant) const;
  std::uint64_t Events() const;  // that were counted, of all metrics: "at least 150"

  // --- what keepers need -------------------------------------------------------------------------------------------

  // Parts to store: each under a name of its own, so that a change writes what it changed only. Equal totals give equal
  // parts.
  std::map<std::string, std::string> TakeDirtyParts();  // since the last call; an empty text: the part is gone
  std::map<std::string, std::string> AllParts() const;
  static Result<Totals> FromParts(const ExperimentPlan& plan, const std::map<std::string, std::string>& parts);
  // The greatest difference of any sum to `other`'s, relative to its size. Counts must be equal: else infinity.
  double DriftFrom(const Totals& other) const;
};

// Caps of the metrics that have a share: at that percentile of the unit totals of all arms together (order statistic by
// linear interpolation), zeros left out. `totals_of` is asked for each metric's y (d, x, xd) of every unit.
struct UnitTotals {
  std::vector<double> y, d, x, xd;
};
Caps CapsOf(const ExperimentPlan& plan, std::vector<UnitTotals> metrics);

}  // namespace guidon::stats
