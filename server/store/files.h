// Files and folders as backups need them, through the store's file system: every byte can be made to fail by a test.
//
// Thread safety: pure functions but for the disk. They wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace rocksdb {
class FileSystem;
}

namespace guidon {

struct FileDigest {
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 hex digits

  friend bool operator==(const FileDigest&, const FileDigest&) = default;
};

// Called after each block of at most 1 MiB with its size; false ends the work with kUnavailable.
using FileStep = std::function<bool(std::uint64_t bytes)>;

// Errors of all of them are kIo, and kStorageFull where there is no room; they name the file.
Result<FileDigest> DigestFile(rocksdb::FileSystem& disk, const std::string& path, const FileStep& step = {});
// The digest of what was read. The copy is durable, but for its name, when it returns; fsynced after every 8 MiB, so
// that others who wait for the same disk need not wait for all of it.
Result<FileDigest> CopyFile(rocksdb::FileSystem& disk, const std::string& from, const std::string& to,
                            const FileStep& step = {});
// A whole new file of these bytes, durable but for its name.
Status WriteFile(rocksdb::FileSystem& disk, const std::string& path, std::string_view bytes);
// kNotFound when there is none; kTooLarge beyond `most_bytes`.
Result<std::string> ReadFile(rocksdb::FileSystem& disk, const std::string& path, std::uint64_t most_bytes);

// Makes the names within a folder durable.
Status SyncFolder(rocksdb::FileSystem& disk, const std::string& folder);
// Names within it, sorted, without "." and "..".
Result<std::vector<std::string>> NamesIn(rocksdb::FileSystem& disk, const std::string& folder);
bool IsThere(rocksdb::FileSystem& disk, const std::string& path);
bool IsFolder(rocksdb::FileSystem& disk, const std::string& path);
// The folder and everything in it; fine if it is not there.
Status RemoveFolder(rocksdb::FileSystem& disk, const std::string& folder);

// "/a/b/" -> "/a/b"; "c" -> "c"
std::string WithoutSlash(std::string path);
// "/a/b" -> "/a"; "c" -> "."
std::string ParentOf(const std::string& path);

}  // namespace guidon
