// A certificate, its key, and how connections are encrypted with them: TLS 1.2 and 1.3, by OpenSSL.
//
//   Result<std::shared_ptr<const Tls>> tls = Tls::Load({.certificate = "tls.crt", .key = "tls.key"});
//   options.tls = *tls;          // of the server, at its start …
//   server->UseTls(*newer);      // … and for handshakes from now on
//
// Thread safety: a Tls is immutable and may be shared; OpenSSL counts who uses it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"

struct ssl_ctx_st;

namespace guidon::http {

// Paths of PEM files.
struct TlsFiles {
  std::string certificate;  // with what stands between it and the authority after it
  std::string key;          // not encrypted
  std::string client_ca;    // whose certificates clients have to show; empty: none is asked for
};

class Tls {
 public:
  // Reads the files. The error is one line with the file at fault and what is wrong with it: not readable, not PEM,
  // encrypted, or a key that is not that of the certificate. An expired certificate is taken: see expires().
  static Result<std::shared_ptr<const Tls>> Load(const TlsFiles& files);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // Unix time in seconds: from when the certificate is valid, and until when it and all that is sent with it are.
  std::int64_t valid_from() const { return valid_from_; }
  std::int64_t expires() const { return expires_; }

  ssl_ctx_st* context() const { return context_; }

 private:
  Tls();
  Status Configure();
  Status TakeCertificate(const TlsFiles& files);
  Status TakeKey(const TlsFiles& files);
  Status TakeClientAuthorities(const TlsFiles& files);

  ssl_ctx_st* context_;
  std::int64_t valid_from_ = 0;
  std::int64_t expires_ = 0;
};

// Changes when the content of one of the files does; files that cannot be read count as empty ones.
std::string FingerprintOf(const TlsFiles& files);

}  // namespace guidon::http
