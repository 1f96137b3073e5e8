#include "server/store/random.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <string_view>

namespace guidon {

std::string RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  // Fails only if the operating system has no randomness at all: nothing that follows could be trusted.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) != 1) std::abort();
  return bytes;
}

std::string NewEpoch() {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string epoch;
  for (const char byte : RandomBytes(16)) epoch += kAlphabet[static_cast<unsigned char>(byte) % kAlphabet.size()];
  return epoch;
}

}  // namespace guidon
