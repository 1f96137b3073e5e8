#include "server/auth/attempt_limiter.h"

#include <arpa/inet.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/base/hash.h"

namespace guidon {
namespace {

std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  // Without random bytes it is guessable which addresses meet; nothing depends on it.
  (void)RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed);
  return seed;
}

// IPv4, also as ::ffff:1.2.3.4, in 32 bits; of IPv6 the first 64. What is no address counts as one of its own.
std::uint64_t NetworkOf(std::string_view address) {
  const std::string text(address);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return v4.s_addr;
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return 0;
  std::uint64_t network = 0;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::memcpy(&network, v6.s6_addr + 12, 4);
  } else {
    std::memcpy(&network, v6.s6_addr, 8);
  }
  return network;
}

}  // namespace

AttemptLimiter::AttemptLimiter(AttemptBudget budget) : budget_(budget), seed_(RandomSeed()) {}

bool AttemptLimiter::Take(std::string_view address, std::int64_t now_ms) {
  const std::size_t slot = Mix64(NetworkOf(address) ^ seed_) % kBuckets;
  MutexLock lock(mutex_);
  Bucket& bucket = buckets_[slot];
  const double seconds = static_cast<double>(std::max<std::int64_t>(0, now_ms - bucket.at_ms)) / 1000;
  bucket.at_ms = now_ms;
  const double spent = std::max(0.0, static_cast<double>(bucket.spent) - seconds * budget_.per_second);
  const bool allowed = spent + 1 <= budget_.burst;
  bucket.spent = static_cast<float>(allowed ? spent + 1 : spent);
  return allowed;
}

}  // namespace guidon
