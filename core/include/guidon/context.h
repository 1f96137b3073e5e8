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

#include <guidon/attribute.h>
#include <guidon/export.h>
#include <guidon/value.h>

namespace guidon {

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
    std::uint32_t name_begin, name_size;  // in text_; nothing of a name that is its own hash
    Kind kind;
    bool truth;
  };
  static_assert(sizeof(Slot) == 32, "two in a cache line");

  static constexpr std::size_t kInlineSlots = 8;
  static constexpr std::size_t kInlineText = 256;

  static bool IsHeldByIndex(const Slot& slot) { return slot.kind == Kind::kList || slot.kind == Kind::kObject; }
  static bool IsItsName(std::uint64_t hash) { return (hash & Attribute::kIsHashed) == 0; }
  std::string_view NameOf(std::uint32_t slot) const noexcept {
    const std::uint64_t& hash = hashes_[slot];
    if (IsItsName(hash)) return {reinterpret_cast<const char*>(&hash), static_cast<std::size_t>(hash >> 56)};
    return {text_ + slots_[slot].name_begin, slots_[slot].name_size};
  }
  // What of a name has to be kept in text_.
  static std::string_view KeptOf(Attribute attribute) noexcept {
    return IsItsName(attribute.hash()) ? std::string_view() : attribute.name();
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
  char inline_text_[kInlineText];
  std::vector<Value> values_;
  std::unique_ptr<std::uint64_t[]> more_hashes_;
  std::unique_ptr<Slot[]> more_slots_;
  std::unique_ptr<char[]> more_text_;
};

}  // namespace guidon
