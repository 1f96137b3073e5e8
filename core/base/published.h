// A value that many threads read all the time and somebody replaces now and then.
//
//   Published<Ruleset> current(first);
//   { Published<Ruleset>::Guard ruleset = current.Read(); Use(*ruleset); }   // any thread, about 6 ns
//   current.Publish(next);                                                 // any thread; readers go on
//
// Each thread owns one slot in the process, shared by all Published values. While it reads, the slot holds the epoch in
// which it began; a replaced version is freed once no slot holds an epoch from before the replacement. Why that is
// right is written out in docs/decisions/reclamation.md.
//
// Cost of Read: one thread-local load, one store with a full barrier, two loads, and a store to leave; nothing that
// another thread writes but on a replacement. The first read of a thread takes a lock once to get its slot.
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
  std::uint32_t depth = 0;              // guards within each other; touched by its thread only
  bool taken = false;                   // guarded by the registry's mutex
  Slot* next = nullptr;                 // constant once in the list
};

// Grows by one with every replacement, from 1.
extern std::atomic<std::uint64_t> current;

// Initial-exec: a load relative to the thread pointer also inside a shared library.
extern thread_local constinit Slot* own_slot __attribute__((tls_model("initial-exec")));

Slot* TakeSlot() noexcept;  // the thread's first use; the slot goes back when the thread ends

inline Slot* Enter() noexcept {
  Slot* slot = own_slot;
  if (slot == nullptr) [[unlikely]] {
    slot = TakeSlot();
  }
  if (slot->depth++ == 0) slot->since.store(current.load(std::memory_order_seq_cst), std::memory_order_seq_cst);
  return slot;
}

inline void Leave(Slot* slot) noexcept {
  if (--slot->depth == 0) slot->since.store(0, std::memory_order_release);
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
inline constexpr std::size_t kMaxRetired = 64;
void Retire(std::shared_ptr<const void> old);

// Drops what no reader can hold any more. Returns how many versions still wait.
std::size_t Reclaim();

}  // namespace epoch

template <typename T>
class Published {
 public:
  // Keeps the version that was current when it was made. Belongs to the thread that made it and to a few lines of
  // code: it holds back the memory of every version replaced meanwhile. Guards may be nested. Inside one, neither wait
  // nor take a lock; to keep a version for longer, or to give it to another thread, use Share().
  class Guard {
   public:
    ~Guard() { epoch::Leave(slot_); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    const T& operator*() const noexcept { return *value_; }
    const T* operator->() const noexcept { return value_; }
    const T* get() const noexcept { return value_; }

   private:
    friend class Published;
    explicit Guard(const Published& published) noexcept
        : slot_(epoch::Enter()), value_(published.value_.load(std::memory_order_seq_cst)) {}

    epoch::Slot* slot_;
    const T* value_;
  };

  // `first` is not null, and neither is any later version.
  explicit Published(std::shared_ptr<const T> first)
      : value_(first.get()), keeper_(std::make_shared<const Owner>(std::move(first))), owner_(keeper_.get()) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  Guard Read() const noexcept { return Guard(*this); }

  // The current version, owned. Counts references, so threads that do it all the time get into each other's way.
  std::shared_ptr<const T> Share() const noexcept {
    epoch::Slot* slot = epoch::Enter();
    Owner shared = *owner_.load(std::memory_order_seq_cst);
    epoch::Leave(slot);
    return shared;
  }

  // Reads that begin after this returns see `next`, or what was published later still.
  void Publish(std::shared_ptr<const T> next) {
    const T* value = next.get();
    auto owner = std::make_shared<const Owner>(std::move(next));
    {
      epoch::WriterLock lock;
      value_.store(value, std::memory_order_seq_cst);
      owner_.store(owner.get(), std::memory_order_seq_cst);
      keeper_.swap(owner);
    }
    epoch::Retire(std::move(owner));  // the old one by now
  }

 private:
  using Owner = std::shared_ptr<const T>;

  // Two ways to the same version: `value_` saves Read() a load, `owner_` lets Share() count a reference.
  std::atomic<const T*> value_;
  std::shared_ptr<const Owner> keeper_;  // guarded by WriterLock
  std::atomic<const Owner*> owner_;      // keeper_.get()
};

}  // namespace guidon
