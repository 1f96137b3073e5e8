#include "cli/output.h"

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "core/base/json.h"

namespace guidon::cli {
namespace {

bool UsesColour() {
  static const bool uses = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  return uses;
}

std::string Painted(std::string_view code, std::string_view text) {
  if (!UsesColour()) return std::string(text);
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

}  // namespace

std::string Red(std::string_view text) {
  return Painted("31", text);
}
std::string Yellow(std::string_view text) {
  return Painted("33", text);
}
std::string Green(std::string_view text) {
  return Painted("32", text);
}
std::string Bold(std::string_view text) {
  return Painted("1", text);
}

std::string Describe(const PlacedIssue& placed) {
  std::string line = placed.file;
  if (placed.at.line > 0) line += ":" + std::to_string(placed.at.line) + ":" + std::to_string(placed.at.column);
  line += "  ";
  line += placed.issue.severity == Severity::kError ? Red("error") : Yellow("warning");
  line += "  " + placed.issue.message;
  if (!placed.issue.hint.empty()) line += " (" + placed.issue.hint + ")";
  return line;
}

Value ToValue(const PlacedIssue& placed) {
  Object object{{"file", Value(placed.file)}};
  if (placed.at.line > 0) {
    object.Append("line", Value(placed.at.line));
    object.Append("column", Value(placed.at.column));
  }
  object.Append("severity", Value(ToString(placed.issue.severity)));
  object.Append("code", Value(placed.issue.code));
  if (!placed.issue.entity.empty()) object.Append("entity", Value(placed.issue.entity));
  object.Append("path", Value(placed.issue.path.ToText()));
  object.Append("message", Value(placed.issue.message));
  if (!placed.issue.hint.empty()) object.Append("hint", Value(placed.issue.hint));
  return object;
}

void Complain(std::string_view message) {
  std::cerr << "guidon: " << message << "\n";
}

void PrintJson(const Value& value) {
  std::cout << ToJson(value) << "\n";
}

std::string Plural(std::size_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

std::string Count(std::size_t errors, std::size_t warnings) {
  return Plural(errors, "error") + ", " + Plural(warnings, "warning");
}

}  // namespace guidon::cli
