#include "core/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

namespace guidon {
namespace {

constexpr std::uint32_t kC1 = 0xcc9e2d51;
constexpr std::uint32_t kC2 = 0x1b873593;

inline std::uint32_t Rotl(std::uint32_t x, int r) {
  return (x << r) | (x >> (32 - r));
}

inline std::uint32_t MixBlock(std::uint32_t state, std::uint32_t k) {
  state ^= Rotl(k * kC1, 15) * kC2;
  return Rotl(state, 13) * 5 + 0xe6546b64;
}

inline std::uint32_t Load32(const char* bytes) {
  std::uint32_t k;
  std::memcpy(&k, bytes, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  k = __builtin_bswap32(k);
#endif
  return k;
}

// The last 0 … 3 bytes, little endian.
inline std::uint32_t LoadTail(const char* bytes, std::size_t size) {
  const auto byte = [bytes](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(bytes[i])}; };
  switch (size) {
    case 3:
      return byte(0) | byte(1) << 8 | byte(2) << 16;
    case 2:
      return byte(0) | byte(1) << 8;
    case 1:
      return byte(0);
    default:
      return 0;
  }
}

inline std::uint32_t FinishTail(std::uint32_t state, std::uint32_t tail, std::uint32_t total_size) {
  state ^= Rotl(tail * kC1, 15) * kC2;
  state ^= total_size;
  state ^= state >> 16;
  state *= 0x85ebca6b;
  state ^= state >> 13;
  state *= 0xc2b2ae35;
  state ^= state >> 16;
  return state;
}

}  // namespace

std::uint32_t Murmur3(std::string_view text, std::uint32_t seed) {
  return Murmur3Prefix("", seed).Finish(text);
}

Murmur3Prefix::Murmur3Prefix(std::string_view prefix, std::uint32_t seed)
    : state_(seed),
      tail_size_(static_cast<std::uint32_t>(prefix.size() % 4)),
      prefix_size_(static_cast<std::uint32_t>(prefix.size())) {
  const std::size_t blocks = prefix.size() / 4;
  for (std::size_t i = 0; i < blocks; ++i) state_ = MixBlock(state_, Load32(prefix.data() + 4 * i));
  tail_ = LoadTail(prefix.data() + 4 * blocks, tail_size_);
}

std::uint32_t Murmur3Prefix::Finish(std::string_view text) const noexcept {
  std::uint32_t state = state_;
  const char* bytes = text.data();
  std::size_t left = text.size();
  // Bytes that wait to fill a block. With a prefix of whole blocks this is the plain loop; otherwise every block is
  // put together from the waiting bytes and the first ones of the next load.
  std::uint64_t waiting = tail_;
  const unsigned shift = 8 * tail_size_;
  while (left >= 4) {
    waiting |= static_cast<std::uint64_t>(Load32(bytes)) << shift;
    state = MixBlock(state, static_cast<std::uint32_t>(waiting));
    waiting >>= 32;
    bytes += 4;
    left -= 4;
  }
  waiting |= static_cast<std::uint64_t>(LoadTail(bytes, left)) << shift;
  std::size_t rest = tail_size_ + left;
  if (rest >= 4) {
    state = MixBlock(state, static_cast<std::uint32_t>(waiting));
    waiting >>= 32;
    rest -= 4;
  }
  return FinishTail(state, static_cast<std::uint32_t>(waiting), prefix_size_ + static_cast<std::uint32_t>(text.size()));
}

std::uint64_t Xxh3(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

void Digest128::Toggle(std::string_view kind, std::string_view key, std::string_view bytes) {
  std::string input;
  input.reserve(kind.size() + key.size() + bytes.size() + 2);
  input.append(kind).push_back('\0');
  input.append(key).push_back('\0');
  input.append(bytes);
  const XXH128_hash_t hash = XXH3_128bits(input.data(), input.size());
  high_ ^= hash.high64;
  low_ ^= hash.low64;
}

std::string Digest128::ToHex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(32, '0');
  for (std::size_t i = 0; i < hex.size(); ++i) {
    hex[i] = kDigits[((i < 16 ? high_ : low_) >> (60 - 4 * (i % 16))) & 15];
  }
  return hex;
}

}  // namespace guidon
