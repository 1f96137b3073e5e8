// How the RocksDB driver lays out its records. One column family; the first byte of a key says what it is:
//
//   'm' name                     format, epoch, tail (what was committed last), compacted
//   'v' key(escaped) ~position   a version of a key: newest first, as positions are inverted
//   'p' key                      a plain key, as it is now: like a version that was created where it was modified
//   't' position                 a transaction: revision, time, and the keys it wrote (values are in the versions)
//   'r' revision                 a link of the chain (audit/chain.h)
//   'l' revision, 'a' revision   its log and audit payload, with their salts
//   'i' principal hash           what an idempotency key was answered; the key's SHA-256, as a client may put anything
//                                into it, and names are not only in what is compacted, but in RocksDB's own files
//   'x' time principal hash      the same by time, for expiry
//
// Numbers are 8 bytes, big-endian. An escaped key has 00 FF for each 00 and ends in 00 01, so that byte order is kept
// and no key is the beginning of another. Texts within records carry their length in front.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/store/store.h"

namespace guidon {

inline constexpr std::uint32_t kStoreFormat = 1;  // of HEAD and of every record below; another one is refused

inline constexpr std::string_view kFormatKey = "mformat", kEpochKey = "mepoch", kTailKey = "mtail",
                                  kCompactedKey = "mcompacted";

std::string VersionKey(std::string_view key, Position position);
std::string VersionsBegin(std::string_view key);  // before the newest version of a key and after all smaller keys
inline constexpr std::string_view kVersionsEnd = "w";
// False if `stored` is not a version key.
bool ParseVersionKey(std::string_view stored, std::string* key, Position* position);

std::string PlainKey(std::string_view key);
inline constexpr std::string_view kPlainEnd = "q";

std::string TxnKey(Position position);
std::string LinkKey(Revision revision);
std::string LogKey(Revision revision);
std::string AuditKey(Revision revision);
std::string IdempotencyKey(const Idempotency& idempotency);
std::string OlderIdempotencyKey(const Idempotency& idempotency);  // as 0.1.0 wrote it, with the key as it was sent
std::string ExpiryKey(Timestamp time, std::string_view idempotency_key);
Timestamp ExpiryTime(std::string_view expiry_key);
std::string ExpiryTarget(std::string_view expiry_key);  // the idempotency key
inline constexpr std::string_view kExpiryBegin = "x", kExpiryEnd = "y";

struct VersionRecord {
  bool deleted = false;
  Position created = 0;
  Revision created_revision = 0;
  Revision modified_revision = 0;
  std::string_view value;
};

struct TxnRecord {
  Revision revision = 0;
  Timestamp time{};
  std::vector<std::pair<TxnOp::Kind, std::string>> ops;
};

struct IdempotencyRecord {
  std::string body_hash;
  TxnResult result;  // with the response
};

std::string Encode(const VersionRecord& record);
std::string Encode(const TxnRecord& record);
std::string Encode(const IdempotencyRecord& record);
std::string Encode(const StoreHead& head);
std::string Encode(const StoredPayload& payload);
std::string EncodeLink(const RevisionEntry& entry);  // without the payloads
std::string EncodeNumber(std::uint64_t number);

// Nothing if the bytes are not such a record.
std::optional<VersionRecord> DecodeVersion(std::string_view bytes);  // its value points into `bytes`
std::optional<TxnRecord> DecodeTxn(std::string_view bytes);
std::optional<IdempotencyRecord> DecodeIdempotency(std::string_view bytes);
std::optional<StoreHead> DecodeHead(std::string_view bytes);
std::optional<StoredPayload> DecodePayload(std::string_view bytes);
std::optional<RevisionEntry> DecodeLink(std::string_view bytes);
std::optional<std::uint64_t> DecodeNumber(std::string_view bytes);

}  // namespace guidon
