#include "tests/support/forwarder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <stdexcept>
#include <utility>
#include <vector>

namespace guidon::testing {
namespace {

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void SendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// -1 when nobody listens there.
int Connect(std::uint16_t port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    SendAtOnce(socket_fd);
    return socket_fd;
  }
  close(socket_fd);
  return -1;
}

// Takes what `from` has and gives it to `to`, waiting for as long as that takes: both are on this machine, and what
// tests send is small. False at the end of either.
bool Pump(int from, int to) {
  char bytes[64 << 10];
  const ssize_t size = recv(from, bytes, sizeof bytes, 0);
  if (size <= 0) return false;
  for (ssize_t sent = 0; sent < size;) {
    const ssize_t n = send(to, bytes + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += n;
  }
  return true;
}

}  // namespace

struct Forwarder::Pair {
  int client, server;
};

Forwarder::Forwarder() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(listener_, 256) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 || pipe2(stop_, O_CLOEXEC) != 0) {
    throw std::runtime_error("no port of loopback to listen on");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

Forwarder::~Forwarder() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
  close(listener_);
}

void Forwarder::Run() {
  std::list<Pair> pairs;
  while (true) {
    std::vector<pollfd> waits = {{stop_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      waits.push_back({pair.client, POLLIN, 0});
      waits.push_back({pair.server, POLLIN, 0});
    }
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    if (waits[0].revents != 0) break;
    std::size_t i = 2;
    for (auto pair = pairs.begin(); pair != pairs.end(); i += 2) {
      const bool alive = (waits[i].revents == 0 || Pump(pair->client, pair->server)) &&
                         (waits[i + 1].revents == 0 || Pump(pair->server, pair->client));
      if (alive) {
        ++pair;
        continue;
      }
      close(pair->client);
      close(pair->server);
      pair = pairs.erase(pair);
    }
    if (waits[1].revents == 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::uint16_t target = target_;
    const int server = target == 0 ? -1 : Connect(target);
    if (server < 0) {
      close(client);
      continue;
    }
    SendAtOnce(client);
    pairs.push_back({client, server});
  }
  for (const Pair& pair : pairs) {
    close(pair.client);
    close(pair.server);
  }
}

}  // namespace guidon::testing
