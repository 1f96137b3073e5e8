// The public keys of an OpenID provider, as its JWKS document has them (RFC 7517, 7518, 8037), and what they sign.
//
//   Result<KeySet> keys = KeySet::Parse(document);
//   const SigningJwk* key = *keys->Find("2027-01", SigningAlgorithm::kEs256);
//   bool ours = Verify(*key, "header.payload", signature);
//
// Three algorithms and no others: a list, so that neither `none` nor a MAC with the public key as its secret can ever
// be meant. A key is of one algorithm, whatever a token says of it.
//
// Thread safety: immutable; pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

struct evp_pkey_st;

namespace guidon {

enum class SigningAlgorithm : std::uint8_t {
  kEs256,  // ECDSA, P-256 and SHA-256; the signature is r and s, 32 bytes each
  kRs256,  // RSASSA-PKCS1-v1_5 and SHA-256, with at least 2 048 bits
  kEdDsa,  // Ed25519
};
std::string_view ToString(SigningAlgorithm algorithm);  // "ES256", "RS256", "EdDSA"
std::optional<SigningAlgorithm> SigningAlgorithmFromString(std::string_view word);

struct SigningJwk {
  std::string id;  // `kid`; may be empty
  SigningAlgorithm algorithm = SigningAlgorithm::kEs256;
  std::shared_ptr<evp_pkey_st> key;
};

class KeySet {
 public:
  static constexpr std::size_t kMostKeys = 64;  // a document with more is refused

  // Keys of other types, for encryption, or with other algorithms are passed over, as RFC 7517 wants it; one that says
  // to be of ours and cannot be used (a point off the curve, an RSA key that is too short) is, too. kInvalid: it is no
  // such document.
  static Result<KeySet> Parse(std::string_view document);

  // The key with that id; an empty one means the only key of that algorithm. kNotFound: there is none, or it is not to
  // be said which. kUnauthenticated: the key of that id is of another algorithm.
  Result<const SigningJwk*> Find(std::string_view id, SigningAlgorithm algorithm) const;

  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<SigningJwk> keys_;
};

bool Verify(const SigningJwk& key, std::string_view signed_text, std::string_view signature);

// RFC 4648, section 5, without padding; strict: nullopt for other characters, and for bits that are left over.
std::optional<std::string> DecodeBase64Url(std::string_view text);
std::string EncodeBase64Url(std::string_view bytes);

}  // namespace guidon
