// A value that many threads read all the time and somebody replaces now and then.
//
//   Published<Ruleset> current(first);
//   { Published<Ruleset>::Guard ruleset = current.Read(); Use(*ruleset); }   // any thread, 1 to 2 ns
//   current.Publish(next);                                                 // any thread; readers go on
//
// Each thread owns one slot in the process, shared by all Published values. While it reads, the slot holds the epoch in
// which it began; a replaced version is freed once no slot holds an epoch from before the replacement. Why that is
// right is written out in docs/decisions/reclamation.md.
//
// The work is shared out unequally. A reader only writes to its slot and goes on; whoever frees asks the kernel
// (membarrier(2)) to have every running thread of the process pass a barrier, and looks at the slots after that. Where
// the kernel does not offer it, readers carry a barrier of their own, about 5 ns.
//
// Cost of Read: a thread-local load, two loads and a store, and a store to leave; nothing that another thread writes
// but on a replacement. The first read of a thread takes a lock once to get its slot.
//
// Thread safety: every method may be called from any thread; the destructor when nobody reads any more. A child of
// fork() may read and publish at once: the slots of the threads that it does not have are cleared.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace guidon {

namespace epoch {

// One thread's mark. A line of its own, so that readers never share what they write.
struct alignas(64) Slot {
  std::atomic<std::uint64_t> since{0};  // the epoch at the outermost Enter, 0 outside; written by its thread only
  bool is_ordered = true;               // the thread orders its reads itself; constant while the slot is taken
  bool is_taken = false;                // guarded by the registry's mutex
  Slot* next = nullptr;                 // constant once in the list
};

// Grows by one with every replacement, from 1.
extern std::atomic<std::uint64_t> current;

// Initial-exec: a load relative to the thread pointer also inside a shared library.
extern thread_local constinit Slot* own_slot __attribute__((tls_model("initial-exec")));

Slot* TakeSlot() noexcept;  // the thread's first use; the slot goes back when the thread ends

// Registers with the kernel, which takes some milliseconds when there are many threads: so that making the first
// Published has to wait for it, and no reader.
void Prepare();

// Whether those who free ask the kernel for the barrier; otherwise every reader has its own.
bool HasProcessBarrier();

struct Entered {
  Slot* slot;
  std::uint64_t before;  // what the slot held: 0, or the epoch of the guard around this one
};

[[gnu::always_inline]] inline Entered Enter() noexcept {
  Slot* slot = own_slot;
  if (slot == nullptr) [[unlikely]] {
    slot = TakeSlot();
  }
  const std::uint64_t before = slot->since.load(std::memory_order_relaxed);
  if (before == 0) [[likely]] {
    if (slot->is_ordered) [[unlikely]] {
      slot->since.store(current.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
    } else {
      slot->since.store(current.load(std::memory_order_acquire), std::memory_order_release);
    }
  }
  // For the compiler only: what is read within the guard is read after the slot was written.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return {slot, before};
}

[[gnu::always_inline]] inline void Leave(const Entered& entered) noexcept {
  entered.slot->since.store(entered.before, std::memory_order_release);
}

// Held while a Published exchanges its pointers; one in the process, so that fork() finds none of them half exchanged.
class WriterLock {
 public:
  WriterLock();
  ~WriterLock();
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
};

// Takes what was just replaced (the new pointer is stored already) and drops it once no reader can hold it: now, or in
// a later Retire or Reclaim of anybody. At kMaxRetired waiting versions the caller waits for the readers that are in
// the way, who by contract are quick; a caller that reads itself at that moment does not wait, for it would be for
// itself. Destructors run in the calling thread, without the lock.
//
// A process that forbids membarrier(2) after it made its first Published (a seccomp filter) keeps every version
// replaced from then on, and nobody waits: without the barrier nothing can be told about readers.
inline constexpr std::size_t kMaxRetired = 64;
void Retire(std::shared_ptr<const void> old);

// Drops what no reader can hold any more. Returns how many versions still wait.
std::size_t Reclaim();

}  // namespace epoch

// T derives from std::enable_shared_from_this<T>: Read() and Share() follow one and the same pointer, so that a thread
// that does both never goes back.
template <typename T>
class Published {
 public:
  // Keeps the version that was current when it was made. Belongs to the thread that made it and to a few lines of
  // code: it holds back the memory of every version replaced meanwhile. Guards may be nested. Inside one, neither wait
  // nor take a lock; to keep a version for longer, or to give it to another thread, use Share().
  class Guard {
   public:
    [[gnu::always_inline]] ~Guard() { epoch::Leave(entered_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    const T& operator*() const noexcept { return *value_; }
    const T* operator->() const noexcept { return value_; }
    const T* get() const noexcept { return value_; }

   private:
    friend class Published;
    [[gnu::always_inline]] explicit Guard(const Published& published) noexcept
        : entered_(epoch::Enter()), value_(published.value_.load(std::memory_order_seq_cst)) {}

    epoch::Entered entered_;
    const T* value_;
  };

  // `first` is not null, and neither is any later version.
  explicit Published(std::shared_ptr<const T> first) : value_(first.get()), keeper_(std::move(first)) {
    epoch::Prepare();
  }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  [[gnu::always_inline]] Guard Read() const noexcept { return Guard(*this); }

  // The current version, owned. Counts references, so threads that do it all the time get into each other's way.
  std::shared_ptr<const T> Share() const noexcept {
    const Guard guard = Read();  // somebody owns the version for as long as it lasts
    return guard->shared_from_this();
  }

  // Reads that begin after this returns see `next`, or what was published later still.
  void Publish(std::shared_ptr<const T> next) {
    {
      epoch::WriterLock lock;
      value_.store(next.get(), std::memory_order_seq_cst);
      keeper_.swap(next);
    }
    epoch::Retire(std::move(next));  // the old one by now
  }

 private:
  std::atomic<const T*> value_;
  std::shared_ptr<const T> keeper_;  // owns *value_; guarded by WriterLock
};

}  // namespace guidon
