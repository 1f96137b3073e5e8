// What to look at before an experiment starts, with its numbers: metrics, what of its flag leads to it, neighbours, how
// many are in its audience and take part, how many units it takes, how long that lasts, and what it finds in the time
// that it has. Whether it can start at all, a dry run of the start says.
//
//   for (const StartCheck& check : ChecksBeforeStart(definitions, record, {.units_per_day = 20'000, .baseline = 0.12}))
//     Print(check.sentence);
//
// What is not known is said to be so, never guessed. Units are those of stats::PlannedUnits, under the design that
// reports are held against (design_of.h): what is said before the start and what the plan says afterwards are one
// number.
//
// Thread safety: pure functions. Cost: a pass over the experiments, and some tens of calls of PlannedUnits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/model/definitions.h"
#include "stats/report/planning.h"

namespace guidon {

// Units that experiments on the same flag have counted (server/analysis/traffic.h).
struct ObservedTraffic {
  double units_per_day = 0;  // new ones that were in the audience of that experiment, taking part or not
  std::string experiment;
  std::uint32_t iteration = 1;
  std::string first_day;  // "2027-03-01"
  std::size_t days = 1;
};

// What the primary metric has come to in one of them (server/analysis/traffic.h).
struct ObservedBaseline {
  stats::KnownBaseline known;
  std::string experiment;
  std::uint32_t iteration = 1;
};

// What is known of the time before; all of it may be left out. What somebody says counts before what was seen.
struct StartCheckInputs {
  std::optional<double> units_per_day = {};  // new ones that reach the flag there and are in the audience; more than 0
  std::optional<ObservedTraffic> observed = {};  // stands in for units_per_day where that is not told
  // Of the primary metric, per unit, without the experiment: a rate between 0 and 1 for a conversion, retention or
  // funnel, else a mean.
  std::optional<double> baseline = {};
  std::optional<double> deviation = {};  // standard deviation over units, more than 0; of what is no such rate
  std::optional<ObservedBaseline> observed_baseline = {};  // stands in for both where no baseline is told
};

enum class CheckOutcome : std::uint8_t {
  kGood,
  kAttention,  // it can start, and somebody should look at this first
  kUnknown,    // a number is missing; the sentence says which
  kBlocks,     // it cannot start
};
std::string_view ToString(CheckOutcome outcome);  // "good", "attention", "unknown", "blocks"

struct StartCheck {
  std::string name;  // "metrics", "flag", "neighbours", "layer", "audience", "traffic", "power"
  CheckOutcome outcome = CheckOutcome::kGood;
  std::string sentence;
  Value numbers;  // an object; null: none
};
// In this order; docs/api/openapi.yaml (StartChecks) says what the numbers are. `record` is one of `definitions`.
std::vector<StartCheck> ChecksBeforeStart(const Definitions& definitions, const ExperimentRecord& record,
                                          const StartCheckInputs& inputs);

// The share of the units in the audience that takes part, parts of kWhole: at the first step of the ramp, and at its
// end.
struct TakingPart {
  std::uint32_t at_first = 0, at_last = 0;
};
TakingPart TakingPartOf(const Definitions& definitions, const Experiment& experiment);

}  // namespace guidon
