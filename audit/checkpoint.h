// Checkpoints: a server signs what its chain was at some moment, so that whoever keeps one notices later if anything up
// to there was altered or cut off. A checkpoint is a line of text, to be kept in logs, mails or on paper:
//
//   gcp1.EPOCH.REVISION.TIME.HASH.KEY.SIGNATURE
//
// EPOCH is the store's; REVISION and TIME (milliseconds since 1970) are decimal; HASH is the hash of that revision's
// link (64 hex digits); KEY the id of the public key: the first 16 hex digits of its SHA-256; SIGNATURE is Ed25519
// (RFC 8032; 128 hex digits) of "guidon-checkpoint-1\n" and everything up to the '.' before it.
//
//   Result<SigningKey> key = SigningKey::FromPem(text_of_file);
//   std::string text = key->Sign(epoch, head.revision, head.hash, now);
//   Result<Checkpoint> read = ReadCheckpoint(text);
//   if (public_key.Verifies(*read)) …
//
// Thread safety: plain values and pure functions; a SigningKey may be used from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "core/base/result.h"

namespace guidon {

struct Checkpoint {
  std::string epoch;
  Revision revision = 0;
  Hash256 hash{};
  Timestamp time{};    // when it was signed
  std::string key_id;  // 16 hex digits
  std::string text;    // the whole line, signature included

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// kInvalid for anything that no Sign wrote; the signature is not looked at yet.
Result<Checkpoint> ReadCheckpoint(std::string_view text);
// Those of a text, in their order, from lines that are nothing but a checkpoint, and from what guidond itself writes:
//
//   level=info time=… msg="audit checkpoint" revision=17 checkpoint=gcp1.…    of its log, also after what a collector
//                                                                             of logs puts before each line, or as a
//                                                                             member of a JSON object that it makes of
//                                                                             it
//   {"guidon_audit":1,…,"checkpoints":["gcp1.…"]}                             the first line of an export
//   {"verified":true,…,"newest_checkpoint":"gcp1.…"}                          `guidon audit verify --json`
//
// Nothing else, as anybody can have a log say gcp1.… by asking for such a path. Time: in proportion to the text.
std::vector<Checkpoint> FindCheckpoints(std::string_view text);

class PublicKey {
 public:
  // 64 hex digits, or a PEM file's text ("-----BEGIN PUBLIC KEY-----"). kInvalid.
  static Result<PublicKey> FromText(std::string_view text);

  bool Verifies(const Checkpoint& checkpoint) const;
  std::string Hex() const;
  std::string Id() const;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  friend class SigningKey;
  std::array<std::uint8_t, 32> bytes_{};
};

class SigningKey {
 public:
  // Fresh, from the operating system's random bytes. kIo when there are none.
  static Result<SigningKey> Generate();
  // PKCS#8 in PEM, as Pem() gives it and `openssl genpkey -algorithm ed25519` does. kInvalid; the text is never
  // repeated.
  static Result<SigningKey> FromPem(std::string_view text);

  // As a line of text.
  std::string Sign(const std::string& epoch, Revision revision, const Hash256& hash, Timestamp time) const;
  PublicKey public_key() const { return public_key_; }
  std::string Pem() const;

 private:
  struct Key;
  explicit SigningKey(std::shared_ptr<const Key> key);
  std::shared_ptr<const Key> key_;
  PublicKey public_key_;
};

}  // namespace guidon
