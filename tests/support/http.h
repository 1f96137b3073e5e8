// HTTP/1.1 as a test needs it: byte by byte when the bytes matter, in one call when they do not.
//
//   HttpConnection connection(port);
//   connection.Send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
//   EXPECT_EQ(connection.ReadAnswer().status, 200);
//
//   HttpAnswer answer = HttpCall(port, "PUT", path, {.key = admin, .body = flag});
//
// Nothing throws while talking: an answer that does not come, or is no HTTP, has status 0 and says why in `fault`.
//
// Thread safety: one thread at a time per connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/process.h"

struct ssl_session_st;
struct ssl_st;

namespace guidon::testing {

// How a client speaks TLS. Files are PEM.
struct TlsClient {
  std::string ca_file;                // whom it trusts; the certificate has to be for 127.0.0.1
  std::string certificate_file = {};  // what it shows when it is asked, and …
  std::string key_file = {};          // … the key of that
  int version = 0;                    // TLS1_2_VERSION: that and no other; 0: what both sides like best
  std::string protocols = {};         // of ALPN, as sent: "\x02h2"
  ssl_session_st* session = nullptr;  // to go on with
};

struct HttpAnswer {
  int status = 0;  // 0: there was none; see fault
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string fault;

  // The first of that name in any case, or "".
  std::string Header(std::string_view name) const;
  int CountOf(std::string_view name) const;
};

class HttpConnection {
 public:
  explicit HttpConnection(std::uint16_t port);  // throws std::runtime_error when nobody listens
  // Over TLS; throws, with the reason, when the handshake fails.
  HttpConnection(std::uint16_t port, const TlsClient& tls);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // A small one, before anything is sent, makes a slow reader.
  void ShrinkReceiveBuffer(int bytes);

  // False when the other side is gone before all was taken. `SendSome` never waits and says how much was taken.
  bool Send(std::string_view bytes);
  std::size_t SendSome(std::string_view bytes);

  // `without_body`: the answer of a HEAD, whose Content-Length is not followed by bytes. An answer that has neither
  // length nor chunks is read to the end of the connection.
  HttpAnswer ReadAnswer(bool without_body = false, std::chrono::milliseconds patience = kPatience);
  // Status and headers only: what a stream begins with.
  HttpAnswer ReadHead(std::chrono::milliseconds patience = kPatience);

  // At least one byte; "" when the other side has ended, or nothing comes in that time.
  std::string ReadSome(std::chrono::milliseconds patience = kPatience);
  // Everything up to and with `text`; shorter when the other side ends before.
  std::string ReadUntil(std::string_view text, std::chrono::milliseconds patience = kPatience);
  // True when the other side has closed (or reset) and nothing is left to read.
  bool IsAtEnd(std::chrono::milliseconds patience = kPatience);

  void ShutDownSending();
  void Reset();  // an abortive close

  // For what OpenSSL knows of the connection; null without TLS.
  ssl_st* tls() const;
  // True when the end that IsAtEnd saw was announced (close_notify), not just a closed socket.
  bool was_told_of_end() const { return told_of_end_; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Tls;
  bool SendRaw(std::string_view bytes);
  bool SendEncrypted();
  bool Decrypt(std::string_view bytes);
  std::string ShakeHands();
  bool Fill(TimePoint deadline);
  bool FillTo(std::size_t size, TimePoint deadline);
  HttpAnswer TakeHead(TimePoint deadline);
  std::string TakeChunks(TimePoint deadline, std::string& fault);

  int socket_ = -1;
  std::unique_ptr<Tls> tls_;
  bool ended_ = false;
  bool told_of_end_ = false;
  std::string read_;  // and not yet asked for
};

struct HttpCallOptions {
  std::string key = {};  // sent as a bearer
  std::string body = {};
  std::string type = "application/json";  // of the body
  std::vector<std::pair<std::string, std::string>> headers = {};
  const TlsClient* tls = nullptr;  // null: plain
};

// One request on a connection of its own. Throws std::runtime_error when nobody listens.
HttpAnswer HttpCall(std::uint16_t port, std::string_view method, std::string_view path,
                    const HttpCallOptions& options = {});

}  // namespace guidon::testing
