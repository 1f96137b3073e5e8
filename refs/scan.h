// The flags that one text of code reads.
//
// A text is lexed, not parsed: comments, texts, raw texts, characters and JavaScript's templates and expressions are
// told from code, and in the code the names of calls.h are looked for where a `(` stands. Then the arguments are read.
// A key is one literal that can be a key (core/model/names.h); names that are put together while the program runs are
// not found.
//
// What is not told apart: code that the preprocessor leaves out, but for `#if 0`; calls within the braces of Python's
// f-strings; text of JSX, in which an apostrophe hides what follows it in its line.
//
// Thread safety: pure functions. Cost: linear in the text, about 2 ns for a byte at most.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "refs/calls.h"
#include "refs/reference.h"

namespace guidon::refs {

inline constexpr std::size_t kMaxArguments = 16;             // of a call; one with more is none of ours
inline constexpr std::size_t kMaxArgumentBytes = 16u << 10;  // of all arguments of a call, likewise
inline constexpr std::size_t kMaxNesting = 64;               // of templates in JavaScript; deeper ones end the scan

// Appends what it finds, in the order of the text, with `file` in each.
void ScanText(std::string_view text, Language language, const CallTable& calls, const std::string& file,
              std::vector<Reference>& found);

// The accessors of a header that `guidon generate cpp` has written; empty: it is none. Its own calls are no reads of
// anybody's.
std::vector<Call> AccessorsOf(std::string_view header);
bool IsGenerated(std::string_view text);  // looks at the first lines

}  // namespace guidon::refs
