#include "lint/keep_layout.h"

#include <algorithm>

#include "core/base/lines.h"

namespace guidon::lint {
namespace {

// Lines of the layout that fixes replace, and those that stand there then.
struct Hunk {
  std::size_t begin, end, fixed_begin, fixed_end;
};

std::vector<Hunk> HunksOf(const std::vector<std::size_t>& matches, std::size_t fixed_size) {
  std::vector<Hunk> hunks;
  std::size_t next = 0;  // of the fixed lines
  for (std::size_t i = 0; i <= matches.size();) {
    std::size_t end = i;
    while (end < matches.size() && matches[end] == kNoLine) ++end;
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
  const auto own = SplitLines(text), laid_out = SplitLines(formatted), plainer = SplitLines(fixed);
  const MatchedLines in_own = MatchLines(laid_out, own), in_plainer = MatchLines(laid_out, plainer);
  KeptLayout kept;
  std::size_t copied = 0;
  const auto copy_until = [&](std::size_t end) {
    for (; copied < end; ++copied) kept.text += own[copied];
  };
  const bool are_known = in_own.is_whole && in_plainer.is_whole;
  const auto hunks = are_known ? HunksOf(in_plainer.in_after, plainer.size()) : std::vector<Hunk>();
  for (const Hunk& hunk : hunks) {
    // What only adds lines has none that tells where.
    if (hunk.begin == hunk.end) continue;
    const std::size_t begin = in_own.in_after[hunk.begin];
    bool is_there = begin != kNoLine;
    for (std::size_t i = hunk.begin; is_there && i < hunk.end; ++i) {
      is_there = in_own.in_after[i] == begin + (i - hunk.begin);
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
