// guidon change and comment, against a guidond whose production is protected: from opening a change request to its
// being applied, also by a server that was killed before its time.
#include <gmock/gmock.h>

#include "core/base/json.h"
#include "core/model/units.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class RequestTest : public ::testing::Test {
 protected:
  RequestTest() : files(SmallShop("shop")) {
    EXPECT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
    EXPECT_EQ(
        server.Call("PUT", "/api/v1/projects/shop/environments/production", {.body = R"({"protected":true})"}).status,
        200);
    const Finished made = GuidonOf(server, {"key", "create", "-p", "shop", "--kind", "admin", "--role", "approver"});
    approver = made.output.substr(0, made.output.size() - 1);
  }
  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }
  Finished CliOfApprover(std::vector<std::string> arguments) {
    return Guidon(std::move(arguments), {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + approver});
  }
  bool IsOn() {
    return server.Call("GET", "/api/v1/projects/shop/flags/greeting").body.find(R"("enabled":true)") !=
           std::string::npos;
  }
  static void ExpectNarrow(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 82u) << line;  // an ellipsis is 3 bytes
  }

  Guidond server;
  const Workspace files;
  std::string approver;
};

TEST_F(RequestTest, APlanSaysThatOthersHaveToApproveIt) {
  const auto plan = [&] { return Cli({"plan", files.path()}).output; };
  const auto ends_with = [](const std::string& text, const std::string& end) {
    EXPECT_TRUE(text.ends_with(end)) << text;
  };
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, production: { protected: true } }\n");
  ends_with(plan(), "nothing to change: the project is as the workspace says\n");
  files.Write("flags/loud.yaml",
              "flag: loud\ntype: boolean\nowner: x\nenvironments: { staging: { enabled: true, default: on } }\n");
  ends_with(plan(), "1 to create; nothing was written. To do it: guidon apply " + files.path() + "\n");
  files.Write("flags/loud.yaml",
              "flag: loud\ntype: boolean\nowner: x\nenvironments: { production: { enabled: true, default: on } }\n");
  ends_with(plan(),
            "This alters what is protected: production. Others have to approve it, by a change request.\n"
            "1 to create; nothing was written. To do it: guidon apply " +
                files.path() + " --request TITLE\n");
  EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 1);
  EXPECT_EQ(Cli({"apply", files.path(), "--request", "Loud"}).exit_code, 0);
  files.Write("guidon.yaml", "project: shop\nenvironments: { staging: {}, qa: {}, production: { protected: true } }\n");
  EXPECT_NE(plan().find("Apply the change of the project by itself first, or all of it as an emergency."),
            std::string::npos)
      << plan();
  ends_with(plan(), "To do it: guidon apply " + files.path() + " --emergency --reason TEXT\n");
  EXPECT_EQ(Cli({"apply", files.path(), "--request", "All"}).exit_code, 1);
  EXPECT_EQ(Cli({"apply", files.path(), "--emergency", "--reason", "as planned"}).exit_code, 0);

  const Result<Value> greeting = ParseJson(server.Call("GET", "/api/v1/projects/shop/flags/greeting").body);
  ASSERT_TRUE(greeting && greeting->Find("revision") != nullptr);
  const std::string revision = ToJson(*greeting->Find("revision"));
  const Finished off =
      Cli({"flag", "off", "greeting", "-e", "production", "--emergency", "--reason", "it is too loud"});
  EXPECT_EQ(off.exit_code, 0) << off.errors;
  ends_with(Cli({"flag", "revert", "greeting", "--to", revision}).output,
            "This alters what is protected: production. Others have to approve it, by a change request.\n"
            "nothing was written. To do it: guidon flag revert greeting --to " +
                revision + " --yes --request TITLE\n");
}

TEST_F(RequestTest, IsOpenedShownApprovedByAnotherAndApplied) {
  const Finished refused = Cli({"flag", "off", "greeting", "-e", "production"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("Open a change request: the same command with --request TITLE"), std::string::npos)
      << refused.errors;
  const Finished opened = Cli({"flag", "off", "greeting", "-e", "production", "--request", "Quiet"});
  EXPECT_EQ(opened.exit_code, 0) << opened.errors;
  EXPECT_EQ(opened.output,
            "opened change request 1 (open, 0/1 approval)\nSomebody else approves it: guidon change approve 1\n");
  EXPECT_TRUE(IsOn());
  EXPECT_EQ(Cli({"change", "approve", "1", "--version", "1"}).exit_code, 2) << "it is one's own";
  EXPECT_EQ(Cli({"change", "comment", "1", "too quiet?"}).output, "comment 1\n");
  const Finished shown = Cli({"change", "show", "1"});
  EXPECT_EQ(shown.exit_code, 0);
  for (const char* text : {"change request 1: Quiet\n", "  open, 0/1 approvals, version 1\n", "  alters production\n",
                           "~ flag greeting (production)", "too quiet?"}) {
    EXPECT_NE(shown.output.find(text), std::string::npos) << text << "\n" << shown.output;
  }
  const Finished list = Cli({"change", "list"});
  EXPECT_EQ(list.output,
            "NUMBER  STATE      APPROVALS  ENVIRONMENTS          TITLE\n"
            "     1  open       0/1        production            Quiet\n");
  EXPECT_EQ(Cli({"change", "apply", "1"}).exit_code, 1);
  const Finished unseen = CliOfApprover({"change", "approve", "1"});
  EXPECT_EQ(unseen.exit_code, 2);
  EXPECT_NE(unseen.errors.find("--version N, which 'guidon change show 1' prints"), std::string::npos) << unseen.errors;
  // Changed after it was looked at.
  EXPECT_EQ(server
                .Call("PATCH", "/api/v1/projects/shop/change-requests/1",
                      {.body = R"({"changes":[{"kind":"flag","key":"greeting","action":"patch",)"
                               R"("definition":{"environments":{"production":{"enabled":false}}}}]})"})
                .status,
            200);
  const Finished old = CliOfApprover({"change", "approve", "1", "--version", "1"});
  EXPECT_NE(old.exit_code, 0);
  EXPECT_NE(old.errors.find("is at version 2, not 1 any more; look at it again"), std::string::npos) << old.errors;
  const std::vector<std::string> mine = {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + approver};
  const std::string declined = OnTerminal({"change", "approve", "1"}, mine, "no\n");
  EXPECT_NE(declined.find("no longer enabled (production)"), std::string::npos) << declined;
  EXPECT_NE(declined.find("not approved"), std::string::npos) << declined;
  EXPECT_NE(Cli({"change", "show", "1"}).output.find("  open, 0/1 approvals, version 2\n"), std::string::npos);
  const Finished approved = CliOfApprover({"change", "approve", "1", "--version", "2", "--comment", "fine"});
  EXPECT_EQ(approved.exit_code, 0) << approved.errors;
  EXPECT_NE(approved.output.find("To apply it: guidon change apply 1\n"), std::string::npos) << approved.output;
  EXPECT_EQ(CliOfApprover({"change", "apply", "1"}).exit_code, 2);
  const Finished applied = Cli({"change", "apply", "1"});
  EXPECT_EQ(applied.output, "applied change request 1 (applied, 1/1 approval)\n") << applied.errors;
  EXPECT_FALSE(IsOn());
  EXPECT_EQ(Cli({"change", "list"}).output,
            "no such change requests; open one with: guidon apply DIR --request TITLE\n");
  EXPECT_EQ(JsonOf(Cli({"change", "show", "1", "--json"})).Find("state")->AsString(), "applied");
  EXPECT_EQ(JsonOf(Cli({"change", "list", "--state", "all", "--json"})).Find("change_requests")->AsArray().size(), 1u);
  EXPECT_EQ(Cli({"change", "show", "2"}).exit_code, 2);
  const Finished log = Cli({"audit", "log", "--action", "change_request.apply"});
  EXPECT_NE(log.output.find("approved by key:"), std::string::npos) << log.output;
}

TEST_F(RequestTest, OfAWorkspaceAndOfAFileAreRebasedRejectedWithdrawn) {
  files.Write("flags/more.yaml",
              "flag: more\ntype: boolean\nowner: x\nenvironments: { production: { enabled: true, default: on } }\n");
  EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 1);
  const Finished opened = Cli(
      {"apply", files.path(), "--request", "A title that is so long that a table of eighty columns cannot hold it"});
  EXPECT_EQ(opened.exit_code, 0) << opened.errors;
  files.Write("request.json", R"({"changes": [{"kind": "flag", "key": "greeting", "action": "patch",
                                 "definition": {"description": "hello"}}]})");
  const Finished from_file = Cli({"change", "open", "--title", "Say what it is", "--file", files / "request.json"});
  EXPECT_EQ(from_file.exit_code, 0) << from_file.errors;
  ExpectNarrow(Cli({"change", "list"}).output);
  EXPECT_EQ(Cli({"change", "reject", "1", "--reason", "later"}).exit_code, 0);
  EXPECT_NE(Cli({"change", "show", "1"}).output.find("because: later"), std::string::npos);
  EXPECT_EQ(Cli({"change", "rebase", "1"}).exit_code, 1);
  EXPECT_EQ(Cli({"change", "withdraw", "2"}).exit_code, 0);
  EXPECT_EQ(Cli({"change", "open", "--title", "x", "--file", files / "no.json"}).exit_code, 2);

  EXPECT_EQ(Cli({"comment", "greeting", "keep it"}).output, "comment 1\n");
  EXPECT_NE(Cli({"comment", "greeting"}).output.find("keep it"), std::string::npos);
  EXPECT_EQ(Cli({"comment", "greeting", "--delete", "1"}).output, "removed comment 1\n");
  EXPECT_EQ(Cli({"comment", "greeting"}).output, "no comments\n");

  EXPECT_EQ(Cli({"flag", "off", "greeting", "-e", "production", "--emergency"}).exit_code, 2);
  const Finished hurried =
      Cli({"flag", "off", "greeting", "-e", "production", "--emergency", "--reason", "orders fail & more"});
  EXPECT_EQ(hurried.exit_code, 0) << hurried.errors;
  EXPECT_FALSE(IsOn());
  const Finished log = Cli({"audit", "log", "--limit", "1"});
  EXPECT_NE(log.output.find("EMERGENCY without approvals in production: “orders fail & more”"), std::string::npos)
      << log.output;
}

// What a release does, once the files of a request are on the main branch.
class ApplyApprovedTest : public RequestTest {
 protected:
  // A flag that `when` holds for, in both environments.
  void WriteLoud(const std::string& when, const std::string& otherwise = "off") const {
    const std::string targeting = "{ enabled: true, rules: [{ id: some, when: { country: " + when +
                                  " }, serve: on }], default: " + otherwise + " }";
    files.Write("flags/loud.yaml", "flag: loud\ntype: boolean\nowner: x\nenvironments: { staging: " + targeting +
                                       ", production: " + targeting + " }\n");
  }
  Finished Apply(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"apply", files.path(), "--approved"};
    words.insert(words.end(), more.begin(), more.end());
    return Cli(words);
  }
  void Open(const std::string& title) {
    const Finished opened = Cli({"apply", files.path(), "--request", title});
    EXPECT_EQ(opened.exit_code, 0) << opened.errors;
  }
  void Approve(const std::string& number) {
    const Finished approved = CliOfApprover({"change", "approve", number, "--version", "1"});
    EXPECT_EQ(approved.exit_code, 0) << approved.errors;
  }
  void ExpectRefused(const std::string& why) {
    const Finished refused = Apply();
    EXPECT_EQ(refused.exit_code, 1) << refused.output;
    EXPECT_EQ(refused.output, "");
    EXPECT_THAT(refused.errors,
                HasSubstr("this change would alter protected environments: production; nothing was written. " + why));
  }
};

TEST_F(ApplyApprovedTest, WhatTakesNoApprovalIsAppliedAsEver) {
  EXPECT_THAT(Apply().output, HasSubstr("nothing to change: "));
  files.Write("flags/calm.yaml",
              "flag: calm\ntype: boolean\nowner: x\nenvironments: { staging: { enabled: true, default: on } }\n");
  const Finished done = Apply();
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(done.output, MatchesRegex("  \\+ flag calm[^\n]*\napplied as revision [0-9]+, 1 change\n"));
  EXPECT_EQ(Apply({"--request", "Loud"}).exit_code, 2);
  EXPECT_EQ(Apply({"--emergency", "--reason", "now"}).exit_code, 2);
}

TEST_F(ApplyApprovedTest, TheApprovedRequestThatDoesTheSameIsApplied) {
  WriteLoud("DE");
  ExpectRefused("No change request does what the files change; `guidon apply DIR --request TITLE` opens one");
  Open("Loud");
  ExpectRefused("Change request 1 does it and is open: have it approved");
  Approve("1");
  // One that does not do all of it, wherever.
  files.Write("flags/calm.yaml",
              "flag: calm\ntype: boolean\nowner: x\nenvironments: { staging: { enabled: true, default: on } }\n");
  ExpectRefused(
      "No change request does what the files change. Change request 1, which is approved, comes next to it, but leaves "
      "out flag calm. `guidon apply DIR --request TITLE` opens one that does all of it");
  files.Remove("flags/calm.yaml");
  WriteLoud("DE", "on");
  ExpectRefused(
      "No change request does what the files change. Change request 1, which is approved, comes next to it, "
      "but does something else to flag loud. ");
  // Two conditions are the same in words.
  WriteLoud("FR");
  ExpectRefused(
      "No change request does what the files change. Change request 1, which is approved, comes next to it, "
      "but does something else to flag loud. ");
  WriteLoud("DE");
  const Finished done = Apply();
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr("+ flag loud"));
  EXPECT_THAT(done.output, HasSubstr("\napplied change request 1 as revision "));
  EXPECT_THAT(done.output, Not(HasSubstr("nothing to change")));
  EXPECT_EQ(JsonOf(Cli({"change", "show", "1", "--json"})).Find("state")->AsString(), "applied");
  EXPECT_THAT(Cli({"audit", "log", "--action", "change_request.apply"}).output, HasSubstr("approved by key:"));
  // A release that is run again has nothing to do, …
  const Finished again = Apply();
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.output, HasSubstr("nothing to change: "));
  // … and the next change of the same place is no conflict.
  WriteLoud("DE", "on");
  Open("Louder");
  Approve("2");
  const Value document = JsonOf(Apply({"--json"}));
  EXPECT_EQ(ToJson(*document.Find("change_request")), "2");
  ASSERT_EQ(document.Find("changes")->AsArray().size(), 1u);
  EXPECT_EQ(document.Find("changes")->AsArray()[0].Find("key")->AsString(), "loud");
  EXPECT_THAT(server.Call("GET", "/api/v1/projects/shop/flags/loud").body, HasSubstr(R"("default":"on")"));
}

TEST_F(ApplyApprovedTest, OneThatIsStaleOrScheduledIsNot) {
  WriteLoud("DE");
  Open("Loud");
  Approve("1");
  ASSERT_EQ(Apply().exit_code, 0);
  WriteLoud("DE", "on");
  Open("Louder");
  Approve("2");
  const std::string at =
      FormatTimestamp(std::chrono::duration_cast<std::chrono::milliseconds>(
                          (std::chrono::system_clock::now() + std::chrono::hours(1)).time_since_epoch())
                          .count());
  ASSERT_EQ(Cli({"change", "schedule", "2", "--at", at}).exit_code, 0);
  ExpectRefused("Change request 2 does it and is scheduled for " + at + ": wait for that, or `guidon change apply 2`");
  // Of the flag something else has changed since, that moves nobody.
  ASSERT_EQ(server
                .Call("POST", "/api/v1/projects/shop/changes?emergency=a%20test",
                      {.body = R"({"changes":[{"kind":"flag","key":"loud","action":"patch",)"
                               R"("definition":{"description":"hello"}}]})"})
                .status,
            200);
  ExpectRefused("Change request 2 does it and is stale: `guidon change rebase 2`, and have it approved again");
  const Finished refused = Apply({"--json"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(JsonOf(refused).Find("code")->AsString(), "conflict");
}

// A patch does not say what comes out of it: what was approved is applied, and the files are not taken for applied.
TEST_F(ApplyApprovedTest, WhatTheRequestDidNotDoIsAProblem) {
  WriteLoud("DE");
  Open("Loud");
  Approve("1");
  ASSERT_EQ(Apply().exit_code, 0);
  const std::string targeting = R"({"rules":[{"id":"some","when":{"country":"FR"},"serve":"on"}]})";
  files.Write("request.json",
              R"({"changes":[{"kind":"flag","key":"loud","action":"patch","definition":{"environments":)" +
                  (R"({"staging":)" + targeting + R"(,"production":)" + targeting + "}}}]}"));
  ASSERT_EQ(Cli({"change", "open", "--title", "France", "--file", files / "request.json"}).exit_code, 0);
  Approve("2");
  WriteLoud("US");
  const Finished done = Apply();
  EXPECT_EQ(done.exit_code, 1) << done.output;
  EXPECT_THAT(done.errors, HasSubstr("guidon: change request 2 was applied as revision "));
  EXPECT_THAT(done.errors, HasSubstr(", and is not all that the files say; of the rest:"));
  EXPECT_THAT(done.output, HasSubstr("in the files   "));
  const std::string served = server.Call("GET", "/api/v1/projects/shop/flags/loud").body;
  EXPECT_THAT(served, HasSubstr("FR"));
  EXPECT_THAT(served, Not(HasSubstr("US")));
}

// The time comes while the server is gone; the end of it is asked for, as everything that alters production.
TEST_F(RequestTest, AnExperimentIsScheduledSurvivesAKilledServerAndIsConcludedByARequest) {
  const std::vector<std::string> hurry = {"--emergency", "--reason", "a test"};
  const auto experiment = [&](std::vector<std::string> words, const std::vector<std::string>& more = {}) {
    words.insert(words.begin(), "experiment");
    words.insert(words.end(), more.begin(), more.end());
    return Cli(words);
  };
  files.Write("experiments/hello.yaml",
              "experiment: hello\nowner: growth\nflag: greeting\nenvironment: production\nunit: key\n"
              "variants: { old: { serves: long, weight: 50% }, new: { serves: short, weight: 50% } }\n");
  ASSERT_EQ(Cli({"apply", files.path(), "--emergency", "--reason", "a test"}).exit_code, 0);
  const std::string at =
      FormatTimestamp(std::chrono::duration_cast<std::chrono::milliseconds>(
                          (std::chrono::system_clock::now() + std::chrono::seconds(2)).time_since_epoch())
                          .count());
  EXPECT_EQ(experiment({"start", "hello", "--at", at}).exit_code, 1) << "it takes an approval";
  ASSERT_EQ(experiment({"start", "hello", "--at", at}, hurry).exit_code, 0);
  server.Kill();
  server.Start();
  EXPECT_TRUE(Eventually([&] {
    return experiment({"status", "hello"}).output.find("  running, iteration 1") != std::string::npos;
  }));
  const Finished log = Cli({"audit", "log", "--json", "--action", "experiment.started"});
  EXPECT_EQ(std::count(log.output.begin(), log.output.end(), '\n'), 1) << log.output;
  EXPECT_NE(log.output.find(R"("principal":"system:experiment")"), std::string::npos) << log.output;

  EXPECT_EQ(experiment({"conclude", "hello", "--ship", "new"}).exit_code, 1);
  const Finished asked = experiment({"conclude", "hello", "--ship", "new", "--request", "Short greetings"});
  EXPECT_EQ(asked.exit_code, 0) << asked.errors;
  EXPECT_NE(asked.output.find("the same command without --request keeps the decision"), std::string::npos);
  ASSERT_EQ(CliOfApprover({"change", "approve", "1", "--version", "1"}).exit_code, 0);
  ASSERT_EQ(Cli({"change", "apply", "1"}).exit_code, 0);
  const Finished kept = experiment({"conclude", "hello", "--ship", "new", "--decision", "friendlier"});
  EXPECT_EQ(kept.exit_code, 0) << kept.errors;
  EXPECT_NE(kept.output.find("  concluded: new has won"), std::string::npos) << kept.output;
  EXPECT_NE(server.Call("GET", "/api/v1/projects/shop/flags/greeting").body.find(R"("default":"short")"),
            std::string::npos);
}

// The time comes while the server is gone.
TEST_F(RequestTest, AScheduleSurvivesAKilledServerAndIsCarriedOutOnce) {
  const auto in = [](std::chrono::milliseconds time) {
    return FormatTimestamp(std::chrono::duration_cast<std::chrono::milliseconds>(
                               (std::chrono::system_clock::now() + time).time_since_epoch())
                               .count());
  };
  ASSERT_EQ(Cli({"flag", "off", "greeting", "-e", "production", "--request", "Quiet"}).exit_code, 0);
  const std::string approved =
      OnTerminal({"change", "approve", "1"}, {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + approver}, "y\n");
  ASSERT_NE(approved.find("Approve version 1? [y/N]"), std::string::npos) << approved;
  ASSERT_NE(approved.find("change request 1 (approved, 1/1 approval)"), std::string::npos) << approved;
  const std::string at = in(std::chrono::seconds(3));
  const Finished scheduled = Cli({"change", "schedule", "1", "--at", at});
  ASSERT_EQ(scheduled.exit_code, 0) << scheduled.errors;
  EXPECT_EQ(scheduled.output,
            "scheduled change request 1 (scheduled, 1/1 approval)\nThe server applies it at " + at + "\n");
  server.Kill();
  server.Start();
  EXPECT_TRUE(Eventually([&] { return !IsOn(); }));
  const Finished log = Cli({"audit", "log", "--json", "--action", "change_request.apply"});
  EXPECT_EQ(std::count(log.output.begin(), log.output.end(), '\n'), 1) << log.output;
  EXPECT_NE(log.output.find(R"("principal":"system")"), std::string::npos) << log.output;
  EXPECT_NE(Cli({"change", "show", "1"}).output.find("applied by system"), std::string::npos);
}

}  // namespace
}  // namespace guidon::testing
