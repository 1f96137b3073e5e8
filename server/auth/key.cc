#include "server/auth/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace guidon {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kPrefix = "gdn_";
constexpr std::size_t kSelectorSize = 12;
constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kChecksumSize = 6;  // 62^6 > 2^32
constexpr std::size_t kKindSize = 3;
constexpr std::size_t kKeySize = kPrefix.size() + kKindSize + 1 + kSelectorSize + 1 + kSecretSize + kChecksumSize;

struct KindWords {
  KeyKind kind;
  std::string_view in_key;
  std::string_view word;
};
constexpr std::array<KindWords, 5> kKinds = {{{KeyKind::kServer, "srv", "server"},
                                              {KeyKind::kClient, "cli", "client"},
                                              {KeyKind::kAdmin, "adm", "admin"},
                                              {KeyKind::kRelay, "rly", "relay"},
                                              {KeyKind::kEvents, "evt", "events"}}};

constexpr std::array<bool, 256> kIsDigit = [] {
  std::array<bool, 256> is_digit{};
  for (const char c : kDigits) is_digit[static_cast<unsigned char>(c)] = true;
  return is_digit;
}();

bool IsBase62(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return kIsDigit[static_cast<unsigned char>(c)]; });
}

std::string Checksum(std::string_view text) {
  auto crc = crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  std::string digits(kChecksumSize, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, crc /= kDigits.size()) {
    *digit = kDigits[crc % kDigits.size()];
  }
  return digits;
}

// Rejection sampling: every digit is equally likely.
Result<std::string> RandomDigits(std::size_t count) {
  constexpr unsigned char kUnbiased = 248;  // 4 * 62
  std::string digits;
  while (digits.size() < count) {
    std::array<unsigned char, 64> bytes;
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
      return Fail(ErrorCode::kIo, "the operating system gave no random bytes for a new key");
    }
    for (unsigned char byte : bytes) {
      if (byte < kUnbiased && digits.size() < count) digits += kDigits[byte % kDigits.size()];
    }
  }
  return digits;
}

using Sha256Digits = std::array<char, 64>;

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// For each request with a key. EVP_Digest and EVP_sha256() would have OpenSSL look the algorithm up and make a context
// each time, which takes longer than the hash.
Sha256Digits HexDigestOf(std::string_view text) {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // for as long as the process lives
  thread_local std::unique_ptr<EVP_MD_CTX, FreeDigest> kept(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  const bool is_hashed = EVP_DigestInit_ex2(kept.get(), kSha256, nullptr) == 1 &&
                         EVP_DigestUpdate(kept.get(), text.data(), text.size()) == 1 &&
                         EVP_DigestFinal_ex(kept.get(), hash.data(), &size) == 1;
  if (!is_hashed) std::abort();  // no memory, or an OpenSSL without SHA-256: zeros would be the digest of anything
  static constexpr char kHex[] = "0123456789abcdef";
  Sha256Digits hex;
  for (std::size_t i = 0; i < hex.size() / 2; ++i) {
    hex[2 * i] = kHex[hash[i] >> 4];
    hex[2 * i + 1] = kHex[hash[i] & 15];
  }
  return hex;
}

}  // namespace

std::string_view ToString(KeyKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].word;
}

std::optional<KeyKind> KeyKindFromString(std::string_view word) {
  for (const KindWords& words : kKinds) {
    if (words.word == word) return words.kind;
  }
  return std::nullopt;
}

std::string Sha256Hex(std::string_view text) {
  const Sha256Digits digits = HexDigestOf(text);
  return {digits.begin(), digits.end()};
}

std::optional<ParsedSecret> ParseSecret(std::string_view text, std::string_view word) {
  if (text.size() != kKeySize || !text.starts_with(kPrefix)) return std::nullopt;
  if (text.substr(kPrefix.size(), kKindSize) != word) return std::nullopt;
  const std::string_view rest = text.substr(kPrefix.size() + kKindSize);
  if (rest[0] != '_' || rest[1 + kSelectorSize] != '_') return std::nullopt;
  const ParsedSecret parsed{rest.substr(1, kSelectorSize), rest.substr(2 + kSelectorSize, kSecretSize)};
  const std::string_view checksum = text.substr(kKeySize - kChecksumSize);
  if (!IsBase62(parsed.selector) || !IsBase62(parsed.secret)) return std::nullopt;
  if (Checksum(text.substr(0, kKeySize - kChecksumSize)) != checksum) return std::nullopt;
  return parsed;
}

Result<NewSecret> GenerateSecret(std::string_view word) {
  Result<std::string> selector = RandomDigits(kSelectorSize);
  if (!selector) return Fail(selector.error());
  Result<std::string> secret = RandomDigits(kSecretSize);
  if (!secret) return Fail(secret.error());
  NewSecret made;
  made.text = std::string(kPrefix) + std::string(word) + "_" + *selector + "_" + *secret;
  made.text += Checksum(made.text);
  made.selector = *std::move(selector);
  made.verifier = Sha256Hex(*secret);
  return made;
}

bool MatchesVerifier(std::string_view verifier, std::string_view secret) {
  const Sha256Digits hash = HexDigestOf(secret);
  return verifier.size() == hash.size() && CRYPTO_memcmp(verifier.data(), hash.data(), hash.size()) == 0;
}

std::optional<ParsedKey> ParseKey(std::string_view text) {
  for (const KindWords& words : kKinds) {
    if (const auto parsed = ParseSecret(text, words.in_key)) {
      return ParsedKey{words.kind, parsed->selector, parsed->secret};
    }
  }
  return std::nullopt;
}

Result<NewKey> GenerateKey(KeyKind kind) {
  Result<NewSecret> made = GenerateSecret(kKinds[static_cast<std::size_t>(kind)].in_key);
  if (!made) return Fail(made.error());
  NewKey key;
  key.text = std::move(made->text);
  key.record.id = std::move(made->selector);
  key.record.kind = kind;
  key.record.verifier = std::move(made->verifier);
  return key;
}

bool IsUsable(const KeyRecord& record, std::int64_t now_ms) {
  return record.revoked_ms == 0 && (record.expires_ms == 0 || now_ms < record.expires_ms);
}

bool Matches(const KeyRecord& record, const ParsedKey& key) {
  return record.kind == key.kind && MatchesVerifier(record.verifier, key.secret);
}

std::string MaskKey(std::string_view text) {
  const std::optional<ParsedKey> key = ParseKey(text);
  if (!key) return "(not a key)";
  return std::string(text.substr(0, kPrefix.size() + kKindSize + 1 + kSelectorSize + 1)) + "…";
}

}  // namespace guidon
