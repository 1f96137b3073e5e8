#include "server/http/worker_pool.h"

#include <algorithm>
#include <utility>

namespace guidon::http {

WorkerPool::WorkerPool(int threads, std::size_t queue_bound) : bound_(queue_bound) {
  for (int i = 0; i < std::max(1, threads); ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::TryRun(std::function<void()> job) {
  {
    MutexLock lock(mutex_);
    if (stopping_ || jobs_.size() >= bound_) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.NotifyOne();
  return true;
}

void WorkerPool::Drop() {
  std::deque<std::function<void()>> dropped;  // whose destructors may do anything, so not under the lock
  MutexLock lock(mutex_);
  stopping_ = true;
  dropped.swap(jobs_);
}

void WorkerPool::Work() {
  for (;;) {
    std::function<void()> job;
    {
      MutexLock lock(mutex_);
      changed_.Wait(lock, [this]() GUIDON_REQUIRES(mutex_) { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace guidon::http
