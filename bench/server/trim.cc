// Loaded into guidond beside malloc: on SIGUSR2 it gives back what was freed, so that the memory that is resident is
// what is in use. A thread of its own takes the signal; all others are made after it is blocked.
#include <malloc.h>
#include <pthread.h>
#include <csignal>

namespace {

void* TrimWhenTold(void*) {
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGUSR2);
  for (int signal = 0; sigwait(&told, &signal) == 0;) malloc_trim(0);
  return nullptr;
}

__attribute__((constructor)) void Begin() {
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &told, nullptr);
  pthread_t thread{};
  pthread_create(&thread, nullptr, TrimWhenTold, nullptr);
}

}  // namespace
