// Conditions: docs/spec/definitions.md, "Conditions".
//
//   { country: [DE, FR], app.version: { semver_gte: "4.2.0" }, not: { plan: trial } }
//     attribute, equals any    attribute, one operator           reserved key

#include <algorithm>

#include "core/codec/reader.h"
#include "core/codec/writer.h"
#include "core/model/names.h"

namespace guidon {
namespace codec {
namespace {

enum class OperandKind { kAnyScalars, kTexts, kNumber, kTime, kVersion, kBool };

OperandKind OperandsOf(Operator op) {
  switch (op) {
    case Operator::kIn:
    case Operator::kNotIn:
      return OperandKind::kAnyScalars;
    case Operator::kStartsWith:
    case Operator::kEndsWith:
    case Operator::kContains:
    case Operator::kMatches:
    case Operator::kInCidr:
      return OperandKind::kTexts;
    case Operator::kLt:
    case Operator::kLte:
    case Operator::kGt:
    case Operator::kGte:
      return OperandKind::kNumber;
    case Operator::kBefore:
    case Operator::kAfter:
      return OperandKind::kTime;
    case Operator::kSemverEq:
    case Operator::kSemverLt:
    case Operator::kSemverLte:
    case Operator::kSemverGt:
    case Operator::kSemverGte:
      return OperandKind::kVersion;
    case Operator::kExists:
      break;
  }
  return OperandKind::kBool;
}

bool TakesList(Operator op) {
  const OperandKind kind = OperandsOf(op);
  return kind == OperandKind::kAnyScalars || kind == OperandKind::kTexts;
}

Value ReadTextOperand(const Node& node) {
  if (node.value().is_null()) return ReadScalar(node);
  if (!node.value().is_string()) node.WrongType("text");
  return node.value();
}

Value ReadVersion(const Node& node) {
  if (node.value().is_number()) {
    node.WrongType("a version in quotes, such as \"4.10.0\"",
                   "without quotes 4.10 is the number 4.1; quote it and write three parts");
  } else if (!node.value().is_string()) {
    node.WrongType("a version in quotes, such as \"4.10.0\"");
  }
  return node.value();
}

Value ReadOperand(OperandKind kind, const Node& node) {
  switch (kind) {
    case OperandKind::kAnyScalars:
      return ReadScalar(node);
    case OperandKind::kTexts:
      return ReadTextOperand(node);
    case OperandKind::kNumber:
      ReadNumber(node);
      return node.value();
    case OperandKind::kTime:
      return ReadTimestamp(node);
    case OperandKind::kVersion:
      return ReadVersion(node);
    case OperandKind::kBool:
      break;
  }
  return ReadBool(node);
}

Test ReadTest(Operator op, const Node& node) {
  const auto read = [op](const Node& operand) { return ReadOperand(OperandsOf(op), operand); };
  if (TakesList(op)) return {op, ReadOneOrList(node, "operands", kMaxList, read)};
  return {op, {read(node)}};
}

// What people write from habit, and what it is called here.
std::string_view Habit(std::string_view word) {
  struct Pair {
    std::string_view habit, hint;
  };
  constexpr Pair kHabits[] = {
      {"eq", "write the value itself: { plan: pro }"},
      {"equals", "write the value itself: { plan: pro }"},
      {"is", "write the value itself: { plan: pro }"},
      {"ne", "use not_in"},
      {"neq", "use not_in"},
      {"not", "use not_in, or put `not:` around the condition"},
      {"nin", "use not_in"},
      {"one_of", "use in"},
      {"regex", "use matches"},
      {"like", "use contains or matches"},
      {"cidr", "use in_cidr"},
      {"semver_ne", "put `not:` around a condition with semver_eq"},
      {"present", "use exists"},
  };
  for (const Pair& pair : kHabits) {
    if (pair.habit == word) return pair.hint;
  }
  return "";
}

void UnknownOperator(const Node& node) {
  std::vector<std::string> words = {"ignore_case"};
  for (int i = 0; i < kOperatorCount; ++i) words.emplace_back(ToString(static_cast<Operator>(i)));
  std::string hint(Habit(node.name()));
  if (hint.empty()) hint = DidYouMean(node.name(), words);
  node.Fault("unknown_operator", "unknown operator '" + std::string(node.name()) + "'", hint);
}

// The operators of a matcher that is a map; `skip` is a member that is none.
void ReadOperators(const Node& node, std::string_view skip, Clause& clause) {
  bool asks_nothing = true;
  for (const auto& [name, value] : node.value().AsObject()) {
    if (name == skip) continue;
    const Node member = node.Member(name, value);
    if (name == "ignore_case") {
      clause.ignore_case = ReadBool(member);
      continue;
    }
    asks_nothing = false;
    if (const auto op = OperatorFromString(name)) {
      clause.tests.push_back(ReadTest(*op, member));
    } else {
      UnknownOperator(member);
    }
  }
  if (asks_nothing) node.Fault("empty_condition", "there is no operator", "such as { starts_with: \"/shop\" }");
}

Clause ReadMatcher(const Node& node) {
  Clause clause;
  clause.attribute = node.name();
  if (!IsAttributeName(clause.attribute)) {
    node.Fault("bad_attribute", "this cannot be the name of an attribute", "1 to 128 bytes without control characters");
  }
  if (node.value().is_object()) {
    ReadOperators(node, "", clause);
  } else {
    clause.tests.push_back(ReadTest(Operator::kIn, node));
  }
  return clause;
}

// { attribute: now, before: ... }: the whole map is one matcher.
Clause ReadLongForm(const Node& node) {
  Clause clause;
  clause.attribute = ReadAttribute(node.Member("attribute", *node.value().Find("attribute")));
  ReadOperators(node, "attribute", clause);
  return clause;
}

// Which keys a condition may have besides attributes.
enum class Scope { kContext, kEvent };

Condition ReadNested(const Node& node, Scope scope, int depth);

Clause ReadChildren(Clause::Kind kind, const Node& node, Scope scope, int depth) {
  Clause clause;
  clause.kind = kind;
  const auto read = [&](const Node& child) { return ReadNested(child, scope, depth + 1); };
  if (kind == Clause::Kind::kNot) {
    clause.children.push_back(read(node));
    return clause;
  }
  clause.children = ReadList(node, "conditions", kMaxItems, read);
  if (node.value().is_array() && node.value().AsArray().empty()) {
    node.Fault("empty_condition", "'" + std::string(node.name()) + "' has no condition");
  }
  return clause;
}

Clause ReadSegmentClause(const Node& node) {
  Clause clause;
  clause.kind = Clause::Kind::kSegment;
  clause.segments = ReadOneOrList(node, "segments", kMaxItems, ReadKey);
  return clause;
}

// One clause for each flag.
std::vector<Clause> ReadFlagClauses(const Node& node) {
  if (node.value().is_object() && node.value().AsObject().empty()) {
    node.Fault("empty_condition", "'flag' names no flag", "such as flag: { payments.v2: on }");
  }
  if (!node.value().is_object()) {
    node.WrongType("a map of flags and variations", "such as flag: { payments.v2: on }");
    return {};
  }
  return ReadMap(node, "flags", kMaxItems, [](const Node& member) {
    Clause clause;
    clause.kind = Clause::Kind::kFlag;
    clause.flag = ReadMemberKey(member, "a flag");
    clause.variations = ReadOneOrList(member, "variations", kMaxVariations, ReadVariation);
    return clause;
  });
}

Clause ReadNow(const Node& node) {
  Clause clause;
  clause.kind = Clause::Kind::kNow;
  if (!node.value().is_object()) {
    node.WrongType("a map with 'after', 'before' or both", "an attribute of that name is { attribute: now, ... }");
    return clause;
  }
  if (node.value().AsObject().empty()) {
    node.Fault("empty_condition", "'now' has neither 'after' nor 'before'");
  }
  for (const auto& [name, value] : node.value().AsObject()) {
    const Node member = node.Member(name, value);
    const auto op = OperatorFromString(name);
    if (op == Operator::kBefore || op == Operator::kAfter) {
      clause.tests.push_back({*op, {ReadTimestamp(member)}});
    } else {
      member.Fault("unknown_operator", "'now' has no '" + std::string(name) + "'",
                   "after and before; an attribute of that name is { attribute: now, ... }");
    }
  }
  return clause;
}

bool OutOfScope(const Node& node, Scope scope) {
  const bool reserved = node.name() == "segment" || node.name() == "flag" || node.name() == "now";
  if (scope == Scope::kContext || !reserved) return false;
  node.Fault("misplaced_key", "'" + std::string(node.name()) + "' is no condition on an event",
             "an attribute of that name is { attribute: " + std::string(node.name()) + ", ... }");
  return true;
}

void ReadClause(const Node& node, Scope scope, int depth, Condition& into) {
  const std::string_view name = node.name();
  if (OutOfScope(node, scope)) return;
  if (name == "all") {
    into.clauses.push_back(ReadChildren(Clause::Kind::kAll, node, scope, depth));
  } else if (name == "any") {
    into.clauses.push_back(ReadChildren(Clause::Kind::kAny, node, scope, depth));
  } else if (name == "not") {
    into.clauses.push_back(ReadChildren(Clause::Kind::kNot, node, scope, depth));
  } else if (name == "segment") {
    into.clauses.push_back(ReadSegmentClause(node));
  } else if (name == "now") {
    into.clauses.push_back(ReadNow(node));
  } else if (name == "flag") {
    for (Clause& clause : ReadFlagClauses(node)) into.clauses.push_back(std::move(clause));
  } else {
    into.clauses.push_back(ReadMatcher(node));
  }
}

Condition ReadNested(const Node& node, Scope scope, int depth) {
  Condition condition;
  const Value& value = node.value();
  if (!value.is_object()) {
    node.WrongType("a condition: a map such as { country: DE }");
  } else if (value.AsObject().empty()) {
    node.Fault("empty_condition", "the condition is empty", "to apply to everyone, leave it out");
  } else if (depth > kMaxConditionDepth) {
    node.Fault("too_deep", "conditions are nested deeper than " + std::to_string(kMaxConditionDepth) + " levels");
  } else if (value.Find("attribute") != nullptr) {
    condition.clauses.push_back(ReadLongForm(node));
  } else if (CheckSize(node, "conditions in one map", kMaxItems)) {
    for (const auto& [name, member] : value.AsObject()) ReadClause(node.Member(name, member), scope, depth, condition);
  }
  return condition;
}

// --- writing -------------------------------------------------------------------------------------------------------

Value WriteOperands(const Test& test) {
  return test.operands.size() == 1 ? test.operands[0] : Value(Array(test.operands));
}

void WriteOperators(const Clause& clause, Object& into) {
  for (const Test& test : clause.tests) into.Append(ToString(test.op), WriteOperands(test));
  if (clause.ignore_case) into.Append("ignore_case", true);
}

Value WriteMatcher(const Clause& clause) {
  const bool plain = clause.tests.size() == 1 && clause.tests[0].op == Operator::kIn && !clause.ignore_case;
  if (plain) return WriteOperands(clause.tests[0]);
  Object matcher;
  WriteOperators(clause, matcher);
  return matcher;
}

Array WriteChildren(const Clause& clause) {
  Array children;
  for (const Condition& child : clause.children) children.push_back(EncodeCondition(child));
  return children;
}

// The clause as a condition of its own, of one key.
Object WriteClause(const Clause& clause) {
  switch (clause.kind) {
    case Clause::Kind::kAll:
      return {{"all", WriteChildren(clause)}};
    case Clause::Kind::kAny:
      return {{"any", WriteChildren(clause)}};
    case Clause::Kind::kNot:
      return {{"not", clause.children.empty() ? Value(Object()) : EncodeCondition(clause.children[0])}};
    case Clause::Kind::kSegment:
      return {{"segment", OneOrList(clause.segments)}};
    case Clause::Kind::kFlag:
      return {{"flag", Object{{clause.flag, OneOrList(clause.variations)}}}};
    case Clause::Kind::kNow: {
      Object times;
      WriteOperators(clause, times);
      return {{"now", std::move(times)}};
    }
    case Clause::Kind::kAttribute:
      break;
  }
  if (!IsReservedInConditions(clause.attribute)) return {{clause.attribute, WriteMatcher(clause)}};
  Object matcher{{"attribute", clause.attribute}};
  WriteOperators(clause, matcher);
  return matcher;
}

// `clause` as clauses in which no operator occurs twice: only a program makes others.
std::vector<Clause> Writable(const Clause& clause) {
  std::vector<Clause> parts;
  for (const Test& test : clause.tests) {
    const auto free = std::find_if(parts.begin(), parts.end(), [&](const Clause& part) {
      return std::none_of(part.tests.begin(), part.tests.end(), [&](const Test& t) { return t.op == test.op; });
    });
    if (free != parts.end()) {
      free->tests.push_back(test);
    } else {
      parts.push_back(clause);
      parts.back().tests = {test};
    }
  }
  return parts.empty() ? std::vector<Clause>{clause} : parts;
}

// Adds the one member of `piece` unless its key is taken. Flags share one key.
bool Merge(Object& into, const Object& piece) {
  const Member& member = *piece.begin();
  Value* held = into.Find(member.name);
  if (held == nullptr) {
    into.Append(member.name, member.value);
    return true;
  }
  if (member.name != "flag") return false;
  const Member& flag = *member.value.AsObject().begin();
  if (held->Find(flag.name) != nullptr) return false;
  held->MutableObject().Append(flag.name, flag.value);
  return true;
}

}  // namespace

Condition ReadCondition(const Node& node) {
  return ReadNested(node, Scope::kContext, 1);
}

Condition ReadEventCondition(const Node& node) {
  return ReadNested(node, Scope::kEvent, 1);
}

}  // namespace codec

Result<Condition> DecodeCondition(const Value& value, Strictness strictness) {
  return codec::Decode("condition", value, strictness, codec::ReadCondition);
}

Value EncodeCondition(const Condition& condition) {
  std::vector<Object> pieces;
  for (const Clause& clause : condition.clauses) {
    for (const Clause& part : codec::Writable(clause)) pieces.push_back(codec::WriteClause(part));
  }
  if (pieces.size() == 1) return std::move(pieces[0]);
  Object merged;
  Array rest;  // what one map cannot hold beside the others: a second `any`, an attribute with a reserved name
  for (Object& piece : pieces) {
    if (piece.Find("attribute") != nullptr || !codec::Merge(merged, piece)) rest.emplace_back(std::move(piece));
  }
  if (rest.empty()) return merged;
  if (Value* all = merged.Find("all")) {
    for (Value& piece : rest) all->MutableArray().push_back(std::move(piece));
  } else {
    merged.Append("all", std::move(rest));
  }
  return merged;
}

}  // namespace guidon
