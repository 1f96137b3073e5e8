// The facts of one unit, and what they come to: level 1.
//
//   UnitRecord unit;
//   unit.AddExposure({"checkout-one-page", 1}, {.variant = 1, .time = t0, .dimensions = {"ios"}});
//   unit.AddEvent(source, {.time = t1, .value = 31.5});
//   Contribution gives = ContributionOf(plan, unit, hash_group, caps);
//
// Facts are kept in an order of their own (by time, then value), never in that of arrival: the same facts give the same
// record and the same contribution to the bit, whatever came first. What an event came to is recomputed from the facts
// of its unit, so that an exposure that arrives late, or is earlier than the one that was known, moves the unit's
// window with everything in it.
//
// Bounds: kMostObservations of one source are kept one by one; beyond that the oldest ones which no exposure can
// reach any more (those before every lookback) go first, then neighbours are summed, day by day, and the record says so
// (`coarse`). Nothing is ever lost from a sum.
//
// Thread safety: plain values; pure functions.
#pragma once

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

struct Observation {
  Time time{};
  double value = 1;
  std::uint32_t count = 1;  // more than one where a bound had neighbours summed
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

class UnitRecord {
 public:
  static constexpr std::size_t kMostObservations = 1'024;

  // Whether anything changed: a later exposure to a variant that was seen changes nothing.
  bool AddExposure(const Iteration& iteration, FirstExposure exposure);
  void AddEvent(SourceId source, Observation observation);
  // Drops events before `before` (nobody's lookback reaches them any more), iterations and sources that `keep…` do not
  // name. Whether anything is left.
  bool Forget(Time before, const std::vector<Iteration>& keep, const std::vector<SourceId>& keep_sources);

  // By (time, variant); empty when the unit was not exposed.
  const std::vector<FirstExposure>* Exposures(const Iteration& iteration) const;
  const std::vector<Observation>* Events(SourceId source) const;
  const std::map<Iteration, std::vector<FirstExposure>>& iterations() const { return exposures_; }
  bool coarse() const { return coarse_; }

  // Bytes to store, versioned; equal records give equal bytes. kCorrupt: these are not its bytes.
  std::string Encode() const;
  static Result<UnitRecord> Decode(std::string_view bytes);

 private:
  std::map<Iteration, std::vector<FirstExposure>> exposures_;
  std::map<SourceId, std::vector<Observation>> events_;
  bool coarse_ = false;
};

// Of each metric what its totals are cut at; nothing where they are not.
struct Caps {
  struct Of {
    std::optional<double> y, d, x, xd;
    friend bool operator==(const Of&, const Of&) = default;
  };
  std::vector<Of> metrics;  // as in the plan; empty: no caps
  friend bool operator==(const Caps&, const Caps&) = default;
};

// What a unit comes to for one metric.
struct MetricContribution {
  bool counted = true;    // false: of kMean without any event
  double y = 0, d = 0;    // total after exposure, and of a ratio its denominator; capped
  double x = 0, xd = 0;   // the same before it; capped by caps of their own
  bool capped = false;    // y was cut
  double y_uncapped = 0;  // as y would be
  std::uint32_t steps = 0;      // funnel: how many steps were reached, in order
  std::vector<double> values;   // quantile: each event's, in order
  friend bool operator==(const MetricContribution&, const MetricContribution&) = default;
};

struct Contribution {
  enum class Kind : std::uint8_t {
    kNone,      // not exposed to this iteration: nothing
    kUnit,      // one more unit of its variant
    kMultiple,  // seen in two variants: set aside, counted against the first
  };
  Kind kind = Kind::kNone;
  std::uint32_t variant = 0;
  std::int32_t day = 0;  // of the first exposure, UTC, since 1970
  std::uint8_t group = 0;  // of kHashGroups: the clusters of quantiles
  bool has_history = false;  // any event within the lookback
  std::vector<std::string> dimensions;
  std::vector<MetricContribution> metrics;  // as in the plan; empty but for kUnit
  friend bool operator==(const Contribution&, const Contribution&) = default;
};

inline constexpr std::size_t kHashGroups = 256;
std::uint8_t HashGroupOf(std::string_view unit);  // the low byte of XXH3-64, seed 0

// `matured_only`: units whose window (the longest of the plan) has not ended at `as_of` give nothing.
struct ContributionOptions {
  std::optional<Time> as_of;
  bool matured_only = false;
};
Contribution ContributionOf(const ExperimentPlan& plan, const UnitRecord& unit, std::uint8_t group, const Caps& caps,
                            const ContributionOptions& options = {});

}  // namespace guidon::stats
