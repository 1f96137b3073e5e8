// What all units of an experiment come to: level 2. It is all that a report reads, and its size depends on arms,
// metrics, days and slices, never on the number of events or units.
//
//   Totals totals(plan);
//   totals.Add(contribution);                            // a unit that was new
//   totals.Remove(before); totals.Add(after);            // one that has changed
//   ArmStatistic arm = totals.Arm(metric, variant);      // for stats/inference
//
// Kept are, for each metric, variant and day of first exposure, and for each slice: n, and the sums, squares and
// products of y, d, x and xd, none of them ever rounded (exact_sum.h). So Add, Remove and Merge in any order give the
// same totals to the bit, and what was removed leaves nothing behind; the keeper recomputes all of it from level 1 once
// a day (also to set caps) and compares. Moments are taken from the sums at 106 bits, so that no digit of a variance is
// lost however far from 0 a mean lies.
//
// Quantiles are kept for a variant as a whole: a sketch for each of kHashGroups. They have no days and no slices.
//
// Bounds: kMostSlices values of each dimension have cells of their own, the same for all variants; those that come
// later are counted together under "(other)" (the one thing that the order of units decides). Slices have no days. Days
// are those between the start and the end of the experiment.
//
// Thread safety: a plain value. Cost: Add and Remove are one update of the day and one of each dimension, about 40 ns
// for each metric in them; reading an arm is a walk through its days.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "stats/metric/contribution.h"
#include "stats/metric/plan.h"
#include "stats/statistic/exact_sum.h"
#include "stats/statistic/power_sums.h"
#include "stats/statistic/sketch.h"

namespace guidon::stats {

inline constexpr std::size_t kMostSlices = 20;
inline constexpr std::string_view kOtherSlice = "(other)";

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

  // Contributions are those of the plan: with its variants, metrics and dimensions (dimensions that are missing are
  // "").
  void Add(const Contribution& contribution);
  void Remove(const Contribution& contribution);  // of what was added before
  // The same with the cells for values of dimensions that `slots` has for them, which is to be totals of these units
  // and others under the same plan: that has what is added already, and what is removed still. Then TakeSlotsOf before
  // anything is added in another way.
  void Add(const Contribution& contribution, const Totals& slots);
  void Remove(const Contribution& contribution, const Totals& slots);
  void TakeSlotsOf(const Totals& slots);  // those that are empty here
  // Of other units under the same plan. Where a dimension has more than kMostSlices values between the two, removing
  // what was added to one of them before is no longer exact for slices.
  void Merge(const Totals& other);

  // --- what reports read -------------------------------------------------------------------------------------------
  // `variant` and `metric` count from 0 as in the plan.

  UnitCounts Units(std::uint32_t variant) const;
  UnitCounts Units(std::uint32_t variant, const Slice& slice) const;
  std::map<std::int32_t, std::vector<UnitCounts>> UnitsByDay() const;  // day of first exposure -> by variant
  std::vector<Slice> Slices() const;                                   // that have units, in order

  // Statistics of an arm: of all days; of a slice; of the units first exposed from the day `first` to `last`, both
  // included. By kind: conversion, retention and funnel give a ProportionStatistic; count and sum a CupedStatistic;
  // ratio a CupedRatioStatistic; these two a MeanStatistic and RatioStatistic where the plan does not adjust; mean a
  // MeanStatistic of the units with events; quantile a QuantileClusteredStatistic. Without units n is 0, as for
  // quantiles of slices and days, and inference answers kInsufficientN.
  ArmStatistic Arm(std::size_t metric, std::uint32_t variant) const;
  ArmStatistic Arm(std::size_t metric, std::uint32_t variant, const Slice& slice) const;
  ArmStatistic ArmOfDays(std::size_t metric, std::uint32_t variant, std::int32_t first, std::int32_t last) const;
  // The same without CUPED, and without caps.
  ArmStatistic RawArm(std::size_t metric, std::uint32_t variant) const;
  // The covariate alone, as if it were the metric: for the check of bias before exposure. n is 0 for quantiles and
  // funnels, which have none.
  ArmStatistic CovariateArm(std::size_t metric, std::uint32_t variant) const;
  // Funnel: how many units reached each step (empty without units). Quantile: the merged sketch.
  std::vector<std::uint64_t> StepCounts(std::size_t metric, std::uint32_t variant) const;
  Sketch MergedSketch(std::size_t metric, std::uint32_t variant) const;
  std::uint64_t CappedUnits(std::size_t metric, std::uint32_t variant) const;
  std::uint64_t Events() const;  // that were counted, of all metrics and arms: "at least 150"
  std::uint64_t Events(std::size_t metric) const;

  // --- what keepers need -------------------------------------------------------------------------------------------

  // Parts to store: each under a name of its own, so that a change writes what it changed only. Equal totals give equal
  // parts. totals_parts.cc has names and layout.
  std::map<std::string, std::string> TakeDirtyParts();  // since the last call; an empty text: the part is gone
  std::map<std::string, std::string> AllParts() const;
  // Nothing is dirty. kCorrupt, with the part's name: it was not written for this plan, or is damaged.
  static Result<Totals> FromParts(const ExperimentPlan& plan, const std::map<std::string, std::string>& parts);
  // The greatest difference of any sum to `other`'s, relative to its size: 0 of the same contributions, as nothing is
  // rounded. Infinity where a count differs.
  double DriftFrom(const Totals& other) const;

 private:
  // What of a metric matters here.
  struct Shape {
    MetricKind kind = MetricKind::kConversion;
    std::size_t steps = 0;  // of a funnel
    bool adjust = false;
    bool has_cap = false;  // then y_uncapped has sums of its own
    double quantile = 0.5;
  };

  // Of one metric, in one variant and day or slice.
  struct Cell {
    std::uint64_t n = 0;  // units that count for the metric
    std::uint64_t capped = 0;
    std::uint64_t events = 0;
    std::array<ExactSum, 4> sums;       // of y, d, x, xd
    std::array<ExactSum, 10> products;  // yy yd yx yxd dd dx dxd xx xxd xdxd
    std::array<ExactSum, 3> uncapped;   // with a cap: of u = y_uncapped, uu, ud
    std::vector<std::uint64_t> steps;   // of a funnel: units that reached each

    void Change(const Shape& shape, const MetricContribution& by, int sign);
    void Merge(const Cell& other);
  };

  // Of one variant and day or slice.
  struct Part {
    UnitCounts units;
    std::vector<Cell> cells;  // by metric; empty before the first unit that is not set aside
    bool dirty = false;

    void Change(const std::vector<Shape>& shapes, const Contribution& by, int sign);
    void Merge(const Part& other);
    bool empty() const { return units.units == 0 && units.multiple == 0; }
  };

  // Of one quantile metric, variant and hash group.
  struct Group {
    Sketch sketch;
    bool dirty = false;
  };
  using GroupKey = std::array<std::uint32_t, 3>;  // metric, variant, group

  enum class View { kAdjusted, kRaw, kCovariate };

  void Change(const Contribution& by, int sign, const Totals& slots);
  void ChangeSlices(const Contribution& by, int sign, const Totals& slots);
  void ChangeSketches(const Contribution& by, int sign);
  // The cells of a value: its own, those that it may still have, or those of "(other)".
  Slice SlotOf(std::uint32_t dimension, const std::string& value) const;
  bool HasOther(std::uint32_t dimension) const;
  static bool IsEmpty(const std::vector<Part>& by_variant);
  void DropSlot(const Slice& slot);

  Cell SumOfDays(std::size_t metric, std::uint32_t variant, std::int32_t first, std::int32_t last) const;
  Cell SumOfAllDays(std::size_t metric, std::uint32_t variant) const;
  ArmStatistic StatisticOf(std::size_t metric, const Cell& cell, View view) const;
  std::vector<Sketch> SketchesOf(std::size_t metric, std::uint32_t variant) const;
  static double Drift(const Cell& a, const Cell& b);
  static double Drift(const Part* a, const Part* b);

  static std::string NameOfDay(std::uint32_t variant, std::int32_t day);
  static std::string NameOfSlice(std::uint32_t variant, const Slice& slice);
  static std::string NameOfGroup(const GroupKey& key);
  static std::string NameOfEmptySlots(std::uint32_t dimension);
  std::string TextOf(const Part& part) const;
  std::string TextOfEmptySlots(std::uint32_t dimension) const;
  bool ReadPart(const std::string& name, std::string_view text);
  bool Read(std::string_view text, Part* part) const;
  bool ReadEmptySlots(std::uint32_t dimension, std::string_view text);

  std::vector<Shape> shapes_;  // by metric
  std::size_t dimensions_ = 0;
  std::vector<std::map<std::int32_t, Part>> days_;  // by variant
  std::map<Slice, std::vector<Part>> slices_;       // by variant; may be empty while "(other)" is not
  std::map<GroupKey, Group> groups_;
  std::set<std::uint32_t> dirty_slots_;  // dimensions whose empty slots may have changed
  std::set<std::string> gone_;           // names of parts that were dropped since they were taken last
};

}  // namespace guidon::stats
