// What one thread writes for one recorder, and which thread that is.
//
// A recorder owns its shards. A thread that records for the first time takes one that nobody owns, or a new one; when
// it ends, its shards, of all recorders, are free again, with what is in them: counters only grow, whoever writes them.
// There are as many as there were threads at once.
//
// Finding the own shard: each thread has the recorder that it used last in thread-local memory, and a few that it used
// before, by number; recorders' numbers are never used twice, so recorders and threads may end in any order. A thread
// that uses more recorders than that in turn looks through the recorder's list instead, without a lock.
//
// A destructor of another thread-local or key may record while its thread ends, also after the shards were given back:
// it takes one anew, and the system runs our destructor again. Should it not (it does so PTHREAD_DESTRUCTOR_ITERATIONS
// times), the shard stays taken, and is still read.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "core/base/mutex.h"
#include "sdk/events/counts.h"
#include "sdk/events/exposure_ring.h"

namespace guidon::internal {

// A thread's rings and memory; made with its first exposure.
struct ThreadExposures {
  ThreadExposures(std::size_t ring_bytes, RingAllowance& allowance, std::size_t remembered_count)
      : rings(ring_bytes, allowance), remembered(remembered_count) {}
  ExposureRings rings;
  RememberedExposures remembered;
};

struct alignas(64) Shard {
  constexpr Shard() = default;
  ~Shard() { delete exposures.load(std::memory_order_relaxed); }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  ThreadCounts counts;
  std::atomic<ThreadExposures*> exposures{nullptr};  // set once, by the owner
  std::atomic<std::uint64_t> dropped{0};             // exposures; increased by the owner only
  std::atomic<std::uint64_t> owner{0};               // a thread's number, 0: nobody; written under ShardMutex()
  Shard* next = nullptr;                             // constant once in the list
};

// Guards who owns which shard, and what a recorder gives to its threads at their first use of something. One for all
// recorders, so that a fork finds none of them half way. Innermost: held for a few lines, in which nobody waits.
Mutex& ShardMutex();
// Outside ShardMutex(): held by the one thread that takes counts, so that a fork does not find it half way.
Mutex& CollectMutex();

// The shards of one recorder.
class ShardList {
 public:
  ShardList();
  ~ShardList();  // nobody records any more
  ShardList(const ShardList&) = delete;
  ShardList& operator=(const ShardList&) = delete;

  // This thread's. Without memory for one: Nobodys().
  [[gnu::always_inline]] Shard& Own() noexcept { return marks.last.list == id_ ? *marks.last.shard : Find(); }
  // Has no counters and no exposures, and is never written.
  static Shard& Nobodys() noexcept;

  // All of them, for any thread.
  Shard* first() const noexcept { return first_.load(std::memory_order_acquire); }

  // In the child of a fork, before anything else there: only this thread's shards are owned.
  void ContinueInChild() noexcept;

 private:
  friend class ShardRegistry;
  static constexpr std::size_t kMarks = 4;
  struct Mark {
    std::uint64_t list = 0;  // a number
    Shard* shard = nullptr;
  };
  struct ThreadMarks {
    std::uint64_t thread = 0;  // this thread's number; 0: it records nothing yet, or not any more
    Mark last;
    std::array<Mark, kMarks> before{};  // by number
  };
  // Initial-exec: a load relative to the thread pointer also inside a shared library.
  static thread_local constinit ThreadMarks marks __attribute__((tls_model("initial-exec")));

  Shard& Find() noexcept;
  Shard* TakeFor(std::uint64_t thread);
  void GiveBack(std::uint64_t thread) GUIDON_REQUIRES(ShardMutex());

  const std::uint64_t id_;
  std::atomic<Shard*> first_{nullptr};  // grows only, under ShardMutex()
};

}  // namespace guidon::internal
