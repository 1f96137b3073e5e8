// guidon gate against a real server: what the files would do to it, and who has to approve that.
#include <gmock/gmock.h>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Ranker(const std::string& weights) {
  return "flag: ranker\ntype: string\nowner: search\nvariations: { old: o, new: n }\n"
         "environments:\n  production:\n    enabled: true\n    off: old\n    rules:\n"
         "      - { id: ramp, when: { country: DE }, serve: " +
         weights + " }\n    default: old\n";
}

std::string Experiment(const std::string& weights) {
  return "experiment: one\nowner: ana@shop.example\nhypothesis: More.\nflag: plain\nenvironment: production\nstate: "
         "running\nunit: account\nmetrics: { primary: { use: orders } }\nvariants: { control: { serves: off, weight: " +
         weights + " }\n";
}

class GateServerTest : public ::testing::Test {
 protected:
  GateServerTest()
      : files(
            {{"guidon.yaml", "project: shop\nenvironments: { staging: {}, production: {} }\n"},
             {"flags/ranker.yaml", Ranker("{ new: 5%, old: 95% }")},
             {"flags/plain.yaml",
              "flag: plain\ntype: boolean\nowner: search\nenvironments: { production: { enabled: true, default: off } "
              "}\n"},
             {"metrics/orders.yaml", "metric: orders\nowner: search\nevent: order\ntype: conversion\n"},
             {"experiments/one.yaml", Experiment("50% }, other: { serves: on, weight: 50% }")},
             {"gate.yaml", "rules: { change.jump: { limit: 50% }, static.constant-flag: off }\n"}}) {
    EXPECT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  }
  Finished Gate(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"gate", "-e", "production", "-w", files.path()});
    return GuidonOf(server, std::move(more));
  }
  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }

  Guidond server;
  const Workspace files;
};

TEST_F(GateServerTest, WhatTheFilesWouldDoIsComparedWithTheServer) {
  const Finished same = Gate();
  EXPECT_EQ(same.exit_code, 0) << same.output << same.errors;
  EXPECT_THAT(same.output, Not(HasSubstr("not looked at: change")));
  EXPECT_THAT(Gate({"--markdown"}).output, HasSubstr("### What changes\n\nNothing that production serves.\n"));

  files.Write("flags/ranker.yaml", Ranker("{ new: 100%, old: 0% }"));
  const Finished jump = Gate();
  EXPECT_EQ(jump.exit_code, 1);
  EXPECT_THAT(jump.output, HasSubstr("fail    change.jump  " + files.path() + "/flags/ranker.yaml:10:9\n"));
  EXPECT_THAT(jump.output, HasSubstr("flag ranker: rule ramp: new grows from 5% to 100% in one step; the policy allows "
                                     "50% (take a step between, or a `ramp`); owner search\n"));
  EXPECT_THAT(jump.output, HasSubstr("change  flag ranker\n        rule ramp (production): new 5%, old 95% → new 100%, "
                                     "old 0%; moves 95.000% of the units that reach it, nobody else\n"));
  EXPECT_THAT(
      Gate({"--markdown"}).output,
      HasSubstr("### What changes\n\n- **flag ranker**: rule ramp (production): new 5%, old 95% → new 100%, old "
                "0%; moves 95.000% of the units that reach it, nobody else (search)\n"));
  // The same from a file, without a server.
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  const Finished offline =
      Guidon({"gate", "-e", "production", "-w", files.path(), "--offline", "--snapshot", files / "production.json"});
  EXPECT_EQ(offline.exit_code, 1) << offline.errors;
  EXPECT_EQ(offline.output.substr(0, offline.output.find("not looked")),
            jump.output.substr(0, jump.output.find("not l")));
  EXPECT_EQ(Guidon({"gate", "-e", "staging", "-w", files.path(), "--snapshot", files / "production.json"}).exit_code,
            2);
}

// No file of contexts may switch off by being empty what looks at conditions that change.
TEST_F(GateServerTest, WithoutAContextNobodyIsCounted) {
  std::string text = Ranker("{ new: 5%, old: 95% }");
  text.replace(text.find("DE }"), 4, "AT }");
  files.Write("flags/ranker.yaml", text);
  EXPECT_THAT(Gate().output, HasSubstr("note    change.attributes  "));
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  for (const char* lines : {"", "\n  \n", "{\"key\": 1\n"}) {
    files.Write("contexts.jsonl", lines);
    const std::string path = files / "contexts.jsonl";
    for (const Finished& done :
         {Gate({"--contexts", path}), Guidon({"gate", "-e", "production", "-w", files.path(), "--offline", "--snapshot",
                                              files / "production.json", "--contexts", path})}) {
      EXPECT_EQ(done.exit_code, 2) << done.output;
      EXPECT_EQ(done.output, "");
      EXPECT_THAT(done.errors, HasSubstr("contexts.jsonl"));
    }
  }
  files.Write("contexts.jsonl", "");
  EXPECT_THAT(Gate({"--contexts", files / "contexts.jsonl"}).errors,
              HasSubstr("contexts.jsonl has no context: it takes one a line, as {\"key\": \"user-42\"}\n"));
  // Nor is it left unread where the definitions have errors.
  files.Write("flags/wrong.yaml", "flag: wrong\n");
  EXPECT_EQ(Gate({"--contexts", "/nowhere.jsonl"}).exit_code, 2);
}

TEST_F(GateServerTest, ARunningExperimentIsLeftAsItIs) {
  files.Write("experiments/one.yaml", Experiment("60% }, other: { serves: on, weight: 40% }"));
  const Finished edited = Gate();
  EXPECT_EQ(edited.exit_code, 1);
  EXPECT_THAT(edited.output, HasSubstr("fail    change.experiment  " + files.path() + "/experiments/one.yaml:9:"));
  EXPECT_THAT(edited.output, HasSubstr("owner ana@shop.example"));
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  const Finished offline =
      Guidon({"gate", "-e", "production", "-w", files.path(), "--offline", "--snapshot", files / "production.json"});
  EXPECT_EQ(offline.exit_code, 1);
  EXPECT_THAT(offline.output, HasSubstr("change.experiment"));
}

// One run tells all that is wrong: what a server would refuse hides nothing of the rest.
TEST_F(GateServerTest, BesideWhatIsRefusedTheRestIsComparedAllTheSame) {
  files.Write("experiments/one.yaml", Experiment("60% }, other: { serves: on, weight: 40% }"));
  files.Write("flags/ranker.yaml", Ranker("{ new: 100%, old: 0% }"));
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  for (const Finished& done : {Gate(), Gate({"--prune"}),
                               Guidon({"gate", "-e", "production", "-w", files.path(), "--offline", "--snapshot",
                                       files / "production.json"})}) {
    EXPECT_EQ(done.exit_code, 1) << done.errors;
    EXPECT_THAT(done.output, HasSubstr("fail    change.experiment  "));
    EXPECT_THAT(done.output, HasSubstr("fail    change.jump        "));
    EXPECT_THAT(done.output, Not(HasSubstr("archived")));
    EXPECT_THAT(done.output, HasSubstr("FAIL  production: 2 to mend\n"));
  }
}

TEST_F(GateServerTest, OneRunWritesManyFormats) {
  files.Write("flags/ranker.yaml", Ranker("{ new: 100%, old: 0% }"));
  std::vector<std::string> more = {"--json"};
  for (const char* format : {"table", "json", "sarif", "junit", "codequality", "markdown", "github"}) {
    more.insert(more.end(), {"--also", std::string(format) + "=" + (files / format)});
  }
  const Finished all = Gate(more);
  EXPECT_EQ(all.exit_code, 1) << all.errors;
  EXPECT_EQ(TextFile(files / "json"), all.output);
  EXPECT_EQ(TextFile(files / "codequality"), Gate({"--codequality"}).output);
  EXPECT_EQ(TextFile(files / "junit"), Gate({"--junit"}).output);
  EXPECT_EQ(TextFile(files / "sarif"), Gate({"--sarif"}).output);
  EXPECT_EQ(TextFile(files / "markdown"), Gate({"--markdown"}).output);
  EXPECT_EQ(TextFile(files / "github"), Gate({"--github"}).output);
  EXPECT_THAT(TextFile(files / "table"), HasSubstr("FAIL  production: 1 to mend\n"));
  for (const char* wrong : {"sarif", "sarif=", "=x", "html=x"})
    EXPECT_EQ(Gate({"--also", wrong}).exit_code, 2) << wrong;
  EXPECT_EQ(Gate({"--also", "json=" + (files / "no/such/folder")}).exit_code, 2);
}

TEST_F(GateServerTest, WhatWasChangedOnBothSidesIsAConflict) {
  ASSERT_EQ(Cli({"flag", "off", "ranker", "-e", "production"}).exit_code, 0);
  std::string text = Ranker("{ new: 5%, old: 95% }");
  text.replace(text.find("off: old"), 8, "off: new");
  files.Write("flags/ranker.yaml", text);
  // Each changed something else; that somebody has switched it off is told.
  EXPECT_THAT(Gate().output, AllOf(Not(HasSubstr("change.conflict")), HasSubstr("fail    live.kill-switch  ")));
  text.replace(text.find("enabled: true"), 13, "enabled: true\n    targets: { new: [u] }");
  files.Write("flags/ranker.yaml", text);
  ASSERT_EQ(server
                .Call("PATCH", "/api/v1/projects/shop/flags/ranker",
                      {.body = R"({"environments":{"production":{"off":null}}})"})
                .status,
            200);
  const Finished conflict = Gate();
  EXPECT_EQ(conflict.exit_code, 1) << conflict.output << conflict.errors;
  EXPECT_THAT(conflict.output, HasSubstr("fail    change.conflict"));
  // That nobody has approved the rest is told in the same run.
  EXPECT_THAT(conflict.output, Not(HasSubstr("change.approval")));
  ASSERT_EQ(
      server.Call("PUT", "/api/v1/projects/shop/environments/production", {.body = R"({"protected":true})"}).status,
      200);
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { protected: true } }\n");
  EXPECT_THAT(Gate().output, AllOf(HasSubstr("fail    change.conflict"), HasSubstr("fail    live.kill-switch"),
                                   HasSubstr("fail    change.approval   environment production\n")));
}

// Nor does what both sides changed.
TEST_F(GateServerTest, BesideAConflictTheRestIsComparedAllTheSame) {
  std::string text = Ranker("{ new: 5%, old: 95% }");
  text.replace(text.find("off: old"), 8, "off: new");
  files.Write("flags/ranker.yaml", text);
  ASSERT_EQ(server
                .Call("PATCH", "/api/v1/projects/shop/flags/ranker",
                      {.body = R"({"environments":{"production":{"off":null}}})"})
                .status,
            200);
  files.Write(
      "flags/fresh.yaml",
      "flag: fresh\ntype: boolean\nowner: search\nenvironments: { production: { enabled: true, default: on } }\n");
  const Finished both = Gate();
  EXPECT_EQ(both.exit_code, 1) << both.output << both.errors;
  EXPECT_THAT(both.output, HasSubstr("fail    change.conflict  "));
  EXPECT_THAT(both.output, HasSubstr("flag fresh: default: on grows from 0% to 100% in one step"));
  EXPECT_THAT(both.output, Not(HasSubstr("not looked at: change")));
  // What needs it cannot be compared without it.
  ASSERT_EQ(server.Call("PUT", "/api/v1/projects/shop/environments/production", {.body = R"({"description":"theirs"})"})
                .status,
            200);
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { description: ours } }\n");
  const Finished neither = Gate();
  EXPECT_EQ(neither.exit_code, 1) << neither.output << neither.errors;
  EXPECT_THAT(neither.output, HasSubstr("fail    change.conflict  "));
  EXPECT_THAT(neither.output, Not(HasSubstr("flag fresh")));
  EXPECT_THAT(neither.output, HasSubstr("not looked at: change, as nothing can be told without what is refused or in "
                                        "conflict\n"));
  const Value document = JsonOf(Gate({"--json"}));
  EXPECT_EQ(*document.Find("looked")->AsArray().at(2).Find("group"), Value("change"));
  EXPECT_EQ(*document.Find("looked")->AsArray().at(2).Find("done"), Value(false));
}

TEST_F(GateServerTest, TheSameIsToldInTheSameBytesWhileRequestsAreOpen) {
  ASSERT_EQ(
      server.Call("PUT", "/api/v1/projects/shop/environments/production", {.body = R"({"protected":true})"}).status,
      200);
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { protected: true } }\n");
  for (const char* weights : {"{ new: 20%, old: 80% }", "{ new: 10%, old: 90% }"}) {
    files.Write("flags/ranker.yaml", Ranker(weights));
    ASSERT_EQ(Cli({"apply", files.path(), "--request", "More of it"}).exit_code, 0);
  }
  for (const char* format : {"--json", "--markdown", "--junit", "--sarif"}) {
    const Finished first = Gate({format, "--now", "2026-12-01T00:00:00Z"});
    EXPECT_EQ(first.exit_code, 1) << first.errors;
    EXPECT_THAT(first.output, HasSubstr("change request 2"));
    EXPECT_EQ(Gate({format, "--now", "2026-12-01T23:00:00Z"}).output, first.output) << format;
  }
}

// A change request that cannot be read is no sign that nobody has approved the change.
TEST_F(GateServerTest, ARequestThatCannotBeReadIsNoMissingApproval) {
  const Answer plan = {R"({"changes":[{"kind":"flag","key":"ranker","action":"update","environments":["production"],)"
                       R"("summary":["more"]}],"conflicts":[]})"};
  const Answer environment = {R"({"protected":true})"};
  const Answer list = {R"({"change_requests":[{"number":7,"environments":["production"]}]})"};
  const std::vector<std::string> words = {"gate", "-e", "production", "-w", files.path()};
  for (const int status : {429, 503}) {
    const Finished away =
        Asking(words, {plan, environment, list, {R"({"detail":"not now"})", "application/json", status}});
    EXPECT_EQ(away.exit_code, 4) << away.output << away.errors;
    EXPECT_THAT(away.errors, HasSubstr("not now"));
    EXPECT_THAT(away.output, HasSubstr("not looked at: change, as the server cannot be reached\n"));
    EXPECT_THAT(away.output, Not(HasSubstr("change.approval")));
  }
}

TEST_F(GateServerTest, AProtectedEnvironmentWantsAnApproval) {
  ASSERT_EQ(
      server.Call("PUT", "/api/v1/projects/shop/environments/production", {.body = R"({"protected":true})"}).status,
      200);
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { protected: true } }\n");
  const Finished made = Cli({"key", "create", "-p", "shop", "--kind", "admin", "--role", "approver"});
  const std::string approver = made.output.substr(0, made.output.size() - 1);
  EXPECT_EQ(Gate().exit_code, 0) << Gate().output;  // nothing is altered
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  const std::vector<std::string> words = {"gate",       "-e",        "production", "-w",
                                          files.path(), "--offline", "--snapshot", files / "production.json"};
  EXPECT_EQ(Guidon(words).exit_code, 0) << Guidon(words).output;
  files.Write("flags/ranker.yaml", Ranker("{ new: 10%, old: 90% }"));
  const Finished none = Gate();
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.output, HasSubstr("fail    change.approval  environment production\n"));
  EXPECT_THAT(none.output, HasSubstr("no change request does what the files change there"));
  // Without the server nobody can have approved it.
  const Finished offline = Guidon(words);
  EXPECT_EQ(offline.exit_code, 1) << offline.errors;
  EXPECT_THAT(offline.output, HasSubstr("fail    change.approval  environment production\n"));
  EXPECT_THAT(offline.output, HasSubstr("it is protected, and no server was asked whether it is approved (run the gate "
                                        "with the server)\n"));
  ASSERT_EQ(Cli({"apply", files.path(), "--request", "More of it"}).exit_code, 0);
  EXPECT_THAT(Gate().output, HasSubstr("change request 1 does it and is open (have it approved)"));
  ASSERT_EQ(Guidon({"change", "approve", "1", "--version", "1", "-p", "shop"},
                   {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + approver})
                .exit_code,
            0);
  const Finished approved = Gate();
  EXPECT_EQ(approved.exit_code, 0) << approved.output << approved.errors;
  // Of another change it is no approval.
  files.Write("flags/ranker.yaml", Ranker("{ new: 20%, old: 80% }"));
  EXPECT_EQ(Gate().exit_code, 1);
  // Nor of one that is the same in words alone.
  const auto target = [&](const std::string& unit) {
    files.Write("flags/plain.yaml",
                "flag: plain\ntype: boolean\nowner: search\nenvironments: { production: { enabled: true, default: off, "
                "targets: { on: [" +
                    unit + "] } } }\n");
  };
  files.Write("flags/ranker.yaml", Ranker("{ new: 5%, old: 95% }"));
  target("ana");
  ASSERT_EQ(Cli({"apply", files.path(), "--request", "Ana"}).exit_code, 0);
  ASSERT_EQ(Guidon({"change", "approve", "2", "--version", "1", "-p", "shop"},
                   {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + approver})
                .exit_code,
            0);
  EXPECT_EQ(Gate().exit_code, 0) << Gate().output;
  target("ben");
  EXPECT_THAT(Gate().output, HasSubstr("no change request does what the files change there"));
}

TEST_F(GateServerTest, AFlagThatThePolicyProtectsWantsAnApprovalWhereverItIs) {
  const std::string rules = "rules: { static.constant-flag: off, change.protected-flag: { flags: 'rank*' } }\n";
  files.Write("gate.yaml", rules);
  const Finished made = Cli({"key", "create", "-p", "shop", "--kind", "admin", "--role", "approver"});
  const std::vector<std::string> approver = {"GUIDON_SERVER=" + server.url(),
                                             "GUIDON_KEY=" + made.output.substr(0, made.output.size() - 1)};
  EXPECT_EQ(Gate().exit_code, 0) << Gate().output;  // it is not altered
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  files.Write("flags/ranker.yaml", Ranker("{ new: 10%, old: 90% }"));
  const Finished none = Gate();
  EXPECT_EQ(none.exit_code, 1) << none.errors;
  EXPECT_THAT(none.output, HasSubstr("fail    change.protected-flag  " + files.path() + "/flags/ranker.yaml:1:7\n"));
  EXPECT_THAT(none.output, HasSubstr("flag ranker: it is protected by the policy, and no change request does what the "
                                     "files change of it (`guidon apply DIR --request TITLE` opens one); owner "
                                     "search"));
  // Without the server nobody can have approved it.
  const std::vector<std::string> words = {"gate",       "-e",        "production", "-w",
                                          files.path(), "--offline", "--snapshot", files / "production.json"};
  const Finished offline = Guidon(words);
  EXPECT_EQ(offline.exit_code, 1) << offline.errors;
  EXPECT_THAT(offline.output, HasSubstr("no server was asked whether somebody has approved that (run the gate with the "
                                        "server); owner search"));
  // A waiver may say otherwise.
  files.Write("gate.yaml", rules +
                               "waivers: [{ rule: change.protected-flag, subject: flag ranker, reason: it was "
                               "agreed on, until: 2099-01-01 }]\n");
  EXPECT_EQ(Guidon(words).exit_code, 0);
  EXPECT_THAT(Guidon(words).output, HasSubstr("it was agreed on"));
  files.Write("gate.yaml", rules);
  // A request alone is not enough, though nothing there is protected.
  ASSERT_EQ(Cli({"apply", files.path(), "--request", "More of it"}).exit_code, 0);
  EXPECT_THAT(Gate().output, HasSubstr("change request 1 does it and is approved by nobody (have it approved)"));
  ASSERT_EQ(Guidon({"change", "approve", "1", "--version", "1", "-p", "shop"}, approver).exit_code, 0);
  const Finished approved = Gate();
  EXPECT_EQ(approved.exit_code, 0) << approved.output << approved.errors;
  // Of what was not approved it is none.
  files.Write("flags/plain.yaml",
              "flag: plain\ntype: boolean\nowner: search\nenvironments: { production: { enabled: true, default: off, "
              "targets: { on: [u] } } }\n");
  EXPECT_EQ(Gate().exit_code, 0) << Gate().output;
  files.Write("flags/ranker.yaml", Ranker("{ new: 20%, old: 80% }"));
  EXPECT_EQ(Gate().exit_code, 1);
}

TEST_F(GateServerTest, WithoutAServerThereIsNoVerdictUnlessThePolicyHasOne) {
  const std::vector<std::string> words = {"gate",       "-e",       "production",        "-w",
                                          files.path(), "--server", "http://127.0.0.1:1"};
  const std::vector<std::string> key = {"GUIDON_KEY=gdn_adm_none"};
  EXPECT_EQ(Guidon(words, key).exit_code, 4);
  for (const auto& [word, code] : {std::pair("hold", 3), std::pair("fail", 1), std::pair("pass", 0)}) {
    files.Write("gate.yaml", std::string("unreachable: ") + word + "\n");
    const Finished away = Guidon(words, key);
    EXPECT_EQ(away.exit_code, code) << away.output << away.errors;
    EXPECT_THAT(away.output, HasSubstr("not looked at: change, as the server cannot be reached\n"));
    EXPECT_THAT(away.output, HasSubstr("; the server cannot be reached\n"));
    std::vector<std::string> as_json = words;
    as_json.emplace_back("--json");
    EXPECT_EQ(JsonOf(Guidon(as_json, key)).Find("verdict")->AsString(), word);  // the one document
  }
  // Nobody waits for what a server that is away could say of delivery.
  std::vector<std::string> waiting = words;
  waiting.insert(waiting.end(), {"--revision", "head", "--wait", "1h"});
  EXPECT_EQ(Guidon(waiting, key).exit_code, 0);
  // What the files show counts all the same.
  files.Write("tests/a.yaml", "{ flag: plain, environment: production, given: {}, expect: on }\n");
  const Finished failing = Guidon(words, key);
  EXPECT_EQ(failing.exit_code, 1);
  EXPECT_THAT(failing.output, HasSubstr("fail    static.test"));
}

}  // namespace
}  // namespace guidon::testing
