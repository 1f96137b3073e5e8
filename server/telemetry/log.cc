#include "server/telemetry/log.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <thread>
#include <utility>

#include "core/base/json.h"
#include "core/base/mutex.h"
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

void AppendValue(std::string& line, std::string_view value) {
  if (IsPlain(value)) {
    line += value;
    return;
  }
  const bool is_text = IsValidUtf8(value);
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line.append(1, '\\').append(1, c);
    } else if (c == '\n') {
      line += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f || (c < 0 && !is_text)) {
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

std::string Beginning(LogLevel level, std::int64_t time_ms, std::string_view message) {
  std::string line = "level=" + std::string(kLevels[static_cast<std::size_t>(level)]);
  line += " time=" + FormatTimestamp(time_ms) + " msg=";
  AppendValue(line, MaskKeys(message));
  return line;
}

}  // namespace

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

bool ParseLogLevel(std::string_view word, LogLevel& level) {
  const auto held = std::find(kLevels.begin(), kLevels.end(), word);
  if (held == kLevels.end()) return false;
  level = static_cast<LogLevel>(held - kLevels.begin());
  return true;
}

// The queue and the thread that empties it.
class Log::Writer {
 public:
  explicit Writer(int file) : file_(file), thread_([this] { Run(); }) {}
  ~Writer() {
    {
      MutexLock lock(mutex_);
      give_up_ = Clock::now() + kPatience;
      stopping_ = true;
    }
    changed_.NotifyAll();
    thread_.join();
  }

  void Push(std::string line) {
    line += '\n';
    {
      MutexLock lock(mutex_);
      if (queue_.size() + writing_ + line.size() > kMostKept) {
        ++lost_, ++unsaid_;
        return;
      }
      queue_ += line;
    }
    changed_.NotifyAll();
  }

  void Flush() {
    MutexLock lock(mutex_);
    changed_.WaitFor(lock, kPatience, [this]() GUIDON_REQUIRES(mutex_) { return queue_.empty() && writing_ == 0; });
  }

  std::uint64_t lost() const {
    MutexLock lock(mutex_);
    return lost_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostKept = 1u << 20;
  static constexpr std::chrono::seconds kPatience{2};

  void Run() {
    while (true) {
      std::string text;
      {
        MutexLock lock(mutex_);
        writing_ = 0;
        if (queue_.empty()) changed_.NotifyAll();
        changed_.Wait(lock, [this]() GUIDON_REQUIRES(mutex_) { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        text = std::exchange(queue_, "");
        if (unsaid_ > 0) {
          text += Format(LogLevel::kWarn, NowMs(), "log lines lost", {{"lines", std::to_string(unsaid_)}}) + "\n";
          unsaid_ = 0;
        }
        writing_ = text.size();
      }
      WriteAll(text);
    }
  }

  void WriteAll(std::string_view text) {
    while (!text.empty() && WaitForRoom()) {
      // A pipe that is ready takes so much without waiting.
      const ssize_t written = ::write(file_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (written < 0) break;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    MutexLock lock(mutex_);
    lost_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  }

  // False when the log is to end and nobody takes the rest.
  bool WaitForRoom() {
    for (;;) {
      pollfd wait{file_, POLLOUT, 0};
      if (::poll(&wait, 1, 100) != 0) return true;
      MutexLock lock(mutex_);
      if (stopping_ && Clock::now() > give_up_) return false;
    }
  }

  const int file_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::string queue_ GUIDON_GUARDED_BY(mutex_);        // whole lines
  std::size_t writing_ GUIDON_GUARDED_BY(mutex_) = 0;  // bytes that the thread has taken
  bool stopping_ GUIDON_GUARDED_BY(mutex_) = false;
  Clock::time_point give_up_ GUIDON_GUARDED_BY(mutex_);
  std::uint64_t lost_ GUIDON_GUARDED_BY(mutex_) = 0;
  std::uint64_t unsaid_ GUIDON_GUARDED_BY(mutex_) = 0;  // of those, not yet told in the log
  std::thread thread_;
};

Log::Log(LogLevel least, int file) : least_(least), writer_(std::make_unique<Writer>(file)) {}
Log::~Log() = default;

void Log::Flush() const {
  writer_->Flush();
}
std::uint64_t Log::lost() const {
  return writer_->lost();
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
  writer_->Push(std::move(line));
  writer_->Flush();
}

void Log::Write(LogLevel level, std::string_view message, const LogFields& fields) const {
  if (Writes(level)) writer_->Push(Format(level, NowMs(), message, fields));
}

}  // namespace guidon
