// The members of an object, written one after the other as JSON text.
//
//   std::string json = "{";
//   JsonMembers(json).Text("type", "exposure").Number("bucket", 17);
//   json += '}';
//
// Thread safety: belongs to one thread, and so does the text, which outlives it.
#pragma once

#include <string>
#include <string_view>

#include <guidon/value.h>
#include "core/base/json.h"

namespace guidon {

class JsonMembers {
 public:
  // Writes at the end of `out`, where an object without members has just begun.
  explicit JsonMembers(std::string& out) : out_(out) {}

  JsonMembers& Text(std::string_view name, std::string_view text) {
    Name(name);
    AppendJsonString(out_, text);
    return *this;
  }
  JsonMembers& TextIfAny(std::string_view name, std::string_view text) {
    return text.empty() ? *this : Text(name, text);
  }
  template <typename T>
  JsonMembers& Number(std::string_view name, T number) {
    return Any(name, Value(number));
  }
  JsonMembers& Any(std::string_view name, const Value& value) {
    Name(name);
    AppendJson(out_, value);
    return *this;
  }
  // What is JSON already.
  JsonMembers& Raw(std::string_view name, std::string_view json) {
    Name(name);
    out_ += json;
    return *this;
  }
  JsonMembers& RawIfAny(std::string_view name, std::string_view json) { return json.empty() ? *this : Raw(name, json); }

 private:
  void Name(std::string_view name) {
    if (!is_first_) out_ += ',';
    is_first_ = false;
    AppendJsonString(out_, name);
    out_ += ':';
  }

  std::string& out_;
  bool is_first_ = true;
};

}  // namespace guidon
