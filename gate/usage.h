// How often flags were evaluated in an environment, as a server counted it (docs/usage.md).
//
//   Usage usage;
//   if (Status added = AddPage(answer, usage); !added) …             // GET …/usage, page after page
//   if (const FlagUse* use = usage.Find("checkout.layout")) …
//
// Thread safety: plain values and a function.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>
#include "core/base/result.h"

namespace guidon::gate {

struct FlagUse {
  std::uint64_t evaluations = 0;                          // in the days that were asked about, without errors
  std::optional<std::chrono::sys_days> last;              // absent: not in the days that are kept
  std::string alone;                                      // the only variation that it serves; empty: several, or none
  std::optional<std::chrono::sys_days> alone_since = {};  // the first day of that
};

struct Usage {
  std::optional<std::chrono::sys_days> since;         // from when on it is counted; absent: nothing was yet
  std::map<std::string, FlagUse, std::less<>> flags;  // those that the server has

  const FlagUse* Find(std::string_view flag) const;
};

// kInvalid: it is no such answer.
Status AddPage(const Value& answer, Usage& usage);

}  // namespace guidon::gate
