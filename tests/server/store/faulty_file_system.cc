#include "tests/server/store/faulty_file_system.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace guidon {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string ReadAll(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

IOStatus NoRoomFor(const std::string& name) {
  IOStatus status = IOStatus::NoSpace("While appending to file: " + name, "No space left on device");
  status.SetRetryable(true);  // as RocksDB's own file system says
  return status;
}

rocksdb::Slice Half(const rocksdb::Slice& data) {
  return {data.data(), data.size() / 2};
}

IOStatus BrokenFor(const std::string& name) {
  return IOStatus::IOError("While writing to file: " + name, "Input/output error");
}

class FaultyFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(FaultyFileSystem& disk, std::string name, std::unique_ptr<rocksdb::FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)),
        disk_(disk),
        name_(std::move(name)),
        is_log_(name_.ends_with(".log")) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const IOStatus fault = Fault();
    if (fault.ok()) return target()->Append(data, options, dbg);
    target()->Append(Half(data), options, dbg).PermitUncheckedError();
    return fault;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const rocksdb::Slice& data, std::uint64_t offset, const IOOptions& options,
                            IODebugContext* dbg) override {
    const IOStatus fault = Fault();
    if (fault.ok()) return target()->PositionedAppend(data, offset, options, dbg);
    target()->PositionedAppend(Half(data), offset, options, dbg).PermitUncheckedError();
    return fault;
  }
  IOStatus PositionedAppend(const rocksdb::Slice& data, std::uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo&, IODebugContext* dbg) override {
    return PositionedAppend(data, offset, options, dbg);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override { return Synced(options, dbg); }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override { return Synced(options, dbg); }

 private:
  // Every second failure at random is a lack of room.
  IOStatus Fault() {
    if (disk_.NoRoom()) return NoRoomFor(name_);
    if (!disk_.FailsNow()) return IOStatus::OK();
    return disk_.failures() % 2 == 0 ? NoRoomFor(name_) : BrokenFor(name_);
  }

  IOStatus Synced(const IOOptions& options, IODebugContext* dbg) {
    if (is_log_) ++disk_.log_syncs;
    if (disk_.FailsNow()) return BrokenFor(name_);
    if (is_log_ && disk_.log_sync_fails) return IOStatus::IOError("While fdatasync: " + name_, "Input/output error");
    if (disk_.skip_syncs) return IOStatus::OK();
    const IOStatus status = target()->Fsync(options, dbg);
    if (status.ok()) disk_.NoteSynced(name_);
    return status;
  }

  FaultyFileSystem& disk_;
  const std::string name_;
  const bool is_log_;
};

class FaultyHead final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  FaultyHead(FaultyFileSystem& disk, std::string name, std::unique_ptr<rocksdb::FSRandomRWFile> target)
      : FSRandomRWFileOwnerWrapper(std::move(target)), disk_(disk), name_(std::move(name)) {}

  IOStatus Write(std::uint64_t offset, const rocksdb::Slice& data, const IOOptions& options,
                 IODebugContext* dbg) override {
    if (!disk_.FailsNow()) return FSRandomRWFileOwnerWrapper::Write(offset, data, options, dbg);
    FSRandomRWFileOwnerWrapper::Write(offset, Half(data), options, dbg).PermitUncheckedError();
    return BrokenFor(name_);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    if (disk_.FailsNow()) return BrokenFor(name_);
    if (disk_.head_sync_fails) return IOStatus::IOError("While fdatasync: " + name_, "Input/output error");
    if (disk_.skip_syncs) return IOStatus::OK();
    const IOStatus status = FSRandomRWFileOwnerWrapper::Sync(options, dbg);
    if (status.ok()) disk_.NoteSynced(name_);
    return status;
  }

 private:
  FaultyFileSystem& disk_;
  const std::string name_;
};

}  // namespace

void FaultyFileSystem::NoteSynced(const std::string& name) {
  const std::lock_guard lock(mutex_);
  synced_[name] = ReadAll(name);
}

std::shared_ptr<rocksdb::FileSystem> FastFileSystem() {
  auto disk = std::make_shared<FaultyFileSystem>();
  disk->skip_syncs = true;
  return disk;
}

void FaultyFileSystem::FailAtRandom(std::uint32_t one_in, std::uint32_t seed) {
  const std::lock_guard lock(mutex_);
  one_in_ = one_in;
  random_.seed(seed);
}

bool FaultyFileSystem::FailsNow() {
  const std::lock_guard lock(mutex_);
  if (one_in_ == 0 || random_() % one_in_ != 0) return false;
  ++failures_;
  return true;
}

void FaultyFileSystem::TearUnsynced(std::uint32_t seed) {
  constexpr std::size_t kSector = 512;
  const std::lock_guard lock(mutex_);
  std::mt19937 random(seed);
  for (auto& [name, synced] : synced_) {
    if (!std::filesystem::exists(name)) continue;
    const std::string written = ReadAll(name);
    std::string torn = synced;
    const std::size_t both = std::min(synced.size(), written.size());
    for (std::size_t at = 0; at < both; at += kSector) {
      const std::size_t size = std::min(kSector, both - at);
      if (random() % 2 == 0) torn.replace(at, size, written, at, size);
    }
    if (written.size() > synced.size())
      torn.append(written, synced.size(), random() % (written.size() - synced.size() + 1));
    std::ofstream(name, std::ios::binary | std::ios::trunc) << torn;
    synced = torn;
  }
}

void FaultyFileSystem::LoseUnsynced() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, content] : synced_) {
    if (!std::filesystem::exists(name)) continue;
    std::ofstream(name, std::ios::binary | std::ios::trunc) << content;
  }
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* dbg) {
  const IOStatus status = FileSystemWrapper::NewWritableFile(name, options, file, dbg);
  if (!status.ok()) return status;
  *file = std::make_unique<FaultyFile>(*this, name, std::move(*file));
  // RocksDB's own text log is not fsynced, and nobody reads it.
  const std::lock_guard lock(mutex_);
  if (!name.ends_with("/LOG")) synced_[name] = "";
  return status;
}

IOStatus FaultyFileSystem::NewRandomRWFile(const std::string& name, const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomRWFile>* file, IODebugContext* dbg) {
  const IOStatus status = FileSystemWrapper::NewRandomRWFile(name, options, file, dbg);
  if (status.ok()) *file = std::make_unique<FaultyHead>(*this, name, std::move(*file));
  return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                      IODebugContext* dbg) {
  const IOStatus status = FileSystemWrapper::RenameFile(from, to, options, dbg);
  const std::lock_guard lock(mutex_);
  if (const auto content = synced_.extract(from); status.ok() && content) synced_[to] = content.mapped();
  return status;
}

IOStatus FaultyFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options, std::uint64_t* free,
                                        IODebugContext* dbg) {
  const IOStatus status = FileSystemWrapper::GetFreeSpace(path, options, free, dbg);
  if (free_bytes != kRealFreeBytes) *free = free_bytes;
  return status;
}

}  // namespace guidon
