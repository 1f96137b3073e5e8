#include "server/store/files.h"

#include <openssl/evp.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "audit/hex.h"

namespace guidon {
namespace {

using rocksdb::IOStatus;

constexpr std::size_t kBlockBytes = 1u << 20;
constexpr std::uint64_t kSyncBytes = 8u << 20;

Error DiskError(std::string_view what, const std::string& path, const IOStatus& status) {
  const ErrorCode code = status.IsNoSpace() ? ErrorCode::kStorageFull : ErrorCode::kIo;
  return {code, "cannot " + std::string(what) + " " + path + ": " + status.ToString(), {}};
}

class Sha256Stream {
 public:
  Sha256Stream() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) std::abort();
  }
  void Add(const rocksdb::Slice& bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
  }
  std::string Hex() {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), hash, &size) != 1) std::abort();
    return ToHex(std::string_view(reinterpret_cast<const char*>(hash), size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// Gives every block of a file to `take`.
template <typename Take>
Result<FileDigest> ReadBlocks(rocksdb::FileSystem& disk, const std::string& path, const FileStep& step, Take take) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  if (IOStatus status = disk.NewSequentialFile(path, {}, &file, nullptr); !status.ok()) {
    return Fail(DiskError("open", path, status));
  }
  Sha256Stream hash;
  FileDigest digest;
  std::string scratch(kBlockBytes, '\0');
  for (;;) {
    rocksdb::Slice block;
    if (IOStatus status = file->Read(scratch.size(), {}, &block, scratch.data(), nullptr); !status.ok()) {
      return Fail(DiskError("read", path, status));
    }
    if (block.empty()) break;
    hash.Add(block);
    digest.bytes += block.size();
    if (Status taken = take(block); !taken) return Fail(taken.error());
    if (step && !step(block.size())) return Fail(ErrorCode::kUnavailable, "it was stopped");
  }
  digest.sha256 = hash.Hex();
  return digest;
}

}  // namespace

Result<FileDigest> DigestFile(rocksdb::FileSystem& disk, const std::string& path, const FileStep& step) {
  return ReadBlocks(disk, path, step, [](const rocksdb::Slice&) { return Status(); });
}

Result<FileDigest> CopyFile(rocksdb::FileSystem& disk, const std::string& from, const std::string& to,
                            const FileStep& step) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (IOStatus status = disk.NewWritableFile(to, {}, &file, nullptr); !status.ok()) {
    return Fail(DiskError("write", to, status));
  }
  std::uint64_t unsynced = 0;
  Result<FileDigest> digest = ReadBlocks(disk, from, step, [&](const rocksdb::Slice& block) -> Status {
    IOStatus status = file->Append(block, {}, nullptr);
    unsynced += block.size();
    if (status.ok() && unsynced >= kSyncBytes) {
      status = file->Sync({}, nullptr);
      unsynced = 0;
    }
    return status.ok() ? Status() : Fail(DiskError("write", to, status));
  });
  if (!digest) return digest;
  IOStatus status = file->Fsync({}, nullptr);
  if (status.ok()) status = file->Close({}, nullptr);
  if (!status.ok()) return Fail(DiskError("write", to, status));
  return digest;
}

Status WriteFile(rocksdb::FileSystem& disk, const std::string& path, std::string_view bytes) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = disk.NewWritableFile(path, {}, &file, nullptr);
  if (status.ok()) status = file->Append({bytes.data(), bytes.size()}, {}, nullptr);
  if (status.ok()) status = file->Fsync({}, nullptr);
  if (status.ok()) status = file->Close({}, nullptr);
  return status.ok() ? Status() : Fail(DiskError("write", path, status));
}

Result<std::string> ReadFile(rocksdb::FileSystem& disk, const std::string& path, std::uint64_t most_bytes) {
  if (!IsThere(disk, path)) return Fail(ErrorCode::kNotFound, "there is no file " + path);
  std::uint64_t size = 0;
  if (IOStatus status = disk.GetFileSize(path, {}, &size, nullptr); !status.ok()) {
    return Fail(DiskError("read", path, status));
  }
  if (size > most_bytes) {
    return Fail(ErrorCode::kTooLarge, path + " is longer than " + std::to_string(most_bytes) + " bytes");
  }
  std::string bytes;
  const Result<FileDigest> read = ReadBlocks(disk, path, {}, [&](const rocksdb::Slice& block) {
    bytes.append(block.data(), block.size());
    return Status();
  });
  if (!read) return Fail(read.error());
  return bytes;
}

Status SyncFolder(rocksdb::FileSystem& disk, const std::string& folder) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  IOStatus status = disk.NewDirectory(folder, {}, &directory, nullptr);
  if (status.ok()) status = directory->Fsync({}, nullptr);
  return status.ok() ? Status() : Fail(DiskError("write", folder, status));
}

Result<std::vector<std::string>> NamesIn(rocksdb::FileSystem& disk, const std::string& folder) {
  std::vector<std::string> names;
  if (IOStatus status = disk.GetChildren(folder, {}, &names, nullptr); !status.ok()) {
    return Fail(DiskError("list", folder, status));
  }
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::sort(names.begin(), names.end());
  return names;
}

bool IsThere(rocksdb::FileSystem& disk, const std::string& path) {
  return !disk.FileExists(path, {}, nullptr).IsNotFound();
}

bool IsFolder(rocksdb::FileSystem& disk, const std::string& path) {
  bool is_folder = false;
  return disk.IsDirectory(path, {}, &is_folder, nullptr).ok() && is_folder;
}

Status RemoveFolder(rocksdb::FileSystem& disk, const std::string& folder) {
  if (!IsThere(disk, folder)) return {};
  Result<std::vector<std::string>> names = NamesIn(disk, folder);
  if (!names) return Fail(names.error());
  for (const std::string& name : *names) {
    const std::string path = folder + "/" + name;
    if (IsFolder(disk, path)) {
      if (Status removed = RemoveFolder(disk, path); !removed) return removed;
    } else if (IOStatus status = disk.DeleteFile(path, {}, nullptr); !status.ok()) {
      return Fail(DiskError("remove", path, status));
    }
  }
  const IOStatus status = disk.DeleteDir(folder, {}, nullptr);
  return status.ok() ? Status() : Fail(DiskError("remove", folder, status));
}

std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace guidon
