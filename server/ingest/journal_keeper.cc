#include "server/ingest/journal_keeper.h"

#include <utility>

namespace guidon {
namespace {

Timestamp SystemNow() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

JournalKeeper::JournalKeeper(Journal& journal, JournalKeeperOptions options)
    : journal_(journal), options_(std::move(options)) {
  thread_ = std::thread([this] { Run(); });
}

JournalKeeper::~JournalKeeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

bool JournalKeeper::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

bool JournalKeeper::StopsWithin(std::chrono::milliseconds time) {
  MutexLock lock(mutex_);
  return changed_.WaitFor(lock, time, [this]() GUIDON_REQUIRES(mutex_) { return stopping_; });
}

void JournalKeeper::Run() {
  for (auto pause = options_.first_look; !StopsWithin(pause); pause = options_.interval) {
    const Timestamp now = options_.clock ? options_.clock() : SystemNow();
    const Result<JournalTrim> trim =
        journal_.Trim(now, options_.keep, options_.keep_ids, [this] { return stopping(); });
    if (options_.report) options_.report(trim);
  }
}

}  // namespace guidon
