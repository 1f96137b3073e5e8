// The default driver: RocksDB in one folder, one process, one committer thread with group commit.
//
// The folder holds LOCK (one process at a time), HEAD (what was acknowledged; server/store/head_record.h) and db/ (the
// database). Opening refuses, with what is wrong and what to do, whatever is not exactly the store that was written:
// another format version, a foreign or damaged database, a log that ends before what HEAD says was acknowledged.
// docs/decisions/store-durability.md has the reasons.
#pragma once

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
};

// kUnavailable: another process has the folder open. kCorrupt: the content is not what was acknowledged. kInvalid: not
// a store of ours, or of another format. kIo: the operating system refused.
Result<std::unique_ptr<Store>> OpenRocksStore(RocksStoreOptions options);

}  // namespace guidon
