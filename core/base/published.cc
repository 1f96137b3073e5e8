#include "core/base/published.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace guidon::epoch {

constinit std::atomic<std::uint64_t> current{1};
thread_local constinit Slot* own_slot = nullptr;

namespace {

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
    while (slot != nullptr && slot->taken) slot = slot->next;
    if (slot == nullptr) {
      slot = new Slot;
      slot->next = slots_;
      slots_ = slot;
    }
    slot->taken = true;
    pthread_setspecific(at_thread_end_, slot);
    return slot;
  }

  void Release(Slot* slot) {
    MutexLock lock(mutex_);
    slot->taken = false;
  }

  Mutex& mutex() { return mutex_; }

  void Add(std::shared_ptr<const void> old) {
    const std::uint64_t until = current.fetch_add(1, std::memory_order_seq_cst);
    MutexLock lock(mutex_);
    retired_.push_back({until, std::move(old)});
  }

  std::size_t Reclaim() {
    std::vector<Retired> free;  // outlives the lock: destructors run without it
    MutexLock lock(mutex_);
    if (retired_.empty()) return 0;
    const std::uint64_t oldest = OldestReader();
    const auto kept = std::partition(retired_.begin(), retired_.end(),
                                     [&](const Retired& retired) { return retired.until >= oldest; });
    free.assign(std::make_move_iterator(kept), std::make_move_iterator(retired_.end()));
    retired_.erase(kept, retired_.end());
    return retired_.size();
  }

 private:
  Registry() {
    // A key's destructor runs after those of C++ thread-locals, which may still read, and again if another key's
    // destructor reads after it.
    pthread_key_create(&at_thread_end_, [](void* slot) {
      own_slot = nullptr;
      Get().Release(static_cast<Slot*>(slot));
    });
    pthread_atfork([] { Get().mutex_.native().lock(); }, [] { Get().mutex_.native().unlock(); },
                   [] { Get().ContinueInChild(); });
  }

  std::uint64_t OldestReader() const GUIDON_REQUIRES(mutex_) {
    std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
    for (const Slot* slot = slots_; slot != nullptr; slot = slot->next) {
      const std::uint64_t since = slot->since.load(std::memory_order_seq_cst);
      if (since != 0) oldest = std::min(oldest, since);
    }
    return oldest;
  }

  // In the child of a fork, which has the mutex from before it: the thread that forked is the only one.
  void ContinueInChild() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    for (Slot* slot = slots_; slot != nullptr; slot = slot->next) {
      if (slot == own_slot) continue;
      slot->since.store(0, std::memory_order_relaxed);
      slot->depth = 0;
      slot->taken = false;
    }
    mutex_.unlock();
  }

  pthread_key_t at_thread_end_;

  Mutex mutex_;
  Slot* slots_ GUIDON_GUARDED_BY(mutex_) = nullptr;
  std::vector<Retired> retired_ GUIDON_GUARDED_BY(mutex_);  // kMaxRetired, and one per thread that publishes
};

}  // namespace

Slot* TakeSlot() noexcept {
  own_slot = Registry::Get().Take();
  return own_slot;
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
  const bool reading = own_slot != nullptr && own_slot->depth > 0;
  while (registry.Reclaim() >= kMaxRetired && !reading) sched_yield();
}

std::size_t Reclaim() {
  return Registry::Get().Reclaim();
}

}  // namespace guidon::epoch
