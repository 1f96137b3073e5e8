#include "core/validate/operands.h"

#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/base/json.h"
#include "core/model/units.h"

namespace guidon {
namespace {

constexpr std::int64_t kRegexMemory = 1 << 20;  // as evaluation grants it

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

std::string PatternFault(const std::string& text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemory);
  const re2::RE2 pattern(text, options);
  if (pattern.ok()) return "";
  return "not a regular expression (RE2): " + pattern.error();
}

}  // namespace

std::string OperandFault(Operator op, const Value& operand) {
  const std::string shown = ToJson(operand);
  switch (op) {
    case Operator::kIn:
    case Operator::kNotIn:
      return "";
    case Operator::kStartsWith:
    case Operator::kEndsWith:
    case Operator::kContains:
      return operand.is_string() ? "" : "expected text, found " + shown;
    case Operator::kMatches:
      return operand.is_string() ? PatternFault(operand.AsString()) : "expected text, found " + shown;
    case Operator::kLt:
    case Operator::kLte:
    case Operator::kGt:
    case Operator::kGte:
      return operand.is_number() ? "" : "expected a number, found " + shown;
    case Operator::kBefore:
    case Operator::kAfter:
      if (operand.IsIntegral() && operand.is_number()) return "";
      if (operand.is_string() && ParseTimestamp(operand.AsString())) return "";
      return "not a time: " + shown + "; write it as 2027-03-31T08:00:00Z";
    case Operator::kSemverEq:
    case Operator::kSemverLt:
    case Operator::kSemverLte:
    case Operator::kSemverGt:
    case Operator::kSemverGte:
      return operand.is_string() && IsSemVer(operand.AsString())
                 ? ""
                 : "not a version of three parts: " + shown + "; write it as \"4.2.0\"";
    case Operator::kExists:
      return operand.is_bool() ? "" : "expected true or false, found " + shown;
    case Operator::kInCidr:
      return operand.is_string() && IsNetwork(operand.AsString())
                 ? ""
                 : "not a network: " + shown + "; write it as \"10.0.0.0/8\"";
  }
  return "";
}

bool NeverHolds(const std::vector<Test>& tests) {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  bool low_open = false, high_open = false;
  for (const Test& test : tests) {
    if (test.operands.size() != 1 || !test.operands[0].is_number()) continue;
    const double bound = test.operands[0].AsDouble();
    if ((test.op == Operator::kGt || test.op == Operator::kGte) && bound >= low) {
      low_open = test.op == Operator::kGt || (low_open && bound == low);
      low = bound;
    }
    if ((test.op == Operator::kLt || test.op == Operator::kLte) && bound <= high) {
      high_open = test.op == Operator::kLt || (high_open && bound == high);
      high = bound;
    }
  }
  return low > high || (low == high && (low_open || high_open));
}

}  // namespace guidon
