// What every driver does alike with a transaction before it looks at its own state.
//
// Thread safety: pure functions; a page belongs to one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "server/store/store.h"

namespace guidon {

// kInvalid or kTooLarge, with the key or the bound at fault.
Status CheckTxn(const Txn& txn, const StoreLimits& limits);

std::size_t SizeOf(const Txn& txn);  // bytes of keys, values, payloads and response

// Whether a condition holds for what is stored under its key.
bool Holds(const TxnCompare& compare, const std::optional<KeyValue>& found);

// Of what a range gives: entry after entry, until one is beyond its bounds.
class RangePage {
 public:
  explicit RangePage(const RangeQuery& query) : query_(query) {}  // which outlives it
  // False: it is of the next page.
  bool Takes(const KeyValue& entry);

 private:
  const RangeQuery& query_;
  std::size_t entries_ = 0, bytes_ = 0;
};

Error IdempotencyMismatch(const Idempotency& idempotency);
Error StillThere(std::string_view key);  // of what is to be forgotten
Error UnknownRedaction(Revision revision, Revision head);
Error AheadOfHead(Position at, Position head);
Error OlderThanKept(Position at, Position oldest);

}  // namespace guidon
