#include "server/store/backup.h"

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "audit/hex.h"
#include "core/base/json.h"
#include "core/model/units.h"
#include "server/store/chain.h"
#include "server/store/encoding.h"
#include "server/store/files.h"
#include "server/store/random.h"
#include "server/store/records.h"
#include "server/store/rocks_store.h"
#include "server/store/store_folder.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBackupFormat = 1;
constexpr std::uint64_t kMaxManifestBytes = 16u << 20;
// Left free on the disk of a backup, which may be that of the store.
constexpr std::uint64_t kSpareBytes = 64u << 20;

std::shared_ptr<rocksdb::FileSystem> OrDefault(std::shared_ptr<rocksdb::FileSystem> disk) {
  return disk ? std::move(disk) : rocksdb::FileSystem::Default();
}

std::string Hex(std::string_view bytes) {
  const Hash256 hash = Sha256(bytes);
  return ToHex(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::string HexOf(const Hash256& hash) {
  return ToHex(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

std::optional<Hash256> HashOf(std::string_view hex) {
  Hash256 hash{};
  if (hex.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(hex[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    hash[i / 2] = static_cast<std::uint8_t>(hash[i / 2] * 16 + digit);
  }
  return hash;
}

Error Damaged(const std::string& folder, const std::string& what) {
  return {ErrorCode::kCorrupt, "the backup " + folder + " is damaged: " + what + ". Use another backup", {}};
}

std::string At(const StoreHead& head, std::string_view epoch) {
  return "revision " + std::to_string(head.revision) + " (position " + std::to_string(head.position) +
         ") of the store " + std::string(epoch);
}

// ---- The manifest ------------------------------------------------------------------------------------------------

std::int64_t NumberIn(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? 0 : member->AsInt();
}

std::string TextIn(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? std::string() : member->AsString();
}

Value DescribeFiles(const std::vector<BackupFile>& files) {
  Array list;
  for (const BackupFile& file : files) {
    list.emplace_back(Object{{"path", Value(file.path)}, {"bytes", Value(file.bytes)}, {"sha256", Value(file.sha256)}});
  }
  return list;
}

// ---- Making one --------------------------------------------------------------------------------------------------

// The files of a backup that is being made or restored, one after the other.
Result<std::vector<BackupFile>> CopyFiles(rocksdb::FileSystem& disk, const std::string& from, const std::string& to,
                                          const std::vector<std::string>& names, const FileStep& step) {
  std::vector<BackupFile> files;
  for (const std::string& name : names) {
    Result<FileDigest> digest = CopyFile(disk, from + "/" + name, to + "/" + name, step);
    if (!digest) return Fail(digest.error());
    files.push_back({"db/" + name, digest->bytes, std::move(digest->sha256)});
  }
  return files;
}

// What the store in a backup is: read from the copy, as that is what will be opened.
Result<StoreHead> HeadIn(const std::string& database, const std::shared_ptr<rocksdb::FileSystem>& disk) {
  Result<ReadOnlyDatabase> opened = OpenReadOnly(database, disk);
  if (!opened) return Fail(opened.error());
  const Result<std::optional<std::string>> tail = ReadRecord(*opened->db, kTailKey);
  if (!tail) return Fail(tail.error());
  if (!*tail) return StoreHead();
  const std::optional<StoreHead> head = DecodeHead(**tail);
  if (!head) return Fail(BadRecord("the database's own head record"));
  return *head;
}

Status WriteHeadFile(const std::string& folder, const std::shared_ptr<rocksdb::FileSystem>& disk,
                     const std::string& epoch, const StoreHead& head) {
  HeadFile file(disk, folder);
  if (Status made = file.Create(epoch); !made) return made;
  return file.Write(head);
}

class BackupWriter {
 public:
  BackupWriter(StoreFolder& store, const BackupRequest& request)
      : store_(store),
        request_(request),
        disk_(store.file_system()),
        folder_(WithoutSlash(request.folder)),
        draft_(folder_ + ".partial"),
        staging_(fs::absolute(store.path() + "/" + std::string(kStagingName))) {}

  Result<BackupManifest> Write() {
    if (IsThere(*disk_, folder_)) {
      return Fail(ErrorCode::kAlreadyExists, "there is something at " + folder_ + "; choose another name");
    }
    Result<BackupManifest> manifest = Draft();
    // What is in the way of the next backup, or takes room; a failure shows then.
    (void)RemoveFolder(*disk_, staging_);
    if (!manifest) {
      (void)RemoveFolder(*disk_, draft_);
      return manifest;
    }
    if (auto status = disk_->RenameFile(draft_, folder_, {}, nullptr); !status.ok()) {
      return Fail(ErrorCode::kIo, "cannot give the backup its name " + folder_ + ": " + status.ToString());
    }
    if (Status synced = SyncFolder(*disk_, ParentOf(folder_)); !synced) return Fail(synced.error());
    return manifest;
  }

 private:
  Result<BackupManifest> Draft() {
    for (const std::string& leftover : {staging_, draft_}) {
      if (Status removed = RemoveFolder(*disk_, leftover); !removed) return Fail(removed.error());
    }
    Result<std::vector<std::string>> names = TakeCheckpoint();
    if (!names) return Fail(names.error());
    if (Status room = CheckRoom(*names); !room) return Fail(room.error());
    for (const std::string& folder : {draft_, draft_ + "/db"}) {
      if (auto status = disk_->CreateDir(folder, {}, nullptr); !status.ok()) {
        return Fail(ErrorCode::kIo, "cannot make the folder " + folder + ": " + status.ToString());
      }
    }
    BackupManifest manifest{request_.version, request_.now, store_.epoch(), {}, {}};
    Result<std::vector<BackupFile>> files = CopyFiles(*disk_, staging_, draft_ + "/db", *names, Step());
    if (!files) return Fail(files.error());
    manifest.files = *std::move(files);
    Result<StoreHead> head = HeadIn(draft_ + "/db", disk_);
    if (!head) return Fail(head.error());
    manifest.head = *head;
    if (Status finished = Finish(manifest); !finished) return Fail(finished.error());
    return manifest;
  }

  // Hard links to the tables, which never change, and copies of the rest: quick, and consistent in itself.
  Result<std::vector<std::string>> TakeCheckpoint() {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(&store_.db(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(staging_);
    if (status.ok()) return NamesIn(*disk_, staging_);
    return Fail(status.IsNoSpace() ? ErrorCode::kStorageFull : ErrorCode::kIo,
                "cannot make a checkpoint of the store in " + store_.path() + ": " + status.ToString());
  }

  Status CheckRoom(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      std::uint64_t size = 0;
      if (auto status = disk_->GetFileSize(staging_ + "/" + name, {}, &size, nullptr); !status.ok()) {
        return Fail(ErrorCode::kIo, "cannot look at " + staging_ + "/" + name + ": " + status.ToString());
      }
      bytes_ += size;
    }
    std::uint64_t free = 0;
    const std::string parent = ParentOf(folder_);
    if (auto status = disk_->GetFreeSpace(parent, {}, &free, nullptr); !status.ok()) {
      return Fail(ErrorCode::kIo, "cannot look at the folder of backups " + parent + ": " + status.ToString());
    }
    if (free >= bytes_ + kSpareBytes) return {};
    return Fail(ErrorCode::kStorageFull, "the backup needs " + std::to_string(bytes_ >> 20) +
                                             " MiB and 64 MiB more, and " + parent + " has room for " +
                                             std::to_string(free >> 20) + " MiB; make room, or remove old backups");
  }

  FileStep Step() {
    return [this](std::uint64_t bytes) {
      copied_ += bytes;
      return !request_.progress || request_.progress(copied_, bytes_);
    };
  }

  // HEAD, the manifest, and a look at the copy as a store: what does not open is no backup.
  Status Finish(BackupManifest& manifest) {
    if (Status written = WriteHeadFile(draft_, disk_, manifest.epoch, manifest.head); !written) return written;
    Result<FileDigest> digest = DigestFile(*disk_, draft_ + "/HEAD");
    if (!digest) return Fail(digest.error());
    manifest.files.insert(manifest.files.begin(), {"HEAD", digest->bytes, digest->sha256});
    const auto go_on = [this] { return !request_.progress || request_.progress(copied_, bytes_); };
    if (auto opened = StoreFolder::OpenBackup(draft_, disk_, go_on); !opened) return Fail(opened.error());
    if (Status synced = SyncFolder(*disk_, draft_ + "/db"); !synced) return synced;
    if (!go_on()) return Fail(ErrorCode::kUnavailable, "it was stopped");
    const std::string path = draft_ + "/" + std::string(kManifestName);
    if (Status written = WriteFile(*disk_, path, EncodeManifest(manifest)); !written) return written;
    return SyncFolder(*disk_, draft_);
  }

  StoreFolder& store_;
  const BackupRequest& request_;
  const std::shared_ptr<rocksdb::FileSystem> disk_;
  const std::string folder_;
  const std::string draft_;
  const std::string staging_;
  std::uint64_t copied_ = 0;
  std::uint64_t bytes_ = 0;
};

// ---- Looking at one ----------------------------------------------------------------------------------------------

// Exactly the files that the manifest names: RocksDB would read another log, or another table, too.
Status CheckNames(rocksdb::FileSystem& disk, const std::string& folder, const BackupManifest& manifest) {
  std::set<std::string> expected = {std::string(kManifestName)};
  for (const BackupFile& file : manifest.files) expected.insert(file.path);
  std::set<std::string> found;
  for (const std::string& part : {std::string(), std::string("db/")}) {
    if (!IsFolder(disk, folder + "/" + part)) return Fail(Damaged(folder, "the folder " + part + " is missing"));
    Result<std::vector<std::string>> names = NamesIn(disk, folder + "/" + part);
    if (!names) return Fail(names.error());
    for (const std::string& name : *names) {
      if (part + name != "db") found.insert(part + name);
    }
  }
  for (const std::string& name : expected) {
    if (!found.contains(name)) return Fail(Damaged(folder, "the file " + name + " is missing"));
  }
  for (const std::string& name : found) {
    if (!expected.contains(name)) return Fail(Damaged(folder, "the file " + name + " does not belong to it"));
  }
  return {};
}

Status CheckFiles(rocksdb::FileSystem& disk, const std::string& folder, const BackupManifest& manifest) {
  for (const BackupFile& file : manifest.files) {
    Result<FileDigest> digest = DigestFile(disk, folder + "/" + file.path);
    if (!digest) return Fail(digest.error());
    if (*digest == FileDigest{file.bytes, file.sha256}) continue;
    return Fail(Damaged(folder, "the file " + file.path + " is not what was written"));
  }
  return {};
}

Status CheckStore(const std::shared_ptr<rocksdb::FileSystem>& disk, const std::string& folder,
                  const BackupManifest& manifest) {
  Result<std::unique_ptr<Store>> store = OpenBackupStore(folder, disk);
  if (!store) return Fail(store.error());
  if ((*store)->Epoch() != manifest.epoch || (*store)->Head() != manifest.head) {
    return Fail(Damaged(folder, "it holds " + At((*store)->Head(), (*store)->Epoch()) + ", and its manifest says " +
                                    At(manifest.head, manifest.epoch)));
  }
  Result<ChainReport> chain = VerifyChain(**store);
  if (!chain) return Fail(chain.error());
  if (chain->ok()) return {};
  const ChainFault& fault = chain->faults.front();
  return Fail(Damaged(folder, "revision " + std::to_string(fault.revision) + ": " + fault.what));
}

// ---- Restoring one -----------------------------------------------------------------------------------------------

class Restorer {
 public:
  Restorer(std::string folder, const std::string& target, std::shared_ptr<rocksdb::FileSystem> disk)
      : folder_(std::move(folder)),
        target_(WithoutSlash(target)),
        draft_(target_ + ".restoring"),
        disk_(std::move(disk)) {}
  ~Restorer() {
    if (lock_ != nullptr) disk_->UnlockFile(lock_, {}, nullptr);
  }

  Result<Restored> Restore() {
    if (Status free = CheckTarget(); !free) return Fail(free.error());
    Result<BackupManifest> manifest = VerifyBackup(folder_, disk_);
    if (!manifest) return Fail(manifest.error());
    Restored restored{*std::move(manifest), NewEpoch()};
    if (Status made = MakeDraft(restored); !made) return Fail(made.error());
    if (auto status = disk_->RenameFile(draft_, target_, {}, nullptr); !status.ok()) {
      return Fail(ErrorCode::kIo, "cannot rename " + draft_ + " to " + target_ + ": " + status.ToString());
    }
    if (Status synced = SyncFolder(*disk_, ParentOf(target_)); !synced) return Fail(synced.error());
    return restored;
  }

 private:
  Status CheckTarget() {
    if (target_.empty()) return Fail(ErrorCode::kInvalid, "name the folder that the store is to be made in");
    if (!IsThere(*disk_, target_)) return {};
    const bool is_folder = IsFolder(*disk_, target_);
    Result<std::vector<std::string>> names = is_folder ? NamesIn(*disk_, target_) : std::vector<std::string>();
    if (!names) return Fail(names.error());
    if (is_folder && names->empty()) return {};
    return Fail(ErrorCode::kInvalid, target_ + (is_folder ? " is not empty" : " is not a folder") +
                                         ": a restore makes a new store, and never writes over one; name a folder "
                                         "that is not there, and start guidond on that");
  }

  Status MakeDraft(const Restored& restored) {
    if (Status locked = LockDraft(); !locked) return locked;
    if (auto status = disk_->CreateDir(draft_ + "/db", {}, nullptr); !status.ok()) {
      return Fail(ErrorCode::kIo, "cannot make the folder " + draft_ + "/db: " + status.ToString());
    }
    for (const BackupFile& file : restored.from.files) {
      if (!file.path.starts_with("db/")) continue;
      Result<FileDigest> digest = CopyFile(*disk_, folder_ + "/" + file.path, draft_ + "/" + file.path);
      if (!digest) return Fail(digest.error());
      if (*digest != FileDigest{file.bytes, file.sha256}) {
        return Fail(Damaged(folder_, "the file " + file.path + " changed while it was read"));
      }
    }
    if (Status set = SetEpoch(draft_ + "/db", disk_, restored.epoch); !set) return set;
    if (Status synced = SyncFolder(*disk_, draft_ + "/db"); !synced) return synced;
    if (Status written = WriteHeadFile(draft_, disk_, restored.epoch, restored.from.head); !written) return written;
    if (auto opened = StoreFolder::OpenBackup(draft_, disk_); !opened) return Fail(opened.error());
    return SyncFolder(*disk_, draft_);
  }

  // One restore into a target at a time; what an earlier one left is removed.
  Status LockDraft() {
    if (auto status = disk_->CreateDirIfMissing(draft_, {}, nullptr); !status.ok()) {
      return Fail(ErrorCode::kIo, "cannot make the folder " + draft_ + ": " + status.ToString() +
                                      "; its parent must exist and be writable by this user");
    }
    if (auto status = disk_->LockFile(draft_ + "/LOCK", {}, &lock_, nullptr); !status.ok()) {
      lock_ = nullptr;
      return Fail(ErrorCode::kUnavailable, "another restore is at work in " + draft_ + ": " + status.ToString());
    }
    for (const char* name : {"HEAD", "HEAD.new"}) {
      disk_->DeleteFile(draft_ + "/" + name, {}, nullptr).PermitUncheckedError();
    }
    return RemoveFolder(*disk_, draft_ + "/db");
  }

  const std::string folder_;
  const std::string target_;
  const std::string draft_;
  const std::shared_ptr<rocksdb::FileSystem> disk_;
  rocksdb::FileLock* lock_ = nullptr;
};

}  // namespace

std::uint64_t BackupManifest::Bytes() const {
  std::uint64_t bytes = 0;
  for (const BackupFile& file : files) bytes += file.bytes;
  return bytes;
}

std::string EncodeManifest(const BackupManifest& manifest) {
  Object document{{"format", Value(kBackupFormat)},
                  {"store_format", Value(static_cast<std::int64_t>(kStoreFormat))},
                  {"version", Value(manifest.version)},
                  {"made", Value(FormatTimestamp(manifest.made.time_since_epoch().count()))},
                  {"epoch", Value(manifest.epoch)},
                  {"position", Value(manifest.head.position)},
                  {"revision", Value(manifest.head.revision)},
                  {"revision_time", Value(manifest.head.time.time_since_epoch().count())},
                  {"chain_hash", Value(HexOf(manifest.head.hash))},
                  {"files", DescribeFiles(manifest.files)}};
  const std::string sha256 = Hex(ToJson(Value(document)));
  document.Append("sha256", Value(sha256));
  return ToJson(Value(std::move(document))) + "\n";
}

Result<BackupManifest> DecodeManifest(std::string_view text) {
  const Error not_ours{ErrorCode::kCorrupt, "the manifest is not what was written", {}};
  const Result<Value> document = ParseJson(text);
  if (!document || !document->is_object()) return Fail(not_ours);
  if (NumberIn(*document, "format") > kBackupFormat) {
    return Fail(ErrorCode::kInvalid, "its format is " + std::to_string(NumberIn(*document, "format")) +
                                         "; this program reads format " + std::to_string(kBackupFormat));
  }
  BackupManifest manifest;
  manifest.version = TextIn(*document, "version");
  const std::optional<std::int64_t> made = ParseTimestamp(TextIn(*document, "made"));
  const std::optional<Hash256> hash = HashOf(TextIn(*document, "chain_hash"));
  const Value* files = document->Find("files");
  if (!made || !hash || files == nullptr || !files->is_array()) return Fail(not_ours);
  manifest.made = Timestamp(std::chrono::milliseconds(*made));
  manifest.epoch = TextIn(*document, "epoch");
  manifest.head.position = static_cast<Position>(NumberIn(*document, "position"));
  manifest.head.revision = static_cast<Revision>(NumberIn(*document, "revision"));
  manifest.head.time = Timestamp(std::chrono::milliseconds(NumberIn(*document, "revision_time")));
  manifest.head.hash = *hash;
  for (const Value& file : files->AsArray()) {
    manifest.files.push_back(
        {TextIn(file, "path"), static_cast<std::uint64_t>(NumberIn(file, "bytes")), TextIn(file, "sha256")});
  }
  // Whatever the text says besides, and however it says it, is not of us.
  if (EncodeManifest(manifest) != text) return Fail(not_ours);
  return manifest;
}

Result<BackupManifest> ReadManifest(const std::string& folder, std::shared_ptr<rocksdb::FileSystem> disk) {
  const std::string path = WithoutSlash(folder) + "/" + std::string(kManifestName);
  Result<std::string> text = ReadFile(*OrDefault(std::move(disk)), path, kMaxManifestBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return Fail(ErrorCode::kNotFound,
                folder + " is no backup, or one that was not finished: it holds no " + std::string(kManifestName));
  }
  if (!text) return Fail(text.error());
  Result<BackupManifest> manifest = DecodeManifest(*text);
  if (manifest) return manifest;
  if (manifest.error().code == ErrorCode::kCorrupt) return Fail(Damaged(folder, manifest.error().message));
  return Fail(ErrorCode::kInvalid, "the backup " + folder + " cannot be read: " + manifest.error().message);
}

Result<BackupManifest> WriteBackup(StoreFolder& folder, const BackupRequest& request) {
  return BackupWriter(folder, request).Write();
}

Result<BackupManifest> VerifyBackup(const std::string& folder, std::shared_ptr<rocksdb::FileSystem> disk) {
  disk = OrDefault(std::move(disk));
  const std::string path = WithoutSlash(folder);
  Result<BackupManifest> manifest = ReadManifest(path, disk);
  if (!manifest) return manifest;
  if (Status named = CheckNames(*disk, path, *manifest); !named) return Fail(named.error());
  if (Status whole = CheckFiles(*disk, path, *manifest); !whole) return Fail(whole.error());
  if (Status good = CheckStore(disk, path, *manifest); !good) return Fail(good.error());
  return manifest;
}

Result<Restored> RestoreBackup(const std::string& folder, const std::string& target,
                               std::shared_ptr<rocksdb::FileSystem> disk) {
  return Restorer(WithoutSlash(folder), target, OrDefault(std::move(disk))).Restore();
}

}  // namespace guidon
