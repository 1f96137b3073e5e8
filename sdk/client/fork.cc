#include "sdk/client/fork.h"

#include <pthread.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/published.h"
#include "net/http_client.h"
#include "sdk/events/shard.h"

namespace guidon::internal {
namespace {

class Registry {
 public:
  // Never destroyed: the process may fork until it is gone.
  static Registry& Get() {
    static Registry* const registry = new Registry;
    return *registry;
  }

  void Add(ForkParticipant& participant) {
    MutexLock lock(mutex_);
    participants_.push_back(&participant);
  }
  void Remove(ForkParticipant& participant) {
    MutexLock lock(mutex_);
    std::erase(participants_, &participant);
  }

 private:
  // Handlers before a fork run in the reverse order of their registration.
  Registry() {
    epoch::Reclaim();  // which registers its own
    net::HandleForks();
    ShardMutex();  // likewise: a participant that holds its locks counts and exposes
    pthread_atfork([] { Get().Hold(); }, [] { Get().FreeInParent(); }, [] { Get().ContinueInChild(); });
  }

  void Hold() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    mutex_.lock();
    for (ForkParticipant* participant : participants_) participant->HoldForFork();
  }
  void FreeInParent() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    for (ForkParticipant* participant : participants_) participant->FreeInParent();
    mutex_.unlock();
  }
  void ContinueInChild() GUIDON_THREAD_ANNOTATION(no_thread_safety_analysis) {
    std::vector<std::shared_ptr<void>> kept;  // destroyed without the lock, which their destructors take
    std::vector<ForkParticipant*> left;
    for (ForkParticipant* participant : participants_) {
      std::shared_ptr<void> self = participant->ContinueInChild();
      if (self == nullptr) continue;
      left.push_back(participant);
      kept.push_back(std::move(self));
    }
    participants_ = std::move(left);
    mutex_.unlock();
  }

  Mutex mutex_;
  std::vector<ForkParticipant*> participants_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace

void EnlistForForks(ForkParticipant& participant) {
  Registry::Get().Add(participant);
}

void StrikeFromForks(ForkParticipant& participant) noexcept {
  Registry::Get().Remove(participant);
}

}  // namespace guidon::internal
