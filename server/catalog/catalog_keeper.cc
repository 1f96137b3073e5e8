#include "server/catalog/catalog_keeper.h"

#include <utility>

namespace guidon {

bool IsItsOwn(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kStale:
    case ErrorCode::kTooLarge:
      return true;
    default:
      return false;
  }
}

CatalogKeeper::CatalogKeeper(Pass pass) : pass_(std::move(pass)) {
  thread_ = std::thread([this] { Run(); });
}

CatalogKeeper::~CatalogKeeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void CatalogKeeper::Wake() {
  {
    MutexLock lock(mutex_);
    woken_ = true;
  }
  changed_.NotifyAll();
}

bool CatalogKeeper::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void CatalogKeeper::Run() {
  while (!stopping()) {
    const std::chrono::milliseconds sleep = pass_([this] { return stopping(); });
    MutexLock lock(mutex_);
    if (changed_.WaitFor(lock, kBetweenPasses, [this]() GUIDON_REQUIRES(mutex_) { return stopping_; })) return;
    changed_.WaitFor(lock, sleep - kBetweenPasses,
                     [this]() GUIDON_REQUIRES(mutex_) { return stopping_ || std::exchange(woken_, false); });
  }
}

}  // namespace guidon
