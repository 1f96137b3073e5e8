// Flags that could be removed, with what speaks for it; the best founded first.
//
//   for (const Candidate& candidate : FindStale({definitions, today})) …
//
// What speaks for it is looked at as far as it is given: counts, code, ages. What is not given speaks neither for nor
// against. Kill switches and permissions are there to stay: of them only archived ones are candidates, which code still
// reads. So is a flag with an experiment that is not archived.
//
// Thread safety: plain values and a pure function.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/definitions.h"
#include "gate/usage.h"
#include "refs/reference.h"

namespace guidon::gate {

// The strongest first. kUnchanged makes no candidate by itself.
enum class EvidenceKind : std::uint8_t {
  kArchivedButRead,  // the code reads a flag that is archived: it gets its fallback for ever
  kNotEvaluated,     // not in so many days, in any environment
  kSettled,          // one variation alone for so many days, the same in each environment that evaluates it
  kExpired,          // its day is over
  kConstant,         // its definition serves one variation to everybody
  kNotRead,          // no code reads it, and nothing else looks at it
  kUnchanged,        // nobody has changed it for so many days
};
std::string_view ToString(EvidenceKind kind);  // "archived_but_read", "not_evaluated", …

enum class Strength : std::uint8_t { kStrong, kFair, kWeak };
std::string_view ToString(Strength strength);  // "strong", "fair", "weak"

struct Evidence {
  EvidenceKind kind = EvidenceKind::kUnchanged;
  std::string sentence;  // "not evaluated in 30 days, in production and staging"
};

struct FlagAge {
  std::optional<std::chrono::sys_days> created, changed;
};

struct Candidate {
  const FlagDefinition* flag = nullptr;
  Strength strength = Strength::kWeak;
  std::vector<Evidence> evidence;  // the strongest first
  // What stays in the code in place of it; null: nobody can say yet.
  const Variation* survives = nullptr;
  std::vector<const refs::Reference*> reads;
  std::vector<std::string> needed_by;  // "flag b", "segment eu": what looks at it, and has to change first
  FlagAge age;
};

struct StaleInput {
  const Definitions& definitions;  // outlives what is found
  std::chrono::sys_days today{};
  std::chrono::days days{30};  // for "not evaluated", "one variation alone" and "unchanged"
  std::uint64_t least = 100;   // evaluations, for one variation alone
  // Of all code; null: none was looked at. Outlives what is found.
  const std::vector<refs::Reference>* references = nullptr;
  std::map<std::string, Usage> usage = {};  // of environments, of `days` days; those that are not here count nothing
  std::map<std::string, FlagAge> ages = {};
};

std::vector<Candidate> FindStale(const StaleInput& input);

}  // namespace guidon::gate
