// API keys: how they look, how they are made, and what is kept of them.
//
//   gdn_srv_4fJ2kQz9wXbT_8sVn…30 more…c1Zk0a
//       |   |            |             |
//       |   selector     secret        crc-32 of all before it (6 digits), so that a typing error or a cut-off paste is
//       kind             (32 digits)   told from a wrong key, and scanners find leaked keys without guessing
//
// Digits are base 62. Of the secret only SHA-256 is kept; it has 190 random bits, so a fast hash is right (Argon2 is
// for passwords that people choose). The selector is public: it is the key's id.
//
// Thread safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace guidon {

enum class KeyKind : std::uint8_t {
  kServer,  // server SDK: one environment, full rules
  kClient,  // browser or mobile: one environment, evaluated results of `client: true` flags only
  kAdmin,   // the admin API, within its roles
  kRelay,   // a relay: one environment, full rules, many clients behind it
  kEvents,  // may only post events of one environment
};
std::string_view ToString(KeyKind kind);  // "server", "client", "admin", "relay", "events"
std::optional<KeyKind> KeyKindFromString(std::string_view word);

// What the server keeps of a key.
struct KeyRecord {
  std::string id;  // the selector
  KeyKind kind = KeyKind::kServer;
  std::string project;      // empty: all (admin keys only)
  std::string environment;  // empty: all (admin keys only)
  std::string role;         // of an admin key (server/auth/roles.h); empty: owner
  std::string member;       // whose key it is: it may never do more than they; empty: nobody's
  std::string description;
  std::string verifier;  // SHA-256 of the secret, 64 hex digits
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0;  // valid until then; 0: for ever
  std::int64_t revoked_ms = 0;  // 0: not revoked
  std::string replaced_by;      // the key that takes its place; this one ends with the overlap
};
bool IsUsable(const KeyRecord& record, std::int64_t now_ms);

// A key's text taken apart. Views into the text.
struct ParsedKey {
  KeyKind kind = KeyKind::kServer;
  std::string_view selector;
  std::string_view secret;
};

// nullopt when the text is not of the form above or its checksum does not match.
std::optional<ParsedKey> ParseKey(std::string_view text);

struct NewKey {
  std::string text;  // shown once, never stored, never logged
  KeyRecord record;  // id, kind and verifier are filled in
};
// Fresh random bytes from the operating system. kIo when it has none to give.
Result<NewKey> GenerateKey(KeyKind kind);

// Compares in constant time.
bool Matches(const KeyRecord& record, const ParsedKey& key);

// ---- The same form for other secrets: gdn_<word>_<selector>_<secret><crc> ----

struct ParsedSecret {  // views into the text
  std::string_view selector;
  std::string_view secret;
};
struct NewSecret {
  std::string text;      // shown once, never stored, never logged
  std::string selector;  // no secret
  std::string verifier;  // SHA-256 of the secret, 64 hex digits
};
// `word`: three letters that are no kind of keys, such as "ses" for sessions.
Result<NewSecret> GenerateSecret(std::string_view word);
std::optional<ParsedSecret> ParseSecret(std::string_view text, std::string_view word);
// Compares in constant time.
bool MatchesVerifier(std::string_view verifier, std::string_view secret);
// SHA-256, 64 hex digits.
std::string Sha256Hex(std::string_view text);

// For logs: `gdn_srv_4fJ2kQz9wXbT_…`; what is not a key becomes "(not a key)".
std::string MaskKey(std::string_view text);

}  // namespace guidon
