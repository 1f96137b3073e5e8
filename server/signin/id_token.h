// Whether an ID token is what it should be (OpenID Connect Core 1.0, section 3.1.3.7; RFC 7515, 7519, 8725).
//
//   Result<Identity> who = CheckIdToken(token, keys, {.issuer = …, .client_id = …, .nonce = …, .now_s = …});
//   if (!who && who.error().code == ErrorCode::kNotFound) …   // signed by a key that we do not know (yet)
//
// The first thing that is wrong refuses all of it, and the error names it. Nothing in the payload is looked at before
// the signature has been checked.
//
// Thread safety: pure functions and plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "server/signin/key_set.h"

namespace guidon {

inline constexpr std::size_t kMostIdTokenBytes = 32u << 10;
inline constexpr std::size_t kMostSubjectBytes = 255;  // of OpenID Connect Core, section 2
inline constexpr std::size_t kMostGroups = 1'000;      // of one person; a token with more is refused
inline constexpr std::int64_t kClockSkewSeconds = 60;  // between the provider's clock and ours

struct IdTokenExpectation {
  std::string issuer;
  std::string client_id;
  std::string nonce;
  std::string groups_claim;  // the name of the claim with the groups; empty: none is read
  std::int64_t now_s = 0;    // seconds since 1970
};

// Who it is, as the provider says. Name and e-mail are for people to read and decide nothing.
struct Identity {
  std::string issuer;
  std::string subject;
  std::string name;   // may be empty
  std::string email;  // may be empty
  std::vector<std::string> groups;
};

// kNotFound: no key of the set has the token's `kid`; a set that was fetched anew may have it. kUnauthenticated:
// anything else, such as `the ID token is for another audience ("other"), not for "guidon"`.
Result<Identity> CheckIdToken(std::string_view token, const KeySet& keys, const IdTokenExpectation& expected);

}  // namespace guidon
