// The admin API over HTTP: what the walk through all routes (openapi_test.cc) does not look at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/model/units.h"
#include "server/api/home.h"
#include "tests/server/api/api_fixture.h"
#include "tests/support/scripted_server.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFlags = "/api/v1/projects/shop/flags/";
constexpr const char* kOn =
    R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"on"}}})";

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() { server.MakeShop(); }
  HttpAnswer Changes(const std::string& body, HttpCallOptions options = {}) {
    options.body = body;
    return server.Call("POST", "/api/v1/projects/shop/changes", std::move(options));
  }
  std::string Variation(const std::string& body) {
    const HttpAnswer answer =
        server.Call("POST", "/api/v1/projects/shop/environments/production/evaluate", {.body = body});
    if (answer.status != 200) return std::to_string(answer.status);
    const Value document = TestServer::Body(answer);
    const Value& first = document.Find("evaluations")->AsArray().at(0);
    const std::string error = TextAt(first, "error");
    return error.empty() ? TextAt(first, "variation") + " " + TextAt(first, "reason") : error;
  }
  TestServer server;
};

TEST_F(ApiTest, AFlagIsCreatedReadChangedAndRemoved) {
  const HttpAnswer created = server.Call("PUT", std::string(kFlags) + "a", {.body = kOn});
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.Header("ETag"), "\"2\"");
  const HttpAnswer read = server.Call("GET", std::string(kFlags) + "a");
  EXPECT_EQ(read.Header("ETag"), "\"2\"");
  EXPECT_EQ(TextAt(TestServer::Body(read), "kind"), "flag");
  EXPECT_EQ(TextAt(*TestServer::Body(read).Find("definition"), "owner"), "x");
  const HttpAnswer patched =
      server.Call("PATCH", std::string(kFlags) + "a", {.body = R"({"owner":"y"})", .headers = {{"If-Match", "\"2\""}}});
  EXPECT_EQ(patched.status, 200);
  EXPECT_EQ(patched.Header("ETag"), "\"3\"");
  const HttpAnswer stale =
      server.Call("PUT", std::string(kFlags) + "a", {.body = kOn, .headers = {{"If-Match", "\"2\""}}});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(TextAt(TestServer::Body(stale), "code"), "stale");
  EXPECT_EQ(server.Call("DELETE", std::string(kFlags) + "a", {.headers = {{"If-Match", "3"}}}).status, 200);
  EXPECT_EQ(server.Call("GET", std::string(kFlags) + "a").status, 404);
  // As it was: with the revision that made it so.
  const HttpAnswer then = server.Call("GET", std::string(kFlags) + "a?revision=3");
  EXPECT_EQ(TextAt(*TestServer::Body(then).Find("definition"), "owner"), "y");
  EXPECT_EQ(server.Call("GET", std::string(kFlags) + "a?revision=2").Header("ETag"), "\"2\"");
}

TEST_F(ApiTest, FaultsAreAllNamedWithTheirPlace) {
  const HttpAnswer answer = server.Call("PUT", std::string(kFlags) + "a", {.body = R"({"type":"boolean","colour":"red",
      "environments":{"production":{"enabled":"yes","rules":[{"serve":"on"},{"serve":{"on":"60%","off":"60%"}}]}}})"});
  EXPECT_EQ(answer.status, 422);
  const std::string pointers = PointersOf(answer);
  EXPECT_THAT(pointers, HasSubstr("/colour"));
  EXPECT_THAT(pointers, HasSubstr("/environments/production/enabled"));
  EXPECT_THAT(pointers, HasSubstr("/environments/production/rules/1"));
  EXPECT_THAT(answer.body, HasSubstr(R"("entity":"flag a")"));
  const HttpAnswer dangling = server.Call("PUT", std::string(kFlags) + "a", {.body = R"({"type":"boolean","owner":"x",
      "environments":{"production":{"enabled":true,"default":"on","rules":[{"when":{"segment":"eu"},"serve":"on"}]}}})"});
  EXPECT_EQ(dangling.status, 422);
  EXPECT_THAT(PointersOf(dangling), HasSubstr("/environments/production/rules/0/when/segment"));
}

TEST_F(ApiTest, RemovingWhatIsReferredToIs409EvenIfThePreconditionHolds) {
  server.PutFlag("base");
  EXPECT_EQ(server
                .Call("PUT", std::string(kFlags) + "user", {.body = R"({"type":"boolean","owner":"x","environments":
      {"production":{"enabled":true,"default":"on","requires":[{"flag":"base","is":"on"}]}}})"})
                .status,
            201);
  const HttpAnswer answer = server.Call("DELETE", std::string(kFlags) + "base", {.headers = {{"If-Match", "2"}}});
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.body, HasSubstr("flag user"));
  const HttpAnswer environment = server.Call("DELETE", "/api/v1/projects/shop/environments/production");
  EXPECT_EQ(environment.status, 409);
  EXPECT_EQ(server.Call("PUT", "/api/v1/projects/shop", {.body = R"({"project":"shop","environments":{"staging":{}}})"})
                .status,
            409);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop").status, 409);
}

TEST_F(ApiTest, ManyChangesAreOneRevisionOrNone) {
  const Revision before = server.head();
  const HttpAnswer done = Changes(R"({"comment":"two","changes":[
      {"kind":"segment","key":"eu","definition":{"when":{"country":"DE"}}},
      {"kind":"flag","key":"a","definition":{"type":"boolean","owner":"x"}}]})");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(TextAt(TestServer::Body(done), "revision"), std::to_string(before + 1));
  EXPECT_THAT(server.store().Revisions(before + 1, before + 1, 1)->at(0).audit.bytes, HasSubstr(R"("comment":"two")"));
  struct Case {
    const char* body;
    int status;
    const char* pointer;
  };
  for (const Case& c : {
           Case{R"({"changes":[{"kind":"flag","key":"b","definition":{"type":"boolean"}},
                {"kind":"flag","key":"nobody","action":"delete"}]})",
                404, ""},
           Case{R"({"changes":[{"kind":"flag","key":"b","definition":{"type":"boolean"}},
                {"kind":"flag","key":"a","action":"patch","definition":{"owner":7}}]})",
                422, "/owner"},
           Case{R"({"changes":[{"kind":"flag","key":"b","definition":{"type":"boolean"}},
                {"kind":"flag","key":"a","action":"patch","definition":{},"if_match":1}]})",
                412, ""},
           Case{R"({"changes":[{"kind":"planet","key":"b"}]})", 422, "/changes/0/kind"},
           Case{R"({"changes":[{"kind":"flag","key":"b"}]})", 422, "/changes/0/definition"},
           Case{R"({"changes":[{"kind":"flag","key":"b","action":"burn","definition":{}}]})", 422, "/changes/0/action"},
           Case{R"({"changes":[{"kind":"flag","key":"a","action":"delete","definition":{}}]})", 422,
                "/changes/0/definition"},
           Case{R"({"changes":[{"kind":"flag","key":"b","definition":{},"if_match":"x"}]})", 422,
                "/changes/0/if_match"},
           Case{R"({"changes":[{"kind":"flag","key":"b","definition":{},"colour":"red"}]})", 422, "/changes/0/colour"},
           Case{R"({"changes":[]})", 422, "/changes"},
           Case{R"({"changes":{}})", 422, "/changes"},
           Case{R"({"comment":7,"changes":[{"kind":"flag","key":"b","definition":{"type":"boolean"}}]})", 422,
                "/comment"},
       }) {
    const HttpAnswer answer = Changes(c.body);
    EXPECT_EQ(answer.status, c.status) << c.body << answer.body;
    if (*c.pointer != '\0') {
      EXPECT_THAT(" " + PointersOf(answer) + " ", HasSubstr(std::string(c.pointer) + " "));
    }
    EXPECT_EQ(server.head(), before + 1);
    EXPECT_EQ(server.Call("GET", std::string(kFlags) + "b").status, 404);
  }
}

TEST_F(ApiTest, APreconditionThatCannotBeMeantIsRefusedAndNotIgnored) {
  const Revision before = server.head();
  const std::string changes = R"({"changes":[{"kind":"flag","key":"b","definition":{"type":"boolean"}}]})";
  const std::string workspace = R"({"workspace":{"project":{"project":"shop","environments":{"eu":{}}}}})";
  for (const auto& [path, body] : {std::pair{"changes", changes}, std::pair{"apply", workspace}}) {
    for (const auto& [name, value] :
         {std::pair{"If-Match", "1"}, std::pair{"If-Match", "*"}, std::pair{"If-None-Match", "*"}}) {
      const HttpAnswer answer =
          server.Call("POST", std::string("/api/v1/projects/shop/") + path, {.body = body, .headers = {{name, value}}});
      EXPECT_EQ(answer.status, 400) << path << name << value;
      EXPECT_THAT(answer.body, HasSubstr(name));
    }
  }
  EXPECT_EQ(server.head(), before);
}

// Whatever is repeated in a problem document has to be text.
TEST_F(ApiTest, HeadersThatAreNoAsciiTextAreRefusedAndNotRepeated) {
  for (const char* name : {"If-Match", "Idempotency-Key"}) {
    for (const char* value : {"\xff", "k\xc3\xbc", "\"1\xe9\"", "a\tb"}) {
      const HttpAnswer answer =
          server.Call("PUT", std::string(kFlags) + "a", {.body = kOn, .headers = {{name, value}}});
      EXPECT_EQ(answer.status, 400) << name << answer.body;
      EXPECT_TRUE(std::all_of(answer.body.begin(), answer.body.end(), [](char c) { return c >= 0x20; })) << answer.body;
      EXPECT_THAT(answer.body, HasSubstr(name));
    }
  }
  EXPECT_EQ(server.Call("GET", std::string(kFlags) + "a").status, 404);
}

TEST_F(ApiTest, ARetryWithItsKeyGetsTheFirstAnswer) {
  const HttpCallOptions once{.body = kOn, .headers = {{"Idempotency-Key", "k1"}}};
  const HttpAnswer first = server.Call("PUT", std::string(kFlags) + "a", once);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.Header("Idempotency-Replayed"), "");
  EXPECT_EQ(server.Call("DELETE", std::string(kFlags) + "a").status, 200);
  const HttpAnswer again = server.Call("PUT", std::string(kFlags) + "a", once);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.Header("ETag"), first.Header("ETag"));
  EXPECT_EQ(TextAt(TestServer::Body(again), "definition"), TextAt(TestServer::Body(first), "definition"));
  EXPECT_EQ(server.Call("GET", std::string(kFlags) + "a").status, 404);
  HttpCallOptions other = once;
  other.body = R"({"type":"boolean"})";
  const HttpAnswer mismatch = server.Call("PUT", std::string(kFlags) + "a", other);
  EXPECT_EQ(mismatch.status, 422);
  EXPECT_EQ(TextAt(TestServer::Body(mismatch), "code"), "mismatch");
  EXPECT_EQ(server.Call("PUT", std::string(kFlags) + "b", once).status, 422);  // another address
  HttpCallOptions somebody = once;
  somebody.key = server.MakeKey(KeyKind::kAdmin, "shop");
  EXPECT_EQ(server.Call("PUT", std::string(kFlags) + "b", somebody).status, 201);
}

TEST_F(ApiTest, ProjectsAndEnvironmentsAreRepeatableToo) {
  const auto twice = [&](const char* method, const std::string& path, const std::string& body, int status) {
    const HttpCallOptions once{.body = body, .headers = {{"Idempotency-Key", method + path}}};
    const HttpAnswer first = server.Call(method, path, once), again = server.Call(method, path, once);
    EXPECT_EQ(first.status, status) << first.body;
    EXPECT_EQ(again.status, status) << again.body;
    EXPECT_EQ(again.Header("Idempotency-Replayed"), "true") << method << path;
    EXPECT_EQ(first.Header("ETag"), again.Header("ETag"));
    EXPECT_EQ(first.Header("Location"), again.Header("Location"));
  };
  twice("POST", "/api/v1/projects", R"({"project":"bank"})", 201);
  twice("PUT", "/api/v1/projects/bank", R"({"project":"bank","description":"x"})", 200);
  twice("PUT", "/api/v1/projects/bank/environments/production", R"({"description":"x"})", 201);
  twice("DELETE", "/api/v1/projects/bank/environments/production", "", 200);
  twice("DELETE", "/api/v1/projects/bank", "", 200);
}

TEST_F(ApiTest, EnvironmentsSayWhereTheirFaultsAre) {
  const HttpAnswer answer =
      server.Call("PUT", "/api/v1/projects/shop/environments/qa", {.body = R"({"protected":"yes","colour":"red"})"});
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(PointersOf(answer), "/protected /colour");
  EXPECT_EQ(server.Call("PUT", "/api/v1/projects/shop/environments/no%20spaces", {.body = "{}"}).status, 422);
}

TEST_F(ApiTest, WhatStillHasAValidKeyIsNotRemoved) {
  const HttpAnswer made =
      server.Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind":"server","environment":"staging"})"});
  const std::string id = TextAt(TestServer::Body(made), "id");
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/environments/staging").status, 409);
  EXPECT_EQ(
      server.Call("PUT", "/api/v1/projects/shop", {.body = R"({"project":"shop","environments":{"production":{}}})"})
          .status,
      409);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop").status, 409);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/keys/" + id).status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/environments/staging").status, 200);
}

// --- evaluate and snapshot -----------------------------------------------------------------------------------------

TEST_F(ApiTest, EvaluatesNowAndAsItWas) {
  server.PutFlag("a", "on");   // 2
  server.PutFlag("a", "off");  // 3
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"}})"), "off STATIC");
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"},"revision":2})"), "on STATIC");
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"},"revision":1})"), "FLAG_NOT_FOUND");
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"},"revision":4})"), "404");
  EXPECT_EQ(Variation(R"({"flag":"nobody","context":{}})"), "FLAG_NOT_FOUND");
  EXPECT_EQ(server.Call("PATCH", std::string(kFlags) + "a", {.body = R"({"archived":true})"}).status, 200);
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"}})"), "FLAG_NOT_FOUND");
  ASSERT_TRUE(server.store().Compact(*server.store().PositionOf(4)));
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"},"revision":2})"), "410");
}

TEST_F(ApiTest, ExplainsOnRequestAndEvaluatesAllFlagsWithoutAName) {
  server.PutFlag("a");
  server.PutFlag("b", "off");
  const std::string path = "/api/v1/projects/shop/environments/production/evaluate";
  const Value all = TestServer::Body(server.Call("POST", path, {.body = R"({"context":{"key":"u"}})"}));
  ASSERT_EQ(all.Find("evaluations")->AsArray().size(), 2u);
  EXPECT_EQ(all.Find("evaluations")->AsArray()[0].Find("trace"), nullptr);
  const Value one =
      TestServer::Body(server.Call("POST", path, {.body = R"({"flag":"a","context":{},"explain":true})"}));
  EXPECT_FALSE(one.Find("evaluations")->AsArray().at(0).Find("trace")->AsArray().empty());
  for (const auto& [body, pointer] :
       std::map<std::string, std::string>{{R"({"flag":"a"})", "/context"},
                                          {R"({"flag":7,"context":{}})", "/flag"},
                                          {R"({"flag":"a","context":[]})", "/context"},
                                          {R"({"flag":"a","context":{},"explain":"yes"})", "/explain"},
                                          {R"({"flag":"a","context":{},"revision":-1})", "/revision"},
                                          {R"({"flag":"a","context":{},"now":"soon"})", "/now"}}) {
    const HttpAnswer answer = server.Call("POST", path, {.body = body});
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_EQ(PointersOf(answer), pointer) << body;
  }
}

TEST_F(ApiTest, TimeInConditionsIsNowUnlessTheRequestSaysOtherwise) {
  EXPECT_EQ(server
                .Call("PUT", std::string(kFlags) + "sale", {.body = R"({"type":"boolean","owner":"x","environments":
      {"production":{"enabled":true,"default":"off","rules":[{"when":{"now":{"after":"2027-03-01T00:00:00Z"}},
      "serve":"on"}]}}})"})
                .status,
            201);
  EXPECT_EQ(Variation(R"({"flag":"sale","context":{}})"), "off DEFAULT");
  EXPECT_EQ(Variation(R"({"flag":"sale","context":{},"now":"2027-03-02T00:00:00Z"})"), "on TARGETING_MATCH");
  server.SetNow(1'830'000'000'000);
  EXPECT_EQ(Variation(R"({"flag":"sale","context":{}})"), "on TARGETING_MATCH");
}

TEST_F(ApiTest, ASnapshotIsTheRulesetDocumentNowOrThen) {
  server.PutFlag("a", "on");
  server.PutFlag("a", "off");
  const std::string path = "/api/v1/projects/shop/environments/production/snapshot";
  const HttpAnswer now = server.Call("GET", path), then = server.Call("GET", path + "?revision=2");
  const Result<SnapshotDocument> a = DecodeSnapshot(now.body), b = DecodeSnapshot(then.body);
  ASSERT_TRUE(a && b) << now.body;
  EXPECT_EQ(a->snapshot.revision, 3u);
  EXPECT_EQ(b->snapshot.revision, 2u);
  EXPECT_EQ(a->snapshot.epoch, b->snapshot.epoch);
  EXPECT_NE(a->digest, b->digest);
  EXPECT_EQ(TextAt(TestServer::Body(server.Call("GET", path + "?revision=3")), "digest"), a->digest.ToHex());
}

// --- apply ---------------------------------------------------------------------------------------------------------

TEST_F(ApiTest, AWorkspaceIsAppliedAndConflictsAreShown) {
  const auto apply = [&](const std::string& owner, const std::string& query = "") {
    return server.Call("POST", "/api/v1/projects/web/apply" + query,
                       {.body = R"({"workspace":{"project":{"project":"web","environments":{"production":{}}},
                        "flags":[{"flag":"a","type":"boolean","owner":")" +
                                owner + R"("}]}})"});
  };
  const HttpAnswer dry = apply("x", "?dry_run=true");
  EXPECT_EQ(dry.status, 200);
  EXPECT_TRUE(TestServer::Body(dry).Find("revision")->is_null());
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/web").status, 404);
  EXPECT_EQ(apply("x", "?dry_run=yes").status, 400);  // never taken for a wish to write
  EXPECT_EQ(apply("x", "?dry_run").status, 400);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/web").status, 404);
  EXPECT_EQ(apply("x").status, 200);
  EXPECT_EQ(server.Call("PATCH", "/api/v1/projects/web/flags/a", {.body = R"({"owner":"y"})"}).status, 200);
  const Revision before = server.head();
  const HttpAnswer conflict = apply("z");
  EXPECT_EQ(conflict.status, 409);
  const Value problem = TestServer::Body(conflict);
  const Value& first = problem.Find("conflicts")->AsArray().at(0);
  EXPECT_EQ(TextAt(first, "kind") + " " + TextAt(first, "key") + " " + TextAt(first, "path"), "flag a owner");
  EXPECT_EQ(TextAt(first, "base") + TextAt(first, "theirs") + TextAt(first, "ours"), "xyz");
  EXPECT_EQ(server.head(), before);
}

TEST_F(ApiTest, AWorkspaceThatCannotBeReadNamesEveryFault) {
  const HttpAnswer answer = server.Call("POST", "/api/v1/projects/shop/apply", {.body = R"({"prune":"yes","workspace":{
      "project":{"project":"bank"},"flags":[{"flag":"a","type":"colour"},7],"segments":{},"planets":[]}})"});
  EXPECT_EQ(answer.status, 422);
  const std::string pointers = " " + PointersOf(answer) + " ";
  for (const char* pointer :
       {"/prune", "/workspace/project", "/type", "/workspace/flags/1", "/workspace/segments", "/workspace/planets"}) {
    EXPECT_THAT(pointers, HasSubstr(std::string(" ") + pointer + " "));
  }
}

// --- keys ----------------------------------------------------------------------------------------------------------

TEST_F(ApiTest, AKeyIsShownOnceAndKeptAsAHash) {
  const HttpAnswer made = server.Call("POST", "/api/v1/projects/shop/keys",
                                      {.body = R"({"kind":"server","environment":"production","description":"web"})"});
  ASSERT_EQ(made.status, 201);
  const std::string text = TextAt(TestServer::Body(made), "key"), id = TextAt(TestServer::Body(made), "id");
  const HttpAnswer list = server.Call("GET", "/api/v1/projects/shop/keys");
  EXPECT_THAT(list.body, HasSubstr(id));
  EXPECT_THAT(list.body, HasSubstr("web"));
  const std::string secret(ParseKey(text)->secret);
  EXPECT_THAT(list.body, Not(HasSubstr(secret)));
  EXPECT_THAT(list.body, Not(HasSubstr("verifier")));
  const auto everything = server.store().Range({});
  ASSERT_TRUE(everything);
  for (const KeyValue& entry : everything->entries) EXPECT_THAT(entry.value, Not(HasSubstr(secret)));
  EXPECT_THAT(server.store().Revisions(server.head(), server.head(), 1)->at(0).audit.bytes, HasSubstr("key.create"));
  EXPECT_EQ(server.Call("GET", "/sdk/v1/ruleset", {.key = text}).status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/keys/" + id).status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/keys/" + id).status, 200);  // again: no harm
  EXPECT_EQ(server.Call("GET", "/sdk/v1/ruleset", {.key = text}).status, 401);
  EXPECT_THAT(server.Call("GET", "/api/v1/projects/shop/keys").body, HasSubstr("revoked"));
}

TEST_F(ApiTest, AKeyIsRotatedWithoutAMomentBetween) {
  const auto post = [&](const std::string& path, const std::string& body) {
    return server.Call("POST", "/api/v1/projects/shop/keys" + path, {.body = body});
  };
  server.SetNow(1'800'000'000'000);  // 2027-01-15T08:00:00Z
  const Value old = TestServer::Body(
      post("", R"({"kind":"relay","environment":"production","description":"web","expires_in":"90d"})"));
  server.SetNow(1'800'000'000'000 + 86'400'000);
  const std::string id = TextAt(old, "id");
  for (const char* wrong : {R"({"overlap":"0s"})", R"({"overlap":7})", R"({"until":"24h"})", "[]"}) {
    EXPECT_EQ(post("/" + id + "/rotate", wrong).status, 422) << wrong;
  }
  const Revision before = server.head();
  const HttpAnswer rotated = post("/" + id + "/rotate", R"({"overlap":"2h"})");
  ASSERT_EQ(rotated.status, 201) << rotated.body;
  EXPECT_EQ(server.head(), before + 1);
  const Value next = TestServer::Body(rotated);
  EXPECT_EQ(TextAt(next, "kind") + TextAt(next, "environment") + TextAt(next, "description"), "relayproductionweb");
  EXPECT_EQ(TextAt(next, "expires"), "2027-04-16T08:00:00.000Z") << "90 days, like the old one";
  EXPECT_EQ(TextAt(*next.Find("replaces"), "expires"), "2027-01-16T10:00:00.000Z");
  EXPECT_EQ(TextAt(*next.Find("replaces"), "replaced_by"), TextAt(next, "id"));
  EXPECT_EQ(post("/" + id + "/rotate", "{}").status, 409);
  const auto reads = [&](const Value& key) {
    return server.Call("GET", "/sdk/v1/ruleset", {.key = TextAt(key, "key")}).status;
  };
  EXPECT_EQ(reads(old), 200);
  EXPECT_EQ(reads(next), 200);
  EXPECT_THAT(server.Call("GET", "/api/v1/projects/shop/keys").body,
              HasSubstr(R"("last_seen":"2027-01-16T08:00:00.000Z")"));
  server.SetNow(1'800'000'000'000 + 86'400'000 + 2 * 3'600'000);
  EXPECT_EQ(reads(old), 401);
  EXPECT_EQ(reads(next), 200);
  EXPECT_EQ(post("/" + id + "/rotate", "{}").status, 409);
  // An admin of the project gets no owner's key by rotating one.
  const std::string admin = server.MakeKey(KeyKind::kAdmin, "shop", "", "admin");
  const std::string owner(ParseKey(server.MakeKey(KeyKind::kAdmin, "shop"))->selector);
  EXPECT_EQ(server.Call("POST", "/api/v1/projects/shop/keys/" + owner + "/rotate", {.key = admin, .body = "{}"}).status,
            403);
  // The last key of an owner can be rotated: its successor is one.
  const std::string last(ParseKey(server.admin())->selector);
  const HttpAnswer successor = server.Call("POST", "/api/v1/keys/" + last + "/rotate", {.body = "{}"});
  EXPECT_EQ(successor.status, 201);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/keys/" + TextAt(TestServer::Body(successor), "id")).status, 409);
}

TEST_F(ApiTest, AKeyForEventsSendsThemAndReadsNothing) {
  const Value made = TestServer::Body(
      server.Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind":"events","environment":"production"})"}));
  const std::string key = TextAt(made, "key");
  EXPECT_TRUE(key.starts_with("gdn_evt_")) << key;
  EXPECT_EQ(server.Call("POST", "/sdk/v1/events", {.key = key, .body = "{}"}).status, 400);
  EXPECT_EQ(server.Call("GET", "/sdk/v1/ruleset", {.key = key}).status, 403);
}

TEST_F(ApiTest, AClientKeySendsEventsAndSeesNoRules) {
  const HttpAnswer made =
      server.Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind":"client","environment":"production"})"});
  ASSERT_EQ(made.status, 201);
  const std::string key = TextAt(TestServer::Body(made), "key");
  EXPECT_TRUE(key.starts_with("gdn_cli_"));
  EXPECT_EQ(server
                .Call("POST", "/sdk/v1/events",
                      {.key = key,
                       .body = R"({"batch":"0123456789abcdef","events":[{"type":"track","time":1798761600000,)"
                               R"("event":"order","context":{"key":"u"}}]})"})
                .status,
            202);
  EXPECT_EQ(server.Call("GET", "/sdk/v1/ruleset", {.key = key}).status, 403);
  EXPECT_EQ(server.Call("POST", "/sdk/v1/status", {.key = key, .body = R"({"instance":"a"})"}).status, 403);
}

TEST_F(ApiTest, KeysThatMakeNoSenseAreRefused) {
  for (const auto& [body, pointer] :
       std::map<std::string, std::string>{{R"({"kind":"server"})", "/environment"},
                                          {R"({"kind":"admin","role":"emperor"})", "/role"},
                                          {R"({"kind":"server","environment":"production","role":"viewer"})", "/role"},
                                          {R"({"kind":"client"})", "/environment"},
                                          {R"({"kind":"relay"})", "/environment"},
                                          {R"({"kind":"events"})", "/environment"},
                                          {R"({"kind":"root"})", "/kind"},
                                          {R"({"environment":"production"})", "/kind"},
                                          {R"({"kind":"admin","description":7})", "/description"},
                                          {R"({"kind":"admin","colour":"red"})", "/colour"}}) {
    const HttpAnswer answer = server.Call("POST", "/api/v1/projects/shop/keys", {.body = body});
    EXPECT_EQ(answer.status, 422) << body;
    EXPECT_EQ(PointersOf(answer), pointer) << body;
  }
  EXPECT_EQ(
      server.Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind":"server","environment":"mars"})"}).status,
      404);
  for (const char* body :
       {R"({"kind":"server","environment":"production"})", R"({"kind":"admin","environment":"x"})"}) {
    EXPECT_EQ(server.Call("POST", "/api/v1/keys", {.body = body}).status, 422) << body;
  }
}

TEST_F(ApiTest, AProjectStaysWhileAWebhookTellsOfIt) {
  ASSERT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank","environments":{"production":{}}})"})
                .status,
            201);
  const HttpAnswer made =
      server.Call("POST", "/api/v1/projects/bank/webhooks", {.body = R"({"url":"http://127.0.0.1:1/"})"});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = TextAt(TestServer::Body(made), "id");
  const HttpAnswer refused = server.Call("DELETE", "/api/v1/projects/bank");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("webhook " + id));
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/bank/webhooks/" + id).status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/bank").status, 200);
}

// Whoever moves it: a definition that is put, a change set, a workspace that is applied, a removal.
TEST_F(ApiTest, AWebhookIsToldWhatBefallsAnExperiment) {
  testing::ScriptedServer receiver;
  server.PutFlag("a");
  ASSERT_EQ(server
                .Call("POST", "/api/v1/projects/shop/webhooks",
                      {.body = R"({"url":")" + receiver.url() +
                               R"(/","events":["experiment.st*","experiment.paused",)" + R"("experiment.resumed"]})"})
                .status,
            201);
  const auto experiment = [](const std::string& state) {
    return R"({"experiment":"e","owner":"ana","flag":"a","environment":"production","unit":"key","state":")" + state +
           R"(","variants":{"control":{"serves":"off","weight":"50%"},"one":{"serves":"on","weight":"50%"}}})";
  };
  const auto put = [&](const std::string& state) {
    const int status = server.Call("PUT", "/api/v1/projects/shop/experiments/e", {.body = experiment(state)}).status;
    EXPECT_TRUE(status == 200 || status == 201) << status;
  };
  // What it is told next: the type, and of the experiment what there is to say.
  const auto told = [&]() -> std::string {
    const auto connection = receiver.Accept();
    if (connection == nullptr) return "nothing";
    const Result<Value> body = ParseJson(connection->request().body);
    connection->SendAnswer(204);
    const Value& data = *body->Find("data");
    const Value* happenings = data.Find("experiments");
    return TextAt(*body, "type") + " " + TextAt(data, "project") + " " + TextAt(data, "revision") + " " +
           (happenings == nullptr ? "" : ToJson(*happenings));
  };
  const auto expected = [&](const std::string& type, const std::string& event, const std::string& was,
                            const std::string& is, int iteration) {
    return type + " shop " + std::to_string(server.head()) + R"( [{"event":"experiment.)" + event +
           R"(","key":"e","environment":"production","was":")" + was + R"(","is":")" + is + R"(","iteration":)" +
           std::to_string(iteration) + R"(,"variants":["control","one"]}])";
  };
  const auto apply = [&](const std::string& state) {
    const HttpAnswer applied = server.Call(
        "POST", "/api/v1/projects/shop/apply",
        {.body = R"({"workspace":{"project":{"project":"shop","environments":{"production":{},"staging":{}}},)"
                 R"("experiments":[)" +
                 experiment(state) + "]}}"});
    EXPECT_EQ(applied.status, 200) << applied.body;
  };
  apply("draft");  // of which it is not told
  apply("running");
  EXPECT_EQ(told(), expected("workspace.apply", "started", "draft", "running", 1));
  EXPECT_EQ(Changes(R"({"comment":"looks odd","changes":[{"kind":"experiment","key":"e","action":"patch",)"
                    R"("definition":{"state":"paused"}}]})")
                .status,
            200);
  EXPECT_EQ(told(), expected("definitions.change", "paused", "running", "paused", 1));
  put("running");
  EXPECT_EQ(told(), expected("definitions.change", "resumed", "paused", "running", 1));
  put("stopped");
  EXPECT_EQ(told(), expected("definitions.change", "stopped", "running", "stopped", 1));
  put("running");
  EXPECT_EQ(told(), expected("definitions.change", "started", "stopped", "running", 2));
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/experiments/e").status, 200);
  EXPECT_EQ(told(), expected("definitions.change", "stopped", "running", "stopped", 2)) << "what is gone is over";
}

TEST_F(ApiTest, TheLastKeyOfAllProjectsStays) {
  const std::string first(ParseKey(server.admin())->selector);
  const HttpAnswer last = server.Call("DELETE", "/api/v1/keys/" + first);
  EXPECT_EQ(last.status, 409);
  EXPECT_EQ(server.Call("POST", "/api/v1/keys", {.body = R"({"kind":"admin","expires_in":"1d"})"}).status, 201);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/keys/" + first).status, 409) << "the other one ends by itself";
  const Value made = TestServer::Body(server.Call("POST", "/api/v1/keys", {.body = R"({"kind":"admin"})"}));
  EXPECT_THAT(server.Call("GET", "/api/v1/keys").body, HasSubstr(TextAt(made, "id")));
  EXPECT_THAT(server.Call("GET", "/api/v1/projects/shop/keys").body, Not(HasSubstr(TextAt(made, "id"))));
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/shop/keys/" + first).status, 404);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/keys/" + first, {.key = TextAt(made, "key")}).status, 200);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects").status, 401);
}

// --- the page ------------------------------------------------------------------------------------------------------

TEST_F(ApiTest, ThePageIsForBrowsersOnThisMachine) {
  server.PutFlag("payments.v2");
  const auto ask = [&](const std::string& host) {
    HttpConnection connection(server.port());
    connection.Send("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    return connection.ReadAnswer();
  };
  for (const char* host : {"localhost", "localhost:8400", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8400", "127.1.2.3:80",
                           "[::1]", "[::1]:8400"}) {
    const HttpAnswer page = ask(host);
    EXPECT_EQ(page.status, 200) << host;
    EXPECT_THAT(page.body, HasSubstr("payments.v2"));
    EXPECT_EQ(page.Header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.Header("Content-Security-Policy"), kHomeContentSecurityPolicy);
    EXPECT_EQ(page.Header("X-Content-Type-Options"), "nosniff");
  }
  for (const char* host : {"shop.example", "127.0.0.1.shop.example:8400", "127.shop.example", "localhost.shop.example",
                           "[::1].shop.example", "127.0.0.1:x", "[::2]"}) {
    const HttpAnswer refused = ask(host);
    EXPECT_EQ(refused.status, 403) << host;
    EXPECT_THAT(refused.body, Not(HasSubstr("payments.v2")));
  }
}

TEST_F(ApiTest, ThePageLooksAtWhoAsksAndNotOnlyAtTheHostThatTheyName) {
  const auto ask = [&](const std::string& peer, const http::Headers& more = {}) {
    http::Request request;
    request.method = "GET";
    request.path = request.target = "/";
    request.headers = {{"Host", "localhost"}};
    request.headers.insert(request.headers.end(), more.begin(), more.end());
    request.peer = peer;
    return server.Serve(request).status;
  };
  for (const char* here : {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}) EXPECT_EQ(ask(here), 200) << here;
  for (const char* other : {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "localhost", ""}) {
    EXPECT_EQ(ask(other), 403) << other;
  }
  for (const char* by_proxy : {"X-Forwarded-For", "Forwarded", "X-Real-IP"}) {
    EXPECT_EQ(ask("127.0.0.1", {{by_proxy, "192.0.2.1"}}), 403) << by_proxy;
  }
}

TEST_F(ApiTest, AllWhoReadThePageShareItUntilItChanges) {
  http::Request request;
  request.method = "GET";
  request.path = request.target = "/";
  request.peer = "127.0.0.1";
  request.headers = {{"Host", "localhost"}};
  server.SetNow(0);
  const auto first = server.Serve(request).shared_body, again = server.Serve(request).shared_body;
  ASSERT_TRUE(first);
  EXPECT_EQ(first, again) << "two copies of the page";
  server.PutFlag("new-checkout");
  const auto changed = server.Serve(request).shared_body;
  EXPECT_THAT(*changed, HasSubstr("new-checkout"));
  server.SetNow(std::chrono::milliseconds(std::chrono::days(2)).count());
  EXPECT_NE(server.Serve(request).shared_body, changed) << "what has expired depends on the day";
}

TEST_F(ApiTest, ThePageSaysWhatEachFlagDoesInEachEnvironment) {
  server.PutFlag("fixed", "off");
  const auto put = [&](const std::string& key, const std::string& production) {
    EXPECT_EQ(server
                  .Call("PUT", kFlags + key, {.body = R"({"type":"boolean","kind":"kill_switch","owner":"x",
        "environments":{"production":)" + production + "}}"})
                  .status,
              201);
  };
  put("ruled", R"({"enabled":true,"default":"on","targets":{"off":["user-1"]}})");
  put("split", R"({"enabled":true,"default":{"serve":{"on":"50%","off":"50%"}}})");
  put("asleep", R"({"enabled":false,"default":"on"})");
  EXPECT_EQ(server.Call("PUT", std::string(kFlags) + "old", {.body = R"({"type":"boolean","archived":true})"}).status,
            201);
  const std::string page = server.Call("GET", "/", {.key = "-"}).body;
  for (const char* cell : {"<td>serves off</td>", "<td>by rules, else on</td>", "<td>a split</td>",
                           "<td>not enabled</td>", "<td>archived</td>", "boolean, kill switch"}) {
    EXPECT_THAT(page, HasSubstr(cell));
  }
}

TEST_F(ApiTest, ARampIsShownAndMovedInItsEnvironmentByWhoMayWriteThere) {
  const std::string flag =
      R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"off","rules":[)"
      R"({"id":"beta","serve":"on","ramp":[{"at":"10%","hold":"1d"},{"at":"100%"}]}]}}})";
  ASSERT_EQ(server.Call("PUT", std::string(kFlags) + "a", {.body = flag}).status, 201);
  const std::string ramps = "/api/v1/projects/shop/environments/production/flags/a/ramps";
  const HttpAnswer shown = server.Call("GET", ramps);
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.Header("ETag"), "\"2\"");
  const Value first = TestServer::Body(shown).Find("ramps")->AsArray().at(0);
  EXPECT_EQ(TextAt(first, "status"), "running");
  EXPECT_EQ(TextAt(first, "at"), "10%");
  const auto time = [](const Value& of, std::string_view name) { return ParseTimestamp(TextAt(of, name)).value_or(0); };
  EXPECT_EQ(time(*first.Find("next"), "due") - time(first, "since"), 86'400'000);
  const std::string staging = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "editor");
  EXPECT_EQ(server.Call("GET", ramps, {.key = staging}).status, 403);
  EXPECT_EQ(server.Call("POST", ramps + "/beta", {.key = staging, .body = R"({"action":"abort"})"}).status, 403);
  EXPECT_EQ(server.head(), 2u);
  const std::string production = server.MakeKey(KeyKind::kAdmin, "shop", "production", "editor");
  const auto move = [&](const std::string& action, const std::string& if_match = "") {
    HttpCallOptions options{.key = production, .body = R"({"action":")" + action + R"("})"};
    if (!if_match.empty()) options.headers = {{"If-Match", if_match}};
    return server.Call("POST", ramps + "/beta", options);
  };
  EXPECT_EQ(move("pause", "1").status, 412);
  const HttpAnswer paused = move("pause", "2");
  EXPECT_EQ(paused.status, 200) << paused.body;
  EXPECT_EQ(paused.Header("ETag"), "\"3\"");
  EXPECT_EQ(TextAt(TestServer::Body(paused).Find("ramps")->AsArray().at(0), "status"), "paused");
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"}})"), "off DEFAULT");
  EXPECT_EQ(move("finish").status, 200);
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"}})"), "on SPLIT");
  EXPECT_EQ(move("resume").status, 409);
  const HttpAnswer step = move("step");
  EXPECT_EQ(step.status, 422);
  EXPECT_EQ(PointersOf(step), "/action");
  EXPECT_EQ(server.Call("POST", ramps + "/gamma", {.body = R"({"action":"abort"})"}).status, 404);
  EXPECT_EQ(TextAt(server.Get("/api/v1/audit?limit=1").Find("entries")->AsArray().at(0), "action"), "ramp.finish");
}

TEST_F(ApiTest, AnExperimentIsMovedAndSaysWhereItStands) {
  const std::string project = "/api/v1/projects/shop";
  ASSERT_EQ(server
                .Call("PUT", std::string(kFlags) + "a",
                      {.body = R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,)"
                               R"("default":"off"}}})"})
                .status,
            201);
  ASSERT_EQ(server
                .Call("PUT", project + "/experiments/e",
                      {.body = R"({"owner":"x","flag":"a","environment":"production","unit":"key","variants":)"
                               R"({"control":{"serves":"off","weight":"50%"},"new":{"serves":"on","weight":"50%"}},)"
                               R"("ramp":[{"at":"10%","min_units":500},{"at":"100%"}]})"})
                .status,
            201);
  const std::string staging = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "editor");
  const std::string key = server.MakeKey(KeyKind::kAdmin, "shop", "production", "editor");
  const auto move = [&](const std::string& action, const std::string& body = "", const std::string& if_match = "") {
    HttpCallOptions options{.key = key, .body = body};
    if (!if_match.empty()) options.headers = {{"If-Match", if_match}};
    return server.Call("POST", project + "/experiments/e/" + action, options);
  };
  const auto status = [&] { return server.Get(project + "/experiments/e/status"); };
  EXPECT_EQ(TextAt(status(), "status"), "draft");
  EXPECT_EQ(TextAt(*status().Find("ramp"), "status"), "idle");
  const std::string check = project + "/experiments/e/check";
  EXPECT_EQ(server.Call("GET", check + "?daily_units=-1").status, 400);
  const HttpAnswer checked = server.Call("GET", check + "?daily_units=2000");
  EXPECT_EQ(checked.status, 200);
  EXPECT_EQ(TextAt(TestServer::Body(checked), "can_start"), "true");
  EXPECT_THAT(checked.body, HasSubstr(R"("check":"start","outcome":"good","sentence":"it can start")"));
  EXPECT_THAT(checked.body, HasSubstr("about 2,000 units a day enter"));
  EXPECT_EQ(server.Call("POST", project + "/experiments/e/start", {.key = staging}).status, 403);
  EXPECT_EQ(move("pause").status, 409);
  EXPECT_THAT(move("pause").body, HasSubstr("experiment 'e' has not run; start it"));
  EXPECT_EQ(PointersOf(move("start", R"({"at":"soon","assignments":"new","by":"me"})")), "/by /at /assignments");
  EXPECT_EQ(move("start", R"({"at":"2020-01-01T00:00:00Z"})").status, 422) << "it has passed";
  EXPECT_EQ(move("start", R"({"at":"2099-01-01T00:00:00Z"})").status, 200);
  EXPECT_EQ(TextAt(status(), "scheduled"), "2099-01-01T00:00:00.000Z");
  EXPECT_EQ(move("start", "", "1").status, 412);
  const HttpAnswer started = move("start", R"({"comment":"go"})");
  ASSERT_EQ(started.status, 200) << started.body;
  EXPECT_EQ(started.Header("ETag"), "\"" + std::to_string(server.head()) + "\"");
  const Value running = TestServer::Body(started);
  EXPECT_EQ(TextAt(running, "status"), "running");
  EXPECT_EQ(running.Find("scheduled"), nullptr);
  EXPECT_EQ(TextAt(running.Find("iterations")->AsArray().at(0), "number"), "1");
  EXPECT_EQ(running.Find("iterations")->AsArray().at(0).Find("measured"), nullptr) << "what people ask for";
  EXPECT_EQ(TextAt(*running.Find("ramp"), "status"), "waiting_for_units");
  EXPECT_TRUE(running.Find("ramp")->Find("next")->Find("units")->is_null()) << "nobody knows how many there are";
  const Value entry = server.Get("/api/v1/audit?limit=1").Find("entries")->AsArray().at(0);
  EXPECT_EQ(TextAt(entry, "action"), "experiment.started");
  EXPECT_EQ(TextAt(entry, "comment"), "go");
  EXPECT_EQ(move("start").status, 200);
  EXPECT_EQ(PointersOf(move("ramp", R"({"action":"abort"})")), "/action");
  EXPECT_EQ(TextAt(*TestServer::Body(move("ramp", R"({"action":"pause"})")).Find("ramp"), "status"), "paused");
  EXPECT_EQ(TextAt(*TestServer::Body(move("ramp", R"({"action":"finish"})")).Find("ramp"), "status"), "finished");
  EXPECT_THAT(Variation(R"({"flag":"a","context":{"key":"u"}})"), HasSubstr("SPLIT"));
  EXPECT_EQ(PointersOf(move("conclude", R"({"decision":"x"})")), "/winner");
  EXPECT_EQ(move("conclude", R"({"winner":"other"})").status, 422);
  const HttpAnswer concluded = move("conclude", R"({"winner":"new","decision":"more orders"})");
  ASSERT_EQ(concluded.status, 200) << concluded.body;
  EXPECT_EQ(TextAt(TestServer::Body(concluded), "decision"), "more orders");
  EXPECT_EQ(Variation(R"({"flag":"a","context":{"key":"u"}})"), "on STATIC");
  EXPECT_EQ(move("start").status, 409);
  EXPECT_EQ(server.Call("POST", project + "/experiments/f/start").status, 404);
  EXPECT_EQ(server.Call("GET", project + "/experiments/f/status").status, 404);
}

TEST_F(ApiTest, AnExperimentSaysWhyItsRampIsHeldBackAndSinceWhen) {
  const std::string experiment = "/api/v1/projects/shop/experiments/e";
  server.Call("PUT", std::string(kFlags) + "a",
              {.body = R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,)"
                       R"("default":"off"}}})"});
  server.Call("PUT", experiment,
              {.body = R"({"owner":"x","flag":"a","environment":"production","unit":"key","variants":)"
                       R"({"control":{"serves":"off","weight":"50%"},"new":{"serves":"on","weight":"50%"}},)"
                       R"("ramp":[{"at":"10%","hold":"1h"},{"at":"100%"}]})"});
  ASSERT_EQ(server.Call("POST", experiment + "/start").status, 200);
  const auto ramp = [&] { return *server.Get(experiment + "/status").Find("ramp"); };
  const RunningExperiment of{"shop", "production", "e", 1, 0};
  const Timestamp found(std::chrono::milliseconds(server.now_ms() + 3'600'000));
  server.held_ramps().Note(of, RampHold{RampHold::Reason::kNotCounted, "events are not counted"}, found);
  EXPECT_EQ(TextAt(ramp(), "status"), "running") << "no step is due";
  server.SetNow(server.now_ms() + 7'200'000);
  EXPECT_EQ(TextAt(ramp(), "status"), "held_back");
  EXPECT_EQ(ToJson(*ramp().Find("held_back")),
            R"({"reason":"not_counted","since":"2027-01-01T01:00:00.000Z","sentence":"events are not counted"})");
  EXPECT_EQ(
      TextAt(
          *TestServer::Body(server.Call("POST", experiment + "/ramp", {.body = R"({"action":"pause"})"})).Find("ramp"),
          "status"),
      "paused");
  EXPECT_EQ(ramp().Find("held_back"), nullptr);
  server.Call("POST", experiment + "/ramp", {.body = R"({"action":"resume"})"});
  server.SetNow(server.now_ms() + 7'200'000);
  EXPECT_EQ(TextAt(ramp(), "status"), "held_back");
  server.held_ramps().Note({"shop", "production", "e", 2, 0}, RampHold{}, found);
  EXPECT_EQ(TextAt(ramp(), "status"), "running") << "it was of another iteration";
  server.held_ramps().Note(of, std::nullopt, found);
  EXPECT_EQ(TextAt(ramp(), "status"), "running");
}

TEST_F(ApiTest, MembersRolesAndWebhooksAreChangedOnlyAsTheyWereSeen) {
  const auto send = [&](const char* method, const std::string& path, const std::string& body, const std::string& seen) {
    HttpCallOptions options{.body = body};
    if (!seen.empty()) options.headers = {{"If-Match", seen}};
    return server.Call(method, path, options);
  };
  const std::string url = R"({"url":"http://127.0.0.1:1"})";
  const HttpAnswer hook = server.Call("POST", "/api/v1/webhooks", {.body = url});
  ASSERT_EQ(hook.status, 201) << hook.body;
  const std::pair<std::string, std::string> things[] = {
      {"/api/v1/members/ana", R"({"name":"Ana"})"},
      {"/api/v1/roles/writer", R"({"verbs":["definitions.write"]})"},
      {"/api/v1/webhooks/" + TextAt(TestServer::Body(hook), "id"), url}};
  for (const auto& [path, body] : things) {
    SCOPED_TRACE(path);
    const HttpAnswer first = send("PUT", path, body, "");
    const std::string seen = first.Header("ETag");
    EXPECT_EQ(seen, "\"" + std::to_string(server.head()) + "\"");
    EXPECT_EQ(TextAt(TestServer::Body(first), "revision"), std::to_string(server.head()));
    if (path.find("/roles/") == std::string::npos) {
      EXPECT_EQ(server.Call("GET", path).Header("ETag"), seen);
    }
    const HttpAnswer second = send("PUT", path, body, seen);
    EXPECT_EQ(second.status, 200) << second.body;
    const Revision head = server.head();
    for (const char* method : {"PUT", "DELETE"}) {
      const HttpAnswer stale = send(method, path, body, seen);
      EXPECT_EQ(stale.status, 412) << stale.body;
      EXPECT_THAT(stale.body, HasSubstr("revision " + std::to_string(head)));
    }
    EXPECT_EQ(server.head(), head);
    EXPECT_EQ(server.Call("PUT", path, {.body = body, .headers = {{"If-None-Match", "*"}}}).status, 412);
    EXPECT_EQ(send("DELETE", path, "", second.Header("ETag")).status, 200);
    EXPECT_EQ(send("DELETE", path, "", "*").status, 412);
    EXPECT_EQ(send("DELETE", path, "", "").status, 404);
  }
  const Value roles = server.Get("/api/v1/roles");
  EXPECT_EQ(roles.Find("roles")->AsArray().at(0).Find("revision"), nullptr) << "built in";
}

TEST_F(ApiTest, ABodyBeyondTheBoundIsRefusedBeforeItIsSent) {
  HttpConnection connection(server.port());
  connection.Send("PUT /api/v1/projects/shop/flags/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194305\r\n\r\n");
  EXPECT_EQ(connection.ReadAnswer().status, 413);
}

}  // namespace
}  // namespace guidon
