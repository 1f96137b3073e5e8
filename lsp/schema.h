// What a file may hold, by the JSON Schemas of experiments/schema, which are compiled in: keys, words and what they
// mean. Only for help while typing; what is right is said by the codec.
//
// Thread safety: constant after construction.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "lsp/names.h"
#include "lsp/outline.h"

namespace guidon::lsp {

struct SchemaKey {
  std::string name;
  std::string description;
  bool is_required = false;
  bool holds_more = false;  // a map or a list, and nothing on one line
};

class Schemas {
 public:
  Schemas();

  // The keys that the map at this path may have, and the words that a value there may be. What is known of the document
  // so far leaves out what does not fit.
  std::vector<SchemaKey> KeysAt(FileKind kind, const Node& document, const Path& path) const;
  std::vector<std::string> WordsAt(FileKind kind, const Node& document, const Path& path) const;
  // Of a key, with examples, as Markdown; "": nothing is known.
  std::string DescriptionAt(FileKind kind, const Node& document, const Path& path) const;

 private:
  struct Part {
    const Value* schema = nullptr;
    const Value* document = nullptr;  // that its references are within
  };
  using Parts = std::vector<Part>;

  Parts At(FileKind kind, const Node& document, const Path& path) const;
  void Expand(Part part, const Node* node, int depth, Parts& parts) const;
  Part Resolve(const std::string& reference, const Value* document) const;
  Parts Step(const Parts& parts, const Path::Step& step) const;

  std::map<std::string, Value, std::less<>> documents_;  // by file
};

}  // namespace guidon::lsp
