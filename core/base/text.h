// Text for people, on a terminal or in a file of so many columns.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace guidon {

// Names, comments and values come from files and from servers: bytes that would steer a terminal are shown as \xNN.
std::string Printable(std::string_view text);

// How many characters it takes on a terminal: code points, for there are arrows and dashes in what we say.
std::size_t Width(std::string_view text);
std::string Padded(std::string text, std::size_t width);
// No wider than that: what is longer ends in "…".
std::string Cut(const std::string& text, std::size_t width);
// Breaks text between words, and words that are wider than a line, so that no line is longer than `room`; `indent`
// blanks before every line.
std::string Wrapped(std::string_view text, std::size_t indent, std::size_t room);

std::string Plural(std::size_t count, std::string_view one);  // "1 flag", "2 flags"

std::string Joined(const std::vector<std::string>& texts);                         // "a, b, c"
std::string Listed(const std::vector<std::string>& words, std::string_view last);  // "a", "a or b", "a, b or c"

}  // namespace guidon
