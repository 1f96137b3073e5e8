// guidon promote, on a guidond and in the files of a workspace: what is brought, what is kept, what is refused.
#include <gmock/gmock.h>

#include "cli/targeting_edit.h"
#include "core/base/json.h"
#include "format/edit.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kProject = "project: shop\nenvironments: { staging: {}, production: {} }\n";

std::string Flag(const std::string& key, const std::string& staging, const std::string& production) {
  return "flag: " + key + "\ntype: boolean\nowner: shop\nenvironments:\n  staging: " + staging + "\n" +
         (production.empty() ? "" : "  production: " + production + "\n");
}

const std::string kTen = "{ enabled: true, rules: [{ id: beta, serve: on, rollout: 10% }], default: off }";
const std::string kThirty = "{ enabled: true, rules: [{ id: beta, serve: on, rollout: 30% }], default: off }";

class PromoteTest : public ::testing::Test {
 protected:
  PromoteTest() : files({{"guidon.yaml", kProject}}) {}

  // The files become what the server has.
  void Apply() {
    const Finished done = Cli({"apply", files.path()});
    ASSERT_EQ(done.exit_code, 0) << done.errors << done.output;
  }
  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }
  Finished Promote(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"promote", "--from", "staging", "--to", "production"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Cli(arguments);
  }
  std::string In(const std::string& environment, const std::string& flag) {
    const Value held = JsonOf(Cli({"flag", "get", flag, "--json"}));
    const Value* targeting = held.Find("definition")->Find("environments")->Find(environment);
    return targeting == nullptr ? "" : ToJson(*targeting);
  }
  // Changes a flag in production behind the back of staging.
  void PatchProduction(const std::string& flag, const std::string& targeting) {
    const HttpAnswer answer = server.Call("PATCH", "/api/v1/projects/shop/flags/" + flag,
                                          {.body = R"({"environments":{"production":)" + targeting + "}}"});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }

  Guidond server;
  const Workspace files;
};

TEST_F(PromoteTest, WhereBothSayTheSameThereIsNothingToDo) {
  files.Write("flags/a.yaml", Flag("a", kTen, kTen));
  Apply();
  const Finished done = Promote();
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_EQ(done.output, "nothing to promote: production says all that staging does\n");
  const Value document = JsonOf(Promote({"--json"}));
  EXPECT_TRUE(document.Find("flags")->AsArray().empty());
}

TEST_F(PromoteTest, ShowsWhatWouldChangeAndWritesItWithYes) {
  files.Write("flags/a.yaml", Flag("a", kTen, kTen));
  Apply();
  files.Write("flags/a.yaml", Flag("a", kThirty, kTen));
  Apply();
  const Finished shown = Promote();
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("~ flag a (production)\n"));
  EXPECT_THAT(shown.output, HasSubstr("rule beta (production): on, rollout 10% → on, rollout 30%; moves 20.000%"));
  EXPECT_THAT(shown.output,
              HasSubstr("PASS  production: nothing found\n"
                        "1 flag to change; nothing was written. To do it: the same command with --yes\n"));
  EXPECT_THAT(In("production", "a"), HasSubstr("10%"));
  const Finished done = Promote({"--yes", "--comment", "beta went well"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr("promoted 1 flag from staging to production, as revision "));
  EXPECT_EQ(In("production", "a"), In("staging", "a"));
  EXPECT_THAT(Cli({"flag", "history", "a", "--limit", "1"}).output,
              HasSubstr("promote from staging to production: beta went well"));
  EXPECT_THAT(Promote().output, StartsWith("nothing to promote"));
}

TEST_F(PromoteTest, AnEnvironmentThatSaysNothingTakesAll) {
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  files.Write("flags/b.yaml", Flag("b", kThirty, "{ enabled: false }"));
  Apply();
  const Value document = JsonOf(Promote({"--yes", "--json"}));
  EXPECT_EQ(document.Find("flags")->AsArray().size(), 2u);
  EXPECT_GT(document.Find("revision")->AsInt(), 0);
  EXPECT_EQ(document.Find("gate")->Find("verdict")->AsString(), "pass");
  EXPECT_EQ(document.Find("changes")->AsArray().size(), 2u);
  EXPECT_EQ(In("production", "a"), In("staging", "a"));
  EXPECT_EQ(In("production", "b"), In("staging", "b"));
}

TEST_F(PromoteTest, OnlyTheFlagsThatWereNamedAreBrought) {
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  files.Write("flags/b.yaml", Flag("b", kTen, ""));
  Apply();
  EXPECT_EQ(Promote({"--flag", "a", "--yes"}).exit_code, 0);
  EXPECT_EQ(In("production", "a"), In("staging", "a"));
  EXPECT_EQ(In("production", "b"), "");
  const Finished unknown = Promote({"--flag", "bb"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("there is no flag 'bb'"));
  EXPECT_EQ(Cli({"promote", "--from", "staging", "--to", "qa"}).exit_code, 2);
  EXPECT_EQ(Cli({"promote", "--from", "staging", "--to", "staging"}).exit_code, 2);
}

TEST_F(PromoteTest, WhatProductionChangedOfItsOwnStays) {
  files.Write("flags/a.yaml", Flag("a", kTen, kTen));
  Apply();
  PatchProduction("a", R"({"targets":{"on":["user-1"]}})");
  files.Write("flags/a.yaml", Flag("a", kThirty, kTen));
  Apply();
  EXPECT_EQ(Promote({"--yes"}).exit_code, 0);
  EXPECT_THAT(In("production", "a"), HasSubstr("user-1"));
  EXPECT_THAT(In("production", "a"), HasSubstr("30%"));
  EXPECT_THAT(Promote().output, StartsWith("nothing to promote"));
}

TEST_F(PromoteTest, WhatBothChangedIsAConflictAndNothingIsWritten) {
  files.Write("flags/a.yaml", Flag("a", kTen, kTen));
  files.Write("flags/b.yaml", Flag("b", kTen, ""));
  Apply();
  PatchProduction("a", R"({"rules":[{"id":"beta","serve":"on","rollout":"20%"}]})");
  files.Write("flags/a.yaml", Flag("a", kThirty, kTen));
  Apply();
  const Finished refused = Promote({"--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.output,
            "conflict  both environments say something of their own:\n"
            "  ! flag a: rules.beta.rollout\n"
            "      last agreed    \"10%\"\n"
            "      in staging     \"30%\"\n"
            "      in production  \"20%\"\n"
            "Nothing was written. Make staging say what is right for both, or give production all that staging says "
            "with --overwrite.\n");
  EXPECT_EQ(In("production", "b"), "");
  const Value document = JsonOf(Promote({"--yes", "--json"}));
  const Value& conflict = document.Find("conflicts")->AsArray().at(0);
  EXPECT_EQ(conflict.Find("path")->AsString(), "rules.beta.rollout");
  EXPECT_EQ(conflict.Find("to")->AsString(), "20%");
  EXPECT_EQ(Promote({"--yes", "--overwrite"}).exit_code, 0);
  EXPECT_EQ(In("production", "a"), In("staging", "a"));
}

TEST_F(PromoteTest, WhatTheyNeverAgreedOnIsAConflict) {
  files.Write("flags/a.yaml", Flag("a", "{ enabled: true, default: on }", "{ enabled: true, default: off }"));
  Apply();
  const Finished refused = Promote();
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("! flag a: default\n      last agreed    (never, as far as is known)\n"));
}

TEST_F(PromoteTest, WhatTheGateWouldRefuseIsRefused) {
  files.Write("policy.yaml",
              "policy: careful\nrules:\n  change.jump: { limit: 10% }\n  change.moves: { limit: 15% }\n"
              "  live.freeze:\n    windows: [{ from: 2027-12-20T00:00:00Z, to: 2028-01-02T00:00:00Z, why: the "
              "holidays }]\n");
  files.Write("flags/a.yaml", Flag("a", kTen, kTen));
  Apply();
  files.Write("flags/a.yaml", Flag("a", kThirty, kTen));
  Apply();
  const Finished refused = Promote({"--yes", "--policy", files / "policy.yaml"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("fail    change.jump   flag a\n"));
  EXPECT_THAT(refused.output, HasSubstr("rule beta: on grows from 10% to 30% in one step; the policy allows 10%"));
  EXPECT_THAT(refused.output, HasSubstr("change.moves"));
  EXPECT_THAT(refused.output, HasSubstr("FAIL  production: 2 to mend\nNothing was written.\n"));
  EXPECT_THAT(In("production", "a"), HasSubstr("10%"));
  const Finished frozen = Promote({"--yes", "--policy", files / "policy.yaml", "--now", "2027-12-24T18:00:00Z"});
  EXPECT_EQ(frozen.exit_code, 1);
  EXPECT_THAT(frozen.output, HasSubstr("live.freeze"));
  const Value document = JsonOf(Promote({"--policy", files / "policy.yaml", "--json"}));
  EXPECT_EQ(document.Find("gate")->Find("verdict")->AsString(), "fail");
  EXPECT_EQ(document.Find("gate")->Find("policy")->AsString(), "careful");
  files.Write("broken.yaml", "policy: x\nrules: { no.such: fail }\n");
  EXPECT_EQ(Promote({"--policy", files / "broken.yaml"}).exit_code, 2);
}

// A condition on an attribute that must not decide comes along with a rule, or through the segments that it names.
TEST_F(PromoteTest, PersonalDataIsNotBrought) {
  files.Write("policy.yaml", "policy: careful\nrules: { static.personal-data: { attributes: [email] } }\n");
  const std::string by_mail =
      "{ enabled: true, rules: [{ when: { email: { ends_with: x } }, serve: on }], default: off }";
  const std::string by_segment = "{ enabled: true, rules: [{ when: { segment: outer }, serve: on }], default: off }";
  files.Write("segments/outer.yaml", "segment: outer\nowner: shop\nwhen: { segment: inner }\n");
  files.Write("segments/inner.yaml", "segment: inner\nowner: shop\nwhen: { email: a@shop.example }\n");
  files.Write("flags/a.yaml", Flag("a", by_mail, ""));
  files.Write("flags/b.yaml", Flag("b", by_segment, ""));
  files.Write("flags/c.yaml", Flag("c", kTen, ""));
  Apply();
  for (const auto& [flag, line] : {std::pair("a", "fail    static.personal-data  flag a\n"),
                                   std::pair("b", "fail    static.personal-data  segment inner\n")}) {
    const Finished refused = Promote({"--flag", flag, "--yes", "--policy", files / "policy.yaml"});
    EXPECT_EQ(refused.exit_code, 1) << refused.output;
    EXPECT_THAT(refused.output, HasSubstr(line));
    EXPECT_THAT(refused.output, HasSubstr("it looks at 'email', which the policy forbids"));
    EXPECT_THAT(refused.output, HasSubstr("FAIL  production: 1 to mend, 1 note\nNothing was written.\n"));
    EXPECT_EQ(In("production", flag), "");
  }
  EXPECT_EQ(Promote({"--flag", "c", "--yes", "--policy", files / "policy.yaml"}).exit_code, 0);
  EXPECT_EQ(Promote({"--flag", "a", "--yes"}).exit_code, 0) << "no policy forbids it";
}

TEST_F(PromoteTest, WhatWasSwitchedOffByHandIsNotSwitchedOnByTheWay) {
  const auto kill = [](const std::string& key) {
    return Flag(key, "{ enabled: true, default: on }", "{ enabled: true, default: on }") + "kind: kill_switch\n";
  };
  files.Write("flags/stop.yaml", kill("stop"));
  files.Write("flags/halt.yaml", kill("halt"));
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  Apply();
  ASSERT_EQ(Cli({"flag", "off", "stop", "-e", "production", "--comment", "orders fail"}).exit_code, 0);
  ASSERT_EQ(Cli({"flag", "off", "halt", "-e", "production"}).exit_code, 0);
  const Finished refused = Promote({"--flag", "stop", "--overwrite", "--yes"});
  EXPECT_EQ(refused.exit_code, 1) << refused.output << refused.errors;
  EXPECT_THAT(refused.output, HasSubstr("fail    live.kill-switch  flag stop\n"));
  EXPECT_THAT(refused.output, HasSubstr("orders fail"));
  EXPECT_THAT(In("production", "stop"), HasSubstr("\"enabled\":false"));
  // Others are no matter of what is promoted.
  EXPECT_EQ(Promote({"--flag", "a", "--yes"}).exit_code, 0);
  files.Write("policy.yaml",
              "policy: mended\nwaivers: [{ rule: live.kill-switch, subject: flag stop, reason: mended, until: "
              "2026-12-31 }]\n");
  const Finished waived = Promote(
      {"--flag", "stop", "--overwrite", "--yes", "--policy", files / "policy.yaml", "--now", "2026-12-01T00:00:00Z"});
  EXPECT_EQ(waived.exit_code, 0) << waived.output << waived.errors;
  EXPECT_THAT(In("production", "stop"), Not(HasSubstr("\"enabled\":false")));
}

TEST_F(PromoteTest, WhatThePolicyDemandsOfTheServerHasToBeSo) {
  files.Write("policy.yaml",
              "rules: { live.state: { demands: [{ flag: a, serves: on, share: 100%, in: staging }] } }\n");
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  Apply();
  const Finished refused = Promote({"--yes", "--policy", files / "policy.yaml"});
  EXPECT_EQ(refused.exit_code, 1) << refused.output << refused.errors;
  EXPECT_THAT(refused.output, HasSubstr("it serves 'on' to 10% for sure in staging; the policy demands 100%"));
  EXPECT_EQ(In("production", "a"), "");
  files.Write("policy.yaml",
              "rules: { live.state: { demands: [{ flag: a, serves: on, share: 100%, in: staging, for: 24h }] } }\n");
  files.Write("flags/a.yaml", Flag("a", "{ enabled: true, default: on }", ""));
  Apply();
  const Finished held = Promote({"--yes", "--policy", files / "policy.yaml"});
  EXPECT_EQ(held.exit_code, 3) << held.output << held.errors;
  EXPECT_THAT(held.output, HasSubstr("the policy demands 1d"));
  EXPECT_EQ(In("production", "a"), "");
  files.Write("policy.yaml",
              "rules: { live.state: { demands: [{ flag: a, serves: on, share: 100%, in: staging }] } }\n");
  EXPECT_EQ(Promote({"--yes", "--policy", files / "policy.yaml"}).exit_code, 0);
}

TEST_F(PromoteTest, CountsWhoMovesAmongContexts) {
  const std::string of = "{ enabled: true, rules: [{ id: de, when: { country: ";
  files.Write("flags/a.yaml",
              Flag("a", of + "DE }, serve: on }], default: off }", of + "DE }, serve: on }], default: off }"));
  Apply();
  files.Write("flags/a.yaml",
              Flag("a", of + "FR }, serve: on }], default: off }", of + "DE }, serve: on }], default: off }"));
  Apply();
  EXPECT_THAT(Promote().output, HasSubstr("who moves depends on attributes"));
  files.Write("contexts.jsonl", "{\"key\":\"u1\",\"country\":\"DE\"}\n{\"key\":\"u2\",\"country\":\"AT\"}\n");
  EXPECT_THAT(Promote({"--contexts", files / "contexts.jsonl"}).output, HasSubstr("1 of 2 contexts move: on → off 1"));
}

TEST_F(PromoteTest, WhatProductionLacksIsSaid) {
  files.Write("flags/base.yaml", Flag("base", "{ enabled: true, default: on }", ""));
  files.Write("flags/top.yaml", Flag("top", "{ enabled: true, requires: [{ flag: base, is: on }], default: on }", ""));
  Apply();
  const Finished refused = Promote({"--flag", "top", "--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("change.prerequisite"));
  EXPECT_THAT(refused.output, HasSubstr("it requires base, which is not enabled in production"));
  EXPECT_EQ(In("production", "top"), "");
  // Both together: one revision.
  const Finished done = Promote({"--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.output;
  const Value base = JsonOf(Cli({"flag", "get", "base", "--json"})),
              top = JsonOf(Cli({"flag", "get", "top", "--json"}));
  EXPECT_EQ(base.Find("revision")->AsInt(), top.Find("revision")->AsInt());
}

TEST_F(PromoteTest, AnExperimentOfAnotherEnvironmentIsNotBrought) {
  files.Write("flags/a.yaml",
              Flag("a", "{ enabled: true, rules: [{ id: try, experiment: trial }], default: off }", ""));
  files.Write("flags/b.yaml", Flag("b", kTen, ""));
  files.Write("metrics/m.yaml", "metric: m\nowner: shop\nevent: order\ntype: conversion\n");
  files.Write("experiments/trial.yaml",
              "experiment: trial\nowner: shop\nflag: a\nenvironment: staging\nunit: key\nvariants:\n"
              "  control: { serves: off, weight: 50% }\n  new: { serves: on, weight: 50% }\n"
              "metrics: { primary: m }\n");
  Apply();
  const Finished refused = Promote({"--yes"});
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("change.refused"));
  EXPECT_THAT(refused.output, HasSubstr("experiment 'trial' is on flag 'a' in 'staging'"));
  EXPECT_EQ(In("production", "b"), "") << "all or nothing";
}

TEST_F(PromoteTest, AProtectedEnvironmentTakesAChangeRequest) {
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { protected: true } }\n");
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  Apply();
  const Finished shown = Promote();
  EXPECT_EQ(shown.exit_code, 0) << shown.output;
  EXPECT_THAT(shown.output, HasSubstr("This alters what is protected: production."));
  EXPECT_THAT(shown.output, HasSubstr("To do it: the same command with --request TITLE\n"));
  const Finished refused = Promote({"--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("fail    change.approval    environment production\n"));
  EXPECT_EQ(In("production", "a"), "");
  const Finished opened = Promote({"--request", "Beta to everybody"});
  EXPECT_EQ(opened.exit_code, 0) << opened.errors;
  EXPECT_THAT(opened.output, HasSubstr("opened change request 1 (open, 0/1 approval)\n"));
  EXPECT_EQ(In("production", "a"), "");
  EXPECT_THAT(Cli({"change", "show", "1"}).output, HasSubstr("promote from staging to production"));
  const Finished key = Cli({"key", "create", "-p", "shop", "--kind", "admin", "--role", "approver"});
  const std::vector<std::string> approver = {"GUIDON_SERVER=" + server.url(),
                                             "GUIDON_KEY=" + key.output.substr(0, key.output.size() - 1)};
  EXPECT_EQ(Guidon({"change", "approve", "1", "--version", "1"}, approver).exit_code, 0);
  EXPECT_EQ(Cli({"change", "apply", "1"}).exit_code, 0);
  EXPECT_EQ(In("production", "a"), In("staging", "a"));
  files.Write("flags/b.yaml", Flag("b", kTen, ""));
  Apply();
  EXPECT_EQ(Promote({"--flag", "b", "--yes", "--emergency", "--reason", "orders fail"}).exit_code, 0);
  EXPECT_EQ(In("production", "b"), In("staging", "b"));
}

TEST_F(PromoteTest, AFlagThatThePolicyProtectsTakesAChangeRequest) {
  files.Write("policy.yaml", "rules: { change.protected-flag: { flags: a } }\n");
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  Apply();
  const std::vector<std::string> by_policy = {"--policy", files / "policy.yaml"};
  const auto promote = [&](std::vector<std::string> more) {
    more.insert(more.end(), by_policy.begin(), by_policy.end());
    return Promote(std::move(more));
  };
  EXPECT_THAT(promote({}).output, HasSubstr("To do it: the same command with --request TITLE\n"));
  const Finished refused = promote({"--yes"});
  EXPECT_EQ(refused.exit_code, 1) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("fail    change.protected-flag  "));
  EXPECT_THAT(refused.output, Not(HasSubstr("change.approval")));
  EXPECT_EQ(In("production", "a"), "");
  EXPECT_EQ(promote({"--request", "Beta to everybody"}).exit_code, 0);
}

TEST_F(PromoteTest, AProtectedFlagThatIsWaivedOrOnlyWarnedOfTakesNoRequest) {
  files.Write("flags/a.yaml", Flag("a", kTen, ""));
  Apply();
  const std::string protects = "rules: { change.protected-flag: { flags: a, is: ";
  for (const std::string& policy :
       {protects + "warn } }\n", protects + "fail } }\nwaivers: [{ rule: change.protected-flag, subject: flag a, "
                                            "reason: the team is away, until: 2026-12-24 }]\n"}) {
    files.Write("policy.yaml", policy);
    const Finished shown = Promote({"--policy", files / "policy.yaml", "--now", "2026-12-01T00:00:00Z"});
    EXPECT_EQ(shown.exit_code, 0) << shown.errors << shown.output;
    EXPECT_THAT(shown.output, HasSubstr("To do it: the same command with --yes\n")) << policy;
  }
  EXPECT_EQ(Promote({"--policy", files / "policy.yaml", "--now", "2026-12-01T00:00:00Z", "--yes"}).exit_code, 0);
  EXPECT_EQ(In("production", "a"), In("staging", "a"));
}

TEST_F(PromoteTest, AServerThatIsNotThereIsSaid) {
  server.Kill();
  EXPECT_EQ(Promote().exit_code, 4);
}

// ---- files -------------------------------------------------------------------------------------------------------

Finished PromoteFiles(const Workspace& files, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {
      "promote", "--from", "staging", "--to", "production", "-w", files.path(), "--now", "2026-12-01T00:00:00Z"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return Guidon(arguments);
}

const std::string kCommented =
    "# what the file is about\n"
    "- flag: other\n"
    "  type: boolean\n"
    "  owner: shop\n"
    "  environments:\n"
    "    staging: { enabled: true, default: on }  # as in production\n"
    "    production: { enabled: true, default: on }\n"
    "\n"
    "# the checkout\n"
    "- flag: checkout\n"
    "  type: boolean\n"
    "  owner: shop  # since May\n"
    "  environments:\n"
    "    # first here\n"
    "    staging:\n"
    "      enabled: true\n"
    "      rules:\n"
    "        # our own people\n"
    "        - id: staff\n"
    "          when: { email: { ends_with: \"@shop.example\" } }\n"
    "          serve: on\n"
    "        - id: beta\n"
    "          serve: on\n"
    "          rollout: 30%  # more on Monday\n"
    "      default: off\n"
    "    # with care\n"
    "    production:\n"
    "      enabled: true  # since June\n"
    "      rules:\n"
    "        # nobody knows why\n"
    "        - id: beta\n"
    "          serve: on\n"
    "          rollout: 10%\n"
    "      # nobody else\n"
    "      default: off\n"
    "    # at the end\n";

TEST(PromoteFilesTest, KeepsCommentsAndWhatIsTheSame) {
  const Workspace files({{"guidon.yaml", kProject}, {"flags/shop.yaml", kCommented}});
  const Finished conflict = PromoteFiles(files, {"--yes"});
  EXPECT_EQ(conflict.exit_code, 1);
  EXPECT_THAT(conflict.output,
              HasSubstr("! flag checkout: rules.beta\n      last agreed    (never, as far as is known)"));
  EXPECT_THAT(conflict.output, HasSubstr("Files do not say what the two last agreed on"));
  EXPECT_THAT(conflict.output, Not(HasSubstr("flag other")));
  EXPECT_EQ(TextFile(files / "flags/shop.yaml"), kCommented);

  const Finished shown = PromoteFiles(files, {"--overwrite"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors << shown.output;
  EXPECT_THAT(shown.output, HasSubstr("+        # our own people\n+        - id: staff\n"));
  EXPECT_THAT(shown.output, HasSubstr("-          rollout: 10%\n+          rollout: 30%  # more on Monday\n"));
  EXPECT_THAT(shown.output, HasSubstr("To do it: the same command with --yes\n"));
  EXPECT_EQ(TextFile(files / "flags/shop.yaml"), kCommented);

  EXPECT_EQ(PromoteFiles(files, {"--overwrite", "--yes"}).exit_code, 0);
  const std::string text = TextFile(files / "flags/shop.yaml");
  const std::string untouched = kCommented.substr(0, kCommented.find("    # with care\n"));
  EXPECT_EQ(text, untouched +
                      "    # with care\n"
                      "    production:\n"
                      "      enabled: true  # since June\n"
                      "      rules:\n"
                      "        # our own people\n"
                      "        - id: staff\n"
                      "          when: { email: { ends_with: \"@shop.example\" } }\n"
                      "          serve: on\n"
                      "        # nobody knows why\n"
                      "        - id: beta\n"
                      "          serve: on\n"
                      "          rollout: 30%  # more on Monday\n"
                      "      # nobody else\n"
                      "      default: off\n"
                      "    # at the end\n");
  EXPECT_THAT(PromoteFiles(files).output, StartsWith("nothing to promote"));
  EXPECT_EQ(Guidon({"fmt", files.path(), "--check"}).exit_code, 0);
}

TEST(PromoteFilesTest, WhatStaysOfARuleThatChangesKeepsItsComments) {
  const std::string upper =
      "flag: checkout\n"
      "type: boolean\n"
      "owner: shop\n"
      "environments:\n"
      "  staging:\n"
      "    enabled: true\n"
      "    rules:\n"
      "      - id: beta\n"
      "        when: { plan: pro }\n"
      "        serve: on\n"
      "        rollout: 30%  # more on Monday\n"
      "        by: account_id\n"
      "    default: off\n"
      "  production:\n"
      "    enabled: true\n"
      "    rules:\n"
      "      - id: beta\n"
      "        # those who pay\n"
      "        when: { plan: pro }  # asked for by sales\n";
  const Workspace files({{"guidon.yaml", kProject},
                         {"flags/checkout.yaml", upper + "        serve: on\n"
                                                         "        # with care\n"
                                                         "        rollout: 10%  # since May\n"
                                                         "    default: off\n"}});
  const Finished done = PromoteFiles(files, {"--overwrite", "--yes"});
  EXPECT_EQ(done.exit_code, 0) << done.errors << done.output;
  EXPECT_EQ(TextFile(files / "flags/checkout.yaml"), upper +
                                                         "        serve: on\n"
                                                         "        # with care\n"
                                                         "        rollout: 30%  # more on Monday\n"
                                                         "        by: account_id\n"
                                                         "    default: off\n");
  EXPECT_THAT(PromoteFiles(files).output, StartsWith("nothing to promote"));
}

TEST(PromoteFilesTest, AnEnvironmentThatIsNotThereIsAdded) {
  const Workspace files({{"guidon.yaml", kProject},
                         {"flags/a.yaml", Flag("a", "{ enabled: true, default: on }", "")},
                         {"flags/b.yaml", Flag("b", kTen, "{}")}});
  const Value document = JsonOf(PromoteFiles(files, {"--yes", "--json"}));
  EXPECT_EQ(document.Find("flags")->AsArray().size(), 2u);
  EXPECT_EQ(document.Find("files")->AsArray().size(), 2u);
  EXPECT_TRUE(document.Find("written")->AsBool());
  EXPECT_EQ(TextFile(files / "flags/a.yaml"),
            Flag("a", "{ enabled: true, default: on }", "{ enabled: true, default: on }"));
  EXPECT_EQ(Guidon({"validate", files.path()}).exit_code, 0);
}

TEST(PromoteFilesTest, TheGateOfTheWorkspaceRefuses) {
  const Workspace files({{"guidon.yaml", kProject},
                         {"gate.yaml", "policy: careful\nrules: { change.jump: { limit: 10% } }\n"},
                         {"flags/a.yaml", Flag("a", kThirty, kTen)}});
  const Finished refused = PromoteFiles(files, {"--overwrite", "--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("fail    change.jump  " + (files / "flags/a.yaml") + ":6:"));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), Flag("a", kThirty, kTen));
  EXPECT_EQ(PromoteFiles(files, {"--overwrite", "--yes", "--policy", files / "none.yaml"}).exit_code, 2);
}

TEST(PromoteFilesTest, WhatTheTestsWouldNotPassIsRefused) {
  const std::string test = "- { flag: a, environment: production, given: { key: u }, expect: off }\n",
                    flag = Flag("a", "{ enabled: true, default: on }", "{ enabled: true, default: off }");
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", flag}, {"tests/a.yaml", test}});
  ASSERT_EQ(Guidon({"test", files.path()}).exit_code, 0);
  const Finished refused = PromoteFiles(files, {"--overwrite", "--yes"});
  EXPECT_EQ(refused.exit_code, 1) << refused.output << refused.errors;
  EXPECT_THAT(refused.output, HasSubstr("fail    static.test  " + (files / "tests/a.yaml") + ":1:3\n"));
  EXPECT_THAT(refused.output, HasSubstr("owner shop"));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), flag);
  files.Write("tests/a.yaml", "- { flag: a, environment: production, given: { key: u }, expect: on }\n");
  EXPECT_EQ(PromoteFiles(files, {"--overwrite", "--yes"}).exit_code, 0);
}

TEST(PromoteFilesTest, PersonalDataIsRefusedWithItsPlace) {
  const std::string flag =
      Flag("a", "{ enabled: true, rules: [{ when: { email: { ends_with: x } }, serve: on }], default: off }", "");
  const Workspace files({{"guidon.yaml", kProject},
                         {"gate.yaml", "rules: { static.personal-data: { attributes: [email] } }\n"},
                         {"flags/a.yaml", flag}});
  const Finished refused = PromoteFiles(files, {"--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("fail    static.personal-data  " + (files / "flags/a.yaml") + ":11:23\n"));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), flag);
}

// A map that names the flag and is not it is left alone.
TEST(PromoteFilesTest, TheFlagIsTheMapWhereItIsDefined) {
  const std::string test =
      "flag: a\nenvironments: { staging: { enabled: true }, production: { enabled: false } }\ngiven: {}\nexpect: on\n";
  const std::string flag = Flag("a", "{ enabled: true }", "{ enabled: false }");
  const auto edit = [&](int line) {
    Result<format::Tree> tree = format::TreeOf(test + "---\n" + flag);
    EXPECT_TRUE(tree);
    const Status edited =
        cli::EditTargeting(*tree, {"a", line, "staging", "production", Value(Object{{"enabled", Value(true)}}),
                                   Value(Object{{"enabled", Value(false)}})});
    return edited ? format::WriteTree(*std::move(tree), 120) : edited.error().message;
  };
  EXPECT_EQ(edit(6), test + "---\n" + Flag("a", "{ enabled: true }", "{ enabled: true }"));
  EXPECT_EQ(edit(7), "flag 'a': its map cannot be found on line 7: edit it by hand");
}

TEST(PromoteFilesTest, WhatIsNoLongerValidIsRefused) {
  const std::string flag = Flag("a", "{ enabled: true, rules: [{ id: try, experiment: trial }], default: off }", "");
  const Workspace files({{"guidon.yaml", kProject},
                         {"flags/a.yaml", flag},
                         {"metrics/m.yaml", "metric: m\nowner: shop\nevent: order\ntype: conversion\n"},
                         {"experiments/trial.yaml",
                          "experiment: trial\nowner: shop\nflag: a\nenvironment: staging\nunit: key\nvariants:\n"
                          "  control: { serves: off, weight: 50% }\n  new: { serves: on, weight: 50% }\n"
                          "metrics: { primary: m }\n"}});
  const Finished refused = PromoteFiles(files, {"--yes"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.output, HasSubstr("change.refused"));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), flag);
}

// The name has no room for the ending of a file beside it.
TEST(PromoteFilesTest, WhereOneCannotBeWrittenNoneIs) {
  const std::string longest = "flags/" + std::string(245, 'z') + ".yaml";
  const std::string a = Flag("a", kTen, ""), z = Flag("z", kTen, "");
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", a}, {longest, z}});
  const Finished done = PromoteFiles(files, {"--yes"});
  EXPECT_EQ(done.exit_code, 2);
  EXPECT_THAT(done.output, Not(HasSubstr("promoted")));
  EXPECT_THAT(done.errors, HasSubstr("cannot write " + (files / longest)));
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), a);
  EXPECT_EQ(TextFile(files / longest), z);
}

// An alias before its anchor would be no YAML: nothing is written then.
TEST(PromoteFilesTest, WhatCannotBeWrittenIsLeftAlone) {
  const std::string text =
      "flag: a\ntype: boolean\nowner: shop\nenvironments:\n"
      "  production: {}\n  staging: { enabled: true, off: &none off, default: *none }\n";
  const Workspace files({{"guidon.yaml", kProject}, {"flags/a.yaml", text}});
  const Finished refused = PromoteFiles(files, {"--yes"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_EQ(TextFile(files / "flags/a.yaml"), text);
}

}  // namespace
}  // namespace guidon::testing
