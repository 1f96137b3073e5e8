// A prefork server with the SDK, and a guidond that is killed under it: the workers follow by themselves, the parent is
// as if nothing had been forked, and every read of each of them is counted once.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/json.h"
#include "tests/support/events.h"
#include "tests/support/guidond.h"

namespace guidon::testing {
namespace {

constexpr std::size_t kWorkers = 4;

class PreforkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const HttpAnswer project = server_.Call("POST", "/api/v1/projects",
                                            {.body = R"({"project": "shop", "environments": {"production": {}}})"});
    ASSERT_EQ(project.status, 201) << project.body;
    Set(1);
    application_ = std::make_unique<Process>(
        std::vector<std::string>{GUIDON_BIN_DIR "/prefork_server", server_.url(), std::to_string(kWorkers)},
        std::vector<std::string>{"GUIDON_SDK_KEY=" + server_.CreateSdkKey("shop", "production")});
    ASSERT_TRUE(application_->WaitForOutput("\n")) << application_->Errors();
    ASSERT_EQ(std::sscanf(application_->Output().c_str(), "workers %hu parent %hu", &workers_, &parent_), 2);
  }

  void Set(int number) {
    const HttpAnswer answer = server_.Call("PUT", "/api/v1/projects/shop/flags/number",
                                           {.body = R"({"flag": "number", "owner": "tests", "type": "number",
        "variations": {"it": )" + std::to_string(number) +
                                                    R"(}, "environments": {"production": {"enabled": true,
        "default": "it"}}})"});
    ASSERT_TRUE(answer.status == 200 || answer.status == 201) << answer.body << answer.fault;
  }

  // One read by whoever answers there.
  Value Ask(std::uint16_t port) {
    const HttpAnswer answer = HttpCall(port, "GET", "/");
    EXPECT_EQ(answer.status, 200) << answer.fault;
    Result<Value> value = ParseJson(answer.body);
    EXPECT_TRUE(value) << answer.body;
    if (value) ++reads_;
    return value ? *std::move(value) : Value();
  }

  // Whether each worker, and the parent, comes to serve that number while its state is one of `states`.
  ::testing::AssertionResult AllServe(int number, const std::set<std::string>& states) {
    std::map<std::int64_t, Value> last;  // of each worker
    const auto serves = [&](const Value& answer) {
      return answer.Find("number")->AsInt() == number && states.count(answer.Find("state")->AsString()) == 1;
    };
    const bool do_workers = Eventually([&] {
      const Value answer = Ask(workers_);
      last[answer.Find("pid")->AsInt()] = answer;
      return last.size() == kWorkers &&
             std::all_of(last.begin(), last.end(), [&](const auto& each) { return serves(each.second); });
    });
    Value parents;
    const bool does_parent = Eventually([&] { return serves(parents = Ask(parent_)); });
    for (const auto& [pid, answer] : last) EXPECT_EQ(answer.Find("forks")->AsInt(), 1) << pid;
    if (do_workers && does_parent) return ::testing::AssertionSuccess();
    std::string said = "the parent: " + ToJson(parents);
    for (const auto& [pid, answer] : last) said += "\n" + ToJson(answer);
    return ::testing::AssertionFailure() << said;
  }

  std::int64_t CountedReads() const {
    std::int64_t reads = 0;
    for (const Value& entry : server_.Journal("shop", "production")) {
      for (const Value& event : entry.Find("events")->AsArray()) reads += ReadsCountedBy(event);
    }
    return reads;
  }

  Guidond server_{{.listen = "127.0.0.1:" + std::to_string(FixedPort())}};
  std::unique_ptr<Process> application_;
  std::uint16_t workers_ = 0, parent_ = 0;
  std::int64_t reads_ = 0;
};

// Promise R5.
TEST_F(PreforkTest, WorkersFollowTheParentIsNotDisturbedAndEveryReadIsCounted) {
  ASSERT_TRUE(AllServe(1, {"live"}));
  Set(2);
  ASSERT_TRUE(AllServe(2, {"live"}));
  EXPECT_EQ(Ask(parent_).Find("forks")->AsInt(), 0);
  EXPECT_EQ(Ask(parent_).Find("reconnects")->AsInt(), 0) << "a fork ended the parent's stream";

  server_.Kill();
  ASSERT_TRUE(AllServe(2, {"stale"})) << "without a server all goes on with what is held";
  server_.Start();
  Set(3);
  ASSERT_TRUE(AllServe(3, {"live"}));

  application_->Signal(SIGTERM);
  EXPECT_EQ(application_->WaitForExit(), 0) << application_->Errors();
  EXPECT_EQ(CountedReads(), reads_);
}

}  // namespace
}  // namespace guidon::testing
