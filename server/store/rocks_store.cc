#include "server/store/rocks_store.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "core/base/mutex.h"
#include "server/store/backup.h"
#include "server/store/committer.h"
#include "server/store/compaction.h"
#include "server/store/encoding.h"
#include "server/store/kill_points.h"
#include "server/store/records.h"
#include "server/store/store_folder.h"
#include "server/store/system_clock.h"
#include "server/store/txn.h"
#include "server/store/wakes.h"

namespace guidon {
namespace {

// Moves on to the next key. A key has few versions as a rule, and stepping over them is cheaper than seeking.
void SkipVersions(rocksdb::Iterator& iterator, std::string_view key) {
  const std::string begin = VersionsBegin(key);
  for (int step = 0; step < 8; ++step) {
    if (!iterator.Valid() || !iterator.key().starts_with(begin)) return;
    iterator.Next();
  }
  iterator.Seek(VersionKey(key, 0));  // after the oldest version that there can be
}

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<StoreFolder> folder, const RocksStoreOptions& options, KillPoints kill_points)
      : folder_(std::move(folder)),
        db_(folder_->db()),
        epoch_(folder_->epoch()),
        min_free_bytes_(options.min_free_bytes),
        compacted_(folder_->compacted()),
        committer_(*folder_, options, kill_points, wakes_) {}
  ~RocksStore() override { closing_ = true; }
  void BeginClose() override {
    closing_ = true;
    committer_.BeginClose();
  }
  void ForgetCrashes() override { folder_->ForgetCrashes(); }

  void Submit(Txn txn, TxnDone done) override { committer_.Submit(std::move(txn), std::move(done)); }
  Result<RangeResult> Range(const RangeQuery& query) const override;
  Result<std::vector<std::optional<std::string>>> GetPlain(const std::vector<std::string>& keys) const override;
  Result<std::vector<RevisionEntry>> Revisions(Revision from, Revision to, std::size_t limit) const override;
  std::unique_ptr<WatchCursor> Watch(Position after, std::function<void()> wake) override;
  using Store::Compact;
  Status Compact(Position position, const std::function<bool()>& stop) override;
  Position compacted() const override { return compacted_; }
  Result<std::size_t> Rewrite(KeySpace space, const Rewriter& rewrite, const std::function<bool()>& stop) override;
  Status Forget(const std::vector<std::string>& keys, const std::function<bool()>& stop) override;
  Status ScanFrom(KeySpace space, const ScanPlace& from, const Scanner& see,
                  const std::function<bool()>& stop) const override;
  Status Purge(const std::function<bool()>& stop) override;
  Status PurgeRange(std::string_view begin, std::string_view end, const std::function<bool()>& stop) override;
  Status PurgeRedacted(Revision from, Revision to, const std::function<bool()>& stop) override;
  Result<BackupManifest> Backup(const BackupRequest& request) override;
  StoreHead Head() const override { return committer_.Visible(); }
  std::string Epoch() const override { return epoch_; }
  Status Health() const override { return committer_.Health(); }

 private:
  class Cursor;

  Result<RangeResult> ReadRange(const RangeQuery& query, Position at) const;
  Result<RangeResult> ReadPlainRange(const RangeQuery& query, rocksdb::Iterator& iterator, Position at) const;
  Result<RevisionEntry> ReadRevision(Revision revision) const;
  Result<StoredPayload> ReadPayload(std::string_view key, bool may_be_absent) const;
  WatchEvent After(Position position) const;
  Result<CommittedTxn> ReadTxn(Position position) const;
  Status ReadOp(const std::pair<TxnOp::Kind, std::string>& op, CommittedTxn& txn) const;
  Status MayCompact(const std::function<bool()>& stop) const;
  Status MayErase(const std::function<bool()>& stop) const;
  Status Walk(KeySpace space, const ScanPlace& from, const std::function<Status()>& may_go_on,
              const std::function<Result<bool>(const KeyValue&, bool is_newest)>& see) const;
  Status RemoveOldFiles();
  Status RewriteFiles(const std::string* begin, const std::string* end, const std::function<bool()>& stop);

  const std::unique_ptr<StoreFolder> folder_;
  rocksdb::DB& db_;
  const std::string epoch_;
  const std::uint64_t min_free_bytes_;
  Wakes wakes_;
  std::atomic<bool> closing_ = false;
  Mutex compaction_mutex_;  // one compaction at a time, and no rewriting of versions that it may be removing
  // What this process has removed to the end; less than compacted_ while a compaction runs, after one that was cut
  // short, and until the first one after opening, which looks for what an earlier process left.
  Position removed_ GUIDON_GUARDED_BY(compaction_mutex_) = 0;
  std::atomic<Position> compacted_;
  Mutex backup_mutex_;   // one backup at a time
  Committer committer_;  // last: its thread uses what is above
};

class RocksStore::Cursor final : public WatchCursor {
 public:
  Cursor(RocksStore& store, Position after, std::function<void()> wake)
      : store_(store), position_(after), wake_(store.wakes_.Add(std::move(wake))) {}
  ~Cursor() override { store_.wakes_.Remove(wake_); }

  WatchEvent Next() override {
    WatchEvent event = store_.After(position_);
    if (const auto* txn = std::get_if<CommittedTxn>(&event)) position_ = txn->position;
    return event;
  }

 private:
  RocksStore& store_;
  Position position_;
  const std::uint64_t wake_;
};

Result<RangeResult> RocksStore::Range(const RangeQuery& query) const {
  for (;;) {
    const Position head = Head().position;
    if (query.at > head) return Fail(AheadOfHead(query.at, head));
    Result<RangeResult> result = ReadRange(query, query.at == 0 ? head : query.at);
    // The newest position can be compacted away while it is read, once there is a newer one.
    if (query.at == 0 && !result && result.error().code == ErrorCode::kGone) continue;
    return result;
  }
}

Result<RangeResult> RocksStore::ReadRange(const RangeQuery& query, Position at) const {
  const std::unique_ptr<rocksdb::Iterator> iterator(db_.NewIterator({}));
  // The iterator is a snapshot. Compaction announces itself before it removes anything: with no announcement yet, all
  // that is needed is in the snapshot.
  if (at < compacted_) return Fail(OlderThanKept(at, compacted_));
  if (IsPlainKey(query.begin)) return ReadPlainRange(query, *iterator, at);
  const std::string end = query.end.empty() ? std::string(kVersionsEnd) : VersionsBegin(query.end);
  RangeResult result;
  result.at = at;
  RangePage page(query);
  iterator->Seek(VersionsBegin(query.begin));
  while (iterator->Valid() && iterator->key().compare(end) < 0) {
    std::string key;
    Position position = 0;
    if (!ParseVersionKey(iterator->key().ToStringView(), &key, &position)) return Fail(BadRecord("a version key"));
    // The newest version comes first, and is nearly always the one that is asked for.
    Result<std::optional<KeyValue>> entry =
        position <= at ? VersionHere(*iterator, key, position) : ReadVersion(*iterator, key, at);
    if (!entry) return Fail(entry.error());
    if (*entry) {
      if (!page.Takes(**entry)) {
        result.more = true;
        break;
      }
      result.entries.push_back(**std::move(entry));
      if (query.keys_only) result.entries.back().value.clear();
    }
    SkipVersions(*iterator, key);
  }
  if (!iterator->status().ok()) return Fail(ReadError(iterator->status()));
  return result;
}

Result<RangeResult> RocksStore::ReadPlainRange(const RangeQuery& query, rocksdb::Iterator& iterator,
                                               Position at) const {
  const std::string end = IsPlainKey(query.end) ? PlainKey(query.end) : std::string(kPlainEnd);
  RangeResult result;
  result.at = at;
  RangePage page(query);
  if (!query.end.empty() && query.end <= query.begin) return result;
  for (iterator.Seek(PlainKey(query.begin)); iterator.Valid() && iterator.key().compare(end) < 0; iterator.Next()) {
    Result<KeyValue> entry = DecodePlain(iterator.key().ToStringView().substr(1), iterator.value().ToStringView());
    if (!entry) return Fail(entry.error());
    if (entry->modified > at) continue;  // written, and not visible yet
    if (!page.Takes(*entry)) {
      result.more = true;
      break;
    }
    result.entries.push_back(*std::move(entry));
    if (query.keys_only) result.entries.back().value.clear();
  }
  if (!iterator.status().ok()) return Fail(ReadError(iterator.status()));
  return result;
}

Result<std::vector<std::optional<std::string>>> RocksStore::GetPlain(const std::vector<std::string>& keys) const {
  const Position at = Head().position;
  std::vector<std::string> stored_keys;
  stored_keys.reserve(keys.size());
  for (const std::string& key : keys) {
    if (!IsPlainKey(key)) return Fail(ErrorCode::kInvalid, "the key '" + key + "' is not plain");
    stored_keys.push_back(PlainKey(key));
  }
  const std::vector<rocksdb::Slice> slices(stored_keys.begin(), stored_keys.end());
  std::vector<rocksdb::PinnableSlice> found(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_.MultiGet({}, db_.DefaultColumnFamily(), keys.size(), slices.data(), found.data(), statuses.data());
  std::vector<std::optional<std::string>> values(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return Fail(ReadError(statuses[i]));
    Result<KeyValue> entry = DecodePlain(keys[i], found[i].ToStringView());
    if (!entry) return Fail(entry.error());
    if (entry->modified <= at) values[i] = std::move(entry->value);
  }
  return values;
}

Result<std::vector<RevisionEntry>> RocksStore::Revisions(Revision from, Revision to, std::size_t limit) const {
  const Revision last = std::min(to, Head().revision);
  std::vector<RevisionEntry> entries;
  for (Revision revision = std::max<Revision>(from, 1); revision <= last && entries.size() < limit; ++revision) {
    Result<RevisionEntry> entry = ReadRevision(revision);
    if (!entry) return Fail(entry.error());
    entries.push_back(*std::move(entry));
  }
  return entries;
}

Result<RevisionEntry> RocksStore::ReadRevision(Revision revision) const {
  const Result<std::optional<std::string>> bytes = ReadRecord(db_, LinkKey(revision));
  if (!bytes) return Fail(bytes.error());
  std::optional<RevisionEntry> entry = *bytes ? DecodeLink(**bytes) : std::nullopt;
  if (!entry) return Fail(BadRecord("revision " + std::to_string(revision)));
  Result<StoredPayload> log = ReadPayload(LogKey(revision), true);
  if (!log) return Fail(log.error());
  Result<StoredPayload> audit = ReadPayload(AuditKey(revision), false);
  if (!audit) return Fail(audit.error());
  entry->log = *std::move(log);
  entry->audit = *std::move(audit);
  if (entry->position < compacted_) {
    entry->log = {StoredPayload::State::kCompacted, {}, {}};
  } else if (entry->log.state == StoredPayload::State::kCompacted) {
    return Fail(BadRecord("the log entry of revision " + std::to_string(revision)));
  }
  return *std::move(entry);
}

Result<StoredPayload> RocksStore::ReadPayload(std::string_view key, bool may_be_absent) const {
  const Result<std::optional<std::string>> bytes = ReadRecord(db_, key);
  if (!bytes) return Fail(bytes.error());
  if (!*bytes && may_be_absent) return StoredPayload{StoredPayload::State::kCompacted, {}, {}};
  std::optional<StoredPayload> payload = *bytes ? DecodePayload(**bytes) : std::nullopt;
  if (!payload) return Fail(BadRecord("the payload of a revision"));
  return *std::move(payload);
}

std::unique_ptr<WatchCursor> RocksStore::Watch(Position after, std::function<void()> wake) {
  return std::make_unique<Cursor>(*this, after, std::move(wake));
}

WatchEvent RocksStore::After(Position position) const {
  const Position head = Head().position;
  if (position > head) return WatchLost{AheadOfHead(position, head).message};
  Result<CommittedTxn> txn;
  if (position < head) txn = ReadTxn(position + 1);
  // Compaction announces itself before it removes anything, so this covers what was missing above.
  if (position + 1 < compacted_) return WatchCompacted{compacted_};
  if (position == head) return WatchProgress{position};
  if (!txn) return WatchLost{txn.error().message};
  return *std::move(txn);
}

Result<CommittedTxn> RocksStore::ReadTxn(Position position) const {
  const Result<std::optional<std::string>> bytes = ReadRecord(db_, TxnKey(position));
  if (!bytes) return Fail(bytes.error());
  const std::optional<TxnRecord> record = *bytes ? DecodeTxn(**bytes) : std::nullopt;
  if (!record) return Fail(BadRecord("the transaction at position " + std::to_string(position)));
  CommittedTxn txn;
  txn.position = position;
  txn.revision = record->revision;
  txn.time = record->time;
  for (const auto& op : record->ops) {
    if (Status status = ReadOp(op, txn); !status) return Fail(status.error());
  }
  if (txn.revision == 0) return txn;
  Result<StoredPayload> log = ReadPayload(LogKey(txn.revision), false);
  if (!log) return Fail(log.error());
  Result<StoredPayload> audit = ReadPayload(AuditKey(txn.revision), false);
  if (!audit) return Fail(audit.error());
  txn.record = {std::move(log->bytes), std::move(audit->bytes)};
  return txn;
}

Status RocksStore::ReadOp(const std::pair<TxnOp::Kind, std::string>& op, CommittedTxn& txn) const {
  if (op.first == TxnOp::Kind::kDelete) {
    txn.ops.push_back(TxnOp::Delete(op.second));
    return {};
  }
  const Result<std::optional<std::string>> bytes = ReadRecord(db_, VersionKey(op.second, txn.position));
  if (!bytes) return Fail(bytes.error());
  const std::optional<VersionRecord> version = *bytes ? DecodeVersion(**bytes) : std::nullopt;
  if (!version) return Fail(BadRecord("a version of the key '" + op.second + "'"));
  txn.ops.push_back(TxnOp::Put(op.second, std::string(version->value)));
  return {};
}

Status RocksStore::Compact(Position position, const std::function<bool()>& stop) {
  MutexLock lock(compaction_mutex_);
  const Position head = Head().position;
  if (position > head) return Fail(AheadOfHead(position, head));
  const Position target = std::max<Position>(position, compacted_);
  if (target <= removed_) return {};
  if (Status may = MayCompact(stop); !may) return may;
  if (target > compacted_) {
    if (Status status = AnnounceCompaction(db_, target); !status) return status;
    compacted_ = target;
  }
  const auto may_go_on = [&] { return MayCompact(stop); };
  if (Status removed = RemoveBefore(db_, target, Head().revision, may_go_on); !removed) return removed;
  removed_ = target;
  return {};
}

// Deleting takes room at first: it must not use up what is kept free so that a full disk is met before, and not in the
// middle of, a write.
Status RocksStore::MayCompact(const std::function<bool()>& stop) const {
  if (closing_ || (stop && stop())) {
    return Fail(ErrorCode::kUnavailable, "the compaction was stopped; the next one goes on where it ended");
  }
  if (Status healthy = Health(); !healthy) return healthy;
  if (folder_->FreeBytes() < min_free_bytes_) {
    return Fail(ErrorCode::kStorageFull, "too little room on the disk of " + folder_->path() +
                                             " to compact the store; make room, and the next compaction goes on");
  }
  return {};
}

Status RocksStore::MayErase(const std::function<bool()>& stop) const {
  if (closing_ || (stop && stop())) {
    return Fail(ErrorCode::kUnavailable, "the erasure was stopped; begin it again, and it goes on where it ended");
  }
  if (Status healthy = Health(); !healthy) return healthy;
  if (folder_->FreeBytes() < min_free_bytes_) {
    return Fail(ErrorCode::kStorageFull, "too little room on the disk of " + folder_->path() +
                                             " to erase; make room, and begin the erasure again");
  }
  return {};
}

namespace {

constexpr std::size_t kRewritesAtOnce = 256;
constexpr std::size_t kRewriteBytesAtOnce = 4u << 20;
constexpr std::size_t kLooksBetweenStops = 1'000;
constexpr std::chrono::milliseconds kRemovalLook(1);
constexpr std::chrono::seconds kLongestRemoval(10);

// Commits what is replaced in transactions of a bounded size.
class RewriteWriter {
 public:
  explicit RewriteWriter(Store& store) : store_(store) {}

  Status Add(TxnRewrite rewrite) {
    bytes_ += rewrite.value.size();
    txn_.rewrites.push_back(std::move(rewrite));
    return txn_.rewrites.size() < kRewritesAtOnce && bytes_ < kRewriteBytesAtOnce ? Status() : Flush();
  }
  Status Flush() {
    if (txn_.rewrites.empty()) return {};
    const std::size_t count = txn_.rewrites.size();
    if (const Result<TxnResult> done = store_.Commit(std::exchange(txn_, {})); !done) return Fail(done.error());
    bytes_ = 0;
    count_ += count;
    return {};
  }
  std::size_t count() const { return count_; }

 private:
  Store& store_;
  Txn txn_;
  std::size_t bytes_ = 0, count_ = 0;
};

}  // namespace

Result<std::size_t> RocksStore::Rewrite(KeySpace space, const Rewriter& rewrite, const std::function<bool()>& stop) {
  MutexLock lock(compaction_mutex_);
  RewriteWriter writer(*this);
  const auto replace = [&](const KeyValue& stored, bool is_newest) -> Result<bool> {
    std::optional<std::string> value = rewrite(stored, is_newest);
    if (!value) return true;
    const Status added = writer.Add({stored.key, stored.modified, *std::move(value)});
    return added ? Result<bool>(true) : Fail(added.error());
  };
  const auto may_go_on = [&] { return MayErase(stop); };
  if (Status walked = Walk(space, {}, may_go_on, replace); !walked) return Fail(walked.error());
  if (Status flushed = writer.Flush(); !flushed) return Fail(flushed.error());
  return writer.count();
}

Status RocksStore::Forget(const std::vector<std::string>& keys, const std::function<bool()>& stop) {
  MutexLock lock(compaction_mutex_);
  for (const std::string& key : keys) {
    if (IsPlainKey(key))
      return Fail(ErrorCode::kInvalid, "nothing stays of a plain key that is deleted: '" + key + "'");
    if (Status may = MayErase(stop); !may) return may;
    if (Status removed = RemoveKey(db_, key); !removed) return removed;
  }
  return {};
}

Status RocksStore::ScanFrom(KeySpace space, const ScanPlace& from, const Scanner& see,
                            const std::function<bool()>& stop) const {
  const auto may_go_on = [&]() -> Status {
    if (!closing_ && !(stop && stop())) return {};
    return Fail(ErrorCode::kUnavailable, "the search was stopped, as the server is stopping; ask again");
  };
  return Walk(space, from, may_go_on,
              [&](const KeyValue& stored, bool is_newest) -> Result<bool> { return see(stored, is_newest); });
}

// Every value of a space from there on, until one of the two fails or `see` has seen enough; `may_go_on` is asked now
// and then.
Status RocksStore::Walk(KeySpace space, const ScanPlace& from, const std::function<Status()>& may_go_on,
                        const std::function<Result<bool>(const KeyValue&, bool is_newest)>& see) const {
  const bool is_plain = space == KeySpace::kPlain;
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // what is read once must not push out what readers need
  const std::unique_ptr<rocksdb::Iterator> iterator(db_.NewIterator(options));
  std::string key, previous;
  std::size_t looked_at = 0;
  const std::string begin = from.key.empty() ? std::string(is_plain ? "p" : "v")
                            : is_plain       ? PlainKey(from.key)
                                             : VersionsBegin(from.key);
  for (iterator->Seek(begin); iterator->Valid(); iterator->Next()) {
    if (iterator->key().compare(ToSlice(is_plain ? kPlainEnd : kVersionsEnd)) >= 0) break;
    if (looked_at++ % kLooksBetweenStops == 0) {
      if (Status may = may_go_on(); !may) return may;
    }
    Position position = 0;
    Result<std::optional<KeyValue>> stored = std::optional<KeyValue>();
    if (is_plain) {
      Result<KeyValue> plain = DecodePlain(iterator->key().ToStringView().substr(1), iterator->value().ToStringView());
      if (!plain) return Fail(plain.error());
      stored = std::optional<KeyValue>(*std::move(plain));
    } else {
      if (!ParseVersionKey(iterator->key().ToStringView(), &key, &position)) return Fail(BadRecord("a version key"));
      if (position > from.position && from.position != 0 && key == from.key) {
        previous = key;  // of a later version than the one to begin at
        continue;
      }
      stored = VersionHere(*iterator, key, position);
      if (!stored) return Fail(stored.error());
    }
    const bool is_newest = is_plain || key != previous;
    previous = key;
    if (!*stored) continue;  // a deletion
    const Result<bool> goes_on = see(**stored, is_newest);
    if (!goes_on) return Fail(goes_on.error());
    if (!*goes_on) return {};
  }
  return iterator->status().ok() ? Status() : Fail(ReadError(iterator->status()));
}

namespace {

Error PurgeError(const rocksdb::Status& status) {
  return {status.IsNoSpace() ? ErrorCode::kStorageFull : ErrorCode::kIo,
          "what was erased is still in old files, as they cannot be replaced: " + status.ToString(),
          {}};
}

}  // namespace

// A value that was replaced or deleted is still in the log and in older tables, hidden by what is newer. The flush
// begins a new log and makes the old ones obsolete; compacting, the last level too, leaves one value of each key. Null:
// no end.
Status RocksStore::RewriteFiles(const std::string* begin, const std::string* end, const std::function<bool()>& stop) {
  if (Status may = MayErase(stop); !may) return may;
  if (const rocksdb::Status flushed = db_.Flush({}); !flushed.ok()) return Fail(PurgeError(flushed));
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  // Or one beside it could move an old value to a level that this one has passed. Should so much be written meanwhile
  // that a stop is needed, writers wait.
  options.exclusive_manual_compaction = true;
  options.canceled = &closing_;
  const rocksdb::Slice first = begin == nullptr ? rocksdb::Slice() : rocksdb::Slice(*begin);
  const rocksdb::Slice last = end == nullptr ? rocksdb::Slice() : rocksdb::Slice(*end);
  const rocksdb::Status compacted =
      db_.CompactRange(options, begin == nullptr ? nullptr : &first, end == nullptr ? nullptr : &last);
  if (!compacted.ok()) {
    if (Status may = MayErase(stop); !may) return may;  // it was stopped
    return Fail(PurgeError(compacted));
  }
  return RemoveOldFiles();
}

// Whoever flushed or compacted removes the files that it made obsolete once the others were woken, and counts as
// running until it has. What is left over then is looked for: it is removed unless a backup needs it or somebody reads
// it.
Status RocksStore::RemoveOldFiles() {
  const auto is_busy = [this] {
    std::uint64_t compactions = 0, flushes = 0;
    db_.GetIntProperty(rocksdb::DB::Properties::kNumRunningCompactions, &compactions);
    db_.GetIntProperty(rocksdb::DB::Properties::kNumRunningFlushes, &flushes);
    return compactions + flushes > 0;
  };
  const auto deadline = std::chrono::steady_clock::now() + kLongestRemoval;
  while (is_busy() && !closing_ && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kRemovalLook);
  if (const rocksdb::Status held = db_.DisableFileDeletions(); !held.ok()) return Fail(PurgeError(held));
  if (const rocksdb::Status removed = db_.EnableFileDeletions(false); !removed.ok()) return Fail(PurgeError(removed));
  return {};
}

Status RocksStore::PurgeRange(std::string_view begin, std::string_view end, const std::function<bool()>& stop) {
  const std::string first = PlainKey(begin), last = PlainKey(end);
  return RewriteFiles(&first, &last, stop);
}

Status RocksStore::PurgeRedacted(Revision from, Revision to, const std::function<bool()>& stop) {
  for (const auto key_of : {&LogKey, &AuditKey}) {
    const std::string first = key_of(from), last = key_of(to);
    if (Status rewritten = RewriteFiles(&first, &last, stop); !rewritten) return rewritten;
  }
  return {};
}

Status RocksStore::Purge(const std::function<bool()>& stop) {
  MutexLock lock(backup_mutex_);  // a checkpoint keeps the old files
  return RewriteFiles(nullptr, nullptr, stop);
}

Result<BackupManifest> RocksStore::Backup(const BackupRequest& request) {
  MutexLock lock(backup_mutex_);
  // It flushes, which takes room; and what a failed fsync has left in memory may not be on the disk.
  if (Status healthy = Health(); !healthy) return Fail(healthy.error());
  BackupRequest stoppable = request;
  stoppable.progress = [this, &request](std::uint64_t copied, std::uint64_t bytes) {
    return !closing_ && (!request.progress || request.progress(copied, bytes));
  };
  return WriteBackup(*folder_, stoppable);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenBackupStore(const std::string& folder,
                                               std::shared_ptr<rocksdb::FileSystem> file_system) {
  Result<std::unique_ptr<StoreFolder>> opened = StoreFolder::OpenBackup(folder, std::move(file_system));
  if (!opened) return Fail(opened.error());
  RocksStoreOptions options;
  options.clock = SystemNow;
  return std::make_unique<RocksStore>(*std::move(opened), options, KillPoints());
}

Result<std::unique_ptr<Store>> OpenRocksStore(RocksStoreOptions options) {
  if (!options.clock) options.clock = SystemNow;
  Result<KillPoints> kill_points = KillPoints::Parse(options.kill_at);
  if (!kill_points) return Fail(kill_points.error());
  Result<std::unique_ptr<StoreFolder>> folder = StoreFolder::Open(options);
  if (!folder) return Fail(folder.error());
  return std::make_unique<RocksStore>(*std::move(folder), options, *kill_points);
}

}  // namespace guidon
