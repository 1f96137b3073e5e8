// How many wrong keys an address may try: a bucket of tokens for each, in a table of a fixed size.
//
// An address is what it stands for (core/base/network.h). Its bucket is found by a hash with a seed of this process:
// addresses that meet in one share their budget. Nothing is ever put out of the table, so nobody can push others out,
// and its memory is fixed: 64 KiB. Sharing does no harm, because a valid key is let in whatever its address has tried
// (decisions/wrong-keys.md).
//
// Thread safety: every method may be called from any thread; a mutex is held over a few lines. Cost: a hash.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/base/mutex.h"

namespace guidon {

struct AttemptBudget {
  double burst = 60;      // so many at once …
  double per_second = 1;  // … and so many for as long as it goes on
};

class AttemptLimiter {
 public:
  explicit AttemptLimiter(AttemptBudget budget);

  // Takes a token of the address; false when it has none. `now_ms`: since 1970; when the clock was set back, nothing is
  // refilled by that look.
  bool Take(std::string_view address, std::int64_t now_ms) GUIDON_EXCLUDES(mutex_);

 private:
  struct Bucket {
    float spent = 0;  // tokens that are missing
    std::int64_t at_ms = 0;
  };
  static constexpr std::size_t kBuckets = 4096;

  const AttemptBudget budget_;
  const std::uint64_t seed_;
  Mutex mutex_;
  std::array<Bucket, kBuckets> buckets_ GUIDON_GUARDED_BY(mutex_);
};

}  // namespace guidon
