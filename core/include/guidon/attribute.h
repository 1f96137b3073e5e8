// The name of an attribute of a context, hashed: at compile time where the name is known then.
//
//   constexpr guidon::Attribute kCountry("country");
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <guidon/export.h>

namespace guidon {

namespace internal {

// Bytes as a word, as memory has them.
template <typename Word>
constexpr Word WordAt(const char* bytes) noexcept {
  Word word = 0;
  if (__builtin_is_constant_evaluated()) {
    for (std::size_t i = 0; i < sizeof word; ++i) {
      const std::size_t byte = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : sizeof word - 1 - i;
      word = static_cast<Word>(word | static_cast<Word>(Word{static_cast<unsigned char>(bytes[i])} << (8 * byte)));
    }
  } else {
    __builtin_memcpy(&word, bytes, sizeof word);
  }
  return word;
}

// A text of up to 7 bytes as a number that no other such text has.
constexpr std::uint64_t NumberOfShort(std::string_view text) noexcept {
  const std::size_t size = text.size();
  const char* const bytes = text.data();
  std::uint64_t number = std::uint64_t{size} << 56;
  if (size >= 4) {
    number |= std::uint64_t{WordAt<std::uint32_t>(bytes + size - 4)} << (8 * (size - 4));
    number |= WordAt<std::uint32_t>(bytes);
  } else if (size >= 2) {
    number |= std::uint64_t{WordAt<std::uint16_t>(bytes + size - 2)} << (8 * (size - 2));
    number |= WordAt<std::uint16_t>(bytes);
  } else if (size == 1) {
    number |= WordAt<std::uint8_t>(bytes);
  }
  return number;
}

}  // namespace internal

// The name of an attribute with its hash.
class GUIDON_API Attribute {
 public:
  // Keeps no copy of the name: a literal, or text that lives longer. Constant expressions hash at compile time.
  constexpr explicit Attribute(std::string_view name) noexcept : name_(name), hash_(HashOf(name)) {}

  constexpr std::string_view name() const noexcept { return name_; }  // as it was given
  constexpr std::uint64_t hash() const noexcept { return hash_; }     // HashOf(name())

  // Of a name of up to 7 bytes, the name itself, where bytes come in an order that allows it: its bytes, and its size
  // in the last. Of other names, a hash with the topmost bit set. Differs from one build to another.
  static constexpr std::uint64_t HashOf(std::string_view name) noexcept {
    if (kNamesInHash && name.size() < 8) return internal::NumberOfShort(name);
    std::uint64_t hash = name.size();
    std::size_t at = 0;
    for (; at + 8 <= name.size(); at += 8) hash = Mix(hash ^ internal::WordAt<std::uint64_t>(name.data() + at));
    if (at < name.size()) hash = Mix(hash ^ internal::NumberOfShort(name.substr(at)));
    return hash | kIsHashed;
  }
  static constexpr bool kNamesInHash = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  static constexpr std::uint64_t kIsHashed = std::uint64_t{1} << 63;

 private:
  static constexpr std::uint64_t Mix(std::uint64_t word) noexcept {
    word *= 0x9e3779b97f4a7c15ull;
    return word ^ (word >> 32);
  }

  std::string_view name_;
  std::uint64_t hash_;
};

}  // namespace guidon
