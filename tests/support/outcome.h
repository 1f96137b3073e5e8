// What an evaluation answered, in words, whichever door it came through: core, the reference interpreter, the SDK, the
// server. Tests compare these.
//
// Thread safety: plain values.
#pragma once

#include <guidon/value.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace guidon {

// An experiment that took a position on the unit.
struct OutcomeExposure {
  std::string experiment;
  std::string variant;  // empty for the comparison group, whose variant follows
  std::string role;     // "assigned", "held_out", "comparison"
  bool forced = false;
  friend bool operator==(const OutcomeExposure&, const OutcomeExposure&) = default;
};

struct Outcome {
  std::optional<Value> value;  // nothing: the caller's fallback
  std::string variation;
  std::string reason;
  std::string error;
  std::string rule;
  std::string experiment;
  std::string variant;
  bool forced = false;
  std::vector<OutcomeExposure> exposures;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << (outcome.value ? ToJson(*outcome.value) : "the default") << " " << outcome.reason;
  const auto field = [&](const char* name, const std::string& text) {
    if (!text.empty()) out << " " << name << "=" << text;
  };
  field("variation", outcome.variation);
  field("error", outcome.error);
  field("rule", outcome.rule);
  field("experiment", outcome.experiment);
  field("variant", outcome.variant);
  if (outcome.forced) out << " forced";
  for (const OutcomeExposure& exposure : outcome.exposures) {
    out << " [" << exposure.experiment << " " << exposure.variant << " " << exposure.role
        << (exposure.forced ? " forced" : "") << "]";
  }
  return out;
}

}  // namespace guidon
