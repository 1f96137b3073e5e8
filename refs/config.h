// Functions of a project's own through which flags are read, and headers of accessors that lie elsewhere.
//
//   # refs.yaml
//   refs:
//     calls:
//       - { call: is_enabled, type: boolean, default: 2 }              # is_enabled("key", false)
//       - { call: features.text, key: 2, type: string, languages: [python] }
//     generated: [build/flags.h]                                       # beside this file, or by its whole path
//
// `key` and `default` count arguments from 1; `key` is 1 unless said. With a receiver (`features.`, `features::`) the
// call is taken only where that stands before it.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "refs/calls.h"

namespace guidon::refs {

struct Config {
  std::vector<Call> calls;
  std::vector<std::string> generated;  // as written
};

// kInvalid with every fault, each with its path.
Result<Config> ReadConfig(const Value& document);

}  // namespace guidon::refs
