// A text of YAML as its values, in the order in which they stand, with the comments that belong to each.
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace guidon::format {

struct Comment {
  std::string text;  // from '#', without blanks at the end
  bool blank_before = false;
};

struct Node;

// A member of a map, an element of a list (without key), or the root of a document (without key).
struct Entry {
  std::vector<Comment> before;  // on lines of their own
  bool blank_before = false;    // between the last of them and the entry
  std::string head;             // behind the key, where the value begins on a later line; empty: none
  std::string after;            // behind the value; empty: none
  std::unique_ptr<Node> key, value;
};

enum class Kind { kPlain, kQuoted, kBlockScalar, kAlias, kList, kMap };

struct Node {
  Kind kind = Kind::kPlain;
  bool flow = false;       // of a list or map: in brackets
  std::string properties;  // "&anchor !!str"
  std::string text;        // of a scalar: what it says; of an alias: "*name"
  bool is_empty = false;   // of a plain scalar: nothing is written
  // Of a block scalar: its lines without their indent. Of another one that is written in several lines: they, without
  // the blanks around them. Else empty.
  std::vector<std::string> lines;
  std::string indicator;             // of a block scalar: "|", ">-", …
  std::size_t begin = 0, end = 0;    // of a scalar, without properties: bytes of the text
  std::size_t line = 0, column = 0;  // of its first character, of a list of its first dash; from 0, in characters
  std::vector<std::unique_ptr<Entry>> entries;
  std::vector<Comment> tail;  // behind the last entry
};

struct Document {
  Entry root;
  std::vector<Comment> tail;
};

struct Tree {
  std::vector<std::unique_ptr<Document>> documents;  // without empty ones
  std::vector<Comment> tail;                         // of a text without any document
  std::vector<std::string> comments;                 // all of them, as they stand
};

// `text` is what ParseYaml lets pass, without byte order mark and carriage returns, and ends with a newline. kInvalid
// as FormatYaml has it.
Result<Tree> ReadTree(std::string_view text);

// Takes the tree: on the way it decides what is broken into lines, and moves comments to where they can stand then.
std::string WriteTree(Tree tree, std::size_t columns);

// Of text as a scalar on one line.
std::string Quoted(std::string_view text);
bool CanBePlain(std::string_view text);

}  // namespace guidon::format
