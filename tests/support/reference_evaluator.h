// Evaluates a flag from the authored model, step by step as docs/spec/definitions.md and docs/spec/bucketing.md say it:
// slow, obvious, and without a line of core/ruleset and core/eval, its own hash and its own parsers included. What the
// compiled form answers is held against it.
//
// Planted faults show that the comparison would see one: each is a mistake that an implementation could make.
//
// Thread safety: pure functions.
#pragma once

#include <guidon/value.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/definitions.h"
#include "tests/support/outcome.h"

namespace guidon {

// Names of planted faults, each said as what the faulty reference does.
enum class Fault : std::uint8_t {
  kNone,
  // Operators, a mistake in each.
  kInTakesPrefixes,
  kNotInNeedsTheAttribute,
  kStartsWithMeansEquals,
  kEndsWithMeansContains,
  kContainsMeansStartsWith,
  kMatchesIsAnchored,
  kLtIncludesEqual,
  kLteExcludesEqual,
  kGtIncludesEqual,
  kGteExcludesEqual,
  kBeforeIncludesEqual,
  kAfterIncludesEqual,
  kSemverEqComparesText,
  kSemverLtIgnoresPrerelease,
  kSemverLteExcludesEqual,
  kSemverGtIncludesEqual,
  kSemverGteComparesNumbersAsText,
  kExistsLooksIntoLists,
  kInCidrComparesText,
  kIgnoreCaseIsIgnored,
  kNumbersEqualText,
  kWholeAndFractionDiffer,
  kOnlyTheFirstElementCounts,
  kNullIsThere,
  kPathBeatsLiteralName,
  kKeyIsAnAttribute,
  // Conditions.
  kAllMeansAny,
  kAnyMeansAll,
  kNotMeansNothing,
  kNowIsZero,
  kIncludeBeatsExclude,
  kSegmentIgnoresWhen,
  kDisabledFlagServesOff,
  // The order, and what is served.
  kTargetsAfterRules,
  kRequirementsAreIgnored,
  kMissingRequirementIsMet,
  kDisabledRequirementIsMet,
  kSecondRuleWins,
  kDefaultIsAlwaysStatic,
  kOffIsNull,
  kTypeIsNotChecked,
  kFractionReadsAsInt,
  // Bucketing.
  kHashHasNoSeparator,
  kHashHasASeed,
  kBucketIsModulo,
  kRangesIncludeTheEnd,
  kRolloutTakesAll,
  kRolloutTakesTheLastBuckets,
  kUnitIsTheKey,
  kNumbersAreNoUnits,
  kNoUnitIsTheEmptyUnit,
  // Experiments.
  kForceIsIgnored,
  kPausedRuns,
  kAudienceIsIgnored,
  kLayerIsIgnored,
  kLayerHasTheExperimentsSalt,
  kHoldoutIsIgnored,
  kHoldoutUsesTheExperimentsUnit,
  kComparisonIsHeldOut,
  kHoldoutEndsWithTheExperiment,
  kRampIsIgnored,
  kCount,
};
std::string_view ToString(Fault fault);

// What is asked: "bool", "string", "int", "double", "json" or "" (any).
struct Question {
  std::string flag;
  std::string type;
  Value context;
  std::int64_t now_ms = 0;
};

// The snapshot's records carry one environment's targeting and state.
Outcome ReferenceEvaluate(const Snapshot& snapshot, const std::vector<Undecodable>& undecodable,
                          const Question& question, Fault fault = Fault::kNone);

// The arithmetic of docs/spec/bucketing.md.
std::uint32_t ReferenceMurmur3(std::string_view bytes, std::uint32_t seed);
std::uint32_t ReferenceBucket(std::string_view salt, std::string_view unit);

}  // namespace guidon
