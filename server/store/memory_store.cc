// The store as obvious as can be: ordered maps behind one mutex. It shares no bookkeeping with the RocksDB driver, so
// that each can be held against the other.
#include <algorithm>
#include <map>
#include <utility>

#include "core/base/mutex.h"
#include "server/store/chain.h"
#include "server/store/random.h"
#include "server/store/store.h"
#include "server/store/system_clock.h"
#include "server/store/txn.h"
#include "server/store/wakes.h"

namespace guidon {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(StoreOptions options) : options_(std::move(options)), epoch_(NewEpoch()) {
    if (!options_.clock) options_.clock = SystemNow;
  }

  void Submit(Txn txn, TxnDone done) override;
  Result<RangeResult> Range(const RangeQuery& query) const override;
  Result<std::vector<RevisionEntry>> Revisions(Revision from, Revision to, std::size_t limit) const override;
  std::unique_ptr<WatchCursor> Watch(Position after, std::function<void()> wake) override;
  using Store::Compact;
  Status Compact(Position position, const std::function<bool()>& stop) override;
  Position compacted() const override;
  Result<std::size_t> Rewrite(KeySpace space, const Rewriter& rewrite, const std::function<bool()>& stop) override;
  Status Forget(const std::vector<std::string>& keys, const std::function<bool()>& stop) override;
  Status ScanFrom(KeySpace space, const ScanPlace& from, const Scanner& see,
                  const std::function<bool()>& stop) const override;
  StoreHead Head() const override;
  std::string Epoch() const override { return epoch_; }
  Status Health() const override { return {}; }

 private:
  class Cursor;

  struct Version {
    KeyValue entry;
    bool deleted = false;
  };
  struct Remembered {
    Idempotency request;
    TxnResult result;
  };
  using Versions = std::vector<Version>;  // of one key, oldest first

  Result<TxnResult> Apply(Txn txn) GUIDON_REQUIRES(mutex_);
  Result<std::optional<TxnResult>> Replay(const Txn& txn, Timestamp now) GUIDON_REQUIRES(mutex_);
  void Write(Txn txn, const StoreHead& next, bool takes_revision) GUIDON_REQUIRES(mutex_);
  bool WriteOp(const TxnOp& op, Position position, Revision revision) GUIDON_REQUIRES(mutex_);
  void Redact(Revision revision) GUIDON_REQUIRES(mutex_);
  void Replace(const TxnRewrite& rewrite) GUIDON_REQUIRES(mutex_);
  std::optional<KeyValue> Newest(const std::string& key) const GUIDON_REQUIRES(mutex_);
  WatchEvent After(Position position) const;
  static const Version* VersionAt(const Versions& versions, Position at);

  StoreOptions options_;  // constant after construction
  const std::string epoch_;
  Wakes wakes_;

  mutable Mutex mutex_;
  StoreHead head_ GUIDON_GUARDED_BY(mutex_);
  Position compacted_ GUIDON_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Versions> data_ GUIDON_GUARDED_BY(mutex_);
  std::map<Position, CommittedTxn> txns_ GUIDON_GUARDED_BY(mutex_);
  std::vector<RevisionEntry> revisions_ GUIDON_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, Remembered> remembered_ GUIDON_GUARDED_BY(mutex_);
};

class MemoryStore::Cursor final : public WatchCursor {
 public:
  Cursor(MemoryStore& store, Position after, std::function<void()> wake)
      : store_(store), position_(after), wake_(store.wakes_.Add(std::move(wake))) {}
  ~Cursor() override { store_.wakes_.Remove(wake_); }

  WatchEvent Next() override {
    WatchEvent event = store_.After(position_);
    if (const auto* txn = std::get_if<CommittedTxn>(&event)) position_ = txn->position;
    return event;
  }

 private:
  MemoryStore& store_;
  Position position_;
  const std::uint64_t wake_;
};

void MemoryStore::Submit(Txn txn, TxnDone done) {
  Result<TxnResult> result;
  {
    MutexLock lock(mutex_);
    result = Apply(std::move(txn));
  }
  if (result && result->outcome == TxnOutcome::kCommitted) wakes_.CallAll();
  done(std::move(result));
}

Result<TxnResult> MemoryStore::Apply(Txn txn) {
  if (Status status = CheckTxn(txn, options_.limits); !status) return Fail(status.error());
  const Timestamp now = std::max(options_.clock(), head_.time);
  Result<std::optional<TxnResult>> replay = Replay(txn, now);
  if (!replay) return Fail(replay.error());
  if (*replay) return **std::move(replay);
  for (std::size_t i = 0; i < txn.compares.size(); ++i) {
    std::optional<KeyValue> found = Newest(txn.compares[i].key);
    if (Holds(txn.compares[i], found)) continue;
    TxnResult failed;
    failed.outcome = TxnOutcome::kCompareFailed;
    failed.failed_compare = i;
    failed.found = std::move(found);
    return failed;
  }
  for (Revision revision : txn.redact) {
    if (revision == 0 || revision > head_.revision) return Fail(UnknownRedaction(revision, head_.revision));
  }

  StoreHead next = head_;
  next.position += 1;
  next.revision += txn.revision ? 1 : 0;
  next.time = now;
  TxnResult result;
  result.position = next.position;
  result.revision = txn.revision ? next.revision : 0;
  result.time = now;
  if (txn.idempotency) {
    Remembered& remembered = remembered_[{txn.idempotency->principal, txn.idempotency->key}];
    remembered = {*txn.idempotency, result};
  }
  const bool takes_revision = txn.revision.has_value();
  Write(std::move(txn), next, takes_revision);
  return result;
}

Result<std::optional<TxnResult>> MemoryStore::Replay(const Txn& txn, Timestamp now) {
  std::erase_if(remembered_,
                [&](const auto& item) { return now - item.second.result.time >= options_.idempotency_retention; });
  if (!txn.idempotency) return std::optional<TxnResult>();
  const auto found = remembered_.find({txn.idempotency->principal, txn.idempotency->key});
  if (found == remembered_.end()) return std::optional<TxnResult>();
  const Remembered& first = found->second;
  if (first.request.body_hash != txn.idempotency->body_hash) return Fail(IdempotencyMismatch(*txn.idempotency));
  TxnResult result = first.result;
  result.outcome = TxnOutcome::kReplayed;
  result.response = first.request.response;
  return std::optional<TxnResult>(std::move(result));
}

void MemoryStore::Write(Txn txn, const StoreHead& next, bool takes_revision) {
  const Revision revision = takes_revision ? next.revision : 0;
  CommittedTxn committed;
  committed.position = next.position;
  committed.revision = revision;
  committed.time = next.time;
  for (const TxnRewrite& rewrite : txn.rewrites) Replace(rewrite);
  for (TxnOp& op : txn.ops) {
    if (WriteOp(op, next.position, revision) && !IsPlainKey(op.key)) committed.ops.push_back(std::move(op));
  }
  for (Revision earlier : txn.redact) Redact(earlier);
  const Hash256 previous = head_.hash;
  head_ = next;
  if (takes_revision) {
    committed.record = *txn.revision;
    revisions_.push_back(NewLink(previous, revision, next.position, next.time, *std::move(txn.revision)));
    head_.hash = revisions_.back().hash;
  }
  txns_.emplace(committed.position, std::move(committed));
}

bool MemoryStore::WriteOp(const TxnOp& op, Position position, Revision revision) {
  if (IsPlainKey(op.key)) {
    data_.erase(op.key);
    if (op.kind == TxnOp::Kind::kDelete) return false;
  }
  const std::optional<KeyValue> before = Newest(op.key);
  if (op.kind == TxnOp::Kind::kDelete && !before) return false;
  Version version;
  version.deleted = op.kind == TxnOp::Kind::kDelete;
  version.entry = {op.key, op.value, position, position, revision, revision};
  if (before) {
    version.entry.created = before->created;
    version.entry.created_revision = before->created_revision;
  }
  data_[op.key].push_back(std::move(version));
  return true;
}

void MemoryStore::Redact(Revision revision) {
  RevisionEntry& entry = revisions_[revision - 1];
  entry.log = entry.audit = {StoredPayload::State::kRedacted, {}, {}};
  if (const auto txn = txns_.find(entry.position); txn != txns_.end()) txn->second.record = {};
}

std::optional<KeyValue> MemoryStore::Newest(const std::string& key) const {
  const auto found = data_.find(key);
  if (found == data_.end() || found->second.empty() || found->second.back().deleted) return std::nullopt;
  return found->second.back().entry;
}

// The newest version that is not after `at`, or null.
const MemoryStore::Version* MemoryStore::VersionAt(const Versions& versions, Position at) {
  const Version* found = nullptr;
  for (const Version& version : versions) {
    if (version.entry.modified <= at) found = &version;
  }
  return found;
}

Result<RangeResult> MemoryStore::Range(const RangeQuery& query) const {
  MutexLock lock(mutex_);
  const Position at = query.at == 0 ? head_.position : query.at;
  if (at > head_.position) return Fail(AheadOfHead(at, head_.position));
  if (at < compacted_) return Fail(OlderThanKept(at, compacted_));
  RangeResult result;
  result.at = at;
  RangePage page(query);
  for (auto it = data_.lower_bound(query.begin); it != data_.end(); ++it) {
    if (!query.end.empty() && it->first >= query.end) break;
    if (IsPlainKey(it->first) != IsPlainKey(query.begin)) continue;
    const Version* version = VersionAt(it->second, at);
    if (version == nullptr || version->deleted) continue;
    if (!page.Takes(version->entry)) {
      result.more = true;
      break;
    }
    result.entries.push_back(version->entry);
    if (query.keys_only) result.entries.back().value.clear();
  }
  return result;
}

Result<std::vector<RevisionEntry>> MemoryStore::Revisions(Revision from, Revision to, std::size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<RevisionEntry> entries;
  for (Revision next = std::max<Revision>(from, 1); next <= std::min(to, head_.revision); ++next) {
    if (entries.size() == limit) break;
    entries.push_back(revisions_[next - 1]);
    if (entries.back().position < compacted_) entries.back().log = {StoredPayload::State::kCompacted, {}, {}};
  }
  return entries;
}

std::unique_ptr<WatchCursor> MemoryStore::Watch(Position after, std::function<void()> wake) {
  return std::make_unique<Cursor>(*this, after, std::move(wake));
}

WatchEvent MemoryStore::After(Position position) const {
  MutexLock lock(mutex_);
  if (position > head_.position) return WatchLost{AheadOfHead(position, head_.position).message};
  if (position + 1 < compacted_) return WatchCompacted{compacted_};
  if (position == head_.position) return WatchProgress{position};
  return txns_.at(position + 1);
}

Status MemoryStore::Compact(Position position, const std::function<bool()>& /*stop*/) {
  MutexLock lock(mutex_);
  if (position > head_.position) return Fail(AheadOfHead(position, head_.position));
  if (position <= compacted_) return {};
  compacted_ = position;
  txns_.erase(txns_.begin(), txns_.lower_bound(position));
  for (auto& [key, versions] : data_) {
    const Version* kept = VersionAt(versions, position);
    if (kept == nullptr) continue;
    const Position oldest = kept->deleted ? position + 1 : kept->entry.modified;
    std::erase_if(versions, [&](const Version& version) { return version.entry.modified < oldest; });
  }
  return {};
}

void MemoryStore::Replace(const TxnRewrite& rewrite) {
  const auto found = data_.find(rewrite.key);
  if (found == data_.end()) return;
  for (Version& version : found->second) {
    if (version.entry.modified == rewrite.position && !version.deleted) version.entry.value = rewrite.value;
  }
  const auto txn = txns_.find(rewrite.position);
  if (txn == txns_.end()) return;
  for (TxnOp& op : txn->second.ops) {
    if (op.key == rewrite.key && op.kind == TxnOp::Kind::kPut) op.value = rewrite.value;
  }
}

Result<std::size_t> MemoryStore::Rewrite(KeySpace space, const Rewriter& rewrite,
                                         const std::function<bool()>& /*stop*/) {
  Txn txn;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, versions] : data_) {
      if (IsPlainKey(key) != (space == KeySpace::kPlain)) continue;
      for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
        if (version->deleted) continue;
        std::optional<std::string> value = rewrite(version->entry, version == versions.rbegin());
        if (value) txn.rewrites.push_back({key, version->entry.modified, *std::move(value)});
      }
    }
  }
  const std::size_t count = txn.rewrites.size();
  if (count == 0) return count;
  if (const Result<TxnResult> done = Commit(std::move(txn)); !done) return Fail(done.error());
  return count;
}

Status MemoryStore::Forget(const std::vector<std::string>& keys, const std::function<bool()>& /*stop*/) {
  MutexLock lock(mutex_);
  for (const std::string& key : keys) {
    if (IsPlainKey(key))
      return Fail(ErrorCode::kInvalid, "nothing stays of a plain key that is deleted: '" + key + "'");
    const auto found = data_.find(key);
    if (found == data_.end()) continue;
    if (!found->second.empty() && !found->second.back().deleted) return Fail(StillThere(key));
    for (const Version& version : found->second) {
      const auto txn = txns_.find(version.entry.modified);
      if (txn != txns_.end()) std::erase_if(txn->second.ops, [&key](const TxnOp& op) { return op.key == key; });
    }
    data_.erase(found);
  }
  return {};
}

Status MemoryStore::ScanFrom(KeySpace space, const ScanPlace& from, const Scanner& see,
                             const std::function<bool()>& stop) const {
  MutexLock lock(mutex_);
  for (auto held = data_.lower_bound(from.key); held != data_.end(); ++held) {
    const auto& [key, versions] = *held;
    if (stop && stop()) return Fail(ErrorCode::kUnavailable, "the search was stopped; ask again");
    if (IsPlainKey(key) != (space == KeySpace::kPlain)) continue;
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
      const bool is_before = key == from.key && from.position != 0 && version->entry.modified > from.position;
      if (version->deleted || is_before) continue;
      if (!see(version->entry, version == versions.rbegin())) return {};
    }
  }
  return {};
}

Position MemoryStore::compacted() const {
  MutexLock lock(mutex_);
  return compacted_;
}

StoreHead MemoryStore::Head() const {
  MutexLock lock(mutex_);
  return head_;
}

}  // namespace

std::unique_ptr<Store> OpenMemoryStore(StoreOptions options) {
  return std::make_unique<MemoryStore>(std::move(options));
}

}  // namespace guidon
