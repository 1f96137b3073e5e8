// The floor under durable ingest: bare RocksDB, so many threads, each writing synced batches of 100 records.
//
// Thread safety: one thread at a time.
#pragma once

#include <chrono>
#include <string>

namespace guidon::bench {

// Records per second, of values like `record`, into a new database in this folder. 0 when it cannot be opened.
double SyncedWriteBatches(const std::string& folder, int threads, const std::string& record,
                          std::chrono::milliseconds time);

}  // namespace guidon::bench
