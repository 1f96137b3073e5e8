// guidon gate against the state of a real server, and of applications that use the SDK.
#include <gmock/gmock.h>

#include <guidon/client.h>
#include "core/base/json.h"
#include "core/model/units.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Flags(const std::string& enabled = "true") {
  return "- flag: checkout.v2\n  type: boolean\n  owner: payments\n  environments:\n    staging: { enabled: true, "
         "default: "
         "on }\n    production:\n      enabled: " +
         enabled +
         "\n      rules: [{ id: r, serve: on, ramp: [{ at: 10%, hold: 1d }, { at: 100% }] }]\n      default: off\n"
         "- { flag: plain, type: boolean, owner: search, environments: { production: { enabled: true, default: off } } "
         "}\n";
}

class GateLiveTest : public ::testing::Test {
 protected:
  explicit GateLiveTest(const GuidondOptions& options = {})
      : server(options),
        files({{"guidon.yaml", "project: shop\nenvironments: { staging: {}, production: {} }\n"},
               {"flags/all.yaml", Flags()},
               {"metrics/orders.yaml", "metric: orders\nowner: search\nevent: order\ntype: conversion\n"},
               {"experiments/one.yaml",
                "experiment: one\nowner: ana\nhypothesis: More.\nflag: plain\nenvironment: production\nstate: running\n"
                "unit: account\nmetrics: { primary: { use: orders } }\nramp: [{ at: 10%, hold: 1d }, { at: 100% }]\n"
                "variants: { control: { serves: off, weight: 50% }, t: { serves: on, weight: 50% } }\n"}}) {
    EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  }

  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }

  // Of the server alone, by these rules.
  Finished Gate(const std::string& rules, std::vector<std::string> more = {}) {
    policies.Write("gate.yaml", "rules: { " + rules + " }\n");
    more.insert(more.begin(), {"gate", "-e", "production", "--policy", policies / "gate.yaml"});
    return Cli(std::move(more));
  }

  Guidond server;
  const Workspace files, policies;
};

TEST_F(GateLiveTest, FlagsAreAsThePolicyDemandsIt) {
  const auto demand = [&](const std::string& text) { return Gate("live.state: { demands: [{ " + text + " }] }"); };
  const Finished met = demand("flag: checkout.v2, serves: on, in: staging");
  EXPECT_EQ(met.exit_code, 0) << met.output << met.errors;
  EXPECT_EQ(met.output,
            "not looked at: static, as no --workspace was given\nnot looked at: change, as no --workspace was given\n"
            "not looked at: code, as no --code was given\nnot looked at: delivery, as no --revision was given\n"
            "PASS  production: nothing found\n");
  // It is so since now; a day from now it is long enough.
  const Finished young = demand("flag: checkout.v2, serves: on, in: staging, for: 24h");
  EXPECT_EQ(young.exit_code, 3) << young.output << young.errors;
  EXPECT_THAT(young.output, HasSubstr("hold    live.state  "));
  EXPECT_THAT(young.output, HasSubstr("it is as demanded in staging since 20"));
  EXPECT_EQ(Gate("live.state: { demands: [{ flag: checkout.v2, serves: on, in: staging, for: 24h }] }",
                 {"--now", "2099-01-01T00:00:00Z"})
                .exit_code,
            0);
  const Finished ramp = demand("flag: checkout.v2, serves: on");
  EXPECT_EQ(ramp.exit_code, 1);
  EXPECT_THAT(ramp.output,
              HasSubstr("flag checkout.v2: it serves 'on' to 10% for sure in production; the policy demands "
                        "100% (change the flag there, or the demand); owner payments"));
  const Finished unknown = demand("flag: checkout.v3, is: enabled");
  EXPECT_EQ(unknown.exit_code, 1) << "no usage error";
  EXPECT_THAT(unknown.output, HasSubstr("and the server has no such flag (did you mean 'checkout.v2'?)"));
  // An environment that is not there is one.
  EXPECT_EQ(Cli({"gate", "-e", "prodution"}).exit_code, 2);
}

TEST_F(GateLiveTest, TheTimeOfADemandBeginsAnewWithTheChangeThatBrokeIt) {
  ASSERT_EQ(Cli({"flag", "off", "checkout.v2", "-e", "staging"}).exit_code, 0);
  ASSERT_EQ(Cli({"flag", "on", "checkout.v2", "-e", "staging"}).exit_code, 0);
  ASSERT_EQ(Cli({"flag", "off", "checkout.v2", "-e", "production"}).exit_code, 0);
  const Value change = JsonLinesOf(Cli({"flag", "history", "checkout.v2", "--json"})).at(1);
  const std::int64_t since = *ParseTimestamp(change.Find("time")->AsString());
  const auto at = [&](std::int64_t now) {
    return Gate("live.state: { demands: [{ flag: checkout.v2, is: enabled, in: staging, for: 1d }] }",
                {"--now", FormatTimestamp(now)})
        .exit_code;
  };
  // The newest change, in production, is none of it.
  EXPECT_EQ(at(since + 86'400'000 - 1), 3);
  EXPECT_EQ(at(since + 86'400'000), 0);
}

TEST_F(GateLiveTest, RampsHaveComeFarEnough) {
  EXPECT_EQ(Gate("").exit_code, 0);
  EXPECT_EQ(Gate("live.ramp: { at_least: 10% }").exit_code, 0);
  const Finished below = Gate("live.ramp: { at_least: 50% }");
  EXPECT_EQ(below.exit_code, 3) << below.output;
  EXPECT_THAT(below.output, HasSubstr("hold    live.ramp  flag checkout.v2\n        the ramp of rule r stands at 10%; "
                                      "the policy demands 50%; 100% is due at 20"));
  EXPECT_THAT(below.output, HasSubstr("hold    live.ramp  experiment one\n        its ramp stands at 10%; the policy "
                                      "demands 50%; 100% is due at 20"));
  const Finished named = Gate("live.ramp: { at_least: 50% }", {"--experiment", "one"});
  EXPECT_THAT(named.output, HasSubstr("hold    live.ramp      experiment one\n        its ramp stands at 10%"));
  EXPECT_THAT(named.output, Not(HasSubstr("checkout.v2")));
  ASSERT_EQ(Cli({"experiment", "ramp", "one", "pause"}).exit_code, 0);
  EXPECT_THAT(Gate("").output, HasSubstr("its ramp is paused at 10%"));
  ASSERT_EQ(Cli({"experiment", "ramp", "one", "resume"}).exit_code, 0);
  ASSERT_EQ(Cli({"flag", "ramp", "checkout.v2", "abort", "-e", "production", "--comment", "errors"}).exit_code, 0);
  const Finished aborted = Gate("");
  EXPECT_EQ(aborted.exit_code, 1);
  EXPECT_THAT(aborted.output, HasSubstr("the ramp of rule r was aborted at 20"));
  EXPECT_THAT(aborted.output, HasSubstr(": “errors”"));
}

TEST_F(GateLiveTest, AFlagThatWasSwitchedOffByHandIsNotReleasedOver) {
  const auto with_files = [&] { return Cli({"gate", "-e", "production", "-w", files.path()}); };
  EXPECT_EQ(with_files().exit_code, 0) << with_files().output;
  ASSERT_EQ(Cli({"flag", "off", "checkout.v2", "-e", "production", "--comment", "too slow"}).exit_code, 0);
  const Finished off = with_files();
  EXPECT_EQ(off.exit_code, 1) << off.output << off.errors;
  EXPECT_THAT(off.output, HasSubstr("fail    live.kill-switch  " + files.path() + "/flags/all.yaml:7:"));
  EXPECT_THAT(off.output, HasSubstr("it was switched off at 20"));
  EXPECT_THAT(off.output, HasSubstr(": “too slow”, and the files have it enabled"));
  EXPECT_EQ(Gate("").exit_code, 0) << "without files nobody misses it";
  // The files say so, too; then they enable it again.
  files.Write("flags/all.yaml", Flags("false"));
  EXPECT_EQ(with_files().exit_code, 0) << with_files().output;
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  files.Write("flags/all.yaml", Flags("true"));
  EXPECT_EQ(with_files().exit_code, 0) << with_files().output;
}

TEST_F(GateLiveTest, WhatWasDoneInAnEmergencyIsLookedAtFirst) {
  ASSERT_EQ(
      server.Call("PUT", "/api/v1/projects/shop/environments/production", {.body = R"({"protected":true})"}).status,
      200);
  EXPECT_EQ(Gate("").exit_code, 0);
  const Finished off =
      Cli({"flag", "off", "checkout.v2", "-e", "production", "--emergency", "--reason", "orders are lost"});
  ASSERT_EQ(off.exit_code, 0) << off.errors;
  const Finished gate = Gate("");
  EXPECT_EQ(gate.exit_code, 1) << gate.output;
  EXPECT_THAT(gate.output, HasSubstr("fail    live.kill-switch  flag checkout.v2\n"));
  EXPECT_THAT(gate.output, HasSubstr(" in an emergency: “orders are lost”"));
  ASSERT_EQ(Cli({"flag", "off", "plain", "-e", "production", "--request", "No more of it"}).exit_code, 0);
  const Finished request = Gate("live.kill-switch: off");
  EXPECT_EQ(request.exit_code, 0) << request.output;
  EXPECT_THAT(request.output, HasSubstr("warn    live.change-request  change request 1\n"));
  EXPECT_THAT(request.output, HasSubstr("“No more of it” would alter production: it has 0 of 1 approval"));
}

TEST_F(GateLiveTest, AllRunningExperimentsAreLookedAtAndEvidenceWhereThePolicyNamesIt) {
  EXPECT_EQ(Gate("").exit_code, 0);
  const Finished all = Gate("live.evidence: { min_days: 7, min_units: 1000 }");
  EXPECT_EQ(all.exit_code, 3) << all.output;
  EXPECT_THAT(all.output, HasSubstr("it has run for 0 days; 7 days are wanted"));
  EXPECT_THAT(all.output, HasSubstr("it has 0 units; 1000 are wanted"));
  const Finished named = Gate("", {"--experiment", "one"});
  EXPECT_EQ(named.exit_code, 3) << named.output;
  EXPECT_THAT(named.output, Not(HasSubstr("days are wanted")));
  ASSERT_EQ(Cli({"experiment", "pause", "one"}).exit_code, 0);
  EXPECT_EQ(Gate("live.evidence: { min_days: 7 }").exit_code, 0) << "it does not run";
}

TEST_F(GateLiveTest, CodeIsHeldAgainstTheServerOrASnapshotWithoutFiles) {
  files.Write("flags/all.yaml", Flags() + "- { flag: old, type: boolean, archived: true }\n");
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const Workspace code;
  code.Write("a.py",
             "client.get_boolean_value('plain', False)\nclient.get_boolean_value('plian', False)\n"
             "client.get_string_value('plain', '')\nclient.get_boolean_value('old', False)\n");
  const Finished live = Cli({"gate", "-e", "production", "--code", code.path()});
  EXPECT_EQ(live.exit_code, 1) << live.output << live.errors;
  EXPECT_THAT(live.output, HasSubstr(code / "a.py:2:26\n        flag plian: the code reads it, and there is no such"));
  EXPECT_THAT(live.output, HasSubstr(code / "a.py:3:25\n        flag plain: the code reads it as string"));
  EXPECT_THAT(live.output, HasSubstr("code.archived-flag  " + code / "a.py:4:"));
  EXPECT_THAT(live.output, Not(HasSubstr("code.unused-flag"))) << "other code may read them";
  ASSERT_EQ(Cli({"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  const Finished file =
      Guidon({"gate", "-e", "production", "--code", code.path(), "--snapshot", files / "production.json"});
  EXPECT_EQ(file.exit_code, 1) << file.output << file.errors;
  EXPECT_THAT(file.output, HasSubstr(code / "a.py:2:26\n        flag plian: the code reads it, and there is no such"));
  EXPECT_THAT(file.output, HasSubstr(code / "a.py:3:25\n        flag plain: the code reads it as string"));
  EXPECT_THAT(file.output, HasSubstr("not looked at: live, as --snapshot was given\n"));
  EXPECT_EQ(Guidon({"gate", "-e", "staging", "--code", code.path(), "--snapshot", files / "production.json"}).exit_code,
            2);
  EXPECT_EQ(Guidon({"gate", "-e", "production", "--code", code.path(), "--offline"}).exit_code, 2);
  EXPECT_EQ(Guidon({"gate", "-e", "production", "--snapshot", files / "production.json"}).exit_code, 2);
}

// ---- Delivery ------------------------------------------------------------------------------------------------------

class GateDeliveryTest : public GateLiveTest {
 protected:
  GateDeliveryTest()
      : GateLiveTest({.listen = "127.0.0.1:" + std::to_string(FixedPort())}),
        key(server.CreateSdkKey("shop", "production")) {}

  ClientConfig Shop(const std::string& version) const {
    ClientConfig config;
    config.server = server.url();
    config.key = key;
    config.application = "shop";
    config.application_version = version;
    config.status_delay = std::chrono::milliseconds(20);
    config.status_interval = std::chrono::milliseconds(200);
    config.backoff_most = std::chrono::milliseconds(200);
    return config;
  }

  Finished Delivered(std::vector<std::string> more, const std::string& rules = "") {
    more.insert(more.begin(), {"--revision", "head", "--settle", "0s"});
    return Gate(rules, std::move(more));
  }

  const std::string key;
};

TEST_F(GateDeliveryTest, WaitsUntilEnoughProcessesHoldTheRevision) {
  auto old = std::make_unique<Client>(Shop("4.1.0"));
  const Client current(Shop("4.2.0"));
  const Finished all = Delivered({"--min-live", "2", "--wait", "30s"});
  EXPECT_EQ(all.exit_code, 0) << all.output << all.errors;
  EXPECT_THAT(all.output, Not(HasSubstr("not looked at: delivery")));

  // One of the two goes, and counts until it is not heard of for three minutes.
  old.reset();
  ASSERT_EQ(Cli({"flag", "off", "plain", "-e", "production"}).exit_code, 0);
  EXPECT_EQ(Delivered({"--min-share", "50%", "--wait", "30s"}).exit_code, 0);
  EXPECT_EQ(Delivered({}, "delivery.share: { min_share: 50% }").exit_code, 0) << "the policy says it, too";
  const Finished hold = Delivered({"--wait", "300ms"}, "delivery.share: { min_share: 60% }");
  EXPECT_EQ(hold.exit_code, 3) << hold.output;
  EXPECT_THAT(hold.output,
              HasSubstr("hold    delivery.share  environment production\n        1 of 2 live processes (50%) "
                        "hold revision "));
  EXPECT_THAT(hold.output, HasSubstr("; 60% wanted\n"));
  EXPECT_THAT(hold.output, HasSubstr("hold    delivery.share  application shop 4.1.0\n"
                                     "        1 process holds revision "));
  EXPECT_THAT(hold.output, Not(HasSubstr("4.2.0"))) << "no laggard";
  // Of a release.
  EXPECT_EQ(Delivered({"--release", "4.2.0"}).exit_code, 0);
  EXPECT_EQ(Delivered({"--release", "4.1.0"}).exit_code, 3);
  const Finished nobody = Delivered({"--release", "4.3.0"});
  EXPECT_EQ(nobody.exit_code, 3);
  EXPECT_THAT(nobody.output, HasSubstr("0 of 0 live processes of 4.3.0 hold revision "));
  EXPECT_THAT(nobody.output, HasSubstr("; 1 live process wanted\n"));
  EXPECT_EQ(Delivered({"--release", "4.3.0", "--min-live", "0"}, "delivery.share: { min_live: 9 }").exit_code, 0);
  EXPECT_EQ(Delivered({"--release", "4.3.0"}, "delivery.share: { min_live: 0 }").exit_code, 0);
  // The same for who asks without a gate.
  EXPECT_EQ(Cli({"propagation", "-e", "production", "--settle", "0s", "--release", "4.2.0"}).exit_code, 0);
  const Finished of_old = Cli({"propagation", "-e", "production", "--settle", "0s", "--release", "4.1.0"});
  EXPECT_EQ(of_old.exit_code, 3);
  EXPECT_THAT(of_old.output, HasSubstr("0 of 1 live processes of 4.1.0 (0%) hold revision "));
}

TEST_F(GateDeliveryTest, DoesNotWaitWhereSomethingHasToBeMendedOrWaitedForAnyway) {
  const Finished fail =
      Delivered({"--min-live", "5", "--wait", "1h"}, "live.state: { demands: [{ flag: plain, is: disabled }] }");
  EXPECT_EQ(fail.exit_code, 1) << fail.output;
  EXPECT_THAT(fail.output, HasSubstr("5 live processes wanted\n"));
  const Finished hold = Delivered({"--min-live", "5", "--wait", "1h"}, "live.ramp: { at_least: 50% }");
  EXPECT_EQ(hold.exit_code, 3) << hold.output;
  EXPECT_THAT(hold.output, HasSubstr("5 live processes wanted\n"));
}

TEST_F(GateDeliveryTest, AnSdkThatCannotEvaluateAFlagIsNamed) {
  const Client current(Shop("4.2.0"));
  ASSERT_EQ(Delivered({"--wait", "30s"}).exit_code, 0);
  const auto say = [&](const std::string& broken) {
    return server
        .Call("POST", "/sdk/v1/status",
              {.key = key,
               .body = R"({"instance":"x","sdk":{"name":"guidon-cpp","version":"0.0.9"},"application":{"name":"shop",)"
                       R"("version":"4.0.0"},"epoch":"e","revision":1,"broken":[)" +
                       broken + "]}"})
        .status;
  };
  ASSERT_EQ(say(R"("plain","checkout.v2")"), 204);
  const Finished broken = Delivered({"--min-share", "50%"});
  EXPECT_EQ(broken.exit_code, 1) << broken.output;
  EXPECT_THAT(broken.output, HasSubstr("fail    delivery.old-sdk  application shop 4.0.0\n"));
  EXPECT_THAT(broken.output, HasSubstr("1 process uses guidon-cpp 0.0.9, which cannot evaluate checkout.v2, plain"));
  EXPECT_EQ(Delivered({"--release", "4.2.0"}).exit_code, 0) << "of another release";
  ASSERT_EQ(say(""), 204);
  EXPECT_EQ(Delivered({"--min-share", "50%"}).exit_code, 0);
  const Finished least = Delivered({"--min-share", "50%"}, "delivery.old-sdk: { least: { guidon-cpp: 0.1.0 } }");
  EXPECT_EQ(least.exit_code, 1) << least.output;
  EXPECT_THAT(least.output, HasSubstr("1 process uses guidon-cpp 0.0.9; the policy demands 0.1.0"));
}

TEST_F(GateDeliveryTest, AnSdkThatDoesNotKnowWhatAChangeUsesIsNamedBeforeTheRelease) {
  const Client current(Shop("4.2.0"));
  ASSERT_EQ(Delivered({"--wait", "30s"}).exit_code, 0);
  const auto gate = [&] { return Cli({"gate", "-e", "production", "-w", files.path()}); };
  files.Write(
      "flags/more.yaml",
      "flag: more\ntype: boolean\nowner: x\nenvironments:\n  production:\n    enabled: true\n    rules: [{ when: "
      "{ app: { semver_gte: 4.2.0 } }, serve: on }]\n    default: off\n");
  const Finished known = gate();
  EXPECT_EQ(known.exit_code, 0) << known.output << known.errors;
  EXPECT_THAT(known.output, HasSubstr("not looked at: delivery, as no --revision was given, but for SDKs that do not "
                                      "know"));
  ASSERT_EQ(server
                .Call("POST", "/sdk/v1/status",
                      {.key = key,
                       .body = R"({"instance":"x","sdk":{"name":"guidon-cpp","version":"0.0.9"},"application":)"
                               R"({"name":"shop","version":"4.0.0"},"epoch":"e","revision":1})"})
                .status,
            204);
  const Finished old = gate();
  EXPECT_EQ(old.exit_code, 1) << old.output << old.errors;
  EXPECT_THAT(old.output, HasSubstr("fail    delivery.old-sdk  " + files.path() + "/flags/more.yaml:1:"));
  EXPECT_THAT(old.output, HasSubstr("application shop 4.0.0: 1 process uses guidon-cpp 0.0.9, which does not know what "
                                    "the change uses: operator semver_gte of flag more (since 0.1.0) (update the SDK "
                                    "there first)"));
  // Nobody who asks no server is told, nor who wants no such rule, nor who changes nothing.
  policies.Write("off.yaml", "rules: { delivery.old-sdk: off }\n");
  EXPECT_EQ(Cli({"gate", "-e", "production", "-w", files.path(), "--policy", policies / "off.yaml"}).exit_code, 0);
  ASSERT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  const Finished same = gate();
  EXPECT_EQ(same.exit_code, 0) << same.output;
  EXPECT_THAT(same.output, HasSubstr("not looked at: delivery, as no --revision was given\n"));
}

TEST_F(GateDeliveryTest, GoesOnWaitingWhileTheServerRestarts) {
  const Client client(Shop("4.2.0"));
  Process waiting({GUIDON_BIN_DIR "/guidon", "gate", "-p", "shop", "-e", "production", "--revision", "head", "--settle",
                   "0s", "--min-live", "2", "--wait", "60s"},
                  {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + server.admin_key()});
  ASSERT_TRUE(waiting.WaitForErrors("waiting for delivery: 1 of 1 live processes (100%)")) << waiting.Errors();
  server.Kill();
  server.Start();
  const Client another(Shop("4.2.0"));
  EXPECT_EQ(waiting.WaitForExit(), 0) << waiting.Output() << waiting.Errors();
}

TEST_F(GateDeliveryTest, WhatIsAskedOfDeliveryNeedsARevision) {
  for (const char* name : {"--min-share", "--wait", "--release"}) {
    EXPECT_EQ(Cli({"gate", "-e", "production", name, "10m"}).exit_code, 2) << name;
  }
  EXPECT_EQ(Cli({"gate", "-e", "production", "-w", files.path(), "--offline", "--revision", "head"}).exit_code, 2);
  EXPECT_EQ(Delivered({"--wait", "long"}).exit_code, 2);
  EXPECT_EQ(Cli({"gate", "-e", "production", "--revision", "9999", "--settle", "0s"}).exit_code, 2);
  // A server that has just started knows nobody yet.
  const Finished early = Cli({"gate", "-e", "production", "--revision", "head", "--min-live", "0"});
  EXPECT_EQ(early.exit_code, 3);
  EXPECT_THAT(early.output, HasSubstr("65s are wanted"));
}

}  // namespace
}  // namespace guidon::testing
