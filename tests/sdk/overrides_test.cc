// ClientConfig::flag_overrides: variables of the process that decide what flags serve.
#include <guidon/client.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sdk/trial.h"
#include "tests/sdk/world.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::AcceptStream;
using testing::ConfigFor;
using testing::Eventually;
using testing::FilesFolder;
using testing::kPatience;
using testing::Log;
using testing::ReplaceFile;
using testing::ScriptedServer;
using testing::WaitForRevision;
using testing::WaitForState;
using testing::World;
using testing::WriteFile;

const Context kUser("user-1");

// A variable of this process, for as long as this exists.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

class OverridesTest : public ::testing::Test {
 protected:
  OverridesTest() {
    world_.Serve("new-checkout", false);
    world_.Serve("checkout.layout", "multi");
    world_.Serve("retries", 3);
    world_.Serve("limits", Object{{"rps", 200}});
    config_.flag_overrides = true;
    config_.log = log_.Sink();
  }
  // Of what the world holds.
  Client Bootstrapped() { return Bootstrapped(world_.Document()); }
  Client Bootstrapped(const std::string& document) {
    config_.bootstrap = document;
    return Client(config_);
  }

  World world_;
  Log log_;
  ClientConfig config_;
};

TEST_F(OverridesTest, EveryTypeIsOverriddenAndTheDetailNamesTheVariable) {
  const Variable variables[] = {{"GUIDON_FLAG_NEW_CHECKOUT", "true"},
                                {"GUIDON_FLAG_CHECKOUT_LAYOUT", "single"},
                                {"GUIDON_FLAG_RETRIES", "-0.5"},
                                {"GUIDON_FLAG_LIMITS", R"({"rps": 1})"}};
  const Client client = Bootstrapped();
  const EvaluationDetail<bool> detail = client.BoolDetail("new-checkout", kUser, false);
  EXPECT_TRUE(detail.value);
  EXPECT_EQ(detail.reason, Reason::kTargetingMatch);
  EXPECT_EQ(detail.rule, "GUIDON_FLAG_NEW_CHECKOUT");
  EXPECT_EQ(detail.variation, "on") << "the one that has this value";
  EXPECT_EQ(detail.revision, world_.revision());
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "single");
  EXPECT_EQ(client.StringDetail("checkout.layout", kUser, "").variation, "override");
  EXPECT_EQ(client.Double("retries", kUser, 0), -0.5);
  EXPECT_EQ(ToJson(client.Json("limits", kUser, Value())), R"({"rps":1})");
  const Flag<bool> handle(client, "new-checkout", false);
  EXPECT_TRUE(handle(kUser));
  EXPECT_TRUE(client.Peek().Bool("new-checkout", kUser, false));
  EXPECT_EQ(log_.Count(" overrides flag '", LogLevel::kWarning), 4) << log_.Text();
  EXPECT_EQ(log_.Count("GUIDON_FLAG_NEW_CHECKOUT overrides flag 'new-checkout': everyone is served 'true'"), 1);
}

TEST_F(OverridesTest, NothingIsReadUnlessItIsEnabled) {
  const Variable variable("GUIDON_FLAG_NEW_CHECKOUT", "true");
  config_.flag_overrides = false;
  const Client client = Bootstrapped();
  EXPECT_FALSE(client.Bool("new-checkout", kUser, true));
  EXPECT_EQ(client.BoolDetail("new-checkout", kUser, true).reason, Reason::kStatic);
  EXPECT_EQ(log_.Text(), "");
}

TEST_F(OverridesTest, TheyAreReadOnce) {
  FilesFolder folder;
  config_.flag_file = folder.File("flags.json");
  WriteFile(config_.flag_file, R"({"a": 1, "b": 1})");
  auto variable = std::make_unique<Variable>("GUIDON_FLAG_A", "5");
  const Client client(config_);
  variable.reset();
  const Variable late("GUIDON_FLAG_B", "6");
  ReplaceFile(config_.flag_file, R"({"a": 2, "b": 2})");
  EXPECT_TRUE(Eventually([&] { return client.Int("b", kUser, 0) == 2; }));
  EXPECT_EQ(client.Int("a", kUser, 0), 5);
  EXPECT_EQ(log_.Count("GUIDON_FLAG_A overrides flag 'a'"), 1) << "said once";
}

TEST_F(OverridesTest, AValueOfAnotherTypeIsIgnoredAndSaid) {
  const Variable variables[] = {{"GUIDON_FLAG_NEW_CHECKOUT", "yes"},
                                {"GUIDON_FLAG_CHECKOUT_LAYOUT", "\xFF"},
                                {"GUIDON_FLAG_RETRIES", "\"3\""},
                                {"GUIDON_FLAG_LIMITS", "{rps: 1}"}};
  const Client client = Bootstrapped();
  EXPECT_EQ(client.BoolDetail("new-checkout", kUser, true).reason, Reason::kStatic);
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "multi");
  EXPECT_EQ(client.Int("retries", kUser, 0), 3);
  EXPECT_EQ(ToJson(client.Json("limits", kUser, Value())), R"({"rps":200})");
  const std::string start = "_NEW_CHECKOUT overrides nothing: flag 'new-checkout' is of type boolean and takes ";
  EXPECT_EQ(log_.Count("GUIDON_FLAG" + start + "true or false, not 'yes'", LogLevel::kWarning), 1) << log_.Text();
  EXPECT_EQ(log_.Count("is of type string and takes text of UTF-8", LogLevel::kWarning), 1);
  EXPECT_EQ(log_.Count("is of type number and takes a number", LogLevel::kWarning), 1);
  EXPECT_EQ(log_.Count("is of type json and takes JSON", LogLevel::kWarning), 1);
}

TEST_F(OverridesTest, ANameThatMayMeanTwoFlagsOrNoneIsIgnoredAndSaid) {
  const Variable variables[] = {{"GUIDON_FLAG_CHECKOUT_LAYOUT", "single"}, {"GUIDON_FLAG_NEW_CHEKCOUT", "true"}};
  world_.Serve("checkout-layout", "dashed");
  const Client client = Bootstrapped();
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "multi");
  EXPECT_EQ(client.String("checkout-layout", kUser, ""), "dashed");
  EXPECT_EQ(log_.Count("GUIDON_FLAG_CHECKOUT_LAYOUT overrides nothing: it may mean flag 'checkout-layout' or flag "
                       "'checkout.layout'",
                       LogLevel::kWarning),
            1)
      << log_.Text();
  EXPECT_EQ(log_.Count("GUIDON_FLAG_NEW_CHEKCOUT overrides nothing: there is no flag", LogLevel::kWarning), 1);
}

TEST_F(OverridesTest, ItStandsAboveAllThatTheFlagSays) {
  const Variable variable("GUIDON_FLAG_STUBBORN", "true");
  world_.Put("flag", "stubborn",
             Json(R"({"flag": "stubborn", "type": "boolean", "environments": {"production": {"enabled": false, "off":
                 "off", "requires": [{"flag": "absent", "is": "on"}], "targets": {"off": ["user-1"]}, "rules": [{"id":
                 "all", "when": {"key": "user-1"}, "serve": "off"}], "default": "off"}}})"));
  world_.Put("flag", "follower",
             Json(R"({"flag": "follower", "type": "boolean", "environments": {"production": {"enabled": true,
                 "requires": [{"flag": "stubborn", "is": "on"}], "default": "on"}}})"));
  const Client client = Bootstrapped();
  EXPECT_TRUE(client.Bool("stubborn", kUser, false));
  EXPECT_TRUE(client.Bool("follower", kUser, false)) << "which requires it";
}

TEST_F(OverridesTest, ItStandsAboveExperimentsWhichThenHaveNoSay) {
  const std::string forced = R"(, "qa": {"force": [{"account_id": "acct-1", "variant": "control"}]})";
  Snapshot snapshot = testing::TrialWorkspace(forced);
  ASSERT_EQ(Bootstrapped(EncodeSnapshot(snapshot)).BoolDetail("layout", testing::Account(1), true).forced, true);
  const Variable variable("GUIDON_FLAG_LAYOUT", "true");
  const Client client = Bootstrapped(EncodeSnapshot(snapshot));
  const EvaluationDetail<bool> detail = client.BoolDetail("layout", testing::Account(1), false);
  EXPECT_TRUE(detail.value);
  EXPECT_FALSE(detail.forced);
  EXPECT_EQ(detail.experiment, "");
  EXPECT_EQ(detail.rule, "GUIDON_FLAG_LAYOUT");
  EXPECT_TRUE(client.Bool("banner", kUser, false));
}

TEST_F(OverridesTest, ChangesComeInUnderItAndTheCacheKeepsWhatTheServerSent) {
  FilesFolder folder;
  ScriptedServer server;
  const Variable variable("GUIDON_FLAG_CHECKOUT_LAYOUT", "single");
  ClientConfig config = ConfigFor(server.url());
  config.flag_overrides = true;
  config.log = log_.Sink();
  config.cache_file = folder.File("flags.json");
  Client client(config);
  const auto stream = AcceptStream(server, world_.SnapshotEvent());
  ASSERT_TRUE(stream && WaitForState(client, ClientState::kLive));
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "single");
  stream->Send(world_.Serve("checkout.layout", "other"));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "single");
  world_.Pass();
  stream->Send(world_.HeartbeatEvent());
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.StringDetail("checkout.layout", kUser, "").revision, world_.revision());

  std::vector<bool> anything;
  const Subscription changes =
      client.OnChange([&](const RulesetChange& change) { anything.push_back(change.anything); });
  stream->Send(world_.Serve("checkout-layout", "dashed"));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "other") << "it may mean two flags now";
  stream->Send(world_.Remove("flag", "checkout-layout"));
  ASSERT_TRUE(WaitForRevision(client, world_.revision()));
  EXPECT_EQ(client.String("checkout.layout", kUser, ""), "single");
  EXPECT_EQ(client.Status().reconnects, 0u) << "the digest is of what the server has";

  ASSERT_TRUE(client.Close(kPatience));
  EXPECT_EQ(anything, (std::vector<bool>{true, true})) << "another flag than the changed one answers otherwise";
  std::ostringstream cache;
  cache << std::ifstream(config.cache_file).rdbuf();
  EXPECT_EQ(cache.str(), world_.Document());
}

}  // namespace
}  // namespace guidon
