// kill -9 of guidond, again and again, in the middle of batches, while applications track and read: in the end the
// journal holds every event that was acknowledged once, though clients sent again what was not answered.
// GUIDON_EVENTS_KILLS says how often (20), GUIDON_EVENTS_KILL_SEED with which seed.
#include <gtest/gtest.h>
#include <guidon/client.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "core/base/json.h"
#include "tests/support/events.h"
#include "tests/support/forwarder.h"
#include "tests/support/guidond.h"

namespace guidon {
namespace {

using testing::Eventually;
using testing::Forwarder;
using testing::FromEnvironment;
using testing::Guidond;
using testing::HttpAnswer;

constexpr int kApplications = 2;
constexpr int kThreads = 2;  // of each

// What applications did, and what the journal says.
struct Facts {
  std::map<std::int64_t, int> tracked;  // how often each number is there
  std::set<std::string> units;
  std::int64_t reads = 0;
  std::size_t batches = 0;
};

std::string TextOf(const Value& event, std::string_view name) {
  const Value* value = event.Find(name);
  return value == nullptr ? "" : value->AsString();
}

void AddEvents(const Value& entry, Facts& facts) {
  ++facts.batches;
  for (const Value& event : entry.Find("events")->AsArray()) {
    const std::string type = TextOf(event, "type");
    if (type == "track") ++facts.tracked[event.Find("attributes")->Find("n")->AsInt()];
    if (type == "exposure") facts.units.insert(TextOf(event, "unit"));
    facts.reads += testing::ReadsCountedBy(event);
  }
}

Facts ReadJournal(const Guidond& server) {
  Facts facts;
  std::set<std::string> ids;
  for (const Value& entry : server.Journal("shop", "production")) {
    EXPECT_TRUE(ids.insert(TextOf(entry, "batch")).second) << "a batch is there twice";
    AddEvents(entry, facts);
  }
  return facts;
}

// Tracks numbers that nobody else does and reads a flag with an experiment, until it is stopped.
class Application {
 public:
  Application(const std::string& url, const std::string& key, int number) : number_(number), client_(Config(url, key)) {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~Application() { Stop(); }

  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  Client& client() { return client_; }
  std::int64_t done() const { return done_; }
  // {number of the application, thread, step} as one number.
  static std::int64_t NumberOf(int application, int thread, std::int64_t step) {
    return (application * kThreads + thread) * std::int64_t{1'000'000} + step;
  }
  std::vector<std::int64_t> steps() const { return {steps_, steps_ + kThreads}; }

 private:
  static ClientConfig Config(const std::string& url, const std::string& key) {
    ClientConfig config;
    config.server = url;
    config.key = key;
    config.application = "shop";
    config.application_version = "1";
    config.backoff_first = std::chrono::milliseconds(5);
    config.backoff_most = std::chrono::milliseconds(50);
    config.failures_before_polling = 1'000'000;
    config.flush_interval = std::chrono::milliseconds(10);
    config.status_interval = config.status_delay = std::chrono::milliseconds(50);
    config.max_queued_events = 1'000'000;
    config.max_queued_bytes = 256u << 20;
    return config;
  }
  void Run(int thread) {
    std::int64_t step = 0;
    for (; !stopping_; ++step) {
      Context user("user-" + std::to_string(step % 500));
      user.Set("account_id", "acct-" + std::to_string(step % 500));
      client_.Track("step", user, {{"n", NumberOf(number_, thread, step)}});
      client_.Bool("layout", user, false);
      ++done_;
      if (step % 4 == 3) testing::Pause();
    }
    steps_[thread] = step;
  }

  const int number_;
  Client client_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> done_{0};
  std::int64_t steps_[kThreads] = {};
  std::vector<std::thread> threads_;
};

std::uint64_t BatchesOf(const std::vector<std::unique_ptr<Application>>& applications) {
  std::uint64_t batches = 0;
  for (const auto& application : applications) batches += application->client().Status().events.batches;
  return batches;
}

// Promise R9.
TEST(EventsKillTest, EveryEventIsInTheJournalOnceWhateverBecomesOfTheServer) {
  const int kills = FromEnvironment("GUIDON_EVENTS_KILLS", 20);
  const int seed = FromEnvironment("GUIDON_EVENTS_KILL_SEED", 20270312);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << ", " << kills << " kills\n";
  std::mt19937 random(static_cast<unsigned>(seed));
  Guidond server;
  Forwarder front;
  ASSERT_EQ(
      server.Call("POST", "/api/v1/projects", {.body = R"({"project": "shop", "environments": {"production": {}}})"})
          .status,
      201);
  const HttpAnswer changed = server.Call("POST", "/api/v1/projects/shop/changes", {.body = R"({"changes": [
      {"kind": "flag", "key": "layout", "definition": {"flag": "layout", "type": "boolean", "owner": "tests",
       "environments": {"production": {"enabled": true, "default": "off"}}}},
      {"kind": "experiment", "key": "trial", "definition": {"experiment": "trial", "owner": "tests", "flag": "layout",
       "environment": "production", "unit": "account_id", "state": "running",
       "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}}}]})"});
  ASSERT_EQ(changed.status, 200) << changed.body;
  const std::string key = server.CreateSdkKey("shop", "production");
  front.Forward(server.port());

  std::vector<std::unique_ptr<Application>> applications;
  for (int i = 0; i < kApplications; ++i) {
    applications.push_back(std::make_unique<Application>(front.url(), key, i));
    ASSERT_TRUE(applications.back()->client().WaitReady(testing::kPatience));
  }
  for (int kill = 0; kill < kills && !HasFailure(); ++kill) {
    // After some batches of this life, at any moment within the next.
    const std::uint64_t wanted = BatchesOf(applications) + 1 + random() % 5;
    ASSERT_TRUE(Eventually([&] { return BatchesOf(applications) >= wanted; })) << server.Log();
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    if (random() % 2 == 0) front.Forward(0);  // or the next ones are refused by nobody
    server.Kill();
    server.Start();
    front.Forward(server.port());
  }
  std::int64_t reads = 0;
  for (auto& application : applications) {
    application->Stop();
    EXPECT_TRUE(application->client().Flush(testing::kPatience)) << application->client().Status().events.last_error;
    EXPECT_EQ(application->client().Status().events.dropped.track, 0u);
    EXPECT_EQ(application->client().Status().events.dropped.batches, 0u);
    EXPECT_EQ(application->client().Status().events.dropped.rejected, 0u);
    reads += application->done();
  }
  const Facts facts = ReadJournal(server);
  std::cout << facts.tracked.size() << " events in " << facts.batches << " batches\n";
  std::int64_t missing = 0, several = 0, tracked = 0;
  for (int i = 0; i < kApplications; ++i) {
    for (int thread = 0; thread < kThreads; ++thread) {
      const std::int64_t steps = applications[static_cast<std::size_t>(i)]->steps()[static_cast<std::size_t>(thread)];
      tracked += steps;
      for (std::int64_t step = 0; step < steps; ++step) {
        const auto found = facts.tracked.find(Application::NumberOf(i, thread, step));
        missing += found == facts.tracked.end() ? 1 : 0;
        several += found != facts.tracked.end() && found->second > 1 ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(missing, 0);
  EXPECT_EQ(several, 0);
  EXPECT_EQ(facts.tracked.size(), static_cast<std::size_t>(tracked)) << "and nothing else";
  EXPECT_EQ(facts.reads, reads) << "every read is counted once";
  EXPECT_EQ(facts.units.size(), 500u);

  // Both processes said what they hold.
  EXPECT_TRUE(Eventually([&] {
    const HttpAnswer answer = server.Call("GET", "/api/v1/projects/shop/environments/production/processes");
    const Result<Value> body = ParseJson(answer.body);
    return body && body->Find("at_least") != nullptr && body->Find("at_least")->AsInt() == kApplications;
  }));
}

}  // namespace
}  // namespace guidon
