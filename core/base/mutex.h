// std::mutex with the annotations of clang's thread-safety analysis: a member says which mutex guards it, and clang
// refuses code that touches it without holding that mutex. Under g++ the annotations are nothing.
//
//   Mutex mutex_;
//   std::vector<Event> events_ GUIDON_GUARDED_BY(mutex_);
//   ...
//   MutexLock lock(mutex_);
//   changed_.Wait(lock, [&]() GUIDON_REQUIRES(mutex_) { return !events_.empty(); });
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#if defined(__clang__)
#define GUIDON_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define GUIDON_THREAD_ANNOTATION(x)
#endif
#define GUIDON_CAPABILITY(x) GUIDON_THREAD_ANNOTATION(capability(x))
#define GUIDON_SCOPED_CAPABILITY GUIDON_THREAD_ANNOTATION(scoped_lockable)
#define GUIDON_GUARDED_BY(x) GUIDON_THREAD_ANNOTATION(guarded_by(x))
#define GUIDON_REQUIRES(...) GUIDON_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define GUIDON_EXCLUDES(...) GUIDON_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define GUIDON_ACQUIRE(...) GUIDON_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define GUIDON_RELEASE(...) GUIDON_THREAD_ANNOTATION(release_capability(__VA_ARGS__))

namespace guidon {

class GUIDON_CAPABILITY("mutex") Mutex {
 public:
  void lock() GUIDON_ACQUIRE() { mutex_.lock(); }
  void unlock() GUIDON_RELEASE() { mutex_.unlock(); }
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

class GUIDON_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) GUIDON_ACQUIRE(mutex) : lock_(mutex.native()) {}
  ~MutexLock() GUIDON_RELEASE() {}  // NOLINT(modernize-use-equals-default): the annotation asks for a body
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  std::unique_lock<std::mutex> lock_;
};

class CondVar {
 public:
  template <typename Predicate>
  void Wait(MutexLock& lock, Predicate predicate) {
    changed_.wait(lock.native(), std::move(predicate));
  }
  // False when `deadline` passed and the predicate still does not hold.
  template <typename Clock, typename Duration, typename Predicate>
  bool WaitUntil(MutexLock& lock, std::chrono::time_point<Clock, Duration> deadline, Predicate predicate) {
    return changed_.wait_until(lock.native(), deadline, std::move(predicate));
  }
  template <typename Rep, typename Period, typename Predicate>
  bool WaitFor(MutexLock& lock, std::chrono::duration<Rep, Period> time, Predicate predicate) {
    return changed_.wait_for(lock.native(), time, std::move(predicate));
  }
  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace guidon
