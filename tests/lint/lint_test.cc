#include "lint/lint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "core/base/json.h"
#include "core/codec/codec.h"
#include "format/format.h"
#include "lint/meaning.h"
#include "tests/lint/worse.h"
#include "tests/support/random_model.h"

namespace guidon::testing {
namespace {

using lint::LintedText;
using lint::LintProblem;

// "list-of-one, file-name by hand"
std::string RulesOf(const LintedText& linted) {
  std::string text;
  for (const LintProblem& problem : linted.problems) {
    text += (text.empty() ? "" : ", ") + problem.rule + (problem.fixable ? "" : " by hand");
  }
  return text;
}

std::string Flag(const std::string& rest) {
  return "flag: a\ntype: boolean\n" + rest;
}
std::string When(const std::string& condition) {
  return Flag("environments:\n  production:\n    enabled: true\n    rules:\n      - when: " + condition +
              "\n        serve: on\n    default: off\n");
}
std::string Production(const std::string& rest) {
  return Flag("environments:\n  production:\n    enabled: true\n    " + rest + "\n");
}

LintedText Linted(const std::string& text, const std::string& name = "flags/a.yaml") {
  Result<LintedText> linted = lint::LintText(text, name);
  EXPECT_TRUE(linted) << (linted ? "" : linted.error().message) << "\n" << text;
  return linted ? *std::move(linted) : LintedText();
}

void ExpectFixed(const std::string& rules, const std::string& before, const std::string& after) {
  const LintedText linted = Linted(before);
  EXPECT_EQ(RulesOf(linted), rules) << before;
  EXPECT_EQ(linted.fixed, after);
  EXPECT_EQ(Linted(linted.fixed).fixed, linted.fixed) << "once more changes it";
}
void ExpectLeft(const std::string& rules, const std::string& text) {
  ExpectFixed(rules, text, text);
}

TEST(LintTest, ConditionsAreWrittenPlainly) {
  ExpectFixed("list-of-one", When("{ country: [DE] }"), When("{ country: DE }"));
  ExpectFixed("long-form", When("{ country: { in: [DE, FR] } }"), When("{ country: [DE, FR] }"));
  ExpectFixed("long-form, list-of-one", When("{ country: { in: [DE] } }"), When("{ country: DE }"));
  ExpectFixed("list-of-one", When("{ email: { ends_with: [\"@x.example\"] } }"),
              When("{ email: { ends_with: \"@x.example\" } }"));
  ExpectFixed("list-of-one", When("{ segment: [eu-web] }"), When("{ segment: eu-web }"));
  ExpectFixed("list-of-one", When("{ flag: { b: [on] } }"), When("{ flag: { b: on } }"));
  ExpectFixed("duplicate-value", When("{ age: [1, 2, 1] }"), When("{ age: [1, 2] }"));
  ExpectFixed("long-form, default-said", When("{ country: { in: [DE, FR], ignore_case: false } }"),
              When("{ country: [DE, FR] }"));
  ExpectLeft("", When("{ country: { in: [DE, FR], ignore_case: true }, age: [\"1\", 1] }"));
  ExpectLeft("", When("{ attribute: not, in: [DE, FR] }"));
}

TEST(LintTest, OneConditionNeedsNoListAndNoDoubleNot) {
  ExpectFixed("single-condition", When("{ all: [{ country: DE, plan: pro }] }"), When("{ country: DE, plan: pro }"));
  ExpectFixed("single-condition", When("{ plan: x, any: [{ country: DE }] }"), When("{ plan: x, country: DE }"));
  ExpectFixed("double-not", When("{ not: { not: { country: DE } } }"), When("{ country: DE }"));
  ExpectFixed("double-not, double-not", When("{ not: { not: { not: { not: { a: 1 } } } } }"), When("{ a: 1 }"));
  // A name that would be there twice.
  ExpectLeft("", When("{ country: [DE, FR], all: [{ country: { not_in: FR } }] }"));
  ExpectLeft("", When("{ all: [{ a: 1 }, { b: 2 }], not: { c: 3 } }"));
}

TEST(LintTest, TextsThatOtherReadersTakeForSomethingElseGetQuotes) {
  ExpectFixed("ambiguous-text", When("{ country: [DE, NO] }"), When("{ country: [DE, \"NO\"] }"));
  ExpectFixed("ambiguous-text", When("{ app.version: { semver_gte: 4.2.0 } }"),
              When("{ app.version: { semver_gte: \"4.2.0\" } }"));
  ExpectFixed("ambiguous-text", When("{ build: 1.2.3-rc1 }"), When("{ build: \"1.2.3-rc1\" }"));
  ExpectFixed("ambiguous-text", When("{ opens: 12:30 }"), When("{ opens: \"12:30\" }"));
  ExpectLeft("", When("{ age: 4.2, beta: true, day: 2027-03-31, flag: { b: on } }"));
  ExpectFixed(
      "ambiguous-text, ambiguous-text",
      "- flag: a\n  environment: production\n  given: { country: NO, versions: [4.2.0, x] }\n  expect: on\n",
      "- flag: a\n  environment: production\n  given: { country: \"NO\", versions: [\"4.2.0\", x] }\n  expect: on\n");
}

TEST(LintTest, WhatHoldsAnywayIsLeftOut) {
  ExpectFixed("default-said, default-said, default-said",
              Flag("archived: false\nclient: false\nvariations: { on: true, off: false }\n"), Flag(""));
  ExpectLeft("", Flag("variations: { off: false, on: true }\n"));
  ExpectFixed("empty-environment, empty-environment", Flag("environments: { staging: {}, production: {} }\n"),
              Flag(""));
  ExpectLeft("", Flag("environments: { staging: { enabled: false } }\n"));
  ExpectFixed("default-said", "project: shop\nenvironments: { staging: { protected: false }, production: {} }\n",
              "project: shop\nenvironments: { staging: {}, production: {} }\n");
  ExpectFixed("says-nothing, says-nothing", Production("rules: []\n    targets: {}\n    default: off"),
              Production("default: off"));
}

TEST(LintTest, ShortFormsAreTaken) {
  ExpectFixed("long-form", Production("default: { serve: off }"), Production("default: off"));
  ExpectLeft("", Production("default: { serve: { on: 50%, off: 50% }, by: account_id }"));
  ExpectFixed(
      "percent, percent, percent",
      Production("rules:\n      - { id: a, serve: { on: 20.0%, off: 80.00% }, rollout: 10.500% }\n    default: off"),
      Production("rules:\n      - { id: a, serve: { on: 20%, off: 80% }, rollout: 10.5% }\n    default: off"));
  ExpectFixed("long-form, percent",
              Production("rules:\n      - { id: a, serve: on, ramp: { steps: [{ at: 5.0%, hold: 1d }, { at: 100% }] } }"
                         "\n    default: off"),
              Production("rules:\n      - { id: a, serve: on, ramp: [{ at: 5%, hold: 1d }, { at: 100% }] }\n"
                         "    default: off"));
  ExpectFixed("list-of-one", Production("requires: [{ flag: b, is: [on] }]\n    default: on"),
              Production("requires: [{ flag: b, is: on }]\n    default: on"));
  ExpectFixed("long-form", "- flag: a\n  environment: production\n  given: {}\n  expect: { variation: on }\n",
              "- flag: a\n  environment: production\n  given: {}\n  expect: on\n");
  // Its buckets and its reason would be others.
  ExpectLeft("split-of-one by hand", Production("rules: [{ id: a, serve: { on: 100% } }]\n    default: off"));
}

TEST(LintTest, ListsHaveEachValueOnce) {
  ExpectFixed("duplicate-value", Flag("tags: [a, b, a]\n"), Flag("tags: [a, b]\n"));
  ExpectFixed("layout, duplicate-value", "segment: a\ninclude: [user-1, \"user-1\"]\n",
              "segment: a\ninclude: [user-1]\n");
  ExpectFixed("duplicate-value", Production("targets: { on: [u1, u2, u2] }\n    default: off"),
              Production("targets: { on: [u1, u2] }\n    default: off"));
}

TEST(LintTest, WhereACommentWouldBeLostItIsDoneByHand) {
  ExpectLeft("list-of-one by hand", "segment: a\nwhen:\n  country:\n    # our home\n    - DE\n");
  ExpectLeft("default-said by hand", Flag("archived: false  # since May\n"));
  ExpectLeft("duplicate-value by hand", Flag("tags:\n  - a\n  - a  # why?\n"));
  // Beside what goes, they stay.
  ExpectFixed("default-said", Flag("archived: false\n# of the owner\nowner: me  # and you\n"),
              Flag("# of the owner\nowner: me  # and you\n"));
}

TEST(LintTest, LayoutNamesAndModelines) {
  ExpectFixed("layout", "flag:   a\ntype: boolean\n", Flag(""));
  EXPECT_EQ(RulesOf(Linted(Flag(""), "shop/flags/a.yaml")), "");
  EXPECT_EQ(RulesOf(Linted(Flag(""), "shop/flags/b.yaml")), "file-name by hand");
  EXPECT_EQ(RulesOf(Linted("segment: eu.web_new\n", "segments/eu-web-new.yaml")), "");
  EXPECT_EQ(RulesOf(Linted("- flag: a\n  type: boolean\n", "flags/shop.yaml")), "");
  EXPECT_EQ(RulesOf(Linted("- { layer: checkout, unit: account_id }\n", "layers.yaml")), "");
  const std::string modeline = "# yaml-language-server: $schema=../flag.schema.json";
  EXPECT_EQ(lint::ModelineOf(modeline + "\n" + Flag("")), modeline);
  const Result<LintedText> linted = lint::LintText(Flag(""), "a.yaml", {.modeline = modeline});
  ASSERT_TRUE(linted);
  EXPECT_EQ(RulesOf(*linted), "modeline");
  EXPECT_EQ(linted->fixed, modeline + "\n" + Flag(""));
}

TEST(LintTest, AModelineIsSeenWhereverItStandsAndSoIsASecondOne) {
  const std::string modeline = "# yaml-language-server: $schema=../flag.schema.json",
                    other = "#  yaml-language-server : $schema=x";
  const std::string below = "# of the shop\n" + modeline + "\n" + Flag("");
  EXPECT_EQ(lint::ModelineOf(below), modeline);
  const Result<LintedText> has_one = lint::LintText(below, "a.yaml", {.modeline = modeline});
  ASSERT_TRUE(has_one);
  EXPECT_EQ(RulesOf(*has_one), "");
  EXPECT_EQ(has_one->fixed, below);
  const std::string twice = modeline + "\n" + Flag("") + other + "\n";
  EXPECT_EQ(lint::ModelineOf(twice), modeline);
  const LintedText linted = Linted(twice);
  EXPECT_EQ(RulesOf(linted), "modeline by hand");
  EXPECT_EQ(linted.problems.at(0).at.line, 4);
  EXPECT_EQ(linted.problems[0].message, "a second modeline: editors take that of line 1");
  EXPECT_EQ(linted.left.size(), 1u);
  EXPECT_EQ(linted.fixed, twice);
  // A text is no comment.
  ExpectLeft("", modeline + "\n" + Flag("description: |\n  Files begin with\n  # yaml-language-server: x\n"));
}

TEST(LintTest, KindsAreToldByTheirKeys) {
  for (const auto& [kind, text] :
       std::vector<std::pair<std::string, std::string>>{{"flag", "- flag: a\n- flag: b\n"},
                                                        {"test", "flag: a\ngiven: {}\nexpect: on\n"},
                                                        {"experiment", "experiment: e\nflag: a\n"},
                                                        {"layer", "- { layer: a, unit: key }\n"},
                                                        {"project", "project: shop\n"},
                                                        {"population", "population: 10\n"},
                                                        {"", "flag: a\n---\nsegment: b\n"},
                                                        {"", "policy: x\n"},
                                                        {"", ""},
                                                        {"", "a: [\n"}}) {
    EXPECT_EQ(lint::KindOf(text), kind) << text;
  }
}

TEST(LintTest, WhatIsNoDefinitionIsLookedAtForItsLayoutOnly) {
  ExpectLeft("", "policy: release\nrules: { static.owner: { owners: [payments] } }\n");
  ExpectLeft("", "flag: a\ntype: boolan\nclient: false\n");
  // Anchors say more than the value.
  ExpectLeft("", When("{ country: [&home DE] }"));
  EXPECT_FALSE(lint::LintText("a: 1\na: 2\n", "a.yaml"));
  EXPECT_EQ(Linted("").fixed, "");
}

TEST(LintTest, ProblemsHaveTheirPlaces) {
  const LintedText linted = Linted(When("{ plan: pro, country: [DE] }"));
  ASSERT_EQ(linted.problems.size(), 1u);
  EXPECT_EQ(linted.problems[0].at.line, 7);
  EXPECT_EQ(linted.problems[0].at.column, 37);
  EXPECT_EQ(linted.problems[0].message, "a list of DE is DE");
}

TEST(LintTest, EveryRuleIsListedOnce) {
  std::set<std::string_view> ids;
  for (const lint::LintRule& rule : lint::LintRules()) EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
  EXPECT_TRUE(std::is_sorted(lint::LintRules().begin(), lint::LintRules().end(),
                             [](const auto& a, const auto& b) { return a.id < b.id; }));
}

TEST(LintTest, ThePageHasEveryRule) {
  std::ifstream file(GUIDON_SOURCE_DIR "/docs/lint.md");
  std::set<std::string> rows, ids;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `")) rows.insert(line.substr(3, line.find('`', 3) - 3));
  }
  for (const lint::LintRule& rule : lint::LintRules()) ids.emplace(rule.id);
  EXPECT_EQ(rows, ids);
}

TEST(LintTest, WhatIsSkippedIsLeftAsItIs) {
  const std::string text = When("{ country: [DE], app.version: { semver_gte: 4.2.0 } }");
  const Result<LintedText> linted = lint::LintText(text, "b.yaml", {.skip = {"list-of-one", "file-name"}});
  ASSERT_TRUE(linted);
  EXPECT_EQ(RulesOf(*linted), "ambiguous-text");
  EXPECT_EQ(linted->fixed, When("{ country: [DE], app.version: { semver_gte: \"4.2.0\" } }"));
  const std::string wide = "flag:   a\ntype: boolean\n";
  const Result<LintedText> unlaid = lint::LintText(wide, "a.yaml", {.skip = {"layout"}});
  ASSERT_TRUE(unlaid);
  EXPECT_EQ(RulesOf(*unlaid), "");
  EXPECT_EQ(unlaid->fixed, wide);
}

// What is fixed there stands in lines that are as the layout has them; all other lines stay.
TEST(LintTest, WithoutTheLayoutOtherFixesLayNothingOut) {
  const std::string text =
      "flag:   a\ntype: boolean\narchived: false\nowner: me\ntags: [x,x]\nenvironments:\n  production:\n    rules:\n"
      "      - when: { country: [DE] }\n        serve:   on\n    default: { serve: off }\n\n\n# the end\n";
  const std::string wanted =
      "flag:   a\ntype: boolean\nowner: me\ntags: [x,x]\nenvironments:\n  production:\n    rules:\n"
      "      - when: { country: DE }\n        serve:   on\n    default: off\n\n\n# the end\n";
  const Result<LintedText> linted = lint::LintText(text, "a.yaml", {.skip = {"layout"}});
  ASSERT_TRUE(linted) << linted.error().message;
  EXPECT_EQ(linted->fixed, wanted);
  EXPECT_EQ(RulesOf(*linted), "default-said, duplicate-value by hand, list-of-one, long-form");
  ASSERT_EQ(linted->left.size(), 1u);
  EXPECT_EQ(linted->left[0].message, "x is here twice; its lines are not in the one layout: by hand");
  EXPECT_EQ(linted->left[0].at.line, 4);
  EXPECT_FALSE(linted->left[0].fixable);
  const Result<LintedText> again = lint::LintText(wanted, "a.yaml", {.skip = {"layout"}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->fixed, wanted);
  // With the layout, all of it.
  EXPECT_EQ(Linted(text).left.size(), 0u);
}

// A comment behind many a line, which has to stay.
std::string WithComments(const std::string& text, std::mt19937_64& random) {
  std::istringstream lines(text);
  std::string commented;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    commented += line;
    if (random() % 7 == 0) commented += "  # comment " + std::to_string(++number);
    commented += "\n";
  }
  return commented;
}

// Whatever is fixed means the same, keeps its comments, and is left alone the next time; without comments, nothing that
// can be fixed is left.
TEST(LintTest, FixesOfRandomDefinitionsMeanTheSame) {
  constexpr std::uint64_t kFirst = 1, kLast = 20;
  std::cout << "seeds " << kFirst << " to " << kLast << "\n";
  std::size_t fixed = 0;
  for (std::uint64_t seed = kFirst; seed <= kLast; ++seed) {
    std::mt19937_64 random(seed);
    RandomModel model(random);
    Worse worse(seed);
    const std::vector<Value> definitions = {
        EncodeFlag(model.MakeFlag("a")), EncodeSegment(model.MakeSegment("a")), EncodeMetric(model.MakeMetric("a")),
        EncodeExperiment(model.MakeExperiment("a")), EncodeFlagTest(model.MakeFlagTest())};
    for (const Value& definition : definitions) {
      const std::string plain = ToPrettyJson(worse.Definition(definition));
      for (const std::string& text : {plain, WithComments(plain, random)}) {
        const Result<LintedText> linted = lint::LintText(text, "a.yaml");
        ASSERT_TRUE(linted) << "seed " << seed << ": " << linted.error().message << "\n" << text;
        for (const LintProblem& problem : linted->problems) fixed += problem.fixable ? 1 : 0;
        const YamlResult yaml = ParseYaml(linted->fixed);
        ASSERT_EQ(yaml.documents.size(), 1u);
        EXPECT_TRUE(lint::Plainest(lint::MeaningOf(yaml.documents[0].value)) ==
                    lint::Plainest(lint::MeaningOf(definition)))
            << "seed " << seed << "\n"
            << text << "=>\n"
            << linted->fixed;
        EXPECT_EQ(CommentsOf(linted->fixed)->size(), CommentsOf(text)->size()) << "seed " << seed;
        const Result<LintedText> again = lint::LintText(linted->fixed, "a.yaml");
        ASSERT_TRUE(again) << "seed " << seed;
        EXPECT_EQ(again->fixed, linted->fixed) << "seed " << seed;
        EXPECT_TRUE(std::none_of(again->problems.begin(), again->problems.end(),
                                 [](const LintProblem& problem) { return problem.fixable; }))
            << "seed " << seed << ": " << RulesOf(*again) << "\n"
            << linted->fixed;
      }
    }
  }
  EXPECT_GT(fixed, 400u);
}

}  // namespace
}  // namespace guidon::testing
