// The hashes of the project and what each is for.
//
//   Murmur3      bucketing; frozen, the same bits in every language (docs/spec/bucketing.md)
//   Hash64       tables in memory: sets of values, indexes; never stored, never on the wire
//   Digest128    what a client holds against what the server has (docs/spec/wire.md)
//
// Thread safety: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <guidon/attribute.h>

namespace guidon {

// murmur3_x86_32 (Austin Appleby, public domain) over the bytes of `text`.
// ("", 0) = 0, ("hello", 0) = 0x248bfa47, ("hello, world", 0) = 0x149bbb7f.
std::uint32_t Murmur3(std::string_view text, std::uint32_t seed = 0);

// The state after a fixed prefix, so that hashing prefix + text costs only the text.
// Murmur3Prefix(p).Finish(t) == Murmur3(p + t).
class Murmur3Prefix {
 public:
  explicit Murmur3Prefix(std::string_view prefix, std::uint32_t seed = 0);
  std::uint32_t Finish(std::string_view text) const noexcept;

 private:
  std::uint32_t state_;      // after the whole 4-byte blocks of the prefix
  std::uint32_t tail_ = 0;   // the prefix's last bytes, little endian
  std::uint32_t tail_size_;  // 0 … 3
  std::uint32_t prefix_size_;
};

// murmur3's finaliser, 64 bits: every bit of the result depends on every bit of `word`, and no two words give the same.
constexpr std::uint64_t Mix64(std::uint64_t word) noexcept {
  word = (word ^ (word >> 33)) * 0xff51afd7ed558ccdull;
  word = (word ^ (word >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return word ^ (word >> 33);
}

std::uint64_t Xxh3(std::string_view text) noexcept;  // 64 bits, seed 0

// Texts of up to kShortText bytes differ whenever their hashes do not: who knows that both are short need not look at
// them.
inline constexpr std::size_t kShortText = 7;
inline std::uint64_t Hash64(std::string_view text) noexcept {
  return text.size() <= kShortText ? Mix64(internal::NumberOfShort(text)) : Xxh3(text);
}

// XOR over all entities of XXH3-128 (seed 0) of kind NUL key NUL bytes. Adding and removing are the same operation.
class Digest128 {
 public:
  void Toggle(std::string_view kind, std::string_view key, std::string_view bytes);
  std::string ToHex() const;  // 32 digits, high half first
  friend bool operator==(const Digest128&, const Digest128&) = default;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

}  // namespace guidon
