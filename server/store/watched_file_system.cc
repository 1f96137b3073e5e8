#include "server/store/watched_file_system.h"

#include <rocksdb/file_system.h>

#include <string>
#include <utility>

namespace guidon {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedFile(std::unique_ptr<rocksdb::FSWritableFile> target, std::shared_ptr<SyncRecord> record, bool is_log)
      : FSWritableFileOwnerWrapper(std::move(target)), record_(std::move(record)), is_log_(is_log) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return Timed([&] { return FSWritableFileOwnerWrapper::Sync(options, dbg); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Timed([&] { return FSWritableFileOwnerWrapper::Fsync(options, dbg); });
  }
  IOStatus RangeSync(std::uint64_t offset, std::uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    return Timed([&] { return FSWritableFileOwnerWrapper::RangeSync(offset, size, options, dbg); });
  }

 private:
  template <typename Call>
  IOStatus Timed(Call call) {
    const auto begin = std::chrono::steady_clock::now();
    IOStatus status = call();
    if (!status.ok()) record_->failed = true;
    if (is_log_) record_->log_nanoseconds += (std::chrono::steady_clock::now() - begin).count();
    return status;
  }

  const std::shared_ptr<SyncRecord> record_;
  const bool is_log_;
};

class WatchedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  WatchedDirectory(std::unique_ptr<rocksdb::FSDirectory> target, std::shared_ptr<SyncRecord> record)
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
    if (!status.ok()) record_->failed = true;
    return status;
  }

  const std::shared_ptr<SyncRecord> record_;
};

class WatchedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  WatchedFileSystem(std::shared_ptr<rocksdb::FileSystem> target, std::shared_ptr<SyncRecord> record)
      : FileSystemWrapper(target), record_(std::move(record)) {}

  const char* Name() const override { return "GuidonWatchedFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* dbg) override {
    return Watched(name, FileSystemWrapper::NewWritableFile(name, options, file, dbg), file);
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* dbg) override {
    return Watched(name, FileSystemWrapper::ReopenWritableFile(name, options, file, dbg), file);
  }
  IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* dbg) override {
    return Watched(name, FileSystemWrapper::ReuseWritableFile(name, old_name, options, file, dbg), file);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* dbg) override {
    IOStatus status = FileSystemWrapper::NewDirectory(name, options, directory, dbg);
    if (status.ok()) *directory = std::make_unique<WatchedDirectory>(std::move(*directory), record_);
    return status;
  }

 private:
  IOStatus Watched(const std::string& name, IOStatus status, std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (status.ok()) *file = std::make_unique<WatchedFile>(std::move(*file), record_, name.ends_with(".log"));
    return status;
  }

  const std::shared_ptr<SyncRecord> record_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> WatchSyncs(std::shared_ptr<rocksdb::FileSystem> target,
                                                std::shared_ptr<SyncRecord> record) {
  return std::make_shared<WatchedFileSystem>(std::move(target), std::move(record));
}

}  // namespace guidon
