// Where comments and literals of a language begin and end.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "refs/reference.h"

namespace guidon::refs {

struct Span {
  enum class Kind { kNone, kComment, kText, kCharacter };
  Kind kind = Kind::kNone;
  std::size_t end = 0;         // behind it
  std::string_view body = {};  // of a text, between its quotes
  bool is_plain = true;        // the body is what the text says: no escapes, nothing put in
};

// What begins at `at`, with a prefix of its own (`u8R"(…)"`, `rb'…'`, `r#"…"#`) already behind it where a language has
// such; kNone: nothing does. A literal that does not end in its line, and may not go on, ends with the line. A template
// of JavaScript is taken whole, with all that is put into it.
Span SpanAt(std::string_view text, std::size_t at, Language language);

inline bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
// The word that ends before `end`; empty: none does.
inline std::string_view WordBefore(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && (IsWordByte(text[begin - 1]) || text[begin - 1] == '$')) --begin;
  return text.substr(begin, end - begin);
}
inline bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Of a template of JavaScript, from behind its backtick or behind the `}` of something put in: the next `${` (true) or
// the closing backtick (false), and behind it.
struct TemplatePart {
  bool is_open = false;
  std::size_t end = 0;
};
TemplatePart TemplateFrom(std::string_view text, std::size_t at);

}  // namespace guidon::refs
