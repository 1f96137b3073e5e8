// Small steps between RocksDB's types and ours.
//
// Thread safety: pure functions, but for the database, which any thread may use.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "server/store/store.h"

namespace rocksdb {
class DB;
class Iterator;
class Slice;
class Status;
}  // namespace rocksdb

namespace guidon {

rocksdb::Slice ToSlice(std::string_view text);

// kCorrupt for what a checksum found, kIo for everything else.
Error ReadError(const rocksdb::Status& status);
Error BadRecord(std::string_view what);  // kCorrupt: a record that cannot be what was written

// Nothing if there is no such record.
Result<std::optional<std::string>> ReadRecord(rocksdb::DB& db, std::string_view key);

// The version that the iterator stands on, whose key has been parsed; nothing if it is a deletion.
Result<std::optional<KeyValue>> VersionHere(const rocksdb::Iterator& iterator, std::string_view key, Position modified);

// A plain key as it is; nothing if it is absent.
Result<std::optional<KeyValue>> ReadPlain(rocksdb::DB& db, std::string_view key);
// Of the bytes that are stored under it.
Result<KeyValue> DecodePlain(std::string_view key, std::string_view bytes);

// The newest version of a key that is not after `at`; nothing if it is absent there. Moves the iterator.
Result<std::optional<KeyValue>> ReadVersion(rocksdb::Iterator& iterator, std::string_view key, Position at);

}  // namespace guidon
