// How reads are counted: a flag's outcomes, the cells that count them, and one thread's cells.
//
// An outcome is what a read came to: a variation and a reason, or an error. It is a small number within its flag. The
// first read that comes to an outcome takes a cell for it, which is a number within the recorder; each thread has a
// counter of its own for each cell. So a counter costs memory only in threads that need it, and its name, which is the
// flag's definition at the time, stays right when the flag gets other variations later.
//
// Outcomes, in this order:
//
//   0 …              the caller's default was served for a reason, by Reason
//   kReasonCount …   for an error, by EvaluationError, without kNone
//   kDefaults …      variation v was served for a reason: kDefaults + v * kReasonCount + reason
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <guidon/evaluation_detail.h>
#include "core/eval/evaluator.h"

namespace guidon::internal {

struct EvaluationCount {
  std::string flag;
  std::string variation;  // empty: the caller's default was served
  Reason reason = Reason::kError;
  EvaluationError error = EvaluationError::kNone;
  std::uint64_t count = 0;
};

struct OutcomeName {
  std::string_view flag, variation;  // valid while the flag is
  Reason reason = Reason::kError;
  EvaluationError error = EvaluationError::kNone;
};

inline constexpr std::uint32_t kDefaults = kReasonCount + kEvaluationErrorCount - 1;

inline std::uint32_t OutcomeOf(const Decision& decision) noexcept {
  const auto reason = static_cast<std::uint32_t>(decision.reason);
  if (decision.error != EvaluationError::kNone) return kReasonCount + static_cast<std::uint32_t>(decision.error) - 1;
  if (decision.variation == kNone) return reason;
  return kDefaults + static_cast<std::uint32_t>(decision.variation) * kReasonCount + reason;
}

// A flag with the variations that it has, or had.
class CountedFlag {
 public:
  using Cell = std::atomic<std::uint32_t>;

  // `names`: the key, then every variation, each with a NUL behind it, which none of them has within.
  explicit CountedFlag(std::string names);

  const std::string& names() const { return names_; }
  // By outcome; 0: none was taken yet.
  Cell* cells() const { return cells_.get(); }
  OutcomeName NameOf(std::uint32_t outcome) const noexcept;

 private:
  const std::string names_;
  const std::unique_ptr<Cell[]> cells_;
};

inline constexpr std::uint32_t kCellsInChunk = 256;
inline constexpr std::uint32_t kChunks = 1'024;
// The first chunk is never there, so that no cell yet and no chunk yet are found by the same look.
inline constexpr std::uint32_t kFirstCell = kCellsInChunk;
inline constexpr std::uint32_t kEndOfCells = kCellsInChunk * kChunks;

struct alignas(64) CountChunk {
  std::array<std::atomic<std::uint64_t>, kCellsInChunk> counts{};
};

// One thread's counters. Only that thread increases them, so a load and a store do: no locked instruction.
class ThreadCounts {
 public:
  constexpr ThreadCounts() = default;
  ~ThreadCounts() {
    for (std::atomic<CountChunk*>& chunk : chunks_) delete chunk.load(std::memory_order_relaxed);
  }
  ThreadCounts(const ThreadCounts&) = delete;
  ThreadCounts& operator=(const ThreadCounts&) = delete;

  // False when the chunk is not there yet.
  bool Increase(std::uint32_t cell) noexcept {
    CountChunk* chunk = chunks_[cell / kCellsInChunk].load(std::memory_order_relaxed);
    if (chunk == nullptr) [[unlikely]] {
      return false;
    }
    std::atomic<std::uint64_t>& count = chunk->counts[cell % kCellsInChunk];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return true;
  }
  void AddChunkOf(std::uint32_t cell) {  // throws bad_alloc
    std::atomic<CountChunk*>& chunk = chunks_[cell / kCellsInChunk];
    if (chunk.load(std::memory_order_relaxed) == nullptr) chunk.store(new CountChunk(), std::memory_order_release);
  }
  // For any thread.
  const CountChunk* chunk(std::uint32_t index) const noexcept { return chunks_[index].load(std::memory_order_acquire); }

 private:
  std::array<std::atomic<CountChunk*>, kChunks> chunks_{};
};

}  // namespace guidon::internal
