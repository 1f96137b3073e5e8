// A server of the kind that sets itself up, its client of Guidon among it, and then forks the processes that do the
// work: they accept on one socket that they have in common. The parent goes on with threads of its own and answers on a
// second socket.
//
//   GUIDON_SDK_KEY=gdn_srv_… prefork_server URL WORKERS
//
// Prints "workers PORT parent PORT" once all are there. Each request is one read of the flag `number`, and its answer
// says who read what: {"pid","state","number","revision","forks","reconnects"}. Ends on SIGTERM, every process with its
// client closed; exit code 1: one of them was not closed in time.
#include <guidon/client.h>

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fork.h"

namespace {

bool is_worker = false;

int Listen(std::uint16_t& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("prefork_server");
    std::exit(2);
  }
  port = ntohs(address.sin_port);
  return listener;
}

std::string Answer(const guidon::Client& client) {
  const auto number = client.IntDetail("number", guidon::Context("user-1"), -1);
  const guidon::ClientStatus status = client.Status();
  const std::string body = R"({"pid":)" + std::to_string(getpid()) + R"(,"state":")" +
                           std::string(ToString(status.state)) + R"(","number":)" + std::to_string(number.value) +
                           R"(,"revision":)" + std::to_string(number.revision) + R"(,"forks":)" +
                           std::to_string(status.forks) + R"(,"reconnects":)" + std::to_string(status.reconnects) + "}";
  return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Until the socket is shut down.
void Serve(const guidon::Client& client, int listener) {
  for (;;) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    std::string request;
    char part[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t size = recv(connection, part, sizeof part, 0);
      if (size <= 0) break;
      request.append(part, static_cast<std::size_t>(size));
    }
    const std::string answer = Answer(client);
    send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    close(connection);
  }
}

// Serves with two threads until SIGTERM; whether the client was closed in time.
bool Work(guidon::Client& client, int listener, const std::vector<pid_t>& workers = {}) {
  std::thread one([&] { Serve(client, listener); }), two([&] { Serve(client, listener); });
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  int signal = 0;
  sigwait(&signals, &signal);
  for (const pid_t worker : workers) kill(worker, SIGTERM);
  shutdown(listener, SHUT_RDWR);
  one.join();
  two.join();
  return client.Close(std::chrono::seconds(20));
}

}  // namespace

// What the parent's threads had on their stacks cannot be reached in a worker that ends in good order.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() {
  return is_worker ? 1 : 0;
}

int main(int argc, char** argv) {
  if (argc != 3 || std::getenv("GUIDON_SDK_KEY") == nullptr) return 2;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  guidon::ClientConfig config;
  config.server = argv[1];
  config.key = std::getenv("GUIDON_SDK_KEY");
  config.backoff_most = std::chrono::seconds(1);
  guidon::Client client(config);
  if (!client.WaitReady(std::chrono::seconds(30))) return 2;

  std::uint16_t workers_port = 0, parent_port = 0;
  const int for_workers = Listen(workers_port), for_parent = Listen(parent_port);
  std::vector<pid_t> workers;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    const pid_t parent = getpid(), worker = guidon::testing::Fork();
    if (worker != 0) {
      workers.push_back(worker);
      continue;
    }
    is_worker = true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) return 2;
    close(for_parent);
    return Work(client, for_workers) ? 0 : 1;
  }
  std::printf("workers %d parent %d\n", workers_port, parent_port);
  std::fflush(stdout);
  bool is_closed = Work(client, for_parent, workers);
  for (const pid_t worker : workers) {
    int status = 0;
    is_closed &= waitpid(worker, &status, 0) == worker && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return is_closed ? 0 : 1;
}
