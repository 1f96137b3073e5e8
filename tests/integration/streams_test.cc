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

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <vector>

#include "core/base/json.h"
#include "tests/support/guidond.h"
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

// For this process and the servers that it starts.
void RaiseFileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
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
  // 0 as the system has it.
  void Join(int count, int receive_buffer = 0) {
    constexpr std::size_t kAtOnce = 200;
    const std::size_t goal = members_.size() + static_cast<std::size_t>(count);
    while (members_.size() < goal && faults_.empty()) {
      while (members_.size() < goal && members_.size() - begun_ < kAtOnce) {
        members_.push_back(std::make_unique<Member>());
        Open(*members_.back(), receive_buffer);
      }
      PumpUntil([&] { return members_.size() - begun_ < kAtOnce / 2 || !faults_.empty(); });
    }
    PumpUntil([&] { return begun_ >= goal || !faults_.empty(); });
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
  }

  void Read(Member& member) {
    char bytes[16 << 10];
    const ssize_t size = recv(member.socket, bytes, sizeof bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
      close(member.socket);
      member.socket = -1;
      if (!member.has_begun) return Blame("a stream ended before it began: " + member.head);
      return Open(member, 0);  // goes on where it was
    }
    std::string_view body(bytes, static_cast<std::size_t>(size));
    if (!member.in_body) {
      member.head.append(body);
      const std::size_t end = member.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
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
  std::vector<std::string> faults_;
};

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

}  // namespace
}  // namespace guidon
