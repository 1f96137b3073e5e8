// What a word in a workspace's file names: the segment of `{ segment: eu-web }`, the variation of `serve: single_page`.
// Told by where it stands, so also of words that name nothing (yet), and in files that cannot be read.
//
//   flags/a.yaml, rules[0].when.segment   ->   {kSegment}
//   flags/a.yaml, variations.blue, its key ->   {kVariation, of flag a, defines}
//
// Thread safety: plain values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/outline.h"

namespace guidon::lsp {

enum class FileKind : std::uint8_t {
  kNone,  // nothing is known of it
  kProject,
  kFlags,
  kSegments,
  kMetrics,
  kExperiments,
  kLayers,
  kHoldouts,
  kTests,
  kPolicy,       // gate.yaml
  kPopulations,  // what guidon simulate is told of units
};
FileKind FileKindOf(std::string_view file);  // relative to the workspace

enum class Role : std::uint8_t {
  kNone,
  kFlag,
  kSegment,
  kMetric,
  kLayer,
  kHoldout,
  kExperiment,
  kEnvironment,
  kVariation,  // of a flag
  kRule,       // of a flag in an environment: "checkout.layout production"
  kVariant,    // of an experiment
  kAttribute,
  kAttributeValue,  // of an attribute
  kEvent,
  kEventAttribute,
};
std::string_view ToString(Role role);  // "flag", "event attribute", …

struct Name {
  Role role = Role::kNone;
  std::string text;
  std::string of;        // what it belongs to
  bool defines = false;  // this is where it is made
};
inline bool IsSame(const Name& a, const Name& b) {
  return a.role == b.role && a.text == b.text && a.of == b.of;
}

// The flag, segment, … that a path leads into: a file holds one, or a list of them. nullptr: none.
const Node* DefinitionOf(const Node& document, const Path& path);

// Of the key or value that stands there; without its text, which is the spot's.
Name NameAt(FileKind kind, const Node& document, const Path& path, bool on_key);

struct Occurrence {
  Name name;
  std::size_t begin = 0, end = 0;  // with quotes
  char quote = 0;
};
// All names in a text, as they stand.
std::vector<Occurrence> NamesIn(FileKind kind, const Outline& outline);

}  // namespace guidon::lsp
