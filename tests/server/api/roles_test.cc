// Roles at work: who may change which environment, by whatever door; what a key may hand on; people.
#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"

namespace guidon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

}  // namespace
}  // namespace guidon
