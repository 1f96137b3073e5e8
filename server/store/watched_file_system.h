// A file system that remembers whether an fsync has ever failed, and how long they take. After a failed fsync the
// kernel may have dropped the dirty pages and report success the next time, so one failure is final.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

namespace rocksdb {
class FileSystem;
}

namespace guidon {

struct SyncRecord {
  std::atomic<bool> failed = false;
  std::atomic<std::int64_t> log_nanoseconds = 0;  // spent in fsyncs of write-ahead logs, all together
};

std::shared_ptr<rocksdb::FileSystem> WatchSyncs(std::shared_ptr<rocksdb::FileSystem> target,
                                                std::shared_ptr<SyncRecord> record);

}  // namespace guidon
