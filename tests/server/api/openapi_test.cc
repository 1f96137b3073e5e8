// docs/api/openapi.yaml against the route table, in both directions, and against what the server does.
#include "tests/server/api/openapi.h"

#include <gtest/gtest.h>

#include "core/codec/codec.h"
#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

TEST(OpenApiTest, TheDocumentIsWellFormed) {
  for (const std::string& fault : OpenApi().Faults()) ADD_FAILURE() << fault;
}

TEST(OpenApiTest, EveryRouteIsDocumentedAndNothingElse) {
  const OpenApi api;
  std::set<std::string> documented, served;
  for (const Operation& operation : api.operations()) {
    documented.insert(operation.method + " " + operation.path + " " + operation.id);
  }
  for (const Route& route : Api::Routes()) {
    served.insert(std::string(route.method) + " " + std::string(route.path) + " " + std::string(route.name));
  }
  for (const std::string& route : served) EXPECT_TRUE(documented.contains(route)) << "not documented: " << route;
  for (const std::string& route : documented) EXPECT_TRUE(served.contains(route)) << "not served: " << route;
}

TEST(OpenApiTest, WhatNeedsNoKeySaysSoAndPathParametersAreDescribed) {
  const OpenApi api;
  // What holds where nothing is said.
  EXPECT_EQ(ToJson(*api.document().Find("security")), R"([{"key":[]},{"keyHeader":[]},{"session":[]}])");
  for (const Route& route : Api::Routes()) {
    const Operation& operation = api.ById(std::string(route.name));
    EXPECT_EQ(operation.is_public, route.verb == Verb::kPublic) << route.name;
    std::set<std::string> in_path, described;
    for (std::size_t at = route.path.find('{'); at != std::string_view::npos; at = route.path.find('{', at + 1)) {
      in_path.insert(std::string(route.path.substr(at + 1, route.path.find('}', at) - at - 1)));
    }
    for (const auto& [name, parameter] : operation.path_parameters) described.insert(name);
    EXPECT_EQ(in_path, described) << route.name;
  }
}

// What a story through all routes with the examples of the document, then the refusals that each route can give, has
// to show: that examples are accepted, and that every status is documented.
class Story {
 public:
  TestServer server;
  OpenApi api;

  // The address of an operation, with these values of its parameters.
  std::string PathOf(const std::string& id, std::map<std::string, std::string> values = {}) const {
    values.emplace("project", "shop");
    values.emplace("environment", "production");
    values.emplace("name", "monday");
    values.emplace("rule", "beta");
    values.emplace("comment", "1");
    std::string path = api.ById(id).path;
    for (const auto& [name, value] : values) {
      const std::size_t at = path.find("{" + name + "}");
      if (at != std::string::npos) path.replace(at, name.size() + 2, value);
    }
    EXPECT_EQ(path.find('{'), std::string::npos) << path;
    return path;
  }
  HttpAnswer Do(const std::string& id, std::map<std::string, std::string> values = {}, HttpCallOptions options = {}) {
    const Operation& operation = api.ById(id);
    if (operation.Example() != nullptr && options.body.empty()) options.body = ToJson(*operation.Example());
    return server.Call(operation.method, PathOf(id, std::move(values)), std::move(options));
  }
  void Expect(int status, const std::string& id, const std::map<std::string, std::string>& values = {},
              const HttpCallOptions& options = {}) {
    const HttpAnswer answer = Do(id, values, options);
    EXPECT_EQ(answer.status, status) << id << ": " << answer.body << answer.fault;
  }
  std::string KeyIn(const std::string& id, std::string_view kind) const {
    return api.ById(id).Example()->Find(kind)->AsString();
  }

  void MakeEverything() {
    Expect(201, "createProject");
    Expect(201, "putEnvironment", {{"environment", "staging"}});
    for (const auto& [kind, word] : kKinds) {
      Expect(201, "put" + word, {{"key", KeyIn("put" + word, kind)}});
      Expect(200, "put" + word, {{"key", KeyIn("put" + word, kind)}});  // the same again
    }
  }

  // In an order in which each finds what it refers to.
  static constexpr std::pair<std::string_view, const char*> kOrder[] = {
      {"segment", "Segment"}, {"metric", "Metric"}, {"layer", "Layer"},
      {"holdout", "Holdout"}, {"flag", "Flag"},     {"experiment", "Experiment"}};
  const std::vector<std::pair<std::string_view, std::string>> kKinds{std::begin(kOrder), std::end(kOrder)};
};

TEST(OpenApiTest, ExamplesAreWhatTheServerTakesAndEveryStatusIsDocumented) {
  Story story;
  story.MakeEverything();
  // Which the examples protect, and say afterwards what it is without that.
  const auto unprotect = [&] {
    const std::string path = "/api/v1/projects/shop/environments/staging?emergency=tidy";
    EXPECT_EQ(story.server.Call("PUT", path, {.body = "{}"}).status, 200);
  };
  unprotect();
  story.Expect(200, "listProjects");
  story.Expect(200, "getProject");
  story.Expect(200, "replaceProject");
  story.Expect(200, "listEnvironments");
  story.Expect(200, "getEnvironment");
  story.Expect(200, "putEnvironment", {{"environment", "staging"}});
  unprotect();
  for (const auto& [kind, word] : story.kKinds) {
    const std::string key = story.KeyIn("put" + word, kind);
    story.Expect(200, "get" + word, {{"key", key}});
    story.Expect(200, "list" + word + "s");
    story.Expect(200, "patch" + word, {{"key", key}});
    story.Expect(200, "get" + word + "History", {{"key", key}});
  }
  story.Expect(201, "recordGateRun");
  story.Expect(200, "getUsage");
  for (const char* id : {"listAudit", "listProjectAudit", "listAuditLinks", "listCheckpoints"}) story.Expect(200, id);
  ASSERT_EQ(
      story.server
          .Call("PUT", "/api/v1/projects/shop/flags/ramped",
                {.body = R"({"type":"boolean","environments":{"production":{"enabled":true,"default":"off",)"
                         R"("rules":[{"id":"beta","serve":"on","ramp":[{"at":"1%","hold":"1h"},{"at":"5%"}]}]}}})"})
          .status,
      201);
  story.Expect(200, "listRamps", {{"key", "ramped"}});
  story.Expect(200, "moveRamp", {{"key", "ramped"}});
  const std::map<std::string, std::string> trial = {{"key", "trial"}};
  ASSERT_EQ(
      story.server
          .Call("PUT", "/api/v1/projects/shop/experiments/trial",
                {.body = R"({"flag":"ramped","environment":"production","unit":"key","variants":{)"
                         R"("control":{"serves":"off","weight":"50%"},"one_page":{"serves":"on","weight":"50%"}},)"
                         R"("ramp":[{"at":"10%","hold":"1d","min_units":500},{"at":"100%"}]})"})
          .status,
      201);
  for (const char* id :
       {"checkExperiment", "startExperiment", "moveExperimentRamp", "pauseExperiment", "resumeExperiment",
        "rollBackExperiment", "stopExperiment", "getExperimentStatus", "concludeExperiment"}) {
    story.Expect(200, id, trial, {.body = std::string_view(id) == "startExperiment" ? "{}" : ""});
  }
  story.Expect(200, "commitChanges");
  story.Expect(200, "applyWorkspace");
  const std::string colleague = story.server.MakeKey(KeyKind::kAdmin);
  const auto open = [&](const char* enabled) {
    HttpCallOptions options;
    if (*enabled != '\0') {
      options.body =
          std::string(R"({"title":"x","changes":[{"kind":"flag","key":"checkout.layout","action":"patch",)") +
          R"("definition":{"environments":{"production":{"enabled":)" + enabled + "}}}}]}";
    }
    const HttpAnswer answer = story.Do("openChangeRequest", {}, options);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return std::map<std::string, std::string>{{"id", TextAt(TestServer::Body(answer), "number")}};
  };
  auto request = open("");
  story.Expect(200, "listChangeRequests");
  story.Expect(200, "getChangeRequest", request);
  story.Expect(200, "changeChangeRequest", request);
  story.Expect(200, "approveChangeRequest", request, {.key = colleague});
  story.Expect(200, "rebaseChangeRequest", request);
  story.Expect(200, "scheduleChangeRequest", request);
  for (const auto& [word, of] : {std::pair<std::string, std::map<std::string, std::string>>{"Request", request},
                                 {"Flag", {{"key", "checkout.layout"}}}}) {
    story.Expect(201, "add" + word + "Comment", of);
    story.Expect(200, "list" + word + "Comments", of);
    story.Expect(200, "remove" + word + "Comment", of);
  }
  story.Expect(200, "applyChangeRequest", request);
  story.Expect(200, "rejectChangeRequest", open("true"), {.key = colleague});
  story.Expect(200, "withdrawChangeRequest", open("true"));
  story.Expect(200, "getSnapshot");
  story.Expect(200, "evaluate");
  const HttpAnswer made = story.Do("createKey");
  EXPECT_EQ(made.status, 201) << made.body;
  const std::string sdk_key = TextAt(TestServer::Body(made), "key");
  story.Expect(200, "listKeys");
  story.Expect(200, "ruleset", {}, {.key = sdk_key});
  const std::string etag = story.Do("ruleset", {}, {.key = sdk_key}).Header("ETag");
  story.Expect(304, "ruleset", {}, {.key = sdk_key, .headers = {{"If-None-Match", etag}}});
  OpenStream stream(story.server, sdk_key);
  EXPECT_EQ(stream.Head().status, 200);
  story.Expect(202, "sendEvents", {}, {.key = sdk_key});
  EXPECT_NE(story.Do("sendEvents", {}, {.key = sdk_key}).body.find(R"("accepted":1,"rejected":[])"), std::string::npos);
  story.Expect(204, "sendStatus", {}, {.key = sdk_key});
  story.Expect(200, "evaluateFlag", {{"key", story.KeyIn("putFlag", "flag")}}, {.key = sdk_key});
  story.Expect(200, "evaluateFlags", {}, {.key = sdk_key});
  const std::string held = story.Do("evaluateFlags", {}, {.key = sdk_key}).Header("ETag");
  story.Expect(304, "evaluateFlags", {}, {.key = sdk_key, .headers = {{"If-None-Match", held}}});
  HttpConnection refetches(story.server.port());
  refetches.Send("GET /ofrep/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + sdk_key + "\r\n\r\n");
  EXPECT_EQ(refetches.ReadHead().status, 200);
  for (const char* id : {"preflightFlag", "preflightFlags", "preflightEvents"}) {
    story.Expect(204, id, {{"key", "a"}}, {.key = "-"});
  }
  const std::map<std::string, std::string> import = {{"id", "0123456789abcdef0123456789abcdef"}};
  story.Expect(201, "beginImport", import);
  story.Expect(200, "beginImport", import);
  story.Expect(202, "importEvents", import);
  story.Expect(200, "readEvents");
  EXPECT_TRUE(story.server.fold().CatchUp([] { return false; }));
  for (const char* id : {"getReport", "getTotals", "listExposures"}) {
    story.Expect(200, id, {{"key", story.KeyIn("putExperiment", "experiment")}});
  }
  story.Expect(200, "listProcesses");
  story.Expect(200, "getPropagation");
  story.Expect(201, "rotateKey", {{"id", TextAt(TestServer::Body(made), "id")}});
  const Value keys = TestServer::Body(story.Do("listKeys"));
  for (const Value& key : keys.Find("keys")->AsArray()) {
    story.Expect(200, "revokeKey", {{"id", TextAt(key, "id")}});
  }
  const HttpAnswer global = story.Do("createGlobalKey");
  EXPECT_EQ(global.status, 201) << global.body;
  story.Expect(200, "listGlobalKeys");
  story.Expect(201, "rotateGlobalKey", {{"id", TextAt(TestServer::Body(global), "id")}});
  story.Expect(200, "revokeGlobalKey", {{"id", TextAt(TestServer::Body(global), "id")}});
  for (const char* kind : {"Member", "Role"}) {
    for (const int status : {201, 200}) story.Expect(status, std::string("put") + kind, {{"id", "ana"}});
    story.Expect(200, std::string("list") + kind + "s");
  }
  story.Expect(200, "getMember", {{"id", "ana"}});
  story.Expect(200, "deleteMember", {{"id", "ana"}});
  story.Expect(200, "deleteRole", {{"id", "ana"}});
  for (const std::string scope : {"", "Global"}) {
    const HttpAnswer webhook = story.Do("create" + scope + "Webhook");
    EXPECT_EQ(webhook.status, 201) << webhook.body;
    EXPECT_TRUE(TextAt(TestServer::Body(webhook), "secret").starts_with("whsec_"));
    const std::map<std::string, std::string> it = {{"id", TextAt(TestServer::Body(webhook), "id")}};
    story.Expect(200, "list" + scope + "Webhooks");
    story.Expect(200, "get" + scope + "Webhook", it);
    EXPECT_EQ(story.Do("get" + scope + "Webhook", it).body.find("whsec_"), std::string::npos);
    story.Expect(200, "replace" + scope + "Webhook", it);
    story.Expect(200, "replace" + scope + "Webhook", it, {.body = R"({"url":"http://127.0.0.1:1"})"});
    story.Expect(200, "ping" + scope + "Webhook", it);
    story.Expect(200, "delete" + scope + "Webhook", it);
  }
  // What an OpenID provider is needed for: signin_test.cc.
  story.Expect(404, "beginSignIn", {}, {.key = "-"});
  story.Expect(404, "finishSignIn", {}, {.key = "-"});
  story.Expect(401, "exchangeCode", {}, {.key = "-"});
  story.Expect(200, "whoAmI");
  const HttpAnswer entered = story.Do("breakGlass", {}, {.key = "-"});
  EXPECT_EQ(entered.status, 200) << entered.body;
  story.Expect(200, "signOut", {}, {.key = TextAt(TestServer::Body(entered), "token")});
  story.Expect(202, "createBackup");  // a store in memory has no files: it fails, and says so
  story.Expect(200, "getBackup");
  story.Expect(200, "listBackups");
  story.Expect(200, "exportUnit");
  const HttpAnswer erasure = story.Do("eraseUnit");
  EXPECT_EQ(erasure.status, 202) << erasure.body;
  story.Expect(200, "getErasure", {{"id", TextAt(TestServer::Body(erasure), "erasure")}});
  for (const char* id : {"livez", "readyz", "metrics"}) story.Expect(200, id, {}, {.key = "-"});
  story.Expect(200, "home", {}, {.key = "-"});

  for (auto kind = story.kKinds.rbegin(); kind != story.kKinds.rend(); ++kind) {
    story.Expect(200, "delete" + kind->second, {{"key", story.KeyIn("put" + kind->second, kind->first)}});
  }
  story.Expect(200, "deleteExperiment", trial);
  story.Expect(200, "deleteSegment", {{"key", "old-beta"}});
  for (const char* key : {"search.suggestions", "ramped"}) story.Expect(200, "deleteFlag", {{"key", key}});
  story.Expect(200, "deleteEnvironment", {{"environment", "staging"}});
  story.Expect(200, "deleteProject");
  story.server.SetStopping();
  story.Expect(503, "readyz", {}, {.key = "-"});

  const auto seen = story.server.Seen();
  for (const Route& route : Api::Routes()) {
    const std::string id(route.name);
    ASSERT_TRUE(seen.contains(id)) << id << " was not asked";
    std::set<int> promised;
    const Value* responses = story.api.ById(id).document.Find("responses");
    for (const Member& response : responses->AsObject()) {
      if (response.name == "default") continue;
      const int status = std::stoi(response.name);
      promised.insert(status);
      const bool needs_provider = id == "beginSignIn" || id == "finishSignIn" || id == "exchangeCode";
      EXPECT_TRUE(status >= 400 || needs_provider || seen.at(id).contains(status))
          << id << " never answered " << status;
    }
    for (const int status : seen.at(id)) EXPECT_TRUE(promised.contains(status)) << id << " answered " << status;
  }
}

// Routes, by what they can be asked wrongly, without knowing what each is about.
TEST(OpenApiTest, EveryRouteRefusesWhatIsWrongWithADocumentedProblem) {
  Story story;
  story.MakeEverything();
  story.Expect(200, "patchFlag", {{"key", "checkout.layout"}});
  story.Expect(201, "putMember", {{"id", "ana"}}, {.body = R"({"name":"Ana"})"});  // whose roles keep no project
  story.Expect(201, "putRole", {{"id", "ana"}});
  const Revision before = story.server.head();
  for (const Operation& operation : story.api.operations()) {
    if (operation.is_public || operation.path.starts_with("/sdk/")) continue;
    if (operation.id == "importEvents") continue;         // a batch is read as that of an SDK: events_test.cc
    if (operation.path.starts_with("/ofrep/")) continue;  // which has words of its own: ofrep_test.cc
    SCOPED_TRACE(operation.id);
    const std::map<std::string, std::string> nowhere = {{"project", "nowhere"}, {"key", "nothing"}, {"id", "nobody"}};
    const std::map<std::string, std::string> nothing = {{"environment", "mars"}, {"key", "nothing"}, {"id", "nobody"}};
    const auto refused = [&](int status, const HttpAnswer& answer) {
      EXPECT_EQ(answer.status, status) << answer.body << answer.fault;
      EXPECT_EQ(answer.Header("Content-Type"), "application/problem+json");
      const Value problem = TestServer::Body(answer);
      EXPECT_EQ(TextAt(problem, "status"), std::to_string(status));
      for (const char* member : {"type", "title", "detail", "code", "request_id"}) {
        EXPECT_NE(TextAt(problem, member), "") << member;
      }
      const Value* responses = operation.document.Find("responses");
      EXPECT_TRUE(responses->Find(std::to_string(status)) != nullptr || responses->Find("default") != nullptr);
    };
    const bool is_apply = operation.id == "applyWorkspace";
    if (operation.path.find("{project}") != std::string::npos && operation.id != "replaceProject" && !is_apply) {
      refused(404, story.Do(operation.id, nowhere));
    }
    const bool is_put = operation.method == "PUT";
    if (!is_put && (operation.path.find("{key}") != std::string::npos ||
                    operation.path.find("{environment}") != std::string::npos ||
                    operation.path.find("{id}") != std::string::npos)) {
      refused(404, story.Do(operation.id, nothing));
    }
    std::map<std::string, std::string> there;
    if (operation.Example() != nullptr && operation.path.find("{key}") != std::string::npos) there["key"] = "nothing";
    const bool is_made = operation.id == "putMember" || operation.id == "putRole";
    if (operation.path.find("{id}") != std::string::npos) there["id"] = is_made ? "ana" : "nobody";
    for (const auto& [kind, word] : story.kKinds) {
      if (operation.id.ends_with(word)) there["key"] = story.KeyIn("put" + word, kind);
    }
    if (operation.Example() != nullptr) {
      refused(400, story.Do(operation.id, there, {.body = "{"}));
      refused(400, story.Do(operation.id, there, {.body = R"({"a":1,"a":2})"}));
      refused(400, story.Do(operation.id, there, {.body = std::string(100, '[') + std::string(100, ']')}));
      refused(400, story.Do(operation.id, there, {.body = "{\"a\":\"\xff\"}"}));
      if (operation.NeedsBody()) refused(400, story.server.Call(operation.method, story.PathOf(operation.id, there)));
      const HttpAnswer odd = story.Do(operation.id, there, {.body = R"({"colour":"red"})"});
      refused(422, odd);
      EXPECT_NE((" " + PointersOf(odd) + " ").find(" /colour "), std::string::npos) << odd.body;
      refused(422, story.Do(operation.id, there, {.body = "7"}));
    }
    const auto& others = operation.other_parameters;
    const auto takes = [&](const char* name) { return std::find(others.begin(), others.end(), name) != others.end(); };
    if (takes("header If-Match")) {
      refused(412, story.Do(operation.id, there, {.headers = {{"If-Match", "\"0\""}}}));
      refused(400, story.Do(operation.id, there, {.headers = {{"If-Match", "\"x\""}}}));
    }
    if (takes("header If-None-Match")) {
      refused(412, story.Do(operation.id, there, {.headers = {{"If-None-Match", "*"}}}));
      refused(400, story.Do(operation.id, there, {.headers = {{"If-None-Match", "\"3\""}}}));
    }
    if (takes("header Idempotency-Key")) {
      refused(400, story.Do(operation.id, there, {.headers = {{"Idempotency-Key", std::string(129, 'k')}}}));
    }
    if (takes("query revision")) {
      const std::string path = story.PathOf(operation.id, there);
      refused(404, story.server.Call(operation.method, path + "?revision=4000"));
      refused(400, story.server.Call(operation.method, path + "?revision=yesterday"));
      refused(400, story.server.Call(operation.method, path + "?revision=0"));
    }
  }
  EXPECT_EQ(story.server.head(), before);
  ASSERT_TRUE(story.server.store().Compact(*story.server.store().PositionOf(before)));
  for (const char* path : {"/api/v1/projects/shop/flags/checkout.layout?revision=2",
                           "/api/v1/projects/shop/environments/production/snapshot?revision=2"}) {
    EXPECT_EQ(story.server.Call("GET", path).status, 410) << path;
  }
}

}  // namespace
}  // namespace guidon
