#include "sdk/events/shard.h"

#include <pthread.h>

#include <algorithm>
#include <new>
#include <vector>

namespace guidon::internal {

thread_local constinit ShardList::ThreadMarks ShardList::marks;

// All lists there are, for threads that end.
class ShardRegistry {
 public:
  // Never destroyed: threads may end after everything else did.
  static ShardRegistry& Get() {
    static ShardRegistry* const registry = new ShardRegistry;
    return *registry;
  }

  void Add(ShardList* list) {
    MutexLock lock(mutex);
    lists_.push_back(list);
  }
  void Remove(ShardList* list) {
    MutexLock lock(mutex);
    lists_.erase(std::find(lists_.begin(), lists_.end(), list));
  }

  // The number of the calling thread, whose shards go back when it ends.
  std::uint64_t NumberThread() {
    const std::uint64_t number = next_thread_.fetch_add(1, std::memory_order_relaxed);
    void* const value = reinterpret_cast<void*>(static_cast<std::uintptr_t>(number));
    if (has_key_) pthread_setspecific(at_thread_end_, value);
    return number;
  }
  std::uint64_t NumberList() { return next_list_.fetch_add(1, std::memory_order_relaxed); }

  Mutex mutex;
  Mutex collect_mutex;

 private:
  ShardRegistry() {
    // A key's destructor runs after those of C++ thread-locals, which may still record. The process may have used up
    // its keys: then shards of threads that ended stay theirs, and are still read.
    has_key_ = pthread_key_create(&at_thread_end_, [](void* number) {
                 ShardList::marks = {};
                 Get().EndThread(static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(number)));
               }) == 0;
    pthread_atfork([] { Get().LockAll(); }, [] { Get().UnlockAll(); }, [] { Get().UnlockAll(); });
  }

  // `mutex` is what ShardMutex() gives, which the compiler does not see.
  void EndThread(std::uint64_t number) GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    MutexLock lock(mutex);
    for (ShardList* list : lists_) list->GiveBack(number);
  }

  void LockAll() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    collect_mutex.lock();
    mutex.lock();
  }
  void UnlockAll() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    mutex.unlock();
    collect_mutex.unlock();
  }

  pthread_key_t at_thread_end_{};
  bool has_key_ = false;
  std::atomic<std::uint64_t> next_thread_{1}, next_list_{1};
  std::vector<ShardList*> lists_ GUIDON_GUARDED_BY(mutex);
};

Mutex& ShardMutex() {
  return ShardRegistry::Get().mutex;
}
Mutex& CollectMutex() {
  return ShardRegistry::Get().collect_mutex;
}

ShardList::ShardList() : id_(ShardRegistry::Get().NumberList()) {
  ShardRegistry::Get().Add(this);
}

ShardList::~ShardList() {
  ShardRegistry::Get().Remove(this);
  for (Shard* shard = first_.load(std::memory_order_relaxed); shard != nullptr;) {
    Shard* const next = shard->next;
    delete shard;
    shard = next;
  }
}

Shard& ShardList::Nobodys() noexcept {
  static constinit Shard nobodys;
  return nobodys;
}

Shard& ShardList::Find() noexcept {
  Mark& before = marks.before[id_ % kMarks];
  if (before.list == id_) {
    marks.last = before;
    return *before.shard;
  }
  if (marks.thread == 0) marks.thread = ShardRegistry::Get().NumberThread();
  Shard* own = first();
  // Only this thread sets an owner to its number, so what it sees of that is right.
  while (own != nullptr && own->owner.load(std::memory_order_relaxed) != marks.thread) own = own->next;
  if (own == nullptr) own = TakeFor(marks.thread);
  if (own == nullptr) return Nobodys();
  marks.last = before = {id_, own};
  return *own;
}

Shard* ShardList::TakeFor(std::uint64_t thread) {
  MutexLock lock(ShardMutex());
  Shard* shard = first_.load(std::memory_order_relaxed);
  while (shard != nullptr && shard->owner.load(std::memory_order_relaxed) != 0) shard = shard->next;
  if (shard == nullptr) {
    shard = new (std::nothrow) Shard;
    if (shard == nullptr) return nullptr;
    shard->next = first_.load(std::memory_order_relaxed);
    first_.store(shard, std::memory_order_release);
  }
  shard->owner.store(thread, std::memory_order_relaxed);
  return shard;
}

void ShardList::GiveBack(std::uint64_t thread) {
  for (Shard* shard = first_.load(std::memory_order_relaxed); shard != nullptr; shard = shard->next) {
    if (shard->owner.load(std::memory_order_relaxed) == thread) shard->owner.store(0, std::memory_order_relaxed);
  }
}

void ShardList::ContinueInChild() noexcept {
  for (Shard* shard = first_.load(std::memory_order_relaxed); shard != nullptr; shard = shard->next) {
    if (shard->owner.load(std::memory_order_relaxed) != marks.thread) shard->owner.store(0, std::memory_order_relaxed);
  }
}

}  // namespace guidon::internal
