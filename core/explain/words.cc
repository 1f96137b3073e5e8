#include "core/explain/words.h"

#include <algorithm>
#include <optional>

#include "core/base/json.h"
#include "core/model/units.h"
#include "core/ruleset/compiled.h"

namespace guidon::explain {
namespace {

constexpr std::size_t kMostBytes = 80;    // of a value
constexpr std::size_t kMostOperands = 6;  // of a list
constexpr std::size_t kMostRanges = 4;    // of an arm

// How an operator asks, of one operand and of several.
struct OperatorWords {
  std::string_view one, several;
};

OperatorWords WordsOf(Operator op) {
  switch (op) {
    case Operator::kIn:
      return {"is", "is one of"};
    case Operator::kNotIn:
      return {"is not", "is none of"};
    case Operator::kStartsWith:
      return {"starts with", "starts with one of"};
    case Operator::kEndsWith:
      return {"ends with", "ends with one of"};
    case Operator::kContains:
      return {"contains", "contains one of"};
    case Operator::kMatches:
      return {"matches", "matches one of"};
    case Operator::kLt:
      return {"is below", ""};
    case Operator::kLte:
      return {"is at most", ""};
    case Operator::kGt:
      return {"is above", ""};
    case Operator::kGte:
      return {"is at least", ""};
    case Operator::kBefore:
      return {"is before", ""};
    case Operator::kAfter:
      return {"is after", ""};
    case Operator::kSemverEq:
      return {"is version", ""};
    case Operator::kSemverLt:
      return {"is below version", ""};
    case Operator::kSemverLte:
      return {"is at most version", ""};
    case Operator::kSemverGt:
      return {"is above version", ""};
    case Operator::kSemverGte:
      return {"is at least version", ""};
    case Operator::kExists:
      return {"is there", ""};
    case Operator::kInCidr:
      return {"is in the network", "is in one of the networks"};
  }
  return {};
}

// What a value has to be for the operator to look at it at all; "" when anything will do, or it is that.
std::string_view Misfit(Operator op, const Value& value) {
  switch (op) {
    case Operator::kLt:
    case Operator::kLte:
    case Operator::kGt:
    case Operator::kGte:
      return value.is_number() ? "" : "which is no number";
    case Operator::kBefore:
    case Operator::kAfter:
      return value.IsIntegral() || (value.is_string() && ParseTimestamp(value.AsString())) ? "" : "which is no time";
    case Operator::kSemverEq:
    case Operator::kSemverLt:
    case Operator::kSemverLte:
    case Operator::kSemverGt:
    case Operator::kSemverGte: {
      SemVer version;
      return value.is_string() && ParseSemVer(value.AsString(), version) ? "" : "which is no version such as 1.2.3";
    }
    case Operator::kInCidr: {
      Network network;
      return value.is_string() && ParseNetwork(value.AsString(), network) ? "" : "which is no address";
    }
    case Operator::kStartsWith:
    case Operator::kEndsWith:
    case Operator::kContains:
    case Operator::kMatches:
      return value.is_string() ? "" : "which is no text";
    default:
      return "";
  }
}

}  // namespace

const Value* FindAttribute(const Value& context, std::string_view attribute) {
  if (const Value* whole = context.Find(attribute)) return whole;
  const Value* value = &context;
  while (value != nullptr && !attribute.empty()) {
    const std::string_view part = attribute.substr(0, attribute.find('.'));
    attribute.remove_prefix(std::min(attribute.size(), part.size() + 1));
    value = value->Find(part);
  }
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string Shown(const Value& value) {
  return value.is_string() ? Quoted(value.AsString()) : Shortened(ToJson(value), kMostBytes);
}

std::string Quoted(std::string_view text) {
  return ToJson(Value(Shortened(text, kMostBytes)));
}

std::string AskedOf(std::string_view attribute, const Test& test, bool ignore_case) {
  std::string asked(attribute);
  const OperatorWords words = WordsOf(test.op);
  const bool one = test.operands.size() == 1;
  if (test.op == Operator::kExists) return asked + (one && test.operands[0].AsBool() ? " is there" : " is not there");
  asked += " " + std::string(one || words.several.empty() ? words.one : words.several) + " ";
  const std::size_t shown = std::min(test.operands.size(), kMostOperands);
  for (std::size_t i = 0; i < shown; ++i) asked += (i == 0 ? "" : ", ") + Shown(test.operands[i]);
  if (shown < test.operands.size()) asked += " and " + std::to_string(test.operands.size() - shown) + " more";
  return asked + (ignore_case ? ", in upper or lower case" : "");
}

std::string FoundAt(const Test& test, const Value* value) {
  if (value == nullptr) return "there is none";
  const std::string_view misfit = value->is_array() ? "" : Misfit(test.op, *value);
  return "it is " + Shown(*value) + (misfit.empty() ? "" : ", " + std::string(misfit));
}

std::string BucketsOf(const Array& ranges, std::string_view kind, std::string_view arm) {
  std::string text;
  std::size_t count = 0;
  std::uint32_t parts = 0;
  for (const Value& range : ranges) {
    const Value *name = range.Find(kind), *begin = range.Find("begin"), *end = range.Find("end");
    if (name == nullptr || begin == nullptr || end == nullptr || name->AsString() != arm) continue;
    parts += static_cast<std::uint32_t>(end->AsInt() - begin->AsInt());
    if (++count > kMostRanges) continue;
    text += (count == 1 ? "" : ", ") + std::to_string(begin->AsInt()) + "–" + std::to_string(end->AsInt() - 1);
  }
  if (count > kMostRanges) text += " and " + std::to_string(count - kMostRanges) + " more";
  return count == 0 ? "nothing" : text + " (" + FormatPercent(parts) + ")";
}

std::vector<std::string> ArmsOf(const Array& ranges, std::string_view kind) {
  std::vector<std::string> arms;
  for (const Value& range : ranges) {
    const Value* name = range.Find(kind);
    if (name != nullptr && std::find(arms.begin(), arms.end(), name->AsString()) == arms.end()) {
      arms.push_back(name->AsString());
    }
  }
  return arms;
}

}  // namespace guidon::explain
