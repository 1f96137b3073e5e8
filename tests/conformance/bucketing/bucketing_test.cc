// The frozen vectors of docs/spec/bucketing.md, v1.json: core reproduces them, and so does the interpreter in
// tests/support, or for allocation the bucket by bucket arithmetic below, without a line of core's.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "core/allocate/ranges.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/support/core_door.h"
#include "tests/support/reference_evaluator.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

using Ranges = std::vector<BucketRange>;
using Arms = std::vector<ArmRanges>;

Value ReadJson(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  Result<Value> value = ParseJson(text.str());
  EXPECT_TRUE(value) << path << ": " << value.error().message;
  return value ? *std::move(value) : Value();
}

class BucketingTest : public ::testing::Test {
 protected:
  const Value vectors_ = ReadJson(GUIDON_SOURCE_DIR "/tests/conformance/bucketing/v1.json");
  const Array& List(const char* name) const { return vectors_.Find(name)->AsArray(); }
};

std::uint32_t Number(const Value& value) {
  return static_cast<std::uint32_t>(value.AsInt());
}

Ranges RangesIn(const Value& value) {
  Ranges ranges;
  for (const Value& range : value.AsArray()) ranges.push_back({Number(range.AsArray()[0]), Number(range.AsArray()[1])});
  return ranges;
}

std::vector<Weight> WeightsIn(const Value& value) {
  std::vector<Weight> weights;
  for (const Value& weight : value.AsArray())
    weights.push_back({weight.AsArray()[0].AsString(), Number(weight.AsArray()[1])});
  return weights;
}

// A string flag whose default splits by the attribute `unit`, with these ranges and this salt.
Snapshot SplitBy(const std::string& salt, const Arms& arms) {
  FlagDefinition flag;
  flag.key = "f";
  flag.type = FlagType::kString;
  SplitServe serve;
  for (const ArmRanges& arm : arms) {
    flag.variations.push_back({arm.arm, arm.arm});
    serve.weights.push_back({arm.arm, SizeOf(arm.ranges)});
  }
  Targeting targeting;
  targeting.environment = "production";
  targeting.enabled = true;
  targeting.default_serve = DefaultServe{serve, "unit"};
  flag.environments.push_back(targeting);
  Snapshot snapshot;
  snapshot.entities.flags.push_back({flag, {{{"production", {{"default", salt, arms}}}}}});
  return snapshot;
}

// What core and the interpreter both answer.
Outcome BothAnswer(const Snapshot& snapshot, const Value& unit) {
  const Question question{"f", "string", Object{{"unit", unit}}, 0};
  const auto ruleset = Compile(snapshot);
  const std::vector<Undecodable> none;
  const Outcome outcome = Ask(*ruleset, question, Context::FromValue(question.context));
  EXPECT_EQ(outcome, ReferenceEnvironment(snapshot, none).Answer(question));
  return outcome;
}

TEST_F(BucketingTest, ThereAreEnoughVectorsAndTheyAreOfThisScheme) {
  EXPECT_EQ(vectors_.Find("scheme")->AsString(), "native-1");
  std::size_t count = 0;
  for (const char* name : {"hashes", "buckets", "allocations", "rollouts", "slots", "holdouts", "assignments"}) {
    ASSERT_NE(vectors_.Find(name), nullptr) << name;
    EXPECT_FALSE(List(name).empty()) << name;
    count += List(name).size();
  }
  EXPECT_GE(count, 300u);
}

TEST_F(BucketingTest, HashesAreMurmur3) {
  for (const Value& vector : List("hashes")) {
    const std::string& text = vector.Find("text")->AsString();
    const std::uint32_t seed = vector.Find("seed") == nullptr ? 0 : Number(*vector.Find("seed"));
    const std::uint32_t hash = Number(*vector.Find("hash"));
    EXPECT_EQ(Murmur3(text, seed), hash) << ToJson(vector);
    EXPECT_EQ(ReferenceMurmur3(text, seed), hash) << ToJson(vector);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      ASSERT_EQ(Murmur3Prefix(text.substr(0, cut), seed).Finish(text.substr(cut)), hash)
          << ToJson(vector) << " at " << cut;
    }
  }
}

TEST_F(BucketingTest, AUnitIsInItsBucketAndInNoOther) {
  for (const Value& vector : List("buckets")) {
    const std::string& salt = vector.Find("salt")->AsString();
    const Value& unit = *vector.Find("unit");
    if (vector.Find("bucket")->is_null()) {
      const Outcome outcome = BothAnswer(SplitBy(salt, {{"all", {{0, kWhole}}}}), unit);
      EXPECT_EQ(outcome.error, "TARGETING_KEY_MISSING") << ToJson(vector);
      continue;
    }
    const std::uint32_t bucket = Number(*vector.Find("bucket"));
    ASSERT_LT(bucket, kWhole);
    const std::string text = unit.is_string() ? unit.AsString() : vector.Find("text")->AsString();
    EXPECT_EQ(ReferenceBucket(salt, text), bucket) << ToJson(vector);
    Arms arms = {{"in", {{bucket, bucket + 1}}}, {"below", {}}, {"above", {}}};
    if (bucket > 0) arms[1].ranges.push_back({0, bucket});
    if (bucket + 1 < kWhole) arms[2].ranges.push_back({bucket + 1, kWhole});
    EXPECT_EQ(BothAnswer(SplitBy(salt, arms), unit).variation, "in") << ToJson(vector);
  }
}

// --- allocation, bucket by bucket
// ----------------------------------------------------------------------------------------

using Buckets = std::vector<std::uint32_t>;  // of one arm, in the order of its list

Ranges Joined(const Buckets& buckets) {
  Ranges ranges;
  for (const std::uint32_t bucket : buckets) {
    if (!ranges.empty() && ranges.back().end == bucket) {
      ++ranges.back().end;
    } else {
      ranges.push_back({bucket, bucket + 1});
    }
  }
  return ranges;
}

Buckets Listed(const Ranges& ranges) {
  Buckets buckets;
  for (const BucketRange& range : ranges) {
    for (std::uint32_t bucket = range.begin; bucket < range.end; ++bucket) buckets.push_back(bucket);
  }
  return buckets;
}

std::map<std::string, Buckets> Step(std::map<std::string, Buckets> held, const std::vector<Weight>& weights) {
  std::map<std::string, Buckets> next;
  std::vector<bool> is_free(kWhole, true);
  for (const Weight& weight : weights) {
    Buckets& arm = next[weight.variation] = held[weight.variation];
    if (arm.size() > weight.parts) arm.resize(weight.parts);
    for (const std::uint32_t bucket : arm) is_free[bucket] = false;
  }
  for (const Weight& weight : weights) {
    Buckets& arm = next[weight.variation];
    for (std::uint32_t bucket = 0; arm.size() < weight.parts; ++bucket) {
      if (is_free[bucket]) arm.push_back(bucket);
      is_free[bucket] = false;
    }
  }
  return next;
}

TEST_F(BucketingTest, RangesAreAllocatedAndKept) {
  for (const Value& vector : List("allocations")) {
    Arms arms;
    std::map<std::string, Buckets> slowly;
    for (const Value& step : vector.Find("steps")->AsArray()) {
      const std::vector<Weight> weights = WeightsIn(*step.Find("weights"));
      const Arms before = arms;
      arms = Reallocate(before, weights);
      slowly = Step(slowly, weights);
      ASSERT_EQ(arms.size(), weights.size());
      for (std::size_t i = 0; i < arms.size(); ++i) {
        const Value* expected = step.Find("arms")->Find(weights[i].variation);
        ASSERT_NE(expected, nullptr);
        EXPECT_EQ(arms[i].arm, weights[i].variation);
        EXPECT_EQ(arms[i].ranges, RangesIn(*expected)) << ToJson(*vector.Find("name")) << ": " << ToJson(step);
        EXPECT_EQ(Joined(slowly[arms[i].arm]), RangesIn(*expected))
            << ToJson(*vector.Find("name")) << ": " << ToJson(step);
      }
      if (before.empty()) {
        EXPECT_EQ(arms, AllocateFirst(weights));
      } else {
        EXPECT_EQ(MovedBuckets(before, arms), Number(*step.Find("moved"))) << ToJson(*vector.Find("name"));
      }
    }
  }
}

TEST_F(BucketingTest, TheFirstAllocationFollowsTheFlagsVariationsNotTheSplit) {
  const Snapshot snapshot = Workspace({R"({"flag": "f", "type": "string", "variations": {"z": "1", "m": "2", "a": "3"},
      "environments": {"production": {"enabled": true, "rules": [
        {"id": "r", "when": {"beta": true}, "serve": {"a": "20%", "z": "80%"}}],
        "default": {"serve": {"m": "50%", "a": "40%", "z": "10%"}}}}})"});
  const std::vector<SplitState>& splits = snapshot.entities.flags[0].state.environments[0].splits;
  EXPECT_EQ(splits[0].arms, (Arms{{"z", {{0, 80'000}}}, {"a", {{80'000, 100'000}}}}));
  EXPECT_EQ(splits[1].arms, (Arms{{"z", {{0, 10'000}}}, {"m", {{10'000, 60'000}}}, {"a", {{60'000, 100'000}}}}));
  EXPECT_EQ(splits[1].salt, "f");
}

TEST_F(BucketingTest, ARolloutTakesTheFirstBuckets) {
  for (const Value& vector : List("rollouts")) {
    const Ranges ranges = RangesIn(*vector.Find("ranges")), first = RangesIn(*vector.Find("first"));
    const std::uint32_t parts = Number(*vector.Find("parts"));
    EXPECT_EQ(FirstBuckets(ranges, parts), first) << ToJson(vector);
    Buckets buckets = Listed(ranges);
    buckets.resize(static_cast<std::size_t>(std::uint64_t{buckets.size()} * parts / kWhole));
    EXPECT_EQ(Joined(buckets), first) << ToJson(vector);
  }
}

TEST_F(BucketingTest, SlotsAreTheLowestFreeBuckets) {
  for (const Value& vector : List("slots")) {
    const Ranges taken = RangesIn(*vector.Find("taken"));
    const std::uint32_t parts = Number(*vector.Find("parts"));
    const auto slots = TakeSlots(taken, parts);
    EXPECT_EQ(slots.has_value(), !vector.Find("slots")->is_null()) << ToJson(vector);
    const Ranges expected = slots ? RangesIn(*vector.Find("slots")) : Ranges();
    EXPECT_EQ(slots.value_or(Ranges()), expected) << ToJson(vector);
    std::set<std::uint32_t> held;
    for (const std::uint32_t bucket : Listed(taken)) held.insert(bucket);
    Buckets free;
    for (std::uint32_t bucket = 0; bucket < kWhole && free.size() < parts; ++bucket) {
      if (!held.contains(bucket)) free.push_back(bucket);
    }
    EXPECT_EQ(free.size() == parts, slots.has_value());
    EXPECT_EQ(slots ? Joined(free) : Ranges(), expected) << ToJson(vector);
  }
}

// --- whole assignments
// ---------------------------------------------------------------------------------------------------

TEST_F(BucketingTest, AHoldoutTakesItsFirstBucketsAndComparesAsManyAgain) {
  for (const Value& vector : List("holdouts")) {
    const std::string& name = vector.Find("holdout")->AsString();
    Snapshot snapshot = SplitBy("f", {{"on", {{0, kWhole}}}});
    snapshot.entities.holdouts.push_back(
        {{name, "", "", "unit", Number(*vector.Find("size")), false}, {"holdout:" + name}});
    Experiment experiment;
    experiment.key = "e";
    experiment.flag = "f";
    experiment.environment = "production";
    experiment.unit = "unit";
    experiment.holdout = name;
    experiment.variants = {{"control", "on", kWhole}};
    ExperimentState state;
    state.status = ExperimentStatus::kRunning;
    state.iteration = 1;
    state.salt = "e#1";
    state.arms = {{"control", {{0, kWhole}}}};
    snapshot.entities.experiments.push_back({experiment, state});
    const Question question{"f", "", Object{{"unit", *vector.Find("unit")}}, 0};
    ExperimentSink sink;
    const Outcome outcome = AskWith(*Compile(snapshot), question, Context::FromValue(question.context), sink);
    const std::vector<Undecodable> none;
    EXPECT_EQ(outcome, ReferenceEnvironment(snapshot, none).Answer(question)) << ToJson(vector);
    ASSERT_FALSE(outcome.exposures.empty());
    const std::string& role = vector.Find("role")->AsString();
    EXPECT_EQ(outcome.exposures[0].role, role == "none" ? "assigned" : role) << ToJson(vector);
  }
}

TEST_F(BucketingTest, UnitsSeeWhatWeightsSaltAndRolloutGiveThem) {
  for (const Value& vector : List("assignments")) {
    const Arms arms = AllocateFirst(WeightsIn(*vector.Find("weights")));
    // As a rule with a rollout; who is left over goes on to the default.
    Snapshot snapshot = SplitBy(vector.Find("salt")->AsString(), arms);
    FlagRecord& flag = snapshot.entities.flags[0];
    Targeting& targeting = flag.definition.environments[0];
    Rule rule;
    rule.id = "r";
    rule.serve = targeting.default_serve->serve;
    rule.rollout = Number(*vector.Find("rollout"));
    rule.by = "unit";
    targeting.rules.push_back(rule);
    flag.definition.variations.push_back({"left over", "left over"});
    targeting.default_serve = DefaultServe{FixedServe{"left over"}, ""};
    flag.state.environments[0].splits[0].split = "r";
    for (const Member& unit : vector.Find("units")->AsObject()) {
      const std::string expected = unit.value.is_null() ? "left over" : unit.value.AsString();
      EXPECT_EQ(BothAnswer(snapshot, unit.name).variation, expected)
          << ToJson(*vector.Find("name")) << ", " << unit.name;
    }
  }
}

}  // namespace
}  // namespace guidon
