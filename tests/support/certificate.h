// Certificates that are made while a test runs: they sign themselves, and so are their own authority.
//
//   const CertificateFiles ours;
//   Guidond server({.arguments = {"--tls-cert", ours.certificate_file(), "--tls-key", ours.key_file()}});
//   HttpConnection client(server.port(), {.ca_file = ours.certificate_file()});
//
// Thread safety: immutable, but for Replace.
#pragma once

#include <chrono>
#include <string>

#include "tests/support/process.h"

namespace guidon::testing {

struct Certificate {
  std::string pem;
  std::string key_pem;
};

struct CertificateOptions {
  std::string name = "test";
  std::chrono::seconds begins{-3600};  // from now
  std::chrono::seconds ends{24 * 3600};
};

// For 127.0.0.1, localhost and later.test.
Certificate MakeCertificate(const CertificateOptions& options = {});

class CertificateFiles {
 public:
  explicit CertificateFiles(const CertificateOptions& options = {}) { Replace(MakeCertificate(options)); }

  // Puts another one in the place of both files, the key last.
  void Replace(const Certificate& certificate);

  std::string certificate_file() const { return folder_ / "certificate.pem"; }
  std::string key_file() const { return folder_ / "key.pem"; }

 private:
  TemporaryFolder folder_;
};

}  // namespace guidon::testing
