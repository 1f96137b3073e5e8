#include "server/store/keeper.h"

#include <utility>

#include "server/store/system_clock.h"

namespace guidon {

Keeper::Keeper(KeeperPace pace, Look look) : pace_(std::move(pace)), look_(std::move(look)) {
  thread_ = std::thread([this] { Run(); });
}

Keeper::~Keeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

bool Keeper::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

bool Keeper::StopsWithin(std::chrono::milliseconds time) {
  MutexLock lock(mutex_);
  return changed_.WaitFor(lock, time, [this]() GUIDON_REQUIRES(mutex_) { return stopping_; });
}

void Keeper::Run() {
  for (auto pause = pace_.first_look; !StopsWithin(pause); pause = pace_.interval) {
    look_(pace_.clock ? pace_.clock() : SystemNow(), [this] { return stopping(); });
  }
}

}  // namespace guidon
