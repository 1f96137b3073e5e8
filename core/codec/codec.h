// Definitions as people write them (docs/spec/definitions.md) <-> model. The only reader and writer of definitions:
// HTTP bodies, YAML files, the stream, bootstrap files and the store all pass here.
//
//   Result<Flag> flag = DecodeFlag(value);
//   if (!flag) for (const Issue& issue : flag.error().issues) Print(issue);   // all faults, not only the first
//
// Decoding checks everything that a definition can get wrong on its own: unknown and missing keys, types, words,
// percentages, durations, dates, names, bounds, empty conditions, sums of weights, ids that occur twice. What it
// returns keeps the promises of the model's comments. It does not look at other definitions, nor whether a variation
// that a rule serves exists, nor into the text of regular expressions, versions and networks: core/validate does.
//
// Encoding writes the canonical form: keys in the order of the specification, short forms where there is one, defaults
// left out. Decode(Encode(x)) == x for every x that decoding can return; other models (a condition with two `any`
// clauses, made by a program) are written as an equivalent condition.
//
// Thread safety: pure functions. Cost: linear in the size of the value.
#pragma once

#include <guidon/value.h>
#include "core/base/result.h"
#include "core/model/definitions.h"
#include "core/model/expectation.h"

namespace guidon {

// Both refuse unknown operators and words.
enum class Strictness {
  kAuthored,  // unknown keys are errors, with a suggestion
  kTolerant,  // unknown keys are skipped: what a newer version stored or sent
};

// Errors are kInvalid with one issue per fault, its path from the root of `value`, its `entity` filled where it has a
// key.
Result<FlagDefinition> DecodeFlag(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<Segment> DecodeSegment(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<Layer> DecodeLayer(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<Holdout> DecodeHoldout(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<Experiment> DecodeExperiment(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<Metric> DecodeMetric(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<Project> DecodeProject(const Value& value, Strictness strictness = Strictness::kAuthored);
Result<FlagTest> DecodeFlagTest(const Value& value);  // an entry of tests/
Result<Condition> DecodeCondition(const Value& value, Strictness strictness = Strictness::kAuthored);

Value EncodeFlag(const FlagDefinition& flag);
Value EncodeSegment(const Segment& segment);
Value EncodeLayer(const Layer& layer);
Value EncodeHoldout(const Holdout& holdout);
Value EncodeExperiment(const Experiment& experiment);
Value EncodeMetric(const Metric& metric);
Value EncodeProject(const Project& project);
Value EncodeFlagTest(const FlagTest& test);
Value EncodeCondition(const Condition& condition);

// A definition of a known kind, or of the kind that its key tells (`flag:`, `segment:`, …; usually the leading one);
// the record's state is empty.
Result<EntityRecord> DecodeEntity(EntityKind kind, const Value& value, Strictness strictness = Strictness::kAuthored);
Result<EntityRecord> DecodeDefinition(const Value& value);
Value EncodeDefinition(const EntityRecord& record);     // without the state
Value EncodeFinding(const ExperimentFinding& finding);  // as it stands in an experiment's state

// What DecodeDefinition would take `value` for, and the key that it has; empty when neither can be told.
std::optional<EntityRef> RefOfDefinition(const Value& value);

}  // namespace guidon
