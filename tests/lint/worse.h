// Definitions written in a longer way that means the same: what lint is there to undo.
//
// Thread safety: none; one for each thread.
#pragma once

#include <cstdint>
#include <random>

#include <guidon/value.h>

namespace guidon::testing {

class Worse {
 public:
  explicit Worse(std::uint64_t seed) : random_(seed) {}

  Value Condition(const Value& condition);
  Value Definition(const Value& definition);  // of any kind, in the canonical form

 private:
  bool OneIn(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_) == 0; }
  Value OneOrMore(const Value& value);  // a list of it, or with a value twice
  Value Matcher(const Value& matcher);
  Value Twice(const Value& list);
  Value Percent(const Value& value);
  Value Targeting(const Value& targeting);

  std::mt19937_64 random_;
};

}  // namespace guidon::testing
