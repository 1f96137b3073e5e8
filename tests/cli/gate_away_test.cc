// guidon gate where there is no server, or none that answers all that it is asked.
#include <gmock/gmock.h>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Answer kAway = {R"({"detail":"not now"})", "application/json", 503};
const Answer kNoChange = {R"({"changes":[],"conflicts":[]})"}, kUnprotected = {R"({"protected":false})"};

class GateAwayTest : public ::testing::Test {
 protected:
  std::vector<std::string> Words(std::vector<std::string> more) const {
    more.insert(more.begin(), {"gate", "-e", "production", "-w", files.path()});
    return more;
  }
  // The policy makes a verdict of a server that stops answering there.
  void ForEachVerdict(const std::vector<std::string>& words, const std::vector<Answer>& answers,
                      const std::vector<std::string>& not_looked) {
    for (const auto& [word, code] : {std::pair("pass", 0), std::pair("fail", 1), std::pair("hold", 3)}) {
      files.Write("gate.yaml", std::string("record: off\nunreachable: ") + word + "\n");
      const Finished done = Asking(words, answers);
      EXPECT_EQ(done.exit_code, code) << done.output << done.errors;
      EXPECT_THAT(done.output, HasSubstr("; the server cannot be reached\n"));
      EXPECT_THAT(done.output, HasSubstr(Told(not_looked)));
    }
    files.Write("gate.yaml", "record: off\n");
    const Finished silent = Asking(words, answers);
    EXPECT_EQ(silent.exit_code, 4) << "without a word of the policy there is no verdict";
    EXPECT_THAT(silent.output, HasSubstr(Told(not_looked)));
    EXPECT_THAT(silent.output, HasSubstr("\nNO VERDICT  production: "));
    EXPECT_EQ(silent.errors, "guidon: not now\n");
  }
  static std::string Told(const std::vector<std::string>& not_looked) {
    std::string told;
    for (const std::string& group : not_looked) {
      told += "not looked at: " + group + ", as the server cannot be reached\n";
    }
    return told;
  }

  Workspace files{{{"guidon.yaml", "project: shop\nenvironments: { production: {} }\n"},
                   {"flags/plain.yaml",
                    "flag: plain\ntype: boolean\nowner: search\nenvironments: { production: { "
                    "enabled: true, default: off } }\n"},
                   {"src/main.cc", "bool x = client.Bool(\"plain\", context, false);\n"}}};
};

TEST_F(GateAwayTest, ThePolicySaysWhatItMeansWhileUsageIsAway) {
  ForEachVerdict(Words({"--code", files / "src"}), {kNoChange, kUnprotected, kAway}, {"usage", "live"});
}

TEST_F(GateAwayTest, AndWhileTheLiveStateIs) {
  ForEachVerdict(Words({}), {kNoChange, kUnprotected, kAway}, {"live"});
  // Counts that nobody wanted are not told as missing.
  const Finished done = Asking(Words({"--policy", files / "gate.yaml"}), {kNoChange, kUnprotected, kAway});
  EXPECT_THAT(done.output, Not(HasSubstr("usage")));
}

TEST_F(GateAwayTest, AndWhileDeliveryIs) {
  Guidond server;
  files.Write("gate.yaml", "rules: { static.constant-flag: off }\n");
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  ASSERT_EQ(GuidonOf(server, {"export", "-e", "production", "-o", files / "production.json"}).exit_code, 0);
  ForEachVerdict(Words({"--snapshot", files / "production.json", "--revision", "head"}), {kAway}, {"delivery"});
}

// What needs no server is found and told all the same, in every format.
TEST_F(GateAwayTest, WhatFilesAndCodeShowIsToldWhateverThePolicySays) {
  std::vector<std::string> words = Words({"--code", files / "src", "--server", "http://127.0.0.1:1", "--json"});
  const std::vector<std::string> formats = {"table", "json", "sarif", "junit", "codequality", "markdown", "github"};
  for (const std::string& format : formats) {
    words.insert(words.end(), {"--also", format + "=" + (files / format)});
  }
  const auto gate = [&] { return Guidon(words, {"GUIDON_KEY=gdn_adm_none"}); };
  const Finished away = gate();
  EXPECT_EQ(away.exit_code, 4) << away.errors;
  EXPECT_EQ(away.errors.find("guidon: "), away.errors.rfind("guidon: ")) << "told once: " << away.errors;
  const Value said = JsonOf(away);
  EXPECT_EQ(said.Find("verdict")->AsString(), "none");
  EXPECT_TRUE(said.Find("unreachable")->AsBool());
  std::vector<std::string> looked;
  for (const Value& group : said.Find("looked")->AsArray()) {
    if (group.Find("done")->AsBool()) looked.push_back(group.Find("group")->AsString());
  }
  EXPECT_THAT(looked, ElementsAre("static", "tests", "code"));
  EXPECT_THAT(TextFile(files / "table"),
              AllOf(HasSubstr("not looked at: change, as the server cannot be reached\n"),
                    HasSubstr("not looked at: live, as the server cannot be reached\n"), HasSubstr("NO VERDICT  ")));
  EXPECT_THAT(TextFile(files / "markdown"), HasSubstr("No verdict on a release to production\n"));
  EXPECT_THAT(TextFile(files / "github"), HasSubstr("::error title=guidon gate::no verdict for production: "));

  files.Write("tests/a.yaml", "{ flag: plain, environment: production, given: {}, expect: on }\n");
  files.Write("src/main.cc", "bool x = client.Bool(\"plane\", context, false);\n");
  const Finished failing = gate();
  EXPECT_EQ(failing.exit_code, 1) << failing.errors;
  EXPECT_EQ(JsonOf(failing).Find("verdict")->AsString(), "fail");
  EXPECT_TRUE(JsonOf(failing).Find("unreachable")->AsBool());
  for (const std::string& format : formats) {
    EXPECT_THAT(TextFile(files / format), AllOf(HasSubstr("static.test"), HasSubstr("code.unknown-flag")));
  }
  for (const char* policy : {"unreachable: pass\n", "unreachable: hold\n", "unreachable: fail\n"}) {
    files.Write("gate.yaml", std::string("record: off\n") + policy);
    const Finished done = gate();
    EXPECT_EQ(done.exit_code, 1) << policy;
    EXPECT_EQ(done.errors.find("guidon: "), done.errors.rfind("guidon: ")) << "told once: " << done.errors;
  }
  files.Remove("gate.yaml");
  files.Write("flags/plain.yaml", "flag: plain\ntype: boolan\n");
  EXPECT_EQ(gate().exit_code, 1);
  EXPECT_THAT(TextFile(files / "table"), HasSubstr("fail    static.definitions"));
}

TEST_F(GateAwayTest, AFreezeIsSeenWithoutAServer) {
  files.Write("gate.yaml",
              "rules:\n  live.freeze:\n    windows: [{ from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, why: the "
              "holidays }]\n");
  const auto at = [&](const char* now) { return Guidon(Words({"--offline", "--now", now})); };
  const Finished frozen = at("2026-12-24T18:00:00Z");
  EXPECT_EQ(frozen.exit_code, 1) << frozen.output << frozen.errors;
  EXPECT_THAT(frozen.output, HasSubstr("fail    live.freeze  "));
  EXPECT_THAT(frozen.output, HasSubstr("the holidays"));
  EXPECT_THAT(frozen.output, HasSubstr("not looked at: live, as --offline was given\n"));
  // Code scanning takes nothing without a file: the one of the project, where the policy is no file of its tree.
  const Finished scanned = Guidon(Words({"--offline", "--now", "2026-12-24T18:00:00Z", "--sarif"}));
  EXPECT_THAT(scanned.output, HasSubstr(R"({"artifactLocation":{"uri":")" + files.path() + R"(/guidon.yaml"})"));
  EXPECT_EQ(at("2026-12-19T23:59:59Z").exit_code, 0);
  EXPECT_EQ(at("2027-01-02T00:00:00Z").exit_code, 0) << "the end belongs to the time after";
}

}  // namespace
}  // namespace guidon::testing
