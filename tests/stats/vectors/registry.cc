#include "tests/stats/vectors/registry.h"

#include <limits>

namespace guidon::stats::vectors {
namespace {

bool IsInfinity(const Value& value) {
  return value.is_string() && (value.AsString() == "inf" || value.AsString() == "-inf");
}

double ToNumber(const Value& value, std::string_view name) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (IsInfinity(value)) return value.AsString() == "inf" ? kInfinity : -kInfinity;
  if (!value.is_number()) throw MalformedCase("'" + std::string(name) + "' is no number");
  return value.AsDouble();
}

bool IsSaid(const Value* value) {
  return value != nullptr && !value->is_null();
}

}  // namespace

const Value& Need(const Value& object, std::string_view name) {
  const Value* member = object.Find(name);
  if (member == nullptr) throw MalformedCase("there is no '" + std::string(name) + "'");
  return *member;
}

double Number(const Value& object, std::string_view name) {
  return ToNumber(Need(object, name), name);
}

std::vector<double> Numbers(const Value& object, std::string_view name) {
  return Numbers(Need(object, name));
}

std::vector<double> Numbers(const Value& list) {
  if (!list.is_array()) throw MalformedCase("a list of numbers is none");
  std::vector<double> numbers;
  for (const Value& element : list.AsArray()) numbers.push_back(ToNumber(element, "an element of a list"));
  return numbers;
}

const std::string& Text(const Value& object, std::string_view name) {
  const Value& member = Need(object, name);
  if (!member.is_string()) throw MalformedCase("'" + std::string(name) + "' is no text");
  return member.AsString();
}

double NumberOr(const Value& object, std::string_view name, double fallback) {
  return IsSaid(object.Find(name)) ? Number(object, name) : fallback;
}

bool BoolOr(const Value& object, std::string_view name, bool fallback) {
  const Value* member = object.Find(name);
  if (!IsSaid(member)) return fallback;
  if (!member->is_bool()) throw MalformedCase("'" + std::string(name) + "' is neither true nor false");
  return member->AsBool();
}

Alternative AlternativeOf(const Case& c) {
  if (!IsSaid(c.params.Find("alternative"))) return Alternative::kTwoSided;
  const std::string& alternative = Text(c.params, "alternative");
  if (alternative == "two-sided") return Alternative::kTwoSided;
  if (alternative == "greater") return Alternative::kGreater;
  if (alternative == "less") return Alternative::kLess;
  throw MalformedCase("the alternative '" + alternative + "' is not known");
}

void UnknownMethod(const Case& c) {
  throw MalformedCase("the family has no method '" + c.method + "'");
}

Value ToList(const std::vector<double>& numbers) {
  return Array(numbers.begin(), numbers.end());
}

}  // namespace guidon::stats::vectors
