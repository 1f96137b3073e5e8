#include "server/signin/password.h"

#include <argon2.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace guidon {
namespace {

constexpr std::uint32_t kMemoryKiB = 19'456;
constexpr std::uint32_t kPasses = 2;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kMostHashText = 256;

// "m=19456,t=2,p=1$…": takes "m=" and the number behind it away.
bool TakeNumber(std::string_view& text, std::string_view name, std::uint32_t most) {
  if (!text.starts_with(name)) return false;
  text.remove_prefix(name.size());
  std::uint32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || number == 0 || number > most) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

}  // namespace

Result<std::string> HashPassword(std::string_view password) {
  if (password.size() < kLeastPasswordBytes || password.size() > kMostPasswordBytes) {
    return Fail(ErrorCode::kInvalid, "a password has " + std::to_string(kLeastPasswordBytes) + " to " +
                                         std::to_string(kMostPasswordBytes) + " bytes, this one has " +
                                         std::to_string(password.size()));
  }
  std::array<unsigned char, kSaltBytes> salt;
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return Fail(ErrorCode::kIo, "the operating system gave no random bytes for the salt");
  }
  std::array<char, kMostHashText> text{};
  const int code = argon2id_hash_encoded(kPasses, kMemoryKiB, kLanes, password.data(), password.size(), salt.data(),
                                         salt.size(), kHashBytes, text.data(), text.size());
  if (code != ARGON2_OK) return Fail(ErrorCode::kInternal, std::string("Argon2: ") + argon2_error_message(code));
  return std::string(text.data());
}

Status CheckPasswordHash(std::string_view hash) {
  constexpr std::string_view kPrefix = "$argon2id$v=19$";
  std::string_view rest = hash;
  const bool is_ours = hash.size() < kMostHashText && rest.starts_with(kPrefix);
  if (is_ours) rest.remove_prefix(kPrefix.size());
  if (!is_ours || !TakeNumber(rest, "m=", 1u << 20) || !TakeNumber(rest, ",t=", 16) || !TakeNumber(rest, ",p=", 16) ||
      !rest.starts_with('$')) {
    return Fail(ErrorCode::kInvalid, "it is no hash of Argon2id; make one with: guidond hash-password");
  }
  return {};
}

bool MatchesPassword(std::string_view hash, std::string_view password) {
  if (!CheckPasswordHash(hash) || password.size() > kMostPasswordBytes) return false;
  return argon2id_verify(std::string(hash).c_str(), password.data(), password.size()) == ARGON2_OK;
}

}  // namespace guidon
