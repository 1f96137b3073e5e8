// The wildcards of shells: `*` stands for any text, `?` for a character, `[a-z]` for one of these.
//
// Thread safety: a pure function.
#pragma once

#include <string>

namespace guidon::gate {

// The whole text: "*@shop.example" matches "ana@shop.example".
bool MatchesWildcard(const std::string& pattern, const std::string& text);

}  // namespace guidon::gate
