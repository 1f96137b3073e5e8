#include <guidon/value.h>

#include <algorithm>
#include <cmath>

namespace guidon {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

bool IsWholeWithinInt64(double d) {
  return d >= -kTwoTo63 && d < kTwoTo63 && std::trunc(d) == d;
}

bool EqualNumbers(std::int64_t i, double d) {
  return IsWholeWithinInt64(d) && static_cast<std::int64_t>(d) == i;
}

bool EqualObjects(const Object& a, const Object& b) noexcept {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const Member& member) {
    const Value* other = b.Find(member.name);
    return other != nullptr && *other == member.value;
  });
}

}  // namespace

Object::Object() noexcept = default;
Object::Object(std::initializer_list<Member> members) : members_(members) {}
Object::Object(const Object&) = default;
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(const Object&) = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

const Value* Object::Find(std::string_view name) const noexcept {
  for (const Member& member : members_) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

Value* Object::Find(std::string_view name) noexcept {
  return const_cast<Value*>(static_cast<const Object*>(this)->Find(name));
}

Value& Object::Set(std::string_view name, Value value) {
  if (Value* held = Find(name)) {
    *held = std::move(value);
    return *held;
  }
  return Append(name, std::move(value));
}

Value& Object::Append(std::string_view name, Value value) {
  return members_.emplace_back(Member{std::string(name), std::move(value)}).value;
}

bool Object::Erase(std::string_view name) {
  const auto it = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.name == name; });
  if (it == members_.end()) return false;
  members_.erase(it);
  return true;
}

void Object::Reserve(std::size_t members) {
  members_.reserve(members);
}

std::size_t Object::size() const noexcept {
  return members_.size();
}
const Member* Object::begin() const noexcept {
  return members_.data();
}
const Member* Object::end() const noexcept {
  return members_.data() + members_.size();
}
Member* Object::begin() noexcept {
  return members_.data();
}
Member* Object::end() noexcept {
  return members_.data() + members_.size();
}

Value::Value() noexcept : storage_(nullptr) {}
Value::Value(std::nullptr_t) noexcept : storage_(nullptr) {}
Value::Value(double value) noexcept : storage_(value) {}
Value::Value(const char* text) : storage_(std::string(text)) {}
Value::Value(std::string_view text) : storage_(std::string(text)) {}
Value::Value(std::string text) noexcept : storage_(std::move(text)) {}
Value::Value(Array elements) noexcept : storage_(std::move(elements)) {}
Value::Value(Object members) noexcept : storage_(std::move(members)) {}
Value::Value(Storage storage) noexcept : storage_(std::move(storage)) {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

bool Value::AsBool() const noexcept {
  const bool* held = std::get_if<bool>(&storage_);
  return held != nullptr && *held;
}

std::int64_t Value::AsInt() const noexcept {
  if (const auto* i = std::get_if<std::int64_t>(&storage_)) return *i;
  if (const auto* d = std::get_if<double>(&storage_)) return IsWholeWithinInt64(*d) ? static_cast<std::int64_t>(*d) : 0;
  return 0;
}

double Value::AsDouble() const noexcept {
  if (const auto* i = std::get_if<std::int64_t>(&storage_)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&storage_)) return *d;
  return 0;
}

const std::string& Value::AsString() const noexcept {
  static const std::string kEmpty;
  const auto* held = std::get_if<std::string>(&storage_);
  return held != nullptr ? *held : kEmpty;
}

const Array& Value::AsArray() const noexcept {
  static const Array kEmpty;
  const auto* held = std::get_if<Array>(&storage_);
  return held != nullptr ? *held : kEmpty;
}

const Object& Value::AsObject() const noexcept {
  static const Object kEmpty;
  const auto* held = std::get_if<Object>(&storage_);
  return held != nullptr ? *held : kEmpty;
}

bool Value::IsIntegral() const noexcept {
  if (is_int()) return true;
  const auto* d = std::get_if<double>(&storage_);
  return d != nullptr && IsWholeWithinInt64(*d);
}

Array& Value::MutableArray() {
  if (!is_array()) storage_ = Array();
  return std::get<Array>(storage_);
}

Object& Value::MutableObject() {
  if (!is_object()) storage_ = Object();
  return std::get<Object>(storage_);
}

const Value* Value::Find(std::string_view name) const noexcept {
  const auto* held = std::get_if<Object>(&storage_);
  return held != nullptr ? held->Find(name) : nullptr;
}

bool operator==(const Value& a, const Value& b) noexcept {
  using Kind = Value::Kind;
  if (a.kind() == Kind::kInt && b.kind() == Kind::kDouble) return EqualNumbers(a.AsInt(), b.AsDouble());
  if (a.kind() == Kind::kDouble && b.kind() == Kind::kInt) return EqualNumbers(b.AsInt(), a.AsDouble());
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return a.AsBool() == b.AsBool();
    case Kind::kInt:
      return a.AsInt() == b.AsInt();
    case Kind::kDouble:
      return a.AsDouble() == b.AsDouble();
    case Kind::kString:
      return a.AsString() == b.AsString();
    case Kind::kArray:
      return a.AsArray() == b.AsArray();
    case Kind::kObject:
      return EqualObjects(a.AsObject(), b.AsObject());
  }
  return false;
}

}  // namespace guidon
