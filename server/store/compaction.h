// Removes what is older than a position: superseded versions, transactions and log payloads; and all of a key.
//
// First the position is announced, durably; readers refuse what is older from then on. Then records are removed in
// small batches that need not be durable: what a crash leaves behind is removed by the next compaction.
//
// Thread safety: one compaction at a time; readers and the committer go on meanwhile.
#pragma once

#include <functional>
#include <string_view>

#include "core/base/result.h"
#include "server/store/store.h"

namespace rocksdb {
class DB;
}

namespace guidon {

Status AnnounceCompaction(rocksdb::DB& db, Position position);

// Removes it. Reads every key once. `may_go_on` is asked before each batch: its first error ends it, and is the answer.
Status RemoveBefore(rocksdb::DB& db, Position position, Revision newest, const std::function<Status()>& may_go_on);

// Removes every version of a key whose newest one is a deletion, and takes it out of the transactions that wrote it, at
// once or not at all. kConflict when it is there.
Status RemoveKey(rocksdb::DB& db, std::string_view key);

}  // namespace guidon
