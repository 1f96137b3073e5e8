// Evaluates a flag from the authored model, step by step as docs/spec/definitions.md and docs/spec/bucketing.md say it:
// slow, obvious, and without a line of core/ruleset and core/eval, its own hash and its own parsers included. What the
// compiled form answers is held against it.
//
// Planted faults show that the comparison would see one: each is a mistake that an implementation could make.
//
// Thread safety: answers may be asked for by any thread.
#pragma once

#include <guidon/value.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/definitions.h"
#include "tests/support/outcome.h"

namespace guidon {

// Names of planted faults, each said as what the faulty reference does.
enum class Fault : std::uint8_t {
  kNothing,
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

// What one environment answers. The snapshot's records carry its targeting and state only; snapshot and undecodable
// outlive this.
class ReferenceEnvironment {
 public:
  ReferenceEnvironment(const Snapshot& snapshot, const std::vector<Undecodable>& undecodable);
  Outcome Answer(const Question& question, Fault fault = Fault::kNothing) const;

 private:
  const Snapshot& snapshot_;
  const std::vector<Undecodable>& undecodable_;
  std::set<std::string> broken_;  // flags that cannot be evaluated
};

// The arithmetic of docs/spec/bucketing.md.
std::uint32_t ReferenceMurmur3(std::string_view bytes, std::uint32_t seed);
std::uint32_t ReferenceBucket(std::string_view salt, std::string_view unit);

}  // namespace guidon
