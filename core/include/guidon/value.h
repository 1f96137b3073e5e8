// A JSON value: what a flag serves, what an attribute holds, and the tree that every definition is read from.
//
//   guidon::Value limits = guidon::Object{{"rps", 200}, {"burst", 50.5}};
//   if (const guidon::Value* rps = limits.Find("rps")) Use(rps->AsInt());
//
// Whole numbers that fit in 64 bits keep every digit; all others are doubles. Numbers compare by value (1 equals 1.0).
// Members of an object keep their order; a name occurs once (the readers refuse duplicates).
//
// Thread safety: plain values; reading one from many threads is safe while nobody changes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <guidon/export.h>

namespace guidon {

class Value;
struct Member;

// The elements of a list, in their order.
using Array = std::vector<Value>;

// The members of an object in their order. Look-up is linear: definitions are small, and evaluation never does it.
class GUIDON_API Object {
 public:
  // Empty, or with these members, of which no two may have the same name.
  Object() noexcept;
  Object(std::initializer_list<Member> members);

  // Copies are deep.
  Object(const Object&);
  Object(Object&&) noexcept;
  Object& operator=(const Object&);
  Object& operator=(Object&&) noexcept;
  ~Object();

  // Null when there is no such member. Valid until a member is added or erased.
  const Value* Find(std::string_view name) const noexcept;
  Value* Find(std::string_view name) noexcept;

  Value& Set(std::string_view name, Value value);     // replaces in place, or appends; returns what is stored
  Value& Append(std::string_view name, Value value);  // the caller knows that the name is new
  bool Erase(std::string_view name);                  // false when there is no such member
  void Reserve(std::size_t members);                  // room for so many at once

  std::size_t size() const noexcept;                   // how many members there are
  bool empty() const noexcept { return size() == 0; }  // whether there is none

  // The members in their order.
  const Member* begin() const noexcept;
  const Member* end() const noexcept;
  Member* begin() noexcept;
  Member* end() noexcept;

 private:
  std::vector<Member> members_;
};

// One JSON value, which owns all that is in it.
class GUIDON_API Value {
 public:
  // What it is. A whole number that fits in 64 bits is a kInt, any other number a kDouble.
  enum class Kind { kNull, kBool, kInt, kDouble, kString, kArray, kObject };

  // Null.
  Value() noexcept;
  Value(std::nullptr_t) noexcept;

  // A boolean.
  template <typename T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
  Value(T value) noexcept : Value(Storage(value)) {}

  // A whole number; what is beyond int64 has to be a double.
  template <typename T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Value(T value) noexcept : Value(Storage(static_cast<std::int64_t>(value))) {}

  // A number, text (UTF-8; no null pointer), a list, an object.
  Value(double value) noexcept;
  Value(const char* text);
  Value(std::string_view text);
  Value(std::string text) noexcept;
  Value(Array elements) noexcept;
  Value(Object members) noexcept;

  // Copies are deep. What was moved from may be assigned to, or destroyed.
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();

  // What it is.
  Kind kind() const noexcept { return static_cast<Kind>(storage_.index()); }
  bool is_null() const noexcept { return kind() == Kind::kNull; }
  bool is_bool() const noexcept { return kind() == Kind::kBool; }
  bool is_int() const noexcept { return kind() == Kind::kInt; }
  bool is_number() const noexcept { return kind() == Kind::kInt || kind() == Kind::kDouble; }
  bool is_string() const noexcept { return kind() == Kind::kString; }
  bool is_array() const noexcept { return kind() == Kind::kArray; }
  bool is_object() const noexcept { return kind() == Kind::kObject; }

  // The content; of another kind: false, 0, "" or the empty array or object. Never throws.
  bool AsBool() const noexcept;
  std::int64_t AsInt() const noexcept;  // also of a double that is a whole number within int64; else 0
  double AsDouble() const noexcept;     // also of an int
  const std::string& AsString() const noexcept;
  const Array& AsArray() const noexcept;
  const Object& AsObject() const noexcept;

  // A whole number by value: 3 and 3.0 are, 3.5 and 1e300 are not.
  bool IsIntegral() const noexcept;

  // For building in place: becomes an empty array or object first if it is of another kind.
  Array& MutableArray();
  Object& MutableObject();

  // The member of an object, or nullptr (also when this is no object).
  const Value* Find(std::string_view name) const noexcept;

  // Deep; numbers by value, members of objects in any order.
  friend GUIDON_API bool operator==(const Value& a, const Value& b) noexcept;
  friend bool operator!=(const Value& a, const Value& b) noexcept { return !(a == b); }

 private:
  using Storage = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;
  explicit Value(Storage storage) noexcept;

  Storage storage_;
};

// A member of an object.
struct GUIDON_API Member {
  std::string name;  // UTF-8
  Value value;       // of any kind
};

}  // namespace guidon
