// The list of rules, and what is said of it elsewhere.
#include "gate/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace guidon::gate {
namespace {

std::string TextOf(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(GUIDON_SOURCE_DIR "/" + file).rdbuf();
  return text.str();
}

std::set<std::string> IdsIn(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> ids;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), regex); it != std::sregex_iterator(); ++it) {
    ids.insert((*it)[1].str());
  }
  return ids;
}

TEST(RulesTest, ThePageAndTheSchemaHaveThemAll) {
  std::set<std::string> ids;
  for (const PolicyRule& rule : Rules()) ids.emplace(rule.id);
  EXPECT_EQ(ids.size(), Rules().size());
  EXPECT_EQ(IdsIn(TextOf("docs/gate.md"), R"(\| `([a-z]+\.[a-z-]+)` \|)"), ids);
  EXPECT_EQ(IdsIn(TextOf("experiments/schema/gate.schema.json"),
                  R"re("((?:static|change|code|live|delivery)\.[a-z-]+)": \{)re"),
            ids);
  ids.erase("static.definitions");  // which always fails
  EXPECT_EQ(IdsIn(TextOf("experiments/schema/gate.schema.json"),
                  R"re(\n {14}"((?:static|change|code|live|delivery)\.[a-z-]+)")re"),
            ids)
      << "of what can be waived";
}

TEST(RulesTest, ThePageSaysHowMuchEachMatters) {
  const std::string page = TextOf("docs/gate.md");
  for (const PolicyRule& rule : Rules()) {
    const std::string row = "\n| `" + std::string(rule.id) + "` | " + std::string(ToString(rule.severity)) + " |";
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
}

TEST(RulesTest, EachIsFoundByACheckOrByTheSettlingOfWaivers) {
  const std::string checks =
      TextOf("gate/static_checks.cc") + TextOf("gate/change_checks.cc") + TextOf("gate/approval_checks.cc") +
      TextOf("gate/code_checks.cc") + TextOf("gate/live_checks.cc") + TextOf("gate/live_state.cc") +
      TextOf("gate/delivery_checks.cc") + TextOf("gate/usage_checks.cc") + TextOf("gate/policy.cc");
  for (const PolicyRule& rule : Rules()) {
    EXPECT_NE(checks.find("\"" + std::string(rule.id) + "\""), std::string::npos) << rule.id << ": nothing looks at it";
  }
}

TEST(RulesTest, AWordThatIsCloseIsSuggested) {
  EXPECT_EQ(DidYouMeanRule("static.expriy"), "did you mean 'static.expiry'?");
  EXPECT_EQ(DidYouMeanRule("nothing.alike"), "");
  EXPECT_EQ(FindRule("static.expriy"), nullptr);
  ASSERT_NE(FindRule("static.expiry"), nullptr);
  EXPECT_EQ(FindRule("static.expiry")->group(), "static");
}

}  // namespace
}  // namespace guidon::gate
