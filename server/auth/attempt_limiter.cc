#include "server/auth/attempt_limiter.h"

#include <openssl/rand.h>

#include <algorithm>
#include <string>

#include "core/base/hash.h"
#include "core/base/network.h"

namespace guidon {
namespace {

std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  // Without random bytes it is guessable which addresses meet; nothing depends on it.
  (void)RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof seed);
  return seed;
}

}  // namespace

AttemptLimiter::AttemptLimiter(AttemptBudget budget) : budget_(budget), seed_(RandomSeed()) {}

bool AttemptLimiter::Take(std::string_view address, std::int64_t now_ms) {
  const std::size_t slot = Mix64(Hash64(NetworkOf(std::string(address))) ^ seed_) % kBuckets;
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
