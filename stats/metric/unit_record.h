// The facts of one unit, and what they come to: level 1.
//
//   UnitRecord unit;
//   unit.AddExposure({"checkout-one-page", 1}, {.variant = 1, .time = t0, .dimensions = {"ios"}});
//   unit.AddEvent(source, {.time = t1, .value = 31.5});
//   Contribution gives = ContributionOf(plan, unit, HashGroupOf("acct-17"), caps);
//
// Facts are kept in an order of their own (by time, then value), never in that of arrival: the same facts give the same
// record and the same contribution to the bit, whatever came first. What an event came to is recomputed from the facts
// of its unit, so that an exposure that arrives late, or is earlier than the one that was known, moves the unit's
// window with everything in it.
//
// Bounds:
//   kMostObservations   of one source are kept one by one. Where there are more, all of that source are put together by
//                       the second, or by 10 seconds, a minute, … up to a year: by the finest step at which they are
//                       few enough, which depends on the facts and not on their order. Each has the time of its first
//                       event, the sum of its values and their number, and `coarse` says that there are such. Nothing
//                       is lost from a sum; what lies within a step of a window's end may count on the other side of
//                       it. (Sums of coarse records are equal to rounding, not to the bit, in another order of
//                       arrival.)
//   kGreatestValue      in size: a value beyond it counts as it, one nearer to 0 than its inverse as 0.
//   kEarliest, kLatest  times beyond count as these.
// How many iterations, variants and sources there are is up to the keeper, who calls Forget.
//
// Thread safety: plain values; pure functions. Cost: adding is a search and a move of at most kMostObservations; a
// contribution is two searches in each source and a walk through what lies in the windows.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "stats/metric/plan.h"

namespace guidon::stats {

inline constexpr double kGreatestValue = 1e100;
inline constexpr Time kEarliest{std::chrono::days(-100'000'000)}, kLatest{std::chrono::days(100'000'000)};

struct Observation {
  Time time{};
  double value = 1;
  std::uint32_t count = 1;  // more than one where a bound had neighbours summed: `value` is their sum
  friend bool operator==(const Observation&, const Observation&) = default;
};

// The earliest exposure to one variant.
struct FirstExposure {
  std::uint32_t variant = 0;
  Time time{};
  std::vector<std::string> dimensions;  // values, in the plan's order; "" where the context had none
  friend bool operator==(const FirstExposure&, const FirstExposure&) = default;
};

using Iteration = std::pair<std::string, std::uint32_t>;  // experiment, iteration

// The order of Iteration, without a text to be made for looking one up.
struct IterationLess {
  using is_transparent = void;
  using View = std::pair<std::string_view, std::uint32_t>;
  static View Of(const Iteration& iteration) { return {iteration.first, iteration.second}; }
  static View Of(const View& view) { return view; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return Of(a) < Of(b);
  }
};

class UnitRecord {
 public:
  static constexpr std::size_t kMostObservations = 1'024;

  // Whether anything changed: a later exposure to a variant that was seen changes nothing. Of two at the same instant
  // the one with the smaller dimensions stays. An exposure outside of the time that its iteration ran is not for here:
  // it would hide a later one to its variant.
  bool AddExposure(const Iteration& iteration, FirstExposure exposure);
  // `value` is a number; `count` is at least 1.
  void AddEvent(SourceId source, Observation observation);
  // Drops exposures to an iteration before `before`, which are of another experiment that had its name. An exposure
  // keeps later ones to its variant out: without this it would keep out those of the present one.
  void ForgetExposures(const IterationLess::View& iteration, Time before);
  // Drops events before `before` (nobody's lookback reaches them any more), iterations and sources that `keep…` do not
  // name. Whether anything is left.
  bool Forget(Time before, const std::vector<Iteration>& keep, const std::vector<SourceId>& keep_sources);

  // By (time, variant), one for each variant; nullptr when the unit was not exposed. Valid until the record changes.
  const std::vector<FirstExposure>* Exposures(const IterationLess::View& iteration) const;
  // By (time, value); nullptr when there are none.
  const std::vector<Observation>* Events(SourceId source) const;
  const std::map<Iteration, std::vector<FirstExposure>, IterationLess>& iterations() const { return exposures_; }
  bool coarse() const;
  bool empty() const { return exposures_.empty() && events_.empty(); }

  // Bytes to store, versioned; equal records give equal bytes. unit_record_codec.cc has the layout. An event takes
  // about 6 bytes. Decode takes any bytes; kCorrupt: these are not a record's.
  std::string Encode() const;
  static Result<UnitRecord> Decode(std::string_view bytes);

  friend bool operator==(const UnitRecord&, const UnitRecord&) = default;

 private:
  struct Series {
    std::uint8_t grain = 0;                 // 0: one by one; else an index into kGrains of unit_record.cc
    std::vector<Observation> observations;  // never empty
    friend bool operator==(const Series&, const Series&) = default;
  };
  static void PutTogether(Series& series, const Observation& observation);
  static void Coarsen(Series& series);
  static bool IsInOrder(const Series& series);

  std::map<Iteration, std::vector<FirstExposure>, IterationLess> exposures_;
  std::map<SourceId, Series> events_;
};

}  // namespace guidon::stats
