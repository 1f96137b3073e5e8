// Definitions that are large, or were made to hurt: the answer is the same and comes soon.
#include <gtest/gtest.h>

#include "tests/core/validate/cases.h"

namespace guidon {
namespace {

FlagRecord Flag(std::size_t number) {
  FlagRecord record;
  record.definition.key = "flag-" + std::to_string(number);
  record.definition.owner = "shop";
  record.definition.variations = {{"on", Value(true)}, {"off", Value(false)}};
  Targeting targeting;
  targeting.environment = "production";
  targeting.enabled = true;
  targeting.off = "off";
  targeting.default_serve = DefaultServe{FixedServe{"on"}, ""};
  record.definition.environments = {targeting};
  return record;
}

// flag-0 needs nothing, each other one the one before.
Definitions Chain(std::size_t length) {
  Definitions definitions = Shop();
  for (std::size_t i = 0; i < length; ++i) {
    FlagRecord flag = Flag(i);
    if (i > 0) flag.definition.environments[0].requirements = {{"flag-" + std::to_string(i - 1), {"on"}}};
    definitions.entities.flags.push_back(std::move(flag));
  }
  return definitions;
}

TEST(ValidateScaleTest, SixtyFourStepsFromFlagToFlagAreFineAndOneMoreIsTooLong) {
  EXPECT_TRUE(Validate(Chain(65)).empty());
  for (const bool reversed : {false, true}) {
    Definitions definitions = Chain(67);
    auto& flags = definitions.entities.flags;
    if (reversed) std::reverse(flags.begin(), flags.end());
    const std::vector<Issue> issues = Validate(definitions);
    ASSERT_EQ(issues.size(), 1u);
    EXPECT_EQ(issues[0].code, "chain_too_long");
    EXPECT_EQ(issues[0].entity, "flag flag-65") << "the first that is too deep, in whatever order they stand";
  }
}

TEST(ValidateScaleTest, AChainOfTwentyThousandFlagsDoesNotEndTheProcess) {
  Definitions definitions = Chain(20'000);
  std::reverse(definitions.entities.flags.begin(), definitions.entities.flags.end());
  const std::vector<Issue> issues = Validate(definitions);
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0].code, "chain_too_long");
}

TEST(ValidateScaleTest, ACircleOfThousandsIsSaidOnce) {
  Definitions definitions = Chain(5'000);
  definitions.entities.flags[0].definition.environments[0].requirements = {{"flag-4999", {"on"}}};
  const std::vector<Issue> issues = Validate(definitions);
  EXPECT_EQ(std::count_if(issues.begin(), issues.end(), [](const Issue& i) { return i.code == "cycle"; }), 1);
}

TEST(ValidateScaleTest, ManyUnknownNamesAreAllSaidAndSuggestionsEndSomewhere) {
  Definitions definitions = Shop();
  for (std::size_t i = 0; i < 500; ++i) {
    FlagRecord flag = Flag(i);
    flag.definition.environments[0].requirements = {{"flga-" + std::to_string(i), {"on"}}};
    definitions.entities.flags.push_back(std::move(flag));
  }
  const std::vector<Issue> issues = Validate(definitions);
  ASSERT_EQ(issues.size(), 500u);
  const auto with_hint = std::count_if(issues.begin(), issues.end(), [](const Issue& i) { return !i.hint.empty(); });
  EXPECT_EQ(with_hint, 200);
}

TEST(ValidateScaleTest, LongListsOfASegmentAreComparedByLookUp) {
  Definitions definitions = Shop();
  Segment segment;
  segment.key = "everyone";
  for (int i = 0; i < 100'000; ++i) {
    segment.include.push_back("user-" + std::to_string(i));
    segment.exclude.push_back("user-" + std::to_string(i + 99'999));
  }
  definitions.entities.segments.push_back({segment, {}});
  const std::vector<Issue> issues = Validate(definitions);
  ASSERT_EQ(issues.size(), 2u);
  EXPECT_EQ(issues[0].code, "included_and_excluded");
  EXPECT_EQ(issues[0].path.ToText(), "include[99999]");
  EXPECT_EQ(issues[1].code, "unused_segment");
}

}  // namespace
}  // namespace guidon
