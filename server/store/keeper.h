// Looks after what a store holds, from time to time, until it is destroyed.
//
//   Keeper keeper({.first_look = std::chrono::minutes(5), .interval = std::chrono::hours(1)},
//                 [&](Timestamp now, const std::function<bool()>& stop) { … });
//
// Threads: one of its own, on which `look` runs.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "core/base/mutex.h"
#include "server/store/store.h"

namespace guidon {

struct KeeperPace {
  std::chrono::milliseconds first_look;  // after the start
  std::chrono::milliseconds interval;    // between two looks
  std::function<Timestamp()> clock;      // empty: the system's
};

class Keeper {
 public:
  // `stop` says, at any time, whether the look should end early: the keeper is being destroyed.
  using Look = std::function<void(Timestamp now, const std::function<bool()>& stop)>;
  Keeper(KeeperPace pace, Look look);
  ~Keeper();  // waits for the look under way
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

 private:
  void Run();
  bool stopping();
  bool StopsWithin(std::chrono::milliseconds time);

  const KeeperPace pace_;
  const Look look_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace guidon
