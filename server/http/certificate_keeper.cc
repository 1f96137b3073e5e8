#include "server/http/certificate_keeper.h"

#include <utility>

namespace guidon::http {

CertificateKeeper::CertificateKeeper(CertificateKeeperOptions options, std::string fingerprint,
                                     std::shared_ptr<const Tls> tls)
    : options_(std::move(options)), fingerprint_(std::move(fingerprint)), tls_(std::move(tls)) {}

Result<std::unique_ptr<CertificateKeeper>> CertificateKeeper::Open(CertificateKeeperOptions options) {
  // Before they are loaded: what is written between the two is seen at the first look.
  std::string fingerprint = FingerprintOf(options.files);
  Result<std::shared_ptr<const Tls>> tls = Tls::Load(options.files);
  if (!tls) return Fail(tls.error());
  return std::unique_ptr<CertificateKeeper>(
      new CertificateKeeper(std::move(options), std::move(fingerprint), *std::move(tls)));
}

CertificateKeeper::~CertificateKeeper() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void CertificateKeeper::Watch(Use use, Report report) {
  use_ = std::move(use);
  report_ = std::move(report);
  thread_ = std::thread([this] { Run(); });
}

void CertificateKeeper::LookNow() {
  {
    MutexLock lock(mutex_);
    asked_ = true;
  }
  changed_.NotifyAll();
}

std::shared_ptr<const Tls> CertificateKeeper::current() const {
  MutexLock lock(mutex_);
  return tls_;
}

void CertificateKeeper::Run() {
  for (;;) {
    bool is_asked_for = false;
    {
      MutexLock lock(mutex_);
      changed_.WaitFor(lock, options_.interval, [this]() GUIDON_REQUIRES(mutex_) { return stopping_ || asked_; });
      if (stopping_) return;
      is_asked_for = std::exchange(asked_, false);
    }
    Look(is_asked_for);
  }
}

void CertificateKeeper::Look(bool is_asked_for) {
  const auto now = std::chrono::steady_clock::now();
  std::string fingerprint = FingerprintOf(options_.files);
  const bool is_new = is_asked_for || fingerprint != fingerprint_;
  if (!is_new && now - loaded_at_ < options_.ticket_key_lives) return;
  fingerprint_ = std::move(fingerprint);
  loaded_at_ = now;
  Result<std::shared_ptr<const Tls>> tls = Tls::Load(options_.files);
  if (tls) {
    {
      MutexLock lock(mutex_);
      tls_ = *tls;
    }
    use_(*tls);
  }
  if (is_new) report_(tls ? Status() : Status(Fail(tls.error())));
}

}  // namespace guidon::http
