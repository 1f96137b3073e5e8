#include "server/store/txn.h"

#include <string>
#include <string_view>
#include <unordered_set>

namespace guidon {
namespace {

Status CheckKey(std::string_view key, const StoreLimits& limits) {
  if (key.empty()) return Fail(ErrorCode::kInvalid, "a transaction has an empty key");
  if (key.size() <= limits.key_bytes) return {};
  return Fail(ErrorCode::kTooLarge, "the key '" + std::string(key.substr(0, 64)) + "…' has " +
                                        std::to_string(key.size()) + " bytes; the limit is " +
                                        std::to_string(limits.key_bytes));
}

Status CheckKeys(const Txn& txn, const StoreLimits& limits) {
  for (const TxnCompare& compare : txn.compares) {
    if (Status status = CheckKey(compare.key, limits); !status) return status;
  }
  std::unordered_set<std::string_view> seen;
  for (const TxnOp& op : txn.ops) {
    if (Status status = CheckKey(op.key, limits); !status) return status;
    if (!seen.insert(op.key).second) {
      return Fail(ErrorCode::kInvalid, "a transaction writes the key '" + op.key + "' twice");
    }
  }
  if (!txn.idempotency) return {};
  return CheckKey(txn.idempotency->principal + txn.idempotency->key, limits);
}

}  // namespace

std::size_t SizeOf(const Txn& txn) {
  std::size_t size = txn.redact.size() * sizeof(Revision);
  for (const TxnCompare& compare : txn.compares) size += compare.key.size() + compare.value.size();
  for (const TxnOp& op : txn.ops) size += op.key.size() + op.value.size();
  for (const TxnRewrite& rewrite : txn.rewrites) size += rewrite.key.size() + rewrite.value.size();
  if (txn.revision) size += txn.revision->log.size() + txn.revision->audit.size();
  if (const auto& once = txn.idempotency) {
    size += once->principal.size() + once->key.size() + once->body_hash.size() + once->response.size();
  }
  return size;
}

Status CheckTxn(const Txn& txn, const StoreLimits& limits) {
  if (txn.ops.empty() && txn.rewrites.empty() && !txn.revision)
    return Fail(ErrorCode::kInvalid, "a transaction writes nothing");
  if (!txn.redact.empty() && !txn.revision) {
    return Fail(ErrorCode::kInvalid, "a transaction redacts without taking a revision, so without an audit entry");
  }
  const std::size_t parts = txn.compares.size() + txn.ops.size() + txn.redact.size() + txn.rewrites.size();
  if (parts > limits.txn_ops) {
    return Fail(ErrorCode::kTooLarge, "a transaction has " + std::to_string(parts) +
                                          " operations and conditions; the limit is " + std::to_string(limits.txn_ops));
  }
  if (const std::size_t size = SizeOf(txn); size > limits.txn_bytes) {
    return Fail(ErrorCode::kTooLarge, "a transaction has " + std::to_string(size) + " bytes; the limit is " +
                                          std::to_string(limits.txn_bytes));
  }
  return CheckKeys(txn, limits);
}

bool Holds(const TxnCompare& compare, const std::optional<KeyValue>& found) {
  switch (compare.kind) {
    case TxnCompare::Kind::kExists:
      return found.has_value();
    case TxnCompare::Kind::kAbsent:
      return !found;
    case TxnCompare::Kind::kValueIs:
      return found && found->value == compare.value;
    case TxnCompare::Kind::kModifiedAt:
      return found && found->modified == compare.number;
    case TxnCompare::Kind::kNotModifiedAfter:
      return found && found->modified_revision <= compare.number;
  }
  return false;
}

Error IdempotencyMismatch(const Idempotency& idempotency) {
  return {ErrorCode::kMismatch,
          "the idempotency key '" + idempotency.key +
              "' was used with another request; send the same request again, or use a new key",
          {}};
}

Error StillThere(std::string_view key) {
  return {
      ErrorCode::kConflict, "cannot forget the key '" + std::string(key) + "' while it is there; delete it first", {}};
}

Error UnknownRedaction(Revision revision, Revision head) {
  return {ErrorCode::kInvalid,
          "cannot redact revision " + std::to_string(revision) + ": the store has 1 to " + std::to_string(head),
          {}};
}

bool RangePage::Takes(const KeyValue& entry) {
  if (query_.limit != 0 && entries_ == query_.limit) return false;
  const std::size_t bytes = entry.key.size() + (query_.keys_only ? 0 : entry.value.size());
  if (query_.bytes != 0 && entries_ > 0 && bytes_ + bytes > query_.bytes) return false;
  ++entries_;
  bytes_ += bytes;
  return true;
}

Error AheadOfHead(Position at, Position head) {
  return {ErrorCode::kInvalid,
          "position " + std::to_string(at) + " is not written yet; the newest is " + std::to_string(head),
          {}};
}

Error OlderThanKept(Position at, Position oldest) {
  return {ErrorCode::kGone,
          "position " + std::to_string(at) + " is no longer kept; the oldest is " + std::to_string(oldest),
          {}};
}

}  // namespace guidon
