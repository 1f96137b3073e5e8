// A regular expression that many threads match at once. RE2 fills an automaton as it meets new texts, under a lock of
// its own that every match takes: one line of memory for all threads, which they would hand to and fro, in three times
// the time. So there are copies, each made by the first read that needs it, and a read looks at that of its processor.
//
//   Result<std::unique_ptr<const Pattern>> pattern = Pattern::Compile("^[a-z]+@", /*ignore_case=*/false);
//   if ((*pattern)->MatchesWithin(email)) …
//
// Thread safety: MatchesWithin from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace re2 {
class RE2;
}

namespace guidon {

class Pattern {
 public:
  // kInvalid: not an expression, or one that takes too much (core/model/names.h has the bounds; a copy keeps to them).
  static Result<std::unique_ptr<const Pattern>> Compile(const std::string& text, bool ignore_case);
  explicit Pattern(std::unique_ptr<const re2::RE2> first);
  ~Pattern();

  // Anywhere in the text. Each copy keeps to kMaxExpressionMemory. Allocates when a processor comes for the first time,
  // and when a text is of a new kind.
  bool MatchesWithin(std::string_view text) const;

 private:
  static constexpr std::size_t kCopies = 8;
  const re2::RE2& OwnCopy() const;

  const std::unique_ptr<const re2::RE2> first_;
  mutable std::array<std::atomic<const re2::RE2*>, kCopies - 1> others_{};  // owned; null: not needed yet
};

}  // namespace guidon
