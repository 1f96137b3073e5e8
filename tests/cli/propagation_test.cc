// guidon propagation, of a guidond with applications that use the SDK.
#include <sstream>

#include <guidon/client.h>
#include "tests/cli/cli.h"

namespace guidon::testing {
namespace {

ClientConfig Shop(const Guidond& server, const std::string& key, const std::string& version) {
  ClientConfig config;
  config.server = server.url();
  config.key = key;
  config.application = "shop-of-a-rather-long-name";
  config.application_version = version;
  config.status_delay = std::chrono::milliseconds(20);
  config.status_interval = std::chrono::milliseconds(200);
  config.backoff_most = std::chrono::milliseconds(200);
  return config;
}

// Without the time that a server needs to hear of everyone.
Finished Propagation(const Guidond& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"propagation", "-e", "production", "--settle", "0s"});
  return GuidonOf(server, std::move(arguments));
}

class PropagationTest : public ::testing::Test {
 protected:
  PropagationTest() : server({.listen = "127.0.0.1:" + std::to_string(FixedPort())}) {
    const Workspace files(SmallShop("shop"));
    EXPECT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
    key = server.CreateSdkKey("shop", "production");
  }
  Guidond server;
  std::string key;
};

TEST_F(PropagationTest, WaitsUntilEnoughProcessesHoldWhatWasChanged) {
  auto old = std::make_unique<Client>(Shop(server, key, "4.1.0"));
  const Client current(Shop(server, key, "4.2.0"));
  const Finished all = Propagation(server, {"--min-live", "2", "--wait", "30s", "--json"});
  ASSERT_EQ(all.exit_code, 0) << all.errors;
  EXPECT_EQ(JsonOf(all).Find("verdict")->AsString(), "pass");
  EXPECT_EQ(JsonOf(all).Find("share")->AsDouble(), 1.0);

  // One of the two goes, and counts until it is not heard of for three minutes.
  old.reset();
  ASSERT_EQ(GuidonOf(server, {"flag", "off", "greeting", "-e", "production"}).exit_code, 0);
  const Finished half = Propagation(server, {"--revision", "head", "--min-share", "50%", "--wait", "30s"});
  EXPECT_EQ(half.exit_code, 0) << half.output << half.errors;
  EXPECT_EQ(half.output.find("PASS  production of shop: 1 of 2 live processes (50%) hold revision "), 0u)
      << half.output;

  const Finished hold = Propagation(server, {"--min-share", "50.001%", "--wait", "300ms"});
  EXPECT_EQ(hold.exit_code, 3) << hold.output;
  EXPECT_EQ(hold.output.find("HOLD  production of shop: 1 of 2 live processes (50%) hold revision "), 0u);
  EXPECT_NE(hold.output.find("\n      50.001% wanted\n"), std::string::npos) << hold.output;
  EXPECT_NE(hold.output.find("\nshop-of-a-rather-long-n…  4.1.0  "), std::string::npos) << hold.output;
  EXPECT_EQ(hold.output.find("4.2.0"), std::string::npos) << "not a laggard";
  std::istringstream lines(hold.output);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 84u) << "80 columns: " << line;

  const Finished json = Propagation(server, {"--json"});
  EXPECT_EQ(json.exit_code, 3);
  EXPECT_EQ(JsonOf(json).Find("missing")->AsString(), "100% wanted");
  ASSERT_EQ(JsonOf(json).Find("laggards")->AsArray().size(), 1u);
  EXPECT_EQ(JsonOf(json).Find("laggards")->AsArray()[0].Find("version")->AsString(), "4.1.0");
}

TEST_F(PropagationTest, GoesOnWaitingWhileTheServerRestarts) {
  const Client client(Shop(server, key, "4.2.0"));
  Process waiting({GUIDON_BIN_DIR "/guidon", "propagation", "-p", "shop", "-e", "production", "--settle", "0s",
                   "--min-live", "2", "--wait", "60s"},
                  {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + server.admin_key()});
  ASSERT_TRUE(waiting.WaitForErrors("1 of 1 live processes (100%)")) << waiting.Errors();
  server.Kill();
  server.Start();
  const Client another(Shop(server, key, "4.2.0"));
  EXPECT_EQ(waiting.WaitForExit(), 0) << waiting.Errors();
  EXPECT_EQ(waiting.Output().find("PASS  production of shop: 2 of 2 live processes (100%)"), 0u) << waiting.Output();
}

TEST_F(PropagationTest, NobodyIsNoProofAndWhatCannotBeAskedIsAUsageError) {
  const Finished nobody = Propagation(server, {});
  EXPECT_EQ(nobody.exit_code, 3);
  EXPECT_NE(nobody.output.find("0 of 0 live processes hold"), std::string::npos) << nobody.output;
  EXPECT_NE(nobody.output.find("1 live process wanted"), std::string::npos) << nobody.output;
  EXPECT_EQ(Propagation(server, {"--min-live", "0"}).exit_code, 0);
  // A server that has just started knows nobody yet.
  const Finished early = GuidonOf(server, {"propagation", "-e", "production", "--min-live", "0"});
  EXPECT_EQ(early.exit_code, 3);
  EXPECT_NE(early.output.find("s only and may have missed some; 65s are wanted"), std::string::npos) << early.output;

  EXPECT_EQ(Propagation(server, {"--revision", "99", "--wait", "60s"}).exit_code, 2) << "waiting does not help";
  EXPECT_EQ(GuidonOf(server, {"propagation", "-e", "mars", "--wait", "60s"}).exit_code, 2);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"--revision", "newest"}, {"--min-share", "most"}, {"--wait", "long"}, {"--min-live", "-1"}}) {
    const Finished refused = Propagation(server, {name, value});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.errors.find(value), std::string::npos) << refused.errors;
  }
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(Propagation(server, {"-p", "shop", "--wait", "300ms"}).exit_code, 4);
}

}  // namespace
}  // namespace guidon::testing
