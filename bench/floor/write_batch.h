// The floor under durable ingest: bare RocksDB, so many threads, each writing synced batches of 100 records.
//
// Thread safety: one thread at a time.
#pragma once

#include <chrono>
#include <string>

namespace guidon::bench {

struct WriteRate {
  double per_second = 0;      // records, by the clock
  double per_cpu_second = 0;  // records for each second of CPU of this process: the writers and RocksDB's own threads
};

// Writes values like `record` into a new database in this folder. Zeros when it cannot be opened.
WriteRate SyncedWriteBatches(const std::string& folder, int threads, const std::string& record,
                             std::chrono::milliseconds time);

}  // namespace guidon::bench
