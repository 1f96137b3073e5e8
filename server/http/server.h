// HTTP/1.1 on a listening socket: reads requests, hands them to a handler, writes answers; and keeps streams.
//
//   Result<std::unique_ptr<http::Server>> server = http::Server::Start(options, handler);
//   (*server)->WakeStreams();      // something new may be there: every stream asks its source
//   (*server)->Stop(5s);
//
// With options.tls every connection begins with a handshake; everything after it is the same (server/http/socket.h).
//
// Threads: `io_threads` threads, each with an io_context of its own; a connection lives on one of them for good, and
// its members are touched only there. The handler is called on it and must not wait or throw; it may answer later and
// from any thread. WakeStreams costs one post per I/O thread, however many streams there are.
//
// Bounds, and what happens at them:
//   connections          accepted, answered 503 (with TLS: nothing) and closed
//   handshakes           that are under way; beyond it the oldest gives its place up, if its client has taken longer
//   than
//                        crowded_handshake; if none has, further ones wait for their turn within handshake_deadline
//   header_bytes         431 and closed; 414 when the request line alone is longer; 431 beyond 128 fields, too
//   body_bytes           413 before the body is read, and closed
//   all_bodies_bytes     what the bodies of all requests that are read or handled hold together, as far as they have
//                        come: 503 and closed
//   all_answers_bytes    what all answers hold together until they are read: a GET is answered 503 and closed
//   handshake_deadline   closed silently
//   header_deadline      408 and closed;  body_deadline the same;  idle_deadline: closed silently
//   write_deadline       a connection whose socket takes nothing of its answer for so long is closed; likewise when it
//                        takes less than write_bytes_per_second of the whole
//   stalled_deadline     the same for a stream
//   stop_deadline        at a stop, what has come of a request whose rest is missing: 503 and closed; nothing of it is
//                        handled, so that it may be sent again elsewhere
//   linger_deadline      how long the rest of a refused request is read, and dropped, so that the answer arrives
// Deadlines are looked at once a tick. A connection that breaks the protocol (no Host, two lengths, a length and
// chunks, a bad chunk) is answered 400 and closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "server/http/message.h"
#include "server/http/tls.h"

namespace guidon::http {

// Answers one request, once, from any thread. If the last copy goes without an answer, the client gets a 500. All of
// them go before the server does.
class Responder {
 public:
  class State;
  explicit Responder(std::shared_ptr<State> state) : state_(std::move(state)) {}
  void operator()(Response response) const;

 private:
  std::shared_ptr<State> state_;
};

using Handler = std::function<void(std::shared_ptr<Request> request, Responder respond)>;

// A request that was answered without the handler: the protocol broken, a bound passed. For the log.
struct RefusedRequest {
  int status = 0;  // 0: there was no answer, as the handshake of TLS failed
  std::string detail;
  std::string peer;
  std::string id;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: a free one
  int io_threads = 2;
  std::shared_ptr<const Tls> tls;  // null: connections are plain
  std::size_t connections = 20'000;
  std::size_t handshakes = 4096;
  std::size_t header_bytes = 16u << 10;
  std::size_t body_bytes = 4u << 20;
  std::size_t all_bodies_bytes = 256u << 20;
  // What answers may hold together until their clients have read them. Beyond it a GET is answered 503, unless its
  // answer is small; other answers are always sent, as something may have been done.
  std::size_t all_answers_bytes = 256u << 20;
  std::chrono::milliseconds handshake_deadline{10'000};
  std::chrono::milliseconds crowded_handshake{1'000};
  std::chrono::milliseconds header_deadline{10'000};
  std::chrono::milliseconds body_deadline{30'000};
  std::chrono::milliseconds idle_deadline{75'000};
  std::chrono::milliseconds write_deadline{30'000};  // without a byte taken, and for the whole answer …
  std::size_t write_bytes_per_second = 16u << 10;    // … beside the time that it takes at this rate
  std::chrono::milliseconds stalled_deadline{30'000};
  std::chrono::milliseconds stop_deadline{1'000};
  std::chrono::milliseconds linger_deadline{5'000};
  std::chrono::milliseconds tick{500};
  std::function<void(const RefusedRequest&)> on_refused;  // called on an I/O thread; must not wait
};

// A copy of the counters; each grows, or is a level where it says so.
struct ServerCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;          // beyond the bound on connections
  std::uint64_t connections = 0;      // level, streams included
  std::uint64_t streams = 0;          // level
  std::uint64_t streams_stalled = 0;  // closed at stalled_deadline
  std::uint64_t bad_requests = 0;     // protocol errors, oversize and timeouts
  std::uint64_t handshakes = 0;
  std::size_t shaking_hands = 0;        // level
  std::uint64_t handshakes_failed = 0;  // refused by either side, left, or too slow
};

class Server {
 public:
  // kIo with one clear line when the address cannot be had.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options, Handler handler);
  ~Server();  // Stop(0) if it was not called

  std::uint16_t port() const;
  void WakeStreams();
  // Of a server that was started with TLS: handshakes that begin from now on use this; connections that are open stay.
  void UseTls(const std::shared_ptr<const Tls>& tls);
  ServerCounts Counts() const;

  // Stops accepting, lets requests in flight finish and streams say goodbye for at most `drain`, then closes all and
  // joins the threads. Requests that have come in part have options.stop_deadline for the rest. After it no handler and
  // no source is called.
  void Stop(std::chrono::milliseconds drain);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace guidon::http
