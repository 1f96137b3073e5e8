// What changed between two texts, for people, in the form of `diff -u`, which `patch` reads.
//
// Thread safety: a pure function. Cost: that of MatchLines (core/base/lines.h); beyond its bound, between the first and
// the last line that differ all is shown as taken out and put in.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace guidon::cli {

// For each line of `before`, from 0, the line that it is in `after`, or the one that stands where it stood.
std::vector<std::size_t> LinesIn(std::string_view before, std::string_view after);

// "" when they are the same. Three lines around each change.
std::string UnifiedDiff(std::string_view name, std::string_view before, std::string_view after);

}  // namespace guidon::cli
