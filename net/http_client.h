// Blocking HTTP/1.1 requests to one server, which another thread can stop at any moment.
//
//   std::unique_ptr<HttpClient> http = MakeHttpClient(url, options);
//   HttpResult result = http->Send({.method = "GET", .path = "/sdk/v1/ruleset"});
//   if (!result.ok()) Log(result.message);
//
// Redirects are not followed: a 302 is an answer like any other. A new connection for each call. TLS is 1.2 or later.
//
// Thread safety: one call of Send or Stream at a time; Stop from any thread. The calling thread never gets SIGPIPE,
// whatever the process does with it.
//
// fork(): the child closes the connections of calls that were under way; the parent's go on, and nothing was sent on
// them. All clients are idle in the child and may be used there; a call from one of whose handlers the process forked
// ends in the child with kStopped. A fork waits while OpenSSL is at work for a call, some milliseconds, not while the
// call waits for the network; at most 5 s, for whom a disk or a core keeps waiting, and then its child may hang in TLS.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/url.h"

namespace guidon::net {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";  // or POST, PUT, PATCH, DELETE
  std::string path = "/";      // with its query, encoded; the server's prefix is put in front
  HttpHeaders headers;         // without Host; a name that is no token or a value with CR, LF or NUL is refused
  std::string body;            // not with GET; its type is the Content-Type header
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  // The first header of that name in any case, or "".
  std::string_view Header(std::string_view name) const;
};

enum class HttpFailure {
  kNone,      // an answer came, whatever its status
  kConnect,   // no such host, nobody listens, or not within the time
  kTls,       // no handshake, or a certificate that we do not trust
  kTimeout,   // connected, then nothing for longer than `silence`, or not done within `total`
  kClosed,    // the connection ended before the answer did, or what came was no HTTP
  kTooLarge,  // the body is longer than `max_body_bytes`, or the head than 64 KiB, 256 lines, or 8 KiB in one of them
  kStopped,   // Stop
  kRefused,   // a handler of Stream returned false
  kInvalid,   // the request or the options; nothing was sent
};

struct HttpResult {
  HttpFailure failure = HttpFailure::kNone;
  std::string message;    // for people: what failed, with the server's address; empty on success
  HttpResponse response;  // of Stream: without the body

  bool ok() const { return failure == HttpFailure::kNone; }
};

struct HttpOptions {
  std::chrono::milliseconds connect{5'000};   // connection and handshake, each; a name takes the system's time
  std::chrono::milliseconds silence{30'000};  // without a byte from the server
  std::chrono::milliseconds total{60'000};    // of Send as a whole; of Stream until its head is there
  std::size_t max_body_bytes = 64u << 20;     // of Send, after decompression; Stream has none
  std::string address;                        // numeric, to connect to instead of looking the host's name up
  std::string ca_file;                        // PEM with the authorities to trust instead of the system's
  // PEM of the certificate, with what stands between it and the authority after it, and of its key, not encrypted: for
  // servers that ask who we are. Both or none.
  std::string client_certificate_file;
  std::string client_key_file;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Takes gzip, too; the body is always as it was before.
  virtual HttpResult Send(const HttpRequest& request) = 0;

  // `on_head` sees status and headers as soon as they are there, `on_bytes` every piece of the body as it comes in;
  // false from either ends the call with kRefused. Returns when the server ends the body.
  using OnHead = std::function<bool(const HttpResponse&)>;
  using OnBytes = std::function<bool(std::string_view)>;
  virtual HttpResult Stream(const HttpRequest& request, const OnHead& on_head, const OnBytes& on_bytes) = 0;

  // Ends the call under way and refuses all later ones, for good. Waits until no call is under way, at most `wait`;
  // false when one still is, which is when the system looks up a name. Call it again for as long as it says so.
  virtual bool Stop(std::chrono::milliseconds wait) = 0;
};

// Over cpp-httplib.
std::unique_ptr<HttpClient> MakeHttpClient(Url url, HttpOptions options);

// Registers the handlers of fork(), if that is not done yet. For those who register handlers of their own that take
// locks under which they call Stop: these handlers must run before ours, and so be registered after them.
void HandleForks();

}  // namespace guidon::net
