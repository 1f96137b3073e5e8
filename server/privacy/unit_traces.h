// Where definitions, events and words name a unit, and taking it out of them.
//
//   UnitTraces traces({.id = "user-42"}, "erased-k3v9x0q2");
//   Value definition = *ParseJson(text);
//   if (traces.EraseFromDefinition(definition, UnitTraces::Mode::kRemove) > 0) Store(definition);
//
// Only places that are for units are looked at: an id may be the same text as a key, a variation or a value, and those
// are left alone. docs/privacy.md has the list.
//
// Thread safety: immutable after construction; every method may be called from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <guidon/value.h>

namespace guidon {

inline constexpr std::string_view kContextKey = "key";       // the unit that every context has
inline constexpr std::string_view kPlaceholder = "erased-";  // what placeholders begin with

struct UnitName {
  std::string id;
  std::string attribute{kContextKey};  // what it is the value of: "key", "account_id"
  bool mentions = true;  // also where it is not the unit: in texts for people, in other attributes of events
};

class UnitTraces {
 public:
  // `placeholder` takes its place where something has to stand there.
  UnitTraces(UnitName unit, std::string placeholder);

  const UnitName& unit() const { return unit_; }

  // Whether bytes hold it as a name of its own: as it is or as JSON writes it, and not as a part of a longer name.
  // "user-4" is neither in "user-42" nor in "user-4.eu", but it is in "user-4, user-5.".
  bool IsIn(std::string_view bytes) const;

  enum class Mode {
    kRemove,   // out of lists, so that what is current has nothing in its place
    kReplace,  // by the placeholder, so that what was in the past keeps its shape
  };
  // In a definition, a stored record of one, or anything that holds such: in `targets`, `include` and `exclude`
  // (units of the context's key), `force` and `given`, as an operand of a condition on the attribute (replaced in both
  // modes, as an empty list is no operand), and as a mention in texts for people. Returns how many places there were.
  std::size_t EraseFromDefinition(Value& value, Mode mode) const;

  // In every text that there is within a value, names of members too, and where a number is it. How many there were.
  std::size_t EraseFromWords(Value& value) const;

  // An entry of the journal (docs/spec/events.md).
  struct ErasedEntry {
    std::string text;
    std::size_t events = 0;    // of the unit, which are gone
    std::size_t mentions = 0;  // others that named it, and do not any more
  };
  // Nothing when it is not in there.
  std::optional<ErasedEntry> EraseFromEntry(std::string_view text) const;
  // Whether an event is one of the unit.
  bool IsOfUnit(const Value& event) const;
  // Whether an event names it elsewhere.
  bool IsMentionedBy(const Value& event) const;

 private:
  // Cheap: false means that it is not in there, even if it is written with escapes.
  bool MayBeIn(std::string_view json) const;
  bool Is(const Value& value) const;
  std::size_t EraseMentions(std::string& text) const;
  std::size_t EraseFromList(Value& list, Mode mode) const;
  std::size_t EraseFromTargets(Value& targets, Mode mode) const;
  std::size_t EraseFromForce(Value& force, Mode mode) const;
  std::size_t EraseFromOperand(Value& operand) const;
  std::size_t EraseFromCondition(Value& condition) const;
  std::size_t EraseFromMember(Member& member, Mode mode) const;

  const UnitName unit_;
  const std::string placeholder_;
  const std::string escaped_;  // as JSON writes it, without the quotes
};

}  // namespace guidon
