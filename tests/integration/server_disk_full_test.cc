// The disk runs full while guidond works: writes are refused with 507, all else goes on, and writes come back by
// themselves. The disk is made full by tests/support/full_disk.cc, which needs no rights and leaves this machine's
// alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/base/json.h"
#include "tests/support/guidond.h"
#include "tests/support/sdk_stream.h"

namespace guidon::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DiskFullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = std::make_unique<Guidond>(GuidondOptions{
        .arguments = {"--heartbeat-seconds", "1"}, .environment = Environment(), .data = folder_ / "data"});
    const char* project = R"({"project": "shop", "environments": {"production": {}}})";
    ASSERT_EQ(server_->Call("POST", "/api/v1/projects", {.body = project}).status, 201);
    key_ = server_->CreateSdkKey("shop", "production");
    ASSERT_EQ(Put("before").status, 201);
  }

  std::vector<std::string> Environment() const {
    return {"LD_PRELOAD=" GUIDON_BIN_DIR "/libfull_disk.so", "FULL_DISK_FOLDER=" + folder_ / "data",
            "FULL_DISK_SWITCH=" + switch_, "FULL_DISK_FAILS=" + fails_};
  }

  void Fill() { std::ofstream{switch_}; }
  // Somebody else takes the last room between the question whether there is any and the write.
  void FillUnseen() {
    std::ofstream(switch_ + ".new") << "later";
    std::rename((switch_ + ".new").c_str(), switch_.c_str());
  }
  void MakeRoom() { std::remove(switch_.c_str()); }

  HttpAnswer Put(const std::string& flag) {
    const std::string body = R"({"flag": ")" + flag + R"(", "type": "boolean"})";
    return server_->Call("PUT", "/api/v1/projects/shop/flags/" + flag, {.body = body});
  }
  HttpAnswer Send(const std::string& batch) {
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    const std::string body = R"({"batch":")" + batch + R"(","events":[{"type":"track","time":)" +
                             std::to_string(now.count()) + R"(,"event":"order","context":{}}]})";
    return HttpCall(server_->port(), "POST", "/sdk/v1/events", {.key = key_, .body = body});
  }
  // Those in the journal, each with a blank after it.
  std::string Batches() {
    const std::string journal =
        server_->Call("GET", "/api/v1/projects/shop/environments/production/events?limit=1000").body;
    const std::string name = "\"batch\":\"";
    std::string ids;
    for (std::size_t at = 0; (at = journal.find(name, at)) != std::string::npos;) {
      at += name.size();
      ids += journal.substr(at, journal.find('"', at) - at) + " ";
    }
    return ids;
  }
  int StatusOf(const std::string& flag) { return server_->Call("GET", "/api/v1/projects/shop/flags/" + flag).status; }
  std::string Metric(const std::string& name) {
    const std::string text = "\n" + HttpCall(server_->port(), "GET", "/metrics").body;
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? ""
                                   : text.substr(at + name.size() + 2, text.find('\n', at + 1) - at - name.size() - 2);
  }
  static bool Holds(const SdkStream& stream, const std::string& flag) {
    return stream.client().records().contains({"flag", flag});
  }

  // Reads, streams that are open, and streams that come new.
  void ExpectThatReadsGoOn(SdkStream& stream) {
    EXPECT_EQ(StatusOf("before"), 200);
    EXPECT_EQ(HttpCall(server_->port(), "GET", "/sdk/v1/ruleset", {.key = key_}).status, 200);
    const int heartbeats = stream.client().heartbeats();
    EXPECT_TRUE(stream.ReadUntil([&] { return stream.client().heartbeats() > heartbeats; })) << stream.fault();
    SdkStream fresh(server_->port(), key_);
    EXPECT_TRUE(fresh.ReadUntil([&] { return Holds(fresh, "before"); })) << fresh.fault();
    EXPECT_EQ(HttpCall(server_->port(), "GET", "/livez").status, 200);
    const HttpAnswer ready = HttpCall(server_->port(), "GET", "/readyz");
    EXPECT_EQ(ready.status, 200);
    EXPECT_THAT(ready.body, HasSubstr("\"writable\":false"));
    EXPECT_THAT(ready.body, HasSubstr("no room on the disk"));
    EXPECT_EQ(Metric("guidon_store_writable"), "0");
  }

  const TemporaryFolder folder_;
  const std::string switch_ = folder_ / "full", fails_ = folder_ / "fails";
  std::unique_ptr<Guidond> server_;
  std::string key_;
};

// A disk that is full in earnest: a small tmpfs, mounted where nobody but the server sees it.
TEST(SmallDiskTest, RunsFullAndHasRoomAgainWhileTheServerRuns) {
  const TemporaryFolder folder;
  GuidondOptions options{.data = folder / "data"};
  options.launcher = {"/usr/bin/unshare", "--mount"};
  if (geteuid() != 0) options.launcher.emplace_back("--map-root-user");
  options.launcher.insert(
      options.launcher.end(),
      {"/bin/sh", "-c", R"(mount -t tmpfs -o size=96m tmpfs "$1" && shift && exec "$@")", "sh", folder.path()});
  Guidond server(options);
  const auto put = [&](const std::string& flag) {
    return server.Call("PUT", "/api/v1/projects/shop/flags/" + flag, {.body = R"({"type": "boolean", "owner": "x"})"});
  };
  ASSERT_EQ(
      server.Call("POST", "/api/v1/projects", {.body = R"({"project": "shop", "environments": {"production": {}}})"})
          .status,
      201);
  ASSERT_EQ(put("before").status, 201);
  const std::string key = server.CreateSdkKey("shop", "production");
  SdkStream stream(server.port(), key);

  // Somebody else on the same disk.
  const std::string ballast = "/proc/" + std::to_string(server.process().pid()) + "/root" + folder / "ballast";
  std::ofstream file(ballast, std::ios::binary);
  const std::string block(1u << 20, 'x');
  while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) continue;
  file.close();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(put("refused").status, 507);
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/shop/flags/before").status, 200);
  EXPECT_TRUE(stream.ReadUntil([&] {
    return stream.client().records().contains({"flag", "before"});
  })) << stream.fault();
  SdkStream fresh(server.port(), key);
  EXPECT_TRUE(fresh.ReadUntil([&] { return fresh.client().snapshots() == 1; })) << fresh.fault();

  ASSERT_EQ(std::remove(ballast.c_str()), 0);
  EXPECT_EQ(put("after").status, 201) << "without a restart";
  EXPECT_TRUE(stream.ReadUntil([&] {
    return stream.client().records().contains({"flag", "after"});
  })) << stream.fault();
  EXPECT_EQ(server.Call("GET", "/api/v1/projects/shop/flags/refused").status, 404);
  EXPECT_EQ(server.Stop(), 0);
}

// Promise R5.
TEST_F(DiskFullTest, WritesAreRefusedReadsAndStreamsGoOnAndWritesComeBack) {
  SdkStream stream(server_->port(), key_);
  ASSERT_TRUE(stream.ReadUntil([&] { return Holds(stream, "before"); })) << stream.fault();
  const std::string revision = Metric("guidon_revision");
  Fill();
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer refused = Put("refused");
    EXPECT_EQ(refused.status, 507) << refused.body;
    EXPECT_EQ(refused.Header("Content-Type"), "application/problem+json");
    EXPECT_THAT(refused.body, HasSubstr("nothing was written; make room"));
  }
  EXPECT_EQ(
      server_
          ->Call("POST", "/api/v1/projects/shop/keys", {.body = R"({"kind": "server", "environment": "production"})"})
          .status,
      507);
  ExpectThatReadsGoOn(stream);
  EXPECT_EQ(StatusOf("refused"), 404);
  EXPECT_EQ(Metric("guidon_revision"), revision);

  MakeRoom();
  EXPECT_EQ(Put("after").status, 201);
  EXPECT_TRUE(stream.ReadUntil([&] { return Holds(stream, "after"); })) << stream.fault();
  EXPECT_EQ(Metric("guidon_store_writable"), "1");
  EXPECT_EQ(Metric("guidon_revision"), std::to_string(std::stoi(revision) + 1));
  EXPECT_EQ(server_->Stop(), 0);
  server_->Start();
  EXPECT_EQ(StatusOf("before"), 200);
  EXPECT_EQ(StatusOf("after"), 200);
  EXPECT_EQ(StatusOf("refused"), 404);
}

TEST_F(DiskFullTest, ARevokedKeyIsRefusedAlthoughThatCannotBeStoredYet) {
  const Value made = ParseJson(server_
                                   ->Call("POST", "/api/v1/projects/shop/keys",
                                          {.body = R"({"kind": "server", "environment": "production"})"})
                                   .body)
                         .value();
  const std::string key = made.Find("key")->AsString(), id = made.Find("id")->AsString();
  SdkStream revoked(server_->port(), key), other(server_->port(), key_);
  ASSERT_TRUE(revoked.ReadUntil([&] { return Holds(revoked, "before"); })) << revoked.fault();
  ASSERT_TRUE(other.ReadUntil([&] { return Holds(other, "before"); })) << other.fault();
  const auto revoke = [&] { return server_->Call("DELETE", "/api/v1/projects/shop/keys/" + id); };
  const auto status = [&](const std::string& shown) {
    return HttpCall(server_->port(), "GET", "/sdk/v1/ruleset", {.key = shown}).status;
  };
  // What is shown of it: by the API, and in a line of `guidon key list`.
  const auto listed = [&] {
    const Value keys = ParseJson(server_->Call("GET", "/api/v1/projects/shop/keys").body).value();
    for (const Value& of : keys.Find("keys")->AsArray()) {
      if (of.Find("id")->AsString() == id) return of;
    }
    return Value();
  };
  const auto line = [&] {
    const Finished list = testing::Run({GUIDON_BIN_DIR "/guidon", "key", "list", "--project", "shop"},
                                       {"GUIDON_SERVER=" + server_->url(), "GUIDON_KEY=" + server_->admin_key()});
    const std::size_t at = list.output.find(id);
    return at == std::string::npos ? list.errors : list.output.substr(at, list.output.find('\n', at) - at);
  };
  EXPECT_EQ(listed().Find("revoked"), nullptr);
  Fill();
  for (int i = 0; i < 2; ++i) {
    const HttpAnswer answer = revoke();
    EXPECT_EQ(answer.status, 507) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("key " + id + " is refused from now on, but if the server restarts"));
    EXPECT_EQ(status(key), 401);
  }
  EXPECT_TRUE(revoked.ReadUntil([&] { return revoked.client().said_goodbye(); })) << revoked.fault();
  EXPECT_EQ(revoked.client().goodbye(), "revoked");
  EXPECT_EQ(status(key_), 200);
  EXPECT_FALSE(other.client().said_goodbye());
  ASSERT_NE(listed().Find("revoked"), nullptr) << ToJson(listed());
  const std::string since = listed().Find("revoked")->AsString();
  ASSERT_NE(listed().Find("revocation_stored"), nullptr) << ToJson(listed());
  EXPECT_FALSE(listed().Find("revocation_stored")->AsBool());
  EXPECT_THAT(line(), HasSubstr("  revoked " + since.substr(0, 10) + ", not stored yet: revoke it once more"));
  MakeRoom();
  EXPECT_EQ(status(key), 401) << "it is not stored, and refused";
  EXPECT_EQ(revoke().status, 200);
  EXPECT_NE(listed().Find("revoked"), nullptr);
  EXPECT_EQ(listed().Find("revocation_stored"), nullptr) << ToJson(listed());
  EXPECT_THAT(line(), HasSubstr("  revoked 20"));
  EXPECT_THAT(line(), Not(HasSubstr("not stored")));
  EXPECT_EQ(server_->Stop(), 0);
  server_->Start();
  EXPECT_EQ(status(key), 401);
  EXPECT_EQ(status(key_), 200);
}

TEST_F(DiskFullTest, WhoIsRemovedIsRefusedAlthoughThatCannotBeStoredYet) {
  ASSERT_EQ(
      server_->Call("PUT", "/api/v1/members/ana", {.body = R"({"name": "Ana", "bindings": [{"role": "viewer"}]})"})
          .status,
      201);
  const HttpAnswer made = server_->Call("POST", "/api/v1/keys", {.body = R"({"kind": "admin", "member": "ana"})"});
  const std::string key = ParseJson(made.body).value().Find("key")->AsString();
  const auto status = [&] { return server_->Call("GET", "/api/v1/projects", {.key = key}).status; };
  const auto remove = [&](HttpCallOptions options = {}) {
    return server_->Call("DELETE", "/api/v1/members/ana", std::move(options));
  };
  EXPECT_EQ(remove({.headers = {{"If-Match", "\"1\""}}}).status, 412);
  EXPECT_EQ(status(), 200) << "nobody is removed by what is not as the caller thinks";
  Fill();
  for (int i = 0; i < 2; ++i) {
    const HttpAnswer answer = remove();
    EXPECT_EQ(answer.status, 507) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr("the keys and sessions of 'ana' are refused from now on"));
    EXPECT_EQ(status(), 401);
  }
  MakeRoom();
  EXPECT_EQ(status(), 401) << "it is not stored, and refused";
  EXPECT_EQ(remove().status, 200);
  EXPECT_EQ(server_->Stop(), 0);
  server_->Start();
  EXPECT_EQ(status(), 401);
}

TEST_F(DiskFullTest, EventsAreRefusedWithATimeToComeBackAndTheSameBatchIsTakenOnceThereIsRoom) {
  ASSERT_EQ(Send("batch-before-it-is-full").status, 202);
  Fill();
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer refused = Send("batch-while-it-is-full");
    EXPECT_EQ(refused.status, 507) << refused.body;
    EXPECT_GE(std::atoi(refused.Header("Retry-After").c_str()), 1);
  }
  EXPECT_EQ(Batches(), "batch-before-it-is-full ") << "reading goes on";
  MakeRoom();
  EXPECT_EQ(Send("batch-while-it-is-full").body, R"({"accepted":1,"rejected":[],"duplicate":false})");
  EXPECT_EQ(Batches(), "batch-before-it-is-full batch-while-it-is-full ");

  FillUnseen();
  const HttpAnswer unknown = Send("batch-cut-in-half");
  EXPECT_EQ(unknown.status, 500) << unknown.body;
  EXPECT_THAT(unknown.body, HasSubstr("\"code\":\"indeterminate\""));
  MakeRoom();
  HttpAnswer again;
  EXPECT_TRUE(Eventually([&] { return (again = Send("batch-cut-in-half")).status == 202; })) << again.body;
  EXPECT_EQ(Batches(), "batch-before-it-is-full batch-while-it-is-full batch-cut-in-half ");
  server_->Kill();
  server_->Start();
  EXPECT_EQ(Batches(), "batch-before-it-is-full batch-while-it-is-full batch-cut-in-half ");
}

// A kernel that could not write forgets it, and its next fsync says that all is well: so the first is final.
TEST_F(DiskFullTest, AFailedFsyncIsFinalAlsoWhereTheNextOneWouldSucceed) {
  SdkStream stream(server_->port(), key_);
  ASSERT_TRUE(stream.ReadUntil([&] { return Holds(stream, "before"); })) << stream.fault();
  std::ofstream{fails_};
  const HttpAnswer unknown = Put("in-doubt");
  EXPECT_EQ(unknown.status, 500) << unknown.body;
  EXPECT_THAT(unknown.body, HasSubstr("\"code\":\"indeterminate\""));
  ASSERT_EQ(std::remove(fails_.c_str()), 0);
  for (int i = 0; i < 3; ++i) {
    const HttpAnswer refused = Put("refused");
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_THAT(refused.body, HasSubstr("restart"));
  }
  const HttpAnswer ready = HttpCall(server_->port(), "GET", "/readyz");
  EXPECT_EQ(ready.status, 200) << "it serves";
  EXPECT_THAT(ready.body, HasSubstr("\"writable\":false"));
  EXPECT_EQ(Metric("guidon_store_writable"), "0");
  EXPECT_EQ(StatusOf("before"), 200);
  SdkStream fresh(server_->port(), key_);
  EXPECT_TRUE(fresh.ReadUntil([&] { return Holds(fresh, "before"); })) << fresh.fault();
  const int heartbeats = stream.client().heartbeats();
  EXPECT_TRUE(stream.ReadUntil([&] { return stream.client().heartbeats() > heartbeats; })) << stream.fault();
  EXPECT_FALSE(Holds(stream, "in-doubt"));

  server_->Kill();
  server_->Start();
  EXPECT_EQ(StatusOf("before"), 200);
  EXPECT_EQ(StatusOf("refused"), 404);
  EXPECT_EQ(Put("after").status, 201);
}

TEST_F(DiskFullTest, AWriteThatTheFullDiskCutsInHalfIsUnknownAndStoredOnceThereIsRoom) {
  SdkStream stream(server_->port(), key_);
  ASSERT_TRUE(stream.ReadUntil([&] { return Holds(stream, "before"); })) << stream.fault();
  FillUnseen();
  const HttpAnswer unknown = Put("halfway");
  EXPECT_EQ(unknown.status, 500) << unknown.body;
  EXPECT_THAT(unknown.body, HasSubstr("\"code\":\"indeterminate\""));
  EXPECT_THAT(unknown.body, HasSubstr("ran full in the middle of this write"));
  EXPECT_EQ(Put("refused").status, 507);
  ExpectThatReadsGoOn(stream);

  MakeRoom();
  // The log tries every 20 ms, and may refuse once more just before it finds the room.
  EXPECT_TRUE(Eventually([&] { return Put("after").status / 100 == 2; }));
  EXPECT_TRUE(stream.ReadUntil([&] { return Holds(stream, "after"); })) << stream.fault();
  EXPECT_TRUE(Holds(stream, "halfway"));  // it took its revision before
  EXPECT_EQ(StatusOf("halfway"), 200);
  server_->Kill();
  server_->Start();
  for (const char* flag : {"before", "halfway", "after"}) EXPECT_EQ(StatusOf(flag), 200) << flag;
}

TEST_F(DiskFullTest, WhoSignsOutIsOutAndIsToldWhenThatIsNotWrittenDown) {
  const Finished hashed = guidon::testing::Run(
      {"/bin/sh", "-c", "echo 'correct horse battery' | " + Guidond::Program() + " hash-password"});
  ASSERT_EQ(hashed.exit_code, 0) << hashed.errors;
  std::ofstream(folder_ / "hash") << hashed.output;
  server_.reset();
  server_ = std::make_unique<Guidond>(GuidondOptions{
      .arguments = {"--break-glass-file", folder_ / "hash"}, .environment = Environment(), .data = folder_ / "data"});
  const auto sign_in = [&] {
    const HttpAnswer answer =
        HttpCall(server_->port(), "POST", "/auth/break-glass", {.body = R"({"password":"correct horse battery"})"});
    EXPECT_EQ(answer.status, 200) << answer.body;
    return ParseJson(answer.body)->Find("token")->AsString();
  };
  const auto is_in = [&](const std::string& token) {
    return HttpCall(server_->port(), "GET", "/api/v1/projects", {.key = token}).status == 200;
  };
  const auto sign_out = [&](const std::string& token) {
    return HttpCall(server_->port(), "POST", "/auth/logout", {.key = token});
  };
  const std::string full = sign_in(), halfway = sign_in(), other = sign_in();
  Fill();
  const HttpAnswer refused = sign_out(full);
  EXPECT_EQ(refused.status, 507) << refused.body;
  EXPECT_THAT(refused.body, HasSubstr("if the server restarts before it could note that, the session is open again"));
  EXPECT_FALSE(is_in(full)) << "out, all the same";
  EXPECT_EQ(sign_out(full).status, 401);
  EXPECT_TRUE(is_in(other));
  // As the answer says.
  MakeRoom();
  server_->Kill();
  server_->Start();
  EXPECT_TRUE(is_in(full));
  EXPECT_EQ(sign_out(full).status, 200);

  // A disk that fails in the middle: nobody knows whether it is written.
  std::ofstream{fails_};
  const HttpAnswer unknown = sign_out(halfway);
  EXPECT_EQ(unknown.status, 500) << unknown.body;
  EXPECT_THAT(unknown.body, HasSubstr("\"code\":\"indeterminate\""));
  EXPECT_FALSE(is_in(halfway));
  ASSERT_EQ(std::remove(fails_.c_str()), 0);
  server_->Kill();
  server_->Start();
  EXPECT_FALSE(is_in(full)) << "what was answered as done is done";
  EXPECT_TRUE(is_in(other));
}

TEST_F(DiskFullTest, OnAFullDiskItStopsInGoodOrderAndDoesNotStartUntilThereIsRoom) {
  FillUnseen();
  EXPECT_EQ(Put("halfway").status, 500);
  EXPECT_EQ(server_->Stop(), 0);
  Fill();
  const Finished run =
      guidon::testing::Run({Guidond::Program(), "--listen", "127.0.0.1:0", "--data", folder_ / "data"}, Environment());
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(std::count(run.errors.begin(), run.errors.end(), '\n'), 1) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("make room"));
  MakeRoom();
  server_->Start();
  EXPECT_EQ(StatusOf("before"), 200);
}

}  // namespace
}  // namespace guidon::testing
