// A port of loopback that stays the same while the server behind it comes and goes on others: for clients that are told
// an address once and must find the server there again.
//
//   Forwarder front;
//   front.Forward(server.port());
//   guidon::Client client({.server = front.url(), …});
//   server.Kill();  front.Forward(0);               // as if nobody listened: connections are closed at once
//   server.Start(); front.Forward(server.port());
//
// Thread safety: every method from any thread. It has one thread of its own, and buffers nothing beyond what it holds
// in its hands: a reader that stalls stalls its own connection only as far as the sockets' buffers go.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace guidon::testing {

class Forwarder {
 public:
  Forwarder();
  ~Forwarder();  // closes everything
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Where new connections go from now on; 0: nowhere. Those that are open stay as they are.
  void Forward(std::uint16_t port) { target_ = port; }

  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  struct Pair;
  void Run();

  std::atomic<std::uint16_t> target_{0};
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  // a pipe
  std::thread thread_;
};

}  // namespace guidon::testing
