// Deny by default: every route × everybody who may not.
#include <gtest/gtest.h>

#include <type_traits>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

const std::map<std::string, std::string> kParams = {{"project", "shop"}, {"environment", "production"},
                                                    {"key", "a"},        {"id", "nobody"},
                                                    {"rule", "beta"},    {"name", "monday"},
                                                    {"comment", "1"}};

std::string PathOf(const Route& route) {
  std::string path(route.path);
  for (const auto& [name, value] : kParams) {
    const std::size_t at = path.find("{" + name + "}");
    if (at != std::string::npos) path.replace(at, name.size() + 2, value);
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

// Who may do what, once more and in full: a role or kind that is changed has to be changed here, too.
const std::map<std::string, std::set<std::string>> kMay = {
    {"role viewer", {"definitions.read"}},
    {"role editor", {"definitions.read", "definitions.write", "gate.record"}},
    {"role operator", {"definitions.read", "audit.read", "server.operate"}},
    {"role approver", {"definitions.read", "audit.read", "changes.approve"}},
    {"role admin",
     {"definitions.read", "definitions.write", "projects.manage", "keys.manage", "webhooks.manage", "events.read",
      "audit.read", "changes.approve", "environments.override", "privacy.manage", "events.import", "gate.record"}},
    {"role owner",
     {"definitions.read", "definitions.write", "projects.manage", "keys.manage", "events.read", "members.manage",
      "audit.read", "server.operate", "webhooks.manage", "changes.approve", "environments.override", "privacy.manage",
      "events.import", "gate.record"}},
    {"role nonsense", {}},
    {"kind server", {"rules.read", "events.send", "flags.evaluate"}},
    {"kind relay", {"rules.read", "events.send", "flags.evaluate"}},
    {"kind events", {"events.send"}},
    {"kind client", {"events.send", "flags.evaluate"}},
};
const std::set<std::string> kPublicRoutes = {
    "livez",       "readyz",       "metrics",      "home",       "preflightFlag", "preflightFlags", "preflightEvents",
    "beginSignIn", "finishSignIn", "exchangeCode", "breakGlass", "signOut",       "whoAmI"};
// Public routes that look for themselves at who asks, or at what is sent, and what they answer where that is nobody.
const std::map<std::string, int> kLookThemselves = {{"beginSignIn", 404}, {"finishSignIn", 404}, {"exchangeCode", 422},
                                                    {"breakGlass", 422},  {"signOut", 401},      {"whoAmI", 401}};
// What is asked with a body and changes nothing, or nothing but what readers say to each other.
const std::set<std::string> kByReaders = {"evaluate", "addRequestComment", "addFlagComment", "removeFlagComment",
                                          "removeRequestComment"};

// A route without a permission is no route.
static_assert(!std::is_default_constructible_v<Route>);
static_assert(!std::is_default_constructible_v<Permission>);

// Past the socket: there are many.
int StatusOf(TestServer& server, const Route& route, const std::string& key) {
  http::Request request;
  request.method = route.method;
  request.path = route.path;
  request.headers = {{"Authorization", "Bearer " + key}, {"Host", "localhost"}};
  request.body = "{}";
  request.id = "1";
  request.peer = "127.0.0.1";
  for (const auto& [name, value] : kParams) {
    if (route.path.find("{" + name + "}") != std::string_view::npos) request.params.emplace_back(name, value);
  }
  return server.Serve(request).status;
}

TEST(DenyTest, EveryRouteLetsInTheRolesAndKindsThatHaveItsVerbAndNobodyElse) {
  TestServer server;
  server.MakeShop();
  server.PutFlag("a");
  std::map<std::string, std::string> keys;
  for (const auto& [who, verbs] : kMay) {
    const std::string name = who.substr(5);
    if (who.starts_with("role ")) {
      keys[who] = server.MakeKey(KeyKind::kAdmin, "", "", name);
    } else {
      keys[who] = server.MakeKey(*KeyKindFromString(name), "shop", "production");
    }
  }
  for (const Route& route : Api::Routes()) {
    const std::string name(route.name), verb(ToString(route.verb));
    SCOPED_TRACE(name);
    EXPECT_EQ(route.verb == Verb::kPublic, kPublicRoutes.contains(name));
    EXPECT_TRUE(route.method == "GET" || route.verb != Verb::kRead || kByReaders.contains(name));
    for (const auto& [who, verbs] : kMay) {
      const bool may = route.verb == Verb::kPublic || verbs.contains(verb);
      const int status = StatusOf(server, route, keys[who]);
      EXPECT_EQ(status != 403, may) << who << ": " << status;
      EXPECT_NE(status, 401) << who;
    }
  }
}

TEST(DenyTest, NoRouteAnswersWhoMayNotAsk) {
  TestServer server;
  server.MakeShop();
  server.PutFlag("a");
  EXPECT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank","environments":{"production":{}}})"})
                .status,
            201);
  const std::string bearer = "Bearer ";
  const std::string admin = bearer + server.MakeKey(KeyKind::kAdmin, "shop");
  const std::string banker = bearer + server.MakeKey(KeyKind::kAdmin, "bank");
  const std::string stager = bearer + server.MakeKey(KeyKind::kAdmin, "shop", "staging", "admin");
  const std::string stranger = bearer + GenerateKey(KeyKind::kAdmin)->text;
  std::string flipped = admin;
  flipped.back() = flipped.back() == 'x' ? 'y' : 'x';
  const Revision before = server.head();
  int of_environments = 0;
  for (const Route& route : Api::Routes()) {
    SCOPED_TRACE(std::string(route.method) + " " + std::string(route.path));
    if (route.verb == Verb::kPublic) {
      const auto looks = kLookThemselves.find(std::string(route.name));
      const int open = route.method == "OPTIONS" ? 204 : 200;
      EXPECT_EQ(Ask(server, route, "").status, looks == kLookThemselves.end() ? open : looks->second);
      continue;
    }
    for (const std::string& unknown : {std::string(), stranger, flipped, bearer + "x", std::string("Basic YTpi")}) {
      const HttpAnswer answer = Ask(server, route, unknown);
      EXPECT_EQ(answer.status, 401) << unknown;
      EXPECT_EQ(answer.Header("WWW-Authenticate"), "Bearer");
    }
    const int banker_status = Ask(server, route, banker).status;
    if (route.name == "listProjects") {
      EXPECT_EQ(banker_status, 200);  // its own; see below
    } else {
      EXPECT_EQ(banker_status, 403);
    }
    // Admin of the next environment: kParams say production.
    if (route.path.find("{environment}") != std::string_view::npos) {
      EXPECT_EQ(Ask(server, route, stager).status, 403);
      ++of_environments;
    }
    const bool is_global = route.path.find("{project}") == std::string_view::npos;
    if (is_global && route.name != "listProjects") {
      EXPECT_EQ(Ask(server, route, admin).status, 403);
    }
  }
  EXPECT_EQ(server.head(), before);
  EXPECT_GT(of_environments, 10);
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

TEST(DenyTest, AnAddressThatTriesTooManyKeysIsSentAwayAndAValidOneIsLetIn) {
  TestServer server({.wrong_keys = {.burst = 3, .per_second = 0.001}});
  server.MakeShop();
  const std::string stranger = GenerateKey(KeyKind::kAdmin)->text;
  std::set<std::string> delays;
  for (int i = 0; i < 30; ++i) {
    const HttpAnswer answer = server.Call("GET", "/api/v1/projects", {.key = stranger});
    EXPECT_EQ(answer.status, i < 3 ? 401 : 429) << i;
    if (i >= 3) delays.insert(std::string(answer.Header("Retry-After")));
  }
  EXPECT_GT(delays.size(), 1u) << "they all come back at once";
  for (const std::string& delay : delays) EXPECT_TRUE(std::stoi(delay) >= 5 && std::stoi(delay) < 25) << delay;
  EXPECT_EQ(server.Call("GET", "/api/v1/projects").status, 200);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = "-"}).status, 401);
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
