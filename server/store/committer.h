// The one thread that writes: takes what is queued as a group, makes it durable, visible, and answers, in this order.
//
//   queue -> Group -> write-ahead log, fsync -> HEAD, fsync -> visible -> wakes -> answers
//
// While a group waits for the disk the next one gathers. After a failed write the store is read-only until it is
// opened again: what the disk holds then is not known, and asking it a second time proves nothing. A full disk is no
// such failure: the group is refused as a whole, and writes go on once there is room.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "server/store/group.h"
#include "server/store/kill_points.h"
#include "server/store/store_folder.h"
#include "server/store/wakes.h"

namespace rocksdb {
class Status;
}

namespace guidon {

class Committer {
 public:
  // Folder and wakes outlive the committer.
  Committer(StoreFolder& folder, const RocksStoreOptions& options, KillPoints kill_points, Wakes& wakes);
  ~Committer();  // commits what is queued, then stops

  void Submit(Txn txn, TxnDone done);

  StoreHead Visible() const;
  Status Health() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    Txn txn;
    TxnDone done;
    std::size_t size = 0;
    Clock::time_point since;
  };

  void Run();
  std::optional<std::vector<Pending>> TakeGroup();
  void CommitGroup(std::vector<Pending> pending);
  void Tidy();
  Status Ready();
  Status Recover();
  Status MakeDurable(Group& group);
  Status WriteLog(Group& group);
  Status WriteHead(const StoreHead& head);
  void Publish(const StoreHead& head);
  void Answer(std::vector<Pending> pending, std::vector<Result<TxnResult>> answers);
  void AnswerAll(std::vector<Pending> pending, const Error& error);
  Error Full(std::string_view why);
  Error Failed(std::string what);  // read-only from here on

  StoreFolder& folder_;
  const RocksStoreOptions options_;
  Wakes& wakes_;
  KillPoints kill_points_;  // the committer's thread only

  mutable Mutex queue_mutex_;
  CondVar queued_;
  std::deque<Pending> queue_ GUIDON_GUARDED_BY(queue_mutex_);
  std::size_t queue_bytes_ GUIDON_GUARDED_BY(queue_mutex_) = 0;
  bool closing_ GUIDON_GUARDED_BY(queue_mutex_) = false;

  mutable Mutex state_mutex_;  // held for a copy only
  StoreHead visible_ GUIDON_GUARDED_BY(state_mutex_);
  std::optional<Error> failed_ GUIDON_GUARDED_BY(state_mutex_);  // final
  std::optional<Error> full_ GUIDON_GUARDED_BY(state_mutex_);    // until there is room

  std::thread thread_;
};

}  // namespace guidon
