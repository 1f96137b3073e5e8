#include "lsp/schema.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "lsp/schema_texts.h"

namespace guidon::lsp {
namespace {

constexpr int kMaxReferences = 32;  // that lead from one to the next

const char* FileOf(FileKind kind) {
  switch (kind) {
    case FileKind::kProject:
      return "guidon.schema.json";
    case FileKind::kFlags:
      return "flag.schema.json";
    case FileKind::kSegments:
      return "segment.schema.json";
    case FileKind::kMetrics:
      return "metric.schema.json";
    case FileKind::kExperiments:
      return "experiment.schema.json";
    case FileKind::kLayers:
      return "layers.schema.json";
    case FileKind::kHoldouts:
      return "holdouts.schema.json";
    case FileKind::kTests:
      return "tests.schema.json";
    case FileKind::kPolicy:
      return "gate.schema.json";
    case FileKind::kPopulations:
      return "population.schema.json";
    case FileKind::kNone:
      break;
  }
  return "";
}

std::string WordOf(const Value& value) {
  return value.is_string() ? value.AsString() : ToJson(value);
}

// What one thing or all things together say; nothing: it cannot be known yet.
using Verdict = std::optional<bool>;
Verdict Both(Verdict a, Verdict b) {
  if (a == false || b == false) return false;
  return a && b ? Verdict(true) : std::nullopt;
}

Verdict Fits(const Value& schema, const Node* node);

Verdict HasType(const std::string& type, const Node& node) {
  // A word alone may become the first key of a map.
  if (node.kind == Node::Kind::kNothing || node.kind == Node::Kind::kScalar) return std::nullopt;
  return type == (node.kind == Node::Kind::kMap ? "object" : "array");
}

Verdict HasMembers(const Value& properties, const Node& node) {
  Verdict verdict = true;
  for (const Member& property : properties.AsObject()) {
    const Entry* entry = node.Find(property.name);
    if (entry != nullptr) verdict = Both(verdict, Fits(property.value, &entry->value));
  }
  return verdict;
}

// Of what `if` says in our schemas.
Verdict Fits(const Value& schema, const Node* node) {
  if (node == nullptr) return std::nullopt;
  Verdict verdict = true;
  for (const Member& member : schema.AsObject()) {
    if (member.name == "type") {
      verdict = Both(verdict, HasType(member.value.AsString(), *node));
    } else if (member.name == "required") {
      for (const Value& key : member.value.AsArray()) {
        verdict = Both(verdict, node->Find(key.AsString()) != nullptr);
      }
    } else if (member.name == "properties") {
      verdict = Both(verdict, HasMembers(member.value, *node));
    } else if (member.name == "const") {
      verdict = Both(verdict, node->text == WordOf(member.value));
    } else if (member.name == "not") {
      const Verdict inner = Fits(member.value, node);
      verdict = Both(verdict, inner ? Verdict(!*inner) : inner);
    } else {
      verdict = Both(verdict, std::nullopt);
    }
  }
  return verdict;
}

}  // namespace

Schemas::Schemas() {
  for (const SchemaText& text : SchemaTexts()) {
    Result<Value> document = ParseJson(text.json);
    assert(document);  // a test holds every schema against its own schema
    if (document) documents_.emplace(text.file, *std::move(document));
  }
}

Schemas::Part Schemas::Resolve(const std::string& reference, const Value* document) const {
  const std::size_t hash = std::min(reference.find('#'), reference.size());
  if (hash > 0) {
    const auto held = documents_.find(reference.substr(0, hash));
    if (held == documents_.end()) return {};
    document = &held->second;
  }
  const Value* schema = document;
  std::string_view rest = std::string_view(reference).substr(std::min(hash + 1, reference.size()));
  while (schema != nullptr && rest.starts_with('/')) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    schema = schema->Find(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return {schema, document};
}

void Schemas::Expand(Part part, const Node* node, int depth, Parts& parts) const {
  if (part.schema == nullptr || !part.schema->is_object() || depth > kMaxReferences) return;
  parts.push_back(part);
  const auto expand = [&](const Value* schema) {
    if (schema != nullptr) Expand({schema, part.document}, node, depth + 1, parts);
  };
  if (const Value* reference = part.schema->Find("$ref")) {
    Expand(Resolve(reference->AsString(), part.document), node, depth + 1, parts);
  }
  for (const std::string_view list : {"allOf", "anyOf", "oneOf"}) {
    for (const Value& schema : ListIn(*part.schema, list)) expand(&schema);
  }
  if (const Value* condition = part.schema->Find("if")) {
    const Verdict verdict = Fits(*condition, node);
    if (verdict != false) expand(part.schema->Find("then"));
    if (verdict != true) expand(part.schema->Find("else"));
  }
}

Schemas::Parts Schemas::Step(const Parts& parts, const Path::Step& step) const {
  Parts next;
  for (const Part& part : parts) {
    const Value* found = nullptr;
    if (const auto* key = std::get_if<std::string>(&step)) {
      const Value* properties = part.schema->Find("properties");
      found = properties == nullptr ? nullptr : properties->Find(*key);
      if (found == nullptr) found = part.schema->Find("additionalProperties");
    } else {
      found = part.schema->Find("items");
    }
    if (found != nullptr && found->is_object()) next.push_back({found, part.document});
  }
  return next;
}

Schemas::Parts Schemas::At(FileKind kind, const Node& document, const Path& path) const {
  const auto held = documents_.find(FileOf(kind));
  if (held == documents_.end()) return {};
  Parts expanded;
  const Node* node = &document;
  Expand({&held->second, &held->second}, node, 0, expanded);
  Path so_far;
  for (const Path::Step& step : path.steps()) {
    const auto* key = std::get_if<std::string>(&step);
    so_far = key == nullptr ? so_far.Index(std::get<std::size_t>(step)) : so_far.Key(*key);
    node = document.At(so_far);
    const Parts next = Step(expanded, step);
    expanded.clear();
    for (const Part& part : next) Expand(part, node, 0, expanded);
  }
  return expanded;
}

std::vector<SchemaKey> Schemas::KeysAt(FileKind kind, const Node& document, const Path& path) const {
  std::vector<SchemaKey> keys;
  const Parts parts = At(kind, document, path);
  const auto is_required = [&](const std::string& name) {
    return std::any_of(parts.begin(), parts.end(), [&](const Part& part) {
      const Array& required = ListIn(*part.schema, "required");
      return std::find(required.begin(), required.end(), Value(name)) != required.end();
    });
  };
  for (const Part& part : parts) {
    const Value* properties = part.schema->Find("properties");
    if (properties == nullptr) continue;
    for (const Member& property : properties->AsObject()) {
      if (!property.value.is_object()) continue;  // false: not here
      const bool is_known =
          std::any_of(keys.begin(), keys.end(), [&](const SchemaKey& key) { return key.name == property.name; });
      if (is_known) continue;
      Parts of_value;
      Expand({&property.value, part.document}, nullptr, 0, of_value);
      const auto is_of = [](const Part& one, std::string_view type) { return TextOf(*one.schema, "type") == type; };
      SchemaKey key{property.name, "", is_required(property.name), !of_value.empty()};
      for (const Part& one : of_value) {
        if (key.description.empty()) key.description = TextOf(*one.schema, "description");
        if (one.schema->Find("enum") != nullptr) key.holds_more = false;
        if (one.schema->Find("type") != nullptr && !is_of(one, "object") && !is_of(one, "array"))
          key.holds_more = false;
      }
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

std::vector<std::string> Schemas::WordsAt(FileKind kind, const Node& document, const Path& path) const {
  std::vector<std::string> words;
  const auto add = [&](const std::string& text) {
    if (std::find(words.begin(), words.end(), text) == words.end()) words.push_back(text);
  };
  for (const Part& part : At(kind, document, path)) {
    for (const Value& word : ListIn(*part.schema, "enum")) add(WordOf(word));
    if (const Value* word = part.schema->Find("const")) add(WordOf(*word));
    if (TextOf(*part.schema, "type") == "boolean") add("true"), add("false");
  }
  return words;
}

std::string Schemas::DescriptionAt(FileKind kind, const Node& document, const Path& path) const {
  std::string description, examples;
  for (const Part& part : At(kind, document, path)) {
    if (description.empty()) description = TextOf(*part.schema, "description");
    if (!examples.empty()) continue;
    for (const Value& example : ListIn(*part.schema, "examples")) {
      examples += (examples.empty() ? "" : ", ") + std::string("`") + WordOf(example) + "`";
    }
  }
  if (description.empty()) return "";
  return examples.empty() ? description : description + "\n\nFor example " + examples + ".";
}

}  // namespace guidon::lsp
