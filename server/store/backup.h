// A copy of a store that can be checked, and from which a store can be made again.
//
//   Result<BackupManifest> made = store.Backup({.folder = "/backups/monday", .version = kVersion});
//   Result<BackupManifest> good = VerifyBackup("/backups/monday");
//   Result<Restored> restored = RestoreBackup("/backups/monday", "/var/lib/guidon-2");
//
// A backup is a folder:
//
//   backup.json   the manifest: what the backup holds, and size and SHA-256 of every other file; written last
//   HEAD          the head record of exactly the state in db/ (server/store/head_record.h)
//   db/           a RocksDB checkpoint: all tables, the end of the log, and what names them
//
// backup.json is one line of JSON that ends in a SHA-256 of itself (of the text without that member), so that every
// flipped byte of a backup is found. A folder with a backup.json is never opened as a store: it would have the epoch of
// the store that it was made of, and lower revisions. A restore gives it a new epoch, which is how clients notice.
//
// While a backup is made its folder is called NAME.partial, and while one is restored, TARGET.restoring: what has its
// name is whole. docs/decisions/backups.md has the reasons.
//
// Thread safety: pure functions but for the disk, for which they wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/store/store.h"

namespace rocksdb {
class FileSystem;
}

namespace guidon {

class StoreFolder;

struct BackupFile {
  std::string path;  // within the backup: "db/000012.sst"
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 hex digits

  friend bool operator==(const BackupFile&, const BackupFile&) = default;
};

struct BackupManifest {
  std::string version;  // of the program that made it
  Timestamp made{};
  std::string epoch;  // of the store that it was made of
  StoreHead head;
  std::vector<BackupFile> files;  // in order of their paths

  std::uint64_t Bytes() const;
  friend bool operator==(const BackupManifest&, const BackupManifest&) = default;
};

std::string EncodeManifest(const BackupManifest& manifest);
// kCorrupt: not what EncodeManifest wrote. kInvalid: of another format.
Result<BackupManifest> DecodeManifest(std::string_view text);
// The manifest alone: what a backup says that it holds. kNotFound: the folder is no backup, or one that was not
// finished.
Result<BackupManifest> ReadManifest(const std::string& folder, std::shared_ptr<rocksdb::FileSystem> disk = nullptr);

struct BackupRequest {
  std::string folder;   // of the backup; must not exist, its parent must
  std::string version;  // of the program
  Timestamp now{};
  // Called every few milliseconds with what is copied so far and all there is, and while the copy is looked at, at each
  // table file of some 64 MiB; false ends the backup, with kUnavailable.
  std::function<bool(std::uint64_t copied, std::uint64_t bytes)> progress = {};
};

// Of an open store; Store::Backup is how it is called. Writers go on meanwhile; they wait for one flush, at most 16
// MiB.
Result<BackupManifest> WriteBackup(StoreFolder& folder, const BackupRequest& request);

// Reads every byte: the manifest, that there are these files and no others, their checksums, that the store in it opens
// and ends where the manifest says, and the whole chain of revisions. Writes nothing. kCorrupt names what is damaged.
Result<BackupManifest> VerifyBackup(const std::string& folder, std::shared_ptr<rocksdb::FileSystem> disk = nullptr);

struct Restored {
  BackupManifest from;
  std::string epoch;  // of the new store
};
// Verifies the backup, then makes a store of it in `target`, which must be empty or not there. There is no moment at
// which `target` holds half a store. What a restore that was interrupted left beside it is removed.
Result<Restored> RestoreBackup(const std::string& folder, const std::string& target,
                               std::shared_ptr<rocksdb::FileSystem> disk = nullptr);

inline constexpr std::string_view kManifestName = "backup.json";

}  // namespace guidon
