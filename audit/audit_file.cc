#include "audit/audit_file.h"

#include <algorithm>
#include <set>
#include <utility>

#include "audit/hex.h"
#include "core/base/json.h"

namespace guidon {
namespace {

constexpr std::size_t kSaltBytes = 16;

Error NotWritten(std::string what) {
  return {ErrorCode::kInvalid, std::move(what), {}};
}

std::string_view WordOf(StoredPayload::State state) {
  return state == StoredPayload::State::kRedacted ? "redacted" : "compacted";
}

Value EncodePayload(const StoredPayload& payload, const Hash256& commitment) {
  Object object{{"commitment", Value(ToHex(commitment))}};
  if (payload.state != StoredPayload::State::kPresent) {
    object.Append("state", Value(WordOf(payload.state)));
    return object;
  }
  object.Append("salt", Value(ToHex(payload.salt)));
  const bool is_text = IsValidUtf8(payload.bytes);
  object.Append(is_text ? "text" : "hex", Value(is_text ? payload.bytes : ToHex(payload.bytes)));
  return object;
}

std::string TextOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member != nullptr && member->is_string() ? member->AsString() : std::string();
}

std::optional<std::uint64_t> NumberOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  if (member == nullptr || !member->is_int() || member->AsInt() < 0) return std::nullopt;
  return static_cast<std::uint64_t>(member->AsInt());
}

bool DecodePayload(const Value* value, StoredPayload& payload, Hash256& commitment) {
  if (value == nullptr || !value->is_object() || !FromHex(TextOf(*value, "commitment"), commitment)) return false;
  if (value->Find("state") != nullptr) {
    payload.state =
        TextOf(*value, "state") == "redacted" ? StoredPayload::State::kRedacted : StoredPayload::State::kCompacted;
    return true;
  }
  std::optional<std::string> salt = FromHex(TextOf(*value, "salt"));
  if (!salt || salt->size() != kSaltBytes) return false;
  payload.salt = *std::move(salt);
  payload.bytes = TextOf(*value, "text");
  if (value->Find("hex") != nullptr) payload.bytes = FromHex(TextOf(*value, "hex")).value_or("");
  return true;
}

std::string NameOf(const Checkpoint& checkpoint) {
  return "the checkpoint of revision " + std::to_string(checkpoint.revision);
}

}  // namespace

Value EncodeRevisionEntry(const RevisionEntry& entry) {
  return Object{{"revision", Value(entry.revision)},
                {"time", Value(entry.time.time_since_epoch().count())},
                {"log", EncodePayload(entry.log, entry.log_commitment)},
                {"audit", EncodePayload(entry.audit, entry.audit_commitment)},
                {"hash", Value(ToHex(entry.hash))}};
}

Result<RevisionEntry> DecodeRevisionEntry(const Value& value) {
  RevisionEntry entry;
  const auto revision = NumberOf(value, "revision"), time = NumberOf(value, "time");
  if (!revision || !time || !FromHex(TextOf(value, "hash"), entry.hash) ||
      !DecodePayload(value.Find("log"), entry.log, entry.log_commitment) ||
      !DecodePayload(value.Find("audit"), entry.audit, entry.audit_commitment)) {
    return Fail(NotWritten("it is no link of an audit log"));
  }
  entry.revision = *revision;
  entry.time = Timestamp(std::chrono::milliseconds(*time));
  // There is one way to write a link: what is written otherwise was written by somebody else.
  if (!(EncodeRevisionEntry(entry) == value)) return Fail(NotWritten("it is not as a link of an audit log is written"));
  return entry;
}

Value EncodeAuditHeader(const AuditHeader& header) {
  Array keys, checkpoints;
  for (const PublicKey& key : header.keys) {
    keys.emplace_back(Object{{"id", Value(key.Id())}, {"public_key", Value(key.Hex())}});
  }
  for (const Checkpoint& checkpoint : header.checkpoints) checkpoints.emplace_back(checkpoint.text);
  return Object{{"guidon_audit", Value(1)},
                {"epoch", Value(header.epoch)},
                {"head", Value(Object{{"revision", Value(header.revision)}, {"hash", Value(ToHex(header.hash))}})},
                {"keys", Value(std::move(keys))},
                {"checkpoints", Value(std::move(checkpoints))}};
}

Result<AuditHeader> DecodeAuditHeader(const Value& value) {
  const auto version = NumberOf(value, "guidon_audit");
  if (!version) return Fail(NotWritten("it is no audit export: the first line does not say \"guidon_audit\""));
  if (*version != 1) {
    return Fail(NotWritten("it is an audit export of version " + std::to_string(*version) +
                           ", which this version cannot read"));
  }
  AuditHeader header;
  header.epoch = TextOf(value, "epoch");
  const Value* head = value.Find("head");
  const auto revision = head == nullptr ? std::nullopt : NumberOf(*head, "revision");
  if (!revision || !FromHex(TextOf(*head, "hash"), header.hash)) {
    return Fail(NotWritten("the first line names no head"));
  }
  header.revision = *revision;
  if (const Value* keys = value.Find("keys")) {
    for (const Value& key : keys->AsArray()) {
      Result<PublicKey> read = PublicKey::FromText(TextOf(key, "public_key"));
      if (!read) return Fail(NotWritten("the first line: " + read.error().message));
      header.keys.push_back(*std::move(read));
    }
  }
  if (const Value* checkpoints = value.Find("checkpoints")) {
    for (const Value& text : checkpoints->AsArray()) {
      Result<Checkpoint> read = ReadCheckpoint(text.AsString());
      if (!read) return Fail(NotWritten("the first line: " + read.error().message));
      header.checkpoints.push_back(*std::move(read));
    }
  }
  if (!(EncodeAuditHeader(header) == value)) return Fail(NotWritten("the first line is not as it is written"));
  return header;
}

// ---- Verifying ---------------------------------------------------------------------------------------------------

AuditVerifier::AuditVerifier(AuditHeader header, const AuditTrust& trust) : header_(std::move(header)) {
  report_.epoch = header_.epoch;
  report_.keys_given = !trust.keys.empty();
  const std::vector<PublicKey>& keys = report_.keys_given ? trust.keys : header_.keys;
  for (const Checkpoint& checkpoint : header_.checkpoints) Take(checkpoint, keys, false);
  for (const Checkpoint& checkpoint : trust.checkpoints) Take(checkpoint, keys, true);
  if (!header_.checkpoints.empty() && header_.checkpoints.back().epoch != header_.epoch) {
    chain_.AddFault(ChainFault::Kind::kAltered, header_.checkpoints.back().revision,
                    "its checkpoint is of epoch " + header_.checkpoints.back().epoch + ", and not of " + header_.epoch);
  }
  // Every export, and every answer, ends with a checkpoint of its head: without one that holds, nothing says that the
  // chain is the server's.
  const bool is_head_signed = std::any_of(signed_.begin(), signed_.end(), [this](const Checkpoint& checkpoint) {
    return checkpoint.epoch == header_.epoch && checkpoint.revision == header_.revision &&
           checkpoint.hash == header_.hash;
  });
  if (report_.keys_given && header_.revision > 0 && !is_head_signed) {
    chain_.AddFault(ChainFault::Kind::kAltered, header_.checkpoints.empty() ? 1 : header_.checkpoints[0].revision,
                    "no checkpoint of its head is signed by a key that was given");
  }
}

void AuditVerifier::Take(const Checkpoint& checkpoint, const std::vector<PublicKey>& keys, bool is_given) {
  const auto key =
      std::find_if(keys.begin(), keys.end(), [&](const PublicKey& held) { return held.Id() == checkpoint.key_id; });
  if (key == keys.end() && (report_.keys_given || is_given)) {
    ++report_.checkpoints_of_others;
    // Kept on purpose, it has to count for something: by whoever it is signed.
    if (is_given && !report_.keys_given) {
      chain_.AddFault(ChainFault::Kind::kAltered, checkpoint.revision,
                      NameOf(checkpoint) + " that was given is signed by key " + checkpoint.key_id +
                          ", which is none of the server's");
    }
    return;
  }
  if (key == keys.end() || !key->Verifies(checkpoint)) {
    return chain_.AddFault(ChainFault::Kind::kAltered, checkpoint.revision,
                           "the signature of " + NameOf(checkpoint) + " is not that of key " + checkpoint.key_id);
  }
  const bool restored = checkpoint.epoch != header_.epoch;
  chain_.Expect(
      checkpoint.revision, checkpoint.hash,
      NameOf(checkpoint) +
          (restored ? " (of epoch " + checkpoint.epoch + ": the store was restored or exchanged since)" : ""));
  signed_.push_back(checkpoint);
  hashes_.emplace(checkpoint.revision, Hash256{});
}

void AuditVerifier::Add(const RevisionEntry& entry) {
  chain_.Add(entry);
  const auto wanted = hashes_.find(entry.revision);
  if (wanted != hashes_.end()) wanted->second = entry.hash;
}

void AuditVerifier::AddBroken(std::string what) {
  chain_.AddFault(ChainFault::Kind::kAltered, chain_.report().to + 1, std::move(what));
}

AuditReport AuditVerifier::Finish() {
  chain_.Finish(header_.revision);
  if (chain_.report().to > header_.revision) {
    chain_.AddFault(ChainFault::Kind::kInserted, header_.revision + 1,
                    "it is after the head, which is revision " + std::to_string(header_.revision));
  } else if (chain_.report().to == header_.revision && chain_.report().head != header_.hash) {
    chain_.AddFault(ChainFault::Kind::kAltered, header_.revision, "the last link is not the one that the head names");
  }
  for (const Checkpoint& checkpoint : signed_) {
    if (hashes_[checkpoint.revision] != checkpoint.hash) continue;
    ++report_.checkpoints;
    if (!report_.newest || report_.newest->revision <= checkpoint.revision) report_.newest = checkpoint;
  }
  report_.chain = chain_.report();
  return report_;
}

Result<AuditReport> VerifyAuditFile(std::string_view text, const AuditTrust& trust) {
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    lines.push_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  if (lines.empty()) return Fail(NotWritten("it is empty"));
  const Result<Value> first = ParseJson(lines.front());
  if (!first) return Fail(NotWritten("it is no audit export: " + first.error().message));
  Result<AuditHeader> header = DecodeAuditHeader(*first);
  if (!header) return Fail(header.error());
  if (ToJson(*first) != lines.front()) return Fail(NotWritten("the first line is not as it is written"));

  std::vector<Result<RevisionEntry>> entries;
  std::set<Revision> revisions;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Result<Value> value = ParseJson(lines[i]);
    Result<RevisionEntry> entry = value ? DecodeRevisionEntry(*value) : Fail(value.error());
    if (entry && ToJson(*value) != lines[i]) entry = Fail(NotWritten("it is not as a link of an audit log is written"));
    if (entry) revisions.insert(entry->revision);
    entries.push_back(std::move(entry));
  }
  AuditVerifier verifier(*std::move(header), trust);
  verifier.Announce(std::move(revisions));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i]) {
      verifier.Add(*entries[i]);
    } else {
      verifier.AddBroken("line " + std::to_string(i + 2) + " is not as it was written: " + entries[i].error().message);
    }
  }
  if (!text.ends_with('\n')) verifier.AddBroken("the last line is cut off");
  return verifier.Finish();
}

}  // namespace guidon
