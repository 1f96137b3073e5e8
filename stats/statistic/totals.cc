#include "stats/statistic/totals.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "stats/statistic/quantile.h"

namespace guidon::stats {
namespace {

constexpr std::size_t kY = 0, kD = 1, kX = 2, kXd = 3;
constexpr double kNoRest = 0x1p-98;  // of a sum of squares: what rounding at 106 bits may leave of nothing
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Sum of (a - mean a)(b - mean b), from the sums of a, b and ab. With a itself (b is a) never below 0, and 0 when all
// values are the same.
double Deviations(double n, const ExactSum& a, const ExactSum& b, const ExactSum& ab) {
  const double rest = (ab.ToWide() - a.ToWide() * b.ToWide() / n).high;
  return &a == &b && rest <= kNoRest * ab.ToDouble() ? 0 : rest;
}

// Of some of y, d, x and xd, in that order.
template <std::size_t K, typename Cell>
JointMoments<K> MomentsOf(const Cell& cell, const std::array<std::size_t, K>& which) {
  JointMoments<K> moments;
  if (cell.n == 0) return moments;
  moments.n = static_cast<double>(cell.n);
  for (std::size_t i = 0; i < K; ++i) {
    const ExactSum& a = cell.sums[which[i]];
    const Wide mean = a.ToWide() / moments.n;
    moments.mean[i] = mean.high;
    moments.mean_rest[i] = mean.low;
    for (std::size_t j = i; j < K; ++j) {
      const ExactSum& ab = cell.products[QuadMoments::Index(which[i], which[j])];
      moments.products[moments.Index(i, j)] = Deviations(moments.n, a, cell.sums[which[j]], ab);
    }
  }
  return moments;
}

template <typename Cell>
Moments MomentsOf(const Cell& cell, std::size_t which) {
  if (cell.n == 0) return {};
  const auto n = static_cast<double>(cell.n);
  const ExactSum& sum = cell.sums[which];
  const Wide mean = sum.ToWide() / n;
  return {n, mean.high, Deviations(n, sum, sum, cell.products[QuadMoments::Index(which, which)]), mean.low};
}

double Difference(const ExactSum& a, const ExactSum& b) {
  ExactSum difference = a;
  difference.Subtract(b);
  if (difference.IsZero()) return 0;
  return std::abs(difference.ToDouble()) / std::max(std::abs(a.ToDouble()), std::abs(b.ToDouble()));
}

}  // namespace

// ---- Adding
// -----------------------------------------------------------------------------------------------------------

Totals::Totals(const ExperimentPlan& plan) : dimensions_(plan.dimensions.size()), days_(plan.variants.size()) {
  for (const MetricPlan& metric : plan.metrics) {
    Shape shape;
    shape.kind = metric.kind;
    if (metric.kind == MetricKind::kFunnel) shape.steps = metric.sources.size();
    shape.adjust = metric.adjust;
    shape.has_cap = metric.cap_value || metric.cap_share;
    shape.quantile = metric.quantile;
    shapes_.push_back(shape);
  }
}

void Totals::Add(const Contribution& contribution) {
  Change(contribution, 1, *this);
}
void Totals::Remove(const Contribution& contribution) {
  Change(contribution, -1, *this);
}
void Totals::Add(const Contribution& contribution, const Totals& slots) {
  Change(contribution, 1, slots);
}
void Totals::Remove(const Contribution& contribution, const Totals& slots) {
  Change(contribution, -1, slots);
}

void Totals::Change(const Contribution& by, int sign, const Totals& slots) {
  if (by.kind == Contribution::Kind::kNone) return;
  assert(by.variant < days_.size());
  assert(by.kind == Contribution::Kind::kMultiple || by.metrics.size() == shapes_.size());
  Part& day = days_[by.variant][by.day];
  day.Change(shapes_, by, sign);
  if (day.empty()) {
    days_[by.variant].erase(by.day);
    gone_.insert(NameOfDay(by.variant, by.day));
  }
  ChangeSlices(by, sign, slots);
  if (by.kind == Contribution::Kind::kUnit) ChangeSketches(by, sign);
}

void Totals::Part::Change(const std::vector<Shape>& shapes, const Contribution& by, int sign) {
  dirty = true;
  const auto one = static_cast<std::uint64_t>(sign);  // adding 2^64 - 1 takes one away
  if (by.kind == Contribution::Kind::kMultiple) {
    units.multiple += one;
    return;
  }
  units.units += one;
  if (by.has_history) units.with_history += one;
  cells.resize(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) cells[i].Change(shapes[i], by.metrics[i], sign);
  if (units.units == 0) cells.clear();
}

void Totals::Cell::Change(const Shape& shape, const MetricContribution& by, int sign) {
  if (!by.counted) return;
  const auto one = static_cast<std::uint64_t>(sign);
  n += one;
  events += static_cast<std::uint64_t>(by.events) * one;
  if (by.capped) capped += one;
  const std::array<double, 4> values = {by.y, by.d, by.x, by.xd};
  for (std::size_t i = 0; i < 4; ++i) {
    if (values[i] == 0) continue;
    sums[i].Add(sign * values[i]);
    for (std::size_t j = i; j < 4; ++j) products[QuadMoments::Index(i, j)].AddProduct(sign * values[i], values[j]);
  }
  if (shape.has_cap) {
    uncapped[0].Add(sign * by.y_uncapped);
    uncapped[1].AddProduct(sign * by.y_uncapped, by.y_uncapped);
    uncapped[2].AddProduct(sign * by.y_uncapped, by.d);
  }
  steps.resize(shape.steps);
  for (std::size_t i = 0; i < std::min<std::size_t>(by.steps, steps.size()); ++i) steps[i] += one;
}

void Totals::ChangeSlices(const Contribution& by, int sign, const Totals& slots) {
  static const std::string kNone;
  for (std::uint32_t dimension = 0; dimension < dimensions_; ++dimension) {
    const Slice slot = slots.SlotOf(dimension, dimension < by.dimensions.size() ? by.dimensions[dimension] : kNone);
    std::vector<Part>& parts = slices_[slot];
    parts.resize(days_.size());
    if (IsEmpty(parts) && HasOther(dimension)) dirty_slots_.insert(dimension);
    parts[by.variant].Change(shapes_, by, sign);
    if (IsEmpty(parts)) DropSlot(slot);
  }
}

void Totals::ChangeSketches(const Contribution& by, int sign) {
  for (std::uint32_t metric = 0; metric < shapes_.size(); ++metric) {
    if (by.metrics[metric].values.empty()) continue;
    const GroupKey key = {metric, by.variant, by.group};
    Group& group = groups_[key];
    group.dirty = true;
    for (const ValueCount& value : by.metrics[metric].values) {
      if (sign > 0) {
        group.sketch.Add(value.value, value.count);
      } else {
        group.sketch.Remove(value.value, value.count);
      }
    }
    if (!group.sketch.empty()) continue;
    groups_.erase(key);
    gone_.insert(NameOfGroup(key));
  }
}

// ---- Slices
// ----------------------------------------------------------------------------------------------------------- A value
// that has no cells gets some while there are fewer than kMostSlices of its dimension; else it is counted under
// "(other)". Which values are in there nobody knows: so as long as there are any, no cells are given up, also those
// that have become empty, or their room would go to a value that has units in "(other)" already.

Slice Totals::SlotOf(std::uint32_t dimension, const std::string& value) const {
  Slice own{dimension, value};
  if (value == kOtherSlice || slices_.contains(own)) return own;
  std::size_t slots = 0;
  for (auto at = slices_.lower_bound({dimension, ""}); at != slices_.end() && at->first.dimension == dimension; ++at) {
    if (at->first.value != kOtherSlice) ++slots;
  }
  if (slots >= kMostSlices) own.value = kOtherSlice;
  return own;
}

void Totals::TakeSlotsOf(const Totals& slots) {
  for (std::uint32_t dimension = 0; dimension < dimensions_; ++dimension) dirty_slots_.insert(dimension);
  std::erase_if(slices_, [&](const auto& slot) {
    if (!IsEmpty(slot.second) || slots.slices_.contains(slot.first)) return false;
    for (std::uint32_t variant = 0; variant < slot.second.size(); ++variant) {
      if (slot.second[variant].dirty) gone_.insert(NameOfSlice(variant, slot.first));
    }
    return true;
  });
  for (const auto& [slot, by_variant] : slots.slices_) slices_[slot].resize(days_.size());
}

bool Totals::HasOther(std::uint32_t dimension) const {
  const auto other = slices_.find({dimension, std::string(kOtherSlice)});
  return other != slices_.end() && !IsEmpty(other->second);
}

bool Totals::IsEmpty(const std::vector<Part>& by_variant) {
  return std::all_of(by_variant.begin(), by_variant.end(), [](const Part& part) { return part.empty(); });
}

// Of an empty slot: gives it up, and with "(other)" all that are empty.
void Totals::DropSlot(const Slice& slot) {
  dirty_slots_.insert(slot.dimension);
  if (HasOther(slot.dimension)) return;
  for (auto at = slices_.lower_bound({slot.dimension, ""});
       at != slices_.end() && at->first.dimension == slot.dimension;) {
    if (!IsEmpty(at->second)) {
      ++at;
      continue;
    }
    for (std::uint32_t variant = 0; variant < at->second.size(); ++variant) {
      if (at->second[variant].dirty) gone_.insert(NameOfSlice(variant, at->first));
    }
    at = slices_.erase(at);
  }
}

// ---- Merging
// ----------------------------------------------------------------------------------------------------------

void Totals::Merge(const Totals& other) {
  assert(other.shapes_.size() == shapes_.size() && other.days_.size() == days_.size());
  for (std::size_t variant = 0; variant < days_.size(); ++variant) {
    for (const auto& [day, part] : other.days_[variant]) days_[variant][day].Merge(part);
  }
  for (const auto& [slice, by_variant] : other.slices_) {
    if (IsEmpty(by_variant)) continue;
    std::vector<Part>& parts = slices_[SlotOf(slice.dimension, slice.value)];
    parts.resize(days_.size());
    dirty_slots_.insert(slice.dimension);
    for (std::size_t variant = 0; variant < parts.size(); ++variant) {
      if (!by_variant[variant].empty()) parts[variant].Merge(by_variant[variant]);
    }
  }
  for (const auto& [key, group] : other.groups_) {
    Group& mine = groups_[key];
    mine.sketch.Merge(group.sketch);
    mine.dirty = true;
  }
}

void Totals::Part::Merge(const Part& other) {
  dirty = true;
  units.units += other.units.units;
  units.multiple += other.units.multiple;
  units.with_history += other.units.with_history;
  cells.resize(std::max(cells.size(), other.cells.size()));
  for (std::size_t i = 0; i < other.cells.size(); ++i) cells[i].Merge(other.cells[i]);
}

void Totals::Cell::Merge(const Cell& other) {
  n += other.n;
  capped += other.capped;
  events += other.events;
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i].Add(other.sums[i]);
  for (std::size_t i = 0; i < products.size(); ++i) products[i].Add(other.products[i]);
  for (std::size_t i = 0; i < uncapped.size(); ++i) uncapped[i].Add(other.uncapped[i]);
  steps.resize(std::max(steps.size(), other.steps.size()));
  for (std::size_t i = 0; i < other.steps.size(); ++i) steps[i] += other.steps[i];
}

// ---- Reading
// ----------------------------------------------------------------------------------------------------------

UnitCounts Totals::Units(std::uint32_t variant) const {
  UnitCounts all;
  for (const auto& [day, part] : days_[variant]) {
    all.units += part.units.units;
    all.multiple += part.units.multiple;
    all.with_history += part.units.with_history;
  }
  return all;
}

UnitCounts Totals::Units(std::uint32_t variant, const Slice& slice) const {
  const auto at = slices_.find(slice);
  return at == slices_.end() ? UnitCounts{} : at->second[variant].units;
}

std::map<std::int32_t, std::vector<UnitCounts>> Totals::UnitsByDay() const {
  std::map<std::int32_t, std::vector<UnitCounts>> by_day;
  for (std::size_t variant = 0; variant < days_.size(); ++variant) {
    for (const auto& [day, part] : days_[variant]) {
      std::vector<UnitCounts>& counts = by_day[day];
      counts.resize(days_.size());
      counts[variant] = part.units;
    }
  }
  return by_day;
}

std::vector<Slice> Totals::Slices() const {
  std::vector<Slice> slices;
  for (const auto& [slice, by_variant] : slices_) {
    if (!IsEmpty(by_variant)) slices.push_back(slice);
  }
  return slices;
}

Totals::Cell Totals::SumOfDays(std::size_t metric, std::uint32_t variant, std::int32_t first, std::int32_t last) const {
  Cell sum;
  const std::map<std::int32_t, Part>& days = days_[variant];
  for (auto at = days.lower_bound(first); at != days.end() && at->first <= last; ++at) {
    if (!at->second.cells.empty()) sum.Merge(at->second.cells[metric]);
  }
  return sum;
}

Totals::Cell Totals::SumOfAllDays(std::size_t metric, std::uint32_t variant) const {
  using Limits = std::numeric_limits<std::int32_t>;
  return SumOfDays(metric, variant, Limits::min(), Limits::max());
}

ArmStatistic Totals::Arm(std::size_t metric, std::uint32_t variant) const {
  if (shapes_[metric].kind == MetricKind::kQuantile) {
    return QuantileOfGroups(SketchesOf(metric, variant), shapes_[metric].quantile);
  }
  return StatisticOf(metric, SumOfAllDays(metric, variant), View::kAdjusted);
}

ArmStatistic Totals::Arm(std::size_t metric, std::uint32_t variant, const Slice& slice) const {
  const auto at = slices_.find(slice);
  const bool found = at != slices_.end() && !at->second[variant].cells.empty();
  return StatisticOf(metric, found ? at->second[variant].cells[metric] : Cell{}, View::kAdjusted);
}

ArmStatistic Totals::ArmOfDays(std::size_t metric, std::uint32_t variant, std::int32_t first, std::int32_t last) const {
  return StatisticOf(metric, SumOfDays(metric, variant, first, last), View::kAdjusted);
}

ArmStatistic Totals::RawArm(std::size_t metric, std::uint32_t variant) const {
  if (shapes_[metric].kind == MetricKind::kQuantile) return Arm(metric, variant);
  Cell cell = SumOfAllDays(metric, variant);
  if (shapes_[metric].has_cap) {
    cell.sums[kY] = cell.uncapped[0];
    cell.products[QuadMoments::Index(kY, kY)] = cell.uncapped[1];
    cell.products[QuadMoments::Index(kY, kD)] = cell.uncapped[2];
  }
  return StatisticOf(metric, cell, View::kRaw);
}

ArmStatistic Totals::CovariateArm(std::size_t metric, std::uint32_t variant) const {
  return StatisticOf(metric, SumOfAllDays(metric, variant), View::kCovariate);
}

ArmStatistic Totals::StatisticOf(std::size_t metric, const Cell& cell, View view) const {
  const Shape& shape = shapes_[metric];
  const auto n = static_cast<double>(cell.n);
  const std::size_t value = view == View::kCovariate ? kX : kY;
  const bool adjusted = view == View::kAdjusted && shape.adjust;
  switch (shape.kind) {
    case MetricKind::kFunnel:
      if (view == View::kCovariate) return ProportionStatistic{};
      [[fallthrough]];
    case MetricKind::kConversion:
    case MetricKind::kRetention:
      return ProportionStatistic{n, cell.sums[value].ToDouble()};
    case MetricKind::kMean:
      return MeanStatistic{MomentsOf(cell, value)};
    case MetricKind::kCount:
    case MetricKind::kSum:
      if (adjusted) return CupedStatistic{MomentsOf<2>(cell, {kY, kX})};
      return MeanStatistic{MomentsOf(cell, value)};
    case MetricKind::kRatio:
      if (adjusted) return CupedRatioStatistic{MomentsOf<4>(cell, {kY, kD, kX, kXd})};
      return RatioStatistic{MomentsOf<2>(cell, {value, value + 1})};
    case MetricKind::kQuantile:
      break;
  }
  QuantileClusteredStatistic none;
  none.quantile.nu = shape.quantile;
  return none;
}

std::vector<std::uint64_t> Totals::StepCounts(std::size_t metric, std::uint32_t variant) const {
  return SumOfAllDays(metric, variant).steps;
}

std::vector<Sketch> Totals::SketchesOf(std::size_t metric, std::uint32_t variant) const {
  std::vector<Sketch> sketches;
  const auto wanted = static_cast<std::uint32_t>(metric);
  for (auto at = groups_.lower_bound({wanted, variant, 0});
       at != groups_.end() && at->first[0] == wanted && at->first[1] == variant; ++at) {
    sketches.push_back(at->second.sketch);
  }
  return sketches;
}

Sketch Totals::MergedSketch(std::size_t metric, std::uint32_t variant) const {
  Sketch merged;
  for (const Sketch& sketch : SketchesOf(metric, variant)) merged.Merge(sketch);
  return merged;
}

std::uint64_t Totals::CappedUnits(std::size_t metric, std::uint32_t variant) const {
  return SumOfAllDays(metric, variant).capped;
}

std::uint64_t Totals::Events() const {
  std::uint64_t events = 0;
  for (std::size_t metric = 0; metric < shapes_.size(); ++metric) events += Events(metric);
  return events;
}

std::uint64_t Totals::Events(std::size_t metric) const {
  std::uint64_t events = 0;
  for (const auto& days : days_) {
    for (const auto& [day, part] : days) {
      if (!part.cells.empty()) events += part.cells[metric].events;
    }
  }
  return events;
}

// ---- Comparing
// --------------------------------------------------------------------------------------------------------

double Totals::Drift(const Cell& a, const Cell& b) {
  const bool same_steps = a.steps == b.steps || a.steps.empty() || b.steps.empty();  // none: no unit counts
  if (a.n != b.n || a.capped != b.capped || a.events != b.events || !same_steps) return kInfinity;
  double drift = 0;
  for (std::size_t i = 0; i < a.sums.size(); ++i) drift = std::max(drift, Difference(a.sums[i], b.sums[i]));
  for (std::size_t i = 0; i < a.products.size(); ++i) {
    drift = std::max(drift, Difference(a.products[i], b.products[i]));
  }
  for (std::size_t i = 0; i < a.uncapped.size(); ++i) {
    drift = std::max(drift, Difference(a.uncapped[i], b.uncapped[i]));
  }
  return drift;
}

double Totals::Drift(const Part* a, const Part* b) {
  static const Part kNone{};
  if (a == nullptr) a = &kNone;
  if (b == nullptr) b = &kNone;
  if (!(a->units == b->units) || a->cells.size() != b->cells.size()) return kInfinity;
  double drift = 0;
  for (std::size_t i = 0; i < a->cells.size(); ++i) drift = std::max(drift, Drift(a->cells[i], b->cells[i]));
  return drift;
}

double Totals::DriftFrom(const Totals& other) const {
  if (days_.size() != other.days_.size() || shapes_.size() != other.shapes_.size()) return kInfinity;
  double drift = 0;
  // Both ways, so that what only one of them has is found.
  const auto compare = [&](const Totals& a, const Totals& b) {
    for (std::size_t variant = 0; variant < a.days_.size(); ++variant) {
      for (const auto& [day, part] : a.days_[variant]) {
        const auto at = b.days_[variant].find(day);
        drift = std::max(drift, Drift(&part, at == b.days_[variant].end() ? nullptr : &at->second));
      }
    }
    for (const auto& [slice, by_variant] : a.slices_) {
      const auto at = b.slices_.find(slice);
      for (std::size_t variant = 0; variant < by_variant.size(); ++variant) {
        drift = std::max(drift, Drift(&by_variant[variant], at == b.slices_.end() ? nullptr : &at->second[variant]));
      }
    }
    for (const auto& [key, group] : a.groups_) {
      const auto at = b.groups_.find(key);
      if (at == b.groups_.end() || !(at->second.sketch == group.sketch)) drift = kInfinity;
    }
  };
  compare(*this, other);
  compare(other, *this);
  return drift;
}

}  // namespace guidon::stats
