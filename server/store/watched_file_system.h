// The file system that the store runs RocksDB on: it keeps two of the disk's errors away from RocksDB, whose own ways
// of going on after an error are not what a store of acknowledged writes needs.
//
// A failed fsync is remembered: the kernel may have dropped the dirty pages and report success the next time, so one
// failure is final. The committer looks at it before each group.
//
// A write that finds no room waits for room, and then goes on where it stopped. The committer stops writing long before
// the disk is full, so this is for background work, and for the moment in which somebody else fills the disk. RocksDB
// never learns of it: recovering from a full disk is its weak side (in 7.8, DB::Resume can wait forever).
//
// RocksDB's text log (LOG) loses lines on a full disk instead of waiting or failing.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace guidon {

struct DiskRecord {
  std::atomic<bool> sync_failed = false;               // final
  std::atomic<std::int64_t> log_sync_nanoseconds = 0;  // spent in fsyncs of logs, all together

  // While true, writes wait for room; otherwise they fail, as opening and closing must end. `no_room` is set before.
  std::atomic<bool> wait_for_room = false;
  // Called every 20 ms while the log has been waiting for more than half a second, on the thread that waits.
  std::function<void()> no_room;
};

std::shared_ptr<rocksdb::FileSystem> WatchDisk(std::shared_ptr<rocksdb::FileSystem> target,
                                               std::shared_ptr<DiskRecord> record);

}  // namespace guidon
