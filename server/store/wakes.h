// Who wants to be woken when transactions become visible. Shared by the drivers.
//
// Thread safety: every method may be called from any thread; a wake must not add or remove one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "core/base/mutex.h"

namespace guidon {

class Wakes {
 public:
  std::uint64_t Add(std::function<void()> wake) {
    MutexLock lock(mutex_);
    wakes_.emplace(++last_, std::move(wake));
    return last_;
  }
  // Waits for a wake that is running: none runs after it returns.
  void Remove(std::uint64_t id) {
    MutexLock lock(mutex_);
    wakes_.erase(id);
  }
  void CallAll() {
    MutexLock lock(mutex_);
    for (const auto& [id, wake] : wakes_) {
      if (wake) wake();
    }
  }

 private:
  Mutex mutex_;
  std::uint64_t last_ GUIDON_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::function<void()>> wakes_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon
