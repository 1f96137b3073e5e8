#include "server/store/head_record.h"

#include <rocksdb/file_system.h>

#include <algorithm>

#include "server/store/chain.h"
#include "server/store/encoding.h"

namespace guidon {
namespace {

constexpr std::string_view kMagic = "GUIDONHD";
constexpr std::size_t kSlotBytes = 4096;
constexpr std::size_t kEpochBytes = 16;
constexpr std::size_t kCheckBytes = 8;
constexpr std::size_t kHeadBytes = 8 + 8 + 8 + 32;
constexpr std::size_t kUsedBytes = 8 + 4 + 8 + kHeadBytes + kEpochBytes + kCheckBytes;

std::string Check(std::string_view bytes) {
  const Hash256 hash = Sha256(bytes);
  return std::string(reinterpret_cast<const char*>(hash.data()), kCheckBytes);
}

Error IoError(const std::string& what, const rocksdb::IOStatus& status) {
  return {ErrorCode::kIo, what + ": " + status.ToString(), {}};
}

}  // namespace

std::string EncodeSlot(const HeadRecord& record) {
  std::string bytes(kMagic);
  bytes += EncodeNumber(kStoreFormat).substr(4);
  bytes += EncodeNumber(record.generation);
  bytes += Encode(record.head);
  bytes += record.epoch;
  bytes += Check(bytes);
  bytes.resize(kSlotBytes, '\0');
  return bytes;
}

Result<HeadRecord> DecodeSlot(std::string_view bytes) {
  const std::string_view body = bytes.substr(0, kUsedBytes - kCheckBytes);
  if (bytes.size() < kUsedBytes || !bytes.starts_with(kMagic) ||
      bytes.substr(body.size(), kCheckBytes) != Check(body)) {
    return Fail(ErrorCode::kCorrupt, "not a head record");
  }
  const std::uint64_t format = *DecodeNumber(std::string(4, '\0') + std::string(body.substr(8, 4)));
  if (format != kStoreFormat) {
    return Fail(ErrorCode::kInvalid,
                "has format " + std::to_string(format) + "; this program reads format " + std::to_string(kStoreFormat));
  }
  HeadRecord record;
  record.generation = *DecodeNumber(body.substr(12, 8));
  record.head = *DecodeHead(body.substr(20, kHeadBytes));
  record.epoch = body.substr(20 + kHeadBytes, kEpochBytes);
  return record;
}

HeadFile::HeadFile(std::shared_ptr<rocksdb::FileSystem> file_system, std::string folder)
    : file_system_(std::move(file_system)), folder_(std::move(folder)), path_(folder_ + "/HEAD") {}

HeadFile::~HeadFile() = default;

Result<std::optional<HeadRecord>> HeadFile::Read() const {
  if (file_system_->FileExists(path_, {}, nullptr).IsNotFound()) return std::optional<HeadRecord>();
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  if (auto status = file_system_->NewSequentialFile(path_, {}, &file, nullptr); !status.ok()) {
    return Fail(IoError("cannot open " + path_, status));
  }
  std::string scratch(2 * kSlotBytes, '\0');
  rocksdb::Slice read;
  if (auto status = file->Read(scratch.size(), {}, &read, scratch.data(), nullptr); !status.ok()) {
    return Fail(IoError("cannot read " + path_, status));
  }
  const std::string bytes = read.ToString();
  std::optional<HeadRecord> newest;
  for (const std::size_t offset : {std::size_t{0}, kSlotBytes}) {
    Result<HeadRecord> slot = DecodeSlot(std::string_view(bytes).substr(std::min(offset, bytes.size())));
    if (!slot && slot.error().code == ErrorCode::kInvalid) {
      return Fail(ErrorCode::kInvalid, path_ + " " + slot.error().message);
    }
    if (slot && (!newest || slot->generation > newest->generation)) newest = *std::move(slot);
  }
  if (newest) return newest;
  return Fail(ErrorCode::kCorrupt, path_ + " is damaged: neither of its two records is valid");
}

Status HeadFile::Create(const std::string& epoch) {
  HeadRecord record;
  record.epoch = epoch;
  record.generation = 1;
  // Generation 1 belongs into the second slot; the first one is empty until generation 2.
  const std::string bytes = std::string(kSlotBytes, '\0') + EncodeSlot(record);
  const std::string draft = path_ + ".new";
  std::unique_ptr<rocksdb::FSWritableFile> file;
  std::unique_ptr<rocksdb::FSDirectory> directory;
  rocksdb::IOStatus status = file_system_->NewWritableFile(draft, {}, &file, nullptr);
  if (status.ok()) status = file->Append(bytes, {}, nullptr);
  if (status.ok()) status = file->Fsync({}, nullptr);
  if (status.ok()) status = file->Close({}, nullptr);
  if (status.ok()) status = file_system_->RenameFile(draft, path_, {}, nullptr);
  if (status.ok()) status = file_system_->NewDirectory(folder_, {}, &directory, nullptr);
  if (status.ok()) status = directory->Fsync({}, nullptr);
  if (!status.ok()) return Fail(IoError("cannot write " + path_, status));
  last_ = record;
  return {};
}

Status HeadFile::Write(const StoreHead& head) {
  HeadRecord next = last_;
  next.head = head;
  next.generation += 1;
  rocksdb::IOStatus status;
  if (!file_) status = file_system_->NewRandomRWFile(path_, {}, &file_, nullptr);
  const std::uint64_t offset = next.generation % 2 * kSlotBytes;
  if (status.ok()) status = file_->Write(offset, EncodeSlot(next), {}, nullptr);
  if (status.ok()) status = file_->Sync({}, nullptr);
  if (!status.ok()) return Fail(IoError("cannot write " + path_, status));
  last_ = std::move(next);
  return {};
}

}  // namespace guidon
