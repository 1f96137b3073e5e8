#include "bench/floor/streams.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace guidon::bench {
namespace {

struct Connection {
  int socket = -1;
  std::string_view left;    // of what it is being sent
  bool is_waiting = false;  // for room in the socket
};

// What the socket takes no more of waits for epoll.
void Send(int poller, std::size_t index, Connection& to) {
  while (!to.left.empty()) {
    const ssize_t n = ::send(to.socket, to.left.data(), to.left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) break;
    to.left.remove_prefix(static_cast<std::size_t>(n));
  }
  if (to.left.empty() == !to.is_waiting) return;
  to.is_waiting = !to.left.empty();
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (to.is_waiting) wanted.events |= EPOLLOUT;
  wanted.data.u64 = index;
  epoll_ctl(poller, EPOLL_CTL_MOD, to.socket, &wanted);
}

void Receive(int poller, std::size_t index, Connection& from, std::string_view first) {
  std::array<char, 4096> bytes;
  const ssize_t n = ::recv(from.socket, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (n > 0 && std::string_view(bytes.data(), static_cast<std::size_t>(n)).ends_with("\r\n\r\n")) {
    from.left = first;
    Send(poller, index, from);
  }
  if (n == 0) {
    ::close(from.socket);
    from.socket = -1;
  }
}

void Accept(int poller, int listener, std::vector<Connection>& connections) {
  while (true) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = connections.size();
    connections.push_back({socket, {}, false});
    epoll_ctl(poller, EPOLL_CTL_ADD, socket, &wanted);
  }
}

[[noreturn]] void Serve(int listener, int commands, int answers, const std::string& first, const std::string& frame) {
  constexpr std::uint64_t kListener = ~0ull, kCommands = ~0ull - 1;
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  for (const auto& [file, name] : {std::pair(listener, kListener), std::pair(commands, kCommands)}) {
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = name;
    epoll_ctl(poller, EPOLL_CTL_ADD, file, &wanted);
  }
  std::vector<Connection> connections;
  std::array<epoll_event, 256> events;
  while (true) {
    const int count = ::epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t name = events[static_cast<std::size_t>(i)].data.u64;
      const std::uint32_t what = events[static_cast<std::size_t>(i)].events;
      if (name == kListener) {
        Accept(poller, listener, connections);
      } else if (name == kCommands) {
        char command = 0;
        if (::read(commands, &command, 1) != 1) ::_exit(0);
        if (::write(answers, &command, 1) != 1) ::_exit(1);
        for (const Connection& to : connections) {
          if (to.socket >= 0) (void)!::send(to.socket, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
      } else if (Connection& connection = connections[name]; connection.socket >= 0) {
        if ((what & EPOLLOUT) != 0) Send(poller, name, connection);
        if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Receive(poller, name, connection, first);
      }
    }
  }
}

}  // namespace

StreamsFloor StartStreamsFloor(const std::string& first, const std::string& frame) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  int to[2], from[2];
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 4096) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) {
    throw std::runtime_error("no sockets for the floor of streams");
  }
  const pid_t process = ::fork();
  if (process < 0) throw std::runtime_error("no process for the floor of streams");
  if (process == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Serve(listener, to[0], from[1], first, frame);
  }
  ::close(listener);
  ::close(to[0]);
  ::close(from[1]);
  return {ntohs(address.sin_port), to[1], from[0], process};
}

void StopStreamsFloor(StreamsFloor& floor) {
  ::close(floor.commands);
  ::close(floor.answers);
  ::kill(floor.process, SIGKILL);
  ::waitpid(floor.process, nullptr, 0);
  floor = {};
}

}  // namespace guidon::bench
