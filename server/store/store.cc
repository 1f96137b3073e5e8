#include "server/store/store.h"

#include <utility>

#include "core/base/mutex.h"
#include "server/store/backup.h"

namespace guidon {
namespace {

// The first key after all those that begin with `prefix`; empty if there is none.
std::string AfterPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// Outlives Commit's wait, as the committer may still be notifying when the waiter goes on.
struct Answer {
  Mutex mutex;
  CondVar ready;
  std::optional<Result<TxnResult>> result GUIDON_GUARDED_BY(mutex);
};

}  // namespace

RangeQuery RangeQuery::Key(std::string_view key, Position at) {
  return {std::string(key), std::string(key) + '\0', at, 1, false};
}

RangeQuery RangeQuery::Prefix(std::string_view prefix, Position at) {
  return {std::string(prefix), AfterPrefix(std::string(prefix)), at, 0, false};
}

TxnCompare TxnCompare::Exists(std::string key) {
  return {Kind::kExists, std::move(key), {}, 0};
}
TxnCompare TxnCompare::Absent(std::string key) {
  return {Kind::kAbsent, std::move(key), {}, 0};
}
TxnCompare TxnCompare::ValueIs(std::string key, std::string value) {
  return {Kind::kValueIs, std::move(key), std::move(value), 0};
}
TxnCompare TxnCompare::ModifiedAt(std::string key, Position position) {
  return {Kind::kModifiedAt, std::move(key), {}, position};
}
TxnCompare TxnCompare::NotModifiedAfter(std::string key, Revision revision) {
  return {Kind::kNotModifiedAfter, std::move(key), {}, revision};
}

TxnOp TxnOp::Put(std::string key, std::string value) {
  return {Kind::kPut, std::move(key), std::move(value)};
}
TxnOp TxnOp::Delete(std::string key) {
  return {Kind::kDelete, std::move(key), {}};
}

Result<TxnResult> Store::Commit(Txn txn) {
  const auto answer = std::make_shared<Answer>();
  Submit(std::move(txn), [answer](Result<TxnResult> result) {
    MutexLock lock(answer->mutex);
    answer->result = std::move(result);
    answer->ready.NotifyOne();
  });
  MutexLock lock(answer->mutex);
  answer->ready.Wait(lock, [&]() GUIDON_REQUIRES(answer->mutex) { return answer->result.has_value(); });
  return *std::move(answer->result);
}

Result<std::optional<KeyValue>> Store::Get(std::string_view key, Position at) const {
  Result<RangeResult> range = Range(RangeQuery::Key(key, at));
  if (!range) return Fail(range.error());
  if (range->entries.empty()) return std::optional<KeyValue>();
  return std::optional<KeyValue>(std::move(range->entries.front()));
}

Result<std::vector<std::optional<std::string>>> Store::GetPlain(const std::vector<std::string>& keys) const {
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (const std::string& key : keys) {
    if (!IsPlainKey(key)) return Fail(ErrorCode::kInvalid, "the key '" + key + "' is not plain");
    Result<std::optional<KeyValue>> entry = Get(key);
    if (!entry) return Fail(entry.error());
    values.push_back(*entry ? std::optional<std::string>(std::move((*entry)->value)) : std::nullopt);
  }
  return values;
}

Result<BackupManifest> Store::Backup(const BackupRequest&) {
  return Fail(ErrorCode::kInvalid, "this store has no files that could be backed up");
}

Result<std::size_t> Store::Rewrite(KeySpace, const Rewriter&, const std::function<bool()>&) {
  return Fail(ErrorCode::kInvalid, "this store cannot erase");
}

Status Store::Forget(const std::vector<std::string>&, const std::function<bool()>&) {
  return Fail(ErrorCode::kInvalid, "this store cannot erase");
}

Status Store::ScanFrom(KeySpace, const ScanPlace&, const Scanner&, const std::function<bool()>&) const {
  return Fail(ErrorCode::kInvalid, "this store cannot show all that it holds");
}

Status Store::Scan(KeySpace space, const Viewer& see, const std::function<bool()>& stop) const {
  const Scanner all = [&see](const KeyValue& stored, bool is_newest) {
    see(stored, is_newest);
    return true;
  };
  return ScanFrom(space, {}, all, stop);
}

Result<Position> Store::PositionOf(Revision revision) const {
  Result<std::vector<RevisionEntry>> entries = Revisions(revision, revision, 1);
  if (!entries) return Fail(entries.error());
  if (!entries->empty()) return entries->front().position;
  return Fail(ErrorCode::kNotFound, "there is no revision " + std::to_string(revision) + "; the newest is " +
                                        std::to_string(Head().revision));
}

Status RemoveKeys(const Store& store, RangeQuery range, const std::function<Status(std::vector<TxnOp>)>& write) {
  range.keys_only = true;
  for (bool more = true; more;) {
    const Result<RangeResult> page = store.Range(range);
    if (!page) return Fail(page.error());
    if (page->entries.empty()) return {};
    more = page->more;
    range.begin = page->entries.back().key + '\0';
    std::vector<TxnOp> ops;
    for (const KeyValue& entry : page->entries) ops.push_back(TxnOp::Delete(entry.key));
    if (Status written = write(std::move(ops)); !written) return written;
  }
  return {};
}

}  // namespace guidon
