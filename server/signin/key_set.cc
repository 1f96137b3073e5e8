#include "server/signin/key_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/freed.h"
#include "core/base/json.h"

namespace guidon {
namespace {

constexpr std::array<std::string_view, 3> kWords = {"ES256", "RS256", "EdDSA"};
constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;  // a larger one would cost more than it is worth
constexpr std::size_t kP256Bytes = 32;
constexpr std::size_t kEd25519Bytes = 32;
constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using KeyPointer = std::shared_ptr<EVP_PKEY>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string_view TextIn(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? std::string_view() : std::string_view(member->AsString());
}

Number NumberOf(std::string_view bytes) {
  return Number(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

// Null when OpenSSL takes the parts for no key: a point off the curve among them.
KeyPointer FromParts(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  KeyPointer owned(key, EVP_PKEY_free);
  const Context check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (check == nullptr || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return owned;
}

KeyPointer RsaKey(const Value& jwk) {
  const auto n = DecodeBase64Url(TextIn(jwk, "n")), e = DecodeBase64Url(TextIn(jwk, "e"));
  if (!n || !e || n->size() > kMostRsaBits / 8 || e->size() > 8) return nullptr;
  const Number modulus = NumberOf(*n), exponent = NumberOf(*e);
  if (BN_num_bits(modulus.get()) < kLeastRsaBits) return nullptr;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return nullptr;
  }
  return FromParts("RSA", builder.get());
}

KeyPointer P256Key(const Value& jwk) {
  const auto x = DecodeBase64Url(TextIn(jwk, "x")), y = DecodeBase64Url(TextIn(jwk, "y"));
  if (!x || !y || x->size() != kP256Bytes || y->size() != kP256Bytes) return nullptr;
  const std::string point = "\x04" + *x + *y;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return nullptr;
  }
  return FromParts("EC", builder.get());
}

KeyPointer Ed25519Key(const Value& jwk) {
  const auto x = DecodeBase64Url(TextIn(jwk, "x"));
  if (!x || x->size() != kEd25519Bytes) return nullptr;
  return KeyPointer(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*x), x->size()), EVP_PKEY_free);
}

// Nothing for a key that is not for us.
std::optional<SigningJwk> ReadJwk(const Value& jwk) {
  const std::string_view type = TextIn(jwk, "kty"), curve = TextIn(jwk, "crv"), use = TextIn(jwk, "use");
  SigningJwk read;
  read.id = TextIn(jwk, "kid");
  if (type == "RSA") {
    read.algorithm = SigningAlgorithm::kRs256;
  } else if (type == "EC" && curve == "P-256") {
    read.algorithm = SigningAlgorithm::kEs256;
  } else if (type == "OKP" && curve == "Ed25519") {
    read.algorithm = SigningAlgorithm::kEdDsa;
  } else {
    return std::nullopt;
  }
  // RFC 9864 calls EdDSA over this curve by its own name.
  const std::string_view said = TextIn(jwk, "alg");
  const bool is_same = said.empty() || said == ToString(read.algorithm) ||
                       (said == "Ed25519" && read.algorithm == SigningAlgorithm::kEdDsa);
  if (!is_same || (!use.empty() && use != "sig")) return std::nullopt;
  if (const Value* uses = jwk.Find("key_ops")) {
    const Array& list = uses->AsArray();
    if (std::none_of(list.begin(), list.end(), [](const Value& one) { return one.AsString() == "verify"; })) {
      return std::nullopt;
    }
  }
  switch (read.algorithm) {
    case SigningAlgorithm::kRs256:
      read.key = RsaKey(jwk);
      break;
    case SigningAlgorithm::kEs256:
      read.key = P256Key(jwk);
      break;
    case SigningAlgorithm::kEdDsa:
      read.key = Ed25519Key(jwk);
      break;
  }
  ERR_clear_error();
  if (read.key == nullptr) return std::nullopt;
  return read;
}

// JWS has r and s one after the other, OpenSSL wants them in DER. Empty when it is none.
std::string ToDer(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return "";
  const std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>> parts(ECDSA_SIG_new());
  Number r = NumberOf(signature.substr(0, kP256Bytes)), s = NumberOf(signature.substr(kP256Bytes));
  if (parts == nullptr || r == nullptr || s == nullptr) return "";
  ECDSA_SIG_set0(parts.get(), r.release(), s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size <= 0) return "";
  const std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

std::string_view ToString(SigningAlgorithm algorithm) {
  return kWords[static_cast<std::size_t>(algorithm)];
}

std::optional<SigningAlgorithm> SigningAlgorithmFromString(std::string_view word) {
  const auto* const found = std::find(kWords.begin(), kWords.end(), word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<SigningAlgorithm>(found - kWords.begin());
}

Result<KeySet> KeySet::Parse(std::string_view document) {
  const Result<Value> parsed = ParseJson(document);
  const Value* keys = parsed ? parsed->Find("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) {
    return Fail(ErrorCode::kInvalid, "the keys of the OpenID provider are no JWKS document: " +
                                         (parsed ? "it has no list 'keys'" : parsed.error().message));
  }
  if (keys->AsArray().size() > kMostKeys) {
    return Fail(ErrorCode::kInvalid, "the OpenID provider has " + std::to_string(keys->AsArray().size()) +
                                         " keys; more than " + std::to_string(kMostKeys) + " are not taken");
  }
  KeySet set;
  for (const Value& jwk : keys->AsArray()) {
    if (std::optional<SigningJwk> read = ReadJwk(jwk)) set.keys_.push_back(*std::move(read));
  }
  return set;
}

Result<const SigningJwk*> KeySet::Find(std::string_view id, SigningAlgorithm algorithm) const {
  const SigningJwk* found = nullptr;
  bool is_of_another = false;
  for (const SigningJwk& key : keys_) {
    if (!id.empty() && key.id != id) continue;
    if (key.algorithm != algorithm) {
      is_of_another = true;
      continue;
    }
    if (found != nullptr) {
      return Fail(ErrorCode::kNotFound, "several keys of the OpenID provider may have signed the ID token: it has to " +
                                            std::string("name one of them ('kid')"));
    }
    found = &key;
  }
  if (found != nullptr) return found;
  if (is_of_another && !id.empty()) {
    return Fail(ErrorCode::kUnauthenticated, "the ID token says " + std::string(ToString(algorithm)) +
                                                 ", but its key '" + Shortened(id, 64) + "' is of another algorithm");
  }
  return Fail(ErrorCode::kNotFound,
              "the OpenID provider has no key '" + Shortened(id, 64) + "' for " + std::string(ToString(algorithm)));
}

bool Verify(const SigningJwk& key, std::string_view signed_text, std::string_view signature) {
  const bool is_ecdsa = key.algorithm == SigningAlgorithm::kEs256;
  const std::string der = is_ecdsa ? ToDer(signature) : "";
  if (is_ecdsa && der.empty()) return false;
  const std::string_view bytes = is_ecdsa ? std::string_view(der) : signature;
  const EVP_MD* digest = key.algorithm == SigningAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  const std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  // RSA's padding is that of PKCS #1 v1.5 where nothing is said.
  const bool is_right =
      context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.key.get()) == 1 &&
      EVP_DigestVerify(context.get(), Bytes(bytes), bytes.size(), Bytes(signed_text), signed_text.size()) == 1;
  ERR_clear_error();
  return is_right;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  if (held == 6 || (bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xffff;
    for (held += 8; held >= 6; held -= 6) text += kDigits[bits >> (held - 6) & 63];
  }
  if (held > 0) text += kDigits[bits << (6 - held) & 63];
  return text;
}

}  // namespace guidon
