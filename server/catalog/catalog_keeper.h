// What keepers have in common that do what comes due in the catalog, and are woken by its changes.
//
//   thread_.emplace([this](const std::function<bool()>& stop) { return TimeToTheNext(DoWhatIsDue(stop)); });
//   thread_->Wake();                           // after every change of the catalog (CatalogOptions::on_view)
//
// Threads: one of its own, on which `pass` runs.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/result.h"

namespace guidon {

inline constexpr std::chrono::milliseconds kBetweenPasses(100);  // what is changed meanwhile is looked at together
inline constexpr std::chrono::minutes kMostSleep(1);             // the clock may be set

// Whether what was tried failed for what it was about, or what somebody made of it; as against a store that takes
// nothing.
bool IsItsOwn(const Error& error);

class CatalogKeeper {
 public:
  // Returns how long to sleep before the next pass, unless something changes. `stop` says, at any time, whether it
  // should end early: the keeper is being destroyed.
  using Pass = std::function<std::chrono::milliseconds(const std::function<bool()>& stop)>;
  explicit CatalogKeeper(Pass pass);  // the first pass begins at once
  ~CatalogKeeper();                   // waits for the pass under way
  CatalogKeeper(const CatalogKeeper&) = delete;
  CatalogKeeper& operator=(const CatalogKeeper&) = delete;

  // Any thread, at any time: never waits for a pass.
  void Wake();

 private:
  void Run();
  bool stopping();

  const Pass pass_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  bool woken_ GUIDON_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace guidon
