// The yardstick of every benchmark that counts nanoseconds: a fixed loop of murmur3_x86_32, so that figures of
// different machines and of different days on one machine can be compared as ratios.
//
// It is a copy on purpose, and never changes: core/base may get faster, the yardstick does not.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <cstring>

namespace guidon::bench {

// One step: the hash of 32 bytes, seeded with the hash before, so that steps wait for each other.
inline std::uint32_t MurmurStep(std::uint32_t seed) {
  static constexpr char kText[33] = "checkout.layout:user-0123456789a";
  const auto rotate = [](std::uint32_t x, int by) { return (x << by) | (x >> (32 - by)); };
  std::uint32_t hash = seed;
  for (int i = 0; i < 32; i += 4) {
    std::uint32_t block;
    std::memcpy(&block, kText + i, 4);
    hash ^= rotate(block * 0xcc9e2d51, 15) * 0x1b873593;
    hash = rotate(hash, 13) * 5 + 0xe6546b64;
  }
  hash ^= 32;
  hash ^= hash >> 16;
  hash *= 0x85ebca6b;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35;
  return hash ^ (hash >> 16);
}

}  // namespace guidon::bench
