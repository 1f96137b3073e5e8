// The HttpClient over cpp-httplib 0.11, and what it takes to make that one stop.
//
// Its own stop() is lost when no socket is open yet, and over TLS it writes to the socket from the stopping thread,
// which can raise SIGPIPE there. Therefore we keep a duplicate of the descriptor of every socket that it creates and
// shut that down: this reaches the connection, wakes whoever waits on it, and cannot hit a descriptor that was closed
// and given to somebody else meanwhile. A socket that is shut down before it is connected does not notice, so Stop
// repeats it until the call is over. SIGPIPE is blocked in the calling thread during a call.
#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "net/http_client.h"

namespace guidon::net {
namespace {

using Clock = std::chrono::steady_clock;

// Blocks SIGPIPE for the calling thread, and swallows one that came up meanwhile.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    const timespec at_once{};
    if (!was_pending_) {
      while (sigtimedwait(&pipe_, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

// The socket of the call under way, for the thread that stops it.
class Connection {
 public:
  ~Connection() { Close(); }

  void Watch(int socket) {
    std::lock_guard<std::mutex> lock(mutex_);
    CloseLocked();
    copy_ = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  }
  void Shutdown() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (copy_ >= 0) shutdown(copy_, SHUT_RDWR);
  }
  void Close() {
    std::lock_guard<std::mutex> lock(mutex_);
    CloseLocked();
  }

 private:
  void CloseLocked() {
    if (copy_ >= 0) close(copy_);
    copy_ = -1;
  }

  std::mutex mutex_;
  int copy_ = -1;  // guarded by mutex_
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool IsHeaderSafe(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

HttpResponse HeadOf(const httplib::Response& response) {
  HttpResponse head;
  head.status = response.status;
  for (const auto& [name, value] : response.headers) head.headers.emplace_back(name, value);
  return head;
}

class HttplibClient final : public HttpClient {
 public:
  HttplibClient(Url url, HttpOptions options) : url_(std::move(url)), options_(std::move(options)) {}
  ~HttplibClient() override { Stop(std::chrono::milliseconds(0)); }

  HttpResult Send(const HttpRequest& request) override {
    HttpResult result;
    std::string body;
    bool too_large = false, late = false;
    const auto begin = Clock::now();
    Exchange exchange;
    exchange.on_bytes = [&](std::string_view bytes) {
      too_large = body.size() + bytes.size() > options_.max_body_bytes;
      late = Clock::now() - begin > options_.total;
      if (!too_large && !late) body.append(bytes);
      return !too_large && !late;
    };
    result = Run(request, exchange);
    if (too_large) result = Failed(HttpFailure::kTooLarge, "sent more than the allowed number of bytes");
    if (late) result = Failed(HttpFailure::kTimeout, "did not finish its answer in time");
    if (result.ok()) result.response.body = std::move(body);
    return result;
  }

  HttpResult Stream(const HttpRequest& request, const OnHead& on_head, const OnBytes& on_bytes) override {
    return Run(request, Exchange{on_head, on_bytes});
  }

  bool Stop(std::chrono::milliseconds wait) override {
    stopped_ = true;
    const auto deadline = Clock::now() + wait;
    std::unique_lock<std::mutex> lock(mutex_);
    while (busy_) {
      connection_.Shutdown();
      const auto next = std::min(deadline, Clock::now() + std::chrono::milliseconds(5));
      idle_.wait_until(lock, next, [&] { return !busy_; });
      if (busy_ && Clock::now() >= deadline) return false;
    }
    return true;
  }

 private:
  struct Exchange {
    OnHead on_head;
    OnBytes on_bytes;
  };

  // Marks a call as under way; `idle_` is told when it is over.
  class Call {
   public:
    explicit Call(HttplibClient& client) : client_(client) {
      std::lock_guard<std::mutex> lock(client_.mutex_);
      client_.busy_ = true;
    }
    ~Call() {
      client_.connection_.Close();
      std::lock_guard<std::mutex> lock(client_.mutex_);
      client_.busy_ = false;
      client_.idle_.notify_all();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    HttplibClient& client_;
  };

  HttpResult Failed(HttpFailure failure, const std::string& what) const {
    HttpResult result;
    result.failure = failure;
    result.message = (url_.tls ? "https://" : "http://") + url_.Authority() + " " + what;
    return result;
  }

  HttpResult Run(const HttpRequest& request, const Exchange& exchange) {
    for (const auto& [name, value] : request.headers) {
      if (!IsHeaderSafe(name) || !IsHeaderSafe(value)) {
        return Failed(HttpFailure::kInvalid, "was not asked: the header " + name + " holds a line end");
      }
    }
    const Call call(*this);
    if (stopped_) return Failed(HttpFailure::kStopped, "was not asked: stopped");
    const WithoutSigpipe without_sigpipe;
    try {
      return Perform(request, exchange);
    } catch (const std::exception& e) {
      return Failed(HttpFailure::kClosed, std::string("could not be asked: ") + e.what());
    }
  }

  HttpResult Perform(const HttpRequest& request, const Exchange& exchange) {
    const std::unique_ptr<httplib::ClientImpl> http = MakeConnection();
    if (!http->is_valid()) return Failed(HttpFailure::kTls, "was not asked: TLS cannot be set up");
    httplib::Request message;
    message.method = request.method;
    message.path = url_.prefix + request.path;
    message.headers.emplace("Host", url_.Authority());
    for (const auto& [name, value] : request.headers) message.headers.emplace(name, value);
    if (request.method != "GET") message.body = request.body;
    bool refused = false;
    std::atomic<Clock::rep> last_byte{Clock::now().time_since_epoch().count()};
    HttpResult result;
    message.response_handler = [&](const httplib::Response& response) {
      last_byte = Clock::now().time_since_epoch().count();
      result.response = HeadOf(response);
      refused = exchange.on_head && !exchange.on_head(result.response);
      return !refused && !stopped_;
    };
    message.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
      last_byte = Clock::now().time_since_epoch().count();
      refused = !exchange.on_bytes(std::string_view(data, size));
      return !refused && !stopped_;
    };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool sent = http->send(message, response, error);
    if (stopped_) return Failed(HttpFailure::kStopped, "was left: stopped");
    if (refused) {
      HttpResult refusal = Failed(HttpFailure::kRefused, "gave an answer that was not wanted");
      refusal.response = std::move(result.response);
      return refusal;
    }
    if (!sent) return Explain(error, Clock::time_point(Clock::duration(last_byte)));
    if (result.response.status == 0) result.response = HeadOf(response);
    return result;
  }

  std::unique_ptr<httplib::ClientImpl> MakeConnection() {
    std::unique_ptr<httplib::ClientImpl> http;
    if (url_.tls) {
      http = std::make_unique<httplib::SSLClient>(url_.host, url_.port);
      if (!options_.ca_file.empty()) http->set_ca_cert_path(options_.ca_file);
      http->enable_server_certificate_verification(true);
    } else {
      http = std::make_unique<httplib::ClientImpl>(url_.host, url_.port);
    }
    http->set_connection_timeout(options_.connect);
    http->set_read_timeout(options_.silence);
    http->set_write_timeout(options_.silence);
    http->set_follow_location(false);
    http->set_url_encode(false);
    http->set_tcp_nodelay(true);
    http->set_socket_options([this](socket_t socket) {
      fcntl(socket, F_SETFD, FD_CLOEXEC);
      connection_.Watch(socket);
    });
    return http;
  }

  HttpResult Explain(httplib::Error error, Clock::time_point last_byte) const {
    switch (error) {
      case httplib::Error::Connection:
      case httplib::Error::ConnectionTimeout:
      case httplib::Error::BindIPAddress:
        return Failed(HttpFailure::kConnect, "does not accept connections");
      case httplib::Error::SSLConnection:
        return Failed(HttpFailure::kTls, "did not complete the TLS handshake");
      case httplib::Error::SSLLoadingCerts:
        return Failed(HttpFailure::kTls, "was not asked: the authorities in '" + options_.ca_file + "' cannot be read");
      case httplib::Error::SSLServerVerification:
        return Failed(HttpFailure::kTls, "has a certificate that is not trusted for that name");
      default:
        break;
    }
    if (Clock::now() - last_byte >= options_.silence) return Failed(HttpFailure::kTimeout, "fell silent");
    return Failed(HttpFailure::kClosed, "closed the connection before the end of its answer");
  }

  const Url url_;
  const HttpOptions options_;
  std::atomic<bool> stopped_{false};
  Connection connection_;

  std::mutex mutex_;
  std::condition_variable idle_;
  bool busy_ = false;  // guarded by mutex_
};

}  // namespace

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return {};
}

std::unique_ptr<HttpClient> MakeHttpClient(Url url, HttpOptions options) {
  return std::make_unique<HttplibClient>(std::move(url), std::move(options));
}

}  // namespace guidon::net
