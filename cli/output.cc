#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/model/units.h"

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

}  // namespace

Ink::Ink(int descriptor) : colours_(isatty(descriptor) != 0 && !IsSet("NO_COLOR") && !IsDumb()) {}

gate::Marks Ink::marks() const {
  if (!colours_) return {};
  return {"\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m", "\x1b[0m"};
}

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

std::optional<std::int64_t> TimeOf(const std::string& text) {
  if (!text.empty()) return ParseTimestamp(text);
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::int64_t> MomentOf(const std::string& at, const std::string& now) {
  std::int64_t now_ms = *TimeOf("");
  for (const auto& [name, text] : {std::pair("--at", &at), std::pair("--now", &now)}) {
    if (text->empty()) continue;
    const std::optional<std::int64_t> time = TimeOf(*text);
    if (!time) return Fail(ErrorCode::kInvalid, std::string(name) + " is no time such as 2027-03-31T08:00:00Z");
    now_ms = *time;
  }
  return now_ms;
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

std::string Wrapped(std::string_view text, std::size_t indent) {
  return Wrapped(text, indent, LineWidth());
}

}  // namespace guidon::cli
