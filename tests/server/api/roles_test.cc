// Roles at work: who may change which environment, by whatever door; what a key may hand on; people.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;

class RolesTest : public ::testing::Test {
 protected:
  RolesTest() {
    server.MakeShop();
    EXPECT_EQ(Put(server.admin(), "segments/eu", R"({"owner":"x","include":["user-1"]})").status, 201);
    EXPECT_EQ(Put(server.admin(), "flags/a", FlagOf("true", "true")).status, 201);
    EXPECT_EQ(Put(server.admin(), "flags/b", R"({"type":"boolean","owner":"x","environments":{"staging":{
      "enabled":true,"default":"off","rules":[{"id":"eu","when":{"segment":"eu"},"serve":"on"}]}}})")
                  .status,
              201);
    staging_editor = server.MakeKey(KeyKind::kAdmin, "shop", "staging", "editor");
  }
  HttpAnswer Put(const std::string& key, const std::string& what, const std::string& body) {
    return server.Call("PUT", "/api/v1/projects/shop/" + what, {.key = key, .body = body});
  }
  static std::string FlagOf(const std::string& staging, const std::string& production) {
    return R"({"type":"boolean","owner":"x","environments":{"staging":{"enabled":)" + staging +
           R"(,"default":"on"},"production":{"enabled":)" + production + R"(,"default":"on"}}})";
  }
  HttpAnswer Post(const std::string& key, const std::string& path, const std::string& body) {
    return server.Call("POST", path, {.key = key, .body = body});
  }
  // The text of a new key.
  std::string NewKeyOf(const std::string& key, const std::string& path, const std::string& body) {
    const HttpAnswer answer = Post(key, path, body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return TextAt(TestServer::Body(answer), "key");
  }

  TestServer server;
  std::string staging_editor;
};

TEST_F(RolesTest, AnEditorOfStagingChangesItThereAndNothingInProductionByNoDoor) {
  const auto may = [&](int status, const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, status) << answer.body;
    if (status == 403) {
      EXPECT_THAT(answer.body, HasSubstr("'production'; nothing was written"));
    }
  };
  const auto patch = [&](const std::string& body) {
    return server.Call("PATCH", "/api/v1/projects/shop/flags/a", {.key = staging_editor, .body = body});
  };
  const auto changes = [&](const std::string& flag) {
    return Post(staging_editor, "/api/v1/projects/shop/changes",
                R"({"changes":[{"kind":"flag","key":"a","definition":)" + flag + "}]}");
  };
  const auto apply = [&](const std::string& flag, const std::string& project) {
    return Post(staging_editor, "/api/v1/projects/shop/apply",
                R"({"workspace":{"project":)" + project + R"(,"flags":[{"flag":"a",)" + flag.substr(1) + "]}}");
  };
  const std::string kShop = R"({"project":"shop","environments":{"production":{},"staging":{}}})";
  may(200, Put(staging_editor, "flags/a", FlagOf("false", "true")));
  may(200, patch(R"({"environments":{"staging":{"enabled":true}}})"));
  may(200, changes(FlagOf("false", "true")));
  may(200, apply(FlagOf("false", "true"), kShop));
  may(200, apply(FlagOf("true", "true"), kShop));
  const Revision before = server.head();
  may(403, Put(staging_editor, "flags/a", FlagOf("true", "false")));
  may(403, Put(staging_editor, "flags/a", FlagOf("false", "false")));  // also what alters staging besides
  may(403, patch(R"({"environments":{"production":{"enabled":false}}})"));
  may(403, patch(R"({"environments":{"production":null}})"));
  may(403, patch(R"({"archived":true})"));
  may(403, patch(R"({"client":true})"));
  may(403, changes(FlagOf("true", "false")));
  may(403, apply(FlagOf("true", "false"), kShop));
  may(403, server.Call("DELETE", "/api/v1/projects/shop/flags/a", {.key = staging_editor}));
  EXPECT_EQ(server.head(), before);
  // An environment more is for those who manage the project.
  const HttpAnswer more =
      apply(FlagOf("true", "true"), R"({"project":"shop","environments":{"production":{},"staging":{},"qa":{}}})");
  EXPECT_EQ(more.status, 403);
  EXPECT_THAT(more.body, HasSubstr("projects.manage"));
  // What it would do, anybody may know who may change something.
  const HttpAnswer plan = Post(
      staging_editor, "/api/v1/projects/shop/apply?dry_run=true",
      R"({"workspace":{"project":)" + kShop + R"(,"flags":[{"flag":"a",)" + FlagOf("true", "false").substr(1) + "]}}");
  EXPECT_EQ(plan.status, 200) << plan.body;
  EXPECT_EQ(server.head(), before);
}

// What pipelines ask with: a key that can change nothing.
TEST_F(RolesTest, WhoMayReadMayAskWhatAWorkspaceWouldDoAndNothingMore) {
  const std::string viewer = server.MakeKey(KeyKind::kAdmin, "shop", "", "viewer");
  const std::string body =
      R"({"workspace":{"project":{"project":"shop","environments":{"production":{},"staging":{}}},)"
      R"("flags":[{"flag":"b","owner":"x","type":"boolean"}]},"rulesets":true})";
  const Revision before = server.head();
  const HttpAnswer plan = Post(viewer, "/api/v1/projects/shop/apply?dry_run=true", body);
  EXPECT_EQ(plan.status, 200) << plan.body;
  EXPECT_THAT(plan.body, HasSubstr("\"key\":\"b\""));
  for (const char* switched : {"", "?dry_run=false", "?dry_run=false&dry_run=true", "?dry_run=1",
                               "?dry_run=", "?dry_run", "?DRY_RUN=true", "?dry_run=true%20"}) {
    const HttpAnswer refused = Post(viewer, std::string("/api/v1/projects/shop/apply") + switched, body);
    EXPECT_TRUE(refused.status == 403 || refused.status == 400) << switched << ": " << refused.status;
  }
  EXPECT_EQ(Post(viewer, "/api/v1/projects/shop/changes?dry_run=true", R"({"changes":[]})").status, 403);
  EXPECT_EQ(
      Post(server.MakeKey(KeyKind::kServer, "shop", "production"), "/api/v1/projects/shop/apply?dry_run=true", body)
          .status,
      403);
  EXPECT_EQ(server.head(), before);
}

TEST_F(RolesTest, ASegmentNeedsTheRightInEveryEnvironmentThatUsesIt) {
  const std::string kEu = R"({"owner":"x","include":["user-2"]})";
  EXPECT_EQ(Put(staging_editor, "segments/eu", kEu).status, 200) << "used in staging only";
  EXPECT_EQ(Put(server.admin(), "segments/eu-web", R"({"owner":"x","when":{"segment":"eu"}})").status, 201);
  const HttpAnswer used = server.Call(
      "PATCH", "/api/v1/projects/shop/flags/a",
      {.body = R"({"environments":{"production":{"rules":[{"id":"eu","when":{"segment":"eu-web"},"serve":"off"}]}}})"});
  ASSERT_EQ(used.status, 200) << used.body;
  const HttpAnswer refused = Put(staging_editor, "segments/eu", R"({"owner":"x","include":[]})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("'definitions.write': 'production'; nothing"));
  EXPECT_EQ(Put(server.MakeKey(KeyKind::kAdmin, "shop", "", "editor"), "segments/eu", kEu).status, 200);
}

TEST_F(RolesTest, NobodyMakesAKeyThatMayMoreThanTheyMay) {
  const std::string admin =
      NewKeyOf(server.admin(), "/api/v1/projects/shop/keys", R"({"kind":"admin","role":"admin"})");
  const std::string kKeys = "/api/v1/projects/shop/keys";
  EXPECT_EQ(Post(admin, kKeys, R"({"kind":"admin","role":"editor"})").status, 201);
  EXPECT_EQ(Post(admin, kKeys, R"({"kind":"server","environment":"production"})").status, 201);
  const HttpAnswer owner = Post(admin, kKeys, R"({"kind":"admin"})");
  EXPECT_EQ(owner.status, 403);
  EXPECT_THAT(owner.body, HasSubstr("nobody can give more than they hold"));
  const std::string of_staging = NewKeyOf(admin, kKeys, R"({"kind":"admin","role":"admin","environment":"staging"})");
  EXPECT_EQ(Post(of_staging, kKeys, R"({"kind":"server","environment":"staging"})").status, 201);
  EXPECT_EQ(Post(of_staging, kKeys, R"({"kind":"server","environment":"production"})").status, 403);
  EXPECT_EQ(Post(of_staging, kKeys, R"({"kind":"admin","role":"viewer"})").status, 403);
  // It sees and revokes those of staging only.
  const Value mine = TestServer::Body(server.Call("GET", kKeys, {.key = of_staging}));
  ASSERT_EQ(mine.Find("keys")->AsArray().size(), 3u);
  for (const Value& key : mine.Find("keys")->AsArray()) EXPECT_EQ(TextAt(key, "environment"), "staging");
  const std::string id(ParseKey(admin)->selector);
  EXPECT_EQ(server.Call("DELETE", kKeys + "/" + id, {.key = of_staging}).status, 403);
  EXPECT_EQ(server.Call("DELETE", kKeys + "/" + std::string(ParseKey(of_staging)->selector), {.key = admin}).status,
            200);
  EXPECT_EQ(server.Call("GET", kKeys, {.key = of_staging}).status, 401);
}

TEST_F(RolesTest, AMembersKeyFollowsWhatTheyMayAndEndsWithThem) {
  const auto put = [&](const std::string& bindings) {
    return server.Call("PUT", "/api/v1/members/ana", {.body = R"({"name":"Ana","bindings":[)" + bindings + "]}"});
  };
  EXPECT_EQ(put(R"({"role":"editor","project":"shop","environment":"staging"})").status, 201);
  const std::string kOfAna = R"({"kind":"admin","member":"ana"})";
  const std::string key = NewKeyOf(server.admin(), "/api/v1/keys", kOfAna);
  const std::string reader =
      NewKeyOf(server.admin(), "/api/v1/projects/shop/keys", R"({"kind":"admin","role":"viewer","member":"ana"})");
  EXPECT_THAT(server.Call("GET", "/api/v1/keys").body, HasSubstr(R"("member":"ana")"));
  EXPECT_EQ(Put(key, "flags/a", FlagOf("false", "true")).status, 200);
  EXPECT_EQ(Put(key, "flags/a", FlagOf("false", "false")).status, 403);
  EXPECT_EQ(Put(reader, "flags/a", FlagOf("true", "true")).status, 403);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/shop/flags", {.key = reader}).status, 200);
  EXPECT_EQ(put(R"({"role":"viewer"})").status, 200);
  EXPECT_EQ(Put(key, "flags/a", FlagOf("true", "true")).status, 403);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = key}).status, 200);
  // Somebody who may make keys gets no more out of hers than they hold: she may come to hold more.
  const std::string admin = server.MakeKey(KeyKind::kAdmin, "shop", "", "admin");
  EXPECT_EQ(Post(admin, "/api/v1/projects/shop/keys", kOfAna).status, 403);
  const Revision before = server.head();
  EXPECT_EQ(server.Call("DELETE", "/api/v1/members/ana").status, 200);
  EXPECT_EQ(server.head(), before + 1) << "her keys go in the same commit";
  for (const std::string& gone : {key, reader}) {
    EXPECT_EQ(server.Call("GET", "/api/v1/projects", {.key = gone}).status, 401);
  }
  EXPECT_EQ(Post(server.admin(), "/api/v1/keys", kOfAna).status, 422);
  // As a start would read it.
  Authenticator again([] { return 0; });
  for (const std::string_view space : {kKeySpace, kMemberSpace, kRoleSpace}) {
    const auto items = server.catalog().Items(space);
    for (const Item& item : *items) {
      const Status taken = again.Take(item.space, item.id, item.value);
      EXPECT_TRUE(taken) << taken.error().message;
    }
  }
  EXPECT_FALSE(again.Authenticate(key));
}

TEST_F(RolesTest, WhoManagesMembersGivesNoMoreThanTheyHold) {
  const std::string kMembers = "/api/v1/members/";
  EXPECT_EQ(
      server.Call("PUT", "/api/v1/roles/people", {.body = R"({"verbs":["members.manage","definitions.read"]})"}).status,
      201);
  const std::string people = NewKeyOf(server.admin(), "/api/v1/keys", R"({"kind":"admin","role":"people"})");
  const auto put = [&](const std::string& key, const std::string& id, const std::string& body) {
    return server.Call("PUT", kMembers + id, {.key = key, .body = body});
  };
  EXPECT_EQ(put(people, "ben", R"({"name":"Ben","bindings":[{"role":"viewer"},{"role":"people"}]})").status, 201);
  EXPECT_EQ(put(people, "ben", R"({"name":"Ben","bindings":[{"role":"owner"}]})").status, 403);
  EXPECT_EQ(put(people, "ben", R"({"name":"Ben","bindings":[{"role":"editor","project":"shop"}]})").status, 403);
  EXPECT_EQ(
      server
          .Call("PUT", "/api/v1/roles/people", {.key = people, .body = R"({"verbs":["members.manage","keys.manage"]})"})
          .status,
      403);
  // Not even who holds all of one project.
  EXPECT_EQ(put(server.MakeKey(KeyKind::kAdmin, "shop"), "eve", R"({"name":"Eve"})").status, 403);

  const HttpAnswer in_use = server.Call("DELETE", "/api/v1/roles/people");
  EXPECT_EQ(in_use.status, 409);
  EXPECT_THAT(in_use.body, HasSubstr("member 'ben' still has"));
  EXPECT_EQ(server.Call("DELETE", kMembers + "ben", {.key = people}).status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/roles/people").status, 409) << "a key has it";
  const std::string id(ParseKey(people)->selector);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/keys/" + id).status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/roles/people").status, 200);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/roles/people").status, 404);
  for (const char* method : {"PUT", "DELETE"}) {
    EXPECT_EQ(server.Call(method, "/api/v1/roles/viewer", {.body = R"({"verbs":["members.manage"]})"}).status, 409);
  }
}

TEST_F(RolesTest, TheLastOwnerStays) {
  const auto put = [&](const std::string& id, const std::string& role) {
    return server
        .Call("PUT", "/api/v1/members/" + id, {.body = R"({"name":"X","bindings":[{"role":")" + role + R"("}]})"})
        .status;
  };
  EXPECT_EQ(put("ana", "owner"), 201);
  EXPECT_EQ(put("ana", "viewer"), 409);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/members/ana").status, 409);
  const std::string hers = NewKeyOf(server.admin(), "/api/v1/keys", R"({"kind":"admin","member":"ana"})");
  EXPECT_EQ(put("ben", "owner"), 201);
  // A key of an owner of everything stays, too; a viewer's is none.
  NewKeyOf(server.admin(), "/api/v1/keys", R"({"kind":"admin","role":"viewer"})");
  const std::string first(ParseKey(server.admin())->selector);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/keys/" + first).status, 200) << "hers is there";
  EXPECT_EQ(server.Call("DELETE", "/api/v1/members/ana", {.key = hers}).status, 409);
  EXPECT_EQ(server.Call("PUT", "/api/v1/members/ana", {.key = hers, .body = R"({"name":"Ana"})"}).status, 409);
  NewKeyOf(hers, "/api/v1/keys", R"({"kind":"admin","member":"ben"})");
  EXPECT_EQ(server.Call("DELETE", "/api/v1/members/ana", {.key = hers}).status, 200);
}

TEST_F(RolesTest, MembersAndRolesThatMakeNoSenseAreRefusedWithEveryFault) {
  const HttpAnswer member = server.Call(
      "PUT", "/api/v1/members/ana",
      {.body = R"({"email":"ana","bindings":[7,{"project":"shop"},{"role":"viewer","colour":"red"}],"age":7})"});
  EXPECT_EQ(member.status, 422);
  EXPECT_EQ(PointersOf(member), "/age /name /email /bindings/0 /bindings/1/role /bindings/2/colour");
  const HttpAnswer nowhere =
      server.Call("PUT", "/api/v1/members/ana",
                  {.body = R"({"name":"A","bindings":[{"role":"editr"},{"role":"viewer","project":"bank"},
                                          {"role":"viewer","project":"shop","environment":"mars"}]})"});
  EXPECT_EQ(nowhere.status, 422);
  EXPECT_EQ(PointersOf(nowhere), "/bindings/0/role /bindings/1/project /bindings/2/environment");
  EXPECT_THAT(nowhere.body, HasSubstr("did you mean 'editor'"));
  const HttpAnswer role = server.Call(
      "PUT", "/api/v1/roles/x", {.body = R"({"verbs":["definitions.reed","rules.read","public"],"description":7})"});
  EXPECT_EQ(role.status, 422);
  EXPECT_EQ(PointersOf(role), "/description /verbs/0 /verbs/1 /verbs/2");
  EXPECT_EQ(server.Call("PUT", "/api/v1/members/a%20b", {.body = R"({"name":"A"})"}).status, 422);
}

TEST_F(RolesTest, APlaceInWhichAMemberHasARoleIsNotRemoved) {
  EXPECT_EQ(
      server.Call("POST", "/api/v1/projects", {.body = R"({"project":"bank","environments":{"a":{},"b":{}}})"}).status,
      201);
  const auto put = [&](const std::string& place) {
    EXPECT_TRUE(server
                    .Call("PUT", "/api/v1/members/ana",
                          {.body = R"({"name":"A","bindings":[{"role":"viewer",)" + place + "}]}"})
                    .status < 300);
  };
  put(R"("project":"bank","environment":"a")");
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/bank/environments/a").status, 409);
  EXPECT_EQ(
      server.Call("PUT", "/api/v1/projects/bank", {.body = R"({"project":"bank","environments":{"b":{}}})"}).status,
      409);
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/bank/environments/b").status, 200);
  const HttpAnswer refused = server.Call("DELETE", "/api/v1/projects/bank");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("member 'ana' still has the role 'viewer' there"));
  put(R"("environment":"a")");
  EXPECT_EQ(server.Call("DELETE", "/api/v1/projects/bank").status, 200);
}

}  // namespace
}  // namespace guidon
