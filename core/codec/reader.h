// The tools that every decoder of this room is made of: a value with the way to it, and readers that note each fault
// and go on with something harmless. What was read counts only if the report stayed empty.
//
//   Layer ReadLayer(const Node& node) {
//     Layer layer;
//     Fields fields(node, "a layer");
//     fields.Required("layer", layer.key, ReadKey);
//     fields.Required("unit", layer.unit, ReadAttribute);
//     fields.Finish();                                   // every other key is a fault
//     return layer;
//   }
//
// For the decoders of this room, and for others that read YAML of their own as strictly (gate/policy.cc).
//
// Thread safety: one report per decoding; nothing is shared.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <guidon/value.h>
#include "core/base/issue.h"
#include "core/base/result.h"
#include "core/codec/codec.h"

namespace guidon::codec {

inline constexpr std::string_view kNone = "none";  // no variant, adjustment, window or cap
// Faults beyond this many are counted, not kept: one issue at the end says how many.
inline constexpr std::size_t kMaxIssues = 1'000;

struct Report {
  Strictness strictness = Strictness::kAuthored;
  std::vector<Issue> issues;
  std::size_t not_kept = 0;

  std::size_t total() const { return issues.size() + not_kept; }
  // All faults, with `entity` in each; `what` stands for it in the message when it is empty.
  Error ToError(std::string_view entity, std::string_view what) &&;
};

// A value within a document. A node lives on the stack of the function that reads it, and its children die before it.
class Node {
 public:
  Node(const Value& root, Report& report) : value_(root), report_(report) {}
  Node Member(std::string_view name, const Value& value) const { return Node(value, *this, name, 0); }
  Node Element(std::size_t index, const Value& value) const { return Node(value, *this, {}, index); }

  // The same place with another value, such as a part of its text.
  Node Standin(const Value& value) const { return Node(value, *this); }

  const Value& value() const { return value_; }
  std::string_view name() const { return name_; }  // of a member; its object outlives the node
  Report& report() const { return report_; }
  Path path() const;

  void Fault(std::string_view code, std::string message, std::string hint = "") const;
  // "expected a list of rules, found text 'x'"
  void WrongType(std::string_view expected, std::string hint = "") const;

 private:
  Node(const Value& value, const Node& parent, std::string_view name, std::size_t index)
      : value_(value), report_(parent.report_), parent_(&parent), name_(name), index_(index) {}

  Node(const Value& value, const Node& place)
      : value_(value), report_(place.report_), parent_(place.parent_), name_(place.name_), index_(place.index_) {}

  const Value& value_;
  Report& report_;
  const Node* parent_ = nullptr;
  std::string_view name_;  // data() is null for an element
  std::size_t index_ = 0;
};

// "text 'x'", "number 4.1", "true", "null", "a list", "a map"; long texts are cut.
std::string Describe(const Value& value);

// --- scalars -------------------------------------------------------------------------------------------------------

bool ReadBool(const Node& node);
std::string ReadText(const Node& node);  // free text: 0 … kMaxTextBytes bytes
std::string ReadName(const Node& node);  // an owner, a tag: 1 … kMaxNameBytes bytes, no control characters
std::string ReadContextKey(const Node& node);
std::string ReadKey(const Node& node);        // IsKey
std::string ReadVariation(const Node& node);  // IsKey; says what to write in place of true and false
std::string ReadAttribute(const Node& node);  // IsAttributeName
double ReadNumber(const Node& node);          // finite
std::uint64_t ReadCount(const Node& node, std::uint64_t least, std::uint64_t most);
std::uint32_t ReadPercent(const Node& node);               // 0 % … 100 %
std::uint32_t ReadShare(const Node& node);                 // more than 0 %
std::uint32_t ReadOpenShare(const Node& node);             // more than 0 %, less than 100 %
std::uint32_t ReadPlace(const Node& node);                 // a bucket: 0 % … less than 100 %
std::chrono::milliseconds ReadDuration(const Node& node);  // more than none, at most kMaxDurationDays
Margin ReadMargin(const Node& node);
std::chrono::sys_days ReadDay(const Node& node);
Value ReadTimestamp(const Node& node);  // RFC 3339 text with zone or whole milliseconds, as written
Value ReadScalar(const Node& node);     // text, finite number or boolean
Value ReadJson(const Node& node);       // anything, all numbers finite
Value ReadContext(const Node& node);    // a map

// The fault of a word that is none of `known`.
void UnknownWord(const Node& node, std::string_view what, const std::vector<std::string>& known);

// One of the words that ToString gives to `known`; the first of them after a fault.
template <typename Enum, std::size_t N>
Enum ReadWord(const Node& node, std::string_view what, const std::array<Enum, N>& known) {
  if (node.value().is_string()) {
    for (Enum word : known) {
      if (ToString(word) == node.value().AsString()) return word;
    }
  }
  std::vector<std::string> words;
  words.reserve(N);
  for (Enum word : known) words.emplace_back(ToString(word));
  UnknownWord(node, what, words);
  return known[0];
}

// --- lists and maps ------------------------------------------------------------------------------------------------

// Notes a fault and returns false when `node` has more than `most` elements or members.
bool CheckSize(const Node& node, std::string_view what, std::size_t most);

// What `read` makes of each element.
template <typename Read>
auto ReadList(const Node& node, std::string_view what, std::size_t most, Read read) {
  std::vector<decltype(read(node))> list;
  if (!node.value().is_array()) {
    node.WrongType("a list of " + std::string(what));
    return list;
  }
  if (!CheckSize(node, what, most)) return list;
  const Array& elements = node.value().AsArray();
  list.reserve(elements.size());
  for (std::size_t i = 0; i < elements.size(); ++i) list.push_back(read(node.Element(i, elements[i])));
  return list;
}

// One, or a list of at least one.
template <typename Read>
auto ReadOneOrList(const Node& node, std::string_view what, std::size_t most, Read read) {
  if (!node.value().is_array()) return std::vector<decltype(read(node))>{read(node)};
  if (node.value().AsArray().empty()) node.Fault("empty_list", "the list of " + std::string(what) + " is empty");
  return ReadList(node, what, most, read);
}

// What `read` makes of each member; it finds the member's name in its node.
template <typename Read>
auto ReadMap(const Node& node, std::string_view what, std::size_t most, Read read) {
  std::vector<decltype(read(node))> list;
  if (!node.value().is_object()) {
    node.WrongType("a map of " + std::string(what));
    return list;
  }
  if (!CheckSize(node, what, most)) return list;
  for (const auto& [name, value] : node.value().AsObject()) list.push_back(read(node.Member(name, value)));
  return list;
}

// Notes a fault at `node` unless its name can be a key. Returns the name.
std::string ReadMemberKey(const Node& node, std::string_view what);

// The members of a map with known names. All texts that it takes outlive it: they are literals.
class Fields {
 public:
  Fields(const Node& node, std::string_view what);

  // False, and `into` untouched, when there is no such member.
  template <typename T, typename Read>
  bool Optional(std::string_view name, T& into, Read read) {
    const Value* value = Take(name);
    if (value == nullptr) return false;
    into = read(node_.Member(name, *value));
    return true;
  }
  // The same; absence is a fault.
  template <typename T, typename Read>
  bool Required(std::string_view name, T& into, Read read) {
    if (Optional(name, into, read)) return true;
    if (is_map_) Missing(name);
    return false;
  }
  bool Has(std::string_view name) const { return node_.value().Find(name) != nullptr; }
  // A fault if the member is there: it does not go with the others. "a conversion metric has no 'value'"
  void Forbid(std::string_view name, std::string_view why, std::string hint = "");
  void Missing(std::string_view name, std::string hint = "") const;
  void Finish() const;  // what was not asked for is unknown

  const Node& node() const { return node_; }
  explicit operator bool() const { return is_map_; }

 private:
  const Value* Take(std::string_view name);

  const Node& node_;
  const std::string_view what_;
  const bool is_map_;
  std::vector<std::string_view> known_;
  std::vector<std::string_view> forbidden_;  // known, and no hint for who looks for a key
};

// For whom a test asks: `given`, which may be left out where `at` says where the unit stands.
void ReadGiven(Fields& fields, std::optional<std::uint32_t>& at, Value& given);

// --- whole documents -----------------------------------------------------------------------------------------------

// "flag checkout.layout", or "" when `value` has no text there.
std::string EntityText(std::string_view what, const Value& value);

// Reads `value` with `read`. `what` is the kind of thing ("flag"), and with the text of its member of that name it is
// the entity in the issues: "flag checkout.layout".
template <typename Read>
auto Decode(std::string_view what, const Value& value, Strictness strictness, Read read)
    -> Result<decltype(read(std::declval<const Node&>()))> {
  Report report{strictness, {}, 0};
  const Node root(value, report);
  auto decoded = read(root);
  if (report.issues.empty()) return decoded;
  return Fail(std::move(report).ToError(EntityText(what, value), what));
}
// The readers of the files of this room.
Condition ReadCondition(const Node& node);
Condition ReadEventCondition(const Node& node);  // on the attributes of an event: no segment, flag and now
FlagDefinition ReadFlag(const Node& node);
Segment ReadSegment(const Node& node);
Layer ReadLayer(const Node& node);
Holdout ReadHoldout(const Node& node);
Experiment ReadExperiment(const Node& node);
Metric ReadMetric(const Node& node);

// "130%"; FormatPercent for sums.
std::string FormatPercentOf(std::uint64_t parts);

// The weights of a split or an experiment have to add up to the whole.
template <typename Arm>
void CheckWeights(const Node& node, const std::vector<Arm>& arms) {
  std::uint64_t sum = 0;
  for (const Arm& arm : arms) sum += arm.parts;
  if (sum != kWhole) node.Fault("weights_sum", "the weights add up to " + FormatPercentOf(sum) + ", not to 100%");
}

}  // namespace guidon::codec
