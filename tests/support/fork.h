// fork() of a process with threads, for tests that also run under AddressSanitizer: its allocator (of g++ 12) is no use
// in a child when another thread was within it at the fork. So there the other threads are let to sleep first, which
// those of a client do nearly always; for at most a second, for some never do.
//
// Thread safety: any thread.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "tests/support/sanitizer.h"

namespace guidon::testing {

// Whether every other thread of this process waits for something.
inline bool DoOthersSleep() {
  DIR* const tasks = ::opendir("/proc/self/task");
  bool do_sleep = tasks != nullptr;
  while (do_sleep) {
    const dirent* const task = ::readdir(tasks);
    if (task == nullptr) break;
    if (task->d_name[0] == '.' || task->d_name == std::to_string(::gettid())) continue;
    const int file = ::open(("/proc/self/task/" + std::string(task->d_name) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
    char about[512] = {};
    const ssize_t size = file < 0 ? 0 : ::read(file, about, sizeof about - 1);
    if (file >= 0) ::close(file);
    // "TID (NAME) S …"; nothing of one that has ended meanwhile.
    const char* const name_end = size > 0 ? std::strrchr(about, ')') : nullptr;
    do_sleep = name_end == nullptr || name_end[2] == 'S';
  }
  if (tasks != nullptr) ::closedir(tasks);
  return do_sleep;
}

inline pid_t Fork() {
#if defined(__SANITIZE_ADDRESS__)
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (!DoOthersSleep() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
#endif
  return ::fork();
}

}  // namespace guidon::testing
