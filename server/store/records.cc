#include "server/store/records.h"

#include <rocksdb/db.h>

#include "server/store/encoding.h"

namespace guidon {

rocksdb::Slice ToSlice(std::string_view text) {
  return {text.data(), text.size()};
}

Error ReadError(const rocksdb::Status& status) {
  const bool corrupt = status.IsCorruption();
  return {corrupt ? ErrorCode::kCorrupt : ErrorCode::kIo,
          std::string(corrupt ? "stored data is damaged: " : "cannot read stored data: ") + status.ToString(),
          {}};
}

Error BadRecord(std::string_view what) {
  return {ErrorCode::kCorrupt, "stored data is damaged: " + std::string(what) + " is missing or malformed", {}};
}

Result<std::optional<std::string>> ReadRecord(rocksdb::DB& db, std::string_view key) {
  std::string value;
  const rocksdb::Status status = db.Get({}, ToSlice(key), &value);
  if (status.ok()) return std::optional<std::string>(std::move(value));
  if (status.IsNotFound()) return std::optional<std::string>();
  return Fail(ReadError(status));
}

Result<std::optional<KeyValue>> VersionHere(const rocksdb::Iterator& iterator, std::string_view key,
                                            Position modified) {
  const std::optional<VersionRecord> record = DecodeVersion(iterator.value().ToStringView());
  if (!record) return Fail(BadRecord("a version of the key '" + std::string(key) + "'"));
  if (record->deleted) return std::optional<KeyValue>();
  return std::optional<KeyValue>({std::string(key), std::string(record->value), record->created, modified,
                                  record->created_revision, record->modified_revision});
}

Result<KeyValue> DecodePlain(std::string_view key, std::string_view bytes) {
  const std::optional<VersionRecord> record = DecodeVersion(bytes);
  if (!record || record->deleted) return Fail(BadRecord("the plain key '" + std::string(key) + "'"));
  return KeyValue{std::string(key), std::string(record->value), record->created,
                  record->created,  record->created_revision,   record->modified_revision};
}

Result<std::optional<KeyValue>> ReadPlain(rocksdb::DB& db, std::string_view key) {
  const Result<std::optional<std::string>> bytes = ReadRecord(db, PlainKey(key));
  if (!bytes) return Fail(bytes.error());
  if (!*bytes) return std::optional<KeyValue>();
  Result<KeyValue> entry = DecodePlain(key, **bytes);
  if (!entry) return Fail(entry.error());
  return std::optional<KeyValue>(*std::move(entry));
}

Result<std::optional<KeyValue>> ReadVersion(rocksdb::Iterator& iterator, std::string_view key, Position at) {
  iterator.Seek(VersionKey(key, at));
  if (!iterator.Valid()) {
    if (!iterator.status().ok()) return Fail(ReadError(iterator.status()));
    return std::optional<KeyValue>();
  }
  const std::string begin = VersionsBegin(key);
  if (!iterator.key().starts_with(begin)) return std::optional<KeyValue>();
  const std::optional<Position> inverted = DecodeNumber(iterator.key().ToStringView().substr(begin.size()));
  if (!inverted) return Fail(BadRecord("a version of the key '" + std::string(key) + "'"));
  return VersionHere(iterator, key, ~*inverted);
}

}  // namespace guidon
