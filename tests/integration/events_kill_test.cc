// kill -9 of guidond, again and again, while applications send events. Afterwards the journal holds every event that
// was acknowledged exactly once, and no event twice; and who followed the journal by its numbers saw the same, in the
// same order. GUIDON_EVENTS_KILLS says how often (20), GUIDON_EVENTS_KILL_SEED with which seed.
//
// Events are numbered. A sender repeats what was not answered with the same batch id until it is; some it sends again
// although they were.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
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
using testing::HttpCall;
using testing::Pause;

constexpr int kSenders = 4;
constexpr const char* kJournal = "/api/v1/projects/shop/environments/production/events";

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What everyone shares. `faults` are broken promises, in words.
struct Scene {
  Guidond server;
  Forwarder front;
  std::string sdk_key;
  std::atomic<bool> stopping{false};
  std::atomic<int> acknowledged_batches{0}, duplicates{0};

  std::mutex mutex;
  std::vector<std::string> acknowledged;  // events
  std::vector<std::string> faults;

  void Blame(const std::string& fault) {
    const std::lock_guard<std::mutex> lock(mutex);
    faults.push_back(fault);
  }
  bool IsFaulty() {
    const std::lock_guard<std::mutex> lock(mutex);
    return !faults.empty();
  }
};

// Sends batches of numbered events, "s2-17", one after another.
class Sender {
 public:
  Sender(Scene& scene, int number, unsigned seed)
      : scene_(scene), number_(number), random_(seed), thread_([this] { Run(); }) {}
  // Stopped before, or the test was left by an exception, and nobody may answer any more.
  ~Sender() {
    if (!scene_.stopping.exchange(true)) scene_.Blame("the test ended early");
    thread_.join();
  }

 private:
  void Run() {
    for (int batch = 0; !scene_.stopping; ++batch) {
      std::vector<std::string> events;
      std::string list;
      for (unsigned more = random_() % 20 + 1; more > 0; --more) {
        events.push_back("s" + std::to_string(number_) + "-" + std::to_string(next_++));
        list += (list.empty() ? "" : ",") + (R"({"type":"track","time":)" + std::to_string(NowMs()) + R"(,"event":")" +
                                             events.back() + R"(","context":{"key":"u"}})");
      }
      const std::string id = "batch-of-sender-" + std::to_string(number_) + "-" + std::to_string(batch);
      const std::string body = R"({"batch":")" + id + R"(","events":[)" + list + "]}";
      while (!Send(body, events.size())) {
        if (scene_.IsFaulty()) return;
        Pause();
      }
      {
        const std::lock_guard<std::mutex> lock(scene_.mutex);
        scene_.acknowledged.insert(scene_.acknowledged.end(), events.begin(), events.end());
      }
      ++scene_.acknowledged_batches;
      if (random_() % 4 == 0) Send(body, events.size());  // as if the answer had been lost
    }
  }

  // False when there was no answer, or one that asks to come again.
  bool Send(const std::string& body, std::size_t events) {
    const HttpAnswer answer =
        HttpCall(scene_.front.port(), "POST", "/sdk/v1/events", {.key = scene_.sdk_key, .body = body});
    if (answer.status == 0 || !answer.fault.empty() || answer.status == 503) return false;
    const std::string accepted = R"({"accepted":)" + std::to_string(events) + R"(,"rejected":[],"duplicate":)";
    if (answer.status != 202 || !answer.body.starts_with(accepted)) {
      scene_.Blame("a batch was refused: " + std::to_string(answer.status) + " " + answer.body);
      return false;
    }
    if (answer.body == accepted + "true}") ++scene_.duplicates;
    return true;
  }

  Scene& scene_;
  const int number_;
  std::mt19937 random_;
  int next_ = 0;
  std::thread thread_;
};

// Reads the journal from a number on, to its end or until nobody answers. The lines, one after another.
class Follower {
 public:
  explicit Follower(Scene& scene) : scene_(scene) {}

  // True at the end of the journal.
  bool Follow(std::uint16_t port) {
    for (;;) {
      const std::string path = std::string(kJournal) + "?limit=50&after=" + after_;
      HttpAnswer page;
      try {
        page = HttpCall(port, "GET", path, {.key = scene_.server.admin_key()});
      } catch (const std::exception&) {
        return false;  // nobody listens
      }
      if (page.status == 0 || !page.fault.empty() || page.status == 503) return false;
      if (page.status != 200) {
        scene_.Blame("the journal cannot be read: " + std::to_string(page.status) + " " + page.body);
        return false;
      }
      lines_ += page.body;
      after_ = page.Header("Guidon-After");
      if (page.Header("Guidon-More") != "true") return true;
    }
  }
  const std::string& lines() const { return lines_; }

 private:
  Scene& scene_;
  std::string after_ = "0";
  std::string lines_;
};

// How often each event is in the journal.
std::map<std::string, int> CountEvents(const std::string& lines) {
  std::map<std::string, int> counts;
  std::int64_t last = 0;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = lines.find('\n', begin);
    const Result<Value> entry = ParseJson(std::string_view(lines).substr(begin, end - begin));
    begin = end + 1;
    if (!entry) {
      ADD_FAILURE() << entry.error().message;
      return counts;
    }
    EXPECT_GT(entry->Find("sequence")->AsInt(), last) << "numbers grow";
    last = entry->Find("sequence")->AsInt();
    for (const Value& event : entry->Find("events")->AsArray()) ++counts[event.Find("event")->AsString()];
  }
  return counts;
}

// Promise R1.
TEST(EventsKillTest, EveryAcknowledgedEventIsInTheJournalExactlyOnce) {
  const int kills = FromEnvironment("GUIDON_EVENTS_KILLS", 20);
  const int seed = FromEnvironment("GUIDON_EVENTS_KILL_SEED", 20271125);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << ", " << kills << " kills\n";
  std::mt19937 random(static_cast<unsigned>(seed));
  Scene scene;
  ASSERT_EQ(
      scene.server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"})
          .status,
      201);
  scene.sdk_key = scene.server.CreateSdkKey("shop", "production");
  scene.front.Forward(scene.server.port());
  Follower follower(scene);
  {
    std::vector<std::unique_ptr<Sender>> senders;
    for (int i = 0; i < kSenders; ++i) {
      senders.push_back(std::make_unique<Sender>(scene, i, static_cast<unsigned>(seed + i)));
    }
    for (int kill = 0; kill < kills && !scene.IsFaulty(); ++kill) {
      // After some batches of this life, at any moment within the next.
      const int wanted = scene.acknowledged_batches + 1 + static_cast<int>(random() % 12);
      EXPECT_TRUE(Eventually([&] { return scene.acknowledged_batches >= wanted || scene.IsFaulty(); }))
          << "no batch is answered; " << scene.server.Log();
      if (random() % 2 == 0) follower.Follow(scene.server.port());
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
      scene.front.Forward(0);
      scene.server.Kill();
      scene.server.Start();
      scene.front.Forward(scene.server.port());
    }
    scene.stopping = true;
  }
  EXPECT_TRUE(scene.faults.empty()) << scene.faults.front();
  EXPECT_GT(scene.duplicates, 0) << "no batch was sent twice: the test shows less than it says";

  ASSERT_TRUE(follower.Follow(scene.server.port()));
  const std::map<std::string, int> counts = CountEvents(follower.lines());
  for (const std::string& event : scene.acknowledged) {
    const auto found = counts.find(event);
    EXPECT_TRUE(found != counts.end()) << "an acknowledged event is gone: " << event;
  }
  for (const auto& [event, count] : counts) EXPECT_EQ(count, 1) << event;
  EXPECT_EQ(counts.size(), scene.acknowledged.size()) << "every sender got its answer in the end";

  scene.server.Kill();
  scene.server.Start();
  Follower anew(scene);
  ASSERT_TRUE(anew.Follow(scene.server.port()));
  EXPECT_TRUE(anew.lines() == follower.lines()) << "read from the beginning it is another journal";
}

}  // namespace
}  // namespace guidon
