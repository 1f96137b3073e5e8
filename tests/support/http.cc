#include "tests/support/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace guidon::testing {
namespace {

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// Waits for readiness; false at the deadline.
bool WaitFor(int socket, short events, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{socket, events, 0};
    const int ready = poll(&wait, 1, std::max(0, static_cast<int>(left.count())));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// "HTTP/1.1 200 OK" -> 200; 0 when it is something else.
int StatusOf(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
  int status = 0;
  const auto read = std::from_chars(line.data() + 9, line.data() + 12, status);
  return read.ec == std::errc() && read.ptr == line.data() + 12 ? status : 0;
}

}  // namespace

std::string HttpAnswer::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameName(key, name)) return value;
  }
  return "";
}

int HttpAnswer::CountOf(std::string_view name) const {
  return static_cast<int>(
      std::count_if(headers.begin(), headers.end(), [&](const auto& header) { return SameName(header.first, name); }));
}

// Between memory and memory, so that sockets are used as without it.
struct HttpConnection::Tls {
  explicit Tls(const TlsClient& client) : context(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    const bool usable =
        SSL_CTX_load_verify_locations(context, client.ca_file.c_str(), nullptr) == 1 &&
        (client.certificate_file.empty() ||
         (SSL_CTX_use_certificate_file(context, client.certificate_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
          SSL_CTX_use_PrivateKey_file(context, client.key_file.c_str(), SSL_FILETYPE_PEM) == 1));
    if (client.version != 0) {
      SSL_CTX_set_min_proto_version(context, client.version);
      SSL_CTX_set_max_proto_version(context, client.version);
      if (client.version < TLS1_2_VERSION) SSL_CTX_set_security_level(context, 0);
    }
    ssl = SSL_new(context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
    if (!client.protocols.empty()) {
      SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(client.protocols.data()),
                          static_cast<unsigned>(client.protocols.size()));
    }
    if (client.session != nullptr) SSL_set_session(ssl, client.session);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    if (!usable) throw std::runtime_error("the client's files cannot be used");
  }
  ~Tls() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  SSL_CTX* context;
  SSL* ssl = nullptr;
};

HttpConnection::HttpConnection(std::uint16_t port) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const std::string why = std::strerror(errno);
    close(socket_);
    throw std::runtime_error("cannot connect to port " + std::to_string(port) + ": " + why);
  }
  const int yes = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

HttpConnection::~HttpConnection() {
  if (socket_ >= 0) close(socket_);
}

HttpConnection::HttpConnection(std::uint16_t port, const TlsClient& tls) : HttpConnection(port) {
  tls_ = std::make_unique<Tls>(tls);
  if (const std::string fault = ShakeHands(); !fault.empty()) throw std::runtime_error("no TLS: " + fault);
}

ssl_st* HttpConnection::tls() const {
  return tls_ ? tls_->ssl : nullptr;
}

// "" when it is done.
std::string HttpConnection::ShakeHands() {
  const TimePoint deadline = std::chrono::steady_clock::now() + kPatience;
  ERR_clear_error();
  while (SSL_do_handshake(tls_->ssl) != 1) {
    const unsigned long code = ERR_peek_error();
    SendEncrypted();
    if (code != 0) {
      ERR_clear_error();
      return ERR_reason_error_string(code);
    }
    if (ended_ || !Fill(deadline)) return ended_ ? "the connection ended" : "nothing came";
  }
  SendEncrypted();
  return "";
}

bool HttpConnection::SendEncrypted() {
  char* data = nullptr;
  BIO* const out = SSL_get_wbio(tls_->ssl);
  const long size = BIO_get_mem_data(out, &data);
  const bool sent = size <= 0 || SendRaw({data, static_cast<std::size_t>(size)});
  BIO_reset(out);
  return sent;
}

// False when that is the end.
bool HttpConnection::Decrypt(std::string_view bytes) {
  BIO_write(SSL_get_rbio(tls_->ssl), bytes.data(), static_cast<int>(bytes.size()));
  if (SSL_is_init_finished(tls_->ssl) != 1) return true;  // the handshake goes on with it
  ERR_clear_error();
  char plain[1 << 14];
  for (int n; (n = SSL_read(tls_->ssl, plain, sizeof plain)) > 0;) read_.append(plain, static_cast<std::size_t>(n));
  told_of_end_ = (SSL_get_shutdown(tls_->ssl) & SSL_RECEIVED_SHUTDOWN) != 0 && ERR_peek_error() == 0;
  const bool is_broken = ERR_peek_error() != 0;
  ERR_clear_error();
  SendEncrypted();
  return !told_of_end_ && !is_broken;
}

void HttpConnection::ShrinkReceiveBuffer(int bytes) {
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

bool HttpConnection::Send(std::string_view bytes) {
  if (!tls_) return SendRaw(bytes);
  ERR_clear_error();
  return bytes.empty() || (SSL_write(tls_->ssl, bytes.data(), static_cast<int>(bytes.size())) > 0 && SendEncrypted());
}

bool HttpConnection::SendRaw(std::string_view bytes) {
  const TimePoint deadline = std::chrono::steady_clock::now() + kPatience;
  while (!bytes.empty()) {
    const ssize_t size = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
    } else if (errno == EAGAIN) {
      if (!WaitFor(socket_, POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::size_t HttpConnection::SendSome(std::string_view bytes) {
  if (tls_) return Send(bytes) ? bytes.size() : 0;
  const ssize_t size = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

HttpAnswer HttpConnection::ReadAnswer(bool without_body, std::chrono::milliseconds patience) {
  const TimePoint deadline = std::chrono::steady_clock::now() + patience;
  HttpAnswer answer = TakeHead(deadline);
  if (answer.status == 0 || without_body || answer.status / 100 == 1 || answer.status == 204 || answer.status == 304) {
    return answer;
  }
  if (SameName(answer.Header("Transfer-Encoding"), "chunked")) {
    answer.body = TakeChunks(deadline, answer.fault);
    return answer;
  }
  if (answer.CountOf("Content-Length") == 0) {
    while (Fill(deadline)) {
    }
    answer.body = std::exchange(read_, "");
    return answer;
  }
  const std::string length = answer.Header("Content-Length");
  std::size_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  if (!FillTo(size, deadline)) answer.fault = "the body ends after " + std::to_string(read_.size()) + " of " + length;
  answer.body = read_.substr(0, size);
  read_.erase(0, size);
  return answer;
}

HttpAnswer HttpConnection::ReadHead(std::chrono::milliseconds patience) {
  return TakeHead(std::chrono::steady_clock::now() + patience);
}

std::string HttpConnection::ReadSome(std::chrono::milliseconds patience) {
  if (read_.empty()) Fill(std::chrono::steady_clock::now() + patience);
  return std::exchange(read_, "");
}

std::string HttpConnection::ReadUntil(std::string_view text, std::chrono::milliseconds patience) {
  const TimePoint deadline = std::chrono::steady_clock::now() + patience;
  std::size_t found = read_.find(text);
  for (std::size_t seen = read_.size(); found == std::string::npos && Fill(deadline); seen = read_.size()) {
    found = read_.find(text, seen - std::min(seen, text.size()));
  }
  const std::size_t size = found == std::string::npos ? read_.size() : found + text.size();
  std::string taken = read_.substr(0, size);
  read_.erase(0, size);
  return taken;
}

bool HttpConnection::IsAtEnd(std::chrono::milliseconds patience) {
  if (!read_.empty()) return false;
  Fill(std::chrono::steady_clock::now() + patience);
  return read_.empty() && ended_;
}

void HttpConnection::ShutDownSending() {
  if (tls_) {
    SSL_shutdown(tls_->ssl);
    SendEncrypted();
  }
  shutdown(socket_, SHUT_WR);
}

void HttpConnection::Reset() {
  const linger now{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(socket_);
  socket_ = -1;
  ended_ = true;
}

// False at the deadline and at the end.
bool HttpConnection::Fill(TimePoint deadline) {
  while (!ended_ && WaitFor(socket_, POLLIN, deadline)) {
    char bytes[1 << 16];
    const ssize_t size = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size > 0 && tls_) {
      const std::size_t before = read_.size();
      ended_ = !Decrypt({bytes, static_cast<std::size_t>(size)});
      if (read_.size() > before || SSL_is_init_finished(tls_->ssl) != 1) return true;
      continue;
    }
    if (size > 0) {
      read_.append(bytes, static_cast<std::size_t>(size));
      return true;
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR)) ended_ = true;
  }
  return false;
}

bool HttpConnection::FillTo(std::size_t size, TimePoint deadline) {
  while (read_.size() < size) {
    if (!Fill(deadline)) return false;
  }
  return true;
}

HttpAnswer HttpConnection::TakeHead(TimePoint deadline) {
  HttpAnswer answer;
  std::size_t end = read_.find("\r\n\r\n");
  while (end == std::string::npos && Fill(deadline)) end = read_.find("\r\n\r\n");
  if (end == std::string::npos) {
    answer.fault = std::string(ended_ ? "the connection ended" : "no answer came") + " after '" + read_ + "'";
    return answer;
  }
  const std::string head = read_.substr(0, end + 2);
  read_.erase(0, end + 4);
  std::size_t at = head.find("\r\n");
  answer.status = StatusOf(head.substr(0, at));
  if (answer.status == 0) answer.fault = "not a status line: " + head.substr(0, at);
  for (at += 2; at < head.size();) {
    const std::size_t line_end = head.find("\r\n", at);
    const std::string line = head.substr(at, line_end - at);
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) answer.fault = "not a header: " + line;
    if (colon != std::string::npos) answer.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    at = line_end + 2;
  }
  return answer;
}

std::string HttpConnection::TakeChunks(TimePoint deadline, std::string& fault) {
  std::string body;
  for (;;) {
    std::size_t end = read_.find("\r\n");
    while (end == std::string::npos && Fill(deadline)) end = read_.find("\r\n");
    std::size_t size = 0;
    if (end == std::string::npos || std::from_chars(read_.data(), read_.data() + end, size, 16).ec != std::errc() ||
        !FillTo(end + 2 + size + 2, deadline)) {
      fault = "the chunks end early";
      return body;
    }
    body += read_.substr(end + 2, size);
    read_.erase(0, end + 2 + size + 2);
    if (size == 0) return body;
  }
}

HttpAnswer HttpCall(std::uint16_t port, std::string_view method, std::string_view path,
                    const HttpCallOptions& options) {
  std::string text = std::string(method) + " " + std::string(path) +
                     " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\nConnection: close\r\n";
  if (!options.key.empty()) text += "Authorization: Bearer " + options.key + "\r\n";
  if (!options.body.empty()) {
    text += "Content-Type: " + options.type + "\r\nContent-Length: " + std::to_string(options.body.size()) + "\r\n";
  }
  for (const auto& [name, value] : options.headers) text += name + ": " + value + "\r\n";
  HttpConnection connection = options.tls == nullptr ? HttpConnection(port) : HttpConnection(port, *options.tls);
  connection.Send(text + "\r\n" + options.body);
  return connection.ReadAnswer(method == "HEAD");
}

}  // namespace guidon::testing
