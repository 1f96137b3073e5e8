// How reads are counted: a flag's outcomes, and one thread's counters of them.
//
// An outcome is what a read came to: a variation and a reason, or an error. It is a number within its flag, which has n
// variations:
//
//   0 …                    variation v was served for a reason: reason * n + v
//   kReasons * n …         the caller's fallback was served for a reason
//   kReasons * (n + 1) …   for an error, EvaluationError::kNone left out
//
// Most flags come to few outcomes, mostly one for each variation. So that thousands of flags fit into a cache, a flag
// has two short counters for each variation, one for reasons with an even and one for those with an odd number: a word
// with the reason in its top bits, the first one that came, and below it the count. What has no short counter, because
// another reason has it, or because no variation was served, goes to a list of counters with one for every outcome,
// which a thread has of those flags only that need one.
//
// A flag with its variations has its counters at the same place in all threads. The place is never given to another
// flag, nor to the flag with other variations, so counters keep their meaning.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/evaluation_detail.h>
#include "core/eval/evaluator.h"

namespace guidon::internal {

struct EvaluationCount {
  std::string flag;
  std::string variation;  // empty: the caller's fallback was served
  Reason reason = Reason::kError;
  EvaluationError error = EvaluationError::kNone;
  std::uint64_t count = 0;
};

inline constexpr std::uint32_t kReasons = static_cast<std::uint32_t>(Reason::kError);
inline constexpr std::uint32_t kErrors = kEvaluationErrorCount - 1;

// An outcome in words; valid while the flag is.
struct OutcomeName {
  std::string_view flag, variation;
  Reason reason = Reason::kError;
  EvaluationError error = EvaluationError::kNone;
};

// Where the short counters are: a chunk, and which word of it. In chunk 0, which is never there: nowhere.
struct CountPlace {
  static constexpr std::uint32_t kChunkWords = 1'024;
  static constexpr std::uint32_t kChunks = 256;
  std::uint32_t value = 0;
  std::uint32_t chunk() const noexcept { return value / kChunkWords; }
  std::uint32_t word() const noexcept { return value % kChunkWords; }
};

// A thread's short counters of one flag; null: it has none, or not yet.
using CountRow = std::atomic<std::uint64_t>*;

// A flag with the variations that it has, or had.
class CountedFlag {
 public:
  // `names`: the key, then every variation, each with a NUL behind it, which none of them has within. `number`: below
  // kMost, of this flag alone.
  CountedFlag(std::string names, std::uint32_t number, CountPlace place);
  static constexpr std::uint32_t kMost = 1u << 17;
  static std::uint32_t VariationsIn(std::string_view names);

  const std::string& names() const { return names_; }
  std::string_view key() const { return std::string_view(names_).substr(0, names_.find('\0')); }
  std::uint32_t number() const { return number_; }
  CountPlace place() const { return place_; }
  std::uint32_t variations() const { return variations_; }
  std::uint32_t outcomes() const { return kReasons * (variations_ + 1) + kErrors; }
  std::uint32_t OutcomeOf(const Decision& decision) const noexcept;
  OutcomeName NameOf(std::uint32_t outcome) const noexcept;

 private:
  const std::string names_;
  const std::uint32_t number_;
  const CountPlace place_;
  const std::uint32_t variations_;
};

// Gives flags their numbers and places.
class CountPlaces {
 public:
  // nullptr: there are kMost. Flags for which no place is left have the list of all outcomes only.
  std::unique_ptr<CountedFlag> Take(std::string names);

 private:
  std::uint32_t flags_ = 0;
  std::uint32_t words_ = CountPlace::kChunkWords;  // given away, chunk 0 counted
};

// One thread's counters. Only that thread increases them, so a load and a store do: no locked instruction.
class ThreadCounts {
 public:
  constexpr ThreadCounts() = default;
  ~ThreadCounts();
  ThreadCounts(const ThreadCounts&) = delete;
  ThreadCounts& operator=(const ThreadCounts&) = delete;

  [[gnu::always_inline]] CountRow Row(CountPlace place) noexcept {
    Word* const chunk = chunks_[place.chunk()].load(std::memory_order_relaxed);
    return chunk == nullptr ? nullptr : chunk + place.word();
  }
  // False when there is no short counter for it, or not yet: nothing was counted. `variation`: kNone, or of the flag.
  [[gnu::always_inline]] static bool TryCount(CountRow row, std::int16_t variation, Reason reason) noexcept {
    if (row == nullptr || variation == kNone) [[unlikely]] {
      return false;
    }
    assert(reason != Reason::kError);
    Word& word = row[ShortOf(variation, reason)];
    const std::uint64_t held = word.load(std::memory_order_relaxed);
    if (held >> kCountBits != TagOf(reason)) [[unlikely]] {
      return false;
    }
    word.store(held + 1, std::memory_order_relaxed);
    return true;
  }
  // Counts in any case, and makes the counter first if need be; throws bad_alloc.
  void Count(const CountedFlag& flag, const Decision& decision);

  // For any thread: adds the counts of the flag's outcomes to `totals`. False when there are none.
  bool AddTo(std::vector<std::uint64_t>& totals, const CountedFlag& flag) const;

 private:
  using Word = std::atomic<std::uint64_t>;
  static constexpr int kCountBits = 60;
  static constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kCountBits) - 1;
  static std::uint64_t TagOf(Reason reason) noexcept {
    return static_cast<std::uint64_t>(reason) + 1;  // 0: nobody's yet
  }
  static std::uint32_t ShortOf(std::int16_t variation, Reason reason) noexcept {
    return 2 * static_cast<std::uint32_t>(variation) + (static_cast<std::uint32_t>(reason) & 1);
  }

  // Lists of all outcomes, by the flag's number.
  static constexpr std::uint32_t kTables = 256;
  static constexpr std::uint32_t kTableSize = CountedFlag::kMost / kTables;
  struct Table {
    std::array<std::atomic<Word*>, kTableSize> lists{};
  };

  Word* Short(const CountedFlag& flag, const Decision& decision);
  Word* All(const CountedFlag& flag);

  std::array<std::atomic<Word*>, CountPlace::kChunks> chunks_{};
  std::array<std::atomic<Table*>, kTables> tables_{};
};

}  // namespace guidon::internal
