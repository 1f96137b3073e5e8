#include "core/codec/writer.h"

#include "core/codec/codec.h"

namespace guidon::codec {

void PutText(Object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object.Append(name, text);
}

void PutTrue(Object& object, std::string_view name, bool value) {
  if (value) object.Append(name, true);
}

void PutTexts(Object& object, std::string_view name, const std::vector<std::string>& texts) {
  if (!texts.empty()) object.Append(name, Texts(texts));
}

void PutPercent(Object& object, std::string_view name, std::optional<std::uint32_t> parts) {
  if (parts) object.Append(name, FormatPercent(*parts));
}

void PutDuration(Object& object, std::string_view name, std::optional<std::chrono::milliseconds> duration) {
  if (duration) object.Append(name, FormatDuration(*duration));
}

void PutCondition(Object& object, std::string_view name, const std::optional<Condition>& condition) {
  if (condition) object.Append(name, EncodeCondition(*condition));
}

Array Texts(const std::vector<std::string>& texts) {
  return Array(texts.begin(), texts.end());
}

Value OneOrList(const std::vector<std::string>& texts) {
  if (texts.size() == 1) return texts[0];
  return Texts(texts);
}

void PutGiven(Object& object, const Value& given, std::optional<std::uint32_t> at) {
  if (at && given.is_object() && given.AsObject().empty()) return;
  object.Append("given", given);
}

}  // namespace guidon::codec
