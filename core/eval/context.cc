#include <guidon/context.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/hash.h"

namespace guidon {
namespace {

// Beyond 2^53 a number is no unit (docs/spec/bucketing.md): other languages could not write it exactly.
bool IsUnit(std::int64_t number) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 53;
  return -kLargest <= number && number <= kLargest;
}

// memcpy without a call: names and values are mostly short.
inline void CopyText(char* to, const char* from, std::size_t size) noexcept {
  if (size > 16) {
    std::memcpy(to, from, size);
  } else if (size >= 8) {
    std::uint64_t first, last;
    std::memcpy(&first, from, 8);
    std::memcpy(&last, from + size - 8, 8);
    std::memcpy(to, &first, 8);
    std::memcpy(to + size - 8, &last, 8);
  } else if (size >= 4) {
    std::uint32_t first, last;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
}

inline bool IsKey(Attribute attribute) {
  constexpr Attribute kKey("key");
  return attribute.hash() == kKey.hash() && (Attribute::kNamesInHash || attribute.name() == kKey.name());
}

}  // namespace

[[gnu::always_inline]] inline Context::Slot* Context::FindSlot(Attribute attribute) noexcept {
  const std::uint64_t hash = attribute.hash();
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    if (hashes_[i] == hash && (IsItsName(hash) || NameOf(i) == attribute.name())) return &slots_[i];
  }
  return nullptr;
}

[[gnu::always_inline]] inline bool Context::HasRoomFor(Attribute attribute, std::size_t text_size) const noexcept {
  const std::size_t name_size = KeptOf(attribute).size();
  return slot_count_ < slot_capacity_ && text_capacity_ - text_size_ >= name_size &&
         text_capacity_ - text_size_ - name_size >= text_size;
}

[[gnu::always_inline]] inline Context::Slot& Context::Append(Attribute attribute, Kind kind) noexcept {
  const std::string_view name = KeptOf(attribute);
  hashes_[slot_count_] = attribute.hash();
  Slot& slot = slots_[slot_count_++];
  slot.begin = slot.size = 0;
  slot.name_begin = text_size_;
  slot.name_size = static_cast<std::uint32_t>(name.size());
  slot.kind = kind;
  slot.truth = false;
  CopyText(text_ + text_size_, name.data(), name.size());
  text_size_ += slot.name_size;
  return slot;
}

Context::Context() noexcept : hashes_(inline_hashes_), slots_(inline_slots_), text_(inline_text_) {}

Context::Context(std::string_view key) : Context() {
  SetKey(key);
}

Context::Context(const Context& other) : Context() {
  CopyFrom(other);
}

Context::Context(Context&& other) noexcept : Context() {
  *this = std::move(other);
}

Context& Context::operator=(const Context& other) {
  if (this == &other) return *this;
  slot_count_ = text_size_ = 0;
  CopyFrom(other);
  return *this;
}

Context& Context::operator=(Context&& other) noexcept {
  if (this == &other) return *this;
  const bool inline_slots = other.slots_ == other.inline_slots_, inline_text = other.text_ == other.inline_text_;
  slot_count_ = std::exchange(other.slot_count_, 0u);
  slot_capacity_ = std::exchange(other.slot_capacity_, static_cast<std::uint32_t>(kInlineSlots));
  text_size_ = std::exchange(other.text_size_, 0u);
  text_capacity_ = std::exchange(other.text_capacity_, static_cast<std::uint32_t>(kInlineText));
  key_begin_ = std::exchange(other.key_begin_, 0u);
  key_size_ = std::exchange(other.key_size_, 0u);
  key_hash_ = other.key_hash_;
  values_ = std::move(other.values_);
  other.values_.clear();
  more_hashes_ = std::move(other.more_hashes_);
  more_slots_ = std::move(other.more_slots_);
  more_text_ = std::move(other.more_text_);
  if (inline_slots) {
    std::copy_n(other.inline_hashes_, slot_count_, inline_hashes_);
    std::copy_n(other.inline_slots_, slot_count_, inline_slots_);
  }
  if (inline_text) std::memcpy(inline_text_, other.inline_text_, text_size_);
  hashes_ = inline_slots ? inline_hashes_ : more_hashes_.get();
  slots_ = inline_slots ? inline_slots_ : more_slots_.get();
  text_ = inline_text ? inline_text_ : more_text_.get();
  other.hashes_ = other.inline_hashes_;
  other.slots_ = other.inline_slots_;
  other.text_ = other.inline_text_;
  return *this;
}

Context::~Context() = default;

void Context::CopyFrom(const Context& other) {
  if (other.slot_count_ > slot_capacity_) GrowSlots(other.slot_capacity_);
  if (other.text_size_ > text_capacity_) {
    more_text_ = std::make_unique<char[]>(other.text_capacity_);
    text_ = more_text_.get();
    text_capacity_ = other.text_capacity_;
  }
  std::copy_n(other.hashes_, other.slot_count_, hashes_);
  std::copy_n(other.slots_, other.slot_count_, slots_);
  std::memcpy(text_, other.text_, other.text_size_);
  slot_count_ = other.slot_count_;
  text_size_ = other.text_size_;
  key_begin_ = other.key_begin_;
  key_size_ = other.key_size_;
  key_hash_ = other.key_hash_;
  values_ = other.values_;
}

Context Context::FromValue(const Value& value) {
  Context context;
  const Value* key = value.Find("key");
  if (key == nullptr || key->is_null()) key = value.Find("targetingKey");
  if (key != nullptr) context.SetKeyTo(*key);
  for (const Member& member : value.AsObject()) {
    if (member.name == "key" || member.name == "targetingKey") continue;
    context.Set(Attribute(member.name), member.value);
  }
  return context;
}

Context& Context::SetKey(std::string_view key) {
  key_begin_ = Keep(key);
  key_size_ = static_cast<std::uint32_t>(key.size());
  key_hash_ = Hash64(key);
  return *this;
}

Context& Context::SetKeyTo(const Value& value) {
  if (value.IsIntegral() && IsUnit(value.AsInt())) return SetKey(std::to_string(value.AsInt()));
  return SetKey(value.AsString());  // of another kind: none
}

Context& Context::Set(Attribute attribute, std::string_view text) {
  if (IsKey(attribute)) return SetKey(text);
  const std::uint64_t hash = Hash64(text);
  const auto size = static_cast<std::uint32_t>(text.size());
  if (HasRoomFor(attribute, size) && FindSlot(attribute) == nullptr) {
    Slot& slot = Append(attribute, Kind::kText);
    slot.text_hash = hash;
    slot.begin = text_size_;
    slot.size = size;
    CopyText(text_ + text_size_, text.data(), size);
    text_size_ += size;
    return *this;
  }
  const std::uint32_t begin = Keep(text);
  // From here on the value is only known to us: a growth while the name is kept must not lose it.
  Slot& slot = SlotFor(attribute, begin, size);
  slot.kind = Kind::kText;
  slot.text_hash = hash;
  return *this;
}

Context& Context::Set(Attribute attribute, const char* text) {
  return text == nullptr ? Set(attribute, Value()) : Set(attribute, std::string_view(text));
}

Context& Context::Set(Attribute attribute, double number) {
  if (IsKey(attribute)) return SetKeyTo(number);
  Slot& slot = SlotFor(attribute);
  slot.kind = Kind::kDouble;
  slot.number = number;
  return *this;
}

Context& Context::SetBool(Attribute attribute, bool truth) {
  if (IsKey(attribute)) return SetKeyTo(truth);
  Slot& slot = SlotFor(attribute);
  slot.kind = Kind::kBool;
  slot.truth = truth;
  return *this;
}

Context& Context::SetInt(Attribute attribute, std::int64_t number) {
  if (IsKey(attribute)) return SetKeyTo(number);
  Slot& slot = SlotFor(attribute);
  slot.kind = Kind::kInt;
  slot.whole = number;
  return *this;
}

Context& Context::Set(Attribute attribute, const Value& value) {
  if (IsKey(attribute)) return SetKeyTo(value);
  switch (value.kind()) {
    case Value::Kind::kNull:
      if (Slot* slot = FindSlot(attribute)) {
        Release(*slot);
        --slot_count_;
        hashes_[slot - slots_] = hashes_[slot_count_];
        *slot = slots_[slot_count_];
      }
      return *this;
    case Value::Kind::kBool:
      return SetBool(attribute, value.AsBool());
    case Value::Kind::kInt:
      return SetInt(attribute, value.AsInt());
    case Value::Kind::kDouble:
      return Set(attribute, value.AsDouble());
    case Value::Kind::kString:
      return Set(attribute, std::string_view(value.AsString()));
    case Value::Kind::kArray:
    case Value::Kind::kObject:
      break;
  }
  const Kind kind = value.is_array() ? Kind::kList : Kind::kObject;
  if (Slot* held = FindSlot(attribute); held != nullptr && IsHeldByIndex(*held)) {
    values_[held->begin] = value;
    held->kind = kind;
    return *this;
  }
  values_.push_back(value);
  Slot& slot = SlotFor(attribute);
  slot.kind = kind;
  slot.begin = static_cast<std::uint32_t>(values_.size() - 1);
  return *this;
}

// Takes the list or object of a slot out of values_; the last one there takes its place.
void Context::Release(const Slot& slot) noexcept {
  if (!IsHeldByIndex(slot)) return;
  const auto last = static_cast<std::uint32_t>(values_.size() - 1);
  if (slot.begin != last) {
    values_[slot.begin] = std::move(values_[last]);
    for (std::uint32_t i = 0; i < slot_count_; ++i) {
      if (IsHeldByIndex(slots_[i]) && slots_[i].begin == last) slots_[i].begin = slot.begin;
    }
  }
  values_.pop_back();
}

// Keeps the slots that there are.
void Context::GrowSlots(std::uint32_t capacity) {
  auto hashes = std::make_unique<std::uint64_t[]>(capacity);
  auto slots = std::make_unique<Slot[]>(capacity);
  std::copy_n(hashes_, slot_count_, hashes.get());
  std::copy_n(slots_, slot_count_, slots.get());
  more_hashes_ = std::move(hashes);
  more_slots_ = std::move(slots);
  hashes_ = more_hashes_.get();
  slots_ = more_slots_.get();
  slot_capacity_ = capacity;
}

Context::Slot& Context::SlotFor(Attribute attribute, std::uint32_t text_begin, std::uint32_t text_size) {
  if (Slot* held = FindSlot(attribute)) {
    Release(*held);
    held->kind = Kind::kText;
    held->begin = text_begin;
    held->size = text_size;
    return *held;
  }
  if (HasRoomFor(attribute, 0)) {
    Slot& slot = Append(attribute, Kind::kText);
    slot.begin = text_begin;
    slot.size = text_size;
    return slot;
  }
  if (slot_count_ == slot_capacity_) GrowSlots(slot_capacity_ * 2);
  // A slot before its name is kept: with the value's place in it, so that a growth moves the value too.
  hashes_[slot_count_] = attribute.hash();
  Slot& slot = slots_[slot_count_++];
  slot.whole = 0;
  slot.begin = text_begin;
  slot.size = text_size;
  slot.name_begin = slot.name_size = 0;
  slot.kind = Kind::kText;
  slot.truth = false;
  const std::string_view name = KeptOf(attribute);
  const std::uint32_t name_begin = Keep(name);
  slot.name_begin = name_begin;
  slot.name_size = static_cast<std::uint32_t>(name.size());
  return slot;
}

std::uint32_t Context::Keep(std::string_view text) {
  if (text_capacity_ - text_size_ < text.size()) return Grow(text);
  CopyText(text_ + text_size_, text.data(), text.size());
  const std::uint32_t begin = text_size_;
  text_size_ += static_cast<std::uint32_t>(text.size());
  return begin;
}

// Moves what is still referred to into a larger buffer, so that a context whose attributes are set again and again
// stays as large as its newest values. `text` may lie in the old buffer.
std::uint32_t Context::Grow(std::string_view text) {
  std::size_t live = key_size_ + text.size();
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    live += slots_[i].name_size + (slots_[i].kind == Kind::kText ? slots_[i].size : 0);
  }
  std::size_t capacity = kInlineText;
  while (capacity < 2 * live) capacity *= 2;
  auto more = std::make_unique<char[]>(capacity);
  std::uint32_t size = 0;
  const auto move = [&](std::uint32_t& begin, std::uint32_t length) {
    std::memcpy(more.get() + size, text_ + begin, length);
    begin = size;
    size += length;
  };
  move(key_begin_, key_size_);
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    move(slots_[i].name_begin, slots_[i].name_size);
    if (slots_[i].kind == Kind::kText) move(slots_[i].begin, slots_[i].size);
  }
  const std::uint32_t begin = size;
  std::memcpy(more.get() + size, text.data(), text.size());
  more_text_ = std::move(more);
  text_ = more_text_.get();
  text_size_ = size + static_cast<std::uint32_t>(text.size());
  text_capacity_ = static_cast<std::uint32_t>(capacity);
  return begin;
}

Value Context::ToValue() const {
  Object object;
  object.Append("key", Value(key()));
  for (std::uint32_t i = 0; i < slot_count_; ++i) {
    const Slot& slot = slots_[i];
    Value value;
    switch (slot.kind) {
      case Kind::kBool:
        value = Value(slot.truth);
        break;
      case Kind::kInt:
        value = Value(slot.whole);
        break;
      case Kind::kDouble:
        value = Value(slot.number);
        break;
      case Kind::kText:
        value = Value(std::string_view(text_ + slot.begin, slot.size));
        break;
      case Kind::kList:
      case Kind::kObject:
        value = values_[slot.begin];
        break;
    }
    object.Append(NameOf(i), std::move(value));
  }
  return object;
}

}  // namespace guidon
