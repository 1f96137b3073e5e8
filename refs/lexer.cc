#include "refs/lexer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "refs/scan.h"

namespace guidon::refs {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

std::size_t EndOf(std::string_view text, std::size_t found, std::size_t length) {
  return found == kNowhere ? text.size() : found + length;
}

// Behind the end of the line; in C and C++ a backslash before it goes on with the next.
std::size_t LineEnd(std::string_view text, std::size_t at, bool continues) {
  for (;;) {
    const std::size_t end = text.find('\n', at);
    if (end == kNowhere) return text.size();
    std::size_t last = end;
    if (last > 0 && text[last - 1] == '\r') --last;
    if (!continues || last == 0 || text[last - 1] != '\\') return end;
    at = end + 1;
  }
}

std::size_t RustCommentEnd(std::string_view text, std::size_t at) {
  int depth = 1;
  for (std::size_t i = at + 2; i + 1 < text.size(); ++i) {
    if (text[i] == '/' && text[i + 1] == '*') {
      ++depth, ++i;
    } else if (text[i] == '*' && text[i + 1] == '/') {
      ++i;
      if (--depth == 0) return i + 1;
    }
  }
  return text.size();
}

// Up to `quote`, which a backslash hides. Texts of one line end with it.
Span Quoted(std::string_view text, std::size_t at, char quote, Span::Kind kind, bool one_line) {
  Span span{kind, text.size()};
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      span.is_plain = false;
      ++i;
      if (i + 1 < text.size() && text[i] == '\r' && text[i + 1] == '\n') ++i;
    } else if (c == quote) {
      span.end = i + 1;
      span.body = text.substr(at + 1, i - at - 1);
      return span;
    } else if (c == '\n' && one_line) {
      span.end = i;
      span.is_plain = false;
      return span;
    }
  }
  span.is_plain = false;
  return span;
}

Span Tripled(std::string_view text, std::size_t at, std::string_view quotes) {
  Span span{Span::Kind::kText, text.size()};
  for (std::size_t i = at + 3; i < text.size(); ++i) {
    if (text[i] == '\\') {
      span.is_plain = false;
      ++i;
    } else if (text.substr(i, 3) == quotes) {
      span.end = i + 3;
      span.body = text.substr(at + 3, i - at - 3);
      return span;
    }
  }
  span.is_plain = false;
  return span;
}

Span Raw(std::string_view text, std::size_t body, std::string_view closing) {
  const std::size_t end = text.find(closing, body);
  if (end == kNowhere) return {Span::Kind::kText, text.size(), {}, false};
  return {Span::Kind::kText, end + closing.size(), text.substr(body, end - body), true};
}

// R"delimiter(…)delimiter"
Span CppRaw(std::string_view text, std::size_t at) {
  constexpr std::size_t kMostDelimiter = 16;
  const std::size_t length = text.substr(at + 1, kMostDelimiter + 1).find('(');
  if (length == kNowhere) return Quoted(text, at, '"', Span::Kind::kText, true);
  std::array<char, kMostDelimiter + 2> closing;
  closing[0] = ')';
  std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at) + 1, length, closing.begin() + 1);
  closing[length + 1] = '"';
  return Raw(text, at + length + 2, {closing.data(), length + 2});
}

bool IsRawPrefix(std::string_view word) {
  return word == "R" || word == "LR" || word == "uR" || word == "UR" || word == "u8R";
}

// r"…", r#"…"#, br#"…"#; `at` is the quote or the first `#`.
Span RustRaw(std::string_view text, std::size_t at) {
  std::size_t hashes = 0;
  while (at + hashes < text.size() && text[at + hashes] == '#') ++hashes;
  if (at + hashes >= text.size() || text[at + hashes] != '"') return {};
  constexpr std::size_t kMostHashes = 255;  // as rustc has it
  if (hashes > kMostHashes) return {};
  std::array<char, kMostHashes + 1> closing;
  closing.fill('#');
  closing[0] = '"';
  return Raw(text, at + hashes + 1, {closing.data(), hashes + 1});
}

// 'a', '\n' and 'é' are characters, 'a in &'a str is a lifetime.
Span RustCharacter(std::string_view text, std::size_t at) {
  if (at + 1 < text.size() && text[at + 1] == '\\') {
    return Quoted(text, at, '\'', Span::Kind::kCharacter, true);
  }
  std::size_t i = at + 2;
  while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) ++i;
  if (i < text.size() && text[i] == '\'') return {Span::Kind::kCharacter, i + 1};
  return {Span::Kind::kNone, at + 1};
}

// Of 1'000'000, or L'a' and u8'a': the quote within a number is no character.
bool IsDigitSeparator(std::string_view text, std::size_t at) {
  constexpr std::size_t kMostDigits = 64;
  std::size_t begin = at;
  while (begin > 0 && at - begin < kMostDigits && (IsWordByte(text[begin - 1]) || text[begin - 1] == '\'')) --begin;
  return begin < at && text[begin] >= '0' && text[begin] <= '9';
}

// A word of JavaScript that a value comes behind.
bool IsBeforeValue(std::string_view word) {
  constexpr std::string_view kWords[] = {"return", "typeof", "case", "in", "of",         "delete", "void",
                                         "throw",  "new",    "else", "do", "instanceof", "yield",  "await"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

// A `/` begins an expression where a value may begin.
bool MayBeExpression(std::string_view text, std::size_t at) {
  std::size_t i = at;
  while (i > 0 && IsBlank(text[i - 1])) --i;
  if (i == 0) return true;
  const char before = text[i - 1];
  if (before == ')' || before == ']' || before == '"' || before == '\'' || before == '`') return false;
  if (!IsWordByte(before) && before != '$') return before != '<';  // </p> of JSX
  return IsBeforeValue(WordBefore(text, i));
}

// Of "it's" in the text of JSX: right behind a word no text begins, but behind a keyword, as in return'x'.
bool IsApostrophe(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  const auto before = static_cast<unsigned char>(text[at - 1]);
  if (before == '_' || (before < 0x80 && !IsWordByte(text[at - 1]))) return false;
  // Behind these stands the name of a module, a member or a type.
  constexpr std::string_view kWords[] = {"import", "from", "as",  "default", "extends", "keyof",
                                         "is",     "get",  "set", "static",  "async"};
  const std::string_view word = WordBefore(text, at);
  return !IsBeforeValue(word) && std::find(std::begin(kWords), std::end(kWords), word) == std::end(kWords);
}

Span ScriptExpression(std::string_view text, std::size_t at) {
  if (!MayBeExpression(text, at)) return {};
  bool in_class = false;
  for (std::size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '[') {
      in_class = true;
    } else if (text[i] == ']') {
      in_class = false;
    } else if (text[i] == '/' && !in_class) {
      return {Span::Kind::kCharacter, i + 1};
    }
  }
  return {};
}

Span ScriptTemplate(std::string_view text, std::size_t at, std::size_t depth);

// Behind the `}` that ends what is put into a template.
std::size_t PutInEnd(std::string_view text, std::size_t at, std::size_t depth) {
  if (depth > kMaxNesting) return text.size();
  std::size_t braces = 0;
  for (std::size_t i = at; i < text.size();) {
    const char c = text[i];
    if (c == '`') {
      i = ScriptTemplate(text, i, depth + 1).end;
      continue;
    }
    if (const Span span = SpanAt(text, i, Language::kJavaScript); span.kind != Span::Kind::kNone) {
      i = span.end;
      continue;
    }
    if (c == '{') ++braces;
    if (c == '}' && braces-- == 0) return i + 1;
    ++i;
  }
  return text.size();
}

Span ScriptTemplate(std::string_view text, std::size_t at, std::size_t depth) {
  Span span{Span::Kind::kText, text.size()};
  std::size_t from = at + 1;
  for (;;) {
    const TemplatePart part = TemplateFrom(text, from);
    if (!part.is_open) {
      span.end = part.end;
      if (part.end <= text.size() && part.end > at + 1) span.body = text.substr(at + 1, part.end - at - 2);
      span.is_plain = span.is_plain && span.body.find('\\') == kNowhere;
      return span;
    }
    span.is_plain = false;
    from = PutInEnd(text, part.end, depth);
    if (from >= text.size()) return span;
  }
}

Span SlashAt(std::string_view text, std::size_t at, Language language) {
  const char next = at + 1 < text.size() ? text[at + 1] : '\0';
  if (next == '/') {
    return {Span::Kind::kComment, LineEnd(text, at, language == Language::kC || language == Language::kCpp)};
  }
  if (next == '*') {
    if (language == Language::kRust) return {Span::Kind::kComment, RustCommentEnd(text, at)};
    return {Span::Kind::kComment, EndOf(text, text.find("*/", at + 2), 2)};
  }
  const bool is_script = language == Language::kJavaScript || language == Language::kTypeScript;
  return is_script ? ScriptExpression(text, at) : Span();
}

Span QuoteAt(std::string_view text, std::size_t at, Language language) {
  const char quote = text[at];
  switch (language) {
    case Language::kC:
    case Language::kCpp:
      if (quote == '"' && IsRawPrefix(WordBefore(text, at))) return CppRaw(text, at);
      if (quote == '\'' && IsDigitSeparator(text, at)) return {Span::Kind::kNone, at + 1};
      return Quoted(text, at, quote, quote == '"' ? Span::Kind::kText : Span::Kind::kCharacter, true);
    case Language::kPython: {
      const std::string_view triple = text.substr(at, 3);
      if (triple == "\"\"\"" || triple == "'''") return Tripled(text, at, triple);
      return Quoted(text, at, quote, Span::Kind::kText, true);
    }
    case Language::kJavaScript:
    case Language::kTypeScript:
      if (quote == '\'' && IsApostrophe(text, at)) return {Span::Kind::kNone, at + 1};
      return Quoted(text, at, quote, Span::Kind::kText, true);
    case Language::kJava:
      if (text.substr(at, 3) == "\"\"\"") return Tripled(text, at, "\"\"\"");
      [[fallthrough]];
    case Language::kGo:
      return Quoted(text, at, quote, quote == '"' ? Span::Kind::kText : Span::Kind::kCharacter, true);
    case Language::kRust: {
      if (quote == '\'') return RustCharacter(text, at);
      const std::string_view word = WordBefore(text, at);
      if (word == "r" || word == "br" || word == "cr") return RustRaw(text, at);
      return Quoted(text, at, quote, Span::Kind::kText, false);
    }
    case Language::kYaml:
      break;
  }
  return {};
}

}  // namespace

TemplatePart TemplateFrom(std::string_view text, std::size_t at) {
  for (std::size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '`') {
      return {false, i + 1};
    } else if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') {
      return {true, i + 2};
    }
  }
  return {false, text.size()};
}

Span SpanAt(std::string_view text, std::size_t at, Language language) {
  switch (text[at]) {
    case '/':
      return language == Language::kPython ? Span() : SlashAt(text, at, language);
    case '"':
    case '\'':
      return QuoteAt(text, at, language);
    case '#':
      if (language == Language::kPython) return {Span::Kind::kComment, LineEnd(text, at, false)};
      if (language == Language::kRust) {
        const std::string_view word = WordBefore(text, at);
        if (word == "r" || word == "br" || word == "cr") return RustRaw(text, at);
      }
      return {};
    case '`':
      if (language == Language::kGo) return Raw(text, at + 1, "`");
      if (language == Language::kJavaScript || language == Language::kTypeScript) return ScriptTemplate(text, at, 0);
      return {};
    default:
      return {};
  }
}

}  // namespace guidon::refs
