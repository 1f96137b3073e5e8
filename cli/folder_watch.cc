#include "cli/folder_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace guidon::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB;
constexpr int kQuietMs = 50;
constexpr std::chrono::seconds kLongest{1};

std::string Reason() {
  return std::generic_category().message(errno);
}

// Whether there is something to read before so many milliseconds are over; -1: however long it takes.
bool Ready(int descriptor, int wait_ms) {
  pollfd poll_for{descriptor, POLLIN, 0};
  int ready = 0;
  do ready = poll(&poll_for, 1, wait_ms);
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

void Drain(int descriptor) {
  std::array<char, 16'384> events;
  while (read(descriptor, events.data(), events.size()) > 0) {
  }
}

}  // namespace

Result<FolderWatch> FolderWatch::Of(const std::string& folder) {
  FolderWatch watch(folder);
  watch.descriptor_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watch.descriptor_ < 0) return Fail(ErrorCode::kIo, folder + " cannot be watched: " + Reason());
  if (Status watched = watch.WatchAll(); !watched) return Fail(watched.error());
  return watch;
}

FolderWatch::~FolderWatch() {
  if (descriptor_ >= 0) close(descriptor_);
}

// Again after each change, for there may be new folders: those that are watched already stay so.
Status FolderWatch::WatchAll() {
  const auto add = [this](const std::string& folder) {
    if (inotify_add_watch(descriptor_, folder.c_str(), kChanges | IN_ONLYDIR) >= 0) return Status();
    return Status(Fail(ErrorCode::kIo, folder + " cannot be watched: " + Reason()));
  };
  if (Status added = add(folder_); !added) return added;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, fs::directory_options::skip_permission_denied, error), end;
       !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_directory(ignored)) continue;
    if (entry->path().filename().string().starts_with('.')) {
      entry.disable_recursion_pending();
    } else if (Status added = add(entry->path().string()); !added && fs::is_directory(entry->path(), ignored)) {
      return added;  // of one that is gone meanwhile nobody wants to know
    }
  }
  return {};
}

Status FolderWatch::Wait() {
  const bool changed = Ready(descriptor_, -1);
  const auto until = std::chrono::steady_clock::now() + kLongest;
  while (changed) {
    Drain(descriptor_);
    if (!Ready(descriptor_, kQuietMs) || std::chrono::steady_clock::now() >= until) break;
  }
  return WatchAll();
}

}  // namespace guidon::cli
