#include "tests/support/system.h"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string_view>

namespace guidon::testing {
namespace {

std::atomic<std::int64_t> jumped_ns{0};
std::atomic<System::Inotify> inotify{System::Inotify::kWorks};

struct Resolver {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_held = false;
  int held = 0;
  std::map<std::string, std::string> names;

  static Resolver& Get() {
    static Resolver* const resolver = new Resolver;
    return *resolver;
  }

  // The address of a name under .test, or "" when there is none.
  std::string AddressOf(const std::string& name) {
    std::unique_lock<std::mutex> lock(mutex);
    ++held;
    changed.wait(lock, [this] { return !is_held; });
    --held;
    const auto found = names.find(name);
    return found == names.end() ? "" : found->second;
  }
};

bool IsOurs(const char* name) {
  return name != nullptr && std::string_view(name).size() > 5 &&
         std::string_view(name).substr(std::string_view(name).size() - 5) == ".test";
}

}  // namespace

void System::JumpClock(std::chrono::nanoseconds by) {
  jumped_ns += by.count();
}

void System::Resolve(const std::string& name, const std::string& address) {
  const std::lock_guard<std::mutex> lock(Resolver::Get().mutex);
  Resolver::Get().names[name] = address;
}

void System::HoldResolver() {
  const std::lock_guard<std::mutex> lock(Resolver::Get().mutex);
  Resolver::Get().is_held = true;
}

void System::ReleaseResolver() {
  const std::lock_guard<std::mutex> lock(Resolver::Get().mutex);
  Resolver::Get().is_held = false;
  Resolver::Get().changed.notify_all();
}

int System::Held() {
  const std::lock_guard<std::mutex> lock(Resolver::Get().mutex);
  return Resolver::Get().held;
}

void System::SetInotify(Inotify how) {
  inotify = how;
}

}  // namespace guidon::testing

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  const std::int64_t jumped = guidon::testing::jumped_ns.load();
  if (result == 0 && clock == CLOCK_REALTIME && jumped != 0) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::int64_t ns = time->tv_sec * kSecond + time->tv_nsec + jumped;
    time->tv_sec = ns / kSecond;
    time->tv_nsec = ns % kSecond;
  }
  return static_cast<int>(result);
}

int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (!guidon::testing::IsOurs(name)) return real(name, service, hints, found);
  const std::string address = guidon::testing::Resolver::Get().AddressOf(name);
  return address.empty() ? EAI_NONAME : real(address.c_str(), service, hints, found);
}

int inotify_init1(int flags) noexcept {
  if (guidon::testing::inotify == guidon::testing::System::Inotify::kAbsent) {
    errno = EMFILE;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_inotify_init1, flags));
}

int inotify_add_watch(int inotify, const char* path, uint32_t mask) noexcept {
  using Inotify = guidon::testing::System::Inotify;
  if (guidon::testing::inotify == Inotify::kFull) {
    errno = ENOSPC;
    return -1;
  }
  if (guidon::testing::inotify == Inotify::kDeaf) mask = IN_UNMOUNT | IN_ONLYDIR;
  return static_cast<int>(::syscall(SYS_inotify_add_watch, inotify, path, mask));
}

}  // extern "C"
