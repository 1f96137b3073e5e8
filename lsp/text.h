// The text of a document, and the places in it: bytes inside, lines and characters as an editor counts them outside.
//
//   text.OffsetOf({4, 17}, Encoding::kUtf16)   // the editor's place as a byte
//   text.OffsetOf(SourcePosition{5, 18})             // that of a fault in YAML, which counts from 1
//
// Thread safety: a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "yaml/yaml.h"

namespace guidon::lsp {

// What `character` of a place counts: bytes, or units of UTF-16, of which a character beyond U+FFFF takes two.
enum class Encoding : std::uint8_t { kUtf8, kUtf16 };

// As the protocol has it: both count from 0.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t character = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

class Text {
 public:
  Text() : Text(std::string()) {}
  explicit Text(std::string text);

  const std::string& str() const { return text_; }
  std::size_t size() const { return text_.size(); }

  // Lines end with "\n", "\r\n" or "\r". A place behind the end of its line is that end, one behind the last line is
  // the end of the text, and one within a character is its beginning.
  std::size_t OffsetOf(Place place, Encoding encoding) const;
  Place PlaceOf(std::size_t offset, Encoding encoding) const;

  // Of ParseYaml: lines end with "\n" alone, columns are characters, and a byte order mark is not counted.
  std::size_t OffsetOf(const SourcePosition& position) const;

  std::size_t EndOfLine(std::size_t offset) const;  // of the line that this is in, without its end

  // A change as an editor sends it: what stands in [begin, end) becomes `text`.
  void Replace(std::size_t begin, std::size_t end, std::string_view text);

 private:
  void FindLines();

  std::string text_;
  std::vector<std::size_t> lines_;  // where each begins
};

}  // namespace guidon::lsp
