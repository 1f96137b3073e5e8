// An I/O thread and what lives on it. Internal to the http room.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <ctime>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "server/http/answer_head.h"
#include "server/http/server.h"
#include "server/http/socket.h"
#include "server/http/stream.h"

namespace guidon::http {

class StreamSession;
class Session;

// The steady clock as of the kernel's last tick, some milliseconds ago: what deadlines need, at a fifth of the cost.
inline std::chrono::steady_clock::time_point CoarseNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::steady_clock::time_point(std::chrono::seconds(now.tv_sec) +
                                               std::chrono::nanoseconds(now.tv_nsec));
}

// Counters that sessions of all threads touch. Requests hold them, too, and may outlive the server.
struct SharedCounts {
  std::atomic<std::uint64_t> accepted{0}, refused{0}, connections{0}, streams{0}, streams_stalled{0}, bad_requests{0};
  std::atomic<std::uint64_t> handshakes{0}, handshakes_failed{0};
  std::atomic<std::size_t> shaking_hands{0};
  std::atomic<std::size_t> body_bytes{0};    // of requests that are read or handled
  std::atomic<std::size_t> answer_bytes{0};  // of answers that are being written and share their body with nobody
};

// Members are touched on its own thread, except where they are atomic.
struct IoThread {
  IoThread(const ServerOptions& server_options, std::shared_ptr<const Tls> first_tls, Handler request_handler,
           std::shared_ptr<SharedCounts> shared_counts)
      : options(server_options),
        handler(std::move(request_handler)),
        counts(std::move(shared_counts)),
        tls(std::move(first_tls)) {}

  const ServerOptions& options;  // without `tls`, which is replaced
  const Handler handler;
  const std::shared_ptr<SharedCounts> counts;
  std::list<Session*> shaking_hands;  // sessions that are in a handshake, the oldest first
  HttpDate date;
  std::string spare_head;       // room for the head of the next answer
  asio::io_context context{1};  // may hold the last reference to a session, which uses what stands above
  std::thread thread;

  std::atomic<bool> wake_posted{false};
  std::shared_ptr<const Tls> tls;  // of handshakes from now on; null: connections are plain
  bool stopping = false;           // no new requests, streams say goodbye
  bool closed = false;             // nothing is left to wait for: the thread ends
  std::unordered_set<std::shared_ptr<Session>> sessions;
  std::vector<std::shared_ptr<StreamSession>> streams;
  asio::steady_timer ticker{context};
};

// Takes over the socket of a session whose answer was a stream. `head` is what has to be sent first.
void StartStream(IoThread& io, Socket socket, std::shared_ptr<StreamSource> source, std::string head);
void PumpStreams(IoThread& io);
void TickStreams(IoThread& io);
void ShutDownStreams(IoThread& io);
void CloseStreams(IoThread& io);

// Reads requests from a fresh connection until it closes.
void StartSession(IoThread& io, TcpSocket socket);
void TickSessions(IoThread& io);
void ShutDownSessions(IoThread& io);
void CloseSessions(IoThread& io);

}  // namespace guidon::http
