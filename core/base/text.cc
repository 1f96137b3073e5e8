#include "core/base/text.h"

#include <cstdint>

namespace guidon {
namespace {

// The bytes of the first `width` characters.
std::size_t BytesOf(std::string_view text, std::size_t width) {
  std::size_t bytes = 0;
  for (std::size_t seen = 0; bytes < text.size(); ++bytes) {
    if ((text[bytes] & 0xc0) != 0x80 && seen++ == width) break;
  }
  return bytes;
}

}  // namespace

std::string Printable(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    // C0 and DEL; C1 stands in UTF-8 as c2 80 … c2 9f.
    const bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xa0;
    if (byte >= 0x20 && byte != 0x7f && !is_c1) {
      out += text[i];
      continue;
    }
    const auto code = is_c1 ? static_cast<std::uint8_t>(text[++i]) : byte;
    out.append("\\x").append(1, kHex[code >> 4]).append(1, kHex[code & 15]);
  }
  return out;
}

std::size_t Width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<std::uint8_t>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

std::string Padded(std::string text, std::size_t width) {
  const std::size_t held = Width(text);
  if (held < width) text.append(width - held, ' ');
  return text;
}

std::string Cut(const std::string& text, std::size_t width) {
  return Width(text) <= width ? text : text.substr(0, BytesOf(text, width - 1)) + "…";
}

std::string Wrapped(std::string_view text, std::size_t indent, std::size_t room) {
  const std::size_t widest = room > indent ? room - indent : 1;  // word
  const std::string margin(indent, ' ');
  std::string out = margin;
  std::size_t used = indent;
  bool at_start = true;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::string_view whole = text.substr(0, blank);
    const std::string_view word = whole.substr(0, BytesOf(whole, widest));
    if (!at_start && used + 1 + Width(word) > room) {
      out += "\n" + margin;
      used = indent;
      at_start = true;
    }
    if (!at_start) out += ' ', ++used;
    out += word;
    used += Width(word);
    at_start = false;
    const bool is_broken = word.size() < whole.size();
    if (is_broken) {
      out += "\n" + margin;
      used = indent;
      at_start = true;
    }
    text.remove_prefix(is_broken ? word.size() : blank == std::string_view::npos ? text.size() : blank + 1);
  }
  return out;
}

std::string Plural(std::size_t count, std::string_view one) {
  const std::string_view ending = count == 1 ? "" : one.ends_with('s') ? "es" : "s";
  return std::to_string(count) + " " + std::string(one) + std::string(ending);
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

std::string Listed(const std::vector<std::string>& words, std::string_view last) {
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) list += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    list += words[i];
  }
  return list;
}

}  // namespace guidon
