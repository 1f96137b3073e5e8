// How long to wait before the next attempt: exponential, with full jitter, so that a thousand clients that lost their
// server at once do not come back at once.
//
//   Backoff backoff({}, seed);
//   while (!Try()) Sleep(backoff.Next(retry_after));
//   backoff.Reset();
//
// Thread safety: plain objects and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace guidon::net {

struct BackoffLimits {
  std::chrono::milliseconds first{500};  // the ceiling of the first delay
  std::chrono::milliseconds most{30'000};
};

class Backoff {
 public:
  // Equal seeds give equal delays on every platform. Limits below a millisecond are one: delays always grow.
  Backoff(BackoffLimits limits, std::uint64_t seed);

  // Uniform in [0, ceiling]; the ceiling doubles with every call up to `most`. What the server asked for (Retry-After,
  // goodbye, or its `retry:` if that is more) comes on top, cut at kMostAsked.
  std::chrono::milliseconds Next(std::chrono::milliseconds asked = std::chrono::milliseconds(0));

  // After a success: the next delay is a first one again.
  void Reset() { attempts_ = 0; }

  // What the `retry:` of a stream asks for: from now on no delay is shorter, and it is the first ceiling, too, from a
  // millisecond to `most`.
  void SetRetry(std::chrono::milliseconds retry);

  // Nobody is told to wait for longer: a slip of the server must not part clients from it for a day.
  static constexpr std::chrono::seconds kMostAsked = std::chrono::hours(1);

 private:
  BackoffLimits limits_;
  std::chrono::milliseconds retry_{0};
  std::uint64_t random_;  // state of splitmix64
  int attempts_ = 0;
};

// The value of a Retry-After header: seconds, or an HTTP date ("Wed, 21 Oct 2026 07:28:00 GMT"). From 0 to kMostAsked;
// nothing when it is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view text,
                                                         std::chrono::system_clock::time_point now);

}  // namespace guidon::net
