#include "cli/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/base/json.h"
#include "core/base/json_record.h"
#include "workspace/file.h"

namespace guidon::cli {
namespace {

constexpr std::size_t kMostBytes = 1u << 20;

Result<std::string> FolderOf() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return std::string(config) + "/guidon";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.config/guidon";
  return Fail(ErrorCode::kNotFound, "there is no folder for sessions: neither XDG_CONFIG_HOME nor HOME is set");
}

Result<std::string> PathOf() {
  Result<std::string> folder = FolderOf();
  if (!folder) return folder;
  return *folder + "/sessions.json";
}

std::string NameOf(std::string server) {
  while (server.ends_with('/')) server.pop_back();
  return server;
}

// An empty object when there is no file.
Result<Value> ReadAll(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0 && errno == ENOENT) return Value(Object());
  if ((about.st_mode & 077) != 0) {
    return Fail(ErrorCode::kInvalid, path + " may be read by others than its owner: chmod 600 it, and sign in anew");
  }
  const Result<std::string> text = ReadFile(path, kMostBytes);
  if (!text) return Fail(text.error());
  Result<Value> value = ParseJson(*text);
  if (!value || !value->is_object()) return Fail(ErrorCode::kInvalid, path + " is no file of guidon; remove it");
  return value;
}

Status Fault(const std::string& what) {
  return Fail(ErrorCode::kIo, "cannot write " + what + ": " + std::strerror(errno));
}

// Replaced as a whole; nobody else can read it at any time.
Status WriteAll(const std::string& path, const Value& sessions) {
  const std::string folder = path.substr(0, path.rfind('/'));
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), ignored);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Fault(folder);
  const std::string partial = path + "." + std::to_string(getpid());
  const int file = open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return Fault(partial);
  const std::string text = ToPrettyJson(sessions);
  const bool is_written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool is_closed = close(file) == 0;
  if (is_written && is_closed && std::rename(partial.c_str(), path.c_str()) == 0) return {};
  const Status fault = Fault(path);
  unlink(partial.c_str());
  return fault;
}

}  // namespace

Result<StoredSession> FindSession(const std::string& server) {
  const Result<std::string> path = PathOf();
  if (!path) return Fail(path.error());
  const Result<Value> sessions = ReadAll(*path);
  if (!sessions) return Fail(sessions.error());
  const Value* held = sessions->Find(NameOf(server));
  if (held == nullptr) return Fail(ErrorCode::kNotFound, "nobody is signed in to " + server);
  return StoredSession{TextOf(*held, "token"), TextOf(*held, "principal"), TextOf(*held, "expires")};
}

Status KeepSession(const std::string& server, const StoredSession& session) {
  const Result<std::string> path = PathOf();
  if (!path) return Fail(path.error());
  Result<Value> sessions = ReadAll(*path);
  if (!sessions) return Fail(sessions.error());
  sessions->MutableObject().Set(NameOf(server), Object{{"token", Value(session.token)},
                                                       {"principal", Value(session.principal)},
                                                       {"expires", Value(session.expires)}});
  return WriteAll(*path, *sessions);
}

Status ForgetSession(const std::string& server) {
  const Result<std::string> path = PathOf();
  if (!path) return Fail(path.error());
  Result<Value> sessions = ReadAll(*path);
  if (!sessions) return Fail(sessions.error());
  if (!sessions->MutableObject().Erase(NameOf(server))) return {};
  return WriteAll(*path, *sessions);
}

}  // namespace guidon::cli
