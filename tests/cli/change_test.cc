// guidon plan, apply and flag, against a guidond: what changes, what conflicts, and what stays.
#include <sstream>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

class ChangeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new Guidond(); }
  static void TearDownTestSuite() {
    EXPECT_EQ(server_->Stop(), 0);
    delete server_;
    server_ = nullptr;
  }

  static Finished Cli(std::vector<std::string> arguments) { return GuidonOf(*server_, std::move(arguments)); }
  static std::int64_t Head() { return ParseJson(server_->Call("GET", "/readyz").body)->Find("revision")->AsInt(); }
  // A change of somebody else.
  static void Patch(const std::string& project, const std::string& flag, const std::string& patch) {
    const HttpAnswer answer = server_->Call("PATCH", "/api/v1/projects/" + project + "/flags/" + flag, {.body = patch});
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  static Value FlagOf(const std::string& project, const std::string& flag) {
    const Result<Value> body = ParseJson(server_->Call("GET", "/api/v1/projects/" + project + "/flags/" + flag).body);
    const Value* definition = body ? body->Find("definition") : nullptr;
    return definition == nullptr ? Value() : *definition;
  }

  static Guidond* server_;
};
Guidond* ChangeTest::server_ = nullptr;

TEST_F(ChangeTest, APlanSaysWhatApplyDoesAndWritesNothing) {
  const Workspace files(SmallShop("first"));
  const std::int64_t before = Head();
  const Finished plan = Cli({"plan", files.path()});
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_EQ(plan.errors, "");
  EXPECT_EQ(plan.output,
            "  + project first (staging, production)\n"
            "      environment staging: new\n"
            "      environment production: new\n"
            "  + flag greeting      new string flag (production)\n"
            "  + flag new-checkout  new boolean flag (production)\n"
            "3 to create; nothing was written. To do it: guidon apply " +
                files.path() + "\n");
  EXPECT_EQ(Head(), before);
  const Finished apply = Cli({"apply", files.path(), "--comment", "the first of all"});
  EXPECT_EQ(apply.exit_code, 0);
  EXPECT_EQ(apply.output,
            "  + project first (staging, production)\n"
            "      environment staging: new\n"
            "      environment production: new\n"
            "  + flag greeting      new string flag (production)\n"
            "  + flag new-checkout  new boolean flag (production)\n"
            "applied as revision " +
                std::to_string(before + 1) + ", 3 changes\n");
  EXPECT_EQ(Head(), before + 1);
}

TEST_F(ChangeTest, APlanSaysWhatNewExperimentsAre) {
  const Workspace files(SmallShop("experiments"));
  files.Write("layers.yaml", "- { layer: checkout, unit: account_id }\n");
  const auto experiment = [&](const std::string& key, const std::string& state) {
    files.Write("experiments/" + key + ".yaml", "experiment: " + key +
                                                    "\nowner: growth\nhypothesis: A longer greeting sells more.\n"
                                                    "flag: greeting\nenvironment: production\nstate: " +
                                                    state +
                                                    "\nunit: account_id\nlayer: { name: checkout, slice: 40% }\n"
                                                    "variants:\n"
                                                    "  a: { serves: short, weight: 50% }\n"
                                                    "  b: { serves: long, weight: 50% }\n"
                                                    "metrics: { primary: { use: orders, expect: up } }\n");
  };
  files.Write("metrics/orders.yaml",
              "metric: orders\nowner: growth\nevent: order\ntype: conversion\nwindow: 72h\ndirection: up\n");
  experiment("drafted", "draft");
  experiment("started", "running");
  const Finished plan = Cli({"plan", files.path()});
  EXPECT_EQ(plan.exit_code, 0) << plan.errors;
  EXPECT_NE(plan.output.find("  + experiment drafted   new experiment, draft (production)\n"), std::string::npos)
      << plan.output;
  EXPECT_NE(plan.output.find("  + experiment started   new experiment, running: layer checkout 40% (buckets 0–39999) "
                             "(production)\n"),
            std::string::npos)
      << plan.output;
}

TEST_F(ChangeTest, NothingToChangeTakesNoRevision) {
  const Workspace files(SmallShop("second"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const std::int64_t head = Head();
  EXPECT_EQ(Cli({"plan", files.path()}).output, "nothing to change: the project is as the workspace says\n");
  const Finished again = Cli({"apply", files.path()});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_EQ(again.output,
            "nothing to change: the project is as the workspace says (revision " + std::to_string(head) + ")\n");
  EXPECT_EQ(Head(), head);
}

TEST_F(ChangeTest, AChangeOfWeightsSaysExactlyWhoMoves) {
  const Workspace files(SmallShop("weights"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  std::string flag = TextFile(files / "flags/new-checkout.yaml");
  flag.replace(flag.find("on: 20%, off: 80%"), 17, "on: 30%, off: 70%");
  files.Write("flags/new-checkout.yaml", flag);
  const Finished plan = Cli({"plan", files.path()});
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_NE(plan.output.find("  ~ flag new-checkout (production)\n"), std::string::npos) << plan.output;
  EXPECT_NE(plan.output.find("10.000%"), std::string::npos) << plan.output;
  const Value json = JsonOf(Cli({"plan", files.path(), "--json"}));
  EXPECT_TRUE(json.Find("revision")->is_null());
  const Value& moved = json.Find("changes")->AsArray().at(0).Find("moved")->AsArray().at(0);
  EXPECT_EQ(moved.Find("environment")->AsString(), "production");
  EXPECT_EQ(moved.Find("share_parts")->AsInt(), 10'000);
}

TEST_F(ChangeTest, AChangeOfAConditionDependsOnAttributesOrIsCountedOverContexts) {
  const Workspace files(SmallShop("condition"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  std::string flag = TextFile(files / "flags/new-checkout.yaml");
  flag.replace(flag.find("country: DE"), 11, "country: FR");
  files.Write("flags/new-checkout.yaml", flag);
  EXPECT_NE(Cli({"plan", files.path()}).output.find("depends on attributes"), std::string::npos);
  std::string contexts;
  for (int i = 0; i < 300; ++i) {
    const char* country = i % 3 == 0 ? "DE" : i % 3 == 1 ? "FR" : "US";
    contexts += R"({"key": "user-)" + std::to_string(i) + R"(", "country": ")" + country + "\"}\n";
  }
  files.Write("contexts.jsonl", contexts);
  const Finished plan = Cli({"plan", files.path(), "--contexts", files / "contexts.jsonl", "--json"});
  EXPECT_EQ(plan.exit_code, 0);
  const Value json = JsonOf(plan);
  EXPECT_EQ(json.Find("contexts")->AsInt(), 300);
  EXPECT_EQ(json.Find("rulesets"), nullptr);
  const Value* counted = json.Find("counted");
  EXPECT_TRUE(counted->Find("staging")->AsArray().empty());
  const Value& moves = counted->Find("production")->AsArray().at(0);
  EXPECT_EQ(moves.Find("flag")->AsString(), "new-checkout");
  // What evaluate says of them, before and after, is what was counted.
  std::string cases;
  for (std::size_t begin = 0; begin < contexts.size();) {
    const std::size_t end = contexts.find('\n', begin);
    cases += R"({"flag": "new-checkout", "context": )" + contexts.substr(begin, end - begin) + "}\n";
    begin = end + 1;
  }
  files.Write("cases.jsonl", cases);
  const std::vector<std::string> evaluate = {"evaluate",   "-p",      "condition",           "-e",
                                             "production", "--cases", files / "cases.jsonl", "--json"};
  const std::vector<Value> before = JsonLinesOf(Cli(evaluate));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const std::vector<Value> after = JsonLinesOf(Cli(evaluate));
  ASSERT_EQ(before.size(), 300u);
  ASSERT_EQ(after.size(), 300u);
  std::int64_t moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    moved += *before[i].Find("variation") != *after[i].Find("variation") ? 1 : 0;
  }
  EXPECT_GT(moved, 0);
  EXPECT_EQ(moves.Find("moved")->AsInt(), moved);
}

TEST_F(ChangeTest, ContextsThatCannotBeReadAreNamedByTheirLine) {
  const Workspace files(SmallShop("contexts"));
  files.Write("contexts.jsonl", "{\"key\": \"a\"}\n\n[]\n");
  const Finished done = Cli({"plan", files.path(), "--contexts", files / "contexts.jsonl"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_NE(done.errors.find("contexts.jsonl"), std::string::npos) << done.errors;
  EXPECT_NE(done.errors.find("3"), std::string::npos) << done.errors;
  EXPECT_EQ(Cli({"plan", files.path(), "--contexts", "/nowhere.jsonl"}).exit_code, 2);
}

TEST_F(ChangeTest, WhatWasChangedElsewhereAndNotInTheFilesStays) {
  const Workspace files(SmallShop("elsewhere"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  Patch("elsewhere", "greeting", R"({"description": "from elsewhere"})");
  std::string flag = TextFile(files / "flags/greeting.yaml");
  files.Write("flags/greeting.yaml", flag + "tags: [home]\n");
  EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const Value held = FlagOf("elsewhere", "greeting");
  EXPECT_EQ(held.Find("description")->AsString(), "from elsewhere");
  EXPECT_EQ(*held.Find("tags"), Value(Array{"home"}));
}

TEST_F(ChangeTest, WhatWasChangedOnBothSidesIsAConflictAndNothingIsWritten) {
  const Workspace files(SmallShop("both"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  Patch("both", "greeting", R"({"description": "theirs"})");
  files.Write("flags/greeting.yaml", TextFile(files / "flags/greeting.yaml") + "description: ours\n");
  files.Write("flags/other.yaml", "flag: other\ntype: boolean\nowner: x\n");
  const std::int64_t head = Head();
  for (const char* verb : {"plan", "apply"}) {
    const Finished done = Cli({verb, files.path()});
    EXPECT_EQ(done.exit_code, 1) << verb;
    EXPECT_NE(done.output.find("  ! flag greeting: description\n"
                               "      last applied   (not there)\n"
                               "      on the server  \"theirs\"\n"
                               "      in the files   \"ours\"\n"
                               "Nothing was written."),
              std::string::npos)
        << done.output;
    const Finished json = Cli({verb, files.path(), "--json"});
    EXPECT_EQ(json.exit_code, 1) << verb;
    EXPECT_EQ(JsonOf(json).Find("conflicts")->AsArray().at(0).Find("theirs")->AsString(), "theirs");
  }
  EXPECT_EQ(Head(), head);
  EXPECT_TRUE(FlagOf("both", "other").is_null());
  // As it advises: with the server's value in the file, all of it goes.
  std::string flag = TextFile(files / "flags/greeting.yaml");
  flag.replace(flag.find("ours"), 4, "theirs");
  files.Write("flags/greeting.yaml", flag);
  EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  EXPECT_FALSE(FlagOf("both", "other").is_null());
}

TEST_F(ChangeTest, AbsenceRemovesNothingUnlessPruned) {
  const Workspace files(SmallShop("absence"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  files.Remove("flags/greeting.yaml");
  EXPECT_EQ(Cli({"plan", files.path()}).output, "nothing to change: the project is as the workspace says\n");
  const Finished plan = Cli({"plan", files.path(), "--prune"});
  EXPECT_EQ(plan.exit_code, 0);
  EXPECT_NE(plan.output.find("  - flag greeting (production)\n      archived: everyone gets the caller's fallback\n"),
            std::string::npos)
      << plan.output;
  EXPECT_NE(
      plan.output.find("1 to archive; nothing was written. To do it: guidon apply " + files.path() + " --prune\n"),
      std::string::npos)
      << plan.output;
  EXPECT_EQ(FlagOf("absence", "greeting").Find("archived"), nullptr);
  EXPECT_EQ(Cli({"apply", files.path(), "--prune"}).exit_code, 0);
  EXPECT_TRUE(FlagOf("absence", "greeting").Find("archived")->AsBool());
}

TEST_F(ChangeTest, APlanSaysThatItTakesProtectionAway) {
  const Workspace files(SmallShop("lifting"));
  const auto production = [&](const std::string& definition) {
    files.Write("guidon.yaml", "project: lifting\nenvironments: { staging: {}, production: { " + definition + " } }\n");
  };
  production("protected: true");
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  production("protected: true, required_approvals: 2");
  const Finished more = Cli({"plan", files.path()});
  EXPECT_EQ(more.output,
            "  ~ project lifting (production)\n"
            "      environment production: changed, takes 2 approvals instead of 1\n"
            "1 to change; nothing was written. To do it: guidon apply " +
                files.path() + "\n")
      << "more of it is no emergency";
  EXPECT_EQ(JsonOf(Cli({"plan", files.path(), "--json"})).Find("lifts_protection"), nullptr);
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const std::string emergency =
      "This takes protection, or approvals, from production. It is done only as an emergency, by who has "
      "environments.override there, and the audit log says so.\n"
      "1 to change; nothing was written. To do it: guidon apply " +
      files.path() + " --emergency --reason TEXT\n";
  for (const auto& [definition, summary] : {std::pair("protected: true", "changed, takes 1 approval instead of 2"),
                                            std::pair("protected: false", "changed, no longer protected")}) {
    production(definition);
    const Finished plan = Cli({"plan", files.path()});
    EXPECT_EQ(plan.exit_code, 0) << plan.errors;
    EXPECT_EQ(plan.output, "  ~ project lifting (production)\n      environment production: " + std::string(summary) +
                               "\n" + emergency);
    const Value json = JsonOf(Cli({"plan", files.path(), "--json"}));
    ASSERT_NE(json.Find("lifts_protection"), nullptr);
    EXPECT_EQ(ToJson(*json.Find("lifts_protection")), R"(["production"])");
    EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 1) << "a plan that does not say so would mislead";
  }
  EXPECT_EQ(Cli({"apply", files.path(), "--emergency", "--reason", "as planned"}).exit_code, 0);
}

TEST_F(ChangeTest, AnInvalidWorkspaceIsNotSent) {
  auto contents = SmallShop("invalid");
  contents.push_back({"flags/bad.yaml", "flag: bad\ntype: bool\n"});
  const Workspace files(contents);
  for (const char* verb : {"plan", "apply"}) {
    const Finished done = Cli({verb, files.path()});
    EXPECT_EQ(done.exit_code, 1);
    EXPECT_EQ(done.output, "");
    EXPECT_NE(done.errors.find("flags/bad.yaml:2:7  error  "), std::string::npos) << done.errors;
    EXPECT_NE(done.errors.find("nothing was sent"), std::string::npos) << done.errors;
    const Finished json = Cli({verb, files.path(), "--json"});
    EXPECT_EQ(json.exit_code, 1);
    EXPECT_EQ(JsonOf(json).Find("issues")->AsArray().at(0).Find("line")->AsInt(), 2);
    EXPECT_EQ(Cli({verb, "/nowhere"}).exit_code, 2);
  }
  EXPECT_EQ(server_->Call("GET", "/api/v1/projects/invalid").status, 404);
}

TEST_F(ChangeTest, AFlagIsSwitchedAtOnceAndTwiceIsOnce) {
  const Workspace files(SmallShop("switch"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const std::int64_t head = Head();
  const std::vector<std::string> off = {"flag", "off", "greeting", "-p", "switch", "-e", "production"};
  const Finished done = Cli(off);
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.output, "greeting is now disabled in production: everyone gets its `off`  (revision " +
                             std::to_string(head + 1) + ")\n");
  const Value evaluated = JsonOf(Cli({"evaluate", "-p", "switch", "-e", "production", "-f", "greeting", "--json"}));
  EXPECT_EQ(evaluated.Find("value")->AsString(), "Hi");
  EXPECT_EQ(evaluated.Find("reason")->AsString(), "DISABLED");
  const Finished again = Cli(off);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_TRUE(again.output.starts_with("greeting is already disabled in production")) << again.output;
  EXPECT_EQ(Head(), head + 1);
  const Finished on =
      Cli({"flag", "on", "greeting", "-p", "switch", "-e", "production", "--comment", "it was the cache", "--json"});
  EXPECT_EQ(on.exit_code, 0) << on.errors;
  EXPECT_EQ(JsonOf(on).Find("revision")->AsInt(), head + 2);
  EXPECT_NE(JsonOf(on).Find("definition"), nullptr) << on.output;
  EXPECT_NE(Cli({"audit", "log", "--limit", "1"}).output.find("(production): “it was the cache”"), std::string::npos);
  // What a person switched is not undone by the files, which have not changed.
  EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 0);
}

TEST_F(ChangeTest, ARampIsPlannedAppliedShownHeldAndEnded) {
  const Workspace files(SmallShop("ramp"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const std::string flag =
      "flag: layout\ntype: boolean\nowner: x\nenvironments:\n  production:\n    enabled: true\n"
      "    rules:\n      - id: beta\n        serve: on\n        ramp: RAMP\n    default: off\n";
  const auto write = [&](const std::string& ramp) {
    files.Write("flags/layout.yaml", std::string(flag).replace(flag.find("RAMP"), 4, ramp));
  };
  write("[{ at: 10%, hold: 1d }, { at: 5% }]");
  const Finished wrong = Cli({"validate", files.path()});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.output.find("flags/layout.yaml:10:39  error  5% comes after 10%, and is not more"), std::string::npos)
      << wrong.output;
  write("[{ at: 10%, hold: 1d }, { at: 50%, hold: 2d }, { at: 100% }]");
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const std::vector<std::string> ramp = {"flag", "ramp", "layout", "-p", "ramp", "-e", "production"};
  const auto move = [&](const std::string& action) {
    std::vector<std::string> words = ramp;
    words.insert(words.begin() + 3, action);
    return Cli(words);
  };
  const Finished status = Cli(ramp);
  EXPECT_EQ(status.exit_code, 0) << status.errors;
  EXPECT_NE(status.output.find("rule beta\n  10%, running; next 50% at 20"), std::string::npos) << status.output;
  EXPECT_NE(status.output.find("\n  steps: 10% for 1d, 50% for 2d, 100%\n"), std::string::npos) << status.output;
  std::istringstream lines(status.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  const std::int64_t head = Head();
  const Finished paused = move("pause");
  EXPECT_EQ(paused.exit_code, 0) << paused.errors;
  EXPECT_NE(paused.output.find("  10%, paused; next 50%\n"), std::string::npos) << paused.output;
  EXPECT_EQ(move("pause").exit_code, 0);
  EXPECT_EQ(Head(), head + 1) << "twice is once";
  // The files have not changed, so that nothing of it is undone; and a new step is planned in words.
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  EXPECT_EQ(Head(), head + 1);
  write("[{ at: 10%, hold: 2d }, { at: 100% }]");
  const Finished plan = Cli({"plan", files.path()});
  EXPECT_NE(plan.output.find("rule beta (production): ramp 10% for 2d, 100%; moves nobody"), std::string::npos)
      << plan.output;
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  EXPECT_NE(move("resume").output.find("  10%, running; next 100% at 20"), std::string::npos);
  EXPECT_NE(move("abort").output.find("  0%, paused; next 10%\n"), std::string::npos);
  const Finished finished = Cli({"flag", "ramp", "layout", "finish", "--rule", "beta", "-p", "ramp", "-e", "production",
                                 "--comment", "all is well", "--json"});
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_EQ(JsonOf(finished).Find("ramps")->AsArray().at(0).Find("status")->AsString(), "finished");
  const Finished nothing = move("pause");
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_NE(nothing.errors.find("nothing to pause"), std::string::npos) << nothing.errors;
  const Finished unknown =
      Cli({"flag", "ramp", "layout", "pause", "--rule", "gamma", "-p", "ramp", "-e", "production"});
  EXPECT_NE(unknown.exit_code, 0);
  EXPECT_NE(unknown.errors.find("there is 'beta'"), std::string::npos) << unknown.errors;
  EXPECT_NE(
      Cli({"flag", "ramp", "greeting", "pause", "-p", "ramp", "-e", "production"}).errors.find("no rule with a ramp"),
      std::string::npos);
  const Finished history = Cli({"flag", "history", "layout", "-p", "ramp"});
  EXPECT_NE(history.output.find("update\n      “all is well”\n      rule beta (production): ramp 0% → 100%; moves "),
            std::string::npos)
      << history.output;
  EXPECT_NE(history.output.find("rule beta: ramp paused at 10% (production)"), std::string::npos) << history.output;
}

TEST_F(ChangeTest, AnExperimentIsCheckedStartedHeldAndConcluded) {
  const Workspace files(SmallShop("trial"));
  files.Write("experiments/hello.yaml",
              "experiment: hello\nowner: growth\nflag: greeting\nenvironment: production\nunit: key\n"
              "variants: { old: { serves: long, weight: 50% }, new: { serves: short, weight: 50% } }\n"
              "ramp: [{ at: 10%, hold: 1d, min_units: 500 }, { at: 100% }]\n");
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "experiment");
    words.insert(words.end(), {"-p", "trial"});
    return Cli(words);
  };
  const std::int64_t before = Head();
  const Finished check = run({"start", "hello", "--check", "--daily-units", "1000"});
  EXPECT_EQ(check.exit_code, 0) << check.errors;
  EXPECT_NE(check.output.find("good       traffic     about 1,000 units a day enter"), std::string::npos)
      << check.output;
  EXPECT_EQ(Head(), before) << "it starts nothing";
  EXPECT_EQ(run({"start", "hello", "--daily-units", "1000"}).exit_code, 2) << "which says nothing without --check";
  EXPECT_EQ(run({"start", "hello", "--at", "2099-01-01T00:00:00Z"}).exit_code, 0);
  EXPECT_NE(run({"list"}).output.find("hello                         scheduled  production      greeting"),
            std::string::npos)
      << run({"list"}).output;
  EXPECT_NE(run({"stop", "hello"}).output.find("\n  draft\n"), std::string::npos);
  const Finished started = run({"start", "hello", "--comment", "go"});
  EXPECT_EQ(started.exit_code, 0) << started.errors;
  EXPECT_NE(started.output.find("  running, iteration 1 since 20"), std::string::npos) << started.output;
  EXPECT_NE(started.output.find("\n  ramp: 10%, step 1 of 2; next 100% at 20"), std::string::npos) << started.output;
  EXPECT_NE(started.output.find("from 500 units on (0 so far)"), std::string::npos);
  EXPECT_NE(run({"ramp", "hello", "pause"}).output.find(", paused"), std::string::npos);
  EXPECT_NE(run({"ramp", "hello", "finish"}).output.find("ramp: 100%, step 2 of 2\n"), std::string::npos);
  // The files have not changed, so that nothing of it is undone.
  const std::int64_t head = Head();
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  EXPECT_EQ(Head(), head);
  const Finished refused = run({"start", "hello", "--at", "2099-01-01T00:00:00Z"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("experiment 'hello' runs; stop it first"), std::string::npos) << refused.errors;
  EXPECT_EQ(run({"conclude", "hello"}).exit_code, 2) << "who has won has to be said";
  const Finished concluded = run({"conclude", "hello", "--ship", "new", "--decision", "friendlier", "--json"});
  EXPECT_EQ(concluded.exit_code, 0) << concluded.errors;
  EXPECT_EQ(JsonOf(concluded).Find("winner")->AsString(), "new");
  EXPECT_EQ(FlagOf("trial", "greeting").Find("environments")->Find("production")->Find("default")->AsString(), "short");
  EXPECT_NE(run({"status", "hello"}).output.find("  concluded: new has won, iteration 1, 20"), std::string::npos);
}

TEST_F(ChangeTest, ASwitchThatNamesWhatIsNotThereSaysWhatIs) {
  const Workspace files(SmallShop("names"));
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const Finished flag = Cli({"flag", "on", "greting", "-p", "names", "-e", "production"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_NE(flag.errors.find("did you mean 'greeting'?"), std::string::npos) << flag.errors;
  const Finished environment = Cli({"flag", "on", "greeting", "-p", "names", "-e", "prodction"});
  EXPECT_EQ(environment.exit_code, 2);
  EXPECT_NE(environment.errors.find("did you mean 'production'?"), std::string::npos) << environment.errors;
  // Nothing to serve is said for staging: the server refuses, and why is passed on.
  const Finished nothing = Cli({"flag", "on", "greeting", "-p", "names", "-e", "staging"});
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_NE(nothing.errors.find("default"), std::string::npos) << nothing.errors;
}

}  // namespace
}  // namespace guidon::testing
