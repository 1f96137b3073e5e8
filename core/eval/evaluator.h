// Evaluates a flag of a ruleset for a context: total, pure, without allocation, lock or exception (RE2, which fills its
// automaton as it meets new texts, excepted). One evaluator serves reads, details and explanations; what differs is the
// sink that it tells what it does.
//
//   const Decision decision = Evaluate(*ruleset, slot, context, now_ms);
//   const bool on = decision.error == EvaluationError::kNone && decision.value() && decision.value()->AsBool();
//
// Thread safety: every function may run on any thread; rulesets and contexts are only read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <guidon/context.h>
#include <guidon/evaluation_detail.h>
#include <guidon/value.h>
#include "core/ruleset/compiled.h"
#include "core/ruleset/ruleset.h"

namespace guidon {

// What was decided. Pointers are into the ruleset and valid while it lives.
struct Decision {
  const CompiledFlag* flag = nullptr;
  const CompiledExperiment* experiment = nullptr;
  std::int16_t variation = kNone;  // kNone: the caller's fallback
  std::int16_t variant = kNone;
  std::int16_t rule = kNone;  // in flag->rule_ids
  Reason reason = Reason::kError;
  EvaluationError error = EvaluationError::kNone;
  FlagType type = FlagType::kBoolean;  // of the flag
  bool truth = false;                  // of a boolean flag: value()->AsBool(), which looks at less memory
  bool forced = false;

  // nullptr: the caller's fallback.
  const Value* value() const noexcept {
    return variation == kNone ? nullptr : &flag->variations[static_cast<std::size_t>(variation)].value;
  }
  std::string_view variation_name() const noexcept;
  std::string_view rule_id() const noexcept;
  std::string_view variant_name() const noexcept;
};

// An experiment that was consulted and took a position on the unit. Forced ones are marked.
struct Consulted {
  enum class Role : std::uint8_t {
    kAssigned,    // the unit sees `variant`
    kHeldOut,     // in the holdout: sees the control's variation
    kComparison,  // in the holdout's comparison group; what it is assigned follows
  };
  const CompiledExperiment* experiment = nullptr;
  std::int32_t variant = kNone;
  Role role = Role::kAssigned;
  bool forced = false;
  // Whose position it is, as bucketing has it: the experiment's unit when assigned, else the holdout's. Empty when
  // forced and the context has none. Valid within the call only.
  std::string_view unit;
  const AttributeRef* unit_attribute = nullptr;
  std::int32_t bucket = kNone;  // of that unit, by the salt of the experiment or the holdout; kNone when forced
};

// Told nothing.
struct NoSink {
  static constexpr bool kTraces = false;
  void OnExperiment(const Consulted&) noexcept {}
};

// Hands each experiment that is consulted, a prerequisite's too, to a function, at once.
struct CallSink {
  static constexpr bool kTraces = false;
  void (*call)(void* self, const Consulted& consulted) noexcept;
  void* self;
  void OnExperiment(const Consulted& c) noexcept { call(self, c); }
};

// Collects the experiments consulted, without their units.
struct ExperimentSink {
  static constexpr bool kTraces = false;
  std::vector<Consulted> consulted;
  void OnExperiment(const Consulted& c) { consulted.emplace_back(c).unit = {}; }
};

// Writes down every step, and which rule decided. Allocates.
//
// Each step is an object: `step` says what was asked, `result` what came out, and the rest what it was about. A step
// comes after those that it rests on, which have a larger `depth`: the tests of a rule before the rule, the rules of a
// prerequisite before the `flag` that asks for it. `at` counts the leaves of the condition that a step belongs to, as
// they were authored; `index` the compiled rules, as `decided_by` does. core/explain makes words of it.
struct TraceSink {
  static constexpr bool kTraces = true;
  // Where the unit stands in every split and every experiment, whatever it is called: for tests that say `at: 37.5%`.
  // It is in the slice of every experiment then, and in no holdout.
  std::optional<std::uint32_t> bucket = {};
  Array steps = {};
  std::vector<Consulted> consulted = {};
  // The one that decided, counted over the compiled rules of the flag that was asked: one for each prerequisite, one
  // for all targets if there are any, the authored rules, the default. kNone: none, as of a disabled flag or a forced
  // unit.
  std::int32_t decided_by = kNone;
  void OnExperiment(const Consulted& c) { consulted.emplace_back(c).unit = {}; }
  void Step(Object step) {
    step.Append("depth", Value(depth));
    steps.emplace_back(std::move(step));
  }

  // Where evaluation stands: kept by it.
  std::int64_t depth = 0;
  std::uint32_t first = 0, at = 0;  // of the condition: its first step, and the one that is asked, counted from there
};

// `slot` as Ruleset::Find gives it; kNoSlot answers FLAG_NOT_FOUND. `now_ms`: milliseconds since the epoch, for `now`.
Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms) noexcept;
Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms,
                  CallSink& sink) noexcept;
Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms,
                  ExperimentSink& sink);
Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms,
                  TraceSink& sink);

// What a caller asks for. kInt is a number that must be whole.
enum class WantedType : std::uint8_t { kBool, kString, kInt, kDouble, kJson };

// Turns a decision about a flag of another type into TYPE_MISMATCH; the caller sees its own default then, so nothing
// that was consulted counts as an exposure. A null value (no `off` variation) fits every type.
void CheckType(WantedType wanted, Decision& decision) noexcept;

// The decision in words: the detail without its value.
template <typename T>
EvaluationDetail<T> DetailOf(const Ruleset& ruleset, std::string_view key, const Decision& decision);

// A message for people about an error; "" without one.
std::string ErrorMessage(const Ruleset& ruleset, std::string_view key, const Decision& decision);

// {"flag","value","variation","reason",…,"trace":[…]} as the API's and the CLI's `explain` show it. `trace` may be
// null.
Value DescribeDecision(const Ruleset& ruleset, std::string_view key, const Decision& decision, const TraceSink* trace);

// --- inline ---------------------------------------------------------------------------------------------------------

namespace internal {

// A flag that has to be looked at: `entry` is not constant.
Decision EvaluateRules(const Ruleset& ruleset, const Ruleset::Entry& entry, const Context& context,
                       std::int64_t now_ms) noexcept;
Decision EvaluateRules(const Ruleset& ruleset, const Ruleset::Entry& entry, const Context& context, std::int64_t now_ms,
                       CallSink& sink) noexcept;

inline Decision DecisionOf(const Ruleset::Entry& entry) noexcept {
  Decision decision;
  decision.flag = entry.flag;
  decision.type = entry.type;
  return decision;
}

// Of a boolean flag, whose variations are two at most; else false.
inline bool TruthOf(const Ruleset::Entry& entry, std::int16_t variation) noexcept {
  return (entry.truths >> (variation & 3) & 1) != 0;  // kNone: the fourth, which there is not
}

// A flag that answers one thing to everyone.
inline Decision ConstantDecision(const Ruleset::Entry& entry) noexcept {
  Decision decision = DecisionOf(entry);
  decision.variation = entry.variation;
  decision.reason = entry.reason;
  decision.truth = TruthOf(entry, entry.variation);
  return decision;
}

inline Decision NotFound() noexcept {
  Decision decision;
  decision.error = EvaluationError::kFlagNotFound;
  return decision;
}

inline void Mismatch(Decision& decision) noexcept {
  const CompiledFlag* flag = decision.flag;
  const FlagType type = decision.type;
  decision = Decision();
  decision.flag = flag;
  decision.type = type;
  decision.error = EvaluationError::kTypeMismatch;
}

}  // namespace internal

inline Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context,
                         std::int64_t now_ms) noexcept {
  const Ruleset::Entry* entry = ruleset.At(slot);
  if (entry == nullptr) return internal::NotFound();
  if (entry->kind == Ruleset::Entry::Kind::kConstant) return internal::ConstantDecision(*entry);
  return internal::EvaluateRules(ruleset, *entry, context, now_ms);
}

inline Decision Evaluate(const Ruleset& ruleset, std::uint32_t slot, const Context& context, std::int64_t now_ms,
                         CallSink& sink) noexcept {
  const Ruleset::Entry* entry = ruleset.At(slot);
  if (entry == nullptr) return internal::NotFound();
  if (entry->kind == Ruleset::Entry::Kind::kConstant) return internal::ConstantDecision(*entry);
  return internal::EvaluateRules(ruleset, *entry, context, now_ms, sink);
}

inline void CheckType(WantedType wanted, Decision& decision) noexcept {
  if (decision.flag == nullptr || decision.error == EvaluationError::kParseError) return;
  bool fits = true;
  switch (wanted) {
    case WantedType::kBool:
      fits = decision.type == FlagType::kBoolean;
      break;
    case WantedType::kString:
      fits = decision.type == FlagType::kString;
      break;
    case WantedType::kDouble:
      fits = decision.type == FlagType::kNumber;
      break;
    case WantedType::kInt:
      fits = decision.type == FlagType::kNumber && (decision.variation == kNone || decision.value()->IsIntegral());
      break;
    case WantedType::kJson:
      fits = decision.type == FlagType::kJson;
      break;
  }
  if (!fits) [[unlikely]] {
    internal::Mismatch(decision);
  }
}

template <typename T>
EvaluationDetail<T> DetailOf(const Ruleset& ruleset, std::string_view key, const Decision& decision) {
  EvaluationDetail<T> detail;
  detail.reason = decision.reason;
  detail.error = decision.error;
  detail.message = ErrorMessage(ruleset, key, decision);
  detail.variation = decision.variation_name();
  detail.rule = decision.rule_id();
  if (decision.experiment != nullptr) {
    detail.experiment = decision.experiment->key;
    detail.variant = decision.variant_name();
  }
  detail.forced = decision.forced;
  detail.revision = ruleset.revision();
  return detail;
}

}  // namespace guidon
