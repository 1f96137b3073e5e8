// Structured logs, one line each, to standard error:
//
//   level=info time=2026-11-24T09:41:00.123Z msg="listening" address=127.0.0.1:8400
//
//   log.Info("listening", {{"address", address}});
//
// Values are quoted and escaped as needed, so no input can forge a line. A value that looks like an API key is masked
// whatever it was logged as; Secret() is the one way around that, for the key that a first start shows once.
//
// A thread of its own writes, so that whoever logs never waits for a full pipe or a slow disk. Of what is not written
// yet, 1 MiB is kept; beyond it lines are lost, counted, and the log says how many once it can.
//
// Thread safety: every method may be called from any thread; lines are never mixed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guidon {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
bool ParseLogLevel(std::string_view word, LogLevel& level);  // debug, info, warn, error

// Cuts every API key in the text after its selector, which is no secret: gdn_srv_4fJ2kQz9wXbT…
std::string MaskKeys(std::string_view text);

using LogFields = std::vector<std::pair<std::string_view, std::string>>;

class Log {
 public:
  explicit Log(LogLevel least = LogLevel::kInfo, int file = 2);
  ~Log();  // writes what is left, for at most two seconds
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void Debug(std::string_view message, const LogFields& fields = {}) const { Write(LogLevel::kDebug, message, fields); }
  void Info(std::string_view message, const LogFields& fields = {}) const { Write(LogLevel::kInfo, message, fields); }
  void Warn(std::string_view message, const LogFields& fields = {}) const { Write(LogLevel::kWarn, message, fields); }
  void Error(std::string_view message, const LogFields& fields = {}) const { Write(LogLevel::kError, message, fields); }
  // Whether lines of that level are written: worth asking before the fields of one are made that comes often.
  bool Writes(LogLevel level) const { return level >= least_; }
  // Shows `secret` as it is, whatever the level; returns when it is written, or after two seconds.
  void Secret(std::string_view message, std::string_view name, std::string_view secret) const;

  // Returns when everything is written, or after two seconds.
  void Flush() const;

  // Lines that were lost because nobody took them, or that could not be written.
  std::uint64_t lost() const;

  // The line without its end, as Write writes it at this time.
  static std::string Format(LogLevel level, std::int64_t time_ms, std::string_view message, const LogFields& fields);

 private:
  class Writer;
  void Write(LogLevel level, std::string_view message, const LogFields& fields) const;

  const LogLevel least_;
  const std::unique_ptr<Writer> writer_;
};

}  // namespace guidon
