// guidon stale, and the gate's code.settled-flag, by the counts of a real server; and what files alone can say.
#include <gmock/gmock.h>

#include <chrono>

#include "core/base/json.h"
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCode =
    "void Show(const guidon::Client& client) {\n"
    "  client.String(\"greeting\", user, \"Hi\");\n"
    "  client.Bool(\"new-checkout\", user, false);\n"
    "  client.Bool(\"gone\", user, false);\n"
    "}\n";

Texts Shop() {
  auto files = SmallShop("shop");
  files.emplace_back("flags/gone.yaml", "flag: gone\ntype: boolean\nowner: growth\narchived: true\n");
  files.emplace_back("flags/switch.yaml",
                     "flag: switch\ntype: boolean\nkind: kill_switch\nowner: growth\n"
                     "environments: { production: { enabled: true, default: on } }\n");
  return files;
}

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class StaleServerTest : public ::testing::Test {
 protected:
  StaleServerTest() : files(Shop()), code(Texts{{"src/cart.cc", kCode}}) {
    EXPECT_EQ(Cli({"apply", files.path()}).exit_code, 0);
  }
  Finished Cli(std::vector<std::string> arguments) { return GuidonOf(server, std::move(arguments)); }
  // What an SDK sends of a minute, and until the server has counted it.
  void Count(const std::string& environment, const std::string& counts, const std::string& flag, int evaluations) {
    const std::string now = std::to_string(NowMs());
    const std::string key = server.CreateSdkKey("shop", environment);
    const std::string batch = "batch-" + environment + "-" + std::to_string(++batches) + "-0123456789";
    EXPECT_EQ(server
                  .Call("POST", "/sdk/v1/events",
                        {.key = key,
                         .body = R"({"schema":1,"batch":")" + batch + R"(","sent":)" + now +
                                 R"(,"events":[{"type":"evaluations","from":)" + now + R"(,"to":)" + now +
                                 R"(,"counts":[)" + counts + "]}]}"})
                  .status,
              202);
    ASSERT_TRUE(Eventually([&] {
      const HttpAnswer answer =
          server.Call("GET", "/api/v1/projects/shop/environments/" + environment + "/usage?flag=" + flag);
      const Result<Value> body = ParseJson(answer.body);
      return body && body->Find("flags") != nullptr &&
             body->Find("flags")->AsArray().at(0).Find("evaluations")->AsInt() == evaluations;
    }));
  }
  static std::string One(const std::string& flag, const std::string& variation, int count) {
    return R"({"flag":")" + flag + R"(","variation":")" + variation + R"(","reason":"STATIC","count":)" +
           std::to_string(count) + "}";
  }
  // The folder's name is left out.
  std::string Shown(std::string text) const {
    for (const std::string& folder : {code.path() + "/", files.path() + "/"}) {
      for (std::size_t at; (at = text.find(folder)) != std::string::npos;) text.erase(at, folder.size());
    }
    return text;
  }

  Guidond server;
  const Workspace files, code;
  int batches = 0;
};

TEST_F(StaleServerTest, CountsCodeAndHistorySpeakForARemoval) {
  Count("production",
        One("greeting", "long", 150) + "," + One("new-checkout", "on", 3) + "," + One("new-checkout", "off", 9),
        "greeting", 150);
  Count("staging", One("switch", "on", 1), "switch", 1);
  const std::vector<std::string> words = {"stale", "-p", "shop", "--code", code / "src", "--days", "1"};
  const Finished done = Cli(words);
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  const std::string output = Shown(done.output);
  EXPECT_THAT(output, ::testing::StartsWith("strong  gone      archived, of growth, made 20"));
  EXPECT_THAT(output, HasSubstr("        archived, and the code still reads it\n        read at src/cart.cc:4:15\n"));
  EXPECT_THAT(output, HasSubstr("fair    greeting  release, of growth, made 20"));
  EXPECT_THAT(output, HasSubstr("        'long' alone was served for 1 day, 150 times, in production\n"));
  EXPECT_THAT(output, HasSubstr("        read at src/cart.cc:2:17\n"));
  EXPECT_THAT(output, Not(HasSubstr("switch")));
  EXPECT_THAT(output, Not(HasSubstr("not looked at")));
  EXPECT_THAT(output, ::testing::EndsWith("of 4 flags could be removed; `guidon stale --issue-body FLAG` says how\n"));
  // The same of the files, and as a document.
  std::vector<std::string> more = words;
  more.insert(more.end(), {"-w", files.path(), "--json"});
  const Value document = JsonOf(Cli(more));
  const Value& second = document.Find("candidates")->AsArray().at(1);
  EXPECT_EQ(second.Find("flag")->AsString(), "greeting");
  EXPECT_EQ(ToJson(*second.Find("survives")), R"({"variation":"long","value":"Good morning"})");
  EXPECT_EQ(second.Find("reads")->AsArray().at(0).Find("line")->AsInt(), 2);
  more = words;
  more.push_back("--check");
  EXPECT_EQ(Cli(more).exit_code, 1);
}

TEST_F(StaleServerTest, AnIssueSaysWhyWhatStaysWhereAndHow) {
  Count("production", One("greeting", "long", 150), "greeting", 150);
  Count("staging", One("switch", "on", 1), "switch", 1);
  const Finished done =
      Cli({"stale", "-w", files.path(), "--code", code / "src", "--days", "1", "--issue-body", "greeting"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  const std::string body = Shown(done.output);
  for (const char* part : {"# Remove the flag `greeting`\n\nIt is a release flag, owned by `growth`, made on 20",
                           "- 'long' alone was served for 1 day, 150 times, in production\n",
                           "The variation `long`, `\"Good morning\"`: put it where the flag is read",
                           "- `src/cart.cc:2` `String`, falls back to `\"Hi\"`\n",
                           "1. `guidon remove greeting --code src --keep long --workspace ",
                           "Archive the flag, and later delete the definition in `flags/greeting.yaml`.\n"}) {
    EXPECT_THAT(body, HasSubstr(part));
  }
  EXPECT_THAT(done.output, HasSubstr(" --keep long --workspace " + files.path() + "` shows"));
  // Of the server's flags it is the server that knows the value; of an archived one nobody says which stays.
  const auto of_server = [&](const std::string& flag) {
    return Cli({"stale", "--code", code / "src", "--days", "1", "--issue-body", flag}).output;
  };
  EXPECT_THAT(of_server("greeting"), HasSubstr(" --keep long --project shop --environment staging` shows"));
  EXPECT_THAT(of_server("gone"), HasSubstr(" --keep VALUE` shows"));
  const Workspace page(Texts{{"page.ts", "page();\n"}});
  EXPECT_EQ(ToJson(*JsonOf(Cli({"remove", "greeting", "--code", page.path(), "--keep", "long", "--project", "shop",
                                "--environment", "staging", "--json"}))
                        .Find("kept")),
            R"({"variation":"long","value":"Good morning"})");
  const Finished none = Cli({"stale", "-w", files.path(), "--days", "1", "--issue-body", "switch"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_EQ(none.output, "");
  const Finished unknown = Cli({"stale", "-w", files.path(), "--issue-body", "greetin"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("there is no flag 'greetin' (did you mean 'greeting'?)"));
}

TEST_F(StaleServerTest, WhatIsNotCountedLongEnoughIsSaidAndSpeaksForNothing) {
  Count("production", One("greeting", "long", 150), "greeting", 150);
  const Finished done = Cli({"stale", "-w", files.path()});
  EXPECT_THAT(done.output, HasSubstr("not looked at: code, as no --code was given\n"));
  EXPECT_THAT(done.output, HasSubstr("not looked at: evaluations in staging, as none have been counted there\n"));
  EXPECT_THAT(done.output, HasSubstr("not looked at: evaluations in production, as they are counted since 20"));
  EXPECT_THAT(done.output, HasSubstr("nothing speaks for removing any of 4 flags\n"));
}

TEST_F(StaleServerTest, TheGateNamesFlagsThatAreSettledAndStillRead) {
  Count("production",
        One("greeting", "long", 150) + "," + One("new-checkout", "on", 90) + "," + One("new-checkout", "off", 90),
        "greeting", 150);
  files.Write(
      "gate.yaml",
      "rules: { code.settled-flag: { is: warn, days: 1 }, code.archived-flag: off, code.unsafe-default: off }\n");
  const std::vector<std::string> words = {"gate", "-e", "production", "-w", files.path(), "--code", code / "src"};
  const Finished found = Cli(words);
  EXPECT_EQ(found.exit_code, 0) << found.output << found.errors;
  EXPECT_THAT(Shown(found.output), HasSubstr("warn    code.settled-flag  src/cart.cc:2:17\n"));
  EXPECT_THAT(found.output, HasSubstr("flag greeting: it has served 'long' alone in production for 1 day, and the code "
                                      "reads it"));
  EXPECT_THAT(found.output, Not(HasSubstr("flag new-checkout: it has served")));
  EXPECT_EQ(Cli(words).output, found.output);
  // With thirty days it is not known yet; of a place without counts, or without a server, that is said.
  files.Write("gate.yaml", "rules: { code.archived-flag: off, code.unsafe-default: off }\n");
  EXPECT_THAT(Cli(words).output, Not(HasSubstr("code.settled-flag")));
  std::vector<std::string> offline = words;
  offline.push_back("--offline");
  EXPECT_THAT(Guidon(offline).output, HasSubstr("not looked at: usage, as no server was asked\n"));
  std::vector<std::string> staging = words;
  staging[2] = "staging";
  EXPECT_THAT(Cli(staging).output, HasSubstr("not looked at: usage, as the server has counted no evaluations there\n"));
}

TEST(StaleTest, FilesAloneSayWhatTheyCan) {
  Workspace files(Shop());
  files.Write("flags/done.yaml", "flag: done\ntype: boolean\nowner: growth\nexpires: 2026-01-31\n");
  const Workspace code(Texts{{"src/cart.cc", kCode}});
  const std::vector<std::string> words = {"stale",      "-w",        files.path(), "--code",
                                          code / "src", "--offline", "--now",      "2026-11-30T12:00:00Z"};
  const Finished done = Guidon(words);
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  std::string output = done.output;
  for (std::size_t at; (at = output.find(code.path() + "/")) != std::string::npos;)
    output.erase(at, code.path().size() + 1);
  EXPECT_EQ(output,
            "strong  gone  archived, of growth\n"
            "        archived, and the code still reads it\n"
            "        read at src/cart.cc:4:15\n"
            "strong  done  release, of growth\n"
            "        its time was over on 2026-01-31\n"
            "        defined to serve 'off' to everybody in every environment\n"
            "        no code that was looked at reads it\n"
            "not looked at: evaluations, as --offline was given\n"
            "not looked at: history, as --offline was given\n"
            "2 of 5 flags could be removed; `guidon stale --issue-body FLAG` says how\n");
  EXPECT_EQ(Guidon(words).output, done.output);
  EXPECT_EQ(Guidon({"stale", "--offline"}).exit_code, 2);
  // Where there is no code, none says that nothing reads a flag.
  code.Write("empty/README.md", "nothing yet\n");
  std::vector<std::string> without = words;
  without[4] = code / "empty";
  const std::string none = Guidon(without).output;
  EXPECT_THAT(none, HasSubstr("not looked at: code, as there is none in " + code / "empty" + "\n"));
  EXPECT_THAT(none, Not(HasSubstr("no code that was looked at")));
  files.Write("flags/done.yaml", "flag: done\ntype: nothing\n");
  EXPECT_EQ(Guidon(words).exit_code, 2);
}

TEST(StaleTest, NoLineIsLongerThanATerminalIsWide) {
  Workspace files(Shop());
  files.Write("flags/long.yaml",
              "flag: a.flag.with.quite.a.long.name.indeed\ntype: boolean\nowner: the-team-of-those-who-own-it\n"
              "expires: 2026-01-31\n");
  const std::string shown =
      OnTerminal({"stale", "-w", files.path(), "--offline", "--now", "2026-11-30T12:00:00Z"}, {"NO_COLOR=1"});
  EXPECT_THAT(shown, HasSubstr("a.flag.with.quite.a.long.name.indeed"));
  std::size_t begin = 0;
  for (std::size_t end; (end = shown.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
    EXPECT_LE(end - begin, 80U) << shown.substr(begin, end - begin);
  }
}

}  // namespace
}  // namespace guidon::testing
