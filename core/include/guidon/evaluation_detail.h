// What an evaluation answers, and why. The words are OpenFeature's, with PREREQUISITE_FAILED beside them.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <guidon/export.h>

namespace guidon {

// How the answer came about.
enum class Reason : std::uint8_t {
  kStatic,              // the flag serves one thing to everyone
  kDefault,             // no rule applied
  kTargetingMatch,      // a target or a rule's condition applied
  kSplit,               // a bucket decided: a split, a rollout or an experiment
  kDisabled,            // not enabled in this environment
  kPrerequisiteFailed,  // a flag that this one requires does not serve what it must
  kError,               // the caller's fallback; `error` says why
};
// How many reasons there are.
inline constexpr int kReasonCount = static_cast<int>(Reason::kError) + 1;

// Why the caller's fallback was returned.
enum class EvaluationError : std::uint8_t {
  kNone,  // it was not
  kFlagNotFound,
  kTypeMismatch,         // asked for another type than the flag has
  kParseError,           // this version cannot compile the flag, or something that it needs
  kTargetingKeyMissing,  // a split at `default` found no unit to bucket by
  kProviderNotReady,     // no ruleset yet
};
// How many of these there are, kNone among them.
inline constexpr int kEvaluationErrorCount = static_cast<int>(EvaluationError::kProviderNotReady) + 1;

// "STATIC", "TARGETING_MATCH", …; "FLAG_NOT_FOUND", …, and "" for kNone.
GUIDON_API std::string_view ToString(Reason reason) noexcept;
GUIDON_API std::string_view ToString(EvaluationError error) noexcept;

// The answer to one read. T: bool, std::string, std::int64_t, double or Value.
template <typename T>
struct EvaluationDetail {
  T value{};                                       // what is served, or the caller's fallback
  Reason reason = Reason::kError;                  // how that came about
  EvaluationError error = EvaluationError::kNone;  // anything else: `value` is the caller's fallback
  std::string message;                             // with an error: what is wrong, for people
  std::string variation;                           // empty: the caller's fallback was returned
  std::string rule;                                // id of the rule that decided; empty: none, or one without an id
  std::string experiment;                          // that decided, or in whose audience a held-out unit is
  std::string variant;                             // of that experiment
  bool forced = false;                             // by the experiment's `qa: { force: … }`
  std::uint64_t revision = 0;                      // of the ruleset that answered
};

}  // namespace guidon
