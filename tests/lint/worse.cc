#include "tests/lint/worse.h"

#include <string>
#include <utility>

#include "core/model/condition.h"

namespace guidon::testing {
namespace {

Value ListOf(const Value& value) {
  return Value(Array{value});
}

}  // namespace

Value Worse::Twice(const Value& list) {
  Array twice = list.AsArray();
  if (!twice.empty() && OneIn(3)) twice.push_back(twice.front());
  return Value(std::move(twice));
}

Value Worse::OneOrMore(const Value& value) {
  if (value.is_array()) return Twice(value);
  if (OneIn(3)) return Value(Array{value, value});
  return OneIn(2) ? ListOf(value) : value;
}

Value Worse::Matcher(const Value& matcher) {
  if (!matcher.is_object()) {
    const Value operand = OneOrMore(matcher);
    return OneIn(3) ? Value(Object{{"in", operand}}) : operand;
  }
  Object operators;
  for (const Member& test : matcher.AsObject()) {
    const bool takes_list = test.name == "in" || test.name == "not_in" || test.name == "starts_with" ||
                            test.name == "ends_with" || test.name == "contains" || test.name == "matches" ||
                            test.name == "in_cidr";
    operators.Append(test.name, takes_list ? OneOrMore(test.value) : test.value);
  }
  if (operators.Find("ignore_case") == nullptr && OneIn(4)) operators.Append("ignore_case", false);
  return Value(std::move(operators));
}

Value Worse::Condition(const Value& condition) {
  Object worse;
  const bool is_long = condition.Find("attribute") != nullptr;
  for (const Member& member : condition.AsObject()) {
    if (is_long || member.name == "now") {
      worse.Append(member.name, member.value);
    } else if (member.name == "all" || member.name == "any") {
      Array children;
      for (const Value& child : member.value.AsArray()) children.push_back(Condition(child));
      worse.Append(member.name, Value(std::move(children)));
    } else if (member.name == "not") {
      worse.Append("not", Condition(member.value));
    } else if (member.name == "segment") {
      worse.Append("segment", OneOrMore(member.value));
    } else if (member.name == "flag") {
      Object flags;
      for (const Member& flag : member.value.AsObject()) flags.Append(flag.name, OneOrMore(flag.value));
      worse.Append("flag", Value(std::move(flags)));
    } else {
      worse.Append(member.name, Matcher(member.value));
    }
  }
  Value whole(std::move(worse));
  if (OneIn(6)) whole = Object{{OneIn(2) ? "all" : "any", ListOf(whole)}};
  if (OneIn(6)) whole = Object{{"not", Value(Object{{"not", std::move(whole)}})}};
  return whole;
}

// "20%" -> "20.0%"
Value Worse::Percent(const Value& value) {
  if (!value.is_string() || !value.AsString().ends_with('%') || !OneIn(2)) return value;
  const std::string text = value.AsString().substr(0, value.AsString().size() - 1);
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return Value(text + ".0%");
  return text.size() - dot < 4 ? Value(text + "0%") : value;
}

Value Worse::Targeting(const Value& targeting) {
  Object worse;
  for (const Member& member : targeting.AsObject()) {
    Value value = member.value;
    if (member.name == "requires") {
      for (Value& requirement : value.MutableArray()) {
        Value* is = requirement.MutableObject().Find("is");
        *is = OneOrMore(*is);
      }
    } else if (member.name == "targets") {
      for (Member& keys : value.MutableObject()) keys.value = Twice(keys.value);
    } else if (member.name == "default" && !value.is_object() && OneIn(2)) {
      value = Object{{"serve", std::move(value)}};
    } else if (member.name == "rules") {
      for (Value& rule : value.MutableArray()) {
        Object& members = rule.MutableObject();
        if (Value* when = members.Find("when")) *when = Condition(*when);
        if (Value* rollout = members.Find("rollout")) *rollout = Percent(*rollout);
        if (Value* serve = members.Find("serve"); serve != nullptr && serve->is_object()) {
          for (Member& weight : serve->MutableObject()) weight.value = Percent(weight.value);
        }
      }
    }
    worse.Append(member.name, std::move(value));
  }
  return Value(std::move(worse));
}

Value Worse::Definition(const Value& definition) {
  Value worse = definition;
  Object& members = worse.MutableObject();
  for (const char* key : {"when", "where", "audience"}) {
    if (Value* condition = members.Find(key)) *condition = Condition(*condition);
  }
  for (const char* key : {"tags", "include", "exclude"}) {
    if (Value* list = members.Find(key)) *list = Twice(*list);
  }
  for (const char* key : {"numerator", "denominator"}) {
    Value* side = members.Find(key);
    Value* where = side == nullptr ? nullptr : side->MutableObject().Find("where");
    if (where != nullptr) *where = Condition(*where);
  }
  const bool is_flag = members.Find("type") != nullptr && members.Find("metric") == nullptr;
  if (Value* environments = members.Find("environments"); environments != nullptr && is_flag) {
    for (Member& environment : environments->MutableObject()) environment.value = Targeting(environment.value);
    if (OneIn(3)) environments->MutableObject().Append("empty", Value(Object()));
  }
  if (is_flag && members.Find("client") == nullptr && OneIn(3)) members.Append("client", false);
  if (members.Find("archived") == nullptr && (is_flag || members.Find("metric") != nullptr) && OneIn(3)) {
    members.Append("archived", false);
  }
  return worse;
}

}  // namespace guidon::testing
