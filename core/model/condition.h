// When a rule, a segment or an audience applies, as authored (docs/spec/definitions.md, "Conditions").
//
//   { segment: eu-web, app.version: { semver_gte: "4.2.0" }, not: { plan: trial } }
//
// is a Condition of three clauses: kSegment, kAttribute with one Test, kNot with one child.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>

namespace guidon {

enum class Operator : std::uint8_t {
  kIn,          // equals any operand; `country: DE` and `country: [DE, FR]` are this too
  kNotIn,       // exactly not(kIn), also for a missing attribute
  kStartsWith,  // text operators: any operand
  kEndsWith,
  kContains,
  kMatches,  // RE2, unanchored search
  kLt,       // numbers only
  kLte,
  kGt,
  kGte,
  kBefore,  // strict; RFC 3339 with zone, or epoch milliseconds
  kAfter,
  kSemverEq,  // strict SemVer 2.0.0
  kSemverLt,
  kSemverLte,
  kSemverGt,
  kSemverGte,
  kExists,  // operand true or false; looks at the attribute itself, also for arrays
  kInCidr,  // IPv4 or IPv6 address in any operand's network
};
inline constexpr int kOperatorCount = static_cast<int>(Operator::kInCidr) + 1;

std::string_view ToString(Operator op);  // "in", "not_in", "starts_with", …: the authored word
std::optional<Operator> OperatorFromString(std::string_view word);

// One operator with its operands: text, numbers and booleans; exactly one operand for all operators that do not take
// a list.
struct Test {
  Operator op = Operator::kIn;
  std::vector<Value> operands;
  friend bool operator==(const Test&, const Test&) = default;
};

struct Condition;

struct Clause {
  enum class Kind : std::uint8_t { kAttribute, kAll, kAny, kNot, kSegment, kFlag, kNow };
  Kind kind = Kind::kAttribute;

  std::string attribute;    // kAttribute: the name, a dot path
  std::vector<Test> tests;  // kAttribute: all must hold; kNow: kBefore and kAfter only
  // kAttribute: for in, not_in and the text operators of this matcher. ASCII, but for matches, where it is RE2's (?i).
  bool ignore_case = false;

  std::vector<Condition> children;  // kAll, kAny: one or more; kNot: exactly one

  std::vector<std::string> segments;  // kSegment: in any of these

  std::string flag;                     // kFlag: this flag serves …
  std::vector<std::string> variations;  // … any of these; false when it is disabled or missing

  friend bool operator==(const Clause&, const Clause&) = default;
};

// All clauses must hold. Never empty once decoded. Decoded clauses are as different as the keys of a map: each
// attribute once, each other kind once (kFlag: once for each flag), and an attribute with a reserved name stands alone.
struct Condition {
  std::vector<Clause> clauses;
  friend bool operator==(const Condition&, const Condition&) = default;
};

}  // namespace guidon
