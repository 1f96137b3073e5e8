// Which function of ours answers a family of reference vectors, and what it is given.
//
//   Outputs FisherExact(const Case& c) {
//     return Object{{"p_value", FisherExact(...)}};
//   }
//   registry.Add("fisher_exact", FisherExact);
//
// A function names all that it can compute; the runner (main.cc) looks up what the case expects. What the case lacks is
// thrown as MalformedCase, which the readers below do; the runner makes a miss of it.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/value.h>
#include "stats/inference/effect.h"

namespace guidon::stats::vectors {

struct Case {
  std::string id;
  std::string family;
  std::string method;
  Value inputs;
  Value params;
};

// The names of the file's `expected` with numbers, lists of numbers or null (not defined). A typed error is expected of
// degenerate cases.
using Outputs = Outcome<Object>;
using FamilyFunction = std::function<Outputs(const Case&)>;

class Registry {
 public:
  // A family has one function; it looks at `method` itself, and answers one that it does not know by UnknownMethod.
  void Add(std::string family, FamilyFunction function) {
    functions_.insert_or_assign(std::move(family), std::move(function));
  }
  // Null when nobody added it.
  const FamilyFunction* Find(std::string_view family) const {
    const auto found = functions_.find(family);
    return found == functions_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, FamilyFunction, std::less<>> functions_;
};

void AddFixedFamilies(Registry& registry);       // fixed_families.cc
void AddSequentialFamilies(Registry& registry);  // sequential_families.cc

class MalformedCase : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Members of `inputs`, of `params` or of what is within them. A number may be written "inf" or "-inf". They throw
// MalformedCase when there is no such member or it is of another kind.
const Value& Need(const Value& object, std::string_view name);
double Number(const Value& object, std::string_view name);
std::vector<double> Numbers(const Value& object, std::string_view name);
std::vector<double> Numbers(const Value& list);
const std::string& Text(const Value& object, std::string_view name);
// The member, or the fallback where there is none or it is null.
double NumberOr(const Value& object, std::string_view name, double fallback);
bool BoolOr(const Value& object, std::string_view name, bool fallback);
// params.alternative: "two-sided" (also when it is not said), "greater", "less".
Alternative AlternativeOf(const Case& c);

[[noreturn]] void UnknownMethod(const Case& c);

Value ToList(const std::vector<double>& numbers);
// null, or the number.
template <typename Optional>
Value OrNull(const Optional& number) {
  return number ? Value(static_cast<double>(*number)) : Value(nullptr);
}

}  // namespace guidon::stats::vectors
