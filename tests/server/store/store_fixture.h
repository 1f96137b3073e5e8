// What the store's tests share: a folder that goes away, a clock that stands still, short ways to write and read.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/rocks_store.h"
#include "server/store/store.h"

namespace guidon {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "guidon-store-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void WriteAll(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// 2027-01-01T00:00:00Z, moved by hand. Shared with the store, which reads it on its own thread.
class FakeClock {
 public:
  std::function<Timestamp()> Function() const {
    return [now = now_] { return Timestamp(std::chrono::milliseconds(now->load())); };
  }
  Timestamp now() const { return Timestamp(std::chrono::milliseconds(now_->load())); }
  void Move(std::chrono::milliseconds by) { *now_ += by.count(); }

 private:
  std::shared_ptr<std::atomic<std::int64_t>> now_ = std::make_shared<std::atomic<std::int64_t>>(1'798'761'600'000);
};

// A disk whose fsyncs do nothing (faulty_file_system.h): many tests write much and lose no power.
std::shared_ptr<rocksdb::FileSystem> FastFileSystem();

inline RocksStoreOptions RocksOptions(const TempFolder& folder, StoreOptions options = {}) {
  RocksStoreOptions rocks;
  static_cast<StoreOptions&>(rocks) = std::move(options);
  rocks.folder = folder.path() / "data";
  return rocks;
}

// A transaction that takes a revision, as the catalog writes them.
inline Txn Change(std::vector<TxnOp> ops, std::string audit = "ana@shop.example") {
  Txn txn;
  txn.revision = RevisionRecord{"changed " + std::to_string(ops.size()), std::move(audit)};
  txn.ops = std::move(ops);
  return txn;
}

inline Txn Put(std::string key, std::string value) {
  return Change({TxnOp::Put(std::move(key), std::move(value))});
}

// A transaction without a revision, as events are kept.
inline Txn JournalTxn(std::string key, std::string value) {
  Txn txn;
  txn.ops = {TxnOp::Put(std::move(key), std::move(value))};
  return txn;
}

inline TxnResult MustCommit(Store& store, Txn txn) {
  Result<TxnResult> result = store.Commit(std::move(txn));
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  EXPECT_EQ(result->outcome, TxnOutcome::kCommitted);
  return *std::move(result);
}

inline ErrorCode ErrorOf(Store& store, Txn txn) {
  Result<TxnResult> result = store.Commit(std::move(txn));
  EXPECT_FALSE(result) << "was committed";
  return result ? ErrorCode::kInternal : result.error().code;
}

// "a=1 b=2", or the error's word.
inline std::string Show(const Result<RangeResult>& range) {
  if (!range) return std::string(ToString(range.error().code));
  std::string text;
  for (const KeyValue& entry : range->entries) text += (text.empty() ? "" : " ") + entry.key + "=" + entry.value;
  return text + (range->more ? " …" : "");
}

inline std::string ShowAll(const Store& store, Position at = 0) {
  return Show(store.Range({.begin = "", .end = "", .at = at, .limit = 0}));
}

}  // namespace guidon
