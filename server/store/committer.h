// The one thread that writes: takes what is queued as a group, makes it durable, visible, and answers, in this order.
//
//   queue -> Group -> write-ahead log, fsync -> HEAD, fsync -> visible -> wakes -> answers
//
// While a group waits for the disk the next one gathers. After a failed write the store is read-only until it is
// opened again: what the disk holds then is not known, and asking it a second time proves nothing. A full disk is no
// such failure: while there is little room, groups are refused before anything is written. Should somebody else fill
// the disk in the middle of a group, that group waits for room (server/store/watched_file_system.h); its writers are
// told after half a second that it is not known when.
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
  void BeginClose();  // takes no more, and nothing waits for room; what is queued is still committed

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
  Status MakeDurable(Group& group);
  Status WriteLog(Group& group);
  Status WriteHead(const StoreHead& head);
  void Publish(const StoreHead& head);
  void Answer(std::vector<Pending> pending, std::vector<Result<TxnResult>> answers);
  void AnswerAll(std::vector<Pending> pending, const Error& error);
  void SetInFlight(std::vector<Pending> pending);
  std::vector<Pending> TakeInFlight();
  void NoRoom();
  Error Full();
  Error Failed(std::string what);  // read-only from here on

  StoreFolder& folder_;
  const RocksStoreOptions options_;
  Wakes& wakes_;
  KillPoints kill_points_;  // the committer's thread only

  mutable Mutex queue_mutex_;
  CondVar queued_;
  std::deque<Pending> queue_ GUIDON_GUARDED_BY(queue_mutex_);
  std::vector<Pending> in_flight_ GUIDON_GUARDED_BY(queue_mutex_);  // what is being made durable
  std::size_t queue_bytes_ GUIDON_GUARDED_BY(queue_mutex_) = 0;
  bool closing_ GUIDON_GUARDED_BY(queue_mutex_) = false;

  mutable Mutex state_mutex_;  // held for a copy only
  StoreHead visible_ GUIDON_GUARDED_BY(state_mutex_);
  std::optional<Error> failed_ GUIDON_GUARDED_BY(state_mutex_);  // final
  std::optional<Error> full_ GUIDON_GUARDED_BY(state_mutex_);    // until there is room

  std::thread thread_;
};

}  // namespace guidon
