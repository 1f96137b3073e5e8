// Who a flag is evaluated for: a key and attributes.
//
//   guidon::Context user("user-42");
//   user.Set("country", "DE").Set("plan", "pro").Set("age", 31);
//
//   constexpr guidon::Attribute kCountry("country");   // hashes the name at compile time
//   user.Set(kCountry, "DE");
//
// Made to live on the stack: up to eight attributes and 256 bytes of text need no allocation. Text is copied.
// A name is looked up whole first; "address.city" then finds `city` within an object set as "address".
//
// Thread safety: evaluation only reads; one Context may be evaluated by many threads while nobody sets anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <guidon/export.h>
#include <guidon/value.h>

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

// A key and attributes. Each attribute has one value: text, a number, a boolean, a list or an object.
class GUIDON_API Context {
 public:
  Context() noexcept;                      // no key: splits by key find no unit
  explicit Context(std::string_view key);  // of a user, an account, a device: what splits and lists go by

  // A copy is deep, and allocates only where the original had to. One that was moved from may be assigned to, or
  // destroyed.
  Context(const Context& other);
  Context(Context&& other) noexcept;
  Context& operator=(const Context& other);
  Context& operator=(Context&& other) noexcept;
  ~Context();

  // From JSON: {"key": "user-42", "country": "DE", …}. The key is text, or a whole number up to 2^53; without `key`,
  // `targetingKey` is taken. Members that are null are left out. Of another kind than an object: an empty context.
  static Context FromValue(const Value& value);

  // Replaces the key.
  Context& SetKey(std::string_view key);
  // Empty when there is none. Valid until the context changes.
  std::string_view key() const noexcept { return {text_ + key_begin_, key_size_}; }

  // Sets or replaces. A null Value, or no text at all (nullptr), removes. An attribute called "key" is the key, by the
  // rules of FromValue. Cost: a look along the attributes that are there, and a copy of the text.
  Context& Set(Attribute attribute, std::string_view text);
  Context& Set(Attribute attribute, const char* text);
  Context& Set(Attribute attribute, const std::string& text) { return Set(attribute, std::string_view(text)); }
  Context& Set(Attribute attribute, double number);
  Context& Set(Attribute attribute, const Value& value);

  // The same for booleans.
  template <typename T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
  Context& Set(Attribute attribute, T truth) {
    return SetBool(attribute, truth);
  }

  // For whole numbers, as 64 bits with a sign.
  template <typename T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Context& Set(Attribute attribute, T number) {
    return SetInt(attribute, static_cast<std::int64_t>(number));
  }

  // For any of these, by a name that is hashed now.
  template <typename T>
  Context& Set(std::string_view name, T&& value) {
    return Set(Attribute(name), std::forward<T>(value));
  }

  // Key and attributes as an object, for logs and explanations.
  Value ToValue() const;

 private:
  friend struct ContextReader;   // core/eval
  friend struct ContextScalars;  // core/eval

  enum class Kind : std::uint8_t { kBool, kInt, kDouble, kText, kList, kObject };
  struct Slot {
    union {
      std::int64_t whole;
      double number;
      std::uint64_t text_hash;
    };
    std::uint32_t begin, size;            // kText: in text_; kList, kObject: `begin` is an index into values_
    std::uint32_t name_begin, name_size;  // in text_; of a name that is its own hash, in hashes_
    Kind kind;
    bool truth;
  };
  static_assert(sizeof(Slot) == 32, "two in a cache line");

  static constexpr std::size_t kInlineSlots = 8;
  static constexpr std::size_t kInlineText = 256;
  static constexpr std::size_t kSlack = 8;  // behind text_, so that short texts may be looked at 8 bytes at a time

  static bool IsHeldByIndex(const Slot& slot) { return slot.kind == Kind::kList || slot.kind == Kind::kObject; }
  static bool IsItsName(std::uint64_t hash) { return (hash & Attribute::kIsHashed) == 0; }
  std::string_view NameOf(std::uint32_t slot) const noexcept {
    const char* const name =
        IsItsName(hashes_[slot]) ? reinterpret_cast<const char*>(&hashes_[slot]) : text_ + slots_[slot].name_begin;
    return {name, slots_[slot].name_size};
  }

  Context& SetKeyTo(const Value& value);
  Context& SetBool(Attribute attribute, bool truth);
  Context& SetInt(Attribute attribute, std::int64_t number);
  void GrowSlots(std::uint32_t capacity);
  bool HasRoomFor(Attribute attribute, std::size_t text_size) const noexcept;
  Slot& Append(Attribute attribute, Kind kind) noexcept;  // there is room, and no such attribute yet
  Slot* FindSlot(Attribute attribute) noexcept;
  Slot& SlotFor(Attribute attribute, std::uint32_t text_begin = 0, std::uint32_t text_size = 0);
  std::uint32_t Keep(std::string_view text);  // copies into text_; returns where it begins
  std::uint32_t Grow(std::string_view text);
  void Release(const Slot& slot) noexcept;
  void CopyFrom(const Context& other);

  // What a look-up needs comes first: hashes of names, apart from what they stand for.
  std::uint32_t slot_count_ = 0;
  std::uint32_t slot_capacity_ = kInlineSlots;
  std::uint64_t* hashes_;  // of names, by slot; inline_hashes_, or more_hashes_ once there are more
  Slot* slots_;            // inline_slots_, or more_slots_
  char* text_;             // inline_text_, or more_text_
  std::uint32_t text_size_ = 0;
  std::uint32_t text_capacity_ = kInlineText;
  std::uint32_t key_begin_ = 0;
  std::uint32_t key_size_ = 0;
  std::uint64_t key_hash_ = 0;
  std::uint64_t inline_hashes_[kInlineSlots];
  Slot inline_slots_[kInlineSlots];
  char inline_text_[kInlineText + kSlack];
  std::vector<Value> values_;
  std::unique_ptr<std::uint64_t[]> more_hashes_;
  std::unique_ptr<Slot[]> more_slots_;
  std::unique_ptr<char[]> more_text_;
};

}  // namespace guidon
