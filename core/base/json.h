// JSON text <-> Value: the only reader and writer of JSON in the project.
//
// Reading is strict RFC 8259: valid UTF-8, finite numbers, no duplicate names, nesting and size within the limits.
// A number written without fraction and exponent is a whole number and must fit in int64; others are the nearest
// double and must be finite.
// Writing is deterministic: members in their order, no spaces, shortest digits that read back to the same double.
//
// Thread safety: pure functions.
#pragma once

#include <memory>
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

// A document most of which is a list of things that are looked at one after the other: the member `list` of the root,
// objects whose member `part` is large. The parts are values only while they are looked at, so that a large document is
// never there as values as a whole.
//
//   Result<JsonParts> snapshot = JsonParts::Parse(text, "entities", "record");
//   Use(snapshot->frame());
//   for (std::size_t i = 0; i < snapshot->size(); ++i) Use(snapshot->Text(i), snapshot->Read(i));
//
// Thread safety: as a value. The text has to outlive it.
class JsonParts {
 public:
  // Errors as ParseJson, but for faults within a part that are none of syntax (a name twice, too deep, a number too
  // large): Read finds those.
  static Result<JsonParts> Parse(std::string_view text, std::string_view list, std::string_view part,
                                 const JsonLimits& limits = {});
  JsonParts(JsonParts&&) noexcept;
  JsonParts& operator=(JsonParts&&) noexcept;
  ~JsonParts();

  // The document, with null in place of each part.
  const Value& frame() const;
  // Elements of the list; 0 when there is no such list.
  std::size_t size() const;
  // The part of an element as it was sent, without the blanks around it. Empty when it has none, or when a name on the
  // way to it is written with escapes that it does not need.
  std::string_view Text(std::size_t element) const;
  // Its value; null when it has none.
  Result<Value> Read(std::size_t element) const;

 private:
  struct Content;
  explicit JsonParts(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

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
