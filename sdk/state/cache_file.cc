#include "sdk/state/cache_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace guidon {
namespace {

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
  // Several processes may share one cache file: each writes its own.
  const std::string partial = path + "." + std::to_string(::getpid()) + ".partial";
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

Result<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(ErrorCode::kNotFound, "cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace guidon
