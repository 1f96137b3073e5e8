#include "core/base/lines.h"

#include <algorithm>

namespace guidon {

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

MatchedLines MatchLines(const std::vector<std::string_view>& before, const std::vector<std::string_view>& after) {
  MatchedLines matched{std::vector<std::size_t>(before.size(), kNoLine)};
  std::size_t begin = 0, end = before.size(), after_end = after.size();
  for (; begin < end && begin < after_end && before[begin] == after[begin]; ++begin) matched.in_after[begin] = begin;
  while (end > begin && after_end > begin && before[end - 1] == after[after_end - 1]) {
    matched.in_after[--end] = --after_end;
  }
  const std::size_t rows = end - begin, columns = after_end - begin;
  if (rows == 0 || columns == 0) return matched;
  matched.is_whole = columns <= kMaxMatchedCells / rows;
  if (!matched.is_whole) return matched;
  // How many lines are common from there to the end.
  std::vector<std::uint32_t> common((rows + 1) * (columns + 1));
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (columns + 1) + j]; };
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      const bool is_same = before[begin + i] == after[begin + j];
      at(i, j) = is_same ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  for (std::size_t i = 0, j = 0; i < rows && j < columns;) {
    if (before[begin + i] == after[begin + j]) {
      matched.in_after[begin + i++] = begin + j++;
    } else {
      ++(at(i + 1, j) >= at(i, j + 1) ? i : j);
    }
  }
  return matched;
}

}  // namespace guidon
