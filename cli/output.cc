#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "core/base/json.h"
#include "core/base/json_record.h"

namespace guidon::cli {
namespace {

bool IsSet(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0';
}

bool IsDumb() {
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) == "dumb";
}

// The bytes of the first `width` characters.
std::size_t BytesOf(std::string_view text, std::size_t width) {
  std::size_t bytes = 0;
  for (std::size_t seen = 0; bytes < text.size(); ++bytes) {
    if ((text[bytes] & 0xc0) != 0x80 && seen++ == width) break;
  }
  return bytes;
}

}  // namespace

Ink::Ink(int descriptor) : colours_(isatty(descriptor) != 0 && !IsSet("NO_COLOR") && !IsDumb()) {}

std::string Ink::Painted(std::string_view code, std::string_view text) const {
  if (!colours_) return std::string(text);
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

const Ink& Out() {
  static const Ink ink(STDOUT_FILENO);
  return ink;
}

const Ink& Err() {
  static const Ink ink(STDERR_FILENO);
  return ink;
}

std::string Describe(const PlacedIssue& placed, const Ink& ink) {
  std::string line = Printable(placed.file);
  if (placed.at.line > 0) line += ":" + std::to_string(placed.at.line) + ":" + std::to_string(placed.at.column);
  line += "  ";
  line += placed.issue.severity == Severity::kError ? ink.Red("error") : ink.Yellow("warning");
  line += "  ";
  // Of the whole of it there is no key or value to look at.
  if (placed.issue.path.empty() && !placed.issue.entity.empty()) line += Printable(placed.issue.entity) + ": ";
  line += Printable(placed.issue.message);
  if (!placed.issue.hint.empty()) line += " (" + Printable(placed.issue.hint) + ")";
  return line;
}

Value ToValue(const Issue& issue) {
  Object object{{"severity", Value(ToString(issue.severity))}, {"code", Value(issue.code)}};
  if (!issue.entity.empty()) object.Append("entity", Value(issue.entity));
  object.Append("path", Value(issue.path.ToText()));
  object.Append("message", Value(issue.message));
  if (!issue.hint.empty()) object.Append("hint", Value(issue.hint));
  return object;
}

Value ToValue(const PlacedIssue& placed) {
  Object object{{"file", Value(placed.file)}};
  if (placed.at.line > 0) {
    object.Append("line", Value(placed.at.line));
    object.Append("column", Value(placed.at.column));
  }
  const Value issue = ToValue(placed.issue);
  for (const Member& member : issue.AsObject()) object.Append(member.name, member.value);
  return object;
}

Value ToValue(const std::vector<PlacedIssue>& issues) {
  Array list;
  for (const PlacedIssue& placed : issues) list.push_back(ToValue(placed));
  return list;
}

void Complain(std::string_view message) {
  std::cerr << "guidon: " << Printable(message) << "\n";
}

void Complain(const Error& error, bool json) {
  Complain(error.message);
  if (!json) return;
  Object document{{"code", Value(ToString(error.code))}, {"detail", Value(error.message)}};
  if (!error.issues.empty()) {
    Array issues;
    for (const Issue& issue : error.issues) issues.push_back(ToValue(issue));
    document.Append("issues", Value(std::move(issues)));
  }
  PrintJson(document);
}

void PrintJson(const Value& value) {
  std::cout << ToJson(value) << "\n";
}

std::string Joined(const Array& texts) {
  std::string joined;
  for (const Value& text : texts) joined += (joined.empty() ? "" : ", ") + Printable(text.AsString());
  return joined;
}
std::string Joined(const Value& object, std::string_view list) {
  return Joined(ListIn(object, list));
}

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

std::size_t LineWidth() {
  static constexpr std::size_t kNarrowest = 40;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return SIZE_MAX;
  return size.ws_col < kNarrowest ? kNarrowest : size.ws_col;
}

std::string Text(const Value& object, std::string_view name) {
  const Value* const member = object.Find(name);
  if (member == nullptr || member->is_null()) return "";
  return Printable(member->is_string() ? member->AsString() : ToJson(*member));
}

std::string Cut(const std::string& text, std::size_t width) {
  return Width(text) <= width ? text : text.substr(0, BytesOf(text, width - 1)) + "…";
}

std::string Wrapped(std::string_view text, std::size_t indent) {
  return Wrapped(text, indent, LineWidth());
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
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

}  // namespace guidon::cli
