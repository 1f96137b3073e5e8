// A data folder that is locked, checked and open: what OpenRocksStore refuses and why is written here.
//
// Layout: LOCK, HEAD and db/, with STARTS (server/store/start_record.h) while it is open, and checkpoint/ while a
// backup is made. HEAD is made before db/, so that a database without HEAD is never one of ours that was only just
// begun. What is checked, in this order:
//
//   the folder can be made and locked, and is no backup; HEAD is there, or the folder is empty; HEAD is intact and of
//   this format; the database is there unless HEAD says that nothing was written; RocksDB opens it with a log that may
//   end in a torn record and is whole otherwise; it is of the same epoch as HEAD; its end is not before HEAD; the
//   transactions and links at its end are whole and are what HEAD says; the table files' checksums.
//
// After too many crashes it is opened read-only: nothing of HEAD and db/ is written, the database does nothing of its
// own, and what is shown is what HEAD says was acknowledged, whatever the log holds besides.
//
// Thread safety: opening and closing belong to one thread; the accessors may be used from any thread in between.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "server/store/head_record.h"
#include "server/store/rocks_store.h"
#include "server/store/start_record.h"
#include "server/store/watched_file_system.h"

namespace rocksdb {
class DB;
class Env;
class FileLock;
}  // namespace rocksdb

namespace guidon {

class StoreFolder {
 public:
  static Result<std::unique_ptr<StoreFolder>> Open(const RocksStoreOptions& options);
  // What is in a backup (server/store/backup.h): the same checks, with all table files whatever their size. Read-only:
  // not even a lock is written, so nobody else may write to it meanwhile. `go_on` is asked before each table file, of
  // some 64 MiB; false ends it with kUnavailable.
  static Result<std::unique_ptr<StoreFolder>> OpenBackup(const std::string& folder,
                                                         std::shared_ptr<rocksdb::FileSystem> file_system,
                                                         const std::function<bool()>& go_on = {});
  ~StoreFolder();  // without ForgetCrashes, the start counts as one that was refused

  // The crashes before this start are to be forgotten when it is closed.
  void ForgetCrashes() { forgets_crashes_ = true; }

  rocksdb::DB& db() const { return *db_; }
  HeadFile& head_file() { return head_file_; }
  DiskRecord& disk() { return *disk_; }
  const std::string& path() const { return path_; }
  const std::string& epoch() const { return epoch_; }  // constant once open
  const std::shared_ptr<rocksdb::FileSystem>& file_system() const { return file_system_; }
  // Why nothing may be written, and what to do; empty: it may.
  const std::string& read_only() const { return read_only_; }

  StoreHead tail() const { return tail_; }  // as found at open; HEAD says the same
  Position compacted() const { return compacted_; }

  // Bytes that this process may still write on the folder's disk; the largest number if that is not known.
  std::uint64_t FreeBytes() const;

 private:
  explicit StoreFolder(const RocksStoreOptions& options);

  Status Prepare();
  Status CheckNoBackup() const;
  Status Lock();
  Status CountStarts();
  Status RemoveCheckpoint();
  Status ReadHead();
  Status CheckEmpty() const;
  Status OpenDatabase();
  Status CheckFormat();
  Status WriteFormat();
  Status ReadTail();
  Status CheckTail() const;
  Status CheckNewestTxns() const;
  Status CheckLink(const StoreHead& head) const;
  Status CheckTables(std::uint64_t most_bytes) const;
  Status CheckEachTable(const std::function<bool()>& go_on) const;  // of a backup
  Error Damaged(std::string what) const;

  const std::string path_;
  const int crash_limit_;
  const std::chrono::minutes crash_window_;
  const std::function<Timestamp()> clock_;
  const std::shared_ptr<rocksdb::FileSystem> file_system_;  // as it was given
  const std::shared_ptr<DiskRecord> disk_;
  rocksdb::FileLock* lock_ = nullptr;
  std::optional<StartRecord> starts_;
  bool is_backup_ = false;
  std::atomic<bool> forgets_crashes_ = false;
  std::string read_only_;
  HeadFile head_file_;  // of the committer, once open
  std::string epoch_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  StoreHead tail_;
  Position compacted_ = 0;
};

// A database that is read and not written, not even a line of RocksDB's own log.
struct ReadOnlyDatabase {
  std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<rocksdb::DB> db;  // goes before its env
};
Result<ReadOnlyDatabase> OpenReadOnly(const std::string& database, std::shared_ptr<rocksdb::FileSystem> file_system);

// Gives a database that nobody has open another epoch. Durable when it returns.
Status SetEpoch(const std::string& database, std::shared_ptr<rocksdb::FileSystem> file_system,
                const std::string& epoch);

inline constexpr std::string_view kStagingName = "checkpoint";  // in the store's folder, while a backup is made

}  // namespace guidon
