// Deny by default: every route × everybody who may not.
#include <gtest/gtest.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

std::string PathOf(const Route& route) {
  std::string path(route.path);
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"{project}", "shop"}, {"{environment}", "production"}, {"{key}", "a"}, {"{id}", "nobody"}}) {
    if (const std::size_t at = path.find(name); at != std::string::npos) path.replace(at, name.size(), value);
  }
  return path;
}

// Only status and header are looked at: a stream has no end.
HttpAnswer Ask(TestServer& server, const Route& route, const std::string& authorization) {
  HttpConnection connection(server.port());
  std::string text = std::string(route.method) + " " + PathOf(route) +
                     " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n";
  if (!authorization.empty()) text += "Authorization: " + authorization + "\r\n";
  connection.Send(text + "\r\n{}");
  return connection.ReadHead();
}

TEST(DenyTest, NoRouteAnswersWhoMayNotAsk) {
  TestServer server;
  server.MakeShop();
  server.PutFlag("a");
  EXPECT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank","environments":{"production":{}}})"})
                .status,
            201);
  const std::string bearer = "Bearer ";
  const std::string sdk = bearer + server.MakeKey(KeyKind::kServer, "shop", "production");
  const std::string client = bearer + server.MakeKey(KeyKind::kClient, "shop", "production");
  const std::string events = bearer + server.MakeKey(KeyKind::kEvents, "shop", "production");
  const std::string admin = bearer + server.MakeKey(KeyKind::kAdmin, "shop");
  const std::string banker = bearer + server.MakeKey(KeyKind::kAdmin, "bank");
  const std::string stranger = bearer + GenerateKey(KeyKind::kAdmin)->text;
  std::string flipped = admin;
  flipped.back() = flipped.back() == 'x' ? 'y' : 'x';
  const Revision before = server.head();
  for (const Route& route : Api::Routes()) {
    SCOPED_TRACE(std::string(route.method) + " " + std::string(route.path));
    if (route.verb == Verb::kPublic) {
      EXPECT_EQ(Ask(server, route, "").status, 200);
      continue;
    }
    for (const std::string& unknown : {std::string(), stranger, flipped, bearer + "x", std::string("Basic YTpi")}) {
      const HttpAnswer answer = Ask(server, route, unknown);
      EXPECT_EQ(answer.status, 401) << unknown;
      EXPECT_EQ(answer.Header("WWW-Authenticate"), "Bearer");
    }
    for (const std::string& other : {client, events}) EXPECT_EQ(Ask(server, route, other).status, 403) << other;
    const bool is_sdk = route.verb == Verb::kReadRules || route.verb == Verb::kSendEvents;
    // The body is none that an SDK sends.
    EXPECT_EQ(Ask(server, route, sdk).status, !is_sdk ? 403 : route.method == "POST" ? 400 : 200);
    const int banker_status = Ask(server, route, banker).status;
    if (route.name == "listProjects") {
      EXPECT_EQ(banker_status, 200);  // its own; see below
    } else {
      EXPECT_EQ(banker_status, 403);
    }
    const bool is_global = route.path == "/api/v1/projects" || route.path.starts_with("/api/v1/keys");
    if (is_sdk || (is_global && route.name != "listProjects")) {
      EXPECT_EQ(Ask(server, route, admin).status, 403);
    }
  }
  EXPECT_EQ(server.head(), before);
}

TEST(DenyTest, AKeyOfOneProjectSeesThatOneOnly) {
  TestServer server;
  server.MakeShop();
  EXPECT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank"})"}).status, 201);
  const HttpAnswer answer = server.Call("GET", "/api/v1/projects", {.key = server.MakeKey(KeyKind::kAdmin, "bank")});
  EXPECT_EQ(answer.status, 200);
  const Value body = TestServer::Body(answer);
  ASSERT_EQ(body.Find("projects")->AsArray().size(), 1u);
  EXPECT_EQ(TextAt(body.Find("projects")->AsArray()[0], "project"), "bank");
}

TEST(DenyTest, AnSdkKeyReadsItsOwnEnvironmentWhateverTheAddressSays) {
  TestServer server;
  server.MakeShop();
  server.PutFlag("a");
  const HttpAnswer answer = server.Call("GET", "/sdk/v1/ruleset?project=shop&environment=production",
                                        {.key = server.MakeKey(KeyKind::kServer, "shop", "staging")});
  EXPECT_EQ(TextAt(TestServer::Body(answer), "environment"), "staging");
}

TEST(DenyTest, RefusalsNeverRepeatTheKey) {
  TestServer server;
  const std::string stranger = GenerateKey(KeyKind::kServer)->text;
  const HttpAnswer answer = server.Call("GET", "/sdk/v1/ruleset", {.key = stranger});
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.body.find(stranger), std::string::npos);
  EXPECT_EQ(answer.body.find(std::string(ParseKey(stranger)->secret)), std::string::npos);
}

}  // namespace
}  // namespace guidon
