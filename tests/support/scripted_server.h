// A TCP server whose every byte the test decides: it accepts a connection, reads the request, and then sends, cuts,
// holds or closes as the test says. Plain sockets on loopback, so that what the client under test meets is real; with
// TLS by a certificate of its own.
//
//   ScriptedServer server;
//   Client client(ConfigFor(server.url()));
//   const auto stream = server.Accept();                     // the next connection, its request read
//   ASSERT_TRUE(stream);
//   EXPECT_EQ(stream->request().target, "/sdk/v1/stream");
//   stream->SendHead(200, {{"Content-Type", "text/event-stream"}});
//   stream->Send("event: goodb");                            // half an event …
//   stream->Close();                                         // … and gone
//
// Nothing here sleeps; everything that waits for the client has a deadline and says that it passed: nullptr, or false.
// A client that blocks the calling thread is served from another one:
//
//   const auto served = server.Serve([](ScriptedServer::Connection& c) { c.SendAnswer(204); });
//
// Thread safety: one thread at a time per server and per connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon::testing {

class CertificateFiles;

class ScriptedServer {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  static constexpr std::chrono::seconds kPatience{20};

  struct Request {
    std::string method;
    std::string target;
    Headers headers;
    std::string body;  // as Content-Length says
    std::string raw;   // all of it, as it came

    // The first header of that name in any case, or "".
    std::string Header(std::string_view name) const;
  };

  class Connection {
   public:
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    const Request& request() const { return request_; }

    // False when the client is gone.
    bool Send(std::string_view bytes);
    // Status line, headers, empty line. No Content-Length and no chunks: the body ends with the connection.
    bool SendHead(int status, const Headers& headers = {});
    // A whole answer; closes.
    bool SendAnswer(int status, const Headers& headers = {}, std::string_view body = {});

    // Until the client has closed or reset the connection.
    bool WaitUntilClosed(std::chrono::milliseconds patience = kPatience);
    void Close();
    void Reset();  // so that the client sees ECONNRESET

   private:
    friend class ScriptedServer;
    struct Tls;
    explicit Connection(int socket);
    bool Handshake(void* context);
    bool ReadRequest();
    long Read(char* data, std::size_t size);  // 0: closed; -1: not within kPatience

    int socket_;
    std::unique_ptr<Tls> tls_;
    Request request_;
  };

  enum class Mode { kPlain, kTls };
  explicit ScriptedServer(Mode mode = Mode::kPlain);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:43210"
  std::uint16_t port() const { return port_; }
  // PEM of the certificate, which names 127.0.0.1, localhost and later.test.
  const std::string& certificate() const { return certificate_; }
  // The same in a file that is there for as long as the server; "" without TLS.
  const std::string& certificate_file() const { return certificate_file_; }
  // Its key in a file, likewise: with certificate_file() an identity for a client.
  const std::string& key_file() const { return key_file_; }
  // From now on a client needs a certificate, and it has to be that of `authority`, which may be this server.
  void DemandClientCertificate(const ScriptedServer& authority);

  // The next connection with its request; connections that end before one is there count as none and are passed over.
  // nullptr when there is none in time.
  std::unique_ptr<Connection> Accept(std::chrono::milliseconds patience = kPatience);
  // The next connection, nothing read of it but the handshake of TLS; nullptr when that fails.
  std::unique_ptr<Connection> AcceptUnread(std::chrono::milliseconds patience = kPatience);
  // Whether somebody connects within the time, without accepting.
  bool IsAsked(std::chrono::milliseconds patience);

  // Accepts one connection for each script, in order, in a thread; false in the end when one of them did not come.
  using Script = std::function<void(Connection&)>;
  std::future<bool> Serve(std::vector<Script> scripts);
  std::future<bool> Serve(Script script) { return Serve(std::vector<Script>{std::move(script)}); }

  // The server is gone: connections are refused. Start makes it listen on the same port again.
  void Stop();
  void Start();

 private:
  struct Context;

  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::unique_ptr<Context> context_;
  std::unique_ptr<CertificateFiles> files_;
  std::string certificate_;
  std::string certificate_file_;
  std::string key_file_;
};

// An address at which connecting neither succeeds nor fails: the queue of its listener is full.
class DeafServer {
 public:
  DeafServer();
  ~DeafServer();
  DeafServer(const DeafServer&) = delete;
  DeafServer& operator=(const DeafServer&) = delete;
  std::string url() const;

 private:
  int listener_ = -1;
  std::vector<int> callers_;
  std::uint16_t port_ = 0;
};

}  // namespace guidon::testing
