// YAML text -> Value with positions: YAML 1.2 with the core schema, read so that no surprise survives.
//
//   Result of `flag: on` is the text "on"; only true and false are booleans. Numbers are numbers, quoted scalars are
//   text. Duplicate keys, merge keys (<<), keys that are not scalars, tags other than !!str, .inf and .nan are errors.
//   Anchors and aliases work, within the bound on nodes.
//
// Thread safety: pure functions. Cost: linear.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "core/base/issue.h"
#include "core/base/result.h"

namespace guidon {

// Both count from 1; lines end with "\n" alone, columns are characters (code points), of which a byte order mark at the
// beginning is none. 0: unknown.
struct SourcePosition {
  int line = 0;
  int column = 0;
};

// Where each node of a document stands: a tree beside the value. What an alias stands for has the alias's own place.
class SourceMap {
 public:
  using Node = std::size_t;
  static constexpr Node kRoot = 0;

  void SetRoot(SourcePosition value) { nodes_[kRoot].value = value; }
  Node AddMember(Node parent, const std::string& name, SourcePosition key, SourcePosition value);
  Node AddElement(Node parent, SourcePosition value);  // the next one

  // Of the value at this path, or of the closest parent that is there.
  SourcePosition Of(const Path& path) const;
  // Of the key, where the path ends in a member; else as above.
  SourcePosition OfKey(const Path& path) const;

 private:
  struct Place {
    SourcePosition key, value;
    std::map<std::string, Node> members;
    std::vector<Node> elements;
  };
  const Place& Closest(const Path& path, bool& exact) const;
  std::vector<Place> nodes_ = std::vector<Place>(1);
};

struct YamlDocument {
  Value value;
  SourceMap positions;
};

struct YamlLimits {
  std::size_t max_bytes = 4u << 20;
  std::size_t max_nodes = 1'000'000;       // aliases count as what they stand for
  std::size_t max_alias_bytes = 4u << 20;  // of names and texts that anchors keep and aliases repeat
  int max_depth = 64;
};

struct YamlFault {
  SourcePosition at;
  Issue issue;  // codes: yaml_syntax, yaml_duplicate_key, yaml_depth, yaml_nodes, yaml_utf8, yaml_number, yaml_key,
                // yaml_tag, yaml_merge_key, yaml_size
};

struct YamlResult {
  std::vector<YamlDocument> documents;  // empty documents are left out
  std::vector<YamlFault> faults;        // not empty: the text was refused whole, documents are empty
};

YamlResult ParseYaml(std::string_view text, const YamlLimits& limits = {});

}  // namespace guidon
