#include "net/backoff.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace guidon::net {
namespace {

constexpr std::chrono::milliseconds kLeast{1};

std::uint64_t NextRandom(std::uint64_t& state) {  // splitmix64
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Of digits that fit; -1 for anything else.
int ParseNumber(std::string_view digits) {
  int number = -1;
  if (IsDigits(digits)) std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

// "Wed, 21 Oct 2026 07:28:00 GMT", the one form that servers may send.
std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(25) != " GMT" || text[19] != ':' || text[22] != ':') return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  const int day = ParseNumber(text.substr(5, 2)), year = ParseNumber(text.substr(12, 4));
  const int hour = ParseNumber(text.substr(17, 2)), minute = ParseNumber(text.substr(20, 2));
  const int second = ParseNumber(text.substr(23, 2));
  if (month == kMonths.end() || day < 0 || year < 0) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace

Backoff::Backoff(BackoffLimits limits, std::uint64_t seed) : limits_(limits), random_(seed) {
  limits_.most = std::max(limits_.most, kLeast);
  limits_.first = std::clamp(limits_.first, kLeast, limits_.most);
}

std::chrono::milliseconds Backoff::Next(std::chrono::milliseconds asked) {
  std::chrono::milliseconds ceiling = limits_.first;
  for (int i = 0; i < attempts_ && ceiling < limits_.most; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, limits_.most);
  if (ceiling < limits_.most) ++attempts_;
  const auto range = static_cast<std::uint64_t>(ceiling.count()) + 1;
  const std::chrono::milliseconds jitter(static_cast<std::int64_t>(NextRandom(random_) % range));
  const std::chrono::milliseconds wanted = std::max(asked, retry_);
  return std::clamp<std::chrono::milliseconds>(wanted, std::chrono::milliseconds(0), kMostAsked) + jitter;
}

void Backoff::SetRetry(std::chrono::milliseconds retry) {
  retry_ = retry;
  limits_.first = std::clamp(retry, kLeast, limits_.most);
}

std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view text,
                                                         std::chrono::system_clock::time_point now) {
  std::chrono::seconds wait{};
  if (IsDigits(text)) {
    const int seconds = ParseNumber(text);
    wait = seconds < 0 ? Backoff::kMostAsked : std::chrono::seconds(seconds);
  } else if (const auto date = ParseHttpDate(text)) {
    wait = *date - std::chrono::floor<std::chrono::seconds>(now);  // seconds reach further than the clock's ticks
  } else {
    return std::nullopt;
  }
  return std::clamp<std::chrono::seconds>(wait, std::chrono::seconds(0), Backoff::kMostAsked);
}

}  // namespace guidon::net
