// What Plainest takes for the same answers alike: random environments, written worse, are asked random questions.
#include "lint/meaning.h"

#include <gtest/gtest.h>

#include <memory>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "core/ruleset/ruleset.h"
#include "tests/lint/worse.h"
#include "tests/support/core_door.h"
#include "tests/support/random_environment.h"

namespace guidon::testing {
namespace {

TEST(MeaningTest, WhatIsPlainerAnswersAlike) {
  constexpr std::uint64_t kSeeds = 100;
  constexpr int kQuestions = 30;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    RandomEnvironment environment(seed);
    Worse worse(seed);
    Snapshot longer = environment.snapshot(), plainer = environment.snapshot();
    for (FlagRecord& flag : longer.entities.flags) {
      Result<FlagDefinition> written = DecodeFlag(worse.Definition(EncodeFlag(flag.definition)));
      ASSERT_TRUE(written) << "seed " << seed << ": " << written.error().message;
      flag.definition = *std::move(written);
      const lint::Meaning plain = lint::Plainest(EntityRecord(flag));
      plainer.entities.Upsert(std::get<EntityRecord>(plain));
    }
    for (SegmentRecord& segment : longer.entities.segments) {
      Result<Segment> written = DecodeSegment(worse.Definition(EncodeSegment(segment.definition)));
      ASSERT_TRUE(written) << "seed " << seed << ": " << written.error().message;
      segment.definition = *std::move(written);
      plainer.entities.Upsert(std::get<EntityRecord>(lint::Plainest(EntityRecord(segment))));
    }
    const auto before = Compile(longer, {.lineage = nullptr, .undecodable = environment.undecodable()});
    const auto after = Compile(plainer, {.lineage = nullptr, .undecodable = environment.undecodable()});
    for (int i = 0; i < kQuestions; ++i) {
      const Question question = environment.Ask();
      const Context context = Context::FromValue(question.context);
      EXPECT_EQ(Ask(*after, question, context), Ask(*before, question, context))
          << "seed " << seed << ", flag " << question.flag << ", context " << ToJson(question.context);
    }
  }
}

TEST(MeaningTest, WhatIsNoDefinitionHasNone) {
  EXPECT_TRUE(std::holds_alternative<std::monostate>(lint::MeaningOf(Value("text"))));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(lint::MeaningOf(Value(Object{{"flag", Value("a")}}))));
}

}  // namespace
}  // namespace guidon::testing
