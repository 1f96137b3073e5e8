// guidon audit log, export and verify; guidon flag get, list, history and revert; evaluation at a past time.
#include <sys/stat.h>

#include <filesystem>
#include <sstream>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

namespace fs = std::filesystem;

// Revisions: 1 the first key, 2 the shop, 3 greeting is off in production.
class AuditTest : public ::testing::Test {
 protected:
  AuditTest() : files(SmallShop("shop")) {
    EXPECT_EQ(Cli({"apply", files.path(), "--comment", "all of it"}).exit_code, 0);
    EXPECT_EQ(Cli({"flag", "off", "greeting", "-e", "production"}).exit_code, 0);
  }
  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }
  std::string LogFile() {
    files.Write("guidond.log", server.Log());
    return files / "guidond.log";
  }
  // The public key that the start logged.
  std::string PublicKey() {
    const std::string log = server.Log();
    return log.substr(log.find("public_key=") + 11, 64);
  }
  static void ExpectIn(const std::string& text, const Finished& done) {
    EXPECT_NE(done.output.find(text), std::string::npos) << done.output << done.errors;
  }

  Guidond server;
  const Workspace files;
};

TEST_F(AuditTest, AVariableLimitsNeitherAnErasureNorTheLogAndWhatDoesIsSaid) {
  const auto in_shop = [this](std::vector<std::string> arguments) {
    return Guidon(std::move(arguments), {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + server.admin_key(),
                                         "GUIDON_PROJECT=shop", "GUIDON_ENVIRONMENT=staging"});
  };
  // What is of no project, such as the first key.
  EXPECT_EQ(in_shop({"audit", "log"}).output, Cli({"audit", "log"}).output);
  EXPECT_NE(in_shop({"audit", "log", "-p", "shop"}).output, Cli({"audit", "log"}).output);
  const Finished of_all = in_shop({"privacy", "erase", "--unit", "user-42", "--yes"});
  EXPECT_EQ(of_all.exit_code, 0) << of_all.errors;
  EXPECT_TRUE(of_all.output.starts_with("erased:\n")) << of_all.output;
  const Finished of_one = in_shop({"privacy", "erase", "--unit", "user-42", "--project", "shop"});
  EXPECT_TRUE(of_one.output.starts_with("in project shop alone: what others hold is not looked at\nwould be erased:\n"))
      << of_one.output;
  const Value json = JsonOf(in_shop({"privacy", "erase", "--unit", "user-42", "--project", "shop", "--json"}));
  EXPECT_EQ(json.Find("project")->AsString(), "shop");
  EXPECT_EQ(in_shop({"privacy", "export", "--unit", "user-42", "--project", "shop"}).errors,
            "0 findings in project shop alone\n");
  EXPECT_EQ(in_shop({"privacy", "export", "--unit", "user-42"}).errors, "0 findings\n");
  EXPECT_EQ(in_shop({"privacy", "erase", "--member", "ana", "--project", "shop"}).exit_code, 2);
}

TEST_F(AuditTest, TheLogIsATableAndAnExportVerifiesUntilItIsTouched) {
  const Finished log = Cli({"audit", "log"});
  EXPECT_EQ(log.exit_code, 0) << log.errors;
  EXPECT_TRUE(log.output.starts_with("REVISION  TIME (UTC)        WHO ")) << log.output;
  ExpectIn("definitions.change: change flag greeting (production)\n", log);
  ExpectIn(
      "workspace.apply: create project shop, create flag greeting, create flag new-checkout (production, staging): "
      "“all of it”\n",
      log);
  ExpectIn("  system", log);
  EXPECT_LT(log.output.find("\n       3  "), log.output.find("\n       2  "));
  const std::vector<Value> filtered =
      JsonLinesOf(Cli({"audit", "log", "-p", "shop", "--subject", "greeting", "--limit", "1", "--json"}));
  ASSERT_EQ(filtered.size(), 1u);
  EXPECT_EQ(filtered[0].Find("revision")->AsInt(), 3);
  EXPECT_EQ(Cli({"audit", "log", "--since", "2090-01-01T00:00:00Z"}).output, "no such entries\n");

  const Finished verified = Cli({"audit", "verify", "--public-key", PublicKey()});
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  EXPECT_TRUE(verified.output.starts_with("verified  3 revisions of epoch ")) << verified.output;
  EXPECT_EQ(verified.errors, "");
  EXPECT_EQ(Cli({"audit", "verify", "--public-key", std::string(64, 'a')}).exit_code, 1);

  const std::string file = files / "audit.jsonl";
  EXPECT_EQ(Cli({"audit", "export", "-o", file}).exit_code, 0);
  EXPECT_EQ(Guidon({"audit", "verify", "--file", file}).exit_code, 0);
  EXPECT_EQ(Cli({"audit", "export"}).output.substr(0, 20), TextFile(file).substr(0, 20));
  std::string text = TextFile(file);
  text.replace(text.find("all of it"), 9, "some of it");
  files.Write("audit.jsonl", text);
  const Finished bent = Guidon({"audit", "verify", "--file", file});
  EXPECT_EQ(bent.exit_code, 1);
  EXPECT_EQ(bent.output,
            "not verified  the first bad revision is 2, altered\n"
            "  revision 2  altered  the audit entry is not what was committed\n");
  const Value json = JsonOf(Guidon({"audit", "verify", "--file", file, "--json"}));
  EXPECT_FALSE(json.Find("verified")->AsBool());
  EXPECT_EQ(json.Find("faults")->AsArray()[0].Find("kind")->AsString(), "altered");
  EXPECT_EQ(Guidon({"audit", "verify", "--file", files / "guidon.yaml"}).exit_code, 1);
}

TEST_F(AuditTest, WhetherTheServerServesIsSaidToAnybody) {
  const std::vector<std::string> nobody = {"GUIDON_SERVER=" + server.url()};
  EXPECT_EQ(Guidon({"ready"}, nobody).output, "ready, at revision 3\n");
  EXPECT_TRUE(JsonOf(Guidon({"ready", "--json"}, nobody)).Find("writable")->AsBool());
  server.Stop();
  EXPECT_EQ(Guidon({"ready"}, nobody).exit_code, 4);
}

// Names of any length, in a project of any name: a row never leaves the terminal.
TEST_F(AuditTest, TheLogFitsATerminal) {
  const std::string flag(100, 'f'), member(40, 'm');
  ASSERT_EQ(
      server.Call("PUT", "/api/v1/members/" + member, {.body = R"({"name":"M","bindings":[{"role":"owner"}]})"}).status,
      201);
  const HttpAnswer key =
      server.Call("POST", "/api/v1/keys", {.body = R"({"kind":"admin","member":")" + member + R"("})"});
  ASSERT_EQ(key.status, 201) << key.body;
  const std::string hers = ParseJson(key.body)->Find("key")->AsString();
  ASSERT_EQ(server
                .Call("PUT", "/api/v1/projects/shop/flags/" + flag,
                      {.key = hers, .body = R"({"flag":")" + flag + R"(","type":"boolean","owner":"growth"})"})
                .status,
            201);
  std::istringstream shown(
      OnTerminal({"audit", "log", "--server", server.url(), "--key", server.admin_key()}, {"NO_COLOR=1"}));
  std::size_t rows = 0, letters = 0;
  for (std::string line; std::getline(shown, line); ++rows) {
    std::size_t width = 0;
    for (const char c : line) width += c != '\r' && (c & 0xc0) != 0x80 ? 1 : 0, letters += c == 'f' ? 1 : 0;
    EXPECT_LE(width, 80u) << line;
  }
  EXPECT_GE(rows, 8u);
  EXPECT_GE(letters, flag.size()) << "wrapped, not cut";
}

// A stop leaves a checkpoint in the log; a folder that was put back to before it is noticed by who has the log.
TEST_F(AuditTest, ATailThatWasCutOffIsNoticedByWhoKeptTheLog) {
  struct stat key {};
  ASSERT_EQ(stat((server.data() + "/audit-key.pem").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777u, 0600u);
  EXPECT_EQ(server.Stop(), 0);
  const std::string before = files / "before";
  fs::copy(server.data(), before, fs::copy_options::recursive);
  server.Start();
  EXPECT_EQ(Cli({"flag", "on", "greeting", "-e", "production"}).exit_code, 0);
  // A checkpoint that nobody signed, in the log by way of a path: it is not taken for the server's.
  const std::string forged = "gcp1.abcdefgh01234567.2.1798761617000." + std::string(64, 'a') + "." +
                             std::string(16, 'b') + "." + std::string(128, 'c');
  EXPECT_EQ(server.Call("GET", "/" + forged).status, 404);
  EXPECT_EQ(server.Stop(), 0);
  const std::string log = LogFile(), key_text = PublicKey();
  EXPECT_NE(TextFile(log).find("checkpoint=gcp1."), std::string::npos) << TextFile(log);
  EXPECT_NE(TextFile(log).find(forged), std::string::npos);
  fs::remove_all(server.data());
  fs::copy(before, server.data(), fs::copy_options::recursive);
  server.Start();
  EXPECT_EQ(Cli({"audit", "verify"}).exit_code, 0);
  const Finished cut = Cli({"audit", "verify", "--public-key", key_text, "--checkpoints", log});
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_TRUE(cut.output.starts_with("not verified  the first bad revision is 4, truncated\n")) << cut.output;
  EXPECT_EQ(Cli({"audit", "verify", "--checkpoints", files / "guidon.yaml"}).exit_code, 2);
}

TEST_F(AuditTest, AFlagIsLookedAtAndBroughtBackToWhatItWas) {
  EXPECT_EQ(Cli({"flag", "list"}).output,
            "FLAG          TYPE     STATE\n"
            "greeting      string   production off\n"
            "new-checkout  boolean  production on\n");
  const Finished get = Cli({"flag", "get", "greeting", "--revision", "2"});
  EXPECT_TRUE(get.output.starts_with("greeting  production on  (since revision 2)\n{\n")) << get.output;
  const Finished history = Cli({"flag", "history", "greeting"});
  EXPECT_TRUE(history.output.starts_with("revision 3  20")) << history.output << history.errors;
  ExpectIn("  update\n", history);
  ExpectIn("\nrevision 2  20", history);
  ExpectIn("  create\n      “all of it”\n", history);
  EXPECT_EQ(history.errors, "");

  const Finished shown = Cli({"flag", "revert", "greeting", "--to", "2"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_TRUE(shown.output.starts_with("  ~ flag greeting (production)\n")) << shown.output;
  EXPECT_TRUE(shown.output.ends_with("nothing was written. To do it: guidon flag revert greeting --to 2 --yes\n"));
  EXPECT_EQ(JsonLinesOf(Cli({"flag", "history", "greeting", "--json"})).size(), 2u);
  const Finished done = Cli({"flag", "revert", "greeting", "--to", "2", "--yes", "--comment", "it was fine"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  ExpectIn("reverted greeting to revision 2, as revision 4\n", done);
  ExpectIn("“revert to revision 2: it was fine”", Cli({"flag", "history", "greeting", "--limit", "1"}));
  EXPECT_EQ(Cli({"flag", "get", "greeting", "--json"}).output.find("\"enabled\":false"), std::string::npos);
  EXPECT_EQ(Cli({"flag", "revert", "greeting", "--to", "2", "--yes"}).output,
            "nothing to change: it is as it was at revision 2\n");
  EXPECT_EQ(Cli({"flag", "revert", "greeting", "--to", "400"}).exit_code, 2);
  EXPECT_EQ(Cli({"flag", "history", "nothing"}).exit_code, 2);
}

TEST_F(AuditTest, WhatSomebodyWasServedThenIsExplained) {
  const std::string then =
      JsonLinesOf(Cli({"audit", "log", "--since", "2", "--until", "2", "--json"})).at(0).Find("time")->AsString();
  const auto evaluate = [&](std::vector<std::string> when) {
    when.insert(when.begin(), {"evaluate", "-e", "production", "-f", "greeting", "-c", R"({"key":"u"})", "--explain"});
    return Cli(std::move(when));
  };
  const Finished at = evaluate({"--at", then});
  EXPECT_TRUE(at.output.starts_with("greeting = \"Good morning\"")) << at.output << at.errors;
  EXPECT_TRUE(evaluate({}).output.starts_with("greeting = \"Hi\"  DISABLED")) << evaluate({}).output;
  files.Write("cases.jsonl", R"({"flag":"greeting","context":{"key":"u"}})");
  const Finished many = Cli({"evaluate", "-e", "production", "--cases", files / "cases.jsonl", "--at", then});
  EXPECT_NE(many.output.find("greeting = \"Good morning\""), std::string::npos) << many.output << many.errors;
  EXPECT_EQ(evaluate({"--at", "tuesday"}).exit_code, 2);
  EXPECT_EQ(evaluate({"--at", then, "--revision", "2"}).exit_code, 2);
  const Finished early = evaluate({"--at", "2001-01-01T00:00:00Z"});
  EXPECT_EQ(early.exit_code, 2);
  EXPECT_EQ(early.errors, "guidon: at 2001-01-01T00:00:00.000Z there was nothing yet\n");
}

}  // namespace
}  // namespace guidon::testing
