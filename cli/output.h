// What the command line says: for people on a terminal, for programs with --json.
//
// Answers go to standard output, complaints to standard error; with --json, standard output holds JSON and nothing
// else, also when something went wrong.
//
// Thread safety: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/result.h"
#include "core/base/text.h"
#include "gate/formats.h"
#include "workspace/workspace.h"

namespace guidon::cli {

// Colours of one stream: only on a terminal that can show them, and not when NO_COLOR is set.
class Ink {
 public:
  explicit Ink(int descriptor);

  std::string Red(std::string_view text) const { return Painted("31", text); }
  std::string Yellow(std::string_view text) const { return Painted("33", text); }
  std::string Green(std::string_view text) const { return Painted("32", text); }
  std::string Bold(std::string_view text) const { return Painted("1", text); }
  gate::Marks marks() const;  // of these colours, for those who write whole texts

 private:
  std::string Painted(std::string_view code, std::string_view text) const;
  bool colours_;
};
const Ink& Out();  // standard output
const Ink& Err();  // standard error

// "experiments/one-page.yaml:14:21  error  unknown segment 'eu-wbe' (did you mean 'eu-web'?)"
std::string Describe(const PlacedIssue& placed, const Ink& ink);
Value ToValue(const Issue& issue);
Value ToValue(const PlacedIssue& placed);
Value ToValue(const std::vector<PlacedIssue>& issues);

// One line on standard error: "guidon: …".
void Complain(std::string_view message);
// The same, and with --json what is wrong as a document of its own: {"code": …, "detail": …, "issues": […]}.
void Complain(const Error& error, bool json);

// An option of a time, RFC 3339, in milliseconds since the epoch; empty: the present. nullopt: it is none.
std::optional<std::int64_t> TimeOf(const std::string& text);

// What `now` is for whoever gives --at, --now, both (then it is --now), or neither (then it is the present): a moment
// is all of it, the rules of then and what `now` was then.
Result<std::int64_t> MomentOf(const std::string& at, const std::string& now);

void PrintJson(const Value& value);  // on standard output, for programs: one line

// A member of an answer for people: text as Printable has it, anything else as JSON; "" when it is absent or null.
std::string Text(const Value& object, std::string_view name);

// Texts of a list, or of that member of an answer, as Printable has them: "a, b"; "" when there are none.
std::string Joined(const Array& texts);
std::string Joined(const Value& object, std::string_view list);

// Breaks text between words, and words that are wider than a line, so that no line is longer than the terminal is wide;
// `indent` blanks before every line. Not a terminal: one line.
std::string Wrapped(std::string_view text, std::size_t indent);
using guidon::Wrapped;    // of a given width
std::size_t LineWidth();  // of the terminal at standard output; without one, no line is too long

}  // namespace guidon::cli
