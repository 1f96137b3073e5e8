// The case files of tests/conformance/evaluation/ (README.md is their format), read strictly: a member that the format
// does not know is a fault of the file.
//
//   for (const ConformanceCase& c : AllCases()) EXPECT_EQ(Answer(*c.set, c), c.expect) << c.Where();
//
// Thread safety: plain values.
#pragma once

#include <guidon/value.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "tests/support/outcome.h"

namespace guidon::conformance {

inline constexpr const char* kEnvironment = "production";

// What a case is evaluated against.
struct DefinitionSet {
  std::string file;
  std::string name;
  bool no_ruleset = false;     // nothing has arrived
  std::string streamed_only;   // why no server can come to hold it; empty: one can
  std::vector<Array> earlier;  // what was committed before `definitions`, a commit each
  Array definitions;           // as authored
  Object state;                // by "flag checkout.layout"
  Array entities;              // in place of definitions and state: as streamed
  std::string ToText() const { return file + "." + name; }
};

struct ConformanceCase {
  std::string file;
  std::string name;
  const DefinitionSet* set = nullptr;  // outlives the case
  std::string flag;
  std::string type;  // "bool", "string", "int", "double", "json"
  Value context;
  std::optional<std::int64_t> now_ms;
  std::vector<std::pair<std::string, std::int64_t>> buckets;  // "salt:unit", bucket
  Outcome expect;
  bool says_exposures = false;  // `expect.exposures` counts

  std::string Where() const { return file + ".json: " + set->name + ": " + name; }
};

// The case files, all of them, in order of their names. Read once; a fault in one is a failed test and leaves it out.
const std::vector<ConformanceCase>& AllCases();

// The same from the texts of files, by name without ending; `sets` keeps what the cases point to.
Result<std::vector<ConformanceCase>> ReadCases(const std::map<std::string, std::string>& files,
                                               std::vector<std::unique_ptr<DefinitionSet>>& sets);

// The ruleset document that a server would send for the set (docs/spec/wire.md), made from the raw JSON of the file.
std::string DocumentOf(const DefinitionSet& set);

// Operators, reasons and error codes of the enums that no case exercises: an operator needs a flag of one rule with
// that operator alone, a case in which the rule applies, and one in which it does not.
std::vector<std::string> Uncovered(const std::vector<ConformanceCase>& cases);

}  // namespace guidon::conformance
