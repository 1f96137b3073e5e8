// What a TestSource holds, and the clients that it tells: a server in miniature, which hands out the documents of
// docs/spec/wire.md without a network.
//
// Thread safety: any thread. Clients are told by one thread at a time, which may come back from within: callbacks of
// OnChange run one at a time, as they do with a server, and may set flags, too. Other clients then hear of that before
// they hear of the change that the callback was told of; such a client is given everything. In the child of a fork()
// nobody has the turn, but the thread that forked if it had it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <guidon/test_source.h>
#include <guidon/value.h>
#include "core/base/mutex.h"
#include "core/codec/wire.h"
#include "sdk/client/client_core.h"
#include "sdk/client/fork.h"

namespace guidon::internal {

class TestFlags final : public std::enable_shared_from_this<TestFlags>, private ForkParticipant {
 public:
  TestFlags();
  ~TestFlags();
  void Attach(const std::shared_ptr<ClientCore>& client);
  void Set(std::string_view flag, Value value);
  void Remove(std::string_view flag);
  std::string LastError() const;

 private:
  // The right to alter flags and to tell clients; held while their callbacks run.
  class Turn {
   public:
    explicit Turn(TestFlags& flags);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    TestFlags& flags_;
  };

  std::string SnapshotNow() const;
  void Tell(const std::vector<EncodedEntity>& upserts, const std::vector<EntityRef>& removals);
  std::vector<EncodedEntity> Entities() const GUIDON_REQUIRES(mutex_);
  void HoldForFork() override;
  void FreeInParent() override;
  std::shared_ptr<void> ContinueInChild() override;

  mutable Mutex mutex_;  // never held while anybody else is called
  CondVar free_;
  std::thread::id turn_ GUIDON_GUARDED_BY(mutex_);  // whose it is
  int depth_ GUIDON_GUARDED_BY(mutex_) = 0;
  Revision revision_ GUIDON_GUARDED_BY(mutex_) = 1;
  std::map<std::string, EncodedEntity, std::less<>> flags_ GUIDON_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<ClientCore>> clients_ GUIDON_GUARDED_BY(mutex_);
  std::string last_error_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon::internal
