#include "cli/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace guidon::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::string_view kPath = "/signed-in";
constexpr std::size_t kMostRequestBytes = 8u << 10;
constexpr std::chrono::seconds kOfOneRequest(5);

constexpr std::string_view kDone =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Guidon</title></head><body><p>guidon has "
    "what "
    "it needs: go on in the terminal. This page can be closed.</p></body></html>\n";

// False when nothing comes until then.
bool WaitToRead(int socket, Clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
  pollfd waits{socket, POLLIN, 0};
  return left.count() > 0 && poll(&waits, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000))) > 0;
}

// As far as its head goes, which is all of a GET.
std::string ReadRequest(int socket) {
  std::string text;
  const Clock::time_point until = Clock::now() + kOfOneRequest;
  while (text.find("\r\n\r\n") == std::string::npos && text.size() < kMostRequestBytes && WaitToRead(socket, until)) {
    std::array<char, 2048> bytes;
    const ssize_t size = recv(socket, bytes.data(), bytes.size(), 0);
    if (size <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return text;
}

void Answer(int socket, std::string_view status, std::string_view body) {
  std::string text = "HTTP/1.1 ";
  text.append(status).append("\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n");
  text.append("Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\nContent-Length: ");
  text.append(std::to_string(body.size())).append("\r\nConnection: close\r\n\r\n").append(body);
  (void)send(socket, text.data(), text.size(), MSG_NOSIGNAL);  // whether it is seen changes nothing
  shutdown(socket, SHUT_WR);
}

// Of "GET /signed-in?code=…&state=… HTTP/1.1": what the server makes has nothing in it that would be encoded.
std::optional<std::string> CodeOf(const std::string& request, std::string_view state) {
  const std::string begin = "GET " + std::string(kPath) + "?";
  if (!request.starts_with(begin)) return std::nullopt;
  std::string_view query = std::string_view(request).substr(begin.size());
  query = query.substr(0, query.find(' '));
  std::string code, said;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (one.starts_with("code=")) code = one.substr(5);
    if (one.starts_with("state=")) said = one.substr(6);
  }
  if (code.empty() || said != state) return std::nullopt;
  return code;
}

}  // namespace

Result<std::unique_ptr<Loopback>> Loopback::Open() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (listener < 0 || bind(listener, any, size) != 0 || listen(listener, 8) != 0 ||
      getsockname(listener, any, &size) != 0) {
    const std::string cause = std::strerror(errno);
    if (listener >= 0) close(listener);
    return Fail(ErrorCode::kIo, "cannot listen on 127.0.0.1, where the browser has to come back: " + cause);
  }
  return std::unique_ptr<Loopback>(new Loopback(listener, ntohs(address.sin_port)));
}

Loopback::~Loopback() {
  close(listener_);
}

std::string Loopback::uri() const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(kPath);
}

Result<std::string> Loopback::WaitForCode(std::string_view state, std::chrono::milliseconds time) {
  const Clock::time_point until = Clock::now() + time;
  while (Clock::now() < until) {
    if (!WaitToRead(listener_, until)) continue;
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const std::optional<std::string> code = CodeOf(ReadRequest(socket), state);
    if (code) {
      Answer(socket, "200 OK", kDone);
    } else {
      Answer(socket, "404 Not Found", "");
    }
    close(socket);
    if (code) return *code;
  }
  return Fail(ErrorCode::kUnavailable, "the browser did not come back; see what it shows, and run guidon login again");
}

}  // namespace guidon::cli
