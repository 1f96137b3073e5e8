// guidond that is backed up, restored and crashes, as applications and operators see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <guidon/client.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include "core/base/json.h"
#include "tests/support/guidond.h"
#include "tests/support/sdk_stream.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kProject = R"({"project": "shop", "environments": {"production": {}}})";

std::string Greeting(const std::string& text) {
  return R"({"flag": "greeting", "type": "string", "owner": "tests", "variations": {"it": ")" + text +
         R"("}, "environments": {"production": {"enabled": true, "default": "it"}}})";
}

int PutGreeting(const Guidond& server, const std::string& text, const std::string& key = "") {
  return server.Call("PUT", "/api/v1/projects/shop/flags/greeting", {.key = key, .body = Greeting(text)}).status;
}

// Promise R11.
TEST(RestoreTest, ClientsNoticeARestoredServerAndTakeItsSnapshot) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkdir((folder / "backups").c_str(), 0700), 0);
  GuidondOptions options{.arguments = {"--backup-folder", folder / "backups"},
                         .listen = "127.0.0.1:" + std::to_string(FixedPort())};
  auto server = std::make_unique<Guidond>(options);
  const std::string admin = server->admin_key();
  ASSERT_EQ(server->Call("POST", "/api/v1/projects", {.body = kProject}).status, 201);
  ASSERT_EQ(PutGreeting(*server, "before"), 201);
  ClientConfig config;
  config.server = server->url();
  config.key = server->CreateSdkKey("shop", "production");
  config.backoff_first = std::chrono::milliseconds(10);
  config.backoff_most = std::chrono::milliseconds(50);
  const Client client(config);
  const Context user("user-42");
  ASSERT_TRUE(Eventually([&] { return client.Status().state == ClientState::kLive; }));
  ASSERT_EQ(client.String("greeting", user, ""), "before");
  const std::uint64_t backed_up = client.Status().revision;
  const std::string epoch = client.Status().epoch;

  const std::vector<std::string> environment = {"GUIDON_SERVER=" + server->url(), "GUIDON_KEY=" + admin};
  const auto guidon = [&](std::vector<std::string> words) {
    words.insert(words.begin(), GUIDON_BIN_DIR "/guidon");
    return guidon::testing::Run(std::move(words), environment);
  };
  const Finished created = guidon({"backup", "create", "--name", "monday"});
  ASSERT_EQ(created.exit_code, 0) << created.errors;
  EXPECT_THAT(created.output, HasSubstr("monday holds revision " + std::to_string(backed_up) + " of epoch " + epoch));
  EXPECT_EQ(guidon({"backup", "create", "--name", "monday"}).exit_code, 1) << "the name is taken";
  EXPECT_EQ(guidon({"backup", "create", "--name", "../monday"}).exit_code, 1);
  EXPECT_THAT(guidon({"backup", "list"}).output, HasSubstr("monday  done"));
  // When it was made is what alerts look at, also after a restart.
  const auto made_of = [](const Guidond& one) {
    const std::string name = "\nguidon_backup_last_success_timestamp_seconds ";
    const std::string metrics = one.Call("GET", "/metrics", {.key = ""}).body;
    return std::atof(metrics.substr(metrics.find(name) + name.size()).c_str());
  };
  const double made = made_of(*server);
  EXPECT_NEAR(made, static_cast<double>(std::time(nullptr)), 600);
  for (int i = 0; i < 5; ++i) ASSERT_EQ(PutGreeting(*server, "after-" + std::to_string(i)), 200);
  ASSERT_TRUE(Eventually([&] { return client.String("greeting", user, "") == "after-4"; }));
  ASSERT_TRUE(Eventually([&] { return client.Status().revision > backed_up; }));

  const std::string backup = folder / "backups/monday", restored = folder / "restored";
  EXPECT_THAT(guidon({"backup", "verify", backup}).output,
              HasSubstr("is whole: revision " + std::to_string(backed_up)));
  server->Kill();
  const Finished done = guidon({"backup", "restore", backup, "--data", restored, "--json"});
  ASSERT_EQ(done.exit_code, 0) << done.errors;
  const Result<Value> said = ParseJson(done.output);
  ASSERT_TRUE(said) << done.output;
  EXPECT_EQ(said->Find("revision")->AsInt(), static_cast<std::int64_t>(backed_up));
  EXPECT_EQ(said->Find("from_epoch")->AsString(), epoch);
  EXPECT_NE(said->Find("epoch")->AsString(), epoch);
  EXPECT_EQ(guidon({"backup", "restore", backup, "--data", restored}).exit_code, 2) << "over a store";
  EXPECT_EQ(guidon({"backup", "verify", restored}).exit_code, 2) << "no backup";

  options.data = restored;
  const Guidond again(options);
  EXPECT_TRUE(Eventually([&] { return client.Status().epoch == said->Find("epoch")->AsString(); }))
      << client.Status().last_error;
  EXPECT_EQ(client.Status().revision, backed_up);
  EXPECT_EQ(client.String("greeting", user, ""), "before");
  EXPECT_EQ(client.Status().snapshots, 2u);
  EXPECT_TRUE(Eventually([&] { return made_of(again) == made; }));
  EXPECT_EQ(PutGreeting(again, "restored", admin), 200) << "its keys are in the backup";
  EXPECT_TRUE(Eventually([&] { return client.Status().revision == backed_up + 1; }));
  EXPECT_EQ(client.String("greeting", user, ""), "restored");
}

TEST(RestoreTest, NobodyIsSignedInAfterARestore) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkdir((folder / "backups").c_str(), 0700), 0);
  const Finished hashed = guidon::testing::Run(
      {"/bin/sh", "-c", "echo 'correct horse battery' | " + Guidond::Program() + " hash-password"});
  ASSERT_EQ(hashed.exit_code, 0) << hashed.errors;
  std::ofstream(folder / "hash") << hashed.output;
  GuidondOptions options{.arguments = {"--backup-folder", folder / "backups", "--break-glass-file", folder / "hash"}};
  auto server = std::make_unique<Guidond>(options);
  const auto sign_in = [](const Guidond& at) {
    const HttpAnswer answer =
        HttpCall(at.port(), "POST", "/auth/break-glass", {.body = R"({"password":"correct horse battery"})"});
    const Result<Value> body = ParseJson(answer.body);
    return answer.status == 200 ? body->Find("token")->AsString() : answer.body;
  };
  const auto is_in = [](const Guidond& at, const std::string& token) {
    return HttpCall(at.port(), "GET", "/api/v1/projects", {.key = token}).status == 200;
  };
  const std::string signed_out = sign_in(*server), live = sign_in(*server);
  ASSERT_TRUE(is_in(*server, signed_out));
  ASSERT_TRUE(is_in(*server, live));
  const Finished created =
      guidon::testing::Run({GUIDON_BIN_DIR "/guidon", "backup", "create", "--name", "monday"},
                           {"GUIDON_SERVER=" + server->url(), "GUIDON_KEY=" + server->admin_key()});
  ASSERT_EQ(created.exit_code, 0) << created.errors;
  ASSERT_EQ(HttpCall(server->port(), "POST", "/auth/logout", {.key = signed_out}).status, 200);
  // Without a restore a session that is live goes on, and one that was ended does not.
  EXPECT_EQ(server->Stop(), 0);
  server->Start();
  EXPECT_FALSE(is_in(*server, signed_out));
  EXPECT_TRUE(is_in(*server, live));
  server->Kill();

  options.data = folder / "restored";
  const Finished restored = guidon::testing::Run(
      {GUIDON_BIN_DIR "/guidon", "backup", "restore", folder / "backups/monday", "--data", options.data});
  ASSERT_EQ(restored.exit_code, 0) << restored.errors;
  const Guidond again(options);
  EXPECT_FALSE(is_in(again, signed_out)) << "it is in the backup";
  EXPECT_FALSE(is_in(again, live));
  EXPECT_TRUE(is_in(again, sign_in(again)));
}

TEST(CrashLimitTest, AfterManyCrashesReadsAndStreamsAreServedAndWritesSayWhyNot) {
  Guidond server({.arguments = {"--crash-limit", "3"}});
  ASSERT_EQ(server.Call("POST", "/api/v1/projects", {.body = kProject}).status, 201);
  const std::string key = server.CreateSdkKey("shop", "production");
  ASSERT_EQ(PutGreeting(server, "before"), 201);
  const Guidond other;  // has a port
  for (int crash = 0; crash < 3; ++crash) {
    EXPECT_THAT(server.Call("GET", "/readyz").body, HasSubstr("\"writable\":true")) << crash;
    server.Kill();
    // A start that is refused, though the store was open by then, is neither a crash nor an end in good order.
    const Finished refused = guidon::testing::Run({Guidond::Program(), "--data", server.data(), "--crash-limit", "3",
                                                   "--listen", "127.0.0.1:" + std::to_string(other.port())});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.errors, HasSubstr("another process does"));
    server.Start();
  }
  const HttpAnswer ready = server.Call("GET", "/readyz");
  EXPECT_EQ(ready.status, 200);
  EXPECT_THAT(ready.body, HasSubstr("\"writable\":false"));
  EXPECT_THAT(ready.body, HasSubstr("crashed 3 times within 10 minutes"));
  EXPECT_THAT(server.Call("GET", "/metrics").body, HasSubstr("\nguidon_store_writable 0\n"));
  const HttpAnswer refused = server.Call("PUT", "/api/v1/projects/shop/flags/greeting", {.body = Greeting("after")});
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("stop it in good order and start it again"));
  EXPECT_THAT(server.Log(), HasSubstr("the store takes no writes"));
  SdkStream stream(server.port(), key);
  EXPECT_TRUE(stream.ReadUntil([&] {
    return stream.client().records().contains({"flag", "greeting"});
  })) << stream.fault();

  EXPECT_EQ(server.Stop(), 0);
  server.Start();
  EXPECT_EQ(PutGreeting(server, "after"), 200);
}

}  // namespace
}  // namespace guidon::testing
