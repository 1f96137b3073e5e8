// Thousands of streams on one guidond: each gets each change, the first as well as the last, and those who do not read
// cost the others nothing. GUIDON_STREAMS says how many (500). What an idle stream costs the server is printed.
//
// One thread and one epoll for all of them: what is measured is the server.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "tests/support/guidond.h"
#include "tests/support/sanitizer.h"
#include "tests/support/stream_client.h"

namespace guidon {
namespace {

using testing::FromEnvironment;
using testing::Guidond;
using testing::HttpAnswer;
using testing::ResidentKiB;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatienceForAll{120};
constexpr int kChanges = 10;
// How long those who were sent away stay away. A crowd that came sooner would spend the test on being refused.
constexpr std::chrono::milliseconds kLeastAway{100};
constexpr std::chrono::microseconds kAwayForEach{50};

// For this process and the servers that it starts.
void RaiseFileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// The most that a process ever had resident: 0 when there is none. No look in between can miss it.
std::size_t PeakResidentKiB(pid_t process) {
  constexpr std::string_view kName = "VmHWM:";
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kName)) return static_cast<std::size_t>(std::atoll(line.c_str() + kName.size()));
  }
  return 0;
}

// Streams of one key, all in one epoll.
class Crowd {
 public:
  Crowd(std::uint16_t port, std::string key)
      : port_(port), key_(std::move(key)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~Crowd() {
    for (const auto& member : members_) {
      if (member->socket >= 0) close(member->socket);
    }
    close(epoll_);
  }

  // Opens `count` more, a bounded number of them waiting for their first ruleset at a time. `receive_buffer`: in bytes,
  // 0 as the system has it. `meanwhile` is called again and again.
  void Join(
      int count, int receive_buffer = 0, std::size_t at_once = 200, const std::function<void()>& meanwhile = [] {}) {
    const std::size_t goal = members_.size() + static_cast<std::size_t>(count);
    while (members_.size() < goal && faults_.empty()) {
      while (members_.size() < goal && members_.size() - begun_ < at_once) {
        members_.push_back(std::make_unique<Member>());
        Open(*members_.back(), receive_buffer);
      }
      PumpUntil([&] {
        meanwhile();
        return members_.size() - begun_ < std::max<std::size_t>(1, at_once / 2) || !faults_.empty();
      });
    }
    PumpUntil([&] {
      meanwhile();
      return begun_ >= goal || !faults_.empty();
    });
  }

  // All go at once, without a word.
  void Leave() {
    for (const auto& member : members_) {
      if (member->socket >= 0) close(member->socket);
    }
    away_.clear();
    members_.clear();
    begun_ = 0;
  }

  // Reads for all until the condition holds; false when that takes too long.
  template <typename Condition>
  bool PumpUntil(Condition condition) {
    const auto deadline = Clock::now() + kPatienceForAll;
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      Pump();
    }
    return true;
  }
  bool PumpUntilAllHave(Revision revision) {
    std::size_t next = 0;
    return PumpUntil([&] {
      while (next < members_.size() && members_[next]->client.revision() >= revision) ++next;
      return next == members_.size() || !faults_.empty();
    });
  }

  // From now on they take what comes as fast as anyone.
  void Widen() {
    constexpr int kBytes = 1 << 20;
    for (const auto& member : members_) {
      if (member->socket >= 0) setsockopt(member->socket, SOL_SOCKET, SO_RCVBUF, &kBytes, sizeof kBytes);
    }
  }

  std::size_t size() const { return members_.size(); }
  std::size_t begun() const { return begun_; }  // that have their first ruleset
  std::size_t refused() const { return refused_; }
  std::size_t ended() const { return ended_; }  // streams that the server ended, and that were opened again
  const std::vector<std::string>& faults() const { return faults_; }
  const testing::StreamClient& client(std::size_t i) const { return members_[i]->client; }

 private:
  struct Member {
    int socket = -1;
    std::string head;  // of the answer, until it is whole
    bool in_body = false;
    bool has_begun = false;  // has its first ruleset
    testing::StreamClient client;
  };

  void Open(Member& member, int receive_buffer) {
    member.head.clear();
    member.in_body = false;
    member.client.Reconnect();
    member.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (member.socket < 0) return Blame("no socket");
    if (receive_buffer > 0) {
      setsockopt(member.socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
      // Of loopback's 64 KiB segments none would fit, and the sender would only probe, ever more seldom.
      const int segment = receive_buffer / 4;
      setsockopt(member.socket, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(member.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return Blame("the server takes no connection");
    }
    std::string request = "GET /sdk/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key_ + "\r\n";
    if (!member.client.LastEventId().empty()) request += "Last-Event-ID: " + member.client.LastEventId() + "\r\n";
    request += "\r\n";
    if (send(member.socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      return Blame("the server takes no request");
    }
    fcntl(member.socket, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &member;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, member.socket, &event);
  }

  void Pump() {
    epoll_event events[256];
    const int ready = epoll_wait(epoll_, events, 256, 20);
    for (int i = 0; i < ready; ++i) Read(*static_cast<Member*>(events[i].data.ptr));
    if (away_.empty() || Clock::now() < back_at_) return;
    for (Member* member : std::exchange(away_, {})) Open(*member, 0);
  }

  void Read(Member& member) {
    char bytes[16 << 10];
    const ssize_t size = recv(member.socket, bytes, sizeof bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      close(member.socket);
      member.socket = -1;
      // Before it has anything it may only be cut off in the middle, for being slow.
      if (!member.has_begun && !member.in_body) return Blame("a stream ended before it began: " + member.head);
      ++ended_;
      return Open(member, 0);  // goes on where it was
    }
    std::string_view body(bytes, static_cast<std::size_t>(size));
    if (!member.in_body) {
      member.head.append(body);
      const std::size_t end = member.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      // No slot is free, or a fleet of one key has spent its budget.
      if (member.head.starts_with("HTTP/1.1 503") || member.head.starts_with("HTTP/1.1 429")) {
        ++refused_;
        close(member.socket);
        member.socket = -1;
        if (away_.empty()) {
          back_at_ = Clock::now() + std::max<Clock::duration>(kLeastAway, members_.size() * kAwayForEach);
        }
        return away_.push_back(&member);
      }
      if (!member.head.starts_with("HTTP/1.1 200")) return Blame(member.head);
      member.in_body = true;
      member.head.erase(0, end + 4);
      if (const std::string fault = member.client.Feed(member.head); !fault.empty()) Blame(fault);
    } else if (const std::string fault = member.client.Feed(body); !fault.empty()) {
      Blame(fault);
    }
    if (!member.has_begun && member.client.revision() > 0) {
      member.has_begun = true;
      ++begun_;
    }
  }

  void Blame(const std::string& fault) { faults_.push_back(fault); }

  const std::uint16_t port_;
  const std::string key_;
  const int epoll_;
  std::vector<std::unique_ptr<Member>> members_;
  std::size_t begun_ = 0;
  std::size_t refused_ = 0;  // sent away
  std::size_t ended_ = 0;
  std::vector<Member*> away_;    // those; they come again all at once, whatever they were told
  Clock::time_point back_at_{};  // … then
  std::vector<std::string> faults_;
};

// Streams that the server ended because their client took nothing for too long. On a machine that has no time for this
// test those are clients of a test that did not come to read.
std::size_t CountStalled(const Guidond& server) {
  constexpr std::string_view kName = "\nguidon_streams_closed_total{reason=\"stalled\"} ";
  const std::string text = server.Call("GET", "/metrics").body;
  const std::size_t at = text.find(kName);
  if (at == std::string::npos) throw std::runtime_error("no such metric: " + std::string(kName.substr(1)));
  return static_cast<std::size_t>(std::atoll(text.c_str() + at + kName.size()));
}

// Sets the text of a project's only flag, and says the revision.
Revision Write(const Guidond& server, const std::string& project, const std::string& text) {
  const std::string body = R"({"flag": "it", "type": "string", "owner": "tests", "variations": {"it": ")" + text +
                           R"("}, "environments": {"production": {"enabled": true, "default": "it"}}})";
  const HttpAnswer answer = server.Call("PUT", "/api/v1/projects/" + project + "/flags/it", {.body = body});
  const Result<Value> value = ParseJson(answer.body);
  if (answer.status / 100 != 2 || !value) throw std::runtime_error("not written: " + answer.body + answer.fault);
  return static_cast<Revision>(value->Find("revision")->AsInt());
}

std::string MakeProject(const Guidond& server, const std::string& name) {
  const std::string body = R"({"project": ")" + name + R"(", "environments": {"production": {}}})";
  if (server.Call("POST", "/api/v1/projects", {.body = body}).status != 201) throw std::runtime_error("no project");
  return server.CreateSdkKey(name, "production");
}

// Promise R6.
TEST(StreamsTest, EachGetsEachChangeAndThoseWhoDoNotReadDisturbNobody) {
  RaiseFileLimit();
  const int count = FromEnvironment("GUIDON_STREAMS", 500);
  const int stalled_count = count / 20;
  constexpr std::size_t kLargeBytes = 300'000;  // more than the sockets of a stalled reader hold
  Guidond server;
  const std::string key = MakeProject(server, "crowd"), stalled_key = MakeProject(server, "stalled");
  Write(server, "crowd", "at first");
  Write(server, "stalled", "at first");

  const std::size_t alone = ResidentKiB(server.process().pid());
  const auto begin = Clock::now();
  Crowd crowd(server.port(), key);
  crowd.Join(count);
  for (const std::string& fault : crowd.faults()) FAIL() << fault;
  const std::size_t idle = ResidentKiB(server.process().pid());
  std::cout << count << " streams opened in "
            << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count() << " ms; each costs "
            << static_cast<double>(idle - std::min(alone, idle)) / count << " KiB of the server's memory\n";

  // They hold their first ruleset and from now on read nothing, until the others are through.
  Crowd stalled(server.port(), stalled_key);
  stalled.Join(stalled_count, 32 << 10);
  for (const std::string& fault : stalled.faults()) FAIL() << fault;

  std::chrono::milliseconds slowest{0};
  Revision large = 0, last = 0;
  for (int i = 0; i < kChanges; ++i) {
    if (i % 5 == 0) large = Write(server, "stalled", std::string(kLargeBytes, static_cast<char>('a' + i)));
    last = Write(server, "crowd", "change " + std::to_string(i));
    const auto written = Clock::now();
    ASSERT_TRUE(crowd.PumpUntilAllHave(last)) << "change " << i << " does not reach everyone";
    for (const std::string& fault : crowd.faults()) FAIL() << fault;
    slowest = std::max(slowest, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - written));
  }
  for (std::size_t i = 0; i < crowd.size(); ++i) {
    const testing::StreamClient& client = crowd.client(i);
    ASSERT_EQ(client.changes(), kChanges) << "stream " << i << " skipped some";
    ASSERT_EQ(client.snapshots(), 1);
    ASSERT_EQ(client.records(), crowd.client(0).records());
  }
  const std::size_t after = ResidentKiB(server.process().pid());
  std::cout << kChanges << " changes; the slowest reached all of them " << slowest.count() << " ms after its answer; "
            << stalled_count << " stalled readers; the server grew by " << (after - std::min(idle, after)) << " KiB\n";
  // Had the server kept for each what it does not take, it would be all of this.
  const std::size_t all_of_it = static_cast<std::size_t>(stalled_count) * (kChanges / 5) * kLargeBytes / 1024;
  EXPECT_LT(after, idle + 16'384 + all_of_it / 4);

  // Those who did not read come to the same end: on the same stream, or resumed on another.
  const auto resumed = Clock::now();
  stalled.Widen();
  ASSERT_TRUE(stalled.PumpUntilAllHave(large)) << "a stalled reader does not arrive";
  for (const std::string& fault : stalled.faults()) FAIL() << fault;
  for (std::size_t i = 0; i < stalled.size(); ++i) ASSERT_EQ(stalled.client(i).records(), stalled.client(0).records());
  std::cout << "those who did not read arrived "
            << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - resumed).count()
            << " ms after they began to\n";
  EXPECT_EQ(server.Stop(), 0);
}

// A fleet that knows no jitter: all come at once, those who are sent away come again at once, and all of it twice.
TEST(StreamsTest, AStormOfReconnectsIsServedBoundedAndDisturbsNobody) {
  RaiseFileLimit();
  const int count = FromEnvironment("GUIDON_STREAMS", 500);
  const int slots = std::max(1, count / 60);
  constexpr std::size_t kSnapshotKiB = 196;
  Guidond server({.arguments = {"--init-slots", std::to_string(slots), "--init-queue", std::to_string(count / 5)}});
  const std::string key = MakeProject(server, "fleet"), steady_key = MakeProject(server, "steady");
  Write(server, "fleet", std::string(kSnapshotKiB * 1024, 'x'));  // no socket takes it at once
  Write(server, "steady", "at first");
  Crowd steady(server.port(), steady_key);
  steady.Join(5);
  const std::size_t before = ResidentKiB(server.process().pid());
  int changes = 0;
  std::size_t ended = 0;
  for (int round = 0; round < 2; ++round) {
    Crowd storm(server.port(), key);
    Clock::time_point next = Clock::now();
    storm.Join(count, 0, static_cast<std::size_t>(count), [&] {
      if (Clock::now() < next) return;
      next = Clock::now() + std::chrono::milliseconds(100);
      const Revision last = Write(server, "steady", "change " + std::to_string(++changes));
      EXPECT_TRUE(steady.PumpUntilAllHave(last)) << "who stays hears of nothing";
    });
    for (const std::string& fault : storm.faults()) FAIL() << fault;
    ASSERT_EQ(storm.begun(), static_cast<std::size_t>(count)) << "some are sent away for ever";
    EXPECT_GT(storm.refused(), 0u) << "nobody was sent away: this is no storm";
    ended += storm.ended();
    std::cout << "round " << round << ": " << count << " streams, " << storm.refused() << " times sent away, "
              << storm.ended() << " ended for being slow\n";
    storm.Leave();
  }
  for (const std::string& fault : steady.faults()) FAIL() << fault;
  for (std::size_t i = 0; i < steady.size(); ++i) {
    EXPECT_EQ(steady.client(i).changes(), changes) << "it skipped some, or was cut off";
    EXPECT_EQ(steady.client(i).snapshots(), 1);
  }
  EXPECT_LE(ended, CountStalled(server)) << "streams were ended whose clients did read";
  const std::size_t most = PeakResidentKiB(server.process().pid());
  ASSERT_GE(most, before);
  const std::size_t grown = most - before;
  std::cout << changes << " changes meanwhile; the server grew by " << grown << " KiB at most\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadows and quarantine grow otherwise
  // Snapshots for the slots and a handful besides, what each connection costs, and nothing for each attempt: with a
  // copy for each client it would be `count` snapshots.
  EXPECT_LT(grown, static_cast<std::size_t>(slots + 8) * kSnapshotKiB + static_cast<std::size_t>(count) * 16);
#endif
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace guidon
