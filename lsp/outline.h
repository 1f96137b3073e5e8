// A text of YAML as a tree, in whatever state it is: what an editor holds while somebody types is no YAML most of the
// time, and names are completed just then. Lines that fit nowhere are passed over, brackets and quotes that are not
// closed end where the indent says so. What ParseYaml reads has the same keys and values here, but for escapes,
// aliases and the text of blocks.
//
//   const Outline outline = OutlineOf(text);
//   if (const std::optional<Spot> spot = SpotAt(outline, offset)) Use(spot->path, spot->text);
//
// Thread safety: pure functions. Cost: linear. Beyond 64 levels nothing is told apart any more.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/issue.h"

namespace guidon::lsp {

struct Entry;

struct Node {
  enum class Kind { kNothing, kScalar, kMap, kList };
  Kind kind = Kind::kNothing;
  std::size_t begin = 0, end = 0;  // in bytes; with quotes and brackets. Of nothing: where it could stand
  std::string text;                // of a scalar, without quotes
  char quote = 0;                  // ' or ", if there are
  std::vector<Entry> entries;

  const Entry* Find(std::string_view key) const;          // of a map; nullptr: none
  const Node* At(const Path& path) const;                 // within this; nullptr: nothing is there
  const std::string& TextOf(std::string_view key) const;  // of a member that is a scalar; else ""
};

// A member of a map, or an element of a list, which has no key.
struct Entry {
  std::string key;                 // without quotes
  std::size_t begin = 0, end = 0;  // of the key, with quotes
  char quote = 0;
  bool has_colon = false;  // false: somebody is about to write it
  Node value;
};

struct Outline {
  std::vector<Node> documents;
};

Outline OutlineOf(std::string_view text);

// What stands at one place.
struct Spot {
  const Node* document = nullptr;
  Path path;                        // from the root of the document
  std::vector<const Node*> around;  // the root, …, the map or list that the last step of the path is in
  const Entry* entry = nullptr;     // of the last step; nullptr: the root itself
  bool on_key = false;              // on its key, not on its value
  // The key or scalar; empty on anything else.
  std::string text;
  std::size_t begin = 0, end = 0;
  char quote = 0;
  bool is_scalar = false;
};

// The key or value that begins or ends at the offset, or that it is within. The outline outlives it.
std::optional<Spot> SpotAt(const Outline& outline, std::size_t offset);

}  // namespace guidon::lsp
