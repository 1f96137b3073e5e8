// How a client talks HTTP to its server. Without one of these it is cpp-httplib with TLS 1.2 or later; an application
// that has an HTTP stack of its own, or a test that wants no network, brings another:
//
//   config.transport = [](const guidon::TransportOptions& options) { return std::make_unique<MyTransport>(options); };
//
// The client makes one for every connection (each attempt at the stream, each poll), calls Send or Stream once or
// several times on a thread of its own, and destroys it. What a transport or its factory throws ends the attempt as a
// failure. A client falls back, resumes and waits by what docs/spec/wire.md says, whatever the transport.
//
// Thread safety: one call of Send or Stream at a time; Stop from any thread, also before and after them.
//
// fork(): the child calls nothing on a transport of its parent's and does not destroy it, but makes others. Descriptors
// are the transport's: to be opened with O_CLOEXEC, and not shut down by a child. When the process forks in a callback
// within Stream, the child's copy of that call is told by `on_bytes`, which returns false, to come back.
#pragma once

#include <guidon/export.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon {

// Names and values, in their order; a name may occur several times.
using TransportHeaders = std::vector<std::pair<std::string, std::string>>;

// What is asked.
struct TransportRequest {
  std::string method{};        // "GET" or "POST"
  std::string path{};          // "/sdk/v1/stream": what comes after the address in TransportOptions, with its query
  TransportHeaders headers{};  // with the key; without Host and Content-Length
  std::string body{};          // of POST
};

// What was answered.
struct TransportResponse {
  int status = 0;              // 0: none came
  TransportHeaders headers{};  // names in any case
  std::string body{};          // of Send, unpacked; a transport that does not unpack must not ask for gzip
};

// How a call ended.
enum class TransportFailure : std::uint8_t {
  kAnswered,  // whatever the status; redirects are answers, and not followed
  kConnect,   // no such host, nobody listens, or not in time
  kTls,       // no handshake, or a certificate that is not trusted
  kTimeout,   // silence, or not done in time
  kClosed,    // the connection ended before the answer did, what came was no HTTP, or it was too large
  kStopped,   // Stop
  kRefused,   // a callback of Stream returned false
  kInvalid,   // the address, the options or the request cannot be meant: the client gives up
};

// How it ended, and with what.
struct TransportResult {
  TransportFailure failure = TransportFailure::kAnswered;  // kAnswered: `response` is whole, as far as it goes
  std::string message{};         // for people, with the address of the server; the status and the log show it
  TransportResponse response{};  // of Stream: without the body, and also after kRefused
};

// What ClientConfig says of connections.
struct TransportOptions {
  std::string server{};                  // http(s)://host[:port][/prefix], checked
  std::chrono::milliseconds connect{0};  // connection and handshake, each
  std::chrono::milliseconds silence{0};  // without a byte from the server: kTimeout
  std::chrono::milliseconds total{0};    // of Send as a whole; of Stream until its head is there
  std::size_t max_body_bytes = 0;        // of Send, unpacked
  // As in ClientConfig.
  std::string ca_file{};
  std::string client_certificate_file{};
  std::string client_key_file{};
};

// One connection, or as many as it likes to make: what an application implements to bring its own HTTP. One thread
// calls Send or Stream at a time; Stop comes from any other.
class GUIDON_API Transport {
 public:
  virtual ~Transport() = default;

  // Asks, and waits for the whole answer, at most as long as the options say.
  virtual TransportResult Send(const TransportRequest& request) = 0;

  // What Stream tells as it comes in; false: it is to come back with kRefused.
  using OnHead = std::function<bool(const TransportResponse&)>;
  using OnBytes = std::function<bool(std::string_view)>;

  // `on_head` gets status and headers as soon as they are there, `on_bytes` every piece of the body as it comes in;
  // both on the calling thread. Returns when the body ends.
  virtual TransportResult Stream(const TransportRequest& request, const OnHead& on_head, const OnBytes& on_bytes) = 0;

  // Makes a call under way come back soon, and all later ones at once, with kStopped. Does not wait. The client repeats
  // it until the call is over; one that does not come back keeps Close() until its deadline, and is then left alone.
  virtual void Stop() noexcept = 0;
};

// Called on threads of the SDK, before each connection. Null ends the attempt as kInvalid.
using TransportFactory = std::function<std::unique_ptr<Transport>(const TransportOptions&)>;

}  // namespace guidon
