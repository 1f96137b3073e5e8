// The bytes of a connection: a TCP socket, plain or with TLS on top, so that sessions and streams need not care.
// Internal to the http room.
//
// Whatever it does it tries without waiting, and what has to be waited for is waited for by readiness. TLS is OpenSSL
// on the descriptor itself: between two records it holds no buffer, and while it waits there is nothing but a wait for
// readiness. (An asio::ssl::stream keeps two buffers of 17 KB, and OpenSSL two more.) Without TLS every call is the one
// to the socket, behind one branch.
//
// Threads: one, that of its connection.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/tls.h"

struct ssl_st;

namespace guidon::http {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
// On an io_context and nothing else: tcp::socket would look for what it runs on behind a pointer, several times for
// each operation.
using TcpSocket = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;

// What came of a try.
struct Tried {
  enum class State : std::uint8_t { kDone, kWantsRead, kWantsWrite, kEnd, kFailed };
  State state = State::kDone;
  std::size_t size = 0;  // bytes; 0 unless done

  bool must_wait() const { return state == State::kWantsRead || state == State::kWantsWrite; }
  bool is_over() const { return state == State::kEnd || state == State::kFailed; }
  asio::socket_base::wait_type wait() const {
    return state == State::kWantsRead ? asio::socket_base::wait_read : asio::socket_base::wait_write;
  }
};

class Socket {
 public:
  explicit Socket(TcpSocket socket);
  Socket(Socket&&) = default;
  ~Socket();

  TcpSocket& raw() { return tcp_; }
  bool is_open() const { return tcp_.is_open(); }
  void Cancel();  // ends what is waited for with operation_aborted

  // From here on all bytes are encrypted. `handler(error)`, once, when the other side has agreed; it is never called
  // before this returns.
  template <typename Handler>
  void AsyncHandshake(const Tls& tls, Handler handler) {
    StartTls(tls);
    Persist([this] { return TryHandshake(); },
            [handler = std::move(handler)](boost::system::error_code error, std::size_t) mutable { handler(error); });
  }
  // Why the handshake failed, for people; "" when the other side just left.
  const std::string& tls_fault() const { return tls_fault_; }
  // The other side spoke HTTP instead of TLS: as if TLS had never been there. Its request is lost.
  bool spoke_http() const { return spoke_http_; }
  void DropTls() { tls_.reset(); }

  // `handler(error, size)`, once something has come; it is never called before this returns.
  template <typename Handler>
  void AsyncReceive(asio::mutable_buffer into, Handler handler) {
    if (!tls_) {
      tcp_.async_read_some(into, std::move(handler));
      return;
    }
    Persist([this, into] { return TryReceive(static_cast<char*>(into.data()), into.size()); }, std::move(handler));
  }

  // Without waiting: as much as goes at once, of TLS at most a record.
  Tried TrySend(const char* data, std::size_t size);
  // The same for two pieces, one behind the other, in one call to the system.
  Tried TrySendBoth(std::string_view first, std::string_view second);
  Tried TryReceive(char* data, std::size_t size);
  // Whether bytes were read from the socket that TryReceive has not given yet: no readiness will tell of them.
  bool HasUnread() const;

  // Says that nothing more comes from us (of TLS: close_notify); what the other side sends can still be taken from
  // raw(), as it came.
  void ShutDownSending();
  void Close();

 private:
  static constexpr std::size_t kRecord = 16 << 10;

  struct FreeTls {
    void operator()(ssl_st* tls) const;
  };

  void StartTls(const Tls& tls);
  Tried TryHandshake();
  Tried Judge(int result);
  void SayGoodbye();

  // Tries until it is through or failed, and waits for the socket in between.
  template <typename Try, typename Handler>
  void Persist(Try attempt, Handler handler, bool may_call = false) {
    const Tried tried = attempt();
    if (tried.must_wait()) {
      tcp_.async_wait(tried.wait(), [this, attempt = std::move(attempt),
                                     handler = std::move(handler)](boost::system::error_code error) mutable {
        if (error) return handler(error, std::size_t{0});
        Persist(std::move(attempt), std::move(handler), true);
      });
      return;
    }
    const boost::system::error_code error = ErrorOf(tried);
    if (may_call) return handler(error, tried.size);
    asio::post(tcp_.get_executor(),
               [handler = std::move(handler), error, size = tried.size]() mutable { handler(error, size); });
  }

  static boost::system::error_code ErrorOf(const Tried& tried);

  TcpSocket tcp_;
  std::unique_ptr<ssl_st, FreeTls> tls_;
  std::string tls_fault_;
  bool spoke_http_ = false;
  bool is_broken_ = false;  // TLS failed: nothing more may be said in it
};

}  // namespace guidon::http
