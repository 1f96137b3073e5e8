// What could stand at a place: names of the workspace where names are wanted, keys and words of the schema elsewhere.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lsp/folder.h"
#include "lsp/schema.h"

namespace guidon::lsp {

enum class SuggestionKind : std::uint8_t { kName, kVariation, kValue, kKey, kWord };

struct Suggestion {
  SuggestionKind kind = SuggestionKind::kName;
  std::string label;
  std::string detail;       // "segment": what it is
  std::string description;  // Markdown
  std::string text;         // what becomes of the range
  Name name = {};           // that is defined somewhere; Role::kNone: none
};

struct Suggestions {
  std::size_t begin = 0, end = 0;  // of what is replaced; on one line
  std::vector<Suggestion> list;    // the best first
  bool is_cut = false;             // at kMaxSuggestions, to those that hold what was typed, and still
};
inline constexpr std::size_t kMaxSuggestions = 1'000;

// The cursor is at this byte of the file as the folder has it.
Suggestions SuggestionsAt(const Folder& folder, const Schemas& schemas, const std::string& file, std::size_t cursor);

}  // namespace guidon::lsp
