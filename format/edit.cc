#include "format/edit.h"

#include <algorithm>
#include <utility>

namespace guidon::format {
namespace {

// "&anchor !!str" -> "!!str"
std::string WithoutAnchor(const std::string& properties) {
  std::string kept;
  for (std::size_t at = 0; at < properties.size();) {
    const std::size_t end = std::min(properties.find(' ', at), properties.size());
    if (properties[at] != '&') kept += (kept.empty() ? "" : " ") + properties.substr(at, end - at);
    at = end + 1;
  }
  return kept;
}

}  // namespace

bool IsScalar(const Node& node) {
  return node.kind == Kind::kPlain || node.kind == Kind::kQuoted || node.kind == Kind::kBlockScalar;
}

bool IsScalarOf(const Node& node, std::string_view text) {
  return IsScalar(node) && node.text == text;
}

bool HasComments(const Node& node) {
  return !node.tail.empty() || std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) {
    return !entry->before.empty() || !entry->head.empty() || !entry->after.empty() ||
           (entry->value != nullptr && HasComments(*entry->value));
  });
}

Entry* FindMember(const Node& map, std::string_view key) {
  if (map.kind != Kind::kMap) return nullptr;
  const auto found = std::find_if(map.entries.begin(), map.entries.end(),
                                  [&](const auto& entry) { return IsScalarOf(*entry->key, key); });
  return found == map.entries.end() ? nullptr : found->get();
}

std::unique_ptr<Node> Clone(const Node& node) {
  auto clone = std::make_unique<Node>();
  clone->kind = node.kind;
  clone->flow = node.flow;
  clone->properties = WithoutAnchor(node.properties);
  clone->text = node.text;
  clone->is_empty = node.is_empty;
  clone->lines = node.lines;
  clone->indicator = node.indicator;
  for (const auto& entry : node.entries) clone->entries.push_back(Clone(*entry));
  clone->tail = node.tail;
  return clone;
}

std::unique_ptr<Entry> Clone(const Entry& entry) {
  auto clone = std::make_unique<Entry>();
  clone->before = entry.before;
  clone->blank_before = entry.blank_before;
  clone->head = entry.head;
  clone->after = entry.after;
  if (entry.key != nullptr) clone->key = Clone(*entry.key);
  if (entry.value != nullptr) clone->value = Clone(*entry.value);
  return clone;
}

std::unique_ptr<Node> MakeScalar(std::string_view text) {
  auto node = std::make_unique<Node>();
  node->kind = CanBePlain(text) ? Kind::kPlain : Kind::kQuoted;
  node->text = text;
  return node;
}

}  // namespace guidon::format
