// One thread's exposures on their way to the thread that sends: a ring of bytes with one writer and one reader, further
// rings while nobody takes what is there, and a table of what was written lately.
//
// A record is a head of fixed size, the texts in the order of the head's sizes, and the context: for every scalar a
// byte for its kind, two for the size of its name, the name, and the value (nothing for a bool, 8 bytes for a number,
// 4 bytes of size and the bytes for text). Everything is of this process, so byte order and padding are as they are.
// In the ring every record is preceded by 8 bytes, its size and whether it is filler: records do not wrap around the
// end, so what is too small there is filled.
//
// Thread safety: Write is the owner's alone, Front and Pop the reader's alone; one of each may run at the same time.
// RingAllowance: any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include <guidon/value.h>
#include "core/eval/evaluator.h"

namespace guidon::internal {

// One exposure as it comes out of the ring. Views are valid within the call that gives it.
struct RecordedExposure {
  std::int64_t time_ms = 0;
  std::uint64_t revision = 0;
  // Of the ruleset that decided; it may have been read from a file, and of another environment than the key's.
  std::string_view epoch, environment;
  std::string_view flag, experiment;
  std::string_view variant;  // empty for kComparison
  std::string_view holdout;  // empty for kAssigned
  std::uint32_t iteration = 0;
  Consulted::Role role = Consulted::Role::kAssigned;
  bool forced = false;
  std::string_view unit_attribute, unit;
  std::int32_t bucket = -1;  // -1: none
  Value context;             // an object of scalars without what is private; null when it was too long
};

// Names of attributes that never leave the process, with all that is within them.
class PrivateAttributes {
 public:
  PrivateAttributes() = default;
  // `all`: every attribute of a context but its key, which has to be named.
  explicit PrivateAttributes(std::vector<std::string> names, bool all = false);
  bool empty() const noexcept { return names_.empty() && !all_; }
  bool Covers(std::string_view attribute) const noexcept;

 private:
  std::vector<std::string> names_;
  bool all_ = false;
};

// As JSON. A unit or a context that is longer cannot be sent.
inline constexpr std::size_t kMaxUnitBytes = 1'024;
inline constexpr std::size_t kMaxContextBytes = 4'096;

class ExposureRing {
 public:
  static constexpr std::size_t kLeastBytes = 32u << 10;  // four times the largest record, or about

  explicit ExposureRing(std::size_t bytes);  // rounded up to a power of two; throws bad_alloc

  // False when there is no room: nothing was written. `exposure.context` is not looked at. A context that is too long
  // is left out.
  bool Write(const RecordedExposure& exposure, const Context& context, const PrivateAttributes& without) noexcept;

  // The oldest one, or false when there is none. It stays until Pop.
  bool Front(RecordedExposure& out);
  void Pop() noexcept;

  std::size_t capacity() const noexcept { return capacity_; }
  bool IsEmpty() const noexcept;  // for the owner: what it wrote was popped

  // Forgets everything. Neither Write nor Front may be running.
  void Clear() noexcept;

 private:
  std::byte* Reserve(std::size_t size) noexcept;  // nullptr: no room
  std::byte* At(std::uint64_t position) noexcept { return bytes_.get() + (position & (capacity_ - 1)); }

  const std::size_t capacity_;
  const std::unique_ptr<std::byte[]> bytes_;

  // Positions only grow; modulo the capacity they are places.
  alignas(64) std::atomic<std::uint64_t> end_{0};    // the writer's
  std::uint64_t reserved_ = 0;                       // the writer's: the end once what is being written is there
  alignas(64) std::atomic<std::uint64_t> begin_{0};  // the reader's
};

// The bytes that all threads together may take for rings beyond the one that each has.
class RingAllowance {
 public:
  explicit RingAllowance(std::size_t bytes) : bytes_(bytes), left_(bytes) {}
  bool Take(std::size_t bytes) noexcept;  // false, and nothing is taken, when fewer are left
  void GiveBack(std::size_t bytes) noexcept { left_.fetch_add(bytes, std::memory_order_relaxed); }
  void Reset() noexcept { left_.store(bytes_, std::memory_order_relaxed); }  // in the child of a fork

 private:
  const std::size_t bytes_;
  std::atomic<std::size_t> left_;
};

// The rings of one thread, oldest first: one, and while that is full another one behind it, and so on, for as long as
// the allowance has room. Those that were read to their end are freed by the reader, and their bytes given back.
class ExposureRings {
 public:
  ExposureRings(std::size_t ring_bytes, RingAllowance& allowance);  // which outlives it; throws bad_alloc
  ~ExposureRings();
  ExposureRings(const ExposureRings&) = delete;
  ExposureRings& operator=(const ExposureRings&) = delete;

  // Those of a ring. Write allocates when the newest ring is full, and is false when there is no room or no memory.
  bool Write(const RecordedExposure& exposure, const Context& context, const PrivateAttributes& without) noexcept;
  bool Front(RecordedExposure& out);
  void Pop() noexcept { first_->Pop(); }

  // Forgets everything but one ring, and gives nothing back. Neither Write nor Front is running; in the child of a fork
  // they may have been, in threads that are not here.
  void Clear() noexcept;

 private:
  struct Link : ExposureRing {
    using ExposureRing::ExposureRing;
    std::atomic<Link*> next{nullptr};  // set once, by the owner, who writes nothing here after that
  };
  bool Grow() noexcept;
  void DropFirst(Link* next) noexcept;

  RingAllowance& allowance_;
  Link* first_;  // the reader's
  Link* last_;   // the owner's
};

// Which exposures a thread has recorded lately, by fingerprint, which is never 0. In sets of a few, by the
// fingerprint's low bits; a newer one takes the place of the oldest in its set. Owner's thread only.
class RememberedExposures {
 public:
  explicit RememberedExposures(std::size_t count);  // rounded up to a power of two; throws bad_alloc
  bool Has(std::uint64_t fingerprint) const noexcept;
  void Add(std::uint64_t fingerprint) noexcept;
  void Clear() noexcept;

 private:
  static constexpr std::size_t kSet = 8;  // a cache line
  std::uint64_t* SetOf(std::uint64_t fingerprint) const noexcept {
    return table_.get() + (fingerprint & (count_ / kSet - 1)) * kSet;
  }

  const std::size_t count_;
  const std::unique_ptr<std::uint64_t[]> table_;
};

}  // namespace guidon::internal
