// JSON text <-> Value: the only reader and writer of JSON in the project.
//
// Reading is strict RFC 8259: valid UTF-8, finite numbers, no duplicate names, nesting and size within the limits.
// A number written without fraction and exponent is a whole number and must fit in int64; others are the nearest
// double and must be finite.
// Writing is deterministic: members in their order, no spaces, shortest digits that read back to the same double.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"

namespace guidon {

struct JsonLimits {
  std::size_t max_bytes = 64u << 20;
  int max_depth = 64;  // arrays and objects within each other
};

// Errors are kInvalid, with one issue: code `json_syntax`, `json_duplicate_key`, `json_depth`, `json_number` or
// `json_utf8`, the path where known, and the line and column or byte in the message.
Result<Value> ParseJson(std::string_view text, const JsonLimits& limits = {});

// The text of a member's value within the text of an object, or of every element within the text of an array, without
// the blanks around it. `text` must have passed ParseJson. For what is hashed or forwarded as it was sent.
// RawMember gives an empty text when there is no such member, or when its name is written with escapes that it does not
// need: what is forwarded as it was sent comes from writers that have none.
std::string_view RawMember(std::string_view text, std::string_view name);
std::vector<std::string_view> RawElements(std::string_view text);

// RFC 3629.
bool IsValidUtf8(std::string_view text);
// For messages: at most so many bytes of the text, never half a character, and … when there was more.
std::string Shortened(std::string_view text, std::size_t most);

// Compact. A double that is not finite (no reader lets one in) is written as null.
std::string ToJson(const Value& value);
void AppendJson(std::string& out, const Value& value);
void AppendJsonString(std::string& out, std::string_view text);  // quoted and escaped

// For people: two spaces per level, a newline at the end.
std::string ToPrettyJson(const Value& value);

}  // namespace guidon
