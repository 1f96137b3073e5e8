// Names of which no server ever says whose they are, for any program: loaded with LD_PRELOAD, this library looks up
// `*.example` for ever, as a resolver does whose network takes what it is asked and answers nothing.
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <cstring>

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  constexpr char kEnding[] = ".example";
  constexpr std::size_t kSize = sizeof(kEnding) - 1;
  const std::size_t size = name == nullptr ? 0 : std::strlen(name);
  while (size >= kSize && std::strcmp(name + size - kSize, kEnding) == 0) pause();
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
