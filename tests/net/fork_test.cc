// HttpClient across fork(): what sdk_fork_test shows of clients, shown here of connections alone.
#include "net/http_client.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fork.h"
#include "tests/support/scripted_server.h"

namespace guidon::net {
namespace {

using std::chrono::milliseconds;
using testing::ScriptedServer;

constexpr milliseconds kLong{20'000};

// OpenSSL locks things of the whole process while a connection is set up and ended. Without a fork that waits, one of
// some tens of children hangs here.
TEST(HttpForkTest, NoChildInheritsALockOfTheTlsLibrary) {
  ScriptedServer with_certificate(ScriptedServer::Mode::kTls);
  const std::string authorities = with_certificate.certificate_file() + ".many";
  for (int n = 0; n < 50; ++n) std::ofstream(authorities, std::ios::app) << with_certificate.certificate();
  ScriptedServer server;  // accepts and hangs up: the library has done its locking by then
  std::atomic<bool> stop{false};
  std::thread accepting([&] {
    while (!stop) server.AcceptUnread(milliseconds(20));
  });
  const auto ask = [&] {
    Url url;
    std::string fault;
    ParseUrl("https://127.0.0.1:" + std::to_string(server.port()), &url, &fault);
    HttpOptions options{kLong, kLong, kLong};
    options.ca_file = authorities;
    return MakeHttpClient(url, options)->Send({"GET", "/x", {}, ""}).failure == HttpFailure::kTls;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) ask();
    });
  }
  int hung = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(6);  // as many as there is time for
  while (hung == 0 && std::chrono::steady_clock::now() < until) {
    const pid_t child = testing::Fork();
    if (child == 0) {
      ::alarm(20);
      ::_exit(ask() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    if (status != 0) ++hung;
  }
  EXPECT_EQ(hung, 0);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  accepting.join();
  std::filesystem::remove(authorities);
}

}  // namespace
}  // namespace guidon::net
