#include "server/store/watched_file_system.h"

#include <rocksdb/file_system.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

namespace guidon {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr std::chrono::milliseconds kRetry(20);
constexpr int kQuietRetries = 25;

// Tries until there is room.
template <typename Attempt>
IOStatus WaitForRoom(const DiskRecord& record, bool is_log, IOStatus status, Attempt attempt) {
  for (int retries = 0; status.IsNoSpace() && record.wait_for_room; ++retries) {
    if (is_log && retries >= kQuietRetries) record.no_room();
    std::this_thread::sleep_for(kRetry);  // nobody tells when a disk has room again
    status = attempt();
  }
  return status;
}

class WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedFile(std::unique_ptr<rocksdb::FSWritableFile> target, std::shared_ptr<DiskRecord> record, bool is_log)
      : FSWritableFileOwnerWrapper(std::move(target)), record_(std::move(record)), is_log_(is_log) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return Appended(data.size(), [&] {
      if (positioned_) return target()->PositionedAppend(data, size_, options, dbg);
      return target()->Append(data, options, dbg);
    });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override {
    return Appended(data.size(), [&] {
      if (positioned_) return target()->PositionedAppend(data, size_, options, verification, dbg);
      return target()->Append(data, options, verification, dbg);
    });
  }

  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return Timed([&] { return target()->Sync(options, dbg); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Timed([&] { return target()->Fsync(options, dbg); });
  }
  IOStatus RangeSync(std::uint64_t offset, std::uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    return Timed([&] { return target()->RangeSync(offset, size, options, dbg); });
  }

 private:
  template <typename Attempt>
  IOStatus Appended(std::size_t size, Attempt attempt) {
    IOStatus status = attempt();
    // How much of it was written is not known: from now on every write says where it belongs.
    if (status.IsNoSpace()) positioned_ = true;
    status = WaitForRoom(*record_, is_log_, std::move(status), attempt);
    if (status.ok()) size_ += size;
    return status;
  }

  template <typename Call>
  IOStatus Timed(Call call) {
    const auto begin = std::chrono::steady_clock::now();
    IOStatus status = call();
    if (!status.ok()) record_->sync_failed = true;
    if (is_log_) record_->log_sync_nanoseconds += (std::chrono::steady_clock::now() - begin).count();
    return status;
  }

  const std::shared_ptr<DiskRecord> record_;
  const bool is_log_;
  // One thread at a time writes, but not always the same one, and how RocksDB hands over is unknown to TSan.
  std::atomic<std::uint64_t> size_ = 0;
  std::atomic<bool> positioned_ = false;
};

// RocksDB's own text log, LOG, for which nobody is kept waiting and nothing fails: what finds no room is lost. Debian's
// RocksDB ends the process (an assertion in WritableFileWriter) when a second line follows one that failed.
class TextLogFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return Tried(target()->Append(data, options, dbg));
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification, IODebugContext* dbg) override {
    return Tried(target()->Append(data, options, verification, dbg));
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override {
    return Tried(target()->Flush(options, dbg));
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override { return Tried(target()->Sync(options, dbg)); }

 private:
  static IOStatus Tried(const IOStatus& status) {
    status.PermitUncheckedError();
    return IOStatus::OK();
  }
};

class WatchedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  WatchedDirectory(std::unique_ptr<rocksdb::FSDirectory> target, std::shared_ptr<DiskRecord> record)
      : FSDirectoryWrapper(std::move(target)), record_(std::move(record)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Noted(FSDirectoryWrapper::Fsync(options, dbg));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions& what) override {
    return Noted(FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, what));
  }

 private:
  IOStatus Noted(IOStatus status) {
    if (!status.ok()) record_->sync_failed = true;
    return status;
  }

  const std::shared_ptr<DiskRecord> record_;
};

class WatchedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  WatchedFileSystem(std::shared_ptr<rocksdb::FileSystem> target, std::shared_ptr<DiskRecord> record)
      : FileSystemWrapper(target), record_(std::move(record)) {}

  const char* Name() const override { return "GuidonWatchedFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* dbg) override {
    if (name.ends_with("/LOG")) {
      IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, dbg);
      if (status.ok()) *file = std::make_unique<TextLogFile>(std::move(*file));
      return status;
    }
    const bool is_log = name.ends_with(".log");
    const auto attempt = [&] { return FileSystemWrapper::NewWritableFile(name, options, file, dbg); };
    IOStatus status = WaitForRoom(*record_, is_log, attempt(), attempt);
    if (status.ok()) *file = std::make_unique<WatchedFile>(std::move(*file), record_, is_log);
    return status;
  }
  // The wrapper's would make the text log's file without us.
  IOStatus NewLogger(const std::string& name, const IOOptions& options, std::shared_ptr<rocksdb::Logger>* logger,
                     IODebugContext* dbg) override {
    return FileSystem::NewLogger(name, options, logger, dbg);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* dbg) override {
    IOStatus status = FileSystemWrapper::NewDirectory(name, options, directory, dbg);
    if (status.ok()) *directory = std::make_unique<WatchedDirectory>(std::move(*directory), record_);
    return status;
  }

 private:
  const std::shared_ptr<DiskRecord> record_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> WatchDisk(std::shared_ptr<rocksdb::FileSystem> target,
                                               std::shared_ptr<DiskRecord> record) {
  return std::make_shared<WatchedFileSystem>(std::move(target), std::move(record));
}

}  // namespace guidon
