// Clients that lost their server at the same moment do not come back at the same moments: each draws delays of its own.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "tests/sdk/application.h"
#include "tests/support/fork.h"

namespace guidon {
namespace {

using namespace std::chrono_literals;
using testing::ConfigFor;
using testing::ConfigForEvents;
using testing::ScriptedServer;
using testing::World;
using Clock = std::chrono::steady_clock;
using Delays = std::vector<std::chrono::duration<double, std::milli>>;

// Delays are drawn between 0 and 200 ms, always.
ClientConfig WithLongDelays(ClientConfig config) {
  config.backoff_first = config.backoff_most = 200ms;
  return config;
}

// How long whoever asks the server waits after each of its refusals.
Delays DelaysAt(ScriptedServer& server) {
  constexpr std::size_t kDelays = 8;
  Delays delays;
  Clock::time_point refused;
  for (std::size_t i = 0; i <= kDelays; ++i) {
    const auto connection = server.Accept();
    if (connection == nullptr) {
      ADD_FAILURE() << "nobody asked";
      return {};
    }
    if (i > 0) delays.push_back(Clock::now() - refused);
    connection->SendAnswer(503);
    refused = Clock::now();
  }
  return delays;
}

// Most of them: a machine that is busy makes some late.
bool AreTheSame(const Delays& some, const Delays& others) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < std::min(some.size(), others.size()); ++i) {
    same += std::abs((some[i] - others[i]).count()) < 15 ? 1 : 0;
  }
  return same >= 6;
}

TEST(JitterTest, TwoClientsComeBackAtTimesOfTheirOwn) {
  ScriptedServer servers[2];
  const Client clients[] = {Client(WithLongDelays(ConfigFor(servers[0]))),
                            Client(WithLongDelays(ConfigFor(servers[1])))};
  const Delays first = DelaysAt(servers[0]);
  EXPECT_FALSE(AreTheSame(first, DelaysAt(servers[1])));
}

TEST(JitterTest, TwoClientsSendTheirEventsAgainAtTimesOfTheirOwn) {
  Delays delays[2];
  for (Delays& its : delays) {
    ScriptedServer server;
    ClientConfig config = WithLongDelays(ConfigForEvents(server));
    config.flush_interval = 1ms;
    Client client(config);
    const auto stream = testing::AcceptStream(server, World().SnapshotEvent());
    ASSERT_TRUE(stream);
    client.Track("order", Context("user-1"));
    its = DelaysAt(server);
    client.Close(0ms);
  }
  EXPECT_FALSE(AreTheSame(delays[0], delays[1]));
}

TEST(JitterTest, TwoProcessesOfOneParentComeBackAtTimesOfTheirOwn) {
  ScriptedServer servers[2];
  pid_t children[2];
  for (int i = 0; i < 2; ++i) {
    children[i] = testing::Fork();
    if (children[i] == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const Client client(WithLongDelays(ConfigFor(servers[i])));
      while (true) ::pause();
    }
  }
  const Delays first = DelaysAt(servers[0]);
  EXPECT_FALSE(AreTheSame(first, DelaysAt(servers[1])));
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

}  // namespace
}  // namespace guidon
