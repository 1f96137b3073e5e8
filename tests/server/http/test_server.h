// A server on a free port, with a handler for tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "server/http/server.h"
#include "tests/support/certificate.h"
#include "tests/support/http.h"

namespace guidon::http {

// Deadlines are looked at so often that a test which waits for one does not wait long.
inline ServerOptions TestOptions() {
  ServerOptions options;
  options.tick = std::chrono::milliseconds(10);
  return options;
}

inline std::unique_ptr<Server> MustStart(const ServerOptions& options, Handler handler) {
  Result<std::unique_ptr<Server>> server = Server::Start(options, std::move(handler));
  if (!server) throw std::runtime_error(server.error().message);
  return *std::move(server);
}

// Most of what a server does it does in the same way over both.
enum class Over { kPlain, kTls };
inline void PrintTo(Over over, std::ostream* out) {
  *out << (over == Over::kTls ? "TLS" : "plain");
}
inline std::string NameOf(const ::testing::TestParamInfo<Over>& info) {
  return info.param == Over::kTls ? "Tls" : "Plain";
}

inline const testing::CertificateFiles& TestCertificate() {
  static const testing::CertificateFiles kFiles;
  return kFiles;
}
inline std::shared_ptr<const Tls> MustLoad(const TlsFiles& files) {
  Result<std::shared_ptr<const Tls>> tls = Tls::Load(files);
  if (!tls) throw std::runtime_error(tls.error().message);
  return *std::move(tls);
}
inline std::shared_ptr<const Tls> TestTls() {
  return MustLoad({TestCertificate().certificate_file(), TestCertificate().key_file(), ""});
}
inline testing::TlsClient TestTlsClient() {
  return {.ca_file = TestCertificate().certificate_file()};
}
inline testing::HttpConnection ConnectTo(std::uint16_t port, Over over) {
  return over == Over::kTls ? testing::HttpConnection(port, TestTlsClient()) : testing::HttpConnection(port);
}

// "GET /echo HTTP/1.1\r\nHost: test\r\n" + headers + the empty line.
inline std::string Get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" + std::string(headers) + "\r\n";
}
inline std::string Post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

}  // namespace guidon::http
