#include "core/validate/operands.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/base/json.h"
#include "core/model/names.h"
#include "core/model/units.h"

namespace guidon {
namespace {

// SemVer 2.0.0, 9: the grammar's own regular expression, from semver.org.
bool IsSemVer(const std::string& text) {
  static const re2::RE2 kPattern(
      R"((0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))"
      R"((?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?)"
      R"((?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?)");
  return re2::RE2::FullMatch(text, kPattern);
}

bool IsNetwork(const std::string& text) {
  static const re2::RE2 kPattern(R"(([0-9a-fA-F:.]+)(?:/(0|[1-9][0-9]{0,2}))?)");
  std::string address, bits;
  if (!re2::RE2::FullMatch(text, kPattern, &address, &bits)) return false;
  unsigned char parsed[16];
  const bool is_v6 = address.find(':') != std::string::npos;
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), parsed) != 1) return false;
  return bits.empty() || std::stoi(bits) <= (is_v6 ? 128 : 32);
}

// As JSON, cut where it gets long.
std::string Shown(const Value& operand) {
  constexpr std::size_t kMost = 80;
  return Shortened(ToJson(operand), kMost);
}

Fault PatternFault(const std::string& text, bool ignore_case) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxExpressionMemory);
  options.set_case_sensitive(!ignore_case);  // as it will be compiled: folded, a class may be larger
  const re2::RE2 pattern(text, options);
  if (pattern.ok() && pattern.ProgramSize() > kMaxExpressionProgram) {
    return {
        "a regular expression that compiles to more than " + std::to_string(kMaxExpressionProgram) + " instructions",
        "shorten its repetitions; classes such as \\pL and repeated '.' are large"};
  }
  if (pattern.ok()) return {};
  return {"not a regular expression: " + pattern.error(),
          "the syntax is RE2's: no look-around and no back-references; in YAML, quote it with ' '"};
}

std::optional<double> TimeOf(const Value& operand) {
  if (operand.is_number()) return operand.AsDouble();
  const auto parsed = operand.is_string() ? ParseTimestamp(operand.AsString()) : std::nullopt;
  if (!parsed) return std::nullopt;
  return static_cast<double>(*parsed);
}

// Whether bounds leave room. Bounds of one kind: numbers, or times.
class Bounds {
 public:
  void Above(double bound, bool is_open) {
    if (bound > low_) low_ = bound, low_open_ = is_open;
    if (bound == low_) low_open_ |= is_open;
  }
  void Below(double bound, bool is_open) {
    if (bound < high_) high_ = bound, high_open_ = is_open;
    if (bound == high_) high_open_ |= is_open;
  }
  bool IsEmpty() const { return low_ > high_ || (low_ == high_ && (low_open_ || high_open_)); }

 private:
  double low_ = -std::numeric_limits<double>::infinity(), high_ = std::numeric_limits<double>::infinity();
  bool low_open_ = false, high_open_ = false;
};

}  // namespace

Fault FaultOf(Operator op, const Value& operand, bool ignore_case) {
  switch (op) {
    case Operator::kMatches:
      return PatternFault(operand.AsString(), ignore_case);
    case Operator::kSemverEq:
    case Operator::kSemverLt:
    case Operator::kSemverLte:
    case Operator::kSemverGt:
    case Operator::kSemverGte:
      if (IsSemVer(operand.AsString())) return {};
      return {"not a version of three parts: " + Shown(operand), "write it as \"4.2.0\""};
    case Operator::kInCidr:
      if (IsNetwork(operand.AsString())) return {};
      return {"not a network: " + Shown(operand), "write it as \"10.0.0.0/8\" or \"2001:db8::/32\""};
    default:  // their kinds and times are the codec's to check
      return {};
  }
}

bool NeverHolds(const std::vector<Test>& tests) {
  Bounds numbers, times;
  bool must_be_missing = false, must_be_there = false;
  for (const Test& test : tests) {
    if (test.operands.size() != 1) {
      must_be_there |= test.op != Operator::kNotIn;
      continue;
    }
    const Value& operand = test.operands[0];
    const bool is_strict = test.op == Operator::kGt || test.op == Operator::kLt;
    switch (test.op) {
      case Operator::kGt:
      case Operator::kGte:
        numbers.Above(operand.AsDouble(), is_strict);
        break;
      case Operator::kLt:
      case Operator::kLte:
        numbers.Below(operand.AsDouble(), is_strict);
        break;
      case Operator::kAfter:
        if (const auto time = TimeOf(operand)) times.Above(*time, true);
        break;
      case Operator::kBefore:
        if (const auto time = TimeOf(operand)) times.Below(*time, true);
        break;
      default:
        break;
    }
    const bool asks_missing = test.op == Operator::kExists && operand.is_bool() && !operand.AsBool();
    must_be_missing |= asks_missing;
    must_be_there |= !asks_missing && test.op != Operator::kNotIn;
  }
  return numbers.IsEmpty() || times.IsEmpty() || (must_be_missing && must_be_there);
}

}  // namespace guidon
