// Protected environments over HTTP: what is refused by every door, and the way of a change request through people.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;

constexpr const char* kShop = "/api/v1/projects/shop";
constexpr const char* kRequests = "/api/v1/projects/shop/change-requests";

class ChangeRequestsApiTest : public ::testing::Test {
 protected:
  ChangeRequestsApiTest() {
    // What is new is protected by nothing yet.
    const HttpAnswer made = Send("POST", "/apply", server.admin(), WorkspaceOf(FlagOf("false", "false")));
    EXPECT_EQ(made.status, 200) << made.body;
    editor = server.MakeKey(KeyKind::kAdmin, "shop", "", "editor");
    approver = server.MakeKey(KeyKind::kAdmin, "shop", "", "approver");
  }
  void Protect(int approvals) {
    const HttpAnswer answer =
        server.Call("PUT", "/api/v1/projects/shop/environments/production",
                    {.body = R"({"protected":true,"required_approvals":)" + std::to_string(approvals) + "}"});
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  HttpAnswer Send(const std::string& method, const std::string& what, const std::string& key,
                  const std::string& body = "") {
    return server.Call(method, kShop + what, {.key = key, .body = body});
  }
  static std::string FlagOf(const std::string& staging, const std::string& production) {
    return R"({"type":"boolean","owner":"x","environments":{"staging":{"enabled":)" + staging +
           R"(,"default":"on"},"production":{"enabled":)" + production + R"(,"default":"on"}}})";
  }
  static std::string WorkspaceOf(const std::string& flag, const std::string& production = R"({"protected":true})") {
    return R"({"workspace":{"project":{"project":"shop","environments":{"staging":{},"production":)" + production +
           R"(}},"flags":[{"flag":"a",)" + flag.substr(1) + "]}}";
  }
  // The number of a new one that enables the flag in an environment.
  std::string Open(const std::string& key, const std::string& environment = "production",
                   const std::string& more = "") {
    const HttpAnswer answer = server.Call(
        "POST", kRequests,
        {.key = key,
         .body =
             R"({"title":"on","changes":[{"kind":"flag","key":"a","action":"patch","definition":{"environments":{")" +
             environment + R"(":{"enabled":true}}}}])" + more + "}"});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return TextAt(TestServer::Body(answer), "number");
  }
  HttpAnswer Step(const std::string& number, const std::string& step, const std::string& key,
                  const std::string& body = "") {
    return server.Call("POST", kRequests + ("/" + number) + "/" + step, {.key = key, .body = body});
  }
  HttpAnswer Approve(const std::string& number, const std::string& key, int version = 1) {
    return Step(number, "approve", key, R"({"version":)" + std::to_string(version) + "}");
  }
  Value Get(const std::string& number) { return server.Get(kRequests + ("/" + number)); }
  std::string StateOf(const std::string& number) { return TextAt(Get(number), "state"); }
  std::string AuditOfHead() { return server.Call("GET", "/api/v1/audit?limit=1").body; }

  TestServer server;
  std::string editor, approver;
};

TEST_F(ChangeRequestsApiTest, NothingAltersAProtectedEnvironmentByAnyDoor) {
  const Revision before = server.head();
  const auto refused = [](const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, 409) << answer.body;
    EXPECT_EQ(TextAt(TestServer::Body(answer), "code"), "change_request_required");
    EXPECT_THAT(answer.body, HasSubstr("'production' (1 approval); nothing was written. Open a change request"));
  };
  for (const std::string& key : {editor, server.admin()}) {
    refused(Send("PUT", "/flags/a", key, FlagOf("false", "true")));
    refused(Send("PATCH", "/flags/a", key, R"({"environments":{"production":{"enabled":true}}})"));
    refused(Send("PATCH", "/flags/a", key, R"({"archived":true})"));
    refused(Send("DELETE", "/flags/a", key));
    refused(Send("POST", "/changes", key, R"({"changes":[{"kind":"flag","key":"a","action":"delete"}]})"));
    refused(Send("POST", "/apply", key, WorkspaceOf(FlagOf("false", "true"))));
  }
  // Nor by lifting the protection in the same change.
  refused(Send("POST", "/apply", server.admin(), WorkspaceOf(FlagOf("false", "true"), "{}")));
  EXPECT_EQ(server.head(), before);
  EXPECT_EQ(Send("POST", "/changes?dry_run=true", editor,
                 R"({"changes":[{"kind":"flag","key":"a","action":"patch","definition":{"archived":true}}]})")
                .status,
            200)
      << "anybody may know what it would do";
  // What alters other environments, or none, goes through.
  EXPECT_EQ(Send("PUT", "/flags/a", editor, FlagOf("true", "false")).status, 200);
  EXPECT_EQ(Send("PUT", "/segments/unused", editor, R"({"owner":"x","include":["user-1"]})").status, 201);
}

TEST_F(ChangeRequestsApiTest, ProtectionIsLiftedOnlyInAnEmergencyByWhoMayOverride) {
  ASSERT_EQ(server
                .Call("PUT", "/api/v1/roles/planner",
                      {.body = R"({"verbs":["definitions.read","definitions.write","projects.manage"]})"})
                .status,
            201);
  const std::string planner = server.MakeKey(KeyKind::kAdmin, "", "", "planner");
  const std::string local = server.MakeKey(KeyKind::kAdmin, "shop", "production");
  const std::string environment = "/environments/production";
  EXPECT_EQ(Send("PUT", environment, local, "{}").status, 409) << "an admin of the environment alone";
  for (const std::string& key : {editor, approver, local}) {  // or they would be in the way of what goes
    ASSERT_EQ(Send("DELETE", "/keys/" + std::string(ParseKey(key)->selector), server.admin()).status, 200);
  }
  ASSERT_EQ(Send("DELETE", "/flags/a?emergency=tidy", server.admin()).status, 200);
  const auto project = [](const std::string& production) {
    return R"({"project":"shop","environments":{"staging":{})" + production + "}}";
  };
  struct Door {
    std::string method, path, body;
  };
  const Door apply{"POST", "/apply", R"({"workspace":{"project":)" + project(R"(,"production":{})") + "}}"};
  const Door remove{"DELETE", "", ""};
  const Door doors[] = {
      {"PUT", environment, "{}"},
      {"PUT", environment, R"({"protected":true,"required_approvals":1})"},
      {"DELETE", environment, ""},
      {"PUT", "", project(R"(,"production":{})")},
      {"PUT", "", project(R"(,"production":{"protected":true})")},
      {"PUT", "", project("")},
  };
  const auto is_shut = [&](const Door& door) {
    SCOPED_TRACE(door.method + door.path + door.body);
    const Revision before = server.head();
    for (const char* reason : {"", "?emergency=outage"}) {
      const HttpAnswer refused = Send(door.method, door.path + reason, planner, door.body);
      EXPECT_EQ(refused.status, 403) << refused.body;
      EXPECT_THAT(refused.body, HasSubstr("'environments.override', which this key lacks in 'production'"));
    }
    const HttpAnswer silent = Send(door.method, door.path, server.admin(), door.body);
    EXPECT_EQ(silent.status, 409) << silent.body;
    EXPECT_THAT(silent.body, HasSubstr("?emergency=REASON"));
    EXPECT_EQ(server.head(), before);
  };
  const auto lifts = [&](const Door& door) {
    SCOPED_TRACE(door.method + door.path + door.body);
    const HttpAnswer lifted = Send(door.method, door.path + "?emergency=outage", server.admin(), door.body);
    EXPECT_EQ(lifted.status, 200) << lifted.body;
    const Value audit = server.Get("/api/v1/audit?limit=1");
    const Value& entry = audit.Find("entries")->AsArray().at(0);
    EXPECT_EQ(TextAt(entry, "overridden"), R"(["production"])");
    EXPECT_EQ(TextAt(entry, "emergency"), "outage");
    EXPECT_THAT(TextAt(entry, "environments"), HasSubstr("production"));
  };
  const auto protect = [&](const std::string& approvals) {
    const std::string body = R"({"protected":true,"required_approvals":)" + approvals + "}";
    EXPECT_LT(Send("PUT", environment, planner, body).status, 300) << "more of it takes no emergency";
  };
  for (const Door* door : {&apply, &remove}) is_shut(*door);
  protect("2");
  for (const Door& door : doors) is_shut(door);
  for (const Door& door : doors) {
    lifts(door);
    protect("2");
  }
  lifts(doors[0]);
  protect("1");
  lifts(apply);
  protect("1");
  lifts(remove);
}

TEST_F(ChangeRequestsApiTest, ARampIsHeldWithoutApprovalsAndMovedOnlyInAnEmergency) {
  const std::string ramped =
      R"({"type":"boolean","owner":"x","environments":{"staging":{"enabled":false,"default":"on"},)"
      R"("production":{"enabled":true,"default":"off","rules":[{"id":"beta","serve":"on",)"
      R"("ramp":[{"at":"1%","hold":"1h"},{"at":"5%"}]}]}}})";
  ASSERT_EQ(Send("PUT", "/flags/a?emergency=outage", server.admin(), ramped).status, 200);
  const std::string path = "/environments/production/flags/a/ramps/beta";
  const HttpAnswer paused = Send("POST", path, editor, R"({"action":"pause"})");
  EXPECT_EQ(paused.status, 200) << paused.body;
  EXPECT_EQ(Send("POST", path, editor, R"({"action":"resume"})").status, 200);
  for (const char* action : {"abort", "finish"}) {
    const HttpAnswer refused = Send("POST", path, server.admin(), std::string(R"({"action":")") + action + "\"}");
    EXPECT_EQ(refused.status, 409) << action << refused.body;
    EXPECT_EQ(TextAt(TestServer::Body(refused), "code"), "change_request_required");
  }
  EXPECT_EQ(Send("POST", path + "?emergency=outage", editor, R"({"action":"abort"})").status, 403);
  EXPECT_EQ(Send("POST", path + "?emergency=outage", server.admin(), R"({"action":"abort"})").status, 200);
  EXPECT_THAT(AuditOfHead(), HasSubstr("\"emergency\":\"outage\""));
  EXPECT_EQ(Send("POST", path, editor, R"({"action":"resume"})").status, 409) << "which would begin it anew";
}

TEST_F(ChangeRequestsApiTest, AnExperimentIsStartedByAChangeRequestOrInAnEmergency) {
  ASSERT_EQ(Send("PUT", "/flags/a?emergency=outage", server.admin(), FlagOf("false", "true")).status, 200);
  ASSERT_EQ(Send("PUT", "/experiments/e?emergency=outage", server.admin(),
                 R"({"owner":"x","flag":"a","environment":"production","unit":"key","variants":)"
                 R"({"control":{"serves":"on","weight":"50%"},"new":{"serves":"off","weight":"50%"}}})")
                .status,
            201);
  for (const char* body : {"", R"({"at":"2099-01-01T00:00:00Z"})"}) {
    const HttpAnswer refused = Send("POST", "/experiments/e/start", server.admin(), body);
    EXPECT_EQ(refused.status, 409) << refused.body;
    EXPECT_EQ(TextAt(TestServer::Body(refused), "code"), "change_request_required");
  }
  const HttpAnswer opened = server.Call(
      "POST", kRequests,
      {.key = editor,
       .body =
           R"({"title":"go","changes":[{"kind":"experiment","key":"e","action":"patch","definition":{"state":"running"}}]})"});
  ASSERT_EQ(opened.status, 201) << opened.body;
  const std::string number = TextAt(TestServer::Body(opened), "number");
  EXPECT_EQ(Approve(number, approver).status, 200);
  EXPECT_EQ(Step(number, "apply", editor).status, 200);
  EXPECT_EQ(TextAt(server.Get(std::string(kShop) + "/experiments/e/status"), "status"), "running");
  EXPECT_EQ(Send("POST", "/experiments/e/stop", editor).status, 409);
  EXPECT_EQ(Send("POST", "/experiments/e/stop?emergency=outage", server.admin()).status, 200);
  EXPECT_THAT(AuditOfHead(), HasSubstr("\"action\":\"experiment.stopped\""));
  // What is over alters nobody any more; the control is what `default` serves.
  EXPECT_EQ(Send("POST", "/experiments/e/conclude", editor, R"({"winner":"new"})").status, 409);
  EXPECT_EQ(Send("POST", "/experiments/e/conclude", editor, R"({"winner":"control"})").status, 200);
}

TEST_F(ChangeRequestsApiTest, OneIsOpenedApprovedByAnotherStaleRebasedAndApplied) {
  const std::string number = Open(editor);
  EXPECT_EQ(StateOf(number), "open");
  const Value opened = Get(number);
  EXPECT_EQ(TextAt(opened, "environments"), R"(["production"])");
  EXPECT_EQ(TextAt(opened, "required_approvals"), "1");
  EXPECT_EQ(TextAt(opened.Find("plan")->Find("changes")->AsArray().at(0), "key"), "a");

  EXPECT_EQ(Approve(number, editor).status, 403) << "an editor has no right to approve";
  EXPECT_EQ(Approve(number, approver, 2).status, 412);
  EXPECT_EQ(Step(number, "apply", editor).status, 409);
  const HttpAnswer approved = Approve(number, approver);
  EXPECT_EQ(approved.status, 200) << approved.body;
  EXPECT_EQ(StateOf(number), "approved");
  EXPECT_EQ(Step(number, "apply", approver).status, 403) << "who approves need not write";

  EXPECT_EQ(Send("PUT", "/flags/a", editor, FlagOf("true", "false")).status, 200);
  EXPECT_EQ(StateOf(number), "stale");
  const HttpAnswer stale = Step(number, "apply", editor);
  EXPECT_EQ(stale.status, 409);
  EXPECT_THAT(stale.body, HasSubstr("is stale: flag 'a' changed in revision " + std::to_string(server.head())));
  EXPECT_EQ(TextAt(*Get(number).Find("stale_by"), "revision"), std::to_string(server.head()));

  EXPECT_EQ(Step(number, "rebase", editor).status, 200);
  EXPECT_EQ(StateOf(number), "open");
  EXPECT_EQ(Approve(number, approver).status, 412) << "it is another version";
  EXPECT_EQ(Approve(number, approver, 2).status, 200);
  const HttpAnswer applied = Step(number, "apply", editor);
  EXPECT_EQ(applied.status, 200) << applied.body;
  EXPECT_EQ(TextAt(TestServer::Body(applied), "revision"), std::to_string(server.head()));
  const Value flag = server.Get("/api/v1/projects/shop/flags/a");
  EXPECT_EQ(TextAt(flag, "revision"), std::to_string(server.head()));
  EXPECT_THAT(ToJson(flag), HasSubstr(R"("production":{"enabled":true)"));
  EXPECT_THAT(ToJson(flag), HasSubstr(R"("staging":{"enabled":true)"));
  EXPECT_THAT(AuditOfHead(), HasSubstr(R"("change_request":"1","requested_by":["key:)"));
  EXPECT_EQ(Step(number, "apply", editor).status, 409);
  const HttpAnswer list = server.Call("GET", std::string(kRequests) + "?state=live");
  EXPECT_EQ(TextAt(TestServer::Body(list), "change_requests"), "[]");
  EXPECT_THAT(server.Call("GET", std::string(kRequests) + "?state=applied").body, HasSubstr(R"("state":"applied")"));
  EXPECT_EQ(server.Call("GET", std::string(kRequests) + "?state=lost").status, 400);
}

TEST_F(ChangeRequestsApiTest, APersonIsOneWhateverKeyTheyUse) {
  Protect(2);
  for (const char* who : {"ana", "ben"}) {
    EXPECT_EQ(server
                  .Call("PUT", std::string("/api/v1/members/") + who,
                        {.body = R"({"name":"X","bindings":[{"role":"admin","project":"shop"}]})"})
                  .status,
              201);
  }
  const auto key_of = [&](const std::string& body, const std::string& path = "/api/v1/keys") {
    const HttpAnswer made = server.Call("POST", path, {.body = body});
    EXPECT_EQ(made.status, 201) << made.body;
    return TextAt(TestServer::Body(made), "key");
  };
  const std::string first = key_of(R"({"kind":"admin","member":"ana"})");
  const std::string number = Open(first);
  EXPECT_EQ(TextAt(Get(number), "authors"), R"(["member:ana"])");
  const HttpAnswer own = Approve(number, key_of(R"({"kind":"admin","member":"ana"})"));
  EXPECT_EQ(own.status, 403);
  EXPECT_THAT(own.body, HasSubstr("your own"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Approve(number, key_of(R"({"kind":"admin","member":"ben"})")).status, 200);
  EXPECT_EQ(StateOf(number), "open") << "ben counts once";

  // A key that is nobody's, and the one that it was rotated to.
  const std::string old = key_of(R"({"kind":"admin","role":"admin"})", "/api/v1/projects/shop/keys");
  const std::string other = Open(old);
  const std::string next =
      key_of(R"({"overlap":"1h"})", "/api/v1/projects/shop/keys/" + std::string(ParseKey(old)->selector) + "/rotate");
  EXPECT_EQ(Approve(other, next).status, 403);
  EXPECT_EQ(Approve(other, server.admin()).status, 200);
}

TEST_F(ChangeRequestsApiTest, AnApprovalCountsForAsLongAsWhoGaveItMayApprove) {
  const auto be = [&](const std::string& role) {
    const HttpAnswer put =
        server.Call("PUT", "/api/v1/members/ben",
                    {.body = R"({"name":"Ben","bindings":[{"role":")" + role + R"(","project":"shop"}]})"});
    EXPECT_EQ(put.status / 100, 2) << put.body;
  };
  be("approver");
  const HttpAnswer made = server.Call("POST", "/api/v1/keys", {.body = R"({"kind":"admin","member":"ben"})"});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string bens = TextAt(TestServer::Body(made), "key");
  const std::string number = Open(editor);
  EXPECT_EQ(Approve(number, bens).status, 200);
  EXPECT_EQ(StateOf(number), "approved");
  const auto counts = [&] { return TextAt(Get(number).Find("approvals")->AsArray().at(0), "counts"); };
  EXPECT_EQ(counts(), "true");
  EXPECT_EQ(server.Call("DELETE", "/api/v1/keys/" + TextAt(TestServer::Body(made), "id")).status, 200);
  EXPECT_EQ(StateOf(number), "approved") << "keys come and go, and Ben is there";

  be("editor");
  EXPECT_EQ(StateOf(number), "open");
  EXPECT_EQ(counts(), "false");
  EXPECT_THAT(server.Call("GET", std::string(kRequests) + "?state=open").body, HasSubstr("\"number\":" + number));
  const HttpAnswer refused = Step(number, "apply", editor);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(TextAt(TestServer::Body(refused), "code"), "change_request_required");
  be("approver");
  EXPECT_EQ(StateOf(number), "approved") << "it counts again";
  EXPECT_EQ(server.Call("DELETE", "/api/v1/members/ben").status, 200);
  EXPECT_EQ(StateOf(number), "open");

  // A key that is nobody's, and the one that it was rotated to.
  EXPECT_EQ(Approve(number, approver).status, 200);
  const std::string keys = "/api/v1/projects/shop/keys/";
  const HttpAnswer rotated = server.Call("POST", keys + std::string(ParseKey(approver)->selector) + "/rotate",
                                         {.body = R"({"overlap":"1ms"})"});
  ASSERT_EQ(rotated.status, 201) << rotated.body;
  server.SetNow(server.now_ms() + 1'000);
  EXPECT_EQ(StateOf(number), "approved") << "the key lives on in the next one";
  EXPECT_EQ(server.Call("DELETE", keys + TextAt(TestServer::Body(rotated), "id")).status, 200);
  EXPECT_EQ(StateOf(number), "open");
  EXPECT_EQ(Approve(number, server.admin()).status, 200);
  EXPECT_EQ(Step(number, "apply", editor).status, 200);
  EXPECT_EQ(Get(number).Find("approvals")->AsArray().at(0).Find("counts"), nullptr) << "closed as it was";
  const std::string audit = AuditOfHead();
  EXPECT_THAT(audit, HasSubstr("\"approved_by\":[\"key:" + std::string(ParseKey(server.admin())->selector) + "\"]"));
}

TEST_F(ChangeRequestsApiTest, RightsAreAskedForInEveryEnvironmentThatItAlters) {
  const std::string of_staging = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "editor");
  const std::string approver_of_staging = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "approver");
  const std::string number = Open(of_staging);  // asking takes no right there
  EXPECT_EQ(Approve(number, approver_of_staging).status, 403);
  EXPECT_EQ(Step(number, "reject", approver_of_staging, R"({"reason":"no"})").status, 403);
  EXPECT_EQ(Approve(number, approver).status, 200);
  EXPECT_EQ(Step(number, "apply", of_staging).status, 403);
  EXPECT_EQ(Step(number, "schedule", of_staging, R"({"apply_at":"2027-01-02T00:00:00Z"})").status, 403);
  EXPECT_EQ(Step(number, "withdraw", editor).status, 403) << "it is somebody else's";
  EXPECT_EQ(Step(number, "withdraw", of_staging).status, 200);
  // What alters no protected environment needs no approval, and may have a time all the same.
  const std::string plain = Open(of_staging, "staging", R"(,"apply_at":"2027-01-01T00:10:00Z")");
  EXPECT_EQ(StateOf(plain), "scheduled");
  server.SetNow(1'798'761'600'000 + 11 * 60'000);
  server.change_requests().Look();
  EXPECT_EQ(StateOf(plain), "applied");
  const HttpAnswer past = Step(Open(editor), "schedule", editor, R"({"apply_at":"2026-12-31T00:00:00Z"})");
  EXPECT_EQ(past.status, 422);
  EXPECT_EQ(PointersOf(past), "/apply_at");
}

TEST_F(ChangeRequestsApiTest, AnEmergencyTakesARightOfItsOwnAndIsSaid) {
  const std::string kOn = R"({"environments":{"production":{"enabled":true}}})";
  EXPECT_EQ(Send("PATCH", "/flags/a?emergency=", server.admin(), kOn).status, 400);
  const HttpAnswer editors = Send("PATCH", "/flags/a?emergency=orders%20fail", editor, kOn);
  EXPECT_EQ(editors.status, 403);
  EXPECT_THAT(editors.body,
              HasSubstr("'environments.override' in protected environments, which this key lacks in 'production'"));
  const std::string admin = server.MakeKey(KeyKind::kAdmin, "shop", "", "admin");
  const HttpAnswer done = Send("PATCH", "/flags/a?emergency=orders%20fail", admin, kOn);
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_THAT(AuditOfHead(), HasSubstr(R"("overridden":["production"],"emergency":"orders fail")"));
  // What alters nothing protected is no emergency.
  EXPECT_EQ(Send("PATCH", "/flags/a?emergency=x", editor, R"({"environments":{"staging":{"enabled":true}}})").status,
            200);
  EXPECT_EQ(AuditOfHead().find("overridden"), std::string::npos);
  EXPECT_EQ(
      Send("PATCH", "/flags/a?emergency=off", admin, R"({"environments":{"production":{"enabled":false}}})").status,
      200);
  const std::string number = Open(editor);
  EXPECT_EQ(Step(number, "apply?emergency=now", editor).status, 403);
  EXPECT_EQ(Step(number, "apply?emergency=now", admin).status, 200);
  EXPECT_THAT(AuditOfHead(), HasSubstr(R"("overridden":["production"],"emergency":"now")"));
}

TEST_F(ChangeRequestsApiTest, AWorkspaceIsAskedForAsAWhole) {
  const auto open = [&](const std::string& project, const std::string& flag) {
    return server.Call("POST", kRequests,
                       {.key = editor,
                        .body = R"({"title":"all","workspace":{"project":)" + project + R"(,"flags":[{"flag":"a",)" +
                                flag.substr(1) + "]}}"});
  };
  const std::string kProject = R"({"project":"shop","environments":{"staging":{},"production":{"protected":true}}})";
  const HttpAnswer opened = open(kProject, FlagOf("true", "true"));
  ASSERT_EQ(opened.status, 201) << opened.body;
  EXPECT_EQ(TextAt(TestServer::Body(opened), "environments"), R"(["production","staging"])");
  EXPECT_EQ(open(kProject, FlagOf("false", "false")).status, 422) << "nothing to change";
  const HttpAnswer project = open(R"({"project":"shop","environments":{"qa":{}}})", FlagOf("true", "true"));
  EXPECT_EQ(project.status, 422);
  EXPECT_THAT(project.body, HasSubstr("changes the project itself"));
  EXPECT_EQ(open(kProject, R"({"type":"boolean","owner":"x","environments":{"mars":{}}})").status, 422);
  EXPECT_EQ(server.Call("POST", kRequests, {.key = editor, .body = R"({"title":"both"})"}).status, 422);
}

TEST_F(ChangeRequestsApiTest, ADeletionThatIsRepeatedLeavesTheNextProjectOfThatNameAndItsRequestsAlone) {
  const std::string bank = "/api/v1/projects/bank", requests = bank + "/change-requests";
  const auto make = [&] {
    EXPECT_EQ(server
                  .Call("POST", "/api/v1/projects",
                        {.body = R"({"project":"bank","environments":{"production":{"protected":true}}})"})
                  .status,
              201);
    const HttpAnswer opened = server.Call(
        "POST", requests,
        {.body = R"({"title":"on","changes":[{"kind":"flag","key":"a","action":"put","definition":)" +
                 std::string(R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,)") +
                 R"("default":"on"}}}}]})"});
    EXPECT_EQ(opened.status, 201) << opened.body;
  };
  const HttpCallOptions once{.headers = {{"Idempotency-Key", "gone"}}};
  make();
  const HttpAnswer first = server.Call("DELETE", bank + "?emergency=tidy", once);
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(server.Call("GET", requests).status, 404);
  make();
  const HttpAnswer again = server.Call("DELETE", bank + "?emergency=tidy", once);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(server.Call("GET", bank).status, 200);
  EXPECT_THAT(server.Call("GET", requests).body, HasSubstr(R"("state":"open")")) << "from memory";
  EXPECT_EQ(server.Call("GET", requests + "/1").status, 200);
}

TEST_F(ChangeRequestsApiTest, CommentsAreForAllWhoReadAndTakenBackByWhoWroteThem) {
  const std::string viewer = server.MakeKey(KeyKind::kAdmin, "shop", "", "viewer");
  const std::string number = Open(editor);
  for (const std::string& of : {std::string("/flags/a/comments"), "/change-requests/" + number + "/comments"}) {
    SCOPED_TRACE(of);
    EXPECT_EQ(Send("POST", of, viewer, R"({"text":"why?"})").status, 201);
    EXPECT_THAT(Send("GET", of, approver).body, HasSubstr(R"("number":1,"person":"key:)"));
    EXPECT_EQ(Send("DELETE", of + "/1", editor).status, 403);
    EXPECT_EQ(Send("DELETE", of + "/1", viewer).status, 200);
    EXPECT_EQ(Send("DELETE", of + "/1", viewer).status, 404);
    EXPECT_EQ(Send("POST", of, viewer, R"({"text":"\u0007"})").status, 422);
  }
  EXPECT_EQ(Send("POST", "/flags/nothing/comments", viewer, R"({"text":"why?"})").status, 404);
}

}  // namespace
}  // namespace guidon
