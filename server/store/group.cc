#include "server/store/group.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "server/store/chain.h"
#include "server/store/records.h"
#include "server/store/txn.h"

namespace guidon {

Group::Group(rocksdb::DB& db, const StoreHead& tail, const std::function<Timestamp()>& clock,
             std::chrono::seconds idempotency_retention)
    : db_(db),
      clock_(clock),
      retention_(idempotency_retention),
      tail_(tail),
      batch_(std::make_unique<rocksdb::WriteBatch>()),
      iterator_(db.NewIterator({})) {}

Group::~Group() = default;

// All reads come before the first write: a transaction that fails leaves nothing behind in the group.
Result<TxnResult> Group::Add(Txn txn) {
  const Timestamp now = Now();
  if (txn.idempotency) {
    Result<std::optional<TxnResult>> replay = Replay(*txn.idempotency, now);
    if (!replay) return Fail(replay.error());
    if (*replay) return **std::move(replay);
  }
  Result<std::optional<TxnResult>> failure = FirstFailure(txn.compares);
  if (!failure) return Fail(failure.error());
  if (*failure) return **std::move(failure);
  for (const Revision revision : txn.redact) {
    if (revision == 0 || revision > tail_.revision) return Fail(UnknownRedaction(revision, tail_.revision));
  }
  Result<std::vector<PlannedOp>> ops = Plan(std::move(txn.ops));
  if (!ops) return Fail(ops.error());
  Result<std::vector<PlannedRewrite>> rewrites = PlanRewrites(std::move(txn.rewrites));
  if (!rewrites) return Fail(rewrites.error());
  return Write(std::move(txn), *std::move(ops), *std::move(rewrites), now);
}

Timestamp Group::Now() const {
  return std::max(clock_(), tail_.time);
}

Result<std::optional<KeyValue>> Group::Current(const std::string& key) {
  if (const auto found = values_.find(key); found != values_.end()) return found->second;
  if (IsPlainKey(key)) return ReadPlain(db_, key);
  return ReadVersion(*iterator_, key, std::numeric_limits<Position>::max());
}

Result<std::optional<IdempotencyRecord>> Group::Remembered(const std::string& idempotency_key) {
  if (const auto found = remembered_.find(idempotency_key); found != remembered_.end()) {
    return std::optional<IdempotencyRecord>(found->second);
  }
  const Result<std::optional<std::string>> bytes = ReadRecord(db_, idempotency_key);
  if (!bytes) return Fail(bytes.error());
  if (!*bytes) return std::optional<IdempotencyRecord>();
  std::optional<IdempotencyRecord> record = DecodeIdempotency(**bytes);
  if (!record) return Fail(BadRecord("an idempotency record"));
  return record;
}

Result<std::optional<TxnResult>> Group::Replay(const Idempotency& idempotency, Timestamp now) {
  Result<std::optional<IdempotencyRecord>> first = Remembered(IdempotencyKey(idempotency));
  if (first && !*first) first = Remembered(OlderIdempotencyKey(idempotency));
  if (!first) return Fail(first.error());
  if (!*first || now - (*first)->result.time >= retention_) return std::optional<TxnResult>();
  if ((*first)->body_hash != idempotency.body_hash) return Fail(IdempotencyMismatch(idempotency));
  TxnResult result = (*first)->result;
  result.outcome = TxnOutcome::kReplayed;
  return std::optional<TxnResult>(std::move(result));
}

Result<std::optional<TxnResult>> Group::FirstFailure(const std::vector<TxnCompare>& compares) {
  for (std::size_t i = 0; i < compares.size(); ++i) {
    Result<std::optional<KeyValue>> found = Current(compares[i].key);
    if (!found) return Fail(found.error());
    if (Holds(compares[i], *found)) continue;
    TxnResult failed;
    failed.outcome = TxnOutcome::kCompareFailed;
    failed.failed_compare = i;
    failed.found = *std::move(found);
    return std::optional<TxnResult>(std::move(failed));
  }
  return std::optional<TxnResult>();
}

Result<std::vector<Group::PlannedOp>> Group::Plan(std::vector<TxnOp> ops) {
  std::vector<PlannedOp> planned;
  planned.reserve(ops.size());
  for (TxnOp& op : ops) {
    if (IsPlainKey(op.key)) {  // what was there does not matter
      planned.push_back({std::move(op), std::nullopt});
      continue;
    }
    Result<std::optional<KeyValue>> before = Current(op.key);
    if (!before) return Fail(before.error());
    if (op.kind == TxnOp::Kind::kDelete && !*before) continue;
    planned.push_back({std::move(op), *std::move(before)});
  }
  return planned;
}

// What the group itself wrote is of later positions, so that what is asked for is in the database or nowhere.
Result<std::vector<Group::PlannedRewrite>> Group::PlanRewrites(std::vector<TxnRewrite> rewrites) {
  std::vector<PlannedRewrite> planned;
  for (TxnRewrite& rewrite : rewrites) {
    Result<std::optional<KeyValue>> current = Current(rewrite.key);
    if (!current) return Fail(current.error());
    const bool is_current = *current && (*current)->modified == rewrite.position;
    if (IsPlainKey(rewrite.key) && !is_current) continue;
    std::string stored_key =
        IsPlainKey(rewrite.key) ? PlainKey(rewrite.key) : VersionKey(rewrite.key, rewrite.position);
    const Result<std::optional<std::string>> bytes = ReadRecord(db_, stored_key);
    if (!bytes) return Fail(bytes.error());
    if (!*bytes) continue;
    std::optional<VersionRecord> record = DecodeVersion(**bytes);
    if (!record) return Fail(BadRecord("a version of the key '" + rewrite.key + "'"));
    if (record->deleted) continue;
    record->value = rewrite.value;
    PlannedRewrite& plan = planned.emplace_back();
    plan.stored_key = std::move(stored_key);
    plan.record = Encode(*record);
    if (is_current) {
      plan.current = *std::move(current);
      plan.current->value = std::move(rewrite.value);
    }
  }
  return planned;
}

TxnResult Group::Write(Txn txn, std::vector<PlannedOp> ops, std::vector<PlannedRewrite> rewrites, Timestamp now) {
  ++committed_;
  tail_.position += 1;
  tail_.revision += txn.revision ? 1 : 0;
  tail_.time = now;
  TxnRecord record;
  record.revision = txn.revision ? tail_.revision : 0;
  record.time = now;
  for (const PlannedOp& planned : ops) {
    if (!IsPlainKey(planned.op.key)) record.ops.emplace_back(planned.op.kind, planned.op.key);
  }
  batch_->Put(TxnKey(tail_.position), Encode(record));
  for (PlannedRewrite& rewrite : rewrites) {
    batch_->Put(rewrite.stored_key, rewrite.record);
    if (rewrite.current) values_[rewrite.current->key] = std::move(rewrite.current);
  }
  for (PlannedOp& planned : ops) WriteOp(std::move(planned), record.revision);
  for (const Revision revision : txn.redact) Redact(revision);
  if (txn.revision) WriteLink(*std::move(txn.revision));

  TxnResult result;
  result.position = tail_.position;
  result.revision = record.revision;
  result.time = now;
  if (txn.idempotency) Remember(*txn.idempotency, result);
  return result;
}

void Group::WriteOp(PlannedOp planned, Revision revision) {
  const bool deleted = planned.op.kind == TxnOp::Kind::kDelete;
  KeyValue entry{planned.op.key, std::move(planned.op.value), tail_.position, tail_.position, revision, revision};
  if (planned.before) {
    entry.created = planned.before->created;
    entry.created_revision = planned.before->created_revision;
  }
  const VersionRecord version{deleted, entry.created, entry.created_revision, revision, entry.value};
  if (!IsPlainKey(planned.op.key)) {
    batch_->Put(VersionKey(planned.op.key, tail_.position), Encode(version));
  } else if (deleted) {
    batch_->Delete(PlainKey(planned.op.key));
  } else {
    batch_->Put(PlainKey(planned.op.key), Encode(version));
  }
  values_[planned.op.key] = deleted ? std::nullopt : std::optional<KeyValue>(std::move(entry));
}

void Group::WriteLink(RevisionRecord record) {
  const RevisionEntry link = NewLink(tail_.hash, tail_.revision, tail_.position, tail_.time, std::move(record));
  batch_->Put(LinkKey(link.revision), EncodeLink(link));
  batch_->Put(LogKey(link.revision), Encode(link.log));
  batch_->Put(AuditKey(link.revision), Encode(link.audit));
  tail_.hash = link.hash;
}

void Group::Redact(Revision revision) {
  const std::string erased = Encode(StoredPayload{StoredPayload::State::kRedacted, {}, {}});
  batch_->Put(LogKey(revision), erased);
  batch_->Put(AuditKey(revision), erased);
}

void Group::Remember(const Idempotency& idempotency, const TxnResult& result) {
  const std::string key = IdempotencyKey(idempotency);
  IdempotencyRecord record{idempotency.body_hash, result};
  record.result.response = idempotency.response;
  batch_->Put(key, Encode(record));
  batch_->Put(ExpiryKey(result.time, key), {});
  remembered_[key] = std::move(record);
}

Status Group::Expire(std::size_t limit) {
  const Timestamp now = Now();
  iterator_->Seek(ToSlice(kExpiryBegin));
  for (; limit > 0 && iterator_->Valid(); --limit, iterator_->Next()) {
    const std::string expiry = iterator_->key().ToString();
    if (expiry >= kExpiryEnd || now - ExpiryTime(expiry) < retention_) break;
    batch_->Delete(expiry);
    const std::string key = ExpiryTarget(expiry);
    const Result<std::optional<IdempotencyRecord>> record = Remembered(key);
    if (!record) return Fail(record.error());
    // The key may have been used again since; that record has an expiry of its own.
    if (*record && (*record)->result.time == ExpiryTime(expiry)) batch_->Delete(key);
  }
  if (!iterator_->status().ok()) return Fail(ReadError(iterator_->status()));
  return {};
}

bool Group::empty() const {
  return batch_->Count() == 0;
}

rocksdb::WriteBatch& Group::Finish() {
  if (committed_ > 0) batch_->Put(ToSlice(kTailKey), Encode(tail_));
  return *batch_;
}

}  // namespace guidon
