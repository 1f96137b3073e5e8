// Members of a JSON object that is read back: what is missing, or of another kind, is empty or 0.
//
//   record.member = TextOf(*value, "member");
//   for (const Value& edit : ListIn(*value, "changes")) …
//
// Thread safety: pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>

namespace guidon {

inline std::string TextOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? std::string() : member->AsString();
}

inline std::int64_t NumberOf(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  return member == nullptr ? 0 : member->AsInt();
}

// The same of what is never below 0.
inline std::uint64_t CountOf(const Value& object, std::string_view name) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(NumberOf(object, name), 0));
}

// Valid as long as the object is.
inline const Array& ListIn(const Value& object, std::string_view name) {
  static const Array kNone;
  const Value* list = object.Find(name);
  return list == nullptr ? kNone : list->AsArray();
}

inline std::vector<std::string> TextsIn(const Value& object, std::string_view name) {
  std::vector<std::string> texts;
  for (const Value& text : ListIn(object, name)) texts.push_back(text.AsString());
  return texts;
}

// The way back.
inline Array TextsOf(const std::vector<std::string>& texts) {
  Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace guidon
