// guidon evaluate and export: the same answers from files, from a ruleset document and from a server.
#include <fstream>
#include <sstream>

#include "core/base/json.h"
#include "core/base/text.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

class EvaluateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new Guidond();
    ASSERT_EQ(Cli({"apply", ShopFolder()}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  static Finished Cli(std::vector<std::string> arguments) { return GuidonOf(*server_, std::move(arguments)); }

  static Guidond* server_;
  const TemporaryFolder folder_;
};
Guidond* EvaluateTest::server_ = nullptr;

TEST_F(EvaluateTest, OneFlagForPeople) {
  const Finished done =
      Cli({"evaluate", "-e", "production", "--flag", "checkout.layout", "--context", R"({"key": "user-17"})"});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.output, "checkout.layout = \"single\"  TARGETING_MATCH\n");
  EXPECT_EQ(done.errors, "");
}

TEST_F(EvaluateTest, TheReasonsAreExplainedStepByStep) {
  const std::string context = R"({"key": "u", "platform": "ios", "country": "DE", "account_id": "a1"})";
  const Finished done =
      Cli({"evaluate", "-e", "production", "--flag", "checkout.layout", "--context", context, "--explain"});
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_TRUE(done.output.starts_with("checkout.layout = \"")) << done.output;
  EXPECT_NE(done.output.find("SPLIT  rule eu-ramp\n"), std::string::npos) << done.output;
  for (const char* step : {"\n    no   targets: no list has the key \"u\"\n", "\n    no   rule staff does not apply\n",
                           "\n         no   email ends with \"@shop.example\" (there is none)\n",
                           "\n    yes  rule eu-ramp applies, and serves "}) {
    EXPECT_NE(done.output.find(step), std::string::npos) << step << done.output;
  }
  const Value json = JsonOf(
      Cli({"evaluate", "-e", "production", "--flag", "checkout.layout", "--context", context, "--explain", "--json"}));
  EXPECT_GT(json.Find("explanation")->Find("steps")->AsArray().size(), 3u);
  EXPECT_NE(json.Find("revision"), nullptr);
}

TEST_F(EvaluateTest, AnEmptyTextIsNoContext) {
  const auto ask = [](std::vector<std::string> verb, const std::vector<std::string>& more) {
    verb.insert(verb.end(), {"-w", ShopFolder(), "-e", "production"});
    verb.insert(verb.end(), more.begin(), more.end());
    return Guidon(verb);
  };
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"explain", "payments.v2"}, {"evaluate", "-f", "payments.v2"}}) {
    const Finished refused = ask(verb, {"--context", ""});
    EXPECT_EQ(refused.exit_code, 2) << verb[0];
    EXPECT_EQ(refused.output, "");
    EXPECT_NE(refused.errors.find("--context"), std::string::npos) << refused.errors;
    EXPECT_EQ(ask(verb, {"--context", "{}"}).output, ask(verb, {}).output);
    EXPECT_EQ(ask(verb, {}).exit_code, 0);
  }
}

TEST_F(EvaluateTest, ExplainSaysItInWordsFromServerRulesetAndWorkspaceAlike) {
  const std::string context =
      R"({"key": "u", "platform": "ios", "country": "DE", "account_id": "a1", "plan": "trial"})";
  const std::vector<std::string> verb = {"explain", "checkout.layout", "--context", context};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), verb.begin(), verb.end());
    return more;
  };
  const Finished done = Cli(with({"-e", "production"}));
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_TRUE(done.output.starts_with("checkout.layout serves multi_step, \"multi\"\nbecause no rule decided"))
      << done.output;
  EXPECT_NE(done.output.find("\n  no   rule eu-ramp does not apply\n"
                             "       yes  platform is one of \"ios\", \"android\" (it is \"ios\")\n"
                             "       yes  country is one of \"AT\", \"BE\", \"DE\", \"FR\", \"NL\" (it is \"DE\")\n"
                             "       no   not: plan is \"trial\" (it is \"trial\")\n"),
            std::string::npos)
      << done.output;
  const std::string file = folder_ / "explained.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "--output", file}).exit_code, 0);
  EXPECT_EQ(Guidon(with({"--ruleset", file})).output, done.output);
  EXPECT_EQ(Guidon(with({"-e", "production", "-w", ShopFolder()})).output, done.output);
  const Value json = JsonOf(Cli(with({"-e", "production", "--json"})));
  EXPECT_EQ(json.Find("reason")->AsString(), "DEFAULT");
  EXPECT_EQ(json.Find("explanation")->Find("answer")->AsString(), "checkout.layout serves multi_step, \"multi\"");
  const Finished misspelt = Cli({"explain", "checkout.layot", "-e", "production"});
  EXPECT_EQ(misspelt.exit_code, 1);
  EXPECT_NE(misspelt.output.find("did you mean 'checkout.layout'?"), std::string::npos) << misspelt.output;
}

TEST_F(EvaluateTest, AnExplanationFitsTheTerminal) {
  const std::string file = folder_ / "terminal.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "--output", file}).exit_code, 0);
  const std::string said = OnTerminal({"explain", "checkout.layout", "--ruleset", file, "-c",
                                       R"({"key": "u", "platform": "ios", "country": "DE", "account_id": "a1"})"});
  std::istringstream lines(said);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    while (line.ends_with('\r')) line.pop_back();
    EXPECT_LE(Width(line), 80u + std::string("\x1b[1m\x1b[0m").size()) << line;
  }
  EXPECT_GT(count, 12u) << said;
}

TEST_F(EvaluateTest, AnErrorIsAProblemAndSaysWhich) {
  const Finished done = Cli({"evaluate", "-e", "production", "--flag", "checkout.layot", "--json"});
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_EQ(JsonOf(done).Find("error")->AsString(), "FLAG_NOT_FOUND");
  const Finished unit = Cli({"evaluate", "-e", "production", "--flag", "shop.stock_cache", "-c", "{}"});
  EXPECT_EQ(unit.exit_code, 1);
  EXPECT_NE(unit.output.find("TARGETING_KEY_MISSING"), std::string::npos) << unit.output;
}

TEST_F(EvaluateTest, WhatCannotBeReadIsAUsageError) {
  for (const auto& [words, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--context", R"({"key": "u)"}, "--context: "},
           {{"--context", "[]"}, "--context is no JSON object"},
           {{"--cases", "/nowhere.jsonl"}, "there is no file /nowhere.jsonl"},
           {{"--now", "soon"}, "--now is no time"},
           {{"--ruleset", "/nowhere.json"}, "there is no file /nowhere.json"},
           {{"--ruleset", ShopFolder() + "/guidon.yaml"}, "guidon.yaml: "},
           {{"--workspace", "/nowhere"}, "there is no folder /nowhere"},
           {{"--project", "other"}, "other"},
           {{"--revision", "100000"}, "100000"}}) {
    std::vector<std::string> arguments = {"evaluate", "-e", "production"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Finished done = Cli(arguments);
    EXPECT_EQ(done.exit_code, 2) << words[0] << " " << words[1];
    EXPECT_NE(done.errors.find(text), std::string::npos) << done.errors;
  }
  const Finished environment = Cli({"evaluate", "-e", "prodction", "-w", ShopFolder()});
  EXPECT_EQ(environment.exit_code, 2);
  EXPECT_NE(environment.errors.find("did you mean 'production'?"), std::string::npos) << environment.errors;
}

TEST_F(EvaluateTest, ABadLineOfCasesIsNamed) {
  const std::string file = folder_ / "cases.jsonl";
  std::ofstream(file) << "{\"flag\": \"payments.v2\", \"context\": {}}\n\n{\"flag\": 1, \"context\": {}}\n";
  const Finished done = Cli({"evaluate", "-e", "production", "--cases", file});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_NE(done.errors.find(file + ":3: expected"), std::string::npos) << done.errors;
  EXPECT_EQ(done.output, "");  // nothing half-done
}

TEST_F(EvaluateTest, ServerRulesetAndWorkspaceAnswerAlike) {
  const std::string ruleset = folder_ / "production.json", file = folder_ / "cases.jsonl";
  ASSERT_EQ(Cli({"export", "-e", "production", "--output", ruleset}).exit_code, 0);
  std::ofstream cases(file);
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i);
    cases << R"({"context": {"key": "user-)" << n << R"(", "account_id": "acc-)" << n << R"(", "store_id": )" << n
          << R"(, "country": ")" << (i % 2 == 0 ? "DE" : "US") << R"(", "platform": ")" << (i % 3 == 0 ? "ios" : "web")
          << R"(", "orders": )" << i % 20 << R"(, "beta": true, "language": "de", "app.version": "4.)" << i % 4
          << ".0\"}}\n";
  }
  cases.close();
  const std::vector<Value> asked = JsonLinesOf(Cli({"evaluate", "-e", "production", "--cases", file, "--json"}));
  const std::vector<Value> exported =
      JsonLinesOf(Guidon({"evaluate", "--ruleset", ruleset, "--cases", file, "--json"}));
  const std::vector<Value> authored =
      JsonLinesOf(Guidon({"evaluate", "-w", ShopFolder(), "-e", "production", "--cases", file, "--json"}));
  ASSERT_EQ(asked.size(), 60u * 14);
  EXPECT_EQ(asked, exported);
  // The first allocation is the server's, too; only a server has revisions.
  ASSERT_EQ(authored.size(), asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Value with_revision = authored[i];
    with_revision.MutableObject().Append("revision", *asked[i].Find("revision"));
    EXPECT_EQ(with_revision, asked[i]);
  }
  // And the server's own evaluator, for one of them.
  const Result<Value> line = ParseJson(TextFile(file).substr(0, TextFile(file).find('\n')));
  const std::vector<Value> own =
      JsonLinesOf(Cli({"evaluate", "-e", "production", "--context", ToJson(*line->Find("context")), "--json"}));
  ASSERT_EQ(own.size(), 14u);
  for (std::size_t i = 0; i < own.size(); ++i) {
    Value with_line = own[i];
    with_line.MutableObject().Append("case", 1);
    EXPECT_EQ(with_line, asked[i]);
  }
}

TEST_F(EvaluateTest, TheTimeCanBeGiven) {
  const auto value_at = [](const std::string& time) {
    return JsonOf(Cli({"evaluate", "-e", "production", "-f", "search.timeout_ms", "--now", time, "--json"}))
        .Find("value")
        ->AsInt();
  };
  EXPECT_EQ(value_at("2027-11-25T22:30:00Z"), 250);
  EXPECT_EQ(value_at("2027-11-24T22:30:00Z"), 800);
}

TEST_F(EvaluateTest, ThePastCanBeAskedAndExported) {
  const auto reason = [](std::vector<std::string> more) {
    std::vector<std::string> words = {"evaluate", "-e", "production", "-f", "payments.v2", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return JsonOf(Cli(words)).Find("reason")->AsString();
  };
  const std::int64_t then = ParseJson(server_->Call("GET", "/readyz").body)->Find("revision")->AsInt();
  ASSERT_EQ(Cli({"flag", "off", "payments.v2", "-e", "production"}).exit_code, 0);
  EXPECT_EQ(reason({}), "DISABLED");
  EXPECT_EQ(reason({"--revision", std::to_string(then)}), "STATIC");
  const auto explained = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"explain", "payments.v2", "-e", "production"});
    return Cli(more).output;
  };
  EXPECT_NE(explained({}).find("\nbecause the flag is not enabled in production\n"), std::string::npos)
      << explained({});
  const std::string before = explained({"--revision", std::to_string(then)});
  EXPECT_NE(before.find("\nbecause it serves everybody the same\n"), std::string::npos) << before;
  const std::string file = folder_ / "then.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "--revision", std::to_string(then), "-o", file}).exit_code, 0);
  EXPECT_EQ(reason({"--ruleset", file}), "STATIC");
  ASSERT_EQ(Cli({"flag", "on", "payments.v2", "-e", "production"}).exit_code, 0);
}

TEST_F(EvaluateTest, AnExportGoesToAFileAsAWholeOrToStandardOutput) {
  const std::string file = folder_ / "out.json";
  const Finished written = Cli({"export", "-e", "production", "-o", file});
  EXPECT_EQ(written.exit_code, 0);
  EXPECT_EQ(written.output, "");
  EXPECT_NE(written.errors.find("14 flags of production, revision "), std::string::npos) << written.errors;
  EXPECT_EQ(Cli({"export", "-e", "production"}).output, TextFile(file));
  EXPECT_EQ(Cli({"export", "-e", "production", "--json"}).output, TextFile(file));
  const Value said = JsonOf(Cli({"export", "-e", "production", "-o", file, "--json"}));
  EXPECT_EQ(said.Find("output")->AsString(), file);
  EXPECT_EQ(said.Find("flags")->AsInt(), 14);
  EXPECT_EQ(Cli({"export", "-e", "production", "-o", "/nowhere/out.json"}).exit_code, 2);
  EXPECT_EQ(Cli({"export", "-e", "prodction", "-o", file}).exit_code, 2);
  EXPECT_FALSE(TextFile(file).empty());  // still the one of before
  const Workspace bad({{"guidon.yaml", "project: shop\nenvironments: { production: {} }\n"},
                       {"flags/a.yaml", "flag: a\ntype: bool\n"}});
  EXPECT_EQ(Cli({"export", "-e", "production", "-w", bad.path()}).exit_code, 1);
  EXPECT_EQ(Cli({"export", "-e", "production", "-w", "/nowhere"}).exit_code, 2);
  EXPECT_EQ(Cli({"export", "-e", "production", "-w", ShopFolder()}).exit_code, 0);
}

TEST_F(EvaluateTest, WithoutAServerTheFirstAllocationIsTakenAndThatIsSaid) {
  const std::string note =
      "From the workspace alone: splits get their first allocation; a server may have kept other buckets.\n";
  const std::vector<std::string> evaluate = {"evaluate", "-w", ShopFolder(), "-e", "production", "-f", "payments.v2"};
  std::vector<std::string> for_programs = evaluate;
  for_programs.push_back("--json");
  EXPECT_EQ(Guidon(evaluate).errors, note);
  const Finished json = Guidon(for_programs);
  EXPECT_EQ(json.errors, note);
  EXPECT_EQ(JsonOf(json).Find("flag")->AsString(), "payments.v2");
  const Finished exported = Guidon({"export", "-w", ShopFolder(), "-e", "production"});
  EXPECT_EQ(exported.errors, note);
  EXPECT_EQ(JsonOf(exported).Find("environment")->AsString(), "production");
  // A ruleset file and a server have the ranges.
  const std::string file = folder_ / "production.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", file}).errors.find(note), std::string::npos);
  EXPECT_EQ(Guidon({"evaluate", "--ruleset", file, "-f", "payments.v2"}).errors, "");
}

TEST_F(EvaluateTest, ADamagedRulesetIsRefused) {
  const std::string file = folder_ / "damaged.json";
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", file}).exit_code, 0);
  std::string text = TextFile(file);
  text.replace(text.find("multi_step"), 10, "multi_stop");
  std::ofstream(file) << text;
  const Finished done = Guidon({"evaluate", "--ruleset", file, "-f", "payments.v2"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_EQ(done.output, "");
  EXPECT_NE(done.errors.find("damaged.json"), std::string::npos) << done.errors;
}

}  // namespace
}  // namespace guidon::testing
