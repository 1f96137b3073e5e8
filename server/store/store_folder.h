// A data folder that is locked, checked and open: what OpenRocksStore refuses and why is written here.
//
// Layout: LOCK, HEAD and db/. HEAD is made before db/, so that a database without HEAD is never one of ours that was
// only just begun. What is checked, in this order:
//
//   the folder can be made and locked; HEAD is there, or the folder is empty; HEAD is intact and of this format; the
//   database is there unless HEAD says that nothing was written; RocksDB opens it with a log that may end in a torn
//   record and is whole otherwise; it is of the same epoch as HEAD; its end is not before HEAD; the transactions and
//   links at its end are whole and are what HEAD says; the table files' checksums.
//
// Thread safety: opening and closing belong to one thread; the accessors may be used from any thread in between.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "server/store/head_record.h"
#include "server/store/rocks_store.h"
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
  ~StoreFolder();

  rocksdb::DB& db() const { return *db_; }
  HeadFile& head_file() { return head_file_; }
  DiskRecord& disk() { return *disk_; }
  const std::string& path() const { return path_; }
  const std::string& epoch() const { return head_file_.last().epoch; }  // constant once open

  StoreHead tail() const { return tail_; }  // as found at open; HEAD says the same
  Position compacted() const { return compacted_; }

  // Bytes that this process may still write on the folder's disk; the largest number if that is not known.
  std::uint64_t FreeBytes() const;

 private:
  explicit StoreFolder(const RocksStoreOptions& options);

  Status Prepare();
  Status Lock();
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
  Error Damaged(std::string what) const;

  const std::string path_;
  const std::shared_ptr<rocksdb::FileSystem> file_system_;  // as it was given
  const std::shared_ptr<DiskRecord> disk_;
  rocksdb::FileLock* lock_ = nullptr;
  HeadFile head_file_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  StoreHead tail_;
  Position compacted_ = 0;
};

}  // namespace guidon
