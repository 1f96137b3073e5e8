// What a flag or an experiment must answer for a context: an entry of a workspace's tests/ folder.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <guidon/value.h>

namespace guidon {

// An empty text and an absent value are not looked at.
struct Expectation {
  std::string variation;       // of a flag
  std::string variant;         // of an experiment; `none` when it does not take the unit
  std::optional<Value> value;  // of a flag: what is served
  std::string reason;          // "TARGETING_MATCH", …
  std::string rule;            // id of the rule that decided
  friend bool operator==(const Expectation&, const Expectation&) = default;
};

// An attribute and the values that it takes in turn.
struct MatrixAxis {
  std::string attribute;
  std::vector<Value> values;  // scalars, at least one
  friend bool operator==(const MatrixAxis&, const MatrixAxis&) = default;
};
inline constexpr std::size_t kMaxMatrixCases = 10'000;  // of one test: the codec refuses more

struct FlagTest {
  std::string description;
  std::string flag;                 // either this
  std::string experiment;           // or this
  std::string environment;          // of the flag; an experiment has its own
  Value given;                      // a context: { key: user-3, email: "a@shop.example" }
  std::vector<MatrixAxis> matrix;   // every combination is a case, with its values put into `given`
  std::optional<std::uint32_t> at;  // parts of kWhole: where the unit stands in every split; absent: by its name
  std::optional<std::int64_t> now;  // milliseconds since the epoch; absent: whenever it runs
  Expectation expect;
  friend bool operator==(const FlagTest&, const FlagTest&) = default;
};

}  // namespace guidon
