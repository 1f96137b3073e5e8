// How totals lie in the store: parts with names, numbers in them decimal.
//
//   d/VARIANT/DAY                 what the units of a variant come to that were first exposed on a day
//   s/VARIANT/DIMENSION/VALUE     the same of a slice
//   q/METRIC/VARIANT/GROUP        the sketch of a quantile metric's values in a hash group
//   o/DIMENSION                   values that keep their cells although they have no units now
//
// A text begins with the version, 1. Then (packed.h; sums as ExactSum, sketches as Sketch write them):
//
//   d, s   units, set aside, with history; if there are units, number of metrics, then each:
//            n, capped, events, which sums are not 0 (bit i: sums, products, uncapped, in the order of Totals::Cell),
//            these, and of a funnel how many units reached each step
//   q      the sketch
//   o      number of values, then each (text), in order
#include <charconv>
#include <utility>

#include "stats/statistic/totals.h"

namespace guidon::stats {
namespace {

constexpr std::uint8_t kVersion = 1;

// Calls visit(sum, bit) for each sum of a cell.
template <typename Cell, typename Visit>
void ForEachSum(Cell& cell, Visit visit) {
  unsigned bit = 0;
  for (auto& sum : cell.sums) visit(sum, bit++);
  for (auto& sum : cell.products) visit(sum, bit++);
  for (auto& sum : cell.uncapped) visit(sum, bit++);
}
constexpr unsigned kSums = 17;

// Numbers of a name, up to `count` of them, each followed by '/' or by the end; what is left is `*rest`.
bool ReadNumbers(std::string_view text, std::size_t count, std::vector<std::int64_t>* numbers, std::string_view* rest) {
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    numbers->push_back(number);
    if (!text.empty() && text.front() != '/') return false;
    if (text.empty() && i + 1 < count) return false;
    if (!text.empty()) text.remove_prefix(1);
  }
  *rest = text;
  return true;
}

}  // namespace

// ---- Names
// ------------------------------------------------------------------------------------------------------------

std::string Totals::NameOfDay(std::uint32_t variant, std::int32_t day) {
  return "d/" + std::to_string(variant) + "/" + std::to_string(day);
}
std::string Totals::NameOfSlice(std::uint32_t variant, const Slice& slice) {
  return "s/" + std::to_string(variant) + "/" + std::to_string(slice.dimension) + "/" + slice.value;
}
std::string Totals::NameOfGroup(const GroupKey& key) {
  return "q/" + std::to_string(key[0]) + "/" + std::to_string(key[1]) + "/" + std::to_string(key[2]);
}
std::string Totals::NameOfEmptySlots(std::uint32_t dimension) {
  return "o/" + std::to_string(dimension);
}

// ---- Writing
// ----------------------------------------------------------------------------------------------------------

std::string Totals::TextOf(const Part& part) const {
  if (part.empty()) return "";
  Packer out;
  out.Byte(kVersion);
  out.Unsigned(part.units.units);
  out.Unsigned(part.units.multiple);
  out.Unsigned(part.units.with_history);
  if (part.units.units == 0) return out.Take();
  out.Unsigned(part.cells.size());
  for (std::size_t metric = 0; metric < part.cells.size(); ++metric) {
    const Cell& cell = part.cells[metric];
    out.Unsigned(cell.n);
    out.Unsigned(cell.capped);
    out.Unsigned(cell.events);
    std::uint64_t written = 0;
    ForEachSum(cell, [&](const ExactSum& sum, unsigned bit) { written |= sum.IsZero() ? 0 : std::uint64_t{1} << bit; });
    out.Unsigned(written);
    ForEachSum(cell, [&](const ExactSum& sum, unsigned bit) {
      if ((written >> bit & 1) != 0) sum.Write(out);
    });
    for (std::size_t i = 0; i < shapes_[metric].steps; ++i) out.Unsigned(i < cell.steps.size() ? cell.steps[i] : 0);
  }
  return out.Take();
}

std::string Totals::TextOfEmptySlots(std::uint32_t dimension) const {
  std::vector<std::string_view> values;
  for (auto at = slices_.lower_bound({dimension, ""}); at != slices_.end() && at->first.dimension == dimension; ++at) {
    if (IsEmpty(at->second)) values.push_back(at->first.value);
  }
  if (values.empty()) return "";
  Packer out;
  out.Byte(kVersion);
  out.Unsigned(values.size());
  for (const std::string_view value : values) out.Text(value);
  return out.Take();
}

namespace {

std::string TextOf(const Sketch& sketch) {
  Packer out;
  out.Byte(kVersion);
  sketch.Write(out);
  return out.Take();
}

}  // namespace

std::map<std::string, std::string> Totals::TakeDirtyParts() {
  std::map<std::string, std::string> parts;
  for (const std::string& name : gone_) parts[name] = "";
  for (std::uint32_t variant = 0; variant < days_.size(); ++variant) {
    for (auto& [day, part] : days_[variant]) {
      if (std::exchange(part.dirty, false)) parts[NameOfDay(variant, day)] = TextOf(part);
    }
  }
  for (auto& [slice, by_variant] : slices_) {
    for (std::uint32_t variant = 0; variant < by_variant.size(); ++variant) {
      if (std::exchange(by_variant[variant].dirty, false)) {
        parts[NameOfSlice(variant, slice)] = TextOf(by_variant[variant]);
      }
    }
  }
  for (auto& [key, group] : groups_) {
    if (std::exchange(group.dirty, false)) parts[NameOfGroup(key)] = stats::TextOf(group.sketch);
  }
  for (const std::uint32_t dimension : dirty_slots_) parts[NameOfEmptySlots(dimension)] = TextOfEmptySlots(dimension);
  dirty_slots_.clear();
  gone_.clear();
  return parts;
}

std::map<std::string, std::string> Totals::AllParts() const {
  std::map<std::string, std::string> parts;
  for (std::uint32_t variant = 0; variant < days_.size(); ++variant) {
    for (const auto& [day, part] : days_[variant]) parts[NameOfDay(variant, day)] = TextOf(part);
  }
  for (const auto& [slice, by_variant] : slices_) {
    for (std::uint32_t variant = 0; variant < by_variant.size(); ++variant) {
      if (by_variant[variant].empty()) continue;
      parts[NameOfSlice(variant, slice)] = TextOf(by_variant[variant]);
    }
  }
  for (const auto& [key, group] : groups_) parts[NameOfGroup(key)] = stats::TextOf(group.sketch);
  for (std::uint32_t dimension = 0; dimension < dimensions_; ++dimension) {
    std::string text = TextOfEmptySlots(dimension);
    if (!text.empty()) parts[NameOfEmptySlots(dimension)] = std::move(text);
  }
  return parts;
}

// ---- Reading
// ----------------------------------------------------------------------------------------------------------

Result<Totals> Totals::FromParts(const ExperimentPlan& plan, const std::map<std::string, std::string>& parts) {
  Totals totals(plan);
  for (const auto& [name, text] : parts) {
    if (text.empty() || totals.ReadPart(name, text)) continue;
    return Fail(ErrorCode::kCorrupt, "the part '" + name + "' of the totals of '" + plan.experiment +
                                         "': it was not written for this plan, or is damaged");
  }
  return totals;
}

bool Totals::ReadPart(const std::string& name, std::string_view text) {
  if (name.size() < 3 || name[1] != '/') return false;
  std::vector<std::int64_t> numbers;
  std::string_view rest;
  const std::size_t count = name[0] == 'q' ? 3 : name[0] == 'o' ? 1 : 2;
  if (!ReadNumbers(std::string_view(name).substr(2), count, &numbers, &rest)) return false;
  const auto below = [&](std::size_t i, std::size_t end) {
    return numbers[i] >= 0 && static_cast<std::uint64_t>(numbers[i]) < end;
  };
  const auto number = [&](std::size_t i) { return static_cast<std::uint32_t>(numbers[i]); };

  if (name[0] == 'd') {
    const auto day = static_cast<std::int32_t>(numbers[1]);
    if (!below(0, days_.size()) || NameOfDay(number(0), day) != name) return false;
    return Read(text, &days_[number(0)][day]);
  }
  if (name[0] == 's') {
    if (!below(0, days_.size()) || !below(1, dimensions_)) return false;
    const Slice slice{number(1), std::string(rest)};
    if (NameOfSlice(number(0), slice) != name || SlotOf(slice.dimension, slice.value) != slice) return false;
    std::vector<Part>& parts = slices_[slice];
    parts.resize(days_.size());
    return Read(text, &parts[number(0)]);
  }
  if (name[0] == 'q') {
    if (!below(0, shapes_.size()) || !below(1, days_.size()) || !below(2, kHashGroups)) return false;
    const GroupKey key = {number(0), number(1), number(2)};
    if (shapes_[key[0]].kind != MetricKind::kQuantile || NameOfGroup(key) != name) return false;
    Unpacker in(text);
    Sketch& sketch = groups_[key].sketch;
    return in.Byte() == kVersion && sketch.Read(in) && in.AtEnd() && !sketch.empty();
  }
  return name[0] == 'o' && below(0, dimensions_) && NameOfEmptySlots(number(0)) == name &&
         ReadEmptySlots(number(0), text);
}

bool Totals::Read(std::string_view text, Part* part) const {
  Unpacker in(text);
  if (in.Byte() != kVersion) return false;
  part->units.units = in.Unsigned();
  part->units.multiple = in.Unsigned();
  part->units.with_history = in.UnsignedTo(part->units.units);
  if (part->empty()) return false;
  if (part->units.units == 0) return in.AtEnd();
  if (in.Unsigned() != shapes_.size()) return false;
  part->cells.resize(shapes_.size());
  for (std::size_t metric = 0; metric < shapes_.size() && in.ok(); ++metric) {
    Cell& cell = part->cells[metric];
    cell.n = in.UnsignedTo(part->units.units);
    cell.capped = in.UnsignedTo(cell.n);
    cell.events = in.Unsigned();
    const std::uint64_t written = in.UnsignedTo((std::uint64_t{1} << kSums) - 1);
    ForEachSum(cell, [&](ExactSum& sum, unsigned bit) {
      if ((written >> bit & 1) != 0 && (!sum.Read(in) || sum.IsZero())) in.Break();
    });
    cell.steps.resize(shapes_[metric].steps);
    for (std::uint64_t& step : cell.steps) step = in.UnsignedTo(cell.n);
  }
  return in.AtEnd();
}

bool Totals::ReadEmptySlots(std::uint32_t dimension, std::string_view text) {
  Unpacker in(text);
  if (in.Byte() != kVersion) return false;
  const std::size_t count = in.Count(1);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const Slice slice{dimension, std::string(in.Text())};
    if (SlotOf(dimension, slice.value) != slice) return false;
    slices_[slice].resize(days_.size());
  }
  return count > 0 && in.AtEnd();
}

}  // namespace guidon::stats
