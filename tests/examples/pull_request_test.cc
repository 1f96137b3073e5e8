// A pull request that breaks five things is told all five in one run, each with where, whose it is and what to do; they
// are mended one after another, until it may go out. Golden files in golden/: GUIDON_WRITE_GOLDEN=1 writes them anew.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "core/base/text.h"
#include "tests/examples/pipelines.h"

namespace guidon::testing {
namespace {

struct Fault {
  std::string rule;
  std::string file, before, after;
};

// Each by itself would be refused.
const std::vector<Fault>& Faults() {
  static const std::vector<Fault> kFaults = {
      // One click is switched off in staging; a test says that everybody there has it.
      {"static.test", "flags/flags/cart.yaml", "staging: { enabled: true, default: on }\n    production:\n",
       "staging: { enabled: true, default: off }\n    production:\n"},
      // The code misspells a flag.
      {"code.unknown-flag", "src/cart.cc", "payments.v2", "payment.v2"},
      // The weights of an experiment that runs are edited.
      {"change.experiment", "flags/experiments/search-semantic.yaml",
       "classic: { serves: classic, weight: 50% }\n  semantic: { serves: semantic, weight: 50% }",
       "classic: { serves: classic, weight: 20% }\n  semantic: { serves: semantic, weight: 80% }"},
      // A rollout goes from a few to everybody at once.
      {"change.jump", "flags/flags/cart.yaml", "{ on: 5%, off: 95% }", "{ on: 100%, off: 0% }"},
      // A flag is switched on, for a few, before the one that it requires.
      {"change.prerequisite", "flags/flags/cart.yaml",
       "production: { enabled: false, requires: [{ flag: payments.v2, is: on }], default: on }",
       "production: { enabled: true, requires: [{ flag: payments.v2, is: on }], default: { serve: { on: 5%, off: 95% } "
       "} }"}};
  return kFaults;
}

class PullRequestTest : public PipelineTest {
 protected:
  PullRequestTest() {
    shop_.Set("GUIDON_SERVER", server_.url());
    shop_.Set("GUIDON_KEY", pipeline_);
  }

  Finished Gate() {
    Finished done = shop_.Run({"guidon", "gate", "--environment", "production", "--workspace", "flags", "--code", "src",
                               "--now", "2026-12-01T09:00:00Z", "--json", "--also", "table=../home/table", "--also",
                               "markdown=../home/markdown"});
    EXPECT_EQ(done.errors.find("not recorded"), std::string::npos) << done.errors;
    const Result<Value> parsed = ParseJson(done.output);
    EXPECT_TRUE(parsed) << done.output << done.errors;
    document_ = parsed ? *parsed : Value(Object());
    return done;
  }

  // What has to be mended; notes and warnings may stand beside it.
  std::vector<Value> Failures() const {
    std::vector<Value> failures;
    for (const Value& finding : ListIn(document_, "findings")) {
      if (TextOf(finding, "severity") == "fail") failures.push_back(finding);
    }
    return failures;
  }
  std::set<std::string> Rules() const {
    std::set<std::string> rules;
    for (const Value& finding : Failures()) rules.insert(TextOf(finding, "rule"));
    return rules;
  }

  // What stands before what was not looked at, which is none of this story.
  static std::string UpTo(const std::string& text, const std::string& end) { return text.substr(0, text.find(end)); }

  static void ExpectGolden(const std::string& name, const std::string& text) {
    const std::string path = GUIDON_SOURCE_DIR "/tests/examples/golden/" + name;
    if (std::getenv("GUIDON_WRITE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
    std::stringstream wanted;
    wanted << std::ifstream(path, std::ios::binary).rdbuf();
    EXPECT_EQ(text, wanted.str()) << name;
  }

  Value document_;
};

TEST_F(PullRequestTest, IsToldAllFiveInOneRunAndPassesWhenTheyAreMended) {
  EXPECT_EQ(Gate().exit_code, 0) << shop_.Read("../home/table");
  std::set<std::string> wanted;
  for (const Fault& one : Faults()) {
    shop_.Edit(one.file, one.before, one.after);
    wanted.insert(one.rule);
  }

  EXPECT_EQ(Gate().exit_code, 1);
  EXPECT_EQ(Rules(), wanted);
  EXPECT_EQ(TextOf(document_, "verdict"), "fail");
  const std::vector<Value> failures = Failures();
  EXPECT_EQ(failures.size(), 5u);
  for (const Value& finding : failures) {
    for (const char* part : {"subject", "owner", "message", "fix"}) {
      EXPECT_NE(TextOf(finding, part), "") << part << ": " << ToJson(finding);
    }
    const Value* place = finding.Find("place");
    ASSERT_NE(place, nullptr) << ToJson(finding);
    EXPECT_TRUE(shop_.Has(TextOf(*place, "file"))) << ToJson(finding);
    EXPECT_NE(place->Find("line"), nullptr) << ToJson(finding);
  }
  std::string lines;
  for (const Value& finding : failures) lines += ToJson(finding) + "\n";
  ExpectGolden("five.json", lines);
  const std::string table = shop_.Read("../home/table");
  ExpectGolden("five.txt", UpTo(table, "not looked at"));
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);) EXPECT_LE(Width(line), 80u) << line;
  EXPECT_THAT(table, ::testing::HasSubstr("\nFAIL  production: 5 to mend"));
  ExpectGolden("five.md", UpTo(shop_.Read("../home/markdown"), "\n<details><summary>Not looked at"));

  // One after another: what is mended is not told any more, and all else is.
  for (const Fault& one : Faults()) {
    shop_.Edit(one.file, one.after, one.before);
    wanted.erase(one.rule);
    EXPECT_EQ(Gate().exit_code, wanted.empty() ? 0 : 1) << one.rule;
    EXPECT_EQ(Rules(), wanted) << "after " << one.rule << " was mended";
  }
  EXPECT_EQ(TextOf(document_, "verdict"), "pass");
  EXPECT_THAT(shop_.Read("../home/markdown"), ::testing::HasSubstr("May be released to production"));
}

// A definition that cannot be used hides what can be told without it: that of the other files and of the code. What the
// change would do, and whether tests pass, is told when it is mended.
TEST_F(PullRequestTest, IsToldOfAnErrorInTheDefinitionsAndOfTheCodeInOneRun) {
  const Fault& test = Faults()[0];
  const Fault& code = Faults()[1];
  const std::string type = "flag: search.engine\ntype: string\n", wrong = "flag: search.engine\ntype: strng\n";
  shop_.Edit("flags/flags/search-engine.yaml", type, wrong);
  shop_.Edit(code.file, code.before, code.after);
  shop_.Edit(test.file, test.before, test.after);
  EXPECT_EQ(Gate().exit_code, 1);
  // The code reads what was refused, too, and that is no misspelling.
  EXPECT_EQ(Rules(), (std::set<std::string>{"static.definitions", "code.unknown-flag"}));
  EXPECT_EQ(Failures().size(), 2u);
  const std::string table = shop_.Read("../home/table");
  EXPECT_THAT(table, ::testing::HasSubstr("flags/flags/search-engine.yaml:2:7\n"));
  EXPECT_THAT(table, ::testing::HasSubstr(
                         "flag payment.v2: the code reads it, and there is no such flag (did you\n        mean "));
  EXPECT_THAT(table, ::testing::HasSubstr("not looked at: tests, as the definitions have errors\n"
                                          "not looked at: change, as the definitions have errors\n"));
  EXPECT_THAT(table, ::testing::Not(::testing::HasSubstr("not looked at: code")));
  EXPECT_THAT(shop_.Read("../home/markdown"), ::testing::HasSubstr("- tests: the definitions have errors\n"));

  shop_.Edit("flags/flags/search-engine.yaml", wrong, type);
  EXPECT_EQ(Gate().exit_code, 1);
  EXPECT_EQ(Rules(), (std::set<std::string>{test.rule, code.rule}));
  shop_.Edit(code.file, code.after, code.before);
  shop_.Edit(test.file, test.after, test.before);
  EXPECT_EQ(Gate().exit_code, 0) << shop_.Read("../home/table");
}

// The same from a file of the server, without it.
TEST_F(PullRequestTest, IsToldTheSameOffline) {
  ASSERT_EQ(shop_
                .Run({"guidon", "export", "--project", "bookshop", "--environment", "production", "--output",
                      "../home/production.json"})
                .exit_code,
            0);
  for (const Fault& one : Faults()) shop_.Edit(one.file, one.before, one.after);
  EXPECT_EQ(Gate().exit_code, 1);
  const std::string asked = UpTo(shop_.Read("../home/table"), "not looked at");
  const Finished offline = shop_.Run(
      {"guidon", "gate", "--environment", "production", "--workspace", "flags", "--code", "src", "--now",
       "2026-12-01T09:00:00Z", "--offline", "--snapshot", "../home/production.json", "--output", "../home/table"},
      {{"GUIDON_SERVER", kNoServer}});
  EXPECT_EQ(offline.exit_code, 1) << offline.errors;
  EXPECT_EQ(UpTo(shop_.Read("../home/table"), "not looked at"), asked);
}

}  // namespace
}  // namespace guidon::testing
