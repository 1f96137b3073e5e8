// Puts guidond together: builds, starts and stops every long-lived object, in order.
//
//   Result<std::unique_ptr<App>> app = App::Start(config, log);
//   WaitForSignal();
//   (*app)->Stop();
//
// Thread safety: one thread starts and stops it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "server/config/config.h"
#include "server/telemetry/log.h"

namespace guidon {

extern const char* const kVersion;  // "1.2.3", that of the CMake project

// What is no setting, for tests.
struct AppOptions {
  std::chrono::milliseconds history_first_look = std::chrono::minutes(5);  // server/catalog/history.h
  std::chrono::milliseconds audit_first_look = std::chrono::minutes(5);    // server/catalog/audit_retention.h
  std::chrono::milliseconds checkpoint_look = std::chrono::seconds(10);    // server/catalog/audit_log.h
  std::chrono::milliseconds journal_first_look = std::chrono::minutes(5);  // server/ingest/journal_keeper.h
  std::chrono::milliseconds fold_look = std::chrono::seconds(1);           // at new events; server/ingest/fold.h
  std::chrono::milliseconds session_look = std::chrono::minutes(1);        // server/auth/session_keeper.h
  std::chrono::milliseconds certificate_look = std::chrono::seconds(10);   // server/http/certificate_keeper.h
};

class App {
 public:
  // Opens the store, loads the catalog, makes the first admin key if there is none (and logs it, once), listens.
  // The error is one line that says what to do. `log` outlives the App.
  static Result<std::unique_ptr<App>> Start(const Config& config, const Log& log, const AppOptions& options = {});
  ~App();

  std::uint16_t port() const;
  std::uint16_t admin_port() const;  // of admin-listen; 0 without it

  // SIGHUP: looks at the files of the certificate now rather than within ten seconds. Does not wait for it.
  void Reload();

  // Says goodbye to streams, finishes requests in flight, closes the store. At most config.stop_seconds.
  void Stop();

 private:
  class Impl;
  explicit App(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace guidon
