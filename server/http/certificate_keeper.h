// Keeps a server's certificate that of its files: looks at them from time to time, or when told to, and hands over what
// has changed. A pair that cannot be used is not taken, not even in part; what was there before stays.
//
//   Result<std::unique_ptr<CertificateKeeper>> keeper = CertificateKeeper::Open({.files = files});
//   options.tls = (*keeper)->current();
//   (*keeper)->Watch([&](auto tls) { server->UseTls(tls); }, report);
//   (*keeper)->LookNow();   // SIGHUP
//
// Once a day it loads the files anew in any case: the key of session tickets, which is random, does not live longer.
//
// Thread safety: every method may be called from any thread; `use` and `report` are called on a thread of its own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "server/http/tls.h"

namespace guidon::http {

struct CertificateKeeperOptions {
  TlsFiles files;
  std::chrono::milliseconds interval{10'000};
  std::chrono::milliseconds ticket_key_lives{std::chrono::hours(24)};
};

class CertificateKeeper {
 public:
  using Use = std::function<void(std::shared_ptr<const Tls>)>;
  // Of every look that found something new or was asked for: the error of what was refused.
  using Report = std::function<void(const Status&)>;

  // Loads the files; fails with Tls::Load's error.
  static Result<std::unique_ptr<CertificateKeeper>> Open(CertificateKeeperOptions options);
  ~CertificateKeeper();  // waits for the look under way
  CertificateKeeper(const CertificateKeeper&) = delete;
  CertificateKeeper& operator=(const CertificateKeeper&) = delete;

  // Once. What is called must live until the keeper is gone.
  void Watch(Use use, Report report);
  // Looks soon, and reports in any case. Does not wait for it.
  void LookNow() GUIDON_EXCLUDES(mutex_);

  std::shared_ptr<const Tls> current() const GUIDON_EXCLUDES(mutex_);

 private:
  CertificateKeeper(CertificateKeeperOptions options, std::string fingerprint, std::shared_ptr<const Tls> tls);
  void Run() GUIDON_EXCLUDES(mutex_);
  void Look(bool is_asked_for) GUIDON_EXCLUDES(mutex_);

  const CertificateKeeperOptions options_;
  Use use_;
  Report report_;
  // Of the thread.
  std::string fingerprint_;  // of what was tried last, whether or not it was taken
  std::chrono::steady_clock::time_point loaded_at_ = std::chrono::steady_clock::now();

  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<const Tls> tls_ GUIDON_GUARDED_BY(mutex_);
  bool asked_ GUIDON_GUARDED_BY(mutex_) = false;
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace guidon::http
