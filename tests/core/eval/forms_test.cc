// A test of a scalar takes a short way where the operand and the context are of one kind; a list of one element takes
// the long way. Both have to say the same, whatever the names, texts and numbers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/eval/evaluator.h"
#include "core/ruleset/ruleset.h"
#include "tests/support/workspace.h"

namespace guidon {
namespace {

std::shared_ptr<const Ruleset> RulesetOf(const std::string& attribute, const std::string& matcher) {
  return Compile(Workspace({BooleanFlag(
      "f", R"("rules": [{"when": {")" + attribute + R"(": )" + matcher + R"(}, "serve": "on"}], "default": "off")")}));
}

bool Serves(const Ruleset& ruleset, const Context& context) {
  return Evaluate(ruleset, ruleset.Find("f"), context, 0).truth;
}

const std::vector<Value>& Values() {
  static const std::vector<Value> values = {
      Value("DE"),
      Value("DEU"),
      Value("de"),
      Value("D"),
      Value(""),
      Value("12345678"),
      Value("123456789"),
      Value("1234567x9"),
      Value("1.2.3"),
      Value("1.2.3-rc.1"),
      Value("1.2.3+build.7"),
      Value("01.2.3"),
      Value("1.2"),
      Value("1.2.3.4"),
      Value("1..3"),
      Value("0.0.0"),
      Value("999999.999999.999999"),
      Value("1000000.0.0"),
      Value("2097152.0.0"),
      Value("1.2.99999999999999999999"),
      Value("2026-04-01T00:00:00Z"),
      Value(0),
      Value(7),
      Value(-7),
      Value(7.0),
      Value(7.5),
      Value(9223372036854775807),
      Value(9.3e18),
      Value(true),
      Value(false),
  };
  return values;
}

TEST(FormsTest, AScalarIsAnsweredLikeAListOfIt) {
  int on = 0, off = 0;
  for (const char* matcher : {R"("DE")",
                              R"("12345678")",
                              R"("123456789")",
                              R"(["DE", "FR", "123456789", "1.2.3"])",
                              R"({"not_in": ["DE", "FR"]})",
                              R"({"not_in": "DE"})",
                              R"({"in": ["DE"], "ignore_case": true})",
                              "7",
                              R"({"not_in": 7})",
                              "[7, 8]",
                              "true",
                              "false",
                              R"([true, "DE", 7.5])",
                              R"({"lt": 7})",
                              R"({"lte": 7})",
                              R"({"gt": 7})",
                              R"({"gte": 7.5})",
                              R"({"gt": 9223372036854775806})",
                              R"({"semver_eq": "1.2.3"})",
                              R"({"semver_lt": "1.2.3"})",
                              R"({"semver_lte": "1.2.3"})",
                              R"({"semver_gt": "1.2.3"})",
                              R"({"semver_gte": "999999.999999.999999"})",
                              R"({"semver_gt": "1000000.0.0"})",
                              R"({"semver_gte": "1.2.3-rc.1"})",
                              R"({"starts_with": "1.2"})",
                              R"({"ends_with": "DE"})",
                              R"({"contains": "2.3"})",
                              R"({"contains": ["2.3", "E"]})",
                              R"({"starts_with": "D", "ignore_case": true})",
                              R"({"before": "2026-04-01T00:00:01Z"})",
                              R"({"after": 6})"}) {
    const auto ruleset = RulesetOf("a", matcher);
    ASSERT_TRUE(ruleset->broken().empty()) << ruleset->broken()[0].reason;
    for (const Value& value : Values()) {
      const bool scalar = Serves(*ruleset, Context("u").Set("a", value));
      ASSERT_EQ(scalar, Serves(*ruleset, Context("u").Set("a", Value(Array{value}))))
          << matcher << " of " << ToJson(value);
      ++(scalar ? on : off);
    }
  }
  EXPECT_GT(on, 150);
  EXPECT_GT(off, 150);
}

TEST(FormsTest, NamesAndTextsOfEveryLengthAreToldApart) {
  for (std::size_t size = 1; size <= 20; ++size) {
    const std::string name(size, 'n'), text(size, 't');
    const auto ruleset = RulesetOf(name, '"' + text + '"');
    EXPECT_TRUE(Serves(*ruleset, Context("u").Set(name, text))) << size;
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = text;
      other[i] = 'x';
      EXPECT_FALSE(Serves(*ruleset, Context("u").Set(name, other))) << size;
    }
    EXPECT_FALSE(Serves(*ruleset, Context("u").Set(name, text + "t"))) << size;
    EXPECT_FALSE(Serves(*ruleset, Context("u").Set(name, text.substr(1)))) << size;
    EXPECT_FALSE(Serves(*ruleset, Context("u").Set(name + "n", text))) << size;
  }
}

TEST(FormsTest, EveryTextOfALargeSetIsInItAndNoOther) {
  std::string list;
  for (int i = 0; i < 2'000; ++i) list += (i == 0 ? "\"text-" : ", \"text-") + std::to_string(i) + "\"";
  const auto ruleset = RulesetOf("a", "[" + list + "]");
  for (int i = 0; i < 4'000; ++i) {
    ASSERT_EQ(Serves(*ruleset, Context("u").Set("a", "text-" + std::to_string(i))), i < 2'000) << i;
  }
}

TEST(FormsTest, TruthIsTheValueOfABooleanFlag) {
  const auto ruleset = Compile(
      Workspace({BooleanFlag("on", R"("default": "on")"), BooleanFlag("off", R"("default": "off")"),
                 R"({"flag": "disabled", "type": "boolean", "environments": {"production": {"enabled": false}}})",
                 R"({"flag": "text", "type": "string", "variations": {"a": "1"},
           "environments": {"production": {"enabled": true, "default": "a"}}})"}));
  const auto decision = [&](const char* key) { return Evaluate(*ruleset, ruleset->Find(key), Context("u"), 0); };
  EXPECT_TRUE(decision("on").truth);
  EXPECT_FALSE(decision("off").truth);
  EXPECT_FALSE(decision("disabled").truth);
  EXPECT_FALSE(decision("text").truth);
  EXPECT_EQ(decision("text").type, FlagType::kString);
}

}  // namespace
}  // namespace guidon
