// The gate's code.settled-flag, by the counts of a real server.
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

}  // namespace
}  // namespace guidon::testing
