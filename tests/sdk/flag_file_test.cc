// ClientConfig::flag_file: flags are what a file says, whatever happens to the file.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Eventually;
using testing::FilesFolder;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using testing::ReplaceFile;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;
using testing::WriteFile;

const Context kUser("user-1");

// The file is only looked at when the system tells something, unless a test sets another interval.
class FlagFileTest : public ::testing::Test {
 protected:
  FlagFileTest() {
    config_.flag_file = file_;
    config_.flag_file_interval = 24h;
    config_.log = log_.Sink();
  }
  bool WaitForA(const Client& client, int value) {
    return Eventually([&] { return client.Int("a", kUser, 0) == value; });
  }

  FilesFolder folder_;
  const std::string file_ = folder_.File("flags.json");
  Log log_;
  ClientConfig config_;
};

// --- what it says --------------------------------------------------------------------------------------------------

TEST_F(FlagFileTest, FlagsByTheirKeysAreServedToEveryone) {
  WriteFile(file_, R"({"on": true, "layout": "single", "a": 14, "ratio": 0.5, "limits": {"rps": 200}, "list": [1]})");
  const Client client(config_);
  EXPECT_TRUE(client.WaitReady(0ms));
  const EvaluationDetail<bool> on = client.BoolDetail("on", kUser, false);
  EXPECT_TRUE(on.value);
  EXPECT_EQ(on.reason, Reason::kStatic);
  EXPECT_EQ(on.variation, "on");
  EXPECT_EQ(client.String("layout", kUser, ""), "single");
  EXPECT_EQ(client.Int("a", kUser, 0), 14);
  EXPECT_EQ(client.Double("ratio", kUser, 0), 0.5);
  EXPECT_EQ(ToJson(client.Json("limits", kUser, Value())), R"({"rps":200})");
  EXPECT_EQ(ToJson(client.Json("list", kUser, Value())), "[1]");
  const ClientStatus status = client.Status();
  EXPECT_EQ(status.source, RulesetSource::kFile);
  EXPECT_EQ(status.state, ClientState::kLive);
  EXPECT_EQ(status.flags, 6u);
  EXPECT_EQ(status.revision, 1u);
  EXPECT_EQ(status.last_error, "");
  EXPECT_EQ(log_.Text(), "");
}

TEST_F(FlagFileTest, AnExportedDocumentIsServedAsItIs) {
  World world("epoch-1", 16);
  world.Serve("a", 1);
  WriteFile(file_, world.Document());
  const Client client(config_);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  const ClientStatus status = client.Status();
  EXPECT_EQ(status.epoch, "epoch-1");
  EXPECT_EQ(status.environment, "production");
  EXPECT_EQ(status.revision, 17u);
}

TEST_F(FlagFileTest, NoServerIsAskedAndNoOtherFileRead) {
  testing::ScriptedServer server;
  WriteFile(file_, R"({"a": 1})");
  config_.server = server.url();
  config_.key = "gdn_srv_test";
  config_.cache_file = folder_.File("cache.json");
  config_.bootstrap = "damaged";
  config_.flush_interval = config_.status_delay = config_.status_interval = 1ms;
  bool is_connecting = false;  // read after Close
  config_.transport = [&](const TransportOptions&) {
    is_connecting = true;
    return nullptr;
  };
  Client client(config_);
  client.Track("order", kUser, 31.50);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  EXPECT_TRUE(client.Flush(kPatience)) << "nothing is to be sent";
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_FALSE(is_connecting);
  EXPECT_EQ(folder_.Files(), 1u);
  EXPECT_EQ(log_.Count(server.url() + " is not asked", LogLevel::kWarning), 1) << log_.Text();
}

// --- how it changes ------------------------------------------------------------------------------------------------

TEST_F(FlagFileTest, ARenameOverItIsSeenAndTold) {
  WriteFile(file_, R"({"a": 1})");
  Client client(config_);
  const Flag<std::int64_t> handle(client, "a", 0);
  const Pin pin = client.Pin();
  std::promise<RulesetChange> told;
  Subscription changes = client.OnChange([&](const RulesetChange& change) { told.set_value(change); });
  ReplaceFile(file_, R"({"a": 2, "b": true})");
  const RulesetChange change = told.get_future().get();
  changes.End();
  EXPECT_TRUE(change.anything);
  EXPECT_EQ(change.revision, 2u);
  EXPECT_EQ(handle(kUser), 2);
  EXPECT_TRUE(client.Bool("b", kUser, false));
  EXPECT_EQ(handle(kUser, pin), 1);
  for (int i = 3; i < 10; ++i) {
    ReplaceFile(file_, "{\"a\": " + std::to_string(i) + "}");
    ASSERT_TRUE(WaitForA(client, i)) << i;
  }
  EXPECT_EQ(client.BoolDetail("b", kUser, false).error, EvaluationError::kFlagNotFound);
}

TEST_F(FlagFileTest, WritingInPlaceIsSeenWhenTheWriterIsDone) {
  WriteFile(file_, R"({"a": 1})");
  const Client client(config_);
  WriteFile(file_, R"({"a": 2})");
  EXPECT_TRUE(WaitForA(client, 2));
  WriteFile(file_, R"({"a": 3})");  // of the same size, maybe within the same tick
  EXPECT_TRUE(WaitForA(client, 3));
}

// A ConfigMap: flags.json -> ..data/flags.json, and ..data is replaced.
TEST_F(FlagFileTest, ALinkOnTheWayThatIsReplacedIsSeen) {
  const auto put = [&](int i) {
    const std::string name = "..version-" + std::to_string(i);
    std::filesystem::create_directory(folder_.File(name));
    WriteFile(folder_.File(name + "/flags.json"), "{\"a\": " + std::to_string(i) + "}");
    std::filesystem::create_directory_symlink(name, folder_.File("..data_tmp"));
    std::filesystem::rename(folder_.File("..data_tmp"), folder_.File("..data"));
    if (i > 1) std::filesystem::remove_all(folder_.File("..version-" + std::to_string(i - 1)));
  };
  put(1);
  std::filesystem::create_symlink("..data/flags.json", file_);
  const Client client(config_);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  for (int i = 2; i < 6; ++i) {
    put(i);
    ASSERT_TRUE(WaitForA(client, i)) << i;
  }
}

TEST_F(FlagFileTest, AFileElsewhereThatALinkLeadsToIsWatchedThere) {
  const FilesFolder elsewhere;
  const std::string real = elsewhere.File("real.json");
  WriteFile(real, R"({"a": 1})");
  std::filesystem::create_symlink(real, file_);
  const Client client(config_);
  ReplaceFile(real, R"({"a": 2})");
  ASSERT_TRUE(WaitForA(client, 2));
  const FilesFolder third;
  WriteFile(third.File("other.json"), R"({"a": 3})");
  std::filesystem::create_symlink(third.File("other.json"), file_ + ".new");
  std::filesystem::rename(file_ + ".new", file_);
  ASSERT_TRUE(WaitForA(client, 3));
  ReplaceFile(third.File("other.json"), R"({"a": 4})");
  EXPECT_TRUE(WaitForA(client, 4));
}

TEST_F(FlagFileTest, WhatOthersDoInTheFolderIsNothing) {
  WriteFile(file_, R"({"a": 1})");
  Client client(config_);
  std::atomic<int> told{0};
  const Subscription changes = client.OnChange([&](const RulesetChange&) { ++told; });
  for (int i = 0; i < 100; ++i) WriteFile(folder_.File("other-" + std::to_string(i)), "{}");
  ReplaceFile(file_, R"({"a": 1})");    // the same
  ReplaceFile(file_, R"({ "a": 1 })");  // and written otherwise
  ReplaceFile(file_, R"({"a": 2})");
  ASSERT_TRUE(WaitForA(client, 2) && Eventually([&] { return told == 1; }));
  EXPECT_EQ(client.Status().revision, 2u);
  EXPECT_EQ(client.Status().refused, 0u);
}

TEST_F(FlagFileTest, TheFileDecidesSoItsRevisionMayGoBack) {
  World world("epoch-1", 100);
  world.Serve("a", 1);
  WriteFile(file_, world.Document());
  const Client client(config_);
  ASSERT_EQ(client.Status().revision, 101u);
  World older("epoch-1", 10);
  older.Serve("a", 2);
  ReplaceFile(file_, older.Document());
  ASSERT_TRUE(WaitForRevision(client, 11));
  EXPECT_EQ(client.Int("a", kUser, 0), 2);
  ReplaceFile(file_, R"({"a": 3})");
  ASSERT_TRUE(WaitForRevision(client, 12));
  EXPECT_EQ(client.Int("a", kUser, 0), 3);
  EXPECT_EQ(client.Status().epoch, "file");
  ReplaceFile(file_, world.Document());
  ASSERT_TRUE(WaitForRevision(client, 101));
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
}

// --- what is wrong with it -----------------------------------------------------------------------------------------

TEST_F(FlagFileTest, WhatCannotBeUsedLeavesTheFlagsAsTheyAreAndIsSaid) {
  World world;
  world.Serve("a", 5);
  std::string turned = world.Document();
  turned.replace(turned.find("\"served\":5"), 10, "\"served\":6");
  struct {
    std::string content, said;
  } const kDamaged[] = {
      {"{\"a\": 1,\n \"b\": tru", "line 2"},
      {"", "is not used: "},
      {"[1]", "neither a ruleset document nor an object"},
      {R"({"a": 1, "no key": 2})", "no key"},
      {R"({"a": 1, "a": 2})", "a"},
      {"{\"a\": \"\xFF\"}", "UTF-8"},
      {world.Document().substr(0, 100), "not closed"},
      {turned, "digest"},
      {R"({"schema": 1})", "snapshot"},
  };
  WriteFile(file_, R"({"a": 1})");
  Client client(config_);
  std::mutex mutex;
  std::vector<ClientState> states;
  const Subscription subscription = client.OnStatus([&](const ClientStatus& status) {
    const std::lock_guard<std::mutex> lock(mutex);
    states.push_back(status.state);
  });
  std::uint64_t refused = 0;
  std::size_t told = 0;
  for (const auto& [content, said] : kDamaged) {
    ReplaceFile(file_, content);
    ASSERT_TRUE(WaitForState(client, ClientState::kStale)) << content;
    const ClientStatus status = client.Status();
    EXPECT_EQ(status.source, RulesetSource::kFile);
    EXPECT_EQ(status.refused, ++refused);
    EXPECT_THAT(status.last_error, HasSubstr("flag file " + file_ + " is not used: ")) << content;
    EXPECT_THAT(status.last_error, HasSubstr(said)) << content;
    EXPECT_THAT(status.last_error, HasSubstr("what it said before is served until it is whole"));
    EXPECT_EQ(log_.Count(status.last_error, LogLevel::kWarning), 1) << log_.Text();
    EXPECT_EQ(client.Int("a", kUser, 0), 1) << content;
    ReplaceFile(file_, R"({"a": 1})");
    ASSERT_TRUE(WaitForState(client, ClientState::kLive)) << content;
    EXPECT_EQ(client.Status().last_error, "");
    told += 2;
    ASSERT_TRUE(Eventually([&] {
      const std::lock_guard<std::mutex> lock(mutex);
      return states.size() == told;
    })) << content;
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    EXPECT_EQ(states[i], i % 2 == 0 ? ClientState::kStale : ClientState::kLive);
  }
}

TEST_F(FlagFileTest, WhatIsNoReadableFileLeavesThemToo) {
  WriteFile(file_, R"({"a": 1})");
  const Client client(config_);
  const std::function<void()> kTakenAway[] = {
      [&] { std::filesystem::remove(file_); },
      [&] {
        std::filesystem::resize_file(file_, (64u << 20) + 1), std::filesystem::rename(file_, file_ + ".large"),
            std::filesystem::rename(file_ + ".large", file_);
      },
      [&] { std::filesystem::remove(file_), std::filesystem::create_directory(file_); },
      [&] { std::filesystem::remove(file_), std::filesystem::create_symlink("nowhere", file_); },
  };
  for (const auto& take_away : kTakenAway) {
    take_away();
    ASSERT_TRUE(WaitForState(client, ClientState::kStale));
    EXPECT_THAT(client.Status().last_error, HasSubstr(file_));
    EXPECT_EQ(client.Int("a", kUser, 0), 1);
    EXPECT_NE(client.Status().stale_since, std::chrono::system_clock::time_point());
    std::filesystem::remove_all(file_);
    WriteFile(file_, R"({"a": 1})");
    ASSERT_TRUE(WaitForState(client, ClientState::kLive)) << log_.Text();
  }
}

TEST_F(FlagFileTest, OneThatIsNotThereYetIsWaitedFor) {
  const Client client(config_);
  EXPECT_EQ(client.Status().state, ClientState::kInitialising);
  const Readiness ready = client.WaitReady(0ms);
  EXPECT_FALSE(ready);
  EXPECT_THAT(ready.cause, HasSubstr("cannot read " + file_));
  EXPECT_EQ(client.IntDetail("a", kUser, 7).error, EvaluationError::kProviderNotReady);
  WriteFile(file_, R"({"a": 1})");
  EXPECT_TRUE(client.WaitReady(kPatience));
  EXPECT_EQ(client.Int("a", kUser, 7), 1);
}

TEST_F(FlagFileTest, AFolderThatComesAndGoesIsFoundAgain) {
  const std::string folder = folder_.File("mounted");
  config_.flag_file = folder + "/flags.json";
  config_.flag_file_interval = 5ms;
  const Client client(config_);
  EXPECT_EQ(client.Status().state, ClientState::kInitialising);
  for (int i = 1; i < 4; ++i) {
    std::filesystem::create_directory(folder);
    WriteFile(folder + "/flags.json", "{\"a\": " + std::to_string(i) + "}");
    ASSERT_TRUE(WaitForA(client, i) && WaitForState(client, ClientState::kLive)) << log_.Text();
    std::filesystem::rename(folder, folder_.File("away-" + std::to_string(i)));
    ASSERT_TRUE(WaitForState(client, ClientState::kStale));
  }
}

// --- life ----------------------------------------------------------------------------------------------------------

TEST_F(FlagFileTest, CloseEndsTheWaitAndReadsGoOn) {
  WriteFile(file_, R"({"a": 1})");
  Client client(config_);
  EXPECT_TRUE(client.Close(kPatience));
  EXPECT_EQ(client.Status().state, ClientState::kClosed);
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
}

TEST_F(FlagFileTest, ACallbackMayWriteTheFileAndCloseTheClient) {
  WriteFile(file_, R"({"a": 1})");
  Client client(config_);
  std::promise<void> closed;
  const Subscription changes = client.OnChange([&](const RulesetChange& change) {
    if (change.revision < 4) {
      ReplaceFile(file_, "{\"a\": " + std::to_string(change.revision + 1) + "}");
      return;
    }
    client.Close(0ms);
    closed.set_value();
  });
  ReplaceFile(file_, R"({"a": 2})");
  closed.get_future().wait();
  EXPECT_EQ(client.Int("a", kUser, 0), 4);
}

TEST_F(FlagFileTest, ManyClientsMayWatchOne) {
  WriteFile(file_, R"({"a": 1})");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<Client>(config_));
  ReplaceFile(file_, R"({"a": 2})");
  for (const auto& client : clients) EXPECT_TRUE(WaitForA(*client, 2));
}

}  // namespace
}  // namespace guidon
