// Could a history of concurrent operations on one register have happened one operation after the other, each at some
// moment between its begin and its end, with nothing seen that this order does not show?
//
//   std::vector<RegisterOp> history = …;                     // of all clients, in any order
//   EXPECT_EQ(FaultIn(history, 0), "");                      // the register held 0 before
//
// The search is that of Wing and Gong, with Lowe's memory of what was tried (configurations: the set of operations done
// and the value then). It is exponential at worst; values that are never put twice, as here, keep it near the length of
// the history. A history with more than `most_configurations` of them is given up, which is a fault, too.
//
// Thread safety: a pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace guidon::testing {

struct RegisterOp {
  enum class Kind : std::uint8_t { kRead, kSwap };
  enum class Outcome : std::uint8_t {
    kOk,       // a read saw `value`; a swap found `expected` and put `value`
    kRefused,  // a swap found something else than `expected`
    kUnknown,  // a swap that was never answered: it may have happened at any time since its begin, or never
  };
  int client = 0;
  Kind kind = Kind::kRead;
  Outcome outcome = Outcome::kOk;
  std::int64_t expected = 0;  // kSwap
  std::int64_t value = 0;
  std::int64_t begin = 0, end = 0;  // by one clock; `end` of an unknown one is not looked at
};

// Empty: it could. Else what does not fit, for people.
std::string FaultIn(const std::vector<RegisterOp>& history, std::int64_t initial,
                    std::size_t most_configurations = 2'000'000);

}  // namespace guidon::testing
