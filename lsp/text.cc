#include "lsp/text.h"

#include <algorithm>
#include <utility>

namespace guidon::lsp {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Character {
  std::size_t bytes = 1;
  std::uint32_t units = 1;  // of UTF-16
};

// A byte that is not UTF-8 is a character of its own.
Character CharacterAt(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (at + bytes > text.size()) return {};
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return {};
  }
  return {bytes, bytes == 4 ? 2u : 1u};
}

std::uint32_t Units(Character character, Encoding encoding) {
  return encoding == Encoding::kUtf8 ? static_cast<std::uint32_t>(character.bytes) : character.units;
}

}  // namespace

Text::Text(std::string text) : text_(std::move(text)) {
  FindLines();
}

void Text::FindLines() {
  lines_ = {0};
  for (std::size_t at = 0; at < text_.size(); ++at) {
    if (text_[at] == '\n' || (text_[at] == '\r' && (at + 1 == text_.size() || text_[at + 1] != '\n'))) {
      lines_.push_back(at + 1);
    }
  }
}

std::size_t Text::EndOfLine(std::size_t offset) const {
  return std::min(text_.find_first_of("\r\n", offset), text_.size());
}

std::size_t Text::OffsetOf(Place place, Encoding encoding) const {
  if (place.line >= lines_.size()) return text_.size();
  std::size_t at = lines_[place.line];
  const std::size_t end = EndOfLine(at);
  for (std::uint32_t counted = 0; at < end;) {
    const Character character = CharacterAt(text_, at);
    counted += Units(character, encoding);
    if (counted > place.character) break;
    at += character.bytes;
  }
  return at;
}

Place Text::PlaceOf(std::size_t offset, Encoding encoding) const {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), offset);
  Place place;
  place.line = static_cast<std::uint32_t>(next - lines_.begin() - 1);
  const std::size_t begin = lines_[place.line];
  const std::size_t stop = std::min(offset, EndOfLine(begin));
  for (std::size_t at = begin; at < stop;) {
    const Character character = CharacterAt(text_, at);
    if (at + character.bytes > stop) break;
    place.character += Units(character, encoding);
    at += character.bytes;
  }
  return place;
}

std::size_t Text::OffsetOf(const SourcePosition& position) const {
  std::size_t at = 0;
  if (position.line <= 1 && text_.starts_with(kByteOrderMark)) at = kByteOrderMark.size();
  for (int line = 1; line < position.line; ++line) {
    const std::size_t end = text_.find('\n', at);
    if (end == std::string::npos) return text_.size();
    at = end + 1;
  }
  const std::size_t end = std::min(text_.find('\n', at), text_.size());
  for (int column = 1; column < position.column && at < end; ++column) at += CharacterAt(text_, at).bytes;
  return std::min(end, at);
}

void Text::Replace(std::size_t begin, std::size_t end, std::string_view text) {
  begin = std::min(begin, text_.size());
  end = std::clamp(end, begin, text_.size());
  text_.replace(begin, end - begin, text);
  FindLines();
}

}  // namespace guidon::lsp
