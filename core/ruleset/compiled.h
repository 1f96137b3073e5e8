// The compiled form of definitions: flat arrays, 32-bit indices, sets pre-hashed, expressions parsed, thresholds
// scaled. Six ideas: Variation, Rule (when → serve), Serve (variation | split | select | experiment), Expr, Scheme,
// Layer. Everything here is immutable once built and shared between rulesets.
//
// Targets lower to a rule that selects by key, prerequisites to a rule that serves `off`, the default to a last rule
// that always applies. docs/architecture.md draws it.
#pragma once

#include <re2/re2.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include <guidon/value.h>
#include "core/base/hash.h"
#include "core/model/definitions.h"

namespace guidon {

inline constexpr std::int32_t kNone = -1;

// An attribute as an expression names it. "key" is the context's key.
struct AttributeRef {
  std::string name;
  std::uint64_t hash = 0;
  bool is_key = false;
  std::vector<std::string> path;  // more than one part: also looked up within objects
};

// A set of texts, by hash; small ones are scanned, large ones probed.
class TextSet {
 public:
  TextSet() = default;
  explicit TextSet(std::vector<std::string> texts, bool fold_case = false);
  bool empty() const { return texts_.empty(); }
  // The index of the text, or kNone.
  std::int32_t Find(std::string_view text, std::uint64_t hash) const noexcept;
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::int32_t> table_;  // open addressing by the hash's low bits; empty for small sets
};

// Strict SemVer 2.0.0, as views into the text. Build metadata does not count.
struct SemVer {
  std::array<std::string_view, 3> numbers;
  std::string_view prerelease;
};
bool ParseSemVer(std::string_view text, SemVer& out) noexcept;
int Compare(const SemVer& a, const SemVer& b) noexcept;

// RFC 3339 with zone, in milliseconds since the epoch.
std::optional<std::int64_t> ParseTime(std::string_view text) noexcept;

struct Network {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t bits = 0;
  bool is_v6 = false;
};
// An address (all bits) or CIDR notation.
bool ParseNetwork(std::string_view text, Network& out) noexcept;
bool Contains(const Network& network, const Network& address) noexcept;

// One operator applied to one attribute.
struct CompiledTest {
  Operator op = Operator::kIn;
  bool ignore_case = false;
  bool exists = true;  // kExists: the operand
  AttributeRef attribute;
  TextSet texts;                // kIn, kNotIn: the text operands; text operators: all of them, folded if ignore_case
  std::vector<double> numbers;  // kIn, kNotIn: numbers that are not whole within int64; comparisons: the operand
  std::vector<std::int64_t> wholes;          // kIn, kNotIn: whole numbers; before, after: epoch milliseconds
  bool has_true = false, has_false = false;  // kIn, kNotIn
  std::vector<std::unique_ptr<re2::RE2>> patterns;
  std::string version_text;  // what `version` points into
  SemVer version;
  std::vector<Network> networks;
};

// An expression is a node in a flat array; children are nodes too, listed in `children`.
struct Node {
  enum class Kind : std::uint8_t { kAll, kAny, kNot, kTest, kSegment, kFlag, kBefore, kAfter };
  Kind kind = Kind::kAll;
  std::uint32_t begin = 0, end = 0;  // kAll, kAny, kNot: in children; kTest: begin in tests; kFlag: in words
  std::uint32_t slot = 0;            // kSegment, kFlag
  std::int64_t time = 0;             // kBefore, kAfter
};

struct Expr {
  std::vector<Node> nodes;
  std::vector<std::uint32_t> children;
  std::vector<CompiledTest> tests;
  std::vector<std::string> words;  // variations that a flag condition accepts
};

// Where a unit's bucket comes from.
struct Scheme {
  AttributeRef unit;
  Murmur3Prefix prefix{""};
};

struct ArmRange {
  std::uint32_t begin = 0, end = 0;
  std::int32_t arm = 0;  // variation, or variant
};

struct Split {
  Scheme scheme;
  std::vector<ArmRange> ranges;  // by begin
};

struct CompiledVariation {
  std::string name;
  Value value;
  bool truth = false;
};

struct CompiledRule {
  enum class Serve : std::uint8_t { kVariation, kSplit, kSelect, kExperiment };
  Serve serve = Serve::kVariation;
  Reason reason = Reason::kTargetingMatch;
  bool is_default = false;
  std::int32_t when = kNone;       // node; kNone: always
  std::int32_t variation = kNone;  // kVariation; kNone: the caller's default
  std::int32_t index = kNone;      // kSplit: in splits; kExperiment: slot of the experiment
  std::int32_t id = kNone;         // in rule_ids
};

struct CompiledFlag {
  std::string key;
  FlagType type = FlagType::kBoolean;
  bool enabled = false;
  bool serves_one_thing = false;  // STATIC, unless an experiment runs on it
  std::int32_t off = kNone;
  std::vector<CompiledVariation> variations;
  std::vector<CompiledRule> rules;
  std::vector<Split> splits;
  TextSet targets;                      // keys of all variations
  std::vector<std::int32_t> target_of;  // by index in targets: variation
  std::vector<std::string> rule_ids;
  Expr expr;
  // What it needs: slots, for finding cycles and broken dependencies. Once for every time that it is named: an
  // evaluation may look as often.
  std::vector<std::uint32_t> needs_flags, needs_segments, needs_experiments;
};

struct CompiledSegment {
  std::string key;
  TextSet include, exclude;
  std::int32_t when = kNone;
  Expr expr;
  std::vector<std::uint32_t> needs_flags, needs_segments;
};

struct CompiledForce {
  std::vector<CompiledTest> tests;  // all must hold
  std::int32_t variant = 0;
};

struct CompiledExperiment {
  std::string key;
  std::string flag;
  std::uint32_t iteration = 0;
  ExperimentStatus status = ExperimentStatus::kDraft;
  std::int32_t audience = kNone;
  Expr expr;
  Split split;  // ranges of the variants, as far as the ramp goes
  bool in_layer = false;
  Scheme layer;
  std::vector<BucketRange> slots;  // by begin
  bool has_holdout = false;
  std::string holdout;
  Scheme holdout_scheme;
  std::uint32_t holdout_size = 0;
  std::vector<std::string> variants;
  std::vector<std::string> serves;  // variation of each variant
  std::vector<CompiledForce> force;
  std::vector<std::uint32_t> needs_flags, needs_segments;
};

}  // namespace guidon
