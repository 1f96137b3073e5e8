// Changes of one text, gathered in any order and made at once.
//
//   Edits edits;
//   edits.Delete(4, 19);                 // of the bytes [4, 19)
//   edits.Replace(10, 12, "true");       // lies within what goes: goes with it
//   Result<std::string> after = edits.ApplyTo(before);
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace guidon::removal {

struct Edit {
  std::size_t begin = 0, end = 0;
  std::string text;
  friend auto operator<=>(const Edit&, const Edit&) = default;
};

class Edits {
 public:
  void Replace(std::size_t begin, std::size_t end, std::string text);  // the same twice counts once
  void Delete(std::size_t begin, std::size_t end) { Replace(begin, end, ""); }
  // The line that begins there loses so many blanks, or those that it has. More than once: of all together.
  void Outdent(std::size_t line_begin, std::size_t columns);

  bool empty() const { return edits_.empty(); }
  bool Covers(std::size_t begin, std::size_t end) const;  // whether one edit takes all of it away
  std::vector<Edit> sorted() const;                       // without blanks

  // kConflict: two of them overlap, and neither lies within the other. `touched`: where the new text was changed, as
  // begin and size. What would join two words to one leaves a blank between them.
  using Spans = std::vector<std::pair<std::size_t, std::size_t>>;
  Result<std::string> ApplyTo(std::string_view text, Spans* touched = nullptr) const;

  friend bool operator==(const Edits& a, const Edits& b) {
    return a.sorted() == b.sorted() && a.outdents_ == b.outdents_;
  }

 private:
  std::vector<Edit> edits_;
  std::map<std::size_t, std::size_t> outdents_;  // begin of a line -> blanks
};

// ---- Lines of a text
// -------------------------------------------------------------------------------------------------

std::size_t LineBegin(std::string_view text, std::size_t at);
std::size_t LineEnd(std::string_view text, std::size_t at);  // of the '\n', or of the end
std::size_t Indent(std::string_view text, std::size_t at);   // blanks at the begin of the line of `at`
bool HasDirective(std::string_view text, std::size_t begin,
                  std::size_t end);                      // a line of the preprocessor begins there
bool IsWithinIf(std::string_view text, std::size_t at);  // of the preprocessor; the guard of a header is none

// A statement [begin, end) with what goes when it goes: its whole lines with a comment behind it where it stands alone
// on them, and an empty line that would be one too many.
Edit WholeStatement(std::string_view text, std::size_t begin, std::size_t end);
// A declaration likewise, with the comment that stands right above it.
Edit WholeDeclaration(std::string_view text, std::size_t begin, std::size_t end);

// Past blanks and comments.
std::size_t SkipBlanks(std::string_view text, std::size_t at);

}  // namespace guidon::removal
