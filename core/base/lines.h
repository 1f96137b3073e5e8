// The lines of texts, and which of them two texts share.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace guidon {

// With their newlines, but for a last one without.
std::vector<std::string_view> SplitLines(std::string_view text);

inline constexpr std::size_t kMaxMatchedCells = 4'000'000;
inline constexpr std::size_t kNoLine = SIZE_MAX;

struct MatchedLines {
  std::vector<std::size_t> in_after;  // of each line of `before` the line of `after` that it is, or kNoLine; they rise
  bool is_whole = true;               // false: it would have taken too long
};
// By the longest common subsequence. Cost: the product of the lines that differ, up to kMaxMatchedCells; beyond that
// what lies between the first and the last line that differ is taken to have nothing in common.
MatchedLines MatchLines(const std::vector<std::string_view>& before, const std::vector<std::string_view>& after);

}  // namespace guidon
