// Units that nobody has to have: a population as a description of their attributes (docs/simulate.md), and each of its
// units as a context.
//
//   Result<Population> population = DecodePopulation(value);
//   for (std::uint64_t n = 1; n <= population->units; ++n) Use(ContextOf(*population, n));
//
// The same description gives the same units everywhere and for ever. Nothing of the standard library's distributions is
// used, and a unit depends on nothing but the seed and its number:
//
//   A draw is SplitMix64 (Steele, Lea and Flood, 2014): state += 0x9e3779b97f4a7c15, and its finaliser of the state.
//   Every attribute of every unit has a generator of its own, whose state begins at
//     finaliser(finaliser(seed xor FNV-1a 64 of the attribute's name) + number of the unit),
//   so that an attribute that comes or goes changes no other. `missing` draws first, then the value. A choice among
//   weights takes floor(high 32 bits × sum of the weights / 2^32), a whole number likewise; a share of 2^53 is the high
//   53 bits. A normal one is the sum of twelve draws of 32 bits (Irwin and Hall): at most six deviations from the mean.
//
// Thread safety: plain values and pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <guidon/context.h>
#include <guidon/value.h>
#include "core/base/result.h"

namespace guidon {

inline constexpr std::uint64_t kMostUnits = 10'000'000;  // a larger population is refused

struct AttributeSource;

struct Choice {  // one of these, by weight
  std::vector<Value> values;
  std::vector<std::uint32_t> weights;  // as many
  std::uint64_t sum = 0;
};
struct NumbersBetween {  // both included
  double least = 0, most = 0;
  std::optional<int> decimals;  // absent: as fine as numbers are; 0: whole
};
struct NormalNumbers {
  double mean = 0, deviation = 0;
  std::optional<double> least, most;  // what is beyond is drawn to here
  std::optional<int> decimals;
};
struct UnitText {  // "acc-{n}": every `shared_by` units in a row have the same
  std::string pattern;
  std::uint64_t shared_by = 1;
};
struct ByAttribute {  // as an attribute above it has it
  std::string attribute;
  std::vector<std::pair<std::string, std::unique_ptr<AttributeSource>>> cases;  // by its value as text
  std::unique_ptr<AttributeSource> otherwise;                                   // null: such units lack the attribute
};

struct AttributeSource {
  std::uint32_t missing = 0;  // the share of units that lack it, parts of kWhole
  std::variant<Value, Choice, NumbersBetween, NormalNumbers, UnitText, ByAttribute> from;
};

struct Population {
  std::uint64_t units = 0;  // 1 … kMostUnits
  std::uint64_t seed = 1;
  std::string key = "unit-{n}";  // with {n}
  std::vector<std::pair<std::string, AttributeSource>> attributes;
};

// kInvalid with one issue for each fault.
Result<Population> DecodePopulation(const Value& value);

// `number` counts from 1.
Context ContextOf(const Population& population, std::uint64_t number);

}  // namespace guidon
