// A flag file where the system does not tell of changes: it is looked at now and then.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/world.h"
#include "tests/support/system.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Eventually;
using testing::FilesFolder;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Log;
using testing::System;
using testing::WaitForState;

const Context kUser("user-1");

class FlagFilePollingTest : public ::testing::TestWithParam<System::Inotify> {
 protected:
  FlagFilePollingTest() {
    System::SetInotify(GetParam());
    config_.flag_file = folder_.File("flags.json");
    config_.flag_file_interval = 5ms;
    config_.log = log_.Sink();
  }
  ~FlagFilePollingTest() override { System::SetInotify(System::Inotify::kWorks); }

  ClientState Good() const { return GetParam() == System::Inotify::kDeaf ? ClientState::kLive : ClientState::kPolling; }
  void Write(const std::string& text) { testing::WriteFile(config_.flag_file, text); }

  FilesFolder folder_;
  Log log_;
  ClientConfig config_;
};
INSTANTIATE_TEST_SUITE_P(Where, FlagFilePollingTest,
                         ::testing::Values(System::Inotify::kDeaf, System::Inotify::kFull, System::Inotify::kAbsent),
                         [](const auto& how) {
                           return how.param == System::Inotify::kDeaf   ? "NothingIsTold"
                                  : how.param == System::Inotify::kFull ? "NothingCanBeWatched"
                                                                        : "ThereIsNoInotify";
                         });

TEST_P(FlagFilePollingTest, ChangesAreFoundByLooking) {
  Write(R"({"a": 1})");
  Client client(config_);
  EXPECT_EQ(client.Status().state, Good());
  EXPECT_EQ(client.Int("a", kUser, 0), 1);
  Write(R"({"a": 2})");
  ASSERT_TRUE(Eventually([&] { return client.Int("a", kUser, 0) == 2; }));
  Write(R"({"a": 33})");
  ASSERT_TRUE(Eventually([&] { return client.Int("a", kUser, 0) == 33; }));
  std::filesystem::remove(config_.flag_file);
  ASSERT_TRUE(WaitForState(client, ClientState::kStale));
  EXPECT_EQ(client.Int("a", kUser, 0), 33);
  Write(R"({"a": 4})");
  ASSERT_TRUE(Eventually([&] { return client.Int("a", kUser, 0) == 4; }));
  ASSERT_TRUE(WaitForState(client, Good()));
  EXPECT_TRUE(client.Close(kPatience));
}

TEST_P(FlagFilePollingTest, TheStatusSaysThatTheSystemDoesNotTell) {
  config_.flag_file_interval = 24h;
  Write(R"({"a": 1})");
  Client client(config_);
  if (Good() == ClientState::kPolling) {
    EXPECT_THAT(client.Status().last_error, HasSubstr("the system "));
    EXPECT_EQ(log_.Count("is looked at every 86400000 ms: the system ", LogLevel::kWarning), 1) << log_.Text();
  } else {
    EXPECT_EQ(client.Status().last_error, "");
  }
  EXPECT_TRUE(client.Close(kPatience)) << "though the next look is tomorrow";
}

TEST(FlagFileWatchTest, WatchingBeginsWhenItCan) {
  FilesFolder folder;
  ClientConfig config;
  config.flag_file = folder.File("flags.json");
  config.flag_file_interval = 5ms;
  std::ofstream(config.flag_file) << R"({"a": 1})";
  System::SetInotify(System::Inotify::kFull);
  const Client client(config);
  EXPECT_EQ(client.Status().state, ClientState::kPolling);
  System::SetInotify(System::Inotify::kWorks);
  EXPECT_TRUE(WaitForState(client, ClientState::kLive));
}

}  // namespace
}  // namespace guidon
