// Asks core a Question and gives the Outcome, as the other doors do.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/eval/evaluator.h"
#include "tests/support/outcome.h"
#include "tests/support/reference_evaluator.h"

namespace guidon {

inline std::optional<WantedType> WantedTypeOf(const std::string& word) {
  if (word == "bool") return WantedType::kBool;
  if (word == "string") return WantedType::kString;
  if (word == "int") return WantedType::kInt;
  if (word == "double") return WantedType::kDouble;
  if (word == "json") return WantedType::kJson;
  return std::nullopt;
}

inline Outcome OutcomeOf(Decision decision, const std::string& type, const std::vector<Consulted>& consulted) {
  if (const auto wanted = WantedTypeOf(type)) CheckType(*wanted, decision);
  Outcome outcome;
  if (decision.value() != nullptr) outcome.value = *decision.value();
  outcome.variation = decision.variation_name();
  outcome.reason = ToString(decision.reason);
  outcome.error = ToString(decision.error);
  outcome.rule = decision.rule_id();
  if (decision.experiment != nullptr) outcome.experiment = decision.experiment->key;
  outcome.variant = decision.variant_name();
  outcome.forced = decision.forced;
  if (decision.error == EvaluationError::kTypeMismatch) return outcome;
  constexpr const char* kRoles[] = {"assigned", "held_out", "comparison"};
  for (const Consulted& c : consulted) {
    outcome.exposures.push_back(
        {c.experiment->key,
         c.variant == kNone ? std::string() : c.experiment->variants[static_cast<std::size_t>(c.variant)],
         kRoles[static_cast<int>(c.role)], c.forced});
  }
  return outcome;
}

// `context` is the question's, as core takes it; `sink` an ExperimentSink or a TraceSink.
template <typename Sink>
Outcome AskWith(const Ruleset& ruleset, const Question& question, const Context& context, Sink& sink) {
  const Decision decision = Evaluate(ruleset, ruleset.Find(question.flag), context, question.now_ms, sink);
  return OutcomeOf(decision, question.type, sink.consulted);
}

// As a read does: no sink, hence no exposures.
inline Outcome Ask(const Ruleset& ruleset, const Question& question, const Context& context) {
  return OutcomeOf(Evaluate(ruleset, ruleset.Find(question.flag), context, question.now_ms), question.type, {});
}

}  // namespace guidon
