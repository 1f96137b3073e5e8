// Experiments that ended in every way there is, made of seeded units: for tests of the report, and for looking at it
// (the program report_samples writes each as a page).
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "stats/report/report.h"

namespace guidon::stats::testing {

// Of one arm. Effects are of the arm's units; the seed decides which units convert.
struct ArmOf {
  double conversion = 0.20;  // order_completed
  double spend = 30;         // mean revenue of those who convert
  double errors = 0.010;     // checkout_error: share of units that had one
  double latency = 400;      // page_latency: median of a unit's values
  double more_units = 0;     // 0.05: 5 % more than were planned for it, on ios only
  double multiple = 0;       // share that saw another arm, too
  double novelty = 0;        // conversion more on the first day, less from day to day, and none after two weeks
};

struct World {
  std::uint64_t seed = 1;
  std::uint32_t units_per_day = 1'000;  // of all arms, by their weights
  std::uint32_t days = 21;
  std::vector<ArmOf> arms = {{}, {}};
  bool backwards = false;  // the same units, the last one first
  // From a day on, which share of `units_per_day` comes.
  std::vector<std::pair<std::uint32_t, double>> ramp = {};
};

// Monday, 2027-01-04 08:00 UTC.
Time Start();
Time After(double days);

// checkout-one-page: control and one_page (and bare, of three), order_completed +2 % wanted; revenue secondary;
// guardrails checkout_error (0.5 points) and page_latency (5 %).
Design DesignOf(PlanMethod method = PlanMethod::kGroupSequential, std::size_t variants = 2);

// What the units of the first `days` came to (all of the world's with 0).
Totals TotalsOf(const Design& design, const World& world, std::uint32_t days = 0);

// The report of an experiment that is watched every day, its looks taken as the plan has them.
struct Watched {
  Design design;
  Totals totals;
  std::vector<PublishedLook> looks;
  Time now{};
  DataQuality quality;
  std::vector<RampStep> ramp = {};
  Report Read() const { return Judge(design, {&totals, quality, {}, ramp}, looks, now, 42); }
  // Whether the plan had one due.
  bool TakeDueLook();
};
Watched Watch(const Design& design, const World& world, const DataQuality& quality = {});

// What it shares with free-shipping, where the effect is 8 points less beside `free`, and with two where it is the
// same; with one there are too few units to tell.
Overlaps OverlapsOf(const Design& design);

struct Sample {
  std::string name;
  Report report;
};
// ship, harm, broken-split, hidden, small-counts, running, futile, three-variants, novelty, overlapping, hostile-names.
// Made once.
const std::vector<Sample>& Samples();
const Report& SampleOf(std::string_view name);

}  // namespace guidon::stats::testing
