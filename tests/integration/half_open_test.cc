// Clients that are gone and never said so: their cable is pulled. In a network of its own (veth between two network
// namespaces), because on loopback the system itself says that somebody is gone.
//
// Needs to be root, or may make user namespaces. Takes the 45 s after which a stream that acknowledges nothing is given
// up: it runs in `./dev test all` only.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <string>

#include "core/base/json.h"
#include "tests/support/guidond.h"
#include "tests/support/sdk_stream.h"

namespace guidon::testing {
namespace {

constexpr int kGone = 20;  // streams at the far end
constexpr const char* kNear = "10.203.0.1";

int Shell(const std::string& command) {
  return std::system(("exec 2>&1; " + command).c_str());
}

// This process, and what it starts, into a network of its own.
void EnterNetwork() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  ASSERT_EQ(unshare(user == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), 0) << std::strerror(errno);
  if (user != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  }
  ASSERT_EQ(Shell("ip link set lo up"), 0);
}

// In a child, in yet another network: opens the streams, reads what comes first, says so, and waits to be killed.
[[noreturn]] void BeFarAway(int tell, int go, const std::string& request, std::uint16_t port) {
  char byte = unshare(CLONE_NEWNET) == 0 ? 'n' : '!';
  if (write(tell, &byte, 1) != 1 || read(go, &byte, 1) != 1) _exit(1);
  if (Shell("ip addr add 10.203.0.2/24 dev guidon1 && ip link set guidon1 up && ip link set lo up") != 0) _exit(2);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, kNear, &address.sin_addr);
  for (int i = 0; i < kGone; ++i) {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) _exit(3);
    if (write(client, request.data(), request.size()) != static_cast<ssize_t>(request.size())) _exit(4);
    std::string seen;
    char bytes[4096];
    while (seen.find("event: snapshot") == std::string::npos) {
      const ssize_t size = read(client, bytes, sizeof bytes);
      if (size <= 0) _exit(5);
      seen.append(bytes, static_cast<std::size_t>(size));
    }
  }
  byte = 's';
  if (write(tell, &byte, 1) != 1) _exit(6);
  for (;;) pause();
}

char Next(int file) {
  char byte = 0;
  return read(file, &byte, 1) == 1 ? byte : '?';
}

double MetricOf(const Guidond& server, const std::string& series) {
  const std::string text = "\n" + server.Call("GET", "/metrics").body;
  const std::size_t at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

TEST(HalfOpenTest, StreamsWhoseOtherSideIsGoneAreGivenUpAndTheOthersGoOn) {
  ASSERT_NO_FATAL_FAILURE(EnterNetwork());
  Guidond server({.arguments = {"--heartbeat-seconds", "1", "--insecure"}, .listen = "0.0.0.0:0"});
  ASSERT_EQ(server.Call("POST", "/api/v1/projects", {.body = R"({"project":"shop","environments":{"production":{}}})"})
                .status,
            201);
  const std::string key = server.CreateSdkKey("shop", "production");

  int tell[2], go[2];
  ASSERT_EQ(pipe(tell), 0);
  ASSERT_EQ(pipe(go), 0);
  const std::string request = "GET /sdk/v1/stream HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer " + key + "\r\n\r\n";
  const pid_t far = fork();
  if (far == 0) BeFarAway(tell[1], go[0], request, server.port());
  ASSERT_EQ(Next(tell[0]), 'n');
  ASSERT_EQ(Shell("ip link add guidon0 type veth peer name guidon1 netns " + std::to_string(far) + " && ip addr add " +
                  kNear + "/24 dev guidon0 && ip link set guidon0 up"),
            0);
  ASSERT_EQ(write(go[1], "g", 1), 1);
  close(tell[1]);
  ASSERT_EQ(Next(tell[0]), 's');
  SdkStream healthy(server.port(), key);
  ASSERT_TRUE(healthy.ReadUntil([&] { return healthy.client().snapshots() == 1; })) << healthy.fault();
  ASSERT_EQ(MetricOf(server, "guidon_stream_clients"), kGone + 1);

  ASSERT_EQ(Shell("ip link set guidon0 down"), 0);
  const auto write_flag = [&](int number) {
    return server
        .Call(
            "PUT", "/api/v1/projects/shop/flags/f" + std::to_string(number),
            {.body = R"({"type":"boolean","owner":"x","environments":{"production":{"enabled":true,"default":"on"}}})"})
        .status;
  };
  // Every second brings a heartbeat, to those who are gone as to the one that is there.
  constexpr int kMostSeconds = 150;
  int changes = 0;
  do {
    ASSERT_EQ(write_flag(++changes), 201);
    const int heartbeats = healthy.client().heartbeats();
    ASSERT_TRUE(healthy.ReadUntil([&] {
      return healthy.client().changes() == changes && healthy.client().heartbeats() > heartbeats;
    })) << healthy.fault();
  } while (MetricOf(server, "guidon_stream_clients") > 1 && changes < kMostSeconds);
  EXPECT_EQ(MetricOf(server, "guidon_stream_clients"), 1);
  EXPECT_EQ(MetricOf(server, "guidon_streams_closed_total{reason=\"broken\"}"), kGone);
  EXPECT_EQ(healthy.client().snapshots(), 1);
  kill(far, SIGKILL);
  waitpid(far, nullptr, 0);
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace guidon::testing
