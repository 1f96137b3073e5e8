// What decided a verdict, as one hash.
#include "gate/inputs.h"

#include <gtest/gtest.h>

#include "audit/chain.h"
#include "audit/hex.h"
#include "gate/lookers.h"

namespace guidon::gate {
namespace {

TEST(InputsTest, TheHashIsThatOfTheDocumentedText) {
  Inputs inputs;
  inputs.Add("policy", std::string_view("rules: {}\n"));
  inputs.Add("files/a \"b\".yaml", std::string_view(""));
  const std::string text = "guidon-gate-inputs-1\n" + ToHex(Sha256("")) + R"( "files/a \"b\".yaml")" + "\n" +
                           ToHex(Sha256("rules: {}\n")) + " \"policy\"\n";
  EXPECT_EQ(inputs.Hash(), ToHex(Sha256(text)));
}

TEST(InputsTest, OrderDoesNotMatterAndEveryPartDoes) {
  Inputs one, other, more;
  one.Add("a", std::string_view("1"));
  one.Add("b", std::string_view("2"));
  other.Add("b", std::string_view("2"));
  other.Add("a", std::string_view("1"));
  EXPECT_EQ(one.Hash(), other.Hash());
  more.Add("a", std::string_view("12"));
  more.Add("b", std::string_view(""));
  EXPECT_NE(one.Hash(), more.Hash());
}

TEST(InputsTest, ReadsOfCodeCountWithTheirPlaceTypeAndFallback) {
  const refs::Reference read{"a", "src/a.cc", 3, 7, refs::Wanted::kBoolean, Value(false)};
  const auto hash_of = [](const refs::Reference& reference) {
    Inputs inputs;
    inputs.Add("code", std::vector<refs::Reference>{reference});
    return inputs.Hash();
  };
  refs::Reference moved = read, other_default = read, untyped = read;
  moved.line = 4;
  other_default.fallback = Value(true);
  untyped.wanted = refs::Wanted::kUnknown;
  EXPECT_EQ(hash_of(read), hash_of(read));
  for (const refs::Reference& other : {moved, other_default, untyped}) EXPECT_NE(hash_of(other), hash_of(read));
}

TEST(InputsTest, AnEnvironmentCountsWithoutItsRevision) {
  EntitySet empty, one;
  one.flags.emplace_back();
  one.flags.back().definition.key = "a";
  const auto hash_of = [](const EntitySet& entities) {
    Inputs inputs;
    inputs.Add("change/before", entities);
    return inputs.Hash();
  };
  EXPECT_NE(hash_of(empty), hash_of(one));
}

// Whether the moment is one of them.
TEST(InputsTest, AnyConditionMayLookAtTheTime) {
  Clause now, country, other;
  now.kind = Clause::Kind::kNow;
  country.attribute = "country";
  other.kind = Clause::Kind::kNot;
  other.children = {Condition{{country, now}}};
  const Condition plain{{country}}, late{{now}}, below{{country, other}};
  const auto of_flag = [](const Condition& when) {
    EntitySet entities;
    entities.flags.emplace_back();
    entities.flags[0].definition.environments.emplace_back().rules.emplace_back().when = when;
    return LooksAtTime(entities);
  };
  const auto of_segment = [](const Condition& when) {
    EntitySet entities;
    entities.segments.emplace_back().definition.when = when;
    return LooksAtTime(entities);
  };
  const auto of_audience = [](const Condition& when) {
    EntitySet entities;
    entities.experiments.emplace_back().definition.audience = when;
    return LooksAtTime(entities);
  };
  EXPECT_FALSE(LooksAtTime(EntitySet()));
  EXPECT_FALSE(of_flag(plain) || of_segment(plain) || of_audience(plain));
  EXPECT_TRUE(of_flag(late) && of_segment(late) && of_audience(late));
  EXPECT_TRUE(of_flag(below) && of_segment(below) && of_audience(below));
}

}  // namespace
}  // namespace guidon::gate
