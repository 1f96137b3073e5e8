#include "bench/floor/write_batch.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

namespace guidon::bench {
namespace {

double CpuSecondsOfThisProcess() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace

WriteRate SyncedWriteBatches(const std::string& folder, int threads, const std::string& record,
                             std::chrono::milliseconds time) {
  constexpr int kRecords = 100;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, folder, &opened).ok()) return {};
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> next{0}, written{0};
  std::vector<std::thread> writers;
  const double cpu = CpuSecondsOfThisProcess();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < threads; ++i) {
    writers.emplace_back([&] {
      rocksdb::WriteOptions synced;
      synced.sync = true;
      while (!stopping) {
        rocksdb::WriteBatch batch;
        std::uint64_t number = next.fetch_add(kRecords);
        for (int each = 0; each < kRecords; ++each, ++number) {
          char key[16] = {};
          for (int byte = 0; byte < 8; ++byte) key[byte] = static_cast<char>(number >> (56 - 8 * byte));
          batch.Put(rocksdb::Slice(key, sizeof key), record);
        }
        if (!db->Write(synced, &batch).ok()) return;
        written += kRecords;
      }
    });
  }
  std::this_thread::sleep_for(time);
  stopping = true;
  for (std::thread& writer : writers) writer.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const auto records = static_cast<double>(written);
  return {records / took.count(), records / (CpuSecondsOfThisProcess() - cpu)};
}

}  // namespace guidon::bench
