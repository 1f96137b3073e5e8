// How a record lies in the store (packed.h has the parts that numbers and texts are made of):
//
//   version 1
//   number of iterations, then each, in order of (experiment, iteration):
//     experiment (text), iteration, number of exposures, then each, in order of (time, variant):
//       variant, time (signed: ms since 1970; from the second on: ms since the one before), number of dimensions, each
//       (text)
//   number of sources, then each, in order:
//     source, grain, number of observations, then each, in order:
//       form (one byte), time (as above), [value], [count]
//
// The form says how the value lies there (bits 0 and 1) and whether a count other than 1 follows (bit 2). Values are
// mostly 1, whole, or have two decimals, as prices do:
//   0  it is 1, and nothing follows     1  a whole number, signed
//   2  hundredths, signed: the double nearest to that      3  the double
#include <algorithm>
#include <cmath>

#include "stats/metric/packed.h"
#include "stats/metric/unit_record.h"

namespace guidon::stats {
namespace {

constexpr std::uint8_t kVersion = 1;

enum Form : std::uint8_t { kOne = 0, kWhole = 1, kHundredths = 2, kDouble = 3, kFormMask = 3, kHasCount = 4 };
constexpr double kMostWhole = 9'007'199'254'740'992;  // 2^53

// ---- Times: the first as it is, the others as what has passed since the one before ----

class TimePacker {
 public:
  void Write(Packer& out, Time time) {
    const std::int64_t ms = time.time_since_epoch().count();
    if (first_) {
      out.Signed(ms);
    } else {
      out.Unsigned(static_cast<std::uint64_t>(ms - before_));
    }
    first_ = false;
    before_ = ms;
  }

 private:
  bool first_ = true;
  std::int64_t before_ = 0;
};

class TimeUnpacker {
 public:
  Time Read(Unpacker& in) {
    constexpr std::int64_t kLeast = kEarliest.time_since_epoch().count(), kMost = kLatest.time_since_epoch().count();
    std::int64_t ms = 0;
    if (first_) {
      ms = in.Signed();
      if (ms < kLeast || ms > kMost) in.Break();
    } else {
      ms = before_ + static_cast<std::int64_t>(in.UnsignedTo(static_cast<std::uint64_t>(kMost - before_)));
    }
    if (!in.ok()) ms = before_;
    first_ = false;
    before_ = ms;
    return Time(Milliseconds(ms));
  }

 private:
  bool first_ = true;
  std::int64_t before_ = 0;
};

// ---- Observations ----

bool IsWhole(double value) {
  return std::abs(value) <= kMostWhole && std::trunc(value) == value;
}
double FromHundredths(std::int64_t hundredths) {
  return static_cast<double>(hundredths) / 100;
}
bool IsHundredths(double value) {
  return std::abs(value) <= kMostWhole / 100 && FromHundredths(std::llround(value * 100)) == value;
}

Form FormOf(double value) {
  if (value == 1) return kOne;
  if (IsWhole(value)) return kWhole;
  return IsHundredths(value) ? kHundredths : kDouble;
}

void Write(Packer& out, TimePacker& times, const Observation& observation) {
  const Form form = FormOf(observation.value);
  out.Byte(static_cast<std::uint8_t>(form | (observation.count == 1 ? 0 : kHasCount)));
  times.Write(out, observation.time);
  if (form == kWhole) out.Signed(static_cast<std::int64_t>(observation.value));
  if (form == kHundredths) out.Signed(std::llround(observation.value * 100));
  if (form == kDouble) out.Double(observation.value);
  if (observation.count != 1) out.Unsigned(observation.count);
}

double ReadValue(Unpacker& in, int form) {
  if (form == kOne) return 1;
  if (form == kDouble) return in.Double();
  const std::int64_t number = in.Signed();
  return form == kWhole ? static_cast<double>(number) : FromHundredths(number);
}

Observation ReadObservation(Unpacker& in, TimeUnpacker& times) {
  const std::uint8_t form = in.Byte();
  if (form > (kFormMask | kHasCount)) in.Break();
  Observation observation;
  observation.time = times.Read(in);
  observation.value = ReadValue(in, form & kFormMask);
  if ((form & kHasCount) != 0) observation.count = in.Unsigned32();
  return observation;
}

// ---- Exposures ----

void Write(Packer& out, const std::vector<FirstExposure>& exposures) {
  out.Unsigned(exposures.size());
  TimePacker times;
  for (const FirstExposure& exposure : exposures) {
    out.Unsigned(exposure.variant);
    times.Write(out, exposure.time);
    out.Unsigned(exposure.dimensions.size());
    for (const std::string& dimension : exposure.dimensions) out.Text(dimension);
  }
}

std::vector<FirstExposure> ReadExposures(Unpacker& in) {
  std::vector<FirstExposure> exposures(in.Count(3));
  TimeUnpacker times;
  for (FirstExposure& exposure : exposures) {
    exposure.variant = in.Unsigned32();
    exposure.time = times.Read(in);
    exposure.dimensions.resize(in.Count(1));
    for (std::string& dimension : exposure.dimensions) dimension = in.Text();
    if (!in.ok()) break;
  }
  return exposures;
}

// One for each variant, in order.
bool AreFirst(const std::vector<FirstExposure>& exposures) {
  std::vector<std::uint32_t> variants;
  for (std::size_t i = 0; i < exposures.size(); ++i) {
    variants.push_back(exposures[i].variant);
    if (i > 0 && exposures[i].time == exposures[i - 1].time && exposures[i].variant <= exposures[i - 1].variant) {
      return false;
    }
  }
  std::sort(variants.begin(), variants.end());
  return !exposures.empty() && std::adjacent_find(variants.begin(), variants.end()) == variants.end();
}

}  // namespace

std::string UnitRecord::Encode() const {
  Packer out;
  out.Byte(kVersion);
  out.Unsigned(exposures_.size());
  for (const auto& [iteration, exposures] : exposures_) {
    out.Text(iteration.first);
    out.Unsigned(iteration.second);
    Write(out, exposures);
  }
  out.Unsigned(events_.size());
  for (const auto& [source, series] : events_) {
    out.Unsigned(source);
    out.Byte(series.grain);
    out.Unsigned(series.observations.size());
    TimePacker times;
    for (const Observation& observation : series.observations) Write(out, times, observation);
  }
  return out.Take();
}

Result<UnitRecord> UnitRecord::Decode(std::string_view bytes) {
  Unpacker in(bytes);
  UnitRecord record;
  bool good = in.Byte() == kVersion;
  for (std::size_t left = good ? in.Count(3) : 0; left > 0 && good; --left) {
    std::string experiment(in.Text());
    const std::uint32_t iteration = in.Unsigned32();
    std::vector<FirstExposure> exposures = ReadExposures(in);
    good = in.ok() && AreFirst(exposures);
    const std::size_t before = record.exposures_.size();
    const auto at = record.exposures_.emplace_hint(record.exposures_.end(), Iteration(std::move(experiment), iteration),
                                                   std::move(exposures));
    good = good && record.exposures_.size() > before && std::next(at) == record.exposures_.end();
  }
  for (std::size_t left = good ? in.Count(5) : 0; left > 0 && good; --left) {
    const SourceId source = in.Unsigned32();
    Series series;
    series.grain = in.Byte();
    series.observations.resize(in.Count(2));
    TimeUnpacker times;
    for (Observation& observation : series.observations) observation = ReadObservation(in, times);
    good = in.ok() && IsInOrder(series) && (record.events_.empty() || record.events_.rbegin()->first < source);
    record.events_.emplace_hint(record.events_.end(), source, std::move(series));
  }
  if (!good || !in.AtEnd()) return Fail(ErrorCode::kCorrupt, "a unit's record: these are not the bytes of one");
  return record;
}

}  // namespace guidon::stats
