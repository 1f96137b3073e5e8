// A disk that fails on request: fsyncs that return EIO, writes that find no room, either of them one in so many calls
// at random, and a power cut that loses or tears whatever was not fsynced. Everything the store does goes through it,
// the head record too.
//
// Thread safety: every method may be called from any thread; LoseUnsynced and TearUnsynced only while no store is open.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

namespace guidon {

class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  static constexpr std::uint64_t kRealFreeBytes = std::numeric_limits<std::uint64_t>::max();

  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  std::atomic<bool> log_sync_fails = false;   // fsync of the write-ahead log: EIO
  std::atomic<bool> head_sync_fails = false;  // fsync of HEAD: EIO
  std::atomic<int> appends_without_room = 0;  // so many appends write half of what they should: ENOSPC
  std::atomic<std::uint64_t> free_bytes = kRealFreeBytes;
  std::atomic<bool> skip_syncs = false;  // fsyncs do nothing and succeed: for tests that lose no power
  std::atomic<int> log_syncs = 0;        // attempts

  // From now on one in `one_in` appends and writes fails half done, with EIO or ENOSPC (which HEAD never meets, as it
  // never grows), and one in `one_in` fsyncs with EIO, having done nothing. 0: none.
  void FailAtRandom(std::uint32_t one_in, std::uint32_t seed);

  // Cuts every file back to what was fsynced, as a power cut may.
  void LoseUnsynced();
  // The same, but some of what was not fsynced is there: of what was appended, any part from its beginning; of what was
  // overwritten, any of its sectors of 512 bytes.
  void TearUnsynced(std::uint32_t seed);

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options, std::uint64_t* free,
                                 rocksdb::IODebugContext* dbg) override;

  static constexpr int kAlways = 1'000'000'000;

  // For the files that it hands out.
  bool NoRoom() { return appends_without_room > 0 && appends_without_room-- > 0; }
  void NoteSynced(const std::string& name);
  bool FailsNow();  // and counts
  int failures() const { return failures_; }

 private:
  std::mutex mutex_;
  std::uint32_t one_in_ = 0;  // guarded by mutex_
  std::mt19937 random_;       // guarded by mutex_
  std::atomic<int> failures_ = 0;
  std::map<std::string, std::string> synced_;  // content of each file at its last fsync, guarded by mutex_
};

}  // namespace guidon
