#include "server/store/compaction.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <string>

#include "server/store/encoding.h"
#include "server/store/records.h"

namespace guidon {
namespace {

constexpr std::uint32_t kBatch = 1000;

Error WriteError(const rocksdb::Status& status) {
  return {status.IsNoSpace() ? ErrorCode::kStorageFull : ErrorCode::kIo,
          "compaction stopped, as it cannot write: " + status.ToString(),
          {}};
}

// Deletes in small batches.
class Remover {
 public:
  Remover(rocksdb::DB& db, const std::function<bool()>& stop) : db_(db), stop_(stop) {}

  void Remove(const rocksdb::Slice& key) {
    batch_.Delete(key);
    if (batch_.Count() >= kBatch) Flush();
  }
  void Flush() {
    if (status_.ok() && batch_.Count() > 0) status_ = db_.Write({}, &batch_);
    batch_.Clear();
  }
  bool stopped() const { return !status_.ok() || stop_(); }
  const rocksdb::Status& status() const { return status_; }

 private:
  rocksdb::DB& db_;
  const std::function<bool()>& stop_;
  rocksdb::WriteBatch batch_;
  rocksdb::Status status_;
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
  for (iterator->Seek("v"); iterator->Valid() && !remover.stopped(); iterator->Next()) {
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
  if (!remover.stopped()) end_key();
  return {};
}

// Removes the keys in [begin, end).
Status RemoveKeys(rocksdb::DB& db, const std::string& begin, const std::string& end, Remover& remover) {
  const std::unique_ptr<rocksdb::Iterator> iterator = Scan(db);
  for (iterator->Seek(begin); iterator->Valid() && !remover.stopped(); iterator->Next()) {
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

Status RemoveBefore(rocksdb::DB& db, Position position, Revision newest, const std::function<bool()>& stop) {
  const Result<Revision> kept = FirstRevisionFrom(db, position, newest);
  if (!kept) return Fail(kept.error());
  Remover remover(db, stop);
  if (Status status = RemoveVersions(db, position, remover); !status) return status;
  if (Status status = RemoveKeys(db, TxnKey(0), TxnKey(position), remover); !status) return status;
  if (Status status = RemoveKeys(db, LogKey(0), LogKey(*kept), remover); !status) return status;
  remover.Flush();
  if (!remover.status().ok()) return Fail(WriteError(remover.status()));
  return {};
}

}  // namespace guidon
