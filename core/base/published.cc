#include "core/base/published.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace guidon::epoch {

constinit std::atomic<std::uint64_t> current{1};
thread_local constinit Slot* own_slot = nullptr;

namespace {

long Membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0);
}

struct Retired {
  std::uint64_t until;  // readers that began at or before this epoch may hold it
  std::shared_ptr<const void> version;
};

// All slots there ever were, and the versions that wait. Slots are reused, never freed: a scan needs no lock against
// threads that end, and there are as many as there were threads at once.
class Registry {
 public:
  // Never destroyed: threads may read until the process is gone.
  static Registry& Get() {
    static Registry* const registry = new Registry;
    return *registry;
  }

  Slot* Take() {
    MutexLock lock(mutex_);
    Slot* slot = slots_;
    while (slot != nullptr && slot->is_taken) slot = slot->next;
    if (slot == nullptr) {
      slot = new Slot;
      slot->next = slots_;
      slots_ = slot;
    }
    slot->is_taken = true;
    slot->is_ordered = !has_barrier_;
    if (has_key_) pthread_setspecific(at_thread_end_, slot);
    return slot;
  }

  void Release(Slot* slot) {
    MutexLock lock(mutex_);
    slot->is_taken = false;
  }

  Mutex& mutex() { return mutex_; }

  bool has_barrier() {
    MutexLock lock(mutex_);
    return has_barrier_;
  }

  void Add(std::shared_ptr<const void> old) {
    const std::uint64_t until = current.fetch_add(1, std::memory_order_seq_cst);
    MutexLock lock(mutex_);
    retired_.push_back({until, std::move(old)});
  }

  struct Waiting {
    std::size_t versions = 0;
    bool is_lasting = false;  // waiting for readers would not help
  };
  Waiting Reclaim() {
    std::vector<Retired> free;  // outlives the lock: destructors run without it
    MutexLock lock(mutex_);
    if (retired_.empty()) return {};
    // After their replacement, before the look at the slots.
    if (has_barrier_ && Membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0) return {retired_.size(), true};
    const std::uint64_t oldest = OldestReader();
    const auto kept = std::partition(retired_.begin(), retired_.end(),
                                     [&](const Retired& retired) { return retired.until >= oldest; });
    free.assign(std::make_move_iterator(kept), std::make_move_iterator(retired_.end()));
    retired_.erase(kept, retired_.end());
    return {retired_.size(), false};
  }

 private:
  Registry() {
    // A key's destructor runs after those of C++ thread-locals, which may still read, and again if another key's
    // destructor reads after it. The process may have used up its keys: then slots of threads that ended stay taken.
    has_key_ = pthread_key_create(&at_thread_end_, [](void* slot) {
                 own_slot = nullptr;
                 Get().Release(static_cast<Slot*>(slot));
               }) == 0;
    pthread_atfork([] { Get().mutex_.native().lock(); }, [] { Get().mutex_.native().unlock(); },
                   [] { Get().ContinueInChild(); });
    has_barrier_ = Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  }

  std::uint64_t OldestReader() const GUIDON_REQUIRES(mutex_) {
    std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
    for (const Slot* slot = slots_; slot != nullptr; slot = slot->next) {
      const std::uint64_t since = slot->since.load(std::memory_order_seq_cst);
      if (since != 0) oldest = std::min(oldest, since);
    }
    return oldest;
  }

  // In the child of a fork, which has the mutex from before it: the thread that forked is the only one. It inherits the
  // registration, and registers again all the same: that is said nowhere but in the kernel's source.
  void ContinueInChild() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    for (Slot* slot = slots_; slot != nullptr; slot = slot->next) {
      if (slot == own_slot) continue;
      slot->since.store(0, std::memory_order_relaxed);
      slot->is_taken = false;
    }
    has_barrier_ = has_barrier_ && Membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    if (own_slot != nullptr) own_slot->is_ordered = !has_barrier_;
    mutex_.unlock();
  }

  pthread_key_t at_thread_end_{};
  bool has_key_ = false;

  Mutex mutex_;
  bool has_barrier_ GUIDON_GUARDED_BY(mutex_) = false;  // changes in the child of a fork only
  Slot* slots_ GUIDON_GUARDED_BY(mutex_) = nullptr;
  std::vector<Retired> retired_ GUIDON_GUARDED_BY(mutex_);  // kMaxRetired, and one per thread that publishes
};

}  // namespace

Slot* TakeSlot() noexcept {
  own_slot = Registry::Get().Take();
  return own_slot;
}

void Prepare() {
  Registry::Get();
}

bool HasProcessBarrier() {
  return Registry::Get().has_barrier();
}

WriterLock::WriterLock() {
  Registry::Get().mutex().native().lock();
}
WriterLock::~WriterLock() {
  Registry::Get().mutex().native().unlock();
}

void Retire(std::shared_ptr<const void> old) {
  Registry& registry = Registry::Get();
  registry.Add(std::move(old));
  const bool is_reading = own_slot != nullptr && own_slot->since.load(std::memory_order_relaxed) != 0;
  for (;;) {
    const Registry::Waiting waiting = registry.Reclaim();
    if (waiting.versions < kMaxRetired || waiting.is_lasting || is_reading) return;
    sched_yield();
  }
}

std::size_t Reclaim() {
  return Registry::Get().Reclaim().versions;
}

}  // namespace guidon::epoch
