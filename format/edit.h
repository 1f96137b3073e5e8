// Changing a text of YAML by its tree: values are replaced, comments and all else stay.
//
//   Result<format::Tree> tree = format::TreeOf(text);
//   format::Entry* owner = format::FindMember(*tree->documents[0]->root.value, "owner");
//   if (owner != nullptr) owner->value = format::MakeScalar("payments");
//   text = format::WriteTree(*std::move(tree), FormatOptions().columns);
//
// Whoever changes a tree reads what comes of it again before it is given out: a tree can be made that is no YAML (an
// alias before its anchor).
//
// Thread safety: pure functions.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "format/tree.h"

namespace guidon::format {

// Of any text. Fails as FormatYaml.
Result<Tree> TreeOf(std::string_view text);

bool IsScalar(const Node& node);  // text, in whatever way it is written; no alias
bool IsScalarOf(const Node& node, std::string_view text);
bool HasComments(const Node& node);  // in it, not behind it

// nullptr where the node is no map, or has no such key.
Entry* FindMember(const Node& map, std::string_view key);

// With its comments, without anchors: an anchor is given once.
std::unique_ptr<Node> Clone(const Node& node);
std::unique_ptr<Entry> Clone(const Entry& entry);

// In quotes where it needs them.
std::unique_ptr<Node> MakeScalar(std::string_view text);

}  // namespace guidon::format
