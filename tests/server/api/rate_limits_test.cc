// Budgets as a client meets them: 429, and what is left.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TestServerOptions WithBudgets(const http::BudgetRates& address, const http::BudgetRates& key) {
  TestServerOptions options;
  options.api.address_budgets = address;
  options.api.key_budgets = key;
  options.api.budget_clock = [] { return std::chrono::steady_clock::time_point(std::chrono::hours(1)); };
  return options;
}

TEST(RateLimitsTest, AKeyThatAsksTooOftenIsToldHowMuchIsLeftAndThenToComeBack) {
  TestServer server(WithBudgets({}, {.admin = 1}));
  for (int left = 9; left >= 0; --left) {
    const HttpAnswer answer = server.Call("GET", "/api/v1/projects");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.Header("RateLimit-Policy"), "\"key\";q=10;w=10");
    EXPECT_EQ(answer.Header("RateLimit"), "\"key\";r=" + std::to_string(left) + (left == 0 ? ";t=1" : ""));
  }
  const HttpAnswer refused = server.Call("GET", "/api/v1/projects");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.Header("Retry-After"), MatchesRegex("[1-5]"));
  EXPECT_EQ(refused.Header("RateLimit"), "\"key\";r=0;t=1");
  EXPECT_THAT(refused.body, HasSubstr("more than 1 requests a second of the class 'admin' came with this key"));
  // Not another key, not another class, and nothing that needs no key.
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = server.MakeKey(KeyKind::kAdmin)}).status, 200);
  const HttpAnswer other = server.Call("GET", "/sdk/v1/ruleset", {.key = server.MakeKey(KeyKind::kServer, "a", "b")});
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(other.Header("RateLimit"), "");
  EXPECT_EQ(server.Call("GET", "/livez").status, 200);
}

TEST(RateLimitsTest, AnAddressThatAsksTooOftenIsRefusedBeforeItsKeyIsLookedAt) {
  TestServer server(WithBudgets({.admin = 1}, {}));
  http::Request request;
  request.method = "GET";
  request.path = "/api/v1/projects";
  request.peer = "192.0.2.1";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(server.Serve(request).status, 401);
  EXPECT_EQ(server.Serve(request).status, 429);
  request.peer = "192.0.2.2";
  EXPECT_EQ(server.Serve(request).status, 401);
  request.peer = "127.0.0.1";  // a proxy
  for (int i = 0; i < 30; ++i) EXPECT_EQ(server.Serve(request).status, 401);
}

TEST(RateLimitsTest, EveryRouteButThoseOfHealthHasABudgetAndAnAudience) {
  for (const Route& route : Api::Routes()) {
    const bool is_of_health = route.path == "/livez" || route.path == "/readyz";
    EXPECT_EQ(route.budget == http::Budget::kNone, is_of_health) << route.path;
    EXPECT_EQ(route.audience == Audience::kAll, is_of_health) << route.path;
    const bool is_for_people = route.path.starts_with("/api/") || route.path.starts_with("/auth/") ||
                               route.path == "/metrics" || route.path == "/";
    EXPECT_EQ(route.audience == Audience::kPeople, is_for_people) << route.path;
  }
}

}  // namespace
}  // namespace guidon
