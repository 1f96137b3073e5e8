// Threads for what may wait: the disk, compression, analysis. I/O threads never do.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/mutex.h"

namespace guidon::http {

class WorkerPool {
 public:
  WorkerPool(int threads, std::size_t queue_bound);
  ~WorkerPool();  // finishes what is queued

  // False, and nothing happens, when `queue_bound` jobs wait already: the caller answers 503.
  bool TryRun(std::function<void()> job) GUIDON_EXCLUDES(mutex_);

  // Drops what is queued and takes no more: for a stop, after which nobody waits for an answer.
  void Drop() GUIDON_EXCLUDES(mutex_);

 private:
  void Work() GUIDON_EXCLUDES(mutex_);

  const std::size_t bound_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ GUIDON_GUARDED_BY(mutex_);
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace guidon::http
