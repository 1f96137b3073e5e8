// One SDK client with eight reading threads, beside a guidond that is killed and started again every five seconds, and
// flags that change twenty times a second, for a while: GUIDON_SDK_SOAK_SECONDS says how long (60),
// GUIDON_SDK_SOAK_SEED with which seed. It is the work of that time that is asked for, half of the commits at least: a
// machine that is busy otherwise gets longer for it.
//
// Commits are numbered, and each sets several flags to its number, two of them so that only an evaluation within one
// revision finds it: their rules ask another flag and a segment that change with every commit, too. So each value that
// is read says of which commit it is; which revision that was the server says in its answer, and a read must have said
// the same. Who was not answered asks again with the same Idempotency-Key until it is: no commit is left in doubt.
//
// In the end every read is counted once in the server's journal, and the process holds no more memory than in the
// second fifth of the work. What it holds is counted, and not what it has from the system: how high events pile up
// while nobody takes them is a matter of the machine, and an allocator does not give all of that back.
#include <gtest/gtest.h>
#include <guidon/client.h>

#include <malloc.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "core/base/json.h"
#include "tests/support/events.h"
#include "tests/support/guidond.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::Eventually;
using testing::FromEnvironment;
using testing::Guidond;
using testing::HttpAnswer;
using testing::HttpCall;
using testing::Pause;
using testing::ResidentKiB;
using Clock = std::chrono::steady_clock;

constexpr int kThreads = 8;
constexpr int kReadsBetweenPauses = 50;
constexpr int kSlowFlags = 50;  // each commit sets one of them
constexpr int kUsers = 500;
constexpr auto kBetweenCommits = 50ms;
constexpr auto kMostBehind = 2s;  // what a kill held up is made up for
constexpr auto kBetweenKills = 5s;

// ---- What a commit is ------------------------------------------------------------------------------------------

std::string SlowFlag(std::int64_t number) {
  return "slow-" + std::to_string(number % kSlowFlags);
}

// What SlowFlag(at) serves once commit `number` is there; 0: nothing yet.
std::int64_t SlowNumber(std::int64_t number, std::int64_t at) {
  const std::int64_t behind = (number - at % kSlowFlags + kSlowFlags) % kSlowFlags;
  return number - behind > 0 ? number - behind : 0;
}

std::string Change(const std::string& kind, const std::string& key, const std::string& definition) {
  return R"({"kind": ")" + kind + R"(", "key": ")" + key + R"(", "definition": {")" + kind + R"(": ")" + key +
         R"(", "owner": "tests", )" + definition + "}}";
}
std::string NumberFlag(const std::string& key, std::int64_t number) {
  return Change("flag", key,
                R"("type": "number", "variations": {"it": )" + std::to_string(number) +
                    R"(}, "environments": {"production": {"enabled": true, "default": "it"}})");
}
// Serves `number` if `condition` is as true as the number is even, and otherwise -1.
std::string AskingFlag(const std::string& key, std::int64_t number, const std::string& condition) {
  const bool is_even = number % 2 == 0;
  return Change("flag", key,
                R"("type": "number", "variations": {"right": )" + std::to_string(number) +
                    R"(, "wrong": -1}, "environments": {"production": {"enabled": true, "rules": [{"when": {)" +
                    condition + R"(}, "serve": ")" + (is_even ? "right" : "wrong") + R"("}], "default": ")" +
                    (is_even ? "wrong" : "right") + R"("}})");
}

std::string CommitOf(std::int64_t number) {
  const bool is_even = number % 2 == 0;
  return R"({"changes": [)" + NumberFlag("number", number) + "," + NumberFlag(SlowFlag(number), number) + "," +
         Change("flag", "even",
                std::string(R"("type": "boolean", "environments": {"production": {"enabled": true, "default": ")") +
                    (is_even ? "on" : "off") + R"("}})") +
         "," + Change("segment", "chosen", std::string(R"("when": {"plan": ")") + (is_even ? "gold" : "none") + "\"}") +
         "," + AskingFlag("by-flag", number, R"("flag": {"even": "on"})") + "," +
         AskingFlag("by-segment", number, R"("segment": "chosen")") + "]}";
}

constexpr const char* kExperiment = R"({"changes": [
    {"kind": "flag", "key": "layout", "definition": {"flag": "layout", "type": "boolean", "owner": "tests",
     "environments": {"production": {"enabled": true, "default": "off"}}}},
    {"kind": "experiment", "key": "trial", "definition": {"experiment": "trial", "owner": "tests", "flag": "layout",
     "environment": "production", "unit": "account_id", "state": "running",
     "variants": {"control": {"serves": "off", "weight": "50%"}, "new": {"serves": "on", "weight": "50%"}}}}]})";

// ---- Who takes part --------------------------------------------------------------------------------------------

// What of the heap is in use, in all arenas, mapped blocks included.
std::size_t HeldKiB() {
  const struct mallinfo2 info = mallinfo2();
  return (info.uordblks + info.hblkhd) / 1024;
}

// What everyone shares. `faults` are broken promises, in words.
class Scene {
 public:
  // All memory that the length of the test asks for is taken here, and touched.
  explicit Scene(std::size_t revisions) : served_(revisions), committed_(revisions) {}

  std::atomic<bool> stopping{false};
  std::atomic<std::int64_t> begun{0};  // the number of the last commit that was asked for

  // A read of commit `number` said that it is of that revision.
  void Serve(std::uint64_t revision, std::int64_t number) { Note(served_, revision, number, "reads"); }
  // The server said so.
  void Commit(std::uint64_t revision, std::int64_t number) { Note(committed_, revision, number, "commits"); }

  // Of each revision that was read, whether the server has made that commit of it.
  std::size_t CountRevisionsRead() {
    std::size_t count = 0;
    for (std::size_t revision = 0; revision < served_.size(); ++revision) {
      if (served_[revision] == 0) continue;
      ++count;
      EXPECT_EQ(served_[revision], committed_[revision]) << "at revision " << revision;
    }
    return count;
  }

  void Blame(const std::string& fault) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (faults_.size() < 20) faults_.push_back(fault);
    is_faulty_ = true;
  }
  bool IsFaulty() const { return is_faulty_; }
  std::vector<std::string> faults() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return faults_;
  }

 private:
  using Numbers = std::vector<std::atomic<std::int64_t>>;  // by revision; 0: nothing

  void Note(Numbers& numbers, std::uint64_t revision, std::int64_t number, const char* what) {
    if (revision >= numbers.size()) return Blame("there is no revision " + std::to_string(revision));
    std::int64_t known = 0;
    if (numbers[revision].compare_exchange_strong(known, number) || known == number) return;
    Blame(std::string(what) + " of revision " + std::to_string(revision) + " are of number " + std::to_string(known) +
          " and of " + std::to_string(number));
  }

  Numbers served_, committed_;
  std::atomic<bool> is_faulty_{false};
  std::mutex mutex_;
  std::vector<std::string> faults_;
};

// Makes commits, one after another, each until it is answered.
class Writer {
 public:
  Writer(Scene& scene, std::uint16_t port, std::string key)
      : scene_(scene), port_(port), key_(std::move(key)), thread_([this] { Run(); }) {}
  ~Writer() { Stop(); }

  // Without a fault, the last commit that was begun is there afterwards.
  void Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint64_t head() const { return head_; }

 private:
  void Run() {
    auto next = Clock::now();
    for (std::int64_t number = 1; !stopping_ && !scene_.IsFaulty(); ++number) {
      scene_.begun = number;
      std::uint64_t revision = 0;
      while ((revision = TryToCommit(number)) == 0 && !scene_.IsFaulty()) Pause();
      if (revision == 0) return;
      scene_.Commit(revision, number);
      head_ = revision;
      next = std::max(next + kBetweenCommits, Clock::now() - kMostBehind);
      std::this_thread::sleep_until(next);
    }
  }

  // 0: no answer, or one that asks to come again.
  std::uint64_t TryToCommit(std::int64_t number) {
    HttpAnswer answer;
    try {
      answer = HttpCall(port_, "POST", "/api/v1/projects/shop/changes",
                        {.key = key_,
                         .body = CommitOf(number),
                         .headers = {{"Idempotency-Key", "commit-" + std::to_string(number)}}});
    } catch (const std::exception&) {
      return 0;  // nobody listens
    }
    if (answer.status == 0 || !answer.fault.empty() || answer.status == 503) return 0;
    const Result<Value> body = ParseJson(answer.body);
    const Value* revision = body ? body->Find("revision") : nullptr;
    if (answer.status == 200 && revision != nullptr) return static_cast<std::uint64_t>(revision->AsInt());
    scene_.Blame("a commit was refused: " + std::to_string(answer.status) + " " + answer.body);
    return 0;
  }

  Scene& scene_;
  const std::uint16_t port_;
  const std::string key_;
  std::atomic<std::uint64_t> head_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// A thread of the application: reads in every way there is, and remembers the newest of what it saw.
class Reader {
 public:
  Reader(Scene& scene, const Client& client, int name, unsigned seed)
      : scene_(scene),
        client_(client),
        name_(name),
        random_(seed),
        number_(client, "number", -1),
        by_flag_(client, "by-flag", -1),
        thread_([this] { Run(); }) {}
  ~Reader() { Stop(); }

  void Stop() {
    if (thread_.joinable()) thread_.join();
  }
  // Afterwards.
  std::int64_t reads() const { return reads_; }
  std::int64_t tracked() const { return tracked_; }

 private:
  void Run() {
    for (; !scene_.stopping && !scene_.IsFaulty(); Pause()) {
      for (int i = 0; i < kReadsBetweenPauses; ++i) Read();
      if (random_() % 10 == 0) Track();
    }
  }

  static Context UserOf(std::int64_t number) {
    const std::string name = std::to_string(number % kUsers);
    Context user("user-" + name);
    user.Set("account_id", "acct-" + name).Set("plan", "gold");
    return user;
  }

  void Read() {
    const Context user = UserOf(static_cast<std::int64_t>(random_() % kUsers));
    switch (random_() % 6) {
      case 0:
        return LookAt(Counted(client_.Int("number", user, -1)));
      case 1:
        return LookAt(Counted(client_.Int("by-segment", user, -1)));
      case 2:
        return LookAt(Counted(number_(user)));
      case 3:
        return LookAtDetail(Counted(client_.IntDetail("by-flag", user, -1)));
      case 4:
        return LookAtDetail(Counted(by_flag_.Detail(user)));
      default:
        return ReadPinned(user);
    }
  }

  // The whole of a commit, and nothing else, however many come meanwhile.
  void ReadPinned(const Context& user) {
    const Pin pin = client_.Pin();
    const std::int64_t number = Counted(pin.Int("number", user, -1));
    if (random_() % 100 == 0) Pause();
    LookAt(number);
    LookAtRevision(pin.revision(), number);
    const bool is_even = Counted(pin.Bool("even", user, number % 2 != 0));
    if (is_even != (number % 2 == 0)) Blame("even", number, is_even);
    if (const std::int64_t it = Counted(by_flag_(user, pin)); it != number) Blame("by-flag", number, it);
    if (const std::int64_t it = Counted(pin.Int("by-segment", user, -1)); it != number) Blame("by-segment", number, it);
    const auto at = static_cast<std::int64_t>(random_() % kSlowFlags);
    const EvaluationDetail<std::int64_t> slow = Counted(pin.IntDetail(SlowFlag(at), user, 0));
    if (slow.value != SlowNumber(number, at)) Blame(SlowFlag(at), number, slow.value);
    if (slow.revision != pin.revision()) scene_.Blame("a pinned read is of revision " + std::to_string(slow.revision));
    const EvaluationDetail<bool> layout = Counted(pin.BoolDetail("layout", user, false));
    if (layout.experiment != "trial") scene_.Blame("a unit is not in the experiment: " + layout.message);
    if (pin.Peek().Int("number", user, -1) != number) scene_.Blame("Peek looks elsewhere");
  }

  void Track() {
    client_.Track("page", UserOf(tracked_), {{"n", name_ * std::int64_t{1'000'000} + tracked_}});
    ++tracked_;
  }

  template <typename T>
  T Counted(T answer) {
    ++reads_;
    return answer;
  }

  void LookAt(std::int64_t number) {
    if (number < newest_number_ || number > scene_.begun) Blame("a flag", newest_number_, number);
    newest_number_ = number;
  }
  void LookAtDetail(const EvaluationDetail<std::int64_t>& detail) {
    if (detail.error != EvaluationError::kNone) scene_.Blame("a read failed: " + detail.message);
    LookAt(detail.value);
    LookAtRevision(detail.revision, detail.value);
  }
  void LookAtRevision(std::uint64_t revision, std::int64_t number) {
    if (revision < newest_revision_) {
      scene_.Blame("went back from revision " + std::to_string(newest_revision_) + " to " + std::to_string(revision));
    }
    newest_revision_ = revision;
    scene_.Serve(revision, number);
  }
  void Blame(const std::string& flag, std::int64_t number, std::int64_t answer) {
    scene_.Blame(flag + " serves " + std::to_string(answer) + " at commit " + std::to_string(number));
  }

  Scene& scene_;
  const Client& client_;
  const int name_;
  std::mt19937 random_;
  const Flag<std::int64_t> number_, by_flag_;
  std::int64_t newest_number_ = 1;  // the test begins with it
  std::uint64_t newest_revision_ = 0;
  std::int64_t reads_ = 0, tracked_ = 0;
  std::thread thread_;
};

// ---- What the server was told ----------------------------------------------------------------------------------

struct Journal {
  std::int64_t reads = 0;
  std::size_t tracked = 0;
  std::set<std::int64_t> numbers;  // of what was tracked
  std::set<std::string> units;
};

void AddEvent(const Value& event, Journal& journal) {
  const std::string type = event.Find("type")->AsString();
  if (type == "exposure") journal.units.insert(event.Find("unit")->AsString());
  if (type == "track") {
    ++journal.tracked;
    journal.numbers.insert(event.Find("attributes")->Find("n")->AsInt());
  }
  journal.reads += testing::ReadsCountedBy(event);
}

Journal ReadJournal(const Guidond& server) {
  Journal journal;
  for (const Value& entry : server.Journal("shop", "production")) {
    for (const Value& event : entry.Find("events")->AsArray()) AddEvent(event, journal);
  }
  return journal;
}

// ---- The test --------------------------------------------------------------------------------------------------

ClientConfig ConfigFor(const Guidond& server, const std::string& key) {
  ClientConfig config;
  config.server = server.url();
  config.key = key;
  config.backoff_most = 1s;  // every life of the server is to be met
  config.flush_interval = 1s;
  config.max_queued_events = 1'000'000;  // nothing is dropped while it is gone
  config.max_queued_bytes = 256u << 20;
  return config;
}

// Promise R4, R6.
TEST(SdkSoakTest, ReadsAreOfCommittedRevisionsAndCountedAndMemoryStays) {
  const std::chrono::seconds length(FromEnvironment("GUIDON_SDK_SOAK_SECONDS", 60));
  const std::chrono::seconds longest = 3 * length;
  // Half as often as they could be: what starting takes, kills are late, and commits wait for it.
  const std::int64_t commits_wanted = length / kBetweenCommits / 2;
  const auto kills_wanted = (length - 2s) / (kBetweenKills + 1s) - 1;
  const int seed = FromEnvironment("GUIDON_SDK_SOAK_SEED", 20271219);
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::cout << "seed " << seed << ", " << length.count() << " s\n";
  std::mt19937 random(static_cast<unsigned>(seed));

  Guidond server({.listen = "127.0.0.1:" + std::to_string(testing::FixedPort())});
  const HttpAnswer project =
      server.Call("POST", "/api/v1/projects", {.body = R"({"project": "shop", "environments": {"production": {}}})"});
  ASSERT_EQ(project.status, 201) << project.body;
  ASSERT_EQ(server.Call("POST", "/api/v1/projects/shop/changes", {.body = kExperiment}).status, 200);
  const std::string key = server.CreateSdkKey("shop", "production");
  Scene scene(static_cast<std::size_t>(longest / kBetweenCommits) + 1000);
  Writer writer(scene, server.port(), server.admin_key());
  ASSERT_TRUE(Eventually([&] { return writer.head() != 0 || scene.IsFaulty(); }));

  Client client(ConfigFor(server, key));
  ASSERT_TRUE(client.WaitReady(testing::kPatience));
  const std::string epoch = client.Status().epoch;
  std::atomic<std::uint64_t> told{0};
  const Subscription changes = client.OnChange([&](const RulesetChange& change) {
    if (change.revision <= told) scene.Blame("OnChange goes back to revision " + std::to_string(change.revision));
    told = change.revision;
  });
  std::vector<std::unique_ptr<Reader>> readers;
  readers.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    readers.push_back(std::make_unique<Reader>(scene, client, i, static_cast<unsigned>(seed + i)));
  }

  const auto begin = Clock::now(), end = begin + length;
  // At any moment between two commits.
  const auto jitter = [&] { return std::chrono::microseconds(random() % 50'000); };
  auto next_kill = begin + kBetweenKills + jitter();
  std::size_t level = std::numeric_limits<std::size_t>::max();
  int kills = 0;
  const auto must_go_on = [&] {
    const bool is_done = Clock::now() >= end && scene.begun >= commits_wanted && kills >= kills_wanted;
    return !is_done && Clock::now() < begin + longest && !scene.IsFaulty();
  };
  for (std::uint64_t seen = 0; must_go_on(); Pause()) {
    const ClientStatus status = client.Status();
    if (status.revision < seen) scene.Blame("the status goes back to revision " + std::to_string(status.revision));
    if (status.epoch != epoch) scene.Blame("the epoch is another: " + status.epoch);
    seen = status.revision;
    const bool is_warm = Clock::now() >= begin + length / 5 && scene.begun >= commits_wanted / 5;
    const bool is_young = Clock::now() < begin + 2 * length / 5 || scene.begun < 2 * commits_wanted / 5;
    if (is_warm && is_young) level = std::min(level, HeldKiB());
    if (Clock::now() < next_kill) continue;
    server.Kill();
    server.Start();
    ++kills;
    next_kill += kBetweenKills + jitter();
  }

  writer.Stop();
  EXPECT_TRUE(Eventually([&] { return client.Status().revision >= writer.head() || scene.IsFaulty(); }))
      << "the client stays at " << client.Status().revision << " of " << writer.head();
  EXPECT_EQ(client.Int("number", Context("user-1"), -1), scene.begun);
  std::int64_t reads = 1, tracked = 0;
  scene.stopping = true;
  for (const auto& reader : readers) {
    reader->Stop();
    reads += reader->reads();
    tracked += reader->tracked();
  }
  for (const std::string& fault : scene.faults()) ADD_FAILURE() << fault;
  EXPECT_TRUE(client.Flush(testing::kPatience)) << client.Status().events.last_error;
  const std::size_t level_at_end = HeldKiB();
  const std::size_t revisions_read = scene.CountRevisionsRead();
  const ClientStatus status = client.Status();
  EXPECT_EQ(status.refused, 0u);
  EXPECT_EQ(status.events.dropped, DroppedEvents{});
  std::cout << kills << " kills, " << scene.begun << " commits, " << status.reconnects << " streams ended, "
            << status.snapshots << " whole rulesets, " << status.changes << " changes; " << reads << " reads of "
            << revisions_read << " revisions, " << tracked << " events; " << level << " → " << level_at_end
            << " KiB held, " << ResidentKiB(getpid()) << " KiB resident\n";
  EXPECT_GE(kills, kills_wanted) << "within three times its length";
  EXPECT_GE(scene.begun, commits_wanted) << "within three times its length";
  EXPECT_LE(level_at_end * 100, level * 105);

  const Journal journal = ReadJournal(server);
  EXPECT_EQ(journal.reads, reads) << "every read is counted once";
  EXPECT_EQ(journal.tracked, static_cast<std::size_t>(tracked));
  EXPECT_EQ(journal.numbers.size(), static_cast<std::size_t>(tracked)) << "every event is there once";
  EXPECT_EQ(journal.units.size(), static_cast<std::size_t>(kUsers));
}

}  // namespace
}  // namespace guidon
