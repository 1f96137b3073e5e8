// STARTS: when a store was opened and not closed in good order since. Whoever crashes again and again on it is noticed
// at the next start (RocksStoreOptions::crash_limit).
//
// A text file, a line for each such start: milliseconds since 1970, the newest 128. It is written before the database
// is opened and removed when that is closed. What cannot be read counts as nothing: this file is a help, not a promise,
// and is not fsynced.
//
// Thread safety: belongs to one thread at a time, of the process that holds the folder's lock.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/store/store.h"

namespace rocksdb {
class FileSystem;
}

namespace guidon {

class StartRecord {
 public:
  StartRecord(std::shared_ptr<rocksdb::FileSystem> file_system, const std::string& folder);

  // Notes a start. Returns the earlier ones within `window` that have not ended in good order, oldest first.
  std::vector<Timestamp> Begin(Timestamp now, std::chrono::milliseconds window);
  // It served, and ended in good order: everything is forgotten.
  void End();
  // It ended in good order before it served, and did not count: the earlier ones stay.
  void Withdraw();

 private:
  void Write(const std::vector<Timestamp>& starts);

  const std::shared_ptr<rocksdb::FileSystem> file_system_;
  const std::string path_;
  std::vector<Timestamp> earlier_;
};

}  // namespace guidon
