// Text that somebody else keeps for us, and that nobody but this object can read, make or change: a cookie.
//
//   const Sealer sealer;
//   std::string cookie = *sealer.Seal(fields);
//   std::optional<Sealer::Fields> read = sealer.Open(cookie);   // nullopt: not of ours, or not as it was
//
// AES-256-GCM (NIST SP 800-38D) by OpenSSL. The key is 32 random bytes, is never stored and goes with the object; each
// text has a random nonce of 96 bits, of which one key may have 2^32: 1 000 a second for 49 days. What is sealed says
// nothing of its age: put the time of its end into it.
//
//   base64url( nonce (12) | ciphertext | tag (16) ), of each field: its size (2 bytes, high first) | its bytes
//
// Thread safety: immutable; every method may be called from any thread. Seal asks the system for random bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace guidon {

class Sealer {
 public:
  static constexpr std::size_t kMostFieldBytes = 0xffff;

  Sealer();  // when the system has no random bytes, Seal fails and Open finds nothing of its own
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  using Fields = std::vector<std::string>;  // any bytes
  // kTooLarge: a field is longer than kMostFieldBytes; kIo: the system has no random bytes; kInternal: OpenSSL.
  Result<std::string> Seal(const Fields& fields) const;
  std::optional<Fields> Open(std::string_view sealed) const;

 private:
  static constexpr std::size_t kKeyBytes = 32;
  std::array<unsigned char, kKeyBytes> key_{};
  bool has_key_ = false;
};

}  // namespace guidon
