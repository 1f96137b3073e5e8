// The scalars of a context one by one, without a copy, for those who write contexts down.
//
//   ContextScalars::ForEach(context, [&](const ContextScalar& scalar) { … });
#pragma once

#include <cstdint>
#include <string_view>

#include <guidon/context.h>
#include <guidon/value.h>

namespace guidon {

struct ContextScalar {
  enum class Kind : std::uint8_t { kBool, kInt, kDouble, kText };
  std::string_view name;  // valid while nobody sets anything
  Kind kind = Kind::kText;
  bool truth = false;
  std::int64_t whole = 0;
  double number = 0;
  std::string_view text;  // valid while nobody sets anything

  Value ToValue() const {
    switch (kind) {
      case Kind::kBool:
        return truth;
      case Kind::kInt:
        return whole;
      case Kind::kDouble:
        return number;
      case Kind::kText:
        return text;
    }
    return {};
  }
};

struct ContextScalars {
  // The key comes first, as "key", when there is one; then the attributes in no particular order. Lists and objects are
  // left out.
  template <typename Take>
  static void ForEach(const Context& context, Take&& take) {
    ContextScalar scalar;
    if (!context.key().empty()) {
      scalar.name = "key";
      scalar.text = context.key();
      take(scalar);
    }
    for (std::uint32_t i = 0; i < context.slot_count_; ++i) {
      scalar.name = context.NameOf(i);
      if (Read(context, context.slots_[i], scalar)) take(scalar);
    }
  }

 private:
  static bool Read(const Context& context, const Context::Slot& slot, ContextScalar& out) {
    switch (slot.kind) {
      case Context::Kind::kBool:
        out.kind = ContextScalar::Kind::kBool;
        out.truth = slot.truth;
        return true;
      case Context::Kind::kInt:
        out.kind = ContextScalar::Kind::kInt;
        out.whole = slot.whole;
        return true;
      case Context::Kind::kDouble:
        out.kind = ContextScalar::Kind::kDouble;
        out.number = slot.number;
        return true;
      case Context::Kind::kText:
        out.kind = ContextScalar::Kind::kText;
        out.text = {context.text_ + slot.begin, slot.size};
        return true;
      case Context::Kind::kList:
      case Context::Kind::kObject:
        break;
    }
    return false;
  }
};

}  // namespace guidon
