#include "lint/keep_layout.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace guidon::lint {
namespace {

constexpr std::size_t kMostCells = 4'000'000;

using Lines = std::vector<std::string_view>;

// Each with its newline.
Lines LinesOf(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

constexpr std::size_t kNone = SIZE_MAX;

// Of each line of `a` the line of `b` that it is, by a longest common subsequence; kNone: it is not there. Nothing:
// that would take too long.
std::optional<std::vector<std::size_t>> MatchesOf(const Lines& a, const Lines& b) {
  std::vector<std::size_t> matches(a.size(), kNone);
  std::size_t begin = 0, a_end = a.size(), b_end = b.size();
  while (begin < a_end && begin < b_end && a[begin] == b[begin]) matches[begin] = begin, ++begin;
  while (a_end > begin && b_end > begin && a[a_end - 1] == b[b_end - 1]) matches[--a_end] = --b_end;
  const std::size_t rows = a_end - begin, columns = b_end - begin;
  if (rows == 0 || columns == 0) return matches;
  if (rows > kMostCells / columns) return std::nullopt;
  // The length of what is common from here to the end.
  std::vector<std::uint32_t> common((rows + 1) * (columns + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (columns + 1) + j]; };
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      at(i, j) = a[begin + i] == b[begin + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  for (std::size_t i = 0, j = 0; i < rows && j < columns;) {
    if (a[begin + i] == b[begin + j]) {
      matches[begin + i++] = begin + j++;
    } else {
      at(i + 1, j) >= at(i, j + 1) ? ++i : ++j;
    }
  }
  return matches;
}

// Lines of the layout that fixes replace, and those that stand there then.
struct Hunk {
  std::size_t begin, end, fixed_begin, fixed_end;
};

std::vector<Hunk> HunksOf(const std::vector<std::size_t>& matches, std::size_t fixed_size) {
  std::vector<Hunk> hunks;
  std::size_t next = 0;  // of the fixed lines
  for (std::size_t i = 0; i <= matches.size();) {
    std::size_t end = i;
    while (end < matches.size() && matches[end] == kNone) ++end;
    const std::size_t fixed_end = end < matches.size() ? matches[end] : fixed_size;
    if (end > i || fixed_end > next) hunks.push_back({i, end, next, fixed_end});
    next = fixed_end + 1;
    i = end + 1;
  }
  return hunks;
}

}  // namespace

bool KeptLayout::Replaces(std::size_t line) const {
  return std::any_of(replaced.begin(), replaced.end(),
                     [&](const auto& range) { return range.first <= line && line < range.second; });
}

KeptLayout KeepLayout(std::string_view text, std::string_view formatted, std::string_view fixed) {
  const Lines own = LinesOf(text), laid_out = LinesOf(formatted), plainer = LinesOf(fixed);
  const auto in_own = MatchesOf(laid_out, own), in_plainer = MatchesOf(laid_out, plainer);
  KeptLayout kept;
  std::size_t copied = 0;
  const auto copy_until = [&](std::size_t end) {
    for (; copied < end; ++copied) kept.text += own[copied];
  };
  const auto hunks = in_own && in_plainer ? HunksOf(*in_plainer, plainer.size()) : std::vector<Hunk>();
  for (const Hunk& hunk : hunks) {
    // What only adds lines has none that tells where.
    if (hunk.begin == hunk.end) continue;
    const std::size_t begin = (*in_own)[hunk.begin];
    bool is_there = begin != kNone;
    for (std::size_t i = hunk.begin; is_there && i < hunk.end; ++i) {
      is_there = (*in_own)[i] == begin + (i - hunk.begin);
    }
    if (!is_there) continue;
    copy_until(begin);
    for (std::size_t i = hunk.fixed_begin; i < hunk.fixed_end; ++i) kept.text += plainer[i];
    copied = begin + (hunk.end - hunk.begin);
    kept.replaced.emplace_back(begin, copied);
  }
  copy_until(own.size());
  return kept;
}

}  // namespace guidon::lint
