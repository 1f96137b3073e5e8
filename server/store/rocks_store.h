// The default driver: RocksDB in one folder, one process, one committer thread with group commit.
//
// The folder holds LOCK (one process at a time), HEAD (what was acknowledged; server/store/head_record.h), db/ (the
// database) and, while it is open, STARTS (server/store/start_record.h). Opening refuses, with what is wrong and what
// to do, whatever is not exactly the store that was written: another format version, a foreign or damaged database, a
// log that ends before what HEAD says was acknowledged. docs/decisions/store-durability.md has the reasons.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "server/store/store.h"

namespace rocksdb {
class FileSystem;
}

namespace guidon {

struct RocksStoreOptions : StoreOptions {
  std::string folder;                                // created if missing, unless its parent is missing, too
  std::shared_ptr<rocksdb::FileSystem> file_system;  // empty: the system's. Every byte of the store goes through it
  std::string kill_at;  // for tests, "after_wal:3": the process dies there (server/store/kill_points.h); empty: nowhere
  std::uint64_t min_free_bytes = 8u << 20;  // with less room on the disk: kStorageFull, before anything is written
  // All table files are checksummed at open if they are no larger than this together, else as they are read.
  std::uint64_t verify_at_open_bytes = 128u << 20;
  // Opened so often within the window without having been closed in good order, it is opened read-only: Health() says
  // why, writes are kUnavailable, nothing of the database is written, and what is read is what was acknowledged.
  // Store::ForgetCrashes and a close, or the window's end, make it forget. 0: opened as ever, however often.
  int crash_limit = 0;
  std::chrono::minutes crash_window{10};
};

// kUnavailable: another process has the folder open. kCorrupt: the content is not what was acknowledged. kInvalid: not
// a store of ours, or of another format. kIo: the operating system refused.
Result<std::unique_ptr<Store>> OpenRocksStore(RocksStoreOptions options);

// What is in a backup, to be read (server/store/backup.h): nothing is written, and every write is kUnavailable.
Result<std::unique_ptr<Store>> OpenBackupStore(const std::string& folder,
                                               std::shared_ptr<rocksdb::FileSystem> file_system);

}  // namespace guidon
