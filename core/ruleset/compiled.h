// The compiled form of definitions: what evaluation walks over lies in one piece of memory per flag, in the order in
// which it is walked; what only a hit, an explanation or a report needs lies apart. Six ideas: Variation, Rule
// (when → serve), Serve (variation | split | select | experiment), Expr, Scheme, Layer. Everything here is immutable
// once built and shared between rulesets.
//
// Targets lower to a rule that selects by key, prerequisites to a rule that serves `off`, the default to a last rule
// that always applies. A condition lowers to steps: tests in their authored order, each of which says where to go on
// when it holds and when it does not. docs/architecture.md draws it, docs/decisions/hot-path.md says why.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include <guidon/value.h>
#include "core/base/hash.h"
#include "core/model/definitions.h"
#include "core/ruleset/pattern.h"
#include "core/ruleset/text_set.h"

namespace guidon {

// An attribute as an expression names it. "key" is the context's key.
struct AttributeRef {
  std::uint64_t hash = 0;
  bool is_key = false;
  bool is_path = false;  // more than one part: also looked up within objects
  std::string name;
  std::vector<std::string> path;  // of a path: its parts
};
AttributeRef MakeAttribute(std::string_view name);

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

// What a test compares with, where a step has no room for it.
struct Operands {
  bool ignore_case = false;
  bool has_true = false, has_false = false;  // kIn, kNotIn
  TextSet texts;                             // kIn, kNotIn; folded if ignore_case
  std::vector<std::string> parts;            // text operators; folded if ignore_case
  std::vector<std::int64_t> wholes;          // kIn, kNotIn
  std::vector<double> numbers;               // kIn, kNotIn: numbers that are not whole within int64
  std::vector<std::unique_ptr<const Pattern>> patterns;
  std::string version;  // one that does not fit a step
  std::vector<Network> networks;
};

// A version of three numbers below 1 000 000 and nothing else, as one number that compares as they do. False: of
// another kind, or no version.
[[gnu::always_inline]] inline bool PackVersion(std::string_view text, std::uint64_t& out) noexcept {
  constexpr std::ptrdiff_t kMaxDigits = 6;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto digit = [&] { return at == end ? 10u : static_cast<unsigned>(static_cast<unsigned char>(*at)) - '0'; };
  out = 0;
  for (int number = 0; number < 3; ++number) {
    if (number > 0 && (at == end || *at++ != '.')) return false;
    std::uint64_t value = digit();
    if (value > 9) return false;
    const char* const begin = at++;
    if (value != 0) {  // no leading zeros: what follows a 0 is no digit, or a fault
      for (unsigned next = digit(); next <= 9; next = digit()) {
        value = value * 10 + next;
        if (++at - begin > kMaxDigits) return false;
      }
    }
    out = out << 21 | value;
  }
  return at == end;
}

// One test of a condition, and where it leads. Half a cache line.
struct Step {
  enum class Form : std::uint8_t {
    kShort,     // kIn, kNotIn one text of up to kShortText bytes: its hash; `at` its size
    kText,      // kIn, kNotIn one text: its hash; `at` the text
    kTexts,     // kIn, kNotIn several texts: a filter of their hashes; `at` the TextSet
    kInteger,   // kIn, kNotIn one whole number
    kTruth,     // kIn, kNotIn one boolean, 0 or 1 in `whole`
    kNumber,    // kLt … kGte: a number; whole within int64 if `at` is 1
    kVersion,   // kSemverEq … kSemverGte: a packed version
    kTime,      // kBefore, kAfter: epoch milliseconds
    kPart,      // kStartsWith, kEndsWith, kContains one text: `at` the text
    kExists,    // `at` is 1 or 0
    kOperands,  // anything else about an attribute; the last form that looks at one
    kSegment,   // `at` is its slot
    kFlag,      // `at` is its slot; the variations that are accepted
    kBeforeNow,
    kAfterNow,  // epoch milliseconds, of the time that evaluation is given
    kConstant,  // `at` is 1 or 0: `all` and `any` of nothing
  };
  // Where a step leads: to another by its index, or out.
  static constexpr std::uint32_t kNext = UINT32_MAX, kHolds = UINT32_MAX - 1, kFails = UINT32_MAX - 2;

  const AttributeRef* attribute = nullptr;
  Form form = Form::kConstant;
  Operator op = Operator::kIn;
  bool is_negated = false;   // kNotIn, which is asked as kIn
  std::uint8_t accepts = 0;  // of what compares: bits for less (1), equal (2) and greater (4)
  std::uint32_t at = 0;      // a place: 8-byte units from the first step
  std::uint32_t if_true = kHolds, if_false = kFails;
  union {
    std::uint64_t hash = 0;  // also: filter, packed version
    std::int64_t whole;
    double number;
    const Operands* operands;
    const std::vector<std::string>* words;
  };
};
static_assert(sizeof(Step) == 32);

// Three bits of 64 for each hash in a set: a hash whose bits are not all there is not in it.
constexpr std::uint64_t FilterBits(std::uint64_t hash) {
  return std::uint64_t{1} << (hash & 63) | std::uint64_t{1} << (hash >> 6 & 63) | std::uint64_t{1} << (hash >> 12 & 63);
}

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

// A split within a flag's code, followed by `count` cuts: the first whose `end` is beyond a bucket says whose it is.
struct SplitCode {
  struct Cut {
    std::uint32_t end;
    std::int32_t arm;  // kNone: a gap
  };
  const AttributeRef* unit;
  Murmur3Prefix prefix;
  std::uint64_t count;
  const Cut* cuts() const { return reinterpret_cast<const Cut*>(this + 1); }
};
static_assert(sizeof(SplitCode) % 8 == 0 && alignof(SplitCode) == 8);

struct CompiledVariation {
  std::string name;
  Value value;
};

struct CompiledRule {
  enum class Serve : std::uint8_t { kVariation, kSplit, kSelect, kExperiment };
  static constexpr std::uint32_t kAlways = UINT32_MAX;
  std::uint32_t when = kAlways;    // its first step
  std::uint32_t index = 0;         // kSplit: place of a SplitCode; kSelect: of a TextSet; kExperiment: its slot
  std::int16_t variation = kNone;  // kVariation; kNone: the caller's fallback
  std::int16_t id = kNone;         // in rule_ids
  Serve serve = Serve::kVariation;
  Reason reason = Reason::kTargetingMatch;
  bool is_default = false;
};
static_assert(sizeof(CompiledRule) == 16);

// Rules, the steps of their conditions, and what these refer to by place; in this order, in one piece.
class Code {
 public:
  Code() = default;

  bool empty() const { return memory_ == nullptr; }  // no rules and no steps
  const CompiledRule* rules() const { return reinterpret_cast<const CompiledRule*>(memory_.get()); }
  std::uint32_t rule_count() const { return rule_count_; }
  const Step* steps() const { return StepsAfter(rules(), rule_count_); }

  // Where the steps begin that follow so many rules, in bytes.
  static constexpr std::size_t StepsAt(std::uint32_t rule_count) {
    return (rule_count * sizeof(CompiledRule) + sizeof(Step) - 1) / sizeof(Step) * sizeof(Step);
  }
  static const Step* StepsAfter(const CompiledRule* rules, std::uint32_t count) {
    return reinterpret_cast<const Step*>(reinterpret_cast<const char*>(rules) + StepsAt(count));
  }
  // What lies at a place.
  template <typename T>
  static const T* At(const Step* steps, std::uint32_t place) {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(steps) + std::size_t{place} * 8);
  }
  static std::string_view TextAt(const Step* steps, std::uint32_t place) {
    const auto* size = At<std::uint64_t>(steps, place);
    return {reinterpret_cast<const char*>(size + 1), static_cast<std::size_t>(*size)};
  }

 private:
  friend class CodeBuilder;
  struct Free {
    void operator()(char* memory) const { ::operator delete(memory, std::align_val_t(64)); }
  };
  std::unique_ptr<char, Free> memory_;
  std::uint32_t rule_count_ = 0;
  std::vector<std::unique_ptr<const Operands>> operands_;
  std::vector<std::unique_ptr<const std::vector<std::string>>> words_;
};

struct CompiledFlag {
  std::string_view key;  // kept by the lineage
  FlagType type = FlagType::kBoolean;
  bool enabled = false;
  bool client = false;            // may be served to client-side keys
  bool serves_one_thing = false;  // STATIC, unless an experiment runs on it
  std::int32_t off = kNone;
  std::span<const CompiledVariation> variations;  // its own, or what nearly all boolean flags have
  std::vector<CompiledVariation> own_variations;
  std::vector<std::string> rule_ids;
  Code code;
  // What it needs: slots, for finding cycles and broken dependencies. Once for every time that it is named: an
  // evaluation may look as often.
  std::vector<std::uint32_t> needs_flags, needs_segments, needs_experiments;
};

struct CompiledSegment {
  std::string key;
  TextSet include, exclude;
  Code when;  // empty: none
  std::vector<std::uint32_t> needs_flags, needs_segments;
};

struct CompiledForce {
  Code tests;  // all must hold
  std::int32_t variant = 0;
};

struct CompiledExperiment {
  std::string key;
  std::string flag;
  std::uint32_t iteration = 0;
  ExperimentStatus status = ExperimentStatus::kDraft;
  Code audience;  // empty: everybody
  Split split;    // ranges of the variants, as far as the ramp goes
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
