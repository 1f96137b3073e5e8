// The backups of a server: a folder of them, and at most one being made.
//
//   Backups backups(store, {.folder = "/backups", .version = kVersion});
//   Result<BackupState> state = backups.Start("monday", "key of the request");   // returns at once
//   state = backups.Find("monday");                                              // "running", then "done" or "failed"
//
// Only `store` knows what a backup is (server/store/backup.h). This keeps them by name, each a folder within one
// folder. Old ones are for the operator to remove: no backup is ever removed here.
//
// Thread safety: every method may be called from any thread. Start looks at the disk; the copying runs on a thread of
// its own, one at a time, and so does a first look through the folder, whose disk may be slow.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/store/backup.h"
#include "server/store/store.h"

namespace guidon {

struct BackupState {
  enum class Phase : std::uint8_t { kRunning, kDone, kFailed };
  std::string name;
  Phase phase = Phase::kRunning;
  std::string folder;
  Timestamp begun{};         // kRunning and kFailed
  std::uint64_t copied = 0;  // kRunning: bytes so far
  std::uint64_t bytes = 0;   // of all its files; kRunning: 0 until that is known
  BackupManifest manifest;   // kDone, without the list of files
  std::size_t files = 0;     // kDone
  Error error;               // kFailed
};

struct BackupsOptions {
  std::string folder;  // empty: the operator named none, and none can be made
  std::string version;
  std::function<Timestamp()> clock;                 // empty: the system's
  std::function<void(const BackupState&)> on_done;  // of each that ended, well or not; on the copying thread
  std::function<void(const Error&)> on_unusable;    // at the start, at most once: why none can be made in the folder
  std::size_t most_listed = 1000;                   // the newest by name; the others are there, and not shown
};

// All that is in the folder of backups, for who has to know of every copy.
struct BackupInventory {
  std::vector<BackupState> whole;   // without a bound; as of List
  std::vector<std::string> others;  // folders that cannot be read, or were not finished: what each is, and why
};

class Backups {
 public:
  // The store outlives it.
  Backups(Store& store, BackupsOptions options);
  ~Backups();  // ends what is being made

  // Begins one; an empty name takes the time, "20270131T080000Z". `request` tells a repetition of the same request from
  // another one: it is answered with what the first one became; empty: none is known. Errors: kInvalid, a bad name or
  // no folder; kAlreadyExists; kConflict, another one is being made; what Store::Health says.
  Result<BackupState> Start(std::string name, const std::string& request);

  // By name, the last first. Those that cannot be read are left out, but for the one that was begun last by this
  // process, which is here with what became of it.
  Result<std::vector<BackupState>> List() const;
  Result<BackupState> Find(const std::string& name) const;  // kNotFound
  // Nothing when the operator named no folder; kIo when it cannot be listed. A folder that holds neither a manifest nor
  // is called as one that is being made is none of ours.
  Result<BackupInventory> Inventory() const;

  // When the newest whole backup was made, of those that were in the folder at the start and those made since; zero:
  // none is known, which may also be because the folder is still being looked through. Does not wait.
  Timestamp newest() const { return Timestamp(std::chrono::milliseconds(newest_ms_)); }

 private:
  Status CheckFolder() const;
  Result<std::vector<std::string>> Folders() const;
  void FindNewest();
  void NoteMade(Timestamp made);
  void Run(std::string name, std::string folder);
  std::optional<BackupState> Last() const;

  Store& store_;
  const BackupsOptions options_;

  mutable Mutex mutex_;
  std::optional<BackupState> last_ GUIDON_GUARDED_BY(mutex_);  // that was begun by this process
  std::string last_request_ GUIDON_GUARDED_BY(mutex_);
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  std::thread thread_ GUIDON_GUARDED_BY(mutex_);  // of the last one
  std::atomic<std::int64_t> newest_ms_ = 0;
  std::thread looking_;  // through the folder, once; the last member, as it uses those above
};

std::string_view ToString(BackupState::Phase phase);  // "running", "done", "failed"

}  // namespace guidon
