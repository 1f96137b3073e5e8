// The cases through the first door: Compile and Evaluate. And what keeps the files themselves honest: their buckets,
// and that no operator, reason or error code is without a case.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/hash.h"
#include "core/codec/wire.h"
#include "core/ruleset/ruleset.h"
#include "tests/conformance/cases.h"
#include "tests/support/core_door.h"

namespace guidon::conformance {
namespace {

constexpr std::int64_t kWhenever = 1'806'480'000'000;  // 2027-03-31T08:00:00Z, for cases that say no time
constexpr std::uint64_t kBuckets = 100'000;

// All sinks have to be told the same decision.
Outcome Answer(const Ruleset& ruleset, const ConformanceCase& c) {
  const Context context = Context::FromValue(c.context);
  const Question question{c.flag, c.type, c.context, c.now_ms.value_or(kWhenever)};
  TraceSink trace;
  ExperimentSink experiments;
  Outcome outcome = AskWith(ruleset, question, context, experiments);
  EXPECT_EQ(AskWith(ruleset, question, context, trace), outcome) << c.Where();
  if (!c.says_exposures) outcome.exposures.clear();
  Outcome plain = Ask(ruleset, question, context);
  plain.exposures = outcome.exposures;
  EXPECT_EQ(plain, outcome) << c.Where();
  return outcome;
}

std::shared_ptr<const Ruleset> RulesetOf(const DefinitionSet& set) {
  Result<SnapshotDocument> document = DecodeSnapshot(DocumentOf(set));
  EXPECT_TRUE(document) << set.ToText() << ": " << document.error().message;
  if (!document) return Compile(Snapshot());
  if (set.streamed_only.empty()) {
    EXPECT_TRUE(document->undecodable.empty()) << set.ToText() << ": " << document->undecodable[0].message;
  }
  return Compile(document->snapshot, {nullptr, document->undecodable});
}

TEST(CoreConformanceTest, EveryCaseAnswersAsExpected) {
  std::map<const DefinitionSet*, std::shared_ptr<const Ruleset>> rulesets;
  for (const ConformanceCase& c : AllCases()) {
    if (c.set->no_ruleset) continue;
    std::shared_ptr<const Ruleset>& ruleset = rulesets[c.set];
    if (!ruleset) ruleset = RulesetOf(*c.set);
    EXPECT_EQ(Answer(*ruleset, c), c.expect) << c.Where();
  }
}

TEST(CaseFilesTest, ThereAreManyAndTheyCoverEveryOperatorReasonAndErrorCode) {
  EXPECT_GE(AllCases().size(), 300u);
  EXPECT_EQ(Uncovered(AllCases()), std::vector<std::string>());
}

// The check above would notice.
TEST(CaseFilesTest, WhatNoCaseExercisesIsNamed) {
  std::vector<ConformanceCase> cases = AllCases();
  std::erase_if(cases, [](const ConformanceCase& c) {
    return c.expect.reason == "DISABLED" || c.expect.error == "PARSE_ERROR" ||
           (c.file == "networks" && c.expect.reason == "TARGETING_MATCH");
  });
  EXPECT_EQ(Uncovered(cases),
            (std::vector<std::string>{"operator in_cidr that holds", "reason DISABLED", "error PARSE_ERROR"}));
}

TEST(CaseFilesTest, AMemberThatTheFormatDoesNotKnowIsAFault) {
  std::vector<std::unique_ptr<DefinitionSet>> sets;
  const auto fault_of = [&](const std::string& c) {
    const std::string text = R"({"about": "", "sets": {"s": {"no_ruleset": true}}, "cases": [)" + c + "]}";
    const auto cases = ReadCases({{"f", text}}, sets);
    return cases ? "" : cases.error().message;
  };
  const std::string start = R"({"name": "n", "set": "s", "flag": "x", "type": "bool", "context": {}, "expect": )";
  EXPECT_EQ(fault_of(start + R"({"default": true, "reason": "ERROR"}})"), "");
  EXPECT_EQ(fault_of(start + R"({"default": true, "reson": "ERROR"}})"), "f.json: case 'n': unknown member 'reson'");
  EXPECT_EQ(fault_of(start + R"({"reason": "ERROR"}})"), "f.json: case 'n': either a value or the default");
}

TEST(CaseFilesTest, BucketsAreWhatTheFilesSay) {
  std::size_t checked = 0;
  for (const ConformanceCase& c : AllCases()) {
    for (const auto& [text, bucket] : c.buckets) {
      EXPECT_EQ(static_cast<std::int64_t>((Murmur3(text) * kBuckets) >> 32), bucket) << c.Where() << ": " << text;
      ++checked;
    }
  }
  EXPECT_GE(checked, 100u);
}

}  // namespace
}  // namespace guidon::conformance
