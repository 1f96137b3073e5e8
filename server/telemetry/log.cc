#include "server/telemetry/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/model/units.h"

namespace guidon {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warn", "error"};
constexpr std::string_view kKeyPrefix = "gdn_";
constexpr std::size_t kShownOfKey = 20;  // kind and selector, which are no secret

bool IsPlain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && c < 0x7f;
  });
}

// Cuts every key in the text after its selector.
std::string MaskKeys(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t key = text.find(kKeyPrefix, at);
    out += text.substr(at, key - at);
    if (key == std::string_view::npos) break;
    std::size_t end = key;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) ++end;
    out += text.substr(key, std::min(end - key, kShownOfKey));
    if (end - key > kShownOfKey) out += "…";
    at = end;
  }
  return out;
}

void AppendValue(std::string& line, std::string_view value) {
  if (IsPlain(value)) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line.append(1, '\\').append(1, c);
    } else if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      static constexpr char kHex[] = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      line.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      line += c;
    }
  }
  line += '"';
}

std::int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// One write per line: lines of several threads and processes are not mixed.
void WriteLine(std::string line) {
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string Beginning(LogLevel level, std::int64_t time_ms, std::string_view message) {
  std::string line = "level=" + std::string(kLevels[static_cast<std::size_t>(level)]);
  line += " time=" + FormatTimestamp(time_ms) + " msg=";
  AppendValue(line, MaskKeys(message));
  return line;
}

}  // namespace

bool ParseLogLevel(std::string_view word, LogLevel& level) {
  const auto held = std::find(kLevels.begin(), kLevels.end(), word);
  if (held == kLevels.end()) return false;
  level = static_cast<LogLevel>(held - kLevels.begin());
  return true;
}

std::string Log::Format(LogLevel level, std::int64_t time_ms, std::string_view message, const LogFields& fields) {
  std::string line = Beginning(level, time_ms, message);
  for (const auto& [name, value] : fields) {
    line.append(" ").append(name).append("=");
    AppendValue(line, MaskKeys(value));
  }
  return line;
}

void Log::Secret(std::string_view message, std::string_view name, std::string_view secret) const {
  std::string line = Beginning(LogLevel::kInfo, NowMs(), message);
  line.append(" ").append(name).append("=");
  AppendValue(line, secret);
  WriteLine(std::move(line));
}

void Log::Write(LogLevel level, std::string_view message, const LogFields& fields) const {
  if (level >= least_) WriteLine(Format(level, NowMs(), message, fields));
}

}  // namespace guidon
