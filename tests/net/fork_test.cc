// HttpClient across fork(): what sdk_fork_test shows of clients, shown here of connections alone.
#include "net/http_client.h"

#include <fcntl.h>
#include <sys/stat.h>
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
#include "tests/support/process.h"
#include "tests/support/scripted_server.h"

namespace guidon::net {
namespace {

using std::chrono::milliseconds;
using testing::ScriptedServer;

constexpr milliseconds kLong{20'000};

Url LocalUrl(std::uint16_t port) {
  Url url;
  std::string fault;
  ParseUrl("https://127.0.0.1:" + std::to_string(port), &url, &fault);
  return url;
}

// OpenSSL locks things of the whole process while a connection is set up and ended. Without a fork that waits, one of
// some hundreds of children hangs here.
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
    HttpOptions options{kLong, kLong, kLong};
    options.ca_file = authorities;
    return MakeHttpClient(LocalUrl(server.port()), options)->Send({"GET", "/x", {}, ""}).failure == HttpFailure::kTls;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) ask();
    });
  }
  int hung = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);  // as many as there is time for
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

// The authorities come through a pipe here, and while they do OpenSSL is at work.
TEST(HttpForkTest, AForkWaitsForWhoIsInOpenSslAndLetsNobodyIn) {
  ScriptedServer server;
  const testing::TemporaryFolder folder;
  const std::string pipe = folder / "authorities";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto call = [&](const std::string& ca_file) {
    HttpOptions options{kLong, kLong, kLong};
    options.ca_file = ca_file;
    return std::thread([&server, options] {
      MakeHttpClient(LocalUrl(server.port()), options)->Send({"GET", "/", {}, ""});
    });
  };
  std::thread inside = call(pipe);
  int authorities = -1;  // can be opened as soon as somebody reads
  while ((authorities = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) std::this_thread::yield();

  std::atomic<bool> is_forking{false}, has_forked{false}, is_over{false};
  std::thread forking([&] {
    is_forking = true;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    has_forked = true;
    ::waitpid(child, nullptr, 0);
  });
  while (!is_forking || !testing::DoOthersSleep()) std::this_thread::yield();
  EXPECT_FALSE(has_forked);
  std::thread entering([&] {
    call("none").join();
    is_over = true;
  });
  while (!is_over && !testing::DoOthersSleep()) std::this_thread::yield();
  EXPECT_FALSE(is_over);
  EXPECT_FALSE(has_forked);

  ::close(authorities);
  server.Stop();
  for (std::thread* thread : {&inside, &forking, &entering}) thread->join();
}

// A server that says nothing holds its callers, in a handshake or after it, for less long here than a fork has patience
// with who is in OpenSSL: a fork that waits for them finds them gone.
TEST(HttpForkTest, AForkDoesNotWaitForTheNetwork) {
  for (const bool shakes_hands : {false, true}) {
    ScriptedServer server(shakes_hands ? ScriptedServer::Mode::kTls : ScriptedServer::Mode::kPlain);
    HttpOptions options{kLong, kLong, milliseconds(4'000)};
    options.ca_file = server.certificate_file();
    const std::unique_ptr<HttpClient> client = MakeHttpClient(LocalUrl(server.port()), options);
    std::atomic<bool> is_over{false};
    std::thread calling([&] {
      client->Send({"GET", "/x", {}, ""});
      is_over = true;
    });
    const auto silent = shakes_hands ? server.Accept(kLong) : server.AcceptUnread(kLong);
    EXPECT_NE(silent, nullptr);
    for (int i = 0; i < 10; ++i) {
      const pid_t child = testing::Fork();
      if (child == 0) ::_exit(0);
      ::waitpid(child, nullptr, 0);
    }
    EXPECT_FALSE(is_over) << shakes_hands;
    client->Stop(kLong);
    calling.join();
  }
}

}  // namespace
}  // namespace guidon::net
