#include "server/http/budgets.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "core/base/hash.h"

namespace guidon::http {
namespace {

std::uint64_t RandomSeed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

std::string_view ToString(Budget budget) {
  switch (budget) {
    case Budget::kNone:
      return "none";
    case Budget::kConfig:
      return "config";
    case Budget::kStreams:
      return "streams";
    case Budget::kEvaluation:
      return "evaluation";
    case Budget::kEvents:
      return "events";
    case Budget::kAdmin:
      return "admin";
  }
  return "none";
}

std::uint32_t BudgetRates::Of(Budget budget) const {
  switch (budget) {
    case Budget::kNone:
      return 0;
    case Budget::kConfig:
      return config;
    case Budget::kStreams:
      return streams;
    case Budget::kEvaluation:
      return evaluation;
    case Budget::kEvents:
      return events;
    case Budget::kAdmin:
      return admin;
  }
  return 0;
}

Budgets::Budgets(const BudgetRates& rates, Clock clock)
    : rates_(rates), clock_(std::move(clock)), seed_(RandomSeed()), full_at_(kRows * kBuckets) {}

Spent Budgets::Spend(Budget budget, std::string_view caller) {
  const std::uint32_t rate = rates_.Of(budget);
  if (rate == 0 || caller.empty()) return {};
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t window = kSecond * kWindow.count();
  const std::int64_t each = kSecond / rate;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(clock_().time_since_epoch()).count();
  const std::uint64_t hash = Mix64(Hash64(caller) ^ Mix64(seed_ + static_cast<std::uint64_t>(budget)));
  // How much of the window is taken with this one, where the bucket is fuller.
  std::int64_t taken = std::numeric_limits<std::int64_t>::max();
  std::array<std::atomic<std::int64_t>*, kRows> buckets{};
  for (std::size_t row = 0; row < kRows; ++row) {
    buckets[row] = &full_at_[row * kBuckets + ((hash >> (32 * row)) % kBuckets)];
    taken = std::min(taken, std::max<std::int64_t>(buckets[row]->load(std::memory_order_relaxed) - now, 0) + each);
  }
  Spent spent{.is_limited = true, .quota = static_cast<std::uint32_t>(window / each)};
  spent.is_within = taken <= window;
  if (spent.is_within) {
    for (std::atomic<std::int64_t>* bucket : buckets) {
      std::int64_t full_at = bucket->load(std::memory_order_relaxed);
      // Never further than the window: who has gone must not be counted for longer.
      while (!bucket->compare_exchange_weak(full_at, std::min(std::max(full_at, now) + each, now + window),
                                            std::memory_order_relaxed)) {
      }
    }
    spent.left = static_cast<std::uint32_t>((window - taken) / each);
  }
  if (spent.left == 0) {
    const std::int64_t over = taken + (spent.is_within ? each : 0) - window;
    spent.wait =
        std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds(std::max<std::int64_t>(over, 1)));
  }
  return spent;
}

std::string PolicyOf(std::string_view name, const Spent& spent) {
  return "\"" + std::string(name) + "\";q=" + std::to_string(spent.quota) +
         ";w=" + std::to_string(Budgets::kWindow.count());
}

std::string LimitOf(std::string_view name, const Spent& spent) {
  std::string text = "\"" + std::string(name) + "\";r=" + std::to_string(spent.left);
  if (spent.left == 0) text += ";t=" + std::to_string(std::chrono::ceil<std::chrono::seconds>(spent.wait).count());
  return text;
}

}  // namespace guidon::http
