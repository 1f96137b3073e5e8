#include "workspace/file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/base/json.h"

namespace guidon {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLinesBytes = 256u << 20;

Error IoError(const std::string& what) {
  return {ErrorCode::kIo, what + ": " + std::strerror(errno), {}};
}

Status WriteTo(const std::string& path, std::string_view text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Fail(IoError("cannot write " + path));
  return {};
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, std::size_t max_bytes) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return Fail(ErrorCode::kIo, "there is no file " + path);
  if (error) return Fail(ErrorCode::kIo, "cannot read " + path + ": " + error.message());
  if (fs::is_directory(status)) return Fail(ErrorCode::kIo, path + " is a folder");
  if (!fs::is_regular_file(status)) return Fail(ErrorCode::kIo, path + " is no plain file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Fail(IoError("cannot read " + path));
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && size > max_bytes) {
    return Fail(ErrorCode::kTooLarge, path + " is larger than " + std::to_string(max_bytes >> 20) + " MiB");
  }
  std::string text(static_cast<std::size_t>(error ? 0 : size), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return Fail(IoError("cannot read " + path));
  return text;
}

Result<std::vector<JsonLine>> ReadJsonLines(const std::string& path) {
  Result<std::string> text = ReadFile(path, kMaxLinesBytes);
  if (!text) return Fail(text.error());
  std::vector<JsonLine> lines;
  std::string_view rest = *text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Result<Value> value = ParseJson(line);
    if (!value) {
      return Fail(ErrorCode::kInvalid, path + ":" + std::to_string(number) + ": " + value.error().message);
    }
    lines.push_back({number, *std::move(value)});
  }
  if (lines.empty()) return Fail(ErrorCode::kInvalid, path + " is empty: expected one JSON object per line");
  return lines;
}

Status WriteFile(const std::string& path, std::string_view text) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) return WriteTo(path, text);
  // Beside what a link points to, or the link would be replaced.
  const fs::path real = fs::exists(status) ? fs::canonical(path, error) : fs::path(path);
  const std::string beside = real.string() + "." + std::to_string(getpid()) + ".tmp";
  if (Status written = WriteTo(beside, text); !written) {
    fs::remove(beside, error);
    return Fail(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno));
  }
  if (std::rename(beside.c_str(), real.c_str()) != 0) {
    const Error refused = IoError("cannot write " + path);
    fs::remove(beside, error);
    return Fail(refused);
  }
  return {};
}

}  // namespace guidon
