#include "server/http/socket.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>

namespace guidon::http {
namespace {

// ---- How OpenSSL reaches the descriptor: its own way would raise SIGPIPE, and may wait ---------------------------

int DescriptorOf(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool IsNotReady(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int WriteBio(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::send(DescriptorOf(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && IsNotReady(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

// What one try may read of the socket. OpenSSL goes on by itself for as long as records come that carry nothing
// (TLS 1.2: renegotiations, each of which it refuses), and nobody else on this thread would be served meanwhile.
constexpr int kReadsOfATry = 64;  // two for a record
thread_local int reads_left = 0;

int ReadBio(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  if (reads_left-- <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const ssize_t n = ::recv(DescriptorOf(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  if (n < 0 && IsNotReady(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(n);
}

long ControlBio(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* MakeBio(int descriptor) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket");
    BIO_meth_set_write(made, WriteBio);
    BIO_meth_set_read(made, ReadBio);
    BIO_meth_set_ctrl(made, ControlBio);
    return made;
  }();
  BIO* const bio = BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  return bio;
}

Tried TriedPlain(ssize_t n, Tried::State when_not_ready) {
  if (n > 0) return {Tried::State::kDone, static_cast<std::size_t>(n)};
  if (n == 0) return {Tried::State::kEnd, 0};
  return {IsNotReady(errno) ? when_not_ready : Tried::State::kFailed, 0};
}

int AtMostInt(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

void Socket::FreeTls::operator()(ssl_st* tls) const {
  SSL_free(tls);
}

Socket::Socket(TcpSocket socket) : tcp_(std::move(socket)) {}
Socket::~Socket() = default;

void Socket::Cancel() {
  boost::system::error_code ignored;
  tcp_.cancel(ignored);
}

void Socket::StartTls(const Tls& tls) {
  BIO* const bio = MakeBio(tcp_.native_handle());
  tls_.reset(bio == nullptr ? nullptr : SSL_new(tls.context()));
  if (!tls_) {
    BIO_free(bio);
    tls_fault_ = "no memory";
    return;
  }
  SSL_set_bio(tls_.get(), bio, bio);
  SSL_set_accept_state(tls_.get());
}

Tried Socket::TryHandshake() {
  if (!tls_) return {Tried::State::kFailed, 0};
  ERR_clear_error();
  reads_left = kReadsOfATry;
  const Tried tried = Judge(SSL_do_handshake(tls_.get()));
  if (tried.state != Tried::State::kFailed) return tried;
  const unsigned long code = ERR_peek_error();
  if (code == 0) return tried;
  spoke_http_ = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST;
  const char* reason = ERR_reason_error_string(code);
  tls_fault_ = reason == nullptr ? "no reason known" : reason;
  if (const long verified = SSL_get_verify_result(tls_.get()); verified != X509_V_OK) {
    tls_fault_ += std::string(": ") + X509_verify_cert_error_string(verified);
  }
  ERR_clear_error();
  return tried;
}

// What a call of OpenSSL came to. `result` is positive when it did something.
Tried Socket::Judge(int result) {
  if (result > 0) return {Tried::State::kDone, static_cast<std::size_t>(result)};
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Tried::State::kWantsRead, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Tried::State::kWantsWrite, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Tried::State::kEnd, 0};
    default:
      is_broken_ = true;
      return {Tried::State::kFailed, 0};
  }
}

Tried Socket::TrySend(const char* data, std::size_t size) {
  if (!tls_) {
    return TriedPlain(::send(tcp_.native_handle(), data, size, MSG_NOSIGNAL | MSG_DONTWAIT), Tried::State::kWantsWrite);
  }
  ERR_clear_error();
  reads_left = kReadsOfATry;
  return Judge(SSL_write(tls_.get(), data, AtMostInt(size)));
}

Tried Socket::TrySendBoth(std::string_view first, std::string_view second) {
  if (second.empty()) return TrySend(first.data(), first.size());
  if (first.empty()) return TrySend(second.data(), second.size());
  if (!tls_) {
    std::array<iovec, 2> pieces{iovec{const_cast<char*>(first.data()), first.size()},
                                iovec{const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    return TriedPlain(::sendmsg(tcp_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT),
                      Tried::State::kWantsWrite);
  }
  // In one record, and so in one packet.
  if (first.size() >= kRecord) return TrySend(first.data(), kRecord);
  std::array<char, kRecord> record;
  std::memcpy(record.data(), first.data(), first.size());
  const std::size_t more = std::min(second.size(), kRecord - first.size());
  std::memcpy(record.data() + first.size(), second.data(), more);
  return TrySend(record.data(), first.size() + more);
}

Tried Socket::TryReceive(char* data, std::size_t size) {
  if (!tls_) return TriedPlain(::recv(tcp_.native_handle(), data, size, MSG_DONTWAIT), Tried::State::kWantsRead);
  ERR_clear_error();
  reads_left = kReadsOfATry;
  return Judge(SSL_read(tls_.get(), data, AtMostInt(size)));
}

bool Socket::HasUnread() const {
  return tls_ && SSL_pending(tls_.get()) > 0;
}

// close_notify, if the socket takes it at once. After a failure, or in the middle of a handshake, it must not be said.
void Socket::SayGoodbye() {
  if (!tls_ || is_broken_ || SSL_is_init_finished(tls_.get()) != 1) return;
  ERR_clear_error();
  reads_left = kReadsOfATry;
  SSL_shutdown(tls_.get());
  ERR_clear_error();
}

void Socket::ShutDownSending() {
  SayGoodbye();
  boost::system::error_code ignored;
  tcp_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void Socket::Close() {
  if (!is_open()) return;
  SayGoodbye();
  tls_.reset();  // which knows the descriptor by number
  boost::system::error_code ignored;
  tcp_.shutdown(asio::socket_base::shutdown_both, ignored);
  tcp_.close(ignored);
}

boost::system::error_code Socket::ErrorOf(const Tried& tried) {
  if (tried.state == Tried::State::kEnd) return asio::error::eof;
  if (tried.state == Tried::State::kFailed) return asio::error::connection_reset;
  return {};
}

}  // namespace guidon::http
