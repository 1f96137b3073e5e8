#include "core/base/json.h"
#include "tests/fuzz/targets.h"

namespace guidon::fuzz {
namespace {

void CheckPieces(std::string_view text, const Value& value) {
  if (value.is_object()) {
    for (const Member& member : value.AsObject()) {
      const std::string_view raw = RawMember(text, member.name);
      if (raw.empty()) {
        Require(text.find('\\') != std::string_view::npos, "RawMember finds every name that is written plainly");
        continue;
      }
      const Result<Value> value_of_raw = ParseJson(raw);
      Require(value_of_raw && *value_of_raw == member.value, "RawMember gives the text of the member");
    }
  } else if (value.is_array()) {
    const std::vector<std::string_view> raw = RawElements(text);
    Require(raw.size() == value.AsArray().size(), "RawElements gives every element");
    for (std::size_t i = 0; i < raw.size(); ++i) {
      const Result<Value> element = ParseJson(raw[i]);
      Require(element && *element == value.AsArray()[i], "RawElements gives the text of the element");
    }
  }
}

// A document in parts is the document. The names are those of the corpus.
void CheckParts(std::string_view text, const Result<Value>& whole) {
  const Result<JsonParts> parts = JsonParts::Parse(text, "entities", "record");
  if (!parts) {
    Require(!whole, "what is read is read in parts, too");
    return;
  }
  Value together = parts->frame();
  for (std::size_t i = 0; i < parts->size(); ++i) {
    Result<Value> part = parts->Read(i);
    if (!part) {
      Require(!whole, "a part is read when the whole is");
      return;
    }
    const std::string_view raw = parts->Text(i);
    Require(raw.empty() || *ParseJson(raw) == *part, "the text of a part is that of its value");
    Value* element = &together.MutableObject().Find("entities")->MutableArray()[i];
    Value* held = element->is_object() ? element->MutableObject().Find("record") : nullptr;
    if (held != nullptr) *held = *std::move(part);
  }
  Require(whole && together == *whole, "the parts and the frame are the whole");
}

}  // namespace

void Json(std::string_view input) {
  const bool utf8 = IsValidUtf8(input);
  const Result<Value> value = ParseJson(input);
  if (!value) {
    Require(!value.error().issues.empty() && !value.error().message.empty(), "a refused text has an issue");
  } else {
    Require(utf8, "what is read is UTF-8");
    for (const std::string& written : {ToJson(*value), ToPrettyJson(*value)}) {
      const Result<Value> again = ParseJson(written);
      Require(again && *again == *value, "what is written reads back to the same value");
    }
    CheckPieces(input, *value);
  }
  CheckParts(input, value);
  if (utf8) {
    std::string quoted;
    AppendJsonString(quoted, input);
    const Result<Value> text = ParseJson(quoted);
    Require(text && text->AsString() == input, "any UTF-8 text can be quoted and read back");
  }
}

}  // namespace guidon::fuzz
