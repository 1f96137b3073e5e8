#include "tests/support/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>

#include "tests/support/certificate.h"

namespace guidon::testing {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void Give(const char* what) {
  throw std::runtime_error(std::string("scripted server: ") + what + ": " + std::to_string(errno));
}

// True when `socket` has what `events` asks for within the time.
bool Await(int socket, short events, milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    pollfd waiting{socket, events, 0};
    const int n = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

// OpenSSL writes without MSG_NOSIGNAL, and a client may be gone. The disposition of the process stays as it is: tests
// hold clients to not raising SIGPIPE.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    const timespec at_once{};
    if (sigismember(&before_, SIGPIPE) == 0) {
      while (::sigtimedwait(&pipe_, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

int Listen(std::uint16_t* port, int backlog) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) Give("socket");
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(*port);
  socklen_t size = sizeof(address);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0) Give("bind");
  if (::listen(listener, backlog) != 0) Give("listen");
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) Give("getsockname");
  *port = ntohs(address.sin_port);
  return listener;
}

std::string Address(const char* scheme, std::uint16_t port) {
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(port);
}

// "Name: value" lines up to the empty one.
void ParseHead(std::string_view head, ScriptedServer::Request& request) {
  const auto take_line = [&head] {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    return line;
  };
  const std::string_view first = take_line();
  const std::size_t blank = first.find(' ');
  request.method = first.substr(0, blank);
  request.target = first.substr(blank + 1, first.rfind(' ') - blank - 1);
  for (std::string_view line = take_line(); !line.empty(); line = take_line()) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    request.headers.emplace_back(line.substr(0, colon), value);
  }
}

}  // namespace

// ---- TLS ---------------------------------------------------------------------------------------------------------

struct ScriptedServer::Context {
  SSL_CTX* ssl = ::SSL_CTX_new(::TLS_server_method());
  ~Context() { ::SSL_CTX_free(ssl); }
};

struct ScriptedServer::Connection::Tls {
  explicit Tls(SSL_CTX* context) : ssl(::SSL_new(context)) {}
  ~Tls() { ::SSL_free(ssl); }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  SSL* ssl;
};

// ---- Connection --------------------------------------------------------------------------------------------------

std::string ScriptedServer::Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && ::strncasecmp(key.data(), name.data(), name.size()) == 0) return value;
  }
  return "";
}

ScriptedServer::Connection::Connection(int socket) : socket_(socket) {
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}
ScriptedServer::Connection::~Connection() {
  Close();
}

bool ScriptedServer::Connection::Handshake(void* context) {
  tls_ = std::make_unique<Tls>(static_cast<SSL_CTX*>(context));
  ::SSL_set_fd(tls_->ssl, socket_);
  const timeval patience{kPatience.count(), 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const WithoutSigpipe without_sigpipe;
  const bool done = ::SSL_accept(tls_->ssl) == 1;
  ::ERR_clear_error();
  return done;
}

long ScriptedServer::Connection::Read(char* data, std::size_t size) {
  if (tls_ != nullptr) {
    const WithoutSigpipe without_sigpipe;  // an alert may be written
    const int n = ::SSL_read(tls_->ssl, data, static_cast<int>(size));
    ::ERR_clear_error();
    return std::max(n, 0);
  }
  if (!Await(socket_, POLLIN, kPatience)) return -1;
  const ssize_t n = ::recv(socket_, data, size, 0);
  return n > 0 ? n : 0;  // a reset is an end, too
}

bool ScriptedServer::Connection::ReadRequest() {
  std::array<char, 16 * 1024> part;
  std::size_t body = std::string::npos, wanted = 0;
  while (body == std::string::npos || request_.raw.size() < body + wanted) {
    const long n = Read(part.data(), part.size());
    if (n <= 0) return false;
    request_.raw.append(part.data(), static_cast<std::size_t>(n));
    if (body != std::string::npos) continue;
    const std::size_t end = request_.raw.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    body = end + 4;
    ParseHead(std::string_view(request_.raw).substr(0, end + 2), request_);
    const std::string length = request_.Header("Content-Length");
    std::from_chars(length.data(), length.data() + length.size(), wanted);
  }
  request_.body = request_.raw.substr(body);
  return true;
}

bool ScriptedServer::Connection::Send(std::string_view bytes) {
  const WithoutSigpipe without_sigpipe;
  while (!bytes.empty() && socket_ >= 0) {
    long n = 0;
    if (tls_ != nullptr) {
      n = ::SSL_write(tls_->ssl, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1u << 20)));
      ::ERR_clear_error();
    } else {
      if (!Await(socket_, POLLOUT, kPatience)) return false;
      n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    }
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return bytes.empty();
}

bool ScriptedServer::Connection::SendHead(int status, const Headers& headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  return Send(head + "Connection: close\r\n\r\n");
}

bool ScriptedServer::Connection::SendAnswer(int status, const Headers& headers, std::string_view body) {
  Headers all = headers;
  all.emplace_back("Content-Length", std::to_string(body.size()));
  const bool sent = SendHead(status, all) && Send(body);
  Close();
  return sent;
}

bool ScriptedServer::Connection::WaitUntilClosed(milliseconds patience) {
  const auto until = Clock::now() + patience;
  std::array<char, 4096> ignored;
  while (socket_ >= 0) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0 || !Await(socket_, POLLIN, left)) return false;
    const ssize_t n = ::recv(socket_, ignored.data(), ignored.size(), 0);
    if (n == 0 || (n < 0 && errno != EINTR)) return true;
  }
  return true;
}

void ScriptedServer::Connection::Close() {
  if (socket_ < 0) return;
  const WithoutSigpipe without_sigpipe;
  if (tls_ != nullptr) ::SSL_shutdown(tls_->ssl);
  ::ERR_clear_error();
  tls_.reset();
  ::shutdown(socket_, SHUT_RDWR);
  ::close(socket_);
  socket_ = -1;
}

void ScriptedServer::Connection::Reset() {
  if (socket_ < 0) return;
  tls_.reset();
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  ::close(socket_);
  socket_ = -1;
}

// ---- Server ------------------------------------------------------------------------------------------------------

ScriptedServer::ScriptedServer(Mode mode) {
  if (mode == Mode::kTls) {
    context_ = std::make_unique<Context>();
    const Certificate made = MakeCertificate({.name = "scripted"});
    files_ = std::make_unique<CertificateFiles>();
    files_->Replace(made);
    certificate_ = made.pem;
    certificate_file_ = files_->certificate_file();
    key_file_ = files_->key_file();
    if (::SSL_CTX_use_certificate_file(context_->ssl, certificate_file_.c_str(), SSL_FILETYPE_PEM) != 1 ||
        ::SSL_CTX_use_PrivateKey_file(context_->ssl, key_file_.c_str(), SSL_FILETYPE_PEM) != 1) {
      Give("certificate");
    }
  }
  Start();
}
ScriptedServer::~ScriptedServer() {
  Stop();
}

void ScriptedServer::DemandClientCertificate(const ScriptedServer& authority) {
  if (::SSL_CTX_load_verify_locations(context_->ssl, authority.certificate_file_.c_str(), nullptr) != 1)
    Give("authority");
  ::SSL_CTX_set_verify(context_->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

std::string ScriptedServer::url() const {
  return Address(context_ != nullptr ? "https" : "http", port_);
}

bool ScriptedServer::IsAsked(milliseconds patience) {
  return listener_ >= 0 && Await(listener_, POLLIN, patience);
}

std::unique_ptr<ScriptedServer::Connection> ScriptedServer::AcceptUnread(milliseconds patience) {
  if (!IsAsked(patience)) return nullptr;
  const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (socket < 0) return nullptr;
  std::unique_ptr<Connection> connection(new Connection(socket));
  const bool is_open = context_ == nullptr || connection->Handshake(context_->ssl);
  return is_open ? std::move(connection) : nullptr;
}

std::unique_ptr<ScriptedServer::Connection> ScriptedServer::Accept(milliseconds patience) {
  const auto until = Clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return nullptr;
    std::unique_ptr<Connection> connection = AcceptUnread(left);
    if (connection != nullptr && connection->ReadRequest()) return connection;
  }
}

std::future<bool> ScriptedServer::Serve(std::vector<Script> scripts) {
  return std::async(std::launch::async, [this, scripts = std::move(scripts)] {
    for (const Script& script : scripts) {
      const std::unique_ptr<Connection> connection = Accept();
      if (connection == nullptr) return false;
      script(*connection);
    }
    return true;
  });
}

void ScriptedServer::Stop() {
  if (listener_ >= 0) ::close(listener_);
  listener_ = -1;
}

void ScriptedServer::Start() {
  if (listener_ < 0) listener_ = Listen(&port_, 128);
}

DeafServer::DeafServer() {
  listener_ = Listen(&port_, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  // The queue holds one connection; the others stay half open.
  for (int i = 0; i < 3; ++i) {
    const int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (caller < 0) Give("socket");
    ::connect(caller, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    callers_.push_back(caller);
  }
}

DeafServer::~DeafServer() {
  for (const int caller : callers_) ::close(caller);
  ::close(listener_);
}

std::string DeafServer::url() const {
  return Address("http", port_);
}

}  // namespace guidon::testing
