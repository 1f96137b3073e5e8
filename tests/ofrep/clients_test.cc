// OpenFeature's own clients, as npm has them (package-lock.json), against a guidond.
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

constexpr std::pair<const char*, const char*> kFlags[] = {
    {"on", R"("type":"boolean","client":true,"environments":{"production":{"enabled":true,"default":"on"}}})"},
    {"text", R"("type":"string","client":true,"variations":{"a":"A","b":"B"},"environments":{"production":
        {"enabled":true,"rules":[{"id":"french","when":{"country":"FR"},"serve":"b"}],"default":"a"}}})"},
    {"number", R"("type":"number","client":true,"variations":{"a":1.5},"environments":{"production":
        {"enabled":true,"default":"a"}}})"},
    {"json", R"("type":"json","client":true,"variations":{"a":{"x":[1,null,{"y":true}]}},"environments":{"production":
        {"enabled":true,"default":"a"}}})"},
    {"disabled", R"("type":"string","client":true,"variations":{"a":"A"},"environments":{"production":
        {"enabled":false,"default":"a"}}})"},
    {"split", R"("type":"string","client":true,"variations":{"a":"A","b":"B"},"environments":{"production":
        {"enabled":true,"default":{"serve":{"a":"50%","b":"50%"}}}}})"},
    {"hidden", R"("type":"boolean","environments":{"production":{"enabled":true,"default":"on"}}})"},
    {"tested", R"("type":"string","client":true,"variations":{"a":"A","b":"B"},"environments":{"production":
        {"enabled":true,"default":"a"}}})"},
};

Finished RunNode(const char* program, const Guidond& server, const std::vector<std::string>& keys) {
  std::vector<std::string> environment = keys;
  environment.push_back("GUIDON_SERVER=" + server.url());
  environment.push_back("GUIDON_ADMIN_KEY=" + server.admin_key());
  return guidon::testing::Run({"/usr/bin/env", "node", std::string(GUIDON_SOURCE_DIR "/tests/ofrep/") + program},
                              environment);
}

TEST(OfrepClientsTest, OpenFeatureOnAServerAndInAPage) {
  Guidond server;
  const auto made = [](const HttpAnswer& answer) { EXPECT_EQ(answer.status, 201) << answer.body; };
  made(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"}));
  made(server.Call("PUT", "/api/v1/projects/shop/metrics/m", {.body = R"({"event":"e","type":"count"})"}));
  for (const auto& [key, definition] : kFlags) {
    made(server.Call("PUT", std::string("/api/v1/projects/shop/flags/") + key,
                     {.body = std::string(R"({"owner":"x",)") + definition}));
  }
  made(server.Call("PUT", "/api/v1/projects/shop/experiments/exp",
                   {.body = R"({"experiment":"exp","owner":"x","hypothesis":"B is better","flag":"tested",
        "environment":"production","state":"running","unit":"account","variants":{"control":{"serves":"a","weight":"50%"},
        "treated":{"serves":"b","weight":"50%"}},"metrics":{"primary":{"use":"m","expect":"up","detect":"2%"}}})"}));
  const std::string server_key = server.CreateSdkKey("shop", "production");
  const HttpAnswer client =
      server.Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind":"client","environment":"production"})"});
  made(client);
  const std::string client_key = ParseJson(client.body)->Find("key")->AsString();

  const Finished on_server = RunNode("server.mjs", server, {"GUIDON_SERVER_KEY=" + server_key});
  EXPECT_EQ(on_server.output, "ok\n") << on_server.errors;
  const Finished in_page = RunNode("web.mjs", server, {"GUIDON_CLIENT_KEY=" + client_key});
  EXPECT_EQ(in_page.output, "ok\n") << in_page.errors;

  // The server's read of the experiment was recorded, and is there after a graceful stop.
  EXPECT_EQ(server.Stop(), 0);
  server.Start();
  const std::vector<Value> journal = server.Journal("shop", "production");
  ASSERT_EQ(journal.size(), 1u);
  const Array& events = journal[0].Find("events")->AsArray();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].Find("experiment")->AsString(), "exp");
  EXPECT_EQ(events[0].Find("unit")->AsString(), "acct-1");
  // Who may come in is told by nobody's log.
  EXPECT_EQ(server.Log().find("ticket="), std::string::npos);
}

}  // namespace
}  // namespace guidon::testing
