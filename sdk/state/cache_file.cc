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

}  // namespace

Status ReplaceFile(const std::string& path, std::string_view content) {
  // Clients and processes that share a cache file write beside it under names of their own.
  static std::atomic<unsigned> count{0};
  const std::string partial = path + "." + std::to_string(::getpid()) + "." + std::to_string(count++) + ".partial";
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Fail(FileError("cannot write", partial));
  const bool written = WriteAll(file, content) && ::fsync(file) == 0;
  const int closed = ::close(file);
  if (!written || closed != 0 || ::rename(partial.c_str(), path.c_str()) != 0) {
    const Error error = FileError("cannot write", path);
    ::unlink(partial.c_str());
    return Fail(error);
  }
  return {};
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
  whole.written = std::chrono::system_clock::from_time_t(about.st_mtime);
  return whole;
}

}  // namespace guidon
