// Transactions that share one write to the log: decides each against the store as the ones before it leave it, and
// gathers what to write.
//
// Thread safety: belongs to the committer's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/store/encoding.h"
#include "server/store/store.h"

namespace rocksdb {
class DB;
class Iterator;
class WriteBatch;
}  // namespace rocksdb

namespace guidon {

class Group {
 public:
  // `tail` is the committed state. The clock and the database outlive the group.
  Group(rocksdb::DB& db, const StoreHead& tail, const std::function<Timestamp()>& clock,
        std::chrono::seconds idempotency_retention);
  ~Group();

  // The answer that the transaction gets once the group is durable. The transaction has passed CheckTxn.
  Result<TxnResult> Add(Txn txn);

  // Removes at most `limit` idempotency records that have expired.
  Status Expire(std::size_t limit);

  std::size_t committed() const { return committed_; }  // transactions that write
  bool empty() const;                                   // nothing to write at all
  const StoreHead& tail() const { return tail_; }       // the state after the group

  // Everything to write, with the new tail. The group takes no transactions after this.
  rocksdb::WriteBatch& Finish();

 private:
  struct PlannedOp {
    TxnOp op;
    std::optional<KeyValue> before;
  };

  // A version that is to have another value.
  struct PlannedRewrite {
    std::string stored_key, record;   // as they are written
    std::optional<KeyValue> current;  // with that value, where it is what the key holds now
  };

  Timestamp Now() const;
  Result<std::optional<KeyValue>> Current(const std::string& key);
  Result<std::optional<IdempotencyRecord>> Remembered(const std::string& idempotency_key);
  Result<std::optional<TxnResult>> Replay(const Idempotency& idempotency, Timestamp now);
  Result<std::optional<TxnResult>> FirstFailure(const std::vector<TxnCompare>& compares);
  Result<std::vector<PlannedOp>> Plan(std::vector<TxnOp> ops);
  Result<std::vector<PlannedRewrite>> PlanRewrites(std::vector<TxnRewrite> rewrites);
  TxnResult Write(Txn txn, std::vector<PlannedOp> ops, std::vector<PlannedRewrite> rewrites, Timestamp now);
  void WriteOp(PlannedOp planned, Revision revision);
  void WriteLink(RevisionRecord record);
  void Redact(Revision revision);
  void Remember(const Idempotency& idempotency, const TxnResult& result);

  rocksdb::DB& db_;
  const std::function<Timestamp()>& clock_;
  const std::chrono::seconds retention_;
  StoreHead tail_;
  std::size_t committed_ = 0;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  std::unique_ptr<rocksdb::Iterator> iterator_;  // over the store as it was before the group
  // What the group has decided so far, on top of that.
  std::unordered_map<std::string, std::optional<KeyValue>> values_;
  std::unordered_map<std::string, IdempotencyRecord> remembered_;
};

}  // namespace guidon
