// A guidond under steady work for a while: SDK clients read, people change flags, and the server is stopped, killed and
// started again. GUIDON_SOAK_SECONDS says for how long (10).
//
// First with restarts, where no application may ever see an older revision or half a commit; then without, where the
// memory of both sides must have reached its level after a fifth of the time: within 5 % when it ran for a minute or
// more; within 25 % when it was shorter, for then the allocator and what else runs on the machine still show. What that
// is, Spans says.
#include <gtest/gtest.h>
#include <guidon/client.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/json.h"
#include "tests/support/forwarder.h"
#include "tests/support/guidond.h"

namespace guidon {
namespace {

using testing::Eventually;
using testing::Forwarder;
using testing::FromEnvironment;
using testing::Guidond;
using testing::HttpAnswer;
using testing::Pause;
using testing::ResidentKiB;
using Clock = std::chrono::steady_clock;

constexpr int kApplications = 3;
constexpr int kFlags = 50;

std::chrono::seconds Duration() {
  return std::chrono::seconds(FromEnvironment("GUIDON_SOAK_SECONDS", 10));
}

std::string FlagOf(const std::string& key, std::int64_t number) {
  return R"({"kind": "flag", "key": ")" + key + R"(", "definition": {"flag": ")" + key +
         R"(", "type": "number", "owner": "tests", "variations": {"it": )" + std::to_string(number) +
         R"(}, "environments": {"production": {"enabled": true, "default": "it"}}}})";
}

// What a process held over two spans, one after the other, in KiB. What is lost for good is missing from then on: it
// raises the least and the most of the second span alike.
//
// The server is held by its most: its store fills a buffer up to a bound and starts anew, and that it comes round is
// what has to be seen. The applications are held by their least: a change of 256 KiB comes as a frame that is held
// several times for a moment, as text and as rules, and how many of these are held at the moment when somebody looks
// differs from look to look by more than the 5 % that are allowed. An allocator that has taken memory once, in the
// first span, for good raises the least of the second, too, and is no leak: what leaks goes on to, so that the least of
// the last quarter is above that of the one before.
class Spans {
 public:
  struct Level {
    std::size_t least = SIZE_MAX;
    std::size_t most = 0;
  };

  // `at`: where in the two spans, 0 the begin of the first, 1 the end of the second.
  void Add(double at, std::size_t held) {
    Level& level = quarters_[static_cast<std::size_t>(std::clamp(at, 0.0, 0.99) * 4)];
    level.least = std::min(level.least, held);
    level.most = std::max(level.most, held);
  }
  Level first() const { return Of(0, 1); }
  Level second() const { return Of(2, 3); }

  // Whether the second is at most so many per cent of the first, or has come to rest: a leak that raises its least by
  // more than those per cent raises that of its last quarter by half of them. False when a quarter was not looked at.
  bool HasLeastWithin(std::size_t percent) const {
    if (!IsWhole()) return false;
    return second().least * 100 <= first().least * percent ||
           quarters_[3].least * 400 <= quarters_[2].least * (300 + percent);
  }
  bool HasMostWithin(std::size_t percent) const { return IsWhole() && second().most * 100 <= first().most * percent; }

 private:
  bool IsWhole() const {
    return std::all_of(quarters_.begin(), quarters_.end(), [](const Level& level) { return level.most > 0; });
  }
  Level Of(std::size_t one, std::size_t other) const {
    return {std::min(quarters_[one].least, quarters_[other].least),
            std::max(quarters_[one].most, quarters_[other].most)};
  }

  std::array<Level, 4> quarters_;
};

std::ostream& operator<<(std::ostream& out, const Spans& spans) {
  return out << spans.first().least << " to " << spans.first().most << ", then " << spans.second().least << " to "
             << spans.second().most << " KiB";
}

// Reads two flags that every commit sets to the same number.
class Application {
 public:
  Application(const std::string& url, const std::string& key) : client_(Config(url, key)), thread_([this] { Run(); }) {}
  ~Application() {
    stopping_ = true;
    thread_.join();
  }

  Client& client() { return client_; }
  std::uint64_t reads() const { return reads_; }
  std::string Fault() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return fault_;
  }

 private:
  static ClientConfig Config(const std::string& url, const std::string& key) {
    ClientConfig config;
    config.server = url;
    config.key = key;
    config.backoff_first = std::chrono::milliseconds(20);
    config.backoff_most = std::chrono::milliseconds(200);
    return config;
  }

  void Run() {
    const Context user("user-42");
    std::uint64_t seen = 0;
    while (!stopping_) {
      for (int i = 0; i < 1000; ++i) {
        const Pin pin = client_.Pin();
        const std::int64_t left = pin.Int("left", user, -1), right = pin.Int("right", user, -1);
        if (pin.revision() < seen)
          Blame("went back from " + std::to_string(seen) + " to " + std::to_string(pin.revision()));
        if (left != right) Blame("half a commit at revision " + std::to_string(pin.revision()));
        seen = pin.revision();
        ++reads_;
      }
      Pause();
    }
  }
  void Blame(const std::string& fault) {
    const std::lock_guard<std::mutex> lock(mutex_);
    fault_ = fault;
  }

  Client client_;
  std::atomic<std::uint64_t> reads_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::string fault_;
  std::thread thread_;
};

class SoakTest : public ::testing::Test {
 protected:
  // Small bounds, so that they are reached soon and memory has its level.
  SoakTest() : server_({.arguments = {"--ring-changes", "64", "--ring-bytes", "1048576"}}) {}

  void SetUp() override {
    ASSERT_EQ(
        server_.Call("POST", "/api/v1/projects", {.body = R"({"project": "shop", "environments": {"production": {}}})"})
            .status,
        201);
    key_ = server_.CreateSdkKey("shop", "production");
    front_.Forward(server_.port());
  }

  // Both sides to the next number, and one of many flags besides.
  void Change() {
    ++number_;
    const std::string body = R"({"changes": [)" + FlagOf("left", number_) + "," + FlagOf("right", number_) + "," +
                             FlagOf("flag-" + std::to_string(number_ % kFlags), number_) + "]}";
    const HttpAnswer answer = server_.Call("POST", "/api/v1/projects/shop/changes", {.body = body});
    ASSERT_EQ(answer.status, 200) << answer.body << answer.fault;
    head_ = static_cast<std::uint64_t>(ParseJson(answer.body)->Find("revision")->AsInt());
  }

  void WriteLarge(std::int64_t i) {
    constexpr std::size_t kBytes = 256 << 10;
    const std::string body = R"({"flag": "large", "type": "string", "owner": "tests", "variations": {"it": ")" +
                             std::string(kBytes, static_cast<char>('a' + i % 26)) + R"("}})";
    const HttpAnswer answer = server_.Call("PUT", "/api/v1/projects/shop/flags/large", {.body = body});
    ASSERT_EQ(answer.status / 100, 2) << answer.body << answer.fault;
    head_ = static_cast<std::uint64_t>(ParseJson(answer.body)->Find("revision")->AsInt());
  }

  void ExpectAllArrive(std::vector<std::unique_ptr<Application>>& applications) {
    for (auto& application : applications) {
      EXPECT_TRUE(Eventually([&] { return application->client().Status().revision >= head_; }))
          << "an application stays at " << application->client().Status().revision << " of " << head_;
      EXPECT_EQ(application->Fault(), "");
    }
  }

  Guidond server_;
  Forwarder front_;
  std::string key_;
  std::int64_t number_ = 0;
  std::uint64_t head_ = 0;
};

// 12 MiB and a saw tooth, as the applications have it: a leak of 1 KiB at every look is seen, a large frame is not.
TEST(SoakSpansTest, ALeakRaisesTheLeastAndALargeFrameDoesNot) {
  const auto spans_with = [](std::size_t leak, std::size_t frame, std::size_t once = 0) {
    Spans spans;
    for (std::size_t i = 0; i < 2'000; ++i) {
      spans.Add(static_cast<double>(i) / 2'000,
                12'288 + i % 10 * 50 + i * leak + (i == 1'500 ? frame : 0) + (i >= 300 ? once : 0));
    }
    return spans;
  };
  EXPECT_TRUE(spans_with(0, 0).HasLeastWithin(105));
  EXPECT_TRUE(spans_with(0, 1'400).HasLeastWithin(105));
  EXPECT_FALSE(spans_with(0, 1'400).HasMostWithin(105)) << "which is why the least is compared";
  EXPECT_FALSE(spans_with(1, 0).HasLeastWithin(105));
  EXPECT_TRUE(spans_with(0, 1'400, 2'700).HasLeastWithin(105)) << "what was taken once is no leak";
  EXPECT_FALSE(spans_with(1, 1'400, 2'700).HasLeastWithin(105));
  EXPECT_FALSE(Spans().HasLeastWithin(105)) << "nobody looked";
}

TEST_F(SoakTest, RevisionsNeverGoBackAndMemoryHasALevel) {
  ASSERT_NO_FATAL_FAILURE(Change());
  std::vector<std::unique_ptr<Application>> applications;
  for (int i = 0; i < kApplications; ++i) applications.push_back(std::make_unique<Application>(front_.url(), key_));
  for (auto& application : applications) ASSERT_TRUE(application->client().WaitReady(testing::kPatience));

  // With restarts, every other one a kill -9.
  const auto restarts_end = Clock::now() + Duration() * 2 / 5;
  int restarts = 0;
  for (; Clock::now() < restarts_end && !HasFailure(); ++restarts) {
    for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(Change());
    front_.Forward(0);
    if (restarts % 2 == 0) {
      EXPECT_EQ(server_.Stop(), 0);
    } else {
      server_.Kill();
    }
    server_.Start();
    front_.Forward(server_.port());
    ASSERT_NO_FATAL_FAILURE(Change());
    ExpectAllArrive(applications);
  }

  // The store keeps what was written last in memory, up to a bound, and starts anew when that is reached; large changes
  // let it come round several times in either span.
  for (int i = 0; i < Duration().count() / 2; ++i) ASSERT_NO_FATAL_FAILURE(WriteLarge(i));

  const auto begin = Clock::now();
  const auto end = begin + Duration() * 3 / 5, warm = begin + Duration() * 3 / 25;
  const pid_t pid = server_.process().pid();
  Spans of_server, of_applications;
  const std::uint64_t first = head_;
  for (std::int64_t i = 0; Clock::now() < end && !HasFailure(); ++i) {
    ASSERT_NO_FATAL_FAILURE(Change());
    if (i % 10 == 0) {
      ASSERT_NO_FATAL_FAILURE(WriteLarge(i / 10));
    }
    const auto now = Clock::now();
    if (now >= warm) {
      const double at = std::chrono::duration<double>(now - warm) / std::chrono::duration<double>(end - warm);
      of_server.Add(at, ResidentKiB(pid));
      of_applications.Add(at, ResidentKiB(getpid()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ExpectAllArrive(applications);
  std::uint64_t reads = 0;
  for (const auto& application : applications) reads += application->reads();
  std::cout << restarts << " restarts, then " << head_ - first << " changes; " << reads << " pinned reads; server "
            << of_server << "; applications " << of_applications << "\n";
  const std::size_t percent = Duration() >= std::chrono::minutes(1) ? 105 : 125;
  EXPECT_TRUE(of_server.HasMostWithin(percent)) << of_server;
  EXPECT_TRUE(of_applications.HasLeastWithin(percent)) << of_applications;
  EXPECT_GE(restarts, 1);
}

}  // namespace
}  // namespace guidon
