// All translation units that have to do with the flag: parsed, folded, put together, and parsed again as they would be.
//
//   Result<Answer> answer = RemoveFlag(request);
//
// A file is looked at if it mentions the flag's key, its accessor or a name that stands for it, or includes one that
// does. A unit that does not compile is refused. Should one that did compile no longer do so with the changes, nothing
// is changed at all, and it is said where.
//
// Thread safety: one thread. Cost: every unit is parsed two or three times; up to kMostKept of them are kept in memory.
#pragma once

#include <cstddef>

#include "core/base/result.h"
#include "removal/exchange.h"

namespace guidon::removal {

inline constexpr std::size_t kMostKept = 8;           // parsed units, of some 100 MB each
inline constexpr std::size_t kMostBytes = 16u << 20;  // of one file; a larger one is not looked at

// kNotFound: there is no compile_commands.json in the folder, or it cannot be read.
Result<Answer> RemoveFlag(const Request& request);

}  // namespace guidon::removal
