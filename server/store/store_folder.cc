#include "server/store/store_folder.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdarg>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "core/model/units.h"
#include "server/store/backup.h"
#include "server/store/encoding.h"
#include "server/store/files.h"
#include "server/store/random.h"
#include "server/store/records.h"

namespace guidon {
namespace {

constexpr std::size_t kBlockCacheBytes = 32u << 20;
constexpr std::size_t kMemtableBytes = 16u << 20;  // two of them at most
constexpr Position kTxnsCheckedAtOpen = 1024;

// Whether to go on after an error is the committer's decision: RocksDB must not start writing again on its own.
class NoAutoRecovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::Options DatabaseOptions(rocksdb::Env* env, bool may_create) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = may_create;
  options.paranoid_checks = true;
  // The default mode drops everything after a damaged record in the middle of the log without a word.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<NoAutoRecovery>());
  options.write_buffer_size = kMemtableBytes;
  options.max_write_buffer_number = 2;
  options.max_total_wal_size = 4 * kMemtableBytes;
  options.max_manifest_file_size = 16u << 20;
  options.max_background_jobs = 2;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1u << 20;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options ReadOnlyOptions(rocksdb::Env* env) {
  rocksdb::Options options = DatabaseOptions(env, false);
  options.info_log = std::make_shared<SilentLogger>();
  return options;
}

std::string TimeOf(Timestamp time) {
  return FormatTimestamp(time.time_since_epoch().count());
}

std::shared_ptr<rocksdb::FileSystem> OrDefault(std::shared_ptr<rocksdb::FileSystem> file_system) {
  return file_system ? std::move(file_system) : rocksdb::FileSystem::Default();
}

}  // namespace

StoreFolder::StoreFolder(const RocksStoreOptions& options)
    : path_(options.folder),
      crash_limit_(options.crash_limit),
      crash_window_(options.crash_window),
      clock_(options.clock),
      file_system_(OrDefault(options.file_system)),
      disk_(std::make_shared<DiskRecord>()),
      head_file_(file_system_, path_) {}

StoreFolder::~StoreFolder() {
  db_.reset();
  env_.reset();
  if (starts_ && forgets_crashes_) starts_->End();
  if (starts_ && !forgets_crashes_) starts_->Withdraw();
  if (lock_ != nullptr) file_system_->UnlockFile(lock_, {}, nullptr);
}

Result<std::unique_ptr<StoreFolder>> StoreFolder::Open(const RocksStoreOptions& options) {
  std::unique_ptr<StoreFolder> folder(new StoreFolder(options));
  if (Status status = folder->Prepare(); !status) return Fail(status.error());
  if (Status status = folder->CheckTables(options.verify_at_open_bytes); !status) return Fail(status.error());
  // The log may hold more than was acknowledged: groups that were durable when the process died. They count.
  if (!folder->read_only_.empty()) {
    folder->tail_ = folder->head_file_.last().head;  // but not where nothing may be written: HEAD is not caught up
  } else if (folder->tail_ != folder->head_file_.last().head) {
    if (Status status = folder->head_file_.Write(folder->tail_); !status) return Fail(status.error());
  }
  return folder;
}

Result<std::unique_ptr<StoreFolder>> StoreFolder::OpenBackup(const std::string& path,
                                                             std::shared_ptr<rocksdb::FileSystem> file_system,
                                                             const std::function<bool()>& go_on) {
  RocksStoreOptions options;
  options.folder = path;
  options.file_system = std::move(file_system);
  std::unique_ptr<StoreFolder> folder(new StoreFolder(options));
  folder->is_backup_ = true;
  folder->read_only_ = "this is a backup, which is only read";
  if (Status status = folder->Prepare(); !status) return Fail(status.error());
  if (Status status = folder->CheckEachTable(go_on); !status) return Fail(status.error());
  return folder;
}

Status StoreFolder::Prepare() {
  if (!is_backup_) {
    if (Status status = CheckNoBackup(); !status) return status;
    if (Status status = Lock(); !status) return status;
  }
  for (const auto step : {&StoreFolder::ReadHead, &StoreFolder::CountStarts, &StoreFolder::RemoveCheckpoint,
                          &StoreFolder::OpenDatabase, &StoreFolder::CheckFormat, &StoreFolder::ReadTail}) {
    if (Status status = (this->*step)(); !status) return status;
  }
  return CheckTail();
}

// Before anything is written into it: opened as a store it would show lower revisions in the same epoch.
Status StoreFolder::CheckNoBackup() const {
  if (!IsThere(*file_system_, path_ + "/" + std::string(kManifestName))) return {};
  return Fail(ErrorCode::kInvalid, "the folder " + path_ +
                                       " is a backup, not a store: make a store of it with `guidon backup restore " +
                                       path_ + " --data FOLDER`, and start on that");
}

Status StoreFolder::Lock() {
  if (auto status = file_system_->CreateDirIfMissing(path_, {}, nullptr); !status.ok()) {
    return Fail(ErrorCode::kIo, "cannot make the data folder " + path_ + ": " + status.ToString() +
                                    "; its parent must exist and be writable by this user");
  }
  const auto status = file_system_->LockFile(path_ + "/LOCK", {}, &lock_, nullptr);
  if (status.ok()) return {};
  lock_ = nullptr;
  // RocksDB says "While lock file" when somebody else holds it, and names the failed open otherwise.
  const std::string text = status.ToString();
  const bool held = text.find("lock file") != text.npos || text.find("lock hold") != text.npos;
  if (held) {
    return Fail(ErrorCode::kUnavailable,
                "the data folder " + path_ + " is in use by another process; stop that one, or choose another folder");
  }
  return Fail(ErrorCode::kIo, "cannot write to the data folder " + path_ + ": " + text +
                                  "; make it writable by this user, or choose another folder");
}

// Whoever crashes again and again on what is stored must not write to it.
Status StoreFolder::CountStarts() {
  if (crash_limit_ <= 0) return {};
  starts_.emplace(file_system_, path_);
  const std::vector<Timestamp> crashes = starts_->Begin(clock_(), crash_window_);
  // Where nothing was written, there is nothing to be careful with.
  if (crashes.size() < static_cast<std::size_t>(crash_limit_) || head_file_.last().head.position == 0) return {};
  read_only_ = "the server crashed " + std::to_string(crashes.size()) + " times within " +
               std::to_string(crash_window_.count()) + " minutes (it was started at " + TimeOf(crashes.front()) +
               " and last at " + TimeOf(crashes.back()) +
               "), so it takes no writes; look into its log for the reason, then stop it in good order and start it "
               "again";
  return {};
}

// What a backup that was killed left: its links keep the room of tables that are removed.
Status StoreFolder::RemoveCheckpoint() {
  if (!read_only_.empty()) return {};
  for (const char* suffix : {"", ".tmp"}) {
    if (Status removed = RemoveFolder(*file_system_, path_ + "/" + std::string(kStagingName) + suffix); !removed) {
      return removed;
    }
  }
  return {};
}

Status StoreFolder::ReadHead() {
  Result<std::optional<HeadRecord>> record = head_file_.Read();
  if (!record && record.error().code == ErrorCode::kCorrupt) return Fail(Damaged(record.error().message));
  if (!record) return Fail(record.error());
  if (*record) {
    head_file_.Adopt(**record);
    epoch_ = (*record)->epoch;
    return {};
  }
  if (is_backup_) return Fail(Damaged("there is no HEAD"));
  if (Status status = CheckEmpty(); !status) return status;
  epoch_ = NewEpoch();
  return head_file_.Create(epoch_);
}

// Without HEAD, anything in the folder is somebody else's, or ours with its HEAD lost.
Status StoreFolder::CheckEmpty() const {
  std::vector<std::string> names;
  if (auto status = file_system_->GetChildren(path_, {}, &names, nullptr); !status.ok()) {
    return Fail(ErrorCode::kIo, "cannot list the data folder " + path_ + ": " + status.ToString());
  }
  const std::set<std::string> of_nobody = {".", "..", "LOCK", "HEAD.new", "STARTS", "STARTS.new", "lost+found"};
  for (const std::string& name : names) {
    if (of_nobody.contains(name)) continue;
    return Fail(ErrorCode::kInvalid, "the data folder " + path_ + " holds '" + name +
                                         "' but no HEAD: it is not a store of ours, or its HEAD was lost; choose an "
                                         "empty folder, or restore a backup");
  }
  return {};
}

Status StoreFolder::OpenDatabase() {
  const std::string path = path_ + "/db";
  const bool fresh = head_file_.last().head.position == 0 && !is_backup_;
  if (!fresh && file_system_->FileExists(path + "/CURRENT", {}, nullptr).IsNotFound()) {
    return Fail(Damaged("the database " + path + " is not there (no file CURRENT)"));
  }
  env_ = rocksdb::NewCompositeEnv(WatchDisk(file_system_, disk_));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = read_only_.empty()
                                     ? rocksdb::DB::Open(DatabaseOptions(env_.get(), fresh), path, &db)
                                     : rocksdb::DB::OpenForReadOnly(ReadOnlyOptions(env_.get()), path, &db);
  db_.reset(db);
  if (status.ok()) return {};
  if (status.IsNoSpace()) {
    return Fail(ErrorCode::kStorageFull, "no room on the disk of " + path_ + " to open the store: " +
                                             status.ToString() + "; make room and start again");
  }
  if (status.IsIOError() && !status.IsPathNotFound()) {
    return Fail(ErrorCode::kIo, "cannot open the database " + path + ": " + status.ToString());
  }
  return Fail(Damaged("the database " + path + " cannot be opened: " + status.ToString()));
}

Status StoreFolder::CheckFormat() {
  const Result<std::optional<std::string>> format = ReadRecord(*db_, kFormatKey);
  const Result<std::optional<std::string>> epoch = ReadRecord(*db_, kEpochKey);
  if (!format) return Fail(Damaged(format.error().message));
  if (!epoch) return Fail(Damaged(epoch.error().message));
  if (!*format && !*epoch && head_file_.last().head.position == 0 && read_only_.empty()) return WriteFormat();
  if (!*format || !*epoch) {
    return Fail(ErrorCode::kInvalid,
                "the database " + path_ + "/db is not a store of ours; choose an empty folder, or restore a backup");
  }
  if (**format != EncodeNumber(kStoreFormat)) {
    return Fail(ErrorCode::kInvalid, "the database " + path_ + "/db has another format than " +
                                         std::to_string(kStoreFormat) + ", which this program reads");
  }
  if (**epoch != this->epoch()) {
    return Fail(Damaged("HEAD belongs to the store " + this->epoch() + " and the database to the store " + **epoch));
  }
  return {};
}

Status StoreFolder::WriteFormat() {
  rocksdb::WriteBatch batch;
  rocksdb::WriteOptions synced;
  synced.sync = true;
  std::unique_ptr<rocksdb::Iterator> any(db_->NewIterator({}));
  any->SeekToFirst();
  if (any->Valid()) {
    return Fail(ErrorCode::kInvalid, "the database " + path_ + "/db is not a store of ours; choose an empty folder");
  }
  batch.Put(ToSlice(kFormatKey), EncodeNumber(kStoreFormat));
  batch.Put(ToSlice(kEpochKey), epoch());
  if (const rocksdb::Status status = db_->Write(synced, &batch); !status.ok()) {
    return Fail(ErrorCode::kIo, "cannot write to the data folder " + path_ + ": " + status.ToString());
  }
  return {};
}

Status StoreFolder::ReadTail() {
  const Result<std::optional<std::string>> tail = ReadRecord(*db_, kTailKey);
  const Result<std::optional<std::string>> compacted = ReadRecord(*db_, kCompactedKey);
  if (!tail) return Fail(Damaged(tail.error().message));
  if (!compacted) return Fail(Damaged(compacted.error().message));
  if (*tail) {
    const std::optional<StoreHead> head = DecodeHead(**tail);
    if (!head) return Fail(Damaged("the database's own head record has a wrong length"));
    tail_ = *head;
  }
  if (*compacted) compacted_ = DecodeNumber(**compacted).value_or(0);
  return {};
}

Status StoreFolder::CheckTail() const {
  const StoreHead& acknowledged = head_file_.last().head;
  if (tail_.position < acknowledged.position) {
    return Fail(Damaged("the log ends at position " + std::to_string(tail_.position) + " (revision " +
                        std::to_string(tail_.revision) + "), but position " + std::to_string(acknowledged.position) +
                        " (revision " + std::to_string(acknowledged.revision) + ") was acknowledged"));
  }
  if (tail_.position == acknowledged.position && tail_ != acknowledged) {
    return Fail(Damaged("the newest transaction is not the one that HEAD names"));
  }
  for (const StoreHead& head : {acknowledged, tail_}) {
    if (Status status = CheckLink(head); !status) return status;
  }
  return CheckNewestTxns();
}

Status StoreFolder::CheckLink(const StoreHead& head) const {
  if (head.revision == 0) return {};
  const Result<std::optional<std::string>> bytes = ReadRecord(*db_, LinkKey(head.revision));
  if (!bytes) return Fail(Damaged(bytes.error().message));
  const std::optional<RevisionEntry> link = *bytes ? DecodeLink(**bytes) : std::nullopt;
  if (link && link->hash == head.hash) return {};
  return Fail(Damaged("revision " + std::to_string(head.revision) + " is missing or is not what was acknowledged"));
}

// A log file that vanished as a whole leaves a hole that no checksum shows.
Status StoreFolder::CheckNewestTxns() const {
  const Position oldest = std::max<Position>(compacted_, 1);
  const Position first = tail_.position > kTxnsCheckedAtOpen ? tail_.position - kTxnsCheckedAtOpen : 1;
  for (Position position = std::max(first, oldest); position <= tail_.position; ++position) {
    const Result<std::optional<std::string>> bytes = ReadRecord(*db_, TxnKey(position));
    if (!bytes) return Fail(Damaged(bytes.error().message));
    if (!*bytes || !DecodeTxn(**bytes)) {
      return Fail(Damaged("the transaction at position " + std::to_string(position) + " is missing"));
    }
  }
  return {};
}

Status StoreFolder::CheckTables(std::uint64_t most_bytes) const {
  std::uint64_t bytes = 0;
  if (db_->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &bytes) && bytes > most_bytes) return {};
  const rocksdb::Status status = db_->VerifyChecksum();
  if (status.ok()) return {};
  return Fail(Damaged("a table file of the database is damaged: " + status.ToString()));
}

// One after the other, as nothing removes them meanwhile.
Status StoreFolder::CheckEachTable(const std::function<bool()>& go_on) const {
  std::vector<rocksdb::LiveFileMetaData> tables;
  db_->GetLiveFilesMetaData(&tables);
  const rocksdb::Options options = db_->GetOptions();
  for (const rocksdb::LiveFileMetaData& table : tables) {
    if (go_on && !go_on()) return Fail(ErrorCode::kUnavailable, "it was stopped");
    const rocksdb::Status status =
        rocksdb::VerifySstFileChecksum(options, rocksdb::EnvOptions(options), table.db_path + table.name);
    if (!status.ok()) return Fail(Damaged("a table file of the database is damaged: " + status.ToString()));
  }
  return {};
}

std::uint64_t StoreFolder::FreeBytes() const {
  std::uint64_t free = 0;
  const auto status = file_system_->GetFreeSpace(path_, {}, &free, nullptr);
  return status.ok() ? free : std::numeric_limits<std::uint64_t>::max();
}

Result<ReadOnlyDatabase> OpenReadOnly(const std::string& database, std::shared_ptr<rocksdb::FileSystem> file_system) {
  ReadOnlyDatabase opened;
  opened.env = rocksdb::NewCompositeEnv(OrDefault(std::move(file_system)));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(ReadOnlyOptions(opened.env.get()), database, &db);
  opened.db.reset(db);
  if (status.ok()) return opened;
  return Fail(status.IsIOError() ? ErrorCode::kIo : ErrorCode::kCorrupt,
              "cannot open the database " + database + ": " + status.ToString());
}

Status SetEpoch(const std::string& database, std::shared_ptr<rocksdb::FileSystem> file_system,
                const std::string& epoch) {
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(OrDefault(std::move(file_system)));
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(DatabaseOptions(env.get(), false), database, &opened);
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  if (status.ok()) status = db->Put(synced, ToSlice(kEpochKey), epoch);
  if (status.ok()) status = db->Close();
  if (status.ok()) return {};
  return Fail(status.IsNoSpace() ? ErrorCode::kStorageFull : ErrorCode::kIo,
              "cannot write to the database " + database + ": " + status.ToString());
}

Error StoreFolder::Damaged(std::string what) const {
  const StoreHead& acknowledged = head_file_.last().head;
  std::string text = "the store in " + path_ + " is damaged: " + std::move(what) + ". It was not opened";
  if (acknowledged.position != 0) {
    text += ", as acknowledged writes up to revision " + std::to_string(acknowledged.revision) + " would be lost";
  }
  return {ErrorCode::kCorrupt, text + ". Keep a copy of the folder and restore the newest backup", {}};
}

}  // namespace guidon
