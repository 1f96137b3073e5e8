// A read asks the system for nothing and takes no lock: whatever an application does elsewhere, it waits for nobody.
// Over the workloads of `./dev bench eval`, by handle and by key, each recorded as it always is.
//
// The system says itself whether it was asked: a thread that has switched system calls off gets SIGSYS for the first.
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "bench/eval/workloads.h"

namespace {

thread_local constinit int locks = 0;
volatile sig_atomic_t first_call = -1;
volatile char are_calls_off = 0;

void OnCall(int, siginfo_t* info, void*) {
  are_calls_off = 0;
  first_call = info->si_syscall;
}

template <typename Function, typename Lock>
int Count(const char* name, Lock* lock) {
  ++locks;
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name))(lock);
}

}  // namespace

extern "C" {
int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  return Count<int(pthread_mutex_t*)>("pthread_mutex_lock", mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  return Count<int(pthread_mutex_t*)>("pthread_mutex_trylock", mutex);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  return Count<int(pthread_rwlock_t*)>("pthread_rwlock_rdlock", lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  return Count<int(pthread_rwlock_t*)>("pthread_rwlock_wrlock", lock);
}
}

namespace guidon::bench {
namespace {

// What `work` asked for on this thread.
struct Asked {
  int call = -1;  // the number of the first system call; -1: none
  int locks = 0;
};
template <typename Work>
Asked Watch(const Work& work) {
  struct sigaction action {};
  action.sa_sigaction = OnCall;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0 ||
      prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &are_calls_off) != 0) {
    ADD_FAILURE() << "system calls cannot be watched here; it needs Linux 5.11";
    return {};
  }
  const int before = locks;
  first_call = -1;
  are_calls_off = 1;
  work();
  are_calls_off = 0;
  prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
  return {first_call, locks - before};
}

TEST(QuietReadsTest, TheWatchSeesCallsAndLocks) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  const Asked asked = Watch([&] {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    getppid();
  });
  EXPECT_EQ(asked.call, SYS_getppid);
  EXPECT_EQ(asked.locks, 1);
  EXPECT_EQ(Watch([] {}).call, -1);
}

// All but the one with an expression: RE2 locks for each match, and asks for memory as it meets new texts.
std::vector<std::string> QuietWorkloads() {
  std::vector<std::string> names = WorkloadNames();
  std::erase(names, "regex");
  return names;
}

class QuietReadsTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Of, QuietReadsTest, testing::ValuesIn(QuietWorkloads()),
                         [](const auto& test) { return test.param; });

TEST_P(QuietReadsTest, AReadAsksForNothing) {
  const std::vector<Context> contexts = MakeContexts();
  const Workload workload = MakeWorkload(GetParam());
  WarmUp(workload, contexts);
  std::size_t used = 0;
  const auto use = [&](const auto&) { ++used; };
  const Asked asked = Watch([&] {
    workload.ByHandle(contexts, 0, kStoreFlags, use);
    workload.ByKey(contexts, 0, kStoreFlags, use);
  });
  EXPECT_EQ(used, 2 * kStoreFlags);
  EXPECT_EQ(asked.call, -1) << "the number of a system call";
  EXPECT_EQ(asked.locks, 0);
}

}  // namespace
}  // namespace guidon::bench
