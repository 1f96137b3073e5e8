// What a flag serves to many: how many units get which variation, by which rule and for which reason; and who moves
// from which variation to which when its definitions change.
//
//   const Simulated today = Simulate({"checkout.layout", nullptr, *ruleset, now_ms}, *population);
//   const Simulated change = Simulate({"checkout.layout", before.get(), *after, now_ms}, contexts);
//
// Evaluates with the evaluator that applications use. Counts are exact for the units that were given, and say nothing
// of others: a made-up population is a sample of what its description stands for.
//
// Thread safety: pure functions. Cost: an evaluation for each unit, two of a change; another one where a flag
// has several rules without an id and one of them decides. Of a population no unit is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <guidon/context.h>
#include "core/ruleset/ruleset.h"
#include "core/simulate/population.h"

namespace guidon {

struct CountedUnits {
  std::string name;  // of a variation: "" is the caller's fallback
  std::uint64_t units = 0;
  friend bool operator==(const CountedUnits&, const CountedUnits&) = default;
};

// Where an answer was decided, and the variation that came of it.
struct DecidedUnits {
  std::string by;  // "rule staff", "rule 3" (which has no id), "targets", "default", "requires", "not enabled",
                   // "experiment one-page: treatment", "experiment one-page: held out", "error PARSE_ERROR"
  std::string variation;
  std::uint64_t units = 0;
  friend bool operator==(const DecidedUnits&, const DecidedUnits&) = default;
};

// Each list: most units first, then by name.
struct Distribution {
  std::vector<CountedUnits> variations;
  std::vector<CountedUnits> reasons;
  std::vector<DecidedUnits> decided;
  std::uint64_t UnitsOf(std::string_view variation) const;
};

struct MovedUnits {
  std::string from, to;  // variations; the same: these stay
  std::uint64_t units = 0;
  friend bool operator==(const MovedUnits&, const MovedUnits&) = default;
};

struct Simulated {
  std::uint64_t units = 0;
  Distribution after;                  // or of the one ruleset that there is
  std::optional<Distribution> before;  // of a change, and with it:
  std::vector<MovedUnits> moves;       // most units first, then by name; those that stay, too
  std::uint64_t moved = 0;             // all whose variation is another
  std::uint64_t revalued = 0;          // whose variation is that of before, with another value
};

struct SimulatedFlag {
  std::string flag;
  const Ruleset* before;  // nullptr: no change is looked at
  const Ruleset& after;
  std::int64_t now_ms;  // `now` in conditions, on both sides
};
Simulated Simulate(const SimulatedFlag& flag, const std::vector<Context>& contexts);
Simulated Simulate(const SimulatedFlag& flag, const Population& population);

}  // namespace guidon
