#include "server/store/encoding.h"

#include <algorithm>

namespace guidon {
namespace {

void AppendU64(std::string& out, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

void AppendText(std::string& out, std::string_view text) {
  AppendU64(out, text.size());
  out += text;
}

void AppendTime(std::string& out, Timestamp time) {
  AppendU64(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

void AppendHash(std::string& out, const Hash256& hash) {
  out.append(reinterpret_cast<const char*>(hash.data()), hash.size());
}

// Takes fields off the front; once one does not fit, everything after it is empty and ok() is false.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::string_view Take(std::size_t size) {
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint8_t U8() {
    const std::string_view byte = Take(1);
    return byte.empty() ? 0 : static_cast<std::uint8_t>(byte[0]);
  }
  std::uint64_t U64() {
    std::uint64_t number = 0;
    for (const char byte : Take(8)) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
  }
  Timestamp Time() { return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(U64()))); }
  Hash256 Hash() {
    Hash256 hash{};
    const std::string_view bytes = Take(hash.size());
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return hash;
  }
  std::string_view Text() { return Take(U64()); }
  std::string_view Rest() { return Take(rest_.size()); }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string NumberKey(char kind, std::uint64_t number) {
  std::string key(1, kind);
  AppendU64(key, number);
  return key;
}

}  // namespace

std::string VersionsBegin(std::string_view key) {
  std::string stored = "v";
  for (const char byte : key) {
    stored += byte;
    if (byte == '\0') stored += '\xff';
  }
  return stored.append("\0\1", 2);
}

std::string VersionKey(std::string_view key, Position position) {
  std::string stored = VersionsBegin(key);
  AppendU64(stored, ~position);
  return stored;
}

bool ParseVersionKey(std::string_view stored, std::string* key, Position* position) {
  if (stored.empty() || stored[0] != 'v') return false;
  key->clear();
  for (std::size_t i = 1; i + 1 < stored.size(); ++i) {
    if (stored[i] != '\0') {
      *key += stored[i];
      continue;
    }
    ++i;
    if (stored[i] == '\xff') {
      *key += '\0';
      continue;
    }
    Fields rest(stored.substr(i + 1));
    *position = ~rest.U64();
    return stored[i] == '\1' && rest.AtEnd();
  }
  return false;
}

std::string PlainKey(std::string_view key) {
  return std::string("p").append(key);
}

std::string TxnKey(Position position) {
  return NumberKey('t', position);
}
std::string LinkKey(Revision revision) {
  return NumberKey('r', revision);
}
std::string LogKey(Revision revision) {
  return NumberKey('l', revision);
}
std::string AuditKey(Revision revision) {
  return NumberKey('a', revision);
}

std::string IdempotencyKey(const Idempotency& idempotency) {
  std::string key = "i";
  AppendText(key, idempotency.principal);
  AppendHash(key, Sha256(idempotency.key));
  return key;
}

std::string OlderIdempotencyKey(const Idempotency& idempotency) {
  std::string key = "i";
  AppendText(key, idempotency.principal);
  return key.append(idempotency.key);
}

std::string ExpiryKey(Timestamp time, std::string_view idempotency_key) {
  std::string key = "x";
  AppendTime(key, time);
  return key.append(idempotency_key);
}

Timestamp ExpiryTime(std::string_view expiry_key) {
  return Fields(expiry_key.substr(1)).Time();
}

std::string ExpiryTarget(std::string_view expiry_key) {
  return std::string(expiry_key.substr(std::min<std::size_t>(expiry_key.size(), 1 + 8)));
}

std::string Encode(const VersionRecord& record) {
  std::string bytes(1, record.deleted ? '\1' : '\0');
  AppendU64(bytes, record.created);
  AppendU64(bytes, record.created_revision);
  AppendU64(bytes, record.modified_revision);
  return bytes.append(record.value);
}

std::optional<VersionRecord> DecodeVersion(std::string_view bytes) {
  Fields fields(bytes);
  VersionRecord record;
  record.deleted = fields.U8() != 0;
  record.created = fields.U64();
  record.created_revision = fields.U64();
  record.modified_revision = fields.U64();
  record.value = fields.Rest();
  if (!fields.ok()) return std::nullopt;
  return record;
}

std::string Encode(const TxnRecord& record) {
  std::string bytes;
  AppendU64(bytes, record.revision);
  AppendTime(bytes, record.time);
  for (const auto& [kind, key] : record.ops) {
    bytes += static_cast<char>(kind);
    AppendText(bytes, key);
  }
  return bytes;
}

std::optional<TxnRecord> DecodeTxn(std::string_view bytes) {
  Fields fields(bytes);
  TxnRecord record;
  record.revision = fields.U64();
  record.time = fields.Time();
  while (fields.ok() && !fields.AtEnd()) {
    const TxnOp::Kind kind = fields.U8() == 0 ? TxnOp::Kind::kPut : TxnOp::Kind::kDelete;
    record.ops.emplace_back(kind, fields.Text());
  }
  if (!fields.ok()) return std::nullopt;
  return record;
}

std::string Encode(const IdempotencyRecord& record) {
  std::string bytes;
  AppendText(bytes, record.body_hash);
  AppendU64(bytes, record.result.position);
  AppendU64(bytes, record.result.revision);
  AppendTime(bytes, record.result.time);
  AppendText(bytes, record.result.response);
  return bytes;
}

std::optional<IdempotencyRecord> DecodeIdempotency(std::string_view bytes) {
  Fields fields(bytes);
  IdempotencyRecord record;
  record.body_hash = fields.Text();
  record.result.position = fields.U64();
  record.result.revision = fields.U64();
  record.result.time = fields.Time();
  record.result.response = fields.Text();
  if (!fields.AtEnd()) return std::nullopt;
  return record;
}

std::string Encode(const StoreHead& head) {
  std::string bytes;
  AppendU64(bytes, head.position);
  AppendU64(bytes, head.revision);
  AppendTime(bytes, head.time);
  AppendHash(bytes, head.hash);
  return bytes;
}

std::optional<StoreHead> DecodeHead(std::string_view bytes) {
  Fields fields(bytes);
  StoreHead head;
  head.position = fields.U64();
  head.revision = fields.U64();
  head.time = fields.Time();
  head.hash = fields.Hash();
  if (!fields.AtEnd()) return std::nullopt;
  return head;
}

std::string Encode(const StoredPayload& payload) {
  std::string bytes(1, static_cast<char>(payload.state));
  AppendText(bytes, payload.salt);
  return bytes.append(payload.bytes);
}

std::optional<StoredPayload> DecodePayload(std::string_view bytes) {
  Fields fields(bytes);
  StoredPayload payload;
  payload.state = fields.U8() == 0 ? StoredPayload::State::kPresent : StoredPayload::State::kRedacted;
  payload.salt = fields.Text();
  payload.bytes = fields.Rest();
  if (!fields.ok()) return std::nullopt;
  return payload;
}

std::string EncodeLink(const RevisionEntry& entry) {
  std::string bytes;
  AppendU64(bytes, entry.revision);
  AppendU64(bytes, entry.position);
  AppendTime(bytes, entry.time);
  AppendHash(bytes, entry.log_commitment);
  AppendHash(bytes, entry.audit_commitment);
  AppendHash(bytes, entry.hash);
  return bytes;
}

std::optional<RevisionEntry> DecodeLink(std::string_view bytes) {
  Fields fields(bytes);
  RevisionEntry entry;
  entry.revision = fields.U64();
  entry.position = fields.U64();
  entry.time = fields.Time();
  entry.log_commitment = fields.Hash();
  entry.audit_commitment = fields.Hash();
  entry.hash = fields.Hash();
  if (!fields.AtEnd()) return std::nullopt;
  return entry;
}

std::string EncodeNumber(std::uint64_t number) {
  std::string bytes;
  AppendU64(bytes, number);
  return bytes;
}

std::optional<std::uint64_t> DecodeNumber(std::string_view bytes) {
  Fields fields(bytes);
  const std::uint64_t number = fields.U64();
  if (!fields.AtEnd()) return std::nullopt;
  return number;
}

}  // namespace guidon
