#include "server/privacy/unit_traces.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/base/json.h"

namespace guidon {
namespace {

constexpr std::array<std::string_view, 4> kReserved = {"segment", "flag", "now", "experiment"};  // of conditions
constexpr std::array<std::string_view, 7> kTexts = {"description", "hypothesis", "owner", "comment",
                                                    "reason",      "title",      "text"};

template <typename List>
bool IsOneOf(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string Escaped(std::string_view text) {
  std::string quoted;
  AppendJsonString(quoted, text);
  return quoted.substr(1, quoted.size() - 2);
}

// Letters, digits, '_' and all that is beyond ASCII.
bool IsOfName(char byte) {
  const auto c = static_cast<unsigned char>(byte);
  return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// Of the bytes beside a name, the nearest first: whether the name goes on in them.
bool GoesOn(char nearest, char beyond) {
  constexpr std::string_view kWithin = "-.@+";  // part of a name when something of it follows
  return IsOfName(nearest) || (kWithin.find(nearest) != std::string_view::npos && IsOfName(beyond));
}

// Where `name` stands as one of its own, from `from` on.
std::size_t FindName(std::string_view text, std::string_view name, std::size_t from) {
  const auto at = [&](std::size_t place) { return place < text.size() ? text[place] : ' '; };
  for (std::size_t found = text.find(name, from); found != std::string_view::npos; found = text.find(name, found + 1)) {
    const std::size_t end = found + name.size();
    // Before it, an index below 0 is one beyond the end.
    if (!GoesOn(at(found - 1), at(found - 2)) && !GoesOn(at(end), at(end + 1))) return found;
  }
  return std::string_view::npos;
}

}  // namespace

UnitTraces::UnitTraces(UnitName unit, std::string placeholder)
    : unit_(std::move(unit)), placeholder_(std::move(placeholder)), escaped_(Escaped(unit_.id)) {}

bool UnitTraces::IsIn(std::string_view bytes) const {
  if (FindName(bytes, unit_.id, 0) != std::string_view::npos) return true;
  return escaped_ != unit_.id && FindName(bytes, escaped_, 0) != std::string_view::npos;
}

bool UnitTraces::MayBeIn(std::string_view json) const {
  return json.find(unit_.id) != std::string_view::npos || json.find('\\') != std::string_view::npos;
}

bool UnitTraces::Is(const Value& value) const {
  if (value.is_string()) return value.AsString() == unit_.id;
  return value.is_int() && std::to_string(value.AsInt()) == unit_.id;
}

// ---- Words -------------------------------------------------------------------------------------------------------

std::size_t UnitTraces::EraseMentions(std::string& text) const {
  std::size_t count = 0;
  for (std::size_t at = FindName(text, unit_.id, 0); at != std::string::npos;
       at = FindName(text, unit_.id, at + placeholder_.size())) {
    text.replace(at, unit_.id.size(), placeholder_);
    ++count;
  }
  return count;
}

std::size_t UnitTraces::EraseFromWords(Value& value) const {
  std::size_t count = 0;
  if (value.is_string()) {
    std::string text = value.AsString();
    count = EraseMentions(text);
    if (count > 0) value = Value(std::move(text));
  } else if (Is(value)) {
    value = Value(placeholder_);
    count = 1;
  } else if (value.is_array()) {
    for (Value& element : value.MutableArray()) count += EraseFromWords(element);
  } else if (value.is_object()) {
    for (Member& member : value.MutableObject()) {
      count += EraseMentions(member.name) + EraseFromWords(member.value);
    }
  }
  return count;
}

// ---- Definitions -------------------------------------------------------------------------------------------------

std::size_t UnitTraces::EraseFromList(Value& list, Mode mode) const {
  if (!list.is_array()) return 0;
  std::size_t count = 0;
  Array& elements = list.MutableArray();
  for (Value& element : elements) {
    if (!Is(element)) continue;
    ++count;
    element = mode == Mode::kRemove ? Value() : Value(placeholder_);
  }
  if (mode == Mode::kRemove && count > 0) std::erase(elements, Value());
  return count;
}

// {"single_page": ["user-17"]}: a variation without units goes.
std::size_t UnitTraces::EraseFromTargets(Value& targets, Mode mode) const {
  if (!targets.is_object()) return 0;
  std::size_t count = 0;
  std::vector<std::string> emptied;
  for (Member& member : targets.MutableObject()) {
    const std::size_t here = EraseFromList(member.value, mode);
    if (here > 0 && member.value.AsArray().empty()) emptied.push_back(member.name);
    count += here;
  }
  for (const std::string& name : emptied) targets.MutableObject().Erase(name);
  return count;
}

// [{"account_id": "qa-17", "variant": "one_page"}]
std::size_t UnitTraces::EraseFromForce(Value& force, Mode mode) const {
  if (!force.is_array()) return 0;
  std::size_t count = 0;
  Array& elements = force.MutableArray();
  for (Value& element : elements) {
    const Value* held = element.Find(unit_.attribute);
    if (held == nullptr || !Is(*held)) continue;
    ++count;
    if (mode == Mode::kRemove) {
      element = Value();
    } else {
      element.MutableObject().Set(unit_.attribute, Value(placeholder_));
    }
  }
  if (mode == Mode::kRemove && count > 0) std::erase(elements, Value());
  return count;
}

// A scalar, a list, or a map of operators.
std::size_t UnitTraces::EraseFromOperand(Value& operand) const {
  if (operand.is_array()) return EraseFromList(operand, Mode::kReplace);
  std::size_t count = 0;
  if (operand.is_object()) {
    for (Member& member : operand.MutableObject()) {
      if (member.name != "attribute") count += EraseFromOperand(member.value);
    }
  } else if (Is(operand)) {
    operand = Value(placeholder_);
    count = 1;
  }
  return count;
}

std::size_t UnitTraces::EraseFromCondition(Value& condition) const {
  std::size_t count = 0;
  if (condition.is_array()) {
    for (Value& element : condition.MutableArray()) count += EraseFromCondition(element);
    return count;
  }
  if (!condition.is_object()) return 0;
  if (const Value* attribute = condition.Find("attribute"); attribute != nullptr && attribute->is_string()) {
    return attribute->AsString() == unit_.attribute ? EraseFromOperand(condition) : 0;
  }
  for (Member& member : condition.MutableObject()) {
    if (member.name == "all" || member.name == "any" || member.name == "not") {
      count += EraseFromCondition(member.value);
    } else if (member.name == unit_.attribute && !IsOneOf(kReserved, member.name)) {
      count += EraseFromOperand(member.value);
    }
  }
  return count;
}

std::size_t UnitTraces::EraseFromMember(Member& member, Mode mode) const {
  const std::string_view name = member.name;
  Value& value = member.value;
  const bool is_key = unit_.attribute == kContextKey;
  if (name == "variations") return 0;  // what a flag serves
  if (name == "targets" && value.is_object()) return is_key ? EraseFromTargets(value, mode) : 0;
  if ((name == "include" || name == "exclude") && value.is_array()) return is_key ? EraseFromList(value, mode) : 0;
  if (name == "force" && value.is_array()) return EraseFromForce(value, mode);
  if (name == "when" || name == "audience" || name == "where") return EraseFromCondition(value);
  if (name == "given" && value.is_object()) {
    Value* held = value.MutableObject().Find(unit_.attribute);
    if (held == nullptr || !Is(*held)) return 0;
    *held = Value(placeholder_);
    return 1;
  }
  if (value.is_string() && IsOneOf(kTexts, name)) return unit_.mentions ? EraseFromWords(value) : 0;
  return EraseFromDefinition(value, mode);
}

std::size_t UnitTraces::EraseFromDefinition(Value& value, Mode mode) const {
  std::size_t count = 0;
  if (value.is_array()) {
    for (Value& element : value.MutableArray()) count += EraseFromDefinition(element, mode);
  } else if (value.is_object()) {
    std::vector<std::string> emptied;
    for (Member& member : value.MutableObject()) {
      const std::size_t here = EraseFromMember(member, mode);
      const bool is_list = member.value.is_array() && member.value.AsArray().empty();
      const bool is_map = member.value.is_object() && member.value.AsObject().empty();
      if (here > 0 && (is_list || is_map)) emptied.push_back(member.name);
      count += here;
    }
    for (const std::string& name : emptied) value.MutableObject().Erase(name);
  }
  return count;
}

// ---- Events ------------------------------------------------------------------------------------------------------

bool UnitTraces::IsOfUnit(const Value& event) const {
  const Value *unit = event.Find("unit"), *attribute = event.Find("unit_attribute");
  if (unit != nullptr && attribute != nullptr && attribute->AsString() == unit_.attribute && Is(*unit)) return true;
  const Value* context = event.Find("context");
  const Value* held = context == nullptr ? nullptr : context->Find(unit_.attribute);
  return held != nullptr && Is(*held);
}

bool UnitTraces::IsMentionedBy(const Value& event) const {
  if (!unit_.mentions) return false;
  for (const std::string_view name : {"unit", "context", "attributes"}) {
    const Value* held = event.Find(name);
    if (held == nullptr) continue;
    Value copy = *held;
    if (EraseFromWords(copy) > 0) return true;
  }
  return false;
}

std::optional<UnitTraces::ErasedEntry> UnitTraces::EraseFromEntry(std::string_view text) const {
  if (!MayBeIn(text) || !ParseJson(text)) return std::nullopt;
  const std::string_view list = RawMember(text, "events");
  if (list.empty()) return std::nullopt;
  ErasedEntry erased;
  std::string events = "[";
  for (const std::string_view raw : RawElements(list)) {
    std::string kept(raw);
    if (Result<Value> event = MayBeIn(raw) ? ParseJson(raw) : Value(); event && event->is_object()) {
      if (IsOfUnit(*event)) {
        ++erased.events;
        continue;
      }
      if (IsMentionedBy(*event)) {
        ++erased.mentions;
        for (const std::string_view name : {"unit", "context", "attributes"}) {
          if (Value* held = event->MutableObject().Find(name)) EraseFromWords(*held);
        }
        kept = ToJson(*event);
      }
    }
    events.append(events.size() == 1 ? "" : ",").append(kept);
  }
  if (erased.events + erased.mentions == 0) return std::nullopt;
  const auto begin = static_cast<std::size_t>(list.data() - text.data());
  erased.text.append(text.substr(0, begin)).append(events).append("]").append(text.substr(begin + list.size()));
  return erased;
}

}  // namespace guidon
