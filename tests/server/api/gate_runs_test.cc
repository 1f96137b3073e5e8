// What gates found, over HTTP: an entry of the audit log each, and nothing else.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;

const std::string kInputs(64, 'a');
const std::string kRuns = "/api/v1/projects/shop/environments/production/gate-runs";

std::string RunWith(const std::string& more = "") {
  return R"({"verdict":"fail","exit_code":1,"day":"2026-11-30","policy":"release","inputs_hash":")" + kInputs +
         R"(","looked":["static","change"],"counts":{"fail":2,"hold":0,"warn":1,"note":0,"waived":3},)" +
         R"("failed":["change.jump","static.test"])" + more + "}";
}

class GateRunsTest : public ::testing::Test {
 protected:
  GateRunsTest() {
    server.MakeShop();
    server.PutFlag("a");
  }
  HttpAnswer Post(const std::string& body, HttpCallOptions options = {}) {
    options.body = body;
    return server.Call("POST", kRuns, std::move(options));
  }

  TestServer server;
};

TEST_F(GateRunsTest, ARunIsAnEntryThatSaysWhatWasFoundAndByWhom) {
  const Revision before = server.head();
  const HttpAnswer answer = Post(RunWith(R"(,"release":"4.2.0")"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(TextAt(TestServer::Body(answer), "revision"), std::to_string(before + 1));
  EXPECT_EQ(server.head(), before + 1);
  const Value page = server.Get("/api/v1/projects/shop/audit?action=gate.run&environment=production");
  ASSERT_EQ(page.Find("entries")->AsArray().size(), 1U) << ToJson(page);
  const Value& entry = page.Find("entries")->AsArray()[0];
  EXPECT_EQ(TextAt(entry, "revision"), std::to_string(before + 1));
  EXPECT_TRUE(TextAt(entry, "principal").starts_with("key:"));
  EXPECT_EQ(TextAt(entry, "environments"), R"(["production"])");
  EXPECT_EQ(TextAt(entry, "subjects"), R"([{"kind":"gate","key":"production"}])");
  EXPECT_EQ(TextAt(entry, "gate"), RunWith(R"(,"release":"4.2.0")"));
}

TEST_F(GateRunsTest, NothingThatAnybodyIsServedIsAltered) {
  const std::string key = server.MakeKey(KeyKind::kServer, "shop", "production");
  const auto tag = [&](const std::string& path, const std::string& with) {
    return server.Call("GET", path, {.key = with}).Header("ETag");
  };
  const std::string rules = tag("/sdk/v1/ruleset", key), flag = tag("/api/v1/projects/shop/flags/a", server.admin());
  const auto channel = server.feed().Find({"shop", "production"});
  const Revision altered = channel->AlteredBy(server.head());
  ASSERT_EQ(Post(RunWith()).status, 201);
  EXPECT_EQ(tag("/sdk/v1/ruleset", key), rules);
  EXPECT_EQ(tag("/api/v1/projects/shop/flags/a", server.admin()), flag);
  EXPECT_EQ(channel->AlteredBy(server.head()), altered);  // so that streams have nothing to send
}

TEST_F(GateRunsTest, ARepetitionIsRecordedOnce) {
  const HttpCallOptions once = {.headers = {{"Idempotency-Key", "run-17"}}};
  const HttpAnswer first = Post(RunWith(), once), second = Post(RunWith(), once);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(server.Get("/api/v1/audit?action=gate.run").Find("entries")->AsArray().size(), 1U);
}

TEST_F(GateRunsTest, WhatIsNoRunIsRefusedAndNothingIsWritten) {
  const Revision before = server.head();
  const auto refused = [&](int status, const std::string& body) {
    const HttpAnswer answer = Post(body);
    EXPECT_EQ(answer.status, status) << answer.body;
    return answer.body;
  };
  EXPECT_THAT(refused(422, R"({"verdict":"fine"})"), HasSubstr("unknown verdict 'fine'"));
  EXPECT_THAT(refused(422, RunWith(R"(,"email":"a@b.example")")), HasSubstr("email"));
  EXPECT_THAT(refused(422, RunWith(R"(,"policy_hash":"abc")")), HasSubstr("64 hex digits"));
  EXPECT_THAT(refused(422, RunWith(R"(,"release":")" + std::string(257, 'x') + "\"")), HasSubstr("1 to 256 bytes"));
  refused(413, RunWith(R"(,"release":")" + std::string(65'536, 'x') + "\""));
  EXPECT_EQ(server.Call("POST", "/api/v1/projects/shop/environments/mars/gate-runs", {.body = RunWith()}).status, 404);
  EXPECT_EQ(server.head(), before);
}

TEST_F(GateRunsTest, ItTakesItsOwnVerbInThatEnvironment) {
  const auto with = [&](const std::string& role, const std::string& environment) {
    return Post(RunWith(), {.key = server.MakeKey(KeyKind::kAdmin, "shop", environment, role)}).status;
  };
  EXPECT_EQ(with("viewer", ""), 403);
  EXPECT_EQ(with("approver", ""), 403);
  EXPECT_EQ(with("editor", "staging"), 403);
  EXPECT_EQ(with("editor", "production"), 201);
}

}  // namespace
}  // namespace guidon
