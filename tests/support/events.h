// What tests look for in events as they are sent and kept.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>

#include <guidon/value.h>

namespace guidon::testing {

// How many reads an event counts: none, unless its type is `evaluations`.
inline std::int64_t ReadsCountedBy(const Value& event) {
  std::int64_t reads = 0;
  if (event.Find("type")->AsString() != "evaluations") return reads;
  for (const Value& entry : event.Find("counts")->AsArray()) reads += entry.Find("count")->AsInt();
  return reads;
}

}  // namespace guidon::testing
