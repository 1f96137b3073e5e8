// The password of the break-glass admin: Argon2id (RFC 9106), as text that says its own parameters.
//
//   $argon2id$v=19$m=19456,t=2,p=1$…salt…$…hash…
//
// New ones have OWASP's first choice: 19 MiB, two passes, one lane; some 30 ms of one core. A hash that asks for more
// than 1 GiB, 16 passes or 16 lanes is refused, so that a file cannot have the server take all of its memory.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace guidon {

inline constexpr std::size_t kLeastPasswordBytes = 12;
inline constexpr std::size_t kMostPasswordBytes = 1'024;

// With fresh salt. kInvalid: it is too short or too long.
Result<std::string> HashPassword(std::string_view password);

// kInvalid: it is no hash of Argon2id within the bounds; says why, and never what it is.
Status CheckPasswordHash(std::string_view hash);

// Compares in constant time. False for a hash that CheckPasswordHash refuses, and for a password that is too long.
bool MatchesPassword(std::string_view hash, std::string_view password);

}  // namespace guidon
