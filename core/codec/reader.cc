#include "core/codec/reader.h"

#include <algorithm>
#include <cmath>

#include "core/base/json.h"
#include "core/model/names.h"

namespace guidon::codec {
namespace {

std::string Shortened(std::string_view text) {
  constexpr std::size_t kMost = 60;
  return guidon::Shortened(text, kMost);
}

std::string QuoteHint(const Value& value) {
  if (value.is_bool() || value.is_number()) return "write it in quotes: \"" + ToJson(value) + "\"";
  return "";
}

// The text of `node`, or "" after a fault.
const std::string& TextOf(const Node& node, std::string_view expected) {
  if (!node.value().is_string()) node.WrongType(expected, QuoteHint(node.value()));
  return node.value().AsString();
}

bool CheckBytes(const Node& node, std::string_view what, std::size_t size, std::size_t most) {
  if (size <= most) return true;
  node.Fault("text_length", std::string(what) + " has " + std::to_string(size) + " bytes; at most " +
                                std::to_string(most) + " are allowed");
  return false;
}

constexpr std::string_view kKeyRule = "begins with a letter or digit, goes on with these or . _ -, and has at most 128";

bool IsFinite(const Value& value) {
  return !value.is_number() || std::isfinite(value.AsDouble());
}

// Notes a fault at every number within `node` that is not finite.
void CheckFinite(const Node& node) {
  const Value& value = node.value();
  if (!IsFinite(value)) node.Fault("bad_number", "a number has to be finite");
  for (std::size_t i = 0; i < value.AsArray().size(); ++i) CheckFinite(node.Element(i, value.AsArray()[i]));
  for (const auto& [name, member] : value.AsObject()) CheckFinite(node.Member(name, member));
}

std::uint32_t ReadPercentBetween(const Node& node, std::uint32_t least, std::uint32_t most, std::string_view range) {
  const Value& value = node.value();
  const std::string example = value.IsIntegral() && value.AsInt() >= 0 && value.AsInt() <= 100
                                  ? "write " + std::to_string(value.AsInt()) + "%"
                                  : "";
  if (!value.is_string()) {
    node.WrongType("a percentage such as 20%", example);
    return most;
  }
  const auto parts = ParsePercent(value.AsString());
  if (!parts) {
    node.Fault("bad_percent", "'" + Shortened(value.AsString()) + "' is not a percentage",
               "a number from 0 to 100 with at most three decimals and a % sign, such as 20% or 0.5%");
    return most;
  }
  if (*parts < least || *parts > most) {
    node.Fault("bad_percent", "'" + value.AsString() + "' has to be " + std::string(range));
  }
  return *parts;
}

}  // namespace

std::string Describe(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return value.AsBool() ? "true" : "false";
    case Value::Kind::kInt:
    case Value::Kind::kDouble:
      return "number " + ToJson(value);
    case Value::Kind::kString:
      return "text '" + Shortened(value.AsString()) + "'";
    case Value::Kind::kArray:
      return "a list";
    case Value::Kind::kObject:
      break;
  }
  return "a map";
}

Error Report::ToError(std::string_view entity, std::string_view what) && {
  for (Issue& issue : issues) issue.entity = entity;
  if (not_kept > 0) {
    Issue rest;
    rest.code = "too_many_issues";
    rest.entity = entity;
    rest.message = std::to_string(not_kept) + " more faults are not listed";
    issues.push_back(std::move(rest));
  }
  return InvalidError(entity.empty() ? what : entity, std::move(issues));
}

Path Node::path() const {
  if (parent_ == nullptr) return {};
  return name_.data() != nullptr ? parent_->path().Key(name_) : parent_->path().Index(index_);
}

void Node::Fault(std::string_view code, std::string message, std::string hint) const {
  if (report_.issues.size() >= kMaxIssues) {
    ++report_.not_kept;
    return;
  }
  Issue issue;
  issue.code = code;
  issue.path = path();
  issue.message = std::move(message);
  issue.hint = std::move(hint);
  report_.issues.push_back(std::move(issue));
}

void Node::WrongType(std::string_view expected, std::string hint) const {
  Fault("wrong_type", "expected " + std::string(expected) + ", found " + Describe(value_), std::move(hint));
}

// --- scalars -------------------------------------------------------------------------------------------------------

bool ReadBool(const Node& node) {
  if (!node.value().is_bool()) {
    const std::string& word = node.value().AsString();
    const bool yes = word == "on" || word == "yes" || word == "On" || word == "Yes" || word == "True";
    const bool no = word == "off" || word == "no" || word == "Off" || word == "No" || word == "False";
    node.WrongType("true or false", yes ? "write true" : no ? "write false" : "");
  }
  return node.value().AsBool();
}

std::string ReadText(const Node& node) {
  const std::string& text = TextOf(node, "text");
  CheckBytes(node, "the text", text.size(), kMaxTextBytes);
  return text;
}

std::string ReadName(const Node& node) {
  const std::string& name = TextOf(node, "text");
  if (node.value().is_string() && CheckBytes(node, "the text", name.size(), kMaxNameBytes) && !IsAttributeName(name)) {
    node.Fault("bad_text", "the text is empty or has control characters");
  }
  return name;
}

std::string ReadContextKey(const Node& node) {
  const std::string& key = TextOf(node, "a context key");
  if (node.value().is_string() && key.empty()) node.Fault("bad_text", "a context key is never empty");
  CheckBytes(node, "the context key", key.size(), kMaxContextKeyBytes);
  return key;
}

std::string ReadKey(const Node& node) {
  const std::string& key = TextOf(node, "a key");
  if (node.value().is_string() && !IsKey(key)) {
    node.Fault("bad_key", "'" + Shortened(key) + "' cannot be a key", "a key " + std::string(kKeyRule));
  }
  return key;
}

std::string ReadVariation(const Node& node) {
  const Value& value = node.value();
  if (value.is_bool()) {
    node.WrongType("a name", value.AsBool() ? "did you mean 'on'?" : "did you mean 'off'?");
    return "";
  }
  const std::string& name = TextOf(node, "a name");
  if (value.is_string() && !IsKey(name)) {
    node.Fault("bad_key", "'" + Shortened(name) + "' cannot be a name", "a name " + std::string(kKeyRule));
  }
  return name;
}

std::string ReadAttribute(const Node& node) {
  const std::string& name = TextOf(node, "the name of an attribute");
  if (node.value().is_string() && !IsAttributeName(name)) {
    node.Fault("bad_attribute", "'" + Shortened(name) + "' cannot be the name of an attribute",
               "1 to 128 bytes without control characters");
  }
  return name;
}

double ReadNumber(const Node& node) {
  if (!node.value().is_number()) {
    node.WrongType("a number");
  } else if (!IsFinite(node.value())) {
    node.Fault("bad_number", "a number has to be finite");
  }
  return node.value().AsDouble();
}

std::uint64_t ReadCount(const Node& node, std::uint64_t least, std::uint64_t most) {
  const Value& value = node.value();
  if (!value.is_number()) {
    node.WrongType("a whole number");
    return least;
  }
  const std::int64_t count = value.AsInt();
  if (!value.IsIntegral() || count < 0 || static_cast<std::uint64_t>(count) < least ||
      static_cast<std::uint64_t>(count) > most) {
    node.Fault("bad_number", ToJson(value) + " has to be a whole number from " + std::to_string(least) + " to " +
                                 std::to_string(most));
    return least;
  }
  return static_cast<std::uint64_t>(count);
}

std::uint32_t ReadPercent(const Node& node) {
  return ReadPercentBetween(node, 0, kWhole, "");
}

std::uint32_t ReadShare(const Node& node) {
  return ReadPercentBetween(node, 1, kWhole, "more than 0%");
}

std::uint32_t ReadOpenShare(const Node& node) {
  return ReadPercentBetween(node, 1, kWhole - 1, "more than 0% and less than 100%");
}

std::uint32_t ReadPlace(const Node& node) {
  return ReadPercentBetween(node, 0, kWhole - 1, "less than 100%");
}

std::chrono::milliseconds ReadDuration(const Node& node) {
  constexpr std::chrono::milliseconds kMost = std::chrono::days(kMaxDurationDays);
  if (!node.value().is_string()) {
    node.WrongType("a duration such as 48h", "units are ms, s, m, h, d and w");
    return kMost;
  }
  const std::string& text = node.value().AsString();
  const auto duration = ParseDuration(text);
  if (!duration) {
    node.Fault("bad_duration", "'" + Shortened(text) + "' is not a duration",
               "a whole number and one unit of ms, s, m, h, d and w, such as 48h");
    return kMost;
  }
  if (duration->count() == 0 || *duration > kMost) {
    node.Fault("bad_duration",
               "'" + text + "' has to be more than 0 and at most " + std::to_string(kMaxDurationDays) + "d");
    return kMost;
  }
  return *duration;
}

Margin ReadMargin(const Node& node) {
  constexpr std::string_view kForm = "a share such as 5% or percentage points such as 0.2pp";
  const auto margin = ParseMargin(node.value().AsString());
  if (!node.value().is_string()) {
    node.WrongType(kForm);
  } else if (!margin) {
    node.Fault("bad_margin", "'" + Shortened(node.value().AsString()) + "' is not a margin", std::string(kForm));
  }
  return margin.value_or(Margin{});
}

std::chrono::sys_days ReadDay(const Node& node) {
  const auto day = ParseDay(node.value().AsString());
  if (!node.value().is_string()) {
    node.WrongType("a day such as 2027-03-31");
  } else if (!day) {
    node.Fault("bad_date", "'" + Shortened(node.value().AsString()) + "' is not a day", "write it as 2027-03-31");
  }
  return day.value_or(std::chrono::sys_days{});
}

Value ReadTimestamp(const Node& node) {
  constexpr std::string_view kForm = "RFC 3339 with a zone, such as 2027-03-31T08:00:00Z, or milliseconds since 1970";
  const Value& value = node.value();
  if (value.is_string()) {
    if (!ParseTimestamp(value.AsString())) {
      const std::string hint = ParseDay(value.AsString())
                                   ? "a day has no zone; write " + value.AsString() + "T00:00:00Z"
                                   : std::string(kForm);
      node.Fault("bad_date", "'" + Shortened(value.AsString()) + "' is not a time", hint);
    }
  } else if (!value.is_number()) {
    node.WrongType("a time", std::string(kForm));
  } else if (!value.IsIntegral()) {
    node.Fault("bad_date", ToJson(value) + " is not a whole number of milliseconds", std::string(kForm));
  }
  return value;
}

Value ReadScalar(const Node& node) {
  const Value& value = node.value();
  if (value.is_null()) {
    node.Fault("null_operand", "null is no value here",
               "to ask whether an attribute is there, write { exists: false }");
  } else if (value.is_array() || value.is_object()) {
    node.WrongType("text, a number, true or false");
  } else if (!IsFinite(value)) {
    node.Fault("bad_number", "a number has to be finite");
  }
  return value;
}

Value ReadJson(const Node& node) {
  CheckFinite(node);
  return node.value();
}

Value ReadContext(const Node& node) {
  if (!node.value().is_object()) node.WrongType("a context: a map such as { key: user-3, country: DE }");
  return ReadJson(node);
}

void UnknownWord(const Node& node, std::string_view what, const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& word : known) list += (list.empty() ? "" : ", ") + word;
  const Value& value = node.value();
  if (!value.is_string()) {
    node.WrongType(what, "one of " + list);
    return;
  }
  const std::string closest = DidYouMean(value.AsString(), known);
  node.Fault("unknown_word", "unknown " + std::string(what) + " '" + Shortened(value.AsString()) + "'",
             closest.empty() ? "one of " + list : closest);
}

// --- lists and maps ------------------------------------------------------------------------------------------------

bool CheckSize(const Node& node, std::string_view what, std::size_t most) {
  const Value& value = node.value();
  const std::size_t size = value.is_array() ? value.AsArray().size() : value.AsObject().size();
  if (size <= most) return true;
  node.Fault("too_many",
             std::to_string(size) + " " + std::string(what) + "; at most " + std::to_string(most) + " are allowed");
  return false;
}

std::string ReadMemberKey(const Node& node, std::string_view what) {
  if (!IsKey(node.name())) {
    node.Fault("bad_key", "'" + Shortened(node.name()) + "' cannot be the name of " + std::string(what),
               "a name " + std::string(kKeyRule));
  }
  return std::string(node.name());
}

namespace {

std::string KnownKeysHint(std::string_view name, const std::vector<std::string>& known) {
  std::string hint = DidYouMean(name, known);
  if (!hint.empty()) return hint;
  for (const std::string& key : known) hint += (hint.empty() ? "known here are " : ", ") + key;
  return hint;
}

}  // namespace

Fields::Fields(const Node& node, std::string_view what) : node_(node), what_(what), is_map_(node.value().is_object()) {
  if (!is_map_) node.WrongType(std::string(what_) + ": a map");
}

const Value* Fields::Take(std::string_view name) {
  known_.push_back(name);
  return node_.value().Find(name);
}

void Fields::Forbid(std::string_view name, std::string_view why, std::string hint) {
  forbidden_.push_back(name);
  if (const Value* value = node_.value().Find(name)) {
    node_.Member(name, *value).Fault("misplaced_key", std::string(why), std::move(hint));
  }
}

void Fields::Missing(std::string_view name, std::string hint) const {
  if (is_map_) node_.Fault("missing_key", std::string(what_) + " needs '" + std::string(name) + "'", std::move(hint));
}

void Fields::Finish() const {
  if (node_.report().strictness == Strictness::kTolerant) return;
  for (const auto& [name, value] : node_.value().AsObject()) {
    const auto is = [&name](std::string_view other) { return other == name; };
    if (std::any_of(known_.begin(), known_.end(), is)) continue;
    if (std::any_of(forbidden_.begin(), forbidden_.end(), is)) continue;
    const bool kept = node_.report().issues.size() < kMaxIssues;  // a hint takes time
    node_.Member(name, value)
        .Fault("unknown_key", "unknown key '" + Shortened(name) + "' in " + std::string(what_),
               kept ? KnownKeysHint(name, {known_.begin(), known_.end()}) : "");
  }
}

std::string EntityText(std::string_view what, const Value& value) {
  const Value* key = value.Find(what);
  if (key == nullptr || !key->is_string() || key->AsString().empty()) return "";
  return std::string(what) + " " + Shortened(key->AsString());
}

std::string FormatPercentOf(std::uint64_t parts) {
  constexpr std::uint64_t kMostShown = 1'000'000'000;
  return FormatPercent(static_cast<std::uint32_t>(std::min(parts, kMostShown)));
}

void ReadGiven(Fields& fields, std::optional<std::uint32_t>& at, Value& given) {
  const bool is_given = fields.Optional("given", given, ReadContext);
  const bool is_placed = fields.Optional("at", at, ReadPlace);
  if (!is_given && !is_placed) fields.Missing("given");
  if (!is_given) given = Value(Object());
}

}  // namespace guidon::codec
