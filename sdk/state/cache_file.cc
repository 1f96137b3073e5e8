#include "sdk/state/cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace guidon {
namespace {

constexpr std::size_t kMostBytes = 64u << 20;  // what a document may have

Error FileError(const std::string& what, const std::string& path) {
  return {ErrorCode::kIo, what + " " + path + ": " + std::strerror(errno), {}};
}

bool WriteAll(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(file, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

using SystemClock = std::chrono::system_clock;
constexpr std::int64_t kSecondNs = 1'000'000'000;

FileMark MarkOf(const struct stat& about) {
  return {static_cast<std::uint64_t>(about.st_dev), static_cast<std::uint64_t>(about.st_ino),
          static_cast<std::int64_t>(about.st_size), about.st_mtim.tv_sec * kSecondNs + about.st_mtim.tv_nsec};
}

bool SetTime(int file, SystemClock::time_point time) {
  const std::int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  struct timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = static_cast<time_t>(ns / kSecondNs);
  times[1].tv_nsec = static_cast<long>(ns % kSecondNs);
  return ::futimens(file, times) == 0;
}

}  // namespace

SystemClock::time_point FileMark::written() const {
  return SystemClock::time_point(
      std::chrono::duration_cast<SystemClock::duration>(std::chrono::nanoseconds(written_ns)));
}

Result<FileMark> ReplaceFile(const std::string& path, std::string_view content, SystemClock::time_point time) {
  // Clients and processes that share a cache file write beside it under names of their own.
  static std::atomic<unsigned> count{0};
  const std::string partial = path + "." + std::to_string(::getpid()) + "." + std::to_string(count++) + ".partial";
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Fail(FileError("cannot write", path));
  struct stat about {};
  bool written = WriteAll(file, content);
  SetTime(file, time);  // where that cannot be, the time is now
  written = written && ::fsync(file) == 0 && ::fstat(file, &about) == 0;
  const int closed = ::close(file);
  if (!written || closed != 0 || ::rename(partial.c_str(), path.c_str()) != 0) {
    const Error error = FileError("cannot write", path);
    ::unlink(partial.c_str());
    return Fail(error);
  }
  return MarkOf(about);
}

Result<FileMark> TouchFile(const std::string& path, const FileMark& mark, SystemClock::time_point time) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return Fail(FileError("cannot open", path));
  struct stat about {};
  bool is_done = ::fstat(file, &about) == 0;
  if (is_done && MarkOf(about) == mark) is_done = SetTime(file, time) && ::fstat(file, &about) == 0;
  const Error error = FileError("cannot set the time of", path);
  ::close(file);
  if (!is_done) return Fail(error);
  return MarkOf(about);
}

Result<WholeFile> ReadWholeFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not make us wait
  if (file < 0) {
    Error error = FileError("cannot read", path);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return Fail(std::move(error));
  }
  WholeFile whole;
  struct stat about {};
  std::array<char, 64 * 1024> part;
  ssize_t n = ::fstat(file, &about) == 0 && !S_ISREG(about.st_mode) ? -1 : 0;
  if (n < 0) errno = S_ISDIR(about.st_mode) ? EISDIR : ESPIPE;
  while (n >= 0 && whole.content.size() <= kMostBytes) {
    n = ::read(file, part.data(), part.size());
    if (n < 0 && errno == EINTR)
      n = 0;
    else if (n <= 0)
      break;
    whole.content.append(part.data(), static_cast<std::size_t>(n));
  }
  const Error error = FileError("cannot read", path);
  ::close(file);
  if (n < 0) return Fail(error);
  if (whole.content.size() > kMostBytes) return Fail(ErrorCode::kTooLarge, path + " is larger than 64 MiB");
  whole.mark = MarkOf(about);
  return whole;
}

}  // namespace guidon
