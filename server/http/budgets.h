// How often somebody may ask: a token bucket for each caller and class of requests.
//
//   Budgets budgets({.streams = 200, .evaluation = 20'000}, clock);
//   const Spent spent = budgets.Spend(Budget::kStreams, NetworkOf(request.peer));  // core/base/network.h
//   if (!spent.is_within) …  // 429, after spent.wait
//
// A rate of N lets a caller ask N times a second for as long as it likes, and ten times N at once after it was quiet
// for ten seconds.
//
// The memory is fixed: callers are not listed but hashed, with a seed of the process's own, to one bucket in each of
// two rows, and the fuller of both counts. A caller who spends all of its own takes nothing from another, but from the
// few who share both buckets with it: with R callers over their budget, a healthy one in (32 768 / R)². Nobody is
// forgotten to make room, so inventing callers gains nothing.
//
// Thread safety: every method may be called from any thread; there is no lock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace guidon::http {

enum class Budget : std::uint8_t { kNone, kConfig, kStreams, kEvaluation, kEvents, kAdmin };
std::string_view ToString(Budget budget);  // "evaluation"

// Requests a second; 0: as many as one likes.
struct BudgetRates {
  std::uint32_t config = 0;  // rulesets that are fetched
  std::uint32_t streams = 0;
  std::uint32_t evaluation = 0;
  std::uint32_t events = 0;
  std::uint32_t admin = 0;

  std::uint32_t Of(Budget budget) const;
};

struct Spent {
  bool is_limited = false;  // false: there is no bound, and the rest says nothing
  bool is_within = true;
  std::uint32_t quota = 0;  // of a caller that was quiet for kWindow
  std::uint32_t left = 0;
  std::chrono::milliseconds wait{0};  // until there is something again, if nothing is left
};

class Budgets {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  static constexpr std::chrono::seconds kWindow{10};

  explicit Budgets(const BudgetRates& rates, Clock clock = std::chrono::steady_clock::now);

  // Takes one, if there is one.
  Spent Spend(Budget budget, std::string_view caller);

 private:
  static constexpr std::size_t kRows = 2;
  static constexpr std::size_t kBuckets = 1u << 15;  // in a row

  const BudgetRates rates_;
  const Clock clock_;
  const std::uint64_t seed_;
  // When a bucket will be full again, in nanoseconds of the clock (the "theoretical arrival time" of GCRA, ITU-T
  // I.371).
  std::vector<std::atomic<std::int64_t>> full_at_;
};

// `"key";q=500;w=10` and `"key";r=499` of draft-ietf-httpapi-ratelimit-headers-10, the fields RateLimit-Policy and
// RateLimit. `t`, the seconds until there is something again, is there when nothing is left.
std::string PolicyOf(std::string_view name, const Spent& spent);
std::string LimitOf(std::string_view name, const Spent& spent);

}  // namespace guidon::http
