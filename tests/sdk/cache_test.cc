// The last-known-good file and bootstrap: what a client holds before, and without, a server.
#include <sys/stat.h>

#include <fstream>
#include <future>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using testing::FilesFolder;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;
using testing::WriteFile;

using SystemClock = std::chrono::system_clock;

const Context kUser("user-1");

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

World Serving(const Value& value, Revision revision = 1) {
  World world("epoch-1", revision);
  world.Serve("a", value);
  return world;
}

class CacheTest : public ::testing::Test {
 protected:
  // Holds `events` in the cache file, as a client left it that was closed.
  void Fill(const std::string& events, Revision revision) {
    ScriptedServer server;
    ClientConfig config = ConfigFor(server.url());
    config.cache_file = file_;
    Client client(config);
    const auto stream = AcceptStream(server, events);
    ASSERT_TRUE(stream && WaitForRevision(client, revision));
    ASSERT_TRUE(client.Close(kPatience));
  }
  ClientConfig Cached(std::string server = "") {
    ClientConfig config = ConfigFor(server);
    config.cache_file = file_;
    config.log = log_.Sink();
    return config;
  }

  struct stat About() {
    struct stat about {};
    EXPECT_EQ(::stat(file_.c_str(), &about), 0);
    return about;
  }
  SystemClock::time_point Written() {
    const struct stat about = About();
    return SystemClock::from_time_t(about.st_mtim.tv_sec) + std::chrono::nanoseconds(about.st_mtim.tv_nsec);
  }

  FilesFolder folder_;
  std::string file_ = folder_.File("flags.json");
  Log log_;
};

TEST_F(CacheTest, WhatArrivedIsThereAgainAtTheNextStartWithoutAServer) {
  World world = Serving(1);
  std::string events = world.SnapshotEvent();
  events += world.Serve("a", 2);  // within the second after the snapshot: Close writes it
  Fill(events, world.revision());
  EXPECT_EQ(Read(file_), world.Document()) << "the ruleset document, with nothing added";
  const Client client(Cached());
  EXPECT_TRUE(client.WaitReady(0ms)) << "read while the client is made";
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  const ClientStatus status = client.Status();
  EXPECT_EQ(status.source, RulesetSource::kCache);
  EXPECT_EQ(status.state, ClientState::kOffline);
  EXPECT_EQ(status.revision, world.revision());
  EXPECT_EQ(status.epoch, "epoch-1");
}

TEST_F(CacheTest, TheFileIsReplacedWholeAndForItsOwnerOnly) {
  World world = Serving(1);
  Fill(world.SnapshotEvent(), world.revision());
  EXPECT_EQ(folder_.Files(), 1u) << "nothing is left beside it";
  struct stat about {};
  ASSERT_EQ(::stat(file_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0600u);
  // Somebody who has it open keeps what he opened: it was not written over.
  std::ifstream old(file_, std::ios::binary);
  const std::string before = world.Document();
  world.Serve("a", 2);
  Fill(world.SnapshotEvent(), world.revision());
  std::ostringstream text;
  text << old.rdbuf();
  EXPECT_EQ(text.str(), before);
  EXPECT_EQ(Read(file_), world.Document());
}

TEST_F(CacheTest, TheLastChangeIsWrittenSoonWithoutWaitingForAnother) {
  ScriptedServer server;
  World world = Serving(1);
  Client client(Cached(server.url()));
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream);
  EXPECT_TRUE(Eventually([&] { return Read(file_) == world.Document(); }));
  stream->Send(world.Serve("a", 2));
  EXPECT_TRUE(Eventually([&] { return Read(file_) == world.Document(); }));
  world.Pass(3);
  stream->Send(world.HeartbeatEvent());
  EXPECT_TRUE(Eventually([&] { return Read(file_) == world.Document(); })) << "the revision, too";
}

TEST_F(CacheTest, WhatTheSourceStillAppliesWhileTheClientClosesIsWrittenToo) {
  ScriptedServer server;
  World world = Serving(1);
  ClientConfig config = ConfigFor(server.url());
  config.cache_file = file_;
  Client client(config);
  std::promise<void> reached;
  const Subscription subscription = client.OnChange([&](const RulesetChange& change) {
    if (change.flags.empty() || client.Int("a", kUser, 0) != 2) return;
    reached.set_value();
    // The source is held up here until 2 is written, by a client that is closing, and a little longer, so that a keeper
    // that does not wait for the source would be gone: what it wrote must not be the last.
    const auto until = std::chrono::steady_clock::now() + 500ms;
    while (std::chrono::steady_clock::now() < until && Read(file_).find(R"({"served":2})") == std::string::npos) {
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(100ms);
  });
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForRevision(client, world.revision()));
  ASSERT_TRUE(Eventually([&] { return !Read(file_).empty(); }));
  std::string events = world.Serve("a", 2);
  events += world.Serve("a", 3);  // read at once with the one before
  stream->Send(events);
  reached.get_future().wait();
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_EQ(client.Int("a", kUser, 0), 3);
  EXPECT_EQ(Read(file_), world.Document());
}

TEST_F(CacheTest, ItWinsOverBootstrapAndIsResumedFrom) {
  World world = Serving("cached", 10);
  Fill(world.SnapshotEvent(), world.revision());
  ScriptedServer server;
  ClientConfig config = Cached(server.url());
  config.bootstrap = Serving("bootstrap", 50).Document();
  const Client client(config);
  EXPECT_EQ(client.String("a", kUser, ""), "cached");
  EXPECT_EQ(client.Status().state, ClientState::kStale);
  const auto stream = AcceptStream(server, world.HeartbeatEvent());
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->request().Header("Last-Event-ID"), world.Id());
  ASSERT_TRUE(WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.Status().source, RulesetSource::kServer);
}

TEST_F(CacheTest, ItsAgeIsThatOfTheFile) {
  World world = Serving(1);
  WriteFile(file_, world.Document());
  std::filesystem::last_write_time(file_, std::filesystem::file_time_type::clock::now() - 1h);
  ScriptedServer server;
  const Client client(Cached(server.url()));
  EXPECT_GE(client.Status().age, 59min);
  EXPECT_LE(client.Status().age, 2h);
  const auto stream = AcceptStream(server, world.HeartbeatEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_LT(client.Status().age, 59min);
}

TEST_F(CacheTest, ItsTimeIsThatOfTheLastConfirmationThoughNothingChanged) {
  World world = Serving(1);
  WriteFile(file_, world.Document());
  std::filesystem::last_write_time(file_, std::filesystem::file_time_type::clock::now() - 1h);
  const auto number = About().st_ino;
  ScriptedServer server;
  {
    Client client(Cached(server.url()));
    const auto stream = AcceptStream(server, world.HeartbeatEvent());
    ASSERT_TRUE(stream);
    EXPECT_TRUE(Eventually([&] { return Written() >= SystemClock::now() - 1min; })) << "also while it runs";
    EXPECT_EQ(About().st_ino, number) << "it was not written again";
    // And at the end all that came since.
    const auto begin = SystemClock::now();
    stream->Send(world.HeartbeatEvent());
    ASSERT_TRUE(Eventually([&] { return SystemClock::now() - client.Status().age > begin + 1ms; }));
    ASSERT_TRUE(client.Close(kPatience));
    EXPECT_GE(Written(), begin);
    EXPECT_LE(Written(), SystemClock::now());
  }
  EXPECT_LT(Client(Cached()).Status().age, kPatience);
}

TEST_F(CacheTest, AnOldFileOfAnotherProcessIsReplacedWhenTheServerConfirms) {
  World world = Serving(2, 20), older = Serving(1, 10);
  ScriptedServer server;
  Client client(Cached(server.url()));
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && Eventually([&] { return Read(file_) == world.Document(); }));
  testing::ReplaceFile(file_, older.Document());
  std::filesystem::last_write_time(file_, std::filesystem::file_time_type::clock::now() - 1h);
  const auto begin = SystemClock::now();
  stream->Send(world.HeartbeatEvent());
  ASSERT_TRUE(Eventually([&] { return SystemClock::now() - client.Status().age > begin + 1ms; }));
  ASSERT_TRUE(client.Close(kPatience));
  EXPECT_EQ(Read(file_), world.Document());
}

TEST_F(CacheTest, WhatCouldNotBeWrittenIsWrittenWhenItCanAndSaidOnce) {
  file_ = folder_.File("later/flags.json");
  ScriptedServer server;
  World world = Serving(1);
  ClientConfig config = Cached(server.url());
  Client client(config);
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && Eventually([&] { return log_.Count("cannot write " + file_, LogLevel::kWarning) > 0; }));
  std::filesystem::create_directory(folder_.File("later"));
  EXPECT_TRUE(Eventually([&] { return Read(file_) == world.Document(); })) << "though nothing else changed";
  EXPECT_EQ(log_.Count("cannot write", LogLevel::kWarning), 1) << log_.Text();
}

TEST_F(CacheTest, ADamagedFileIsIgnoredAndSaidAndReplaced) {
  World world = Serving("server", 20);
  std::string turned = world.Document();
  turned.replace(turned.find("\"server\""), 8, "\"SERVER\"");
  for (const std::string& damaged :
       {std::string(), world.Document().substr(0, 100), turned, std::string("\0\xFF", 2), std::string(100'000, '[')}) {
    Log log;
    WriteFile(file_, damaged);
    ScriptedServer server;
    ClientConfig config = Cached(server.url());
    config.log = log.Sink();
    config.bootstrap = Serving("bootstrap").Document();
    Client client(config);
    EXPECT_EQ(client.String("a", kUser, ""), "bootstrap");
    EXPECT_EQ(client.Status().source, RulesetSource::kBootstrap);
    EXPECT_EQ(client.Status().refused, 1u);
    EXPECT_EQ(log.Count("cache file " + file_ + " is not used: ", LogLevel::kWarning), 1) << log.Text();
    const auto stream = AcceptStream(server, world.SnapshotEvent());
    ASSERT_TRUE(stream && WaitForRevision(client, world.revision()));
    ASSERT_TRUE(client.Close(kPatience));
    EXPECT_EQ(Read(file_), world.Document());
  }
}

TEST_F(CacheTest, OneThatIsNotThereYetIsNothingToSay) {
  const Client client(Cached());
  EXPECT_EQ(log_.Text(), "");
  EXPECT_THAT(client.WaitReady(0ms).cause, HasSubstr("offline"));
}

TEST_F(CacheTest, AFileThatCannotBeReadOrWrittenIsSaidAndDisturbsNothing) {
  std::filesystem::create_directory(file_);
  ScriptedServer server;
  World world = Serving(1);
  Client client(Cached(server.url()));
  EXPECT_EQ(log_.Count("cannot read " + file_), 1) << log_.Text();
  const auto stream = AcceptStream(server, world.SnapshotEvent());
  ASSERT_TRUE(stream && client.WaitReady(kPatience));
  EXPECT_TRUE(Eventually([&] { return log_.Count("cannot write " + file_) > 0; })) << log_.Text();
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_EQ(folder_.Files(), 1u) << "what could not be put in place is removed";
}

TEST_F(CacheTest, OfAnotherEnvironmentItGivesWayToTheServerWhateverTheRevisions) {
  World staging = Serving("staging", 500);
  staging.header().environment = "staging";
  WriteFile(file_, staging.Document());
  ScriptedServer server;
  World production = Serving("production", 3);
  Client client(Cached(server.url()));
  const auto stream = AcceptStream(server, production.SnapshotEvent());
  ASSERT_TRUE(stream && Eventually([&] { return client.Status().environment == "production"; }));
  EXPECT_EQ(client.String("a", kUser, ""), "production");
  EXPECT_EQ(client.Status().revision, production.revision());
}

TEST_F(CacheTest, WithoutAServerNothingIsWritten) {
  ClientConfig config = Cached();
  config.bootstrap = Serving(1).Document();
  Client client(config);
  ASSERT_TRUE(client.Close(kPatience));
  EXPECT_EQ(folder_.Files(), 0u) << "bootstrap is not what a server sent";
}

// --- bootstrap -----------------------------------------------------------------------------------------------------

TEST_F(CacheTest, BootstrapIsAFileOrBytes) {
  const std::string file = folder_.File("export.json");
  WriteFile(file, Serving("file").Document());
  ClientConfig config;
  config.bootstrap = Serving("bytes").Document();
  EXPECT_EQ(Client(config).String("a", kUser, ""), "bytes");
  config.bootstrap_file = file;
  const Client client(config);
  EXPECT_EQ(client.String("a", kUser, ""), "file");
  EXPECT_TRUE(client.WaitReady(0ms));
  EXPECT_EQ(client.Status().source, RulesetSource::kBootstrap);
  EXPECT_EQ(client.Status().age, 0ms) << "nobody knows";
  config.bootstrap_file = folder_.File("absent.json");
  config.log = log_.Sink();
  EXPECT_EQ(Client(config).String("a", kUser, ""), "bytes");
  EXPECT_EQ(log_.Count("cannot read " + config.bootstrap_file, LogLevel::kError), 1) << log_.Text();
}

TEST_F(CacheTest, BootstrapThatCannotBeUsedIsTheCauseOfNotBeingReady) {
  ClientConfig config;
  config.bootstrap = R"({"schema":1})";
  const Client client(config);
  const Readiness ready = client.WaitReady(kPatience);
  EXPECT_FALSE(ready);
  EXPECT_THAT(ready.cause, HasSubstr("offline: bootstrap is not used: "));
  EXPECT_EQ(client.Status().refused, 1u);
}

}  // namespace
}  // namespace guidon
