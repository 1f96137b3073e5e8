#include "server/store/compaction.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <string>
#include <vector>

#include "server/store/encoding.h"
#include "server/store/records.h"
#include "server/store/txn.h"

namespace guidon {
namespace {

constexpr std::uint32_t kBatch = 1000;

Error WriteError(const rocksdb::Status& status) {
  return {status.IsNoSpace() ? ErrorCode::kStorageFull : ErrorCode::kIo,
          "compaction stopped, as it cannot write: " + status.ToString(),
          {}};
}

// Deletes in small batches. `may_go_on` is asked before each, and before so many keys are looked at; what it has
// against it is the end.
class Remover {
 public:
  Remover(rocksdb::DB& db, const std::function<Status()>& may_go_on) : db_(db), may_go_on_(may_go_on) {}

  // For each key that is looked at: false at the end.
  bool GoesOn() {
    if (looked_++ % kBatch == 0 && status_) status_ = may_go_on_();
    return status_.has_value();
  }

  void Remove(const rocksdb::Slice& key) {
    batch_.Delete(key);
    if (batch_.Count() >= kBatch) Flush();
  }
  void Flush() {
    if (status_ && batch_.Count() > 0) Write();
    batch_.Clear();
  }
  const Status& status() const { return status_; }

 private:
  void Write() {
    status_ = may_go_on_();
    if (!status_) return;
    if (const rocksdb::Status written = db_.Write({}, &batch_); !written.ok()) status_ = Fail(WriteError(written));
  }

  rocksdb::DB& db_;
  const std::function<Status()>& may_go_on_;
  rocksdb::WriteBatch batch_;
  std::uint64_t looked_ = 0;
  Status status_;
};

std::unique_ptr<rocksdb::Iterator> Scan(rocksdb::DB& db) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // a compaction must not push out what readers need
  return std::unique_ptr<rocksdb::Iterator>(db.NewIterator(options));
}

// Of each key, keeps the versions after `position` and the newest one before that, unless that is a deletion. A
// deletion goes last, after all that it hides: a crash in between must not bring an old value back.
Status RemoveVersions(rocksdb::DB& db, Position position, Remover& remover) {
  const std::unique_ptr<rocksdb::Iterator> iterator = Scan(db);
  std::string previous, key, deletion;
  bool superseded = false;
  const auto end_key = [&] {
    if (!deletion.empty()) remover.Remove(deletion);
    deletion.clear();
    superseded = false;
  };
  for (iterator->Seek("v"); iterator->Valid() && remover.GoesOn(); iterator->Next()) {
    if (iterator->key().compare(ToSlice(kVersionsEnd)) >= 0) break;
    Position modified = 0;
    if (!ParseVersionKey(iterator->key().ToStringView(), &key, &modified)) return Fail(BadRecord("a version key"));
    if (key != previous) end_key();
    previous = key;
    if (modified > position) continue;
    const std::optional<VersionRecord> version = DecodeVersion(iterator->value().ToStringView());
    if (!version) return Fail(BadRecord("a version of the key '" + key + "'"));
    if (superseded) {
      remover.Remove(iterator->key());
    } else if (version->deleted) {
      deletion = iterator->key().ToString();
    }
    superseded = true;
  }
  if (!iterator->status().ok()) return Fail(ReadError(iterator->status()));
  if (remover.status()) end_key();
  return {};
}

// Removes the keys in [begin, end).
Status RemoveKeys(rocksdb::DB& db, const std::string& begin, const std::string& end, Remover& remover) {
  const std::unique_ptr<rocksdb::Iterator> iterator = Scan(db);
  for (iterator->Seek(begin); iterator->Valid() && remover.GoesOn(); iterator->Next()) {
    if (iterator->key().compare(end) >= 0) break;
    remover.Remove(iterator->key());
  }
  if (!iterator->status().ok()) return Fail(ReadError(iterator->status()));
  return {};
}

// The first revision that is not before a position: by halves, as both grow together.
Result<Revision> FirstRevisionFrom(rocksdb::DB& db, Position position, Revision newest) {
  Revision low = 1, high = newest + 1;
  while (low < high) {
    const Revision middle = low + (high - low) / 2;
    const Result<std::optional<std::string>> bytes = ReadRecord(db, LinkKey(middle));
    if (!bytes) return Fail(bytes.error());
    const std::optional<RevisionEntry> link = *bytes ? DecodeLink(**bytes) : std::nullopt;
    if (!link) return Fail(BadRecord("revision " + std::to_string(middle)));
    if (link->position < position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

Status AnnounceCompaction(rocksdb::DB& db, Position position) {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status status = db.Put(synced, ToSlice(kCompactedKey), EncodeNumber(position));
  if (!status.ok()) return Fail(WriteError(status));
  return {};
}

Status RemoveBefore(rocksdb::DB& db, Position position, Revision newest, const std::function<Status()>& may_go_on) {
  const Result<Revision> kept = FirstRevisionFrom(db, position, newest);
  if (!kept) return Fail(kept.error());
  Remover remover(db, may_go_on);
  if (Status status = RemoveVersions(db, position, remover); !status) return status;
  if (Status status = RemoveKeys(db, TxnKey(0), TxnKey(position), remover); !status) return status;
  if (Status status = RemoveKeys(db, LogKey(0), LogKey(*kept), remover); !status) return status;
  remover.Flush();
  return remover.status();
}

Status RemoveKey(rocksdb::DB& db, std::string_view key) {
  rocksdb::WriteBatch batch;
  std::vector<Position> positions;
  const std::string begin = VersionsBegin(key);
  const std::unique_ptr<rocksdb::Iterator> iterator = Scan(db);
  for (iterator->Seek(begin); iterator->Valid() && iterator->key().starts_with(begin); iterator->Next()) {
    std::string found;
    Position position = 0;
    const std::optional<VersionRecord> version = DecodeVersion(iterator->value().ToStringView());
    if (!version || !ParseVersionKey(iterator->key().ToStringView(), &found, &position)) {
      return Fail(BadRecord("a version of the key '" + std::string(key) + "'"));
    }
    if (positions.empty() && !version->deleted) return Fail(StillThere(key));
    positions.push_back(position);
    batch.Delete(iterator->key());
  }
  if (!iterator->status().ok()) return Fail(ReadError(iterator->status()));
  for (const Position position : positions) {
    const Result<std::optional<std::string>> bytes = ReadRecord(db, TxnKey(position));
    if (!bytes) return Fail(bytes.error());
    if (!*bytes) continue;  // it is older than what is kept
    std::optional<TxnRecord> txn = DecodeTxn(**bytes);
    if (!txn) return Fail(BadRecord("the transaction at position " + std::to_string(position)));
    std::erase_if(txn->ops, [&](const auto& op) { return op.second == key; });
    batch.Put(TxnKey(position), Encode(*txn));
  }
  if (batch.Count() == 0) return {};
  if (const rocksdb::Status written = db.Write({}, &batch); !written.ok()) return Fail(WriteError(written));
  return {};
}

}  // namespace guidon
