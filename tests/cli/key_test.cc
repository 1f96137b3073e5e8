// guidon key create, list and revoke; and which project is meant when none is named.
#include "tests/cli/cli.h"
#include "tests/support/scripted_server.h"

namespace guidon::testing {
namespace {

TEST(KeyTest, IsMadeShownOnceListedAndRevoked) {
  const Guidond server;
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  EXPECT_EQ(GuidonOf(server, {"key", "list"}).output,
            "no keys; make one with: guidon key create --environment ENVIRONMENT\n");

  // The key alone on standard output, for $(…).
  const Finished made = GuidonOf(server, {"key", "create", "-e", "production", "--description", "the web shop"});
  EXPECT_EQ(made.exit_code, 0);
  ASSERT_TRUE(made.output.starts_with("gdn_srv_")) << made.output;
  const std::string key = made.output.substr(0, made.output.size() - 1);
  EXPECT_EQ(key.find_first_of(" \n"), std::string::npos);
  EXPECT_EQ(HttpCall(server.port(), "GET", "/sdk/v1/ruleset", {.key = key}).status, 200);

  const Value listed = JsonOf(GuidonOf(server, {"key", "list", "--json"})).Find("keys")->AsArray().at(0);
  const std::string id = listed.Find("id")->AsString();
  EXPECT_NE(made.errors.find("guidon key revoke " + id), std::string::npos) << made.errors;
  const Finished list = GuidonOf(server, {"key", "list"});
  EXPECT_TRUE(list.output.starts_with("ID ")) << list.output;
  EXPECT_NE(list.output.find(id), std::string::npos);
  EXPECT_NE(list.output.find("the web shop"), std::string::npos);
  EXPECT_EQ(list.output.find(key), std::string::npos) << "the secret is shown again";

  const Finished revoked = GuidonOf(server, {"key", "revoke", id});
  EXPECT_EQ(revoked.exit_code, 0);
  EXPECT_TRUE(revoked.output.starts_with("revoked " + id)) << revoked.output;
  EXPECT_EQ(HttpCall(server.port(), "GET", "/sdk/v1/ruleset", {.key = key}).status, 401);
  EXPECT_NE(GuidonOf(server, {"key", "list"}).output.find("revoked 20"), std::string::npos);
  EXPECT_EQ(GuidonOf(server, {"key", "revoke", id + "x"}).exit_code, 2);

  const Finished admin = GuidonOf(server, {"key", "create", "--kind", "admin", "--json"});
  EXPECT_EQ(admin.exit_code, 0);
  const Value document = JsonOf(admin);
  EXPECT_EQ(document.Find("kind")->AsString(), "admin");
  EXPECT_EQ(Guidon({"plan", files.path()},
                   {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + document.Find("key")->AsString()})
                .exit_code,
            0);
}

TEST(KeyTest, MayExpire) {
  const Guidond server;
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  const Finished made = GuidonOf(server, {"key", "create", "-e", "production", "--expires-in", "90d"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_NE(made.errors.find("It expires at 20"), std::string::npos) << made.errors;
  EXPECT_NE(GuidonOf(server, {"key", "list"}).output.find("  expires 20"), std::string::npos);
  EXPECT_EQ(GuidonOf(server, {"key", "create", "-e", "production", "--expires-in", "soon"}).exit_code, 2);
}

// A key of everything is not less, and not refused, because of a variable that was set for another command.
TEST(KeyTest, OfAnAdminTakesItsEnvironmentFromWhatIsTypedAlone) {
  const Guidond server;
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  const auto create = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"key", "create", "--json"});
    const Finished made = Guidon(words, {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + server.admin_key(),
                                         "GUIDON_PROJECT=shop", "GUIDON_ENVIRONMENT=production"});
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    const Value key = JsonOf(made);
    const auto text = [&](const char* name) {
      const Value* held = key.Find(name);
      return held == nullptr || held->is_null() ? std::string() : held->AsString();
    };
    return text("project") + "/" + text("environment");
  };
  EXPECT_EQ(create({"--kind", "admin", "--all-projects"}), "/");
  EXPECT_EQ(create({"--kind", "admin", "--role", "viewer"}), "shop/");
  EXPECT_EQ(create({"--kind", "admin", "--role", "viewer", "-e", "staging"}), "shop/staging");
  EXPECT_EQ(create({}), "shop/production");
  EXPECT_EQ(Guidon({"key", "list", "--all-projects", "-p", "shop"}).exit_code, 2) << "both were typed";
}

TEST(KeyTest, IsRotated) {
  const Guidond server;
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  ASSERT_EQ(GuidonOf(server, {"key", "create", "-e", "production", "--kind", "relay"}).exit_code, 0);
  const std::string id =
      JsonOf(GuidonOf(server, {"key", "list", "--json"})).Find("keys")->AsArray().at(0).Find("id")->AsString();
  const Finished rotated = GuidonOf(server, {"key", "rotate", id, "--overlap", "2h"});
  EXPECT_EQ(rotated.exit_code, 0) << rotated.errors;
  ASSERT_TRUE(rotated.output.starts_with("gdn_rly_")) << rotated.output;
  EXPECT_NE(rotated.errors.find(id + " stays valid until 20"), std::string::npos) << rotated.errors;
  const std::string key = rotated.output.substr(0, rotated.output.size() - 1);
  EXPECT_EQ(HttpCall(server.port(), "GET", "/sdk/v1/ruleset", {.key = key}).status, 200);
  EXPECT_NE(GuidonOf(server, {"key", "list"}).output.find("  seen 20"), std::string::npos);
  EXPECT_EQ(GuidonOf(server, {"key", "rotate", id}).exit_code, 1);
  EXPECT_EQ(GuidonOf(server, {"key", "rotate", id, "--overlap", "soon"}).exit_code, 2);
}

TEST(MemberTest, IsAddedListedGivenAKeyAndRemoved) {
  const Guidond server;
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  const Finished none = GuidonOf(server, {"member", "list"});
  EXPECT_EQ(none.output, "no members; add one with: guidon member add ID --name NAME --role ROLE\n");
  const Finished added = GuidonOf(server, {"member", "add", "ana", "--name", "Ana Example", "--role", "viewer",
                                           "--role", "editor@shop/production"});
  EXPECT_EQ(added.exit_code, 0) << added.errors;
  EXPECT_EQ(added.output, "added ana\n");
  EXPECT_EQ(GuidonOf(server, {"member", "list"}).output,
            "ID   NAME         ROLES\nana  Ana Example  viewer editor@shop/production\n");
  EXPECT_EQ(GuidonOf(server, {"member", "add", "ben", "--name", "Ben", "--role", "emperor"}).exit_code, 1);
  const Finished made = GuidonOf(server, {"key", "create", "--all-projects", "--kind", "admin", "--member", "ana"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  const std::string key = made.output.substr(0, made.output.size() - 1);
  EXPECT_NE(GuidonOf(server, {"key", "list", "--all-projects"}).output.find("  owner of ana"), std::string::npos);
  const auto off = [&] {
    return Guidon({"flag", "off", "greeting", "-p", "shop", "-e", "production"},
                  {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + key});
  };
  EXPECT_EQ(off().exit_code, 0) << off().errors;
  EXPECT_EQ(Guidon({"member", "list"}, {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + key}).exit_code, 2);
  EXPECT_EQ(GuidonOf(server, {"member", "remove", "ana"}).output, "removed ana and revoked their keys\n");
  EXPECT_EQ(off().exit_code, 2);
  const Finished roles = GuidonOf(server, {"role", "list"});
  EXPECT_NE(roles.output.find("\neditor    definitions.read definitions.write gate.record\n"), std::string::npos)
      << roles.output;
}

TEST(RoleTest, IsSetListedAndRemoved) {
  const Guidond server;
  const auto role = [&](std::vector<std::string> rest) {
    rest.insert(rest.begin(), "role");
    return GuidonOf(server, rest);
  };
  const Finished added =
      role({"set", "analyst", "--verbs", "definitions.read,events.read", "--description", "Looks at numbers"});
  EXPECT_EQ(added.output, "added analyst\n") << added.errors;
  EXPECT_NE(role({"list"}).output.find("\nanalyst   definitions.read events.read\n"), std::string::npos)
      << role({"list"}).output;
  EXPECT_EQ(role({"set", "analyst", "--verbs", "definitions.read"}).output, "changed analyst\n");
  EXPECT_NE(role({"list"}).output.find("\nanalyst   definitions.read\n"), std::string::npos);
  const Finished unknown = role({"set", "analyst", "--verbs", "definitions.reed"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.errors.find("definitions.reed"), std::string::npos) << unknown.errors;
  EXPECT_EQ(role({"set", "analyst"}).exit_code, 2);
  EXPECT_EQ(role({"set", "editor", "--verbs", "definitions.read"}).exit_code, 1) << "it is built in";
  EXPECT_EQ(GuidonOf(server, {"member", "add", "ana", "--name", "Ana", "--role", "analyst"}).exit_code, 0);
  EXPECT_EQ(role({"remove", "analyst"}).exit_code, 1) << "ana has it";
  EXPECT_EQ(GuidonOf(server, {"member", "remove", "ana"}).exit_code, 0);
  EXPECT_EQ(role({"remove", "analyst"}).output, "removed analyst\n");
  EXPECT_EQ(role({"list"}).output.find("analyst"), std::string::npos);
}

// What a message says, and when it is sent again, is shown by server_webhooks_test.
TEST(WebhookTest, IsMadeTriedToldAndRemoved) {
  const Guidond server({.arguments = {"--webhook-private"}});
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  EXPECT_EQ(GuidonOf(server, {"webhook", "list"}).output, "no webhooks; make one with: guidon webhook add URL\n");
  ScriptedServer receiver;
  const Finished made = GuidonOf(server, {"webhook", "add", receiver.url() + "/a", "--event", "flag.*"});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_TRUE(made.output.starts_with("whsec_")) << made.output;
  const Value listed = JsonOf(GuidonOf(server, {"webhook", "list", "--json"})).Find("webhooks")->AsArray().at(0);
  const std::string id = listed.Find("id")->AsString();

  const auto answer = [](int status) {
    return [status](ScriptedServer::Connection& connection) { connection.SendAnswer(status); };
  };
  auto pings = receiver.Serve({answer(200), answer(500)});
  EXPECT_EQ(GuidonOf(server, {"webhook", "ping", id}).output, "delivered\n");
  const Finished failed = GuidonOf(server, {"webhook", "ping", id});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_NE(failed.errors.find("answered 500"), std::string::npos) << failed.errors;
  EXPECT_TRUE(pings.get());

  EXPECT_EQ(GuidonOf(server, {"flag", "off", "greeting", "-e", "production"}).exit_code, 0);
  const auto told = receiver.Accept();
  ASSERT_TRUE(told);
  EXPECT_NE(told->request().body.find(R"({"kind":"flag","key":"greeting"})"), std::string::npos)
      << told->request().body;
  told->SendAnswer(500);
  const auto is_listed = [&](std::string_view text) {
    return Eventually([&] { return GuidonOf(server, {"webhook", "list"}).output.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(is_listed("failing since 20"));
  EXPECT_EQ(GuidonOf(server, {"webhook", "remove", id}).output, "removed " + id + "\n");
  EXPECT_TRUE(is_listed("no webhooks"));
  // Without the setting nobody is asked.
  const Guidond strict;
  ASSERT_EQ(GuidonOf(strict, {"apply", files.path()}).exit_code, 0);
  const Finished refused = GuidonOf(strict, {"webhook", "add", receiver.url()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("webhook-private"), std::string::npos) << refused.errors;
}

TEST(KeyTest, AWrongKeyIsAUsageErrorForEveryVerb) {
  const Guidond server;
  const Workspace files(SmallShop("shop"));
  ASSERT_EQ(GuidonOf(server, {"apply", files.path()}).exit_code, 0);
  const std::string sdk_key = server.CreateSdkKey("shop", "production");
  for (const std::string& key : {std::string("gdn_adm_nonsense"), sdk_key}) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"plan", files.path()},
                                               {"apply", files.path()},
                                               {"evaluate", "-p", "shop", "-e", "production"},
                                               {"export", "-p", "shop", "-e", "production"},
                                               {"key", "list", "-p", "shop"},
                                               {"flag", "off", "greeting", "-p", "shop", "-e", "production"}}) {
      const Finished done = Guidon(words, {"GUIDON_SERVER=" + server.url(), "GUIDON_KEY=" + key});
      EXPECT_EQ(done.exit_code, 2) << words[0] << ": " << done.output << done.errors;
      EXPECT_EQ(done.output, "") << words[0];
      EXPECT_EQ(done.errors.find(key), std::string::npos) << "a secret is repeated";
    }
  }
}

TEST(ProjectTest, NeedsNoNameWhereThereIsOneOnly) {
  const Guidond server;
  const Finished none = GuidonOf(server, {"key", "list"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(none.errors, "guidon: the server has no project yet: guidon apply DIR makes that of a workspace\n");
  const Workspace first(SmallShop("first")), second(SmallShop("second"));
  ASSERT_EQ(GuidonOf(server, {"apply", first.path()}).exit_code, 0);
  EXPECT_EQ(GuidonOf(server, {"flag", "off", "greeting", "-e", "production"}).exit_code, 0);
  ASSERT_EQ(GuidonOf(server, {"apply", second.path()}).exit_code, 0);
  const Finished two = GuidonOf(server, {"flag", "off", "greeting", "-e", "production"});
  EXPECT_EQ(two.exit_code, 2);
  EXPECT_EQ(two.errors, "guidon: which project? Name one with --project: first, second\n");
  EXPECT_EQ(GuidonOf(server, {"flag", "off", "greeting", "-e", "production", "-p", "second"}).exit_code, 0);
}

}  // namespace
}  // namespace guidon::testing
