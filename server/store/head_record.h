// HEAD: what was acknowledged last, in a file of its own beside the database.
//
// A log that lost its end looks exactly like a log that never had one. HEAD is fsynced after the log and before
// anybody is answered, so that a log that ends before HEAD is known to have lost acknowledged writes.
//
// Layout: two slots of 4096 bytes, written in turn, so that a torn write leaves the other one. A slot:
//
//   "GUIDONHD" | format u32 | generation u64 | position u64 | revision u64 | time u64 | hash 32 | epoch 16 | check 8
//
// big-endian; the check is the first 8 bytes of the SHA-256 of what is before it. The valid slot with the highest
// generation counts. The file is made under another name and renamed, and never changes its length.
//
// Thread safety: belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "server/store/store.h"

namespace rocksdb {
class FileSystem;
class FSRandomRWFile;
}  // namespace rocksdb

namespace guidon {

struct HeadRecord {
  StoreHead head;
  std::string epoch;
  std::uint64_t generation = 0;

  friend bool operator==(const HeadRecord&, const HeadRecord&) = default;
};

std::string EncodeSlot(const HeadRecord& record);
// kInvalid: intact, but of another format. kCorrupt: no such slot.
Result<HeadRecord> DecodeSlot(std::string_view bytes);

class HeadFile {
 public:
  HeadFile(std::shared_ptr<rocksdb::FileSystem> file_system, std::string folder);
  ~HeadFile();

  // Nothing if the file does not exist. kCorrupt: neither slot is valid. kInvalid: of another format.
  Result<std::optional<HeadRecord>> Read() const;

  // Makes the file, for an empty store.
  Status Create(const std::string& epoch);

  // Durable when it returns. After a failure nothing may be written any more: whether it is there is unknown.
  Status Write(const StoreHead& head);

  const HeadRecord& last() const { return last_; }  // as last written, or as adopted
  void Adopt(const HeadRecord& record) { last_ = record; }

 private:
  std::shared_ptr<rocksdb::FileSystem> file_system_;
  std::string folder_;
  std::string path_;
  std::unique_ptr<rocksdb::FSRandomRWFile> file_;  // open since the first Write
  HeadRecord last_;
};

}  // namespace guidon
